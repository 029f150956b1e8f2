//! The world's clients towards the target: a county with its certificate, an outsider, or bytes on a socket.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificates::Identity;
use super::tls::{self, Tickets};

/// How long an answer may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Most bytes of an answer.
const MOST: usize = 96 << 20;

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    /// HTTP status.
    pub(crate) status: u16,
    /// Headers.
    pub(crate) headers: HeaderMap,
    /// Body.
    pub(crate) body: Vec<u8>,
}

impl Answered {
    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unanswered {
    /// No connection.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// No TLS session: refused by one side.
    #[error("the TLS handshake failed: {0}")]
    Tls(String),
    /// The connection ended before an answer. With TLS 1.3 a server refuses a client certificate only after its own part of the
    /// handshake, so a refused client may see this and not [`Self::Tls`].
    #[error("the connection ended without an answer: {0}")]
    Ended(String),
    /// Nothing in time.
    #[error("no answer in time")]
    Slow,
}

impl Unanswered {
    /// Whether the target closed the door, and not our patience or the network.
    pub(crate) const fn is_refusal(&self) -> bool {
        matches!(self, Self::Tls(_) | Self::Ended(_))
    }
}

/// Who calls, and whom.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// `https://host:port` of the door.
    pub(crate) base: String,
    /// Pins by which the server is accepted; `None` accepts any.
    pub(crate) pins: Option<Vec<String>>,
    /// The client's certificate.
    pub(crate) identity: Option<Identity>,
    /// Where tickets are kept.
    pub(crate) tickets: Option<Arc<Tickets>>,
}

impl Caller {
    /// A TLS stream, and nothing on it yet.
    pub(crate) async fn stream(&self) -> Result<TlsStream<TcpStream>, Unanswered> {
        let address = self.base.trim_start_matches("https://");
        let (host, _) = address.rsplit_once(':').unwrap_or((address, "443"));
        let name = ServerName::try_from(host.to_owned()).map_err(|e| Unanswered::Connect(e.to_string()))?;
        let config = tls::client(self.pins.clone(), self.identity.as_ref(), self.tickets.clone());
        let config = config.map_err(|e| Unanswered::Tls(e.to_string()))?;
        let stream = self.socket().await?;
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
        match tokio::time::timeout(LIMIT, connecting).await {
            Ok(stream) => stream.map_err(|e| Unanswered::Tls(e.to_string())),
            Err(_) => Err(Unanswered::Slow),
        }
    }

    /// A socket without TLS.
    pub(crate) async fn socket(&self) -> Result<TcpStream, Unanswered> {
        let address = self.base.trim_start_matches("https://");
        let address = if address.contains(':') {
            address.to_owned()
        } else {
            format!("{address}:443")
        };
        TcpStream::connect(address)
            .await
            .map_err(|e| Unanswered::Connect(e.to_string()))
    }

    /// A connection for requests, one after the other.
    pub(crate) async fn connect(&self) -> Result<Connection, Unanswered> {
        let stream = TokioIo::new(self.stream().await?);
        let (sender, connection) = hyper::client::conn::http1::handshake(stream)
            .await
            .map_err(|e| Unanswered::Ended(e.to_string()))?;
        tokio::spawn(connection);
        let host = self.base.trim_start_matches("https://").to_owned();
        Ok(Connection { sender, host })
    }

    /// One request on a connection of its own.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answered, Unanswered> {
        self.connect().await?.send(request).await
    }

    /// `GET`.
    pub(crate) async fn get(&self, path: &str) -> Result<Answered, Unanswered> {
        self.send(get(path)).await
    }
}

/// A request for a path.
pub(crate) fn get(path: &str) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    if let Ok(uri) = path.parse() {
        *request.uri_mut() = uri;
    }
    request
}

/// A request with a body.
pub(crate) fn post(path: &str, content_type: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let mut request = get(path);
    *request.method_mut() = http::Method::POST;
    if let Ok(value) = content_type.parse() {
        request.headers_mut().insert(http::header::CONTENT_TYPE, value);
    }
    *request.body_mut() = Full::new(body.into());
    request
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Connection {
    /// One request on it.
    pub(crate) async fn send(&mut self, mut request: Request<Full<Bytes>>) -> Result<Answered, Unanswered> {
        if let Ok(host) = self.host.parse() {
            request.headers_mut().entry(http::header::HOST).or_insert(host);
        }
        let exchange = async {
            self.sender.ready().await?;
            let (head, body) = self.sender.send_request(request).await?.into_parts();
            Ok::<_, hyper::Error>((head, Limited::new(body, MOST).collect().await))
        };
        let (head, body) = match tokio::time::timeout(LIMIT, exchange).await {
            Ok(done) => done.map_err(|e| Unanswered::Ended(chain(&e)))?,
            Err(_) => return Err(Unanswered::Slow),
        };
        let body = body.map_err(|e| Unanswered::Ended(e.to_string()))?.to_bytes();
        Ok(Answered {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.to_vec(),
        })
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}
