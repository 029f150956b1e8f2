//! What the client towards peers accepts, and what it refuses to connect to, follow or read.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use comity_node_core::ports::peers::{self as port, Fetched, PeerClient};
use comity_node_http::peer_client::{
    ClientLimits, FederationClient, FetchError, PeerNetwork, ProxyRoute, PublicFetcher, Route, Routes,
};
use comity_node_http::tls::{PinRegistry, PinTable, PublicTrust, TlsRefusal};
use comity_spec::ids::SpkiPin;
use http::{HeaderMap, StatusCode, header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{
    Certificate, Running, SHORT, YUSHAN, client_limits, clock, counted_routes, federation_server, listed,
    loopback_routes, public_server,
};

const JOSE: &str = "application/jose";
/// Bytes of an answer that are read.
const MOST: usize = 256 * 1024;

fn trusting(pin: SpkiPin) -> PublicTrust {
    let pins = BTreeSet::from([pin]);
    let pinned_hosts = HashMap::from(["localhost", "127.0.0.1"].map(|host| (host.to_owned(), pins.clone())));
    PublicTrust {
        pinned_hosts,
        ..PublicTrust::default()
    }
}

fn fetcher(server: &Certificate, routes: Arc<Routes>, limits: ClientLimits) -> PublicFetcher {
    PublicFetcher::new(&trusting(server.pin()), clock(), routes, limits).unwrap()
}

/// A public server with the given route at `/list`, and how often it was asked.
async fn serve(name: &'static str, certificate: &Certificate, router: Router) -> Running {
    Running::start(
        public_server(name, &certificate.identity(), router),
        Arc::default(),
    )
    .await
}

async fn list(headers: HeaderMap) -> impl IntoResponse {
    if headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|tag| tag == "\"7\"")
    {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    (
        [
            (header::ETAG, "\"7\""),
            (header::CONTENT_TYPE, "application/statuslist+jwt"),
        ],
        "list",
    )
        .into_response()
}

#[tokio::test]
async fn a_document_is_read_with_its_tag_and_not_read_again() {
    let server = Certificate::new();
    let running = serve("get-list", &server, Router::new().route("/list", get(list))).await;
    let fetcher = fetcher(&server, loopback_routes(), client_limits());
    let url = format!("{}/list", running.url());
    let body = Fetched::Body {
        bytes: b"list".to_vec(),
        etag: Some("\"7\"".to_owned()),
    };
    assert_eq!(fetcher.get_public(&url, None, MOST).await.unwrap(), body.clone());
    assert_eq!(
        fetcher.get_public(&url, Some("\"7\""), MOST).await.unwrap(),
        Fetched::NotModified
    );
    assert_eq!(fetcher.get_public(&url, Some("\"6\""), MOST).await.unwrap(), body);
    let missing = fetcher
        .get_public(&format!("{}/other", running.url()), None, MOST)
        .await;
    assert!(matches!(missing, Err(FetchError::Status(404))), "{missing:?}");
    drop(fetcher);
    running.stop().await;
}

// TRN-15
#[tokio::test]
async fn a_public_server_with_another_key_or_without_a_root_is_refused() {
    let (server, other) = (Certificate::new(), Certificate::new());
    let running = serve("get-other", &server, Router::new().route("/list", get(list))).await;
    let url = format!("{}/list", running.url());
    let pinned_elsewhere = fetcher(&other, loopback_routes(), client_limits())
        .get_public(&url, None, MOST)
        .await;
    assert!(
        matches!(
            pinned_elsewhere,
            Err(FetchError::Refused(TlsRefusal::UnlistedPin))
        ),
        "{pinned_elsewhere:?}"
    );
    let web = PublicFetcher::new(
        &PublicTrust::default(),
        clock(),
        loopback_routes(),
        client_limits(),
    )
    .unwrap();
    let self_signed = web.get_public(&url, None, MOST).await;
    assert!(
        matches!(self_signed, Err(FetchError::Refused(TlsRefusal::Untrusted))),
        "{self_signed:?}"
    );
    running.stop().await;
}

#[tokio::test]
async fn an_extra_root_vouches_for_its_servers() {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = authority.self_signed(&key).unwrap().der().clone();
    let issuer = rcgen::Issuer::new(authority, key);
    let leaf_key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&leaf_key, &issuer).unwrap().der().clone();
    let leaf_key = rustls::pki_types::PrivateKeyDer::try_from(leaf_key.serialize_der()).unwrap();
    let identity = comity_node_http::tls::CertifiedIdentity::from_der(vec![leaf], leaf_key).unwrap();
    let server = public_server(
        "get-root",
        &Arc::new(identity),
        Router::new().route("/list", get(list)),
    );
    let running = Running::start(server, Arc::default()).await;
    let trust = PublicTrust {
        extra_roots: vec![root],
        ..PublicTrust::default()
    };
    let fetcher = PublicFetcher::new(&trust, clock(), loopback_routes(), client_limits()).unwrap();
    let fetched = fetcher
        .get_public(&format!("{}/list", running.url()), None, MOST)
        .await;
    assert!(matches!(fetched, Ok(Fetched::Body { .. })), "{fetched:?}");
    // The same server under a name its certificate does not hold.
    let other_name = fetcher
        .get_public(
            &format!("https://127.0.0.1:{}/list", running.address.port()),
            None,
            MOST,
        )
        .await;
    assert!(
        matches!(other_name, Err(FetchError::Refused(TlsRefusal::Untrusted))),
        "{other_name:?}"
    );
    drop(fetcher);
    running.stop().await;
}

