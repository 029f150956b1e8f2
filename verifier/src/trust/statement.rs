//! One entity statement: its signature, and the rules that hold for every statement wherever it stands in a chain.
//!
//! OpenID Federation 1.0 §3: `crit` means that a reader who does not understand a named claim refuses the statement. Comity adds
//! that the region prefix *must* be named there. What a statement means for whom is decided in `build` and `county`.

use comity_spec::entity::{ANCHOR_LIFETIME, COUNTY_LIFETIME, EntityStatement, PROVINCE_LIFETIME};
use comity_spec::ids::{EntityId, Thumbprint};
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::mutant;
use comity_spec::time::UnixSeconds;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::county::{Vouch, stated_keys};
use super::{Held, Refusal, SKEW};
use crate::budget::{Budget, Limits};
use crate::jwk::KeySet;
use crate::jws::{Profile, Unverified};

/// The only claim that `crit` may name.
const PREFIX_CLAIM: &str = "comity_region_prefix";
/// What one statement may cost: a poisoned one must not eat what the others need.
const STATEMENT: Limits = Limits {
    signatures: 192,
    ..Limits::TRUST_CHAIN
};

/// A statement of which nothing is believed yet.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) iss: EntityId,
    pub(super) sub: EntityId,
    jws: Unverified,
}

/// A well-signed statement of which no rule was asked yet.
#[derive(Clone, Debug)]
pub(super) struct Signed(Checked);

/// A well-signed statement that keeps the rules of every statement.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    pub(super) claims: EntityStatement,
    pub(super) signer: Thumbprint,
    pub(super) held: Held,
}

/// A fresh budget for one statement.
pub(super) const fn budget() -> Budget {
    Budget::new(STATEMENT)
}

impl Candidate {
    pub(super) fn parse(token: &str) -> Result<Self, Refusal> {
        #[derive(Deserialize)]
        struct Names {
            iss: EntityId,
            sub: EntityId,
        }
        let profile = Profile::Comity {
            typ: Typ::EntityStatement.as_str(),
        };
        let jws = Unverified::parse(token.as_bytes(), profile, &mut budget())?;
        let Names { iss, sub } = jws.claims()?;
        Ok(Self { iss, sub, jws })
    }

    /// The federation keys that the statement lists, verified or not.
    #[cfg(feature = "mutants")]
    pub(super) fn listed(&self) -> Option<KeySet> {
        stated_keys(&self.jws.claims::<EntityStatement>().ok()?.jwks.keys).ok()
    }

    /// This configuration as evidence of rotation, if its own keys bear it out: however old, whatever the chain says today.
    pub(super) fn vouch(&self) -> Option<Vouch> {
        let claims: EntityStatement = self.jws.claims().ok()?;
        let listed = stated_keys(&claims.jwks.keys).ok()?;
        let signer = self
            .signed(&listed)
            .and_then(Signed::of_every_statement)
            .ok()?
            .signer;
        Some(Vouch {
            signer,
            keys: listed
                .entries()
                .iter()
                .map(|entry| *entry.key.thumbprint())
                .collect(),
        })
    }

    /// Verifies by federation keys: what its issuer said, whatever else is wrong with it.
    pub(super) fn signed(&self, keys: &KeySet) -> Result<Signed, Refusal> {
        let by = |keys: &KeySet| {
            let jws = self.jws.clone();
            jws.verify::<EntityStatement>(keys, KeyPurpose::Federation, &mut budget())
        };
        let verified = match by(keys) {
            Err(_) if mutant!("TRU-1") => {
                by(&stated_keys(&self.jws.claims::<EntityStatement>()?.jwks.keys)?)?
            }
            verified => verified?,
        };
        let held = Held {
            iat: verified.value().iat,
            payload: Sha256::digest(verified.payload()).into(),
        };
        let signer = *verified.signer();
        let claims = verified.into_value();
        Ok(Signed(Checked { claims, signer, held }))
    }
}

impl Checked {
    /// Whether this configuration names that superior.
    pub(super) fn acknowledges(&self, superior: &EntityId) -> bool {
        let hints = self.claims.authority_hints.as_ref();
        hints.is_some_and(|hints| hints.contains(superior) || mutant!("TRU-5"))
    }
}

impl Signed {
    /// What tells it from another word of the same issuer on the same subject.
    pub(super) const fn held(&self) -> &Held {
        &self.0.held
    }

    /// Applies the rules of every statement, the clock last.
    pub(super) fn check(self, now: UnixSeconds) -> Result<Checked, Refusal> {
        let checked = self.of_every_statement()?;
        if checked.claims.iat.since(now) > SKEW && !mutant!("JWS-17") {
            return Err(Refusal::ClockDoubt {
                iat: checked.claims.iat,
            });
        }
        Ok(checked)
    }

    fn of_every_statement(self) -> Result<Checked, Refusal> {
        check_members(&self.0.claims)?;
        Ok(self.0)
    }
}

fn check_members(claims: &EntityStatement) -> Result<(), Refusal> {
    if claims.metadata_policy.is_some() && !mutant!("TRU-3") {
        return Err(Refusal::MetadataPolicy);
    }
    if claims.constraints.is_some() && !mutant!("TRU-3/constraints") {
        return Err(Refusal::Constraints);
    }
    match (&claims.crit, claims.comity_region_prefix) {
        (None, None) => Ok(()),
        (None, Some(_)) if !mutant!("TRU-2/prefix") => Err(Refusal::PrefixNotCritical),
        (None, Some(_)) => Ok(()),
        (Some(names), prefix) => match names.as_slice() {
            [one] if one == PREFIX_CLAIM && prefix.is_some() => Ok(()),
            _ if mutant!("TRU-2") => Ok(()),
            names => {
                let strange = names.iter().find(|name| *name != PREFIX_CLAIM).or(names.first());
                Err(Refusal::Crit {
                    name: strange.map_or_else(String::new, |n| shorten(n)),
                })
            }
        },
    }
}

fn shorten(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// Of whom a statement speaks, which bounds how long it may live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Anchor,
    Province,
    County,
}

impl Role {
    pub(super) const fn lifetime(self) -> i64 {
        match self {
            Self::Anchor => ANCHOR_LIFETIME,
            Self::Province => PROVINCE_LIFETIME,
            Self::County => COUNTY_LIFETIME,
        }
    }
}

/// Checks that a thing lives, and not longer than its kind may.
pub(super) fn check_lifetime(iat: UnixSeconds, exp: UnixSeconds, max: i64) -> Result<(), Refusal> {
    let seconds = exp.since(iat);
    if (seconds <= 0 && !mutant!("TRU-6/backwards")) || seconds > max {
        Err(Refusal::Lifetime { seconds, max })
    } else {
        Ok(())
    }
}
