//! Recognition agreements: whether one was really signed by its parties, and which one is in force between whom on what day.
//!
//! An agreement counts with exactly one signature per party, by a federation key that the agreement itself pins *and* that the
//! trust chain gives for that party when it is adopted (AGR-2). What was adopted is kept with the keys that signed
//! ([`RecordedAgreement`]) and holds through later rotations. This module refuses contents that could be read in two ways; it
//! does not evaluate conditions and does not store anything.

use comity_spec::agreement::{Agreement, AgreementRef, Party, SignedAgreement};
use comity_spec::attestation::Tier;
use comity_spec::ids::{Digest, EntityId, Region, Thumbprint};
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::mutant;
use comity_spec::time::UnixSeconds;

use crate::budget::{Budget, Limits};
use crate::jwk::{Found, KeySet};
use crate::jws::JwsError;
use crate::jws::general::UnverifiedGeneral;
use crate::trust::{County, SKEW, Standing, Trust, filtered};

mod contents;
mod error;
mod record;
mod set;
#[cfg(test)]
mod tests;
mod withdrawal;

pub use contents::{ContentDefect, defects};
pub use error::AgreementError;
pub use record::{RecordedAgreement, RecordedWithdrawal};
pub use set::{Agreements, Because, Coverage};
pub(crate) use withdrawal::unverified_reference;
pub use withdrawal::{VerifiedWithdrawal, WithdrawalError, verify_withdrawal};

/// What verifying one agreement may cost.
const LIMITS: Limits = Limits {
    signatures: 64,
    fetches: 0,
    ..Limits::TRUST_CHAIN
};

/// An agreement that all its parties signed. Made only by verifying one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedAgreement {
    agreement: Agreement,
    digest: Digest,
    received: Vec<u8>,
    signers: Vec<PartySigner>,
}

/// One party's verified signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartySigner {
    /// The party.
    pub party: EntityId,
    /// Thumbprint of its key.
    pub key: Thumbprint,
    /// When it says it signed.
    pub signed_at: UnixSeconds,
    /// The key itself.
    public: [u8; 32],
}

/// A proposal on its way: contents that hold, and the signatures given so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The contents.
    pub agreement: Agreement,
    /// SHA-256 of the payload octets.
    pub digest: Digest,
    /// Who signed.
    pub signed: Vec<PartySigner>,
    /// Who has not yet.
    pub missing: Vec<EntityId>,
}

/// Verifies a fully signed agreement at its adoption. See [`verify_bytes`].
///
/// # Errors
/// [`AgreementError`], for the first rule broken.
pub fn verify_signed(
    signed: &SignedAgreement,
    trust: &Trust,
    now: UnixSeconds,
) -> Result<VerifiedAgreement, AgreementError> {
    verify_bytes(&to_bytes(signed), trust, now)
}

/// Verifies a fully signed agreement at its adoption: contents, parties, one signature of each by a key that is pinned in the
/// agreement and given by the chain.
///
/// # Errors
/// [`AgreementError`], for the first rule broken; every defect of the contents is listed at once.
pub fn verify_bytes(
    object: &[u8],
    trust: &Trust,
    now: UnixSeconds,
) -> Result<VerifiedAgreement, AgreementError> {
    let checked = check(object, now, |party| keys_of_chain(party, trust, now))?;
    let found = checked.signers.len();
    let parties = &checked.agreement.parties;
    if found != parties.len() && !mutant!("AGR-21") {
        return Err(JwsError::SignatureCount {
            expected: parties.len(),
            found,
        }
        .into());
    }
    check_environment(&checked.agreement, trust)?;
    Ok(checked)
}

