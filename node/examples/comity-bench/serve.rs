//! The servers, each on a port of the system's choosing, in one process whose processor time and memory are read from outside.
//!
//! All of them use the same TLS configuration, mutual TLS 1.3 with pinned keys: what differs is what happens to a request.

use std::collections::HashMap;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use comity_node_core::attestations::issue_for_permit::issue_for_permit;
use comity_node_core::attestations::status_publication::publish;
use comity_node_core::permits::synthetic::permit_number;
use comity_node_core::ports::Rng;
use comity_node_core::ports::attestations::{AttestationReads as _, Form};
use comity_node_core::ports::officers::Role;
use comity_node_core::staff::{AddOfficer, add_officer};
use comity_node_core::{Node, View};
use comity_node_http::federation::{self, FederationState};
use comity_node_http::lanes::Lanes;
use comity_node_http::limits::{InFlight, QuotaRate};
use comity_node_http::listener::{BodyLimits, ConnectionLimits, Lane, Server, Slots};
use comity_node_http::problem_response::TraceNumbers;
use comity_node_http::staff;
use comity_node_http::tls::{
    CertifiedIdentity, HandshakeClock, PinOwner, PinRegistry, PinStillListed, PinTable,
    federation_server_config,
};
use comity_spec::exchange::SubjectNumber;
use comity_spec::ids::TraceNumber;
use comity_spec::jose::KeyPurpose;
use comity_spec::time::LocalDate;
use comity_verifier::status_view::{StatusView, verify_status_token};
use comity_verifier::testing::thumbprint;
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Failure;
use crate::county::{MONTHS, SERVICE, SystemRng, on_store, pair, sqlite};
use crate::plain::{self, Known};

/// Cards that are shown in turn.
const CARDS: usize = 512;

/// The officer at the window, and how this synthetic person signs in.
pub(crate) const OFFICER: &str = "clerk-01";
/// See [`OFFICER`].
pub(crate) const PASSWORD: &str = "示例密码 example";

/// What a load needs to know; one line of JSON on standard output.
#[derive(Serialize, Deserialize)]
pub(crate) struct Ready {
    /// Port of each server by its name.
    pub(crate) ports: HashMap<String, u16>,
    /// DER of the server's certificate, base64.
    pub(crate) server: String,
    /// DER of the client's certificate, base64.
    pub(crate) certificate: String,
    /// DER of the client's key, base64.
    pub(crate) key: String,
    /// Presentations.
    pub(crate) cards: Vec<String>,
    /// Permit numbers with the names of their holders.
    pub(crate) people: Vec<(String, String)>,
}

/// Serves until standard input ends.
pub(crate) fn serve(directory: &Path) -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(serving(directory))
}

