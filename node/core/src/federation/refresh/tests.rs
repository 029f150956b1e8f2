//! The walk from the anchor: what it stores, what it refuses, and that nothing which fails takes away what was there.

use comity_spec::entity::{EntityStatement, MemberState, WELL_KNOWN};
use comity_spec::ids::EntityId;
use comity_spec::jose::Typ;
use comity_spec::time::UnixSeconds;
use comity_verifier::testing;
use comity_verifier::trust::{Refusal, Standing, Subject};
use serde_json::{Value, json};

use super::*;
use crate::federation::authority;
use crate::testing::{TestNode, World, signer};

const NOW: i64 = 1_790_000_000;
const DAY: i64 = 86_400;

fn now() -> UnixSeconds {
    UnixSeconds::new(NOW).unwrap()
}

fn entity(text: &str) -> EntityId {
    text.parse().unwrap()
}

fn changshan() -> EntityId {
    entity("https://c330822.example")
}

fn own(of: &EntityId) -> Subject {
    Subject::Statement {
        iss: of.clone(),
        sub: of.clone(),
    }
}

fn is_active(test: &TestNode, county: &EntityId) -> bool {
    test.node
        .view()
        .trust
        .standing(county, test.node.now())
        .active()
        .is_some()
}

async fn again(test: &TestNode) -> RefreshReport {
    refresh(&test.node, &Scope::Everybody).await.unwrap()
}

/// Serves another configuration for a county: that of now with these claims changed.
async fn tamper(world: &World, county: &EntityId, change: impl FnOnce(&mut Value)) {
    let county = world
        .federation
        .counties
        .iter()
        .find(|c| c.entity == *county)
        .unwrap();
    let jws = world.configuration(county).await;
    let claims: EntityStatement = stored::claims(&jws).unwrap();
    let mut claims = serde_json::to_value(claims).unwrap();
    change(&mut claims);
    let key = county.key(comity_spec::jose::KeyPurpose::Federation);
    world.peers.serve(
        county.entity.join(WELL_KNOWN),
        testing::sign(&key, Typ::EntityStatement, &claims),
    );
}

// TRU-24
#[tokio::test]
async fn an_empty_node_learns_the_whole_federation_from_the_anchor_file_alone() {
    let world = World::new(now()).await;
    let test = world.node("361123");
    assert!(matches!(
        test.node.view().trust.standing(&changshan(), now()),
        Standing::Expired { .. } | Standing::Incomplete { .. }
    ));
    let report = again(&test).await;
    assert!(is_active(&test, &changshan()), "{report:#?}");
    assert!(
        report
            .objects
            .iter()
            .all(|one| one.result == ObjectResult::Taken(Taken::Stored)),
        "{report:#?}"
    );
    assert_eq!(
        report.findings.len(),
        1,
        "only our own configuration is missing: {:?}",
        report.findings
    );
    let stranger = entity("https://stranger.example");
    assert!(matches!(
        test.node.view().trust.standing(&stranger, now()),
        Standing::NotAMember { .. }
    ));
}

#[tokio::test]
async fn the_second_refresh_changes_nothing_and_no_address_is_asked_twice() {
    let world = World::new(now()).await;
    let test = world.ready("361123").await;
    world.peers.forget();
    let before = test.store.commits().len();
    let report = again(&test).await;
    assert!(
        report
            .objects
            .iter()
            .all(|one| one.result == ObjectResult::Taken(Taken::Unchanged)),
        "{report:#?}"
    );
    assert_eq!(test.store.commits().len(), before);
    let mut asked = world.peers.asked();
    assert_eq!(asked.len(), report.fetches);
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), report.fetches, "no address twice");
}

