//! The client of peers' federation listeners: mutual TLS with our certificate, and of the server exactly the pins
//! that the trust chain gives for that peer. A change of a peer's pins makes new connections: one from before is
//! never used again, since it may belong to a key the peer has dropped.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::header;
use url::Url;

use super::answer::{read_capped, record, refuse_redirect};
use super::public::{https_url, text_header};
use super::{ClientLimits, FetchError, Routes, build};
use crate::tls::{CertifiedIdentity, HandshakeClock, SpkiPin, federation_client_config};

/// Where a peer's federation listener is and which keys it may show: both from its verified statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAddress {
    /// The federation base URL, `https://host[:port]`.
    pub url: String,
    /// The SPKI pins of its instances; none means that it cannot be reached.
    pub pins: BTreeSet<SpkiPin>,
}

/// A peer's answer, whatever its status says: a refusal of a peer is a signed or typed document too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAnswer {
    /// The HTTP status.
    pub status: u16,
    /// What the peer called the body.
    pub content_type: Option<String>,
    /// The body as received.
    pub body: Vec<u8>,
    /// The peer asked us to wait this many seconds (`Retry-After`).
    pub retry_after: Option<u64>,
}

/// The client.
#[derive(Debug)]
pub struct FederationClient {
    identity: Arc<CertifiedIdentity>,
    clock: HandshakeClock,
    routes: Arc<Routes>,
    limits: ClientLimits,
    peers: Mutex<HashMap<String, Connected>>,
}

#[derive(Debug)]
struct Connected {
    pins: BTreeSet<SpkiPin>,
    client: reqwest::Client,
}

/// More peers than the country has counties cannot be met; reaching this empties the pool of clients.
const MOST_PEERS: usize = 4_096;

impl FederationClient {
    /// A client that shows `identity`, also after it has been replaced.
    #[must_use]
    pub fn new(
        identity: Arc<CertifiedIdentity>,
        clock: HandshakeClock,
        routes: Arc<Routes>,
        limits: ClientLimits,
    ) -> Self {
        Self {
            identity,
            clock,
            routes,
            limits,
            peers: Mutex::default(),
        }
    }

    /// Sends one signed object (JWS, `application/jose`, RFC 7515 §9.2.1) to `path` under the peer's base URL.
    ///
    /// # Errors
    /// [`FetchError`] when there is no answer; an answer of any status but a redirect is an `Ok`.
    pub async fn post_federation(
        &self,
        peer: &PeerAddress,
        path: &str,
        body: Vec<u8>,
    ) -> Result<PeerAnswer, FetchError> {
        let answer = self.post(peer, path, body).await;
        record(
            "federation",
            answer.as_ref().map_or_else(FetchError::result, |_| "ok"),
        );
        answer
    }

    async fn post(&self, peer: &PeerAddress, path: &str, body: Vec<u8>) -> Result<PeerAnswer, FetchError> {
        let url = below(&peer.url, path)?;
        self.routes.check_literal(&url)?;
        let response = self
            .client_for(peer)?
            .post(url)
            .header(header::CONTENT_TYPE, "application/jose")
            .header(header::ACCEPT, "application/jose, application/problem+json")
            .body(body)
            .send()
            .await
            .map_err(|error| FetchError::of(&error))?;
        let status = response.status();
        refuse_redirect(status)?;
        let content_type = text_header(&response, header::CONTENT_TYPE);
        let retry_after =
            text_header(&response, header::RETRY_AFTER).and_then(|seconds| seconds.parse().ok());
        let body = read_capped(response, self.limits.max_answer_bytes).await?;
        Ok(PeerAnswer {
            status: status.as_u16(),
            content_type,
            body,
            retry_after,
        })
    }

    fn client_for(&self, peer: &PeerAddress) -> Result<reqwest::Client, FetchError> {
        // The map is whole after every statement, so a panic elsewhere cannot have left it half changed.
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = peers.get(&peer.url).filter(|known| known.pins == peer.pins) {
            return Ok(known.client.clone());
        }
        let tls = federation_client_config(
            Arc::clone(&self.identity),
            peer.pins.iter().copied(),
            self.clock.clone(),
        )
        .map_err(FetchError::Tls)?;
        let client = build(tls, &self.routes, self.limits)?;
        if peers.len() >= MOST_PEERS {
            peers.clear();
        }
        peers.insert(
            peer.url.clone(),
            Connected {
                pins: peer.pins.clone(),
                client: client.clone(),
            },
        );
        Ok(client)
    }
}

/// `path` under `base`, refused when it would lead anywhere else.
fn below(base: &str, path: &str) -> Result<Url, FetchError> {
    let base = https_url(base)?;
    if !path.starts_with('/') || path.starts_with("//") || base.query().is_some() {
        return Err(FetchError::BadUrl);
    }
    let joined = https_url(&format!("{}{path}", base.as_str().trim_end_matches('/')))?;
    let inside =
        joined.origin() == base.origin() && joined.path().starts_with(base.path().trim_end_matches('/'));
    if inside {
        Ok(joined)
    } else {
        Err(FetchError::BadUrl)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_under_its_base() {
        let joined = below("https://yushan.example:8444", "/federation/v1/hints").unwrap();
        assert_eq!(joined.as_str(), "https://yushan.example:8444/federation/v1/hints");
        let joined = below("https://gov.example/yushan/", "/federation/v1/hints").unwrap();
        assert_eq!(joined.as_str(), "https://gov.example/yushan/federation/v1/hints");
    }

    #[test]
    fn anything_else_is_no_url_to_post_to() {
        for (base, path) in [
            ("http://yushan.example", "/x"),
            ("https://user@yushan.example", "/x"),
            ("https://yushan.example?q", "/x"),
            ("https://yushan.example", "x"),
            ("https://yushan.example", "//elsewhere.example/x"),
            ("https://yushan.example", ".elsewhere.example/x"),
            ("https://yushan.example", "/x#fragment"),
            ("https://gov.example/yushan", "/../changshan/x"),
        ] {
            assert!(
                matches!(below(base, path), Err(FetchError::BadUrl)),
                "{base} {path}"
            );
        }
    }
}
