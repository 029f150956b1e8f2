//! Agreements: for every rule one that keeps it, and the same one with exactly that defect.

use comity_spec::agreement::Agreement;
use comity_spec::ids::EntityId;
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::time::{LocalDate, UnixSeconds};
use serde_json::{Value, json};

use super::*;
use crate::decide::{AgreementScope, covering_row};
use crate::testing::{Federation, jwk, key, merge, sign, sign_agreement, thumbprint};

fn now() -> UnixSeconds {
    UnixSeconds::new(1_790_000_000).expect("a time")
}

fn today(plus: i64) -> LocalDate {
    LocalDate::of(now()).plus_days(plus).expect("a date")
}

fn demo() -> Federation {
    Federation::demo(now())
}

fn payload(federation: &Federation) -> Value {
    let agreement = federation.agreement(&federation.counties[0], &federation.counties[1]);
    serde_json::to_value(agreement).expect("serialises")
}

fn parties() -> [ed25519_dalek::SigningKey; 2] {
    [key("361123/federation"), key("330822/federation")]
}

fn verify(payload: &Value) -> Result<VerifiedAgreement, AgreementError> {
    verify_signed(
        &sign_agreement(payload, &parties(), now()),
        &demo().trust(),
        now(),
    )
}

fn ids() -> (EntityId, EntityId) {
    let federation = demo();
    (
        federation.counties[0].entity.clone(),
        federation.counties[1].entity.clone(),
    )
}

/// The row that covers a service of one county's permits at the other's windows.
fn covered<'a>(
    one: &'a VerifiedAgreement,
    issuer: Region,
    recogniser: Region,
    code: &str,
    provider: Option<&str>,
) -> Result<&'a comity_spec::agreement::Service, &'static str> {
    let agreement = one.agreement();
    let party = |region: Region| {
        let mut parties = agreement.parties.iter();
        parties.find(|party| party.region == region).expect("a party")
    };
    let scope = AgreementScope {
        issuer: (&party(issuer).entity, issuer),
        recogniser: (&party(recogniser).entity, recogniser),
        environment: agreement.environment,
    };
    let provider = provider.map(|id| id.parse().expect("an id"));
    covering_row(
        agreement,
        &scope,
        &code.parse().expect("a code"),
        provider.as_ref(),
    )
}

#[test]
fn signed_by_both_it_holds_both_ways() {
    let one = demo().verified_agreement();
    let (a, b) = ("361123".parse().expect("code"), "330822".parse().expect("code"));
    let row = |issuer, recogniser, code| covered(&one, issuer, recogniser, code, None).map(|_| ());
    assert_eq!(row(a, b, "BPS-1"), Ok(()));
    assert_eq!(row(b, a, "BPS-1"), Ok(()));
    assert_eq!(row(a, b, "BPS-3"), Err("service.not-listed"));
    assert_eq!(
        row(a, b, "EDU-COMPULSORY"),
        Err("service.not-listed"),
        "no silent widening"
    );
    let tier = |text: &str| Tier::parse(text).expect("a tier");
    assert_eq!(one.tier_for(a, b, &tier("ORDINARY")), Some(&tier("ORDINARY")));
    assert_eq!(one.tier_for(a, b, &tier("SKILLED")), None);
    assert_eq!(one.signers().len(), 2);
}

#[test]
fn a_one_way_row_holds_one_way_and_named_providers_are_the_only_ones() {
    let mut contents = payload(&demo());
    merge(
        &mut contents["services"][0],
        json!({
            "direction": { "issuer": "361123", "recogniser": "330822" },
            "providers": [{ "id": "school-1", "region": "330822", "name": { "zh": "示例小学", "en": "Example school" } }],
        }),
    );
    let one = verify(&contents).expect("holds");
    let (a, b) = ("361123".parse().expect("code"), "330822".parse().expect("code"));
    let at = |provider| covered(&one, a, b, "BPS-1", provider).map(|_| ());
    assert_eq!(at(Some("school-1")), Ok(()));
    assert_eq!(at(Some("school-2")), Err("service.provider"));
    assert_eq!(at(None), Err("service.provider-needed"));
    let back = covered(&one, b, a, "BPS-1", Some("school-1")).map(|_| ());
    assert_eq!(back, Err("service.direction"));
    let everybody = one.agreement().services[1].code.to_string();
    assert!(covered(&one, a, b, &everybody, None).is_ok());
}

