//! What can be verified at this county's windows today: services, institutions and issuing counties of the agreements in force.
//!
//! Read from the node's present view for every request, so that an agreement adopted a second ago is there. It offers choices;
//! whether one is covered is decided by `decide` alone.

use std::collections::BTreeMap;

use comity_node_core::{Node, View};
use comity_spec::agreement::{AgreementRef, Provider};
use comity_spec::catalogue;
use comity_spec::ids::{EntityId, ProviderId, Region, ServiceCode};
use comity_spec::text::Bilingual;
use comity_spec::time::LocalDate;
use comity_verifier::trust::Standing;
use serde::Serialize;

/// A service that some agreement in force covers here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct CoveredService {
    pub(super) code: ServiceCode,
    pub(super) name: Bilingual,
    /// Each county whose permits count for it.
    pub(super) issuers: Vec<CoveredIssuer>,
}

/// A county whose permits count for a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct CoveredIssuer {
    pub(super) region: Region,
    pub(super) name: Bilingual,
    pub(super) agreement: AgreementRef,
    /// The department that answers for the service here.
    pub(super) owner: Bilingual,
    /// The institutions that take part; absent: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) providers: Option<Vec<NamedProvider>>,
}

/// An institution.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct NamedProvider {
    pub(super) id: ProviderId,
    pub(super) name: Bilingual,
}

/// A county with which an agreement is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Issuer {
    pub(super) entity: EntityId,
    pub(super) region: Region,
    pub(super) name: Bilingual,
    /// Whether its permits can be verified now, or why not: a rule name for operators.
    pub(super) standing: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) contact: Option<Bilingual>,
    pub(super) agreements: Vec<AgreementRef>,
}

/// Every covered service, in the order of the catalogue, local items last.
pub(super) fn services(node: &Node) -> Vec<CoveredService> {
    let view = node.view();
    let own = node.identity.region;
    let mut found: BTreeMap<(usize, ServiceCode), CoveredService> = BTreeMap::new();
    for_each_issuer(node, &view, |_, name, region, agreement, reference| {
        for row in agreement
            .services
            .iter()
            .filter(|row| agreement.holds(row, region, own))
        {
            let place = catalogue::services()
                .iter()
                .position(|s| s.code == row.code.as_str())
                .unwrap_or(usize::MAX);
            let service = found
                .entry((place, row.code.clone()))
                .or_insert_with(|| CoveredService {
                    code: row.code.clone(),
                    name: name_of(&row.code),
                    issuers: Vec::new(),
                });
            let providers = row.providers.as_ref().map(|named| {
                named
                    .iter()
                    .filter(|p| p.region == own)
                    .map(NamedProvider::of)
                    .collect()
            });
            service.issuers.push(CoveredIssuer {
                region,
                name: name.clone(),
                agreement: reference.clone(),
                owner: row.owner.clone(),
                providers,
            });
        }
    });
    found.into_values().collect()
}

/// Every county with which an agreement is in force, by region.
pub(super) fn issuers(node: &Node) -> Vec<Issuer> {
    let view = node.view();
    let now = node.now();
    let mut found: BTreeMap<Region, Issuer> = BTreeMap::new();
    for_each_issuer(node, &view, |entity, name, region, _, reference| {
        let issuer = found.entry(region).or_insert_with(|| {
            let standing = view.trust.standing(entity, now);
            Issuer {
                entity: entity.clone(),
                region,
                name: name.clone(),
                standing: if let Standing::Active(_) = standing {
                    "active"
                } else {
                    standing.rule()
                },
                contact: view
                    .trust
                    .county(entity)
                    .and_then(|county| county.contact.clone()),
                agreements: Vec::new(),
            }
        });
        issuer.agreements.push(reference.clone());
    });
    found.into_values().collect()
}

/// The name of a service: the catalogue's, or the code of a local item.
pub(super) fn name_of(code: &ServiceCode) -> Bilingual {
    catalogue::lookup(code).map_or_else(
        || Bilingual {
            zh: code.to_string(),
            en: code.to_string(),
        },
        |service| service.name.into(),
    )
}

/// The name of a county, as its superior or an agreement states it; its code where nobody does.
pub(super) fn county_name(node: &Node, region: Region) -> Bilingual {
    let view = node.view();
    view.county_of(region).map_or_else(
        || Bilingual {
            zh: region.to_string(),
            en: region.to_string(),
        },
        |(_, name)| name.clone(),
    )
}

/// The name of an institution in the agreements.
pub(super) fn provider_name(node: &Node, id: &ProviderId) -> Option<Bilingual> {
    let view = node.view();
    let rows = view
        .agreements
        .all()
        .iter()
        .rev()
        .flat_map(|one| &one.agreement().services);
    rows.filter_map(|row| row.providers.as_ref())
        .flatten()
        .find(|p| p.id == *id)
        .map(|p| p.name.clone())
}

fn for_each_issuer(
    node: &Node,
    view: &View,
    mut found: impl FnMut(&EntityId, &Bilingual, Region, &comity_spec::agreement::Agreement, AgreementRef),
) {
    let today = LocalDate::of(node.now());
    let own = &node.identity.entity;
    for one in view.agreements.all() {
        let agreement = one.agreement();
        if agreement.environment != node.identity.environment {
            continue;
        }
        for party in agreement.parties.iter().filter(|party| party.entity != *own) {
            let mut ruling = view.agreements.in_force(&party.entity, own, today);
            if ruling.any(|other| other.digest() == one.digest()) {
                found(
                    &party.entity,
                    &party.name,
                    party.region,
                    agreement,
                    one.reference(),
                );
            }
        }
    }
}

impl NamedProvider {
    fn of(provider: &Provider) -> Self {
        Self {
            id: provider.id.clone(),
            name: provider.name.clone(),
        }
    }
}
