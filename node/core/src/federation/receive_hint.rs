//! A peer's word that something of its own changed: this node looks for itself, at once.
//!
//! A hint is believed in nothing. It names lists under its sender's own public base URL, which are fetched and verified; says
//! that the sender's configuration changed, which is fetched and verified; carries withdrawals, which prove themselves. The
//! listener bounds how many hints a peer may send. Chapter 7.5.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use comity_spec::exchange::Hint;
use comity_spec::ids::EntityId;
use comity_spec::mutant;
use comity_spec::time::UnixSeconds;
use comity_verifier::jws::Verified;

use super::agreements::{ReceiveWithdrawalError, receive_withdrawal};
use super::refresh::{RefreshReport, Scope, refresh};
use super::refresh_status::{ListReport, Lists, refresh_status};
use crate::node::Node;
use crate::ports::store::StoreError;

/// Seconds in which a peer's hints may lead to [`CHAINS`] fetches of its chain; beyond it the next periodic refresh finds the change.
const CHAINS_IN: i64 = 600;
/// See [`CHAINS_IN`]: a rotation takes three configurations, and each fetch asks the anchor and a province too.
const CHAINS: usize = 6;

/// When the chains of peers were fetched at their hints' word.
#[derive(Debug, Default)]
pub struct HintedChains(Mutex<HashMap<EntityId, Vec<UnixSeconds>>>);

impl HintedChains {
    /// Whether a peer's chain may be fetched once more; if so, it counts as fetched.
    fn begin(&self, peer: &EntityId, now: UnixSeconds) -> bool {
        // Whole after every statement, so a panic elsewhere cannot have left it half changed.
        let mut fetched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        fetched.retain(|_, times| {
            times.retain(|at| now.since(*at) < CHAINS_IN);
            !times.is_empty()
        });
        let times = fetched.entry(peer.clone()).or_default();
        let room = times.len() < CHAINS;
        if room {
            times.push(now);
        } else {
            tracing::warn!(%peer, "more hints of a changed configuration than are followed");
        }
        room
    }
}

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
    if hint.configuration && !mutant!("TRU-28/hinted") && node.live.hinted_chains.begin(&hint.iss, node.now())
    {
        taken.chain = Some(refresh(node, &Scope::One(hint.iss.clone())).await?);
    }
    for jws in &hint.withdrawals {
        taken.withdrawals.push(receive_withdrawal(node, jws).await);
    }
    if !hint.status_lists.is_empty() && !mutant!("VER-16/heeded") {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_has_its_chain_fetched_six_times_in_ten_minutes_and_not_at_anybody_elses_cost() {
        let chains = HintedChains::default();
        let now = UnixSeconds::new(1_800_000_000).unwrap();
        let peer = |name: &str| format!("https://{name}.example").parse::<EntityId>().unwrap();
        for second in 0..6 {
            assert!(chains.begin(&peer("one"), now.plus_saturating(second)));
        }
        assert!(!chains.begin(&peer("one"), now.plus_saturating(599)));
        assert!(chains.begin(&peer("other"), now.plus_saturating(599)));
        assert!(chains.begin(&peer("one"), now.plus_saturating(600)));
        assert!(!chains.begin(&peer("one"), now.plus_saturating(600)));
    }
}
