//! The recognition agreement (互认协议): what two counties recognise of each other, as data both sign.
//!
//! A county recognises only what it agreed to. The payload is [`Agreement`]; it travels as JWS JSON general serialization
//! ([`SignedAgreement`]) with exactly one signature per party. Conditions are typed data, not code: a closed set, total, without
//! loops. Whether one is met is decided in the verifier's `conditions` module.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::attestation::{Basis, ClaimName, Tier};
use crate::entity::Environment;
use crate::ids::{AgreementId, Digest, EntityId, ProviderId, Region, ServiceCode, Thumbprint};
use crate::text::Bilingual;
use crate::time::{LocalDate, UnixSeconds};

/// Longest status age that is fresh by default, in seconds: 24 h.
pub const DEFAULT_FRESH_SECONDS: i64 = 24 * 3600;
/// Longest status age that an allowing service may use by default, in seconds: 72 h.
pub const DEFAULT_USABLE_SECONDS: i64 = 72 * 3600;
/// Deepest nesting of a condition.
pub const MAX_CONDITION_DEPTH: usize = 8;

/// The agreement's payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// Identifier, kept through all versions.
    pub id: AgreementId,
    /// 1, 2, 3…
    pub version: u32,
    /// Digest of the payload octets of version − 1; absent in version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prev: Option<Digest>,
    /// Title for people.
    pub title: Bilingual,
    /// Test or real.
    pub environment: Environment,
    /// The parties: two or more, each once.
    pub parties: Vec<Party>,
    /// First local day on which it is in force.
    pub effective_from: LocalDate,
    /// Last local day on which it is in force; absent: until withdrawn or succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_until: Option<LocalDate>,
    /// Whether every row without a `direction` holds both ways.
    #[serde(default = "yes")]
    pub reciprocal: bool,
    /// What is recognised.
    pub services: Vec<Service>,
    /// Issuer tier → local tier, per direction.
    #[serde(default)]
    pub tier_map: Vec<TierMapping>,
    /// How old status may be.
    #[serde(default)]
    pub freshness: Freshness,
    /// On what the exchange rests.
    pub legal_basis: Bilingual,
    /// Reference of the personal-information impact assessment of each party.
    pub impact_assessment: String,
    /// Offices that sign for the parties.
    #[serde(default)]
    pub signatories: Vec<Signatory>,
    /// Approvals on record.
    #[serde(default)]
    pub approvals: Vec<Approval>,
    /// Days between notice of withdrawal and its effect.
    #[serde(default = "thirty")]
    pub notice_days: u32,
    /// What already granted services keep when the agreement ends.
    pub continuation: Bilingual,
    /// The one extension point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ext: Option<serde_json::Map<String, serde_json::Value>>,
}

const fn yes() -> bool {
    true
}

const fn thirty() -> u32 {
    30
}

/// A party, with the federation keys that may speak for it under this agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// The county.
    pub entity: EntityId,
    /// Its GB/T 2260 code.
    pub region: Region,
    /// Its name.
    pub name: Bilingual,
    /// Thumbprints of its federation keys: trust pinned by the parties themselves.
    pub federation_keys: Vec<Thumbprint>,
}

/// One recognised service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Catalogue code or a local item.
    pub code: ServiceCode,
    /// Only permits of this issuing region, for windows of that recognising region; absent: both ways when reciprocal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Named institutions, where only these take part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub providers: Option<Vec<Provider>>,
    /// What the recogniser may learn by look-up.
    pub claims: Vec<ClaimName>,
    /// What must hold besides a valid permit; all of them.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// The department that answers for the service at the recogniser.
    pub owner: Bilingual,
    /// Days that a record of this service is kept.
    pub retention_days: u32,
    /// Whether a status of 24–72 h may be used, conditionally.
    #[serde(default)]
    pub amber_status: bool,
}

/// From whose permits to whose windows a row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Direction {
    /// Issuing region.
    pub issuer: Region,
    /// Recognising region.
    pub recogniser: Region,
}

/// A named institution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Its identifier in the agreement.
    pub id: ProviderId,
    /// The region in which it stands.
    pub region: Region,
    /// Its name.
    pub name: Bilingual,
}

