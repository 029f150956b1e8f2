//! The county ends a suspension: what was attested before stands again.

use comity_spec::ids::OfficerId;

use super::codes::ReinstatementReason;
use super::office::{Bureau, Done};
use super::refusal::PermitError;
use crate::ports::permits::PermitId;

/// Reinstates a suspended permit.
///
/// # Errors
/// [`PermitError`]: no active issuer, refused by the rules or by the store; then nothing was changed.
pub async fn reinstate(
    bureau: &Bureau<'_>,
    permit: PermitId,
    reason: ReinstatementReason,
    officer: &OfficerId,
) -> Result<Done, PermitError> {
    bureau.admit(officer).await?;
    let change = bureau
        .permit(permit)
        .await?
        .reinstate(reason, bureau.act(officer))?;
    bureau.record("reinstate permit", change, Vec::new()).await
}
