//! Endorses a permit for a further year (Decree 663, article 10), free of charge (article 21). Both forms of the attestation are
//! issued anew with new indices in the same commit; the old ones are superseded.

use comity_spec::ids::OfficerId;

use super::codes::Evidence;
use super::issue::proof_of_basis;
use super::office::{Bureau, Done, Numbering};
use super::refusal::{PermitError, Refusal};
use crate::ports::permits::PermitId;

/// Endorses a permit today. `evidence` must prove that the basis of issue still holds.
///
/// # Errors
/// [`PermitError`]: no active issuer, too early, too late for the county's rules, evidence missing, not in function; then nothing was changed.
pub async fn endorse(
    bureau: &Bureau<'_>,
    permit: PermitId,
    evidence: &[Evidence],
    officer: &OfficerId,
) -> Result<Done, PermitError> {
    bureau.admit(officer).await?;
    let permit = bureau.permit(permit).await?;
    // The date first: who comes too early need not look for papers.
    let act = bureau.act(officer);
    let number = permit.details.permit_number.clone();
    let change = permit.clone().endorse(evidence, bureau.policy.endorsement, act)?;
    if let Some(missing) = proof_of_basis(permit.details.basis, evidence) {
        return Err(Refusal::Missing(vec![missing]).into());
    }
    bureau
        .record_and_attest(
            "endorse permit",
            |_| Ok(vec![change.clone()]),
            Numbering::Kept(&number),
        )
        .await
}