// TRU-25
#[tokio::test]
async fn one_county_costs_at_most_eight_fetches_and_does_not_ask_other_provinces() {
    let mut world = World::new(now()).await;
    let test = world.ready("361123").await;
    world.clock.advance(60);
    world.renew().await;
    world.peers.forget();
    let report = refresh(&test.node, &Scope::One(changshan())).await.unwrap();
    assert!(report.fetches <= MAX_FETCHES_FOR_ONE, "{}", report.fetches);
    assert_eq!(
        report.of(&own(&changshan())),
        Some(&ObjectResult::Taken(Taken::Stored))
    );
    assert!(
        world.peers.asked().iter().all(|url| !url.contains("jiangxi")),
        "{:?}",
        world.peers.asked()
    );
}

#[tokio::test]
async fn the_budget_ends_the_walk_and_says_so() {
    let world = World::new(now()).await;
    let test = world.node("361123");
    let report = refresh_within(&test.node, &Scope::Everybody, 3).await.unwrap();
    assert_eq!(report.fetches, 3);
    assert_eq!(world.peers.asked().len(), 3);
    assert!(
        report
            .objects
            .iter()
            .any(|one| one.result == ObjectResult::OverBudget)
    );
    assert!(!is_active(&test, &changshan()));
}

// TRU-25
#[tokio::test]
async fn an_authority_whose_addresses_lead_back_to_the_anchor_is_asked_once() {
    let mut world = World::new(now()).await;
    let test = world.ready("361123").await;
    world.clock.advance(60);
    world.renew().await;
    let zhejiang = world.provinces[1].entity.clone();
    let claims: EntityStatement = stored::claims(&world.provinces[1].configuration).unwrap();
    let mut claims = serde_json::to_value(claims).unwrap();
    let anchor = world.anchor.entity.join(WELL_KNOWN);
    claims["metadata"]["federation_entity"]["comity_member_list_endpoint"] = json!(anchor);
    claims["metadata"]["federation_entity"]["comity_bundle_endpoint"] = json!(anchor);
    let looping = testing::sign(&world.federation.provinces[1].key, Typ::EntityStatement, &claims);
    world.peers.serve(zhejiang.join(WELL_KNOWN), looping);
    world.peers.forget();
    let report = again(&test).await;
    assert_eq!(
        report.of(&Subject::MemberList { iss: zhejiang }),
        Some(&ObjectResult::AskedAlready)
    );
    assert_eq!(
        world.peers.asked().iter().filter(|url| **url == anchor).count(),
        1
    );
    assert!(is_active(&test, &changshan()), "the last good stands");
}

// TRU-23
#[tokio::test]
async fn nobody_reachable_keeps_the_view() {
    let world = World::new(now()).await;
    let test = world.ready("361123").await;
    world.peers.cut();
    world.clock.advance(DAY);
    let report = again(&test).await;
    assert!(
        report
            .objects
            .iter()
            .all(|one| matches!(one.result, ObjectResult::Unreachable(_))),
        "{report:#?}"
    );
    assert!(is_active(&test, &changshan()));
    world.clock.advance(10 * DAY);
    again(&test).await;
    let view = test.node.view();
    assert!(matches!(
        view.trust.standing(&changshan(), test.node.now()),
        Standing::Expired { .. }
    ));
}

#[tokio::test]
async fn a_redirect_is_an_error_of_that_object_alone() {
    let mut world = World::new(now()).await;
    let test = world.ready("361123").await;
    world.clock.advance(60);
    world.renew().await;
    let error = FetchError::Redirect {
        host: "c330822.example".into(),
    };
    world.peers.fail(changshan().join(WELL_KNOWN), error.clone());
    let report = again(&test).await;
    assert_eq!(
        report.of(&own(&changshan())),
        Some(&ObjectResult::Unreachable(error))
    );
    assert!(is_active(&test, &changshan()));
}

