//! Hints, withdrawals and proposals as peers send them: what they lead to, and what they cannot do.

use std::sync::Arc;

use comity_node_core::ports::agreements::{AgreementReads as _, AgreementState};
use comity_node_http::lanes::Lanes;
use comity_node_http::limits::{InFlight, QuotaRate};
use comity_spec::agreement::{Agreement, SignedAgreement};
use comity_spec::ids::Jti;
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::time::LocalDate;
use comity_verifier::testing::{key, merge, sign, sign_agreement, thumbprint};
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use crate::federation::{County, ISSUER, RECOGNISER, RECOGNISER_ID, post};
use crate::support::{PLENTY, Serving, ask, assert_problem, json, lanes, now};
use crate::transport::{Answer, Certificate, PATIENCE, connect_as, refused};

const HINTS: &str = "/federation/v1/hints";
const PROPOSALS: &str = "/federation/v1/proposals";

pub(crate) fn hint(county: &County, purpose: KeyPurpose, change: Value) -> String {
    let mut claims = json!({
        "iss": RECOGNISER_ID,
        "aud": county.federation.county(ISSUER).entity,
        "iat": now(),
        "exp": now().plus_saturating(900),
        "jti": Jti::from_bytes([7; 16]),
        "environment": "SANDBOX",
    });
    merge(&mut claims, change);
    sign(
        &county.federation.county(RECOGNISER).key(purpose),
        Typ::Hint,
        &claims,
    )
}

/// The recogniser's withdrawal from the agreement, as signed, with one thing changed.
pub(crate) fn withdrawal(county: &County, change: Value) -> String {
    let by = county.federation.county(RECOGNISER);
    let reference = county.federation.verified_agreement().reference();
    let from = LocalDate::of(now()).plus_days(31).unwrap();
    let mut claims = county.federation.withdrawal(by, &reference, from);
    merge(&mut claims, change);
    sign(&by.key(KeyPurpose::Federation), Typ::Withdrawal, &claims)
}

async fn send(serving: &Serving, by: &Certificate, path: &str, kind: &str, body: &str) -> Answer {
    let mut stream = connect_as(by, serving.certificate.pin(), serving.address)
        .await
        .unwrap();
    ask(&mut stream, &post(path, kind, body)).await.unwrap()
}

pub(crate) async fn tell(county: &County, serving: &Serving, body: &str) -> Answer {
    send(serving, &county.recogniser, HINTS, "application/jose", body).await
}

/// Waits for everything that was begun, and says what was fetched for it.
async fn fetched(county: &County, tasks: TaskTracker) -> Vec<String> {
    tasks.close();
    tokio::time::timeout(PATIENCE, tasks.wait()).await.unwrap();
    county.world.peers.asked()
}

#[tokio::test]
async fn a_hint_makes_this_node_look_for_itself_and_the_peer_does_not_wait() {
    let county = County::new().await;
    county.world.peers.forget();
    let tasks = TaskTracker::new();
    let serving = county
        .serve_node("hint-list", county.node(), lanes("hint-list"), tasks.clone())
        .await;
    let list = county.federation.county(RECOGNISER).status_uri();
    let answer = tell(
        &county,
        &serving,
        &hint(&county, KeyPurpose::Exchange, json!({ "status_lists": [list] })),
    )
    .await;
    assert_eq!((answer.status, answer.body.as_str()), (202, ""));
    serving.stop().await;
    assert_eq!(fetched(&county, tasks).await, [list]);
}

#[tokio::test]
async fn a_hint_that_does_not_hold_makes_nobody_fetch_anything() {
    let county = County::new().await;
    county.world.peers.forget();
    let tasks = TaskTracker::new();
    let serving = county
        .serve_node("hint-bad", county.node(), lanes("hint-bad"), tasks.clone())
        .await;
    let list = county.federation.county(RECOGNISER).status_uri();
    let foreign = county.federation.county(ISSUER).status_uri();
    let past = now().plus_saturating(-2_000);
    for (purpose, change, status, slug) in [
        (
            KeyPurpose::Status,
            json!({ "status_lists": [list] }),
            403,
            "signature-invalid",
        ),
        (
            KeyPurpose::Exchange,
            json!({ "status_lists": [foreign] }),
            422,
            "hint-refused",
        ),
        (
            KeyPurpose::Exchange,
            json!({ "aud": RECOGNISER_ID, "status_lists": [list] }),
            403,
            "wrong-audience",
        ),
        (
            KeyPurpose::Exchange,
            json!({ "iat": past, "exp": past.plus_saturating(900), "status_lists": [list] }),
            400,
            "request-expired",
        ),
    ] {
        let answer = tell(&county, &serving, &hint(&county, purpose, change)).await;
        assert_problem(&answer, status, slug);
    }
    let genuine = hint(&county, KeyPurpose::Exchange, json!({ "status_lists": [list] }));
    let carried = send(&serving, &county.other, HINTS, "application/jose", &genuine).await;
    assert_problem(&carried, 403, "pin-mismatch");
    let wrong_type = send(&serving, &county.recogniser, HINTS, "application/json", &genuine).await;
    assert_problem(&wrong_type, 415, "unsupported-media-type");
    serving.stop().await;
    assert_eq!(refused("hint-bad", "wrong_owner"), 1);
    assert_eq!(fetched(&county, tasks).await, [""; 0]);
}

