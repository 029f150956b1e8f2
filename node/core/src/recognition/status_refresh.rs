//! Fetches one status list because a decision would be better for it. The background refresh keeps lists fresh; this is for the
//! minutes in which it did not.
//!
//! A list counts when it verifies, stands under the address that was asked for, and is not older than the one held. It is kept
//! durably and put into the node's view, from which the case that asked goes on.

use std::sync::Arc;

use comity_spec::ids::EntityId;
use comity_verifier::status_view::{
    StatusReading, StatusTokenError, StatusView, Succession, VerifiedStatusList, verify_status_token,
};

use crate::node::{Node, View};
use crate::ports::peers::{FetchError, Fetched};
use crate::ports::store::{Conflict, StoreError, Write};
use crate::ports::trust::{PeerStatusRow, Tombstone};

/// Largest status list token that is fetched: 131,072 entries of two bits, were they to compress not at all, with room to spare.
const MAX_LIST_TOKEN: usize = 256 * 1024;

/// Tombstones of one commit.
const BATCH: usize = 4_096;

/// Why there is no newer list.
#[derive(Debug, thiserror::Error)]
pub(super) enum StatusRefreshError {
    /// Not fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// Not accepted.
    #[error(transparent)]
    Token(#[from] StatusTokenError),
    /// Another list than the one asked for.
    #[error("名单地址或签发者与请求不符 / not the list that was asked for")]
    OtherList,
    /// Older than the one held, or another one of the same second.
    #[error("名单比已有的旧或相互矛盾 / older than the list held, or a second one of the same time")]
    NotNewer,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The status view with the newest version of a list in it. The address comes from an attestation whose issuer it stands under.
pub(super) async fn status_refresh(
    node: &Node,
    view: &View,
    issuer: &EntityId,
    uri: &str,
) -> Result<Arc<StatusView>, StatusRefreshError> {
    let Fetched::Body { bytes, etag } = node.peers.get(uri, None, MAX_LIST_TOKEN).await? else {
        return Err(StatusRefreshError::NotNewer);
    };
    let list = verify_status_token(&bytes, &view.trust, node.now())?;
    if list.uri() != uri || list.iss() != issuer {
        return Err(StatusRefreshError::OtherList);
    }
    match node.view().status.list(uri).map(|held| list.succeeds(held)) {
        Some(Succession::Older | Succession::Fork) => return Err(StatusRefreshError::NotNewer),
        Some(Succession::Same) => return Ok(Arc::clone(&node.view().status)),
        Some(Succession::Newer) | None => {}
    }
    let row = PeerStatusRow {
        uri: uri.to_owned(),
        iss: issuer.clone(),
        iat: list.iat(),
        exp: list.exp(),
        etag,
        // It verified, so it is ASCII.
        token: String::from_utf8_lossy(&bytes).into_owned(),
    };
    // What is permanent in it is kept for good before the list counts: a later list that takes it back must find the stone, and an
    // end of this one must not turn a cancellation into "too old".
    let held = node.view();
    let mut stones: Vec<Write> = list
        .permanent()
        .filter(|(index, value)| {
            !matches!(held.status.read(uri, *index, node.now()), StatusReading::Tombstone(seen) if seen == *value)
        })
        .filter_map(|(index, status)| {
            let index = u32::try_from(index).ok()?;
            Some(Write::Tombstone(Tombstone { uri: uri.to_owned(), index, status, seen_at: node.now() }))
        })
        .collect();
    while stones.len() > BATCH {
        let rest = stones.split_off(BATCH);
        node.store
            .commit("tombstones", std::mem::replace(&mut stones, rest))
            .await?;
    }
    stones.push(Write::PeerStatus(row));
    match node.store.commit("keep peer status", stones).await {
        Ok(()) => replace_in_view(node, &list).await?,
        // The background refresh has stored a newer one meanwhile, and puts it into the view itself.
        Err(StoreError::Conflict(Conflict::Older(_))) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(Arc::clone(&node.view().status))
}

async fn replace_in_view(node: &Node, list: &VerifiedStatusList) -> Result<(), StoreError> {
    let _rebuilding = node.rebuilding.lock().await;
    let tombstones = node.store.tombstones().await?;
    let view = node.view();
    let lists = view.status.lists().cloned().chain([list.clone()]);
    let tombstones = tombstones
        .into_iter()
        .map(|t| (t.uri, u64::from(t.index), t.status));
    let status = Arc::new(StatusView::new(lists, tombstones));
    node.view.store(Arc::new(View {
        status,
        ..View::clone(&view)
    }));
    Ok(())
}