// TRN-12
#[tokio::test]
async fn a_redirect_is_not_followed() {
    let server = Certificate::new();
    let asked = Arc::new(AtomicUsize::new(0));
    let there = Arc::clone(&asked);
    let router = Router::new()
        .route("/list", get(async || Redirect::temporary("/there")))
        .route(
            "/there",
            get(async move || {
                there.fetch_add(1, Ordering::SeqCst);
                "there"
            }),
        );
    let running = serve("get-redirect", &server, router).await;
    let fetcher = fetcher(&server, loopback_routes(), client_limits());
    let fetched = fetcher
        .get_public(&format!("{}/list", running.url()), None, MOST)
        .await;
    assert!(matches!(fetched, Err(FetchError::Redirect(307))), "{fetched:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    drop(fetcher);
    running.stop().await;
}

// TRN-14
#[tokio::test]
async fn an_answer_at_the_cap_is_read_and_over_it_is_not() {
    let server = Certificate::new();
    let chunks = |number: usize| {
        let chunk = Ok::<_, std::convert::Infallible>(vec![b'x'; 500]);
        Body::from_stream(futures_util::stream::iter(std::iter::repeat_n(chunk, number)))
    };
    let router = Router::new()
        .route("/announced/1000", get(async || vec![b'x'; 1_000]))
        .route("/announced/1001", get(async || vec![b'x'; 1_001]))
        .route("/chunked/1000", get(async move || chunks(2)))
        .route("/chunked/1500", get(async move || chunks(3)));
    let running = serve("get-cap", &server, router).await;
    let limits = ClientLimits {
        max_answer_bytes: 1_000,
        ..client_limits()
    };
    let fetcher = fetcher(&server, loopback_routes(), limits);
    for path in ["announced/1000", "chunked/1000"] {
        let fetched = fetcher
            .get_public(&format!("{}/{path}", running.url()), None, 1_000)
            .await;
        assert!(
            matches!(&fetched, Ok(Fetched::Body { bytes, .. }) if bytes.len() == 1_000),
            "{fetched:?}"
        );
    }
    for path in ["announced/1001", "chunked/1500"] {
        let fetched = fetcher
            .get_public(&format!("{}/{path}", running.url()), None, 1_000)
            .await;
        assert!(
            matches!(fetched, Err(FetchError::TooLarge { limit: 1_000 })),
            "{fetched:?}"
        );
    }
    drop(fetcher);
    running.stop().await;
}

// TRN-13
#[tokio::test]
async fn an_address_outside_the_allowed_ranges_is_not_connected_to() {
    let server = Certificate::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let internet = Route {
        public_internet: true,
        ..Route::default()
    };
    let routes = Arc::new(Routes {
        default: internet,
        ..Routes::default()
    });
    let fetcher = fetcher(&server, routes, client_limits());
    for host in [
        "localhost",
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "169.254.169.254",
    ] {
        let fetched = fetcher
            .get_public(&format!("https://{host}:{port}/list"), None, MOST)
            .await;
        assert!(
            matches!(fetched, Err(FetchError::AddressNotAllowed(_))),
            "{host}: {fetched:?}"
        );
    }
    // Nobody has knocked: the first connection in the queue is the one made here.
    let own = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (_, knocked) = listener.accept().await.unwrap();
    assert_eq!(knocked, own.local_addr().unwrap());
}

// TRN-12
#[tokio::test]
async fn what_is_no_plain_https_url_is_not_fetched() {
    let fetcher = fetcher(&Certificate::new(), loopback_routes(), client_limits());
    for url in [
        "http://localhost/",
        "https://a:b@localhost/",
        "https://localhost/#x",
        "file:///etc/passwd",
        "",
        "/",
    ] {
        let fetched = fetcher.get_public(url, None, MOST).await;
        assert!(matches!(fetched, Err(FetchError::BadUrl)), "{url}: {fetched:?}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up_and_one_that_is_not_there_is_named_so() {
    let server = Certificate::new();
    let router = Router::new().route("/list", get(async || std::future::pending::<String>().await));
    let running = serve("get-never", &server, router).await;
    let limits = ClientLimits {
        total: SHORT,
        ..client_limits()
    };
    let fetcher = fetcher(&server, loopback_routes(), limits);
    let url = format!("{}/list", running.url());
    let fetched = fetcher.get_public(&url, None, MOST).await;
    assert!(matches!(fetched, Err(FetchError::Timeout)), "{fetched:?}");
    running.stop().await;
    let patient = self::fetcher(&server, loopback_routes(), client_limits());
    let fetched = patient.get_public(&url, None, MOST).await;
    assert!(matches!(fetched, Err(FetchError::Connect)), "{fetched:?}");
}

/// A federation server that lists `us`, and the client that is us.
async fn federation(
    name: &'static str,
    server: &Certificate,
    us: &Certificate,
) -> (Running, FederationClient, PinRegistry) {
    let pins = PinRegistry::new();
    pins.replace(listed([(us, YUSHAN)]));
    let (router, calls) = counted_routes();
    let running = Running::start(federation_server(name, &server.identity(), &pins, router), calls).await;
    let client = FederationClient::new(us.identity(), clock(), loopback_routes(), client_limits());
    (running, client, pins)
}

#[tokio::test]
async fn a_signed_body_reaches_the_peer_with_the_pinned_key() {
    let (server, us) = (Certificate::new(), Certificate::new());
    let (running, client, _) = federation("post-ok", &server, &us).await;
    let answer = client
        .post_federation(&running.peer([server.pin()]), "/echo", JOSE, b"a.b.c".to_vec())
        .await
        .unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"5".as_slice()));
    drop(client);
    assert_eq!(running.stop().await.0, 1);
}

// TRN-6
#[tokio::test]
async fn a_peer_with_another_key_or_an_expired_certificate_gets_nothing() {
    let (server, other, us) = (Certificate::new(), Certificate::new(), Certificate::new());
    let (running, client, _) = federation("post-other", &server, &us).await;
    let answer = client
        .post_federation(&running.peer([other.pin()]), "/echo", JOSE, b"a.b.c".to_vec())
        .await;
    assert!(
        matches!(answer, Err(FetchError::Refused(TlsRefusal::UnlistedPin))),
        "{answer:?}"
    );
    let nobody = client
        .post_federation(&running.peer([]), "/echo", JOSE, b"a.b.c".to_vec())
        .await;
    assert!(
        matches!(nobody, Err(FetchError::Refused(TlsRefusal::UnlistedPin))),
        "{nobody:?}"
    );
    assert_eq!(running.stop().await.0, 0);

    let expired = Certificate::expired();
    let (running, client, _) = federation("post-expired", &expired, &us).await;
    let answer = client
        .post_federation(&running.peer([expired.pin()]), "/echo", JOSE, b"a.b.c".to_vec())
        .await;
    assert!(
        matches!(answer, Err(FetchError::Refused(TlsRefusal::Expired))),
        "{answer:?}"
    );
    assert_eq!(running.stop().await.0, 0);
}

// TRN-6
#[tokio::test]
async fn pins_dropped_by_the_peer_end_the_use_of_its_open_connections() {
    let (server, next, us) = (Certificate::new(), Certificate::new(), Certificate::new());
    let (running, client, _) = federation("post-dropped", &server, &us).await;
    let both = running.peer([server.pin(), next.pin()]);
    client
        .post_federation(&both, "/echo", JOSE, b"a.b.c".to_vec())
        .await
        .unwrap();
    let answer = client
        .post_federation(&running.peer([next.pin()]), "/echo", JOSE, b"a.b.c".to_vec())
        .await;
    assert!(
        matches!(answer, Err(FetchError::Refused(TlsRefusal::UnlistedPin))),
        "{answer:?}"
    );
    drop(client);
    assert_eq!(running.stop().await.0, 1);
}

#[tokio::test]
async fn a_peer_that_no_longer_lists_us_answers_no_more() {
    let (server, us) = (Certificate::new(), Certificate::new());
    let (running, client, pins) = federation("post-unlisted", &server, &us).await;
    let peer = running.peer([server.pin()]);
    assert_eq!(
        client
            .post_federation(&peer, "/echo", JOSE, b"a.b.c".to_vec())
            .await
            .unwrap()
            .status,
        200
    );
    pins.replace(PinTable::default());
    // On the open connection it is an answer, on a new one a refused handshake.
    assert_eq!(
        client
            .post_federation(&peer, "/echo", JOSE, b"a.b.c".to_vec())
            .await
            .unwrap()
            .status,
        403
    );
    let refused = client
        .post_federation(&peer, "/echo", JOSE, b"a.b.c".to_vec())
        .await;
    assert!(
        matches!(
            refused,
            Err(FetchError::RefusedByPeer | FetchError::Broken | FetchError::Connect)
        ),
        "{refused:?}"
    );
    drop(client);
    assert_eq!(running.stop().await.0, 1);
}

#[tokio::test]
async fn our_new_certificate_is_shown_from_the_next_connection_on() {
    let (server, old, new) = (Certificate::new(), Certificate::new(), Certificate::new());
    let (running, _, pins) = federation("post-renewed", &server, &old).await;
    let identity = old.identity();
    let limits = ClientLimits {
        idle: std::time::Duration::ZERO,
        ..client_limits()
    };
    let client = FederationClient::new(Arc::clone(&identity), clock(), loopback_routes(), limits);
    let peer = running.peer([server.pin()]);
    assert_eq!(
        client
            .post_federation(&peer, "/echo", JOSE, b"a.b.c".to_vec())
            .await
            .unwrap()
            .status,
        200
    );
    pins.replace(listed([(&new, YUSHAN)]));
    identity.replace(vec![new.der.clone()], new.key()).unwrap();
    assert_eq!(
        client
            .post_federation(&peer, "/echo", JOSE, b"a.b.c".to_vec())
            .await
            .unwrap()
            .status,
        200
    );
    drop(client);
    assert_eq!(running.stop().await.0, 2);
}

/// A CONNECT proxy that leads every tunnel to `target` and counts them.
async fn connect_proxy(target: std::net::SocketAddr) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let tunnels = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tunnels);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(near.read_u8().await.unwrap());
                }
                assert!(head.starts_with(b"CONNECT county.invalid:8444 "));
                near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let mut far = TcpStream::connect(target).await.unwrap();
                let _ended = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    (url, tunnels)
}

