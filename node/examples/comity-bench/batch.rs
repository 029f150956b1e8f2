//! The batch of `comity-verify` beside the loop that somebody would write with `jsonwebtoken`: the same tokens, off line, one core.
//!
//! The loop verifies the signature, compares `nbf` and `exp`, reads the claims into a struct and finds every disclosure's digest among
//! them. It asks nothing else: no canonical form, chain, status, agreement or condition, and its signatures are not verified
//! strictly. aws-lc verifies them, since the library's other back end needs a crate with an open advisory.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comity_node_core::{Node, View};
use comity_spec::ids::ServiceCode;
use comity_spec::jose::KeyPurpose;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use sha2::{Digest as _, Sha256};

use crate::Failure;
use crate::county::{SERVICE, pair};
use crate::decision::outcome;
use crate::meter::{Report, thread_time};
use crate::plain::Claims;

/// Different permits, so that no branch and no cache line learns one by heart.
const PERMITS: u64 = 256;

/// Turns that either has in a round: what the machine does meanwhile changes within a second.
const TURNS: u32 = 5;

/// What both are given.
struct Batch {
    node: Arc<Node>,
    view: View,
    service: ServiceCode,
    tokens: Vec<String>,
    key: DecodingKey,
    validation: Validation,
    now: i64,
}

/// Measures both in turns.
pub(crate) fn measure(lasting: Duration, rounds: usize, report: &mut Report) -> Result<(), Failure> {
    let batch = Batch::new()?;
    for _ in 0..rounds {
        let (mut ours, mut theirs) = (Spent::default(), Spent::default());
        for _ in 0..TURNS {
            ours.go(lasting / TURNS, |token| batch.decide(token), &batch.tokens)?;
            theirs.go(lasting / TURNS, |token| batch.decode(token), &batch.tokens)?;
        }
        report.add("batch.decisions", "/s", ours.rate());
        report.add("batch.jsonwebtoken", "/s", theirs.rate());
        report.add("ratio.batch-to-jsonwebtoken", "x", ours.rate() / theirs.rate());
    }
    Ok(())
}

impl Batch {
    fn new() -> Result<Self, Failure> {
        let pair = pair()?;
        let issuer = pair.federation.county(pair.yushan.identity.region.as_str());
        let key = issuer.key(KeyPurpose::Attestation).verifying_key();
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.required_spec_claims.clear();
        // Against the moment of the measurement, by hand: the library's clock is the machine's.
        validation.validate_exp = false;
        validation.validate_aud = false;
        Ok(Self {
            view: View {
                status: Arc::new(pair.federation.status_view()),
                ..View::clone(&pair.changshan.view())
            },
            service: SERVICE.parse()?,
            tokens: (0..PERMITS)
                .map(|idx| pair.federation.permit(issuer, idx).sign())
                .collect(),
            key: DecodingKey::from_ed_der(key.as_bytes()),
            validation,
            now: pair.changshan.now().get(),
            node: pair.changshan,
        })
    }

    fn decide(&self, token: &str) -> Result<(), Failure> {
        match outcome(&self.node, &self.view, token, &self.service) {
            "RECOGNISED" => Ok(()),
            other => Err(format!("a permit in order was {other}").into()),
        }
    }

    fn decode(&self, token: &str) -> Result<(), Failure> {
        let mut parts = token.split('~');
        let jwt = parts.next().unwrap_or_default();
        let claims = decode::<Claims>(jwt, &self.key, &self.validation)?.claims;
        if self.now < claims.nbf || self.now >= claims.exp {
            return Err("a token of the wrong day".into());
        }
        for disclosure in parts.filter(|part| !part.is_empty()) {
            let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(disclosure));
            if !claims.sd.contains(&digest) {
                return Err("a disclosure that nobody signed".into());
            }
            let disclosed: (String, String, String) =
                serde_json::from_slice(&URL_SAFE_NO_PAD.decode(disclosure)?)?;
            black_box(disclosed);
        }
        black_box(claims);
        Ok(())
    }
}

/// Rows done, and the processor time that they took.
#[derive(Default)]
struct Spent {
    rows: u32,
    time: Duration,
}

impl Spent {
    fn go(
        &mut self,
        lasting: Duration,
        work: impl Fn(&str) -> Result<(), Failure>,
        tokens: &[String],
    ) -> Result<(), Failure> {
        let (started, before) = (Instant::now(), thread_time()?);
        while started.elapsed() < lasting {
            for token in tokens {
                work(black_box(token))?;
                self.rows += 1;
            }
        }
        self.time += thread_time()?.saturating_sub(before);
        Ok(())
    }

    fn rate(&self) -> f64 {
        f64::from(self.rows) / self.time.as_secs_f64()
    }
}
