//! Every problem type, caused through the surface on which a caller meets it: a real listener, its router, and a node behind it.
//!
//! [`cause`] matches without a wildcard: a type without a cause does not compile. Four are met at the command line and not over HTTP;
//! their causes are tests of the real binary, named here and looked for in its file.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use comity_node_core::node::View;
use comity_node_http::lanes::Lanes;
use comity_node_http::limits::{InFlight, QuotaRate};
use comity_spec::agreement::Agreement;
use comity_spec::ids::Digest;
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::problem::ProblemType;
use comity_spec::time::LocalDate;
use comity_verifier::agreement::{Agreements, verify_signed};
use comity_verifier::testing::{merge, sign};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio_util::task::TaskTracker;

use crate::federation::{County, OTHER_ID, VERIFICATIONS, post, try_with, with_waiting_key};
use crate::messages::{hint, offer, tell, withdrawal};
use crate::staff::{self, PASSWORD, Window};
use crate::support::{PLENTY, Serving, ask, json, lanes, now};
use crate::transport::{Answer, PATIENCE, read_answer};

/// How a type comes about.
enum Cause {
    /// As this answer: status, media type, document.
    Answered(u16, String, Value),
    /// At the command line, by this test of `node/tests/problems.rs`.
    ByCommand(&'static str),
}

impl From<Answer> for Cause {
    fn from(answer: Answer) -> Self {
        let kind = answer.header("content-type").unwrap_or_default().to_owned();
        Self::Answered(answer.status, kind, json(&answer))
    }
}

impl From<staff::Answer> for Cause {
    fn from(answer: staff::Answer) -> Self {
        Self::Answered(
            answer.status,
            answer.header("content-type").to_owned(),
            answer.json(),
        )
    }
}

async fn cause(kind: ProblemType) -> Cause {
    use ProblemType as P;
    let reference = |change: Value| {
        move |county: &County| {
            let mut reference =
                serde_json::to_value(county.federation.verified_agreement().reference()).unwrap();
            merge(&mut reference, change);
            json!({ "agreement": reference })
        }
    };
    match kind {
        P::MalformedRequest => asked_with(|_| json!({ "unheard_of": true })).await,
        P::WrongAudience => asked_with(|_| json!({ "aud": OTHER_ID })).await,
        P::WrongEnvironment => asked_with(|_| json!({ "environment": "PRODUCTION" })).await,
        P::RequestExpired => asked_with(|_| times(-200, -140)).await,
        P::ClockSkew => asked_with(|_| times(90, 120)).await,
        P::AgreementUnknown => asked_with(reference(json!({ "id": "AGR-OTHER" }))).await,
        P::AgreementVersionMismatch => asked_with(reference(json!({ "version": 7 }))).await,
        P::ServiceNotCovered => asked_with(|_| json!({ "service": "CNV-3" })).await,
        P::ClaimsNotAllowed => asked_with(|_| json!({ "claims": ["name", "hukou_address"] })).await,
        P::UnsupportedMediaType => posted(VERIFICATIONS, "application/json", "{}").await,
        P::BodyTooLarge => posted(VERIFICATIONS, "application/jose", &"x".repeat(16 * 1024 + 1)).await,
        P::NotFound => posted("/federation/v1/nothing", "application/jose", "x").await,
        P::MethodNotAllowed => {
            raw(&format!(
                "GET {VERIFICATIONS} HTTP/1.1\r\nhost: localhost\r\n\r\n"
            ))
            .await
        }
        P::NotAMember => not_a_member().await,
        P::PinMismatch => pin_mismatch().await,
        P::SignatureInvalid => signed_for_another_purpose().await,
        P::AgreementNotInForce => not_in_force().await,
        P::ReplayConflict => replayed().await,
        P::InProgress => twice_at_once().await,
        P::RateLimited => over_quota().await,
        P::Overloaded => without_places().await,
        P::NotReady => {
            let another = json!({ "digest": Digest::of("another text") });
            withdrawn(move |county| withdrawal(county, reference(another)(county))).await
        }
        P::HintRefused => withdrawn(|_| "no.jws".to_owned()).await,
        P::ProposalRefused => proposed().await,
        P::StoreUnavailable => without_a_store().await,
        P::Internal => panicking().await,
        P::Unauthenticated => {
            at_window(async |window| window.browser().get("/staff/v1/services").await).await
        }
        P::Forbidden => {
            at_window(async |window| verified(&mut window.program("police-01").await, window).await).await
        }
        P::InvalidCredentials => at_window(wrong_password).await,
        P::SessionExpired => at_window(signed_out).await,
        P::Csrf => at_window(without_form_token).await,
        P::IdempotencyConflict => at_window(other_contents).await,
        P::PermitStateConflict => at_window(closed_unseen).await,
        // Registers and bundles are files on the node's machine, given to it by its operator.
        P::ImportRefused => Cause::ByCommand("a_register_file_with_wrong_rows_is_import_refused"),
        P::BundleRefused => Cause::ByCommand("a_file_that_is_no_bundle_is_bundle_refused"),
        // A node whose configuration does not check does not start: no listener could say so.
        P::ConfigInvalid => Cause::ByCommand("a_configuration_that_does_not_check_is_config_invalid"),
        // Acts on permits are commands until the issuing office has pages.
        P::TwoPersonRequired => Cause::ByCommand("who_proposed_it_is_told_two_person_required"),
    }
}

#[tokio::test]
async fn every_problem_type_comes_about_on_its_surface_and_says_what_to_do() {
    let mut by_command = Vec::new();
    let commands = include_str!("../../../tests/problems.rs");
    for kind in ProblemType::ALL {
        match Box::pin(cause(kind)).await {
            Cause::Answered(status, media_type, document) => {
                assert_eq!(document["type"], kind.uri(), "{document}");
                assert_eq!(
                    (status, &document["status"]),
                    (kind.status(), &json!(kind.status()))
                );
                assert_eq!(media_type, crate::support::PROBLEM, "{kind}");
                assert_eq!(document["next_step"]["zh"], kind.next_step().zh, "{document}");
                assert_eq!(document["next_step"]["en"], kind.next_step().en, "{document}");
                assert!(document["trace"].is_string(), "{document}");
            }
            Cause::ByCommand(test) => {
                assert!(
                    commands.contains(&format!("#[test]\nfn {test}()")),
                    "no test {test}"
                );
                assert!(test.ends_with(&kind.slug().replace('-', "_")), "{test}");
                by_command.push(kind.slug());
            }
        }
        assert!(!kind.next_step().zh.is_empty() && !kind.next_step().en.is_empty());
    }
    // Whoever gives one of these a surface takes it out of here, and gives it a cause.
    assert_eq!(
        by_command,
        [
            "import-refused",
            "two-person-required",
            "bundle-refused",
            "config-invalid"
        ]
    );
}

fn times(iat: i64, exp: i64) -> Value {
    json!({ "iat": now().plus_saturating(iat), "exp": now().plus_saturating(exp) })
}

async fn asked_with(change: impl FnOnce(&County) -> Value) -> Cause {
    let county = County::new().await;
    let serving = county.serve("problems").await;
    let request = county.request(1, change(&county));
    let answer = county.ask(&serving, &request).await;
    serving.stop().await;
    answer.into()
}

async fn raw(request: &str) -> Cause {
    let county = County::new().await;
    let serving = county.serve("problems").await;
    let answer = ask(&mut county.dial(&serving).await, request).await.unwrap();
    serving.stop().await;
    answer.into()
}

async fn posted(path: &str, kind: &str, body: &str) -> Cause {
    raw(&post(path, kind, body)).await
}

/// A county that speaks with its own key and certificate, after the federation's list ceased to name it.
async fn not_a_member() -> Cause {
    let county = County::new().await;
    let node = county.node();
    node.view.store(Arc::new(View {
        trust: Arc::new(county.world.federation.trust()),
        agreements: Arc::new(county.federation.agreements()),
        status: Arc::new(county.federation.status_view()),
    }));
    let serving = county
        .serve_node("problems", node, lanes("problems"), TaskTracker::new())
        .await;
    let claims = county.claims(1, json!({ "iss": OTHER_ID }));
    let key = county.federation.county("330881").key(KeyPurpose::Exchange);
    let body = sign(&key, Typ::VerificationRequest, &claims);
    let mut stream = crate::transport::connect_as(&county.other, serving.certificate.pin(), serving.address)
        .await
        .unwrap();
    let answer = ask(&mut stream, &post(VERIFICATIONS, "application/jose", &body))
        .await
        .unwrap();
    serving.stop().await;
    answer.into()
}

async fn pin_mismatch() -> Cause {
    let county = County::new().await;
    let serving = county.serve("problems").await;
    let answer = try_with(&county, &serving, Some(&county.other)).await.unwrap();
    serving.stop().await;
    answer.into()
}

async fn signed_for_another_purpose() -> Cause {
    let county = County::new().await;
    let serving = county.serve("problems").await;
    let request = county.signed(KeyPurpose::Receipt, &county.claims(1, json!({})));
    let answer = county.ask(&serving, &request).await;
    serving.stop().await;
    answer.into()
}

async fn not_in_force() -> Cause {
    let county = County::new().await;
    let federation = &county.federation;
    let (a, b) = (&federation.counties[0], &federation.counties[1]);
    let tomorrow = LocalDate::of(now()).plus_days(1).unwrap();
    let agreement = Agreement {
        effective_from: tomorrow,
        ..federation.agreement(a, b)
    };
    let signed = federation.signed(&agreement, &[a, b]);
    let agreement = verify_signed(&signed, &federation.trust(), now()).unwrap();
    let reference = agreement.reference();
    let node = county.node();
    node.view.store(Arc::new(View {
        trust: Arc::new(federation.trust()),
        agreements: Arc::new(Agreements::new(vec![agreement], Vec::new())),
        status: Arc::new(federation.status_view()),
    }));
    let serving = county
        .serve_node("problems", node, lanes("problems"), TaskTracker::new())
        .await;
    let request = county.request(1, json!({ "agreement": reference }));
    let answer = county.ask(&serving, &request).await;
    serving.stop().await;
    answer.into()
}

async fn replayed() -> Cause {
    let county = County::new().await;
    let serving = county.serve("problems").await;
    let first = county.ask(&serving, &county.request(1, json!({}))).await;
    assert_eq!(first.status, 200);
    let other = county.request(1, json!({ "service": "BPS-2" }));
    let answer = county.ask(&serving, &other).await;
    serving.stop().await;
    answer.into()
}

async fn twice_at_once() -> Cause {
    let county = County::new().await;
    let (node, key) = with_waiting_key(&county);
    let serving = county
        .serve_node("problems", node, lanes("problems"), TaskTracker::new())
        .await;
    let body = county.request(1, json!({}));
    let mut first = county.dial(&serving).await;
    let request = post(VERIFICATIONS, "application/jose", &body);
    first.write_all(request.as_bytes()).await.unwrap();
    first.flush().await.unwrap();
    key.asked.acquire().await.unwrap().forget();
    let second = county.ask(&serving, &body).await;
    key.go.add_permits(1);
    tokio::time::timeout(PATIENCE, read_answer(&mut first))
        .await
        .unwrap()
        .unwrap();
    serving.stop().await;
    second.into()
}

async fn over_quota() -> Cause {
    let once = QuotaRate {
        per_second: 0.001,
        burst: 1.0,
    };
    let county = County::new().await;
    let lanes = Lanes::new("problems", once, PLENTY, InFlight::new(8, 1));
    let serving = county
        .serve_node("problems", county.node(), lanes, TaskTracker::new())
        .await;
    county.ask(&serving, &county.request(1, json!({}))).await;
    let answer = county.ask(&serving, &county.request(2, json!({}))).await;
    serving.stop().await;
    answer.into()
}

/// Every place is kept for the revocation path.
async fn without_places() -> Cause {
    let county = County::new().await;
    let lanes = Lanes::new("problems", PLENTY, PLENTY, InFlight::new(2, 2));
    let serving = county
        .serve_node("problems", county.node(), lanes, TaskTracker::new())
        .await;
    let answer = county.ask(&serving, &county.request(1, json!({}))).await;
    serving.stop().await;
    answer.into()
}

async fn withdrawn(jws: impl FnOnce(&County) -> String) -> Cause {
    let county = County::new().await;
    let serving = county.serve("problems").await;
    let body = hint(
        &county,
        KeyPurpose::Exchange,
        json!({ "withdrawals": [jws(&county)] }),
    );
    let answer = tell(&county, &serving, &body).await;
    serving.stop().await;
    answer.into()
}

async fn proposed() -> Cause {
    let county = County::new().await;
    let serving = county.serve("problems").await;
    let answer = offer(&county, &serving, "{}").await;
    serving.stop().await;
    answer.into()
}

async fn without_a_store() -> Cause {
    let county = County::new().await;
    let serving = county.serve("problems").await;
    county.store.fail("disk full");
    let answer = county.ask(&serving, &county.request(1, json!({}))).await;
    serving.stop().await;
    answer.into()
}

/// A defect of ours, behind the listener that every router stands behind.
async fn panicking() -> Cause {
    async fn defect() -> &'static str {
        panic!("a defect that a test put here")
    }
    let serving = Serving::publicly("problems", Router::new().route("/defect", get(defect))).await;
    let answer = serving.get("/defect").await;
    serving.stop().await;
    answer.into()
}

