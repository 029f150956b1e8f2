//! The ports: everything a use case needs from outside, as small traits in the words of the domain.
//!
//! Time, randomness, signing, peers and storage come in through these and nothing else does; the adapters live in `node/store`,
//! `node/http` and the binary. A use case takes a [`crate::Node`], which holds one of each.

pub mod agreements;
pub mod attestations;
pub mod officers;
pub mod outbox;
pub mod peers;
pub mod permits;
pub mod recognitions;
pub mod record;
pub mod replay;
pub mod signer;
pub mod store;
pub mod trust;

use comity_spec::time::UnixSeconds;

/// Wall-clock time. Tests hold it still.
pub trait Clock: Send + Sync {
    /// Now, in whole seconds since 1970.
    fn now(&self) -> UnixSeconds;

    /// Now in milliseconds, for time-ordered row ids only.
    fn now_millis(&self) -> u64 {
        u64::try_from(self.now().get()).unwrap_or(0).saturating_mul(1000)
    }
}

/// Cryptographic randomness.
pub trait Rng: Send + Sync {
    /// Fills the buffer. Aborts the process when the system has no randomness to give: nothing safe can follow.
    fn fill(&self, buffer: &mut [u8]);
}

impl dyn Rng + '_ {
    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A number below `bound`, without bias. `bound` 0 gives 0.
    #[must_use]
    pub fn below(&self, bound: u32) -> u32 {
        if bound == 0 {
            return 0;
        }
        // Rejection sampling: the largest multiple of `bound` that fits, so that every residue is equally likely.
        let limit = u32::MAX - u32::MAX % bound;
        loop {
            let draw = u32::from_le_bytes(self.bytes::<4>());
            if draw < limit {
                return draw % bound;
            }
        }
    }
}

/// A time-ordered row id (UUIDv7, RFC 9562): ordered ids keep inserts at the end of the index.
#[must_use]
pub fn row_id(clock: &dyn Clock, rng: &dyn Rng) -> uuid::Uuid {
    uuid::Builder::from_unix_timestamp_millis(clock.now_millis(), &rng.bytes::<10>()).into_uuid()
}
