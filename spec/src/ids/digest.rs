//! Fixed-size byte strings that travel as base64url: digests, key thumbprints, pins, message ids.
//!
//! Canonical and unpadded only (RFC 7515 §2 and RFC 4648 §3.5): a text whose unused trailing bits are not zero is
//! another spelling of the same bytes, and is refused. All are SHA-256 save [`Jti`]; they are different types because
//! the same 32 bytes mean different things. They are public values: comparison is not constant-time.

use crate::mutant;
use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::wire_string::wire_string;

/// A text is not the canonical, unpadded base64url of the right number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: not the canonical unpadded base64url of {bytes} bytes")]
pub struct NotBase64Url {
    /// Which identifier was expected.
    pub what: &'static str,
    /// How many bytes it has.
    pub bytes: usize,
}

macro_rules! byte_id {
    ($(#[$doc:meta])* $type:ident, $what:literal, $bytes:literal, $pattern:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type([u8; $bytes]);

        wire_string!($type, expecting: $what, pattern: $pattern);

        impl $type {
            /// From the bytes themselves.
            pub const fn from_bytes(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = NotBase64Url;

            fn from_str(text: &str) -> Result<Self, NotBase64Url> {
                decode(text).map(Self).ok_or(NotBase64Url { what: $what, bytes: $bytes })
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&URL_SAFE_NO_PAD.encode(self.0))
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($type), "({})"), self)
            }
        }

        impl AsRef<[u8]> for $type {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
    };
}

byte_id!(
    /// A SHA-256 digest.
    Digest, "SHA-256 digest", 32, "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$"
);

byte_id!(
    /// A JWK thumbprint (RFC 7638, SHA-256): the `kid` of every key here.
    Thumbprint, "JWK thumbprint", 32, "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$"
);

byte_id!(
    /// The SHA-256 of a TLS certificate's SubjectPublicKeyInfo (DER): which key a peer's channel must have.
    SpkiPin, "SPKI pin", 32, "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$"
);

byte_id!(
    /// A message's id (`jti`): 16 random bytes, so that ids of honest senders never meet.
    Jti, "message id (jti)", 16, "^[A-Za-z0-9_-]{21}[AQgw]$"
);

impl Digest {
    /// SHA-256 of `bytes`.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(bytes.as_ref()).into())
    }
}

impl Thumbprint {
    /// Thumbprint of an Ed25519 public key as the JWK `{"crv":"Ed25519","kty":"OKP","x":…}` (RFC 8037 appendix A.3).
    pub fn of_ed25519(public_key: &[u8; 32]) -> Self {
        let x = URL_SAFE_NO_PAD.encode(public_key);
        Self::of_canonical_jwk(&format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#))
    }

    /// Thumbprint of a P-256 public key as the JWK `{"crv":"P-256","kty":"EC","x":…,"y":…}` (a holder's key).
    pub fn of_p256(x: &[u8; 32], y: &[u8; 32]) -> Self {
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        Self::of_canonical_jwk(&format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#))
    }

    /// SHA-256 of a JWK that holds its required members only, in lexicographic order, without white space (RFC 7638 §3).
    fn of_canonical_jwk(json: &str) -> Self {
        Self(Sha256::digest(json.as_bytes()).into())
    }
}

impl SpkiPin {
    /// Pin of a SubjectPublicKeyInfo in DER.
    pub fn of(spki_der: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(spki_der.as_ref()).into())
    }
}

/// The engine refuses padding and non-zero trailing bits; the length check keeps a huge text from being decoded.
fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let text = if mutant!("IDN-12") {
        text.trim_end_matches('=')
    } else {
        text
    };
    if text.len() != (N * 8).div_ceil(6) && !mutant!("IDN-14") {
        return None;
    }
    let mut bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    if mutant!("IDN-14") {
        bytes.resize(N, 0);
    }
    bytes.try_into().ok()
}
