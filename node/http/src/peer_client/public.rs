//! The anonymous reader of public URLs: well-known documents, fetch endpoints, status lists. It sends no
//! certificate, no cookie and nothing about the node, so that reading a status list tells its issuer no more than
//! that somebody read the whole of it.

use std::sync::Arc;

use comity_node_core::ports::peers::Fetched;
use reqwest::{StatusCode, header};
use url::Url;

use super::answer::{read_capped, record, refuse_redirect};
use super::{ClientLimits, FetchError, Routes, build};
use crate::tls::{HandshakeClock, PublicTrust, public_client_config};

/// The reader.
#[derive(Debug, Clone)]
pub struct PublicFetcher {
    client: reqwest::Client,
    routes: Arc<Routes>,
}

/// An entity tag longer than this is not kept: the peer chooses it and we store it.
const LONGEST_ETAG: usize = 256;

impl PublicFetcher {
    /// A reader that trusts public servers as `trust` says.
    ///
    /// # Errors
    /// [`FetchError::Tls`] when an extra root is not usable.
    pub fn new(
        trust: &PublicTrust,
        clock: HandshakeClock,
        routes: Arc<Routes>,
        limits: ClientLimits,
    ) -> Result<Self, FetchError> {
        let tls = public_client_config(trust, clock).map_err(FetchError::Tls)?;
        let client = build(tls, &routes, limits)?;
        Ok(Self { client, routes })
    }

    /// Reads `url`, up to `max_bytes`: bundles are larger than single statements. With `if_none_match` the server may say that nothing
    /// changed.
    ///
    /// # Errors
    /// [`FetchError`]; every status but 200 (and 304 to a conditional read) is one.
    pub async fn get_public(
        &self,
        url: &str,
        if_none_match: Option<&str>,
        max_bytes: usize,
    ) -> Result<Fetched, FetchError> {
        let fetched = self.get(url, if_none_match, max_bytes).await;
        record(
            "public",
            fetched.as_ref().map_or_else(FetchError::result, |_| "ok"),
        );
        fetched
    }

    async fn get(
        &self,
        url: &str,
        if_none_match: Option<&str>,
        max_bytes: usize,
    ) -> Result<Fetched, FetchError> {
        let url = https_url(url)?;
        self.routes.check_literal(&url)?;
        let mut request = self.client.get(url);
        if let Some(tag) = if_none_match {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        let response = request.send().await.map_err(|error| FetchError::of(&error))?;
        let status = response.status();
        refuse_redirect(status)?;
        if status == StatusCode::NOT_MODIFIED && if_none_match.is_some() {
            return Ok(Fetched::NotModified);
        }
        if status != StatusCode::OK {
            return Err(FetchError::Status(status.as_u16()));
        }
        let etag = text_header(&response, header::ETAG).filter(|tag| tag.len() <= LONGEST_ETAG);
        let bytes = read_capped(response, max_bytes).await?;
        Ok(Fetched::Body { bytes, etag })
    }
}

/// A URL that may be fetched: HTTPS, with a host, without user, password and fragment.
pub(super) fn https_url(url: &str) -> Result<Url, FetchError> {
    let url = Url::parse(url).map_err(|_not_a_url| FetchError::BadUrl)?;
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if url.scheme() == "https" && url.has_host() && plain {
        Ok(url)
    } else {
        Err(FetchError::BadUrl)
    }
}

pub(super) fn text_header(response: &reqwest::Response, name: header::HeaderName) -> Option<String> {
    response.headers().get(name)?.to_str().ok().map(str::to_owned)
}
