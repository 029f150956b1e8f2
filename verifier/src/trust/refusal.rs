//! Why an object of the federation is not believed: one variant per rule, with a stable name and the facts.

use std::fmt;

use comity_spec::entity::Environment;
use comity_spec::ids::{EntityId, Region, RegionPrefix, SpkiPin};
use comity_spec::time::UnixSeconds;
use thiserror::Error;

use crate::budget::BudgetExceeded;
use crate::jwk::KeyError;
use crate::jws::JwsError;

/// A link of a chain from the anchor to a county.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Link {
    /// What the anchor says of itself.
    AnchorConfiguration,
    /// What the anchor says of a province.
    ProvinceStatement,
    /// What a province says of itself.
    ProvinceConfiguration,
    /// What an authority says of a county.
    CountyStatement,
    /// What a county says of itself.
    CountyConfiguration,
}

impl Link {
    /// Stable name, for JSON output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AnchorConfiguration => "anchor-configuration",
            Self::ProvinceStatement => "province-statement",
            Self::ProvinceConfiguration => "province-configuration",
            Self::CountyStatement => "county-statement",
            Self::CountyConfiguration => "county-configuration",
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AnchorConfiguration => "锚点自述 / anchor configuration",
            Self::ProvinceStatement => "对省级机构的声明 / statement on a province",
            Self::ProvinceConfiguration => "省级机构自述 / province configuration",
            Self::CountyStatement => "对县级节点的声明 / statement on a county",
            Self::CountyConfiguration => "县级节点自述 / county configuration",
        })
    }
}

/// Which object a [`Finding`] is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An entity configuration (`iss` = `sub`) or subordinate statement.
    Statement {
        /// Who states.
        iss: EntityId,
        /// Of whom.
        sub: EntityId,
    },
    /// A member list.
    MemberList {
        /// The authority.
        iss: EntityId,
    },
    /// A statement in which not even issuer and subject can be read; its place in the input, from zero.
    UnreadableStatement(usize),
    /// A member list in which not even the issuer can be read; its place in the input, from zero.
    UnreadableMemberList(usize),
    /// An entity as a whole.
    Entity(EntityId),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Statement { iss, sub } if iss == sub => write!(f, "自述 / configuration {iss}"),
            Self::Statement { iss, sub } => write!(f, "声明 / statement {iss} → {sub}"),
            Self::MemberList { iss } => write!(f, "成员名单 / member list {iss}"),
            Self::UnreadableStatement(at) => write!(f, "声明 / statement #{at}"),
            Self::UnreadableMemberList(at) => write!(f, "成员名单 / member list #{at}"),
            Self::Entity(entity) => write!(f, "成员 / member {entity}"),
        }
    }
}

/// One object that was not believed, or not any more, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The object.
    pub subject: Subject,
    /// Why.
    pub refusal: Refusal,
}

impl Finding {
    /// Stable name of the rule.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        self.refusal.rule()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.refusal)
    }
}

