//! From the anchor downwards: every authority, every county, and what had to be refused on the way.
//!
//! The walk is bounded by its shape: the anchor, the subjects of the anchor, the subjects of those that are provinces; nothing
//! is ever followed upwards or in a circle. Expired objects take part and are marked with their end, so that the answer to
//! "why not" is an end and a date, not silence. At every place the newest statement counts, and a fork counts for nobody.

use comity_spec::mutant;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use comity_spec::entity::MemberState;
use comity_spec::ids::EntityId;
use comity_spec::time::UnixSeconds;

use super::county::{self, Vouch};
use super::members::{self, Members};
use super::statement::{Candidate, Checked, Role, check_lifetime};
use super::{
    Anchor, Authority, Finding, Floors, Link, MAX_STATEMENTS, MemberFacts, Record, Refusal, Subject, Trust,
    TrustObjects, Validity,
};
use crate::jwk::KeySet;

mod conflicts;
mod subjects;

/// Configurations of one county that are kept as evidence of rotation.
const MAX_VOUCHES: usize = 16;

pub(super) fn build(
    anchor: &Anchor,
    objects: &TrustObjects<'_>,
    floors: &Floors,
    now: UnixSeconds,
) -> (Trust, Vec<Finding>) {
    let mut builder = Builder {
        trust: Trust {
            anchor: anchor.entity.clone(),
            anchor_keys: anchor.keys.clone(),
            environment: anchor.environment,
            doubt: false,
            floor: floors.newest_iat,
            max_iat: None,
            records: HashMap::new(),
            regions: HashMap::new(),
            pins: HashMap::new(),
            authorities: Vec::new(),
            stated: HashMap::new(),
            held: HashMap::new(),
        },
        statements: BTreeMap::new(),
        lists: BTreeMap::new(),
        visited: BTreeSet::new(),
        visited_lists: BTreeSet::new(),
        floors,
        now,
        findings: Vec::new(),
    };
    builder.sort(objects);
    if builder.anchor() {
        builder.subjects();
    }
    if mutant!("TRU-23") && !builder.findings.is_empty() {
        builder.trust.records.clear();
    }
    builder.conflicts();
    builder.unreached();
    (builder.trust, builder.findings)
}

struct Builder<'a> {
    trust: Trust,
    statements: BTreeMap<(EntityId, EntityId), Vec<Candidate>>,
    lists: BTreeMap<EntityId, Vec<members::Candidate>>,
    /// Pairs whose signer was reached.
    visited: BTreeSet<(EntityId, EntityId)>,
    visited_lists: BTreeSet<EntityId>,
    floors: &'a Floors,
    now: UnixSeconds,
    findings: Vec<Finding>,
}

/// What became of the statements of one issuer on one subject.
enum Newest {
    Found(Box<Checked>),
    /// Only statements from the future.
    Doubt,
    /// Well signed, but against a rule.
    Refused(&'static str),
    /// None, or none that verifies.
    Nothing,
}

impl Newest {
    /// What to record of an entity for which the statement was not found.
    fn missing(self, link: Link) -> Result<Checked, Box<Record>> {
        Err(Box::new(match self {
            Self::Found(checked) => return Ok(*checked),
            Self::Doubt => Record::ClockDoubt,
            Self::Refused(rule) => Record::Refused(rule),
            Self::Nothing => Record::Incomplete(link),
        }))
    }
}

impl Builder<'_> {
    fn refuse(&mut self, subject: Subject, refusal: Refusal) {
        self.findings.push(Finding { subject, refusal });
    }

    fn refuse_statement(&mut self, iss: &EntityId, sub: &EntityId, refusal: Refusal) {
        self.refuse(
            Subject::Statement {
                iss: iss.clone(),
                sub: sub.clone(),
            },
            refusal,
        );
    }

