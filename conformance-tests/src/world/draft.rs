//! Drafts of signed objects: honest when made, open to any change before they are signed. What is signed is what stands here, bytes
//! included; nothing is checked, since most cases want something wrong.

use serde_json::{Map, Value, json};

use super::ambient::{b64, unb64};
use super::keys::{Key, digest};

/// A JWS before its signature.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// Protected header.
    pub(crate) header: Map<String, Value>,
    /// Claims.
    pub(crate) claims: Map<String, Value>,
    /// Who signs.
    pub(crate) key: Key,
}

impl Draft {
    /// An object of this type with these claims, under this key.
    pub(crate) fn new(typ: &str, claims: Value, key: &Key) -> Self {
        Self {
            header: object(json!({ "alg": "EdDSA", "kid": key.kid(), "typ": typ })),
            claims: object(claims),
            key: key.clone(),
        }
    }

    /// Puts another value in place of a claim, or adds one.
    pub(crate) fn set(&mut self, claim: &str, value: impl Into<Value>) -> &mut Self {
        self.claims.insert(claim.to_owned(), value.into());
        self
    }

    /// Puts another value in place of a header parameter, or adds one.
    pub(crate) fn head(&mut self, parameter: &str, value: impl Into<Value>) -> &mut Self {
        self.header.insert(parameter.to_owned(), value.into());
        self
    }

    /// Leaves a claim out.
    pub(crate) fn without(&mut self, claim: &str) -> &mut Self {
        self.claims.remove(claim);
        self
    }

    /// Another key signs, and `kid` says so.
    pub(crate) fn signed_by(&mut self, key: &Key) -> &mut Self {
        self.key = key.clone();
        self.head("kid", key.kid())
    }

    /// The payload's octets.
    pub(crate) fn payload(&self) -> Vec<u8> {
        Value::Object(self.claims.clone()).to_string().into_bytes()
    }

    /// The object, signed.
    pub(crate) fn sign(&self) -> String {
        self.sign_payload(&self.payload())
    }

    /// The object with another payload, signed as it stands.
    pub(crate) fn sign_payload(&self, payload: &[u8]) -> String {
        compact(
            Value::Object(self.header.clone()).to_string().as_bytes(),
            payload,
            &self.key,
        )
    }
}

/// Signs these octets as they are.
pub(crate) fn compact(header: &[u8], payload: &[u8], key: &Key) -> String {
    let signed = format!("{}.{}", b64(header), b64(payload));
    let signature = key.sign(signed.as_bytes());
    format!("{signed}.{}", b64(signature))
}

/// An agreement under its parties' signatures (2.6).
pub(crate) fn general(payload: &[u8], signers: &[&Key], at: i64) -> Value {
    let signatures: Vec<Value> = signers
        .iter()
        .map(|key| party_signature(payload, key, at))
        .collect();
    json!({ "payload": b64(payload), "signatures": signatures })
}

/// One party's signature (JWS-20).
pub(crate) fn party_signature(payload: &[u8], key: &Key, at: i64) -> Value {
    let header = json!({ "alg": "EdDSA", "kid": key.kid(), "typ": "comity-agreement+jwt", "signed_at": at });
    let protected = b64(header.to_string());
    let signature = key.sign(format!("{protected}.{}", b64(payload)).as_bytes());
    json!({ "protected": protected, "signature": b64(signature) })
}

/// Header of a compact JWS.
pub(crate) fn header_of(jws: &str) -> Option<Value> {
    serde_json::from_slice(&unb64(jws.split('.').next()?)?).ok()
}

/// Claims of a compact JWS, or of the JWS that an SD-JWT begins with.
pub(crate) fn claims_of(jws: &str) -> Option<Value> {
    serde_json::from_slice(&unb64(jws.split('~').next()?.split('.').nth(1)?)?).ok()
}

/// Names an agreement by its payload (AGR-1).
pub(crate) fn reference(id: &str, version: u64, payload: &[u8]) -> Value {
    json!({ "id": id, "version": version, "digest": digest(payload) })
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::verifies;
    use super::*;

    #[test]
    fn what_is_written_verifies_by_its_key_alone() {
        let (key, other) = (Key::stranger(), Key::stranger());
        let mut draft = Draft::new("x+jwt", json!({ "a": 1 }), &key);
        let signed = draft.sign();
        assert_eq!(header_of(&signed).unwrap()["typ"], "x+jwt");
        assert_eq!(claims_of(&signed).unwrap(), json!({ "a": 1 }));
        assert_eq!(verifies(&signed, &key.jwks()), Some(true));
        assert_eq!(verifies(&signed, &other.jwks()), None);
        draft.key = other;
        assert_eq!(verifies(&draft.sign(), &key.jwks()), Some(false));
    }
}