/// Why an object of the federation is refused. The signer's fault unless a variant says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Signature, header or form.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// A key that would count cannot be used.
    #[error("密钥不可用 / a key cannot be used: {0}")]
    Key(#[from] KeyError),
    /// More work than the object's kind allows.
    #[error(transparent)]
    Budget(#[from] BudgetExceeded),
    /// More objects than one picture is built from.
    #[error("对象过多 / more than {limit} objects of one kind")]
    TooMany {
        /// How many are read.
        limit: usize,
    },
    /// No chain from the anchor leads to the signer: with which key to check it is not known.
    #[error("信任链未到达签发者 / no chain from the anchor reaches the signer")]
    NoPath,
    /// A link of the chain has not been received or was refused.
    #[error("信任链缺少一环：{link} / a link of the chain is missing")]
    Incomplete {
        /// Which.
        link: Link,
    },
    /// A link of the chain has ended.
    #[error("{link} 已于 {exp} 失效 / expired at {exp}")]
    Expired {
        /// Which.
        link: Link,
        /// When, in seconds since 1970.
        exp: UnixSeconds,
    },
    /// A member list has ended.
    #[error("成员名单已于 {exp} 失效 / the member list expired at {exp}")]
    ListExpired {
        /// When, in seconds since 1970.
        exp: UnixSeconds,
    },
    /// Lives longer than its kind may, or ends before it begins.
    #[error("有效期不被接受 / lives {seconds} s, at most {max} s are allowed")]
    Lifetime {
        /// `exp` − `iat`.
        seconds: i64,
        /// The longest allowed.
        max: i64,
    },
    /// Well signed, but from the future: one of the two clocks is wrong, perhaps ours. Never called a forgery.
    #[error("签发时间在将来 ({iat})，请检查本机时钟 / issued in the future ({iat}): check this node's clock")]
    ClockDoubt {
        /// When it says it was issued.
        iat: UnixSeconds,
    },
    /// Older than what was already kept.
    #[error("比已保存的旧 ({iat} < {floor}) / older than what was already kept")]
    RolledBack {
        /// The `iat` (or `seq`) of this one.
        iat: i64,
        /// The largest kept.
        floor: i64,
    },
    /// Two objects of one signer for one subject at one time, with different contents: an alarm.
    #[error(
        "同一时间签发了两份不同内容 ({iat})，请报警核查 / two different objects of the same time: raise the alarm"
    )]
    Fork {
        /// Their common `iat` (or `seq`).
        iat: i64,
    },
    /// `crit` names a claim that is not understood here, is absent, or is named twice; or it is empty.
    #[error("crit 中有不理解的声明 / crit names what is not understood here: {name}")]
    Crit {
        /// The name, shortened.
        name: String,
    },
    /// A region prefix that is not named in `crit`: another reader could pass it over.
    #[error("区划前缀未列入 crit / the region prefix is not named in crit")]
    PrefixNotCritical,
    /// Metadata policies do not exist here.
    #[error("不接受 metadata_policy / metadata_policy is refused")]
    MetadataPolicy,
    /// Constraints do not exist here.
    #[error("不接受 constraints / constraints are refused")]
    Constraints,
    /// The configuration does not name the superior whose statement is used, or the anchor names one.
    #[error("authority_hints 与上级不符 / authority_hints do not name this superior")]
    AuthorityHints,
    /// Neither county nor province, or both.
    #[error("无法判断是县级节点还是省级机构 / neither clearly a county nor a province")]
    Role,
    /// An authority below a province.
    #[error("信任链超过三级 / the chain is deeper than three")]
    Depth,
    /// A standing is missing in a superior's statement.
    #[error("上级声明缺少 comity_state / the superior's statement has no comity_state")]
    StateMissing,
    /// An entity speaks of its own standing or prefix.
    #[error("自述中不得自定状态或前缀 / a configuration must not state its own standing or prefix")]
    OwnStanding,
    /// A county outside the province's prefix.
    #[error("区划 {region} 不在前缀 {prefix} 之内 / region outside the province's prefix")]
    RegionOutsidePrefix {
        /// The county's code.
        region: Region,
        /// The province's prefix.
        prefix: RegionPrefix,
    },
    /// Superior and county state different values.
    #[error("上级与本级所述不一致：{what} / superior and county differ on {what}")]
    Disagreement {
        /// The member of `comity_node`.
        what: &'static str,
    },
    /// No federation key stands in both statements.
    #[error("双方没有共同的联邦密钥 / no federation key stands in both statements")]
    NoCommonKey,
    /// Signed by a key that the entity itself no longer lists.
    #[error("签名密钥已被本级撤下 / signed by a key that its own configuration does not list")]
    SignerDropped,
    /// One key for two purposes, or a federation key among the others.
    #[error("一把密钥用于两种用途 / one key is listed for two purposes")]
    KeyTwoPurposes,
    /// The public base URL is not the entity id.
    #[error("公开地址与成员标识不同 / the public endpoint is not the entity id")]
    PublicEndpoint,
    /// Of the other environment.
    #[error("环境不符：{found:?}，应为 {expected:?} / wrong environment")]
    Environment {
        /// The county's.
        found: Environment,
        /// The anchor's.
        expected: Environment,
    },
    /// Two active counties with one region: both are refused.
    #[error("区划 {region} 重复，另一方是 {other} / two active counties have this region")]
    DuplicateRegion {
        /// The code.
        region: Region,
        /// The other one.
        other: EntityId,
    },
    /// Two active counties with one TLS key: it says of no client who it is.
    #[error(
        "TLS 密钥重复，另一方是 {other}，该密钥不再识别客户端 / two active counties have this TLS key: it identifies no client"
    )]
    DuplicatePin {
        /// The pin.
        pin: SpkiPin,
        /// The other one.
        other: EntityId,
    },
    /// Two superiors that the county acknowledges both vouch for it.
    #[error("两个上级同时担保：{other} / two superiors vouch for it")]
    TwoSuperiors {
        /// The other one.
        other: EntityId,
    },
    /// One entity twice in a member list, or a line that is neither county nor province.
    #[error("成员名单中的行不成立 / a line of the member list does not hold: {entity}")]
    MemberLine {
        /// The entity of the line.
        entity: EntityId,
    },
    /// A newer member list of the superior no longer has it, though its statement still says active.
    #[error("较新的成员名单中已没有该成员 / a newer member list does not have it")]
    NotListed,
}

