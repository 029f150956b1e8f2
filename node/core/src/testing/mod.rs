//! Ports that a test can hold in its hand: a store in memory, a clock that stands still, randomness that repeats itself.
//!
//! Compiled for tests and under the feature `testing` only. [`CountingRng`] is no source of secrets, and nothing here survives
//! the process.

mod county;
mod loopback;
mod memory_store;
mod peers;
mod tables;
mod world;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use comity_spec::time::UnixSeconds;
use sha2::{Digest as _, Sha256};

pub use crate::permits::synthetic::residents;
pub use county::{County, officer};
pub use loopback::{Pair, Wire};
pub use memory_store::MemoryStore;
pub use peers::{Posted, ScriptedPeers};
pub use world::{TestNode, World, signer};

use crate::ports::{Clock, Rng};

/// A clock that moves only when told to.
#[derive(Debug)]
pub struct FixedClock(AtomicI64);

impl FixedClock {
    /// Stands at this second.
    #[must_use]
    pub fn at(now: UnixSeconds) -> Self {
        Self(AtomicI64::new(now.get()))
    }

    /// Moves on, or back when negative.
    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Moves to this second.
    pub fn set(&self, now: UnixSeconds) {
        self.0.store(now.get(), Ordering::SeqCst);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> UnixSeconds {
        UnixSeconds::MIN.plus_saturating(self.0.load(Ordering::SeqCst))
    }
}

/// SHA-256 of a counter: the same bytes in every run, no two blocks alike.
#[derive(Debug, Default)]
pub struct CountingRng(AtomicU64);

impl CountingRng {
    /// Begins elsewhere, so that two sources of one test differ.
    #[must_use]
    pub fn from(start: u64) -> Self {
        Self(AtomicU64::new(start << 32))
    }
}

impl Rng for CountingRng {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(32) {
            let block = self.0.fetch_add(1, Ordering::SeqCst);
            chunk.copy_from_slice(&Sha256::digest(block.to_be_bytes())[..chunk.len()]);
        }
    }
}
