//! Shows name and number of a verification in full, on the officer's express wish (domain: masked until revealed, logged).
//!
//! The line in the record comes first: when it cannot be written, nothing is shown. It says who looked and at which trace number,
//! never at whom.

use comity_spec::ids::TraceNumber;

use super::settle::find;
use super::{RecognitionView, SettleError};
use crate::audit::{Direction, Event, Line};
use crate::node::Node;
use crate::staff::Acting;

/// The verification with its holder, after the look was recorded. Where the holder's data is gone nothing is recorded.
///
/// # Errors
/// [`SettleError::NotFound`], [`SettleError::NotAuthorised`] or the store's.
pub async fn reveal(
    node: &Node,
    acting: &Acting,
    trace: &TraceNumber,
) -> Result<RecognitionView, SettleError> {
    let found = find(node, acting, trace).await?;
    if found.holder.is_some() {
        let line = Line {
            direction: Some(Direction::Recognised),
            trace: Some(found.trace),
            peer: found.decision.issuer.clone(),
            outcome: Some(found.decision.outcome.code().to_owned()),
            ..Line::about(Event::HolderShown, node.now(), &acting.officer)
        };
        node.store.commit("holder shown", vec![line.write()?]).await?;
    }
    Ok(found.into())
}