    /// Reads every object far enough to know whose it says it is.
    fn sort(&mut self, objects: &TrustObjects<'_>) {
        for (at, token) in objects.statements.iter().enumerate() {
            if at >= MAX_STATEMENTS {
                self.refuse(
                    Subject::UnreadableStatement(at),
                    Refusal::TooMany {
                        limit: MAX_STATEMENTS,
                    },
                );
                break;
            }
            match Candidate::parse(token) {
                Ok(one) => {
                    self.statements
                        .entry((one.iss.clone(), one.sub.clone()))
                        .or_default()
                        .push(one);
                }
                Err(refusal) => self.refuse(Subject::UnreadableStatement(at), refusal),
            }
        }
        for (at, token) in objects.member_lists.iter().enumerate() {
            if at >= MAX_STATEMENTS {
                self.refuse(
                    Subject::UnreadableMemberList(at),
                    Refusal::TooMany {
                        limit: MAX_STATEMENTS,
                    },
                );
                break;
            }
            match members::Candidate::parse(token) {
                Ok(one) => self.lists.entry(one.iss.clone()).or_default().push(one),
                Err(refusal) => self.refuse(Subject::UnreadableMemberList(at), refusal),
            }
        }
    }

    /// The anchor's own configuration. Its keys are those given by hand that it still lists itself.
    fn anchor(&mut self) -> bool {
        let entity = self.trust.anchor.clone();
        let given = self.trust.anchor_keys.clone();
        // Learnt from the object that it should judge.
        #[cfg(feature = "mutants")]
        let given = match self.statements.get(&(entity.clone(), entity.clone())) {
            Some(own) if mutant!("TRU-27") => own.iter().find_map(Candidate::listed).unwrap_or(given),
            _ => given,
        };
        let link = Link::AnchorConfiguration;
        let own = match self.newest(&entity, &entity, &given, link, |_| Ok(Role::Anchor)) {
            Newest::Found(own) => own,
            Newest::Doubt => {
                self.trust.doubt = true;
                return false;
            }
            Newest::Refused(_) => return false,
            Newest::Nothing => {
                self.refuse(Subject::Entity(entity), Refusal::Incomplete { link });
                return false;
            }
        };
        let keys = match anchor_keys(&given, &own) {
            Ok(keys) => keys,
            Err(refusal) => {
                self.refuse_statement(&entity, &entity, refusal);
                return false;
            }
        };
        let members = self.members_of(&entity, &keys, true);
        self.trust.authorities.push(Authority {
            entity,
            prefix: None,
            keys,
            valid_until: Validity {
                until: own.claims.exp,
                link,
            },
            state: MemberState::Active,
            members,
        });
        true
    }

    fn members_of(&mut self, entity: &EntityId, keys: &KeySet, is_anchor: bool) -> Option<Members> {
        self.visited_lists.insert(entity.clone());
        let candidates = self.lists.get(entity)?;
        let floor = self.floors.member_lists.get(entity).copied();
        let mut refusals = Vec::new();
        let list = members::newest(candidates, keys, is_anchor, floor, self.now, |refusal| {
            refusals.push(refusal)
        });
        if let Some(list) = &list {
            self.trust.max_iat = self.trust.max_iat.max(Some(list.iat));
            if self.now >= list.exp {
                refusals.push(Refusal::ListExpired { exp: list.exp });
            }
        }
        for refusal in refusals {
            self.refuse(Subject::MemberList { iss: entity.clone() }, refusal);
        }
        list
    }

    /// The newest statement of `iss` on `sub` that `keys` verify and that keeps the rules.
    fn newest(
        &mut self,
        iss: &EntityId,
        sub: &EntityId,
        keys: &KeySet,
        link: Link,
        role: impl Fn(&Checked) -> Result<Role, Refusal>,
    ) -> Newest {
        let pair = (iss.clone(), sub.clone());
        self.visited.insert(pair.clone());
        let mut best: Option<Checked> = None;
        // Two words of one second are a fork, even where one of them is refused for something else.
        let (mut said, mut forked) = (BTreeMap::new(), BTreeSet::new());
        let mut refusals = Vec::new();
        for candidate in self.statements.get(&pair).into_iter().flatten() {
            let signed = match candidate.signed(keys) {
                Ok(signed) => signed,
                Err(refusal) => {
                    refusals.push(refusal);
                    continue;
                }
            };
            let held = signed.held();
            if said
                .insert(held.iat, held.payload)
                .is_some_and(|other| other != held.payload && !mutant!("TRU-21"))
            {
                forked.insert(held.iat);
            }
            let checked = signed.check(self.now).and_then(|checked| {
                let max = role(&checked)?.lifetime() * if mutant!("TRU-6") { 2 } else { 1 };
                check_lifetime(checked.claims.iat, checked.claims.exp, max).map(|()| checked)
            });
            match (checked, &best) {
                (Err(refusal), _) => refusals.push(refusal),
                (Ok(one), Some(kept)) if one.held.iat <= kept.held.iat => {}
                (Ok(one), _) => best = Some(one),
            }
        }
        let newest = self.settle(&pair, best, &forked, &mut refusals);
        if let Newest::Found(checked) = &newest
            && self.now >= checked.claims.exp
        {
            refusals.push(Refusal::Expired {
                link,
                exp: checked.claims.exp,
            });
        }
        for refusal in refusals {
            self.refuse_statement(iss, sub, refusal);
        }
        newest
    }

