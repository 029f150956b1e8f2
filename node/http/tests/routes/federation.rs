//! Who reaches the federation's handlers, what they answer, and what stays when a peer hangs up, repeats itself or lies.

use std::sync::Arc;

use async_trait::async_trait;
use comity_node_core::node::{Node, View};
use comity_node_core::permits::synthetic::resident;
use comity_node_core::ports::permits::{Permit, PermitChange, PermitEvent, PermitId};
use comity_node_core::ports::record::RecordReads as _;
use comity_node_core::ports::replay::ReplayReads as _;
use comity_node_core::ports::row_id;
use comity_node_core::ports::signer::{Signer, SignerError};
use comity_node_core::ports::store::{Store as _, Write};
use comity_node_core::testing::{MemoryStore, World};
use comity_node_http::federation::{FederationState, router};
use comity_node_http::lanes::Lanes;
use comity_node_http::limits::{InFlight, QuotaRate};
use comity_node_http::listener::Server;
use comity_node_http::tls::{PinRegistry, PinTable, federation_server_config};
use comity_spec::exchange::PermitStatus;
use comity_spec::ids::{Digest, EntityId, Thumbprint};
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::time::{LocalDate, endorsement};
use comity_verifier::testing::{Federation, merge, sign};
use rustls::version::TLS13;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::client::TlsStream;
use tokio_util::task::TaskTracker;

use crate::support::{PLENTY, Serving, ask, assert_problem, json, lanes, now};
use crate::transport::{
    Answer, Certificate, PATIENCE, clock, connect, connect_as, counter, listed, plain_server, refused,
    tls_refused, trusting_client,
};

pub(crate) const ISSUER: &str = "361123";
pub(crate) const RECOGNISER: &str = "330822";
/// Entity ids of the counties, as the synthetic federation names them.
pub(crate) const RECOGNISER_ID: &str = "https://c330822.example";
pub(crate) const OTHER_ID: &str = "https://c330881.example";
pub(crate) const VERIFICATIONS: &str = "/federation/v1/verifications";

/// The issuing county's node: one permit in its store, an agreement with the recogniser, and whoever may speak to it.
pub(crate) struct County {
    pub(crate) federation: Federation,
    pub(crate) world: World,
    pub(crate) store: Arc<MemoryStore>,
    permit: Permit,
    pins: PinRegistry,
    pub(crate) recogniser: Certificate,
    pub(crate) other: Certificate,
}

impl County {
    pub(crate) async fn new() -> Self {
        let world = World::new(now()).await;
        let mut federation = world.federation.clone();
        federation.add_county("330881", "江山市(示例)", 1);
        let store = Arc::new(MemoryStore::default());
        let permit = seed(&world, &store).await;
        let (recogniser, other) = (Certificate::new(), Certificate::new());
        let pins = PinRegistry::new();
        pins.replace(listed([(&recogniser, RECOGNISER_ID), (&other, OTHER_ID)]));
        Self {
            federation,
            world,
            store,
            permit,
            pins,
            recogniser,
            other,
        }
    }

    /// A node on this county's store: a process that has just started.
    pub(crate) fn node(&self) -> Node {
        let mut node = self.world.node(ISSUER).node;
        node.store = self.store.clone();
        node.view.store(Arc::new(View {
            trust: Arc::new(self.federation.trust()),
            agreements: Arc::new(self.federation.agreements()),
            status: Arc::new(self.federation.status_view()),
        }));
        node
    }

    pub(crate) async fn serve(&self, name: &'static str) -> Serving {
        self.serve_node(name, self.node(), lanes(name), TaskTracker::new())
            .await
    }

    pub(crate) async fn serve_node(
        &self,
        name: &'static str,
        node: impl Into<Arc<Node>>,
        lanes: Lanes,
        tasks: TaskTracker,
    ) -> Serving {
        let certificate = Certificate::new();
        let tls = federation_server_config(certificate.identity(), self.pins.clone(), clock()).unwrap();
        let state = FederationState {
            node: node.into(),
            pins: self.pins.clone(),
            clock: clock(),
            tasks,
        };
        let server = Server {
            tls: Some(tls),
            ..plain_server(name, router(state, &lanes))
        };
        Serving::start(server, certificate).await
    }

