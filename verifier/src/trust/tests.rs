//! Trust: for every rule a federation that keeps it, and the same one with exactly that defect.

use std::collections::BTreeMap;

use comity_spec::entity::Environment;
use comity_spec::ids::EntityId;
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::time::UnixSeconds;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::jwk::Found;
use crate::testing::{self, Draft, Federation, jwk, key, merge, sign, thumbprint};

const NOW: UnixSeconds = match UnixSeconds::new(1_790_000_000) {
    Ok(now) => now,
    Err(_) => UnixSeconds::MIN,
};
const DAY: i64 = 86_400;

type Drafts = BTreeMap<(EntityId, EntityId), Draft>;

fn id(text: &str) -> EntityId {
    text.parse().expect("an entity id")
}

fn yushan() -> EntityId {
    id("https://c361123.example")
}

fn changshan() -> EntityId {
    id("https://c330822.example")
}

fn jiangxi() -> EntityId {
    id("https://jiangxi.example")
}

fn anchor() -> EntityId {
    id("https://anchor.example")
}

fn at(seconds: i64) -> UnixSeconds {
    NOW.plus_saturating(seconds)
}

/// The demo federation with its drafts changed.
fn changed(change: impl FnOnce(&mut Drafts)) -> (Trust, Vec<Finding>) {
    let federation = Federation::demo(NOW);
    let mut drafts = federation.drafts();
    change(&mut drafts);
    let statements: Vec<String> = drafts.values().map(Draft::sign).collect();
    federation.build(&statements, &federation.member_lists(), NOW)
}

fn draft(drafts: &mut Drafts, iss: EntityId, sub: EntityId) -> &mut Draft {
    drafts.get_mut(&(iss, sub)).expect("a statement of the demo")
}

fn rules(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(Finding::rule).collect()
}

#[test]
fn a_federation_without_defects_has_its_counties_and_nothing_to_say() {
    let federation = Federation::demo(NOW);
    let trust = federation.trust();
    let county = trust.standing(&yushan(), NOW).active().expect("active").clone();
    assert_eq!(county.region.as_str(), "361123");
    assert_eq!(county.valid_until, at(10 * DAY));
    assert_eq!(county.environment, Environment::Sandbox);
    assert_eq!(county.superior, jiangxi());
    assert!(county.contact.is_some());
    assert_eq!(
        trust.county_by_region(county.region).map(|c| &c.entity),
        Some(&yushan())
    );
    assert!(
        trust
            .pins()
            .any(|(pin, whose)| pin == county.pins[0] && *whose == yushan())
    );
    assert_eq!((trust.counties().count(), trust.pins().count()), (2, 2));
    assert_eq!(trust.max_iat(), Some(NOW));
    assert_eq!(trust.standing(&jiangxi(), NOW), Standing::Authority);
    assert_eq!(trust.standing(&anchor(), NOW), Standing::Authority);
    for purpose in KeyPurpose::NODE
        .into_iter()
        .filter(|p| *p != KeyPurpose::Federation)
    {
        let kid = thumbprint(&federation.county("361123").key(purpose)).to_string();
        assert!(
            matches!(county.keys.find(&kid, purpose), Found::Key(_)),
            "{purpose:?}"
        );
    }
}

