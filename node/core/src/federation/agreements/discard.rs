//! Proposals that nobody here wants: discarded by an officer, or forgotten after [`WAITING_SECONDS`].
//!
//! What this county signed itself stays: the others may complete it at any time, and a node that had forgotten its own signature could
//! sign a second text of the version, which would void both (AGR-16).

use comity_spec::ids::{AgreementId, Digest};
use comity_spec::time::UnixSeconds;

use super::{Texts, discarded, has_signed};
use crate::node::Node;
use crate::ports::agreements::{AgreementRow, AgreementState};
use crate::ports::store::{StoreError, Write};

/// How long a proposal waits for this county's decision after its last new signature, in seconds.
pub const WAITING_SECONDS: i64 = 30 * 86_400;

/// Why a proposal was not discarded.
#[derive(Debug, thiserror::Error)]
pub enum DiscardError {
    /// No such proposal waits.
    #[error("没有该待签提案：{id} v{version} / no such proposal waits here")]
    Unknown {
        /// The agreement.
        id: AgreementId,
        /// The version.
        version: u32,
    },
    /// This county signed it.
    #[error(
        "本县已签署该文本，其他各方可能随时签齐；如不再需要，请待其生效后退出 / this county signed it and the others may complete it: withdraw once it is adopted"
    )]
    SignedHere,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Discards a proposal that waits.
///
/// # Errors
/// [`DiscardError`].
pub async fn discard(
    node: &Node,
    id: &AgreementId,
    version: u32,
    digest: &Digest,
) -> Result<(), DiscardError> {
    let _turn = node.rebuilding.lock().await;
    let texts = Texts::of(node, id, version).await?;
    let row = texts.waiting.iter().find(|row| row.digest == *digest);
    let row = row.ok_or_else(|| DiscardError::Unknown {
        id: id.clone(),
        version,
    })?;
    if has_signed(row, &node.identity.entity) {
        return Err(DiscardError::SignedHere);
    }
    node.store
        .commit("discard-proposal", vec![discarded(row)])
        .await?;
    Ok(())
}

/// Forgets the proposals that waited too long. Gives how many.
///
/// # Errors
/// [`StoreError`].
pub async fn expire_proposals(node: &Node) -> Result<usize, StoreError> {
    let _turn = node.rebuilding.lock().await;
    let writes = expired(node, &node.store.agreements().await?, node.now());
    let count = writes.len();
    if count > 0 {
        node.store.commit("expire-proposals", writes).await?;
    }
    Ok(count)
}

/// The writes that forget what waited too long.
pub(super) fn expired(node: &Node, rows: &[AgreementRow], now: UnixSeconds) -> Vec<Write> {
    rows.iter()
        .filter(|row| has_expired(node, row, now))
        .map(discarded)
        .collect()
}

pub(super) fn has_expired(node: &Node, row: &AgreementRow, now: UnixSeconds) -> bool {
    row.state == AgreementState::Proposed
        && now.since(row.changed_at) > WAITING_SECONDS
        && !has_signed(row, &node.identity.entity)
}
