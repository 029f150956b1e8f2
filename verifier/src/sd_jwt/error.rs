//! Why an SD-JWT is refused: one variant per rule of RFC 9901, each with a stable name.

use thiserror::Error;

use crate::budget::BudgetExceeded;
use crate::json::JsonError;
use crate::jwk::KeyError;
use crate::jws::JwsError;

/// Why an SD-JWT is not accepted. The presenter's or the issuer's fault, except an unknown issuer key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SdJwtError {
    /// Longer than any presentation may be.
    #[error("出示内容过长 / the presentation is too long")]
    TooLong,
    /// Not the combined format of RFC 9901 §4.
    #[error("不是 SD-JWT / not an SD-JWT: it does not end in a tilde or a key binding")]
    Structure,
    /// The issuer's token.
    #[error("{0}")]
    Issuer(JwsError),
    /// `_sd_alg` missing in Comity's profile, or not `sha-256`.
    #[error("摘要算法不被接受 / _sd_alg is not sha-256")]
    HashAlgorithm,
    /// A disclosure is not base64url of strict JSON.
    #[error("披露项格式错误 / malformed disclosure: {0}")]
    Disclosure(String),
    /// A disclosure has not two or three elements, the wrong number for its place, or a salt or name that is no string.
    #[error("披露项元素个数不符 / a disclosure has the wrong number or kind of elements")]
    Arity,
    /// One digest occurs twice, or one disclosure was given twice.
    #[error("摘要重复 / a digest occurs more than once")]
    RepeatedDigest,
    /// A disclosure to which no digest refers.
    #[error("披露项未被引用 / a disclosure is referred to by no digest")]
    Unreferenced,
    /// A claim is called `_sd` or `...`.
    #[error("保留名称被用作声明名 / a claim is called by a reserved name")]
    ReservedName,
    /// `_sd` is not an array of strings, or an array digest is not `{"...": string}`.
    #[error("摘要结构错误 / malformed _sd array or array digest")]
    MalformedDigest,
    /// A disclosed claim has the name of one that is already there.
    #[error("声明名冲突 / a disclosed claim collides with one already there")]
    Collision,
    /// A claim that must stand open was made selectively disclosable.
    #[error("必须公开的声明被隐藏 / a claim that must stand open was hidden: {claim}")]
    HiddenClaim {
        /// Which.
        claim: String,
    },
    /// Deeper than 32 levels after disclosures are put in place.
    #[error("嵌套超过 32 层 / nested deeper than 32 levels")]
    Depth,
    /// The processed claims lack members or have wrong types.
    #[error("{0}")]
    Claims(JsonError),
    /// A key binding is required and there is none.
    #[error("缺少持证人密钥绑定 / the holder's key binding is missing")]
    BindingMissing,
    /// `cnf` is missing, or has no key that is read here.
    #[error("持证人密钥不可用 / cnf has no usable key{}", .0.as_ref().map(|e| format!(": {e}")).unwrap_or_default())]
    HolderKey(Option<KeyError>),
    /// The key binding token itself.
    #[error("密钥绑定无效 / key binding: {0}")]
    BindingToken(JwsError),
    /// `sd_hash` is not the digest of what was presented.
    #[error("密钥绑定不属于此次出示 / sd_hash does not match what was presented")]
    BindingHash,
    /// Made for somebody else.
    #[error("密钥绑定的受众不符 / the key binding is for another audience")]
    BindingAudience,
    /// Made for another challenge.
    #[error("密钥绑定的随机数不符 / the key binding has another nonce")]
    BindingNonce,
    /// Made too long ago, or in the future.
    #[error("密钥绑定的时间不在窗口内 / the key binding was not made within the window")]
    BindingTime,
    /// `exp` has passed.
    #[error("已过期 / expired")]
    Expired,
    /// `nbf` lies ahead.
    #[error("尚未生效 / not yet valid")]
    NotYetValid,
    /// Too much work.
    #[error(transparent)]
    Budget(#[from] BudgetExceeded),
}

impl SdJwtError {
    /// Stable name of the rule that refused.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::TooLong => "sd-jwt.too-long",
            Self::Structure => "sd-jwt.structure",
            Self::Issuer(e) => e.rule(),
            Self::HashAlgorithm => "sd-jwt.sd-alg",
            Self::Disclosure(_) => "sd-jwt.disclosure",
            Self::Arity => "sd-jwt.arity",
            Self::RepeatedDigest => "sd-jwt.repeated-digest",
            Self::Unreferenced => "sd-jwt.unreferenced",
            Self::ReservedName => "sd-jwt.reserved-name",
            Self::MalformedDigest => "sd-jwt.digest",
            Self::Collision => "sd-jwt.collision",
            Self::HiddenClaim { .. } => "sd-jwt.hidden-claim",
            Self::Depth => "sd-jwt.depth",
            Self::Claims(_) => "sd-jwt.claims",
            Self::BindingMissing => "kb.missing",
            Self::HolderKey(Some(e)) => e.rule(),
            Self::HolderKey(None) => "kb.cnf",
            Self::BindingToken(JwsError::Signature) => "kb.signature",
            Self::BindingToken(JwsError::Typ { .. }) => "kb.typ",
            Self::BindingToken(JwsError::Budget(_)) | Self::Budget(_) => "budget",
            Self::BindingToken(_) => "kb.malformed",
            Self::BindingHash => "kb.sd-hash",
            Self::BindingAudience => "kb.aud",
            Self::BindingNonce => "kb.nonce",
            Self::BindingTime => "kb.iat",
            Self::Expired => "sd-jwt.expired",
            Self::NotYetValid => "sd-jwt.not-yet-valid",
        }
    }
}
