//! What an authority shows, in the words of OpenID Federation where it defines them.

use comity_node_core::federation::authority::{
    Application, AuthorityState, Hosting, NewAuthority, Place, Rank, Standing, enrol, init, published,
    set_standing,
};
use comity_node_core::signing::LocalSigner;
use comity_node_http::authority::{AuthorityOrigin, router};
use comity_spec::entity::Environment;
use comity_spec::text::Bilingual;
use serde_json::json;
use zeroize::Zeroizing;

use crate::support::{Serving, ask, assert_problem, json, lanes, now};
use crate::transport::Answer;

const ANCHOR: &str = "https://anchor.example";
const PROVINCE: &str = "https://jiangxi.example:8443";
const WELL_KNOWN: &str = "/.well-known/openid-federation";

fn signer(name: u8) -> LocalSigner {
    LocalSigner::from_seed(&Zeroizing::new([name; 32]))
}

async fn found(entity: &str, rank: Rank, hosting: Hosting, key: u8) -> AuthorityState {
    let new = NewAuthority {
        entity: entity.parse().unwrap(),
        environment: Environment::Sandbox,
        name: name(),
        rank,
        hosting,
    };
    init(new, &signer(key), now()).await.unwrap()
}

fn name() -> Bilingual {
    Bilingual {
        zh: "示例机构".to_owned(),
        en: "Example authority".to_owned(),
    }
}

async fn province(hosting: Hosting) -> AuthorityState {
    let rank = Rank::Province {
        superior: ANCHOR.parse().unwrap(),
        prefix: "36".parse().unwrap(),
    };
    found(PROVINCE, rank, hosting, 2).await
}

/// An anchor with one province.
pub(crate) async fn anchor() -> AuthorityState {
    let anchor = found(ANCHOR, Rank::Anchor, Hosting::Server, 1).await;
    let configuration = province(Hosting::Server).await.configuration;
    let application = Application {
        configuration: &configuration,
        place: Place::Province {
            prefix: "36".parse().unwrap(),
            name: name(),
        },
        replace_keys: false,
    };
    enrol(&anchor, &signer(1), application, now())
        .await
        .unwrap()
        .state
}

pub(crate) async fn serve(name: &'static str, state: &AuthorityState) -> (AuthorityOrigin, Serving) {
    let origin = AuthorityOrigin::new(state, now());
    let serving = Serving::publicly(name, router(origin.clone(), &lanes(name))).await;
    (origin, serving)
}

fn assert_error(answer: &Answer, status: u16, error: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let body = json(answer);
    assert_eq!(body["error"], error);
    assert!(body["error_description"].is_string());
    assert!(body.get("type").is_none(), "not a problem document: {body}");
}

#[tokio::test]
async fn every_published_file_is_served_under_its_path_with_a_validator() {
    let state = anchor().await;
    let (_, serving) = serve("authority-files", &state).await;
    let files = published(&state, now()).files;
    assert!(files.len() >= 4);
    for (path, file) in files {
        let answer = serving.get(&path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.body.as_bytes(), file.bytes, "{path}");
        assert_eq!(answer.header("content-type"), Some(file.content_type), "{path}");
        let known = format!("if-none-match: {}\r\n", answer.header("etag").unwrap());
        let again = serving.get_with(&path, &known).await;
        assert_eq!((again.status, again.body.as_str()), (304, ""), "{path}");
    }
    serving.stop().await;
}

#[tokio::test]
async fn fetch_gives_the_statement_on_a_member_and_the_own_configuration() {
    let state = anchor().await;
    let (_, serving) = serve("authority-fetch", &state).await;
    for (sub, expected) in [
        (
            "https%3A%2F%2Fjiangxi.example%3A8443",
            &state.members[0].statement,
        ),
        (PROVINCE, &state.members[0].statement),
        (ANCHOR, &state.configuration),
    ] {
        let answer = serving.get(&format!("/federation/fetch?sub={sub}")).await;
        assert_eq!((answer.status, &answer.body), (200, expected), "{sub}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/entity-statement+jwt")
        );
        assert!(answer.header("etag").is_some());
    }
    serving.stop().await;
}

