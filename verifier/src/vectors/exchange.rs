//! Vectors of chapter 7: look-up requests, answers and hints.

use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::vector::{HintInput, Of, RequestInput, ResponseInput, Vector};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

use super::{CHANGSHAN, CHANGSHAN_ID, DAY, NOW, YUSHAN, YUSHAN_ID, accept, demo, refuse, text, today};
use crate::testing::{key, merge, sign, thumbprint};

const ASKING: &str = "exchange/valid-request";
const ANSWERING: &str = "exchange/valid-match";
const HINTING: &str = "exchange/valid-hint";

/// What 常山 asks 玉山.
pub(super) fn request() -> Value {
    let federation = demo();
    let (asker, asked) = (federation.county(CHANGSHAN), federation.county(YUSHAN));
    federation.request(asker, asked, &federation.verified_agreement())
}

fn asker() -> SigningKey {
    key("330822/exchange")
}

fn asked() -> SigningKey {
    key("361123/exchange")
}

pub(super) fn sign_request(claims: &Value) -> String {
    sign(&asker(), Typ::VerificationRequest, claims)
}

pub(super) fn agreement() -> String {
    let federation = demo();
    let (a, b) = (&federation.counties[0], &federation.counties[1]);
    text(&federation.signed(&federation.agreement(a, b), &[a, b]))
}

/// An answer with changes: `null` removes a member.
pub(super) fn answer(request: &Value, change: Value) -> String {
    let mut answer = demo().answer(request, &sign_request(request));
    merge(&mut answer, change);
    if let Value::Object(members) = &mut answer {
        members.retain(|_, value| !value.is_null());
    }
    sign(&asked(), Typ::VerificationResponse, &answer)
}

pub(super) fn all() -> Vec<Vector> {
    let mut all: Vec<Vector> = requests().into_iter().map(Vector::Request).collect();
    all.extend(answers().into_iter().map(Vector::Response));
    all.extend(hints().into_iter().map(Vector::Hint));
    all
}

