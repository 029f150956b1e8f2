//! Public keys: import from JWK, thumbprints, and the one joint at which a signature is checked.
//!
//! Ed25519 (RFC 8037) signs everything; P-256 is here for a holder's `cnf` key, since phones' hardware has no Ed25519, and for
//! reading other issuers' tokens in the standard profile. Import refuses what makes two verifiers disagree: keys of small
//! order, keys with a torsion component, encodings that are not the canonical one, points off the curve, and JWKs that carry
//! a private member. Keys carry their purpose from where they were found; nothing in a token can change it (JWS-5).
//!
//! [`PublicKey::verify`] is the `SignatureSuite` joint: another suite (SM2, post-quantum) is a variant of [`PublicKey`] and of
//! [`Algorithm`], and nothing above this file changes.

use comity_spec::ids::Thumbprint;
use comity_spec::jose::{Jwk, KeyPurpose};
use comity_spec::mutant;
use ed25519_dalek::{Signature as Ed25519Signature, VerifyingKey};
use p256::ecdsa::signature::Verifier as _;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::b64;
use crate::budget::{Budget, BudgetExceeded, Resource};
use crate::json::{self, JsonError, Numbers};
use multiples::Practice;

mod multiples;
mod strict;

/// Most keys one set may hold; real sets have a handful.
pub const MAX_KEYS: usize = 64;

/// A signature algorithm that can be named in a header. `none`, HMAC and RSA have no value here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `EdDSA` (RFC 8037), always Ed25519 here.
    EdDsa,
    /// `Ed25519`, the fully specified name of the same (RFC 9864).
    Ed25519,
    /// `ES256`, only where the profile allows it.
    Es256,
}

impl Algorithm {
    /// Reads the `alg` header value, case-sensitively.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "EdDSA" => Some(Self::EdDsa),
            "Ed25519" => Some(Self::Ed25519),
            "ES256" => Some(Self::Es256),
            _ => None,
        }
    }

    /// The `alg` header value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
            Self::Es256 => "ES256",
        }
    }
}

/// Why a key is not accepted. The fault of whoever published the key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Not the key type and curve that this place allows.
    #[error("不支持的密钥类型 / key type or curve not supported here: {0}")]
    Type(String),
    /// The JWK's members are missing or malformed.
    #[error("公钥格式错误 / malformed public key: {0}")]
    Malformed(&'static str),
    /// No point of the curve has this encoding.
    #[error("公钥不在曲线上 / not a point of the curve")]
    NotOnCurve,
    /// A key under which anybody can make signatures.
    #[error("弱公钥(小阶点) / weak public key: a point of small order")]
    SmallOrder,
    /// A key that verifiers of different strictness judge differently.
    #[error("公钥含挠分量 / public key has a torsion component")]
    Torsion,
    /// A second spelling of some key.
    #[error("公钥编码不规范 / public key is not canonically encoded")]
    NonCanonical,
    /// A JWK that contains private key material.
    #[error("公开密钥集中出现私钥 / a private key stands where a public key belongs")]
    Private,
    /// `kid` is not the RFC 7638 thumbprint.
    #[error("kid 不是该公钥的指纹 / kid is not the thumbprint of the key")]
    KidMismatch,
    /// Two keys of the set answer to one `kid` for one purpose.
    #[error("密钥集中 kid 重复 / two keys of the set have the same kid")]
    DuplicateKid,
    /// More than [`MAX_KEYS`].
    #[error("密钥过多 / more than 64 keys in one set")]
    TooMany,
    /// The key set is not strict JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Too much work.
    #[error(transparent)]
    Budget(#[from] BudgetExceeded),
}

impl KeyError {
    /// Stable name of the rule that refused.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Type(_) => "key.type",
            Self::Malformed(_) => "key.malformed",
            Self::NotOnCurve => "key.not-on-curve",
            Self::SmallOrder => "key.small-order",
            Self::Torsion => "key.torsion",
            Self::NonCanonical => "key.non-canonical",
            Self::Private => "key.private",
            Self::KidMismatch => "key.kid",
            Self::DuplicateKid => "key.duplicate-kid",
            Self::TooMany => "key.too-many",
            Self::Json(e) => e.rule(),
            Self::Budget(_) => "budget",
        }
    }
}

/// An Ed25519 public key in the prime-order subgroup, canonically encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ed25519Key {
    key: VerifyingKey,
    thumbprint: Thumbprint,
    practice: Practice,
}

