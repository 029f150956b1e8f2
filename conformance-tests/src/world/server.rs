//! The servers of the world: a public and a mutual-TLS door for each entity, honest by default, with one hook that may answer in
//! their place, and a log of everything that came.
//!
//! A door turns nobody away at the handshake; who came is in the log. What was asked for and is not there is marked, since nobody
//! who keeps to the text asks for it (a URL in a token, ATT-12).

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::certificates::Identity;
use super::keys::digest;
use super::reply::{OnItsWay, Reply};
use super::tls;

/// Most bytes of a request that a door reads.
const MOST: usize = 8 << 20;

/// Which of an entity's doors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// Everybody.
    Public,
    /// Counties, by mutual TLS.
    Federation,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Whose door.
    pub(crate) entity: String,
    /// Which door.
    pub(crate) door: Door,
    /// Method.
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    /// Body.
    pub(crate) body: Bytes,
    /// Pin of the client's certificate.
    pub(crate) pin: Option<String>,
    /// Whether something by this address was to be had.
    pub(crate) expected: bool,
}

/// Everything that came to any door.
#[derive(Debug)]
pub(crate) struct Log {
    received: Mutex<Vec<Received>>,
    swallowed: AtomicUsize,
    count: watch::Sender<usize>,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            received: Mutex::default(),
            swallowed: AtomicUsize::new(0),
            count: watch::Sender::new(0),
        }
    }
}

impl Log {
    fn push(&self, received: Received) {
        let mut all = lock(&self.received);
        all.push(received);
        self.count.send_replace(all.len());
    }

    /// How many floods, larger than what lies in buffers on the way, were read to their end by whoever asked.
    pub(crate) fn swallowed(&self) -> usize {
        self.swallowed.load(Ordering::Relaxed)
    }

    /// How many came so far.
    pub(crate) fn len(&self) -> usize {
        lock(&self.received).len()
    }

    /// What came since then.
    pub(crate) fn since(&self, mark: usize) -> Vec<Received> {
        lock(&self.received).iter().skip(mark).cloned().collect()
    }

    /// The first since then of which this holds, or `None` when the time is up.
    pub(crate) async fn wait(
        &self,
        mark: usize,
        limit: Duration,
        holds: impl Fn(&Received) -> bool,
    ) -> Option<Received> {
        let mut count = self.count.subscribe();
        let search = async {
            loop {
                count.borrow_and_update();
                if let Some(found) = lock(&self.received).iter().skip(mark).find(|one| holds(one)) {
                    return Some(found.clone());
                }
                if count.changed().await.is_err() {
                    return None;
                }
            }
        };
        tokio::time::timeout(limit, search).await.ok().flatten()
    }
}

/// Who stands behind the doors of an entity.
pub(crate) trait Host: Send + Sync + 'static {
    /// Its entity id.
    fn entity(&self) -> &str;
    /// What an honest entity answers.
    fn answer(&self, request: &Received) -> Reply;
}

/// Answers in place of the host, where it wants to.
pub(crate) type Hook = Box<dyn Fn(&Received) -> Option<Reply> + Send + Sync>;

/// An entity on the network.
pub(crate) struct Site<H> {
    /// Who answers.
    pub(crate) host: H,
    hook: Mutex<Option<Hook>>,
    log: Arc<Log>,
}

impl<H: Host> Site<H> {
    pub(crate) fn new(host: H, log: Arc<Log>) -> Arc<Self> {
        Arc::new(Self {
            host,
            hook: Mutex::new(None),
            log,
        })
    }

    /// Overrides what is answered, until [`Self::honest`].
    pub(crate) fn hook(&self, hook: impl Fn(&Received) -> Option<Reply> + Send + Sync + 'static) {
        *lock(&self.hook) = Some(Box::new(hook));
    }

    /// Honest again.
    pub(crate) fn honest(&self) {
        *lock(&self.hook) = None;
    }

    fn answer(&self, mut received: Received) -> Reply {
        let honest = self.host.answer(&received);
        let hooked = lock(&self.hook).as_ref().and_then(|hook| hook(&received));
        received.expected = honest.status != 404 || hooked.is_some();
        self.log.push(received);
        hooked.unwrap_or(honest)
    }

    /// Opens a door. The task ends with its handle.
    pub(crate) fn open(
        self: &Arc<Self>,
        door: Door,
        listener: std::net::TcpListener,
        identity: &Identity,
    ) -> Result<JoinHandle<()>, std::io::Error> {
        let config = match door {
            Door::Public => tls::public_server(identity),
            Door::Federation => tls::mutual_server(identity),
        };
        let config = config.map_err(std::io::Error::other)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        Ok(tokio::spawn(Arc::clone(self).serve(door, listener, config)))
    }

    async fn serve(self: Arc<Self>, door: Door, listener: TcpListener, config: ServerConfig) {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        loop {
            // A connection that fails to arrive is the visitor's affair.
            let Ok((stream, _)) = listener.accept().await else {
                continue;
            };
            let (site, acceptor) = (Arc::clone(&self), acceptor.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let pin = stream
                    .get_ref()
                    .1
                    .peer_certificates()
                    .and_then(|chain| tls::pin(chain.first()?));
                let service = service_fn(|request| {
                    let (site, pin) = (Arc::clone(&site), pin.clone());
                    async move { Ok::<_, Infallible>(site.serve_one(door, pin, request).await) }
                });
                // How a visitor ends a connection is its own affair; what it asked is in the log.
                let _ = hyper::server::conn::http1::Builder::new()
                    .timer(TokioTimer::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    }

    async fn serve_one(
        &self,
        door: Door,
        pin: Option<String>,
        request: http::Request<Incoming>,
    ) -> http::Response<OnItsWay> {
        let (parts, body) = request.into_parts();
        let body = Limited::new(body, MOST)
            .collect()
            .await
            .map(|all| all.to_bytes())
            .unwrap_or_default();
        let reply = self.answer(Received {
            entity: self.host.entity().to_owned(),
            door,
            method: parts.method.to_string(),
            path: parts
                .uri
                .path_and_query()
                .map_or_else(String::new, ToString::to_string),
            body,
            pin,
            expected: true,
        });
        tokio::time::sleep(reply.after).await;
        let mut response = http::Response::builder().status(reply.status);
        for (name, value) in &reply.headers {
            response = response.header(*name, value);
        }
        let log = Arc::clone(&self.log);
        let read = move || {
            log.swallowed.fetch_add(1, Ordering::Relaxed);
        };
        let body = OnItsWay::new(reply.contents).read_to_the_end(read);
        response.body(body).unwrap_or_else(|_| {
            // A header that a hook made up and HTTP does not take.
            http::Response::new(OnItsWay::new(super::reply::Contents::Whole(Vec::new())))
        })
    }
}

/// An entity tag of these bytes.
pub(crate) fn entity_tag(bytes: &[u8]) -> String {
    format!("\"{}\"", digest(bytes))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A panic elsewhere cannot have left these half changed: every change is one statement.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