#[test]
fn one_defect_refuses_one_county_by_its_rule_and_leaves_the_other() {
    let own = |more: Value| move |d: &mut Drafts| merge(&mut draft(d, yushan(), yushan()).claims, more);
    let above = |more: Value| move |d: &mut Drafts| merge(&mut draft(d, jiangxi(), yushan()).claims, more);
    let node = |of: fn() -> EntityId, more: Value| {
        move |d: &mut Drafts| {
            merge(
                &mut draft(d, of(), yushan()).claims["metadata"]["comity_node"],
                more,
            )
        }
    };
    let both = |more: Value| {
        move |d: &mut Drafts| {
            for iss in [jiangxi(), yushan()] {
                merge(
                    &mut draft(d, iss, yushan()).claims["metadata"]["comity_node"],
                    more.clone(),
                );
            }
        }
    };
    let two_purposes = json!({ "keys": [jwk(&key("361123/status"))] });
    type Change = Box<dyn FnOnce(&mut Drafts)>;
    let cases: Vec<(&str, Change)> = vec![
        (
            "trust.metadata-policy",
            Box::new(above(json!({ "metadata_policy": {} }))),
        ),
        (
            "trust.metadata-policy",
            Box::new(own(json!({ "metadata_policy": {} }))),
        ),
        (
            "trust.constraints",
            Box::new(above(json!({ "constraints": { "max_path_length": 1 } }))),
        ),
        (
            "trust.crit",
            Box::new(above(json!({ "crit": ["somebody_elses_claim"] }))),
        ),
        (
            "trust.crit",
            Box::new(own(json!({ "crit": ["comity_region_prefix"] }))),
        ),
        ("trust.crit", Box::new(own(json!({ "crit": [] })))),
        (
            "trust.lifetime",
            Box::new(above(json!({ "exp": at(10 * DAY + 1) }))),
        ),
        (
            "trust.lifetime",
            Box::new(own(json!({ "exp": at(10 * DAY + 1) }))),
        ),
        ("trust.lifetime", Box::new(own(json!({ "exp": NOW })))),
        (
            "trust.state-missing",
            Box::new(above(json!({ "comity_state": null }))),
        ),
        (
            "trust.own-standing",
            Box::new(own(json!({ "comity_state": "active" }))),
        ),
        (
            "trust.own-standing",
            Box::new(own(
                json!({ "comity_region_prefix": "36", "crit": ["comity_region_prefix"] }),
            )),
        ),
        (
            "trust.prefix-not-critical",
            Box::new(own(json!({ "comity_region_prefix": "36" }))),
        ),
        (
            "trust.authority-hints",
            Box::new(own(json!({ "authority_hints": ["https://other.example"] }))),
        ),
        (
            "trust.authority-hints",
            Box::new(own(json!({ "authority_hints": null }))),
        ),
        (
            "trust.double-assertion",
            Box::new(node(yushan, json!({ "region": "361124" }))),
        ),
        (
            "trust.double-assertion",
            Box::new(node(jiangxi, json!({ "region": "361124" }))),
        ),
        (
            "trust.double-assertion",
            Box::new(node(yushan, json!({ "environment": "PRODUCTION" }))),
        ),
        (
            "trust.double-assertion",
            Box::new(node(
                yushan,
                json!({ "endpoints": { "public": yushan(), "federation": "https://x.example" } }),
            )),
        ),
        (
            "trust.environment",
            Box::new(both(json!({ "environment": "PRODUCTION" }))),
        ),
        (
            "trust.region-outside-prefix",
            Box::new(both(json!({ "region": "330824" }))),
        ),
        (
            "trust.public-endpoint",
            Box::new(both(
                json!({ "endpoints": { "public": "https://x.example", "federation": "https://x.example" } }),
            )),
        ),
        (
            "trust.key-two-purposes",
            Box::new(both(
                json!({ "keys": { "status": two_purposes, "exchange": two_purposes } }),
            )),
        ),
        (
            "trust.no-common-key",
            Box::new(own(json!({ "jwks": { "keys": [jwk(&key("new"))] } }))),
        ),
        (
            "trust.depth",
            Box::new(|d: &mut Drafts| {
                let claims = &mut draft(d, jiangxi(), yushan()).claims;
                merge(
                    claims,
                    json!({ "metadata": null, "comity_region_prefix": "3611", "crit": ["comity_region_prefix"] }),
                );
            }),
        ),
        ("trust.role", Box::new(above(json!({ "metadata": null })))),
    ];
    for (rule, change) in cases {
        let (trust, findings) = changed(change);
        assert!(rules(&findings).contains(&rule), "{rule}: {findings:?}");
        assert_eq!(
            trust.standing(&yushan(), NOW),
            Standing::Refused { rule },
            "{rule}"
        );
        assert!(
            trust
                .county_by_region("361123".parse().expect("a code"))
                .is_none()
        );
        assert!(
            trust.standing(&changshan(), NOW).active().is_some(),
            "{rule}: the other county stands"
        );
    }
}

#[test]
fn what_is_not_signed_by_the_level_above_is_nobodys_word() {
    let wrong_signers = [key("stranger"), key("361123/status"), key("zhejiang")];
    for signer in wrong_signers {
        for iss in [jiangxi(), yushan()] {
            let (trust, findings) = changed(|d| draft(d, iss.clone(), yushan()).key = signer.clone());
            assert!(rules(&findings).contains(&"jws.unknown-key"), "{findings:?}");
            assert!(matches!(
                trust.standing(&yushan(), NOW),
                Standing::Incomplete { .. }
            ));
        }
    }
    let federation = Federation::demo(NOW);
    let statements: Vec<String> = federation
        .statements()
        .iter()
        .map(|token| format!("{}A{}", &token[..token.len() - 5], &token[token.len() - 4..]))
        .collect();
    let (trust, _) = federation.build(&statements, &federation.member_lists(), NOW);
    assert_eq!(
        trust.standing(&yushan(), NOW),
        Standing::Incomplete {
            missing: Link::AnchorConfiguration
        }
    );
}

// TRU-8, TRU-28
#[test]
fn a_superior_cannot_plant_and_a_county_can_drop() {
    let planted = json!({ "keys": [jwk(&key("361123/attestation")), jwk(&key("planted"))] });
    let pin = comity_spec::ids::SpkiPin::of("planted");
    for (iss, in_both) in [(jiangxi(), false), (yushan(), false)] {
        let (trust, findings) = changed(|d| {
            let node = &mut draft(d, iss.clone(), yushan()).claims["metadata"]["comity_node"];
            node["keys"]["attestation"] = planted.clone();
            node["tls_pins"].as_array_mut().expect("pins").push(json!(pin));
        });
        assert!(findings.is_empty(), "{findings:?}");
        let county = trust.county(&yushan()).expect("still a county");
        let find = |name| {
            county
                .keys
                .find(&thumbprint(&key(name)).to_string(), KeyPurpose::Attestation)
        };
        assert_eq!(matches!(find("planted"), Found::Key(_)), in_both);
        assert!(matches!(find("361123/attestation"), Found::Key(_)));
        assert!(!county.pins.contains(&pin));
    }
    // A federation key that the county still signs with but no longer lists.
    let (trust, findings) = changed(|d| {
        let next = jwk(&key("next"));
        merge(
            &mut draft(d, jiangxi(), yushan()).claims,
            json!({ "jwks": { "keys": [jwk(&key("361123/federation")), next] } }),
        );
        merge(
            &mut draft(d, yushan(), yushan()).claims,
            json!({ "jwks": { "keys": [next] } }),
        );
    });
    assert_eq!(rules(&findings), ["trust.signer-dropped"]);
    assert!(trust.county(&yushan()).is_none());
}

