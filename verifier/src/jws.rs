//! JWS compact serialization (RFC 7515) in two profiles, from received bytes to a [`Verified`] value.
//!
//! [`Profile::Comity`] is the strict profile of chapter 2: a header of exactly `alg`, `kid` and `typ`, EdDSA alone, integers
//! alone. [`Profile::Standard`] reads other issuers' tokens: more header members, a missing `kid`, ES256 for P-256 keys. Both
//! refuse `crit`, `b64`, `zip` (which change what is signed), `jku`, `jwk`, `x5u` (which let a token choose its own key),
//! duplicate names, and any spelling of base64url but the canonical one. Signatures are checked over the bytes received.
//! The state of an object is its type: [`Unverified`] until [`Unverified::verify`] has succeeded.
//!
//! Agreements use the JSON general serialization, which is in [`general`].

use comity_spec::ids::Thumbprint;
use comity_spec::jose::KeyPurpose;
use comity_spec::mutant;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::b64;
use crate::budget::{Budget, Resource};
use crate::json::{self, Numbers};
use crate::jwk::{Found, KeyEntry, KeySet, PublicKey};
use crate::octets;
pub use crate::verified::Verified;

mod error;
pub mod general;
mod header;
#[cfg(test)]
mod tests;

pub use error::JwsError;
pub use header::Header;

/// Largest compact token read, in bytes: the largest body a peer may send (JWS-15).
pub const MAX_TOKEN: usize = 256 * 1024;
/// Largest status list token or other object of a standard that is read in the standard profile, in bytes.
pub const MAX_STANDARD_TOKEN: usize = 8 * 1024 * 1024;

/// Which header and payload are acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile<'a> {
    /// Comity's own objects: header exactly `alg`, `kid`, `typ`; payload strict JSON with integers only.
    Comity {
        /// The exact `typ`.
        typ: &'a str,
    },
    /// Anybody's: unknown header members are passed over, `kid` may be missing where one key is the only candidate.
    Standard {
        /// The `typ`, with or without `application/` and in any case (RFC 7515 §4.1.9); `None` accepts any.
        typ: Option<&'a str>,
    },
}

impl Profile<'_> {
    pub(crate) const fn numbers(&self) -> Numbers {
        match self {
            Self::Comity { .. } => Numbers::Integers,
            Self::Standard { .. } => Numbers::Finite,
        }
    }

    pub(crate) const fn max_token(&self) -> usize {
        match self {
            Self::Comity { .. } => MAX_TOKEN,
            Self::Standard { .. } => MAX_STANDARD_TOKEN,
        }
    }
}

/// A compact JWS whose header was inspected and whose signature was not.
///
/// What [`Self::claims`] returns is for choosing whose keys to ask, and for nothing else.
#[derive(Clone, Debug)]
pub struct Unverified {
    received: Vec<u8>,
    parts: Parts,
}

/// A compact JWS taken apart, without the text it was: that is in an [`Unverified`], or in the SD-JWT which begins with it.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    /// How many bytes of the text, from the start, are signed.
    signed: usize,
    header: Header,
    payload: Vec<u8>,
    payload_is_json: bool,
    signature: [u8; 64],
}

impl Unverified {
    /// Takes a compact serialization apart and inspects its header; nothing is believed yet.
    ///
    /// # Errors
    /// [`JwsError`], for the first rule broken.
    pub fn parse(token: &[u8], profile: Profile<'_>, budget: &mut Budget) -> Result<Self, JwsError> {
        Self::parse_within(token, profile, profile.max_token(), budget)
    }

    /// As [`Self::parse`], with a size limit of the object's own kind.
    pub(crate) fn parse_within(
        token: &[u8],
        profile: Profile<'_>,
        max: usize,
        budget: &mut Budget,
    ) -> Result<Self, JwsError> {
        Ok(Self {
            parts: Parts::parse(token, profile, max, budget)?,
            received: token.to_vec(),
        })
    }

    /// The protected header, inspected and not verified.
    #[must_use]
    pub const fn header(&self) -> &Header {
        self.parts.header()
    }

