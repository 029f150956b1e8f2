//! A permit that was reported lost is found again: what was attested before stands again.

use comity_spec::ids::OfficerId;

use super::office::{Bureau, Done};
use super::refusal::PermitError;
use crate::ports::permits::PermitId;

/// Reports a lost permit found.
///
/// # Errors
/// [`PermitError`]: no active issuer, refused by the rules or by the store; then nothing was changed.
pub async fn found(bureau: &Bureau<'_>, permit: PermitId, officer: &OfficerId) -> Result<Done, PermitError> {
    bureau.admit(officer).await?;
    let change = bureau.permit(permit).await?.found(bureau.act(officer))?;
    bureau.record("report permit found", change, Vec::new()).await
}
