//! A county, from two statements that must agree: its superior's and its own (TRU-7, TRU-8).
//!
//! Region, environment and endpoints must be equal; keys and TLS pins count where both name them. What only the superior lists
//! it may have planted, what only the county lists nobody vouches for: neither is imported, so neither can do harm.

use comity_spec::mutant;
use std::collections::BTreeSet;

use comity_spec::entity::{Environment, NodeMetadata};
use comity_spec::ids::{EntityId, Region, SpkiPin, Thumbprint};
use comity_spec::jose::{Jwk, KeyPurpose};
use comity_spec::text::Bilingual;
use comity_spec::time::UnixSeconds;

use super::statement::{Checked, budget};
use super::{Link, Refusal, Validity};
use crate::budget::Resource;
use crate::jwk::{KeyError, KeySet, PublicKey};

/// A county in good standing. Only this module makes one: to hold it is the proof that a chain led to it. Whether the chain
/// still holds at some moment is what [`super::Trust::standing`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct County {
    /// Its entity id.
    pub entity: EntityId,
    /// Its GB/T 2260 code.
    pub region: Region,
    /// Its name, as its superior states it.
    pub name: Bilingual,
    /// Test or real; the anchor's.
    pub environment: Environment,
    /// Base URL of the public listener; equal to the entity id.
    pub public: EntityId,
    /// Base URL of the mutual-TLS listener.
    pub federation: EntityId,
    /// Keys by purpose, federation excluded.
    pub keys: KeySet,
    /// Federation keys.
    pub federation_keys: KeySet,
    /// TLS keys by which it is known as a server. As a client it is known by those that no other county has
    /// ([`super::Trust::pins`]).
    pub pins: Vec<SpkiPin>,
    /// When the first link of its chain ends: not to be believed from this second on.
    pub valid_until: UnixSeconds,
    /// Telephone and hours of its office, where superior and county state the same.
    pub contact: Option<Bilingual>,
    /// The authority that vouches for it.
    pub superior: EntityId,
    /// The federation key that signed its configuration.
    pub signed_by: Thumbprint,
    /// Which key of its own vouched for which, from every configuration at hand, older ones included.
    pub vouches: Vec<Vouch>,
    pub(super) first_to_end: Link,
}

/// A configuration of a county as evidence of rotation: the key that signed it vouches for the federation keys it lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouch {
    /// The key that signed.
    pub signer: Thumbprint,
    /// The federation keys listed.
    pub keys: Vec<Thumbprint>,
}

impl County {
    /// The federation keys that count for whoever pinned `pinned`: those, and every key that one of them vouched for, one
    /// rotation after the other. A new key that only the chain vouches for is not among them (AGR-12).
    #[must_use]
    pub fn counting_keys(&self, pinned: &[Thumbprint]) -> BTreeSet<Thumbprint> {
        let mut counting: BTreeSet<Thumbprint> = pinned.iter().copied().collect();
        // Each round but the last adds a key, so there are at most as many rounds as keys.
        loop {
            let before = counting.len();
            for vouch in &self.vouches {
                if counting.contains(&vouch.signer) && !mutant!("TRU-29") {
                    counting.extend(vouch.keys.iter().copied());
                }
            }
            if counting.len() == before {
                return counting;
            }
        }
    }
}

/// Joins the superior's statement and the county's own. `validity` is that of the chain above them.
pub(super) fn join(
    above: &Checked,
    own: &Checked,
    vouches: Vec<Vouch>,
    validity: Validity,
    expected: Environment,
) -> Result<County, Refusal> {
    let stated = node(above).ok_or(Refusal::Role)?;
    let claimed = node(own).ok_or(Refusal::Disagreement { what: "comity_node" })?;
    let own_word = own.claims.comity_state.is_some() || own.claims.comity_region_prefix.is_some();
    if own_word && !mutant!("TRU-9/own") {
        return Err(Refusal::OwnStanding);
    }
    for (what, same) in [
        ("region", stated.region == claimed.region || mutant!("TRU-7")),
        ("environment", stated.environment == claimed.environment),
        (
            "endpoints",
            stated.endpoints == claimed.endpoints || mutant!("TRU-7/endpoints"),
        ),
    ] {
        if !same {
            return Err(Refusal::Disagreement { what });
        }
    }
    if stated.environment != expected && !mutant!("TRU-13") {
        return Err(Refusal::Environment {
            found: stated.environment,
            expected,
        });
    }
    if stated.endpoints.public != own.claims.sub && !mutant!("TRU-11") {
        return Err(Refusal::PublicEndpoint);
    }
    let federation_keys = common_federation_keys(above, own)?;
    let keys = common_keys(stated, claimed, &federation_keys)?;
    let pins: BTreeSet<SpkiPin> = stated
        .tls_pins
        .iter()
        .filter(|pin| claimed.tls_pins.contains(pin))
        .copied()
        .collect();
    let validity = validity
        .and(above.claims.exp, Link::CountyStatement)
        .and(own.claims.exp, Link::CountyConfiguration);
    Ok(County {
        entity: own.claims.sub.clone(),
        region: stated.region,
        name: stated.name.clone(),
        environment: stated.environment,
        public: stated.endpoints.public.clone(),
        federation: stated.endpoints.federation.clone(),
        keys,
        federation_keys,
        pins: pins.into_iter().collect(),
        valid_until: validity.until,
        contact: stated
            .contact
            .clone()
            .filter(|c| claimed.contact.as_ref() == Some(c)),
        superior: above.claims.iss.clone(),
        signed_by: own.signer,
        vouches,
        first_to_end: validity.link,
    })
}

