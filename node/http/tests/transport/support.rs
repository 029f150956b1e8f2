//! A server on a port of the system's choosing, certificates made on the spot, and a client that speaks bytes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::{get, post};
use comity_node_core::ports::peers::PeerAddress;
use comity_node_http::listener::{BodyLimits, ConnectionLimits, Drained, Lane, PeerIdentity, Server, Slots};
use comity_node_http::peer_client::{AddressRange, ClientLimits, Route, Routes};
use comity_node_http::problem_response::TraceNumbers;
use comity_node_http::tls::{
    CertifiedIdentity, HandshakeClock, PinOwner, PinRegistry, PinStillListed, PinTable,
    federation_client_config, federation_server_config, provider, public_server_config,
};
use comity_spec::ids::{SpkiPin, TraceNumber};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

pub(crate) const YUSHAN: &str = "https://yushan.example";
pub(crate) const CHANGSHAN: &str = "https://changshan.example";

/// What every test waits at most, so that a hang is a failure and not a stuck suite.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn now() -> i64 {
    date_time_ymd(2026, 11, 1).unix_timestamp()
}

pub(crate) fn clock() -> HandshakeClock {
    HandshakeClock::new(now)
}

/// A certificate and its key, kept as DER so that it can be handed out more than once.
pub(crate) struct Certificate {
    pub(crate) der: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Certificate {
    /// A good one: valid in 2026, no extended key usage.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2026, 12, 31);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().clone();
        Self {
            der,
            key: key.serialize_der(),
        }
    }

    pub(crate) fn expired() -> Self {
        Self::with(|params| params.not_after = date_time_ymd(2026, 10, 31))
    }

    pub(crate) fn of_tomorrow() -> Self {
        Self::with(|params| params.not_before = date_time_ymd(2026, 11, 2))
    }

    pub(crate) fn for_use(usage: ExtendedKeyUsagePurpose) -> Self {
        Self::with(|params| params.extended_key_usages = vec![usage])
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.clone()).unwrap()
    }

    pub(crate) fn identity(&self) -> Arc<CertifiedIdentity> {
        Arc::new(CertifiedIdentity::from_der(vec![self.der.clone()], self.key()).unwrap())
    }

    pub(crate) fn pin(&self) -> SpkiPin {
        self.identity().pin()
    }
}