#[test]
fn a_chain_holds_to_its_last_second_and_then_names_the_link_that_ended() {
    let federation = Federation::demo(NOW);
    let (trust, _) = changed(|d| {
        merge(
            &mut draft(d, anchor(), jiangxi()).claims,
            json!({ "exp": at(DAY) }),
        )
    });
    assert!(trust.standing(&yushan(), at(DAY - 1)).active().is_some());
    let ended = Standing::Expired {
        what: Link::ProvinceStatement,
        exp: at(DAY),
    };
    assert_eq!(trust.standing(&yushan(), at(DAY)), ended);
    assert!(trust.standing(&changshan(), at(DAY)).active().is_some());
    // Built when it has already ended: the same answer, and a finding.
    let mut drafts = federation.drafts();
    merge(
        &mut draft(&mut drafts, anchor(), jiangxi()).claims,
        json!({ "exp": at(DAY) }),
    );
    let statements: Vec<String> = drafts.values().map(Draft::sign).collect();
    let (trust, findings) = federation.build(&statements, &federation.member_lists(), at(DAY));
    assert_eq!(rules(&findings), ["trust.chain-expired"]);
    assert_eq!(trust.standing(&yushan(), at(DAY)), ended);
    assert!(
        trust
            .county_by_region("361123".parse().expect("a code"))
            .is_none()
    );
}

#[test]
fn the_future_is_a_doubt_and_never_a_forgery() {
    let future = |seconds: i64| {
        changed(move |d| {
            merge(
                &mut draft(d, yushan(), yushan()).claims,
                json!({ "iat": at(seconds), "exp": at(seconds + DAY) }),
            );
        })
    };
    assert!(future(SKEW).0.standing(&yushan(), NOW).active().is_some());
    let (trust, findings) = future(SKEW + 1);
    assert_eq!(rules(&findings), ["trust.clock-doubt"]);
    assert_eq!(trust.standing(&yushan(), NOW), Standing::ClockDoubt);
    assert!(
        trust.standing(&changshan(), NOW).active().is_some(),
        "one county's clock does not stop the others"
    );
    let (trust, _) = changed(|d| {
        merge(
            &mut draft(d, anchor(), anchor()).claims,
            json!({ "iat": at(61), "exp": at(DAY) }),
        );
    });
    assert!(!trust.clock_ok(NOW));
    assert_eq!(trust.standing(&changshan(), NOW), Standing::ClockDoubt);
}

// JWS-18
#[test]
fn a_clock_behind_what_was_kept_answers_nothing() {
    let federation = Federation::demo(NOW);
    let trust = federation.trust();
    assert!(trust.clock_ok(at(-CLOCK_FLOOR_SLACK)));
    assert!(!trust.clock_ok(at(-CLOCK_FLOOR_SLACK - 1)));
    assert_eq!(
        trust.standing(&yushan(), at(-CLOCK_FLOOR_SLACK - 1)),
        Standing::ClockDoubt
    );
    // The store remembers something newer than any object at hand.
    let floors = Floors {
        newest_iat: Some(at(500)),
        ..Floors::default()
    };
    let (statements, member_lists) = (federation.statements(), federation.member_lists());
    let objects = TrustObjects {
        statements: &statements,
        member_lists: &member_lists,
    };
    let (trust, _) = Trust::build(&federation.anchor(), &objects, &floors, NOW);
    assert_eq!(trust.standing(&yushan(), NOW), Standing::ClockDoubt);
    assert!(
        trust
            .standing(&yushan(), at(500 - CLOCK_FLOOR_SLACK))
            .active()
            .is_some()
    );
}

