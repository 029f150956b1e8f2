//! Proposes to cancel a permit. Nothing happens to it before another officer approves (`decide_cancellation`): a cancellation is
//! for good, and one person's mistake or malice must not suffice. So the proposer is an officer who is there: whoever could propose under
//! an invented name would be both persons.

use comity_spec::exchange::PermitStatus;
use comity_spec::ids::OfficerId;

use super::codes::CancellationReason;
use super::office::Bureau;
use super::refusal::{PermitError, Refusal};
use crate::ports::officers::PendingAct;
use crate::ports::permits::PermitId;
use crate::ports::row_id;
use crate::ports::store::{Conflict, StoreError, Write};

/// Proposes the cancellation and returns the act that waits.
///
/// # Errors
/// [`PermitError`]: no active issuer, cancelled or replaced before, proposed before, or the county has a register.
pub async fn propose_cancellation(
    bureau: &Bureau<'_>,
    permit: PermitId,
    reason: CancellationReason,
    officer: &OfficerId,
) -> Result<PendingAct, PermitError> {
    bureau.admit(officer).await?;
    let permit = bureau.permit(permit).await?;
    permit.must_be(&[
        PermitStatus::Valid,
        PermitStatus::Suspended,
        PermitStatus::ReportedLost,
    ])?;
    let store = bureau.issuer.store;
    if store
        .pending_acts()
        .await?
        .iter()
        .any(|act| act.permit == permit.id)
    {
        return Err(Refusal::AlreadyProposed.into());
    }
    let act = PendingAct {
        id: row_id(bureau.issuer.clock, bureau.issuer.rng),
        permit: permit.id,
        reason: reason.as_str().to_owned(),
        proposed_by: officer.clone(),
        at: bureau.now(),
        decided: None,
    };
    let write = Write::PendingAct(Box::new(act.clone()));
    match store.commit("propose cancellation", vec![write]).await {
        Ok(()) => Ok(act),
        // Somebody else proposed it between the look and the write.
        Err(StoreError::Conflict(Conflict::Exists(_))) => Err(Refusal::AlreadyProposed.into()),
        Err(error) => Err(error.into()),
    }
}
