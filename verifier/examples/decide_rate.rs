//! How many strict Ed25519 verifications, and how many whole off-line decisions, one core makes a second.
//!
//! `cargo run --release -p comity-verifier --features testing --example decide_rate [SECONDS] [ROUNDS]`
//!
//! A decision is everything between the bytes of a code and the verdict: digits, strict parsing, the chain's standing, one strict
//! signature, disclosures, typed claims, agreement, status and conditions; nothing is cached between permits. Rates are of processor
//! time and interleaved, since only their ratio means anything on a shared machine; all cores together are also timed by the clock on
//! the wall, which others' work slows. The goal is a ratio of 1.4 at most.

use std::hint::black_box;
use std::time::{Duration, Instant};

use comity_spec::time::UnixSeconds;
use comity_verifier::agreement::{Agreements, verify_signed};
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::decide::{
    Clerk, Context, DecideInput, Evidence, Lookup, Network, Recogniser, Source, Step, decide,
};
use comity_verifier::presentation;
use comity_verifier::sd_jwt::Binding;
use comity_verifier::symbol;
use comity_verifier::testing::Federation;
use ed25519_dalek::Signer as _;

/// Different permits, so that no branch and no cache line learns one by heart.
const PERMITS: u64 = 256;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1.0_f64);
    let rounds = arguments
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(5_usize)
        .max(1);
    let window = Window::new();
    let slice = Duration::from_secs_f64(seconds);
    let mut measured = Vec::new();
    for _ in 0..rounds {
        let raw = rate(slice, |i| window.verify_raw(i));
        let text = rate(slice, |i| window.decide(&window.tokens, i));
        let digits = rate(slice, |i| window.decide(&window.digits, i));
        measured.push((raw, text, digits));
        println!(
            "verify_strict {raw:>8.0}/s   decide {text:>8.0}/s   from digits {digits:>8.0}/s   ratio {:.3}",
            raw / text
        );
    }
    let median = |of: fn(&(f64, f64, f64)) -> f64| {
        let mut all: Vec<f64> = measured.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    println!(
        "median: a decision costs {:.3} strict verifications, from digits {:.3}",
        median(|m| m.0 / m.1),
        median(|m| m.0 / m.2)
    );
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut together = Vec::new();
    for _ in 0..rounds {
        let (one, _) = rates(slice, 1, |i| window.decide(&window.tokens, i));
        let (all, wall) = rates(slice, cores, |i| window.decide(&window.tokens, i));
        together.push((all, wall, all / one));
    }
    // For `cargo xtask bench`.
    metric("offline.raw", "/s", &measured, |m| m.0);
    metric("offline.decide", "/s", &measured, |m| m.1);
    metric("offline.decide-digits", "/s", &measured, |m| m.2);
    metric("offline.decide-to-raw", "x", &measured, |m| m.1 / m.0);
    metric("offline.digits-to-raw", "x", &measured, |m| m.2 / m.0);
    metric("offline.decide-all-cores", "/s", &together, |m| m.0);
    metric("offline.decide-all-cores-wall", "/s", &together, |m| m.1);
    metric("offline.all-cores-to-one", "x", &together, |m| m.2);
}

/// Prints `metric NAME MEDIAN MIN MAX UNIT`.
fn metric(name: &str, unit: &str, rounds: &[(f64, f64, f64)], of: fn(&(f64, f64, f64)) -> f64) {
    let mut all: Vec<f64> = rounds.iter().map(of).collect();
    all.sort_by(f64::total_cmp);
    println!(
        "metric {name} {:.4} {:.4} {:.4} {unit}",
        all[all.len() / 2],
        all[0],
        all[all.len() - 1]
    );
}

/// Calls a second by so many threads at once: by the processor time of each, added up, and by the wall clock.
fn rates(slice: Duration, threads: usize, work: impl Fn(usize) + Sync) -> (f64, f64) {
    let started = Instant::now();
    let (own, done) = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|first| {
                let work = &work;
                scope.spawn(move || {
                    let (mut done, before, begun) = (0_usize, processor_time(), Instant::now());
                    while started.elapsed() < slice {
                        for _ in 0..64 {
                            work(first + done);
                            done += 1;
                        }
                    }
                    (done as f64 / spent(before, begun).as_secs_f64(), done)
                })
            })
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().expect("a decision of the set-up is RECOGNISED"))
            .fold((0.0, 0), |(rates, all), (rate, done)| (rates + rate, all + done))
    });
    (own, done as f64 / started.elapsed().as_secs_f64())
}