#[test]
fn the_newest_counts_older_is_rolled_back_and_a_fork_counts_for_nobody() {
    let federation = Federation::demo(NOW);
    let older = Federation::demo(at(-DAY));
    let mut drafts = older.drafts();
    // An older configuration with another contact, well signed.
    let old = draft(&mut drafts, yushan(), yushan());
    old.claims["metadata"]["comity_node"]["tls_pins"] = json!([]);
    let old = old.sign();
    let mut statements = federation.statements();
    statements.push(old.clone());
    let (trust, findings) = federation.build(&statements, &federation.member_lists(), NOW);
    assert!(findings.is_empty());
    assert_eq!(
        trust.county(&yushan()).map(|c| c.pins.len()),
        Some(1),
        "the newest counts, in whatever order"
    );
    // Kept before, and now only the older one is offered.
    let floors = trust.floors();
    let mut drafts = federation.drafts();
    drafts.remove(&(yushan(), yushan()));
    let mut statements: Vec<String> = drafts.values().map(Draft::sign).collect();
    statements.push(old);
    let member_lists = federation.member_lists();
    let objects = TrustObjects {
        statements: &statements,
        member_lists: &member_lists,
    };
    let (trust, findings) = Trust::build(&federation.anchor(), &objects, &floors, NOW);
    assert_eq!(rules(&findings), ["trust.rolled-back"]);
    assert_eq!(
        trust.standing(&yushan(), NOW),
        Standing::Refused {
            rule: "trust.rolled-back"
        }
    );
    // Same second, other contents.
    let mut other = federation.drafts();
    let other = draft(&mut other, yushan(), yushan());
    other.claims["metadata"]["comity_node"]["tls_pins"] = json!([]);
    let mut statements = federation.statements();
    statements.push(other.sign());
    let (trust, findings) = federation.build(&statements, &member_lists, NOW);
    assert_eq!(rules(&findings), ["trust.fork"]);
    assert_eq!(
        trust.standing(&yushan(), NOW),
        Standing::Refused { rule: "trust.fork" }
    );
}

#[test]
fn only_the_superior_stops_a_county_and_either_of_its_objects_does() {
    let (trust, findings) = changed(|d| {
        merge(
            &mut draft(d, jiangxi(), yushan()).claims,
            json!({ "comity_state": "suspended" }),
        )
    });
    assert!(findings.is_empty());
    let Standing::Suspended { by, facts, .. } = trust.standing(&yushan(), NOW) else {
        panic!("suspended")
    };
    assert_eq!(
        (by, facts.region.map(|r| r.to_string())),
        (&jiangxi(), Some("361123".into()))
    );
    assert!(matches!(
        trust.standing(&yushan(), at(10 * DAY)),
        Standing::Expired { .. }
    ));
    let (trust, _) = changed(|d| {
        merge(
            &mut draft(d, jiangxi(), yushan()).claims,
            json!({ "comity_state": "removed" }),
        )
    });
    assert!(matches!(trust.standing(&yushan(), NOW), Standing::Removed { .. }));
    let (trust, _) = changed(|d| {
        merge(
            &mut draft(d, anchor(), jiangxi()).claims,
            json!({ "comity_state": "suspended" }),
        )
    });
    assert!(
        matches!(trust.standing(&yushan(), NOW), Standing::Suspended { .. }),
        "with its province"
    );
    assert!(trust.standing(&changshan(), NOW).active().is_some());

    // The member list says so before a new statement does; an older one does not undo anything.
    let federation = Federation::demo(NOW);
    let listed = |iat: i64, state: Option<&str>| {
        let mut list = federation.member_list(&jiangxi(), 2);
        merge(&mut list, json!({ "iat": at(iat) }));
        match state {
            Some(state) => list["members"][0]["state"] = json!(state),
            None => list["members"] = json!([]),
        }
        let mut lists = federation.member_lists();
        lists.push(sign(&key("jiangxi"), Typ::MemberList, &list));
        federation.build(&federation.statements(), &lists, at(60))
    };
    assert!(matches!(
        listed(0, Some("suspended")).0.standing(&yushan(), at(60)),
        Standing::Suspended { .. }
    ));
    assert!(matches!(
        listed(10, Some("removed")).0.standing(&yushan(), at(60)),
        Standing::Removed { .. }
    ));
    assert!(
        listed(-10, Some("suspended"))
            .0
            .standing(&yushan(), at(60))
            .active()
            .is_some()
    );
    let (trust, findings) = listed(10, None);
    assert_eq!(rules(&findings), ["trust.not-listed"]);
    assert_eq!(
        trust.standing(&yushan(), at(60)),
        Standing::Refused {
            rule: "trust.not-listed"
        }
    );
}

// TRU-17
#[test]
fn not_a_member_is_only_said_from_current_lists_of_everybody() {
    let federation = Federation::demo(NOW);
    let stranger = id("https://stranger.example");
    let trust = federation.trust();
    assert_eq!(
        trust.standing(&stranger, NOW),
        Standing::NotAMember { as_of: NOW }
    );
    assert!(matches!(
        trust.standing(&stranger, at(10 * DAY)),
        Standing::NoCurrentMemberList { .. }
    ));
    for missing in 0..3 {
        let mut lists = federation.member_lists();
        lists.remove(missing);
        let (trust, _) = federation.build(&federation.statements(), &lists, NOW);
        assert!(
            matches!(
                trust.standing(&stranger, NOW),
                Standing::NoCurrentMemberList { .. }
            ),
            "{missing}"
        );
        assert!(trust.standing(&yushan(), NOW).active().is_some());
    }
    // A province of which nothing but its line in the anchor's list is known.
    let mut drafts = federation.drafts();
    drafts.retain(|(iss, sub), _| *iss != jiangxi() && *sub != jiangxi());
    let statements: Vec<String> = drafts.values().map(Draft::sign).collect();
    let (trust, _) = federation.build(&statements, &federation.member_lists(), NOW);
    assert_eq!(
        trust.standing(&stranger, NOW),
        Standing::NoCurrentMemberList { of: &jiangxi() }
    );
    // A member of which no statement was received is no stranger.
    let mut drafts = federation.drafts();
    drafts.retain(|(_, sub), _| *sub != yushan());
    let statements: Vec<String> = drafts.values().map(Draft::sign).collect();
    let (trust, _) = federation.build(&statements, &federation.member_lists(), NOW);
    assert_eq!(
        trust.standing(&yushan(), NOW),
        Standing::Incomplete {
            missing: Link::CountyStatement
        }
    );
}

