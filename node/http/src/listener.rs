//! The accept loop of every listener (chapters 11.2 and 11.3). It exists because `axum::serve` has no header time-out and
//! kept a half-sent request head open for as long as it was watched: here a connection that does not finish its
//! handshake, send its first byte, end its head, keep up its body or take its answer in time is closed.
//!
//! HTTP/1.1 only. One loop serves mutual TLS, TLS, and plain TCP (ops on loopback, the demo's staff pages); what
//! differs is the [`Server`]'s configuration. The loop puts [`ConnectionOrigin`] and, after mutual TLS,
//! [`PeerIdentity`] into each request's extensions. It refuses to wait when it is full, to take an identity from
//! a header, and to write an address or name into a log or metric.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use comity_spec::ids::SpkiPin;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

mod body;
mod connection;
mod meter;
mod request;
mod slots;
mod timer;
mod watched_io;

pub use body::BodyLimits;
pub use slots::{Lane, Slots};

use crate::problem_response::TraceNumbers;
use connection::Connection;
use slots::{Admission, KeyedSlots};

/// Where connections come from: a TCP socket, or streams a test supplies.
pub trait Listener: Send + 'static {
    /// One connection.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection and the address it says it comes from.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Io, SocketAddr)>> + Send;
}

impl Listener for TcpListener {
    type Io = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, remote) = TcpListener::accept(self).await?;
        // An answer is small and complete: waiting to fill a segment only adds to its time.
        stream.set_nodelay(true)?;
        Ok((stream, remote))
    }
}

/// The address a connection came from: for quotas, never for identity, logs or metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionOrigin(pub SocketAddr);

impl ConnectionOrigin {
    /// What one subscriber is counted as: an IPv4 address, or the /64 that an IPv6 subscriber roams in.
    #[must_use]
    pub fn subscriber(&self) -> IpAddr {
        match self.0.ip().to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        }
    }
}

/// Who is at the other end of a mutual TLS connection, as proved in the handshake.
#[derive(Debug, Clone)]
pub struct PeerIdentity {
    /// The pin of the certificate's key.
    pub pin: SpkiPin,
    /// The last second of the certificate's validity, Unix time: a pooled connection may outlive it.
    pub not_after: i64,
    /// The certificates as sent, leaf first, DER.
    pub chain: Arc<[Vec<u8>]>,
    /// The address the connection came from.
    pub remote: SocketAddr,
}

/// The limits of one connection.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// From the accepted connection to the finished TLS handshake.
    pub handshake: Duration,
    /// From the finished handshake to the first byte of the first request.
    pub first_byte: Duration,
    /// For a whole request head; also how long a kept-alive connection may idle between requests. A client's
    /// pool must give up idle connections sooner.
    pub header: Duration,
    /// For the handler's answer. A handler's writes run in tasks of their own, so this ends the waiting only.
    pub answer: Duration,
    /// How long the other side may refuse to take bytes of an answer.
    pub write_stall: Duration,
    /// Largest request head in bytes; hyper's floor is 8,192.
    pub head_bytes: usize,
    /// Size and pace of request bodies.
    pub body: BodyLimits,
    /// Connections at once from one subscriber address. Behind a TCP pass-through gateway all peers share one
    /// address: set it to the listener's total there.
    pub per_address: usize,
    /// Connections at once with one TLS key.
    pub per_peer: usize,
    /// How long running requests may take to finish once shutdown has begun.
    pub drain: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(5),
            first_byte: Duration::from_secs(5),
            header: Duration::from_secs(20),
            answer: Duration::from_secs(30),
            write_stall: Duration::from_secs(10),
            head_bytes: 16 * 1024,
            body: BodyLimits::default(),
            per_address: 256,
            per_peer: 64,
            drain: Duration::from_secs(20),
        }
    }
}

