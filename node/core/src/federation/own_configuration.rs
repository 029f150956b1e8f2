//! What this county says of itself: its entity configuration, and the same attestation keys for ordinary SD-JWT VC libraries.
//!
//! A value counts only where the superior states it too (TRU-8), so dropping a key or pin here drops it for everybody at
//! once, and adding one here does nothing until the superior enrolled it. Refuses to sign ahead of the clock or behind what it
//! signed before. OpenID Federation 1.0 §9; draft-ietf-oauth-sd-jwt-vc §5 (`/.well-known/jwt-vc-issuer`, published, never
//! trusted here).

use std::collections::BTreeMap;

use comity_spec::entity::{COUNTY_LIFETIME, EntityStatement, Metadata, NodeMetadata};
use comity_spec::ids::{EntityId, SpkiPin};
use comity_spec::jose::{Jwk, JwkSet, KeyPurpose, Typ};
use comity_spec::mutant;
use comity_spec::time::UnixSeconds;

use crate::node::Identity;
use crate::ports::signer::{Signer as _, SignerError, Signers};
use crate::ports::store::{Store, StoreError, Write};
use crate::ports::trust::StatementRow;
use crate::restored::restored_at;
use crate::signing::{self, LocalSigner, SigningError};

/// Path of the issuer metadata of SD-JWT VC.
pub const JWT_VC_ISSUER_PATH: &str = "/.well-known/jwt-vc-issuer";
/// Seconds after which the configuration is signed anew although nothing changed: one day.
pub const REISSUE_AFTER: i64 = 86_400;

/// What a county publishes besides who it is and the keys it signs with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Publishing {
    /// Its superior: the province, or the anchor.
    pub authority_hints: Vec<EntityId>,
    /// TLS keys of each instance, and the next of each.
    pub tls_pins: Vec<SpkiPin>,
    /// Public keys that do not sign now: prepared ones, and retired ones until the last object they signed has ended.
    pub further_keys: BTreeMap<KeyPurpose, Vec<Jwk>>,
}