#[test]
fn a_member_list_that_does_not_hold_counts_for_nothing() {
    let federation = Federation::demo(NOW);
    let good = federation.member_list(&jiangxi(), 1);
    let line = good["members"][0].clone();
    let cases = [
        ("trust.member-line", json!({ "members": [line, line] })),
        (
            "trust.member-line",
            json!({ "members": [{ "entity": "https://p.example", "region_prefix": "36", "name": { "zh": "示例", "en": "x" }, "state": "active" }] }),
        ),
        ("trust.lifetime", json!({ "exp": at(36 * DAY) })),
        ("trust.clock-doubt", json!({ "iat": at(61) })),
        ("jws.claims", json!({ "surprise": 1 })),
    ];
    for (rule, more) in cases {
        let mut list = good.clone();
        merge(&mut list, more);
        let mut lists = federation.member_lists();
        lists[1] = sign(&key("jiangxi"), Typ::MemberList, &list);
        let (trust, findings) = federation.build(&federation.statements(), &lists, NOW);
        assert_eq!(rules(&findings), [rule]);
        let stranger = id("https://stranger.example");
        assert_eq!(
            trust.standing(&stranger, NOW),
            Standing::NoCurrentMemberList { of: &jiangxi() },
            "{rule}"
        );
    }
}

// TRU-14
#[test]
fn two_of_one_region_are_both_refused_and_a_tls_key_of_two_names_neither() {
    let mut federation = Federation::demo(NOW);
    federation.add_county("361124", "铅山县(示例)", 0);
    federation.counties[2].region = federation.counties[0].region;
    let (trust, findings) = federation.build(&federation.statements(), &federation.member_lists(), NOW);
    assert_eq!(rules(&findings), ["trust.duplicate-region"; 2]);
    for county in [&federation.counties[0], &federation.counties[2]] {
        assert_eq!(
            trust.standing(&county.entity, NOW),
            Standing::Refused {
                rule: "trust.duplicate-region"
            }
        );
    }
    assert!(trust.standing(&changshan(), NOW).active().is_some());

    let mut federation = Federation::demo(NOW);
    federation.counties[0].pin = federation.counties[1].pin;
    let (trust, findings) = federation.build(&federation.statements(), &federation.member_lists(), NOW);
    assert_eq!(rules(&findings), ["trust.duplicate-pin"; 2]);
    assert_eq!((trust.counties().count(), trust.pins().count()), (2, 0));
    for county in &federation.counties {
        let standing = trust.standing(&county.entity, NOW);
        let active = standing.active().expect("a stranger's word takes no county out");
        assert_eq!(
            active.pins,
            [county.pin],
            "as a server it is known by its own word"
        );
        assert!(trust.pins().all(|(pin, _)| pin != county.pin));
    }
}

#[test]
fn a_county_may_stand_directly_under_the_anchor() {
    let mut federation = Federation::demo(NOW);
    federation.counties[0].superior = federation.anchor.entity.clone();
    let trust = federation.trust();
    assert_eq!(trust.county(&yushan()).map(|c| &c.superior), Some(&anchor()));
}

#[test]
fn objects_that_no_chain_reaches_are_named() {
    let mut statements = Federation::demo(NOW).statements();
    let other = json!({ "iss": "https://x.example", "sub": "https://y.example", "iat": NOW, "exp": at(DAY), "jwks": { "keys": [] } });
    statements.push(sign(&key("x"), Typ::EntityStatement, &other));
    statements.push("not a token".into());
    let federation = Federation::demo(NOW);
    let (trust, findings) = federation.build(&statements, &federation.member_lists(), NOW);
    assert_eq!(rules(&findings), ["jws.structure", "trust.no-path"]);
    assert_eq!(trust.counties().count(), 2);
}