// TRU-33
#[tokio::test]
async fn fetch_and_list_refuse_in_the_error_form() {
    let (_, serving) = serve("authority-errors", &anchor().await).await;
    for (path, status, error) in [
        ("/federation/fetch", 400, "invalid_request"),
        ("/federation/fetch?sub=", 400, "invalid_request"),
        ("/federation/fetch?sub=jiangxi.example", 400, "invalid_request"),
        (
            "/federation/fetch?sub=https://a.example&sub=https://b.example",
            400,
            "invalid_request",
        ),
        ("/federation/fetch?sub=https://other.example", 404, "not_found"),
        (
            "/federation/list?entity_type=comity_node",
            400,
            "unsupported_parameter",
        ),
        ("/federation/list?intermediate=true", 400, "unsupported_parameter"),
    ] {
        assert_error(&serving.get(path).await, status, error);
    }
    serving.stop().await;
}

#[tokio::test]
async fn the_list_follows_the_standing_of_the_members_and_the_statement_stays() {
    let state = anchor().await;
    let (origin, serving) = serve("authority-list", &state).await;
    assert_eq!(json(&serving.get("/federation/list").await), json!([PROVINCE]));
    let before = serving.get(WELL_KNOWN).await;
    let province = PROVINCE.parse().unwrap();
    let removed = set_standing(&state, &signer(1), &province, Standing::Remove, now())
        .await
        .unwrap();
    origin.publish(&removed, now());
    assert_eq!(json(&serving.get("/federation/list").await), json!([]));
    let statement = serving.get(&format!("/federation/fetch?sub={PROVINCE}")).await;
    assert_eq!(
        (statement.status, &statement.body),
        (200, &removed.members[0].statement)
    );
    let known = format!("if-none-match: {}\r\n", before.header("etag").unwrap());
    assert_eq!(serving.get_with(WELL_KNOWN, &known).await.status, 200);
    serving.stop().await;
}

#[tokio::test]
async fn each_listener_answers_for_its_own_origin_whatever_the_host_header_says() {
    let (_, first) = serve("authority-one", &anchor().await).await;
    let (_, second) = serve("authority-two", &province(Hosting::Server).await).await;
    let request = format!("GET {WELL_KNOWN} HTTP/1.1\r\nhost: anchor.example\r\n\r\n");
    let mut answers = Vec::new();
    for serving in [&first, &second] {
        answers.push(ask(&mut serving.dial().await, &request).await.unwrap().body);
    }
    assert_eq!(answers[0], anchor().await.configuration);
    assert_eq!(answers[1], province(Hosting::Server).await.configuration);
    assert_ne!(answers[0], answers[1]);
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn an_authority_of_files_only_has_no_endpoints() {
    let (_, serving) = serve("authority-static", &province(Hosting::Static).await).await;
    assert_eq!(serving.get(WELL_KNOWN).await.status, 200);
    for path in [
        "/federation/list",
        "/federation/fetch?sub=https://a.example",
        "/",
        "/federation/statements/none.jwt",
    ] {
        assert_problem(&serving.get(path).await, 404, "not-found");
    }
    serving.stop().await;
}

#[tokio::test]
async fn nothing_can_be_changed_through_it() {
    let (_, serving) = serve("authority-methods", &anchor().await).await;
    for path in [WELL_KNOWN, "/federation/list"] {
        let request = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
        let answer = ask(&mut serving.dial().await, &request).await.unwrap();
        assert_problem(&answer, 405, "method-not-allowed");
        assert!(answer.header("allow").is_some_and(|allow| allow.contains("GET")));
    }
    serving.stop().await;
}