    fn settle(
        &mut self,
        pair: &(EntityId, EntityId),
        best: Option<Checked>,
        forked: &BTreeSet<UnixSeconds>,
        refusals: &mut Vec<Refusal>,
    ) -> Newest {
        let Some(best) = best else {
            if refusals.iter().any(|r| matches!(r, Refusal::ClockDoubt { .. })) {
                return Newest::Doubt;
            }
            return refusals
                .iter()
                .find(|r| r.is_signers())
                .map_or(Newest::Nothing, |r| Newest::Refused(r.rule()));
        };
        let iat = best.held.iat;
        let floor = self
            .floors
            .statements
            .get(pair)
            .copied()
            .filter(|floor| iat < *floor && !mutant!("TRU-20"));
        let against = if forked.contains(&iat) {
            Some(Refusal::Fork { iat: iat.get() })
        } else {
            floor.map(|floor| Refusal::RolledBack {
                iat: iat.get(),
                floor: floor.get(),
            })
        };
        if let Some(refusal) = against {
            let rule = refusal.rule();
            refusals.push(refusal);
            return Newest::Refused(rule);
        }
        self.trust.max_iat = self.trust.max_iat.max(Some(iat));
        self.trust.held.insert(pair.clone(), best.held);
        Newest::Found(Box::new(best))
    }

    /// Evidence of rotation from every configuration of an entity at hand.
    fn vouches(&self, entity: &EntityId) -> Vec<Vouch> {
        let own = self.statements.get(&(entity.clone(), entity.clone()));
        own.into_iter()
            .flatten()
            .rev()
            .take(MAX_VOUCHES)
            .filter_map(Candidate::vouch)
            .collect()
    }

    /// Names what no chain led to.
    fn unreached(&mut self) {
        let statements: Vec<_> = self
            .statements
            .keys()
            .filter(|pair| !self.visited.contains(*pair))
            .cloned()
            .collect();
        for (iss, sub) in statements {
            self.refuse(Subject::Statement { iss, sub }, Refusal::NoPath);
        }
        let lists: Vec<_> = self
            .lists
            .keys()
            .filter(|iss| !self.visited_lists.contains(*iss))
            .cloned()
            .collect();
        for iss in lists {
            self.refuse(Subject::MemberList { iss }, Refusal::NoPath);
        }
    }
}

/// The keys given by hand that the anchor's configuration still lists.
fn anchor_keys(given: &KeySet, own: &Checked) -> Result<KeySet, Refusal> {
    if own.claims.comity_state.is_some() || own.claims.comity_region_prefix.is_some() {
        return Err(Refusal::OwnStanding);
    }
    if own
        .claims
        .authority_hints
        .as_ref()
        .is_some_and(|hints| !hints.is_empty())
    {
        return Err(Refusal::AuthorityHints);
    }
    let listed = county::stated_keys(&own.claims.jwks.keys)?;
    let keys = county::common(given, &listed)?;
    if county::holds(&keys, &own.signer) {
        Ok(keys)
    } else {
        Err(Refusal::SignerDropped)
    }
}

fn stopped(
    state: MemberState,
    by: &EntityId,
    as_of: UnixSeconds,
    validity: Validity,
    facts: MemberFacts,
) -> Record {
    Record::Stopped {
        state,
        by: by.clone(),
        as_of,
        validity,
        facts,
    }
}
