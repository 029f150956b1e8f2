//! Who is a county of the federation, which region it has and which keys may speak for it (chapter 3).
//!
//! [`Trust::build`] takes an [`Anchor`], which a person gave by hand, and signed objects from anywhere, and makes one immutable
//! picture of the federation, from the anchor downwards. What it refuses it names in a [`Finding`]; one bad object never hides
//! the others. A county's values count only where its superior and the county itself both state them, so that a superior cannot
//! plant a key and a county cannot claim a region. This module fetches nothing, keeps nothing and reads no clock: `now` and the
//! durable [`Floors`] are arguments. OpenID Federation 1.0 §3, §9 and §10; no metadata policies, no constraints.

use comity_spec::mutant;
use std::collections::{BTreeMap, HashMap};

use comity_spec::entity::{Environment, MemberState};
use comity_spec::ids::{EntityId, Region, RegionPrefix, SpkiPin};
use comity_spec::text::Bilingual;
use comity_spec::time::UnixSeconds;

use crate::jwk::KeySet;

mod accept;
mod anchor;
mod build;
mod county;
mod members;
mod refusal;
mod standing;
mod statement;
#[cfg(test)]
mod tests;

pub use accept::{AcceptedMemberList, AcceptedStatement, accept_member_list, accept_statement};
pub use anchor::{Anchor, AnchorError};
pub(crate) use county::filtered;
pub use county::{County, Vouch};
pub use refusal::{Finding, Link, Refusal, Subject};
pub use standing::Standing;

/// How far ahead of this node's clock a signer's clock may be, in seconds (JWS-17).
pub const SKEW: i64 = 60;
/// How far the clock may be behind the newest `iat` kept before this node stops trusting it, in seconds (JWS-18).
pub const CLOCK_FLOOR_SLACK: i64 = 120;
/// Longest life of a member list, in seconds: whoever signs one renews it with its statements.
pub const MEMBER_LIST_LIFETIME: i64 = comity_spec::entity::PROVINCE_LIFETIME;
/// Most statements that one picture is built from: 2,846 counties with two each, and as many old ones again.
pub const MAX_STATEMENTS: usize = 16_384;

/// Signed objects to build from, in any order, from any source: nothing is trusted for where it came from.
#[derive(Clone, Copy, Debug, Default)]
pub struct TrustObjects<'a> {
    /// Entity configurations and subordinate statements, compact JWS. Of several for one pair of issuer and subject the newest
    /// counts; older configurations are still evidence of who vouched for a new federation key ([`County::vouches`]).
    pub statements: &'a [String],
    /// Member lists, compact JWS.
    pub member_lists: &'a [String],
}

/// What the durable store remembers, so that nobody can turn this node back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Floors {
    /// The largest `iat` of any object verified and kept: the clock floor.
    pub newest_iat: Option<UnixSeconds>,
    /// The largest `iat` kept, per issuer and subject of a statement.
    pub statements: BTreeMap<(EntityId, EntityId), UnixSeconds>,
    /// The largest `seq` kept, per issuer of a member list.
    pub member_lists: BTreeMap<EntityId, u64>,
}

/// The federation as it can be proven from the anchor. Immutable; share it in an `Arc`.
#[derive(Clone, Debug)]
pub struct Trust {
    anchor: EntityId,
    anchor_keys: KeySet,
    environment: Environment,
    /// The anchor's own configuration is from the future: which of us is wrong?
    doubt: bool,
    floor: Option<UnixSeconds>,
    max_iat: Option<UnixSeconds>,
    records: HashMap<EntityId, Record>,
    regions: HashMap<Region, EntityId>,
    pins: HashMap<SpkiPin, EntityId>,
    /// Every authority reached, the anchor first.
    authorities: Vec<Authority>,
    /// What superiors state for a subject, each for itself: by one of them its configuration must be signed.
    stated: HashMap<EntityId, Vec<Stated>>,
    held: HashMap<(EntityId, EntityId), Held>,
}

/// The newest object kept for one pair of issuer and subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    iat: UnixSeconds,
    payload: [u8; 32],
}

/// The anchor or a province.
#[derive(Clone, Debug)]
struct Authority {
    entity: EntityId,
    prefix: Option<RegionPrefix>,
    keys: KeySet,
    valid_until: Validity,
    state: MemberState,
    members: Option<members::Members>,
}