#[tokio::test]
async fn a_withdrawal_is_stored_before_the_peer_is_told_so() {
    let county = County::new().await;
    let serving = county.serve("hint-withdrawal").await;
    let jws = withdrawal(&county, json!({}));
    let body = hint(&county, KeyPurpose::Exchange, json!({ "withdrawals": [jws] }));
    assert_eq!(tell(&county, &serving, &body).await.status, 202);
    let kept: Vec<_> = county
        .store
        .withdrawals()
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.jws)
        .collect();
    assert_eq!(kept, [jws]);
    serving.stop().await;
}

#[tokio::test]
async fn a_withdrawal_that_may_hold_later_is_asked_for_again_and_one_that_cannot_is_refused() {
    let county = County::new().await;
    let serving = county.serve("hint-refused").await;
    let mut unknown = serde_json::to_value(county.federation.verified_agreement().reference()).unwrap();
    merge(
        &mut unknown,
        json!({ "digest": comity_spec::ids::Digest::of("another text") }),
    );
    let tomorrow = LocalDate::of(now()).plus_days(1).unwrap();
    for (jws, status, slug, retry) in [
        ("no.jws".to_owned(), 422, "hint-refused", None),
        (
            withdrawal(&county, json!({ "effective_from": tomorrow })),
            422,
            "hint-refused",
            None,
        ),
        (
            withdrawal(&county, json!({ "agreement": unknown })),
            503,
            "not-ready",
            Some("60"),
        ),
    ] {
        let body = hint(&county, KeyPurpose::Exchange, json!({ "withdrawals": [jws] }));
        let answer = tell(&county, &serving, &body).await;
        assert_problem(&answer, status, slug);
        assert_eq!(answer.header("retry-after"), retry, "{answer:?}");
    }
    county.store.fail("disk full");
    let body = hint(
        &county,
        KeyPurpose::Exchange,
        json!({ "withdrawals": [withdrawal(&county, json!({}))] }),
    );
    assert_problem(&tell(&county, &serving, &body).await, 503, "store-unavailable");
    serving.stop().await;
    assert!(county.store.withdrawals().await.unwrap().is_empty());
}

#[tokio::test]
async fn hints_come_through_when_everything_else_is_spent() {
    let county = County::new().await;
    let once = QuotaRate {
        per_second: 0.001,
        burst: 1.0,
    };
    // No ordinary place at all: whatever is answered has a reserved one.
    let lanes = Lanes::new("hint-lane", once, PLENTY, InFlight::new(2, 2));
    let tasks = TaskTracker::new();
    let serving = county
        .serve_node("hint-lane", county.node(), lanes, tasks.clone())
        .await;
    assert_problem(&county.ask(&serving, "no.jws").await, 503, "overloaded");
    assert_problem(&county.ask(&serving, "no.jws").await, 429, "rate-limited");
    for _ in 0..3 {
        let body = hint(&county, KeyPurpose::Exchange, json!({}));
        assert_eq!(tell(&county, &serving, &body).await.status, 202);
    }
    serving.stop().await;
    fetched(&county, tasks).await;
}

#[tokio::test]
async fn four_hints_of_a_peer_are_looked_into_at_once_and_the_fifth_is_put_off() {
    let county = County::new().await;
    let (tasks, node) = (TaskTracker::new(), Arc::new(county.node()));
    let serving = county
        .serve_node(
            "hint-turns",
            Arc::clone(&node),
            lanes("hint-turns"),
            tasks.clone(),
        )
        .await;
    let list = county.federation.county(RECOGNISER).status_uri();
    county.world.peers.serve(&list, "no token");
    let body = hint(&county, KeyPurpose::Exchange, json!({ "status_lists": [list] }));
    // While this is held, nothing that was fetched is taken in, and no hint is done with.
    let turn = node.rebuilding.lock().await;
    for _ in 0..4 {
        assert_eq!(tell(&county, &serving, &body).await.status, 202);
    }
    let fifth = tell(&county, &serving, &body).await;
    assert_problem(&fifth, 429, "rate-limited");
    assert_eq!(fifth.header("retry-after"), Some("1"));
    drop(turn);
    let taken_again = async { while tell(&county, &serving, &body).await.status != 202 {} };
    tokio::time::timeout(PATIENCE, taken_again).await.unwrap();
    serving.stop().await;
    fetched(&county, tasks).await;
}