    /// The object as received.
    #[must_use]
    pub fn received(&self) -> &[u8] {
        &self.received
    }

    /// Unverified claims, to choose whose keys to ask.
    ///
    /// # Errors
    /// [`JwsError::PayloadNotJson`] or a shape error.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, JwsError> {
        self.parts.claims()
    }

    /// Verifies the signature by the key that the header names, which must be in `keys` for `purpose`, and reads the payload.
    ///
    /// # Errors
    /// [`JwsError::UnknownKey`], [`JwsError::KeyPurpose`], [`JwsError::KeyAlgorithm`], [`JwsError::Signature`], and after a
    /// good signature a shape error when the payload is not a `T`.
    pub fn verify<T: DeserializeOwned>(
        self,
        keys: &KeySet,
        purpose: KeyPurpose,
        budget: &mut Budget,
    ) -> Result<Verified<T>, JwsError> {
        let key = self.parts.key(keys, purpose)?;
        self.verify_by(key, budget)
    }

    /// Verifies by one given key, which something already verified has named: a holder's `cnf` key.
    ///
    /// # Errors
    /// As for [`Self::verify`].
    pub fn verify_by<T: DeserializeOwned>(
        self,
        key: &PublicKey,
        budget: &mut Budget,
    ) -> Result<Verified<T>, JwsError> {
        self.parts.check(key, &self.received, budget)?;
        let value = self.claims()?;
        Ok(self.verified(value, key))
    }

    /// Verifies a payload of any kind, JSON or not (RFC 7515 puts no limit on it).
    ///
    /// # Errors
    /// As for [`Self::verify`].
    pub fn verify_content(
        self,
        keys: &KeySet,
        purpose: KeyPurpose,
        budget: &mut Budget,
    ) -> Result<Verified<Content>, JwsError> {
        let key = self.parts.key(keys, purpose)?;
        self.parts.check(key, &self.received, budget)?;
        let value = if self.parts.payload_is_json {
            Content::Json(self.claims()?)
        } else {
            match std::str::from_utf8(&self.parts.payload) {
                Ok(text) => Content::Text(text.to_owned()),
                Err(_) => Content::Octets(self.parts.payload.clone()),
            }
        };
        Ok(self.verified(value, key))
    }

    /// Only after the check.
    fn verified<T>(self, value: T, key: &PublicKey) -> Verified<T> {
        let Self { received, parts } = self;
        Verified::new(value, parts.header, *key.thumbprint(), received, parts.payload)
    }
}

impl Parts {
    /// Takes `token` apart, which is at most `max` bytes long.
    pub(crate) fn parse(
        token: &[u8],
        profile: Profile<'_>,
        max: usize,
        budget: &mut Budget,
    ) -> Result<Self, JwsError> {
        if token.len() > max && !mutant!("JWS-15") {
            return Err(JwsError::TooLong);
        }
        let mut parts = octets::split(token, b'.');
        let (Some(protected), Some(payload), Some(signature), None) = (
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next().filter(|_| !mutant!("JWS-10")),
        ) else {
            return Err(JwsError::Structure);
        };
        let signed = protected.len() + 1 + payload.len();
        let header = Header::parse(&b64::decode(protected)?, profile, budget)?;
        let signature = if mutant!("JWS-10/line-end") {
            signature.trim_ascii_end()
        } else {
            signature
        };
        let signature = b64::decode_array(signature).map_err(|_| JwsError::SignatureForm)?;
        let payload = b64::decode(payload)?;
        let payload_is_json = match profile {
            Profile::Comity { .. } => true,
            // A payload that sets out to be an object or array has to be one; anything else is opaque content.
            Profile::Standard { .. } => payload
                .iter()
                .find(|b| !b.is_ascii_whitespace())
                .is_some_and(|b| matches!(b, b'{' | b'[')),
        };
        if payload_is_json {
            json::scan(&payload, profile.numbers(), budget)?;
        }
        Ok(Self {
            signed,
            header,
            payload,
            payload_is_json,
            signature,
        })
    }

