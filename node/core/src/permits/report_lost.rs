//! A holder reports a permit lost: its use stops at once, here and at every peer, and may return (status 2).

use comity_spec::ids::OfficerId;

use super::office::{Bureau, Done};
use super::refusal::PermitError;
use crate::ports::permits::PermitId;

/// Reports a permit lost.
///
/// # Errors
/// [`PermitError`]: no active issuer, refused by the rules or by the store; then nothing was changed.
pub async fn report_lost(
    bureau: &Bureau<'_>,
    permit: PermitId,
    officer: &OfficerId,
) -> Result<Done, PermitError> {
    bureau.admit(officer).await?;
    let change = bureau.permit(permit).await?.report_lost(bureau.act(officer))?;
    bureau.record("report permit lost", change, Vec::new()).await
}
