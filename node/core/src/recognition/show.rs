//! Shows verifications again: one by its trace number, or the newest of an officer. An officer sees the own ones, whoever
//! settled them, a supervisor all; for anybody else a verification is not there.

use comity_spec::ids::TraceNumber;

use super::settle::find;
use super::{RecogniseError, RecognitionView, SettleError};
use crate::node::Node;
use crate::ports::store::StoreError;
use crate::staff::Acting;

/// One verification.
///
/// # Errors
/// [`SettleError::NotFound`], [`SettleError::NotAuthorised`] or the store's.
pub async fn show(node: &Node, acting: &Acting, trace: &TraceNumber) -> Result<RecognitionView, SettleError> {
    find(node, acting, trace).await.map(RecognitionView::from)
}

/// The officer's own newest verifications, newest first.
///
/// # Errors
/// When the store does not answer.
pub async fn shown_of_officer(
    node: &Node,
    acting: &Acting,
    limit: u32,
) -> Result<Vec<RecognitionView>, StoreError> {
    let own = node.store.recognitions_of(&acting.officer, limit).await?;
    Ok(own.into_iter().map(RecognitionView::from).collect())
}

/// What a call with a known `Idempotency-Key` led to, by the trace number that was kept for it.
pub(super) async fn repeated(node: &Node, answer: &[u8]) -> Result<RecognitionView, RecogniseError> {
    let corrupt = |reason: &str| StoreError::Corrupt {
        table: "answered",
        reason: reason.to_owned(),
    };
    let trace = std::str::from_utf8(answer)
        .ok()
        .and_then(|text| text.parse::<TraceNumber>().ok());
    let trace = trace.ok_or_else(|| corrupt("not a trace number"))?;
    let found = node.store.recognition(&trace).await?;
    Ok(found
        .ok_or_else(|| corrupt("no verification of this trace number"))?
        .into())
}
