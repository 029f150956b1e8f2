//! What anybody may read of a county, and what is refused.

use comity_node_core::attestations::issue_missing::issue_missing;
use comity_node_core::attestations::status_publication::publish;
use comity_node_core::ports::agreements::{AgreementRow, AgreementState, WithdrawalRow};
use comity_node_core::ports::store::{Store, Write};
use comity_node_core::ports::trust::{MemberListRow, PeerStatusRow, StatementRow};
use comity_node_core::testing::{County, MemoryStore, World};
use comity_node_http::lanes::Lanes;
use comity_node_http::limits::{InFlight, QuotaRate};
use comity_node_http::public::{PublicState, RefreshError, router};
use comity_spec::agreement::{AgreementSignature, SignedAgreement};
use comity_spec::bundle::Bundle;
use comity_spec::catalogue::services;
use comity_spec::ids::Digest;
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::outcome::Outcome;
use comity_spec::problem::ProblemType;
use comity_spec::time::LocalDate;
use comity_verifier::testing::{Federation, sign};
use serde_json::json;

use crate::support::{PLENTY, Serving, ask, assert_problem, json, lanes, now};

const LIST: &str = "/status-lists/1";

/// A county with one permit, its attestations and its status list, shown to the public.
async fn county() -> (County, PublicState) {
    let county = County::yushan(LocalDate::of(now()));
    county.seed(0).await;
    issue_missing(&county.issuer()).await.unwrap();
    publish(&county.issuer(), &[]).await.unwrap();
    let state = PublicState::new();
    state.refresh_status_lists(&county.store).await.unwrap();
    (county, state)
}

async fn serve(name: &'static str, state: PublicState) -> Serving {
    Serving::publicly(name, router(state, &lanes(name))).await
}

#[tokio::test]
async fn a_status_list_is_served_as_signed_to_anybody_and_stands_where_its_token_says() {
    let (county, state) = county().await;
    let serving = serve("public-list", state).await;
    let index = json(&serving.get("/status-lists").await);
    assert_eq!(
        index,
        json!({ "status_lists": [format!("{}{LIST}", county.public_base)] })
    );
    let answer = serving.get(LIST).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/statuslist+jwt"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=900"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    use comity_node_core::ports::attestations::AttestationReads as _;
    let stored = county.store.status_lists().await.unwrap();
    assert_eq!(Some(answer.body), stored[0].token);
    serving.stop().await;
}

#[tokio::test]
async fn who_has_the_list_is_told_so_until_it_is_signed_anew() {
    let (county, state) = county().await;
    let serving = serve("public-etag", state.clone()).await;
    let first = serving.get(LIST).await;
    let etag = first.header("etag").unwrap().to_owned();
    let known = format!("if-none-match: \"other\", {etag}\r\n");
    let again = serving.get_with(LIST, &known).await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    assert_eq!(again.header("etag"), Some(etag.as_str()));
    assert_eq!(again.header("cache-control"), Some("public, max-age=900"));
    let stranger = serving.get_with(LIST, "if-none-match: \"other\"\r\n").await;
    assert_eq!(
        (stranger.status, stranger.body.as_str()),
        (200, first.body.as_str())
    );

    county.clock.advance(3_600);
    publish(&county.issuer(), &[]).await.unwrap();
    let unaware = serving.get_with(LIST, &known).await;
    assert_eq!(
        unaware.status, 304,
        "what is served changes when the state is told, and not by itself"
    );
    state.refresh_status_lists(&county.store).await.unwrap();
    let renewed = serving.get_with(LIST, &known).await;
    assert_eq!(renewed.status, 200);
    assert_ne!(renewed.body, first.body);
    assert_ne!(renewed.header("etag"), Some(etag.as_str()));
    serving.stop().await;
}

