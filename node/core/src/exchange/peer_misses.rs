//! How many look-ups of each peer found nobody: a member county is not to find out, number by number and name by name, who has a
//! permit (VER-15, chapter 14: "rogue county").
//!
//! Two windows of fixed length bound the misses of a peer, ten minutes and a day. A look-up counts as one while it is under way, so
//! that many at once do not get round the bound, and after it only if it found nobody. Whoever has used up a window is refused before
//! anything about a person is read. The counts are kept in the store, in the commit of the answer and whatever the answer was, so that
//! a restart forgives nothing and match and miss do the same work; of answers committed at the same moment the later count stands,
//! which after a restart may be short by those.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use comity_spec::ids::EntityId;
use comity_spec::time::UnixSeconds;
use serde::{Deserialize, Serialize};

use crate::ports::store::{Store, StoreError, Write};

/// Name of the setting that holds the counts.
const SETTING: &str = "peer_misses";
/// Lengths of the windows in seconds.
const TEN_MINUTES: i64 = 600;
const DAY: i64 = 86_400;
/// Seconds after which to come again when what is under way uses up the window: it may have found somebody.
const WHILE_UNDER_WAY: u64 = 1;

/// Misses that are allowed to one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissLimits {
    /// In ten minutes.
    pub per_ten_minutes: u32,
    /// In a day.
    pub per_day: u32,
}

/// The counts, of every peer that missed within a day.
#[derive(Debug, Default)]
pub struct PeerMisses(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Whether the counts of the store were read.
    read: bool,
    counts: BTreeMap<EntityId, Count>,
    under_way: BTreeMap<EntityId, u32>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Count {
    ten_minutes: Window,
    day: Window,
}

/// Misses since its first one.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Window {
    began: UnixSeconds,
    misses: u32,
}

/// A look-up of a peer that is under way.
#[derive(Debug)]
#[must_use = "the look-up counts while this is held"]
pub struct Turn<'a> {
    misses: &'a PeerMisses,
    peer: EntityId,
}

impl PeerMisses {
    /// Begins a look-up, or says after how many seconds the peer may come again.
    ///
    /// # Errors
    /// The store's, when the counts from before a restart cannot be read.
    pub async fn begin(
        &self,
        store: &dyn Store,
        peer: &EntityId,
        now: UnixSeconds,
        limits: MissLimits,
    ) -> Result<Result<Turn<'_>, u64>, StoreError> {
        if !self.state().read {
            let kept = match store.setting(SETTING).await? {
                None => BTreeMap::new(),
                Some(text) => serde_json::from_str(&text).map_err(|error| StoreError::Corrupt {
                    table: "setting",
                    reason: format!("{SETTING}: {error}"),
                })?,
            };
            let mut state = self.state();
            if !state.read {
                (state.read, state.counts) = (true, kept);
            }
        }
        let mut state = self.state();
        let count = state.counts.get(peer).copied().unwrap_or(Count::none(now));
        let under_way = state.under_way.get(peer).copied().unwrap_or_default();
        for (window, length, limit) in [
            (count.ten_minutes, TEN_MINUTES, limits.per_ten_minutes),
            (count.day, DAY, limits.per_day),
        ] {
            let misses = window.at(now, length).misses;
            if misses >= limit {
                let wait = length - now.since(window.began);
                return Ok(Err(u64::try_from(wait.max(1)).unwrap_or(1)));
            }
            if misses.saturating_add(under_way) >= limit {
                return Ok(Err(WHILE_UNDER_WAY));
            }
        }
        *state.under_way.entry(peer.clone()).or_default() += 1;
        Ok(Ok(Turn {
            misses: self,
            peer: peer.clone(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whole after every statement, so a panic elsewhere cannot have left it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// What to write with the answer: the counts, with this look-up in them when it found nobody.
    ///
    /// # Errors
    /// When the counts do not serialise, a defect of ours.
    pub fn count(&self, missed: bool, now: UnixSeconds) -> Result<Write, serde_json::Error> {
        let mut state = self.misses.state();
        if missed {
            let count = state.counts.entry(self.peer.clone()).or_insert(Count::none(now));
            for (window, length) in [(&mut count.ten_minutes, TEN_MINUTES), (&mut count.day, DAY)] {
                *window = window.at(now, length);
                window.misses = window.misses.saturating_add(1);
            }
        }
        state.counts.retain(|_, count| count.day.at(now, DAY).misses > 0);
        Ok(Write::Setting {
            key: SETTING,
            value: serde_json::to_string(&state.counts)?,
        })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.misses.state();
        match state.under_way.get_mut(&self.peer) {
            Some(under_way) if *under_way > 1 => *under_way -= 1,
            _ => {
                state.under_way.remove(&self.peer);
            }
        }
    }
}

impl Count {
    const fn none(now: UnixSeconds) -> Self {
        let window = Window {
            began: now,
            misses: 0,
        };
        Self {
            ten_minutes: window,
            day: window,
        }
    }
}

impl Window {
    /// The window as it is now: a new one when it has run out, or when the clock was set back before it.
    fn at(self, now: UnixSeconds, length: i64) -> Self {
        let age = now.since(self.began);
        if self.misses > 0 && (0..length).contains(&age) {
            self
        } else {
            Self {
                began: now,
                misses: 0,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MemoryStore;

    const LIMITS: MissLimits = MissLimits {
        per_ten_minutes: 2,
        per_day: 3,
    };

    fn at(seconds: i64) -> UnixSeconds {
        UnixSeconds::new(1_800_000_000 + seconds).unwrap()
    }

    fn peer(name: &str) -> EntityId {
        format!("https://{name}.example").parse().unwrap()
    }

    async fn miss(misses: &PeerMisses, store: &MemoryStore, seconds: i64) -> Result<(), u64> {
        let turn = misses
            .begin(store, &peer("one"), at(seconds), LIMITS)
            .await
            .unwrap()?;
        let write = turn.count(true, at(seconds)).unwrap();
        store.commit("test", vec![write]).await.unwrap();
        Ok(())
    }

    #[tokio::test]
    async fn two_windows_bound_a_peer_and_nobody_else_also_after_a_restart() {
        let (misses, store) = (PeerMisses::default(), MemoryStore::default());
        assert_eq!(miss(&misses, &store, 0).await, Ok(()));
        assert_eq!(miss(&misses, &store, 10).await, Ok(()));
        assert_eq!(miss(&misses, &store, 20).await, Err(580));
        assert_eq!(miss(&PeerMisses::default(), &store, 20).await, Err(580));
        let other = misses
            .begin(&store, &peer("other"), at(20), LIMITS)
            .await
            .unwrap();
        assert!(other.is_ok());
        assert_eq!(miss(&misses, &store, 600).await, Ok(()), "ten minutes are over");
        assert_eq!(
            miss(&misses, &store, 700).await,
            Err(DAY as u64 - 700),
            "the day is not"
        );
        assert_eq!(miss(&misses, &store, DAY).await, Ok(()));
    }

    #[tokio::test]
    async fn what_is_under_way_counts_until_it_found_somebody() {
        let (misses, store) = (PeerMisses::default(), MemoryStore::default());
        let one = peer("one");
        let begin = || misses.begin(&store, &one, at(0), LIMITS);
        let (first, second) = (begin().await.unwrap().unwrap(), begin().await.unwrap().unwrap());
        assert_eq!(begin().await.unwrap().unwrap_err(), WHILE_UNDER_WAY);
        let _ = first.count(false, at(0)).unwrap();
        drop((first, second));
        assert!(begin().await.unwrap().is_ok(), "nobody was missed");
    }
}
