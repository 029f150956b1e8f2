//! Asking the federation who its members are, from the configured anchor downwards.
//!
//! Anchor configuration, its member list, the provinces' statements, their configurations and lists, the counties' statements and
//! configurations: each level is fetched by addresses that the level above has signed (a configuration by the entity id alone),
//! accepted by the verifier, and stored before the next one begins. Nothing is fetched twice, nothing upwards, and never more
//! than the budget; redirects are the adapter's error. Whatever fails, the last good stands. Chapter 3.5.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use comity_spec::bundle::Bundle;
use comity_spec::entity::{EntityStatement, FederationEntity, Member, MemberList, MemberState, WELL_KNOWN};
use comity_spec::ids::EntityId;
use comity_spec::mutant;
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::json::{self, Numbers};
use comity_verifier::trust::{Finding, Subject, Trust};

use super::intake::{self, Offer, Taken};
use super::load_view::reload_trust;
use super::stored::{self, Stored};
use crate::node::{Node, View};
use crate::ports::peers::{FetchError, MAX_OBJECT};
use crate::ports::store::StoreError;

mod fetching;
#[cfg(test)]
mod tests;

use fetching::{Fetching, Got};

/// Fetches that resolving one county may cost (TRU-25).
pub const MAX_FETCHES_FOR_ONE: usize = 8;
/// Fetches of a daily refresh: every county of the country with two each, and the authorities.
pub const MAX_FETCHES: usize = 6_500;
/// Largest bundle of an authority that is fetched, in bytes: 2,846 statements of 4 KiB fit.
const MAX_BUNDLE: usize = 16 * 1024 * 1024;

/// What is refreshed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every county, this one and the parties of its agreements first, within [`MAX_FETCHES`].
    Everybody,
    /// This county, within [`MAX_FETCHES_FOR_ONE`]: when it signs with an unknown key, or its chain has ended.
    One(EntityId),
}

/// What a refresh did.
#[derive(Debug, Default)]
pub struct RefreshReport {
    /// Every object that was asked for.
    pub objects: Vec<ObjectReport>,
    /// What of the whole picture does not hold, old and new.
    pub findings: Vec<Finding>,
    /// Fetches made.
    pub fetches: usize,
    /// Counties left out, because the budget ended.
    pub left_out: usize,
}

/// What became of one object.
#[derive(Debug)]
pub struct ObjectReport {
    /// Which.
    pub subject: Subject,
    /// Where it was asked for.
    pub url: String,
    /// What became of it.
    pub result: ObjectResult,
}

/// What became of an object that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectResult {
    /// It came, and this became of it.
    Taken(Taken),
    /// It did not come; the last good stands.
    Unreachable(FetchError),
    /// The authority's bundle came without it, or the authority names no address for it.
    NotPublished,
    /// Its address was asked in this refresh already, for another object.
    AskedAlready,
    /// The budget had ended.
    OverBudget,
}

impl ObjectReport {
    /// Whether it was asked for and did not come as it should: what is kept stands, and the picture may be an old one.
    #[must_use]
    pub const fn is_missed(&self) -> bool {
        !matches!(
            self.result,
            ObjectResult::Taken(Taken::Stored | Taken::Unchanged | Taken::NewerKept)
        )
    }
}

impl RefreshReport {
    /// Objects that were asked for and did not come as they should.
    pub fn missed(&self) -> impl Iterator<Item = &ObjectReport> {
        self.objects.iter().filter(|one| one.is_missed())
    }

    /// What happened to a statement or list.
    #[must_use]
    pub fn of(&self, subject: &Subject) -> Option<&ObjectResult> {
        self.objects
            .iter()
            .find(|one| one.subject == *subject)
            .map(|one| &one.result)
    }

    /// Objects that forked: to be shown to a person at once.
    pub fn alarms(&self) -> impl Iterator<Item = &ObjectReport> {
        self.objects.iter().filter(|one| {
            matches!(
                &one.result,
                ObjectResult::Taken(Taken::Refused(comity_verifier::trust::Refusal::Fork { .. }))
            )
        })
    }
}

