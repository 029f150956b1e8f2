//! Vectors of chapter 4.3 and 4.6 at their bounds: the last contents that hold, the first that do not, and several defects.

use comity_spec::vector::{AgreementInput, Of, WithdrawalInput};
use serde_json::{Value, json};

use super::super::{CHANGSHAN, NOW, YUSHAN, YUSHAN_ID, accept, refuse, text, today};
use super::{LEAVING, TWIN, digest, input, notice, parties, payload, row, signed, top, with};
use crate::testing::{key, sign_agreement, thumbprint};

fn provider(id: &str, region: &str) -> Value {
    json!({ "id": id, "region": region, "name": { "zh": "示例", "en": "x" } })
}

fn here() -> Value {
    json!({ "issuer": YUSHAN, "recogniser": CHANGSHAN })
}

fn there() -> Value {
    json!({ "issuer": CHANGSHAN, "recogniser": YUSHAN })
}

/// So many parties, of which nobody is a member.
fn many_parties(count: usize) -> AgreementInput {
    with(|p| {
        let party = |n: usize| {
            json!({
                "entity": format!("https://c4401{n:02}.example"),
                "region": format!("4401{n:02}"),
                "name": { "zh": "示例", "en": "x" },
                "federation_keys": [thumbprint(&key(&format!("party {n}")))],
            })
        };
        p["parties"] = json!((1..=count).map(party).collect::<Vec<_>>());
        p["tier_map"] = json!([]);
    })
}

/// So many rows, each a local item.
fn many_rows(count: usize) -> AgreementInput {
    let plain = |n: usize| {
        json!({
            "code": format!("LOCAL-{n:03}"), "claims": [], "retention_days": 1,
            "owner": { "zh": "示例", "en": "x" },
        })
    };
    top(json!({ "services": (1..=count).map(plain).collect::<Vec<_>>() }))
}

pub(super) fn contents() -> Vec<Of<AgreementInput>> {
    let mut all = hold();
    all.extend(do_not_hold());
    all.extend(several());
    all
}

fn hold() -> Vec<Of<AgreementInput>> {
    let holds = |name: &str, ids: &str, about: &str, input: AgreementInput| {
        accept(
            &format!("agreement/{name}"),
            ids,
            about,
            input,
            json!({ "signers": 2 }),
        )
    };
    let of = |condition: Value| row(json!({ "conditions": [condition] }));
    let freshness = |fresh: i64, usable: i64| {
        top(json!({ "freshness": { "fresh_seconds": fresh, "usable_seconds": usable } }))
    };
    vec![
        holds(
            "valid-signed-60-seconds-ahead",
            "JWS-17",
            "signed at the end of the skew",
            input(text(&sign_agreement(
                &payload(),
                &parties(),
                super::now().plus_saturating(60),
            ))),
        ),
        holds(
            "contents-version-2",
            "AGR-4",
            "a later version with its predecessor's digest",
            top(json!({ "version": 2, "prev": digest(&signed(&payload())) })),
        ),
        holds(
            "contents-of-one-day",
            "AGR-6",
            "effective_until is effective_from",
            top(json!({ "effective_until": today(-10) })),
        ),
        holds("contents-512-services", "AGR-7", "512 rows", many_rows(512)),
        holds(
            "contents-service-once-a-direction",
            "AGR-7",
            "one service in two rows, one for each direction",
            with(|p| {
                p["services"][1]["code"] = json!("BPS-1");
                p["services"][0]["direction"] = here();
                p["services"][1]["direction"] = there();
            }),
        ),
        holds(
            "contents-not-reciprocal",
            "AGR-7",
            "not reciprocal, and every row states its direction",
            with(|p| {
                p["reciprocal"] = json!(false);
                p["services"][0]["direction"] = here();
                p["services"][1]["direction"] = there();
            }),
        ),
        holds(
            "contents-institutions-of-both-regions",
            "AGR-8",
            "a row that holds both ways recognises in both regions",
            row(json!({ "providers": [provider("p", CHANGSHAN), provider("q", YUSHAN)] })),
        ),
        holds(
            "contents-retention-a-day",
            "AGR-9",
            "records kept for one day",
            row(json!({ "retention_days": 1 })),
        ),
        holds(
            "contents-condition-of-one-age",
            "AGR-10",
            "a range of one year",
            of(json!({ "age_between": { "min": 16, "max": 16 } })),
        ),
        holds(
            "contents-condition-of-a-named-institution",
            "AGR-10",
            "an institution that the row names",
            row(json!({ "providers": [provider("p", CHANGSHAN)], "conditions": [{ "provider_in": ["p"] }] })),
        ),
        holds(
            "contents-freshness-of-the-default",
            "AGR-11",
            "24 hours fresh, 72 usable",
            freshness(86_400, 259_200),
        ),
        holds(
            "contents-freshness-without-amber",
            "AGR-11",
            "usable as long as fresh",
            freshness(3600, 3600),
        ),
        holds(
            "contents-signatory-of-a-party",
            "AGR-11",
            "an office of a party's region",
            top(json!({ "signatories": [{ "region": CHANGSHAN, "office": { "zh": "示例", "en": "x" } }] })),
        ),
    ]
}