fn text(signed: &SignedAgreement) -> String {
    serde_json::to_string(signed).unwrap()
}

pub(crate) async fn offer(county: &County, serving: &Serving, body: &str) -> Answer {
    send(
        serving,
        &county.recogniser,
        PROPOSALS,
        "application/jose+json",
        body,
    )
    .await
}

#[tokio::test]
async fn a_proposal_waits_for_signatures_and_is_adopted_with_the_last() {
    let county = County::new().await;
    let serving = county.serve("proposal").await;
    let federation = &county.federation;
    let (a, b) = (&federation.counties[0], &federation.counties[1]);
    let contents = federation.agreement(a, b);
    let half = text(&federation.signed(&contents, &[b]));
    let mut states = Vec::new();
    for (body, status) in [
        (&half, 202),
        (&half, 200),
        (&text(&federation.signed(&contents, &[a, b])), 200),
    ] {
        assert_eq!(offer(&county, &serving, body).await.status, status);
        states.push(county.store.agreements().await.unwrap()[0].state);
    }
    assert_eq!(
        states,
        [
            AgreementState::Proposed,
            AgreementState::Proposed,
            AgreementState::Adopted
        ]
    );
    serving.stop().await;
}

#[tokio::test]
async fn what_is_no_proposal_or_contradicts_one_is_refused() {
    let county = County::new().await;
    let serving = county.serve("proposal-refused").await;
    let federation = &county.federation;
    let (a, b) = (&federation.counties[0], &federation.counties[1]);
    let contents = federation.agreement(a, b);
    assert_eq!(
        offer(&county, &serving, &text(&federation.signed(&contents, &[b])))
            .await
            .status,
        202
    );
    let mut other = contents.clone();
    other.notice_days += 1;
    let mut forged = federation.signed(&contents, &[b]);
    forged.signatures = federation.signed(&other, &[b]).signatures;
    let bad = [
        text(&federation.signed(&other, &[b])),
        text(&forged),
        "{}".to_owned(),
        "no json".to_owned(),
    ];
    for body in &bad {
        let answer = offer(&county, &serving, body).await;
        assert_problem(&answer, 422, "proposal-refused");
        assert!(
            json(&answer)["detail"].is_string() || json(&answer)["rule"].is_string(),
            "{answer:?}"
        );
    }
    let large = "x".repeat(256 * 1024 + 1);
    assert_problem(&offer(&county, &serving, &large).await, 413, "body-too-large");
    let compact = send(
        &serving,
        &county.recogniser,
        PROPOSALS,
        "application/jose",
        &bad[0],
    )
    .await;
    assert_problem(&compact, 415, "unsupported-media-type");
    serving.stop().await;
    let rows = county.store.agreements().await.unwrap();
    assert_eq!(
        rows.iter().map(|row| row.state).collect::<Vec<_>>(),
        [AgreementState::Proposed]
    );
}

// AGR-21
#[tokio::test]
async fn a_proposal_signed_by_nobody_is_refused_for_good_and_one_by_a_key_still_to_come_is_not() {
    let county = County::new().await;
    let serving = county.serve("proposal-stranger").await;
    let federation = &county.federation;
    let (a, b) = (&federation.counties[0], &federation.counties[1]);
    let mut contents = federation.agreement(a, b);
    let stranger = key("a stranger");
    let by_stranger = |contents: &Agreement| {
        let payload = serde_json::to_value(contents).unwrap();
        text(&sign_agreement(
            &payload,
            std::slice::from_ref(&stranger),
            federation.now,
        ))
    };
    let answer = offer(&county, &serving, &by_stranger(&contents)).await;
    assert_problem(&answer, 422, "proposal-refused");
    let problem = json(&answer);
    assert_eq!(problem["rule"], "jws.unknown-key", "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("pins for none of its parties"), "{detail}");
    // The text pins the key for a party, whose chain does not give it yet: later it may.
    contents.parties[1].federation_keys.push(thumbprint(&stranger));
    let answer = offer(&county, &serving, &by_stranger(&contents)).await;
    assert_problem(&answer, 503, "not-ready");
    assert_eq!(json(&answer)["rule"], "agreement.key-not-in-chain");
    serving.stop().await;
    assert!(county.store.agreements().await.unwrap().is_empty());
}
