//! Who gets through the federation listener, and who does not.

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse;
use axum::routing::post;
use comity_node_http::tls::{PinOwner, PinRegistry, PinTable, federation_client_config};
use http::StatusCode;
use rcgen::ExtendedKeyUsagePurpose;
use rustls::version::{TLS12, TLS13};
use tokio::net::TcpStream;

use crate::support::{
    CHANGSHAN, Certificate, GET_WHO, Running, SHORT, YUSHAN, ask, clock, connect, connect_as, counted_routes,
    federation_server, limits, listed, plain_server, refused, tls_refused, tls_refused_at_all,
    trusting_client, until_closed,
};

/// Starts a federation listener that lists `certificate` as Yushan's and asks it something with that certificate.
async fn ask_with(name: &'static str, certificate: &Certificate, pins: PinTable) -> (Option<String>, usize) {
    let server = Certificate::new();
    let registry = PinRegistry::new();
    registry.replace(pins);
    let (router, calls) = counted_routes();
    let running = Running::start(
        federation_server(name, &server.identity(), &registry, router),
        calls,
    )
    .await;
    // In TLS 1.3 the client's handshake ends before its certificate is judged: the refusal shows at the first read.
    let answer = match connect_as(certificate, server.pin(), running.address).await {
        Ok(mut stream) => ask(&mut stream, GET_WHO).await,
        Err(_refused) => None,
    };
    let (calls, _) = running.stop().await;
    (
        answer
            .filter(|answer| answer.status == 200)
            .map(|answer| answer.body),
        calls,
    )
}

#[tokio::test]
async fn a_listed_certificate_is_let_in_under_its_owners_name() {
    let yushan = Certificate::new();
    let pins = listed([(&yushan, YUSHAN)]);
    assert_eq!(
        ask_with("fed-listed", &yushan, pins).await,
        (Some(YUSHAN.to_owned()), 1)
    );
    assert_eq!(tls_refused_at_all("fed-listed"), 0);
}

#[tokio::test]
async fn a_certificate_made_for_client_use_is_let_in() {
    let yushan = Certificate::for_use(ExtendedKeyUsagePurpose::ClientAuth);
    let pins = listed([(&yushan, YUSHAN)]);
    assert_eq!(
        ask_with("fed-client-eku", &yushan, pins).await,
        (Some(YUSHAN.to_owned()), 1)
    );
}

// TRN-2
#[tokio::test]
async fn an_unlisted_certificate_is_refused_whatever_its_name_says() {
    let (yushan, same_name_other_key) = (Certificate::new(), Certificate::new());
    let pins = listed([(&yushan, YUSHAN)]);
    assert_eq!(
        ask_with("fed-unlisted", &same_name_other_key, pins).await,
        (None, 0)
    );
    assert_eq!(tls_refused("fed-unlisted", "unlisted_pin"), 1);
    assert_eq!(tls_refused_at_all("fed-unlisted"), 1);
}

#[tokio::test]
async fn a_key_that_two_counties_claim_is_refused() {
    let shared = Certificate::new();
    let pins = listed([(&shared, YUSHAN), (&shared, CHANGSHAN)]);
    assert_eq!(ask_with("fed-shared", &shared, pins).await, (None, 0));
    assert_eq!(tls_refused("fed-shared", "unlisted_pin"), 1);
}

// TRN-3
#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let yushan = Certificate::expired();
    let pins = listed([(&yushan, YUSHAN)]);
    assert_eq!(ask_with("fed-expired", &yushan, pins).await, (None, 0));
    assert_eq!(tls_refused("fed-expired", "expired"), 1);
}

#[tokio::test]
async fn a_certificate_of_tomorrow_is_refused() {
    let yushan = Certificate::of_tomorrow();
    let pins = listed([(&yushan, YUSHAN)]);
    assert_eq!(ask_with("fed-early", &yushan, pins).await, (None, 0));
    assert_eq!(tls_refused("fed-early", "not_yet_valid"), 1);
}