// TRN-6
#[tokio::test]
async fn through_a_proxy_the_pins_still_decide() {
    let (server, other, us) = (Certificate::new(), Certificate::new(), Certificate::new());
    let (running, _, _) = federation("post-proxy", &server, &us).await;
    let (proxy, tunnels) = connect_proxy(running.address).await;
    let through = Route {
        proxy: Some(ProxyRoute::new(&proxy).unwrap()),
        ..Route::default()
    };
    let by_host = HashMap::from([("county.invalid".to_owned(), through)]);
    let routes = Arc::new(Routes {
        by_host,
        ..Routes::default()
    });
    let client = FederationClient::new(us.identity(), clock(), routes, client_limits());
    let mut peer = running.peer([server.pin()]);
    peer.base = "https://county.invalid:8444".parse().unwrap();
    assert_eq!(
        client
            .post_federation(&peer, "/echo", JOSE, b"a.b.c".to_vec())
            .await
            .unwrap()
            .status,
        200
    );
    peer.pins = vec![other.pin()];
    let answer = client
        .post_federation(&peer, "/echo", JOSE, b"a.b.c".to_vec())
        .await;
    assert!(
        matches!(answer, Err(FetchError::Refused(TlsRefusal::UnlistedPin))),
        "{answer:?}"
    );
    assert_eq!(tunnels.load(Ordering::SeqCst), 2);
    drop(client);
    assert_eq!(running.stop().await.0, 1);
}