fn requests() -> Vec<Of<RequestInput>> {
    let at = |request: String| RequestInput {
        federation: "demo".into(),
        agreements: vec![agreement()],
        me: YUSHAN_ID.into(),
        channel: Some(CHANGSHAN_ID.into()),
        request,
        now: NOW,
    };
    let with = |more: Value| {
        let mut claims = request();
        merge(&mut claims, more);
        at(sign_request(&claims))
    };
    let without = |member: &str| {
        let mut claims = request();
        claims.as_object_mut().expect("object").shift_remove(member);
        at(sign_request(&claims))
    };
    let no = |name: &str, ids: &str, about: &str, input: RequestInput, problem: &str| {
        refuse(
            &format!("exchange/request-{name}"),
            ASKING,
            ids,
            about,
            input,
            problem,
        )
    };
    let reference = |more: Value| {
        let mut reference = request()["agreement"].clone();
        merge(&mut reference, more);
        json!({ "agreement": reference })
    };
    let with_row = |more: Value, change: Value| {
        let federation = demo();
        let (a, b) = (&federation.counties[0], &federation.counties[1]);
        let mut payload = serde_json::to_value(federation.agreement(a, b)).expect("serialises");
        merge(&mut payload["services"][1], more);
        let signed = super::agreement::signed(&payload);
        let digest =
            comity_spec::ids::Digest::of(crate::b64::decode(signed.payload.as_bytes()).expect("base64url"));
        let mut claims = request();
        claims["agreement"]["digest"] = json!(digest);
        merge(&mut claims, change);
        RequestInput {
            agreements: vec![text(&signed)],
            ..at(sign_request(&claims))
        }
    };
    let ended = {
        let federation = demo();
        let (a, b) = (&federation.counties[0], &federation.counties[1]);
        let mut payload = serde_json::to_value(federation.agreement(a, b)).expect("serialises");
        payload["effective_until"] = json!(today(-1));
        RequestInput {
            agreements: vec![text(&super::agreement::signed(&payload))],
            ..with(json!({}))
        }
    };
    let named = json!({ "providers": [{ "id": "330822-p1", "region": CHANGSHAN, "name": { "zh": "示例医院", "en": "x" } }] });
    let other_way = json!({ "direction": { "issuer": CHANGSHAN, "recogniser": YUSHAN } });
    let mut through_a_relay = with(json!({}));
    through_a_relay.channel = None;
    let mut another_channel = with(json!({}));
    another_channel.channel = Some("https://c330824.example".into());
    let mut not_here = with(json!({}));
    not_here.me = CHANGSHAN_ID.into();
    let mut late = with(json!({}));
    late.now = NOW + 60 + 60;
    let mut in_the_skew = with(json!({}));
    in_the_skew.now = NOW + 60 + 59;
    let mut unknown = with(json!({}));
    unknown.agreements = Vec::new();
    let suspended = RequestInput {
        federation: "yushan-suspended".into(),
        me: CHANGSHAN_ID.into(),
        channel: Some(YUSHAN_ID.into()),
        ..at({
            let mut claims = request();
            merge(&mut claims, json!({ "iss": YUSHAN_ID, "aud": CHANGSHAN_ID }));
            sign(&asked(), Typ::VerificationRequest, &claims)
        })
    };
    let read = json!({ "service": "BPS-2", "iss": CHANGSHAN_ID });
    vec![
        accept(
            ASKING,
            "VER-4 VER-5 VER-6 VER-7",
            "a look-up of 示例甲 for employment services",
            with(json!({})),
            read.clone(),
        ),
        accept(
            "exchange/valid-request-through-a-relay",
            "VER-8",
            "no channel; the signature says whose it is",
            through_a_relay,
            read.clone(),
        ),
        accept(
            "exchange/valid-request-in-the-skew",
            "VER-5",
            "59 seconds after exp",
            in_the_skew,
            read.clone(),
        ),
        accept(
            "exchange/valid-request-extension",
            "VSN-1",
            "members in ext mean nothing here",
            with(json!({ "ext": { "x": 1 } })),
            read.clone(),
        ),
        accept(
            "exchange/valid-request-fewer-claims",
            "VER-7",
            "one claim of those allowed",
            with(json!({ "claims": ["tier"] })),
            read.clone(),
        ),
        accept(
            "exchange/valid-request-named-institution",
            "AGR-19",
            "the institution that the row names",
            with_row(named.clone(), json!({ "provider": "330822-p1" })),
            read,
        ),
        no(
            "from-another-channel",
            "VER-4",
            "iss is not the county of the channel",
            another_channel,
            "pin-mismatch",
        ),
        no(
            "from-no-member",
            "VER-4",
            "iss is nobody here",
            {
                let mut input = with(json!({ "iss": "https://c440103.example" }));
                input.channel = None;
                input
            },
            "not-a-member",
        ),
        no(
            "from-a-suspended-county",
            "VER-4",
            "iss is suspended",
            suspended,
            "not-a-member",
        ),
        no(
            "when-the-chain-has-ended",
            "TRU-22 VER-4",
            "the asking county's chain has ended since, as far as this node knows",
            {
                let late = NOW + 6 * DAY;
                let mut input = with(json!({ "iat": late, "exp": late + 60 }));
                input.now = late;
                input
            },
            "not-ready",
        ),
        no(
            "by-a-stranger",
            "VER-4 JWS-4",
            "a key that no chain gives",
            at(sign(&key("stranger"), Typ::VerificationRequest, &request())),
            "signature-invalid",
        ),
        no(
            "by-a-receipt-key",
            "JWS-5",
            "the recogniser's receipt key",
            at(sign(&key("330822/receipt"), Typ::VerificationRequest, &request())),
            "signature-invalid",
        ),
        no(
            "forged",
            "VER-4 SEC-1",
            "another key under the right name",
            at({
                let header = json!({ "alg": "EdDSA", "kid": thumbprint(&asker()), "typ": "comity-verification-request+jwt" }).to_string();
                super::raw(&key("stranger"), &header, request().to_string().as_bytes())
            }),
            "signature-invalid",
        ),
        no(
            "typ-of-a-hint",
            "JWS-3",
            "typ is a hint's",
            at(sign(&asker(), Typ::Hint, &request())),
            "malformed-request",
        ),
        no(
            "for-another-node",
            "VER-4",
            "aud is another county",
            not_here,
            "wrong-audience",
        ),
        no(
            "environment",
            "VER-4 TRU-13",
            "of the other environment",
            with(json!({ "environment": "PRODUCTION" })),
            "wrong-environment",
        ),
        no(
            "lives-61-seconds",
            "VER-5",
            "exp is 61 seconds after iat",
            with(json!({ "exp": NOW + 61 })),
            "malformed-request",
        ),
        no(
            "ends-before-it-begins",
            "VER-5",
            "exp is iat",
            with(json!({ "exp": NOW })),
            "malformed-request",
        ),
        no(
            "from-the-future",
            "JWS-17",
            "iat is 61 seconds ahead",
            with(json!({ "iat": NOW + 61, "exp": NOW + 100 })),
            "clock-skew",
        ),
        no(
            "expired",
            "VER-5",
            "60 seconds after exp",
            late,
            "request-expired",
        ),
        no(
            "agreement-unknown",
            "VER-6",
            "no agreement between the two",
            unknown,
            "agreement-unknown",
        ),
        no(
            "agreement-of-another-id",
            "VER-6",
            "names another agreement",
            with(reference(json!({ "id": "AGR-OTHER" }))),
            "agreement-unknown",
        ),
        no(
            "agreement-of-another-version",
            "VER-6",
            "names version 2",
            with(reference(json!({ "version": 2 }))),
            "agreement-version-mismatch",
        ),
        no(
            "agreement-of-another-digest",
            "VER-6",
            "names other contents",
            with(reference(json!({ "digest": comity_spec::ids::Digest::of("x") }))),
            "agreement-version-mismatch",
        ),
        no(
            "agreement-ended",
            "VER-6",
            "the agreement has ended",
            ended,
            "agreement-not-in-force",
        ),
        no(
            "service-not-covered",
            "VER-7 DEC-10",
            "a service that no row names",
            with(json!({ "service": "CNV-3" })),
            "service-not-covered",
        ),
        no(
            "service-a-part-of-a-covered-one",
            "AGR-19 VER-7",
            "a part of BPS-2 is a row of its own",
            with(json!({ "service": "EMP-INFO" })),
            "service-not-covered",
        ),
        no(
            "service-of-the-other-direction",
            "AGR-19",
            "the row holds the other way only",
            with_row(other_way, json!({})),
            "service-not-covered",
        ),
        no(
            "institution-missing",
            "AGR-19",
            "the row names institutions, the request none",
            with_row(named.clone(), json!({})),
            "service-not-covered",
        ),
        no(
            "institution-another",
            "AGR-19",
            "an institution that the row does not name",
            with_row(named, json!({ "provider": "330822-p2" })),
            "service-not-covered",
        ),
        no(
            "claim-not-allowed",
            "VER-7",
            "asks for the citizen number, which the row does not list",
            with(json!({ "claims": ["name", "id_number"] })),
            "claims-not-allowed",
        ),
        no(
            "claim-unknown",
            "VSN-3",
            "asks for a claim that does not exist",
            with(json!({ "claims": ["blood_group"] })),
            "malformed-request",
        ),
        no(
            "unknown-member",
            "JWS-14",
            "a member too many",
            with(json!({ "urgent": true })),
            "malformed-request",
        ),
        no(
            "without-purpose",
            "JWS-16",
            "there is no purpose",
            without("purpose"),
            "malformed-request",
        ),
        no(
            "without-legal-basis",
            "JWS-16",
            "there is no legal basis",
            without("legal_basis"),
            "malformed-request",
        ),
        no(
            "without-jti",
            "JWS-16",
            "there is no jti",
            without("jti"),
            "malformed-request",
        ),
        no(
            "without-subject",
            "JWS-16",
            "nobody is looked up",
            without("subject"),
            "malformed-request",
        ),
        no(
            "jti-too-short",
            "IDN-14",
            "a jti of 15 octets",
            with(json!({ "jti": "AAAAAAAAAAAAAAAAAAAA" })),
            "malformed-request",
        ),
    ]
}

