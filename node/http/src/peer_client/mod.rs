//! The client towards other nodes and authorities: the only place of this crate that opens a connection.
//!
//! Two clients, because they are two identities: [`PublicFetcher`] is anonymous and only reads; a
//! [`FederationClient`] shows our certificate and accepts the one peer's pins. Both speak HTTPS only, follow no
//! redirect, resolve a name once, check the address and connect to the address that was checked, and read no
//! more of an answer than its cap (TRN-6, TRN-12 to TRN-14, ATT-12: server-side request forgery). Neither ever takes
//! a URL from a token: callers pass URLs out of verified statements. [`PeerNetwork`] is both, as the core's port.

mod address;
mod answer;
mod federation;
mod port;
mod public;
mod route;

pub use address::{AddressNotAllowed, AddressRange, BadAddressRange};
pub use answer::FetchError;
pub use federation::FederationClient;
pub use port::PeerNetwork;
pub use public::PublicFetcher;
pub use route::{BadProxy, ProxyRoute, Route, Routes};

use std::sync::Arc;
use std::time::Duration;

use comity_spec::mutant;

/// Times and sizes of the client side.
#[derive(Debug, Clone, Copy)]
pub struct ClientLimits {
    /// For resolving, connecting and the TLS handshake.
    pub connect: Duration,
    /// For a whole exchange, answer included.
    pub total: Duration,
    /// How long an unused connection is kept; below the servers' header time-out.
    pub idle: Duration,
    /// Largest answer in bytes (chapter 11.7: 256 KiB).
    pub max_answer_bytes: usize,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            total: Duration::from_secs(15),
            idle: Duration::from_secs(10),
            max_answer_bytes: 256 * 1024,
        }
    }
}

/// What both clients are built on: no redirects, no environment proxies, HTTP/1.1 over the given TLS, and the
/// checking resolver.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where clients towards peers are made"
)]
fn build(
    tls: rustls::ClientConfig,
    routes: &Arc<Routes>,
    limits: ClientLimits,
) -> Result<reqwest::Client, FetchError> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .https_only(true)
        .http1_only()
        .redirect(if mutant!("TRN-12") {
            reqwest::redirect::Policy::limited(3)
        } else {
            reqwest::redirect::Policy::none()
        })
        .referer(false)
        .no_proxy()
        .connect_timeout(limits.connect)
        .timeout(limits.total)
        .pool_idle_timeout(limits.idle)
        .dns_resolver(address::CheckedResolver::new(Arc::clone(routes)));
    if routes.any_proxy() {
        let routes = Arc::clone(routes);
        builder = builder.proxy(reqwest::Proxy::custom(move |target| {
            let route = routes.of(target.host_str()?);
            Some(route.proxy.as_ref()?.url().clone())
        }));
    }
    builder.build().map_err(|error| FetchError::of(&error))
}