/// Refreshes what others state, stores it, and swaps the trust part of the view.
///
/// # Errors
/// [`StoreError`] when the store does not take what was verified; the view still stands.
pub async fn refresh(node: &Node, scope: &Scope) -> Result<RefreshReport, StoreError> {
    let budget = match scope {
        Scope::Everybody => MAX_FETCHES,
        Scope::One(_) => MAX_FETCHES_FOR_ONE,
    };
    refresh_within(node, scope, budget).await
}

async fn refresh_within(node: &Node, scope: &Scope, budget: usize) -> Result<RefreshReport, StoreError> {
    let stored = Stored::read(node.store.as_ref()).await?;
    let (trust, _) = stored.trust(&node.anchor, node.now()).await;
    let fetching = Fetching::new(node.peers.as_ref(), budget);
    let mut walk = Walk {
        node,
        scope,
        fetching,
        stored,
        trust,
        report: RefreshReport::default(),
    };
    walk.run().await?;
    let mut report = walk.report;
    report.fetches = walk.fetching.made();
    let turn = node.rebuilding.lock().await;
    report.findings = reload_trust(node).await?;
    let failed = |one: &ObjectReport| matches!(one.result, ObjectResult::Unreachable(_));
    if mutant!("TRU-23/fetched") && report.objects.iter().any(failed) {
        let trust = Arc::new(Stored::default().trust(&node.anchor, node.now()).await.0);
        let view = View::clone(&node.view());
        node.view.store(Arc::new(View { trust, ..view }));
    }
    drop(turn);
    for one in report.alarms() {
        tracing::error!(object = %one.subject, "two different objects of one time: raise the alarm");
    }
    Ok(report)
}

struct Walk<'a> {
    node: &'a Node,
    scope: &'a Scope,
    fetching: Fetching<'a>,
    stored: Stored,
    trust: Trust,
    report: RefreshReport,
}

