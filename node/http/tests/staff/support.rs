//! A staff listener on a port of the system's choosing, before the demonstration's two counties; and a client that speaks HTTP by
//! hand, keeps cookies like a browser and follows nothing by itself.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use comity_node_core::ports::officers::Role;
use comity_node_core::ports::permits::Permit;
use comity_node_core::staff::{AddOfficer, add_officer};
use comity_node_core::testing::Pair;
use comity_node_http::listener::{BodyLimits, ConnectionLimits, Drained, Lane, Server, Slots};
use comity_node_http::problem_response::TraceNumbers;
use comity_node_http::staff::{self, Channel, MAX_BODY_BYTES, State};
use comity_spec::agreement::Agreement;
use comity_spec::time::UnixSeconds;
use comity_verifier::symbol;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What every test waits at most, so that a hang is a failure and not a stuck suite.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const PASSWORD: &str = "示例密码 example";

/// A window of Changshan.
pub(crate) struct Window {
    pub(crate) pair: Pair,
    pub(crate) address: SocketAddr,
    shutdown: CancellationToken,
    server: JoinHandle<Drained>,
}

impl Window {
    pub(crate) async fn open() -> Self {
        Self::under(|_| {}).await
    }

    /// With an agreement that a test changes before both counties sign it.
    pub(crate) async fn under(change: impl FnOnce(&mut Agreement)) -> Self {
        // 2026-11-22 in UTC+8.
        Self::of(Pair::under(UnixSeconds::new(1_795_320_000).unwrap(), change)).await
    }

    /// With counties that a test prepared.
    pub(crate) async fn of(pair: Pair) -> Self {
        for (id, role) in [
            ("clerk-01", Role::Clerk),
            ("clerk-02", Role::Clerk),
            ("police-01", Role::Issuer),
            ("head-01", Role::Supervisor),
        ] {
            let officer = AddOfficer {
                id: id.parse().unwrap(),
                name: "示例经办人".to_owned(),
                roles: vec![role],
                password: PASSWORD.to_owned().into(),
            };
            add_officer(&pair.changshan, officer).await.unwrap();
        }
        let drawn = AtomicUsize::new(1);
        let server = Server {
            name: "staff",
            tls: None,
            router: staff::router(State::new(Arc::clone(&pair.changshan), Channel::PlainLoopback)),
            limits: ConnectionLimits {
                answer: PATIENCE,
                body: BodyLimits {
                    max_bytes: MAX_BODY_BYTES as u64,
                    ..BodyLimits::default()
                },
                drain: PATIENCE,
                ..ConnectionLimits::default()
            },
            slots: Slots::new(64, 0),
            lane: Lane::Ordinary,
            trace_numbers: TraceNumbers::new(move || {
                format!("261122-330822-{:08}", drawn.fetch_add(1, Ordering::SeqCst))
                    .parse()
                    .unwrap()
            }),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let server = tokio::spawn(server.run(listener, shutdown.clone()));
        Self {
            pair,
            address,
            shutdown,
            server,
        }
    }

    pub(crate) async fn close(self) {
        self.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.server)
            .await
            .unwrap()
            .unwrap();
    }

    /// The digits of a fresh card of the resident at `place`.
    pub(crate) async fn card(&self, place: usize) -> (Permit, String) {
        let permit = self.pair.permit(place, |_| {}).await;
        let token = self.pair.card(&permit).await;
        (permit, symbol::encode(&token).unwrap())
    }

    pub(crate) fn browser(&self) -> Client {
        Client {
            address: self.address,
            cookies: BTreeMap::new(),
            headers: Vec::new(),
        }
    }

    /// A program that signed in, with a bearer token.
    pub(crate) async fn program(&self, officer: &str) -> Client {
        let mut client = self.browser();
        let body = serde_json::json!({ "officer": officer, "password": PASSWORD, "carried_by": "bearer" });
        let answer = client.post_json("/staff/v1/sessions", &body).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        assert!(client.cookies.is_empty(), "a program gets no cookie");
        let token = answer.json()["token"].as_str().unwrap().to_owned();
        client.headers.push(("authorization", format!("Bearer {token}")));
        client
    }

    /// A browser that signed in on the page.
    pub(crate) async fn clerk(&self, officer: &str) -> Client {
        let mut client = self.browser();
        let page = client.get("/signin").await;
        let answer = client
            .post_form(
                "/signin",
                &[
                    ("form", &page.field("form")),
                    ("officer", officer),
                    ("password", PASSWORD),
                ],
            )
            .await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, "/verify"),
            "{}",
            answer.text()
        );
        client
    }
}

/// One client.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Client {
    pub(crate) fn with(&self, name: &'static str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.push((name, value.to_owned()));
        client
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.call("GET", path, "", Vec::new()).await
    }

    pub(crate) async fn post_json(&mut self, path: &str, body: &Value) -> Answer {
        self.call("POST", path, "application/json", body.to_string().into_bytes())
            .await
    }

    pub(crate) async fn post_form(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.call(
            "POST",
            path,
            "application/x-www-form-urlencoded",
            body.into_bytes(),
        )
        .await
    }

    pub(crate) async fn call(&mut self, method: &str, path: &str, kind: &str, body: Vec<u8>) -> Answer {
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
            self.address
        );
        if !kind.is_empty() {
            head.push_str(&format!("content-type: {kind}\r\n"));
        }
        if method != "GET" {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.cookies.is_empty() {
            let cookies: Vec<String> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            head.push_str(&format!("cookie: {}\r\n", cookies.join("; ")));
        }
        let exchange = async {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
            stream.write_all(&body).await.unwrap();
            Answer::read(&mut stream).await
        };
        let answer = tokio::time::timeout(PATIENCE, exchange).await.unwrap();
        for (name, value) in &answer.headers {
            if name == "set-cookie" {
                let (pair, attributes) = value.split_once(';').unwrap();
                let (cookie, content) = pair.split_once('=').unwrap();
                if attributes.contains("Max-Age=0") {
                    self.cookies.remove(cookie);
                } else {
                    self.cookies.insert(cookie.to_owned(), content.to_owned());
                }
            }
        }
        answer
    }
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Reads as much as the head announces: not everybody closes (chromedriver does not).
    async fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "the head ends");
        };
        let mut answer = Self::parse(&bytes, end);
        let length = answer.header("content-length").parse().unwrap_or(0);
        while answer.body.len() < length {
            assert_ne!(
                stream.read_buf(&mut answer.body).await.unwrap(),
                0,
                "the body is as long as announced"
            );
        }
        answer
    }

    fn parse(bytes: &[u8], end: usize) -> Self {
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let chunked = headers
            .iter()
            .any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        assert!(!chunked, "answers are complete and say their length");
        Self {
            status,
            headers,
            body: bytes[end + 4..].to_vec(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map_or("", |(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.text()))
    }

    /// The problem's slug, with its status checked against the answer's.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{}",
            self.text()
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert!(problem["next_step"]["zh"].is_string() && problem["next_step"]["en"].is_string());
        problem["type"]
            .as_str()
            .unwrap()
            .rsplit(':')
            .next()
            .unwrap()
            .to_owned()
    }

    /// The value of the first field of this name in a page.
    pub(crate) fn field(&self, name: &str) -> String {
        let page = self.text();
        let begin = page
            .find(&format!("name=\"{name}\""))
            .unwrap_or_else(|| panic!("no field {name}: {page}"));
        let rest = &page[begin..];
        let value = rest.split_once("value=\"").unwrap().1;
        value.split('"').next().unwrap().to_owned()
    }
}