#[test]
fn a_fetched_statement_is_taken_once_renewed_and_never_turned_back() {
    let federation = Federation::demo(NOW);
    let trust = federation.trust();
    let mut drafts = federation.drafts();
    let own = draft(&mut drafts, yushan(), yushan());
    assert!(
        accept_statement(&own.sign(), &trust, NOW).is_ok(),
        "the same again"
    );
    own.claims["exp"] = json!(at(DAY));
    assert_eq!(
        accept_statement(&own.sign(), &trust, NOW),
        Err(Refusal::Fork { iat: NOW.get() })
    );
    own.claims["iat"] = json!(at(-1));
    assert_eq!(
        accept_statement(&own.sign(), &trust, NOW).map_err(|e| e.rule()),
        Err("trust.rolled-back")
    );
    own.claims["iat"] = json!(at(1));
    let accepted = accept_statement(&own.sign(), &trust, NOW).expect("a renewal");
    assert_eq!((accepted.iat, accepted.exp), (at(1), at(DAY)));
    assert_eq!(
        accept_statement(&own.sign(), &trust, at(DAY)).map_err(|e| e.rule()),
        Err("trust.chain-expired")
    );
    own.key = key("stranger");
    assert_eq!(
        accept_statement(&own.sign(), &trust, NOW).map_err(|e| e.rule()),
        Err("jws.unknown-key")
    );
    // Before anything is known, only the anchor's own configuration finds a key.
    let (empty, _) = federation.build(&[], &[], NOW);
    let configuration = drafts[&(anchor(), anchor())].sign();
    assert!(accept_statement(&configuration, &empty, NOW).is_ok());
    let configuration = drafts[&(yushan(), yushan())].sign();
    assert_eq!(
        accept_statement(&configuration, &empty, NOW),
        Err(Refusal::NoPath)
    );
}

#[test]
fn a_fetched_statement_that_breaks_a_rule_by_itself_does_not_take_the_place_of_a_good_one() {
    let federation = Federation::demo(NOW);
    let trust = federation.trust();
    let refused = |iss, sub, change: &dyn Fn(&mut serde_json::Value)| {
        let mut drafts = federation.drafts();
        let one = draft(&mut drafts, iss, sub);
        one.claims["iat"] = json!(at(1));
        assert!(accept_statement(&one.sign(), &trust, NOW).is_ok());
        change(&mut one.claims);
        accept_statement(&one.sign(), &trust, NOW)
            .map_err(|e| e.rule())
            .unwrap_err()
    };
    let stateless = |claims: &mut serde_json::Value| {
        claims.as_object_mut().unwrap().remove("comity_state");
    };
    let own_state = |claims: &mut serde_json::Value| claims["comity_state"] = json!("active");
    let own_prefix = |claims: &mut serde_json::Value| {
        claims["comity_region_prefix"] = json!("36");
        claims["crit"] = json!(["comity_region_prefix"]);
    };
    let nobody = |claims: &mut serde_json::Value| claims["metadata"] = json!({});
    assert_eq!(refused(jiangxi(), yushan(), &stateless), "trust.state-missing");
    assert_eq!(refused(anchor(), jiangxi(), &stateless), "trust.state-missing");
    for sub in [anchor(), jiangxi(), yushan()] {
        assert_eq!(refused(sub.clone(), sub, &own_state), "trust.own-standing");
    }
    assert_eq!(refused(yushan(), yushan(), &own_prefix), "trust.own-standing");
    assert_eq!(refused(anchor(), anchor(), &own_prefix), "trust.own-standing");
    assert_eq!(refused(jiangxi(), yushan(), &nobody), "trust.role");
    assert_eq!(refused(yushan(), yushan(), &nobody), "trust.double-assertion");
}

/// The demo federation in which another province, before or after the county's own in order, states that county too: with a
/// region of its own prefix and with these keys.
fn claimed_by_another(
    county: &EntityId,
    (other, region): (EntityId, &str),
    keys: &[comity_spec::jose::Jwk],
) -> Drafts {
    let federation = Federation::demo(NOW);
    let mut drafts = federation.drafts();
    let superior = [jiangxi(), id("https://zhejiang.example")]
        .into_iter()
        .find(|one| *one != other)
        .expect("the other of the two");
    let mut claim = draft(&mut drafts, superior, county.clone()).clone();
    claim.key = federation.key_of(&other).clone();
    claim.claims["iss"] = json!(other);
    claim.claims["jwks"] = json!({ "keys": keys });
    claim.claims["metadata"]["comity_node"]["region"] = json!(region);
    drafts.insert((other, county.clone()), claim);
    drafts
}

/// A configuration of that county made by the other province: its keys, its region, itself as superior, and newer.
fn forged(drafts: &Drafts, county: &EntityId, (other, region): (EntityId, &str), signer: &str) -> Draft {
    let mut own = drafts[&(county.clone(), county.clone())].clone();
    own.key = key(signer);
    own.claims["iat"] = json!(at(30));
    own.claims["authority_hints"] = json!([other]);
    own.claims["jwks"] = json!({ "keys": [jwk(&key(signer))] });
    own.claims["metadata"]["comity_node"]["region"] = json!(region);
    own
}

