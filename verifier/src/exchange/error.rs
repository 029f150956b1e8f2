//! Why a request or an answer is refused: one variant per rule, and for requests one problem type per variant.

use comity_spec::agreement::AgreementRef;
use comity_spec::attestation::ClaimName;
use comity_spec::problem::ProblemType;
use thiserror::Error;

use crate::decide::Refusal;
use crate::jws::JwsError;

/// Why a request or hint of a peer is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RequestError {
    /// The signed object itself.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// Signed as somebody else than the channel's county.
    #[error("签名方与连接方不是同一节点 / iss is not the county to which the channel is pinned")]
    NotTheChannel,
    /// The peer is no county in good standing here.
    #[error("对方不是有效成员（{rule}） / the peer is not a member in good standing: {rule}")]
    NotAMember {
        /// Rule of the trust chain.
        rule: &'static str,
    },
    /// This node cannot judge requests now.
    #[error("本节点尚未就绪（{rule}） / this node is not ready: {rule}")]
    NotReady {
        /// The rule.
        rule: &'static str,
    },
    /// Addressed to another node.
    #[error("报文不是发给本节点的 / aud is another node")]
    Audience,
    /// Of the other environment.
    #[error("测试与正式环境互不承认 / of the other environment")]
    Environment,
    /// Longer-lived than its kind may be, or ending before it begins.
    #[error("有效期长度不符合规定 / exp is not within the allowed life after iat")]
    Lifetime,
    /// Dated ahead of this node's clock by more than the tolerance.
    #[error("报文时间在未来 / iat lies in the future")]
    FromTheFuture,
    /// Past its life.
    #[error("报文已过有效期 / expired")]
    Expired,
    /// No agreement of that name with this peer.
    #[error("没有与对方的这份协议 / no such agreement with this peer")]
    AgreementUnknown,
    /// It is not in force today.
    #[error("协议未生效或已终止 / the agreement is not in force")]
    AgreementNotInForce,
    /// The chain gives the peer keys for which no key that the agreement pins has vouched.
    #[error(
        "对方密钥未经协议所列密钥认可 / the peer's keys are not vouched for by those that the agreement pins"
    )]
    KeysNotVouched,
    /// Another version is in force.
    #[error("协议版本不一致，现行为第 {} 版 / another version is in force: {}", current.version, current.version)]
    AgreementVersion {
        /// The version in force, for the problem document.
        current: AgreementRef,
    },
    /// The agreement does not cover it.
    #[error("事项或机构不在互认清单内（{rule}） / service or institution not covered: {rule}")]
    ServiceNotCovered {
        /// Which part does not match.
        rule: &'static str,
    },
    /// More was asked for than the service may learn.
    #[error("所查内容超出协议范围：{} / the agreement does not allow the claim {}", claim.as_str(), claim.as_str())]
    ClaimsNotAllowed {
        /// The first such claim.
        claim: ClaimName,
    },
    /// A hint names more than it may.
    #[error("通知所列项目过多 / the hint names too many lists or withdrawals")]
    TooMany,
    /// A hint names a list that is not the sender's.
    #[error("通知中的列表不属于发送方 / the hint names a list that is not the sender's")]
    ForeignList,
}

impl RequestError {
    /// The problem type with which the request is answered.
    #[must_use]
    pub const fn problem(&self) -> ProblemType {
        match self {
            Self::Jws(error) => match error {
                JwsError::UnknownKey { .. }
                | JwsError::KeyPurpose { .. }
                | JwsError::KeyAlgorithm { .. }
                | JwsError::SignatureForm
                | JwsError::Signature => ProblemType::SignatureInvalid,
                JwsError::TooLong | JwsError::Budget(_) => ProblemType::BodyTooLarge,
                _ => ProblemType::MalformedRequest,
            },
            Self::NotTheChannel => ProblemType::PinMismatch,
            Self::NotAMember { .. } => ProblemType::NotAMember,
            Self::NotReady { .. } => ProblemType::NotReady,
            Self::Audience => ProblemType::WrongAudience,
            Self::Environment => ProblemType::WrongEnvironment,
            Self::Lifetime | Self::TooMany => ProblemType::MalformedRequest,
            Self::ForeignList => ProblemType::HintRefused,
            Self::FromTheFuture => ProblemType::ClockSkew,
            Self::Expired => ProblemType::RequestExpired,
            Self::KeysNotVouched => ProblemType::SignatureInvalid,
            Self::AgreementUnknown => ProblemType::AgreementUnknown,
            Self::AgreementNotInForce => ProblemType::AgreementNotInForce,
            Self::AgreementVersion { .. } => ProblemType::AgreementVersionMismatch,
            Self::ServiceNotCovered { .. } => ProblemType::ServiceNotCovered,
            Self::ClaimsNotAllowed { .. } => ProblemType::ClaimsNotAllowed,
        }
    }
}

/// Why an answer of an issuer is not relied on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ResponseError {
    /// The signed object itself.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// Signed by another county than the one asked.
    #[error("答复方不是被查询的签发地 / iss is not the county that was asked")]
    Issuer,
    /// That county is not in good standing here.
    #[error("签发地当前不可确认（{}） / the issuer cannot be relied on now: {}", .0.cause, .0.cause)]
    Standing(Box<Refusal>),
    /// Made for another recogniser.
    #[error("答复不是给本节点的 / aud is another node")]
    Audience,
    /// In reply to another request.
    #[error("答复与请求不对应 / in_reply_to is not the digest of the request")]
    InReplyTo,
    /// Of the other environment.
    #[error("测试与正式环境互不承认 / of the other environment")]
    Environment,
    /// Under another agreement than the one asked under.
    #[error("答复所依据的协议与请求不同 / answered under another agreement")]
    Agreement,
    /// Longer-lived than it may be, or ending before it begins.
    #[error("有效期长度不符合规定 / exp is not within the allowed life after iat")]
    Times,
    /// Dated ahead: this node's clock is to be doubted.
    #[error("答复时间在未来，请检查本机时钟 / dated in the future: check this machine's clock")]
    FromTheFuture,
    /// Past its life.
    #[error("答复已过有效期 / expired")]
    Expired,
    /// A match without a state, or no match with one.
    #[error("答复内容自相矛盾 / the answer contradicts itself")]
    Content,
    /// Claims that were not asked for.
    #[error("答复包含未查询的内容 / claims that were not asked for")]
    Excess,
    /// About somebody else.
    #[error("答复不是关于所查询的人 / the answer is about somebody else")]
    OtherPerson,
}

impl ResponseError {
    /// Stable name of the rule that refused.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Jws(error) => error.rule(),
            Self::Issuer => "response.iss",
            Self::Standing(refusal) => refusal.cause,
            Self::Audience => "response.aud",
            Self::InReplyTo => "response.in-reply-to",
            Self::Environment => "response.environment",
            Self::Agreement => "response.agreement",
            Self::Times => "response.times",
            Self::FromTheFuture => "response.iat-future",
            Self::Expired => "response.expired",
            Self::Content => "response.content",
            Self::Excess => "response.excess-claims",
            Self::OtherPerson => "response.other-person",
        }
    }
}
