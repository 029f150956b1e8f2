//! Whom an authority enrols and whom it refuses, what it signs, and that its signatures never fork.

use comity_spec::entity::{EntityStatement, Environment, MemberList, MemberState, WELL_KNOWN};
use comity_spec::ids::EntityId;
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::text::Bilingual;
use comity_spec::time::UnixSeconds;
use comity_verifier::testing::{self, TestCounty};
use serde_json::{Value, json};

use super::*;
use crate::federation::stored::claims;
use crate::testing::{World, signer};

const NOW: i64 = 1_790_000_000;

fn at(seconds: i64) -> UnixSeconds {
    UnixSeconds::new(NOW + seconds).unwrap()
}

/// Zhejiang, with Changshan enrolled, and the configuration of another county that applies.
struct Desk {
    world: World,
    applicant: TestCounty,
    configuration: Value,
}

async fn desk() -> Desk {
    let mut world = World::new(at(0)).await;
    world.federation.add_county("330881", "示例县", 1);
    let applicant = world.federation.county("330881").clone();
    let jws = world.configuration(&applicant).await;
    let statement: EntityStatement = claims(&jws).unwrap();
    Desk {
        world,
        applicant,
        configuration: serde_json::to_value(statement).unwrap(),
    }
}

impl Desk {
    fn zhejiang(&self) -> &AuthorityState {
        &self.world.provinces[1]
    }

    /// Applies with the configuration as it now is, signed by the county.
    async fn apply(&self) -> Result<Enrolled, EnrolError> {
        let key = self.applicant.key(KeyPurpose::Federation);
        self.apply_with(
            &testing::sign(&key, Typ::EntityStatement, &self.configuration),
            false,
        )
        .await
    }

    async fn apply_with(&self, configuration: &str, replace_keys: bool) -> Result<Enrolled, EnrolError> {
        let key = signer(&self.world.federation.provinces[1].key);
        let application = Application {
            configuration,
            place: Place::County,
            replace_keys,
        };
        enrol(self.zhejiang(), &key, application, at(1)).await
    }

    fn node(&mut self) -> &mut Value {
        &mut self.configuration["metadata"]["comity_node"]
    }
}

#[tokio::test]
async fn an_applicant_in_order_is_enrolled_and_listed_with_what_it_stated_itself() {
    let desk = desk().await;
    let enrolled = desk.apply().await.unwrap();
    assert_eq!(
        (&enrolled.entity, enrolled.renewed),
        (&desk.applicant.entity, false)
    );
    assert_eq!(
        enrolled.signer,
        testing::thumbprint(&desk.applicant.key(KeyPurpose::Federation))
    );
    let state = enrolled.state;
    let statement: EntityStatement = claims(fetch(&state, &desk.applicant.entity).unwrap()).unwrap();
    assert_eq!(statement.comity_state, Some(MemberState::Active));
    assert_eq!(
        serde_json::to_value(statement.metadata).unwrap(),
        desk.configuration["metadata"]
    );
    assert_eq!(statement.exp.since(statement.iat), 10 * 86_400);
    let list: MemberList = claims(&state.member_list).unwrap();
    assert_eq!((list.seq, list.members.len()), (desk.zhejiang().seq + 1, 2));
    assert!(state.active().any(|entity| *entity == desk.applicant.entity));
    let again = serde_json::to_string(&state).unwrap();
    assert_eq!(
        serde_json::from_str::<AuthorityState>(&again).unwrap(),
        state,
        "the state is a file"
    );
    assert!(!again.contains("\"d\""));
}

#[tokio::test]
async fn a_region_outside_the_prefix_or_of_another_member_is_refused() {
    let mut desk = desk().await;
    desk.node()["region"] = json!("361124");
    assert!(matches!(
        desk.apply().await,
        Err(EnrolError::RegionOutsidePrefix { .. })
    ));
    desk.node()["region"] = json!("330822");
    let refused = desk.apply().await;
    let changshan = &desk.world.federation.county("330822").entity;
    assert!(matches!(refused, Err(EnrolError::RegionTaken { ref by, .. }) if by == changshan));
}

