//! Fetches the chain of one county once more because a presentation was refused for what we know of its issuer, which may have
//! changed since: a new key, a new member, a chain that ended.
//!
//! Whoever shows a code names its issuer before anything is verified. So a county is asked for at most once a minute, the walk
//! starts at the anchor and asks only whom signed lists name, and what fails leaves the verdict as it was.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use comity_spec::ids::EntityId;
use comity_spec::time::UnixSeconds;
use comity_verifier::decide::Refusal;

use crate::federation::refresh::{Scope, refresh};
use crate::node::Node;

/// Seconds within which a county's chain is fetched once at most.
const ONCE_IN: i64 = 60;
/// Most counties whose chains are fetched within that time on account of presentations.
const MOST: usize = 32;

/// Whose chain was fetched when.
#[derive(Debug, Default)]
pub struct ChainRefreshes(Mutex<HashMap<EntityId, UnixSeconds>>);

impl ChainRefreshes {
    /// Whether it is time to fetch a county's chain; if so, it counts as fetched.
    fn begin(&self, county: &EntityId, now: UnixSeconds) -> bool {
        let mut fetched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        fetched.retain(|_, at| now.since(*at) < ONCE_IN);
        if fetched.len() >= MOST || fetched.contains_key(county) {
            return false;
        }
        fetched.insert(county.clone(), now);
        true
    }
}

/// Fetches the issuer's chain if that could change the refusal. True when the view was built anew.
pub(super) async fn refreshed(node: &Node, refusal: &Refusal) -> bool {
    let Some(issuer) = refusal.issuer.as_ref().filter(|_| refusal.may_be_outdated()) else {
        return false;
    };
    if !node.live.chain_refreshes.begin(issuer, node.now()) {
        return false;
    }
    match refresh(node, &Scope::One(issuer.clone())).await {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!(%issuer, %error, "chain not refreshed");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_county_is_asked_for_once_a_minute_and_not_too_many_at_once() {
        let refreshes = ChainRefreshes::default();
        let now = UnixSeconds::new(1_800_000_000).unwrap();
        let county = |n: usize| format!("https://c{n}.example").parse::<EntityId>().unwrap();
        assert!(refreshes.begin(&county(0), now));
        assert!(!refreshes.begin(&county(0), now.plus_saturating(59)));
        for n in 1..MOST {
            assert!(refreshes.begin(&county(n), now));
        }
        assert!(!refreshes.begin(&county(MOST), now));
        assert!(refreshes.begin(&county(0), now.plus_saturating(60)));
    }
}
