//! How long something that failed is left alone: one second, then twice as long each time, up to five minutes.
//!
//! A loop that meets the same closed door every second (a signing key that is away, a full disk) does no good and some harm: it
//! draws, signs and logs for nothing. Being woken is no reason to try earlier, since whoever wakes does not know of the failure.
//! It refuses to read a clock: the moment is an argument.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The first wait.
const SHORTEST: Duration = Duration::from_secs(1);
/// No wait is longer.
const LONGEST: Duration = Duration::from_secs(300);

/// Waits between attempts at one thing.
#[derive(Debug, Default)]
pub(crate) struct Backoff(Mutex<Option<Wait>>);

#[derive(Clone, Copy, Debug)]
struct Wait {
    since: Instant,
    pause: Duration,
}

impl Backoff {
    /// Whether it may be tried at this moment.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.wait()
            .is_none_or(|wait| now.saturating_duration_since(wait.since) >= wait.pause)
    }

    /// It failed at this moment; how long it is left alone.
    pub(crate) fn failed(&self, now: Instant) -> Duration {
        let mut wait = self.wait();
        let pause = wait.map_or(SHORTEST, |wait| (wait.pause * 2).min(LONGEST));
        *wait = Some(Wait { since: now, pause });
        pause
    }

    /// It was done: the next failure is a first one.
    pub(crate) fn succeeded(&self) {
        *self.wait() = None;
    }

    fn wait(&self) -> MutexGuard<'_, Option<Wait>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_five_minutes_and_begin_anew_after_a_success() {
        let backoff = Backoff::default();
        let mut now = Instant::now();
        assert!(backoff.is_due(now));
        for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            let pause = backoff.failed(now);
            assert_eq!(pause, Duration::from_secs(seconds));
            assert!(!backoff.is_due(now));
            assert!(!backoff.is_due(now + pause - Duration::from_millis(1)));
            now += pause;
            assert!(backoff.is_due(now));
        }
        backoff.succeeded();
        assert!(backoff.is_due(now));
        assert_eq!(backoff.failed(now), Duration::from_secs(1));
    }
}
