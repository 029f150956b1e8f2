//! Why a JWS is refused: one variant per rule, each with a stable name that the command line and the conformance suite print.

use comity_spec::jose::KeyPurpose;
use thiserror::Error;

use crate::b64::B64Error;
use crate::budget::BudgetExceeded;
use crate::json::JsonError;

/// Why a JWS is not accepted. The sender's fault, except [`Self::UnknownKey`], which can also mean that our keys are old.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JwsError {
    /// Longer than any object of its kind.
    #[error("签名对象过长 / the signed object is too long")]
    TooLong,
    /// Not three parts joined by dots, or not a JWS JSON serialization.
    #[error("不是 JWS / not a JWS: the structure is wrong")]
    Structure,
    /// base64url that is padded, of another alphabet, or not canonical.
    #[error("{0}")]
    Base64(#[from] B64Error),
    /// Header or payload is not strict JSON, or lacks members.
    #[error("{0}")]
    Json(#[from] JsonError),
    /// The payload is not JSON where claims are expected.
    #[error("载荷不是 JSON / the payload is not a JSON object")]
    PayloadNotJson,
    /// `alg` missing or not acceptable in this profile.
    #[error("签名算法不被接受 / the signature algorithm is not accepted: {alg}")]
    Algorithm {
        /// What the header says, shortened.
        alg: String,
    },
    /// `typ` missing or not the one expected.
    #[error("对象类型不符 / typ is {found}, expected {expected}")]
    Typ {
        /// What was expected.
        expected: String,
        /// What the header says, shortened.
        found: String,
    },
    /// A header member that this profile does not allow.
    #[error("不允许的头部成员 / header member not allowed: {name}")]
    HeaderMember {
        /// Its name, shortened.
        name: String,
    },
    /// No `kid`, and more or fewer than one key that could be meant.
    #[error("缺少 kid / kid is missing")]
    KidMissing,
    /// No key of that name is known.
    #[error("未知的签名密钥 / no key is known by the name {kid}")]
    UnknownKey {
        /// The `kid`, shortened.
        kid: String,
    },
    /// The key is there for another purpose.
    #[error("密钥用途不符 / a key for {} signed what only a key for {} may sign", found.as_str(), expected.as_str())]
    KeyPurpose {
        /// The purpose this object needs.
        expected: KeyPurpose,
        /// The purpose of the key.
        found: KeyPurpose,
    },
    /// `alg` and key type do not go together.
    #[error("算法与密钥类型不符 / the key cannot make signatures under {alg}")]
    KeyAlgorithm {
        /// The `alg` value.
        alg: &'static str,
    },
    /// The signature is not 64 bytes.
    #[error("签名格式错误 / the signature does not have 64 bytes")]
    SignatureForm,
    /// The signature does not verify.
    #[error("签名不正确 / the signature does not verify")]
    Signature,
    /// Not exactly one signature for each party.
    #[error("签名数与当事方数不符 / {found} signatures for {expected} parties")]
    SignatureCount {
        /// How many parties there are.
        expected: usize,
        /// How many signatures there are.
        found: usize,
    },
    /// One party signed twice.
    #[error("同一方签名两次 / one party signed twice")]
    PartySignedTwice,
    /// There is no signature of this number.
    #[error("没有该序号的签名 / there is no signature number {index}")]
    NoSuchSignature {
        /// The number asked for, from zero.
        index: usize,
    },
    /// Too much work.
    #[error(transparent)]
    Budget(#[from] BudgetExceeded),
}

impl JwsError {
    /// Stable name of the rule that refused.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::TooLong => "jws.too-long",
            Self::Structure => "jws.structure",
            Self::Base64(_) => "jws.base64url",
            Self::Json(e) => match e {
                JsonError::Utf8 => "jws.utf8",
                JsonError::Syntax { .. } => "jws.json",
                JsonError::DuplicateName { .. } => "jws.duplicate-name",
                JsonError::ReservedName { .. } => "jws.reserved-name",
                JsonError::Number { .. } => "jws.number",
                JsonError::Depth => "jws.depth",
                JsonError::Shape(_) => "jws.claims",
                JsonError::Budget(_) => "budget",
            },
            Self::PayloadNotJson => "jws.payload",
            Self::Algorithm { .. } => "jws.alg",
            Self::Typ { .. } => "jws.typ",
            Self::HeaderMember { .. } => "jws.header-member",
            Self::KidMissing => "jws.kid",
            Self::UnknownKey { .. } => "jws.unknown-key",
            Self::KeyPurpose { .. } => "key.purpose",
            Self::KeyAlgorithm { .. } => "key.algorithm",
            Self::SignatureForm => "jws.signature-form",
            Self::Signature => "jws.signature",
            Self::SignatureCount { .. } => "jws.signature-count",
            Self::PartySignedTwice => "jws.party-signed-twice",
            Self::NoSuchSignature { .. } => "jws.no-such-signature",
            Self::Budget(_) => "budget",
        }
    }
}
