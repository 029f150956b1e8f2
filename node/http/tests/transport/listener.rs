//! What one connection may cost the node, and that the next one is served all the same.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use axum::Router;
use axum::routing::get;
use comity_node_http::limits::{Quota, QuotaRate};
use comity_node_http::listener::{BodyLimits, Drained, Lane, Slots};
use comity_node_http::ops::{self, Readiness, Unready};
use comity_node_http::problem_response::{Fault, Problem};
use comity_spec::problem::{Problem as Document, ProblemType};
use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::support::{
    self, Certificate, POST_ECHO, Running, SHORT, ask, connect, counted_routes, counter, plain_server,
    public_server, read_answer, refused, trusting_client, until_closed,
};

async fn dial(running: &Running) -> TcpStream {
    TcpStream::connect(running.address).await.unwrap()
}

async fn post(stream: &mut TcpStream, length: usize) -> u16 {
    let body = "x".repeat(length);
    let request = format!("POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{body}");
    ask(stream, &request).await.unwrap().status
}

#[tokio::test]
async fn an_honest_request_is_answered_counted_and_traced() {
    let (router, calls) = counted_routes();
    let running = Running::start(plain_server("plain-honest", router), calls).await;
    let mut stream = dial(&running).await;
    let answer = ask(&mut stream, POST_ECHO).await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "5"));
    assert_eq!(answer.header("comity-trace"), Some("261101-361123-00000001"));
    let missing = ask(
        &mut stream,
        "GET /11010118900101001X HTTP/1.1\r\nhost: localhost\r\n\r\n",
    )
    .await
    .unwrap();
    assert_eq!(missing.status, 404);
    assert_eq!(running.stop().await.0, 1);
    assert_eq!(
        counter("comity_requests_total", "plain-honest", "route", "/echo"),
        1
    );
    assert_eq!(
        counter("comity_requests_total", "plain-honest", "route", "unmatched"),
        1
    );
}

// TRN-7
#[tokio::test]
async fn a_client_that_says_nothing_is_closed() {
    let (router, calls) = counted_routes();
    let mut server = plain_server("plain-silent", router);
    server.limits.first_byte = SHORT;
    let running = Running::start(server, calls).await;
    assert!(until_closed(&mut dial(&running).await).await.is_empty());
    running.stop().await;
    assert_eq!(refused("plain-silent", "first_byte_timeout"), 1);
}

// TRN-7
#[tokio::test]
async fn a_half_sent_head_is_closed() {
    let (router, calls) = counted_routes();
    let mut server = plain_server("plain-half-head", router);
    server.limits.header = SHORT;
    let running = Running::start(server, calls).await;
    let mut stream = dial(&running).await;
    stream.write_all(b"GET /who HTTP/1.1\r\nhost: loc").await.unwrap();
    until_closed(&mut stream).await;
    assert_eq!(running.stop().await.0, 0);
    assert_eq!(refused("plain-half-head", "header_timeout"), 1);
}

// TRN-8
#[tokio::test]
async fn a_head_over_its_size_is_refused() {
    let (router, calls) = counted_routes();
    let running = Running::start(plain_server("plain-big-head", router), calls).await;
    let mut stream = dial(&running).await;
    let padding = "x".repeat(64 * 1_024);
    let request = format!("GET /who HTTP/1.1\r\nhost: localhost\r\nx-padding: {padding}\r\n\r\n");
    let answer = ask(&mut stream, &request).await;
    assert!(answer.is_none_or(|answer| answer.status == 431));
    assert_eq!(running.stop().await.0, 0);
    assert_eq!(refused("plain-big-head", "head_too_large"), 1);
}

// TRN-7
#[tokio::test]
async fn a_body_below_the_floor_is_closed() {
    let (router, calls) = counted_routes();
    let mut server = plain_server("plain-slow-body", router);
    server.limits.body = BodyLimits {
        grace: SHORT,
        ..server.limits.body
    };
    let running = Running::start(server, calls).await;
    let mut stream = dial(&running).await;
    let head = "POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nx";
    assert_eq!(
        ask(&mut stream, head).await.map(|answer| answer.status),
        Some(408)
    );
    assert!(until_closed(&mut stream).await.is_empty());
    assert_eq!(running.stop().await.0, 0);
    assert_eq!(refused("plain-slow-body", "body_too_slow"), 1);
}

