//! A run: fills a database, starts the servers, loads them in turn in each round, and prints what came out.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comity_node_core::testing::Pair;
use comity_node_store::PostgresStore;
use comity_spec::ids::Jti;
use comity_spec::jose::{KeyPurpose, Typ};
use comity_verifier::testing::{merge, sign};
use serde_json::{Value, json};

use crate::Failure;
use crate::county::{SERVICE, SystemRng, pair, sqlite, store_keys};
use crate::issuance::Office;
use crate::load::{Client, Connection, Done, ask, cold, warm};
use crate::meter::{Report, processor_time, resident_mib};
use crate::serve::{OFFICER, PASSWORD, Ready, identity};

/// Connections of a warm load.
const CONNECTIONS: usize = 32;
/// Connections at once of a cold load.
const HANDSHAKES: usize = 8;

/// Turns that every load has in a round: what the machine does meanwhile changes within a second.
const TURNS: u32 = 5;

/// Measures everything.
pub(crate) fn run(seconds: &str, rounds: &str, permits: &str, database: Option<&str>) -> Result<(), Failure> {
    let lasting = Duration::from_secs_f64(seconds.parse()?);
    let rounds: usize = rounds.parse()?;
    let directory = tempfile::tempdir()?;
    let own = std::env::current_exe()?;
    let filled = Command::new(&own)
        .arg("prepare")
        .arg(directory.path())
        .arg(permits)
        .status()?;
    if !filled.success() {
        return Err("the database could not be filled".into());
    }
    let servers = Servers::start(&own, directory.path())?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let mut report = Report::default();
            report.add("memory.rest", "MiB", resident_mib(servers.process.id())?);
            let mut bench = Bench::new(&servers).await?;
            for _ in 0..rounds {
                bench.round(lasting, &mut report).await?;
            }
            report.add("memory.load", "MiB", resident_mib(servers.process.id())?);
            drop((bench, servers));
            let office = Office::open("sqlite", sqlite(directory.path(), "office").await?).await?;
            for _ in 0..rounds {
                office.measure(lasting, &mut report).await?;
            }
            if let Some(url) = database {
                let store = PostgresStore::open(url, &store_keys(), Arc::new(SystemRng)).await?;
                let office = Office::open("postgres", store).await?;
                for _ in 0..rounds {
                    office.measure(lasting, &mut report).await?;
                }
            }
            crate::batch::measure(lasting, rounds, &mut report)?;
            report.print();
            Ok(())
        })
}

/// The child process. It ends when its standard input does, so that nothing outlives a run that was stopped.
struct Servers {
    process: Child,
    ready: Ready,
}

