//! Which addresses the node may connect to. Government networks are private ranges behind NAT, so the check is
//! an allow-list the operator writes, and the open internet is one entry of it; loopback is allowed only where a
//! range says so. Refused by default are all special-purpose blocks and every IPv6 form that carries an IPv4
//! address inside (RFC 6890 and the IANA registries; SSRF through those forms is what bypassed other servers).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::Routes;

/// The name resolved to no address that may be connected to. Either the operator's allow-list lacks a range, or
/// the name points where it should not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("目标地址 {address} 不在允许范围内 / the address {address} is not in an allowed range")]
pub struct AddressNotAllowed {
    /// The address in question; of several, the first.
    pub address: IpAddr,
}

/// A block of addresses in CIDR form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressRange {
    network: IpAddr,
    prefix: u32,
}

/// Not a CIDR block, or one with bits set behind its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("地址段应写作 10.20.0.0/16 / an address range is written like 10.20.0.0/16, without host bits")]
pub struct BadAddressRange;

impl AddressRange {
    /// Whether the range holds this address; a range of one family never holds an address of the other.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => v4_within(network, address, self.prefix),
            (IpAddr::V6(network), IpAddr::V6(address)) => v6_within(network, address, self.prefix),
            _ => false,
        }
    }
}

impl FromStr for AddressRange {
    type Err = BadAddressRange;

    fn from_str(text: &str) -> Result<Self, BadAddressRange> {
        let (network, prefix) = text.split_once('/').ok_or(BadAddressRange)?;
        let network: IpAddr = network.parse().map_err(|_not_an_address| BadAddressRange)?;
        let width = if network.is_ipv4() { 32 } else { 128 };
        let canonical = !prefix.is_empty()
            && prefix.bytes().all(|digit| digit.is_ascii_digit())
            && (prefix.len() == 1 || !prefix.starts_with('0'));
        let prefix: u32 = prefix.parse().map_err(|_not_a_number| BadAddressRange)?;
        if !canonical || prefix > width {
            return Err(BadAddressRange);
        }
        let lowest = match network {
            IpAddr::V4(network) => IpAddr::V4(Ipv4Addr::from_bits(
                network.to_bits() & u32::MAX.checked_shl(32 - prefix).unwrap_or(0),
            )),
            IpAddr::V6(network) => IpAddr::V6(Ipv6Addr::from_bits(
                network.to_bits() & u128::MAX.checked_shl(128 - prefix).unwrap_or(0),
            )),
        };
        if lowest == network {
            Ok(Self { network, prefix })
        } else {
            Err(BadAddressRange)
        }
    }
}

/// An address on the open internet: not in a special-purpose block.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4
            .iter()
            .any(|(network, prefix)| v4_within(*network, address, *prefix)),
        IpAddr::V6(address) => {
            v6_within(GLOBAL_UNICAST, address, 3)
                && !SPECIAL_V6
                    .iter()
                    .any(|(network, prefix)| v6_within(*network, address, *prefix))
        }
    }
}

/// IANA IPv4 Special-Purpose Address Registry, multicast and the former class E.
const SPECIAL_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// 2000::/3; everything outside it is special in one way or another (loopback, ULA, link-local, multicast,
/// IPv4-mapped, the translation prefixes under 64:ff9b::/16).
const GLOBAL_UNICAST: Ipv6Addr = Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0);

/// Special blocks inside 2000::/3: protocol assignments with Teredo, documentation, 6to4.
const SPECIAL_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0x0db8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

fn v4_within(network: Ipv4Addr, address: Ipv4Addr, prefix: u32) -> bool {
    let differing = network.to_bits() ^ address.to_bits();
    differing.checked_shr(32 - prefix).unwrap_or(0) == 0
}

fn v6_within(network: Ipv6Addr, address: Ipv6Addr, prefix: u32) -> bool {
    let differing = network.to_bits() ^ address.to_bits();
    differing.checked_shr(128 - prefix).unwrap_or(0) == 0
}

/// Resolves a name and hands on only addresses that may be connected to, so that what was checked is what is
/// connected to and a second answer of the name server (DNS rebinding) changes nothing.
pub(super) struct CheckedResolver {
    routes: Arc<Routes>,
}

impl CheckedResolver {
    pub(super) const fn new(routes: Arc<Routes>) -> Self {
        Self { routes }
    }
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let routes = Arc::clone(&self.routes);
        Box::pin(async move {
            let host = name.as_str();
            // The operator named the proxy; where it stands is not a peer's to choose.
            let is_proxy = routes.is_proxy_host(host);
            let route = routes.of(host);
            let found: Vec<SocketAddr> = match route.address {
                Some(address) if !is_proxy => vec![SocketAddr::new(address, 0)],
                _ => tokio::net::lookup_host((host, 0)).await?.collect(),
            };
            let (allowed, refused): (Vec<_>, Vec<_>) = found
                .into_iter()
                .partition(|found| is_proxy || route.allows(found.ip()));
            if let (true, Some(first)) = (allowed.is_empty(), refused.first()) {
                return Err(AddressNotAllowed { address: first.ip() }.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn range(text: &str) -> AddressRange {
        text.parse().unwrap()
    }

    #[test]
    fn public_addresses_are_public_and_special_ones_are_not() {
        for public in [
            "1.1.1.1",
            "100.63.255.255",
            "172.32.0.1",
            "223.5.5.5",
            "2400:3200::1",
        ] {
            assert!(is_public(address(public)), "{public}");
        }
        for special in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.31.255.255",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:1.1.1.1",
            "::1.1.1.1",
            "64:ff9b::101:101",
            "64:ff9b:1::1",
            "2001::1",
            "2001:db8::1",
            "2002:101:101::1",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(!is_public(address(special)), "{special}");
        }
    }

    #[test]
    fn a_range_holds_its_addresses_and_no_others() {
        assert!(range("10.20.0.0/16").contains(address("10.20.255.255")));
        assert!(!range("10.20.0.0/16").contains(address("10.21.0.0")));
        assert!(range("0.0.0.0/0").contains(address("8.8.8.8")));
        assert!(!range("0.0.0.0/0").contains(address("::1")));
        assert!(range("127.0.0.1/32").contains(address("127.0.0.1")));
        assert!(!range("127.0.0.1/32").contains(address("127.0.0.2")));
        assert!(range("fd00:1::/32").contains(address("fd00:1:ffff::1")));
        assert!(!range("fd00:1::/32").contains(address("fd00:2::1")));
        assert!(range("::/0").contains(address("fd00:2::1")));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in [
            "10.20.0.0",
            "10.20.0.1/16",
            "10.20.0.0/33",
            "10.20.0.0/016",
            "10.20.0.0/",
            "x/8",
            "::/129",
        ] {
            assert_eq!(text.parse::<AddressRange>(), Err(BadAddressRange), "{text}");
        }
    }
}
