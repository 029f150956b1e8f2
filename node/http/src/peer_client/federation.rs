//! The client of peers' federation listeners: mutual TLS with our certificate, and of the server exactly the pins
//! that the trust chain gives for that peer. A change of a peer's pins makes new connections: one from before is
//! never used again, since it may belong to a key the peer has dropped.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use comity_node_core::ports::peers::{PeerAddress, PeerAnswer};
use comity_spec::ids::{EntityId, SpkiPin};
use comity_spec::mutant;
use reqwest::header;
use url::Url;

use super::answer::{read_capped, record, refuse_redirect};
use super::public::{https_url, text_header};
use super::{ClientLimits, FetchError, Routes, build};
use crate::tls::{CertifiedIdentity, HandshakeClock, federation_client_config};

/// The client.
#[derive(Debug)]
pub struct FederationClient {
    identity: Arc<CertifiedIdentity>,
    clock: HandshakeClock,
    routes: Arc<Routes>,
    limits: ClientLimits,
    peers: Mutex<HashMap<EntityId, Connected>>,
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

    /// Sends one signed object (`application/jose`, RFC 7515 §9.2.1, where nothing else is agreed) to `path` under the
    /// peer's base URL.
    ///
    /// # Errors
    /// [`FetchError`] when there is no answer; an answer of any status but a redirect is an `Ok`.
    pub async fn post_federation(
        &self,
        peer: &PeerAddress,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<PeerAnswer, FetchError> {
        let answer = self.post(peer, path, content_type, body).await;
        record(
            "federation",
            answer.as_ref().map_or_else(FetchError::result, |_| "ok"),
        );
        answer
    }

    async fn post(
        &self,
        peer: &PeerAddress,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<PeerAnswer, FetchError> {
        let url = below(&peer.base, path)?;
        self.routes.check_literal(&url)?;
        let response = self
            .client_for(peer)?
            .post(url)
            .header(header::CONTENT_TYPE, content_type)
            .header(header::ACCEPT, "application/jose, application/problem+json")
            .body(body)
            .send()
            .await
            .map_err(|error| FetchError::of(&error))?;
        let status = response.status();
        refuse_redirect(status)?;
        let content_type = media_type(&response);
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
        let pins = BTreeSet::from_iter(peer.pins.iter().copied());
        // The map is whole after every statement, so a panic elsewhere cannot have left it half changed.
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = peers
            .get(&peer.base)
            .filter(|known| known.pins == pins || mutant!("TRN-6/open"))
        {
            return Ok(known.client.clone());
        }
        let tls = federation_client_config(
            Arc::clone(&self.identity),
            pins.iter().copied(),
            self.clock.clone(),
        )
        .map_err(FetchError::Tls)?;
        let client = build(tls, &self.routes, self.limits)?;
        if peers.len() >= MOST_PEERS {
            peers.clear();
        }
        peers.insert(
            peer.base.clone(),
            Connected {
                pins,
                client: client.clone(),
            },
        );
        Ok(client)
    }
}

/// `Content-Type` without its parameters; empty when there is none.
fn media_type(response: &reqwest::Response) -> String {
    let full = text_header(response, header::CONTENT_TYPE).unwrap_or_default();
    full.split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

/// `path` under `base`, refused when it would lead anywhere else: an origin and a path that is kept as it is.
fn below(base: &EntityId, path: &str) -> Result<Url, FetchError> {
    if !path.starts_with('/') {
        return Err(FetchError::BadUrl);
    }
    let joined = https_url(&format!("{base}{path}"))?;
    if joined.path() == path {
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
        let base = "https://yushan.example:8444".parse().unwrap();
        let joined = below(&base, "/federation/v1/hints").unwrap();
        assert_eq!(joined.as_str(), "https://yushan.example:8444/federation/v1/hints");
        for path in [
            "",
            "x",
            ".elsewhere.example/x",
            "@elsewhere.example/x",
            "/x#y",
            "/x?y",
            "/a/../b",
            "/a\\b",
        ] {
            assert!(matches!(below(&base, path), Err(FetchError::BadUrl)), "{path}");
        }
    }
}
