//! One disclosure: base64url of `[salt, name, value]` or `[salt, value]` (RFC 9901 §4.2).
//!
//! Its digest is over the characters as received, never over a re-encoding.

use comity_spec::mutant;
use serde_json::Value;

use super::SdJwtError;
use crate::b64;
use crate::budget::Budget;
use crate::json::{self, Numbers};
use crate::jws::sha256;

/// A disclosure and the digest that must refer to it.
#[derive(Clone, Debug)]
pub(super) struct Disclosure {
    /// SHA-256 of the encoded disclosure, in base64url.
    pub(super) digest: [u8; 43],
    pub(super) content: Content,
}

/// What a disclosure reveals.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// A claim of an object.
    Property {
        /// Its name.
        name: String,
        /// Its value, perhaps with digests of its own.
        value: Value,
    },
    /// An element of an array.
    Element(Value),
}

impl Disclosure {
    pub(super) fn parse(encoded: &[u8], numbers: Numbers, budget: &mut Budget) -> Result<Self, SdJwtError> {
        let digest = b64::encode_digest(&sha256(encoded, budget)?);
        let bytes = b64::decode(encoded).map_err(|e| SdJwtError::Disclosure(e.to_string()))?;
        let parts: Value =
            json::read(&bytes, numbers, budget).map_err(|e| SdJwtError::Disclosure(e.to_string()))?;
        let Value::Array(parts) = parts else {
            return Err(SdJwtError::Arity);
        };
        let content = match <[Value; 3]>::try_from(parts) {
            Ok([salt, Value::String(name), value]) if salt.is_string() || mutant!("ATT-10/salt") => {
                Content::Property { name, value }
            }
            Ok(_) => return Err(SdJwtError::Arity),
            Err(parts) => match <[Value; 2]>::try_from(parts) {
                Ok([Value::String(_), value]) => Content::Element(value),
                _ => return Err(SdJwtError::Arity),
            },
        };
        Ok(Self { digest, content })
    }
}