// TRN-8
#[tokio::test]
async fn a_body_of_the_largest_size_passes_and_one_byte_more_does_not() {
    let (router, calls) = counted_routes();
    let running = Running::start(plain_server("plain-big-body", router), calls).await;
    assert_eq!(post(&mut dial(&running).await, 1_024).await, 200);
    assert_eq!(post(&mut dial(&running).await, 1_025).await, 413);
    assert_eq!(running.stop().await.0, 1);
    assert_eq!(refused("plain-big-body", "body_too_large"), 1);
}

// TRN-8
#[tokio::test]
async fn a_body_of_unannounced_size_is_cut_at_the_cap() {
    let (router, calls) = counted_routes();
    let running = Running::start(plain_server("plain-chunked", router), calls).await;
    let chunk = "x".repeat(512);
    let chunked = |chunks: usize| {
        let body = format!("200\r\n{chunk}\r\n").repeat(chunks);
        format!("POST /echo HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n{body}0\r\n\r\n")
    };
    let small = ask(&mut dial(&running).await, &chunked(2)).await.unwrap();
    assert_eq!((small.status, small.body.as_str()), (200, "1024"));
    let large = ask(&mut dial(&running).await, &chunked(3)).await.unwrap();
    assert_eq!(large.status, 413);
    assert_eq!(large.header("content-type"), Some("application/problem+json"));
    assert_eq!(running.stop().await.0, 1);
}

