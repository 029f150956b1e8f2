//! JOSE names of the strict profile: media types in `typ`, algorithms, key purposes and public JWKs.
//!
//! Only names and shapes live here. What a signature must satisfy is decided in the verifier crate. RFC 7515 (JWS), RFC 7517
//! (JWK), RFC 7638 (thumbprints), RFC 8037 (Ed25519 in JOSE), RFC 9864 (fully specified algorithm names). This module refuses
//! to carry private key material: [`Jwk`] has no member for it, and an object with one does not parse.

use crate::mutant;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::Thumbprint;

/// `typ` of every signed object of the protocol; an object is only ever read as the type it declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Typ {
    /// OpenID Federation entity statement (configuration or subordinate statement).
    EntityStatement,
    /// OpenID Federation historical keys.
    JwkSet,
    /// Token Status List token.
    StatusList,
    /// SD-JWT VC attestation.
    Attestation,
    /// SD-JWT key binding.
    KeyBinding,
    /// Member list of an authority.
    MemberList,
    /// Recognition agreement.
    Agreement,
    /// Withdrawal from an agreement.
    Withdrawal,
    /// Signed look-up request.
    VerificationRequest,
    /// Signed look-up answer.
    VerificationResponse,
    /// Notice that status lists changed.
    Hint,
    /// Verification receipt (核验回执).
    Receipt,
    /// Head of the hash-chained record of exchanges.
    RecordHead,
}

impl Typ {
    /// Every type, in the order of the text.
    pub const ALL: [Self; 13] = [
        Self::EntityStatement,
        Self::JwkSet,
        Self::StatusList,
        Self::Attestation,
        Self::KeyBinding,
        Self::MemberList,
        Self::Agreement,
        Self::Withdrawal,
        Self::VerificationRequest,
        Self::VerificationResponse,
        Self::Hint,
        Self::Receipt,
        Self::RecordHead,
    ];

    /// The exact value of the `typ` header parameter.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EntityStatement => "entity-statement+jwt",
            Self::JwkSet => "jwk-set+jwt",
            Self::StatusList => "statuslist+jwt",
            Self::Attestation => "dc+sd-jwt",
            Self::KeyBinding => "kb+jwt",
            Self::MemberList => "comity-member-list+jwt",
            Self::Agreement => "comity-agreement+jwt",
            Self::Withdrawal => "comity-withdrawal+jwt",
            Self::VerificationRequest => "comity-verification-request+jwt",
            Self::VerificationResponse => "comity-verification-response+jwt",
            Self::Hint => "comity-hint+jwt",
            Self::Receipt => "comity-receipt+jwt",
            Self::RecordHead => "comity-record-head+jwt",
        }
    }

    /// The one purpose whose keys may sign this type. A holder's key signs [`Typ::KeyBinding`], so it has none.
    #[must_use]
    pub const fn purpose(self) -> Option<KeyPurpose> {
        Some(match self {
            Self::EntityStatement | Self::JwkSet | Self::MemberList | Self::Agreement | Self::Withdrawal => {
                KeyPurpose::Federation
            }
            Self::StatusList => KeyPurpose::Status,
            Self::Attestation => KeyPurpose::Attestation,
            Self::VerificationRequest | Self::VerificationResponse | Self::Hint => KeyPurpose::Exchange,
            Self::Receipt | Self::RecordHead => KeyPurpose::Receipt,
            Self::KeyBinding => return None,
        })
    }
}

/// What a key may sign. A signature by a key of another purpose is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyPurpose {
    /// Entity statements, member lists, agreements, withdrawals.
    Federation,
    /// Permit attestations.
    Attestation,
    /// Status list tokens.
    Status,
    /// Look-up requests, answers and hints.
    Exchange,
    /// Receipts and heads of the record.
    Receipt,
    /// Log checkpoints (reserved).
    Log,
    /// Witness cosignatures (reserved).
    Witness,
    /// X25519 encryption for relays and files (reserved).
    Encryption,
}

impl KeyPurpose {
    /// The purposes for which a county node holds a signing key today.
    pub const NODE: [Self; 5] = [
        Self::Federation,
        Self::Attestation,
        Self::Status,
        Self::Exchange,
        Self::Receipt,
    ];

    /// Wire and file name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Federation => "federation",
            Self::Attestation => "attestation",
            Self::Status => "status",
            Self::Exchange => "exchange",
            Self::Receipt => "receipt",
            Self::Log => "log",
            Self::Witness => "witness",
            Self::Encryption => "encryption",
        }
    }
}

/// A public key as JSON (RFC 7517): OKP/Ed25519 everywhere, EC/P-256 only as a holder's `cnf` key.
///
/// Coordinates are unpadded base64url. Unknown members are ignored (a standard owns the type), but a private member `d` does
/// not parse: a private key that reaches a public place is an incident, not a warning.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Jwk {
    /// Key type: `OKP` or `EC`.
    pub kty: String,
    /// Curve: `Ed25519` or `P-256`.
    pub crv: String,
    /// Public coordinate x.
    pub x: String,
    /// Public coordinate y, for `EC` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
    /// RFC 7638 thumbprint, where given it must match the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// Algorithm, informative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// `sig`, informative.
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    pub use_: Option<String>,
    /// Never present: a JWK with a private member is refused.
    #[serde(default, rename = "d", skip_serializing, deserialize_with = "refuse_private")]
    #[schemars(skip)]
    pub private: NoPrivateKey,
}

/// Proof that a parsed [`Jwk`] carried no private member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NoPrivateKey;

fn refuse_private<'de, D: serde::Deserializer<'de>>(_: D) -> Result<NoPrivateKey, D::Error> {
    if mutant!("SEC-3") {
        return Ok(NoPrivateKey);
    }
    Err(serde::de::Error::custom(
        "a public JWK must not carry the private member `d`",
    ))
}

impl Jwk {
    /// The JWK of an Ed25519 public key (32 bytes), with its thumbprint as `kid`.
    #[must_use]
    pub fn ed25519(public: &[u8; 32]) -> Self {
        use base64::Engine as _;
        let x = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(public);
        let kid = Thumbprint::of_ed25519(public).to_string();
        Self {
            kty: "OKP".into(),
            crv: "Ed25519".into(),
            x,
            y: None,
            kid: Some(kid),
            alg: None,
            use_: None,
            private: NoPrivateKey,
        }
    }
}

/// A set of public keys (RFC 7517 §5).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JwkSet {
    /// The keys.
    pub keys: Vec<Jwk>,
}
