//! Signing keys, one port per purpose: attestation and status keys can live in another process or zone than the listeners.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use comity_spec::ids::Thumbprint;
use comity_spec::jose::KeyPurpose;

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// No key of this purpose is configured.
    #[error("no {} signing key is configured", .0.as_str())]
    Missing(KeyPurpose),
    /// The key's keeper did not answer.
    #[error("the keeper of the {} key did not sign: {reason}", purpose.as_str())]
    Unavailable {
        /// Which key.
        purpose: KeyPurpose,
        /// What it said.
        reason: String,
    },
}

/// One Ed25519 signing key.
#[async_trait]
pub trait Signer: Send + Sync {
    /// The public key, 32 bytes.
    fn public_key(&self) -> [u8; 32];

    /// RFC 7638 thumbprint of the public key: the `kid`.
    fn thumbprint(&self) -> Thumbprint;

    /// Signs each message (Ed25519, 64 bytes each), in order. A batch, because a remote keeper costs a round trip.
    async fn sign(&self, messages: &[&[u8]]) -> Result<Vec<[u8; 64]>, SignerError>;
}

/// The active signing key of each purpose.
#[derive(Clone, Default)]
pub struct Signers(BTreeMap<KeyPurpose, Arc<dyn Signer>>);

impl Signers {
    /// Adds or replaces the key of a purpose.
    pub fn insert(&mut self, purpose: KeyPurpose, signer: Arc<dyn Signer>) {
        self.0.insert(purpose, signer);
    }

    /// The key of a purpose.
    ///
    /// # Errors
    /// [`SignerError::Missing`] when there is none.
    pub fn of(&self, purpose: KeyPurpose) -> Result<&Arc<dyn Signer>, SignerError> {
        self.0.get(&purpose).ok_or(SignerError::Missing(purpose))
    }

    /// Every key with its purpose.
    pub fn iter(&self) -> impl Iterator<Item = (KeyPurpose, &Arc<dyn Signer>)> {
        self.0.iter().map(|(p, s)| (*p, s))
    }
}

impl std::fmt::Debug for Signers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map()
            .entries(
                self.0
                    .iter()
                    .map(|(p, s)| (p.as_str(), s.thumbprint().to_string())),
            )
            .finish()
    }
}
