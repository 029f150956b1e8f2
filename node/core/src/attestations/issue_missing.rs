//! Issues in the background what is missing: permits that have no attestation of what they say now, after a register file or an
//! endorsement elsewhere. A batch is signed in one call and committed in one commit; when something stands in its way that may
//! be one permit's, the batch is halved until that permit stands alone, so that it holds up no other.

use super::issue_for_permit::sign_forms;
use super::{IssueError, Issuer};
use crate::ports::permits::Permit;
use crate::ports::signer::SignerError;
use crate::ports::store::StoreError;
use crate::signing::SigningError;

/// Permits of one batch.
pub const BATCH: u32 = 256;
/// Calls in a row that the key's keeper may leave unsigned before it is taken to be away. One permit among 256 costs nine.
const UNSIGNED: u32 = 16;

/// Issues one batch and returns how many attestations it stored; 0 when nothing is missing. The caller repeats until 0, and waits
/// longer and longer after an error.
///
/// A permit that is changed while its attestation is being signed is left to the next batch.
///
/// # Errors
/// [`IssueError`] when nothing of the batch was stored, or when the store or the key's keeper failed on the way.
pub async fn issue_missing(issuer: &Issuer<'_>) -> Result<usize, IssueError> {
    let now = issuer.clock.now();
    let permits = issuer.store.permits_without_attestation(now, BATCH).await?;
    let mut parts = vec![permits.as_slice()];
    let mut issued = 0;
    let mut unsigned = 0;
    let mut failure = None;
    while let Some(part) = parts.pop() {
        let error = match issue(issuer, part).await {
            Ok(count) => {
                issued += count;
                unsigned = 0;
                continue;
            }
            Err(error) => error,
        };
        if matches!(error, IssueError::Signing(_)) {
            unsigned += 1;
        }
        if !may_be_one_permits(&error) || unsigned == UNSIGNED {
            return Err(error);
        }
        if part.len() > 1 {
            let (first, second) = part.split_at(part.len() / 2);
            parts.extend([second, first]);
        } else if let IssueError::Store(conflict) = error {
            tracing::debug!(%conflict, "a permit was changed while its attestation was signed");
        } else {
            let permit = part.first().map(|permit| permit.id.0);
            tracing::error!(?permit, %error, "the attestation of one permit cannot be issued");
            failure = Some(error);
        }
    }
    match failure {
        Some(error) if issued == 0 => Err(error),
        _ => Ok(issued),
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

/// Whether one permit of many can be the reason. A store that is away or a key that is not configured fails for each.
const fn may_be_one_permits(error: &IssueError) -> bool {
    match error {
        IssueError::Store(error) => matches!(error, StoreError::Conflict(_)),
        IssueError::Signing(SigningError::Signer(error)) => matches!(error, SignerError::Unavailable { .. }),
        IssueError::Signing(SigningError::Payload { .. })
        | IssueError::Claims(_)
        | IssueError::TooManyClaims { .. } => true,
        IssueError::Signing(SigningError::NotOurs(_)) | IssueError::ClockBehind { .. } => false,
    }
}