/// The federation keys that one superior states for a subject. Those of several are never put together: whoever states somebody
/// else's subject could otherwise sign in its name, or crowd out its keys.
#[derive(Clone, Debug)]
struct Stated {
    superior: EntityId,
    keys: KeySet,
    /// From this second on the superior's word has ended.
    until: UnixSeconds,
}

/// The earliest end of a chain, and which link ends there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Validity {
    until: UnixSeconds,
    link: Link,
}

impl Validity {
    fn and(self, until: UnixSeconds, link: Link) -> Self {
        if until < self.until {
            Self { until, link }
        } else {
            self
        }
    }
}

/// What is known of one entity below the anchor.
#[derive(Clone, Debug)]
enum Record {
    County(Box<County>),
    Authority,
    /// Suspended or removed by its superior.
    Stopped {
        state: MemberState,
        by: EntityId,
        as_of: UnixSeconds,
        validity: Validity,
        facts: MemberFacts,
    },
    Refused(&'static str),
    Incomplete(Link),
    ClockDoubt,
}

/// What may be said about a member of which nothing verifies any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberFacts {
    /// Its region code.
    pub region: Option<Region>,
    /// Its name.
    pub name: Option<Bilingual>,
    /// Telephone and hours of its office, as its superior stated them.
    pub contact: Option<Bilingual>,
}

impl Trust {
    /// Builds the picture from the anchor downwards.
    ///
    /// Never fails as a whole: an object that is refused is named in the findings, and everything that does not rest on it
    /// stands. Expired objects are kept as expired, so that [`Trust::standing`] can say what ended when.
    #[must_use]
    pub fn build(
        anchor: &Anchor,
        objects: &TrustObjects<'_>,
        floors: &Floors,
        now: UnixSeconds,
    ) -> (Self, Vec<Finding>) {
        build::build(anchor, objects, floors, now)
    }

    /// The entity id of the anchor.
    #[must_use]
    pub const fn anchor(&self) -> &EntityId {
        &self.anchor
    }

    /// The environment of the anchor; counties of the other one are refused.
    #[must_use]
    pub const fn environment(&self) -> Environment {
        self.environment
    }

    /// Where an entity stands at `now`. The one question to ask before believing anything it signed.
    #[must_use]
    pub fn standing(&self, entity: &EntityId, now: UnixSeconds) -> Standing<'_> {
        standing::of(self, entity, now)
    }

    /// An active county, as it was when the picture was built. Whether its chain still holds *now* is what
    /// [`Trust::standing`] says.
    #[must_use]
    pub fn county(&self, entity: &EntityId) -> Option<&County> {
        match self.records.get(entity) {
            Some(Record::County(county)) => Some(county),
            _ => None,
        }
    }

    /// The county whose code this is, as it was when the picture was built.
    #[must_use]
    pub fn county_by_region(&self, region: Region) -> Option<&County> {
        self.county(self.regions.get(&region)?)
    }

    /// Every active county, in no order.
    pub fn counties(&self) -> impl Iterator<Item = &County> {
        self.regions.values().filter_map(|entity| self.county(entity))
    }

    /// Every pinned TLS key of exactly one active county.
    pub fn pins(&self) -> impl Iterator<Item = (SpkiPin, &EntityId)> {
        self.pins.iter().map(|(pin, entity)| (*pin, entity))
    }

    /// The largest `iat` of the objects kept, to be stored as the next clock floor.
    #[must_use]
    pub const fn max_iat(&self) -> Option<UnixSeconds> {
        self.max_iat
    }

    /// Whether `now` is believable: not more than [`CLOCK_FLOOR_SLACK`] behind the newest `iat` verified and kept.
    #[must_use]
    pub fn clock_ok(&self, now: UnixSeconds) -> bool {
        !self.doubt
            && self
                .floor
                .max(self.max_iat)
                .is_none_or(|floor| now.plus_saturating(CLOCK_FLOOR_SLACK) >= floor || mutant!("JWS-18"))
    }

    /// The floors to store after everything in this picture was stored.
    #[must_use]
    pub fn floors(&self) -> Floors {
        Floors {
            newest_iat: self.floor.max(self.max_iat),
            statements: self
                .held
                .iter()
                .map(|(pair, held)| (pair.clone(), held.iat))
                .collect(),
            member_lists: self
                .authorities
                .iter()
                .filter_map(|a| a.members.as_ref().map(|m| (a.entity.clone(), m.seq)))
                .collect(),
        }
    }
}