/// One listener's server.
#[derive(Clone)]
pub struct Server {
    /// The listener's name, the `listener` label of every metric.
    pub name: &'static str,
    /// TLS; `None` for plain TCP.
    pub tls: Option<Arc<ServerConfig>>,
    /// The routes.
    pub router: Router,
    /// The limits of each connection.
    pub limits: ConnectionLimits,
    /// The places for connections, shared among the listeners of the process.
    pub slots: Slots,
    /// Whether this listener may take the reserved places.
    pub lane: Lane,
    /// Where trace numbers come from.
    pub trace_numbers: TraceNumbers,
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut because they had not finished when the drain time was over.
    pub cut: usize,
}

impl Server {
    /// Accepts and serves until `shutdown` is cancelled; then stops accepting, lets running requests finish
    /// within the drain time, and cuts what is left.
    pub async fn run<L: Listener>(self, mut listener: L, shutdown: CancellationToken) -> Drained {
        let drain = self.limits.drain;
        let server = Arc::new(Served::new(self));
        let connections = TaskTracker::new();
        let cut = CancellationToken::new();
        loop {
            let accepted = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((io, remote)) => {
                    server.admit(io, ConnectionOrigin(remote), &connections, &shutdown, &cut);
                }
                Err(error) => {
                    record_refusal(server.config.name, "accept_error");
                    if is_about_one_connection(&error) {
                        continue;
                    }
                    // Out of descriptors or memory: accepting again at once would spin on the same error.
                    tracing::warn!(listener = server.config.name, kind = ?error.kind(), "cannot accept");
                    tokio::select! {
                        () = shutdown.cancelled() => break,
                        () = tokio::time::sleep(ACCEPT_PAUSE) => {}
                    }
                }
            }
        }
        drop(listener);
        connections.close();
        if tokio::time::timeout(drain, connections.wait()).await.is_ok() {
            return Drained { cut: 0 };
        }
        let unfinished = connections.len();
        cut.cancel();
        connections.wait().await;
        Drained { cut: unfinished }
    }
}

/// Counts a refusal: `comity_tls_refused_total` has its own, this is for everything after or before TLS.
pub(crate) fn record_refusal(listener: &'static str, reason: &'static str) {
    metrics::counter!("comity_connections_refused_total", "listener" => listener, "reason" => reason)
        .increment(1);
}

/// Counts a handshake that was refused or broke off.
pub(crate) fn record_tls_refusal(listener: &'static str, reason: &'static str) {
    metrics::counter!("comity_tls_refused_total", "listener" => listener, "reason" => reason).increment(1);
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A server at work: its configuration, the finished routers, and who holds connections.
struct Served {
    config: Server,
    app: Router,
    turned_away: Router,
    by_address: KeyedSlots<IpAddr>,
    by_peer: KeyedSlots<SpkiPin>,
}

impl Served {
    fn new(config: Server) -> Self {
        Self {
            app: request::routed(&config, config.router.clone()),
            turned_away: request::turned_away(&config),
            by_address: KeyedSlots::new(config.limits.per_address),
            by_peer: KeyedSlots::new(config.limits.per_peer),
            config,
        }
    }

    fn admit<S>(
        self: &Arc<Self>,
        io: S,
        origin: ConnectionOrigin,
        connections: &TaskTracker,
        shutdown: &CancellationToken,
        cut: &CancellationToken,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let name = self.config.name;
        let Some(address_slot) = self.by_address.enter(origin.subscriber()) else {
            record_refusal(name, "too_many_from_address");
            return;
        };
        let admission = self.config.slots.admit(self.config.lane);
        match admission {
            Admission::Served(_) => {}
            Admission::TurnedAway(_) => record_refusal(name, "too_many_connections"),
            Admission::Dropped => {
                record_refusal(name, "too_many_connections");
                return;
            }
        }
        let connection = Connection {
            server: Arc::clone(self),
            origin,
            shutdown: shutdown.clone(),
            turned_away: matches!(admission, Admission::TurnedAway(_)),
        };
        let cut = cut.clone();
        connections.spawn(async move {
            let _held = (address_slot, admission);
            tokio::select! {
                () = cut.cancelled() => {}
                () = connection.serve(io) => {}
            }
        });
    }
}

/// An error of the connection that was to be accepted, not of the socket that accepts.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::NotConnected
            | io::ErrorKind::InvalidInput
    )
}