    /// The claims of a request about the permit's holder, with one thing changed.
    pub(crate) fn claims(&self, jti: u8, change: Value) -> Value {
        let agreement = self.federation.verified_agreement();
        let mut claims = json!({
            "iss": RECOGNISER_ID,
            "aud": self.federation.county(ISSUER).entity,
            "iat": now(),
            "exp": now().plus_saturating(60),
            "jti": comity_spec::ids::Jti::from_bytes([jti; 16]),
            "purpose": "SERVICE",
            "service": "BPS-1",
            "legal_basis": "STATUTORY_DUTY",
            "agreement": agreement.reference(),
            "claims": ["name", "tier"],
            "case_ref": comity_spec::ids::Jti::from_bytes([9; 16]),
            "subject": {
                "number": { "id_number": self.permit.details.id_number },
                "name": self.permit.details.name,
            },
            "environment": "SANDBOX",
        });
        merge(&mut claims, change);
        claims
    }

    pub(crate) fn request(&self, jti: u8, change: Value) -> String {
        self.signed(KeyPurpose::Exchange, &self.claims(jti, change))
    }

    pub(crate) fn signed(&self, purpose: KeyPurpose, claims: &Value) -> String {
        sign(
            &self.federation.county(RECOGNISER).key(purpose),
            Typ::VerificationRequest,
            claims,
        )
    }

    /// Asks on a connection of its own as the recogniser.
    pub(crate) async fn ask(&self, serving: &Serving, body: &str) -> Answer {
        let mut stream = self.dial(serving).await;
        ask(&mut stream, &post(VERIFICATIONS, "application/jose", body))
            .await
            .unwrap()
    }

    pub(crate) async fn dial(&self, serving: &Serving) -> TlsStream<TcpStream> {
        connect_as(&self.recogniser, serving.certificate.pin(), serving.address)
            .await
            .unwrap()
    }

    /// How often something was told: commits and lines in the record, which are one.
    async fn told(&self) -> usize {
        let told = self
            .store
            .commits()
            .iter()
            .filter(|name| **name == "answer look-up")
            .count();
        let lines = self.store.lines_after(0, 1_000).await.unwrap().len();
        assert_eq!(told, lines, "no record, no answer");
        told
    }
}

async fn seed(world: &World, store: &MemoryStore) -> Permit {
    let node = world.node(ISSUER).node;
    let details = resident(node.identity.region, LocalDate::of(now()), 0).unwrap();
    let permit = Permit {
        id: PermitId(row_id(node.clock.as_ref(), node.rng.as_ref())),
        version: 1,
        status: PermitStatus::Valid,
        endorsed_until: endorsement::endorsed_until(details.issue_date).unwrap(),
        anniversary: details.issue_date,
        replaced_by: None,
        changed_at: now(),
        details,
    };
    let change = PermitChange {
        permit: permit.clone(),
        expected: 0,
        event: PermitEvent::Issued { evidence: Vec::new() },
        actor: "demo".to_owned(),
        status: None,
    };
    store
        .commit("seed", vec![Write::Permit(Box::new(change))])
        .await
        .unwrap();
    permit
}

