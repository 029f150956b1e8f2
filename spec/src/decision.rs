//! The decision: which of the 27 outcomes, why, what is missing and what to do next, in Chinese and English.
//!
//! [`Decision`] is what `decide` returns, what a window shows, what a receipt signs and what `comity-verify --json` prints: one
//! shape everywhere. It carries no name and no number.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::agreement::AgreementRef;
use crate::attestation::Tier;
use crate::ids::{EntityId, ProviderId, Region, ServiceCode};
use crate::outcome::Outcome;
use crate::text::Bilingual;
use crate::time::{LocalDate, UnixSeconds};

/// How the permit reached the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A code, file or wallet, checked locally.
    Presented,
    /// Number and name, asked of the issuer.
    LookedUp,
}

/// Whether a named person confirmed the holder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Confirmation {
    /// Not yet: a green outcome is provisional.
    #[default]
    Pending,
    /// 人证一致
    Confirmed,
    /// 人证不符
    Mismatch,
}

/// Truth value of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Truth {
    /// Holds.
    Met,
    /// Does not hold.
    NotMet,
    /// Cannot be told from what was disclosed, or only a person can judge it.
    Unknown,
}

/// A condition that is not met or not known: all of them are given at once (一次性告知).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MissingCondition {
    /// `min_residence_months`, `tier_in`, `local_rule`, `recheck_status`, `tier_mapping`…
    pub code: String,
    /// Not met or unknown.
    pub truth: Truth,
    /// One sentence on what is asked, and where it stands.
    pub text: Bilingual,
    /// The department that answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Bilingual>,
    /// Identifier of a local rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Where the rule is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A finding that did not decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Advisory {
    /// `ENDORSEMENT_DUE_SOON`, `STATUS_AGE`, `AREA_CODE_HISTORICAL`, `TIER_MAPPED`, `WRONG_ENVIRONMENT`, `LAST_KNOWN_STATUS`…
    pub code: String,
    /// One sentence.
    pub text: Bilingual,
}

/// The tier as whose holder the person is treated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TierGrant {
    /// The issuer's tier.
    pub issuer: Tier,
    /// The local tier; absent where the agreement maps none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<Tier>,
}

/// The decision. Same inputs, same decision, on every node, in the CLI and in the suite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Decision {
    /// One of the 27.
    pub outcome: Outcome,
    /// Whether a named person confirmed the holder.
    pub confirmation: Confirmation,
    /// Presented or looked up.
    pub channel: Channel,
    /// When it was decided.
    pub decided_at: UnixSeconds,
    /// The service asked for.
    pub service: ServiceCode,
    /// The institution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<ProviderId>,
    /// The recognising region.
    pub recogniser: Region,
    /// The issuer, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<EntityId>,
    /// The issuer's region, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_region: Option<Region>,
    /// The agreement it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<AgreementRef>,
    /// The tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<TierGrant>,
    /// Last day to which the permit is endorsed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endorsed_until: Option<LocalDate>,
    /// The date that the outcome speaks of (lapse, expiry, first day), where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<LocalDate>,
    /// Age of the status data used, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_age_seconds: Option<i64>,
    /// The cause in the verifier's words: the rule name, for operators (`jws.signature`, `trust.chain-expired`…).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Every condition not met or unknown.
    #[serde(default)]
    pub missing: Vec<MissingCondition>,
    /// Findings that did not decide.
    #[serde(default)]
    pub advisories: Vec<Advisory>,
    /// What it says.
    pub text: Bilingual,
    /// What the clerk does next.
    pub next_step: Bilingual,
}
