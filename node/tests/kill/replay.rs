//! One signed look-up sent a thousand times, by eight callers at once and one after the other, before a `kill -9` and after the start
//! that follows it: one line in the record, one answer byte for byte, one time that anything was looked up (chapter 7.3).
//!
//! The issuer is the real binary on either database. The peer is a county that the same authority enrolled, with the agreement signed
//! by both; its node runs, and the test speaks in its name, with its exchange key and its TLS identity, over mutual TLS.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use comity_node_core::permits::register_file::Kind;
use comity_node_core::permits::synthetic;
use comity_node_core::ports::permits::PermitDetails;
use comity_node_core::ports::signer::Signers;
use comity_node_core::signing::{LocalSigner, compact};
use comity_node_http::tls::{CertifiedIdentity, HandshakeClock, federation_client_config};
use comity_spec::agreement::AgreementRef;
use comity_spec::attestation::ClaimName;
use comity_spec::entity::Environment;
use comity_spec::exchange::{
    Beneficiary, JOSE_MEDIA_TYPE, LegalBasis, PresentedBy, Purpose, REQUEST_LIFETIME, Subject, SubjectNumber,
    VERIFICATIONS_PATH, VerificationRequest,
};
use comity_spec::ids::Jti;
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::time::LocalDate;
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use zeroize::Zeroizing;

use crate::county::{County, comity};
use crate::judge::with_store;
use crate::register::{now, region};
use crate::{postgres, sqlite};

/// Answers wanted, half of them in each of the issuer's two lives.
const TIMES: usize = 1_000;
/// Callers at once.
const CALLERS: usize = 8;
/// Nothing between the two nodes takes so long unless something is stuck.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_thousand_times_is_once_on_sqlite() {
    replayed(&County::found(sqlite));
}

#[test]
fn a_thousand_times_is_once_on_postgresql() {
    let Some(url) = postgres() else { return };
    replayed(&County::found(|_| url));
}

fn replayed(issuer: &County) {
    let asker = issuer.beside();
    let (mut life, mut other) = (issuer.start(), asker.start());
    life.ready();
    other.ready();
    let agreement = agree(&asker, issuer);
    let resident = register(issuer);
    let before = lines(issuer);

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let peer = Peer::of(&asker, issuer);
    let claims = request(&asker, issuer, agreement, &resident);
    let asked = runtime.block_on(peer.signed(&claims));

    // All callers begin with the first of all requests, so that some of them come while it is being answered.
    let mut answers = runtime.block_on(peer.at_once(&asked, TIMES / 4));
    answers.extend(runtime.block_on(peer.one_by_one(&asked, TIMES / 4)));
    let first_life = Handled::of(issuer);
    assert_eq!(lines(issuer), before + 1, "lines of record in the first life");
    life.kill();
    let mut life = issuer.start();
    life.ready();
    answers.extend(runtime.block_on(peer.one_by_one(&asked, TIMES / 4)));
    answers.extend(runtime.block_on(peer.at_once(&asked, TIMES / 4)));
    let second_life = Handled::of(issuer);

    assert_eq!(answers.len(), TIMES);
    let different: BTreeSet<&Vec<u8>> = answers.iter().collect();
    assert_eq!(different.len(), 1, "different answers to one request");
    assert_eq!(lines(issuer), before + 1, "lines of record");
    // What was looked up, told and recorded: once. Everything else came out of the memory of answers.
    assert_eq!((first_life.new, second_life.new), (1, 0), "answers made");
    assert_eq!(
        first_life.repeated + second_life.repeated,
        TIMES - 1,
        "answers repeated"
    );
    assert!(first_life.given >= TIMES / 2 && second_life.given >= TIMES / 2);

    // What makes the thousand one is the same bytes: another number in the same words is another question, and is counted.
    let again = VerificationRequest {
        jti: Jti::from_bytes([8; 16]),
        ..claims.clone()
    };
    let again = runtime.block_on(async {
        let again = peer.signed(&again).await;
        peer.one_by_one(&again, 1).await
    });
    assert!(!answers.contains(&again[0]));
    assert_eq!(lines(issuer), before + 2, "a second question is a second line");
    // And other bytes under the same number are neither answered nor recorded.
    let other_words = VerificationRequest {
        claims: vec![ClaimName::Name],
        ..claims
    };
    let conflict = runtime.block_on(async {
        let other_words = peer.signed(&other_words).await;
        peer.connect().await.ask(&other_words).await
    });
    assert_eq!(conflict.0, 409);
    assert_eq!(lines(issuer), before + 2, "a refusal leaves no line of an answer");

    assert!(life.terminate().success());
    assert!(other.terminate().success());
    with_store(issuer, async |store| {
        let lines = store.lines_after(0, 1_000).await.unwrap();
        let answered = lines
            .iter()
            .map(|line| serde_json::from_str::<Value>(&line.body).unwrap())
            .filter(|body| body["event"] == "answered")
            .count();
        assert_eq!(answered, 2, "answered look-ups in the database");
    });
}

