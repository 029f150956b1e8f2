//! A verification at our own window, from the scan to the receipt (chapters 7 to 9).
//!
//! | use case | what it does |
//! |---|---|
//! | [`mod@verify_presented`] | a code, file or wallet: checked here, the issuer asked only where that decides |
//! | [`mod@look_up`] | number and name from a card: asked of the issuer |
//! | [`mod@confirm`] | a named person says whether it is the holder |
//! | [`mod@close`] | a receipt for everything else: refusals for appeals, grey ones with a deadline |
//! | [`mod@show`] | a verification again, by its trace number |
//! | [`mod@reveal`] | name and number in full, recorded |
//! | [`mod@revoked_receipts`] | live receipts of ours whose permit was cancelled since |
//!
//! The decision itself is `comity_verifier::decide`; this module gathers what it needs and keeps what it said. **No record, no
//! answer**: the verification and its line in the record are one commit, and nothing is shown before it.

use comity_spec::decision::Decision;
use comity_spec::exchange::{Beneficiary, LegalBasis, PresentedBy, Purpose};
use comity_spec::ids::{OfficerId, ProviderId, ServiceCode, TraceNumber};
use comity_spec::problem::ProblemType;
use comity_spec::receipt::PrintedReceipt;
use comity_spec::time::UnixSeconds;

use crate::ports::recognitions::{Recognition, ShownHolder};
use crate::ports::store::StoreError;
use crate::staff::Acting;
use crate::staff::idempotency::{IdempotencyError, Keyed};

mod case;
pub mod chain_refresh;
pub mod challenge;
pub mod challenges;
pub mod close;
pub mod confirm;
pub mod look_up;
pub mod misses;
mod receipt;
pub mod reveal;
pub mod revoked_receipts;
mod settle;
pub mod show;
mod status_refresh;
pub mod verify_presented;

pub use challenge::{IssuedChallenge, challenge};
pub use close::close;
pub use confirm::{Confirm, Finding, confirm};
pub use look_up::{IssuerChoice, LookUp, look_up};
pub use reveal::reveal;
pub use revoked_receipts::{RevokedReceipt, revoked_receipts};
pub use settle::SettleError;
pub use show::{show, shown_of_officer};
pub use verify_presented::{VerifyPresented, verify_presented};

/// Who asks for what, why and on what basis: common to every verification.
#[derive(Clone, Debug)]
pub struct Inquiry {
    /// Who stands at the window.
    pub acting: Acting,
    /// Why. Without a purpose nothing is checked (NOT_AUTHORISED).
    pub purpose: Option<Purpose>,
    /// The service.
    pub service: ServiceCode,
    /// The institution, where the service names some.
    pub provider: Option<ProviderId>,
    /// On what it rests.
    pub legal_basis: LegalBasis,
    /// Where it rests on consent: whether the officer has it. Without it nothing is checked (LEGAL_BASIS_MISSING).
    pub consent_given: bool,
    /// Who presented the permit.
    pub presented_by: PresentedBy,
    /// Whom the service is for.
    pub beneficiary: Beneficiary,
    /// `Idempotency-Key` with the digest of the call, where the caller gave one.
    pub keyed: Option<Keyed>,
}

/// A verification as a window shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct RecognitionView {
    /// Trace number.
    pub trace: TraceNumber,
    /// Who checked.
    pub officer: OfficerId,
    /// When it began.
    pub at: UnixSeconds,
    /// The decision as it stands.
    pub decision: Decision,
    /// Whether a named person has to look at the holder before it counts.
    pub needs_holder: bool,
    /// Who the permit says it is of; gone after the retention time, and where nobody was found.
    pub holder: Option<ShownHolder>,
    /// The receipt, once there is one.
    pub receipt: Option<PrintedReceipt>,
}

/// It may name the holder: only trace and outcome are printed.
impl std::fmt::Debug for RecognitionView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecognitionView")
            .field("trace", &self.trace)
            .field("outcome", &self.decision.outcome)
            .field("confirmation", &self.decision.confirmation)
            .field("needs_holder", &self.needs_holder)
            .finish_non_exhaustive()
    }
}

impl From<Recognition> for RecognitionView {
    fn from(stored: Recognition) -> Self {
        let needs_holder = stored.receipt.is_none() && settle::waits_for_holder(&stored.decision);
        let binds = stored.holder.is_some();
        let salt = stored.salt;
        Self {
            trace: stored.trace,
            officer: stored.officer,
            at: stored.at,
            needs_holder,
            decision: stored.decision,
            holder: stored.holder,
            receipt: stored.receipt.map(|receipt| PrintedReceipt {
                receipt,
                salt: binds.then_some(salt),
            }),
        }
    }
}

/// Why a verification was not made. A verdict about a permit is never an error.
#[derive(Debug, thiserror::Error)]
pub enum RecogniseError {
    /// The store; with it the record. No record, no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The `Idempotency-Key`.
    #[error(transparent)]
    Idempotency(#[from] IdempotencyError),
    /// The record line does not serialise, a defect of ours.
    #[error("the record line does not serialise: {0}")]
    Line(#[from] serde_json::Error),
    /// The decision kept asking for more than it may, a defect of ours.
    #[error("the decision did not come to an end")]
    Undecided,
}

impl RecogniseError {
    /// The problem type for an HTTP answer.
    #[must_use]
    pub const fn problem(&self) -> ProblemType {
        match self {
            Self::Store(StoreError::Corrupt { .. }) | Self::Line(_) | Self::Undecided => {
                ProblemType::Internal
            }
            Self::Store(_) => ProblemType::StoreUnavailable,
            Self::Idempotency(error) => error.problem(),
        }
    }
}

#[cfg(test)]
mod tests;
