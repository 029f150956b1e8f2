//! Why an agreement is not accepted: one variant per rule, each with a stable name.

use comity_spec::entity::Environment;
use comity_spec::ids::{Digest, EntityId, Region};
use comity_spec::time::UnixSeconds;
use thiserror::Error;

use super::ContentDefect;
use crate::budget::BudgetExceeded;
use crate::jwk::KeyError;
use crate::jws::JwsError;

/// Why an agreement is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AgreementError {
    /// Form, header or signature. The fault of whoever sent it.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// Too much work.
    #[error(transparent)]
    Budget(#[from] BudgetExceeded),
    /// The contents do not hold; every defect is listed.
    #[error("协议内容不成立 / the contents do not hold: {}", list(.0))]
    Contents(Vec<ContentDefect>),
    /// A party is not an active county now; perhaps only our chain is old.
    #[error("当事方 {party} 目前不是有效成员({standing}) / the party is not an active county")]
    PartyNotActive {
        /// The party.
        party: EntityId,
        /// The rule name of its standing.
        standing: &'static str,
    },
    /// The chain gives the party another region.
    #[error(
        "当事方 {party} 的区划是 {chain}，协议写作 {agreement} / the party's region differs from the chain's"
    )]
    RegionDiffers {
        /// The party.
        party: EntityId,
        /// As the agreement says.
        agreement: Region,
        /// As the chain says.
        chain: Region,
    },
    /// Of the other environment.
    #[error("协议环境不符：{found:?}，应为 {expected:?} / the agreement is of the other environment")]
    Environment {
        /// The agreement's.
        found: Environment,
        /// The anchor's.
        expected: Environment,
    },
    /// Signed by a key of the party's chain that the agreement does not pin.
    #[error("{party} 用协议未列明的密钥签名 / signed by a key that the agreement does not pin")]
    KeyNotPinned {
        /// The party.
        party: EntityId,
    },
    /// Signed by a pinned key that the chain does not give (any more, or not yet).
    #[error("{party} 的签名密钥不在信任链中 / the pinned key that signed is not in the party's chain")]
    KeyNotInChain {
        /// The party.
        party: EntityId,
    },
    /// `signed_at` is no time.
    #[error("signed_at 不是有效时间 / signed_at is not a time")]
    SignedAt,
    /// Signed in the future: one of the clocks is wrong, perhaps ours.
    #[error("签名时间在将来 ({signed_at})，请检查本机时钟 / signed in the future: check this node's clock")]
    ClockDoubt {
        /// When it says it was signed.
        signed_at: UnixSeconds,
    },
    /// A record's payload is not the one that was adopted. Our own fault: the store was changed.
    #[error("已存协议与采用时的摘要不符 / the stored payload is not the one adopted ({found})")]
    RecordChanged {
        /// The digest of what is stored now.
        found: Digest,
    },
    /// A record's key cannot be read. Our own fault: the store was changed.
    #[error("已存签名密钥不可用 / a key of the record cannot be used: {0}")]
    RecordKey(KeyError),
}

impl AgreementError {
    /// Stable name of the rule that refused.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Jws(e) => e.rule(),
            Self::Budget(_) => "budget",
            Self::Contents(_) => "agreement.contents",
            Self::PartyNotActive { .. } => "agreement.party-not-active",
            Self::RegionDiffers { .. } => "agreement.region",
            Self::Environment { .. } => "agreement.environment",
            Self::KeyNotPinned { .. } => "agreement.key-not-pinned",
            Self::KeyNotInChain { .. } => "agreement.key-not-in-chain",
            Self::SignedAt => "agreement.signed-at",
            Self::ClockDoubt { .. } => "agreement.clock-doubt",
            Self::RecordChanged { .. } => "agreement.record-changed",
            Self::RecordKey(_) => "agreement.record-key",
        }
    }
}

fn list(defects: &[ContentDefect]) -> String {
    defects
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}