fn do_not_hold() -> Vec<Of<AgreementInput>> {
    let no = |name: &str, ids: &str, about: &str, input: AgreementInput, rule: &str| {
        refuse(
            &format!("agreement/contents-{name}"),
            TWIN,
            ids,
            about,
            input,
            &format!("agreement.{rule}"),
        )
    };
    let of = |condition: Value| row(json!({ "conditions": [condition] }));
    let freshness = |fresh: i64, usable: i64| {
        top(json!({ "freshness": { "fresh_seconds": fresh, "usable_seconds": usable } }))
    };
    let tiers = |issuer: &str, recogniser: &str| {
        top(json!({ "tier_map": [{ "issuer": issuer, "recogniser": recogniser, "map": { "A": "A" } }] }))
    };
    let blank = json!({ "zh": "\u{3000}", "en": "x" });
    let deep = (1..9).fold(
        json!({ "endorsement_current": true }),
        |inner, _| json!({ "any": [inner] }),
    );
    let inside: Vec<Value> = (0..128).map(|_| json!({ "endorsement_current": true })).collect();
    vec![
        no(
            "party-twice",
            "AGR-5",
            "two parties of one entity",
            with(|p| p["parties"][1]["entity"] = json!(YUSHAN_ID)),
            "party-twice",
        ),
        no(
            "key-pinned-twice-for-one-party",
            "AGR-5",
            "a party pins one key twice",
            with(|p| {
                let kid = p["parties"][0]["federation_keys"][0].clone();
                p["parties"][0]["federation_keys"] = json!([kid, kid]);
            }),
            "key-twice",
        ),
        no(
            "seventeen-parties",
            "AGR-5",
            "seventeen parties",
            many_parties(17),
            "party-count",
        ),
        no(
            "sixteen-parties-of-which-none-is-a-member",
            "AGR-5 AGR-3",
            "sixteen parties are not too many; nobody of them is a member",
            many_parties(16),
            "party-not-active",
        ),
        no(
            "513-services",
            "AGR-7",
            "513 rows",
            many_rows(513),
            "service-count",
        ),
        no(
            "service-twice-of-which-one-holds-both-ways",
            "AGR-7",
            "one service in a row that holds both ways, and in one for one direction",
            with(|p| {
                p["services"][1]["code"] = json!("BPS-1");
                p["services"][1]["direction"] = there();
            }),
            "service-twice",
        ),
        no(
            "direction-from-a-stranger",
            "AGR-7",
            "from a region that is no party",
            row(json!({ "direction": { "issuer": "330824", "recogniser": YUSHAN } })),
            "direction",
        ),
        no(
            "provider-in-the-issuing-region",
            "AGR-8",
            "a row for one direction names an institution where the permits are issued",
            row(json!({ "direction": here(), "providers": [provider("p", YUSHAN)] })),
            "provider-region",
        ),
        no(
            "provider-twice-in-two-regions",
            "AGR-8",
            "one id for two institutions",
            row(json!({ "providers": [provider("p", CHANGSHAN), provider("p", YUSHAN)] })),
            "providers",
        ),
        no(
            "conditions-nine-deep-by-any",
            "AGR-10",
            "nine levels of alternatives",
            of(deep),
            "condition-depth",
        ),
        no(
            "conditions-129-with-those-inside",
            "AGR-10",
            "a conjunction of 128, itself one more",
            of(json!({ "all": inside })),
            "condition-depth",
        ),
        no(
            "condition-any-of-nothing",
            "AGR-10",
            "one of nothing",
            of(json!({ "any": [] })),
            "condition",
        ),
        no(
            "condition-no-bases",
            "AGR-10",
            "a basis of none",
            of(json!({ "basis_in": [] })),
            "condition",
        ),
        no(
            "condition-of-nothing-inside",
            "AGR-10",
            "a tier of none, inside a negation inside an alternative",
            of(json!({ "any": [{ "not": { "tier_in": [] } }] })),
            "condition",
        ),
        no(
            "condition-rule-without-id",
            "AGR-10",
            "a local rule of no name",
            of(json!({ "local_rule": { "id": " ", "text": { "zh": "示例", "en": "x" } } })),
            "condition",
        ),
        no(
            "condition-no-providers",
            "AGR-10",
            "an institution of none",
            row(json!({ "providers": [provider("p", CHANGSHAN)], "conditions": [{ "provider_in": [] }] })),
            "condition",
        ),
        no(
            "condition-provider-of-a-row-that-names-none",
            "AGR-10",
            "an institution, in a row that names none",
            of(json!({ "provider_in": ["p"] })),
            "condition",
        ),
        no(
            "tier-row-twice",
            "AGR-11",
            "two rows for one direction",
            with(|p| p["tier_map"][1] = p["tier_map"][0].clone()),
            "tier-row",
        ),
        no(
            "tier-row-from-a-stranger",
            "AGR-11",
            "tiers of no party",
            tiers("330824", YUSHAN),
            "tier-row",
        ),
        no(
            "tier-row-to-a-stranger",
            "AGR-11",
            "tiers for no party",
            tiers(YUSHAN, "330824"),
            "tier-row",
        ),
        no(
            "freshness-a-second-over",
            "AGR-11",
            "24 hours and a second fresh",
            freshness(86_401, 259_200),
            "freshness",
        ),
        no(
            "freshness-usable-a-second-over",
            "AGR-11",
            "72 hours and a second usable",
            freshness(86_400, 259_201),
            "freshness",
        ),
        no(
            "freshness-of-no-time",
            "AGR-11",
            "fresh for no second",
            freshness(0, 3600),
            "freshness",
        ),
        no(
            "title-empty",
            "AGR-11",
            "a title of white space",
            top(json!({ "title": blank })),
            "empty-text",
        ),
        no(
            "legal-basis-empty",
            "AGR-11",
            "a legal basis of white space",
            top(json!({ "legal_basis": blank })),
            "empty-text",
        ),
        no(
            "continuation-empty",
            "AGR-11",
            "a continuation of white space",
            top(json!({ "continuation": blank })),
            "empty-text",
        ),
    ]
}