/// Why no configuration was issued. All are this node's own.
#[derive(Debug, thiserror::Error)]
pub enum OwnConfigurationError {
    /// No superior is configured.
    #[error("未配置上级机构 / no superior authority is configured")]
    NoSuperior,
    /// No TLS key is given.
    #[error("未提供 TLS 公钥指纹 / no TLS pin is given")]
    NoPins,
    /// A signing key is missing.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The key's keeper.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The clock is behind the configuration signed last.
    #[error(
        "本机时钟 {now} 早于上次签发 {last}，请校准 / the clock is behind the configuration signed last: set it right"
    )]
    ClockBehind {
        /// The clock.
        now: UnixSeconds,
        /// The last one.
        last: UnixSeconds,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The configuration to publish: the stored one while it is of today and still true, otherwise a new one, stored before it is
/// returned. To be called at start, daily, and whenever keys, pins or addresses change.
///
/// # Errors
/// [`OwnConfigurationError`]; what was published before still stands.
pub async fn current(
    identity: &Identity,
    publishing: &Publishing,
    signers: &Signers,
    store: &dyn Store,
    now: UnixSeconds,
) -> Result<String, OwnConfigurationError> {
    let own = &identity.entity;
    let stored = store
        .statements()
        .await?
        .into_iter()
        .find(|row| row.iss == *own && row.sub == *own);
    let mut iat = now;
    if let Some(row) = &stored {
        if row.iat.since(now) > 30 {
            return Err(OwnConfigurationError::ClockBehind { now, last: row.iat });
        }
        let wanted = statement(identity, publishing, signers, row.iat)?;
        // Others may have seen a newer one than a backup held, perhaps with other keys: an older one would be refused.
        let is_newest = restored_at(store).await?.is_none_or(|at| row.iat >= at);
        if is_newest
            && now.since(row.iat) < REISSUE_AFTER
            && says(&row.jws, &wanted)
            && is_by(&row.jws, signers)
        {
            return Ok(row.jws.clone());
        }
        // Two different ones of one second would be a fork.
        iat = now.max(row.iat.plus_saturating(1));
    }
    let statement = statement(identity, publishing, signers, iat)?;
    let jws = signing::compact(signers, Typ::EntityStatement, &statement).await?;
    let row = StatementRow {
        iss: own.clone(),
        sub: own.clone(),
        iat,
        exp: statement.exp,
        jws: jws.clone(),
    };
    store
        .commit("own-configuration", vec![Write::Statement(row)])
        .await?;
    Ok(jws)
}

/// Signs a configuration without a store: what a county that is not running yet hands to its authority.
///
/// # Errors
/// [`OwnConfigurationError`].
pub async fn application(
    identity: &Identity,
    publishing: &Publishing,
    signers: &Signers,
    now: UnixSeconds,
) -> Result<String, OwnConfigurationError> {
    let statement = statement(identity, publishing, signers, now)?;
    Ok(signing::compact(signers, Typ::EntityStatement, &statement).await?)
}

/// The document at [`JWT_VC_ISSUER_PATH`].
///
/// # Errors
/// [`SignerError::Missing`] without an attestation key.
pub fn jwt_vc_issuer(
    identity: &Identity,
    publishing: &Publishing,
    signers: &Signers,
) -> Result<serde_json::Value, SignerError> {
    let jwks = keys(KeyPurpose::Attestation, publishing, signers)?;
    Ok(serde_json::json!({ "issuer": identity.entity, "jwks": jwks }))
}

fn statement(
    identity: &Identity,
    publishing: &Publishing,
    signers: &Signers,
    iat: UnixSeconds,
) -> Result<EntityStatement, OwnConfigurationError> {
    if publishing.authority_hints.is_empty() {
        return Err(OwnConfigurationError::NoSuperior);
    }
    if publishing.tls_pins.is_empty() {
        return Err(OwnConfigurationError::NoPins);
    }
    let mut by_purpose = BTreeMap::new();
    for purpose in KeyPurpose::NODE
        .into_iter()
        .filter(|purpose| *purpose != KeyPurpose::Federation)
    {
        by_purpose.insert(purpose, keys(purpose, publishing, signers)?);
    }
    let Identity {
        entity,
        region,
        environment,
        name,
        contact,
        endpoints,
    } = identity.clone();
    let node = NodeMetadata {
        region,
        name,
        environment,
        endpoints,
        keys: by_purpose,
        tls_pins: publishing.tls_pins.clone(),
        contact,
        ext: None,
    };
    Ok(EntityStatement {
        iss: entity.clone(),
        sub: entity,
        iat,
        exp: iat.plus_saturating(COUNTY_LIFETIME + i64::from(mutant!("TRU-6/published"))),
        jwks: keys(KeyPurpose::Federation, publishing, signers)?,
        authority_hints: Some(publishing.authority_hints.clone()),
        metadata: Some(Metadata {
            comity_node: Some(node),
            federation_entity: None,
        }),
        crit: None,
        comity_region_prefix: None,
        comity_state: None,
        metadata_policy: None,
        constraints: None,
    })
}

/// The key that signs, first, then the others of its purpose.
fn keys(purpose: KeyPurpose, publishing: &Publishing, signers: &Signers) -> Result<JwkSet, SignerError> {
    let active = if mutant!("TRU-32") && purpose == KeyPurpose::Attestation {
        // A key of its own that signs nothing yet.
        Jwk::ed25519(&LocalSigner::from_seed(&zeroize::Zeroizing::new([7; 32])).public_key())
    } else {
        Jwk::ed25519(&signers.of(purpose)?.public_key())
    };
    let further = publishing.further_keys.get(&purpose).into_iter().flatten();
    let further: Vec<Jwk> = further.filter(|key| key.x != active.x).cloned().collect();
    Ok(JwkSet {
        keys: std::iter::once(active).chain(further).collect(),
    })
}

/// Whether a JWS of ours carries exactly this payload.
fn says(jws: &str, wanted: &EntityStatement) -> bool {
    use base64::Engine as _;
    let payload = jws.split('.').nth(1).unwrap_or_default();
    let decoded = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(payload)
        .unwrap_or_default();
    serde_json::from_slice::<EntityStatement>(&decoded).is_ok_and(|stored| stored == *wanted)
}

/// Whether the key that signs now signed it.
fn is_by(jws: &str, signers: &Signers) -> bool {
    signers.of(KeyPurpose::Federation).is_ok_and(|signer| {
        let header = signing::protected_header(Typ::EntityStatement, &signer.thumbprint());
        jws.split('.').next() == Some(header.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    const NOW: i64 = 1_790_000_000;

    async fn issue(
        test: &crate::testing::TestNode,
        publishing: &Publishing,
    ) -> Result<String, OwnConfigurationError> {
        let node = &test.node;
        current(
            &node.identity,
            publishing,
            &node.signers,
            node.store.as_ref(),
            node.now(),
        )
        .await
    }

    fn iat(jws: &str) -> i64 {
        crate::federation::stored::claims::<EntityStatement>(jws)
            .unwrap()
            .iat
            .get()
    }

    #[tokio::test]
    async fn it_is_signed_once_a_day_and_whenever_it_would_say_something_else() {
        let world = World::new(UnixSeconds::new(NOW).unwrap()).await;
        let test = world.node("361123");
        let first = issue(&test, &test.publishing).await.unwrap();
        world.clock.advance(3600);
        assert_eq!(issue(&test, &test.publishing).await.unwrap(), first);
        let mut publishing = test.publishing.clone();
        publishing.tls_pins.push(SpkiPin::of("the next TLS key"));
        let second = issue(&test, &publishing).await.unwrap();
        let third = issue(&test, &test.publishing).await.unwrap();
        assert_eq!(
            (iat(&second), iat(&third)),
            (NOW + 3600, NOW + 3601),
            "never two of one second"
        );
        world.clock.advance(REISSUE_AFTER + 1);
        let fourth = issue(&test, &test.publishing).await.unwrap();
        assert_eq!(iat(&fourth), NOW + 3600 + REISSUE_AFTER + 1);
        let stored = test.node.store.statements().await.unwrap();
        assert_eq!((stored.len(), &stored[0].jws), (1, &fourth));
        world.clock.advance(-7200);
        assert!(matches!(
            issue(&test, &test.publishing).await,
            Err(OwnConfigurationError::ClockBehind { .. })
        ));
    }

    #[tokio::test]
    async fn after_a_restoration_the_copys_is_signed_anew_and_once() {
        let world = World::new(UnixSeconds::new(NOW).unwrap()).await;
        let test = world.node("361123");
        let copied = issue(&test, &test.publishing).await.unwrap();
        world.clock.advance(60);
        assert_eq!(issue(&test, &test.publishing).await.unwrap(), copied);
        crate::restored::restored(&test.node.bureau(), &"officer-01".parse().unwrap())
            .await
            .unwrap();
        let renewed = issue(&test, &test.publishing).await.unwrap();
        assert_eq!(iat(&renewed), NOW + 60);
        world.clock.advance(60);
        assert_eq!(issue(&test, &test.publishing).await.unwrap(), renewed);
    }

    #[tokio::test]
    async fn without_superior_pins_or_keys_nothing_is_signed() {
        let world = World::new(UnixSeconds::new(NOW).unwrap()).await;
        let mut test = world.node("361123");
        let without = |change: fn(&mut Publishing)| {
            let mut publishing = test.publishing.clone();
            change(&mut publishing);
            publishing
        };
        let (no_superior, no_pins) = (
            without(|p| p.authority_hints.clear()),
            without(|p| p.tls_pins.clear()),
        );
        assert!(matches!(
            issue(&test, &no_superior).await,
            Err(OwnConfigurationError::NoSuperior)
        ));
        assert!(matches!(
            issue(&test, &no_pins).await,
            Err(OwnConfigurationError::NoPins)
        ));
        test.node.signers = Signers::default();
        assert!(matches!(
            issue(&test, &test.publishing).await,
            Err(OwnConfigurationError::Signer(_))
        ));
        assert!(test.store.commits().is_empty());
    }

    #[tokio::test]
    async fn ordinary_libraries_find_the_attestation_keys_and_no_others() {
        let world = World::new(UnixSeconds::new(NOW).unwrap()).await;
        let test = world.node("361123");
        let county = world.federation.county("361123");
        let mut publishing = test.publishing.clone();
        let retired = comity_verifier::testing::jwk(&comity_verifier::testing::key("a retired key"));
        publishing
            .further_keys
            .insert(KeyPurpose::Attestation, vec![retired.clone()]);
        let document = jwt_vc_issuer(&test.node.identity, &publishing, &test.node.signers).unwrap();
        assert_eq!(document["issuer"], "https://c361123.example");
        let active = comity_verifier::testing::jwk(&county.key(KeyPurpose::Attestation));
        assert_eq!(document["jwks"], serde_json::json!({ "keys": [active, retired] }));
        assert!(jwt_vc_issuer(&test.node.identity, &publishing, &Signers::default()).is_err());
    }
}
