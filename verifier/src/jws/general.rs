//! JWS JSON general serialization (RFC 7515 §7.2.1): one payload, several signatures. Agreements are signed so (JWS-20, AGR-1).
//!
//! Each signature has a protected header of exactly `alg`, `kid`, `typ` and `signed_at`. Unprotected headers, unknown members
//! and the flattened form are refused. [`UnverifiedGeneral::verify`] succeeds only with exactly one good signature for each
//! party; [`UnverifiedGeneral::verify_one`] is for drafts that are still collecting them.

use comity_spec::mutant;
use std::borrow::Cow;

use comity_spec::ids::Thumbprint;
use comity_spec::jose::KeyPurpose;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Header, JwsError, MAX_TOKEN, check_signature, select, sha256};
use crate::b64;
use crate::budget::{Budget, BudgetExceeded};
use crate::json::{self, Numbers};
use crate::jwk::{Found, KeySet};

/// Most signatures read on one payload.
pub const MAX_SIGNATURES: usize = 16;

/// One payload with signatures that were not verified.
#[derive(Clone, Debug)]
pub struct UnverifiedGeneral {
    received: Vec<u8>,
    payload: Vec<u8>,
    /// As received: the second half of every signing input.
    encoded_payload: String,
    signatures: Vec<PartySignature>,
}

/// One of the signatures, inspected and not verified.
#[derive(Clone, Debug)]
pub struct PartySignature {
    header: Header,
    signed_at: i64,
    encoded_header: String,
    signature: [u8; 64],
}

impl PartySignature {
    /// The protected header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// When the party says it signed, in seconds since 1970.
    #[must_use]
    pub const fn signed_at(&self) -> i64 {
        self.signed_at
    }
}

/// Who made a signature that was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signer {
    /// Thumbprint of the key.
    pub key: Thumbprint,
    /// When the party says it signed, in seconds since 1970.
    pub signed_at: i64,
}

/// A payload signed once by each of its parties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedGeneral<T> {
    value: T,
    received: Vec<u8>,
    payload: Vec<u8>,
    signers: Vec<Signer>,
}

impl<T> VerifiedGeneral<T> {
    /// What was signed.
    #[must_use]
    pub const fn value(&self) -> &T {
        &self.value
    }

    /// Gives up the proof and keeps the value.
    #[must_use]
    pub fn into_value(self) -> T {
        self.value
    }

    /// The object as received.
    #[must_use]
    pub fn received(&self) -> &[u8] {
        &self.received
    }

    /// The signed payload octets; their SHA-256 is the agreement's digest.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The signers, in the order of the parties given to [`UnverifiedGeneral::verify`].
    #[must_use]
    pub fn signers(&self) -> &[Signer] {
        &self.signers
    }
}