/// Several defects have no order: they are told together, and beyond the bounds nothing is read.
fn several() -> Vec<Of<AgreementInput>> {
    let no = |name: &str, ids: &str, about: &str, input: AgreementInput, rule: &str| {
        refuse(
            &format!("agreement/contents-{name}"),
            TWIN,
            ids,
            about,
            input,
            rule,
        )
    };
    vec![
        no(
            "two-defects",
            "AGR-4 AGR-7",
            "version 0, and a code of no catalogue: told together, whichever is found first",
            with(|p| {
                p["version"] = json!(0);
                p["services"][0]["code"] = json!("BPS-99");
            }),
            "agreement.contents",
        ),
        no(
            "two-defects-of-one-row",
            "AGR-7 AGR-9",
            "one row leads nowhere and keeps its records for no time",
            row(json!({ "direction": { "issuer": YUSHAN, "recogniser": YUSHAN }, "retention_days": 0 })),
            "agreement.contents",
        ),
        no(
            "two-defects-of-one-service",
            "AGR-7",
            "one service stands twice, and its code is of no catalogue",
            with(|p| {
                p["services"][0]["code"] = json!("BPS-99");
                p["services"][1]["code"] = json!("BPS-99");
            }),
            "agreement.contents",
        ),
        no(
            "one-defect-twice",
            "AGR-7",
            "two codes of no catalogue are one rule",
            with(|p| {
                p["services"][0]["code"] = json!("BPS-98");
                p["services"][1]["code"] = json!("BPS-99");
            }),
            "agreement.unknown-service",
        ),
        no(
            "one-party-and-a-row-that-is-not-read",
            "AGR-5 AGR-7",
            "one party, and a code of no catalogue: beyond the bound of parties no row is read",
            with(|p| {
                p["parties"].as_array_mut().expect("parties").pop();
                p["services"][0]["code"] = json!("BPS-99");
            }),
            "agreement.party-count",
        ),
        no(
            "no-service-and-a-signatory-that-is-not-read",
            "AGR-7 AGR-11",
            "no row, and an office of another region: beyond the bound of rows nothing more is read",
            top(json!({
                "services": [],
                "signatories": [{ "region": "110000", "office": { "zh": "示例", "en": "x" } }],
            })),
            "agreement.service-count",
        ),
        no(
            "a-defect-before-a-party-that-is-no-member",
            "AGR-3 AGR-9",
            "records kept for no time, and a party that is no member: contents are judged first",
            with(|p| {
                p["services"][0]["retention_days"] = json!(0);
                p["parties"][1]["entity"] = json!("https://c440103.example");
            }),
            "agreement.retention",
        ),
    ]
}