#[tokio::test]
async fn a_tls_key_or_federation_key_of_another_is_refused() {
    let mut desk = desk().await;
    let taken = desk.world.federation.county("330822").pin;
    desk.node()["tls_pins"] = json!([taken]);
    assert!(matches!(desk.apply().await, Err(EnrolError::PinTaken { .. })));
    let mut desk = self::desk().await;
    let theirs = testing::jwk(&desk.world.federation.county("330822").key(KeyPurpose::Federation));
    desk.configuration["jwks"]["keys"]
        .as_array_mut()
        .unwrap()
        .push(json!(theirs));
    assert!(matches!(desk.apply().await, Err(EnrolError::KeyTaken { .. })));
    let mut desk = self::desk().await;
    let ours = testing::jwk(&desk.world.federation.provinces[1].key);
    desk.configuration["jwks"]["keys"]
        .as_array_mut()
        .unwrap()
        .push(json!(ours));
    assert!(
        matches!(desk.apply().await, Err(EnrolError::KeyTaken { ref by }) if *by == desk.zhejiang().entity)
    );
}

#[tokio::test]
async fn each_rule_of_a_configuration_refuses_with_its_own_reason() {
    type Change = fn(&mut Desk);
    type Reason = fn(&EnrolError) -> bool;
    let cases: [(Change, Reason); 15] = [
        (
            |d| d.node()["environment"] = json!("PRODUCTION"),
            |e| {
                matches!(
                    e,
                    EnrolError::Environment {
                        found: Environment::Production,
                        ..
                    }
                )
            },
        ),
        (
            |d| d.node()["tls_pins"] = json!([]),
            |e| matches!(e, EnrolError::NoPins),
        ),
        (
            |d| d.node()["endpoints"]["public"] = json!("https://other.example"),
            |e| matches!(e, EnrolError::PublicEndpoint),
        ),
        (
            |d| d.node()["endpoints"]["federation"] = d.node()["endpoints"]["public"].clone(),
            |e| matches!(e, EnrolError::OneListener),
        ),
        (
            |d| drop(d.node()["keys"].as_object_mut().unwrap().remove("status")),
            |e| matches!(e, EnrolError::MissingKey("status")),
        ),
        (
            |d| d.node()["keys"]["status"] = d.node()["keys"]["exchange"].clone(),
            |e| matches!(e, EnrolError::KeyTwoPurposes),
        ),
        (
            |d| d.node()["keys"]["receipt"] = d.configuration["jwks"].clone(),
            |e| matches!(e, EnrolError::KeyTwoPurposes),
        ),
        (
            |d| d.configuration["authority_hints"] = json!(["https://jiangxi.example"]),
            |e| matches!(e, EnrolError::AuthorityHints(_)),
        ),
        (
            |d| d.configuration["sub"] = json!("https://other.example"),
            |e| matches!(e, EnrolError::NotAConfiguration),
        ),
        (
            |d| d.configuration["iat"] = json!(NOW + 3600),
            |e| matches!(e, EnrolError::Future { .. }),
        ),
        (
            |d| d.configuration["exp"] = json!(NOW + 1),
            |e| matches!(e, EnrolError::Ended { .. }),
        ),
        (
            |d| d.configuration["exp"] = json!(NOW + 11 * 86_400),
            |e| matches!(e, EnrolError::Lifetime { .. }),
        ),
        (
            |d| {
                // Not ended yet, and never begun.
                d.configuration["iat"] = json!(NOW + 30);
                d.configuration["exp"] = json!(NOW + 30);
            },
            |e| matches!(e, EnrolError::Lifetime { seconds: 0, .. }),
        ),
        (
            |d| d.configuration["comity_state"] = json!("active"),
            |e| matches!(e, EnrolError::OwnStanding),
        ),
        (
            |d| d.configuration["metadata"] = json!({}),
            |e| matches!(e, EnrolError::NotACounty),
        ),
    ];
    for (at, (change, reason)) in cases.into_iter().enumerate() {
        let mut desk = desk().await;
        change(&mut desk);
        match desk.apply().await {
            Err(error) => {
                assert!(reason(&error), "case {at}: {error}");
                let text = error.to_string();
                assert!(
                    !text.is_ascii() && text.contains("/ "),
                    "case {at} is in both languages: {text}"
                );
            }
            Ok(_) => panic!("case {at} was enrolled"),
        }
    }
}

#[tokio::test]
async fn a_configuration_that_its_own_key_did_not_sign_is_refused() {
    let desk = desk().await;
    let forged = testing::sign(
        &testing::key("a stranger"),
        Typ::EntityStatement,
        &desk.configuration,
    );
    assert!(matches!(
        desk.apply_with(&forged, false).await,
        Err(EnrolError::Jws(_))
    ));
    let as_list = testing::sign(
        &desk.applicant.key(KeyPurpose::Federation),
        Typ::MemberList,
        &desk.configuration,
    );
    assert!(matches!(
        desk.apply_with(&as_list, false).await,
        Err(EnrolError::Jws(_))
    ));
}

