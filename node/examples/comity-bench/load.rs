//! A load: connections that each send a request, wait for its answer, and send the next. Closed loop, so latency is that of a queue
//! as long as there are connections. Any answer but the expected one ends the run: a refusal is fast, and must not count as speed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use comity_node_http::tls::{CertifiedIdentity, HandshakeClock, federation_client_config};
use comity_spec::ids::SpkiPin;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::Failure;

/// How to reach the servers.
#[derive(Clone)]
pub(crate) struct Client {
    connector: TlsConnector,
}

/// One connection.
pub(crate) type Connection = TlsStream<TcpStream>;

impl Client {
    /// With our certificate and the server's pin.
    pub(crate) fn new(identity: CertifiedIdentity, server: SpkiPin, at: i64) -> Result<Self, Failure> {
        let clock = HandshakeClock::new(move || at);
        let config: ClientConfig = federation_client_config(Arc::new(identity), [server], clock)?;
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
        })
    }

    /// A new connection, with a full handshake.
    pub(crate) async fn connect(&self, port: u16) -> Result<Connection, Failure> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        Ok(self.connector.connect(name, stream).await?)
    }
}

/// What a load did.
pub(crate) struct Done {
    /// Requests answered as expected.
    pub(crate) requests: u64,
    /// How long it took.
    pub(crate) elapsed: Duration,
    /// Each request's latency, ascending.
    pub(crate) latencies: Vec<Duration>,
}

impl Done {
    /// Nothing yet.
    pub(crate) const fn nothing() -> Self {
        Self {
            requests: 0,
            elapsed: Duration::ZERO,
            latencies: Vec::new(),
        }
    }

    /// Adds what was done at another time.
    pub(crate) fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.elapsed += other.elapsed;
        self.latencies.extend(other.latencies);
        self.latencies.sort_unstable();
    }

    /// The latency below which `share` of the requests were answered, in milliseconds.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let at = (last as f64 * share).round() as usize;
        self.latencies
            .get(at)
            .map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
    }

    /// Requests a second.
    pub(crate) fn rate(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }
}

/// Sends what `request` makes of a counter over each connection until the time is up.
pub(crate) async fn warm<R>(
    connections: Vec<Connection>,
    lasting: Duration,
    request: R,
    expected: &'static str,
) -> Result<(Done, Vec<Connection>), Failure>
where
    R: Fn(usize) -> Vec<u8> + Clone + Send + Sync + 'static,
{
    let started = Instant::now();
    let step = connections.len();
    let mut tasks = Vec::new();
    for (first, mut connection) in connections.into_iter().enumerate() {
        let request = request.clone();
        tasks.push(tokio::spawn(async move {
            let (mut latencies, mut at, mut buffer) = (Vec::new(), first, Vec::new());
            while started.elapsed() < lasting {
                let bytes = request(at);
                at += step;
                let sent = Instant::now();
                ask(&mut connection, &bytes, &mut buffer).await?;
                latencies.push(sent.elapsed());
                if !contains(&buffer, expected.as_bytes()) {
                    return Err(unexpected(&buffer));
                }
            }
            Ok::<_, Failure>((latencies, connection))
        }));
    }
    let (mut latencies, mut connections) = (Vec::new(), Vec::new());
    for task in tasks {
        let (measured, connection) = task.await??;
        latencies.extend(measured);
        connections.push(connection);
    }
    latencies.sort();
    let done = Done {
        requests: latencies.len() as u64,
        elapsed: started.elapsed(),
        latencies,
    };
    Ok((done, connections))
}

/// Connects, asks once and closes, in `lanes` tasks, until the time is up.
pub(crate) async fn cold(
    client: &Client,
    port: u16,
    lanes: usize,
    lasting: Duration,
    request: &'static [u8],
) -> Result<Done, Failure> {
    let started = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..lanes {
        let client = client.clone();
        tasks.push(tokio::spawn(async move {
            let (mut latencies, mut buffer) = (Vec::new(), Vec::new());
            while started.elapsed() < lasting {
                let begun = Instant::now();
                let mut connection = client.connect(port).await?;
                ask(&mut connection, request, &mut buffer).await?;
                latencies.push(begun.elapsed());
                if !buffer.starts_with(b"HTTP/1.1 200") {
                    return Err(unexpected(&buffer));
                }
                connection.shutdown().await?;
            }
            Ok::<_, Failure>(latencies)
        }));
    }
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await??);
    }
    latencies.sort();
    Ok(Done {
        requests: latencies.len() as u64,
        elapsed: started.elapsed(),
        latencies,
    })
}

/// One request and its whole answer, head and body, in `buffer`.
pub(crate) async fn ask(
    connection: &mut Connection,
    request: &[u8],
    buffer: &mut Vec<u8>,
) -> Result<(), Failure> {
    buffer.clear();
    connection.write_all(request).await?;
    let end = loop {
        if connection.read_buf(buffer).await? == 0 {
            return Err("the server closed a connection".into());
        }
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = std::str::from_utf8(&buffer[..end])?.to_ascii_lowercase();
    let length: usize = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .map_or(Ok(0), |length| length.trim().parse())?;
    while buffer.len() < end + length {
        if connection.read_buf(buffer).await? == 0 {
            return Err("the server closed a connection".into());
        }
    }
    Ok(())
}

fn contains(buffer: &[u8], expected: &[u8]) -> bool {
    buffer.windows(expected.len()).any(|window| window == expected)
}

fn unexpected(buffer: &[u8]) -> Failure {
    format!("an unexpected answer: {}", String::from_utf8_lossy(buffer)).into()
}