#[tokio::test]
async fn a_fixed_address_stands_in_for_the_name_service_and_must_be_allowed_too() {
    let (server, us) = (Certificate::new(), Certificate::new());
    let (running, _, _) = federation("post-fixed", &server, &us).await;
    let fixed = |allowed: &[&str]| {
        let route = Route {
            address: Some(running.address.ip()),
            allowed: allowed.iter().map(|range| range.parse().unwrap()).collect(),
            ..Route::default()
        };
        let by_host = HashMap::from([("county.invalid".to_owned(), route)]);
        let routes = Arc::new(Routes {
            by_host,
            ..Routes::default()
        });
        FederationClient::new(us.identity(), clock(), routes, client_limits())
    };
    let mut peer = running.peer([server.pin()]);
    peer.base = format!("https://county.invalid:{}", running.address.port())
        .parse()
        .unwrap();
    let answer = fixed(&["127.0.0.1/32"])
        .post_federation(&peer, "/echo", JOSE, b"a.b.c".to_vec())
        .await;
    assert!(
        matches!(&answer, Ok(answer) if answer.status == 200),
        "{answer:?}"
    );
    let answer = fixed(&["10.0.0.0/8"])
        .post_federation(&peer, "/echo", JOSE, b"a.b.c".to_vec())
        .await;
    assert!(
        matches!(answer, Err(FetchError::AddressNotAllowed(_))),
        "{answer:?}"
    );
    assert_eq!(running.stop().await.0, 1);
}

