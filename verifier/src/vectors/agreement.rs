//! Vectors of chapter 4: agreements at adoption, withdrawals, and what is in force.

use comity_spec::agreement::SignedAgreement;
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::time::LocalDate;
use comity_spec::vector::{AgreementInput, InForceInput, Of, Vector, WithdrawalInput};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

use super::{CHANGSHAN, CHANGSHAN_ID, DAY, NOW, YUSHAN, YUSHAN_ID, accept, demo, now, refuse, text, today};
use crate::b64;
use crate::testing::{key, merge, sign, sign_agreement, thumbprint};

mod bounds;
mod reasons;

const TWIN: &str = "agreement/valid";
const LEAVING: &str = "agreement/valid-withdrawal";
const HOLDING: &str = "agreement/in-force";

fn payload() -> Value {
    let federation = demo();
    let agreement = federation.agreement(&federation.counties[0], &federation.counties[1]);
    serde_json::to_value(agreement).expect("an agreement serialises")
}

fn parties() -> [SigningKey; 2] {
    [key("361123/federation"), key("330822/federation")]
}

pub(super) fn signed(payload: &Value) -> SignedAgreement {
    sign_agreement(payload, &parties(), now())
}

fn digest(signed: &SignedAgreement) -> String {
    comity_spec::ids::Digest::of(b64::decode(signed.payload.as_bytes()).expect("base64url")).to_string()
}

fn input(agreement: String) -> AgreementInput {
    AgreementInput {
        federation: "demo".into(),
        agreement,
        now: NOW,
    }
}

fn with(change: impl FnOnce(&mut Value)) -> AgreementInput {
    let mut payload = payload();
    change(&mut payload);
    input(text(&signed(&payload)))
}

fn top(more: Value) -> AgreementInput {
    with(|p| merge(p, more))
}

fn row(more: Value) -> AgreementInput {
    with(|p| merge(&mut p["services"][0], more))
}

pub(super) fn all() -> Vec<Vector> {
    let mut all: Vec<Vector> = adoption()
        .into_iter()
        .chain(contents())
        .chain(bounds::contents())
        .map(Vector::Agreement)
        .collect();
    let notices = withdrawals().into_iter().chain(bounds::withdrawals());
    all.extend(notices.map(Vector::Withdrawal));
    let forces = in_force().into_iter().chain(reasons::all());
    all.extend(forces.map(Vector::InForce));
    all
}