// AGR-4, AGR-5, AGR-6, AGR-7, AGR-8, AGR-9, AGR-10, AGR-11
#[test]
fn contents_that_can_be_read_in_two_ways_are_refused_by_name() {
    let deep = (0..8).fold(
        json!({ "endorsement_current": true }),
        |inner, _| json!({ "not": inner }),
    );
    let service = |more: Value| move |p: &mut Value| merge(&mut p["services"][0], more);
    let top = |more: Value| move |p: &mut Value| merge(p, more);
    let kid = thumbprint(&key("361123/federation"));
    let provider = |region: &str| json!({ "id": "p", "region": region, "name": { "zh": "示例", "en": "x" } });
    type Change = Box<dyn FnOnce(&mut Value)>;
    let cases: Vec<(&str, Change)> = vec![
        ("agreement.version", Box::new(top(json!({ "version": 0 })))),
        ("agreement.version", Box::new(top(json!({ "version": 2 })))),
        (
            "agreement.dates",
            Box::new(top(json!({ "effective_until": today(-11) }))),
        ),
        (
            "agreement.freshness",
            Box::new(top(
                json!({ "freshness": { "fresh_seconds": 86_401, "usable_seconds": 90_000 } }),
            )),
        ),
        (
            "agreement.freshness",
            Box::new(top(
                json!({ "freshness": { "fresh_seconds": 3600, "usable_seconds": 259_201 } }),
            )),
        ),
        (
            "agreement.freshness",
            Box::new(top(
                json!({ "freshness": { "fresh_seconds": 3600, "usable_seconds": 60 } }),
            )),
        ),
        (
            "agreement.party-count",
            Box::new(|p: &mut Value| {
                p["parties"].as_array_mut().expect("array").pop();
            }),
        ),
        (
            "agreement.party-twice",
            Box::new(|p: &mut Value| p["parties"][1]["region"] = json!("361123")),
        ),
        (
            "agreement.party-without-key",
            Box::new(|p: &mut Value| p["parties"][1]["federation_keys"] = json!([])),
        ),
        (
            "agreement.key-twice",
            Box::new(move |p: &mut Value| p["parties"][1]["federation_keys"] = json!([kid])),
        ),
        (
            "agreement.service-count",
            Box::new(top(json!({ "services": [] }))),
        ),
        (
            "agreement.service-twice",
            Box::new(|p: &mut Value| p["services"][1]["code"] = json!("BPS-1")),
        ),
        (
            "agreement.unknown-service",
            Box::new(service(json!({ "code": "BPS-99" }))),
        ),
        (
            "agreement.direction-missing",
            Box::new(top(json!({ "reciprocal": false }))),
        ),
        (
            "agreement.direction",
            Box::new(service(
                json!({ "direction": { "issuer": "361123", "recogniser": "361123" } }),
            )),
        ),
        (
            "agreement.direction",
            Box::new(service(
                json!({ "direction": { "issuer": "361123", "recogniser": "330824" } }),
            )),
        ),
        (
            "agreement.providers",
            Box::new(service(json!({ "providers": [] }))),
        ),
        (
            "agreement.providers",
            Box::new(service(
                json!({ "providers": [provider("330822"), provider("330822")] }),
            )),
        ),
        (
            "agreement.provider-region",
            Box::new(service(json!({ "providers": [provider("330824")] }))),
        ),
        (
            "agreement.claim-twice",
            Box::new(service(json!({ "claims": ["name", "name"] }))),
        ),
        (
            "agreement.retention",
            Box::new(service(json!({ "retention_days": 0 }))),
        ),
        (
            "agreement.condition-depth",
            Box::new(service(json!({ "conditions": [deep] }))),
        ),
        (
            "agreement.condition",
            Box::new(service(json!({ "conditions": [{ "all": [] }] }))),
        ),
        (
            "agreement.condition",
            Box::new(service(
                json!({ "conditions": [{ "age_between": { "min": 9, "max": 6 } }] }),
            )),
        ),
        (
            "agreement.tier-row",
            Box::new(|p: &mut Value| p["tier_map"][1]["issuer"] = json!("361123")),
        ),
        (
            "agreement.tier-row",
            Box::new(|p: &mut Value| p["tier_map"][0]["map"] = json!({})),
        ),
        (
            "agreement.signatory",
            Box::new(top(
                json!({ "signatories": [{ "region": "110000", "office": { "zh": "示例", "en": "x" } }] }),
            )),
        ),
        (
            "agreement.empty-text",
            Box::new(top(json!({ "impact_assessment": " " }))),
        ),
    ];
    for (rule, change) in cases {
        let mut contents = payload(&demo());
        change(&mut contents);
        let agreement: Agreement =
            serde_json::from_value(contents.clone()).expect("the shape of an agreement");
        let found: Vec<_> = defects(&agreement).iter().map(ContentDefect::rule).collect();
        assert!(found.contains(&rule), "{rule}: {found:?}");
        assert!(
            matches!(verify(&contents), Err(AgreementError::Contents(_))),
            "{rule}"
        );
    }
    assert!(defects(&serde_json::from_value(payload(&demo())).expect("shape")).is_empty());
    let allowed = (0..7).fold(
        json!({ "endorsement_current": true }),
        |inner, _| json!({ "not": inner }),
    );
    let mut contents = payload(&demo());
    contents["services"][0]["conditions"] = json!([allowed]);
    contents["services"][1]["code"] = json!("LOCAL-330822-07");
    assert!(verify(&contents).is_ok());
}