impl Walk<'_> {
    async fn run(&mut self) -> Result<(), StoreError> {
        let anchor = self.node.anchor.entity.clone();
        self.level(vec![configuration(&anchor)]).await?;
        self.lists(std::slice::from_ref(&anchor)).await?;
        let direct = self.counties(std::slice::from_ref(&anchor));
        let provinces = self.provinces(&anchor);
        let below: Vec<EntityId> = provinces
            .iter()
            .chain(direct.iter().map(|line| &line.county))
            .cloned()
            .collect();
        self.statements(&anchor, &below).await?;
        self.level(provinces.iter().map(configuration).collect()).await?;
        self.lists(&provinces).await?;
        let mut lines = self.counties(&provinces);
        let can = self.fetching.left().saturating_sub(direct.len()) / 2;
        self.report.left_out = lines.len().saturating_sub(can);
        lines.truncate(can);
        for province in &provinces {
            let below = lines.iter().filter(|line| line.authority == *province);
            let below: Vec<EntityId> = below.map(|line| line.county.clone()).collect();
            self.statements(province, &below).await?;
        }
        let me = &self.node.identity.entity;
        let active = lines
            .iter()
            .chain(&direct)
            .filter(|line| line.county != *me && self.is_active(line));
        let mut seen = BTreeSet::new();
        let counties = active
            .map(|line| &line.county)
            .filter(|county| seen.insert(*county))
            .map(configuration);
        let counties = counties.collect();
        self.level(counties).await
    }

    /// Fetches, accepts and stores objects of one level, then builds the picture by which the next one is judged.
    async fn level(&mut self, asked: Vec<Ask>) -> Result<(), StoreError> {
        let urls: Vec<String> = asked.iter().map(|ask| ask.url.clone()).collect();
        let answers = self.fetching.all(&urls, MAX_OBJECT).await;
        let mut offers = Vec::new();
        for (ask, got) in asked.into_iter().zip(answers) {
            match got {
                Got::Body(bytes) => {
                    let jws = String::from_utf8_lossy(&bytes).trim_end().to_owned();
                    let offer = if matches!(ask.subject, Subject::MemberList { .. }) {
                        Offer::MemberList(jws)
                    } else {
                        Offer::Statement(jws)
                    };
                    offers.push((ask, offer));
                }
                Got::Nothing(result) => self.note(ask, result),
            }
        }
        self.take(offers).await
    }

    async fn take(&mut self, offers: Vec<(Ask, Offer)>) -> Result<(), StoreError> {
        let (asked, offers): (Vec<Ask>, Vec<_>) = offers
            .into_iter()
            .map(|(ask, offer)| (ask.clone(), (Some(ask.subject), offer)))
            .unzip();
        let taken = intake::take(self.node, &mut self.stored, &self.trust, offers).await?;
        if taken.contains(&Taken::Stored) {
            (self.trust, _) = self.stored.trust(&self.node.anchor, self.node.now()).await;
        }
        for (ask, taken) in asked.into_iter().zip(taken) {
            self.note(ask, ObjectResult::Taken(taken));
        }
        Ok(())
    }

    fn note(&mut self, ask: Ask, result: ObjectResult) {
        self.report.objects.push(ObjectReport {
            subject: ask.subject,
            url: ask.url,
            result,
        });
    }

    async fn lists(&mut self, authorities: &[EntityId]) -> Result<(), StoreError> {
        let mut asked = Vec::new();
        for iss in authorities {
            let subject = Subject::MemberList { iss: iss.clone() };
            match self.endpoints(iss).and_then(|e| e.comity_member_list_endpoint) {
                Some(url) => asked.push(Ask { subject, url }),
                None => self.note(
                    Ask {
                        subject,
                        url: String::new(),
                    },
                    ObjectResult::NotPublished,
                ),
            }
        }
        self.level(asked).await
    }

    /// The authority's statements on these subjects: one by one, or out of the bundle of a static host.
    async fn statements(&mut self, iss: &EntityId, subjects: &[EntityId]) -> Result<(), StoreError> {
        let endpoints = self.endpoints(iss).unwrap_or_default();
        let subject = |sub: &EntityId| Subject::Statement {
            iss: iss.clone(),
            sub: sub.clone(),
        };
        if subjects.is_empty() {
            return Ok(());
        }
        if let Some(fetch) = endpoints.federation_fetch_endpoint {
            let asked = subjects.iter().map(|sub| Ask {
                subject: subject(sub),
                url: fetch_url(&fetch, sub),
            });
            return self.level(asked.collect()).await;
        }
        let Some(url) = endpoints.comity_bundle_endpoint else {
            for sub in subjects {
                self.note(
                    Ask {
                        subject: subject(sub),
                        url: String::new(),
                    },
                    ObjectResult::NotPublished,
                );
            }
            return Ok(());
        };
        let got = self
            .fetching
            .all(std::slice::from_ref(&url), MAX_BUNDLE)
            .await
            .pop();
        let bundle = match got {
            Some(Got::Body(bytes)) => {
                json::read::<Bundle>(&bytes, Numbers::Integers, &mut Budget::new(Limits::BUNDLE)).ok()
            }
            Some(Got::Nothing(result)) => {
                for sub in subjects {
                    self.note(
                        Ask {
                            subject: subject(sub),
                            url: url.clone(),
                        },
                        result.clone(),
                    );
                }
                return Ok(());
            }
            None => None,
        };
        let mut published: BTreeMap<EntityId, String> = BTreeMap::new();
        for jws in bundle.into_iter().flat_map(|bundle| bundle.statements) {
            if let Some(claims) = stored::claims::<EntityStatement>(&jws)
                && claims.iss == *iss
            {
                published.insert(claims.sub, jws);
            }
        }
        let mut offers = Vec::new();
        for sub in subjects {
            let ask = Ask {
                subject: subject(sub),
                url: url.clone(),
            };
            match published.remove(sub) {
                Some(jws) => offers.push((ask, Offer::Statement(jws))),
                None => self.note(ask, ObjectResult::NotPublished),
            }
        }
        self.take(offers).await
    }

    /// Addresses that an authority signed, from the configuration that was accepted and has not ended.
    fn endpoints(&self, authority: &EntityId) -> Option<FederationEntity> {
        if mutant!("TRU-24") {
            return Some(FederationEntity {
                federation_fetch_endpoint: Some(authority.join("/fetch")),
                comity_member_list_endpoint: Some(authority.join("/member-list")),
                ..FederationEntity::default()
            });
        }
        let row = self
            .stored
            .statements
            .get(&(authority.clone(), authority.clone()))?;
        if self.node.now() >= row.exp {
            return None;
        }
        stored::claims::<EntityStatement>(&row.jws)?
            .metadata?
            .federation_entity
    }

    fn members(&self, authority: &EntityId) -> Vec<Member> {
        let row = self.stored.lists.get(authority);
        row.and_then(|row| stored::claims::<MemberList>(&row.jws))
            .map(|list| list.members)
            .unwrap_or_default()
    }

    fn lists_it(&self, authority: &EntityId, county: &EntityId) -> bool {
        self.members(authority)
            .iter()
            .any(|member| member.entity == *county)
    }

    /// Whether the authority's statement says so: of who is stopped, nothing more is asked.
    fn is_active(&self, line: &Line) -> bool {
        let row = self
            .stored
            .statements
            .get(&(line.authority.clone(), line.county.clone()));
        let claims = row.and_then(|row| stored::claims::<EntityStatement>(&row.jws));
        claims.is_some_and(|claims| claims.comity_state == Some(MemberState::Active))
    }

    /// The provinces to ask. For one county only the one that lists it, when a list that is kept does: of several its present superior.
    fn provinces(&self, anchor: &EntityId) -> Vec<EntityId> {
        let members = self.members(anchor).into_iter();
        let provinces: Vec<EntityId> = members
            .filter(|member| member.region_prefix.is_some() && member.state != MemberState::Removed)
            .map(|member| member.entity)
            .collect();
        if let Scope::One(county) = self.scope {
            if self.lists_it(anchor, county) {
                return Vec::new();
            }
            let mut listing = provinces
                .iter()
                .filter(|province| self.lists_it(province, county));
            // Whoever else lists it and comes first must not keep its own superior from being asked.
            let present = self.trust.county(county).map(|county| &county.superior);
            let own = listing.clone().find(|province| Some(*province) == present);
            if let Some(only) = own.or_else(|| listing.next()) {
                return vec![only.clone()];
            }
        }
        provinces
    }

    /// Counties that these authorities list, the important ones first. A county that two of them list is asked about at both:
    /// a false line must not hide the true superior.
    fn counties(&self, authorities: &[EntityId]) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        for authority in authorities {
            let counties = self
                .members(authority)
                .into_iter()
                .filter(|member| member.region.is_some());
            lines.extend(counties.map(|member| Line {
                authority: authority.clone(),
                county: member.entity,
            }));
        }
        if let Scope::One(county) = self.scope {
            lines.retain(|line| line.county == *county);
            return lines;
        }
        let first = self.important();
        lines.sort_by_cached_key(|line| (!first.contains(&line.county), line.county.clone()));
        lines
    }

    /// Ourselves and the parties of our agreements.
    fn important(&self) -> BTreeSet<EntityId> {
        let view = self.node.view();
        let parties = view
            .agreements
            .all()
            .iter()
            .flat_map(|one| &one.agreement().parties);
        parties
            .map(|party| party.entity.clone())
            .chain([self.node.identity.entity.clone()])
            .collect()
    }
}

/// A county as one authority lists it.
#[derive(Clone, Debug)]
struct Line {
    authority: EntityId,
    county: EntityId,
}

/// One object to ask for.
#[derive(Clone, Debug)]
struct Ask {
    subject: Subject,
    url: String,
}

fn configuration(entity: &EntityId) -> Ask {
    Ask {
        subject: Subject::Statement {
            iss: entity.clone(),
            sub: entity.clone(),
        },
        url: entity.join(WELL_KNOWN),
    }
}

/// The fetch endpoint with its one parameter (OpenID Federation 1.0 §8.1.1).
fn fetch_url(endpoint: &str, sub: &EntityId) -> String {
    let mut url = String::with_capacity(endpoint.len() + 8 + sub.as_str().len());
    url.push_str(endpoint);
    url.push(if endpoint.contains('?') { '&' } else { '?' });
    url.push_str("sub=");
    for byte in sub.as_str().bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url
}
