//! An applicant's entity configuration, read and checked as far as it stands by itself: signed by its own key, of now, sound
//! keys, sane addresses. Whether the authority has a place for it is `enrol`'s question. Nothing here proves *who* signed: that
//! is why somebody compares the thumbprint by telephone.

use comity_spec::entity::{COUNTY_LIFETIME, EntityStatement, NodeMetadata, PROVINCE_LIFETIME};
use comity_spec::ids::Thumbprint;
use comity_spec::jose::{Jwk, KeyPurpose, Typ};
use comity_spec::mutant;
use comity_spec::time::UnixSeconds;
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::jwk::KeySet;
use comity_verifier::jws::{Profile, Unverified};

use super::enrol::EnrolError;

/// How far ahead an applicant's clock may be, in seconds (JWS-17).
const SKEW: i64 = 60;

/// A configuration signed by one of the keys it lists.
#[derive(Debug)]
pub(super) struct Applicant {
    pub(super) claims: EntityStatement,
    pub(super) signer: Thumbprint,
}

pub(super) fn read(configuration: &str, now: UnixSeconds) -> Result<Applicant, EnrolError> {
    let mut budget = Budget::new(Limits::TRUST_CHAIN);
    let profile = Profile::Comity {
        typ: Typ::EntityStatement.as_str(),
    };
    let unverified = Unverified::parse(configuration.trim().as_bytes(), profile, &mut budget)?;
    let listed: EntityStatement = unverified.claims()?;
    let mut keys = KeySet::new();
    keys.add_jwks(KeyPurpose::Federation, &listed.jwks.keys, &mut budget)?;
    let verified = unverified.verify::<EntityStatement>(&keys, KeyPurpose::Federation, &mut budget)?;
    let signer = *verified.signer();
    let claims = verified.into_value();
    if claims.iss != claims.sub {
        return Err(EnrolError::NotAConfiguration);
    }
    if claims.iat.since(now) > SKEW && !mutant!("JWS-17/application") {
        return Err(EnrolError::Future { iat: claims.iat });
    }
    if now >= claims.exp && !mutant!("TRU-22/application") {
        return Err(EnrolError::Ended { exp: claims.exp });
    }
    let prefix_passes = mutant!("TRU-9/application-prefix");
    let crit_passes = mutant!("TRU-2/application");
    let says_too_much = [
        claims.comity_state.is_some() && !mutant!("TRU-9/application"),
        claims.metadata_policy.is_some() && !mutant!("TRU-3/application"),
        claims.constraints.is_some() && !mutant!("TRU-3/application-constraints"),
        claims.comity_region_prefix.is_some() && !prefix_passes,
        claims.crit.is_some() && !(prefix_passes || crit_passes),
    ];
    if says_too_much.contains(&true) {
        return Err(EnrolError::OwnStanding);
    }
    Ok(Applicant { claims, signer })
}

impl Applicant {
    /// The metadata of a county, with every rule that a node would refuse it by later.
    pub(super) fn county(&self) -> Result<&NodeMetadata, EnrolError> {
        self.lifetime(COUNTY_LIFETIME)?;
        let node = self
            .claims
            .metadata
            .as_ref()
            .and_then(|all| all.comity_node.as_ref())
            .ok_or(EnrolError::NotACounty)?;
        if node.endpoints.public != self.claims.sub && !mutant!("TRU-11/application") {
            return Err(EnrolError::PublicEndpoint);
        }
        if node.endpoints.federation == node.endpoints.public {
            return Err(EnrolError::OneListener);
        }
        if node.tls_pins.is_empty() {
            return Err(EnrolError::NoPins);
        }
        self.keys(node)?;
        Ok(node)
    }

    /// Checks that this is an authority's configuration.
    pub(super) fn province(&self) -> Result<(), EnrolError> {
        self.lifetime(PROVINCE_LIFETIME)?;
        let metadata = self.claims.metadata.as_ref().ok_or(EnrolError::NotAProvince)?;
        let authority = metadata
            .federation_entity
            .as_ref()
            .ok_or(EnrolError::NotAProvince)?;
        if metadata.comity_node.is_some() {
            return Err(EnrolError::NotAProvince);
        }
        if authority.comity_member_list_endpoint.is_none() {
            return Err(EnrolError::NoMemberList);
        }
        if authority.federation_fetch_endpoint.is_none() && authority.comity_bundle_endpoint.is_none() {
            return Err(EnrolError::NoStatements);
        }
        Ok(())
    }

    fn lifetime(&self, max: i64) -> Result<(), EnrolError> {
        let seconds = self.claims.exp.since(self.claims.iat);
        if seconds <= 0 || seconds > max + i64::from(mutant!("TRU-6/application")) {
            Err(EnrolError::Lifetime { seconds, max })
        } else {
            Ok(())
        }
    }

    /// Every purpose of a node has a sound key, and no key has two purposes.
    fn keys(&self, node: &NodeMetadata) -> Result<(), EnrolError> {
        let mut budget = Budget::new(Limits::TRUST_CHAIN);
        let mut seen: Vec<&Jwk> = self.claims.jwks.keys.iter().collect();
        for purpose in KeyPurpose::NODE
            .into_iter()
            .filter(|purpose| *purpose != KeyPurpose::Federation)
        {
            if node.keys.get(&purpose).is_none_or(|jwks| jwks.keys.is_empty()) {
                return Err(EnrolError::MissingKey(purpose.as_str()));
            }
        }
        if node.keys.contains_key(&KeyPurpose::Federation) && !mutant!("TRU-12/application-federation") {
            return Err(EnrolError::KeyTwoPurposes);
        }
        let (one, federation) = (
            mutant!("TRU-12/application"),
            mutant!("TRU-12/application-federation"),
        );
        let passes = one || federation;
        for (purpose, jwks) in &node.keys {
            // X25519 is reserved and no signing key.
            if *purpose == KeyPurpose::Encryption {
                continue;
            }
            KeySet::new().add_jwks(*purpose, &jwks.keys, &mut budget)?;
            for key in &jwks.keys {
                let shared = seen.iter().any(|other| super::same_key(other, key));
                if shared && !passes {
                    return Err(EnrolError::KeyTwoPurposes);
                }
                seen.push(key);
            }
        }
        Ok(())
    }
}
