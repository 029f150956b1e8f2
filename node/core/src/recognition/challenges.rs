//! Nonces that a window shows to a holder's wallet, each good once and for five minutes (ATT-14).
//!
//! Kept in memory only: after a restart an outstanding nonce is unknown, and the holder presents once more.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comity_spec::ids::OfficerId;
use comity_spec::time::UnixSeconds;

use crate::ports::Rng;

/// Seconds for which a nonce is good.
pub const CHALLENGE_LIFETIME: i64 = 300;
/// Most nonces outstanding; the oldest goes first.
const MOST: usize = 10_000;
/// Most of them of one officer, whose own oldest goes first: drawing without end takes no other window its wallets. A county's window system
/// may be one officer.
const MOST_OF_ONE: usize = 1_000;

/// The nonces outstanding.
#[derive(Debug, Default)]
pub struct Challenges(Mutex<HashMap<String, (OfficerId, UnixSeconds)>>);

impl Challenges {
    /// A fresh nonce for an officer's window.
    #[must_use]
    pub fn issue(&self, officer: &OfficerId, rng: &dyn Rng, now: UnixSeconds) -> String {
        let nonce = URL_SAFE_NO_PAD.encode(rng.bytes::<16>());
        let mut outstanding = self.outstanding();
        outstanding.retain(|_, (_, at)| now.since(*at) < CHALLENGE_LIFETIME);
        let own = outstanding.values().filter(|(owner, _)| owner == officer).count();
        let oldest = |of: &dyn Fn(&OfficerId) -> bool| {
            let those = outstanding.iter().filter(|(_, (owner, _))| of(owner));
            those
                .min_by_key(|(_, (_, at))| *at)
                .map(|(nonce, _)| nonce.clone())
        };
        let gone = if own >= MOST_OF_ONE {
            oldest(&|owner| owner == officer)
        } else if outstanding.len() >= MOST {
            oldest(&|_| true)
        } else {
            None
        };
        if let Some(gone) = gone {
            outstanding.remove(&gone);
        }
        outstanding.insert(nonce.clone(), (officer.clone(), now));
        nonce
    }

    /// Uses a nonce up. False when it was not issued to this officer, was used before, or is too old.
    #[must_use]
    pub fn redeem(&self, nonce: &str, officer: &OfficerId, now: UnixSeconds) -> bool {
        let mut outstanding = self.outstanding();
        match outstanding.get(nonce) {
            Some((owner, _)) if owner == officer => {}
            _ => return false,
        }
        let issued = outstanding.remove(nonce);
        issued.is_some_and(|(_, at)| now.since(at) < CHALLENGE_LIFETIME)
    }

    fn outstanding(&self) -> MutexGuard<'_, HashMap<String, (OfficerId, UnixSeconds)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::CountingRng;

    // SEC-4
    #[test]
    fn a_nonce_is_good_once_for_its_officer_and_not_for_long() {
        let challenges = Challenges::default();
        let rng = CountingRng::default();
        let (one, two) = ("clerk-01".parse().unwrap(), "clerk-02".parse().unwrap());
        let now = UnixSeconds::new(1_800_000_000).unwrap();
        let nonce = challenges.issue(&one, &rng, now);
        assert!(!challenges.redeem(&nonce, &two, now), "another officer's window");
        assert!(challenges.redeem(&nonce, &one, now));
        assert!(!challenges.redeem(&nonce, &one, now), "used");
        let late = challenges.issue(&one, &rng, now);
        assert!(!challenges.redeem(&late, &one, now.plus_saturating(CHALLENGE_LIFETIME)));
        assert!(!challenges.redeem("never issued", &one, now));
    }

    #[test]
    fn who_draws_nonces_without_end_uses_up_the_own_ones() {
        let challenges = Challenges::default();
        let rng = CountingRng::default();
        let (one, two) = ("clerk-01".parse().unwrap(), "clerk-02".parse().unwrap());
        let now = UnixSeconds::new(1_800_000_000).unwrap();
        let others = challenges.issue(&two, &rng, now);
        let drawn: Vec<_> = (0..=MOST)
            .map(|_| challenges.issue(&one, &rng, now.plus_saturating(1)))
            .collect();
        let later = now.plus_saturating(2);
        assert!(challenges.redeem(&others, &two, later), "another window's wallet");
        let good = drawn.iter().filter(|nonce| challenges.redeem(nonce, &one, later));
        assert_eq!(good.count(), MOST_OF_ONE);
    }
}
