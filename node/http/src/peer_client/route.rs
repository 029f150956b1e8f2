//! How each peer is reached, as its operator agreed with ours: a fixed address, the ranges its name may resolve
//! into, a proxy. Identity never depends on any of it: through a proxy the TLS session and the pins are still
//! end to end. What a proxy connects to is the proxy's to check, since it resolves the name.

use std::collections::HashMap;
use std::net::IpAddr;

use url::{Host, Url};

use super::address::{AddressNotAllowed, AddressRange, is_public};

/// The way to one host.
#[derive(Debug, Clone, Default)]
pub struct Route {
    /// Connect here instead of asking the name service; it must be allowed all the same.
    pub address: Option<IpAddr>,
    /// Ranges the host may be in.
    pub allowed: Vec<AddressRange>,
    /// Whether any address on the open internet is allowed too.
    pub public_internet: bool,
    /// The proxy to go through.
    pub proxy: Option<ProxyRoute>,
}

impl Route {
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        self.allowed.iter().any(|range| range.contains(address))
            || (self.public_internet && is_public(address))
    }
}

/// A proxy: `http://` (CONNECT), `socks5://` (names resolved here) or `socks5h://` (names resolved there).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyRoute(Url);

/// The proxy's URL is not one this node can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "代理地址应为 http://、socks5:// 或 socks5h:// / a proxy is given as http://, socks5:// or socks5h:// with a host"
)]
pub struct BadProxy;

impl ProxyRoute {
    /// A proxy from its URL; a user and password in it are used.
    ///
    /// # Errors
    /// [`BadProxy`] for any other scheme, `https://` included: the pinned TLS below would be applied to it.
    pub fn new(url: &str) -> Result<Self, BadProxy> {
        let url = Url::parse(url).map_err(|_not_a_url| BadProxy)?;
        let known = matches!(url.scheme(), "http" | "socks5" | "socks5h");
        if known && url.host_str().is_some_and(|host| !host.is_empty()) {
            Ok(Self(url))
        } else {
            Err(BadProxy)
        }
    }

    pub(super) const fn url(&self) -> &Url {
        &self.0
    }
}

/// The routes of all hosts. A host without one of its own takes the default.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    /// For hosts not listed. [`Route::default`] allows no address at all.
    pub default: Route,
    /// By host name or address literal, as in the URL, without port.
    pub by_host: HashMap<String, Route>,
}

impl Routes {
    pub(super) fn of(&self, host: &str) -> &Route {
        self.by_host.get(host).unwrap_or(&self.default)
    }

    pub(super) fn any_proxy(&self) -> bool {
        self.all().any(|route| route.proxy.is_some())
    }

    pub(super) fn is_proxy_host(&self, host: &str) -> bool {
        self.all()
            .filter_map(|route| route.proxy.as_ref())
            .any(|proxy| proxy.url().host_str() == Some(host))
    }

    /// An address literal in a URL never passes the resolver, so it is checked here, before anything is sent.
    pub(super) fn check_literal(&self, url: &Url) -> Result<(), AddressNotAllowed> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        let route = self.of(url.host_str().unwrap_or_default());
        if route.proxy.is_some() || route.allows(address) {
            Ok(())
        } else {
            Err(AddressNotAllowed { address })
        }
    }

    fn all(&self) -> impl Iterator<Item = &Route> {
        std::iter::once(&self.default).chain(self.by_host.values())
    }
}