// PRV-2
#[tokio::test]
async fn a_list_has_one_address_and_no_past() {
    let (_, state) = county().await;
    let serving = serve("public-spelling", state).await;
    for other in [
        "/status-lists/01",
        "/status-lists/+1",
        "/status-lists/2",
        "/status-lists/-1",
        "/status-lists/1/",
    ] {
        assert_problem(&serving.get(other).await, 404, "not-found");
    }
    let past = serving.get("/status-lists/1?time=1").await;
    assert_eq!(past.status, 501);
    assert_eq!(serving.get("/status-lists/1?other=1").await.status, 200);
    serving.stop().await;
}

#[tokio::test]
async fn a_node_that_has_not_loaded_yet_says_so_instead_of_not_found() {
    let serving = serve("public-empty", PublicState::new()).await;
    for path in [
        "/.well-known/openid-federation",
        "/.well-known/jwt-vc-issuer",
        "/status-lists",
        LIST,
        "/agreements",
        "/agreements/AGR-DEMO",
        "/agreements/AGR-DEMO/1",
        "/bundle.comity",
    ] {
        let answer = serving.get(path).await;
        assert_problem(&answer, 503, "not-ready");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    serving.stop().await;
}

#[tokio::test]
async fn the_configuration_is_served_as_signed_and_replaced_at_once() {
    let state = PublicState::new();
    let serving = serve("public-configuration", state.clone()).await;
    let configurations = [0, 1].map(|later| {
        let federation = Federation::demo(now().plus_saturating(later));
        let own = federation.county("361123").entity.clone();
        federation.drafts()[&(own.clone(), own)].sign()
    });
    let metadata = json!({ "issuer": "https://node.yushan.example", "jwks": { "keys": [] } });
    state.publish_configuration(&configurations[0], &metadata);
    let first = serving.get("/.well-known/openid-federation").await;
    assert_eq!((first.status, &first.body), (200, &configurations[0]));
    assert_eq!(
        first.header("content-type"),
        Some("application/entity-statement+jwt")
    );
    assert_eq!(first.header("cache-control"), Some("public, no-cache"));
    let issuer = serving.get("/.well-known/jwt-vc-issuer").await;
    assert_eq!(issuer.header("content-type"), Some("application/json"));
    assert_eq!(json(&issuer)["issuer"], "https://node.yushan.example");
    state.publish_configuration(&configurations[1], &metadata);
    let second = serving.get("/.well-known/openid-federation").await;
    assert_eq!(second.body, configurations[1]);
    assert_ne!(second.body, first.body);
    serving.stop().await;
}

fn row(federation: &Federation, version: u32, state: AgreementState) -> AgreementRow {
    let (a, b) = (&federation.counties[0], &federation.counties[1]);
    let mut contents = federation.agreement(a, b);
    contents.version = version;
    let signed = federation.signed(&contents, &[a, b]);
    AgreementRow {
        id: contents.id.clone(),
        version,
        digest: Digest::of(format!("payload of {version}")),
        signed,
        state,
        changed_at: now(),
    }
}

fn as_json(signed: &SignedAgreement) -> serde_json::Value {
    serde_json::to_value(signed).unwrap()
}

#[tokio::test]
async fn adopted_agreements_are_shown_as_signed_and_nothing_else_is() {
    let federation = Federation::demo(now());
    let store = MemoryStore::default();
    let adopted = [1, 2].map(|version| row(&federation, version, AgreementState::Adopted));
    let unseen = [(3, AgreementState::Void), (4, AgreementState::Proposed)];
    let unseen = unseen.map(|(version, state)| row(&federation, version, state));
    let leaving = &federation.counties[0];
    let agreement = federation.verified_agreement();
    let end = LocalDate::of(now()).plus_days(40).unwrap();
    let withdrawal = WithdrawalRow {
        id: adopted[0].id.clone(),
        iss: leaving.entity.clone(),
        iat: now(),
        seen_at: now(),
        jws: sign(
            &leaving.key(KeyPurpose::Federation),
            Typ::Withdrawal,
            &federation.withdrawal(leaving, &agreement.reference(), end),
        ),
    };
    let withdrawn = withdrawal.jws.clone();
    let rows = adopted
        .iter()
        .chain(&unseen)
        .cloned()
        .map(|row| Write::Agreement(Box::new(row)));
    store
        .commit(
            "agreements",
            rows.chain([Write::Withdrawal(withdrawal)]).collect(),
        )
        .await
        .unwrap();
    let state = PublicState::new();
    state.refresh_agreements(&store).await.unwrap();
    let serving = serve("public-agreements", state).await;

    let index = json(&serving.get("/agreements").await);
    let versions: Vec<_> = index["agreements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| &line["version"])
        .collect();
    assert_eq!(versions, [1, 2]);
    assert_eq!(index["agreements"][0]["path"], "/agreements/AGR-DEMO/1");
    assert_eq!(index["agreements"][0]["parties"][1]["region"], "330822");
    assert_eq!(index["agreements"][0]["digest"], json!(adopted[0].digest));
    assert_eq!(index["withdrawals"], json!([withdrawn]));
    for (path, expected) in [
        ("/agreements/AGR-DEMO", &adopted[1]),
        ("/agreements/AGR-DEMO/1", &adopted[0]),
        ("/agreements/AGR-DEMO/2", &adopted[1]),
    ] {
        let answer = serving.get(path).await;
        assert_eq!(
            answer.header("content-type"),
            Some("application/jose+json"),
            "{path}"
        );
        assert_eq!(json(&answer), as_json(&expected.signed), "{path}");
    }
    for path in [
        "/agreements/AGR-DEMO/3",
        "/agreements/AGR-DEMO/4",
        "/agreements/AGR-DEMO/x",
        "/agreements/AGR-OTHER",
    ] {
        assert_problem(&serving.get(path).await, 404, "not-found");
    }
    serving.stop().await;
}

#[tokio::test]
async fn a_damaged_agreement_is_named_and_what_was_shown_stays() {
    let federation = Federation::demo(now());
    let store = MemoryStore::default();
    let good = row(&federation, 1, AgreementState::Adopted);
    store
        .commit("agreement", vec![Write::Agreement(Box::new(good))])
        .await
        .unwrap();
    let state = PublicState::new();
    state.refresh_agreements(&store).await.unwrap();
    let damaged = AgreementRow {
        signed: SignedAgreement {
            payload: "bm8".to_owned(),
            signatures: Vec::<AgreementSignature>::new(),
        },
        ..row(&federation, 2, AgreementState::Adopted)
    };
    store
        .commit("agreement", vec![Write::Agreement(Box::new(damaged))])
        .await
        .unwrap();
    let refused = state.refresh_agreements(&store).await;
    assert!(
        matches!(refused, Err(RefreshError::Agreement { version: 2, .. })),
        "{refused:?}"
    );
    let serving = serve("public-damaged", state).await;
    assert_eq!(serving.get("/agreements/AGR-DEMO/1").await.status, 200);
    serving.stop().await;
}

#[tokio::test]
async fn the_bundle_holds_what_was_accepted_and_has_not_ended() {
    let node = World::new(now()).await.node("361123").node;
    let federation = Federation::demo(now());
    let entity = |region: &str| federation.county(region).entity.clone();
    let (iat, past, future) = (now().plus_saturating(-100), now(), now().plus_saturating(1));
    let statement = |sub: &str, exp, jws: &str| {
        Write::Statement(StatementRow {
            iss: entity("361123"),
            sub: entity(sub),
            iat,
            exp,
            jws: jws.to_owned(),
        })
    };
    let list = |iss: &str, exp, jws: &str| {
        Write::MemberList(MemberListRow {
            iss: entity(iss),
            seq: 1,
            iat,
            exp,
            jws: jws.to_owned(),
        })
    };
    let status = |uri: &str, exp, token: &str| {
        Write::PeerStatus(PeerStatusRow {
            uri: uri.to_owned(),
            iss: entity("330822"),
            iat,
            exp,
            etag: None,
            token: token.to_owned(),
        })
    };
    let adopted = row(&federation, 1, AgreementState::Adopted);
    let proposed = row(&federation, 2, AgreementState::Proposed);
    node.store
        .commit(
            "accepted",
            vec![
                statement("361123", future, "s.1.x"),
                statement("330822", past, "s.2.x"),
                list("361123", future, "l.1.x"),
                list("330822", past, "l.2.x"),
                status("https://c330822.example/status-lists/1", future, "t.1.x"),
                status("https://c330822.example/status-lists/2", past, "t.2.x"),
                Write::Agreement(Box::new(adopted.clone())),
                Write::Agreement(Box::new(proposed)),
            ],
        )
        .await
        .unwrap();
    let state = PublicState::new();
    state.refresh_bundle(&node).await.unwrap();
    let serving = serve("public-bundle", state).await;
    let bundle: Bundle = serde_json::from_str(&serving.get("/bundle.comity").await.body).unwrap();
    let expected = Bundle {
        version: 1,
        created: now(),
        statements: vec!["s.1.x".to_owned()],
        member_lists: vec!["l.1.x".to_owned()],
        agreements: vec![adopted.signed],
        withdrawals: Vec::new(),
        status_lists: vec!["t.1.x".to_owned()],
    };
    assert_eq!(bundle, expected);
    serving.stop().await;
}

#[tokio::test]
async fn the_closed_lists_are_whole_and_in_both_languages() {
    let serving = serve("public-lists", PublicState::new()).await;
    let catalogue = json(&serving.get("/catalogue").await);
    assert_eq!(catalogue["services"].as_array().unwrap().len(), services().len());
    let outcomes = json(&serving.get("/outcomes").await);
    assert_eq!(outcomes["outcomes"].as_array().unwrap().len(), Outcome::ALL.len());
    let problems = json(&serving.get("/problems").await);
    let problems = problems["problems"].as_array().unwrap();
    assert_eq!(problems.len(), ProblemType::ALL.len());
    let lines = [&catalogue["services"], &outcomes["outcomes"]];
    for line in lines.iter().flat_map(|list| list.as_array().unwrap()) {
        let words = line.get("name").or(line.get("text")).unwrap();
        assert!(
            !words["zh"].as_str().unwrap().is_empty() && !words["en"].as_str().unwrap().is_empty(),
            "{line}"
        );
    }
    let mut stream = serving.dial().await;
    for problem in problems {
        let slug = problem["slug"].as_str().unwrap();
        let request = format!("GET /problems/{slug} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        assert_eq!(json(&ask(&mut stream, &request).await.unwrap()), *problem);
    }
    assert_problem(&serving.get("/problems/none-such").await, 404, "not-found");
    serving.stop().await;
}

#[tokio::test]
async fn nothing_else_is_there_and_nothing_can_be_changed() {
    let (_, state) = county().await;
    let serving = serve("public-methods", state).await;
    for path in [
        "/",
        "/status",
        "/federation/v1/verifications",
        "/../etc/passwd",
        "/status-lists//1",
    ] {
        assert_problem(&serving.get(path).await, 404, "not-found");
    }
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let request = format!("{method} {LIST} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
        let answer = ask(&mut serving.dial().await, &request).await.unwrap();
        assert_problem(&answer, 405, "method-not-allowed");
        assert_eq!(answer.header("allow"), Some("GET,HEAD"));
    }
    serving.stop().await;
}

#[tokio::test]
async fn who_has_spent_its_quota_still_reads_status_lists() {
    let (_, state) = county().await;
    let once = QuotaRate {
        per_second: 0.001,
        burst: 1.0,
    };
    let lanes = Lanes::new("public-quota", once, PLENTY, InFlight::new(2, 1));
    let serving = Serving::publicly("public-quota", router(state, &lanes)).await;
    assert_eq!(serving.get("/catalogue").await.status, 200);
    let answer = serving.get("/catalogue").await;
    assert_problem(&answer, 429, "rate-limited");
    assert!(answer.header("retry-after").is_some());
    for _ in 0..3 {
        assert_eq!(serving.get(LIST).await.status, 200);
    }
    serving.stop().await;
}
