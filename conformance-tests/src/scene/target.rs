//! What the target says of itself: its entity configuration, read and checked before any case. Every later claim about the target's
//! keys and addresses rests on it.

use comity_spec::entity::EntityStatement;
use serde_json::Value;

use crate::world::agreement::Party;
use crate::world::ambient::now;
use crate::world::authority::Member;
use crate::world::draft::{claims_of, header_of};
use crate::world::keys::{thumbprint, verifies};

/// The target.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Entity id.
    pub(crate) entity: String,
    /// Region.
    pub(crate) region: String,
    /// Base URL of the federation listener.
    pub(crate) federation: String,
    /// Federation keys.
    pub(crate) jwks: Value,
    /// `metadata.comity_node`.
    pub(crate) metadata: Value,
    /// Pins.
    pub(crate) pins: Vec<String>,
}

/// Why the application is none: a fault of the target or its configuration, found before any case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetError {
    /// Not a JWS with claims.
    #[error("application 不是实体配置 / the application is no entity configuration: {0}")]
    Form(String),
    /// Not signed by a key that it lists.
    #[error("application 的签名不成立 / the application is not signed by a federation key that it lists")]
    Signature,
    /// Something in it is not as it was configured.
    #[error(
        "application 的 {member} 是 {found}，应为 {expected} / the application states {member} = {found}, expected {expected}: correct the target's configuration"
    )]
    Member {
        /// Which member.
        member: &'static str,
        /// As stated.
        found: String,
        /// As configured.
        expected: String,
    },
}

impl Target {
    /// Reads an application.
    pub(crate) fn read(application: &str, region: &str, superior: &str) -> Result<Self, TargetError> {
        let form = |what: &str| TargetError::Form(what.to_owned());
        let claims = claims_of(application).ok_or_else(|| form("not a compact JWS with JSON claims"))?;
        let typed: EntityStatement =
            serde_json::from_value(claims.clone()).map_err(|error| TargetError::Form(error.to_string()))?;
        let expect = |member, found: String, expected: String| {
            if found == expected {
                Ok(())
            } else {
                Err(TargetError::Member {
                    member,
                    found,
                    expected,
                })
            }
        };
        let typ = header_of(application).and_then(|header| header.get("typ")?.as_str().map(str::to_owned));
        expect("typ", typ.unwrap_or_default(), "entity-statement+jwt".to_owned())?;
        if verifies(application, &claims["jwks"]) != Some(true) {
            return Err(TargetError::Signature);
        }
        expect("sub", typed.sub.to_string(), typed.iss.to_string())?;
        let hints: Vec<String> = typed
            .authority_hints
            .iter()
            .flatten()
            .map(ToString::to_string)
            .collect();
        expect("authority_hints", hints.join(" "), superior.to_owned())?;
        let node = typed
            .metadata
            .and_then(|all| all.comity_node)
            .ok_or_else(|| form("metadata.comity_node is missing"))?;
        expect("region", node.region.to_string(), region.to_owned())?;
        expect(
            "environment",
            node.environment.as_str().to_owned(),
            "SANDBOX".to_owned(),
        )?;
        expect(
            "endpoints.public",
            node.endpoints.public.to_string(),
            typed.iss.to_string(),
        )?;
        let fresh = typed.iat.get() <= now() + 60 && now() < typed.exp.get();
        expect(
            "iat to exp",
            if fresh { "now" } else { "another time" }.to_owned(),
            "now".to_owned(),
        )?;
        Ok(Self {
            entity: typed.iss.to_string(),
            region: node.region.to_string(),
            federation: node.endpoints.federation.to_string(),
            jwks: claims["jwks"].clone(),
            metadata: claims["metadata"]["comity_node"].clone(),
            pins: node.tls_pins.iter().map(ToString::to_string).collect(),
        })
    }

    /// Reads what an anchor says of itself, by the anchor file that was given by hand. It has no region, one door, no pins; in place of a
    /// county's metadata stands the anchor file.
    pub(crate) fn authority(application: &str, anchor: Option<&Value>) -> Result<Self, TargetError> {
        let form = |what: &str| TargetError::Form(what.to_owned());
        let anchor = anchor.ok_or_else(|| form("an authority gives its `anchor` file too"))?;
        let claims = claims_of(application).ok_or_else(|| form("not a compact JWS with JSON claims"))?;
        if verifies(application, &anchor["jwks"]) != Some(true) {
            return Err(TargetError::Signature);
        }
        for member in ["iss", "sub"] {
            if claims[member] != anchor["entity"] {
                return Err(TargetError::Member {
                    member: if member == "iss" { "iss" } else { "sub" },
                    found: claims[member].to_string(),
                    expected: anchor["entity"].to_string(),
                });
            }
        }
        let entity = anchor["entity"].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            federation: entity.clone(),
            entity,
            region: String::new(),
            jwks: anchor["jwks"].clone(),
            metadata: anchor.clone(),
            pins: Vec::new(),
        })
    }

    /// What its superior states of it.
    pub(crate) fn as_member(&self) -> Member {
        Member {
            jwks: self.jwks.clone(),
            metadata: Some(self.metadata.clone()),
            region: self.region.clone(),
            name: self.metadata["name"].clone(),
            state: "active".to_owned(),
        }
    }

    /// The target as a party of agreements.
    pub(crate) fn as_party(&self) -> Party {
        let keys = self.jwks["keys"].as_array().into_iter().flatten();
        Party {
            entity: self.entity.clone(),
            region: self.region.clone(),
            name: self.metadata["name"].clone(),
            keys: keys.filter_map(|jwk| jwk["x"].as_str().map(thumbprint)).collect(),
        }
    }

    /// Its keys of a purpose.
    pub(crate) fn keys(&self, purpose: &str) -> &Value {
        &self.metadata["keys"][purpose]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::certificates::identity;
    use crate::world::county::County;
    use crate::world::draft::Draft;

    fn honest() -> Draft {
        let doors = ("https://localhost:1".to_owned(), "https://localhost:2".to_owned());
        let county = County::new(
            "s",
            1,
            "361123".into(),
            doors,
            "https://localhost:3".into(),
            identity().unwrap(),
        );
        county.configuration()
    }

    #[test]
    fn an_application_is_what_was_configured_or_says_what_is_not() {
        let read = |draft: &Draft| Target::read(&draft.sign(), "361123", "https://localhost:3");
        let target = read(&honest()).unwrap();
        assert_eq!((target.region.as_str(), target.pins.len()), ("361123", 1));
        assert_eq!(target.as_party().keys.len(), 1);
        let member = |result: Result<Target, TargetError>| match result {
            Err(TargetError::Member { member, .. }) => member,
            other => panic!("{other:?}"),
        };
        let mut draft = honest();
        assert_eq!(member(read(draft.set("sub", "https://localhost:9"))), "sub");
        assert_eq!(
            member(Target::read(&honest().sign(), "361122", "https://localhost:3")),
            "region"
        );
        assert_eq!(
            member(Target::read(&honest().sign(), "361123", "https://localhost:4")),
            "authority_hints"
        );
        assert_eq!(member(read(honest().head("typ", "jwt"))), "typ");
        assert_eq!(member(read(honest().set("iat", now() + 900))), "iat to exp");
        let stranger = crate::world::keys::Key::stranger();
        let mut draft = honest();
        draft.key = stranger;
        assert_eq!(read(&draft).unwrap_err(), TargetError::Signature);
        assert!(matches!(
            Target::read("a.b", "361123", ""),
            Err(TargetError::Form(_))
        ));
    }
}