// TRU-20
#[tokio::test]
async fn an_older_configuration_is_refused_though_well_signed() {
    let mut world = World::new(now()).await;
    let county = world.federation.county("330822").clone();
    let old = world.configuration(&county).await;
    world.clock.advance(3600);
    world.renew().await;
    let test = world.ready("361123").await;
    let before = test.node.store.statements().await.unwrap().len();
    world.peers.serve(county.entity.join(WELL_KNOWN), old);
    let report = again(&test).await;
    assert_eq!(
        report.of(&own(&county.entity)),
        Some(&ObjectResult::Taken(Taken::Refused(Refusal::RolledBack {
            iat: NOW,
            floor: NOW + 3600
        })))
    );
    assert_eq!(test.node.store.statements().await.unwrap().len(), before);
    assert!(is_active(&test, &county.entity));
    assert_eq!(report.alarms().count(), 0);
}

// TRU-21
#[tokio::test]
async fn two_configurations_of_one_second_raise_the_alarm_and_the_first_stands() {
    let world = World::new(now()).await;
    let test = world.ready("361123").await;
    tamper(&world, &changshan(), |claims| {
        claims["metadata"]["comity_node"]["name"]["zh"] = json!("另一个名字")
    })
    .await;
    let report = again(&test).await;
    assert_eq!(
        report.of(&own(&changshan())),
        Some(&ObjectResult::Taken(Taken::Refused(Refusal::Fork { iat: NOW })))
    );
    assert_eq!(report.alarms().count(), 1);
    assert!(is_active(&test, &changshan()));
}

#[tokio::test]
async fn an_older_member_list_and_a_forked_one_are_refused() {
    let mut world = World::new(now()).await;
    let zhejiang = world.provinces[1].clone();
    let list = zhejiang.entity.join(authority::MEMBER_LIST_PATH);
    world.clock.advance(60);
    world.renew().await;
    let test = world.ready("361123").await;
    let subject = Subject::MemberList {
        iss: zhejiang.entity.clone(),
    };
    world.peers.serve(&list, zhejiang.member_list.clone());
    let report = again(&test).await;
    assert!(matches!(
        report.of(&subject),
        Some(ObjectResult::Taken(Taken::Refused(Refusal::RolledBack { .. })))
    ));
    let claims: MemberList = stored::claims(&world.provinces[1].member_list).unwrap();
    let mut claims = serde_json::to_value(claims).unwrap();
    claims["members"] = json!([]);
    world.peers.serve(
        &list,
        testing::sign(&world.federation.provinces[1].key, Typ::MemberList, &claims),
    );
    let report = again(&test).await;
    assert!(matches!(
        report.of(&subject),
        Some(ObjectResult::Taken(Taken::Refused(Refusal::Fork { .. })))
    ));
    assert_eq!(report.alarms().count(), 1);
    assert!(is_active(&test, &changshan()));
}

#[tokio::test]
async fn an_expired_object_does_not_replace_the_last_good() {
    let world = World::new(now()).await;
    let test = world.ready("361123").await;
    world.clock.advance(60);
    tamper(&world, &changshan(), |claims| claims["exp"] = json!(NOW + 61)).await;
    world.clock.advance(10);
    let report = again(&test).await;
    assert!(matches!(
        report.of(&own(&changshan())),
        Some(ObjectResult::Taken(Taken::Refused(Refusal::Expired { .. })))
    ));
    assert!(is_active(&test, &changshan()));
}

#[tokio::test]
async fn a_county_that_claims_another_region_is_not_believed() {
    let world = World::new(now()).await;
    let test = world.ready("361123").await;
    world.clock.advance(60);
    tamper(&world, &changshan(), |claims| {
        claims["metadata"]["comity_node"]["region"] = json!("330881")
    })
    .await;
    again(&test).await;
    let view = test.node.view();
    assert_eq!(
        view.trust.standing(&changshan(), test.node.now()).rule(),
        "trust.double-assertion"
    );
}