fn adoption() -> Vec<Of<AgreementInput>> {
    let no = |name: &str, ids: &str, about: &str, input: AgreementInput, rule: &str| {
        refuse(&format!("agreement/{name}"), TWIN, ids, about, input, rule)
    };
    let by = |keys: &[SigningKey]| input(text(&sign_agreement(&payload(), keys, now())));
    let [a, b] = parties();
    let good = signed(&payload());
    let raw = |change: &dyn Fn(&mut Value)| {
        let mut value = serde_json::to_value(&good).expect("serialises");
        change(&mut value);
        input(value.to_string())
    };
    let header = |change: &dyn Fn(&mut Value)| {
        use ed25519_dalek::Signer as _;
        let mut one =
            json!({ "alg": "EdDSA", "kid": thumbprint(&a), "typ": "comity-agreement+jwt", "signed_at": NOW });
        change(&mut one);
        let protected = b64::encode(one.to_string().as_bytes());
        let signature = b64::encode(
            &a.sign(format!("{protected}.{}", good.payload).as_bytes())
                .to_bytes(),
        );
        raw(&|v| v["signatures"][0] = json!({ "protected": protected, "signature": signature }))
    };
    let other_key = {
        let mut payload = payload();
        payload["parties"][1]["federation_keys"] = json!([thumbprint(&key("other"))]);
        payload
    };
    let mut late = input(text(&good));
    late.now = NOW + 5 * DAY;
    let mut production = payload();
    production["environment"] = json!("PRODUCTION");
    let read = json!({ "id": "AGR-DEMO", "version": 1, "digest": digest(&good), "signers": 2 });
    vec![
        accept(TWIN, "AGR-1 AGR-2 AGR-3 JWS-20", "two counties, both ways", input(text(&good)), read.clone()),
        accept("agreement/valid-signatures-in-another-order", "AGR-2", "the order of signatures means nothing", by(&[b.clone(), a.clone()]), read),
        accept("agreement/valid-extension", "VSN-1 JWS-14", "members in ext mean nothing here", top(json!({ "ext": { "anything": { "deep": [1] } } })), json!({ "version": 1, "signers": 2 })),
        accept("agreement/valid-null-for-no-last-day", "JWS-16", "null in place of a member that may be left out and has no default", with(|p| p["effective_until"] = Value::Null), json!({ "version": 1, "signers": 2 })),
        no("null-for-a-default", "JWS-16", "null in place of a member that has a default", with(|p| p["tier_map"] = Value::Null), "jws.claims"),
        no("null-for-a-required-member", "JWS-16", "null in place of a member that must be there", with(|p| p["impact_assessment"] = Value::Null), "jws.claims"),
        no("one-signature", "AGR-2 AGR-21", "one party has not signed", by(std::slice::from_ref(&a)), "jws.signature-count"),
        no("one-party-signed-twice", "AGR-2", "one party signed twice", by(&[a.clone(), a.clone()]), "jws.party-signed-twice"),
        no("three-signatures", "AGR-2", "a stranger signed as well", by(&[a.clone(), b.clone(), key("stranger")]), "jws.unknown-key"),
        no("seventeen-signatures", "JWS-20", "fifteen strangers signed as well", by(&[a.clone(), b.clone()].into_iter().chain((0..15).map(|n| key(&format!("stranger {n}")))).collect::<Vec<_>>()), "jws.structure"),
        no("signed-by-a-stranger", "AGR-2", "a stranger in place of a party", by(&[a.clone(), key("stranger")]), "jws.unknown-key"),
        no("signed-by-a-status-key", "AGR-2 JWS-5", "the party's status key signed", by(&[a.clone(), key("330822/status")]), "jws.unknown-key"),
        no("signed-by-the-province", "AGR-2", "the party's province signed", by(&[a.clone(), key("zhejiang")]), "jws.unknown-key"),
        no("key-pinned-and-not-in-the-chain", "AGR-2", "the chain does not give the pinned key", input(text(&sign_agreement(&other_key, &[a.clone(), key("other")], now()))), "agreement.key-not-in-chain"),
        no("key-in-the-chain-and-not-pinned", "AGR-2", "the agreement does not pin the chain's key", input(text(&signed(&other_key))), "agreement.key-not-pinned"),
        no("payload-changed", "AGR-1 SEC-1", "another payload under the same signatures", raw(&|v| v["payload"] = json!(signed(&{ let mut p = payload(); p["notice_days"] = json!(1); p }).payload)), "jws.signature"),
        no("signature-changed", "AGR-1 SEC-1", "a signature of another payload", raw(&|v| v["signatures"][0]["signature"] = json!(b64::encode(&[1; 64]))), "jws.signature"),
        no("signed-in-the-future", "JWS-17", "signed 61 seconds ahead", input(text(&sign_agreement(&payload(), &parties(), now().plus_saturating(61)))), "agreement.clock-doubt"),
        no("party-of-another-region", "AGR-3", "the chain gives the party another region", with(|p| { p["parties"][1]["region"] = json!("330824"); p["tier_map"] = json!([]); }), "agreement.region"),
        no("environment", "AGR-3", "of the other environment", input(text(&signed(&production))), "agreement.environment"),
        no("party-without-chain", "AGR-3 TRU-22", "adopted after the chains have ended", late, "agreement.party-not-active"),
        no("party-not-a-member", "AGR-3", "a party that is no member", with(|p| p["parties"][1]["entity"] = json!("https://c440103.example")), "agreement.party-not-active"),
        no("unknown-member", "JWS-14", "the payload has a member too many", top(json!({ "surprise": 1 })), "jws.claims"),
        no("member-missing", "JWS-16", "there is no continuation", with(|p| { p.as_object_mut().expect("object").shift_remove("continuation"); }), "jws.claims"),
        no("unprotected-header", "JWS-20", "a signature has an unprotected header", raw(&|v| v["signatures"][0]["header"] = json!({ "kid": "x" })), "jws.claims"),
        no("flattened", "JWS-20", "the flattened form", input(json!({ "payload": good.payload, "protected": good.signatures[0].protected, "signature": good.signatures[0].signature }).to_string()), "jws.claims"),
        no("signed-at-missing", "JWS-20", "a header without signed_at", header(&|h| { h.as_object_mut().expect("object").shift_remove("signed_at"); }), "jws.claims"),
        no("header-member", "JWS-20", "a header with a member too many", header(&|h| h["crit"] = json!(["exp"])), "jws.header-member"),
        no("header-typ", "JWS-20 JWS-3", "a header of another typ", header(&|h| h["typ"] = json!("comity-withdrawal+jwt")), "jws.typ"),
        no("compact", "AGR-1", "a compact JWS", input(sign(&a, Typ::Agreement, &payload())), "jws.json"),
        no("duplicate-name", "JWS-11", "the payload stands twice", input(text(&good).replacen("{\"payload\"", "{\"payload\":\"\",\"payload\"", 1)), "jws.duplicate-name"),
    ]
}

