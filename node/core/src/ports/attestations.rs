//! Attestations issued here, the status index of each, and our own status lists.
//!
//! A list hands out its indices along a secret random order that follows from its `seed`; the *position* in that order is what
//! is counted, so that handing out is one increment and the index still tells nothing.

use async_trait::async_trait;
use comity_spec::ids::Digest;
use comity_spec::status::StatusValue;
use comity_spec::time::UnixSeconds;

use super::permits::PermitId;
use super::store::StoreError;

/// Number of one of our own status lists, 1, 2, 3…
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListId(pub i64);

/// The two forms of an attestation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// File or wallet.
    Full,
    /// Code on paper or a phone.
    Card,
}

/// An attestation that was issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuance {
    /// Row id.
    pub id: uuid::Uuid,
    /// Whose.
    pub permit: PermitId,
    /// The permit's version it states; the write is refused when the permit has another by then.
    pub permit_version: i64,
    /// Which form.
    pub form: Form,
    /// Its list.
    pub list: ListId,
    /// Its index.
    pub index: u32,
    /// Position of the index in the list's order.
    pub position: u32,
    /// Issued at.
    pub iat: UnixSeconds,
    /// End of the day to which the permit is endorsed.
    pub exp: UnixSeconds,
    /// Status at present.
    pub status: StatusValue,
    /// SHA-256 of the token.
    pub digest: Digest,
    /// The token; stored encrypted.
    pub token: String,
}

/// A new list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewStatusList {
    /// Its number.
    pub id: ListId,
    /// Its address.
    pub uri: String,
    /// Secret of its order; stored encrypted.
    pub seed: [u8; 32],
    /// When it was made.
    pub created_at: UnixSeconds,
}

/// An entry that means nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoy {
    /// Its list.
    pub list: ListId,
    /// Its index; never handed out.
    pub index: u32,
    /// What it shows.
    pub status: StatusValue,
}

/// A signed list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Which.
    pub list: ListId,
    /// Signed at; strictly rises.
    pub iat: UnixSeconds,
    /// The token.
    pub token: String,
    /// The list's change counter that the token shows; see [`StatusListRow::changes`].
    pub changes: i64,
}

/// One of our own lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusListRow {
    /// Its number.
    pub id: ListId,
    /// Its address.
    pub uri: String,
    /// Secret of its order.
    pub seed: [u8; 32],
    /// The next free position.
    pub next_position: u32,
    /// Raised by the store at each change of an entry's status.
    pub changes: i64,
    /// `changes` at the last publication.
    pub published_changes: i64,
    /// Last publication.
    pub published_iat: Option<UnixSeconds>,
    /// Last token.
    pub token: Option<String>,
}

/// Reading attestations and lists.
#[async_trait]
pub trait AttestationReads: Send + Sync {
    /// Unexpired attestations of a permit, newest first.
    async fn attestations_of(&self, permit: PermitId, now: UnixSeconds) -> Result<Vec<Issuance>, StoreError>;
    /// How many unexpired attestations there are.
    async fn attestation_count(&self) -> Result<u64, StoreError>;
    /// Our lists.
    async fn status_lists(&self) -> Result<Vec<StatusListRow>, StoreError>;
    /// Every entry of a list that is not 0, decoys included.
    async fn nonzero(&self, list: ListId) -> Result<Vec<(u32, StatusValue)>, StoreError>;
    /// Decoys of a list.
    async fn decoys(&self, list: ListId) -> Result<Vec<Decoy>, StoreError>;
}