// TRN-7
#[tokio::test]
async fn a_client_that_does_not_take_its_answer_is_closed() {
    let router = Router::new().route("/large", get(async || vec![b'x'; 64 * 1_024 * 1_024]));
    let mut server = plain_server("plain-stalled", router);
    server.limits.write_stall = SHORT;
    let running = Running::start(server, Arc::default()).await;
    let mut stream = dial(&running).await;
    stream
        .write_all(b"GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    // The answer has begun; from here on the client reads nothing and holds its end open.
    stream.read_u8().await.unwrap();
    let (_, drained) = running.stop().await;
    assert_eq!(drained, Drained { cut: 0 });
    assert_eq!(refused("plain-stalled", "write_stalled"), 1);
    drop(stream);
}

// TRN-11
#[tokio::test]
async fn a_panic_is_that_requests_own() {
    let (router, calls) = counted_routes();
    let running = Running::start(plain_server("plain-panic", router), calls).await;
    let mut stream = dial(&running).await;
    let answer = ask(&mut stream, "GET /panic HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(answer.status, 500);
    assert!(!answer.body.contains("defect"));
    assert_eq!(
        ask(&mut stream, POST_ECHO).await.map(|answer| answer.status),
        Some(200)
    );
    running.stop().await;
}

#[derive(Debug, thiserror::Error)]
#[error("the cause, which is for the log")]
struct Cause;

// TRN-11
#[tokio::test]
async fn every_500_has_the_same_body_but_for_its_trace() {
    let router = Router::new()
        .route("/fault", get(async || Fault::from(Cause)))
        .route(
            "/text",
            get(async || {
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the cause, which is for the log",
                )
            }),
        )
        .route(
            "/problem",
            get(async || Problem::from(Document::new(ProblemType::ConfigInvalid).with_detail("the cause"))),
        );
    let running = Running::start(plain_server("plain-500", router), Arc::default()).await;
    let mut stream = dial(&running).await;
    for (trace, path) in (1..).zip(["fault", "text", "problem"]) {
        let request = format!("GET /{path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        let answer = ask(&mut stream, &request).await.unwrap();
        assert_eq!(answer.status, 500);
        let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        let internal = Document::new(ProblemType::Internal).with_trace(support::trace(trace));
        let expected = serde_json::to_value(internal).unwrap();
        assert_eq!(body, expected);
    }
    running.stop().await;
}

// TRN-7
#[tokio::test]
async fn a_handler_that_takes_too_long_is_not_waited_for() {
    let router = Router::new().route("/never", get(async || std::future::pending::<String>().await));
    let mut server = plain_server("plain-never", router);
    server.limits.answer = SHORT;
    let running = Running::start(server, Arc::default()).await;
    let answer = ask(
        &mut dial(&running).await,
        "GET /never HTTP/1.1\r\nhost: localhost\r\n\r\n",
    )
    .await
    .unwrap();
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    running.stop().await;
}

// TRN-9
#[tokio::test]
async fn when_the_places_are_gone_one_is_told_so_and_the_priority_lane_still_serves() {
    let slots = Slots::new(2, 1);
    let (router, calls) = counted_routes();
    let mut ordinary = plain_server("plain-full", router.clone());
    ordinary.slots = slots.clone();
    let ordinary = Running::start(ordinary, calls.clone()).await;
    let mut priority = plain_server("plain-priority", router);
    (priority.slots, priority.lane) = (slots, Lane::Priority);
    let priority = Running::start(priority, calls).await;

    let mut holder = dial(&ordinary).await;
    assert_eq!(
        ask(&mut holder, POST_ECHO).await.map(|answer| answer.status),
        Some(200)
    );
    let mut told = dial(&ordinary).await;
    let answer = ask(&mut told, POST_ECHO).await.unwrap();
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert!(until_closed(&mut told).await.is_empty());
    assert_eq!(
        ask(&mut dial(&priority).await, POST_ECHO)
            .await
            .map(|answer| answer.status),
        Some(200)
    );

    priority.stop().await;
    assert_eq!(ordinary.stop().await.0, 2);
    assert_eq!(refused("plain-full", "too_many_connections"), 1);
    assert_eq!(refused("plain-priority", "too_many_connections"), 0);
}

#[tokio::test]
async fn one_address_has_so_many_connections() {
    let (router, calls) = counted_routes();
    let mut server = plain_server("plain-per-address", router);
    server.limits.per_address = 1;
    let running = Running::start(server, calls).await;
    let mut first = dial(&running).await;
    assert_eq!(
        ask(&mut first, POST_ECHO).await.map(|answer| answer.status),
        Some(200)
    );
    assert!(ask(&mut dial(&running).await, POST_ECHO).await.is_none());
    assert_eq!(
        ask(&mut first, POST_ECHO).await.map(|answer| answer.status),
        Some(200)
    );
    assert_eq!(running.stop().await.0, 2);
    assert_eq!(refused("plain-per-address", "too_many_from_address"), 1);
}

// TRN-9
#[tokio::test]
async fn a_caller_over_its_quota_is_told_when_to_come_again() {
    let (router, calls) = counted_routes();
    let quota = Quota::new(
        "plain-quota",
        QuotaRate {
            per_second: 0.01,
            burst: 2.0,
        },
    );
    let running = Running::start(plain_server("plain-quota", quota.guard(router)), calls).await;
    let mut stream = dial(&running).await;
    for _ in 0..2 {
        assert_eq!(
            ask(&mut stream, POST_ECHO).await.map(|answer| answer.status),
            Some(200)
        );
    }
    let answer = ask(&mut stream, POST_ECHO).await.unwrap();
    assert_eq!(answer.status, 429);
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=100).contains(&wait), "{wait}");
    assert_eq!(running.stop().await.0, 2);
    assert_eq!(refused("plain-quota", "too_many_requests"), 1);
}

/// `GET /wait` says that it has begun and answers when it is let go.
fn waiting_route() -> (Router, Arc<Notify>, Arc<Notify>) {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&begun), Arc::clone(&go));
    let router = Router::new().route(
        "/wait",
        get(async move || {
            tell.notify_one();
            wait.notified().await;
            "done"
        }),
    );
    (router, begun, go)
}

const GET_WAIT: &[u8] = b"GET /wait HTTP/1.1\r\nhost: localhost\r\n\r\n";