#[tokio::test]
async fn new_keys_of_a_member_are_taken_over_from_a_known_key_or_after_a_persons_word() {
    let mut desk = desk().await;
    desk.world.provinces[1] = desk.apply().await.unwrap().state;
    let old = desk.applicant.key(KeyPurpose::Federation);
    let new = testing::key("the applicant's next key");
    desk.configuration["iat"] = json!(NOW + 1);
    desk.configuration["jwks"] = json!({ "keys": [testing::jwk(&old), testing::jwk(&new)] });
    let renewed = desk.apply().await.unwrap();
    assert!(renewed.renewed);
    assert_eq!(
        renewed
            .state
            .member(&desk.applicant.entity)
            .unwrap()
            .keys
            .keys
            .len(),
        2
    );
    // Stolen: signed by a key that was never stated.
    desk.configuration["jwks"] = json!({ "keys": [testing::jwk(&new)] });
    let jws = testing::sign(&new, Typ::EntityStatement, &desk.configuration);
    assert!(matches!(
        desk.apply_with(&jws, false).await,
        Err(EnrolError::StrangeKey(_))
    ));
    assert!(desk.apply_with(&jws, true).await.unwrap().renewed);
    // A member does not move to another region by itself.
    desk.node()["region"] = json!("330802");
    let jws = testing::sign(&new, Typ::EntityStatement, &desk.configuration);
    assert!(matches!(
        desk.apply_with(&jws, true).await,
        Err(EnrolError::OtherPlace(_))
    ));
}

// TRU-20, TRU-21
#[tokio::test]
async fn an_older_application_and_another_one_of_the_same_second_are_refused() {
    let mut desk = desk().await;
    desk.configuration["iat"] = json!(NOW - 10);
    desk.configuration["exp"] = json!(NOW + 86_400);
    let dropped = testing::key("a key that the county dropped after a theft");
    let own = desk.configuration["jwks"]["keys"][0].clone();
    let earlier = {
        let mut earlier = desk.configuration.clone();
        earlier["iat"] = json!(NOW - 20);
        earlier["jwks"] = json!({ "keys": [own, testing::jwk(&dropped)] });
        testing::sign(
            &desk.applicant.key(KeyPurpose::Federation),
            Typ::EntityStatement,
            &earlier,
        )
    };
    desk.world.provinces[1] = desk.apply_with(&earlier, false).await.unwrap().state;
    desk.world.provinces[1] = desk.apply().await.unwrap().state;
    for replace_keys in [false, true] {
        assert!(matches!(
            desk.apply_with(&earlier, replace_keys).await,
            Err(EnrolError::Older { kept, found }) if (kept, found) == (at(-10), at(-20))
        ));
    }
    assert!(
        desk.apply().await.unwrap().renewed,
        "the same one again changes nothing"
    );
    desk.node()["contact"] = json!({ "zh": "示例", "en": "another of the same second" });
    assert!(matches!(desk.apply().await, Err(EnrolError::Fork { .. })));
    desk.configuration["iat"] = json!(NOW - 9);
    assert!(desk.apply().await.unwrap().renewed);
    // A state file of before this was kept still reads.
    let mut file = serde_json::to_value(desk.zhejiang()).unwrap();
    for member in file["members"].as_array_mut().unwrap() {
        member.as_object_mut().unwrap().remove("applied").unwrap();
    }
    let read: AuthorityState = serde_json::from_str(&file.to_string()).unwrap();
    assert!(read.members.iter().all(|member| member.applied.is_none()));
}

// TRU-12
#[tokio::test]
async fn a_member_does_not_come_back_when_another_has_its_key_by_now() {
    let mut desk = desk().await;
    let key = signer(&desk.world.federation.provinces[1].key);
    let changshan = desk.world.federation.county("330822").clone();
    let theirs = testing::jwk(&changshan.key(KeyPurpose::Federation));
    let removed = set_standing(desk.zhejiang(), &key, &changshan.entity, Standing::Remove, at(1))
        .await
        .unwrap();
    desk.world.provinces[1] = removed;
    desk.configuration["jwks"]["keys"]
        .as_array_mut()
        .unwrap()
        .push(json!(theirs));
    let taken = desk.apply().await.unwrap().state;
    assert!(matches!(
        set_standing(&taken, &key, &changshan.entity, Standing::Reinstate, at(3)).await,
        Err(StandingError::PlaceTaken { ref by, .. }) if *by == desk.applicant.entity
    ));
}

