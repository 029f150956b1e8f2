//! One connection from its first byte to its last: handshake, identity, requests, end. Everything it can die of
//! is counted by a reason from a closed list.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use comity_spec::ids::SpkiPin;
use comity_spec::mutant;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::slots::KeyedSlot;
use super::timer::ConnectionTimer;
use super::watched_io::WatchedIo;
use super::{ConnectionOrigin, PeerIdentity, Served, record_refusal, record_tls_refusal};
use crate::tls::{Leaf, TlsRefusal};

/// A connection that was let in.
pub(super) struct Connection {
    pub(super) server: Arc<Served>,
    pub(super) origin: ConnectionOrigin,
    pub(super) shutdown: CancellationToken,
    pub(super) turned_away: bool,
}

impl Connection {
    /// Serves it to its end. Nobody waits for the result: all there is to say goes to the metrics.
    pub(super) async fn serve<S>(mut self, io: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(tls) = self.server.config.tls.clone() else {
            return self.speak_http(io, None).await;
        };
        let name = self.server.config.name;
        let handshake = TlsAcceptor::from(tls).accept(io);
        let shaken = tokio::select! {
            () = self.shutdown.cancelled() => return,
            shaken = tokio::time::timeout(self.server.config.limits.handshake * if mutant!("TRN-7") { 100 } else { 1 }, handshake) => shaken,
        };
        let stream = match shaken {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return record_tls_refusal(name, TlsRefusal::of_io(&error).reason()),
            Err(_elapsed) => return record_tls_refusal(name, TlsRefusal::HandshakeTimeout.reason()),
        };
        let peer = match self.identify(stream.get_ref().1) {
            Ok(peer) => peer,
            Err(refusal) => return record_tls_refusal(name, refusal.reason()),
        };
        let _place = self.peer_place(peer.as_ref());
        self.speak_http(stream, peer).await;
    }

    /// The identity of a mutual TLS connection; `None` where no client certificate is asked for.
    fn identify(&self, session: &rustls::ServerConnection) -> Result<Option<PeerIdentity>, TlsRefusal> {
        let Some(chain) = session.peer_certificates() else {
            return Ok(None);
        };
        let leaf = Leaf::read(chain.first().ok_or(TlsRefusal::NoCertificate)?)?;
        Ok(Some(PeerIdentity {
            pin: leaf.pin,
            not_after: leaf.not_after,
            chain: chain.iter().map(|certificate| certificate.to_vec()).collect(),
            remote: self.origin.0,
        }))
    }

    /// A place among those of the same key; without one the connection is told so and closed.
    fn peer_place(&mut self, peer: Option<&PeerIdentity>) -> Option<KeyedSlot<SpkiPin>> {
        let place = self.server.by_peer.enter(peer?.pin);
        if place.is_none() {
            record_refusal(self.server.config.name, "too_many_from_peer");
            self.turned_away = true;
        }
        place
    }

    async fn speak_http<S>(self, io: S, peer: Option<PeerIdentity>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let limits = self.server.config.limits;
        let name = self.server.config.name;
        let app = if self.turned_away {
            &self.server.turned_away
        } else {
            &self.server.app
        };
        let timer = ConnectionTimer::default();
        let service = handler(app.clone(), self.origin, peer, timer.clone());
        let io = TokioIo::new(WatchedIo::new(io, name, limits.first_byte, limits.write_stall));
        let mut http = http1::Builder::new();
        http.timer(timer)
            .header_read_timeout(limits.header)
            .half_close(false)
            .keep_alive(!self.turned_away)
            .max_header_size(limits.head_bytes)
            .max_buf_size(limits.head_bytes.max(SMALLEST_BUFFER));
        let mut connection = pin!(http.serve_connection(io, TowerToHyperService::new(service)));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Some(reason) = ended.err().as_ref().and_then(reason_of) {
            record_refusal(name, reason);
        }
    }
}

/// hyper panics below this (`MINIMUM_MAX_BUFFER_SIZE`).
const SMALLEST_BUFFER: usize = 8_192;

/// The router with the facts of the connection added to each request.
fn handler(
    app: Router,
    origin: ConnectionOrigin,
    peer: Option<PeerIdentity>,
    timer: ConnectionTimer,
) -> impl tower::Service<
    Request<Incoming>,
    Response = Response,
    Error = Infallible,
    Future = impl Future<Output = Result<Response, Infallible>> + Send + 'static,
> + Clone {
    tower::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(origin);
        request.extensions_mut().insert(timer.clone());
        if let Some(peer) = &peer {
            request.extensions_mut().insert(peer.clone());
        }
        app.clone().oneshot(request)
    })
}

/// The reason for the metric; `None` for a client that simply went away, and for what [`WatchedIo`] has counted.
fn reason_of(error: &hyper::Error) -> Option<&'static str> {
    if error.is_timeout() {
        Some("header_timeout")
    } else if error.is_parse_too_large() {
        Some("head_too_large")
    } else if error.is_parse() {
        Some("malformed_request")
    } else {
        None
    }
}