#[tokio::test]
async fn shutdown_lets_a_running_request_finish_and_an_idle_connection_go() {
    let (router, begun, go) = waiting_route();
    let running = Running::start(plain_server("plain-drain", router), Arc::default()).await;
    let mut idle = dial(&running).await;
    let mut stream = dial(&running).await;
    stream.write_all(GET_WAIT).await.unwrap();
    begun.notified().await;
    running.shutdown.cancel();
    assert!(until_closed(&mut idle).await.is_empty());
    go.notify_one();
    let answer = read_answer(&mut stream).await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "done"));
    assert!(until_closed(&mut stream).await.is_empty());
    let address = running.address;
    assert_eq!(running.stop().await.1, Drained { cut: 0 });
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn shutdown_cuts_what_does_not_finish() {
    let (router, begun, _never_let_go) = waiting_route();
    let mut server = plain_server("plain-cut", router);
    server.limits.drain = SHORT;
    let running = Running::start(server, Arc::default()).await;
    let mut stream = dial(&running).await;
    stream.write_all(GET_WAIT).await.unwrap();
    begun.notified().await;
    assert_eq!(running.stop().await.1, Drained { cut: 1 });
    assert!(until_closed(&mut stream).await.is_empty());
}

#[tokio::test]
async fn a_new_certificate_is_used_from_the_next_handshake_on() {
    let (old, new, odd) = (Certificate::new(), Certificate::new(), Certificate::new());
    let identity = old.identity();
    let (router, calls) = counted_routes();
    let running = Running::start(public_server("tls-reload", &identity, router), calls).await;
    let reach = async |server: &Certificate| {
        let mut stream = connect(
            trusting_client(&[&rustls::version::TLS13], server.pin()),
            running.address,
        )
        .await
        .ok()?;
        ask(&mut stream, POST_ECHO).await.map(|answer| answer.status)
    };
    assert_eq!(reach(&old).await, Some(200));
    // A certificate with somebody else's key changes nothing.
    assert!(identity.replace(vec![new.der.clone()], odd.key()).is_err());
    assert_eq!(reach(&old).await, Some(200));
    identity.replace(vec![new.der.clone()], new.key()).unwrap();
    assert_eq!(reach(&new).await, Some(200));
    assert_eq!(reach(&old).await, None);
    running.stop().await;
}

#[tokio::test]
async fn an_identity_is_read_and_read_again_from_pem_files() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = (folder.path().join("tls.pem"), folder.path().join("tls.key"));
    let write = |pair: &rcgen::KeyPair| {
        let made = rcgen::CertificateParams::new(vec!["localhost".to_owned()])
            .unwrap()
            .self_signed(pair);
        std::fs::write(&chain, made.unwrap().pem()).unwrap();
        std::fs::write(&key, pair.serialize_pem()).unwrap();
    };
    write(&rcgen::KeyPair::generate().unwrap());
    let identity = comity_node_http::tls::CertifiedIdentity::from_pem_files(&chain, &key).unwrap();
    let first = identity.pin();
    write(&rcgen::KeyPair::generate().unwrap());
    identity.reload_pem_files(&chain, &key).unwrap();
    let second = identity.pin();
    assert_ne!(first, second);
    std::fs::write(&chain, "no certificate").unwrap();
    assert!(identity.reload_pem_files(&chain, &key).is_err());
    assert_eq!(identity.pin(), second);
}

#[tokio::test]
async fn the_operator_sees_health_readiness_and_metrics() {
    let readiness = Readiness::default();
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let router = ops::router(readiness.clone(), recorder.handle());
    let running = Running::start(plain_server("ops", router), Arc::new(AtomicUsize::new(0))).await;
    let mut stream = dial(&running).await;
    let mut read = async |path: &str| {
        ask(
            &mut stream,
            &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"),
        )
        .await
        .unwrap()
    };
    assert_eq!(read("/healthz").await.status, 200);
    let starting = read("/readyz").await;
    assert_eq!(
        (starting.status, starting.body.as_str()),
        (503, "{\"ready\":false,\"reasons\":[\"starting\"]}")
    );
    readiness.restored(Unready::Starting);
    let ready = read("/readyz").await;
    assert_eq!(
        (ready.status, ready.body.as_str()),
        (200, "{\"ready\":true,\"reasons\":[]}")
    );
    let metrics = read("/metrics").await;
    assert_eq!(metrics.status, 200);
    assert_eq!(
        metrics.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    running.stop().await;
}
