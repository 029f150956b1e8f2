//! Closes a verification that needs no confirmation, with its receipt: refusals for appeals, grey ones with a deadline, and
//! whatever else there is to say on paper (chapter 9.1: every outcome has a receipt).
//!
//! What waits for a look at the holder cannot be closed here: green without that look gives no receipt.

use comity_spec::ids::TraceNumber;
use comity_spec::time::UnixSeconds;

use super::settle::{self, Settlement, waits_for_holder};
use super::{RecognitionView, SettleError};
use crate::audit::Event;
use crate::node::Node;
use crate::ports::recognitions::Recognition;
use crate::staff::Acting;

/// Closes a verification. A repetition gives the same receipt, also of one that was confirmed.
///
/// # Errors
/// [`SettleError::NeedsHolder`] and others; the verification then stands as it was.
pub async fn close(
    node: &Node,
    acting: &Acting,
    trace: &TraceNumber,
) -> Result<RecognitionView, SettleError> {
    settle::settle(node, acting, trace, None, Event::Closed, judge).await
}

fn judge(found: &Recognition, _: UnixSeconds) -> Result<Settlement, SettleError> {
    if found.receipt.is_some() {
        Ok(Settlement::Same)
    } else if waits_for_holder(&found.decision) {
        Err(SettleError::NeedsHolder)
    } else {
        Ok(Settlement::Now(Box::new(found.decision.clone())))
    }
}
