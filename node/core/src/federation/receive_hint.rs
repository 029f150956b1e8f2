//! A peer's word that something of its own changed: this node looks for itself, at once.
//!
//! A hint is believed in nothing. It names lists under its sender's own public base URL, which are fetched and verified; says
//! that the sender's configuration changed, which is fetched and verified; carries withdrawals, which prove themselves. The
//! listener bounds how many hints a peer may send. Protocol §7.

use comity_spec::exchange::Hint;
use comity_spec::ids::EntityId;
use comity_verifier::jws::Verified;

use super::agreements::{ReceiveWithdrawalError, receive_withdrawal};
use super::refresh::{RefreshReport, Scope, refresh};
use super::refresh_status::{ListReport, Lists, refresh_status};
use crate::node::Node;
use crate::ports::store::StoreError;

/// What a hint led to.
#[derive(Debug, Default)]
pub struct HintTaken {
    /// The lists it named.
    pub lists: Vec<ListReport>,
    /// The sender's chain, when it said that its configuration changed.
    pub chain: Option<RefreshReport>,
    /// Its withdrawals, in order: whether each was new.
    pub withdrawals: Vec<Result<bool, ReceiveWithdrawalError>>,
}

/// Acts on a verified hint. Fetches: to be run apart from the request that brought it.
///
/// # Errors
/// [`StoreError`].
pub async fn receive_hint(node: &Node, hint: &Verified<Hint>) -> Result<HintTaken, StoreError> {
    let hint = hint.value();
    let mut taken = HintTaken::default();
    // Fetching at somebody's word is for the counties we rely on: a member without an agreement with us could otherwise make us
    // fetch, verify and keep as many lists as it cares to sign.
    if !is_party(node, &hint.iss) {
        return Ok(taken);
    }
    // The chain first: lists and withdrawals may be signed by a key that is new in it.
    if hint.configuration {
        taken.chain = Some(refresh(node, &Scope::One(hint.iss.clone())).await?);
    }
    for jws in &hint.withdrawals {
        taken.withdrawals.push(receive_withdrawal(node, jws).await);
    }
    if !hint.status_lists.is_empty() {
        let lists = Lists::Of {
            issuer: hint.iss.clone(),
            uris: hint.status_lists.clone(),
        };
        taken.lists = refresh_status(node, &lists).await?;
    }
    Ok(taken)
}

/// Whether the sender and this county are parties of an agreement held here, in force or not yet.
fn is_party(node: &Node, sender: &EntityId) -> bool {
    node.view()
        .agreements
        .all()
        .iter()
        .any(|agreement| agreement.party(sender).is_some())
}