async fn at_window(ask: impl AsyncFnOnce(&Window) -> staff::Answer) -> Cause {
    let window = Window::open().await;
    let answer = ask(&window).await;
    window.close().await;
    answer.into()
}

/// A card shown to an officer.
async fn verified(client: &mut staff::Client, window: &Window) -> staff::Answer {
    shown(client, &window.card(0).await.1).await
}

async fn shown(client: &mut staff::Client, digits: &str) -> staff::Answer {
    let call = json!({
        "presented": digits, "service": "BPS-1", "purpose": "SERVICE", "legal_basis": "STATUTORY_DUTY",
    });
    client.post_json("/staff/v1/verifications", &call).await
}

async fn wrong_password(window: &Window) -> staff::Answer {
    let call = json!({ "officer": "clerk-01", "password": "not the password" });
    window.browser().post_json("/staff/v1/sessions", &call).await
}

async fn signed_out(window: &Window) -> staff::Answer {
    let mut client = window.program("clerk-01").await;
    let ended = client
        .call("DELETE", "/staff/v1/sessions/current", "", Vec::new())
        .await;
    assert_eq!(ended.status, 204);
    client.get("/staff/v1/services").await
}

async fn without_form_token(window: &Window) -> staff::Answer {
    let mut client = window.browser();
    let call = json!({ "officer": "clerk-01", "password": PASSWORD });
    client.post_json("/staff/v1/sessions", &call).await;
    verified(&mut client, window).await
}

async fn other_contents(window: &Window) -> staff::Answer {
    let client = window.program("clerk-01").await;
    let mut keyed = client.with("idempotency-key", "call-1");
    let (one, other) = (window.card(0).await.1, window.card(1).await.1);
    assert_eq!(shown(&mut keyed, &one).await.status, 201);
    shown(&mut keyed, &other).await
}

async fn closed_unseen(window: &Window) -> staff::Answer {
    let mut client = window.program("clerk-01").await;
    let begun = verified(&mut client, window).await;
    let receipt = format!("{}/receipt", begun.header("location"));
    client.call("POST", &receipt, "", Vec::new()).await
}