/// Either province against the county of the other one, so that no order of ids is left out.
fn rivals() -> [(EntityId, (EntityId, &'static str)); 2] {
    [
        (changshan(), (jiangxi(), "361199")),
        (yushan(), (id("https://zhejiang.example"), "330899")),
    ]
}

// TRU-1
#[test]
fn keys_that_another_province_states_for_a_county_do_not_crowd_out_its_own() {
    let federation = Federation::demo(NOW);
    for (county, rival) in rivals() {
        let many: Vec<_> = (0..64).map(|n| jwk(&key(&format!("crowd {n}")))).collect();
        let mut drafts = claimed_by_another(&county, rival, &many);
        let statements: Vec<String> = drafts.values().map(Draft::sign).collect();
        let (trust, _) = federation.build(&statements, &federation.member_lists(), NOW);
        assert!(trust.standing(&county, NOW).active().is_some(), "{county}");
        let own = draft(&mut drafts, county.clone(), county);
        own.claims["iat"] = json!(at(1));
        assert_eq!(
            accept_statement(&own.sign(), &trust, NOW).map(|one| one.iat),
            Ok(at(1))
        );
    }
}

// TRU-1, TRU-23
#[test]
fn a_configuration_that_counts_gives_way_to_no_other_superiors_word() {
    let federation = Federation::demo(NOW);
    for (county, rival) in rivals() {
        let mut drafts = claimed_by_another(&county, rival.clone(), &[jwk(&key("rival"))]);
        let statements: Vec<String> = drafts.values().map(Draft::sign).collect();
        let (trust, _) = federation.build(&statements, &federation.member_lists(), NOW);
        let mut planted = forged(&drafts, &county, rival.clone(), "rival");
        assert_eq!(
            accept_statement(&planted.sign(), &trust, NOW).map_err(|e| e.rule()),
            Err("jws.unknown-key"),
            "{county}"
        );
        let truly = drafts[&(county.clone(), county.clone())].claims["authority_hints"][0].clone();
        planted.claims["authority_hints"] = json!([truly, rival.0]);
        assert!(accept_statement(&planted.sign(), &trust, NOW).is_err());

        // Once its own superior has let it go, the other one's word is as good as any.
        let superior = id(truly.as_str().expect("a superior"));
        draft(&mut drafts, superior, county.clone()).claims["comity_state"] = json!("removed");
        let statements: Vec<String> = drafts.values().map(Draft::sign).collect();
        let (trust, _) = federation.build(&statements, &federation.member_lists(), NOW);
        assert!(accept_statement(&forged(&drafts, &county, rival, "rival").sign(), &trust, NOW).is_ok());
    }
}

#[test]
fn a_county_moves_to_another_province_by_its_own_key() {
    let federation = Federation::demo(NOW);
    let (county, rival) = (yushan(), (id("https://zhejiang.example"), "330899"));
    let drafts = claimed_by_another(&county, rival.clone(), &[jwk(&key("361123/federation"))]);
    let statements: Vec<String> = drafts.values().map(Draft::sign).collect();
    let (trust, _) = federation.build(&statements, &federation.member_lists(), NOW);
    let moved = forged(&drafts, &county, rival, "361123/federation").sign();
    assert!(accept_statement(&moved, &trust, NOW).is_ok());
}

// TRU-1, TRU-5
#[test]
fn a_configuration_counts_by_the_keys_of_a_superior_that_it_names() {
    let federation = Federation::demo(NOW);
    let mut drafts = federation.drafts();
    let trust = federation.trust();
    let own = draft(&mut drafts, yushan(), yushan());
    own.claims["iat"] = json!(at(1));
    own.claims["authority_hints"] = json!([anchor()]);
    assert_eq!(
        accept_statement(&own.sign(), &trust, NOW),
        Err(Refusal::AuthorityHints)
    );
    own.claims["authority_hints"] = json!([anchor(), jiangxi()]);
    assert!(accept_statement(&own.sign(), &trust, NOW).is_ok());
}

// TRU-15
#[test]
fn two_configurations_that_name_a_superior_each_are_nobodys() {
    let federation = Federation::demo(NOW);
    for (county, rival) in rivals() {
        let drafts = claimed_by_another(&county, rival.clone(), &[jwk(&key("rival"))]);
        let mut statements: Vec<String> = drafts.values().map(Draft::sign).collect();
        statements.push(forged(&drafts, &county, rival, "rival").sign());
        let (trust, _) = federation.build(&statements, &federation.member_lists(), NOW);
        assert_eq!(
            trust.standing(&county, NOW),
            Standing::Refused {
                rule: "trust.two-superiors"
            }
        );
    }
}

#[test]
fn a_fetched_member_list_rises() {
    let federation = Federation::demo(NOW);
    let trust = federation.trust();
    let list = |seq, exp: i64| {
        let mut list = federation.member_list(&jiangxi(), seq);
        list["exp"] = json!(at(exp));
        sign(&key("jiangxi"), Typ::MemberList, &list)
    };
    assert!(accept_member_list(&list(1, 10 * DAY), &trust, NOW).is_ok());
    assert_eq!(
        accept_member_list(&list(2, DAY), &trust, NOW).map(|l| l.seq),
        Ok(2)
    );
    assert_eq!(
        accept_member_list(&list(1, DAY), &trust, NOW),
        Err(Refusal::Fork { iat: 1 })
    );
    assert_eq!(
        accept_member_list(&list(0, DAY), &trust, NOW),
        Err(Refusal::RolledBack { iat: 0, floor: 1 })
    );
    assert_eq!(
        accept_member_list(&list(2, DAY), &trust, at(DAY)),
        Err(Refusal::ListExpired { exp: at(DAY) })
    );
}

#[test]
fn an_anchor_file_is_exact() {
    let good = Federation::demo(NOW).anchor_file();
    assert!(Anchor::parse(&good).is_ok());
    let text = String::from_utf8(good).expect("UTF-8");
    assert!(Anchor::parse(text.replacen('{', r#"{"more":1,"#, 1).as_bytes()).is_err());
    let no_keys = json!({ "entity": anchor(), "jwks": { "keys": [] }, "environment": "SANDBOX" });
    assert_eq!(
        Anchor::parse(no_keys.to_string().as_bytes()),
        Err(AnchorError::NoKeys)
    );
    let private = text.replacen(r#""kty""#, r#""d":"AA","kty""#, 1);
    assert!(Anchor::parse(private.as_bytes()).is_err());
}

// TRU-29, AGR-12
#[test]
fn a_new_key_counts_when_an_old_one_vouched_for_it() {
    let federation = Federation::demo(NOW);
    let (old, new) = (key("361123/federation"), key("rotated"));
    let pinned = [thumbprint(&old)];
    let rotated = |vouched: bool| {
        let mut drafts = federation.drafts();
        merge(
            &mut draft(&mut drafts, jiangxi(), yushan()).claims,
            json!({ "jwks": { "keys": [jwk(&new)] } }),
        );
        let own = draft(&mut drafts, yushan(), yushan());
        let mut before = own.clone();
        merge(
            &mut before.claims,
            json!({ "iat": at(-DAY), "exp": NOW, "jwks": { "keys": [jwk(&old), jwk(&new)] } }),
        );
        own.key = new.clone();
        merge(&mut own.claims, json!({ "jwks": { "keys": [jwk(&new)] } }));
        let mut statements: Vec<String> = drafts.values().map(Draft::sign).collect();
        if vouched {
            statements.push(before.sign());
        }
        let (trust, _) = federation.build(&statements, &federation.member_lists(), NOW);
        trust
            .standing(&yushan(), NOW)
            .active()
            .expect("the chain alone is satisfied")
            .clone()
    };
    assert!(rotated(true).counting_keys(&pinned).contains(&thumbprint(&new)));
    assert!(
        !rotated(false).counting_keys(&pinned).contains(&thumbprint(&new)),
        "a province alone cannot replace a key"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Issuer × region × purpose: what is accepted is exactly what a model of a few lines says.
    #[test]
    fn the_accept_set_is_the_models(
        province in 0_usize..2,
        stated in prop::sample::select(vec!["361123", "361124", "330824", "330822"]),
        claimed in prop::sample::select(vec!["361123", "361124", "330824"]),
        state in prop::sample::select(vec!["active", "suspended", "removed"]),
        above in prop::collection::vec(any::<bool>(), 4),
        own in prop::collection::vec(any::<bool>(), 4),
    ) {
        let mut federation = Federation::demo(NOW);
        federation.add_county("360999", "示例县", province);
        let county = federation.counties[2].clone();
        let mut drafts = federation.drafts();
        let purposes = [KeyPurpose::Attestation, KeyPurpose::Status, KeyPurpose::Exchange, KeyPurpose::Receipt];
        for (iss, region, bits) in [(&county.superior, stated, &above), (&county.entity, claimed, &own)] {
            let node = &mut draft(&mut drafts, iss.clone(), county.entity.clone()).claims["metadata"]["comity_node"];
            node["region"] = json!(region);
            for (purpose, listed) in purposes.iter().zip(bits) {
                let keys: Vec<_> = listed.then(|| jwk(&county.key(*purpose))).into_iter().collect();
                node["keys"][purpose.as_str()] = json!({ "keys": keys });
            }
        }
        draft(&mut drafts, county.superior.clone(), county.entity.clone()).claims["comity_state"] = json!(state);
        let statements: Vec<String> = drafts.values().map(Draft::sign).collect();
        let (trust, _) = federation.build(&statements, &federation.member_lists(), NOW);

        let prefix = ["36", "33"][province];
        let taken = ["361123", "330822"];
        let chain = state == "active" && stated == claimed && stated.starts_with(prefix);
        let expected = chain && !taken.contains(&stated);
        let standing = trust.standing(&county.entity, NOW);
        prop_assert_eq!(standing.active().is_some(), expected);
        for (taken, of) in [("361123", yushan()), ("330822", changshan())] {
            prop_assert_eq!(trust.standing(&of, NOW).active().is_some(), !(chain && stated == taken));
        }
        if let Some(active) = standing.active() {
            for (at, purpose) in purposes.iter().enumerate() {
                for wanted in purposes {
                    let kid = testing::thumbprint(&county.key(*purpose)).to_string();
                    let found = matches!(active.keys.find(&kid, wanted), Found::Key(_));
                    prop_assert_eq!(found, above[at] && own[at] && *purpose == wanted);
                }
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(text in ".{0,200}", at in 0_usize..400) {
        let federation = Federation::demo(NOW);
        let mut statements = federation.statements();
        let place = at % statements.len();
        let cut = statements[place].len().min(at * 3);
        statements[place].truncate(cut);
        statements[place].push_str(&text);
        let (trust, _) = federation.build(&statements, &[text], NOW);
        let _ = trust.standing(&yushan(), NOW);
    }
}