fn answers() -> Vec<Of<ResponseInput>> {
    let asked_for = request();
    let request_jws = sign_request(&asked_for);
    let at = |response: String| ResponseInput {
        federation: "demo".into(),
        request: request_jws.clone(),
        response,
        now: NOW,
    };
    let with = |more: Value| at(answer(&asked_for, more));
    let no = |name: &str, ids: &str, about: &str, input: ResponseInput, rule: &str| {
        refuse(
            &format!("exchange/answer-{name}"),
            ANSWERING,
            ids,
            about,
            input,
            rule,
        )
    };
    let none = json!({ "result": "no_match", "permit_state": null, "claims": null });
    let by = |signer: &SigningKey| {
        at(sign(
            signer,
            Typ::VerificationResponse,
            &demo().answer(&asked_for, &request_jws),
        ))
    };
    let mut reference = asked_for["agreement"].clone();
    reference["version"] = json!(2);
    let mut late = with(json!({}));
    late.now = NOW + 900 + 60;
    let mut in_the_skew = with(json!({}));
    in_the_skew.now = NOW + 900 + 59;
    let state = |endorsed: i64| json!({ "status": "valid", "valid_from": today(-100), "endorsed_until": today(endorsed) });
    let by_permit = {
        let mut request = request();
        request["subject"] = json!({ "number": { "permit_number": "361123-2025-1" }, "name": "示例甲" });
        request["claims"] = json!(["name", "tier"]);
        request
    };
    let alike = {
        let mut request = by_permit.clone();
        request["subject"]["name"] = json!("示例·甲");
        let claims = json!({ "name": "示例•甲", "tier": "ORDINARY" });
        ResponseInput {
            request: sign_request(&request),
            ..at(answer(&request, json!({ "claims": claims })))
        }
    };
    vec![
        accept(
            ANSWERING,
            "VER-10 VER-11 VER-12 VER-13",
            "one record matches, and is in order",
            with(json!({})),
            json!({ "result": "match", "claims": ["name", "tier", "residence_since"] }),
        ),
        accept(
            "exchange/valid-no-match",
            "VER-11",
            "no record matches",
            with(none.clone()),
            json!({ "result": "no_match", "claims": [] }),
        ),
        accept(
            "exchange/valid-match-without-claims",
            "VER-12",
            "less than was asked for",
            with(json!({ "claims": null })),
            json!({ "result": "match", "claims": [] }),
        ),
        accept(
            "exchange/valid-match-in-the-skew",
            "VER-10",
            "59 seconds after exp",
            in_the_skew,
            json!({ "result": "match" }),
        ),
        accept(
            "exchange/valid-match-lapsed",
            "VER-11",
            "the state says what it says; the decision is another matter",
            with(json!({ "permit_state": state(-1) })),
            json!({ "result": "match" }),
        ),
        accept(
            "exchange/valid-match-alike-name",
            "VER-13 ATT-16",
            "the record has another separator",
            alike,
            json!({ "result": "match" }),
        ),
        no(
            "by-another-county",
            "VER-10",
            "iss is not the county asked",
            with(json!({ "iss": CHANGSHAN_ID })),
            "response.iss",
        ),
        no(
            "by-a-stranger",
            "VER-10 JWS-4",
            "a key that no chain gives",
            by(&key("stranger")),
            "jws.unknown-key",
        ),
        no(
            "by-an-attestation-key",
            "JWS-5",
            "the issuer's attestation key",
            by(&demo().county(YUSHAN).key(KeyPurpose::Attestation)),
            "key.purpose",
        ),
        no(
            "for-another-recogniser",
            "VER-10",
            "aud is somebody else",
            with(json!({ "aud": "https://c330824.example" })),
            "response.aud",
        ),
        no(
            "to-another-request",
            "VER-10",
            "in reply to another request",
            with(json!({ "in_reply_to": comity_spec::ids::Digest::of("another") })),
            "response.in-reply-to",
        ),
        no(
            "environment",
            "VER-10 TRU-13",
            "of the other environment",
            with(json!({ "environment": "PRODUCTION" })),
            "response.environment",
        ),
        no(
            "under-another-agreement",
            "VER-10",
            "answered under version 2",
            with(json!({ "agreement": reference })),
            "response.agreement",
        ),
        no(
            "lives-too-long",
            "VER-10",
            "15 minutes and a second",
            with(json!({ "exp": NOW + 901 })),
            "response.times",
        ),
        no(
            "ends-before-it-begins",
            "VER-10",
            "exp is iat",
            with(json!({ "exp": NOW })),
            "response.times",
        ),
        no(
            "expired",
            "VER-10",
            "60 seconds after exp",
            late,
            "response.expired",
        ),
        no(
            "from-the-future",
            "JWS-17",
            "iat is 61 seconds ahead",
            with(json!({ "iat": NOW + 61 })),
            "response.iat-future",
        ),
        no(
            "register-from-the-future",
            "JWS-17",
            "source_as_of is 61 seconds ahead",
            with(json!({ "source_as_of": NOW + 61 })),
            "response.iat-future",
        ),
        no(
            "match-without-state",
            "VER-11",
            "a match without permit_state",
            with(json!({ "permit_state": null })),
            "response.content",
        ),
        no(
            "no-match-with-state",
            "VER-11",
            "no match, and a state",
            with(json!({ "result": "no_match", "claims": null })),
            "response.content",
        ),
        no(
            "no-match-with-claims",
            "VER-11",
            "no match, and claims",
            with(json!({ "result": "no_match", "permit_state": null })),
            "response.content",
        ),
        no(
            "with-a-claim-not-asked-for",
            "VER-12",
            "tells the date of birth",
            with(json!({ "claims": { "name": "示例甲", "birth_date": "1880-01-01" } })),
            "response.excess-claims",
        ),
        no(
            "about-another-name",
            "VER-13",
            "about 示例乙",
            with(json!({ "claims": { "name": "示例乙" } })),
            "response.other-person",
        ),
        no(
            "unknown-member",
            "JWS-14",
            "a member too many",
            with(json!({ "remark": "x" })),
            "jws.claims",
        ),
        no(
            "status-unknown",
            "VSN-3",
            "a status that does not exist",
            with(
                json!({ "permit_state": { "status": "frozen", "valid_from": "2025-01-01", "endorsed_until": "2026-01-01" } }),
            ),
            "jws.claims",
        ),
    ]
}