/// The county's metadata in a statement.
pub(super) fn node(statement: &Checked) -> Option<&NodeMetadata> {
    statement.claims.metadata.as_ref()?.comity_node.as_ref()
}

/// The federation keys in both statements; the configuration must be signed by one of them.
pub(super) fn common_federation_keys(above: &Checked, own: &Checked) -> Result<KeySet, Refusal> {
    let mut keys = KeySet::new();
    import_common(
        &mut keys,
        KeyPurpose::Federation,
        &above.claims.jwks.keys,
        &own.claims.jwks.keys,
    )?;
    if keys.entries().is_empty() {
        return Err(Refusal::NoCommonKey);
    }
    if holds(&keys, &own.signer) || mutant!("TRU-28") {
        Ok(keys)
    } else {
        Err(Refusal::SignerDropped)
    }
}

fn common_keys(
    stated: &NodeMetadata,
    claimed: &NodeMetadata,
    federation: &KeySet,
) -> Result<KeySet, Refusal> {
    let mut keys = KeySet::new();
    for (purpose, jwks) in &stated.keys {
        let Some(own) = claimed.keys.get(purpose) else {
            continue;
        };
        match purpose {
            // They stand in `jwks`; here they could only blur what a key is for.
            KeyPurpose::Federation => return Err(Refusal::KeyTwoPurposes),
            // X25519, reserved: it verifies nothing.
            KeyPurpose::Encryption => {}
            _ if mutant!("TRU-8/claimed") => import_common(&mut keys, *purpose, &own.keys, &own.keys)?,
            _ => import_common(&mut keys, *purpose, &jwks.keys, &own.keys)?,
        }
    }
    let mut seen = BTreeSet::new();
    for entry in federation.entries().iter().chain(keys.entries()) {
        if !seen.insert(*entry.key.thumbprint()) && !mutant!("TRU-12") {
            return Err(Refusal::KeyTwoPurposes);
        }
    }
    Ok(keys)
}

/// Imports the keys that both lists name. A key in one of them is nobody's business, however broken.
fn import_common(into: &mut KeySet, purpose: KeyPurpose, one: &[Jwk], other: &[Jwk]) -> Result<(), Refusal> {
    let mut budget = budget();
    budget.spend(Resource::Steps, one.len().saturating_mul(other.len().max(1)))?;
    let same = |a: &Jwk, b: &Jwk| a.kty == b.kty && a.crv == b.crv && a.x == b.x;
    let common: Vec<Jwk> = one
        .iter()
        .filter(|key| other.iter().any(|o| same(key, o)) || mutant!("TRU-8"))
        .cloned()
        .collect();
    Ok(into.add_jwks(purpose, &common, &mut budget)?)
}

pub(super) fn holds(keys: &KeySet, thumbprint: &Thumbprint) -> bool {
    keys.entries()
        .iter()
        .any(|entry| entry.key.thumbprint() == thumbprint)
}

/// The federation keys of one statement, imported for verifying what its subject signs.
pub(super) fn stated_keys(jwks: &[Jwk]) -> Result<KeySet, KeyError> {
    let mut keys = KeySet::new();
    keys.add_jwks(KeyPurpose::Federation, jwks, &mut budget())?;
    Ok(keys)
}

/// The keys of `one` that `other` has too.
pub(super) fn common(one: &KeySet, other: &KeySet) -> Result<KeySet, Refusal> {
    let kept = filtered(one, |thumbprint| holds(other, thumbprint));
    if kept.entries().is_empty() {
        Err(Refusal::NoCommonKey)
    } else {
        Ok(kept)
    }
}

/// The Ed25519 keys of a set that a rule keeps.
pub(crate) fn filtered(keys: &KeySet, keep: impl Fn(&Thumbprint) -> bool) -> KeySet {
    let mut kept = KeySet::new();
    for entry in keys.entries().iter().filter(|entry| keep(entry.key.thumbprint())) {
        if let PublicKey::Ed25519(key) = &entry.key {
            // A part of a set is no larger than the set: adding cannot fail.
            let _ = kept.add(entry.purpose, key.clone());
        }
    }
    kept
}
