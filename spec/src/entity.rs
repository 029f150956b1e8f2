//! Who a county is and which keys it has: OpenID Federation 1.x entity statements, the `comity_node` entity type and member lists.
//!
//! Two statements describe a county: its own **entity configuration** (`iss` = `sub`) and the **subordinate statement** of the
//! authority above it. Both have the shape [`EntityStatement`]; which one counts for what is decided in the verifier's `trust`
//! module. Unknown members are ignored where OpenID Federation owns the type and refused inside `comity_node`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{EntityId, Region, RegionPrefix, SpkiPin};
use crate::jose::{JwkSet, KeyPurpose};
use crate::text::Bilingual;
use crate::time::UnixSeconds;

/// Path of an entity configuration under an entity id (OpenID Federation 1.0 §9).
pub const WELL_KNOWN: &str = "/.well-known/openid-federation";
/// Longest life of a county's configuration and subordinate statement: ten days, in seconds.
pub const COUNTY_LIFETIME: i64 = 10 * 86_400;
/// Longest life of a province's statements: 35 days, in seconds.
pub const PROVINCE_LIFETIME: i64 = 35 * 86_400;
/// Longest life of the anchor's configuration: 400 days, in seconds.
pub const ANCHOR_LIFETIME: i64 = 400 * 86_400;

/// Test federation or the real one. The two never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Environment {
    /// Synthetic residents, test keys.
    Sandbox,
    /// Real permits.
    Production,
}

impl Environment {
    /// Wire name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sandbox => "SANDBOX",
            Self::Production => "PRODUCTION",
        }
    }
}

/// A subject's standing, said by its superior alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemberState {
    /// In good standing.
    #[default]
    Active,
    /// Paused: nothing of it verifies, nothing is called false.
    Suspended,
    /// Left the federation; stays published for 400 days.
    Removed,
}

/// An entity configuration or a subordinate statement, as signed (`typ: entity-statement+jwt`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EntityStatement {
    /// Who states.
    pub iss: EntityId,
    /// Who is described; equal to `iss` in a configuration.
    pub sub: EntityId,
    /// Issued at, seconds since 1970.
    pub iat: UnixSeconds,
    /// Not to be used from this second on.
    pub exp: UnixSeconds,
    /// The subject's federation keys.
    pub jwks: JwkSet,
    /// Superiors of the subject; in configurations of everyone but the anchor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority_hints: Option<Vec<EntityId>>,
    /// What the subject is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// Names of claims that a reader must understand, or refuse the statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crit: Option<Vec<String>>,
    /// The region codes for which the subject may vouch (a province: two digits). Always named in `crit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comity_region_prefix: Option<RegionPrefix>,
    /// Standing of the subject; only in subordinate statements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comity_state: Option<MemberState>,
    /// Present = refused: the protocol has no metadata policies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata_policy: Option<serde_json::Value>,
    /// Present = refused: the protocol's own depth and prefix rules stand in for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constraints: Option<serde_json::Value>,
}

/// Entity types of a subject. Types of other protocols are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Metadata {
    /// A county node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comity_node: Option<NodeMetadata>,
    /// An authority (anchor or province) and its endpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub federation_entity: Option<FederationEntity>,
}

/// Endpoints of an authority (OpenID Federation 1.0 §5.1.1) and where a static one keeps its bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FederationEntity {
    /// `fetch?sub=` endpoint; absent for an authority on a static host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub federation_fetch_endpoint: Option<String>,
    /// List endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub federation_list_endpoint: Option<String>,
    /// Signed member list (`comity-member-list+jwt`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comity_member_list_endpoint: Option<String>,
    /// Everything the authority signed, as one bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comity_bundle_endpoint: Option<String>,
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_name: Option<String>,
}

/// A county node. A value counts only where superior and county both state it (keys and pins: the intersection).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeMetadata {
    /// GB/T 2260 code of the county.
    pub region: Region,
    /// Name of the county's node for people.
    pub name: Bilingual,
    /// Test or real.
    pub environment: Environment,
    /// Base URLs.
    pub endpoints: Endpoints,
    /// Public keys by purpose, federation excluded (those stand in `jwks`).
    pub keys: BTreeMap<KeyPurpose, JwkSet>,
    /// SHA-256 of the subject public key info of each instance's TLS key, and the next.
    pub tls_pins: Vec<SpkiPin>,
    /// Telephone and hours of the office that answers for it, shown to clerks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Bilingual>,
    /// The one extension point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ext: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Base URLs of a county node, `https://host[:port]` without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoints {
    /// Read-only listener: statements, status lists. Equal to the entity id.
    pub public: EntityId,
    /// Mutual-TLS listener.
    pub federation: EntityId,
}

/// The members of an authority, signed (`typ: comity-member-list+jwt`). "Not a member" is only ever said from a current one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberList {
    /// The authority.
    pub iss: EntityId,
    /// Issued at.
    pub iat: UnixSeconds,
    /// Not current from this second on.
    pub exp: UnixSeconds,
    /// Rises by at least one with each list; a lower one is refused.
    pub seq: u64,
    /// Every member, removed ones included for 400 days.
    pub members: Vec<Member>,
    /// The one extension point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ext: Option<serde_json::Map<String, serde_json::Value>>,
}

/// One line of a member list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// The member.
    pub entity: EntityId,
    /// A county's region code; absent for a province.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// A province's prefix; absent for a county.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region_prefix: Option<RegionPrefix>,
    /// Name for people.
    pub name: Bilingual,
    /// Its standing.
    pub state: MemberState,
}