impl Refusal {
    /// Stable name of the rule that refused.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Jws(e) => e.rule(),
            Self::Key(e) => e.rule(),
            Self::Budget(_) => "budget",
            Self::TooMany { .. } => "trust.too-many",
            Self::NoPath => "trust.no-path",
            Self::Incomplete { .. } => "trust.incomplete",
            Self::Expired { .. } => "trust.chain-expired",
            Self::ListExpired { .. } => "trust.member-list-expired",
            Self::Lifetime { .. } => "trust.lifetime",
            Self::ClockDoubt { .. } => "trust.clock-doubt",
            Self::RolledBack { .. } => "trust.rolled-back",
            Self::Fork { .. } => "trust.fork",
            Self::Crit { .. } => "trust.crit",
            Self::PrefixNotCritical => "trust.prefix-not-critical",
            Self::MetadataPolicy => "trust.metadata-policy",
            Self::Constraints => "trust.constraints",
            Self::AuthorityHints => "trust.authority-hints",
            Self::Role => "trust.role",
            Self::Depth => "trust.depth",
            Self::StateMissing => "trust.state-missing",
            Self::OwnStanding => "trust.own-standing",
            Self::RegionOutsidePrefix { .. } => "trust.region-outside-prefix",
            Self::Disagreement { .. } => "trust.double-assertion",
            Self::NoCommonKey => "trust.no-common-key",
            Self::SignerDropped => "trust.signer-dropped",
            Self::KeyTwoPurposes => "trust.key-two-purposes",
            Self::PublicEndpoint => "trust.public-endpoint",
            Self::Environment { .. } => "trust.environment",
            Self::DuplicateRegion { .. } => "trust.duplicate-region",
            Self::DuplicatePin { .. } => "trust.duplicate-pin",
            Self::TwoSuperiors { .. } => "trust.two-superiors",
            Self::MemberLine { .. } => "trust.member-line",
            Self::NotListed => "trust.not-listed",
        }
    }

    /// Whether the object was well signed, so that its signer is to be asked; otherwise anybody could have made it.
    #[must_use]
    pub const fn is_signers(&self) -> bool {
        !matches!(
            self,
            Self::Jws(_) | Self::Budget(_) | Self::TooMany { .. } | Self::NoPath | Self::Incomplete { .. }
        )
    }
}
