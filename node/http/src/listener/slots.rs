//! Places for connections: so many in all, so many for one key or address, and a few that only the revocation
//! path may take, so that a flood on one listener cannot silence the news that a permit was cancelled.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use comity_spec::mutant;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Which places a listener or route may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// The ordinary places only.
    Ordinary,
    /// The ordinary places, and the reserved ones when those are gone.
    Priority,
}

/// The places of the process. Clones share them.
#[derive(Debug, Clone)]
pub struct Slots {
    ordinary: Arc<Semaphore>,
    reserved: Arc<Semaphore>,
    turning_away: Arc<Semaphore>,
}

/// Connections that may be told 503 at once. A TLS handshake costs a third of a millisecond, so telling everybody
/// would itself be the overload; beyond these a connection is closed without a word.
const TOLD_AT_ONCE: usize = 32;

impl Slots {
    /// `total` places, `reserved` of them for [`Lane::Priority`] alone.
    #[must_use]
    pub fn new(total: usize, reserved: usize) -> Self {
        let reserved = reserved.min(total);
        Self {
            ordinary: Arc::new(Semaphore::new(total - reserved)),
            reserved: Arc::new(Semaphore::new(reserved)),
            turning_away: Arc::new(Semaphore::new(TOLD_AT_ONCE)),
        }
    }

    pub(super) fn admit(&self, lane: Lane) -> Admission {
        let place = take(&self.ordinary).or_else(|| match lane {
            Lane::Ordinary => None,
            Lane::Priority => take(&self.reserved),
        });
        match place {
            Some(place) => Admission::Served(place),
            None => take(&self.turning_away).map_or(Admission::Dropped, Admission::TurnedAway),
        }
    }
}

/// What becomes of a connection; holds its place until dropped.
pub(super) enum Admission {
    /// It is served.
    Served(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit),
    /// It is told 503 and to come again.
    TurnedAway(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit),
    /// It is closed.
    Dropped,
}

fn take(places: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    Arc::clone(places).try_acquire_owned().ok()
}

/// At most so many connections for one key.
pub(super) struct KeyedSlots<K: Eq + Hash> {
    limit: usize,
    held: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Eq + Hash + Clone> KeyedSlots<K> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            held: Arc::default(),
        }
    }

    /// A place for `key`, given back when dropped; `None` when it has all of its places.
    pub(super) fn enter(&self, key: K) -> Option<KeyedSlot<K>> {
        // The map is whole after every statement, so a panic elsewhere cannot have left it half changed.
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.get(&key).copied().unwrap_or(0);
        if count >= self.limit && !mutant!("TRN-10") {
            return None;
        }
        held.insert(key.clone(), count + 1);
        Some(KeyedSlot {
            key,
            held: Arc::clone(&self.held),
        })
    }
}

/// One place of a key.
pub(super) struct KeyedSlot<K: Eq + Hash> {
    key: K,
    held: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Eq + Hash> Drop for KeyedSlot<K> {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.get_mut(&self.key) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                held.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_gets_its_places_back_and_leaves_nothing_behind() {
        let slots = KeyedSlots::new(2);
        let (first, second) = (slots.enter("yushan"), slots.enter("yushan"));
        assert!(first.is_some() && second.is_some());
        assert!(slots.enter("yushan").is_none());
        assert!(slots.enter("changshan").is_some());
        drop(first);
        assert!(slots.enter("yushan").is_some());
        drop(second);
        assert!(slots.held.lock().is_ok_and(|held| held.is_empty()));
    }

    #[test]
    fn the_priority_lane_has_places_when_the_others_are_gone() {
        let slots = Slots::new(2, 1);
        let ordinary = slots.admit(Lane::Ordinary);
        assert!(matches!(ordinary, Admission::Served(_)));
        assert!(matches!(slots.admit(Lane::Ordinary), Admission::TurnedAway(_)));
        let priority = slots.admit(Lane::Priority);
        assert!(matches!(priority, Admission::Served(_)));
        assert!(matches!(slots.admit(Lane::Priority), Admission::TurnedAway(_)));
    }

    #[test]
    fn beyond_those_that_are_told_a_connection_is_dropped() {
        let slots = Slots::new(0, 0);
        let told: Vec<_> = (0..TOLD_AT_ONCE).map(|_| slots.admit(Lane::Ordinary)).collect();
        assert!(
            told.iter()
                .all(|admission| matches!(admission, Admission::TurnedAway(_)))
        );
        assert!(matches!(slots.admit(Lane::Ordinary), Admission::Dropped));
    }
}
