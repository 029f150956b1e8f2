//! Cookies (RFC 6265bis): read by exact name, set `HttpOnly`, `SameSite=Strict` and for the whole host; over TLS with `Secure` and
//! the `__Host-` prefix, so that no sibling host can set one. None holds personal data: a session token, the language, the service
//! chosen last, and a token that ties the sign-in form to this browser.

use http::{HeaderMap, HeaderValue, header};

use super::state::Channel;

/// A cookie of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cookie {
    /// The session's token.
    Session,
    /// Ties the sign-in form to the browser that was shown it.
    Form,
    /// `zh` or `en`.
    Language,
    /// The service chosen last.
    Service,
}

impl Cookie {
    const fn name(self, channel: Channel) -> &'static str {
        match (self, channel) {
            (Self::Session, Channel::Tls) => "__Host-comity",
            (Self::Session, Channel::PlainLoopback) => "comity",
            (Self::Form, Channel::Tls) => "__Host-comity-form",
            (Self::Form, Channel::PlainLoopback) => "comity-form",
            (Self::Language, Channel::Tls) => "__Host-comity-lang",
            (Self::Language, Channel::PlainLoopback) => "comity-lang",
            (Self::Service, Channel::Tls) => "__Host-comity-service",
            (Self::Service, Channel::PlainLoopback) => "comity-service",
        }
    }

    /// Seconds that a browser keeps it; `None` until it is closed.
    const fn kept(self) -> Option<u32> {
        match self {
            Self::Session | Self::Form => None,
            Self::Language | Self::Service => Some(365 * 86_400),
        }
    }

    /// Its value in a request. Two cookies of one name are none: one of them was planted.
    pub(super) fn read(self, headers: &HeaderMap, channel: Channel) -> Option<&str> {
        let name = self.name(channel);
        let mut found = headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value);
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    /// The header that sets it. `None` when the value cannot stand in a cookie, which no value of ours is.
    pub(super) fn set(self, value: &str, channel: Channel) -> Option<HeaderValue> {
        let age = self
            .kept()
            .map_or_else(String::new, |seconds| format!("; Max-Age={seconds}"));
        let fits = value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.@".contains(&b));
        fits.then(|| {
            HeaderValue::try_from(format!(
                "{}={value}{age}{}",
                self.name(channel),
                attributes(channel)
            ))
            .ok()
        })?
    }

    /// The header that takes it away.
    pub(super) fn clear(self, channel: Channel) -> Option<HeaderValue> {
        HeaderValue::try_from(format!(
            "{}=; Max-Age=0{}",
            self.name(channel),
            attributes(channel)
        ))
        .ok()
    }
}

const fn attributes(channel: Channel) -> &'static str {
    match channel {
        Channel::Tls => "; Path=/; HttpOnly; SameSite=Strict; Secure",
        Channel::PlainLoopback => "; Path=/; HttpOnly; SameSite=Strict",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(cookie: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(cookie).unwrap())])
    }

    #[test]
    fn over_tls_the_session_is_host_bound_and_out_of_reach_of_script() {
        let set = Cookie::Session.set("abc", Channel::Tls).unwrap();
        assert_eq!(
            set,
            "__Host-comity=abc; Path=/; HttpOnly; SameSite=Strict; Secure"
        );
        let plain = Cookie::Session.set("abc", Channel::PlainLoopback).unwrap();
        assert_eq!(plain, "comity=abc; Path=/; HttpOnly; SameSite=Strict");
        assert!(Cookie::Session.set("a;b", Channel::Tls).is_none());
    }

    #[test]
    fn only_the_exact_name_counts_and_a_planted_second_one_voids_it() {
        let read = |cookie: &str| {
            Cookie::Session
                .read(&sent(cookie), Channel::Tls)
                .map(str::to_owned)
        };
        assert_eq!(read("a=1; __Host-comity=xyz").as_deref(), Some("xyz"));
        assert_eq!(read("comity=xyz"), None, "the name without the prefix");
        assert_eq!(read("__Host-comity=one; __Host-comity=two"), None);
        assert_eq!(read("__Host-comity-form=xyz"), None);
    }
}
