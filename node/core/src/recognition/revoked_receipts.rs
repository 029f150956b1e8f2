//! Which live receipts of ours rest on a permit that was cancelled since (protocol §9). The recogniser alone can tell: the issuer
//! does not know who was recognised, and the list names nobody.
//!
//! A replaced permit (superseded) takes nothing away: its holder endorsed or changed it. Only a cancellation counts.

use comity_spec::decision::Decision;
use comity_spec::ids::{OfficerId, TraceNumber};
use comity_spec::status::StatusValue;
use comity_spec::time::UnixSeconds;

use super::receipt;
use crate::node::Node;
use crate::ports::recognitions::Recognition;
use crate::ports::store::StoreError;
use crate::ports::trust::Tombstone;

/// A live receipt whose permit was cancelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokedReceipt {
    /// The verification.
    pub trace: TraceNumber,
    /// Who decided it.
    pub officer: OfficerId,
    /// What was granted.
    pub decision: Decision,
    /// When it was granted.
    pub at: UnixSeconds,
    /// When the cancellation was seen.
    pub seen_at: UnixSeconds,
}

/// The live receipts among those that rest on `seen`, the permanent values that a refreshed list shows. Oldest first.
///
/// # Errors
/// When the store does not answer.
pub async fn revoked_receipts(node: &Node, seen: &[Tombstone]) -> Result<Vec<RevokedReceipt>, StoreError> {
    let now = node.now();
    let mut revoked = Vec::new();
    for tombstone in seen.iter().filter(|seen| seen.status == StatusValue::Cancelled) {
        let resting = node
            .store
            .recognitions_by_status(&tombstone.uri, tombstone.index)
            .await?;
        let live = resting.into_iter().filter(|one| is_live(one, now));
        revoked.extend(live.map(|one| RevokedReceipt {
            trace: one.trace,
            officer: one.officer,
            decision: one.decision,
            at: one.at,
            seen_at: tombstone.seen_at,
        }));
    }
    revoked.sort_by_key(|one| (one.at, one.trace));
    Ok(revoked)
}

/// Whether a receipt recognises somebody and may still be relied on.
fn is_live(one: &Recognition, now: UnixSeconds) -> bool {
    one.receipt.is_some()
        && receipt::recognises(&one.decision)
        && receipt::relied_on_until(&one.decision, one.at) > now
}
