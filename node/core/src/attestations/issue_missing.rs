//! Issues in the background what is missing: permits that have no attestation of what they say now, after a register file or an
//! endorsement elsewhere. A batch is signed in one call and committed in one commit.

use super::issue_for_permit::sign_forms;
use super::{IssueError, Issuer};
use crate::ports::permits::Permit;
use crate::ports::store::StoreError;

/// Permits of one batch.
pub const BATCH: u32 = 256;

/// Issues one batch and returns how many attestations it stored; 0 when nothing is missing. The caller repeats until 0.
///
/// A permit that is changed while its attestation is being signed is left to the next batch.
///
/// # Errors
/// [`IssueError`]; nothing of the batch is stored.
pub async fn issue_missing(issuer: &Issuer<'_>) -> Result<usize, IssueError> {
    let now = issuer.clock.now();
    let permits = issuer.store.permits_without_attestation(now, BATCH).await?;
    match issue(issuer, &permits).await {
        Err(IssueError::Store(StoreError::Conflict(_))) => issue_singly(issuer, &permits).await,
        done => done,
    }
}

async fn issue(issuer: &Issuer<'_>, permits: &[Permit]) -> Result<usize, IssueError> {
    let signed = sign_forms(issuer, permits).await?;
    if signed.issued.is_empty() {
        return Ok(0);
    }
    let issued = signed.commit("issue missing attestations", Vec::new()).await?;
    Ok(issued.len())
}

/// After a conflict: one changed permit must not hold up the other 255.
async fn issue_singly(issuer: &Issuer<'_>, permits: &[Permit]) -> Result<usize, IssueError> {
    let mut count = 0;
    for permit in permits {
        match issue(issuer, std::slice::from_ref(permit)).await {
            Ok(issued) => count += issued,
            Err(IssueError::Store(StoreError::Conflict(conflict))) => {
                tracing::debug!(%conflict, "a permit was changed while its attestation was signed");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}
