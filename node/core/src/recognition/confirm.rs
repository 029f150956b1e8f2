//! A named person looked at the holder: 人证一致, 人证不符, or somebody has to review (DEC-5, DEC-9).
//!
//! Only now does green count. A verdict is confirmed within half an hour, and only while what it rests on stands as this node knows
//! it now: the permit's status, its issuer's standing, the agreement, and the issuer's answer where it was asked, which no longer
//! holds after a quarter of an hour (VER-10). Whatever changed is told, and the clerk verifies anew; the issuer is not asked a second
//! time here, which would tell it and count as a question of its own.

use comity_spec::decision::{Confirmation, Decision};
use comity_spec::exchange::RESPONSE_LIFETIME;
use comity_spec::ids::TraceNumber;
use comity_spec::mutant;
use comity_spec::outcome::Outcome;
use comity_spec::status::StatusValue;
use comity_spec::time::{LocalDate, UnixSeconds};
use comity_verifier::agreement::VerifiedAgreement;
use comity_verifier::status_view::StatusReading;

use super::settle::{self, CONFIRM_WITHIN, Settlement, waits_for_holder};
use super::{RecognitionView, SettleError};
use crate::audit::Event;
use crate::node::{Node, View};
use crate::ports::recognitions::Recognition;
use crate::staff::Acting;
use crate::staff::idempotency::Keyed;

/// What the person at the window found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Finding {
    /// 人证一致
    Same,
    /// 人证不符
    Different,
    /// Details differ: somebody has to review.
    Review,
}

/// A finding about one verification.
#[derive(Clone, Debug)]
pub struct Confirm {
    /// Who looked.
    pub acting: Acting,
    /// The verification.
    pub trace: TraceNumber,
    /// What was found.
    pub finding: Finding,
    /// `Idempotency-Key` with the digest of the call, where the caller gave one.
    pub keyed: Option<Keyed>,
}

/// Settles a verification by what a person found, with a receipt. A repetition gives the same receipt.
///
/// # Errors
/// [`SettleError`]; the verification then stands as it was.
pub async fn confirm(node: &Node, command: &Confirm) -> Result<RecognitionView, SettleError> {
    let Confirm {
        acting,
        trace,
        finding,
        keyed,
    } = command;
    let by_finding = |found: &Recognition, now: UnixSeconds| judge(node, found, *finding, now);
    settle::settle(node, acting, trace, keyed.as_ref(), Event::Confirmed, by_finding).await
}

fn judge(
    node: &Node,
    found: &Recognition,
    finding: Finding,
    now: UnixSeconds,
) -> Result<Settlement, SettleError> {
    let decision = &found.decision;
    if found.receipt.is_some() {
        return if says(decision, finding) {
            Ok(Settlement::Same)
        } else {
            Err(SettleError::Settled(decision.outcome))
        };
    }
    if !waits_for_holder(decision) {
        return Err(SettleError::NothingToConfirm(decision.outcome));
    }
    if now.since(found.at) > CONFIRM_WITHIN {
        return Err(SettleError::TooLate);
    }
    if finding == Finding::Same {
        if looked_up(found) && now.since(found.at) >= RESPONSE_LIFETIME {
            return Err(SettleError::AnswerEnded);
        }
        still_stands(node, found, now)?;
    }
    Ok(Settlement::Now(Box::new(decided(decision.clone(), finding))))
}

/// Whether a settled decision is what this finding leads to.
fn says(decision: &Decision, finding: Finding) -> bool {
    match finding {
        Finding::Same => decision.confirmation == Confirmation::Confirmed,
        Finding::Different => decision.confirmation == Confirmation::Mismatch,
        Finding::Review => {
            decision.outcome == Outcome::ReviewRequired && decision.confirmation == Confirmation::Pending
        }
    }
}

fn decided(mut decision: Decision, finding: Finding) -> Decision {
    let (outcome, cause) = match finding {
        // Conditions that are still missing stay, and details that differ remain a matter for the department.
        Finding::Same => {
            decision.confirmation = Confirmation::Confirmed;
            return decision;
        }
        Finding::Different if mutant!("DEC-5/confirmed") => (decision.outcome, "clerk.mismatch"),
        Finding::Different => (Outcome::HolderMismatch, "clerk.mismatch"),
        Finding::Review => (Outcome::ReviewRequired, "clerk.review"),
    };
    if finding == Finding::Different {
        decision.confirmation = Confirmation::Mismatch;
    }
    if decision.outcome != outcome {
        decision.outcome = outcome;
        decision.cause = Some(cause.to_owned());
        decision.text = outcome.text().into();
        decision.next_step = outcome.next_step().into();
    }
    decision
}

/// Whether what the verdict rests on stands in the view of this moment.
fn still_stands(node: &Node, found: &Recognition, now: UnixSeconds) -> Result<(), SettleError> {
    let view = node.view();
    let decision = &found.decision;
    if let Some(issuer) = &decision.issuer {
        let standing = view.trust.standing(issuer, now);
        let county = standing
            .active()
            .ok_or_else(|| SettleError::IssuerChanged(standing.rule()))?;
        let rests_on = |one: &&VerifiedAgreement| {
            let named = decision.agreement.as_ref();
            named.is_some_and(|named| named.digest == *one.digest()) && one.speaks_for(county)
        };
        let me = &node.identity.entity;
        let mut in_force = view.agreements.in_force(issuer, me, LocalDate::of(now));
        if !in_force.any(|one| rests_on(&one)) {
            return Err(SettleError::AgreementChanged);
        }
    }
    if status_changed(&view, found, now) {
        return Err(SettleError::StatusChanged);
    }
    Ok(())
}

/// Whether the verdict rests on the issuer's answer to a look-up.
fn looked_up(found: &Recognition) -> bool {
    found.evidence.iter().any(|evidence| evidence.kind == "response")
}

/// Whether the status of the code that was shown says otherwise than the verdict.
fn status_changed(view: &View, found: &Recognition, now: UnixSeconds) -> bool {
    let Some((uri, index)) = &found.status_ref else {
        return false;
    };
    // A look-up outranks the code that was shown, which may be an old, replaced one.
    let looked_up = looked_up(found);
    match view.status.read(uri, u64::from(*index), now) {
        StatusReading::Value {
            value: StatusValue::Valid,
            ..
        } => false,
        StatusReading::Tombstone(StatusValue::Cancelled)
        | StatusReading::Value {
            value: StatusValue::Cancelled,
            ..
        } => true,
        // Suspended or lost: what the issuer said of it after the look-up counts.
        StatusReading::Value {
            value: StatusValue::Suspended,
            ..
        } => !looked_up || view.status.list(uri).is_some_and(|list| list.iat() > found.at),
        _ => !looked_up,
    }
}
