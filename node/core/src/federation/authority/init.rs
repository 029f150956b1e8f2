//! Founding an authority: the first configuration and an empty member list.

use comity_spec::entity::Environment;
use comity_spec::ids::EntityId;
use comity_spec::jose::{Jwk, JwkSet};
use comity_spec::text::Bilingual;
use comity_spec::time::UnixSeconds;

use super::publish::{PublishError, publish};
use super::{AuthorityState, Hosting, Rank, STATE_VERSION};
use crate::ports::signer::Signer;

/// What a new authority is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAuthority {
    /// Its entity id: the origin under which its files will stand.
    pub entity: EntityId,
    /// Test or real, for ever.
    pub environment: Environment,
    /// Name for people.
    pub name: Bilingual,
    /// Anchor or province.
    pub rank: Rank,
    /// Server or static files.
    pub hosting: Hosting,
}

/// Founds an authority whose federation key is `signer`.
///
/// # Errors
/// [`PublishError`] when the key's keeper does not sign.
pub async fn init(
    new: NewAuthority,
    signer: &dyn Signer,
    now: UnixSeconds,
) -> Result<AuthorityState, PublishError> {
    let NewAuthority {
        entity,
        environment,
        name,
        rank,
        hosting,
    } = new;
    let unsigned = AuthorityState {
        version: STATE_VERSION,
        entity,
        environment,
        name,
        rank,
        hosting,
        keys: JwkSet {
            keys: vec![Jwk::ed25519(&signer.public_key())],
        },
        seq: 0,
        issued_at: UnixSeconds::MIN,
        members: Vec::new(),
        configuration: String::new(),
        member_list: String::new(),
    };
    publish(&unsigned, signer, now).await
}