fn contents() -> Vec<Of<AgreementInput>> {
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
    let nested = |levels: usize| {
        (1..levels).fold(
            json!({ "endorsement_current": true }),
            |inner, _| json!({ "not": inner }),
        )
    };
    let provider = |region: &str| json!({ "id": "p", "region": region, "name": { "zh": "示例", "en": "x" } });
    let many = |n: usize| {
        json!(
            (0..n)
                .map(|_| json!({ "endorsement_current": true }))
                .collect::<Vec<_>>()
        )
    };
    let holds = |name: &str, ids: &str, about: &str, input: AgreementInput| {
        accept(
            &format!("agreement/contents-{name}"),
            ids,
            about,
            input,
            json!({ "version": 1, "signers": 2 }),
        )
    };
    vec![
        holds(
            "local-item",
            "AGR-7 IDN-11",
            "a county's own item",
            row(json!({ "code": "LOCAL-330822-07" })),
        ),
        holds(
            "conditions-eight-deep",
            "AGR-10",
            "eight levels of conditions",
            row(json!({ "conditions": [nested(8)] })),
        ),
        holds(
            "conditions-128",
            "AGR-10",
            "128 conditions",
            row(json!({ "conditions": many(128) })),
        ),
        holds(
            "one-direction",
            "AGR-7",
            "a row for one direction",
            row(json!({ "direction": { "issuer": YUSHAN, "recogniser": CHANGSHAN } })),
        ),
        holds(
            "named-institution",
            "AGR-8",
            "a named institution in a recognising region",
            row(json!({ "providers": [provider(CHANGSHAN)] })),
        ),
        holds(
            "freshness-tighter",
            "AGR-11",
            "an hour fresh, two usable",
            top(json!({ "freshness": { "fresh_seconds": 3600, "usable_seconds": 7200 } })),
        ),
        no(
            "version-0",
            "AGR-4",
            "version 0",
            top(json!({ "version": 0 })),
            "agreement.version",
        ),
        no(
            "version-2-without-prev",
            "AGR-4",
            "a later version without its predecessor's digest",
            top(json!({ "version": 2 })),
            "agreement.version",
        ),
        no(
            "version-1-with-prev",
            "AGR-4",
            "a first version with a predecessor",
            top(json!({ "prev": comity_spec::ids::Digest::of("x") })),
            "agreement.version",
        ),
        no(
            "one-party",
            "AGR-5",
            "one party",
            with(|p| {
                p["parties"].as_array_mut().expect("parties").pop();
            }),
            "agreement.party-count",
        ),
        no(
            "party-region-twice",
            "AGR-5",
            "two parties of one region",
            with(|p| {
                p["parties"][1]["region"] = json!(YUSHAN);
                p["tier_map"] = json!([]);
            }),
            "agreement.party-twice",
        ),
        no(
            "party-without-key",
            "AGR-5",
            "a party pins no key",
            with(|p| p["parties"][1]["federation_keys"] = json!([])),
            "agreement.party-without-key",
        ),
        no(
            "key-pinned-twice",
            "AGR-5",
            "both parties pin one key",
            with(|p| p["parties"][1]["federation_keys"] = p["parties"][0]["federation_keys"].clone()),
            "agreement.key-twice",
        ),
        no(
            "ends-before-it-begins",
            "AGR-6",
            "effective_until is the day before effective_from",
            top(json!({ "effective_until": today(-11) })),
            "agreement.dates",
        ),
        no(
            "no-service",
            "AGR-7",
            "no service at all",
            top(json!({ "services": [] })),
            "agreement.service-count",
        ),
        no(
            "service-twice",
            "AGR-7",
            "one service stands twice for one direction",
            with(|p| p["services"][1]["code"] = json!("BPS-1")),
            "agreement.service-twice",
        ),
        no(
            "service-unknown",
            "AGR-7 IDN-11",
            "a code of no catalogue",
            row(json!({ "code": "BPS-99" })),
            "agreement.unknown-service",
        ),
        no(
            "direction-missing",
            "AGR-7",
            "not reciprocal and no direction",
            with(|p| {
                p["reciprocal"] = json!(false);
                p["services"].as_array_mut().expect("rows").truncate(1);
            }),
            "agreement.direction-missing",
        ),
        no(
            "direction-to-itself",
            "AGR-7",
            "from a region to itself",
            row(json!({ "direction": { "issuer": YUSHAN, "recogniser": YUSHAN } })),
            "agreement.direction",
        ),
        no(
            "direction-to-a-stranger",
            "AGR-7",
            "to a region that is no party",
            row(json!({ "direction": { "issuer": YUSHAN, "recogniser": "330824" } })),
            "agreement.direction",
        ),
        no(
            "providers-none",
            "AGR-8",
            "institutions are named, but none",
            row(json!({ "providers": [] })),
            "agreement.providers",
        ),
        no(
            "provider-twice",
            "AGR-8",
            "an institution is named twice",
            row(json!({ "providers": [provider(CHANGSHAN), provider(CHANGSHAN)] })),
            "agreement.providers",
        ),
        no(
            "provider-elsewhere",
            "AGR-8",
            "an institution outside the parties",
            row(json!({ "providers": [provider("330824")] })),
            "agreement.provider-region",
        ),
        no(
            "claim-twice",
            "AGR-9",
            "a claim stands twice",
            row(json!({ "claims": ["name", "name"] })),
            "agreement.claim-twice",
        ),
        no(
            "claim-unknown",
            "VSN-3 JWS-16",
            "a claim that does not exist",
            row(json!({ "claims": ["blood_group"] })),
            "jws.claims",
        ),
        no(
            "retention-zero",
            "AGR-9",
            "records kept for no time",
            row(json!({ "retention_days": 0 })),
            "agreement.retention",
        ),
        no(
            "conditions-nine-deep",
            "AGR-10",
            "nine levels of conditions",
            row(json!({ "conditions": [nested(9)] })),
            "agreement.condition-depth",
        ),
        no(
            "conditions-129",
            "AGR-10",
            "129 conditions",
            row(json!({ "conditions": many(129) })),
            "agreement.condition-depth",
        ),
        no(
            "condition-of-nothing",
            "AGR-10",
            "all of nothing",
            row(json!({ "conditions": [{ "all": [] }] })),
            "agreement.condition",
        ),
        no(
            "condition-empty-range",
            "AGR-10",
            "from nine to six years",
            row(json!({ "conditions": [{ "age_between": { "min": 9, "max": 6 } }] })),
            "agreement.condition",
        ),
        no(
            "condition-no-tiers",
            "AGR-10",
            "a tier of none",
            row(json!({ "conditions": [{ "tier_in": [] }] })),
            "agreement.condition",
        ),
        no(
            "condition-rule-without-text",
            "AGR-10",
            "a local rule that says nothing",
            row(
                json!({ "conditions": [{ "local_rule": { "id": "R-1", "text": { "zh": " ", "en": "x" } } }] }),
            ),
            "agreement.condition",
        ),
        no(
            "condition-foreign-provider",
            "AGR-10",
            "an institution that the row does not name",
            row(json!({ "providers": [provider(CHANGSHAN)], "conditions": [{ "provider_in": ["q"] }] })),
            "agreement.condition",
        ),
        no(
            "condition-unknown",
            "AGR-10 VSN-3",
            "a condition that does not exist",
            row(json!({ "conditions": [{ "credit_score": 700 }] })),
            "jws.claims",
        ),
        no(
            "tier-row-to-itself",
            "AGR-11",
            "tiers from a region to itself",
            with(|p| p["tier_map"][1]["issuer"] = p["tier_map"][1]["recogniser"].clone()),
            "agreement.tier-row",
        ),
        no(
            "tier-row-of-nothing",
            "AGR-11",
            "a row that maps nothing",
            with(|p| p["tier_map"][0]["map"] = json!({})),
            "agreement.tier-row",
        ),
        no(
            "freshness-wider",
            "AGR-11",
            "25 hours fresh",
            top(json!({ "freshness": { "fresh_seconds": 90_000, "usable_seconds": 100_000 } })),
            "agreement.freshness",
        ),
        no(
            "freshness-no-range",
            "AGR-11",
            "usable for less than fresh",
            top(json!({ "freshness": { "fresh_seconds": 3600, "usable_seconds": 60 } })),
            "agreement.freshness",
        ),
        no(
            "signatory-of-no-party",
            "AGR-11",
            "an office of another region",
            top(json!({ "signatories": [{ "region": "110000", "office": { "zh": "示例", "en": "x" } }] })),
            "agreement.signatory",
        ),
        no(
            "impact-assessment-empty",
            "AGR-11",
            "no impact assessment",
            top(json!({ "impact_assessment": " " })),
            "agreement.empty-text",
        ),
    ]
}

