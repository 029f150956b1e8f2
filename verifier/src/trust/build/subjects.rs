//! The subjects of the anchor and of the provinces: each becomes an authority, a county, or a named refusal.

use comity_spec::entity::MemberState;
use comity_spec::ids::{EntityId, RegionPrefix};
use comity_spec::mutant;

use super::{Builder, stopped};
use crate::jwk::KeySet;
use crate::trust::county::{self, node};
use crate::trust::statement::{Checked, Role};
use crate::trust::{Authority, Link, MemberFacts, Record, Refusal, Stated, Subject};

/// What one superior's statement makes of an entity.
struct Claim {
    superior: EntityId,
    record: Record,
}

impl Builder<'_> {
    pub(super) fn subjects(&mut self) {
        let mut claims: Vec<(EntityId, Claim)> = Vec::new();
        let anchor = self.trust.anchor.clone();
        self.subjects_of(&anchor, &mut claims);
        let provinces: Vec<EntityId> = self.trust.authorities[1..]
            .iter()
            .map(|a| a.entity.clone())
            .collect();
        for province in provinces {
            self.subjects_of(&province, &mut claims);
        }
        self.settle_claims(claims);
    }

    fn subjects_of(&mut self, superior: &EntityId, claims: &mut Vec<(EntityId, Claim)>) {
        let Some(authority) = self
            .trust
            .authorities
            .iter()
            .find(|a| a.entity == *superior)
            .cloned()
        else {
            return;
        };
        let subjects: Vec<EntityId> = self
            .statements
            .keys()
            .filter(|(iss, sub)| iss == superior && sub != superior)
            .map(|(_, sub)| sub.clone())
            .collect();
        for sub in subjects {
            if let Some(record) = self.subject(&authority, &sub) {
                claims.push((
                    sub,
                    Claim {
                        superior: superior.clone(),
                        record,
                    },
                ));
            }
        }
    }

    /// What `authority` makes of `sub`; `None` for a province, which is recorded at once.
    fn subject(&mut self, authority: &Authority, sub: &EntityId) -> Option<Record> {
        // Its keys are unknown: its statements stay unreached, and are named as such.
        if authority.keys.entries().is_empty() {
            return None;
        }
        let is_anchor = authority.entity == self.trust.anchor;
        let role = |statement: &Checked| role_of(statement, authority, is_anchor);
        let newest = self.newest(
            &authority.entity,
            sub,
            &authority.keys,
            Link::CountyStatement,
            role,
        );
        let above = match newest.missing(Link::CountyStatement) {
            Ok(above) => above,
            Err(record) => return Some(*record),
        };
        // Whatever becomes of it, a chain reached the signer of its configuration.
        self.visited.insert((sub.clone(), sub.clone()));
        if self.trust.authorities.iter().any(|a| a.entity == *sub) {
            self.refuse_statement(&authority.entity, sub, Refusal::Role);
            return None;
        }
        let assumed = Some(MemberState::Active).filter(|_| mutant!("TRU-9"));
        let Some(state) = above.claims.comity_state.or(assumed) else {
            return Some(self.refused(&authority.entity, sub, Refusal::StateMissing));
        };
        let keys = match county::stated_keys(&above.claims.jwks.keys) {
            Ok(keys) => keys,
            Err(error) => return Some(self.refused(&authority.entity, sub, error.into())),
        };
        if state != MemberState::Removed {
            self.trust.stated.entry(sub.clone()).or_default().push(Stated {
                superior: authority.entity.clone(),
                keys: keys.clone(),
                until: authority.valid_until.until.min(above.claims.exp),
            });
        }
        let state = match self.effective_state(authority, &above, state) {
            Ok(state) => state,
            Err(refusal) => return Some(self.refused(&authority.entity, sub, refusal)),
        };
        match above.claims.comity_region_prefix {
            Some(prefix) => {
                self.province(authority, &above, prefix, state, &keys);
                None
            }
            None => Some(self.county(authority, &above, state, &keys)),
        }
    }

    fn refused(&mut self, iss: &EntityId, sub: &EntityId, refusal: Refusal) -> Record {
        let rule = refusal.rule();
        self.refuse_statement(iss, sub, refusal);
        Record::Refused(rule)
    }

    /// The more restrictive of the statement and a member list that is not older. Reinstating takes a new statement.
    fn effective_state(
        &self,
        authority: &Authority,
        above: &Checked,
        state: MemberState,
    ) -> Result<MemberState, Refusal> {
        let Some(list) = authority
            .members
            .as_ref()
            .filter(|list| list.iat >= above.claims.iat)
        else {
            return Ok(state);
        };
        match list.lines.get(&above.claims.sub) {
            Some(_) if mutant!("TRU-18") => Ok(state),
            Some(line) => Ok(more_restrictive(state, line.state)),
            None if list.iat > above.claims.iat
                && state == MemberState::Active
                && !mutant!("TRU-18/not-listed") =>
            {
                Err(Refusal::NotListed)
            }
            None => Ok(state),
        }
    }

    fn province(
        &mut self,
        anchor: &Authority,
        above: &Checked,
        prefix: RegionPrefix,
        state: MemberState,
        stated: &KeySet,
    ) {
        let entity = above.claims.sub.clone();
        let mut validity = anchor.valid_until.and(above.claims.exp, Link::ProvinceStatement);
        let mut keys = KeySet::new();
        let mut record = Record::Authority;
        if state == MemberState::Removed {
            record = stopped(
                state,
                &anchor.entity,
                above.claims.iat,
                validity,
                MemberFacts::default(),
            );
        } else {
            let link = Link::ProvinceConfiguration;
            let newest = self.newest(&entity, &entity, stated, link, |_| Ok(Role::Province));
            match newest.missing(link) {
                Ok(own) => match province_keys(anchor, above, &own, prefix) {
                    Ok(common) => {
                        keys = common;
                        validity = validity.and(own.claims.exp, link);
                    }
                    Err(refusal) => record = self.refused(&entity, &entity, refusal),
                },
                Err(other) => {
                    if matches!(*other, Record::Incomplete(_)) {
                        self.refuse(Subject::Entity(entity.clone()), Refusal::Incomplete { link });
                    }
                    record = *other;
                }
            }
            if state == MemberState::Suspended {
                record = stopped(
                    state,
                    &anchor.entity,
                    above.claims.iat,
                    validity,
                    MemberFacts::default(),
                );
            }
        }
        let members = if keys.entries().is_empty() {
            None
        } else {
            self.members_of(&entity, &keys, false)
        };
        self.trust.records.insert(entity.clone(), record);
        self.trust.authorities.push(Authority {
            entity,
            prefix: Some(prefix),
            keys,
            valid_until: validity,
            state,
            members,
        });
    }

    fn county(
        &mut self,
        authority: &Authority,
        above: &Checked,
        state: MemberState,
        stated: &KeySet,
    ) -> Record {
        let sub = above.claims.sub.clone();
        let validity = authority.valid_until.and(above.claims.exp, Link::CountyStatement);
        let facts = node(above).map_or_else(MemberFacts::default, |node| MemberFacts {
            region: Some(node.region),
            name: Some(node.name.clone()),
            contact: node.contact.clone(),
        });
        if state != MemberState::Active {
            return stopped(state, &authority.entity, above.claims.iat, validity, facts);
        }
        if authority.state == MemberState::Suspended && !mutant!("TRU-18/province") {
            let anchor = self.trust.anchor.clone();
            return stopped(MemberState::Suspended, &anchor, above.claims.iat, validity, facts);
        }
        let link = Link::CountyConfiguration;
        let newest = self.newest(&sub, &sub, stated, link, |_| Ok(Role::County));
        let own = match newest.missing(link) {
            Ok(own) => own,
            Err(record) => {
                if matches!(*record, Record::Incomplete(_)) {
                    self.refuse(Subject::Entity(sub), Refusal::Incomplete { link });
                }
                return *record;
            }
        };
        if !own.acknowledges(&authority.entity) {
            return self.refused(&sub, &sub, Refusal::AuthorityHints);
        }
        let vouches = self.vouches(&sub);
        match county::join(
            above,
            &own,
            vouches,
            authority.valid_until,
            self.trust.environment,
        ) {
            Ok(county) => Record::County(Box::new(county)),
            Err(refusal) => self.refused(&sub, &sub, refusal),
        }
    }

    /// One record per entity. The anchor's word to stop outranks everything; otherwise two superiors that the county itself
    /// acknowledges contradict the rule that one vouches for it.
    fn settle_claims(&mut self, claims: Vec<(EntityId, Claim)>) {
        let mut by_entity: std::collections::BTreeMap<EntityId, Vec<Claim>> =
            std::collections::BTreeMap::new();
        for (entity, claim) in claims {
            by_entity.entry(entity).or_default().push(claim);
        }
        for (entity, claims) in by_entity {
            if self.trust.records.contains_key(&entity) {
                // A province by the anchor's word; whoever calls it a county was already refused or is refused here.
                self.refuse(Subject::Entity(entity), Refusal::Role);
                continue;
            }
            let record = self.settle_entity(&entity, claims);
            self.trust.records.insert(entity, record);
        }
    }

    fn settle_entity(&mut self, entity: &EntityId, mut claims: Vec<Claim>) -> Record {
        let stopped = |claim: &Claim| matches!(claim.record, Record::Stopped { .. });
        let anchor = &self.trust.anchor;
        if let Some(at) = claims
            .iter()
            .position(|c| stopped(c) && c.superior == *anchor && !mutant!("TRU-15/anchor"))
        {
            return claims.swap_remove(at).record;
        }
        let accepted: Vec<usize> = (0..claims.len())
            .filter(
                |at| matches!(&claims[*at].record, Record::County(county) if self.now < county.valid_until),
            )
            .collect();
        match accepted.as_slice() {
            [only] => claims.swap_remove(*only).record,
            [first, ..] if mutant!("TRU-15") => claims.swap_remove(*first).record,
            // Nobody vouches any more: what is told is what ended, then who stopped it.
            [] => {
                let ended = |claim: &Claim| matches!(claim.record, Record::County(_));
                let at = claims.iter().position(ended);
                let at = at.or_else(|| claims.iter().position(stopped)).unwrap_or(0);
                claims.swap_remove(at).record
            }
            [one, other, ..] => {
                let other = claims[*other].superior.clone();
                let one = claims[*one].superior.clone();
                self.refused(&one, entity, Refusal::TwoSuperiors { other })
            }
        }
    }
}

