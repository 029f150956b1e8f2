//! An attestation of a county that is in no member list: honestly made and well signed, by somebody whom this federation does not know.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comity_node_core::ports::Rng as _;
use comity_node_core::ports::signer::Signers;
use comity_node_core::signing::{LocalSigner, compact};
use comity_spec::jose::{KeyPurpose, Typ};
use serde_json::Value;
use zeroize::Zeroizing;

use super::DemoError;
use crate::system::SystemRng;

/// The same claims and disclosures as `token`, under another name and key.
pub(crate) fn attestation(token: &str) -> Result<String, DemoError> {
    let (jws, disclosures) = token
        .split_once('~')
        .ok_or_else(|| DemoError::other("not an SD-JWT"))?;
    let payload = jws
        .split('.')
        .nth(1)
        .ok_or_else(|| DemoError::other("not a JWS"))?;
    let payload = URL_SAFE_NO_PAD.decode(payload).map_err(DemoError::other)?;
    let mut claims: Value = serde_json::from_slice(&payload).map_err(DemoError::other)?;
    claims["iss"] = "https://stranger.invalid".into();
    let mut seed = Zeroizing::new([0; 32]);
    SystemRng.fill(seed.as_mut());
    let mut signers = Signers::default();
    signers.insert(
        KeyPurpose::Attestation,
        std::sync::Arc::new(LocalSigner::from_seed(&seed)),
    );
    let signed = futures_util::FutureExt::now_or_never(compact(&signers, Typ::Attestation, &claims))
        .ok_or_else(|| DemoError::other("a local key signs at once"))?
        .map_err(DemoError::other)?;
    Ok(format!("{signed}~{disclosures}"))
}
