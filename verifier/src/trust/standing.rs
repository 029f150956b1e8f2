//! Where an entity stands: the answer that every verification begins with.
//!
//! Grey and red part here: [`Standing::NotAMember`] is said only from current member lists of every authority that could list
//! the entity; everything that *we* do not know, or not any more, has a name of its own.

use comity_spec::entity::MemberState;
use comity_spec::ids::EntityId;
use comity_spec::mutant;
use comity_spec::time::UnixSeconds;

use super::members::Members;
use super::{Authority, County, Link, MemberFacts, Record, Trust};

/// Where an entity stands at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// A county in good standing, its chain complete and current.
    Active(&'a County),
    /// Paused by its superior: nothing of it verifies, nothing is called false.
    Suspended {
        /// The authority that says so.
        by: &'a EntityId,
        /// When it said so.
        as_of: UnixSeconds,
        /// What may be shown.
        facts: &'a MemberFacts,
    },
    /// Left the federation.
    Removed {
        /// The authority that says so.
        by: &'a EntityId,
        /// When it said so.
        as_of: UnixSeconds,
        /// What may be shown.
        facts: &'a MemberFacts,
    },
    /// In none of the current member lists of the federation.
    NotAMember {
        /// The `iat` of the oldest list this rests on.
        as_of: UnixSeconds,
    },
    /// The anchor or a province: a member, but no county; it issues no permits.
    Authority,
    /// A link of its chain has ended.
    Expired {
        /// Which.
        what: Link,
        /// When.
        exp: UnixSeconds,
    },
    /// Not known, and some member list that could name it is missing or has expired.
    NoCurrentMemberList {
        /// The authority whose list is needed.
        of: &'a EntityId,
    },
    /// A member, but a link of its chain has not been received (or only with a signature that does not verify).
    Incomplete {
        /// The link.
        missing: Link,
    },
    /// A well-signed object of its chain breaks a rule.
    Refused {
        /// Stable name of the rule; the findings have the facts.
        rule: &'static str,
    },
    /// This node's clock is not believable, or an object of the chain is from the future.
    ClockDoubt,
}

impl<'a> Standing<'a> {
    /// The county, when it is active.
    #[must_use]
    pub const fn active(&self) -> Option<&'a County> {
        match self {
            Self::Active(county) => Some(county),
            _ => None,
        }
    }

    /// Stable name of the rule, for causes and JSON output.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Active(_) => "trust.active",
            Self::Suspended { .. } => "trust.suspended",
            Self::Removed { .. } => "trust.removed",
            Self::NotAMember { .. } => "trust.not-a-member",
            Self::Authority => "trust.authority",
            Self::Expired { .. } => "trust.chain-expired",
            Self::NoCurrentMemberList { .. } => "trust.no-current-member-list",
            Self::Incomplete { .. } => "trust.incomplete",
            Self::Refused { rule } => rule,
            Self::ClockDoubt => "trust.clock-doubt",
        }
    }
}

pub(super) fn of<'a>(trust: &'a Trust, entity: &EntityId, now: UnixSeconds) -> Standing<'a> {
    if !trust.clock_ok(now) {
        return Standing::ClockDoubt;
    }
    if *entity == trust.anchor {
        return Standing::Authority;
    }
    match trust.records.get(entity) {
        Some(Record::County(county)) if now >= county.valid_until && !mutant!("TRU-22") => {
            Standing::Expired {
                what: county.first_to_end,
                exp: county.valid_until,
            }
        }
        Some(Record::County(county)) => Standing::Active(county),
        Some(Record::Authority) => Standing::Authority,
        Some(Record::Stopped { validity, .. }) if now >= validity.until => Standing::Expired {
            what: validity.link,
            exp: validity.until,
        },
        Some(Record::Stopped {
            state,
            by,
            as_of,
            facts,
            ..
        }) => stopped(*state, by, *as_of, facts),
        Some(Record::Refused(rule)) => Standing::Refused { rule },
        Some(Record::Incomplete(missing)) => Standing::Incomplete { missing: *missing },
        Some(Record::ClockDoubt) => Standing::ClockDoubt,
        None => from_lists(trust, entity, now),
    }
}

const fn stopped<'a>(
    state: MemberState,
    by: &'a EntityId,
    as_of: UnixSeconds,
    facts: &'a MemberFacts,
) -> Standing<'a> {
    match state {
        MemberState::Removed => Standing::Removed { by, as_of, facts },
        // A record is only ever stopped as one of the two.
        MemberState::Suspended | MemberState::Active => Standing::Suspended { by, as_of, facts },
    }
}

/// No chain object names the entity: what do the member lists say?
fn from_lists<'a>(trust: &'a Trust, entity: &EntityId, now: UnixSeconds) -> Standing<'a> {
    let Some(anchor) = trust.authorities.first() else {
        return Standing::Incomplete {
            missing: Link::AnchorConfiguration,
        };
    };
    if now >= anchor.valid_until.until {
        return Standing::Expired {
            what: anchor.valid_until.link,
            exp: anchor.valid_until.until,
        };
    }
    if let Some(found) = listed(trust, entity, now) {
        return found;
    }
    let mut as_of = now;
    for authority in &trust.authorities {
        // Whoever has left no longer vouches for anybody.
        if authority.state == MemberState::Removed && !mutant!("TRU-17/left") {
            continue;
        }
        if mutant!("TRU-17") && current(authority, now).is_none() {
            continue;
        }
        let Some(members) = current(authority, now) else {
            return Standing::NoCurrentMemberList {
                of: &authority.entity,
            };
        };
        if let Some(province) = members
            .provinces()
            .find(|entity| !is_reached(&trust.authorities, entity))
        {
            return Standing::NoCurrentMemberList { of: province };
        }
        as_of = as_of.min(members.iat);
    }
    Standing::NotAMember { as_of }
}

/// What the current member lists that name the entity say of it.
fn listed<'a>(trust: &'a Trust, entity: &EntityId, now: UnixSeconds) -> Option<Standing<'a>> {
    trust.authorities.iter().find_map(|authority| {
        let members = current(authority, now)?;
        let line = members.lines.get(entity)?;
        Some(match line.state {
            MemberState::Active if line.is_county => Standing::Incomplete {
                missing: Link::CountyStatement,
            },
            MemberState::Active => Standing::Incomplete {
                missing: Link::ProvinceStatement,
            },
            state => stopped(state, &authority.entity, members.iat, &line.facts),
        })
    })
}

fn current(authority: &Authority, now: UnixSeconds) -> Option<&Members> {
    authority
        .members
        .as_ref()
        .filter(|list| mutant!("TRU-17/ended") || (now < list.exp && now < authority.valid_until.until))
}

fn is_reached(authorities: &[Authority], entity: &EntityId) -> bool {
    authorities.iter().any(|authority| authority.entity == *entity)
}