/// Reads a proposal: the contents must hold and every signature given so far must be good.
///
/// # Errors
/// As for [`verify_bytes`], save that signatures may be missing.
pub fn inspect_proposal(object: &[u8], trust: &Trust, now: UnixSeconds) -> Result<Proposal, AgreementError> {
    let VerifiedAgreement {
        agreement,
        digest,
        signers,
        ..
    } = check(object, now, |party| keys_of_chain(party, trust, now))?;
    check_environment(&agreement, trust)?;
    let signed_by = |entity: &EntityId| signers.iter().any(|signer| signer.party == *entity);
    let missing = agreement
        .parties
        .iter()
        .map(|p| &p.entity)
        .filter(|entity| !signed_by(entity))
        .cloned()
        .collect();
    Ok(Proposal {
        agreement,
        digest,
        signed: signers,
        missing,
    })
}

impl VerifiedAgreement {
    /// The contents.
    #[must_use]
    pub const fn agreement(&self) -> &Agreement {
        &self.agreement
    }

    /// SHA-256 of the payload octets.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// How messages and decisions name it.
    #[must_use]
    pub fn reference(&self) -> AgreementRef {
        AgreementRef {
            id: self.agreement.id.clone(),
            version: self.agreement.version,
            digest: self.digest,
        }
    }

    /// The object as it was received.
    #[must_use]
    pub fn received(&self) -> &[u8] {
        &self.received
    }

    /// The signatures, one per party.
    #[must_use]
    pub fn signers(&self) -> &[PartySigner] {
        &self.signers
    }

    /// The party that is this entity.
    #[must_use]
    pub fn party(&self, entity: &EntityId) -> Option<&Party> {
        self.agreement
            .parties
            .iter()
            .find(|party| party.entity == *entity)
    }

    /// The local tier as whose holder somebody of the issuer's tier is treated. `None`: not mapped, which makes the result
    /// conditional.
    #[must_use]
    pub fn tier_for(&self, issuer: Region, recogniser: Region, tier: &Tier) -> Option<&Tier> {
        let row = self
            .agreement
            .tier_map
            .iter()
            .find(|row| row.issuer == issuer && row.recogniser == recogniser);
        row?.map.get(tier)
    }

    /// Whether a party's configuration in the chain counts under this agreement: it is signed by a key that the agreement pins,
    /// or for which, rotation by rotation, a pinned one vouched. When it does not, somebody above the county may be speaking
    /// in its name, and nothing of it is to be believed under this agreement until the agreement is signed anew.
    #[must_use]
    pub fn speaks_for(&self, county: &County) -> bool {
        let pinned = self
            .party(&county.entity)
            .map(|party| party.federation_keys.as_slice());
        pinned.is_some_and(|pinned| {
            // A pinned key counts by itself; only for others is it asked who vouched for them.
            pinned.contains(&county.signed_by)
                || county.counting_keys(pinned).contains(&county.signed_by)
                || mutant!("AGR-12")
        })
    }

    /// The federation keys of a party that count under this agreement today: of the chain, and pinned or vouched for.
    #[must_use]
    pub fn counting_keys(&self, county: &County) -> KeySet {
        let Some(party) = self.party(&county.entity) else {
            return KeySet::new();
        };
        let counting = county.counting_keys(&party.federation_keys);
        filtered(&county.federation_keys, |thumbprint| {
            counting.contains(thumbprint)
        })
    }
}

fn to_bytes(signed: &SignedAgreement) -> Vec<u8> {
    // A struct of strings always serialises; were it ever not to, no bytes are no agreement.
    serde_json::to_vec(signed).unwrap_or_default()
}