    pub(crate) const fn header(&self) -> &Header {
        &self.header
    }

    pub(crate) fn claims<T: DeserializeOwned>(&self) -> Result<T, JwsError> {
        if !self.payload_is_json {
            return Err(JwsError::PayloadNotJson);
        }
        #[cfg(feature = "mutants")]
        if mutant!("JWS-14") || mutant!("RCP-2") || mutant!("RCP-4") || mutant!("RCP-6") {
            return Ok(json::read_forgiving(&self.payload)?);
        }
        Ok(json::read_scanned(&self.payload)?)
    }

    /// Verifies the signature over `text`, of which these are the parts, and says whose it is.
    pub(crate) fn authenticate(
        &self,
        text: &[u8],
        keys: &KeySet,
        purpose: KeyPurpose,
        budget: &mut Budget,
    ) -> Result<Thumbprint, JwsError> {
        let key = self.key(keys, purpose)?;
        self.check(key, text, budget)?;
        Ok(*key.thumbprint())
    }

    /// Header and payload, for a proof that is made of them.
    pub(crate) fn into_signed(self) -> (Header, Vec<u8>) {
        (self.header, self.payload)
    }

    fn key<'k>(&self, keys: &'k KeySet, purpose: KeyPurpose) -> Result<&'k PublicKey, JwsError> {
        Ok(&select(keys, &self.header, purpose)?.key)
    }

    fn check(&self, key: &PublicKey, text: &[u8], budget: &mut Budget) -> Result<(), JwsError> {
        if mutant!("JWS-6") {
            let header = b64::encode(self.header.to_value().to_string().as_bytes());
            let payload = b64::encode(self.claims::<Value>()?.to_string().as_bytes());
            let message = format!("{header}.{payload}");
            return check_signature(key, &self.header, message.as_bytes(), &self.signature, budget);
        }
        check_signature(key, &self.header, &text[..self.signed], &self.signature, budget)
    }
}

/// A verified payload whose kind was not known beforehand.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A JSON object or array.
    Json(Value),
    /// Other text.
    Text(String),
    /// Other bytes.
    Octets(Vec<u8>),
}

/// The key that a header names, for a purpose.
fn select<'k>(keys: &'k KeySet, header: &Header, purpose: KeyPurpose) -> Result<&'k KeyEntry, JwsError> {
    let Some(kid) = header.kid() else {
        return keys.only(purpose).ok_or(JwsError::KidMissing);
    };
    match keys.find(kid, purpose) {
        Found::Key(entry) => Ok(entry),
        Found::OtherPurpose(found) if mutant!("JWS-5") => match keys.find(kid, found) {
            Found::Key(entry) => Ok(entry),
            _ => Err(JwsError::KidMissing),
        },
        Found::OtherPurpose(found) => Err(JwsError::KeyPurpose {
            expected: purpose,
            found,
        }),
        Found::Nothing => match keys.entries() {
            [first, ..] if mutant!("JWS-4") => Ok(first),
            // A standard issuer that publishes one key without a name means that one.
            [single] if single.kid.is_none() && single.purpose == purpose => Ok(single),
            _ => Err(JwsError::UnknownKey {
                kid: header::shorten(kid),
            }),
        },
    }
}

fn check_signature(
    key: &PublicKey,
    header: &Header,
    message: &[u8],
    signature: &[u8; 64],
    budget: &mut Budget,
) -> Result<(), JwsError> {
    if !key.can(header.alg()) {
        return Err(JwsError::KeyAlgorithm {
            alg: header.alg().as_str(),
        });
    }
    if key.verify(header.alg(), message, signature, budget)? || mutant!("SEC-1") {
        Ok(())
    } else {
        Err(JwsError::Signature)
    }
}

/// SHA-256, counted against the budget.
pub(crate) fn sha256(bytes: &[u8], budget: &mut Budget) -> Result<[u8; 32], crate::budget::BudgetExceeded> {
    use sha2::{Digest as _, Sha256};
    budget.spend(Resource::HashedBytes, bytes.len())?;
    Ok(Sha256::digest(bytes).into())
}
