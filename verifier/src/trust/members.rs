//! Member lists: the only source from which "not a member" is ever said.
//!
//! A list counts while it and its authority's chain are current. Of several the highest `seq` counts; two of one `seq` with
//! different contents are an alarm. A list with a line that does not hold is refused as a whole.

use comity_spec::mutant;
use std::collections::{HashMap, HashSet};

use comity_spec::entity::{MemberList, MemberState};
use comity_spec::ids::EntityId;
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::time::UnixSeconds;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::statement::check_lifetime;
use super::{MEMBER_LIST_LIFETIME, MemberFacts, Refusal, SKEW};
use crate::budget::{Budget, Limits, Resource};
use crate::jwk::KeySet;
use crate::jws::{Profile, Unverified};

/// A verified member list.
#[derive(Clone, Debug)]
pub(super) struct Members {
    pub(super) iat: UnixSeconds,
    pub(super) exp: UnixSeconds,
    pub(super) seq: u64,
    pub(super) payload: [u8; 32],
    pub(super) lines: HashMap<EntityId, Line>,
}

/// One member.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) state: MemberState,
    pub(super) is_county: bool,
    pub(super) facts: MemberFacts,
}

impl Members {
    /// The provinces that have not left.
    pub(super) fn provinces(&self) -> impl Iterator<Item = &EntityId> {
        let staying = |line: &Line| !line.is_county && line.state != MemberState::Removed;
        self.lines
            .iter()
            .filter(move |(_, line)| staying(line))
            .map(|(entity, _)| entity)
    }
}

/// A member list of which nothing is believed yet.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) iss: EntityId,
    jws: Unverified,
}

impl Candidate {
    pub(super) fn parse(token: &str) -> Result<Self, Refusal> {
        #[derive(Deserialize)]
        struct Names {
            iss: EntityId,
        }
        let profile = Profile::Comity {
            typ: Typ::MemberList.as_str(),
        };
        let jws = Unverified::parse(token.as_bytes(), profile, &mut Budget::new(Limits::TRUST_CHAIN))?;
        let Names { iss } = jws.claims()?;
        Ok(Self { iss, jws })
    }

    /// Verifies by the authority's federation keys.
    pub(super) fn signed(&self, keys: &KeySet) -> Result<Signed, Refusal> {
        let mut budget = Budget::new(Limits::TRUST_CHAIN);
        let verified = self
            .jws
            .clone()
            .verify::<MemberList>(keys, KeyPurpose::Federation, &mut budget)?;
        Ok(Signed {
            payload: Sha256::digest(verified.payload()).into(),
            list: verified.into_value(),
            budget,
        })
    }
}

/// A well-signed list of which no rule was asked yet.
pub(super) struct Signed {
    payload: [u8; 32],
    list: MemberList,
    budget: Budget,
}

impl Signed {
    /// Applies the rules of a list, the clock last. `may_list_provinces` holds for the anchor alone.
    pub(super) fn check(self, may_list_provinces: bool, now: UnixSeconds) -> Result<Members, Refusal> {
        let Self {
            payload,
            list,
            mut budget,
        } = self;
        let longest = if mutant!("TRU-16/lifetime") {
            i64::MAX
        } else {
            MEMBER_LIST_LIFETIME
        };
        check_lifetime(list.iat, list.exp, longest)?;
        budget.spend(Resource::Steps, list.members.len())?;
        let mut lines = HashMap::with_capacity(list.members.len());
        for member in list.members {
            let is_county = match (member.region, member.region_prefix) {
                (Some(_), None) => true,
                (None, Some(_)) if may_list_provinces || mutant!("TRU-16/province") => false,
                _ => {
                    return Err(Refusal::MemberLine {
                        entity: member.entity,
                    });
                }
            };
            let facts = MemberFacts {
                region: member.region,
                name: Some(member.name),
                contact: None,
            };
            let line = Line {
                state: member.state,
                is_county,
                facts,
            };
            let twice = lines.insert(member.entity.clone(), line).is_some() && !mutant!("TRU-16");
            if member.entity == list.iss || twice {
                return Err(Refusal::MemberLine {
                    entity: member.entity,
                });
            }
        }
        if list.iat.since(now) > SKEW {
            return Err(Refusal::ClockDoubt { iat: list.iat });
        }
        Ok(Members {
            iat: list.iat,
            exp: list.exp,
            seq: list.seq,
            payload,
            lines,
        })
    }
}

/// The list that counts: the highest `seq`, no lower than what was kept. Refusals go to `refuse`.
pub(super) fn newest(
    candidates: &[Candidate],
    keys: &KeySet,
    may_list_provinces: bool,
    floor: Option<u64>,
    now: UnixSeconds,
    mut refuse: impl FnMut(Refusal),
) -> Option<Members> {
    let mut best: Option<Members> = None;
    // Two words under one number are a fork, even where one of them is refused for something else.
    let (mut said, mut forked) = (HashMap::new(), HashSet::new());
    for candidate in candidates {
        let checked = candidate.signed(keys).and_then(|signed| {
            let (seq, payload) = (signed.list.seq, signed.payload);
            if said.insert(seq, payload).is_some_and(|other| other != payload) {
                forked.insert(seq);
            }
            signed.check(may_list_provinces, now)
        });
        let list = match checked {
            Ok(list) => list,
            Err(refusal) => {
                refuse(refusal);
                continue;
            }
        };
        match &best {
            Some(kept) if kept.seq >= list.seq => {}
            _ => best = Some(list),
        }
    }
    let best = best?;
    let number = |seq: u64| i64::try_from(seq).unwrap_or(i64::MAX);
    if forked.contains(&best.seq) && !mutant!("TRU-21/list") {
        refuse(Refusal::Fork {
            iat: number(best.seq),
        });
        return None;
    }
    if let Some(floor) = floor.filter(|floor| best.seq < *floor) {
        refuse(Refusal::RolledBack {
            iat: number(best.seq),
            floor: number(floor),
        });
        return None;
    }
    Some(best)
}
