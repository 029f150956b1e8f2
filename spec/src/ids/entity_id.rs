//! Entity ids: who a node or an authority is (OpenID Federation's entity identifier, narrowed).
//!
//! An entity id is an https origin with one spelling, so that equality is byte equality and a superior cannot list
//! `https://A.example/` beside `https://a.example`. No path, no query, no user, no trailing slash or dot.

use crate::mutant;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use crate::wire_string::wire_string;

const SCHEME: &str = "https://";
/// `https://` + the longest DNS name + `:65535`.
const MAX_LEN: usize = 8 + 253 + 6;

/// The https origin that names an entity, such as `https://node.changshan.example:8443`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId(Arc<str>);

wire_string!(
    EntityId,
    expecting: "an https origin in lower case without path or trailing slash",
    pattern: r"^https://([a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(:[1-9][0-9]{0,4})?$"
);

/// Why a text is not an entity id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntityIdError {
    /// Another scheme, or none.
    #[error("entity id: does not begin with https://")]
    Scheme,
    /// Longer than any origin.
    #[error("entity id: longer than {MAX_LEN} characters")]
    Length,
    /// A path, query, fragment, user, or trailing slash.
    #[error("entity id: only https://host[:port], without user, path, query or trailing slash")]
    NotAnOrigin,
    /// Capital letters.
    #[error("entity id: the host must be in lower case")]
    Case,
    /// Not a DNS name, nor an address in its canonical form.
    #[error("entity id: the host is neither a DNS name nor an IP address in canonical form")]
    Host,
    /// Not a number from 1 to 65535 in canonical form.
    #[error("entity id: the port is not a number from 1 to 65535 without leading zeros")]
    Port,
    /// `:443` written out.
    #[error("entity id: port 443 is the default and must be left out")]
    DefaultPort,
}

impl EntityId {
    /// The whole origin.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host, an IPv6 address in its brackets.
    pub fn host(&self) -> &str {
        split_port(&self.0[SCHEME.len()..]).0
    }

    /// The port, 443 unless another is written.
    pub fn port(&self) -> u16 {
        split_port(&self.0[SCHEME.len()..])
            .1
            .and_then(|port| port.parse().ok())
            .unwrap_or(443)
    }

    /// A URL under this origin; `path` begins with a slash.
    pub fn join(&self, path: &str) -> String {
        debug_assert!(
            path.starts_with('/'),
            "a path below an origin begins with a slash"
        );
        format!("{}{path}", self.0)
    }
}

impl FromStr for EntityId {
    type Err = EntityIdError;

    fn from_str(text: &str) -> Result<Self, EntityIdError> {
        let insecure = if mutant!("IDN-4") {
            text.strip_prefix("http://")
        } else {
            None
        };
        if text.len() > MAX_LEN {
            return Err(EntityIdError::Length);
        }
        let authority = text
            .strip_prefix(SCHEME)
            .or(insecure)
            .ok_or(EntityIdError::Scheme)?;
        if authority.contains(['/', '?', '#', '@', '\\']) {
            return Err(EntityIdError::NotAnOrigin);
        }
        let (host, port) = split_port(authority);
        check_host(host)?;
        if let Some(port) = port {
            check_port(port)?;
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl AsRef<str> for EntityId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Host and, when a colon follows it, port. The colons of an IPv6 address are inside brackets.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    let host_end = if authority.starts_with('[') {
        authority.find(']').map_or(0, |end| end + 1)
    } else {
        0
    };
    match authority[host_end..].find(':') {
        Some(colon) => (
            &authority[..host_end + colon],
            Some(&authority[host_end + colon + 1..]),
        ),
        None => (authority, None),
    }
}

fn check_host(host: &str) -> Result<(), EntityIdError> {
    if host.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(EntityIdError::Case);
    }
    let canonical = if let Some(inner) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        inner
            .parse::<Ipv6Addr>()
            .is_ok_and(|address| address.to_string() == inner)
    } else if host
        .rsplit('.')
        .next()
        .is_some_and(|label| label.starts_with(|c: char| c.is_ascii_digit()))
        && !mutant!("IDN-4/address")
    {
        // A last label that begins with a digit is read as an IPv4 address by URL parsers, in hex and octal too.
        host.parse::<Ipv4Addr>().is_ok()
    } else {
        host.len() <= 253 && host.split('.').all(is_label)
    };
    if canonical {
        Ok(())
    } else {
        Err(EntityIdError::Host)
    }
}

/// A label of letters, digits and inner hyphens (RFC 1123 §2.1), international names as A-labels.
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn check_port(port: &str) -> Result<(), EntityIdError> {
    if port.is_empty()
        || (port.starts_with('0') && !mutant!("IDN-4/leading-zero"))
        || !port.bytes().all(|b| b.is_ascii_digit())
    {
        return Err(EntityIdError::Port);
    }
    match port.parse::<u16>() {
        Ok(443) if !mutant!("IDN-4/default-port") => Err(EntityIdError::DefaultPort),
        Ok(_) => Ok(()),
        Err(_) => Err(EntityIdError::Port),
    }
}