fn hints() -> Vec<Of<HintInput>> {
    let claims = json!({
        "iss": YUSHAN_ID, "aud": CHANGSHAN_ID, "iat": NOW, "exp": NOW + 900, "jti": "AgAAAAAAAAAAAAAAAAAAAA",
        "status_lists": [format!("{YUSHAN_ID}/status/v1/1")], "configuration": false, "withdrawals": [],
        "environment": "SANDBOX",
    });
    let at = |hint: String| HintInput {
        federation: "demo".into(),
        me: CHANGSHAN_ID.into(),
        hint,
        now: NOW,
    };
    let with = |more: Value| {
        let mut changed = claims.clone();
        merge(&mut changed, more);
        at(sign(&asked(), Typ::Hint, &changed))
    };
    let no = |name: &str, ids: &str, about: &str, input: HintInput, problem: &str| {
        refuse(
            &format!("exchange/hint-{name}"),
            HINTING,
            ids,
            about,
            input,
            problem,
        )
    };
    let many = |n: usize| {
        json!(
            (0..n)
                .map(|i| format!("{YUSHAN_ID}/status/v1/{i}"))
                .collect::<Vec<_>>()
        )
    };
    vec![
        accept(
            HINTING,
            "VER-16 VER-17 VER-18",
            "one list changed",
            with(json!({})),
            json!({ "status_lists": 1 }),
        ),
        accept(
            "exchange/valid-hint-256-lists",
            "VER-16",
            "as many as may be named",
            with(json!({ "status_lists": many(256) })),
            json!({ "status_lists": 256 }),
        ),
        no(
            "257-lists",
            "VER-16",
            "one too many",
            with(json!({ "status_lists": many(257) })),
            "malformed-request",
        ),
        no(
            "naming-a-permit",
            "VER-16 JWS-14",
            "a member that names a permit",
            with(json!({ "permits": ["361123-2025-1"] })),
            "malformed-request",
        ),
        no(
            "naming-the-receivers-list",
            "VER-17",
            "a list of the receiver",
            with(json!({ "status_lists": [format!("{CHANGSHAN_ID}/status/v1/1")] })),
            "hint-refused",
        ),
        no(
            "naming-a-longer-host",
            "VER-17",
            "an address that begins with the sender's",
            with(json!({ "status_lists": [format!("{YUSHAN_ID}.evil.example/1")] })),
            "hint-refused",
        ),
        no(
            "naming-an-inner-address",
            "VER-17",
            "an address inside the receiver's network",
            with(json!({ "status_lists": ["https://10.0.0.1/1"] })),
            "hint-refused",
        ),
        no(
            "lives-too-long",
            "VER-18",
            "15 minutes and a second",
            with(json!({ "exp": NOW + 901 })),
            "malformed-request",
        ),
        no(
            "for-another-node",
            "VER-18",
            "aud is another county",
            with(json!({ "aud": "https://c330824.example" })),
            "wrong-audience",
        ),
        no(
            "by-a-status-key",
            "VER-18 JWS-5",
            "the sender's status key",
            at(sign(&key("361123/status"), Typ::Hint, &claims)),
            "signature-invalid",
        ),
        no(
            "environment",
            "TRU-13",
            "of the other environment",
            with(json!({ "environment": "PRODUCTION" })),
            "wrong-environment",
        ),
    ]
}
