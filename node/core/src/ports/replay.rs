//! Replay memory: which request was answered with what, by (`iss`, `jti`), durable until it cannot come again.

use async_trait::async_trait;
use comity_spec::ids::Digest;
use comity_spec::time::UnixSeconds;

use super::store::StoreError;

/// An answered request. For the staff API, `scope` is `staff:` and the officer, and `key` the `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Entity id of the requester, or another name space of keys.
    pub scope: String,
    /// `jti`, or another key.
    pub key: String,
    /// SHA-256 of the request as received: other bytes under one key are a conflict.
    pub request: Digest,
    /// The answer as sent; stored encrypted.
    pub answer: Vec<u8>,
    /// Forgotten after this second.
    pub keep_until: UnixSeconds,
}

/// Reading the replay memory.
#[async_trait]
pub trait ReplayReads: Send + Sync {
    /// What was answered under this key.
    async fn answered(&self, scope: &str, key: &str) -> Result<Option<Answered>, StoreError>;
}
