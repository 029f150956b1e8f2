//! One disclosure: base64url of `[salt, name, value]` or `[salt, value]` (RFC 9901 §4.2).
//!
//! Its digest is over the characters as received, never over a re-encoding.

use std::fmt;

use comity_spec::mutant;
use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

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
        let strict =
            json::scan(&bytes, numbers, budget).map_err(|e| SdJwtError::Disclosure(e.to_string()))?;
        if !strict.as_str().trim_ascii_start().starts_with('[') {
            return Err(SdJwtError::Arity);
        }
        let Parts {
            salt,
            second,
            third,
            more,
        } = strict.read().map_err(|e| SdJwtError::Disclosure(e.to_string()))?;
        let salted = salt.is_some_and(|salt| salt.get().starts_with('"'));
        let content = match (second, third) {
            (Some(Value::String(name)), Some(value)) if !more && (salted || mutant!("ATT-10/salt")) => {
                Content::Property { name, value }
            }
            (Some(value), None) if salted => Content::Element(value),
            _ => return Err(SdJwtError::Arity),
        };
        Ok(Self { digest, content })
    }
}

/// The array as it stands there. The salt is looked at and not kept: it has done its work in the digest.
struct Parts<'a> {
    salt: Option<&'a RawValue>,
    second: Option<Value>,
    third: Option<Value>,
    more: bool,
}

impl<'de> Deserialize<'de> for Parts<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Parts<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a disclosure")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
                let parts = Parts {
                    salt: array.next_element()?,
                    second: array.next_element()?,
                    third: array.next_element()?,
                    more: array.next_element::<IgnoredAny>()?.is_some(),
                };
                while array.next_element::<IgnoredAny>()?.is_some() {}
                Ok(parts)
            }
        }
        deserializer.deserialize_seq(Reader)
    }
}
