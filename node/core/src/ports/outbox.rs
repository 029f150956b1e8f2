//! Messages to peers that wait for delivery: hints and agreement proposals. Signed anew at each attempt, since they are short-lived.

use async_trait::async_trait;
use comity_spec::ids::{Digest, EntityId};
use comity_spec::time::UnixSeconds;
use serde::{Deserialize, Serialize};

use super::store::StoreError;

/// What is to be said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Message {
    /// Status lists changed.
    StatusChanged {
        /// Their addresses.
        lists: Vec<String>,
    },
    /// Our entity configuration changed.
    ConfigurationChanged,
    /// An agreement was proposed or signed: the row by id and version.
    Proposal {
        /// Identifier.
        id: String,
        /// Version.
        version: u32,
        /// The digest of its text; messages queued by earlier programs name none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        digest: Option<Digest>,
    },
    /// We withdrew: the signed withdrawal.
    Withdrawal {
        /// Compact JWS.
        jws: String,
    },
}

/// A queued message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxItem {
    /// Its id.
    pub id: uuid::Uuid,
    /// To whom.
    pub peer: EntityId,
    /// What.
    pub message: Message,
    /// Not before this second.
    pub next_at: UnixSeconds,
    /// Attempts so far; raised by the store at each postponement.
    pub attempts: u32,
}

/// Reading the queue.
#[async_trait]
pub trait OutboxReads: Send + Sync {
    /// Messages due, oldest first.
    async fn due(&self, now: UnixSeconds, limit: u32) -> Result<Vec<OutboxItem>, StoreError>;
}
