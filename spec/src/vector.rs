//! The form of a test vector: one JSON file, one object to judge, one answer.
//!
//! The files stand in `spec/vectors/`, one folder a subject, each named for its defect; `spec/vectors/README.md` says how to use
//! them without any code of ours. This module only fixes the form: unknown members are refused, and nothing here knows how to
//! judge a vector. A negative vector names its valid *twin* and the one thing that was changed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::jose::KeyPurpose;

/// A vector, told apart by `kind`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Vector {
    /// A compact JWS of the strict profile (chapter 2).
    Jws(Of<JwsInput>),
    /// An SD-JWT against given keys (chapter 5).
    SdJwt(Of<SdJwtInput>),
    /// A status list token against given keys (chapter 6).
    StatusList(Of<StatusListInput>),
    /// Statements and member lists under an anchor (chapter 3).
    Trust(Of<TrustInput>),
    /// An agreement at its adoption (chapter 4).
    Agreement(Of<AgreementInput>),
    /// A withdrawal from an agreement (chapter 4).
    Withdrawal(Of<WithdrawalInput>),
    /// Which agreement is in force on a day (chapter 4).
    InForce(Of<InForceInput>),
    /// A presented permit under a federation (chapter 5).
    Attestation(Of<AttestationInput>),
    /// A status list token under a federation (chapter 6).
    StatusToken(Of<StatusTokenInput>),
    /// A decision (chapter 8).
    Decision(Box<Of<DecisionInput>>),
    /// A look-up request at the issuer (chapter 7).
    Request(Of<RequestInput>),
    /// A look-up answer at the recogniser (chapter 7).
    Response(Of<ResponseInput>),
    /// A hint (chapter 7).
    Hint(Of<HintInput>),
    /// A printed or handed-over receipt (chapter 9).
    Receipt(Of<ReceiptInput>),
    /// One identifier or date (chapter 1).
    Identifier(Of<IdentifierInput>),
    /// A yearly endorsement (chapter 1).
    Endorsement(Of<EndorsementInput>),
    /// The digits of a code (chapter 5).
    Symbol(Of<SymbolInput>),
    /// A bundle, opened against an anchor (chapter 3).
    Bundle(Of<BundleInput>),
    /// An outcome's code as somebody else reports it, and how it is shown (chapter 8).
    Outcome(Of<OutcomeInput>),
    /// A problem document as received (chapter 10).
    Problem(Of<ProblemInput>),
}

/// What every vector has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Of<I> {
    /// Folder and file name without `.json`.
    pub name: String,
    /// Ids of the requirements that it proves.
    pub requirements: Vec<String>,
    /// One sentence on what is judged.
    pub about: String,
    /// The valid vector from which this one differs in one thing; absent in valid ones that have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin: Option<String>,
    /// What is judged.
    pub input: I,
    /// What must come of it.
    pub expect: Expect,
}

/// What must come of a vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Expect {
    /// It is accepted, and at least this is read from it (members per kind are in the README).
    Accept(Map<String, Value>),
    /// It is refused by this rule.
    Refuse(String),
}

/// Public JWKs by purpose, as a trust chain would give them; sound or not.
pub type Keys = BTreeMap<KeyPurpose, Vec<Value>>;

/// Input of kind `jws`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JwsInput {
    /// The token as received.
    pub token: String,
    /// The `typ` expected.
    pub typ: String,
    /// The purpose whose keys may sign it.
    pub purpose: KeyPurpose,
    /// The keys of the signer.
    pub keys: Keys,
}

/// Input of kind `sd-jwt`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SdJwtInput {
    /// The combined format as received.
    pub presented: String,
    /// The keys of the issuer.
    pub keys: Keys,
    /// The key binding that the recogniser requires, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<Challenge>,
}

/// A key binding that is required.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Challenge {
    /// The recogniser.
    pub aud: String,
    /// The window's nonce.
    pub nonce: String,
    /// When it is checked.
    pub now: i64,
    /// Oldest binding accepted, in seconds.
    pub max_age: i64,
}

/// Input of kind `status-list`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusListInput {
    /// The token as received.
    pub token: String,
    /// The keys of the issuer.
    pub keys: Keys,
    /// The entry read.
    pub index: u64,
}

/// Input of kind `trust`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustInput {
    /// The objects, none trusted.
    pub federation: Federation,
    /// What a durable store remembers: the largest `iat` kept per issuer and subject.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub floors: Vec<Floor>,
    /// The largest `iat` ever kept, the clock floor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_iat: Option<i64>,
    /// Whose standing is asked.
    pub entity: String,
    /// When.
    pub now: i64,
}

/// The newest statement kept of one pair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    /// Who states.
    pub iss: String,
    /// Of whom.
    pub sub: String,
    /// Its `iat`.
    pub iat: i64,
}

/// A federation as it is handed over: the anchor file and signed objects. Shared ones stand in `spec/vectors/federations/`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Federation {
    /// The anchor file.
    pub anchor: Value,
    /// Entity statements.
    pub statements: Vec<String>,
    /// Member lists.
    pub member_lists: Vec<String>,
}

/// Input of kind `agreement`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgreementInput {
    /// Name of a file in `federations/`.
    pub federation: String,
    /// The JWS in JSON general serialization, as text.
    pub agreement: String,
    /// When it is adopted.
    pub now: i64,
}

/// Input of kind `withdrawal`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WithdrawalInput {
    /// Name of a file in `federations/`.
    pub federation: String,
    /// The agreement, as text.
    pub agreement: String,
    /// The withdrawal, compact JWS.
    pub withdrawal: String,
    /// When it is received.
    pub now: i64,
}