// TRU-19
#[tokio::test]
async fn standing_is_stated_and_listed_and_a_place_is_given_once() {
    let mut desk = desk().await;
    let key = signer(&desk.world.federation.provinces[1].key);
    let changshan = desk.world.federation.county("330822").entity.clone();
    let state = |s: &AuthorityState, e: &EntityId| {
        let statement: EntityStatement = claims(fetch(s, e).unwrap()).unwrap();
        let list: MemberList = claims(&s.member_list).unwrap();
        let line = list.members.into_iter().find(|m| m.entity == *e).unwrap();
        assert_eq!(statement.comity_state, Some(line.state));
        line.state
    };
    let suspended = set_standing(desk.zhejiang(), &key, &changshan, Standing::Suspend, at(1))
        .await
        .unwrap();
    assert_eq!(state(&suspended, &changshan), MemberState::Suspended);
    assert!(matches!(
        set_standing(&suspended, &key, &changshan, Standing::Suspend, at(2)).await,
        Err(StandingError::Unchanged { .. })
    ));
    let removed = set_standing(&suspended, &key, &changshan, Standing::Remove, at(2))
        .await
        .unwrap();
    assert_eq!(state(&removed, &changshan), MemberState::Removed);
    assert!(matches!(
        set_standing(&removed, &key, &changshan, Standing::Suspend, at(3)).await,
        Err(StandingError::Removed(_))
    ));
    let stranger = "https://stranger.example".parse().unwrap();
    assert!(matches!(
        set_standing(&removed, &key, &stranger, Standing::Remove, at(3)).await,
        Err(StandingError::NotAMember(_))
    ));
    // While it was away, another county took its region.
    desk.world.provinces[1] = removed;
    desk.node()["region"] = json!("330822");
    let taken = desk.apply().await.unwrap().state;
    assert!(matches!(
        set_standing(&taken, &key, &changshan, Standing::Reinstate, at(3)).await,
        Err(StandingError::PlaceTaken { .. })
    ));
    // After 400 days it is forgotten; a day before it is not.
    let day = 86_400;
    let kept = publish(&taken, &key, at(399 * day)).await.unwrap();
    assert!(kept.member(&changshan).is_some());
    let forgotten = publish(&kept, &key, at(400 * day + 2)).await.unwrap();
    assert!(forgotten.member(&changshan).is_none());
}

#[tokio::test]
async fn publications_of_one_second_rise_and_a_clock_that_fell_behind_is_named() {
    let desk = desk().await;
    let key = signer(&desk.world.federation.provinces[1].key);
    let mut state = desk.zhejiang().clone();
    let first = state.issued_at;
    for n in 1..=5 {
        state = publish(&state, &key, first).await.unwrap();
        assert_eq!(state.issued_at.since(first), n);
    }
    let behind = first.plus_saturating(-3600);
    assert!(matches!(
        publish(&state, &key, behind).await,
        Err(PublishError::ClockBehind { .. })
    ));
    let other = signer(&testing::key("another authority"));
    assert!(matches!(
        publish(&state, &other, at(60)).await,
        Err(PublishError::StrangeKey(_))
    ));
}

#[tokio::test]
async fn only_the_anchor_has_provinces_and_their_prefixes_do_not_overlap() {
    let world = World::new(at(0)).await;
    let anchor_key = signer(&world.federation.anchor.key);
    let name = Bilingual {
        zh: "示例省".into(),
        en: "Example".into(),
    };
    let new = NewAuthority {
        entity: "https://another.example".parse().unwrap(),
        environment: Environment::Sandbox,
        name: name.clone(),
        rank: Rank::Province {
            superior: world.anchor.entity.clone(),
            prefix: "3308".parse().unwrap(),
        },
        hosting: Hosting::Static,
    };
    let state = init(new, &signer(&testing::key("another")), at(0)).await.unwrap();
    let application = |prefix: &str| Application {
        configuration: &state.configuration,
        place: Place::Province {
            prefix: prefix.parse().unwrap(),
            name: name.clone(),
        },
        replace_keys: false,
    };
    let refused = enrol(&world.anchor, &anchor_key, application("3308"), at(1)).await;
    assert!(matches!(refused, Err(EnrolError::PrefixTaken { .. })));
    let enrolled = enrol(&world.anchor, &anchor_key, application("35"), at(1))
        .await
        .unwrap();
    let statement: EntityStatement = claims(fetch(&enrolled.state, &state.entity).unwrap()).unwrap();
    assert_eq!(
        statement.crit.as_deref(),
        Some(&["comity_region_prefix".to_owned()][..])
    );
    assert_eq!(statement.exp.since(statement.iat), 35 * 86_400);
    let zhejiang_key = signer(&world.federation.provinces[1].key);
    let refused = enrol(&world.provinces[1], &zhejiang_key, application("35"), at(1)).await;
    assert!(matches!(refused, Err(EnrolError::AuthorityHints(_))));
    // A county's configuration is no province's, and the reverse.
    let county = world.configuration(world.federation.county("330822")).await;
    let as_province = Application {
        configuration: &county,
        ..application("34")
    };
    assert!(
        enrol(&world.anchor, &anchor_key, as_province, at(1))
            .await
            .is_err()
    );
    let as_county = Application {
        place: Place::County,
        ..application("35")
    };
    assert!(matches!(
        enrol(&world.anchor, &anchor_key, as_county, at(1)).await,
        Err(EnrolError::Lifetime { .. } | EnrolError::NotACounty)
    ));
}

