//! How a verification ends: once, by a named person, with a receipt and a line in the record, in one commit.
//!
//! A repetition gives the same receipt again. What was settled one way is never settled another way: whoever finds out more
//! verifies anew. PIPL art. 24: a person decides, never a machine alone.

use comity_spec::decision::{Confirmation, Decision};
use comity_spec::ids::TraceNumber;
use comity_spec::outcome::Outcome;
use comity_spec::problem::ProblemType;
use comity_spec::time::UnixSeconds;

use super::{RecognitionView, receipt};
use crate::audit::{Direction, Event, Line};
use crate::node::Node;
use crate::ports::officers::Role;
use crate::ports::recognitions::Recognition;
use crate::ports::store::{Conflict, StoreError, Write};
use crate::signing::SigningError;
use crate::staff::Acting;
use crate::staff::idempotency::{self, Begun, IdempotencyError, Keyed};

/// Seconds after which a verdict is too old to be confirmed: the holder has left the window.
pub(super) const CONFIRM_WITHIN: i64 = 1_800;

/// Why a verification was not settled. It stands as it was.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// No verification has this number, or it is another officer's.
    #[error("没有这笔核验，或不是您经办的 / no such verification, or it is another officer's")]
    NotFound,
    /// The officer's role does not allow it.
    #[error("没有权限 / your role does not allow this")]
    NotAuthorised,
    /// There is nobody to confirm for this outcome.
    #[error("此结果不需要人证确认 / {0} needs no confirmation of the holder; close it")]
    NothingToConfirm(Outcome),
    /// A named person has to look at the holder first.
    #[error("请先确认人证是否一致 / confirm the holder first")]
    NeedsHolder,
    /// It was settled otherwise.
    #[error("此笔核验已办结，结果不同 / settled otherwise already: {0}")]
    Settled(Outcome),
    /// The verdict is too old.
    #[error("核验结果已超过 30 分钟，请重新核验 / the verdict is older than 30 minutes: verify again")]
    TooLate,
    /// The issuer's answer, on which the verdict rests, holds no longer.
    #[error("签发地的答复已满 15 分钟，请重新核验 / the issuer's answer held for 15 minutes: verify again")]
    AnswerEnded,
    /// The permit's status changed after the verdict.
    #[error("证件状态已变化，请重新核验 / the permit's status has changed since: verify again")]
    StatusChanged,
    /// The issuer no longer stands as it did when the verdict was given; with the rule of its standing.
    #[error(
        "签发县的成员资格已变化，请重新核验 / the issuer's standing has changed since ({0}): verify again"
    )]
    IssuerChanged(&'static str),
    /// The agreement that the verdict rests on is no longer in force, or another version is.
    #[error("互认协议已变化，请重新核验 / the agreement has changed since: verify again")]
    AgreementChanged,
    /// The `Idempotency-Key`.
    #[error(transparent)]
    Idempotency(#[from] IdempotencyError),
    /// The store; with it the record.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The receipt key.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The record line does not serialise, a defect of ours.
    #[error("the record line does not serialise: {0}")]
    Line(#[from] serde_json::Error),
}

impl SettleError {
    /// The problem type for an HTTP answer.
    #[must_use]
    pub const fn problem(&self) -> ProblemType {
        match self {
            Self::NotFound => ProblemType::NotFound,
            Self::NotAuthorised => ProblemType::Forbidden,
            Self::NothingToConfirm(_)
            | Self::NeedsHolder
            | Self::Settled(_)
            | Self::TooLate
            | Self::AnswerEnded
            | Self::StatusChanged
            | Self::IssuerChanged(_)
            | Self::AgreementChanged => ProblemType::PermitStateConflict,
            Self::Idempotency(error) => error.problem(),
            Self::Store(StoreError::Corrupt { .. }) | Self::Line(_) => ProblemType::Internal,
            Self::Store(_) => ProblemType::StoreUnavailable,
            Self::Signing(_) => ProblemType::NotReady,
        }
    }
}

/// Whether a decision waits for a named person: what a machine alone may not be final about.
pub(super) fn waits_for_holder(decision: &Decision) -> bool {
    let outcome = decision.outcome;
    decision.confirmation == Confirmation::Pending
        && matches!(
            outcome,
            Outcome::Recognised | Outcome::RecognisedConditional | Outcome::ReviewRequired
        )
}

/// The verification, if the officer may act on it.
pub(super) async fn find(
    node: &Node,
    acting: &Acting,
    trace: &TraceNumber,
) -> Result<Recognition, SettleError> {
    if !acting.may(Role::Clerk) && !acting.may(Role::Supervisor) {
        return Err(SettleError::NotAuthorised);
    }
    let found = node
        .store
        .recognition(trace)
        .await?
        .ok_or(SettleError::NotFound)?;
    // Another officer's case and no case are one answer: trace numbers are not for trying out.
    let own = found.officer == acting.officer || found.settled_by.as_ref() == Some(&acting.officer);
    if own || acting.may(Role::Supervisor) {
        Ok(found)
    } else {
        Err(SettleError::NotFound)
    }
}

/// Settles a verification with this decision. `settle` is asked again when somebody else changed the row in the meantime.
pub(super) async fn settle(
    node: &Node,
    acting: &Acting,
    trace: &TraceNumber,
    keyed: Option<&Keyed>,
    event: Event,
    settle: impl Fn(&Recognition, UnixSeconds) -> Result<Settlement, SettleError> + Send,
) -> Result<RecognitionView, SettleError> {
    let _underway = match idempotency::begin(node, &acting.officer, keyed).await? {
        Begun::Fresh(underway) => underway,
        // The key stands for this trace number and this finding: it took effect, and the row says how.
        Begun::Repeated(_) => return find(node, acting, trace).await.map(RecognitionView::from),
    };
    loop {
        let found = find(node, acting, trace).await?;
        let now = node.now();
        let decision = match settle(&found, now)? {
            Settlement::Same => return Ok(found.into()),
            Settlement::Now(decision) => *decision,
        };
        let read = found.version;
        let mut settled = Recognition {
            version: read + 1,
            decision,
            settled_by: Some(acting.officer.clone()),
            ..found
        };
        settled.receipt = Some(receipt::sign(node, &settled, now).await?);
        let line = Line {
            direction: Some(Direction::Recognised),
            trace: Some(settled.trace),
            peer: settled.decision.issuer.clone(),
            agreement: settled.decision.agreement.clone(),
            outcome: Some(settled.decision.outcome.code().to_owned()),
            evidence: settled.evidence.clone(),
            ..Line::about(event, now, &acting.officer)
        };
        let mut writes = vec![Write::Recognition(Box::new(settled.clone())), line.write()?];
        if let Some(keyed) = keyed {
            let answer = trace.to_string().into_bytes();
            writes.push(idempotency::remember(&acting.officer, keyed, answer, now));
        }
        match node.store.commit("settle verification", writes).await {
            Ok(()) => return Ok(settled.into()),
            // Somebody settled it at the same moment, or the answer of our commit was lost: look, and judge anew. Each round
            // needs a version that moved on, and a settled row moves no further, so the loop ends.
            Err(error @ (StoreError::Conflict(Conflict::Version(_)) | StoreError::Unknown(_))) => {
                let moved = node
                    .store
                    .recognition(trace)
                    .await?
                    .is_some_and(|row| row.version != read);
                if !moved {
                    return Err(error.into());
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// What is to become of a verification.
pub(super) enum Settlement {
    /// It is so already.
    Same,
    /// This.
    Now(Box<Decision>),
}
