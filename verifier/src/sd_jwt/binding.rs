//! Key binding (RFC 9901 §4.3 and §7.3): the holder proves possession of the `cnf` key, for one recogniser and one nonce.
//!
//! Whether a binding is needed comes from the recogniser's policy. The holder's key is Ed25519 or P-256 and comes from the
//! *verified* issuer token; a key that the binding token itself brought along is refused with it.

use comity_spec::ids::Thumbprint;
use comity_spec::jose::Typ;
use comity_spec::mutant;
use serde::Deserialize;
use serde_json::Value;

use super::SdJwtError;
use crate::b64;
use crate::budget::{Budget, Resource};
use crate::jwk::PublicKey;
use crate::jws::{JwsError, Profile, Unverified, sha256};

/// How long after its making a key binding is accepted, in seconds, where a caller has no reason for another value.
pub const MAX_KEY_BINDING_AGE: i64 = 300;
/// Tolerated difference of clocks, in seconds (chapter 2.4).
const SKEW: i64 = 60;

/// Whether the recogniser needs a key binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding<'a> {
    /// Another proof takes its place, such as the face check. One that is presented must still be genuine.
    Optional,
    /// Needed, in answer to this challenge.
    Required(Challenge<'a>),
}

/// What the window asked for and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge<'a> {
    /// The recogniser's entity id.
    pub aud: &'a str,
    /// The nonce the window issued. That it is used once is for the caller to see to.
    pub nonce: &'a str,
    /// Seconds since 1970.
    pub now: i64,
    /// Oldest acceptable binding, in seconds.
    pub max_age: i64,
}

/// A verified key binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HolderProof {
    /// Thumbprint of the holder's key.
    pub key: Thumbprint,
    /// For whom it was made.
    pub aud: String,
    /// In answer to what.
    pub nonce: String,
    /// When, in seconds since 1970.
    pub iat: i64,
    /// Whether audience, nonce and time were compared with a challenge.
    pub challenged: bool,
}

/// A key binding token, not verified.
#[derive(Clone, Debug)]
pub(super) struct KeyBindingJwt(Unverified);

/// RFC 9901 §4.3: all four are required. Others are passed over, since the type is not ours.
#[derive(Deserialize)]
struct Claims {
    #[serde(deserialize_with = "whole_seconds")]
    iat: i64,
    aud: String,
    nonce: String,
    sd_hash: String,
}

/// A NumericDate (RFC 7519) may have a fraction, which is dropped.
fn whole_seconds<'de, D: serde::Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    let seconds = serde_json::Number::deserialize(from)?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the conversion saturates, and no such time is accepted"
    )]
    let whole = seconds
        .as_i64()
        .or_else(|| seconds.as_f64().map(|s| s.floor() as i64));
    whole.ok_or_else(|| serde::de::Error::custom("not a number of seconds"))
}

impl KeyBindingJwt {
    pub(super) fn parse(token: &[u8], budget: &mut Budget) -> Result<Self, SdJwtError> {
        // A holder's wallet is not ours: its header may have more members, and `kid` has nothing to name.
        let profile = Profile::Standard {
            typ: Some(Typ::KeyBinding.as_str()).filter(|_| !mutant!("ATT-13/typ")),
        };
        Unverified::parse(token, profile, budget)
            .map(Self)
            .map_err(SdJwtError::BindingToken)
    }
}

/// The holder's key in a `cnf` claim (RFC 7800): only the `jwk` form is read.
pub(super) fn holder_key(cnf: &Value) -> Result<PublicKey, SdJwtError> {
    let jwk = cnf.get("jwk").ok_or(SdJwtError::HolderKey(None))?;
    PublicKey::from_value(jwk).map_err(|e| SdJwtError::HolderKey(Some(e)))
}

/// Verifies a presented binding, and that there is one where one is required.
pub(super) fn check(
    presented: Option<KeyBindingJwt>,
    cnf: Option<&Value>,
    bound: &[u8],
    binding: Binding<'_>,
    budget: &mut Budget,
) -> Result<Option<HolderProof>, SdJwtError> {
    let Some(KeyBindingJwt(token)) = presented else {
        return match binding {
            Binding::Optional => Ok(None),
            Binding::Required(_) if mutant!("ATT-14") => Ok(None),
            Binding::Required(_) => Err(SdJwtError::BindingMissing),
        };
    };
    if mutant!("ATT-15") && binding == Binding::Optional {
        return Ok(None);
    }
    budget.spend(Resource::Signatures, 1)?;
    let key = holder_key(cnf.ok_or(SdJwtError::HolderKey(None))?)?;
    let claims: Claims = token.verify_by(&key, budget).map_err(binding_token)?.into_value();
    if claims.sd_hash.as_bytes() != b64::encode_digest(&sha256(bound, budget)?) && !mutant!("ATT-14/sd-hash")
    {
        return Err(SdJwtError::BindingHash);
    }
    let challenged = match binding {
        Binding::Optional => false,
        Binding::Required(challenge) => {
            answer(&claims, challenge)?;
            true
        }
    };
    Ok(Some(HolderProof {
        key: *key.thumbprint(),
        aud: claims.aud,
        nonce: claims.nonce,
        iat: claims.iat,
        challenged,
    }))
}

fn binding_token(error: JwsError) -> SdJwtError {
    match error {
        JwsError::Budget(e) => SdJwtError::Budget(e),
        other => SdJwtError::BindingToken(other),
    }
}

fn answer(claims: &Claims, challenge: Challenge<'_>) -> Result<(), SdJwtError> {
    if claims.aud != challenge.aud && !mutant!("ATT-14/aud") {
        return Err(SdJwtError::BindingAudience);
    }
    if claims.nonce != challenge.nonce && !mutant!("SEC-4") {
        return Err(SdJwtError::BindingNonce);
    }
    let oldest = challenge
        .now
        .saturating_sub(challenge.max_age)
        .saturating_sub(SKEW);
    let newest = challenge.now.saturating_add(SKEW);
    let oldest = if mutant!("ATT-14/age") { 0 } else { oldest };
    let newest = if mutant!("ATT-14/future") {
        i64::MAX
    } else {
        newest
    };
    if (oldest..=newest).contains(&claims.iat) {
        Ok(())
    } else {
        Err(SdJwtError::BindingTime)
    }
}