/// Proposes the example agreement at one county and signs it at the other; waits until both hold it.
fn agree(asker: &County, issuer: &County) -> AgreementRef {
    for county in [asker, issuer] {
        until("both counties' chains", || {
            let members = county.ask(&json!({ "command": "trust_refresh" }));
            members.as_array().unwrap().len() == 2
        });
    }
    let text = asker.ask(&json!({ "command": "agreement_example", "peer": issuer.entity() }));
    let file = asker.path("agreement.json");
    std::fs::write(&file, text.to_string()).unwrap();
    let proposed = asker.ask(&json!({ "command": "agreement_propose", "file": file }));
    let list = json!({ "command": "agreement_list" });
    until("the proposal's delivery", || {
        issuer.ask(&list).as_array().is_some_and(|list| !list.is_empty())
    });
    let (id, config) = (proposed["id"].as_str().unwrap(), issuer.config());
    let digest = proposed["digest"].as_str().unwrap();
    comity(&[
        "agreement",
        "--config",
        &config,
        "sign",
        id,
        "1",
        "--digest",
        digest,
    ])
    .unwrap();
    for county in [asker, issuer] {
        until("the agreement's coming into force", || {
            county.ask(&list)[0]["in_force"] == json!(true)
        });
    }
    AgreementRef {
        id: id.parse().unwrap(),
        version: 1,
        digest: proposed["digest"].as_str().unwrap().parse().unwrap(),
    }
}

/// A register of one at the issuer.
fn register(issuer: &County) -> PermitDetails {
    let resident = synthetic::resident(region(), LocalDate::of(now()), 1).unwrap();
    let one = std::slice::from_ref(&resident);
    let (file, manifest) = synthetic::register_file(one, Kind::Full, 1, now(), |_| "ISSUE").unwrap();
    let (path, beside) = (
        issuer.path("register.csv"),
        issuer.path("register.csv.manifest.json"),
    );
    std::fs::write(&path, file).unwrap();
    std::fs::write(&beside, manifest).unwrap();
    let command = ["permit", "--config", &issuer.config(), "import"];
    comity(&[&command[..], &[path.to_str().unwrap()]].concat()).unwrap();
    resident
}

fn request(
    asker: &County,
    issuer: &County,
    agreement: AgreementRef,
    resident: &PermitDetails,
) -> VerificationRequest {
    let iat = now();
    VerificationRequest {
        iss: asker.entity().parse().unwrap(),
        aud: issuer.entity().parse().unwrap(),
        iat,
        exp: iat.plus_saturating(REQUEST_LIFETIME),
        jti: Jti::from_bytes([7; 16]),
        purpose: Purpose::Service,
        service: "EMP-INFO".parse().unwrap(),
        provider: None,
        legal_basis: LegalBasis::StatutoryDuty,
        agreement,
        claims: vec![ClaimName::Name, ClaimName::Tier],
        case_ref: Jti::from_bytes([9; 16]),
        subject: Subject {
            number: SubjectNumber::PermitNumber(resident.permit_number.clone()),
            name: resident.name.clone(),
        },
        presented_by: PresentedBy::Holder,
        beneficiary: Beneficiary::Holder,
        environment: Environment::Sandbox,
        ext: None,
    }
}

/// Lines of the record, as `comity record` counts them after it walked the chain.
fn lines(county: &County) -> u64 {
    let said = comity(&["record", "--config", &county.config()]).unwrap();
    let (_, rest) = said.split_once("完整: ").unwrap();
    rest.split(' ').next().unwrap().parse().unwrap()
}

/// What the issuer counted in this life.
struct Handled {
    given: usize,
    new: usize,
    repeated: usize,
}

impl Handled {
    fn of(county: &County) -> Self {
        let metrics = county.metrics();
        let sum = |name: &str, label: &str| -> usize {
            metrics
                .lines()
                .filter(|line| line.starts_with(&format!("{name}{{")) && line.contains(label))
                .map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap())
                .sum()
        };
        Self {
            given: sum("comity_federation_handled_total", "endpoint=\"verifications\""),
            new: sum("comity_lookups_answered_total", "answer=\"new\""),
            repeated: sum("comity_lookups_answered_total", "answer=\"repeated\""),
        }
    }
}