/// Province or county, by what the superior states; with the rules that the superior's own place puts on it.
fn role_of(statement: &Checked, authority: &Authority, is_anchor: bool) -> Result<Role, Refusal> {
    let node = node(statement);
    match (statement.claims.comity_region_prefix, node) {
        (Some(_), Some(_)) => Err(Refusal::Role),
        (Some(_), None) if is_anchor => Ok(Role::Province),
        (Some(_), None) if mutant!("TRU-4") => Ok(Role::Province),
        (Some(_), None) => Err(Refusal::Depth),
        (None, Some(node)) => match authority.prefix {
            Some(prefix) if !node.region.is_within(prefix) && !mutant!("TRU-10") => {
                Err(Refusal::RegionOutsidePrefix {
                    region: node.region,
                    prefix,
                })
            }
            _ => Ok(Role::County),
        },
        // Of somebody who has left, nothing more needs to be said.
        (None, None) if statement.claims.comity_state == Some(MemberState::Removed) => Ok(Role::County),
        (None, None) => Err(Refusal::Role),
    }
}

fn province_keys(
    anchor: &Authority,
    above: &Checked,
    own: &Checked,
    prefix: RegionPrefix,
) -> Result<KeySet, Refusal> {
    if own.claims.comity_state.is_some() {
        return Err(Refusal::OwnStanding);
    }
    if own
        .claims
        .comity_region_prefix
        .is_some_and(|claimed| claimed != prefix)
    {
        return Err(Refusal::Disagreement {
            what: "comity_region_prefix",
        });
    }
    if !own.acknowledges(&anchor.entity) {
        return Err(Refusal::AuthorityHints);
    }
    county::common_federation_keys(above, own)
}

const fn more_restrictive(one: MemberState, other: MemberState) -> MemberState {
    match (one, other) {
        (MemberState::Removed, _) | (_, MemberState::Removed) => MemberState::Removed,
        (MemberState::Suspended, _) | (_, MemberState::Suspended) => MemberState::Suspended,
        (MemberState::Active, MemberState::Active) => MemberState::Active,
    }
}
