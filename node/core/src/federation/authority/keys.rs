//! Rotating an authority's own federation key: prepare → activate → retire (chapter 3.6).
//!
//! A prepared key is published beside the old one; activating it is nothing but signing with it. A province's new key counts
//! once the anchor enrolled it again; an anchor's once the nodes were given a new anchor file by hand. This module refuses to
//! retire the only key.

use comity_spec::ids::Thumbprint;
use comity_spec::jose::Jwk;
use comity_spec::time::UnixSeconds;
use comity_verifier::jwk::{Ed25519Key, KeyError};

use super::publish::{PublishError, publish};
use super::{AuthorityState, same_key};
use crate::ports::signer::Signer;

/// Why the keys were not changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyChangeError {
    /// Not a sound Ed25519 key.
    #[error("密钥不可用 / the key cannot be used: {0}")]
    Key(#[from] KeyError),
    /// Published already.
    #[error("该密钥已登记 / the key is published already")]
    Known,
    /// Not published.
    #[error("没有密钥 {0} / no such key is published")]
    Unknown(Thumbprint),
    /// The key that is to sign this very change.
    #[error("正在用于签名的密钥不能停用 / the key that signs cannot be retired: sign with its successor")]
    InUse,
    /// Nothing was signed.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

/// Publishes a further federation key, three refresh periods before it is to sign.
///
/// # Errors
/// [`KeyChangeError`]; the old state still stands.
pub async fn prepare_key(
    state: &AuthorityState,
    signer: &dyn Signer,
    key: &Jwk,
    now: UnixSeconds,
) -> Result<AuthorityState, KeyChangeError> {
    let sound = Ed25519Key::from_jwk(key)?;
    if state.keys.keys.iter().any(|known| same_key(known, key)) {
        return Err(KeyChangeError::Known);
    }
    let mut next = state.clone();
    next.keys.keys.push(Jwk::ed25519(&sound.to_bytes()));
    Ok(publish(&next, signer, now).await?)
}

/// Publishes without a key that no longer signs, after the last object it signed has ended; or at once, when it was stolen.
///
/// # Errors
/// [`KeyChangeError`]; the old state still stands.
pub async fn retire_key(
    state: &AuthorityState,
    signer: &dyn Signer,
    key: &Thumbprint,
    now: UnixSeconds,
) -> Result<AuthorityState, KeyChangeError> {
    if signer.thumbprint() == *key {
        return Err(KeyChangeError::InUse);
    }
    if !state.publishes(key) {
        return Err(KeyChangeError::Unknown(*key));
    }
    let name = key.to_string();
    let mut next = state.clone();
    next.keys
        .keys
        .retain(|one| one.kid.as_deref() != Some(name.as_str()));
    Ok(publish(&next, signer, now).await?)
}