#[tokio::test]
async fn a_province_that_speaks_of_a_region_outside_its_prefix_is_refused_and_the_true_superior_still_asked()
{
    let mut world = World::new(now()).await;
    let test = world.ready("361123").await;
    world.clock.advance(60);
    // Jiangxi lists Changshan too, with a statement in its own name.
    let county = world.federation.county("330822").clone();
    let jiangxi = world.provinces[0].entity.clone();
    let statement = {
        let mut draft = world
            .federation
            .drafts()
            .remove(&(county.superior.clone(), county.entity.clone()))
            .unwrap();
        draft.claims["iss"] = json!(jiangxi);
        draft.claims["iat"] = json!(NOW + 60);
        testing::sign(
            &world.federation.provinces[0].key,
            Typ::EntityStatement,
            &draft.claims,
        )
    };
    world.renew().await;
    let claims: MemberList = stored::claims(&world.provinces[0].member_list).unwrap();
    let mut claims = serde_json::to_value(claims).unwrap();
    let line = json!({ "entity": county.entity, "region": county.region, "name": { "zh": "示例", "en": "Example" }, "state": "active" });
    claims["members"].as_array_mut().unwrap().push(line);
    let key = &world.federation.provinces[0].key;
    world.peers.serve(
        jiangxi.join(authority::MEMBER_LIST_PATH),
        testing::sign(key, Typ::MemberList, &claims),
    );
    let url = fetch_url(&jiangxi.join(authority::FETCH_PATH), &county.entity);
    world.peers.serve(url, statement);
    let report = again(&test).await;
    let false_claim = Subject::Statement {
        iss: jiangxi,
        sub: county.entity.clone(),
    };
    assert!(matches!(
        report.of(&false_claim),
        Some(ObjectResult::Taken(Taken::Refused(
            Refusal::RegionOutsidePrefix { .. }
        )))
    ));
    let true_claim = Subject::Statement {
        iss: county.superior.clone(),
        sub: county.entity.clone(),
    };
    assert_eq!(report.of(&true_claim), Some(&ObjectResult::Taken(Taken::Stored)));
    assert!(is_active(&test, &county.entity));
    // Asked about alone, the county's own superior is asked, whoever else lists it and comes first.
    world.clock.advance(60);
    world.renew().await;
    let one = Scope::One(county.entity.clone());
    let report = refresh(&test.node, &one).await.unwrap();
    assert_eq!(report.of(&true_claim), Some(&ObjectResult::Taken(Taken::Stored)));
}

// TRU-26
#[tokio::test]
async fn a_fetch_endpoint_that_answers_about_somebody_else_is_not_taken_at_its_word() {
    let mut world = World::new(now()).await;
    let another = {
        world.federation.add_county("361124", "铅山县(示例)", 0);
        world.federation.county("361124").clone()
    };
    world.enrol(&another).await;
    world.serve();
    let jiangxi = world.provinces[0].clone();
    let url = fetch_url(&jiangxi.entity.join(authority::FETCH_PATH), &another.entity);
    let yushan = entity("https://c361123.example");
    world
        .peers
        .serve(url, authority::fetch(&jiangxi, &yushan).unwrap());
    let test = world.node("330822");
    let report = again(&test).await;
    let asked = Subject::Statement {
        iss: jiangxi.entity,
        sub: another.entity,
    };
    assert_eq!(report.of(&asked), Some(&ObjectResult::Taken(Taken::OtherObject)));
}