impl Ed25519Key {
    /// Imports the 32 bytes of RFC 8032.
    ///
    /// # Errors
    /// [`KeyError::NotOnCurve`], [`KeyError::NonCanonical`], [`KeyError::SmallOrder`] or [`KeyError::Torsion`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotOnCurve)?;
        let point = key.to_edwards();
        // Weakness is reported first: some small-order points are also known by non-canonical spellings.
        if key.is_weak() && !mutant!("JWS-8/small-order") {
            return Err(KeyError::SmallOrder);
        }
        if point.compress().as_bytes() != bytes && !mutant!("JWS-8/canonical") {
            return Err(KeyError::NonCanonical);
        }
        if !point.is_torsion_free() && !mutant!("JWS-8") {
            return Err(KeyError::Torsion);
        }
        Ok(Self {
            key,
            thumbprint: Thumbprint::of_ed25519(bytes),
            practice: Practice::default(),
        })
    }

    /// Imports a JWK of Comity's own objects: `kid`, where present, must be the thumbprint.
    ///
    /// # Errors
    /// [`KeyError`] as for [`Self::from_bytes`], and for another key type or `kid`.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, KeyError> {
        if jwk.kty != "OKP" || jwk.crv != "Ed25519" {
            return Err(KeyError::Type(format!("{:.16}/{:.16}", jwk.kty, jwk.crv)));
        }
        let bytes = b64::decode_array(jwk.x.as_bytes()).map_err(|_| KeyError::Malformed("x"))?;
        let key = Self::from_bytes(&bytes)?;
        match &jwk.kid {
            Some(kid) if *kid != key.thumbprint.to_string() && !mutant!("IDN-13") => {
                Err(KeyError::KidMismatch)
            }
            _ => Ok(key),
        }
    }

    /// The encoded key.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// RFC 7638 thumbprint, which is the `kid`.
    #[must_use]
    pub const fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// Strict verification (RFC 8032 §5.1.7 with canonical S and R, and no small-order R).
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        if mutant!("JWS-7") {
            let signature = Ed25519Signature::from_bytes(signature);
            return ed25519_dalek::Verifier::verify(&self.key, message, &signature).is_ok();
        }
        let multiples = self.practice.multiples(|| strict::negative(&self.key));
        strict::verify(&self.key, multiples, message, signature)
    }
}

/// A P-256 public key: a holder's `cnf` key, or another issuer's in the standard profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct P256Key {
    key: p256::ecdsa::VerifyingKey,
    thumbprint: Thumbprint,
}

impl P256Key {
    /// Imports affine coordinates.
    ///
    /// # Errors
    /// [`KeyError::NotOnCurve`].
    pub fn from_coordinates(x: &[u8; 32], y: &[u8; 32]) -> Result<Self, KeyError> {
        let mut sec1 = [4_u8; 65];
        sec1[1..33].copy_from_slice(x);
        sec1[33..].copy_from_slice(y);
        let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&sec1).map_err(|_| KeyError::NotOnCurve)?;
        Ok(Self {
            key,
            thumbprint: Thumbprint::of_p256(x, y),
        })
    }

    /// RFC 7638 thumbprint.
    #[must_use]
    pub const fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// Verifies `r ‖ s` over SHA-256 (RFC 7518 §3.4).
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        p256::ecdsa::Signature::from_slice(signature)
            .is_ok_and(|s| self.key.verify(message, &s).is_ok() || mutant!("ATT-13/es256"))
    }
}

/// A key of any suite that is read here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// Ed25519.
    Ed25519(Ed25519Key),
    /// NIST P-256.
    P256(P256Key),
}

impl PublicKey {
    /// Imports a public JWK of somebody who follows the standards and not our profile: `kid` may be any text.
    ///
    /// # Errors
    /// [`KeyError`]; [`KeyError::Type`] for key types that are not read here, such as RSA.
    pub fn from_value(jwk: &Value) -> Result<Self, KeyError> {
        let private = ["d", "p", "q", "dp", "dq", "qi", "k"]
            .iter()
            .filter(|member| !(mutant!("SEC-3") && **member == "d"))
            .any(|member| jwk.get(member).is_some());
        if private && !mutant!("JWS-9") {
            return Err(KeyError::Private);
        }
        let member = |name| jwk.get(name).and_then(Value::as_str);
        let coordinate = |name, missing| {
            let text = member(name).ok_or(KeyError::Malformed(missing))?;
            b64::decode_array::<32>(text.as_bytes()).map_err(|_| KeyError::Malformed(missing))
        };
        match (member("kty"), member("crv")) {
            (Some("OKP"), Some("Ed25519")) => {
                Ed25519Key::from_bytes(&coordinate("x", "x")?).map(Self::Ed25519)
            }
            (Some("EC"), Some("P-256")) if !mutant!("ATT-13") => {
                P256Key::from_coordinates(&coordinate("x", "x")?, &coordinate("y", "y")?).map(Self::P256)
            }
            (Some(kty), crv) => Err(KeyError::Type(format!("{kty:.16}/{:.16}", crv.unwrap_or("-")))),
            (None, _) => Err(KeyError::Malformed("kty")),
        }
    }

    /// RFC 7638 thumbprint.
    #[must_use]
    pub const fn thumbprint(&self) -> &Thumbprint {
        match self {
            Self::Ed25519(key) => key.thumbprint(),
            Self::P256(key) => key.thumbprint(),
        }
    }

    /// Whether signatures under `algorithm` can be by this key.
    #[must_use]
    pub const fn can(&self, algorithm: Algorithm) -> bool {
        matches!(
            (self, algorithm),
            (Self::Ed25519(_), Algorithm::EdDsa | Algorithm::Ed25519) | (Self::P256(_), Algorithm::Es256)
        )
    }

