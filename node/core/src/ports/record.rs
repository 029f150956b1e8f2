//! The hash-chained record of exchanges: salted digests, purpose, officer, legal basis, times, outcome; no names, no numbers.

use async_trait::async_trait;
use comity_spec::ids::Digest;
use comity_spec::time::UnixSeconds;

use super::store::StoreError;

/// A line before it is linked. `body` is what is hashed: compact JSON in the field order of its author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordBody {
    /// When.
    pub at: UnixSeconds,
    /// Compact JSON.
    pub body: String,
}

/// A line of the chain. `link` = SHA-256(previous link ‖ SHA-256(body)); before the first line, 32 zero bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordLine {
    /// 1, 2, 3…, without gaps.
    pub seq: u64,
    /// When.
    pub at: UnixSeconds,
    /// Compact JSON.
    pub body: String,
    /// The link.
    pub link: Digest,
}

/// A signed head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordHead {
    /// Of this line.
    pub seq: u64,
    /// Its link.
    pub link: Digest,
    /// `comity-record-head+jwt`, compact.
    pub jws: String,
}

/// Links a body to the line before it.
#[must_use]
pub fn link(previous: &Digest, body: &str) -> Digest {
    let mut bytes = [0_u8; 64];
    bytes[..32].copy_from_slice(previous.as_bytes());
    bytes[32..].copy_from_slice(Digest::of(body.as_bytes()).as_bytes());
    Digest::of(bytes)
}

/// Reading the record.
#[async_trait]
pub trait RecordReads: Send + Sync {
    /// The last line.
    async fn last_line(&self) -> Result<Option<RecordLine>, StoreError>;
    /// Lines after a sequence number, in order.
    async fn lines_after(&self, seq: u64, limit: u32) -> Result<Vec<RecordLine>, StoreError>;
    /// The last signed head.
    async fn last_head(&self) -> Result<Option<RecordHead>, StoreError>;
}
