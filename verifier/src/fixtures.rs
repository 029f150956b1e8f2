//! Tokens made by hand for the tests of this crate: every byte is under the test's control, valid or not.

use comity_spec::jose::KeyPurpose;
use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest as _, Sha256};

use crate::b64;
use crate::budget::{Budget, Limits};
use crate::jwk::{Ed25519Key, KeySet};

/// A key that is the same in every run.
pub(crate) fn signing_key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

/// Its public half, imported.
pub(crate) fn public(key: &SigningKey) -> Ed25519Key {
    Ed25519Key::from_bytes(key.verifying_key().as_bytes()).expect("a generated key is a good key")
}

/// Its `kid`.
pub(crate) fn kid(key: &SigningKey) -> String {
    public(key).thumbprint().to_string()
}

/// A key set with this key for one purpose.
pub(crate) fn keys(purpose: KeyPurpose, key: &SigningKey) -> KeySet {
    let mut set = KeySet::new();
    set.add(purpose, public(key)).expect("one key fits");
    set
}

/// A header of the strict profile.
pub(crate) fn header(typ: &str, key: &SigningKey) -> String {
    format!(r#"{{"alg":"EdDSA","kid":"{}","typ":"{typ}"}}"#, kid(key))
}

/// A compact JWS over exactly these texts.
pub(crate) fn sign(key: &SigningKey, header: &str, payload: &str) -> String {
    let input = format!(
        "{}.{}",
        b64::encode(header.as_bytes()),
        b64::encode(payload.as_bytes())
    );
    let signature = key.sign(input.as_bytes()).to_bytes();
    format!("{input}.{}", b64::encode(&signature))
}

/// An encoded disclosure of exactly this JSON, and its digest.
pub(crate) fn disclosure(json: &str) -> (String, String) {
    let encoded = b64::encode(json.as_bytes());
    let digest = b64::encode(&Sha256::digest(encoded.as_bytes()));
    (encoded, digest)
}

/// A budget that no honest object exhausts.
pub(crate) fn budget() -> Budget {
    Budget::new(Limits {
        inflated_bytes: 1 << 20,
        ..Limits::PRESENTATION
    })
}
