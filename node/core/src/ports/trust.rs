//! What was accepted from others and must not be rolled back: statements, member lists, peers' status lists, tombstones.

use async_trait::async_trait;
use comity_spec::ids::EntityId;
use comity_spec::status::StatusValue;
use comity_spec::time::UnixSeconds;

use super::store::StoreError;

/// An accepted entity statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementRow {
    /// Who states.
    pub iss: EntityId,
    /// Who is described.
    pub sub: EntityId,
    /// Issued at: the floor for (`iss`, `sub`).
    pub iat: UnixSeconds,
    /// Last good until then.
    pub exp: UnixSeconds,
    /// As signed.
    pub jws: String,
}

/// An accepted member list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberListRow {
    /// The authority.
    pub iss: EntityId,
    /// Its sequence number: the floor.
    pub seq: u64,
    /// Issued at.
    pub iat: UnixSeconds,
    /// Current until then.
    pub exp: UnixSeconds,
    /// As signed.
    pub jws: String,
}

/// A peer's accepted status list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatusRow {
    /// Its address.
    pub uri: String,
    /// Whose it is.
    pub iss: EntityId,
    /// Signed at: the floor for the address.
    pub iat: UnixSeconds,
    /// Never read from then on.
    pub exp: UnixSeconds,
    /// `ETag` to ask again with.
    pub etag: Option<String>,
    /// As signed.
    pub token: String,
}

/// A permanent status (1 or 3), seen while its list was valid. Outlives the list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tombstone {
    /// The list's address.
    pub uri: String,
    /// The index.
    pub index: u32,
    /// Cancelled or superseded; a later cancelled replaces superseded, never the reverse.
    pub status: StatusValue,
    /// When it was seen.
    pub seen_at: UnixSeconds,
}

/// Reading what was accepted.
#[async_trait]
pub trait TrustReads: Send + Sync {
    /// Newest statement of each (`iss`, `sub`), expired ones included (their floor still holds).
    async fn statements(&self) -> Result<Vec<StatementRow>, StoreError>;
    /// Newest member list of each authority.
    async fn member_lists(&self) -> Result<Vec<MemberListRow>, StoreError>;
    /// Newest status list of each address.
    async fn peer_status(&self) -> Result<Vec<PeerStatusRow>, StoreError>;
    /// Every tombstone.
    async fn tombstones(&self) -> Result<Vec<Tombstone>, StoreError>;
}
