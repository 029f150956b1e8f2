//! Signing: compact JWS over a [`Signer`] port, and the key that this process keeps itself.
//!
//! The header is exactly `alg`, `kid`, `typ` (JWS-2); `alg` is `EdDSA`, which deployed libraries read. The purpose of the key
//! follows from the type of the object ([`Typ::purpose`]), so that a caller cannot sign with the wrong one. RFC 7515, RFC 8037.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comity_spec::ids::Thumbprint;
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::mutant;
use ed25519_dalek::{Signer as _, SigningKey};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::ports::signer::{Signer, SignerError, Signers};

/// Why an object was not signed.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The key.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// A payload that is no JSON; a defect of ours.
    #[error("the payload of a {typ} does not serialise: {reason}")]
    Payload {
        /// Which type.
        typ: &'static str,
        /// What serde said.
        reason: String,
    },
    /// The type is signed by a holder, never by a node.
    #[error("a {0} is signed by a holder's key, never by a node")]
    NotOurs(&'static str),
}

/// Signs one object as a compact JWS with the key of its type's purpose.
///
/// # Errors
/// [`SigningError`] when there is no such key, its keeper refuses, or the payload does not serialise.
pub async fn compact<T: Serialize + Sync>(
    signers: &Signers,
    typ: Typ,
    payload: &T,
) -> Result<String, SigningError> {
    let purpose = typ.purpose().ok_or(SigningError::NotOurs(typ.as_str()))?;
    let mut signed = compact_batch(signers.of(purpose)?.as_ref(), typ, std::slice::from_ref(payload)).await?;
    signed
        .pop()
        .ok_or(SigningError::Signer(SignerError::Missing(purpose)))
}

/// Signs many objects of one type in one call of the key's keeper, in order.
///
/// # Errors
/// As [`compact`]; nothing is returned unless all are signed.
pub async fn compact_batch<T: Serialize + Sync>(
    signer: &dyn Signer,
    typ: Typ,
    payloads: &[T],
) -> Result<Vec<String>, SigningError> {
    let header = match typ {
        Typ::VerificationResponse if mutant!("JWS-2/signed") => URL_SAFE_NO_PAD.encode(format!(
            r#"{{"alg":"EdDSA","kid":"{}","typ":"{}","cty":"json"}}"#,
            signer.thumbprint(),
            typ.as_str()
        )),
        _ => protected_header(typ, &signer.thumbprint()),
    };
    let mut inputs = Vec::with_capacity(payloads.len());
    for payload in payloads {
        let json = serde_json::to_vec(payload).map_err(|error| SigningError::Payload {
            typ: typ.as_str(),
            reason: error.to_string(),
        })?;
        let mut input = String::with_capacity(header.len() + 1 + json.len() * 4 / 3 + 4 + 87);
        input.push_str(&header);
        input.push('.');
        URL_SAFE_NO_PAD.encode_string(&json, &mut input);
        inputs.push(input);
    }
    let messages: Vec<&[u8]> = inputs.iter().map(String::as_bytes).collect();
    let signatures = signer.sign(&messages).await?;
    for (input, signature) in inputs.iter_mut().zip(&signatures) {
        input.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, input);
    }
    Ok(inputs)
}

/// base64url of the exact protected header of a type and key.
#[must_use]
pub fn protected_header(typ: Typ, kid: &Thumbprint) -> String {
    URL_SAFE_NO_PAD.encode(format!(
        r#"{{"alg":"EdDSA","kid":"{kid}","typ":"{}"}}"#,
        typ.as_str()
    ))
}

/// A key kept in this process. The secret is zeroised when dropped.
pub struct LocalSigner {
    key: SigningKey,
    thumbprint: Thumbprint,
}

impl LocalSigner {
    /// A key from its 32 secret bytes (RFC 8032 seed).
    #[must_use]
    pub fn from_seed(seed: &Zeroizing<[u8; 32]>) -> Self {
        let key = SigningKey::from_bytes(seed);
        let thumbprint = Thumbprint::of_ed25519(key.verifying_key().as_bytes());
        Self { key, thumbprint }
    }
}

#[async_trait]
impl Signer for LocalSigner {
    fn public_key(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    fn thumbprint(&self) -> Thumbprint {
        self.thumbprint
    }

    async fn sign(&self, messages: &[&[u8]]) -> Result<Vec<[u8; 64]>, SignerError> {
        Ok(messages
            .iter()
            .map(|message| self.key.sign(message).to_bytes())
            .collect())
    }
}

impl std::fmt::Debug for LocalSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalSigner")
            .field("kid", &self.thumbprint.to_string())
            .finish_non_exhaustive()
    }
}

/// Fresh signers for every purpose of a node, from a source of seeds. For `comity init` and tests.
pub fn generate(purposes: &[KeyPurpose], mut seed: impl FnMut() -> Zeroizing<[u8; 32]>) -> Signers {
    let mut signers = Signers::default();
    for purpose in purposes {
        signers.insert(*purpose, std::sync::Arc::new(LocalSigner::from_seed(&seed())));
    }
    signers
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signature, VerifyingKey};

    fn signers() -> Signers {
        let mut n = 0_u8;
        generate(&KeyPurpose::NODE, || {
            n += 1;
            Zeroizing::new([n; 32])
        })
    }

    #[tokio::test]
    async fn a_compact_jws_has_the_exact_header_and_verifies_over_its_bytes() {
        let signers = signers();
        let jws = compact(&signers, Typ::Hint, &serde_json::json!({"a": 1}))
            .await
            .unwrap();
        let (input, signature) = jws.rsplit_once('.').unwrap();
        let (header, payload) = input.split_once('.').unwrap();
        let signer = signers.of(KeyPurpose::Exchange).unwrap();
        assert_eq!(
            String::from_utf8(URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap(),
            format!(
                r#"{{"alg":"EdDSA","kid":"{}","typ":"comity-hint+jwt"}}"#,
                signer.thumbprint()
            )
        );
        assert_eq!(URL_SAFE_NO_PAD.decode(payload).unwrap(), br#"{"a":1}"#);
        let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
        let key = VerifyingKey::from_bytes(&signer.public_key()).unwrap();
        key.verify_strict(input.as_bytes(), &signature).unwrap();
        let other = VerifyingKey::from_bytes(&signers.of(KeyPurpose::Status).unwrap().public_key()).unwrap();
        assert!(other.verify_strict(input.as_bytes(), &signature).is_err());
    }

    #[tokio::test]
    async fn what_only_a_holder_signs_is_refused() {
        let refused = compact(&signers(), Typ::KeyBinding, &serde_json::json!({})).await;
        assert!(matches!(refused, Err(SigningError::NotOurs("kb+jwt"))));
    }

    #[tokio::test]
    async fn a_missing_key_is_named() {
        let refused = compact(&Signers::default(), Typ::Receipt, &serde_json::json!({})).await;
        assert!(matches!(
            refused,
            Err(SigningError::Signer(SignerError::Missing(KeyPurpose::Receipt)))
        ));
    }
}
