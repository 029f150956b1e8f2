//! Approves or declines a proposed cancellation, as another person than its proposer. Approved, the permit is cancelled and every
//! unexpired status index of it set in the same commit that closes the act.

use comity_spec::ids::OfficerId;

use super::codes::CancellationReason;
use super::office::{Bureau, Done};
use super::refusal::{PermitError, Refusal};
use crate::ports::officers::{PendingAct, Role};
use crate::ports::store::{StoreError, Write};

/// Decides. Gives the cancelled permit, or nothing when declined.
///
/// # Errors
/// [`PermitError`]: the same person, no active supervisor, nothing pending; the permit changed so that it cannot be cancelled.
pub async fn decide_cancellation(
    bureau: &Bureau<'_>,
    act: uuid::Uuid,
    approve: bool,
    officer: &OfficerId,
) -> Result<Option<Done>, PermitError> {
    bureau.must_issue_here()?;
    let store = bureau.issuer.store;
    let act = store.pending_act(act).await?.ok_or(Refusal::NotPending)?;
    if act.decided.is_some() {
        return Err(Refusal::NotPending.into());
    }
    if act.proposed_by == *officer {
        return Err(Refusal::SamePerson.into());
    }
    bureau.must_be_active(officer, Role::Supervisor).await?;
    let decided = Write::PendingAct(Box::new(PendingAct {
        decided: Some((officer.clone(), approve)),
        ..act.clone()
    }));
    if !approve {
        store.commit("decline cancellation", vec![decided]).await?;
        return Ok(None);
    }
    let reason = CancellationReason::from_code(&act.reason).ok_or_else(|| StoreError::Corrupt {
        table: "pending_act",
        reason: "an unknown reason code".to_owned(),
    })?;
    let permit = bureau.permit(act.permit).await?;
    let change = permit.cancel(reason, &act.proposed_by, bureau.act(officer))?;
    let done = bureau.record("cancel permit", change, vec![decided]).await?;
    Ok(Some(done))
}
