//! Which federation keys an agreement pins, and which of them an officer sees for the first time.
//!
//! Signing a text is vouching for the keys in it (AGR-12): a key that the version before did not pin is to be compared with its party by
//! another channel, and this says which those are.

use comity_spec::agreement::Agreement;
use comity_spec::ids::{EntityId, Thumbprint};

use super::{Texts, contents};
use crate::node::Node;
use crate::ports::store::StoreError;

/// A key that an agreement pins for a party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedKey {
    /// The party.
    pub party: EntityId,
    /// Its key.
    pub key: Thumbprint,
    /// Whether the version before, as adopted here, did not pin it; of a first version every key is new.
    pub new: bool,
}

/// The keys that an agreement pins, party by party.
///
/// # Errors
/// [`StoreError`].
pub async fn pinned_keys(node: &Node, agreement: &Agreement) -> Result<Vec<PinnedKey>, StoreError> {
    let before = match agreement.version.checked_sub(1) {
        Some(version) if version > 0 => Texts::of(node, &agreement.id, version).await?.settled,
        _ => None,
    };
    let before = before.as_ref().and_then(contents);
    let known = |party: &EntityId, key: &Thumbprint| {
        let parties = before.iter().flat_map(|before| &before.parties);
        parties
            .filter(|one| one.entity == *party)
            .any(|one| one.federation_keys.contains(key))
    };
    let keys = agreement
        .parties
        .iter()
        .flat_map(|party| party.federation_keys.iter().map(|key| (&party.entity, *key)));
    Ok(keys
        .map(|(party, key)| PinnedKey {
            party: party.clone(),
            key,
            new: !known(party, &key),
        })
        .collect())
}
