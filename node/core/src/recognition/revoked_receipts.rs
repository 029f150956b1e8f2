//! Which live receipts of ours rest on a permit that was cancelled since (chapter 9.1). The recogniser alone can tell: the issuer
//! does not know who was recognised, and the list names nobody.
//!
//! A replaced permit (superseded) takes nothing away: its holder endorsed or changed it. Only a cancellation counts.

use comity_spec::decision::Decision;
use comity_spec::ids::{OfficerId, TraceNumber};
use comity_spec::time::UnixSeconds;

use super::receipt;
use crate::node::Node;
use crate::ports::recognitions::Recognition;
use crate::ports::store::StoreError;

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

/// Our live receipts whose permit was seen as cancelled, oldest first: those that somebody has to look at.
///
/// # Errors
/// When the store does not answer.
pub async fn revoked_receipts(node: &Node) -> Result<Vec<RevokedReceipt>, StoreError> {
    let now = node.now();
    let resting = node.store.recognitions_cancelled().await?.into_iter();
    let live = resting.filter(|(one, _)| is_live(one, now));
    Ok(live
        .map(|(one, seen_at)| RevokedReceipt {
            trace: one.trace,
            officer: one.officer,
            decision: one.decision,
            at: one.at,
            seen_at,
        })
        .collect())
}

/// Whether a receipt recognises somebody and may still be relied on.
fn is_live(one: &Recognition, now: UnixSeconds) -> bool {
    one.receipt.is_some()
        && receipt::recognises(&one.decision)
        && receipt::relied_on_until(&one.decision, one.at) > now
}