impl Servers {
    fn start(own: &Path, directory: &Path) -> Result<Self, Failure> {
        let pinned = Command::new("taskset")
            .args(["-c", "0", "true"])
            .status()
            .is_ok_and(|status| status.success());
        let mut command = if pinned {
            let mut taskset = Command::new("taskset");
            taskset.args(["-c", "0"]).arg(own);
            taskset
        } else {
            Command::new(own)
        };
        println!(
            "servers {}",
            if pinned { "pinned to core 0" } else { "not pinned" }
        );
        let mut process = command
            .arg("serve")
            .arg(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let ready = serde_json::from_str(&line).map_err(|_| "the servers did not start")?;
        Ok(Self { process, ready })
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        if let Err(error) = self.process.wait() {
            eprintln!("comity-bench: the servers: {error}");
        }
    }
}

/// Makes the `n`th request.
type Request = Arc<dyn Fn(usize) -> Vec<u8> + Send + Sync>;

/// One load.
struct Load {
    name: &'static str,
    connections: Vec<Connection>,
    request: Request,
    expected: &'static str,
}

struct Bench {
    process: u32,
    client: Client,
    empty_port: u16,
    loads: Vec<Load>,
}

impl Bench {
    async fn new(servers: &Servers) -> Result<Self, Failure> {
        let ready = &servers.ready;
        let pair = pair()?;
        let decoded = |text: &str| STANDARD.decode(text);
        let own = identity(decoded(&ready.certificate)?, decoded(&ready.key)?)?;
        // The server's key stays with the server: its certificate alone says its pin.
        let pin = comity_node_http::tls::Leaf::read(&decoded(&ready.server)?.into())?.pin;
        let client = Client::new(own, pin, pair.changshan.now().get())?;
        let port = |name: &str| ready.ports.get(name).copied().ok_or("a server is missing");
        let token = session(&client, port("window")?).await?;
        let plans: [(&str, &str, Request, &str); 5] = [
            ("empty", "empty", Arc::new(|_| EMPTY.to_vec()), "HTTP/1.1 200"),
            (
                "plain",
                "plain",
                checks(&ready.cards),
                r#""outcome":"RECOGNISED""#,
            ),
            (
                "decision",
                "decision",
                checks(&ready.cards),
                r#""outcome":"RECOGNISED""#,
            ),
            ("window", "window", window(&ready.cards, &token), "HTTP/1.1 201"),
            ("lookup", "lookup", lookups(pair, &ready.people), "HTTP/1.1 200"),
        ];
        let mut loads = Vec::new();
        for (name, server, request, expected) in plans {
            let mut connections = Vec::new();
            for _ in 0..CONNECTIONS {
                connections.push(client.connect(port(server)?).await?);
            }
            let mut load = Load {
                name,
                connections,
                request,
                expected,
            };
            // Once round, unmeasured: caches fill, and a wrong answer shows before anything is timed.
            load.go(Duration::from_millis(300)).await?;
            loads.push(load);
        }
        Ok(Self {
            process: servers.process.id(),
            empty_port: port("empty")?,
            client,
            loads,
        })
    }

