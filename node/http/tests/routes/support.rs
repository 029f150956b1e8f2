//! A router behind a listener, and requests to it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use comity_node_http::lanes::Lanes;
use comity_node_http::limits::{InFlight, QuotaRate};
use comity_node_http::listener::{BodyLimits, ConnectionLimits, Server};
use comity_node_http::problem_response::TraceNumbers;
use comity_spec::ids::TraceNumber;
use comity_spec::time::{LocalDate, UnixSeconds};
use rustls::version::TLS13;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::described;
use crate::transport::{self, Answer, Certificate, PATIENCE, connect, trusting_client};

pub(crate) const PROBLEM: &str = "application/problem+json";

/// The moment at which everything here happens; certificates of the tests are good in 2026.
pub(crate) fn now() -> UnixSeconds {
    UnixSeconds::new(transport::now()).unwrap()
}

pub(crate) const PLENTY: QuotaRate = QuotaRate {
    per_second: 1e6,
    burst: 1e6,
};

/// Limits that no honest test meets.
pub(crate) fn lanes(name: &'static str) -> Lanes {
    Lanes::new(name, PLENTY, PLENTY, InFlight::new(64, 8))
}

/// Sends a request and reads the answer, which has to be one that the published documents declare for the path.
pub(crate) async fn ask<S>(stream: &mut S, request: &str) -> Option<Answer>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let answer = transport::ask(stream, request).await;
    if let Some(answer) = &answer {
        described::check(request, answer);
    }
    answer
}

/// A listener at work.
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    pub(crate) certificate: Certificate,
    shutdown: CancellationToken,
    served: JoinHandle<()>,
}

impl Serving {
    /// Serves `router` publicly: TLS, and no certificate asked of the client.
    pub(crate) async fn publicly(name: &'static str, router: Router) -> Self {
        let certificate = Certificate::new();
        let server = transport::public_server(name, &certificate.identity(), router);
        Self::start(server, certificate).await
    }

    /// Serves as configured, with limits of its own kind.
    pub(crate) async fn start(server: Server, certificate: Certificate) -> Self {
        transport::record_metrics();
        let drawn = AtomicU32::new(1);
        let region = "361123".parse().unwrap();
        let trace = move || {
            let [a, b, c, d] = drawn.fetch_add(1, Ordering::SeqCst).to_be_bytes();
            TraceNumber::new(LocalDate::of(now()), region, [0, a, b, c, d])
        };
        let server = Server {
            trace_numbers: TraceNumbers::new(trace),
            limits: ConnectionLimits {
                body: BodyLimits {
                    grace: PATIENCE,
                    ..BodyLimits::default()
                },
                ..transport::limits()
            },
            ..server
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let stopped = shutdown.clone();
        let served = tokio::spawn(async move {
            server.run(listener, stopped).await;
        });
        Self {
            address,
            certificate,
            shutdown,
            served,
        }
    }

    /// A connection without a client certificate.
    pub(crate) async fn dial(&self) -> TlsStream<TcpStream> {
        connect(trusting_client(&[&TLS13], self.certificate.pin()), self.address)
            .await
            .unwrap()
    }

    /// `GET path` with these further header lines, on a connection of its own.
    pub(crate) async fn get_with(&self, path: &str, headers: &str) -> Answer {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
        ask(&mut self.dial().await, &request).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_with(path, "").await
    }

    /// Stops and waits for the last connection: every metric is raised then.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.served)
            .await
            .unwrap()
            .unwrap();
    }
}

pub(crate) fn json(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}

/// Asserts that the answer is the problem with this slug and status, with a trace number and a next step.
#[track_caller]
pub(crate) fn assert_problem(answer: &Answer, status: u16, slug: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some(PROBLEM), "{answer:?}");
    let body = json(answer);
    assert_eq!(body["type"], format!("urn:comity:problem:{slug}"), "{body}");
    assert_eq!(body["status"], status);
    assert!(body["next_step"]["zh"].is_string(), "{body}");
    assert!(body["trace"].is_string(), "{body}");
}