#[test]
fn unknown_members_are_refused() {
    let mut contents = payload(&demo());
    contents["surprise"] = json!(1);
    assert_eq!(verify(&contents).map_err(|e| e.rule()), Err("jws.claims"));
    let mut contents = payload(&demo());
    contents["ext"] = json!({ "surprise": 1 });
    assert!(verify(&contents).is_ok());
}

// AGR-2, AGR-3
#[test]
fn every_party_signs_once_by_a_key_that_is_pinned_and_in_the_chain() {
    let federation = demo();
    let trust = federation.trust();
    let [a, b] = parties();
    let signed = |payload: &Value, keys: &[ed25519_dalek::SigningKey]| {
        verify_signed(&sign_agreement(payload, keys, now()), &trust, now()).map_err(|e| e.rule())
    };
    let contents = payload(&federation);
    assert!(signed(&contents, &[b.clone(), a.clone()]).is_ok(), "in any order");
    assert_eq!(
        signed(&contents, std::slice::from_ref(&a)),
        Err("jws.signature-count")
    );
    assert_eq!(
        signed(&contents, &[a.clone(), a.clone()]),
        Err("jws.party-signed-twice")
    );
    assert_eq!(
        signed(&contents, &[a.clone(), key("stranger")]),
        Err("jws.unknown-key")
    );
    assert_eq!(
        signed(&contents, &[a.clone(), key("330822/status")]),
        Err("jws.unknown-key")
    );
    assert_eq!(
        signed(&contents, &[a.clone(), key("zhejiang")]),
        Err("jws.unknown-key")
    );
    // Pinned and not in the chain; in the chain and not pinned.
    let mut other = contents.clone();
    other["parties"][1]["federation_keys"] = json!([thumbprint(&key("other"))]);
    assert_eq!(
        signed(&other, &[a.clone(), key("other")]),
        Err("agreement.key-not-in-chain")
    );
    assert_eq!(
        signed(&other, &[a.clone(), b.clone()]),
        Err("agreement.key-not-pinned")
    );
    // Another payload under the same signatures.
    let mut moved = sign_agreement(&contents, &parties(), now());
    moved.payload = sign_agreement(&other, &parties(), now()).payload;
    assert!(verify_signed(&moved, &trust, now()).is_err());
    // From the future.
    let late = sign_agreement(&contents, &parties(), now().plus_saturating(61));
    assert_eq!(
        verify_signed(&late, &trust, now()).map_err(|e| e.rule()),
        Err("agreement.clock-doubt")
    );
    // The chain says otherwise.
    let mut region = contents.clone();
    region["parties"][1]["region"] = json!("330824");
    region["tier_map"] = json!([]);
    assert_eq!(signed(&region, &parties()), Err("agreement.region"));
    let mut environment = contents.clone();
    environment["environment"] = json!("PRODUCTION");
    assert_eq!(signed(&environment, &parties()), Err("agreement.environment"));
    let late = now().plus_saturating(10 * 86_400);
    let expired = verify_signed(&sign_agreement(&contents, &parties(), now()), &trust, late);
    assert_eq!(expired.map_err(|e| e.rule()), Err("agreement.party-not-active"));
}