async fn serving(directory: &Path) -> Result<(), Failure> {
    let pair = pair()?;
    let issuer_store = Arc::new(sqlite(directory, "yushan").await?);
    let issuer = on_store(&pair.yushan, Arc::clone(&issuer_store) as _);
    let window_store = Arc::new(sqlite(directory, "changshan").await?);
    let window = on_store(&pair.changshan, Arc::clone(&window_store) as _);
    let (cards, people) = issued(&issuer).await?;
    publish(&issuer.issuer(), &[]).await?;
    let tokens: Vec<String> = issuer_store
        .status_lists()
        .await?
        .into_iter()
        .filter_map(|list| list.token)
        .collect();
    hold(&window, &tokens)?;
    let officer = AddOfficer {
        id: OFFICER.parse()?,
        name: "示例经办人".to_owned(),
        roles: vec![Role::Clerk],
        password: PASSWORD.to_owned().into(),
    };
    add_officer(&window, officer).await?;
    let known = Arc::new(known(&pair, &window, &tokens)?);
    let (issuer, window) = (Arc::new(issuer), Arc::new(window));

    let (server, client) = (Certificate::new()?, Certificate::new()?);
    let at = window.now().get();
    let clock = HandshakeClock::new(move || at);
    let pins = PinRegistry::new();
    let owner = PinOwner::new(window.identity.entity.clone());
    pins.replace(PinTable::from_claims([(client.identity()?.pin(), owner)]).0);
    let tls = federation_server_config(Arc::new(server.identity()?), pins.clone(), clock.clone())?;
    let fleet = Fleet {
        tls,
        region: window.identity.region.to_string(),
    };
    let guard = PinStillListed::new(pins.clone(), clock.clone(), "bench");
    let mut ports = HashMap::new();
    let empty = Router::new().route("/empty", get(async || ""));
    ports.insert("empty".to_owned(), fleet.serve(guard.clone().guard(empty)).await?);
    ports.insert(
        "decision".to_owned(),
        fleet
            .serve(guard.clone().guard(crate::decision::router(Arc::clone(&window))))
            .await?,
    );
    let window_router = staff::router(staff::State::new(Arc::clone(&window), staff::Channel::Tls));
    ports.insert(
        "window".to_owned(),
        fleet.serve(guard.guard(window_router)).await?,
    );
    let state = FederationState {
        node: issuer,
        pins,
        clock,
        tasks: TaskTracker::new(),
    };
    let unbounded = QuotaRate {
        per_second: 1e9,
        burst: 1e9,
    };
    let lanes = Lanes::new("bench", unbounded, unbounded, InFlight::new(1_024, 0));
    ports.insert(
        "lookup".to_owned(),
        fleet.serve(federation::router(state, &lanes)).await?,
    );
    ports.insert(
        "plain".to_owned(),
        serve_plain(&fleet.tls, plain::router(known)).await?,
    );
    let ready = Ready {
        ports,
        server: STANDARD.encode(&server.certificate),
        certificate: STANDARD.encode(&client.certificate),
        key: STANDARD.encode(&client.key),
        cards,
        people,
    };
    println!("{}", serde_json::to_string(&ready)?);
    tokio::task::spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new())).await??;
    issuer_store.close().await;
    window_store.close().await;
    Ok(())
}

/// Cards of as many people whose tier the agreement maps, and numbers and names of these.
async fn issued(issuer: &Node) -> Result<(Vec<String>, Vec<(String, String)>), Failure> {
    let (mut cards, mut people) = (Vec::new(), Vec::new());
    // The agreement maps one tier, and of four synthetic residents in a row the first two have it.
    for place in (0..).filter(|place| place % 4 < 2).take(CARDS) {
        let number = SubjectNumber::PermitNumber(permit_number(issuer.identity.region, place)?);
        let permit = issuer.store.permits_by_number(&number).await?;
        let permit = permit.first().ok_or("too few permits for the cards")?;
        let issued = issue_for_permit(&issuer.issuer(), permit).await?;
        let card = issued.into_iter().flatten().find(|one| one.form == Form::Card);
        cards.push(card.ok_or("a permit that is not in force")?.token);
        people.push((
            permit.details.permit_number.to_string(),
            permit.details.name.clone(),
        ));
    }
    Ok((cards, people))
}

/// The window knows these status lists.
fn hold(window: &Node, tokens: &[String]) -> Result<(), Failure> {
    let view = window.view();
    let mut lists = Vec::new();
    for token in tokens {
        lists.push(verify_status_token(token.as_bytes(), &view.trust, window.now())?);
    }
    window.view.store(Arc::new(View {
        status: Arc::new(StatusView::new(lists, [])),
        ..View::clone(&view)
    }));
    Ok(())
}

