//! Fetches one status list because a decision would be better for it. The background refresh keeps lists fresh; this is for the
//! minutes in which it did not.
//!
//! The list goes the way of every other ([`crate::federation::refresh_status`]): it counts when it verifies, stands under the address that
//! was asked for, and is neither older than what was ever kept nor another one of the same second. It is kept durably and put into
//! the node's view, from which the case that asked goes on.

use std::sync::Arc;

use comity_spec::ids::EntityId;
use comity_verifier::status_view::{StatusTokenError, StatusView};

use crate::federation::refresh_status::{ListResult, Offered, take};
use crate::node::Node;
use crate::ports::peers::{FetchError, Fetched, MAX_OBJECT};
use crate::ports::store::StoreError;

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
    #[error("状态列表的地址或签发者与请求不符 / not the list that was asked for")]
    OtherList,
    /// Older than the one kept, or another one of the same second.
    #[error("状态列表比已有的旧或相互矛盾 / older than the list kept, or a second one of the same time")]
    NotNewer,
    /// The county has as many lists as are kept of one.
    #[error("该县状态列表数量已达上限 / as many lists of this county are kept as may be")]
    TooMany,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The status view with the newest version of a list in it. The address comes from an attestation whose issuer it stands under.
pub(super) async fn status_refresh(
    node: &Node,
    issuer: &EntityId,
    uri: &str,
) -> Result<Arc<StatusView>, StatusRefreshError> {
    let Fetched::Body { bytes, etag } = node.peers.get(uri, None, MAX_OBJECT).await? else {
        return Err(StatusRefreshError::NotNewer);
    };
    let offered = Offered {
        issuer: Some(issuer.clone()),
        uri: Some(uri.to_owned()),
        token: bytes,
        etag,
    };
    let reports = take(node, vec![offered]).await?;
    match reports.into_iter().next().map(|report| report.result) {
        Some(ListResult::Stored { .. } | ListResult::Unchanged) => Ok(Arc::clone(&node.view().status)),
        Some(ListResult::Refused(error)) => Err(error.into()),
        Some(ListResult::Unreachable(error)) => Err(error.into()),
        Some(ListResult::RolledBack | ListResult::Fork) => Err(StatusRefreshError::NotNewer),
        Some(ListResult::TooMany) => Err(StatusRefreshError::TooMany),
        Some(
            ListResult::OtherAddress
            | ListResult::Own
            | ListResult::IssuerNotActive { .. }
            | ListResult::NotSpokenFor
            | ListResult::OutOfTime
            | ListResult::BadAggregation,
        )
        | None => Err(StatusRefreshError::OtherList),
    }
}