// AGR-21
#[test]
fn a_proposal_says_who_has_not_signed() {
    let federation = demo();
    let trust = federation.trust();
    let [a, _] = parties();
    let signed = sign_agreement(&payload(&federation), &[a], now());
    let proposal = inspect_proposal(&to_bytes(&signed), &trust, now()).expect("a proposal");
    assert_eq!(proposal.missing, [federation.counties[1].entity.clone()]);
    let forged = sign_agreement(&payload(&federation), &[key("stranger")], now());
    assert!(inspect_proposal(&to_bytes(&forged), &trust, now()).is_err());
}

// AGR-13
#[test]
fn what_was_adopted_loads_after_a_rotation_and_not_after_a_change() {
    let record = demo().verified_agreement().record();
    let loaded = record.adopted().expect("loads without a chain");
    assert_eq!(loaded, demo().verified_agreement());
    let mut changed = record.clone();
    changed.digest = Digest::of("something else");
    assert_eq!(
        changed.adopted().map_err(|e| e.rule()),
        Err("agreement.record-changed")
    );
    let mut contents = payload(&demo());
    contents["notice_days"] = json!(1);
    let mut changed = record.clone();
    changed.received = record.received.replace(
        &sign_agreement(&payload(&demo()), &[], now()).payload,
        &sign_agreement(&contents, &[], now()).payload,
    );
    assert_ne!(changed.received, record.received);
    assert_eq!(changed.adopted().map_err(|e| e.rule()), Err("jws.signature"));
    let mut changed = record;
    changed.keys[0] = jwk(&key("stranger"));
    assert!(changed.adopted().is_err());
}

// AGR-17, AGR-18
#[test]
fn a_withdrawal_names_its_agreement_and_gives_notice() {
    let federation = demo();
    let (trust, one) = (federation.trust(), federation.verified_agreement());
    let county = &federation.counties[0];
    let good = federation.withdrawal(county, &one.reference(), today(30));
    let check = |claims: &Value, by: &str| {
        verify_withdrawal(&sign(&key(by), Typ::Withdrawal, claims), &one, &trust, now()).map_err(|e| e.rule())
    };
    let signer = "361123/federation";
    let accepted = check(&good, signer).expect("holds");
    let again = accepted.record().accepted(&one).expect("loads");
    assert_eq!(again, accepted);
    assert_eq!(check(&good, "330822/federation"), Err("jws.unknown-key"));
    assert_eq!(check(&good, "jiangxi"), Err("jws.unknown-key"));
    assert_eq!(check(&good, "361123/exchange"), Err("jws.unknown-key"));
    for (rule, more) in [
        (
            "withdrawal.notice-too-short",
            json!({ "effective_from": today(29) }),
        ),
        ("withdrawal.not-a-party", json!({ "iss": "https://x.example" })),
        (
            "withdrawal.clock-doubt",
            json!({ "iat": now().plus_saturating(61) }),
        ),
    ] {
        let mut claims = good.clone();
        merge(&mut claims, more);
        assert_eq!(check(&claims, signer), Err(rule));
    }
    for (member, value) in [
        ("version", json!(2)),
        ("id", json!("AGR-OTHER")),
        ("digest", json!(Digest::of("x"))),
    ] {
        let mut claims = good.clone();
        claims["agreement"][member] = value;
        assert_eq!(check(&claims, signer), Err("withdrawal.other-agreement"));
    }
}

// AGR-14
#[test]
fn it_is_in_force_from_its_first_day_to_its_last() {
    let mut contents = payload(&demo());
    contents["effective_until"] = json!(today(5));
    let set = Agreements::new(vec![verify(&contents).expect("holds")], Vec::new());
    let (a, b) = ids();
    let because = |day| match set.between(&a, &b, today(day)) {
        Coverage::InForce(_) => None,
        Coverage::NotInForce { because, .. } => Some(because),
        Coverage::None => panic!("there is one"),
    };
    assert_eq!(because(-11), Some(Because::NotYet(today(-10))));
    assert_eq!((because(-10), because(5)), (None, None));
    assert_eq!(because(6), Some(Because::Ended(today(5))));
    let stranger = "https://x.example".parse().expect("an id");
    assert_eq!(set.between(&a, &stranger, today(0)), Coverage::None);
    assert_eq!(set.between(&a, &a, today(0)), Coverage::None);
}