/// Input of kind `in-force`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InForceInput {
    /// Name of a file in `federations/`.
    pub federation: String,
    /// Agreements, as text, adopted at `now`.
    pub agreements: Vec<String>,
    /// Withdrawals, compact JWS.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withdrawals: Vec<String>,
    /// When the withdrawals were first received (AGR-22); absent where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_at: Option<i64>,
    /// When they are adopted.
    pub now: i64,
    /// The county that issues.
    pub issuer: String,
    /// The county that recognises.
    pub recogniser: String,
    /// The day asked about.
    pub on: String,
}

/// Input of kind `attestation`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttestationInput {
    /// Name of a file in `federations/`.
    pub federation: String,
    /// What was scanned or handed over.
    pub presented: String,
    /// The key binding that the recogniser requires, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<Challenge>,
    /// When.
    pub now: i64,
}

/// Input of kind `status-token`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusTokenInput {
    /// Name of a file in `federations/`.
    pub federation: String,
    /// The token as received.
    pub token: String,
    /// The list already held under the same address, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// Entries of the same list that were seen cancelled or superseded before (index, value).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tombstones: Vec<(u64, u8)>,
    /// The entry read.
    pub index: u64,
    /// When the list is received.
    pub received_at: i64,
    /// When the entry is read.
    pub now: i64,
}

/// Input of kind `decision`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionInput {
    /// Name of a file in `federations/`.
    pub federation: String,
    /// Agreements adopted, as text.
    pub agreements: Vec<String>,
    /// Status lists, received at their `iat`.
    pub status_lists: Vec<String>,
    /// Tombstones: address, index, value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tombstones: Vec<(String, u64, u8)>,
    /// What was scanned or handed over; absent when number and name were typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presented: Option<String>,
    /// The key binding that the recogniser requires, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<Challenge>,
    /// The county from which a typed permit is said to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typed_issuer: Option<String>,
    /// Signed look-up request and signed answer, if the issuer was asked and answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookup: Option<LookupExchange>,
    /// The issuer was asked and did not answer.
    #[serde(default, skip_serializing_if = "is_false")]
    pub lookup_failed: bool,
    /// The name as the clerk read it from the identity card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typed_name: Option<String>,
    /// The recognising county.
    pub recogniser: String,
    /// The service.
    pub service: String,
    /// The institution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Whether issuers can be asked.
    pub on_line: bool,
    /// Whether the newest status list was already fetched for this decision.
    #[serde(default, skip_serializing_if = "is_false")]
    pub status_refreshed: bool,
    /// What the named person found: `pending`, `confirmed`, `mismatch` or `review`.
    pub clerk: String,
    /// What is wrong with this office: `not-ready`, `not-authorised`, `no-purpose`, `consent-missing` or `quota`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub office: Option<String>,
    /// When.
    pub now: i64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// A look-up as it went over the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupExchange {
    /// The request, compact JWS.
    pub request: String,
    /// The answer, compact JWS.
    pub response: String,
}

/// Input of kind `request`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestInput {
    /// Name of a file in `federations/`.
    pub federation: String,
    /// Agreements adopted, as text.
    pub agreements: Vec<String>,
    /// The county asked.
    pub me: String,
    /// The county to which the channel's TLS key is pinned; absent through a relay or in a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The request, compact JWS.
    pub request: String,
    /// When it is received.
    pub now: i64,
}

/// Input of kind `response`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResponseInput {
    /// Name of a file in `federations/`.
    pub federation: String,
    /// The request as it was sent.
    pub request: String,
    /// The answer as received.
    pub response: String,
    /// When it is received.
    pub now: i64,
}

/// Input of kind `hint`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HintInput {
    /// Name of a file in `federations/`.
    pub federation: String,
    /// The county told.
    pub me: String,
    /// The hint, compact JWS.
    pub hint: String,
    /// When it is received.
    pub now: i64,
}

/// Input of kind `receipt`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptInput {
    /// Name of a file in `federations/`.
    pub federation: String,
    /// The digits of the printed code, the document, or the bare receipt.
    pub printed: String,
    /// The name on the identity card.
    pub person_name: String,
    /// The number on the identity card.
    pub person_number: String,
    /// When.
    pub now: i64,
}

/// Input of kind `identifier`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentifierInput {
    /// Which identifier: `region`, `region-prefix`, `entity-id`, `citizen-number`, `permit-number`, `agreement-id`,
    /// `service-code`, `provider-id`, `officer-id`, `digest`, `jti`, `trace-number`, `time` or `date`.
    pub of: String,
    /// The JSON value to read.
    pub value: Value,
}

/// Input of kind `endorsement`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndorsementInput {
    /// Last day to which the permit is endorsed.
    pub endorsed_until: String,
    /// The day from which its years are counted.
    pub anniversary: String,
    /// The day of the endorsement.
    pub on: String,
    /// Days after the last day on which the issuer still endorses, where it sets a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_endorse_max_days: Option<u32>,
}

/// Input of kind `symbol`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SymbolInput {
    /// What the scanner typed.
    pub typed: String,
}

/// Input of kind `bundle`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BundleInput {
    /// Name of a file in `federations/`, whose anchor was given by hand.
    pub federation: String,
    /// The bundle, as text.
    pub bundle: String,
    /// When it is opened.
    pub now: i64,
}

/// Input of kind `outcome`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutcomeInput {
    /// The code as received.
    pub code: String,
}

/// Input of kind `problem`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProblemInput {
    /// The HTTP status of the answer.
    pub status: u16,
    /// Its body, `application/problem+json`.
    pub body: String,
}