pub(crate) fn listed<const N: usize>(entries: [(&Certificate, &'static str); N]) -> PinTable {
    let claims =
        entries.map(|(certificate, owner)| (certificate.pin(), PinOwner::new(owner.parse().unwrap())));
    PinTable::from_claims(claims).0
}

/// Limits small enough that a test need not wait, and generous enough for a busy machine's honest requests.
pub(crate) fn limits() -> ConnectionLimits {
    ConnectionLimits {
        handshake: PATIENCE,
        first_byte: PATIENCE,
        header: PATIENCE,
        answer: PATIENCE,
        write_stall: PATIENCE,
        body: BodyLimits {
            max_bytes: 1_024,
            floor_bytes_per_second: 1_024,
            grace: PATIENCE,
        },
        drain: PATIENCE,
        ..ConnectionLimits::default()
    }
}

pub(crate) const SHORT: Duration = Duration::from_millis(100);

/// A server that runs, and how often its handlers were called.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) calls: Arc<AtomicUsize>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) served: JoinHandle<Drained>,
}

impl Running {
    pub(crate) async fn start(mut server: Server, calls: Arc<AtomicUsize>) -> Self {
        record_metrics();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        server.router = server.router.fallback(async || http::StatusCode::NOT_FOUND);
        let served = tokio::spawn(server.run(listener, shutdown.clone()));
        Self {
            address,
            calls,
            shutdown,
            served,
        }
    }

    /// Stops the server and waits for its connections: after this, every metric it has to raise is raised.
    pub(crate) async fn stop(self) -> (usize, Drained) {
        self.shutdown.cancel();
        let drained = tokio::time::timeout(PATIENCE, self.served)
            .await
            .unwrap()
            .unwrap();
        (self.calls.load(Ordering::SeqCst), drained)
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    pub(crate) fn peer(&self, pins: impl IntoIterator<Item = SpkiPin>) -> PeerAddress {
        PeerAddress {
            entity: YUSHAN.parse().unwrap(),
            base: self.url().parse().unwrap(),
            pins: pins.into_iter().collect(),
        }
    }
}

/// `POST /echo` reads the body and answers with its length; `GET /who` says whose connection it is.
pub(crate) fn counted_routes() -> (Router, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let router = Router::new()
        .route(
            "/echo",
            post(async |State(calls): State<Arc<AtomicUsize>>, body: Bytes| {
                calls.fetch_add(1, Ordering::SeqCst);
                body.len().to_string()
            }),
        )
        .route(
            "/who",
            get(
                async |State(calls): State<Arc<AtomicUsize>>, request: axum::extract::Request| {
                    calls.fetch_add(1, Ordering::SeqCst);
                    assert!(request.extensions().get::<PeerIdentity>().is_some());
                    request
                        .extensions()
                        .get::<PinOwner>()
                        .unwrap()
                        .entity_id()
                        .to_string()
                },
            ),
        )
        .route("/panic", get(async || -> String { panic!("a handler's defect") }))
        .with_state(Arc::clone(&calls));
    (router, calls)
}

/// The `n`th trace number of a test's server: the last characters count in base 32.
pub(crate) fn trace(n: usize) -> TraceNumber {
    format!("261101-361123-0000000{n}").parse().unwrap()
}

pub(crate) fn plain_server(name: &'static str, router: Router) -> Server {
    let drawn = Arc::new(AtomicUsize::new(1));
    Server {
        name,
        tls: None,
        router,
        limits: limits(),
        slots: Slots::new(64, 0),
        lane: Lane::Ordinary,
        trace_numbers: TraceNumbers::new(move || trace(drawn.fetch_add(1, Ordering::SeqCst))),
    }
}

pub(crate) fn public_server(name: &'static str, identity: &Arc<CertifiedIdentity>, router: Router) -> Server {
    let tls = public_server_config(Arc::clone(identity), clock()).unwrap();
    Server {
        tls: Some(tls),
        ..plain_server(name, router)
    }
}

/// A federation listener as the node has it: mutual TLS, and the pin checked again at every request.
pub(crate) fn federation_server(
    name: &'static str,
    identity: &Arc<CertifiedIdentity>,
    pins: &PinRegistry,
    router: Router,
) -> Server {
    let tls = federation_server_config(Arc::clone(identity), pins.clone(), clock()).unwrap();
    let router = PinStillListed::new(pins.clone(), clock(), name).guard(router);
    Server {
        tls: Some(tls),
        ..plain_server(name, router)
    }
}

pub(crate) fn client_limits() -> ClientLimits {
    ClientLimits {
        connect: PATIENCE,
        total: PATIENCE,
        ..ClientLimits::default()
    }
}

/// Loopback is allowed, because this says so.
pub(crate) fn loopback_routes() -> Arc<Routes> {
    let loopback = ["127.0.0.0/8", "::1/128"].map(|range| range.parse::<AddressRange>().unwrap());
    let default = Route {
        allowed: loopback.to_vec(),
        ..Route::default()
    };
    Arc::new(Routes {
        default,
        ..Routes::default()
    })
}

/// A TLS connection as a peer makes it: with a certificate, and the server's pin expected.
pub(crate) async fn connect_as(
    peer: &Certificate,
    server: SpkiPin,
    address: SocketAddr,
) -> std::io::Result<TlsStream<TcpStream>> {
    connect(
        federation_client_config(peer.identity(), [server], clock()).unwrap(),
        address,
    )
    .await
}

pub(crate) async fn connect(
    config: rustls::ClientConfig,
    address: SocketAddr,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// A client that takes any server: for tests of what the *server* refuses.
pub(crate) fn trusting_client(
    versions: &[&'static rustls::SupportedProtocolVersion],
    server: SpkiPin,
) -> rustls::ClientConfig {
    let verifier = comity_node_http::tls::PinnedServerVerifier::new([server], &provider());
    rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth()
}

/// An answer as it stood on the wire.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Sends a request and reads one answer; `None` when the connection ends without one.
pub(crate) async fn ask<S>(stream: &mut S, request: &str) -> Option<Answer>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    tokio::time::timeout(PATIENCE, async {
        stream.write_all(request.as_bytes()).await.ok()?;
        stream.flush().await.ok()?;
        read_answer(stream).await
    })
    .await
    .expect("an answer or an end")
}

pub(crate) async fn read_answer<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Answer> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let mut answer = Answer {
        status,
        head,
        body: String::new(),
    };
    let length: usize = answer.header("content-length").unwrap_or("0").parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    answer.body = String::from_utf8(body).unwrap();
    Some(answer)
}

/// Waits until the other side has ended the connection, and returns what it still sent.
pub(crate) async fn until_closed<S: AsyncRead + Unpin>(stream: &mut S) -> Vec<u8> {
    let mut rest = Vec::new();
    let end = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
    // A reset is an end as good as any.
    let _end_or_reset = end.expect("the connection was not closed");
    rest
}

pub(crate) const GET_WHO: &str = "GET /who HTTP/1.1\r\nhost: localhost\r\n\r\n";
pub(crate) const POST_ECHO: &str = "POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\nhello";

fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| PrometheusBuilder::new().install_recorder().unwrap())
}

/// Installs the recorder: what is counted before it is there is lost.
pub(crate) fn record_metrics() {
    recorder();
}

/// The value of a counter; the listener's name keeps tests of one process apart.
pub(crate) fn counter(name: &str, listener: &str, label: &str, value: &str) -> u64 {
    let label = format!("{label}=\"{value}\"");
    sum(name, listener, |line| line.contains(&label))
}

/// The sum of the series of a counter for which `counts` holds.
fn sum(name: &str, listener: &str, counts: impl Fn(&str) -> bool) -> u64 {
    let listener = format!("listener=\"{listener}\"");
    recorder()
        .render()
        .lines()
        .filter(|line| line.starts_with(&format!("{name}{{")))
        .filter(|line| line.contains(&listener) && counts(line))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

pub(crate) fn tls_refused(listener: &str, reason: &str) -> u64 {
    counter("comity_tls_refused_total", listener, "reason", reason)
}

/// Refused for whatever reason.
pub(crate) fn tls_refused_at_all(listener: &str) -> u64 {
    sum("comity_tls_refused_total", listener, |_| true)
}

pub(crate) fn refused(listener: &str, reason: &str) -> u64 {
    counter("comity_connections_refused_total", listener, "reason", reason)
}
