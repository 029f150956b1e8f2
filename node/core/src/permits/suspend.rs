//! The county suspends a permit, for a reason from a closed list that stays with the issuer (status 2).

use comity_spec::ids::OfficerId;

use super::codes::SuspensionReason;
use super::office::{Bureau, Done};
use super::refusal::PermitError;
use crate::ports::permits::PermitId;

/// Suspends a permit.
///
/// # Errors
/// [`PermitError`]: no active issuer, refused by the rules or by the store; then nothing was changed.
pub async fn suspend(
    bureau: &Bureau<'_>,
    permit: PermitId,
    reason: SuspensionReason,
    officer: &OfficerId,
) -> Result<Done, PermitError> {
    bureau.admit(officer).await?;
    let change = bureau
        .permit(permit)
        .await?
        .suspend(reason, bureau.act(officer))?;
    bureau.record("suspend permit", change, Vec::new()).await
}