    /// Every load in turns, so that what the machine does at the same time meets all of them.
    async fn round(&mut self, lasting: Duration, report: &mut Report) -> Result<(), Failure> {
        let mut taken: Vec<_> = self
            .loads
            .iter()
            .map(|_| (Duration::ZERO, Done::nothing()))
            .collect();
        for _ in 0..TURNS {
            for (load, (spent, done)) in self.loads.iter_mut().zip(&mut taken) {
                let before = processor_time(self.process)?;
                done.add(load.go(lasting / TURNS).await?);
                *spent += processor_time(self.process)?.saturating_sub(before);
            }
        }
        let mut costs = HashMap::new();
        for (load, (spent, done)) in self.loads.iter().zip(taken) {
            let name = load.name;
            let cost = spent.as_secs_f64() * 1e6 / done.requests.max(1) as f64;
            costs.insert(name, cost);
            report.add(&format!("http.{name}.cpu"), "us", cost);
            report.add(&format!("http.{name}.rate"), "/s", done.rate());
            report.add(&format!("http.{name}.p50"), "ms", done.percentile(0.5));
            report.add(&format!("http.{name}.p99"), "ms", done.percentile(0.99));
            let tail = done.percentile(0.99) / done.percentile(0.5);
            report.add(&format!("http.{name}.p99-to-p50"), "x", tail);
        }
        let before = processor_time(self.process)?;
        let done = cold(&self.client, self.empty_port, HANDSHAKES, lasting, CLOSING).await?;
        let spent = processor_time(self.process)?.saturating_sub(before);
        let cost = spent.as_secs_f64() * 1e6 / done.requests.max(1) as f64;
        report.add("handshake.cpu", "us", cost);
        report.add("handshake.rate", "/s", done.rate());
        report.add("handshake.p99", "ms", done.percentile(0.99));
        for (name, of, to) in [
            ("ratio.decision-to-plain", "decision", "plain"),
            ("ratio.window-to-plain", "window", "plain"),
            ("ratio.window-to-decision", "window", "decision"),
            ("ratio.lookup-to-empty", "lookup", "empty"),
            ("ratio.plain-to-empty", "plain", "empty"),
        ] {
            report.add(name, "x", costs[of] / costs[to]);
        }
        report.add("ratio.handshake-to-empty", "x", cost / costs["empty"]);
        report.add("ratio.handshake-to-plain", "x", cost / costs["plain"]);
        Ok(())
    }
}

impl Load {
    async fn go(&mut self, lasting: Duration) -> Result<Done, Failure> {
        let request = Arc::clone(&self.request);
        let connections = std::mem::take(&mut self.connections);
        let (done, connections) = warm(connections, lasting, move |n| request(n), self.expected)
            .await
            .map_err(|error| format!("{}: {error}", self.name))?;
        self.connections = connections;
        Ok(done)
    }
}

const EMPTY: &[u8] = b"GET /empty HTTP/1.1\r\nhost: localhost\r\n\r\n";
const CLOSING: &[u8] = b"GET /empty HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

fn post(path: &str, kind: &str, more: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n{more}\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn in_turn(requests: Vec<Vec<u8>>) -> Request {
    Arc::new(move |n| requests[n % requests.len()].clone())
}

fn checks(cards: &[String]) -> Request {
    let body = |card: &String| json!({ "presented": card, "service": SERVICE }).to_string();
    in_turn(
        cards
            .iter()
            .map(|card| post("/verify", "application/json", "", &body(card)))
            .collect(),
    )
}

fn window(cards: &[String], token: &str) -> Request {
    let bearer = format!("authorization: Bearer {token}\r\n");
    let body = |card: &String| {
        json!({
            "presented": card, "service": SERVICE, "purpose": "SERVICE", "legal_basis": "STATUTORY_DUTY",
        })
        .to_string()
    };
    in_turn(
        cards
            .iter()
            .map(|card| {
                post(
                    "/staff/v1/verifications",
                    "application/json",
                    &bearer,
                    &body(card),
                )
            })
            .collect(),
    )
}

/// Each look-up is signed anew: a repeated one would be answered from memory.
fn lookups(pair: Pair, people: &[(String, String)]) -> Request {
    let people = people.to_vec();
    let issuer = pair.federation.county(pair.yushan.identity.region.as_str());
    let asking = pair.federation.county(pair.changshan.identity.region.as_str());
    let view = pair.changshan.view();
    let agreement = view
        .agreements
        .all()
        .first()
        .map(|agreement| agreement.reference());
    let mut claims = pair
        .federation
        .request(asking, issuer, &pair.federation.verified_agreement());
    merge(&mut claims, json!({ "agreement": agreement }));
    let key = asking.key(KeyPurpose::Exchange);
    Arc::new(move |n| {
        let (number, name) = &people[n % people.len()];
        let mut claims: Value = claims.clone();
        let rng: &dyn comity_node_core::ports::Rng = &SystemRng;
        claims["jti"] = json!(Jti::from_bytes(rng.bytes::<16>()));
        claims["subject"] = json!({ "number": { "permit_number": number }, "name": name });
        let jws = sign(&key, Typ::VerificationRequest, &claims);
        post(
            comity_spec::exchange::VERIFICATIONS_PATH,
            "application/jose",
            "",
            &jws,
        )
    })
}

/// Signs the officer in, and returns the bearer token.
async fn session(client: &Client, port: u16) -> Result<String, Failure> {
    let body = json!({ "officer": OFFICER, "password": PASSWORD, "carried_by": "bearer" }).to_string();
    let mut answer = Vec::new();
    let mut connection = client.connect(port).await?;
    let request = post("/staff/v1/sessions", "application/json", "", &body);
    ask(&mut connection, &request, &mut answer).await?;
    let text = String::from_utf8_lossy(&answer);
    let (_, body) = text.split_once("\r\n\r\n").ok_or("no answer to the sign-in")?;
    let body: Value = serde_json::from_str(body)?;
    let token = body["token"].as_str().ok_or("the sign-in was refused")?;
    Ok(token.to_owned())
}