struct Window {
    federation: Federation,
    trust: comity_verifier::trust::Trust,
    agreements: Agreements,
    status: comity_verifier::status_view::StatusView,
    tokens: Vec<String>,
    digits: Vec<String>,
    raw: Vec<(String, ed25519_dalek::Signature)>,
    key: ed25519_dalek::VerifyingKey,
    service: comity_spec::ids::ServiceCode,
}

impl Window {
    fn new() -> Self {
        let now = UnixSeconds::new(1_790_000_000).expect("a second within range");
        let federation = Federation::demo(now);
        let trust = federation.trust();
        let (a, b) = (&federation.counties[0], &federation.counties[1]);
        let mut agreement = federation.agreement(a, b);
        for service in &mut agreement.services {
            service.conditions = vec![comity_spec::agreement::Condition::MinResidenceMonths(6)];
        }
        let signed = federation.signed(&agreement, &[a, b]);
        let verified = verify_signed(&signed, &trust, now).expect("an agreement without defects");
        let tokens: Vec<String> = (0..PERMITS).map(|idx| federation.permit(a, idx).sign()).collect();
        let digits = tokens
            .iter()
            .map(|t| symbol::encode(t).expect("a card fits a symbol"))
            .collect();
        let signer = a.key(comity_spec::jose::KeyPurpose::Attestation);
        let raw = tokens
            .iter()
            .map(|token| {
                let signed = token
                    .split('~')
                    .next()
                    .and_then(|jwt| jwt.rsplit_once('.'))
                    .expect("a JWS")
                    .0
                    .to_owned();
                let signature = signer.sign(signed.as_bytes());
                (signed, signature)
            })
            .collect();
        Self {
            agreements: Agreements::new(vec![verified], Vec::new()),
            status: federation.status_view(),
            key: signer.verifying_key(),
            service: "BPS-2".parse().expect("a service code"),
            federation,
            trust,
            tokens,
            digits,
            raw,
        }
    }

    fn verify_raw(&self, i: usize) {
        let (message, signature) = &self.raw[i % self.raw.len()];
        let verified =
            black_box(&self.key).verify_strict(black_box(message.as_bytes()), black_box(signature));
        assert!(verified.is_ok(), "its own signature");
    }

    fn decide(&self, presented: &[String], i: usize) {
        let bytes = black_box(presented[i % presented.len()].as_bytes());
        let mut budget = Budget::new(Limits::PRESENTATION);
        let opened = presentation::open(
            bytes,
            &self.trust,
            Binding::Optional,
            self.federation.now,
            &mut budget,
        );
        let recogniser = &self.federation.counties[1];
        let step = decide(&DecideInput {
            context: &Context::default(),
            recogniser: Recogniser {
                entity: &recogniser.entity,
                region: recogniser.region,
                network: Network::OffLine,
            },
            evidence: Evidence {
                source: match &opened {
                    Ok(presented) => Source::Presented(presented),
                    Err(refusal) => Source::Refused(refusal),
                },
                lookup: Lookup::NotAsked,
                typed_name: None,
            },
            trust: &self.trust,
            agreements: &self.agreements,
            status: &self.status,
            status_refreshed: false,
            clerk: Clerk::Confirmed,
            service: &self.service,
            provider: None,
            now: self.federation.now,
        });
        let Step::Decision(decision) = black_box(step) else {
            return;
        };
        assert_eq!(decision.outcome.code(), "RECOGNISED", "{:?}", decision.cause);
    }
}

/// Calls a second of processor time by this thread.
fn rate(slice: Duration, mut work: impl FnMut(usize)) -> f64 {
    let (started, before) = (Instant::now(), processor_time());
    let mut done = 0_usize;
    while started.elapsed() < slice {
        for _ in 0..64 {
            work(done);
            done += 1;
        }
    }
    done as f64 / spent(before, started).as_secs_f64()
}

/// Processor time since then; the time that passed, where the system does not account for threads.
fn spent(before: Option<Duration>, begun: Instant) -> Duration {
    match (before, processor_time()) {
        (Some(before), Some(after)) => after - before,
        _ => begun.elapsed(),
    }
}

/// How long this thread has run, as Linux accounts for it: waiting for a core that others use does not count.
fn processor_time() -> Option<Duration> {
    let account = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    account
        .split_ascii_whitespace()
        .next()?
        .parse()
        .ok()
        .map(Duration::from_nanos)
}