/// The asking county's keys and its way to the issuer.
pub struct Peer {
    tls: TlsConnector,
    address: SocketAddr,
    signers: Signers,
}

impl Peer {
    /// `asker` as it speaks to `issuer`.
    pub fn of(asker: &County, issuer: &County) -> Self {
        let identity = |county: &County| {
            CertifiedIdentity::from_pem_files(&county.path("keys/tls.crt"), &county.path("keys/tls.key"))
                .unwrap()
        };
        let pin = identity(issuer).pin();
        let clock = HandshakeClock::new(|| now().get());
        let config = federation_client_config(Arc::new(identity(asker)), [pin], clock).unwrap();
        let mut signers = Signers::default();
        let seed = secret(&asker.path("keys/exchange.key"));
        signers.insert(KeyPurpose::Exchange, Arc::new(LocalSigner::from_seed(&seed)));
        Self {
            tls: TlsConnector::from(Arc::new(config)),
            address: issuer.federation(),
            signers,
        }
    }

    async fn signed(&self, claims: &VerificationRequest) -> String {
        compact(&self.signers, Typ::VerificationRequest, claims)
            .await
            .unwrap()
    }

    /// A connection over mutual TLS.
    pub async fn connect(&self) -> Channel {
        let stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        Channel(self.tls.connect(name, stream).await.unwrap())
    }

    /// So many answers, asked for on one connection.
    async fn one_by_one(&self, asked: &str, times: usize) -> Vec<Vec<u8>> {
        let mut channel = self.connect().await;
        let mut answers = Vec::new();
        while answers.len() < times {
            answers.push(channel.answered(asked).await);
        }
        answers
    }

    /// So many answers, asked for by all callers at once.
    async fn at_once(&self, asked: &str, times: usize) -> Vec<Vec<u8>> {
        let mut channels = Vec::new();
        for _ in 0..CALLERS {
            channels.push(self.connect().await);
        }
        let left = Arc::new(AtomicUsize::new(times));
        let mut callers = tokio::task::JoinSet::new();
        for mut channel in channels {
            let (left, asked) = (Arc::clone(&left), asked.to_owned());
            callers.spawn(async move {
                let mut answers = Vec::new();
                while left
                    .try_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1))
                    .is_ok()
                {
                    answers.push(channel.answered(&asked).await);
                }
                answers
            });
        }
        callers.join_all().await.concat()
    }
}

/// A connection.
pub struct Channel(TlsStream<tokio::net::TcpStream>);

impl Channel {
    /// The answer, asked for again while the first request is under way: that is what `in-progress` says to do.
    async fn answered(&mut self, asked: &str) -> Vec<u8> {
        let since = Instant::now();
        loop {
            match self.ask(asked).await {
                (200, answer) => return answer,
                (503, problem) => {
                    let problem: Value = serde_json::from_slice(&problem).unwrap();
                    assert_eq!(problem["type"], "urn:comity:problem:in-progress", "{problem}");
                }
                (status, body) => panic!("{status}: {}", String::from_utf8_lossy(&body)),
            }
            assert!(since.elapsed() < PATIENCE, "in progress for ever");
        }
    }

    /// Posts a look-up: status and body of the answer.
    pub async fn ask(&mut self, jws: &str) -> (u16, Vec<u8>) {
        let request = format!(
            "POST {VERIFICATIONS_PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {JOSE_MEDIA_TYPE}\r\nContent-Length: {}\r\n\r\n{jws}",
            jws.len()
        );
        tokio::time::timeout(PATIENCE, self.exchange(&request))
            .await
            .unwrap()
    }

    async fn exchange(&mut self, request: &str) -> (u16, Vec<u8>) {
        self.0.write_all(request.as_bytes()).await.unwrap();
        self.0.flush().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .unwrap();
        let mut body = vec![0; length.trim().parse().unwrap()];
        self.0.read_exact(&mut body).await.unwrap();
        (status, body)
    }
}

fn secret(path: &Path) -> Zeroizing<[u8; 32]> {
    use base64::Engine as _;
    let text = std::fs::read_to_string(path).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(text.trim_end())
        .unwrap();
    Zeroizing::new(bytes.try_into().unwrap())
}

/// Asks again until it is so.
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < PATIENCE, "{what}: not in {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
