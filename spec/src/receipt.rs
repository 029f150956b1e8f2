//! The verification receipt (核验回执): the recogniser's signed word on what was decided, on what it rested, and about whom only
//! for somebody who already holds that person's name and number.
//!
//! `typ: comity-receipt+jwt`, receipt key. Every outcome has a receipt: refusals for appeals, grey ones with a deadline. It names
//! nobody: the holder binding is SHA-256(salt ‖ name ‖ number) and the salt stands in the printed code only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decision::Decision;
use crate::entity::Environment;
use crate::ids::{Digest, EntityId, Jti, OfficerId, TraceNumber};
use crate::text::Bilingual;
use crate::time::UnixSeconds;

/// The receipt's payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The recogniser.
    pub iss: EntityId,
    /// Issued at.
    pub iat: UnixSeconds,
    /// To be relied on until this second.
    pub exp: UnixSeconds,
    /// Trace number.
    pub trace: TraceNumber,
    /// The decision.
    pub decision: Decision,
    /// Pseudonym of the officer who decided (PIPL art. 24: never a machine alone).
    pub decided_by: OfficerId,
    /// Salted digests of what it rested on.
    pub evidence: Vec<EvidenceDigest>,
    /// SHA-256(salt ‖ name ‖ number), where the person is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder_binding: Option<Digest>,
    /// For grey outcomes: until when who closes the case, and how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow_up: Option<FollowUp>,
    /// Test or real.
    pub environment: Environment,
}

/// Digest of one piece of evidence, salted per record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvidenceDigest {
    /// `attestation`, `status_list`, `request`, `response`, `agreement`.
    pub kind: String,
    /// SHA-256(salt ‖ bytes).
    pub digest: Digest,
}

/// How a grey case is closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FollowUp {
    /// Deadline.
    pub due: UnixSeconds,
    /// Who closes it and how.
    pub how: Bilingual,
}

/// What the printed code carries: the signed receipt and the salt that opens the holder binding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrintedReceipt {
    /// Compact JWS.
    pub receipt: String,
    /// The salt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<Jti>,
}