#[tokio::test]
async fn files_stand_where_the_statements_say_and_a_static_host_names_no_fetch_endpoint() {
    let world = World::new(at(0)).await;
    for (state, fetches) in [(&world.provinces[0], true), (&world.provinces[1], false)] {
        let published = published(state, at(0));
        assert!(!published.ended && published.good_until == state.issued_at.plus_saturating(10 * 86_400));
        let own: EntityStatement = claims(&state.configuration).unwrap();
        let endpoints = own.metadata.unwrap().federation_entity.unwrap();
        assert_eq!(endpoints.federation_fetch_endpoint.is_some(), fetches);
        for url in [
            endpoints.comity_member_list_endpoint,
            endpoints.comity_bundle_endpoint,
        ] {
            let path = url
                .unwrap()
                .strip_prefix(state.entity.as_str())
                .unwrap()
                .to_owned();
            assert!(published.files.contains_key(&path), "{path}");
        }
        assert_eq!(published.files[WELL_KNOWN].bytes, state.configuration.as_bytes());
        for member in &state.members {
            assert_eq!(
                published.files[&statement_path(&member.entity)].bytes,
                member.statement.as_bytes()
            );
        }
        assert_eq!(
            published.files,
            super::published(state, at(3600)).files,
            "the same state, the same bytes"
        );
        assert!(super::published(state, at(11 * 86_400)).ended);
    }
    let stranger = "https://stranger.example".parse().unwrap();
    assert_eq!(fetch(&world.anchor, &stranger), None);
    assert_eq!(
        fetch(&world.anchor, &world.anchor.entity),
        Some(world.anchor.configuration.as_str())
    );
}

#[test]
fn no_two_members_share_a_file_name() {
    let ids = [
        "https://a.example",
        "https://a.example:8443",
        "https://[::1]",
        "https://[::1]:8443",
        "https://127.0.0.1:8443",
    ];
    let paths: std::collections::BTreeSet<String> = ids
        .iter()
        .map(|id| statement_path(&id.parse().unwrap()))
        .collect();
    assert_eq!(paths.len(), ids.len());
    assert!(
        paths.iter().all(|path| !path.contains([':', '[', ']'])),
        "{paths:?}"
    );
}

// TRU-32
#[tokio::test]
async fn a_key_is_prepared_then_signs_then_the_old_one_is_retired() {
    let world = World::new(at(0)).await;
    let old = signer(&world.federation.provinces[1].key);
    let next_key = testing::key("zhejiang's next key");
    let next = signer(&next_key);
    let state = &world.provinces[1];
    let jwk = testing::jwk(&next_key);
    assert!(
        publish(state, &next, at(1)).await.is_err(),
        "not before it is prepared"
    );
    let prepared = prepare_key(state, &old, &jwk, at(1)).await.unwrap();
    assert!(matches!(
        prepare_key(&prepared, &old, &jwk, at(2)).await,
        Err(KeyChangeError::Known)
    ));
    let old_name = testing::thumbprint(&world.federation.provinces[1].key);
    assert!(matches!(
        retire_key(&prepared, &old, &old_name, at(2)).await,
        Err(KeyChangeError::InUse)
    ));
    let retired = retire_key(&prepared, &next, &old_name, at(2)).await.unwrap();
    assert_eq!(retired.thumbprints().count(), 1);
    assert!(publish(&retired, &old, at(3)).await.is_err());
    assert!(matches!(
        retire_key(&retired, &next, &old_name, at(3)).await,
        Err(KeyChangeError::Unknown(_))
    ));
}

#[tokio::test]
async fn the_anchor_file_is_read_by_the_verifier() {
    let world = World::new(at(0)).await;
    let file = world.anchor.anchor_file().to_string();
    let anchor = comity_verifier::trust::Anchor::parse(file.as_bytes()).unwrap();
    assert_eq!(anchor, world.federation.anchor());
}
