//! Other nodes and authorities, reached over the network. URLs come from verified statements or configuration, never from a
//! token; the adapter follows no redirect, checks the address it resolved and connects to that one.

use async_trait::async_trait;
use comity_spec::ids::{EntityId, SpkiPin};

/// A body fetched from a public listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// 200 with its validator.
    Body {
        /// The bytes, within the size cap.
        bytes: Vec<u8>,
        /// `ETag`, to ask again with.
        etag: Option<String>,
    },
    /// 304: what we have still stands.
    NotModified,
}

/// The answer of a peer's federation listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerAnswer {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`, without parameters.
    pub content_type: String,
    /// `Retry-After` in seconds.
    pub retry_after: Option<u64>,
    /// The body, within the size cap.
    pub body: Vec<u8>,
}

/// Where a peer's federation listener is and which TLS keys it may show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerAddress {
    /// The peer.
    pub entity: EntityId,
    /// Base URL of its federation listener.
    pub base: EntityId,
    /// SPKI pins from the chain.
    pub pins: Vec<SpkiPin>,
}

/// Why a peer could not be reached or was not spoken to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// No connection.
    #[error("no connection to {host}: {reason}")]
    Connect {
        /// Host and port.
        host: String,
        /// In the system's words.
        reason: String,
    },
    /// No answer in time.
    #[error("no answer from {host} within {seconds} s")]
    Timeout {
        /// Host and port.
        host: String,
        /// The limit.
        seconds: u64,
    },
    /// TLS was refused by one side.
    #[error("TLS with {host} was refused: {reason}")]
    Tls {
        /// Host and port.
        host: String,
        /// In words.
        reason: String,
    },
    /// A redirect, which is never followed.
    #[error("{host} answered with a redirect, which is never followed")]
    Redirect {
        /// Host and port.
        host: String,
    },
    /// A status that carries no object.
    #[error("{host} answered {status}")]
    Status {
        /// Host and port.
        host: String,
        /// HTTP status.
        status: u16,
    },
    /// More bytes than the cap.
    #[error("{host} sent more than {limit} bytes")]
    TooLarge {
        /// Host and port.
        host: String,
        /// The cap, in bytes.
        limit: usize,
    },
    /// The address is outside what the operator allows.
    #[error(
        "the address {address} of {host} is not allowed; allow its range in the configuration of the peer"
    )]
    AddressNotAllowed {
        /// Host and port.
        host: String,
        /// The resolved address.
        address: String,
    },
    /// Not a usable https URL.
    #[error("not a usable https URL: {0}")]
    Url(String),
}

/// Largest signed object fetched, in bytes: 256 KiB.
pub const MAX_OBJECT: usize = 256 * 1024;

/// The network.
#[async_trait]
pub trait PeerClient: Send + Sync {
    /// GET from a public listener; at most `limit` bytes.
    async fn get(&self, url: &str, if_none_match: Option<&str>, limit: usize) -> Result<Fetched, FetchError>;

    /// POST a signed object to a peer's federation listener under `path`, over mutual TLS with its pins.
    async fn post(
        &self,
        peer: &PeerAddress,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<PeerAnswer, FetchError>;
}
