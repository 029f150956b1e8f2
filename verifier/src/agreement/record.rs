//! What was adopted, as a node keeps it: the object, its digest, and the keys that signed.
//!
//! A pinned thumbprint commits to a key, so with the keys beside it a record proves itself again each time it is loaded: the
//! signatures are verified over the stored octets, without asking what the chain says by now. Rotation does it no harm, a
//! changed store is found. That the chain gave those keys at adoption is what the record adds; only a verified agreement can
//! be turned into one.

use comity_spec::agreement::Party;
use comity_spec::ids::Digest;
use comity_spec::jose::{Jwk, KeyPurpose};
use comity_spec::time::UnixSeconds;
use serde::{Deserialize, Serialize};

use super::withdrawal::{self, VerifiedWithdrawal, WithdrawalError};
use super::{AgreementError, VerifiedAgreement, check};
use crate::budget::Budget;
use crate::jwk::KeySet;
use crate::jws::JwsError;

/// An adopted agreement as a node stores it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedAgreement {
    /// The object as received, JSON text.
    pub received: String,
    /// SHA-256 of its payload octets.
    pub digest: Digest,
    /// The keys that signed.
    pub keys: Vec<Jwk>,
}

/// An accepted withdrawal as a node stores it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedWithdrawal {
    /// The object as received, compact JWS.
    pub received: String,
    /// The key that signed.
    pub key: Jwk,
}

impl VerifiedAgreement {
    /// What to store.
    #[must_use]
    pub fn record(&self) -> RecordedAgreement {
        RecordedAgreement {
            // Strict JSON was read from it, so it is UTF-8.
            received: String::from_utf8_lossy(&self.received).into_owned(),
            digest: self.digest,
            keys: self
                .signers
                .iter()
                .map(|signer| Jwk::ed25519(&signer.public))
                .collect(),
        }
    }
}

impl RecordedAgreement {
    /// Loads what was adopted: payload digest, contents and signatures are checked again, the chain is not asked.
    ///
    /// # Errors
    /// [`AgreementError::RecordChanged`] and others, when the store no longer holds what was adopted.
    pub fn adopted(&self) -> Result<VerifiedAgreement, AgreementError> {
        let keys = import(&self.keys).map_err(AgreementError::RecordKey)?;
        // Dates were judged at adoption.
        let loaded = check(self.received.as_bytes(), UnixSeconds::MAX, |_: &Party| {
            Ok(keys.clone())
        })?;
        if loaded.digest != self.digest {
            return Err(AgreementError::RecordChanged { found: loaded.digest });
        }
        let (expected, found) = (loaded.agreement.parties.len(), loaded.signers.len());
        if expected == found {
            Ok(loaded)
        } else {
            Err(JwsError::SignatureCount { expected, found }.into())
        }
    }
}

impl VerifiedWithdrawal {
    /// What to store.
    #[must_use]
    pub fn record(&self) -> RecordedWithdrawal {
        RecordedWithdrawal {
            received: self.received().to_owned(),
            key: self.key().clone(),
        }
    }
}

impl RecordedWithdrawal {
    /// Loads what was accepted: form, reference and signature are checked again, the chain is not asked.
    ///
    /// # Errors
    /// [`WithdrawalError`], when the store no longer holds what was accepted.
    pub fn accepted(&self, agreement: &VerifiedAgreement) -> Result<VerifiedWithdrawal, WithdrawalError> {
        let keys = import(std::slice::from_ref(&self.key)).map_err(WithdrawalError::RecordKey)?;
        withdrawal::check(&self.received, agreement, UnixSeconds::MAX, |_| Ok(keys.clone()))
    }
}

fn import(jwks: &[Jwk]) -> Result<KeySet, crate::jwk::KeyError> {
    let mut keys = KeySet::new();
    keys.add_jwks(KeyPurpose::Federation, jwks, &mut Budget::new(super::LIMITS))?;
    Ok(keys)
}
