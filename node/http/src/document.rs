//! A document held in memory, ready to be sent: media type, bytes, a strong validator (RFC 9110 §8.8.3) and how long
//! a reader may keep it.
//!
//! Everything on the public and authority routers is one of these, made when it changed and not when it is asked for, so
//! that an answer costs no read of the store and no signature. What they hold is public by nature: any web page may
//! read it (CORS), and nothing here depends on who asks.

use axum::body::{Body, Bytes};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comity_spec::ids::Digest;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

/// Media type of plain JSON documents.
const JSON: &str = "application/json";

/// How long a reader may use a document without asking again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// It may be kept, but is asked about before each use: a county that drops a key is believed at once.
    AskAgain,
    /// So many seconds.
    Seconds(u32),
}

impl Keeping {
    fn cache_control(self) -> HeaderValue {
        match self {
            Self::AskAgain => HeaderValue::from_static("public, no-cache"),
            Self::Seconds(seconds) => HeaderValue::try_from(format!("public, max-age={seconds}"))
                .expect("a number among ASCII letters is a header value"),
        }
    }
}

/// One document.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    media_type: HeaderValue,
    bytes: Bytes,
    etag: HeaderValue,
    cache_control: HeaderValue,
}

impl Document {
    /// A document of these bytes. Its `ETag` is the SHA-256 of the bytes.
    pub(crate) fn new(media_type: &'static str, bytes: impl Into<Bytes>, keeping: Keeping) -> Self {
        let bytes = bytes.into();
        let digest = URL_SAFE_NO_PAD.encode(Digest::of(&bytes).as_bytes());
        Self {
            media_type: HeaderValue::from_static(media_type),
            etag: HeaderValue::try_from(format!("\"{digest}\""))
                .expect("base64url in quotes is a header value"),
            cache_control: keeping.cache_control(),
            bytes,
        }
    }

    /// A JSON document.
    pub(crate) fn json(value: &impl Serialize, keeping: Keeping) -> Self {
        let bytes = serde_json::to_vec(value)
            .expect("documents are made of strings, numbers and lists, which always serialise");
        Self::new(JSON, bytes, keeping)
    }

    /// The answer to a request with these headers: the document, or 304 where the reader has it.
    pub(crate) fn answer(&self, asked: &HeaderMap) -> Response {
        let known = is_known(asked, &self.etag);
        let mut response = Response::new(if known {
            Body::empty()
        } else {
            Body::from(self.bytes.clone())
        });
        let headers = response.headers_mut();
        headers.insert(header::ETAG, self.etag.clone());
        headers.insert(header::CACHE_CONTROL, self.cache_control.clone());
        headers.insert(ANY_ORIGIN.0, ANY_ORIGIN.1);
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            headers.insert(header::CONTENT_TYPE, self.media_type.clone());
            headers.insert(
                header::X_CONTENT_TYPE_OPTIONS,
                HeaderValue::from_static("nosniff"),
            );
        }
        response
    }
}

/// Browsers may read what is public (Token Status List §8.1 asks for it).
const ANY_ORIGIN: (HeaderName, HeaderValue) =
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));

/// Whether `If-None-Match` names this validator, by weak comparison (RFC 9110 §13.1.2). Our validators hold no comma, so
/// splitting at commas cannot cut one in two.
fn is_known(asked: &HeaderMap, etag: &HeaderValue) -> bool {
    asked
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .any(|one| one == b"*" || one.strip_prefix(b"W/").unwrap_or(one) == etag.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(values: &[&'static str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (header::IF_NONE_MATCH, HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a_reader_who_has_it_is_told_so_and_nobody_else() {
        let etag = HeaderValue::from_static("\"abc\"");
        for known in [
            &["\"abc\""][..],
            &["W/\"abc\""],
            &["\"x\", \"abc\""],
            &["\"x\"", " \"abc\" "],
            &["*"],
        ] {
            assert!(is_known(&asked(known), &etag), "{known:?}");
        }
        for other in [
            &[][..],
            &["\"ab\""],
            &["abc"],
            &["\"abcd\", \"x\""],
            &[""],
            &["w/\"abc\""],
        ] {
            assert!(!is_known(&asked(other), &etag), "{other:?}");
        }
    }

    #[test]
    fn other_bytes_have_another_validator_and_the_same_bytes_the_same() {
        let of = |bytes: &'static str| Document::new(JSON, bytes, Keeping::AskAgain).etag;
        assert_eq!(of("a"), of("a"));
        assert_ne!(of("a"), of("b"));
    }
}