// TRN-3
#[tokio::test]
async fn a_certificate_made_for_servers_only_is_refused() {
    let yushan = Certificate::for_use(ExtendedKeyUsagePurpose::ServerAuth);
    let pins = listed([(&yushan, YUSHAN)]);
    assert_eq!(ask_with("fed-server-eku", &yushan, pins).await, (None, 0));
    assert_eq!(tls_refused("fed-server-eku", "bad_eku"), 1);
}

// TRN-2
#[tokio::test]
async fn without_a_certificate_nobody_is_let_in() {
    let server = Certificate::new();
    let (router, calls) = counted_routes();
    let server_side = federation_server("fed-none", &server.identity(), &PinRegistry::new(), router);
    let running = Running::start(server_side, calls).await;
    if let Ok(mut stream) = connect(trusting_client(&[&TLS13], server.pin()), running.address).await {
        assert!(ask(&mut stream, GET_WHO).await.is_none());
    }
    assert_eq!(running.stop().await.0, 0);
    assert_eq!(tls_refused("fed-none", "no_certificate"), 1);
}

// TRN-1
#[tokio::test]
async fn tls_1_2_is_not_spoken() {
    let server = Certificate::new();
    let (router, calls) = counted_routes();
    let server_side = federation_server("fed-tls12", &server.identity(), &PinRegistry::new(), router);
    let running = Running::start(server_side, calls).await;
    assert!(
        connect(trusting_client(&[&TLS12], server.pin()), running.address)
            .await
            .is_err()
    );
    assert_eq!(running.stop().await.0, 0);
    assert_eq!(tls_refused("fed-tls12", "incompatible"), 1);
}

// TRN-7
#[tokio::test]
async fn a_handshake_that_does_not_come_is_ended() {
    let server = Certificate::new();
    let (router, calls) = counted_routes();
    let mut server_side = federation_server("fed-silent", &server.identity(), &PinRegistry::new(), router);
    server_side.limits.handshake = SHORT;
    let running = Running::start(server_side, calls).await;
    let mut silent = TcpStream::connect(running.address).await.unwrap();
    assert!(until_closed(&mut silent).await.is_empty());
    assert_eq!(running.stop().await.0, 0);
    assert_eq!(tls_refused("fed-silent", "handshake_timeout"), 1);
}

// TRN-1
#[tokio::test]
async fn no_session_is_resumed() {
    let (server, yushan) = (Certificate::new(), Certificate::new());
    let registry = PinRegistry::new();
    registry.replace(listed([(&yushan, YUSHAN)]));
    let (router, calls) = counted_routes();
    let server_side = federation_server("fed-resume", &server.identity(), &registry, router);
    let running = Running::start(server_side, calls).await;
    // A client that would resume: rustls keeps sessions in memory unless told otherwise.
    let mut config = federation_client_config(yushan.identity(), [server.pin()], clock()).unwrap();
    config.resumption = rustls::client::Resumption::in_memory_sessions(16);
    for _ in 0..2 {
        let mut stream = connect(config.clone(), running.address).await.unwrap();
        assert_eq!(
            ask(&mut stream, GET_WHO).await.map(|answer| answer.status),
            Some(200)
        );
        assert_eq!(
            stream.get_ref().1.handshake_kind(),
            Some(rustls::HandshakeKind::Full)
        );
    }
    assert_eq!(running.stop().await.0, 2);
}

// TRN-4
#[tokio::test]
async fn a_pin_withdrawn_under_an_open_connection_counts_from_the_next_request() {
    let (server, yushan) = (Certificate::new(), Certificate::new());
    let registry = PinRegistry::new();
    registry.replace(listed([(&yushan, YUSHAN)]));
    let (router, calls) = counted_routes();
    let server_side = federation_server("fed-withdrawn", &server.identity(), &registry, router);
    let running = Running::start(server_side, calls).await;
    let mut stream = connect_as(&yushan, server.pin(), running.address).await.unwrap();
    for _ in 0..2 {
        assert_eq!(
            ask(&mut stream, GET_WHO).await.map(|answer| answer.status),
            Some(200)
        );
    }
    registry.replace(PinTable::default());
    let answer = ask(&mut stream, GET_WHO).await.unwrap();
    assert_eq!(answer.status, 403);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert!(until_closed(&mut stream).await.is_empty());
    assert_eq!(running.stop().await.0, 2);
    assert_eq!(refused("fed-withdrawn", "unlisted_pin"), 1);
}