/// Notice, to the day.
pub(super) fn withdrawals() -> Vec<Of<WithdrawalInput>> {
    let at = |days: u32, iat: i64, from: i64| {
        let mut payload = payload();
        payload["notice_days"] = json!(days);
        let agreement = signed(&payload);
        WithdrawalInput {
            federation: "demo".into(),
            withdrawal: notice(&agreement, "361123", iat, today(from)),
            agreement: text(&agreement),
            now: NOW,
        }
    };
    let morning = today(0).start_of_day().get();
    let holds = |name: &str, ids: &str, about: &str, input: WithdrawalInput, from: i64| {
        accept(
            &format!("agreement/{name}"),
            ids,
            about,
            input,
            json!({ "effective_from": today(from) }),
        )
    };
    let no = |name: &str, ids: &str, about: &str, input: WithdrawalInput, rule: &str| {
        refuse(
            &format!("agreement/withdrawal-{name}"),
            LEAVING,
            ids,
            about,
            input,
            rule,
        )
    };
    vec![
        holds(
            "valid-withdrawal-60-seconds-ahead",
            "JWS-17",
            "issued at the end of the skew",
            at(30, NOW + 60, 30),
            30,
        ),
        holds(
            "valid-withdrawal-of-last-night",
            "AGR-18 TIM-3",
            "issued in the last second of yesterday in UTC+8: the notice has run a day earlier",
            at(30, morning - 1, 29),
            29,
        ),
        holds(
            "valid-withdrawal-without-notice",
            "AGR-18",
            "the agreement asks for no notice: from today",
            at(0, NOW, 0),
            0,
        ),
        no(
            "of-this-morning-too-short",
            "AGR-18 TIM-3",
            "issued in the first second of today: 29 days from it",
            at(30, morning, 29),
            "withdrawal.notice-too-short",
        ),
        no(
            "before-its-own-day",
            "AGR-18",
            "the agreement asks for no notice: from yesterday",
            at(0, NOW, -1),
            "withdrawal.notice-too-short",
        ),
    ]
}