/// Contents and signatures, with the keys of each party from `keys`.
fn check(
    object: &[u8],
    now: UnixSeconds,
    keys: impl Fn(&Party) -> Result<KeySet, AgreementError>,
) -> Result<VerifiedAgreement, AgreementError> {
    let mut budget = Budget::new(LIMITS);
    let unverified = UnverifiedGeneral::parse(object, Typ::Agreement.as_str(), &mut budget)?;
    let agreement: Agreement = unverified.claims()?;
    let defects = defects(&agreement);
    if !defects.is_empty() {
        return Err(AgreementError::Contents(defects));
    }
    let keys = agreement
        .parties
        .iter()
        .map(keys)
        .collect::<Result<Vec<_>, _>>()?;
    let mut signers: Vec<PartySigner> = Vec::new();
    for (index, one) in unverified.signatures().iter().enumerate() {
        let kid = one.header().kid().unwrap_or_default();
        let at = party_of(&agreement, &keys, kid)?;
        let party = &agreement.parties[at];
        if signers.iter().any(|signer| signer.party == party.entity) && !mutant!("AGR-2/twice") {
            return Err(JwsError::PartySignedTwice.into());
        }
        let signer = unverified.verify_one(index, &keys[at], KeyPurpose::Federation, &mut budget)?;
        let signed_at = UnixSeconds::new(signer.signed_at).map_err(|_| AgreementError::SignedAt)?;
        if signed_at.since(now) > SKEW {
            return Err(AgreementError::ClockDoubt { signed_at });
        }
        // It has just verified a signature by this key of this set.
        let public =
            public_bytes(&keys[at], kid).ok_or_else(|| JwsError::UnknownKey { kid: kid.to_owned() })?;
        signers.push(PartySigner {
            party: party.entity.clone(),
            key: signer.key,
            signed_at,
            public,
        });
    }
    let digest = match mutant!("AGR-1") {
        true => Digest::of(unverified.received()),
        false => Digest::from_bytes(unverified.digest(&mut budget)?),
    };
    Ok(VerifiedAgreement {
        agreement,
        digest,
        received: unverified.received().to_vec(),
        signers,
    })
}

/// The party that pins the key which signed, provided that the chain gives it that key too.
fn party_of(agreement: &Agreement, keys: &[KeySet], kid: &str) -> Result<usize, AgreementError> {
    let pinned = |party: &Party| party.federation_keys.iter().any(|key| key.to_string() == kid);
    let in_chain = |at: usize| matches!(keys[at].find(kid, KeyPurpose::Federation), Found::Key(_));
    let parties = &agreement.parties;
    if let Some(at) = parties.iter().position(pinned) {
        let party = parties[at].entity.clone();
        return if in_chain(at) || mutant!("AGR-2/chain") {
            Ok(at)
        } else {
            Err(AgreementError::KeyNotInChain { party })
        };
    }
    match (0..parties.len()).find(|at| in_chain(*at)) {
        Some(at) if mutant!("AGR-2") => Ok(at),
        Some(at) => Err(AgreementError::KeyNotPinned {
            party: parties[at].entity.clone(),
        }),
        None => Err(JwsError::UnknownKey {
            kid: kid.chars().take(43).collect(),
        }
        .into()),
    }
}

fn public_bytes(keys: &KeySet, kid: &str) -> Option<[u8; 32]> {
    match keys.find(kid, KeyPurpose::Federation) {
        Found::Key(entry) => match &entry.key {
            crate::jwk::PublicKey::Ed25519(key) => Some(key.to_bytes()),
            crate::jwk::PublicKey::P256(_) => None,
        },
        Found::OtherPurpose(_) | Found::Nothing => None,
    }
}

fn keys_of_chain(party: &Party, trust: &Trust, now: UnixSeconds) -> Result<KeySet, AgreementError> {
    match trust.standing(&party.entity, now) {
        Standing::Active(county) if county.region != party.region && !mutant!("AGR-3") => {
            Err(AgreementError::RegionDiffers {
                party: party.entity.clone(),
                agreement: party.region,
                chain: county.region,
            })
        }
        Standing::Active(county) => Ok(county.federation_keys.clone()),
        other => Err(AgreementError::PartyNotActive {
            party: party.entity.clone(),
            standing: other.rule(),
        }),
    }
}

fn check_environment(agreement: &Agreement, trust: &Trust) -> Result<(), AgreementError> {
    if agreement.environment == trust.environment() || mutant!("AGR-3/environment") {
        Ok(())
    } else {
        Err(AgreementError::Environment {
            found: agreement.environment,
            expected: trust.environment(),
        })
    }
}