/// A typed condition. Evaluated in three-valued logic: met, not met, unknown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// The permit's (issuer) tier is one of these.
    TierIn(Vec<Tier>),
    /// The basis of issue is one of these.
    BasisIn(Vec<Basis>),
    /// Full months since `residence_since`.
    MinResidenceMonths(u32),
    /// The permit is endorsed on the day (true) — or, false, need not be.
    EndorsementCurrent(bool),
    /// Insured months stated by the issuer.
    MinInsuredMonths(u32),
    /// The points standard of the issuer is met.
    PointsStandardMet(bool),
    /// Age in full years, both ends included.
    AgeBetween {
        /// Youngest.
        min: u32,
        /// Oldest.
        max: u32,
    },
    /// The provider is one of these.
    ProviderIn(Vec<ProviderId>),
    /// A rule that only the recogniser's department can judge: always unknown to the machine, and said so.
    LocalRule(LocalRule),
    /// All of them.
    All(Vec<Condition>),
    /// At least one.
    Any(Vec<Condition>),
    /// Not.
    Not(Box<Condition>),
}

/// A local rule to which the result points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalRule {
    /// Identifier of the rule in the recogniser's guide.
    pub id: String,
    /// What it asks.
    pub text: Bilingual,
    /// Where it is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Issuer's tier → recogniser's tier. A missing row gives a conditional result, never a silent downgrade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TierMapping {
    /// Issuing region.
    pub issuer: Region,
    /// Recognising region.
    pub recogniser: Region,
    /// Tier on the permit → tier as whose holder the person is treated.
    pub map: BTreeMap<Tier, Tier>,
}

/// How old status may be, in seconds. An agreement may tighten the defaults, never widen them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Freshness {
    /// Up to this age: fresh.
    pub fresh_seconds: i64,
    /// Up to this age: amber, for services that allow it. Older: cannot tell.
    pub usable_seconds: i64,
}

impl Agreement {
    /// Whether a row of this agreement holds for one region's permits at another's windows: a row with a direction that way alone, a
    /// row without one both ways, but in an agreement that is not reciprocal no way at all (AGR-7).
    pub fn holds(&self, row: &Service, issuer: Region, recogniser: Region) -> bool {
        row.direction.map_or(self.reciprocal, |way| {
            way.issuer == issuer && way.recogniser == recogniser
        })
    }
}

impl Default for Freshness {
    fn default() -> Self {
        Self {
            fresh_seconds: DEFAULT_FRESH_SECONDS,
            usable_seconds: DEFAULT_USABLE_SECONDS,
        }
    }
}

/// An office that signs for a party.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signatory {
    /// Region of the party.
    pub region: Region,
    /// The office.
    pub office: Bilingual,
}

/// An approval on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The office that approved.
    pub office: Bilingual,
    /// Number of its document.
    pub document_number: String,
}

/// Which version of which agreement a message or decision rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgreementRef {
    /// Identifier.
    pub id: AgreementId,
    /// Version.
    pub version: u32,
    /// SHA-256 of the payload octets.
    pub digest: Digest,
}

/// JWS JSON general serialization (RFC 7515 §7.2.1): one payload, one signature per party.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedAgreement {
    /// base64url of the payload octets.
    pub payload: String,
    /// Signatures; while a proposal is on its way, those given so far.
    pub signatures: Vec<AgreementSignature>,
}

/// One party's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgreementSignature {
    /// base64url of the protected header: exactly [`AgreementHeader`].
    pub protected: String,
    /// base64url of the Ed25519 signature.
    pub signature: String,
}

/// Protected header of a party's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgreementHeader {
    /// `EdDSA` or `Ed25519`.
    pub alg: String,
    /// Thumbprint of the party's federation key.
    pub kid: Thumbprint,
    /// `comity-agreement+jwt`.
    pub typ: String,
    /// When it was signed.
    pub signed_at: UnixSeconds,
}

/// One party's withdrawal (`typ: comity-withdrawal+jwt`, federation key).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    /// The withdrawing party.
    pub iss: EntityId,
    /// Issued at.
    pub iat: UnixSeconds,
    /// The agreement and version it ends.
    pub agreement: AgreementRef,
    /// First local day on which it is no longer in force.
    pub effective_from: LocalDate,
    /// Why, for people.
    pub reason: Bilingual,
}