#[tokio::test]
async fn the_cores_port_reads_posts_and_says_which_host_failed_how() {
    let (server, us) = (Certificate::new(), Certificate::new());
    let (running, client, _) = federation("post-port", &server, &us).await;
    let public = serve("get-port", &server, Router::new().route("/list", get(list))).await;
    let reader = fetcher(&server, loopback_routes(), client_limits());
    let network: Box<dyn PeerClient> = Box::new(PeerNetwork::new(reader, client, client_limits()));
    let peer = running.peer([server.pin()]);
    let answer = network
        .post(&peer, "/echo", JOSE, b"a.b.c".to_vec())
        .await
        .unwrap();
    assert_eq!((answer.status, answer.content_type.as_str()), (200, "text/plain"));
    let url = format!("{}/list", public.url());
    assert!(matches!(
        network.get(&url, None, 4).await,
        Ok(Fetched::Body { .. })
    ));
    let host = format!("localhost:{}", public.address.port());
    assert_eq!(
        network.get(&url, None, 3).await,
        Err(port::FetchError::TooLarge { host, limit: 3 })
    );
    let nobody = network
        .post(&running.peer([]), "/echo", JOSE, b"a.b.c".to_vec())
        .await;
    assert!(matches!(nobody, Err(port::FetchError::Tls { .. })), "{nobody:?}");
    drop(network);
    public.stop().await;
    assert_eq!(running.stop().await.0, 1);
}