/// The plain handler's knowledge, taken from the same counties.
fn known(pair: &comity_node_core::testing::Pair, window: &Node, tokens: &[String]) -> Result<Known, Failure> {
    let county = pair.federation.county(pair.yushan.identity.region.as_str());
    let key = county.key(KeyPurpose::Attestation);
    let mut lists = HashMap::new();
    for token in tokens {
        let payload = token.split('.').nth(1).ok_or("a status list is a JWS")?;
        let claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?;
        let packed = claims["status_list"]["lst"].as_str().ok_or("no lst")?;
        let packed = URL_SAFE_NO_PAD.decode(packed)?;
        let mut list = Vec::new();
        flate2::read::ZlibDecoder::new(packed.as_slice()).read_to_end(&mut list)?;
        lists.insert(claims["sub"].as_str().ok_or("no sub")?.to_owned(), list);
    }
    let services = HashMap::from([(SERVICE.to_owned(), i32::try_from(MONTHS)?)]);
    let today = LocalDate::of(window.now());
    Ok(Known {
        keys: HashMap::from([(
            thumbprint(&key).to_string(),
            (county.entity.to_string(), key.verifying_key()),
        )]),
        lists,
        agreements: HashMap::from([(county.entity.to_string(), services)]),
        tiers: HashMap::from([("ORDINARY".to_owned(), "ORDINARY".to_owned())]),
        now: window.now().get(),
        today: today.to_string().parse()?,
    })
}

/// A certificate for one run.
struct Certificate {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Certificate {
    fn new() -> Result<Self, Failure> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec!["localhost".to_owned()])?.self_signed(&key)?;
        Ok(Self {
            certificate: certificate.der().to_vec(),
            key: key.serialize_der(),
        })
    }

    fn identity(&self) -> Result<CertifiedIdentity, Failure> {
        identity(self.certificate.clone(), self.key.clone())
    }
}

/// An identity from DER.
pub(crate) fn identity(certificate: Vec<u8>, key: Vec<u8>) -> Result<CertifiedIdentity, Failure> {
    Ok(CertifiedIdentity::from_der(
        vec![CertificateDer::from(certificate)],
        PrivateKeyDer::try_from(key)?,
    )?)
}

/// What the node's own listeners share.
struct Fleet {
    tls: Arc<ServerConfig>,
    region: String,
}

impl Fleet {
    async fn serve(&self, router: Router) -> Result<u16, Failure> {
        let region = self.region.parse()?;
        let today = LocalDate::of(crate::county::now()?);
        let server = Server {
            name: "bench",
            tls: Some(Arc::clone(&self.tls)),
            router,
            limits: ConnectionLimits {
                // A load pauses while others are measured.
                header: Duration::from_secs(600),
                per_address: 4_096,
                per_peer: 4_096,
                body: BodyLimits {
                    max_bytes: staff::MAX_BODY_BYTES as u64,
                    ..BodyLimits::default()
                },
                ..ConnectionLimits::default()
            },
            slots: Slots::new(4_096, 0),
            lane: Lane::Ordinary,
            trace_numbers: TraceNumbers::random(
                |buffer| SystemRng.fill(buffer),
                move |random| TraceNumber::new(today, region, random),
            ),
        };
        let socket = TcpListener::bind("127.0.0.1:0").await?;
        let port = socket.local_addr()?.port();
        tokio::spawn(server.run(socket, CancellationToken::new()));
        Ok(port)
    }
}

/// `axum::serve` on the same TLS, as somebody who has no accept loop of their own would have it.
#[allow(
    clippy::disallowed_methods,
    reason = "the plain server is what ours is compared with"
)]
async fn serve_plain(tls: &Arc<ServerConfig>, router: Router) -> Result<u16, Failure> {
    let socket = TcpListener::bind("127.0.0.1:0").await?;
    let port = socket.local_addr()?.port();
    let listener = PlainTls {
        socket,
        acceptor: TlsAcceptor::from(Arc::clone(tls)),
    };
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(port)
}

struct PlainTls {
    socket: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for PlainTls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            if let Ok((stream, from)) = self.socket.accept().await
                && stream.set_nodelay(true).is_ok()
                && let Ok(stream) = self.acceptor.accept(stream).await
            {
                return (stream, from);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}