    /// Verifies one signature; `false` too when the algorithm does not belong to the key.
    ///
    /// # Errors
    /// [`BudgetExceeded`].
    pub fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8; 64],
        budget: &mut Budget,
    ) -> Result<bool, BudgetExceeded> {
        budget.spend(Resource::Signatures, 1)?;
        Ok(self.can(algorithm)
            && match self {
                Self::Ed25519(key) => key.verify(message, signature),
                Self::P256(key) => key.verify(message, signature),
            })
    }
}

/// One key of a [`KeySet`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEntry {
    /// What tokens call it; `None` only in other issuers' sets.
    pub kid: Option<String>,
    /// What it may sign.
    pub purpose: KeyPurpose,
    /// The key.
    pub key: PublicKey,
}

/// The keys of one entity, each with the purpose for which its place in the trust chain gave it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySet {
    entries: Vec<KeyEntry>,
}

/// What a [`KeySet`] has under a `kid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// The key for this purpose.
    Key(&'a KeyEntry),
    /// A key of that name, for another purpose.
    OtherPurpose(KeyPurpose),
    /// No key of that name.
    Nothing,
}

impl KeySet {
    /// No keys.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Adds an imported key for one purpose, under its thumbprint. Adding the same again changes nothing.
    ///
    /// # Errors
    /// [`KeyError::TooMany`].
    pub fn add(&mut self, purpose: KeyPurpose, key: Ed25519Key) -> Result<(), KeyError> {
        let kid = key.thumbprint().to_string();
        let entry = KeyEntry {
            kid: Some(kid),
            purpose,
            key: PublicKey::Ed25519(key),
        };
        if self.entries.contains(&entry) {
            Ok(())
        } else {
            self.push(entry)
        }
    }

    /// Imports every JWK of one purpose.
    ///
    /// # Errors
    /// [`KeyError`], for the first key that is not acceptable: one bad key refuses the set.
    pub fn add_jwks(
        &mut self,
        purpose: KeyPurpose,
        jwks: &[Jwk],
        budget: &mut Budget,
    ) -> Result<(), KeyError> {
        for jwk in jwks {
            budget.spend(Resource::Signatures, 1)?;
            self.add(purpose, Ed25519Key::from_jwk(jwk)?)?;
        }
        Ok(())
    }

    /// Reads any issuer's JWK Set, or a single JWK, for one purpose (RFC 7517 §5: key types unknown here are passed over).
    ///
    /// # Errors
    /// [`KeyError`] when it is not a key set, when an acceptable type carries an unacceptable key, or when no key is left.
    pub fn from_jwks_json(bytes: &[u8], purpose: KeyPurpose, budget: &mut Budget) -> Result<Self, KeyError> {
        #[derive(Deserialize)]
        struct Keys {
            keys: Vec<Value>,
        }
        let document: Value = json::read(bytes, Numbers::Finite, budget)?;
        let keys = if document.get("kty").is_some() {
            vec![document]
        } else {
            serde_json::from_value::<Keys>(document)
                .map_err(|_| KeyError::Malformed("keys"))?
                .keys
        };
        let mut set = Self::new();
        for jwk in &keys {
            budget.spend(Resource::Signatures, 1)?;
            let key = match PublicKey::from_value(jwk) {
                Err(KeyError::Type(_)) if keys.len() > 1 => continue,
                other => other?,
            };
            let kid = jwk.get("kid").and_then(Value::as_str).map(str::to_owned);
            if kid.is_some() && set.entries.iter().any(|e| e.kid == kid) {
                return Err(KeyError::DuplicateKid);
            }
            set.push(KeyEntry { kid, purpose, key })?;
        }
        if set.entries.is_empty() {
            Err(KeyError::Malformed("keys"))
        } else {
            Ok(set)
        }
    }

    fn push(&mut self, entry: KeyEntry) -> Result<(), KeyError> {
        if self.entries.len() >= MAX_KEYS {
            return Err(KeyError::TooMany);
        }
        self.entries.push(entry);
        Ok(())
    }

    /// The key that `kid` names, by its own name or by its thumbprint.
    #[must_use]
    pub fn find(&self, kid: &str, purpose: KeyPurpose) -> Found<'_> {
        let mut other = None;
        for entry in &self.entries {
            let named = entry
                .kid
                .as_deref()
                .map_or_else(|| entry.key.thumbprint().to_string() == kid, |own| own == kid);
            if named && entry.purpose == purpose {
                return Found::Key(entry);
            }
            if named {
                other = Some(entry.purpose);
            }
        }
        other.map_or(Found::Nothing, Found::OtherPurpose)
    }

    /// The only key for a purpose, for tokens of other issuers that name none.
    #[must_use]
    pub fn only(&self, purpose: KeyPurpose) -> Option<&KeyEntry> {
        let mut of_purpose = self.entries.iter().filter(|e| e.purpose == purpose);
        let first = of_purpose.next()?;
        of_purpose.next().is_none().then_some(first)
    }

    /// All keys.
    #[must_use]
    pub fn entries(&self) -> &[KeyEntry] {
        &self.entries
    }
}

#[cfg(test)]
mod tests;