impl UnverifiedGeneral {
    /// Takes the serialization apart and inspects every header; nothing is believed yet.
    ///
    /// # Errors
    /// [`JwsError`], for the first rule broken.
    pub fn parse(object: &[u8], typ: &str, budget: &mut Budget) -> Result<Self, JwsError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Wire<'a> {
            #[serde(borrow)]
            payload: Cow<'a, str>,
            #[serde(borrow)]
            signatures: Vec<WireSignature<'a>>,
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct WireSignature<'a> {
            #[serde(borrow)]
            protected: Cow<'a, str>,
            #[serde(borrow)]
            signature: Cow<'a, str>,
        }
        if object.len() > MAX_TOKEN {
            return Err(JwsError::TooLong);
        }
        let wire: Wire<'_> = json::read(object, Numbers::Integers, budget)?;
        if wire.signatures.is_empty() || (wire.signatures.len() > MAX_SIGNATURES && !mutant!("JWS-20")) {
            return Err(JwsError::Structure);
        }
        let mut signatures = Vec::with_capacity(wire.signatures.len());
        for one in wire.signatures {
            let (header, signed_at) =
                Header::parse_dated(&b64::decode(one.protected.as_bytes())?, typ, budget)?;
            let signature =
                b64::decode_array(one.signature.as_bytes()).map_err(|_| JwsError::SignatureForm)?;
            signatures.push(PartySignature {
                header,
                signed_at,
                encoded_header: one.protected.into_owned(),
                signature,
            });
        }
        let payload = b64::decode(wire.payload.as_bytes())?;
        json::scan(&payload, Numbers::Integers, budget)?;
        Ok(Self {
            received: object.to_vec(),
            payload,
            encoded_payload: wire.payload.into_owned(),
            signatures,
        })
    }

    /// Unverified claims, to learn who the parties say they are.
    ///
    /// # Errors
    /// A shape error when the payload is not a `T`.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, JwsError> {
        Ok(json::read_scanned(&self.payload)?)
    }

    /// The object as received.
    #[must_use]
    pub fn received(&self) -> &[u8] {
        &self.received
    }

    /// The payload octets.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// SHA-256 of the payload octets.
    ///
    /// # Errors
    /// [`BudgetExceeded`].
    pub fn digest(&self, budget: &mut Budget) -> Result<[u8; 32], BudgetExceeded> {
        sha256(&self.payload, budget)
    }

    /// The signatures, inspected and not verified.
    #[must_use]
    pub fn signatures(&self) -> &[PartySignature] {
        &self.signatures
    }

    /// Verifies one signature by the keys of one party.
    ///
    /// # Errors
    /// [`JwsError::NoSuchSignature`], or why the signature is not acceptable.
    pub fn verify_one(
        &self,
        index: usize,
        party: &KeySet,
        purpose: KeyPurpose,
        budget: &mut Budget,
    ) -> Result<Signer, JwsError> {
        let one = self
            .signatures
            .get(index)
            .ok_or(JwsError::NoSuchSignature { index })?;
        let entry = select(party, &one.header, purpose)?;
        let message = [
            one.encoded_header.as_bytes(),
            b".",
            self.encoded_payload.as_bytes(),
        ]
        .concat();
        check_signature(&entry.key, &one.header, &message, &one.signature, budget)?;
        Ok(Signer {
            key: *entry.key.thumbprint(),
            signed_at: one.signed_at,
        })
    }

    /// Verifies that each party, given by its keys, signed exactly once and nobody else did, and reads the payload.
    ///
    /// # Errors
    /// [`JwsError::SignatureCount`], [`JwsError::PartySignedTwice`], [`JwsError::UnknownKey`] for a signature of nobody among
    /// the parties, or why one of the signatures is not acceptable.
    pub fn verify<T: DeserializeOwned>(
        self,
        parties: &[&KeySet],
        purpose: KeyPurpose,
        budget: &mut Budget,
    ) -> Result<VerifiedGeneral<T>, JwsError> {
        if parties.is_empty() || self.signatures.len() != parties.len() {
            return Err(JwsError::SignatureCount {
                expected: parties.len(),
                found: self.signatures.len(),
            });
        }
        let mut signers: Vec<Option<Signer>> = vec![None; parties.len()];
        for (index, one) in self.signatures.iter().enumerate() {
            let kid = one.header.kid().unwrap_or_default();
            let party = parties
                .iter()
                .position(|keys| keys.find(kid, purpose) != Found::Nothing);
            let party = party.ok_or_else(|| JwsError::UnknownKey {
                kid: super::header::shorten(kid),
            })?;
            if signers[party].is_some() {
                return Err(JwsError::PartySignedTwice);
            }
            signers[party] = Some(self.verify_one(index, parties[party], purpose, budget)?);
        }
        // As many signatures as parties and none twice: every place is taken.
        let signers: Vec<Signer> = signers.into_iter().flatten().collect();
        let value = self.claims()?;
        Ok(VerifiedGeneral {
            value,
            received: self.received,
            payload: self.payload,
            signers,
        })
    }
}
