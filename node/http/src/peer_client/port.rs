//! Both clients as the core's port. The typed [`super::FetchError`] becomes the core's, which names the host and
//! the limit for the operator; what a library said in words is left behind here.

use async_trait::async_trait;
use comity_node_core::ports::peers::{FetchError, Fetched, PeerAddress, PeerAnswer, PeerClient};
use url::Url;

use super::{ClientLimits, FederationClient, PublicFetcher};

/// The network as the use cases see it.
#[derive(Debug)]
pub struct PeerNetwork {
    public: PublicFetcher,
    federation: FederationClient,
    limits: ClientLimits,
}

impl PeerNetwork {
    /// The network through these two clients, which were made with these limits.
    #[must_use]
    pub const fn new(public: PublicFetcher, federation: FederationClient, limits: ClientLimits) -> Self {
        Self {
            public,
            federation,
            limits,
        }
    }

    fn in_the_cores_words(&self, error: super::FetchError, url: &str) -> FetchError {
        use super::FetchError as Typed;
        let host = authority(url);
        match error {
            Typed::BadUrl => FetchError::Url(url.to_owned()),
            Typed::AddressNotAllowed(refused) => FetchError::AddressNotAllowed {
                host,
                address: refused.address.to_string(),
            },
            Typed::Timeout => FetchError::Timeout {
                host,
                seconds: self.limits.total.as_secs(),
            },
            Typed::Refused(refusal) => FetchError::Tls {
                host,
                reason: refusal.to_string(),
            },
            Typed::RefusedByPeer | Typed::Tls(_) => FetchError::Tls {
                host,
                reason: error.to_string(),
            },
            Typed::TooLarge { limit } => FetchError::TooLarge { host, limit },
            Typed::Redirect(_) => FetchError::Redirect { host },
            Typed::Status(status) => FetchError::Status { host, status },
            Typed::Connect | Typed::Broken => FetchError::Connect {
                host,
                reason: error.to_string(),
            },
        }
    }
}

/// Host and port; of a text that is no URL, nothing.
fn authority(url: &str) -> String {
    Url::parse(url)
        .map(|url| url.authority().to_owned())
        .unwrap_or_default()
}

#[async_trait]
impl PeerClient for PeerNetwork {
    async fn get(&self, url: &str, if_none_match: Option<&str>, limit: usize) -> Result<Fetched, FetchError> {
        let fetched = self.public.get_public(url, if_none_match, limit).await;
        fetched.map_err(|error| self.in_the_cores_words(error, url))
    }

    async fn post(
        &self,
        peer: &PeerAddress,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<PeerAnswer, FetchError> {
        let answer = self
            .federation
            .post_federation(peer, path, content_type, body)
            .await;
        answer.map_err(|error| self.in_the_cores_words(error, peer.base.as_str()))
    }
}