pub(crate) fn post(path: &str, content_type: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

fn handled(listener: &str) -> u64 {
    counter(
        "comity_federation_handled_total",
        listener,
        "endpoint",
        "verifications",
    )
}

fn payload(jws: &str) -> Value {
    use base64::Engine as _;
    let payload = jws.split('.').nth(1).unwrap();
    serde_json::from_slice(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(payload)
            .unwrap(),
    )
    .unwrap()
}

#[tokio::test]
async fn a_listed_peer_is_answered_for_itself_alone() {
    let county = County::new().await;
    let serving = county.serve("fed-answer").await;
    let request = county.request(1, json!({}));
    let answer = county.ask(&serving, &request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/jose"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let told = payload(&answer.body);
    assert_eq!(told["aud"], RECOGNISER_ID);
    assert_eq!(told["result"], "match");
    assert_eq!(told["in_reply_to"], json!(Digest::of(&request)));
    let names: Vec<_> = told["claims"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["name", "tier"], "what was asked and nothing else");
    serving.stop().await;
    assert_eq!((handled("fed-answer"), county.told().await), (1, 1));
}

#[tokio::test]
async fn nobody_on_record_is_an_answer_of_the_same_size() {
    let county = County::new().await;
    let serving = county.serve("fed-no-match").await;
    let known = county.ask(&serving, &county.request(1, json!({}))).await;
    let wrong_name = json!({
        "subject": { "number": { "id_number": county.permit.details.id_number }, "name": "示例无此人" },
    });
    let nobody = resident(ISSUER.parse().unwrap(), LocalDate::of(now()), 1).unwrap();
    let unknown_number = json!({
        "subject": { "number": { "id_number": nobody.id_number }, "name": county.permit.details.name },
    });
    let wrong_name = county.ask(&serving, &county.request(2, wrong_name)).await;
    let unknown = county.ask(&serving, &county.request(3, unknown_number)).await;
    for answer in [&wrong_name, &unknown] {
        assert_eq!(answer.status, known.status);
        assert_eq!(answer.body.len(), known.body.len());
        assert_eq!(payload(&answer.body)["result"], "no_match");
    }
    // Whoever asks cannot tell the two apart, by head or by contents.
    let head = |answer: &Answer| {
        let own = |line: &&str| !line.starts_with("date:") && !line.starts_with("comity-trace:");
        answer
            .head
            .lines()
            .filter(own)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(head(&wrong_name), head(&unknown));
    assert!(head(&unknown).len() > 2, "{unknown:?}");
    let contents = |answer: &Answer| {
        let mut told = payload(&answer.body);
        for own in ["in_reply_to", "pad"] {
            told.as_object_mut().unwrap().remove(own);
        }
        told
    };
    assert_eq!(contents(&wrong_name), contents(&unknown));
    serving.stop().await;
}

/// Connects with `certificate`, sends an honest request if the connection stands, and returns what comes back.
pub(crate) async fn try_with(
    county: &County,
    serving: &Serving,
    certificate: Option<&Certificate>,
) -> Option<Answer> {
    let server = serving.certificate.pin();
    let connected = match certificate {
        Some(certificate) => connect_as(certificate, server, serving.address).await,
        None => connect(trusting_client(&[&TLS13], server), serving.address).await,
    };
    // In TLS 1.3 the client's handshake ends before its certificate is judged: the refusal may show at the first read.
    let request = post(VERIFICATIONS, "application/jose", &county.request(1, json!({})));
    ask(&mut connected.ok()?, &request).await
}

#[tokio::test]
async fn without_a_certificate_of_a_member_no_handler_is_reached() {
    let county = County::new().await;
    let expired = Certificate::expired();
    county.pins.replace(listed([
        (&county.recogniser, RECOGNISER_ID),
        (&expired, RECOGNISER_ID),
    ]));
    let unlisted = Certificate::new();
    for (name, certificate, reason) in [
        ("fed-none", None, "no_certificate"),
        ("fed-unlisted", Some(&unlisted), "unlisted_pin"),
        ("fed-expired", Some(&expired), "expired"),
    ] {
        let serving = county.serve(name).await;
        assert!(try_with(&county, &serving, certificate).await.is_none(), "{name}");
        serving.stop().await;
        assert_eq!(tls_refused(name, reason), 1, "{name}");
        assert_eq!(handled(name), 0, "{name}");
    }
    assert_eq!(county.told().await, 0);
}

#[tokio::test]
async fn another_countys_certificate_does_not_carry_a_request() {
    let county = County::new().await;
    let serving = county.serve("fed-other").await;
    let answer = try_with(&county, &serving, Some(&county.other)).await.unwrap();
    assert_problem(&answer, 403, "pin-mismatch");
    serving.stop().await;
    assert_eq!(refused("fed-other", "wrong_owner"), 1);
    assert_eq!((handled("fed-other"), county.told().await), (0, 0));
}

// TRN-5
#[tokio::test]
async fn a_header_that_names_a_county_makes_nobody_that_county() {
    let county = County::new().await;
    let serving = county.serve("fed-header").await;
    let mut stream = connect_as(&county.other, serving.certificate.pin(), serving.address)
        .await
        .unwrap();
    let request = post(VERIFICATIONS, "application/jose", &county.request(1, json!({})));
    let claimed =
        format!("host: localhost\r\nx-client-cert: {RECOGNISER_ID}\r\nforwarded: for={RECOGNISER_ID}");
    let answer = ask(&mut stream, &request.replacen("host: localhost", &claimed, 1))
        .await
        .unwrap();
    assert_problem(&answer, 403, "pin-mismatch");
    serving.stop().await;
    assert_eq!(county.told().await, 0);
}

#[tokio::test]
async fn a_pin_withdrawn_under_an_open_connection_ends_its_requests() {
    let county = County::new().await;
    let serving = county.serve("fed-dropped").await;
    let mut stream = county.dial(&serving).await;
    let request = |jti| post(VERIFICATIONS, "application/jose", &county.request(jti, json!({})));
    assert_eq!(ask(&mut stream, &request(1)).await.unwrap().status, 200);
    county.pins.replace(PinTable::default());
    assert_eq!(ask(&mut stream, &request(2)).await.unwrap().status, 403);
    serving.stop().await;
    assert_eq!(refused("fed-dropped", "unlisted_pin"), 1);
    assert_eq!((handled("fed-dropped"), county.told().await), (1, 1));
}

#[tokio::test]
async fn a_signature_by_another_purposes_key_is_refused() {
    let county = County::new().await;
    let serving = county.serve("fed-purpose").await;
    for (jti, purpose) in (1..).zip(KeyPurpose::NODE) {
        let request = county.signed(purpose, &county.claims(jti, json!({})));
        let answer = county.ask(&serving, &request).await;
        if purpose == KeyPurpose::Exchange {
            assert_eq!(answer.status, 200);
        } else {
            assert_problem(&answer, 403, "signature-invalid");
        }
    }
    serving.stop().await;
    assert_eq!(county.told().await, 1);
}

#[tokio::test]
async fn a_request_sent_a_thousand_times_across_a_restart_has_one_effect() {
    let county = County::new().await;
    let body = county.request(1, json!({}));
    let request = post(VERIFICATIONS, "application/jose", &body);
    let mut first = None;
    for name in ["fed-replay-before", "fed-replay-after"] {
        let serving = county.serve(name).await;
        let mut stream = county.dial(&serving).await;
        for _ in 0..500 {
            let answer = ask(&mut stream, &request).await.unwrap();
            assert_eq!(answer.status, 200);
            assert_eq!(first.get_or_insert_with(|| answer.body.clone()), &answer.body);
        }
        drop(stream);
        serving.stop().await;
    }
    assert_eq!(county.told().await, 1);
}

// VER-9
#[tokio::test]
async fn other_bytes_under_a_used_number_are_a_conflict_after_a_restart_too() {
    let county = County::new().await;
    for (name, change) in [
        ("fed-conflict-1", json!({})),
        ("fed-conflict-2", json!({ "service": "BPS-2" })),
    ] {
        let serving = county.serve(name).await;
        let answer = county.ask(&serving, &county.request(1, change.clone())).await;
        match change.get("service") {
            None => assert_eq!(answer.status, 200),
            Some(_) => assert_problem(&answer, 409, "replay-conflict"),
        }
        serving.stop().await;
    }
    assert_eq!(county.told().await, 1);
}

/// A key that signs only when told to: it stands for a commit that takes its time.
pub(crate) struct Waiting {
    inner: Arc<dyn Signer>,
    pub(crate) asked: Semaphore,
    pub(crate) go: Semaphore,
}

#[async_trait]
impl Signer for Waiting {
    fn public_key(&self) -> [u8; 32] {
        self.inner.public_key()
    }

    fn thumbprint(&self) -> Thumbprint {
        self.inner.thumbprint()
    }

    async fn sign(&self, messages: &[&[u8]]) -> Result<Vec<[u8; 64]>, SignerError> {
        self.asked.add_permits(1);
        self.go.acquire().await.unwrap().forget();
        self.inner.sign(messages).await
    }
}

pub(crate) fn with_waiting_key(county: &County) -> (Node, Arc<Waiting>) {
    let mut node = county.node();
    let waiting = Arc::new(Waiting {
        inner: Arc::clone(node.signers.of(KeyPurpose::Exchange).unwrap()),
        asked: Semaphore::new(0),
        go: Semaphore::new(0),
    });
    node.signers.insert(KeyPurpose::Exchange, waiting.clone());
    (node, waiting)
}

#[tokio::test]
async fn a_peer_that_hangs_up_takes_nothing_back() {
    let county = County::new().await;
    let (node, key) = with_waiting_key(&county);
    let tasks = TaskTracker::new();
    let serving = county
        .serve_node("fed-hang-up", node, lanes("fed-hang-up"), tasks.clone())
        .await;
    let body = county.request(1, json!({}));
    let mut stream = county.dial(&serving).await;
    stream
        .write_all(post(VERIFICATIONS, "application/jose", &body).as_bytes())
        .await
        .unwrap();
    stream.flush().await.unwrap();
    key.asked.acquire().await.unwrap().forget();
    drop(stream);
    // The listener has ended its last connection, and with it the request: only the task is left.
    serving.stop().await;
    assert_eq!(county.told().await, 0);
    key.go.add_permits(1);
    tasks.close();
    tokio::time::timeout(PATIENCE, tasks.wait()).await.unwrap();
    assert_eq!(county.told().await, 1);

    let again = county.serve("fed-hang-up-again").await;
    let answer = county.ask(&again, &body).await;
    let claims = county.claims(1, json!({}));
    let kept = county
        .store
        .answered(RECOGNISER_ID, claims["jti"].as_str().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(answer.body.as_bytes(), kept.answer);
    again.stop().await;
    assert_eq!(county.told().await, 1);
}

// VER-9
#[tokio::test]
async fn the_same_request_twice_at_once_is_asked_to_come_again() {
    let county = County::new().await;
    let (node, key) = with_waiting_key(&county);
    let serving = county
        .serve_node("fed-twice", node, lanes("fed-twice"), TaskTracker::new())
        .await;
    let body = county.request(1, json!({}));
    let request = post(VERIFICATIONS, "application/jose", &body);
    let mut first = county.dial(&serving).await;
    first.write_all(request.as_bytes()).await.unwrap();
    first.flush().await.unwrap();
    key.asked.acquire().await.unwrap().forget();
    let second = county.ask(&serving, &body).await;
    assert_problem(&second, 503, "in-progress");
    assert_eq!(second.header("retry-after"), Some("1"));
    key.go.add_permits(1);
    let answer = tokio::time::timeout(PATIENCE, crate::transport::read_answer(&mut first))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(county.ask(&serving, &body).await.body, answer.body);
    serving.stop().await;
    assert_eq!(county.told().await, 1);
}

#[tokio::test]
async fn a_task_keeps_its_place_when_its_caller_has_gone() {
    let county = County::new().await;
    let (node, key) = with_waiting_key(&county);
    let lanes = Lanes::new("fed-places", PLENTY, PLENTY, InFlight::new(1, 0));
    let tasks = TaskTracker::new();
    let serving = county.serve_node("fed-places", node, lanes, tasks.clone()).await;
    let mut gone = county.dial(&serving).await;
    gone.write_all(post(VERIFICATIONS, "application/jose", &county.request(1, json!({}))).as_bytes())
        .await
        .unwrap();
    gone.flush().await.unwrap();
    key.asked.acquire().await.unwrap().forget();
    drop(gone);
    let told = county.ask(&serving, &county.request(2, json!({}))).await;
    assert_problem(&told, 503, "overloaded");
    assert!(told.header("retry-after").is_some());
    key.go.add_permits(2);
    tasks.close();
    tokio::time::timeout(PATIENCE, tasks.wait()).await.unwrap();
    assert_eq!(
        county.ask(&serving, &county.request(2, json!({}))).await.status,
        200
    );
    serving.stop().await;
}

#[tokio::test]
async fn what_no_agreement_covers_is_refused_with_its_own_type() {
    let county = County::new().await;
    let serving = county.serve("fed-refusals").await;
    let reference = serde_json::to_value(county.federation.verified_agreement().reference()).unwrap();
    let mut older = reference.clone();
    merge(&mut older, json!({ "version": 7 }));
    let mut unknown = reference.clone();
    merge(&mut unknown, json!({ "id": "AGR-OTHER" }));
    for (jti, (change, status, slug)) in (1..).zip([
        (json!({ "agreement": older }), 409, "agreement-version-mismatch"),
        (json!({ "agreement": unknown }), 403, "agreement-unknown"),
        (json!({ "service": "CNV-3" }), 403, "service-not-covered"),
        (
            json!({ "claims": ["name", "hukou_address"] }),
            403,
            "claims-not-allowed",
        ),
        (json!({ "aud": OTHER_ID }), 403, "wrong-audience"),
        (json!({ "environment": "PRODUCTION" }), 403, "wrong-environment"),
        (
            json!({ "iat": now().plus_saturating(-200), "exp": now().plus_saturating(-140) }),
            400,
            "request-expired",
        ),
        (
            json!({ "iat": now().plus_saturating(90), "exp": now().plus_saturating(120) }),
            400,
            "clock-skew",
        ),
        (
            json!({ "exp": now().plus_saturating(61) }),
            400,
            "malformed-request",
        ),
        (json!({ "unheard_of": true }), 400, "malformed-request"),
    ]) {
        let answer = county.ask(&serving, &county.request(jti, change)).await;
        assert_problem(&answer, status, slug);
        let current = json(&answer).get("current_agreement").cloned();
        assert_eq!(
            current,
            (slug == "agreement-version-mismatch").then(|| reference.clone()),
            "{slug}"
        );
    }
    serving.stop().await;
    assert_eq!(county.told().await, 0);
}

#[tokio::test]
async fn no_error_repeats_what_the_peer_sent() {
    let county = County::new().await;
    let serving = county.serve("fed-silent").await;
    let secret = "示例秘密";
    for change in [
        json!({ "purpose": secret }),
        json!({ "subject": { "number": { "id_number": secret }, "name": secret } }),
    ] {
        let answer = county.ask(&serving, &county.request(1, change)).await;
        assert_problem(&answer, 400, "malformed-request");
        assert!(
            !answer.body.contains(secret) && !answer.body.contains("\\u793a"),
            "{}",
            answer.body
        );
        assert_eq!(json(&answer)["rule"], "jws.claims");
    }
    serving.stop().await;
}

#[tokio::test]
async fn form_is_checked_before_anything_is_handled() {
    let county = County::new().await;
    let serving = county.serve("fed-form").await;
    let body = county.request(1, json!({}));
    let large = "x".repeat(16 * 1024 + 1);
    for (request, status, slug) in [
        (
            post(VERIFICATIONS, "application/json", &body),
            415,
            "unsupported-media-type",
        ),
        (
            post(VERIFICATIONS, "application/jose+json", &body),
            415,
            "unsupported-media-type",
        ),
        (
            post(VERIFICATIONS, "application/jose", &large),
            413,
            "body-too-large",
        ),
        (
            post("/federation/v1/nothing", "application/jose", &body),
            404,
            "not-found",
        ),
        (
            post("/federation/v2/verifications", "application/jose", &body),
            404,
            "not-found",
        ),
        (
            format!("GET {VERIFICATIONS} HTTP/1.1\r\nhost: localhost\r\n\r\n"),
            405,
            "method-not-allowed",
        ),
    ] {
        let answer = ask(&mut county.dial(&serving).await, &request).await.unwrap();
        assert_problem(&answer, status, slug);
        assert_eq!(answer.header("allow"), (status == 405).then_some("POST"));
    }
    assert_eq!(handled("fed-form"), 0);
    assert_problem(&county.ask(&serving, "no.jws").await, 400, "malformed-request");
    serving.stop().await;
    assert_eq!(county.told().await, 0);
}

#[tokio::test]
async fn a_store_that_is_down_is_our_fault_and_said_so() {
    let county = County::new().await;
    let serving = county.serve("fed-store").await;
    county.store.fail("disk full");
    let body = county.request(1, json!({}));
    let answer = county.ask(&serving, &body).await;
    assert_problem(&answer, 503, "store-unavailable");
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert!(!answer.body.contains("disk full"));
    county.store.recover();
    assert_eq!(county.ask(&serving, &body).await.status, 200);
    serving.stop().await;
    assert_eq!(county.told().await, 1);
}

#[tokio::test]
async fn one_peers_quota_is_its_own() {
    let county = County::new().await;
    let once = QuotaRate {
        per_second: 0.001,
        burst: 1.0,
    };
    let lanes = Lanes::new("fed-quota", once, PLENTY, InFlight::new(8, 1));
    let serving = county
        .serve_node("fed-quota", county.node(), lanes, TaskTracker::new())
        .await;
    assert_eq!(
        county.ask(&serving, &county.request(1, json!({}))).await.status,
        200
    );
    let over = county.ask(&serving, &county.request(2, json!({}))).await;
    assert_problem(&over, 429, "rate-limited");
    assert!(over.header("retry-after").is_some());
    let other = try_with(&county, &serving, Some(&county.other)).await.unwrap();
    assert_problem(&other, 403, "pin-mismatch");
    serving.stop().await;
    assert_eq!(county.told().await, 1);
}

#[test]
fn the_counties_are_named_as_the_federation_names_them() {
    let federation = Federation::demo(now());
    let recogniser: EntityId = RECOGNISER_ID.parse().unwrap();
    assert_eq!(federation.county(RECOGNISER).entity, recogniser);
}
