//! Signed look-ups and hints between counties: requests, answers, notices (chapters 7.2 to 7.5).
//!
//! [`verify_request`] is the issuer's side and answers one question before anything about a person is looked up: may this peer
//! ask this, for this service, under this agreement, now. [`verify_response`] is the recogniser's side; what it returns,
//! [`LookedUp`], cannot be made otherwise and is what a decision takes. [`verify_hint`] reads a notice that lists changed.
//! Nothing here remembers a `jti`: whether one was used before is the store's knowledge, durable and transactional. Nothing
//! here says whether a person exists. Every [`RequestError`] maps to exactly one problem type.

use comity_spec::attestation::PermitClaims;
use comity_spec::exchange::VerificationResponse;
use comity_spec::ids::EntityId;
use comity_spec::outcome::Outcome;

use crate::decide::Refusal;
use crate::jws::Verified;

mod coverage;
mod error;
#[cfg(test)]
mod tests;
mod verify;

pub use error::{RequestError, ResponseError};
pub use verify::{verify_hint, verify_request, verify_response};

/// Longest life of a hint, in seconds.
pub const HINT_LIFETIME: i64 = 15 * 60;
/// Most lists and withdrawals that one hint may name.
pub const MAX_HINTED: usize = 256;

/// A verified answer of an issuer about a person. To hold one is the proof that the issuer said so to this recogniser, in
/// reply to the very request that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookedUp {
    response: Verified<VerificationResponse>,
    claims: PermitClaims,
}

impl LookedUp {
    /// The answer.
    #[must_use]
    pub const fn response(&self) -> &VerificationResponse {
        self.response.value()
    }

    /// What was told about the permit; nothing where nothing matched.
    #[must_use]
    pub const fn claims(&self) -> &PermitClaims {
        &self.claims
    }

    /// The answer as received, for digests and records.
    #[must_use]
    pub fn received(&self) -> &[u8] {
        self.response.received()
    }
}

/// Who must be talking to whom.
#[derive(Clone, Copy, Debug)]
pub struct Parties<'a> {
    /// This node.
    pub me: &'a EntityId,
    /// The county to which the channel's TLS key is pinned; `None` where the object came through a relay or in a file, and
    /// its signature alone says whose it is.
    pub channel: Option<&'a EntityId>,
}

impl ResponseError {
    /// What a decision takes instead of an answer: no answer that can be relied on. Never red, whatever the peer did: a bad
    /// answer of a county says nothing about the holder.
    #[must_use]
    pub fn refusal(&self, issuer: &EntityId) -> Refusal {
        match self {
            Self::Standing(refusal) if refusal.outcome != Outcome::UnknownIssuer => (**refusal).clone(),
            Self::FromTheFuture => Refusal::new(Outcome::NodeNotReady, self.rule(), issuer),
            _ => Refusal::new(Outcome::IssuerUnreachable, self.rule(), issuer),
        }
    }
}