fn successor(of: &VerifiedAgreement, from: i64, notice: u32) -> VerifiedAgreement {
    let mut contents = payload(&demo());
    merge(
        &mut contents,
        json!({
            "version": of.agreement().version + 1,
            "prev": of.digest(),
            "effective_from": today(from),
            "notice_days": notice,
        }),
    );
    verify(&contents).expect("holds")
}

#[test]
fn a_version_holds_until_the_next_and_a_withdrawal_ends_one() {
    let federation = demo();
    let first = federation.verified_agreement();
    let second = successor(&first, 3, 30);
    let (a, b) = ids();
    let set = Agreements::new(vec![second.clone(), first.clone()], Vec::new());
    let version = |set: &Agreements, day| match set.between(&a, &b, today(day)) {
        Coverage::InForce(one) => one.agreement().version,
        _ => 0,
    };
    assert_eq!((version(&set, 2), version(&set, 3)), (1, 2));

    let claims = federation.withdrawal(&federation.counties[1], &second.reference(), today(40));
    let token = sign(
        &federation.counties[1].key(KeyPurpose::Federation),
        Typ::Withdrawal,
        &claims,
    );
    let withdrawal = verify_withdrawal(&token, &second, &federation.trust(), now()).expect("holds");
    let set = Agreements::new(vec![first, second.clone()], vec![withdrawal]);
    assert_eq!((version(&set, 39), version(&set, 40)), (2, 0));
    let ended = Coverage::NotInForce {
        agreement: &second,
        because: Because::Withdrawn(today(40)),
    };
    assert_eq!(set.between(&a, &b, today(40)), ended);
}

// AGR-16
#[test]
fn two_successors_of_one_version_void_both_and_what_rests_on_them() {
    let first = demo().verified_agreement();
    let (one, other) = (successor(&first, 3, 30), successor(&first, 3, 31));
    let third = successor(&one, 5, 30);
    let (a, b) = ids();
    let set = Agreements::new(vec![first.clone(), one.clone(), other.clone(), third], Vec::new());
    for day in [0, 3, 5] {
        assert_eq!(
            set.between(&a, &b, today(day)),
            Coverage::InForce(&first),
            "the version before holds on"
        );
    }
    let set = Agreements::new(vec![one.clone(), other], Vec::new());
    assert!(matches!(
        set.between(&a, &b, today(4)),
        Coverage::NotInForce {
            because: Because::Void,
            ..
        }
    ));
    let set = Agreements::new(vec![one.clone(), one.clone()], Vec::new());
    assert_eq!(
        set.between(&a, &b, today(4)),
        Coverage::InForce(&one),
        "the same one twice is no contradiction"
    );
}

// AGR-12, TRU-29
#[test]
fn a_key_that_only_a_province_vouches_for_does_not_speak_under_the_agreement() {
    let federation = demo();
    let one = federation.verified_agreement();
    let trust = federation.trust();
    let county = trust.county(&federation.counties[0].entity).expect("active");
    assert!(one.speaks_for(county));
    assert_eq!(one.counting_keys(county).entries().len(), 1);
    // Province and well-known address in one hand: the chain holds, the agreement does not fall for it.
    let stolen = key("stolen");
    let mut drafts = federation.drafts();
    let entity = &federation.counties[0].entity;
    for iss in [&federation.counties[0].superior, entity] {
        let draft = drafts
            .get_mut(&(iss.clone(), entity.clone()))
            .expect("a statement");
        draft.claims["jwks"] = json!({ "keys": [jwk(&stolen)] });
        if iss == entity {
            draft.key = stolen.clone();
        }
    }
    let statements: Vec<String> = drafts.values().map(crate::testing::Draft::sign).collect();
    let (trust, _) = federation.build(&statements, &federation.member_lists(), now());
    let county = trust.county(entity).expect("the chain holds");
    assert!(!one.speaks_for(county));
    assert!(one.counting_keys(county).entries().is_empty());
    let claims = federation.withdrawal(&federation.counties[0], &one.reference(), today(30));
    let refused = verify_withdrawal(&sign(&stolen, Typ::Withdrawal, &claims), &one, &trust, now());
    assert_eq!(refused.map_err(|e| e.rule()), Err("withdrawal.no-counting-key"));
}
