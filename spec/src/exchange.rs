//! The signed look-up over mutual TLS (`POST /federation/v1/verifications`) and the hint that lists changed
//! (`POST /federation/v1/hints`).
//!
//! Every exchange is a signed object that means the same over mutual TLS, through a relay or in a file. Unknown members are
//! refused outside `ext`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::agreement::AgreementRef;
use crate::attestation::{ClaimName, PermitClaims};
use crate::entity::Environment;
use crate::ids::{CitizenNumber, Digest, EntityId, Jti, PermitNumber, ProviderId, ServiceCode};
use crate::time::{LocalDate, UnixSeconds};

/// Path of the look-up endpoint.
pub const VERIFICATIONS_PATH: &str = "/federation/v1/verifications";
/// Path of the hint endpoint.
pub const HINTS_PATH: &str = "/federation/v1/hints";
/// Path at which agreement proposals are handed over.
pub const PROPOSALS_PATH: &str = "/federation/v1/proposals";
/// Media type of a compact JWS body.
pub const JOSE_MEDIA_TYPE: &str = "application/jose";
/// Media type of a JWS in JSON serialization.
pub const JOSE_JSON_MEDIA_TYPE: &str = "application/jose+json";
/// Longest life of a request, in seconds.
pub const REQUEST_LIFETIME: i64 = 60;
/// Longest life of an answer, in seconds.
pub const RESPONSE_LIFETIME: i64 = 15 * 60;
/// Allowed clock skew on instants, in seconds. Dates have none.
pub const SKEW: i64 = 60;
/// An answer's JWS is padded to this size, in bytes, so that match and no match look alike.
pub const RESPONSE_SIZE: usize = 4096;

/// Why the check is made (Decree 663 art. 3). Mandatory on every check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Purpose {
    /// Proof of residence.
    ResidenceProof,
    /// A service of the agreement.
    Service,
    /// Application for local hukou.
    HukouApplication,
}

/// On what the processing rests (PIPL art. 13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LegalBasis {
    /// Statutory duty of the organ.
    StatutoryDuty,
    /// The holder's consent.
    Consent,
    /// The holder's separate consent.
    SeparateConsent,
}

/// Who presented the permit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PresentedBy {
    /// The holder.
    #[default]
    #[serde(rename = "self")]
    Holder,
    /// An agent.
    Agent,
    /// A guardian.
    Guardian,
}

/// Whom the service is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Beneficiary {
    /// The holder.
    #[default]
    Holder,
    /// A child, by a reference that means something at the recogniser only.
    Child(String),
}

/// The number by which a permit is looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SubjectNumber {
    /// Citizen number.
    IdNumber(CitizenNumber),
    /// Permit number.
    PermitNumber(PermitNumber),
}

/// Who is looked up: number and name, as the clerk typed them from the card.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// The number.
    pub number: SubjectNumber,
    /// The name.
    pub name: String,
}

/// A signed look-up request (`typ: comity-verification-request+jwt`, exchange key of the recogniser).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerificationRequest {
    /// The recogniser.
    pub iss: EntityId,
    /// The issuer asked.
    pub aud: EntityId,
    /// Issued at.
    pub iat: UnixSeconds,
    /// At most [`REQUEST_LIFETIME`] after `iat`.
    pub exp: UnixSeconds,
    /// Random; used once.
    pub jti: Jti,
    /// Why.
    pub purpose: Purpose,
    /// The service asked for.
    pub service: ServiceCode,
    /// The institution, where the service names some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<ProviderId>,
    /// On what it rests.
    pub legal_basis: LegalBasis,
    /// The agreement relied on.
    pub agreement: AgreementRef,
    /// What the recogniser wants to learn.
    pub claims: Vec<ClaimName>,
    /// Random reference of the case at the recogniser.
    pub case_ref: Jti,
    /// Who is looked up.
    pub subject: Subject,
    /// Who presented the permit.
    #[serde(default)]
    pub presented_by: PresentedBy,
    /// Whom the service is for.
    #[serde(default)]
    pub beneficiary: Beneficiary,
    /// Test or real.
    pub environment: Environment,
    /// The one extension point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ext: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Whether a record matches number and name. Unknown number and wrong name are one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LookupResult {
    /// One record matches.
    Match,
    /// None does.
    NoMatch,
}

/// State of a permit at the issuer. Suspension and loss are separate here; the reason stays with the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PermitStatus {
    /// In function as far as status goes.
    Valid,
    /// Cancelled.
    Cancelled,
    /// Suspended by the issuer.
    Suspended,
    /// Reported lost by the holder.
    ReportedLost,
    /// Replaced by a newer permit.
    Superseded,
}

/// State and dates of the matched permit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PermitState {
    /// Status at `source_as_of`.
    pub status: PermitStatus,
    /// First day of use.
    pub valid_from: LocalDate,
    /// Last day to which it is endorsed.
    pub endorsed_until: LocalDate,
    /// Validity of the card, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card_valid_until: Option<LocalDate>,
}

/// A signed answer (`typ: comity-verification-response+jwt`, exchange key of the issuer). Proof for this recogniser of what it
/// was told; no bearer permit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerificationResponse {
    /// The issuer asked.
    pub iss: EntityId,
    /// The recogniser.
    pub aud: EntityId,
    /// Issued at.
    pub iat: UnixSeconds,
    /// At most [`RESPONSE_LIFETIME`] after `iat`.
    pub exp: UnixSeconds,
    /// SHA-256 of the request JWS as received.
    pub in_reply_to: Digest,
    /// Match or not.
    pub result: LookupResult,
    /// On a match only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permit_state: Option<PermitState>,
    /// On a match only: the claims that were asked for and allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<PermitClaims>,
    /// The agreement under which it was answered.
    pub agreement: AgreementRef,
    /// When the issuer's node last reconciled completely with its register.
    pub source_as_of: UnixSeconds,
    /// Test or real.
    pub environment: Environment,
    /// Filler up to [`RESPONSE_SIZE`]; no meaning.
    pub pad: String,
    /// The one extension point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ext: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Notice that status lists or statements changed (`typ: comity-hint+jwt`, exchange key). Names lists, never permits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hint {
    /// Who changed something.
    pub iss: EntityId,
    /// The peer told.
    pub aud: EntityId,
    /// Issued at.
    pub iat: UnixSeconds,
    /// At most 15 minutes after `iat`.
    pub exp: UnixSeconds,
    /// Random; used once.
    pub jti: Jti,
    /// Addresses of changed status lists, under the sender's public base URL.
    #[serde(default)]
    pub status_lists: Vec<String>,
    /// Whether its entity configuration changed.
    #[serde(default)]
    pub configuration: bool,
    /// Withdrawals to take note of, as signed.
    #[serde(default)]
    pub withdrawals: Vec<String>,
    /// Test or real.
    pub environment: Environment,
}
