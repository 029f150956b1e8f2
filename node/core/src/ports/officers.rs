//! Officers, their sessions, and acts that wait for a second person.

use async_trait::async_trait;
use comity_spec::ids::OfficerId;
use comity_spec::time::UnixSeconds;
use serde::{Deserialize, Serialize};

use super::permits::PermitId;
use super::store::StoreError;

/// What an officer may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Verifies at a window.
    Clerk,
    /// Issues and changes permits.
    Issuer,
    /// Approves two-person acts, releases limits.
    Supervisor,
}

/// An officer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Officer {
    /// Pseudonym: all that leaves the county.
    pub id: OfficerId,
    /// 1 at first, one more at each change, a counted sign-in included; a change is refused unless the stored one is one less.
    pub version: i64,
    /// Name as the county knows it; stored encrypted.
    pub name: String,
    /// What the officer may do.
    pub roles: Vec<Role>,
    /// Argon2id hash (PHC string).
    pub password: String,
    /// May sign in.
    pub active: bool,
    /// Wrong passwords in a row.
    pub failures: u32,
    /// No sign-in before this second.
    pub locked_until: Option<UnixSeconds>,
}

/// A signed-in officer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the cookie's token; the token itself is nowhere.
    pub token: [u8; 32],
    /// Who.
    pub officer: OfficerId,
    /// Token that forms carry against forged posts.
    pub csrf: String,
    /// Ends then.
    pub expires: UnixSeconds,
}

/// An act that waits for a second person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingAct {
    /// Its id.
    pub id: uuid::Uuid,
    /// The permit.
    pub permit: PermitId,
    /// What is asked: today only the cancellation, with its reason code.
    pub reason: String,
    /// Who asked.
    pub proposed_by: OfficerId,
    /// When.
    pub at: UnixSeconds,
    /// Who decided and how; absent while it waits.
    pub decided: Option<(OfficerId, bool)>,
}

/// Reading officers.
#[async_trait]
pub trait OfficerReads: Send + Sync {
    /// One officer.
    async fn officer(&self, id: &OfficerId) -> Result<Option<Officer>, StoreError>;
    /// All of them.
    async fn officers(&self) -> Result<Vec<Officer>, StoreError>;
    /// The session with this token digest.
    async fn session(&self, token: &[u8; 32]) -> Result<Option<Session>, StoreError>;
    /// Acts that wait.
    async fn pending_acts(&self) -> Result<Vec<PendingAct>, StoreError>;
    /// One act.
    async fn pending_act(&self, id: uuid::Uuid) -> Result<Option<PendingAct>, StoreError>;
}
