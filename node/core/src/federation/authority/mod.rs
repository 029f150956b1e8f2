//! An authority (the anchor or a province) at its desk: it signs who the counties are, rarely, with a key that may stay off line.
//!
//! [`AuthorityState`] is everything an authority knows, as plain data that the binary keeps in a file; it holds no secret. Every
//! act takes a state and the federation key and returns the next state with everything signed anew ([`publish`]), so that no two
//! objects of one second ever differ. [`published`] turns a state into files for any static host or USB stick. Nothing here asks
//! the network: an applicant's configuration comes in as a file, after somebody compared its key by telephone. Chapter 3.
//!
//! | file | what |
//! |---|---|
//! | `/.well-known/openid-federation` | the authority's own configuration |
//! | `/federation/member-list` | the signed member list |
//! | `/federation/bundle.comity` | everything it signed, as one bundle |
//! | `/federation/statements/NAME.jwt` | one subordinate statement; NAME as in [`statement_path`] |
//!
//! An authority that runs a server also answers [`FETCH_PATH`] (`?sub=`, [`fetch`]) and [`LIST_PATH`] ([`AuthorityState::active`]).

use comity_spec::entity::{Environment, FederationEntity, MemberState, NodeMetadata};
use comity_spec::ids::{Digest, EntityId, Region, RegionPrefix, Thumbprint};
use comity_spec::jose::{Jwk, JwkSet};
use comity_spec::text::Bilingual;
use comity_spec::time::UnixSeconds;
use serde::{Deserialize, Serialize};

mod applicant;
mod conformance;
mod enrol;
mod init;
mod keys;
mod publish;
mod standing;
#[cfg(test)]
mod tests;

pub use conformance::{ConformanceError, Required, conforms};
pub use enrol::{Application, EnrolError, Enrolled, Place, enrol};
pub use init::{NewAuthority, init};
pub use keys::{KeyChangeError, prepare_key, retire_key};
pub use publish::{AHEAD, PublishError, Published, PublishedFile, fetch, publish, published, statement_path};
pub use standing::{Standing, StandingError, set_standing};

/// Path of the signed member list.
pub const MEMBER_LIST_PATH: &str = "/federation/member-list";
/// Path of the bundle of everything the authority signed.
pub const BUNDLE_PATH: &str = "/federation/bundle.comity";
/// Path of the fetch endpoint of an authority with a server (OpenID Federation 1.0 §8.1).
pub const FETCH_PATH: &str = "/federation/fetch";
/// Path of the list endpoint of an authority with a server (OpenID Federation 1.0 §8.2).
pub const LIST_PATH: &str = "/federation/list";
/// Seconds for which a removed member stays published: 400 days.
pub const REMOVED_FOR: i64 = 400 * 86_400;
/// The one version of [`AuthorityState`].
pub const STATE_VERSION: u32 = 1;

/// Everything an authority knows and has signed. No secret in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityState {
    /// [`STATE_VERSION`].
    pub version: u32,
    /// Its entity id.
    pub entity: EntityId,
    /// Test or real; that of all its members.
    pub environment: Environment,
    /// Name for people.
    pub name: Bilingual,
    /// Anchor or province.
    pub rank: Rank,
    /// Server or static files.
    pub hosting: Hosting,
    /// Its federation keys: the one that signs, and those that are prepared or retired but still published.
    pub keys: JwkSet,
    /// Sequence number of the last member list.
    pub seq: u64,
    /// When everything was signed last; strictly rises.
    pub issued_at: UnixSeconds,
    /// Its members, removed ones for [`REMOVED_FOR`].
    pub members: Vec<Subordinate>,
    /// Own configuration, compact JWS.
    pub configuration: String,
    /// Member list, compact JWS.
    pub member_list: String,
}

/// Place of an authority in the federation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Rank {
    /// The anchor: nobody above.
    Anchor,
    /// A province under the anchor.
    Province {
        /// The anchor.
        superior: EntityId,
        /// The codes for which it may vouch.
        prefix: RegionPrefix,
    },
}

/// How an authority publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hosting {
    /// A server that answers fetch and list.
    Server,
    /// Files on any static host.
    Static,
}

/// A member of the authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subordinate {
    /// Its entity id.
    pub entity: EntityId,
    /// Name for people.
    pub name: Bilingual,
    /// County or province, with what is stated of it.
    pub kind: Kind,
    /// Its federation keys.
    pub keys: JwkSet,
    /// Its standing.
    pub state: MemberState,
    /// Since when it has that standing.
    pub since: UnixSeconds,
    /// The statement on it, compact JWS.
    pub statement: String,
    /// The newest application taken over: nothing older counts again. Absent in files from before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<Applied>,
}

/// What is kept of an application (TRU-20, TRU-21).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Applied {
    /// When it was issued.
    pub iat: UnixSeconds,
    /// SHA-256 of the JWS.
    pub digest: Digest,
}

/// What kind of member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Kind {
    /// A county node.
    County(Box<NodeMetadata>),
    /// A province, with the codes for which it may vouch.
    Province(RegionPrefix),
}

impl AuthorityState {
    /// Every active member, for the list endpoint.
    pub fn active(&self) -> impl Iterator<Item = &EntityId> {
        self.members
            .iter()
            .filter(|member| member.state == MemberState::Active)
            .map(|member| &member.entity)
    }

    /// The member with this entity id.
    #[must_use]
    pub fn member(&self, entity: &EntityId) -> Option<&Subordinate> {
        self.members.iter().find(|member| member.entity == *entity)
    }

    /// The anchor file for nodes, to be handed over by hand and compared by telephone.
    #[must_use]
    pub fn anchor_file(&self) -> serde_json::Value {
        serde_json::json!({
            "entity": self.entity,
            "environment": self.environment,
            "jwks": self.keys,
        })
    }

    /// Thumbprints of its federation keys, to be read out over the telephone.
    pub fn thumbprints(&self) -> impl Iterator<Item = &str> {
        self.keys.keys.iter().filter_map(|key| key.kid.as_deref())
    }

    fn publishes(&self, key: &Thumbprint) -> bool {
        let name = key.to_string();
        self.thumbprints().any(|kid| kid == name)
    }

    /// Members that hold their region, prefix and keys: all but removed ones.
    fn holding(&self) -> impl Iterator<Item = &Subordinate> {
        self.members
            .iter()
            .filter(|member| member.state != MemberState::Removed)
    }

    fn endpoints(&self) -> FederationEntity {
        let served = |path: &str| (self.hosting == Hosting::Server).then(|| self.entity.join(path));
        FederationEntity {
            federation_fetch_endpoint: served(FETCH_PATH),
            federation_list_endpoint: served(LIST_PATH),
            comity_member_list_endpoint: Some(self.entity.join(MEMBER_LIST_PATH)),
            comity_bundle_endpoint: Some(self.entity.join(BUNDLE_PATH)),
            organization_name: Some(self.name.zh.clone()),
        }
    }
}

impl Subordinate {
    /// A county's region.
    #[must_use]
    pub fn region(&self) -> Option<Region> {
        match &self.kind {
            Kind::County(metadata) => Some(metadata.region),
            Kind::Province(_) => None,
        }
    }

    /// A province's prefix.
    #[must_use]
    pub const fn prefix(&self) -> Option<RegionPrefix> {
        match &self.kind {
            Kind::County(_) => None,
            Kind::Province(prefix) => Some(*prefix),
        }
    }
}

/// Whether two public keys are one.
fn same_key(a: &Jwk, b: &Jwk) -> bool {
    a.kty == b.kty && a.crv == b.crv && a.x == b.x
}
