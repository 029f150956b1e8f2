//! The protected header of a JWS: read once, member by member, against a profile.
//!
//! Refuses every member that would change what is signed (`crit`, `b64`, `zip`) or who is asked (`jku`, `jwk`, `x5u`) in both
//! profiles, and everything unknown in Comity's. The key never comes from the header: `kid` is a name to look up.

use comity_spec::mutant;
use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::{JwsError, Profile};
use crate::budget::Budget;
use crate::json;
use crate::jwk::Algorithm;

/// Members that no profile accepts, because they change what is signed or let the token choose its key.
const FORBIDDEN: [&str; 6] = ["crit", "b64", "zip", "jku", "jwk", "x5u"];

/// An inspected protected header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    alg: Algorithm,
    kid: Option<String>,
    typ: Option<String>,
    signed_at: Option<i64>,
    others: Map<String, Value>,
}

impl Header {
    /// `alg`.
    #[must_use]
    pub const fn alg(&self) -> Algorithm {
        self.alg
    }

    /// `kid`: always there in Comity's profile.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// `typ`: always there in Comity's profile.
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// Members that the standard profile passed over.
    #[must_use]
    pub const fn others(&self) -> &Map<String, Value> {
        &self.others
    }

    /// The header as JSON, for display.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut map = Map::new();
        map.insert("alg".into(), self.alg.as_str().into());
        if let Some(kid) = &self.kid {
            map.insert("kid".into(), kid.as_str().into());
        }
        if let Some(typ) = &self.typ {
            map.insert("typ".into(), typ.as_str().into());
        }
        if let Some(at) = self.signed_at {
            map.insert("signed_at".into(), at.into());
        }
        map.extend(
            self.others
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        Value::Object(map)
    }

    pub(super) fn parse(bytes: &[u8], profile: Profile<'_>, budget: &mut Budget) -> Result<Self, JwsError> {
        let members: Members<'_> = json::read(bytes, profile.numbers(), budget)?;
        members.accept(profile, false)
    }

    /// A signature's header in an agreement: exactly `alg`, `kid`, `typ` and `signed_at`.
    pub(super) fn parse_dated(bytes: &[u8], typ: &str, budget: &mut Budget) -> Result<(Self, i64), JwsError> {
        let profile = Profile::Comity { typ };
        let members: Members<'_> = json::read(bytes, profile.numbers(), budget)?;
        let header = members.accept(profile, true)?;
        let at = header.signed_at.or(if mutant!("JWS-20/signed-at") {
            Some(0)
        } else {
            None
        });
        let at = at.ok_or_else(|| missing("signed_at"))?;
        Ok((header, at))
    }
}

/// At most 43 characters of a peer's text, for an error: a whole thumbprint, which is what a `kid` should be.
pub(super) fn shorten(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(43).collect()
}

fn missing(name: &str) -> JwsError {
    JwsError::Json(json::JsonError::Shape(format!("missing field `{name}`")))
}

/// The members as they stand there, before any judgement.
#[derive(Default)]
struct Members<'a> {
    alg: Option<Cow<'a, str>>,
    kid: Option<Cow<'a, str>>,
    typ: Option<Cow<'a, str>>,
    signed_at: Option<i64>,
    others: Map<String, Value>,
}

impl Members<'_> {
    fn accept(mut self, profile: Profile<'_>, dated: bool) -> Result<Header, JwsError> {
        let forbidden = self.others.keys().find(|name| FORBIDDEN.contains(&name.as_str()));
        let refused = match profile {
            Profile::Comity { .. } => forbidden.or_else(|| self.others.keys().next()),
            Profile::Standard { .. } => forbidden,
        };
        if let Some(name) = refused.filter(|_| !mutant!("JWS-2")) {
            return Err(JwsError::HeaderMember { name: shorten(name) });
        }
        if let Some(at) = self.signed_at.filter(|_| !dated) {
            match profile {
                Profile::Comity { .. } => {
                    return Err(JwsError::HeaderMember {
                        name: "signed_at".into(),
                    });
                }
                Profile::Standard { .. } => {
                    self.signed_at = None;
                    self.others.insert("signed_at".into(), at.into());
                }
            }
        }
        let name = self
            .alg
            .as_deref()
            .unwrap_or(if mutant!("JWS-1") { "EdDSA" } else { "(missing)" });
        let alg = Algorithm::from_name(name)
            .filter(|alg| {
                matches!(profile, Profile::Standard { .. })
                    || *alg != Algorithm::Es256
                    || mutant!("JWS-1/es256")
            })
            .ok_or_else(|| JwsError::Algorithm { alg: shorten(name) })?;
        let expected = match profile {
            Profile::Comity { typ: _ } if mutant!("JWS-3") => None,
            Profile::Comity { typ } if mutant!("JWS-3/media-type") => {
                (!self.typ.as_deref().is_some_and(|t| same_media_type(t, typ))).then_some(typ)
            }
            Profile::Comity { typ } => (self.typ.as_deref() != Some(typ)).then_some(typ),
            Profile::Standard { typ } => {
                typ.filter(|typ| !self.typ.as_deref().is_some_and(|t| same_media_type(t, typ)))
            }
        };
        if let Some(expected) = expected {
            let found = self
                .typ
                .as_deref()
                .map_or_else(|| "(missing)".to_owned(), shorten);
            return Err(JwsError::Typ {
                expected: expected.to_owned(),
                found,
            });
        }
        if self.kid.is_none() && matches!(profile, Profile::Comity { .. }) {
            return Err(JwsError::KidMissing);
        }
        Ok(Header {
            alg,
            kid: self.kid.map(Cow::into_owned),
            typ: self.typ.map(Cow::into_owned),
            signed_at: self.signed_at,
            others: self.others,
        })
    }
}

/// RFC 7515 §4.1.9: media types compare without case, and `application/` may be left out.
fn same_media_type(found: &str, expected: &str) -> bool {
    let bare = |t: &str| {
        let lower = t.to_ascii_lowercase();
        lower
            .strip_prefix("application/")
            .map_or_else(|| lower.clone(), str::to_owned)
    };
    bare(found) == bare(expected)
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JOSE header")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Members::default();
                while let Some(name) = map.next_key::<Text<'de>>()? {
                    match &*name.0 {
                        "alg" => members.alg = Some(map.next_value::<Text<'de>>()?.0),
                        "kid" => members.kid = Some(map.next_value::<Text<'de>>()?.0),
                        "typ" => members.typ = Some(map.next_value::<Text<'de>>()?.0),
                        "signed_at" => members.signed_at = Some(map.next_value()?),
                        _ => {
                            members.others.insert(name.0.into_owned(), map.next_value()?);
                        }
                    }
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// Text that is borrowed from the input unless it contained an escape.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Reader)
    }
}