#[tokio::test]
async fn a_suspended_county_is_suspended_after_the_next_refresh_and_active_again_when_reinstated() {
    let mut world = World::new(now()).await;
    let test = world.ready("361123").await;
    let key = signer(&world.federation.provinces[1].key);
    for (standing, expected) in [
        (authority::Standing::Suspend, MemberState::Suspended),
        (authority::Standing::Reinstate, MemberState::Active),
        (authority::Standing::Remove, MemberState::Removed),
    ] {
        world.clock.advance(60);
        let now = test.node.now();
        world.provinces[1] = authority::set_standing(&world.provinces[1], &key, &changshan(), standing, now)
            .await
            .unwrap();
        world.serve();
        again(&test).await;
        let view = test.node.view();
        let found = match view.trust.standing(&changshan(), now) {
            Standing::Active(_) => MemberState::Active,
            Standing::Suspended { .. } => MemberState::Suspended,
            Standing::Removed { .. } => MemberState::Removed,
            other => panic!("{other:?}"),
        };
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn two_counties_of_one_region_are_both_refused() {
    let mut world = World::new(now()).await;
    world.federation.add_county("330881", "示例县", 1);
    let other = world.federation.county("330881").clone();
    world.enrol(&other).await;
    world.serve();
    let test = world.ready("361123").await;
    assert!(is_active(&test, &changshan()) && is_active(&test, &other.entity));
    // The province's key is used to give the other county Changshan's region, with its consent.
    world.clock.advance(60);
    world.renew().await;
    tamper(&world, &other.entity, |claims| {
        claims["metadata"]["comity_node"]["region"] = json!("330822")
    })
    .await;
    let members = &mut world.provinces[1].members;
    let at = members.iter().position(|m| m.entity == other.entity).unwrap();
    if let authority::Kind::County(node) = &mut members[at].kind {
        node.region = "330822".parse().unwrap();
    }
    world.clock.advance(1);
    let key = signer(&world.federation.provinces[1].key);
    world.provinces[1] = authority::publish(&world.provinces[1], &key, test.node.now())
        .await
        .unwrap();
    world.serve();
    again(&test).await;
    let view = test.node.view();
    for county in [&changshan(), &other.entity] {
        assert_eq!(
            view.trust.standing(county, test.node.now()).rule(),
            "trust.duplicate-region"
        );
    }
}

#[tokio::test]
async fn a_store_that_fails_keeps_the_view_and_is_an_error() {
    let mut world = World::new(now()).await;
    let test = world.ready("361123").await;
    world.clock.advance(60);
    world.renew().await;
    test.store.fail("disk full");
    assert!(refresh(&test.node, &Scope::Everybody).await.is_err());
    assert!(is_active(&test, &changshan()));
    test.store.recover();
    again(&test).await;
    assert!(is_active(&test, &changshan()));
}

#[tokio::test]
async fn after_a_rotation_the_old_configuration_still_vouches_for_the_new_key() {
    let world = World::new(now()).await;
    let test = world.ready("361123").await;
    let county = world.federation.county("330822").clone();
    let old = county.key(comity_spec::jose::KeyPurpose::Federation);
    let new = testing::key("changshan's next federation key");
    let both = json!({ "keys": [testing::jwk(&old), testing::jwk(&new)] });
    // Prepared: signed by the old key, listing both; stated by the province too.
    let mut world = world;
    let members = &mut world.provinces[1].members;
    let at = members.iter().position(|m| m.entity == county.entity).unwrap();
    members[at].keys = serde_json::from_value(both.clone()).unwrap();
    world.clock.advance(60);
    world.renew().await;
    tamper(&world, &county.entity, |claims| claims["jwks"] = both.clone()).await;
    again(&test).await;
    // Activated: signed by the new key.
    world.clock.advance(60);
    let claims: EntityStatement = stored::claims(&world.configuration(&county).await).unwrap();
    let mut claims = serde_json::to_value(claims).unwrap();
    claims["jwks"] = both;
    world.peers.serve(
        county.entity.join(WELL_KNOWN),
        testing::sign(&new, Typ::EntityStatement, &claims),
    );
    let report = again(&test).await;
    assert_eq!(
        report.of(&own(&county.entity)),
        Some(&ObjectResult::Taken(Taken::Stored))
    );
    let view = test.node.view();
    let found = view.trust.county(&county.entity).unwrap();
    assert_eq!(found.signed_by, testing::thumbprint(&new));
    assert!(
        found
            .counting_keys(&[testing::thumbprint(&old)])
            .contains(&testing::thumbprint(&new))
    );
    // And once more from the store, as after a start.
    crate::federation::load_view::load_view(&test.node).await.unwrap();
    let view = test.node.view();
    let found = view.trust.county(&county.entity).unwrap();
    assert!(
        found
            .counting_keys(&[testing::thumbprint(&old)])
            .contains(&testing::thumbprint(&new))
    );
}