// TRN-5
#[tokio::test]
async fn federation_routes_behind_a_plain_listener_refuse_everybody() {
    let (router, calls) = counted_routes();
    let name = "fed-plain";
    let guarded = comity_node_http::tls::PinStillListed::new(PinRegistry::new(), clock(), name).guard(router);
    let running = Running::start(plain_server(name, guarded), calls).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    assert_eq!(
        ask(&mut stream, GET_WHO).await.map(|answer| answer.status),
        Some(401)
    );
    assert_eq!(running.stop().await.0, 0);
    assert_eq!(refused(name, "no_certificate"), 1);
}

/// Answers 200 when the body names the owner of the connection as its issuer.
async fn speaks_for_itself(request: Request) -> impl IntoResponse {
    let owner = request.extensions().get::<PinOwner>().cloned().unwrap();
    let body = axum::body::to_bytes(request.into_body(), 1_024).await.unwrap();
    match owner.confirm(&str::from_utf8(&body).unwrap().parse().unwrap()) {
        Ok(()) => StatusCode::OK,
        Err(_wrong_owner) => StatusCode::FORBIDDEN,
    }
}

#[tokio::test]
async fn a_listed_county_speaks_for_itself_and_not_for_another() {
    let (server, changshan) = (Certificate::new(), Certificate::new());
    let registry = PinRegistry::new();
    registry.replace(listed([(&changshan, CHANGSHAN)]));
    let router = Router::new().route("/claim", post(speaks_for_itself));
    let server_side = federation_server("fed-claim", &server.identity(), &registry, router);
    let running = Running::start(server_side, std::sync::Arc::default()).await;
    let mut stream = connect_as(&changshan, server.pin(), running.address)
        .await
        .unwrap();
    for (issuer, status) in [(CHANGSHAN, 200), (YUSHAN, 403)] {
        let length = issuer.len();
        let claim =
            format!("POST /claim HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{issuer}");
        assert_eq!(
            ask(&mut stream, &claim).await.map(|answer| answer.status),
            Some(status)
        );
    }
    running.stop().await;
}

// TRN-10
#[tokio::test]
async fn one_key_has_so_many_connections_and_another_key_has_its_own() {
    let (server, yushan, changshan) = (Certificate::new(), Certificate::new(), Certificate::new());
    let registry = PinRegistry::new();
    registry.replace(listed([(&yushan, YUSHAN), (&changshan, CHANGSHAN)]));
    let (router, calls) = counted_routes();
    let mut server_side = federation_server("fed-per-peer", &server.identity(), &registry, router);
    server_side.limits = comity_node_http::listener::ConnectionLimits {
        per_peer: 1,
        ..limits()
    };
    let running = Running::start(server_side, calls).await;
    let mut first = connect_as(&yushan, server.pin(), running.address).await.unwrap();
    assert_eq!(
        ask(&mut first, GET_WHO).await.map(|answer| answer.status),
        Some(200)
    );
    let mut second = connect_as(&yushan, server.pin(), running.address).await.unwrap();
    let told = ask(&mut second, GET_WHO).await.unwrap();
    assert_eq!((told.status, told.header("retry-after")), (503, Some("1")));
    let mut other = connect_as(&changshan, server.pin(), running.address)
        .await
        .unwrap();
    assert_eq!(
        ask(&mut other, GET_WHO).await.map(|answer| answer.body),
        Some(CHANGSHAN.to_owned())
    );
    assert_eq!(running.stop().await.0, 2);
    assert_eq!(refused("fed-per-peer", "too_many_from_peer"), 1);
}