fn withdrawals() -> Vec<Of<WithdrawalInput>> {
    let federation = demo();
    let agreement = signed(&payload());
    let reference = json!({ "id": "AGR-DEMO", "version": 1, "digest": digest(&agreement) });
    let claims = json!({
        "iss": YUSHAN_ID, "iat": NOW, "agreement": reference, "effective_from": today(30),
        "reason": { "zh": "示例", "en": "Example" },
    });
    let at = |withdrawal: String| WithdrawalInput {
        federation: "demo".into(),
        agreement: text(&agreement),
        withdrawal,
        now: NOW,
    };
    let own = federation.county(YUSHAN).key(KeyPurpose::Federation);
    let with = |more: Value| {
        let mut changed = claims.clone();
        merge(&mut changed, more);
        at(sign(&own, Typ::Withdrawal, &changed))
    };
    let by = |key: &SigningKey| at(sign(key, Typ::Withdrawal, &claims));
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
    let mut version = reference.clone();
    version["version"] = json!(2);
    let mut other_digest = reference.clone();
    other_digest["digest"] = json!(comity_spec::ids::Digest::of("x"));
    vec![
        accept(
            LEAVING,
            "AGR-17 AGR-18",
            "30 days from today",
            with(json!({})),
            json!({ "effective_from": today(30) }),
        ),
        no(
            "notice-too-short",
            "AGR-18",
            "29 days from today",
            with(json!({ "effective_from": today(29) })),
            "withdrawal.notice-too-short",
        ),
        no(
            "of-another-version",
            "AGR-17",
            "names version 2",
            with(json!({ "agreement": version })),
            "withdrawal.other-agreement",
        ),
        no(
            "of-another-digest",
            "AGR-17",
            "names other contents",
            with(json!({ "agreement": other_digest })),
            "withdrawal.other-agreement",
        ),
        no(
            "by-no-party",
            "AGR-17",
            "iss is no party",
            with(json!({ "iss": "https://c440103.example" })),
            "withdrawal.not-a-party",
        ),
        no(
            "by-a-stranger",
            "AGR-17",
            "signed by a stranger",
            by(&key("stranger")),
            "jws.unknown-key",
        ),
        no(
            "by-the-province",
            "AGR-17 AGR-12",
            "signed by the party's province",
            by(&key("jiangxi")),
            "jws.unknown-key",
        ),
        no(
            "by-the-other-party",
            "AGR-17",
            "signed by the other party",
            by(&key("330822/federation")),
            "jws.unknown-key",
        ),
        no(
            "by-an-exchange-key",
            "AGR-17 JWS-5",
            "signed by the party's exchange key",
            by(&key("361123/exchange")),
            "jws.unknown-key",
        ),
        no(
            "from-the-future",
            "JWS-17",
            "issued 61 seconds ahead",
            with(json!({ "iat": NOW + 61 })),
            "withdrawal.clock-doubt",
        ),
        no(
            "typ",
            "JWS-3",
            "typ is an agreement's",
            at(sign(&own, Typ::Agreement, &claims)),
            "jws.typ",
        ),
        no(
            "unknown-member",
            "JWS-14",
            "a member too many",
            with(json!({ "surprise": 1 })),
            "jws.claims",
        ),
    ]
}

