//! Ed25519 keys of the world, drawn from its seed by name, and the digests that name keys and bytes.

use std::sync::Arc;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::ambient::{b64, random, unb64};

/// A key pair.
#[derive(Clone, Debug)]
pub(crate) struct Key(Arc<SigningKey>);

impl Key {
    /// The key of this name in a world: the same seed gives the same federation.
    pub(crate) fn named(seed: &str, name: &str) -> Self {
        let secret: [u8; 32] = Sha256::new()
            .chain_update(b"comity-conformance key\0")
            .chain_update(seed)
            .chain_update([0])
            .chain_update(name)
            .finalize()
            .into();
        Self(Arc::new(SigningKey::from_bytes(&secret)))
    }

    /// A key that nobody knows.
    pub(crate) fn stranger() -> Self {
        Self(Arc::new(SigningKey::from_bytes(&random())))
    }

    /// The key of these 32 octets (RFC 8032).
    pub(crate) fn from_seed(seed: &[u8; 32]) -> Self {
        Self(Arc::new(SigningKey::from_bytes(seed)))
    }

    /// The signature over these octets.
    pub(crate) fn sign(&self, octets: &[u8]) -> [u8; 64] {
        self.0.sign(octets).to_bytes()
    }

    /// The public half.
    pub(crate) fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// JWK thumbprint (IDN-13).
    pub(crate) fn kid(&self) -> String {
        thumbprint(&b64(self.public()))
    }

    /// Public JWK.
    pub(crate) fn jwk(&self) -> Value {
        json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(self.public()), "kid": self.kid() })
    }

    /// JWK set of this key alone.
    pub(crate) fn jwks(&self) -> Value {
        json!({ "keys": [self.jwk()] })
    }
}

/// Thumbprint of an Ed25519 key by its coordinate (RFC 7638, RFC 8037).
pub(crate) fn thumbprint(x: &str) -> String {
    digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#))
}

/// SHA-256 as the protocol writes it (IDN-12).
pub(crate) fn digest(bytes: impl AsRef<[u8]>) -> String {
    b64(Sha256::digest(bytes))
}

/// Verifies a compact JWS by the key of its `kid` in a JWK set, strictly. `None` where the set has no such key.
pub(crate) fn verifies(jws: &str, jwks: &Value) -> Option<bool> {
    let mut parts = jws.split('.');
    let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
    let head: Value = serde_json::from_slice(&unb64(header)?).ok()?;
    let kid = head.get("kid")?.as_str()?;
    let key = jwks.get("keys")?.as_array()?.iter().find_map(|jwk| {
        let x = jwk.get("x")?.as_str()?;
        (thumbprint(x) == kid).then(|| unb64(x))?
    })?;
    let key = VerifyingKey::from_bytes(&key.try_into().ok()?).ok()?;
    let signature = ed25519_dalek::Signature::from_bytes(&unb64(signature)?.try_into().ok()?);
    Some(
        key.verify_strict(format!("{header}.{payload}").as_bytes(), &signature)
            .is_ok(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_rfc_8037() {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        assert_eq!(thumbprint(x), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_seed_and_a_name_are_one_key() {
        assert_eq!(Key::named("a", "b").kid(), Key::named("a", "b").kid());
        assert_ne!(Key::named("a", "b").kid(), Key::named("ab", "").kid());
        assert_ne!(Key::stranger().kid(), Key::stranger().kid());
    }
}
