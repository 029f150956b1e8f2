//! The system's clock and randomness: the one place below which neither is read.

use comity_node_core::ports::{Clock, Rng};
use comity_spec::time::UnixSeconds;

/// The wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the clock that everything else gets as a port"
    )]
    fn now(&self) -> UnixSeconds {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        UnixSeconds::new(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
            .unwrap_or_else(|_| UnixSeconds::new(0).expect("0 is a time"))
    }

    #[allow(clippy::disallowed_methods, reason = "as above")]
    fn now_millis(&self) -> u64 {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// The system's cryptographic randomness.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SystemRng;

impl Rng for SystemRng {
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the randomness that everything else gets as a port"
    )]
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer)
            .expect("without system randomness no key, nonce or salt is safe, so the process ends");
    }
}