/// A notice of withdrawal by the county of a region.
fn notice(agreement: &SignedAgreement, region: &str, iat: i64, from: LocalDate) -> String {
    let payload = b64::decode(agreement.payload.as_bytes()).expect("base64url");
    let payload: Value = serde_json::from_slice(&payload).expect("JSON");
    let claims = json!({
        "iss": format!("https://c{region}.example"), "iat": iat,
        "agreement": { "id": payload["id"], "version": payload["version"], "digest": digest(agreement) },
        "effective_from": from, "reason": { "zh": "示例", "en": "Example" },
    });
    sign(&key(&format!("{region}/federation")), Typ::Withdrawal, &claims)
}

fn in_force() -> Vec<Of<InForceInput>> {
    let first = signed(&payload());
    let next = |from: i64, notice: u32| {
        let mut payload = payload();
        merge(
            &mut payload,
            json!({ "version": 2, "prev": digest(&first), "effective_from": today(from), "notice_days": notice }),
        );
        signed(&payload)
    };
    let ending = |until: i64| {
        let mut payload = payload();
        payload["effective_until"] = json!(today(until));
        signed(&payload)
    };
    let on = |agreements: &[&SignedAgreement], day: i64| InForceInput {
        federation: "demo".into(),
        agreements: agreements.iter().map(|one| text(one)).collect(),
        withdrawals: Vec::new(),
        received_at: None,
        now: NOW,
        issuer: YUSHAN_ID.into(),
        recogniser: CHANGSHAN_ID.into(),
        on: today(day).to_string(),
    };
    let swapped = |mut input: InForceInput| {
        std::mem::swap(&mut input.issuer, &mut input.recogniser);
        input
    };
    let left = |day: i64| {
        let claims = json!({
            "iss": YUSHAN_ID, "iat": NOW,
            "agreement": { "id": "AGR-DEMO", "version": 1, "digest": digest(&first) },
            "effective_from": today(30), "reason": { "zh": "示例", "en": "Example" },
        });
        let mut input = on(&[&first], day);
        input.withdrawals = vec![sign(&key("361123/federation"), Typ::Withdrawal, &claims)];
        input
    };
    let stranger = {
        let mut input = on(&[&first], 0);
        input.recogniser = "https://c440103.example".into();
        input
    };
    let version = |n: u32| json!({ "version": n });
    let no = |name: &str, ids: &str, about: &str, input: InForceInput, rule: &str| {
        refuse(&format!("agreement/{name}"), HOLDING, ids, about, input, rule)
    };
    vec![
        accept(
            HOLDING,
            "AGR-14",
            "between its first day and its last",
            on(&[&first], 0),
            version(1),
        ),
        accept(
            "agreement/in-force-the-other-way",
            "AGR-14 AGR-20",
            "with the parties swapped",
            swapped(on(&[&first], 0)),
            version(1),
        ),
        accept(
            "agreement/in-force-on-its-first-day",
            "AGR-14",
            "effective_from itself",
            on(&[&first], -10),
            version(1),
        ),
        accept(
            "agreement/in-force-on-its-last-day",
            "AGR-14",
            "effective_until itself",
            on(&[&ending(3)], 3),
            version(1),
        ),
        accept(
            "agreement/in-force-version-1-before-its-successor",
            "AGR-15",
            "the day before version 2",
            on(&[&first, &next(5, 30)], 4),
            version(1),
        ),
        accept(
            "agreement/in-force-version-2-from-its-day",
            "AGR-15",
            "effective_from of version 2",
            on(&[&first, &next(5, 30)], 5),
            version(2),
        ),
        accept(
            "agreement/in-force-until-the-day-before-a-withdrawal",
            "AGR-18",
            "the last day before the withdrawal",
            left(29),
            version(1),
        ),
        accept(
            "agreement/in-force-version-1-beside-two-void-successors",
            "AGR-16",
            "two successors of one version void each other",
            on(&[&first, &next(5, 30), &next(5, 31)], 6),
            version(1),
        ),
        no(
            "not-yet-in-force",
            "AGR-14",
            "the day before effective_from",
            on(&[&first], -11),
            "agreement.not-yet",
        ),
        no(
            "ended",
            "AGR-14",
            "the day after effective_until",
            on(&[&ending(3)], 4),
            "agreement.ended",
        ),
        no(
            "withdrawn",
            "AGR-18",
            "the day of the withdrawal",
            left(30),
            "agreement.withdrawn",
        ),
        no(
            "void",
            "AGR-16",
            "two successors alone",
            on(&[&next(-5, 30), &next(-5, 31)], 0),
            "agreement.void",
        ),
        no(
            "between-others",
            "AGR-14",
            "a county that is no party",
            stranger,
            "agreement.none",
        ),
    ]
}
