//! How many look-ups of an officer found nobody in the last ten minutes: a window is no place to try out numbers.
//!
//! A look-up is counted before it is made and taken back when it found somebody or could not be made, so that neither many at
//! once nor hanging up gets round the limit. Matches are not limited here; the record shows them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use comity_spec::ids::OfficerId;
use comity_spec::time::UnixSeconds;

/// Length of the window in seconds.
const WINDOW: i64 = 600;

/// The counters, one per officer.
#[derive(Debug, Default)]
pub struct Misses(Mutex<HashMap<OfficerId, Vec<UnixSeconds>>>);

/// A look-up that counts as a miss until [`Counted::forgive`] says otherwise.
#[derive(Debug)]
#[must_use = "a look-up that found somebody has to be taken back"]
pub struct Counted<'a> {
    counters: &'a Misses,
    officer: OfficerId,
    at: UnixSeconds,
}

impl Misses {
    /// Counts a look-up that is about to be made.
    ///
    /// # Errors
    /// The minutes to wait, from 1, when the officer has used up `limit`.
    pub fn count(&self, officer: &OfficerId, now: UnixSeconds, limit: u32) -> Result<Counted<'_>, u32> {
        let mut counters = self.counters();
        // Whoever has no miss in the window has no entry: the map holds the officers of the last ten minutes.
        counters.retain(|_, times| {
            times.retain(|at| now.since(*at) < WINDOW);
            !times.is_empty()
        });
        let times = counters.entry(officer.clone()).or_default();
        if times.len() >= limit as usize {
            let oldest = times.iter().min().copied().unwrap_or(now);
            let seconds = (WINDOW - now.since(oldest)).clamp(1, WINDOW);
            return Err(u32::try_from((seconds + 59) / 60).unwrap_or(10));
        }
        times.push(now);
        Ok(Counted {
            counters: self,
            officer: officer.clone(),
            at: now,
        })
    }

    /// Forgets an officer's misses: a supervisor released the limit.
    pub fn release(&self, officer: &OfficerId) {
        self.counters().remove(officer);
    }

    fn counters(&self) -> MutexGuard<'_, HashMap<OfficerId, Vec<UnixSeconds>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted<'_> {
    /// It was no miss: somebody was found, or nobody could be asked.
    pub fn forgive(self) {
        let mut counters = self.counters.counters();
        if let Some(times) = counters.get_mut(&self.officer)
            && let Some(place) = times.iter().position(|at| *at == self.at)
        {
            times.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> UnixSeconds {
        UnixSeconds::new(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn ten_misses_in_ten_minutes_and_not_one_more() {
        let misses = Misses::default();
        let officer: OfficerId = "clerk-01".parse().unwrap();
        for second in 0..10 {
            let _ = misses.count(&officer, at(second), 10).unwrap();
        }
        assert_eq!(misses.count(&officer, at(30), 10).unwrap_err(), 10);
        assert_eq!(misses.count(&officer, at(560), 10).unwrap_err(), 1);
        let other: OfficerId = "clerk-02".parse().unwrap();
        assert!(misses.count(&other, at(30), 10).is_ok());
        assert!(
            misses.count(&officer, at(600), 10).is_ok(),
            "the first has left the window"
        );
    }

    #[test]
    fn who_found_somebody_has_missed_nobody() {
        let misses = Misses::default();
        let officer: OfficerId = "clerk-01".parse().unwrap();
        for second in 0..100 {
            misses.count(&officer, at(second), 1).unwrap().forgive();
        }
        let _ = misses.count(&officer, at(100), 1).unwrap();
        assert!(misses.count(&officer, at(100), 1).is_err());
        misses.release(&officer);
        assert!(misses.count(&officer, at(100), 1).is_ok());
    }
}
