//! What somebody would write in an afternoon instead: axum, serde_json and dalek, the same checks, and no more.
//!
//! Signature (strict), key by `kid` and whose it is, type, dates, digests of the disclosures, status bit, agreement, one condition,
//! tier. What a node does besides is what it does *not* do: canonical base64url and JSON, hidden and repeated names, budgets, the
//! trust chain's standing, freshness classes, reasons in two languages, limits on the connection.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, VerifyingKey};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What the handler knows.
pub(crate) struct Known {
    /// Attestation keys by `kid`, each with the issuer that it belongs to.
    pub(crate) keys: HashMap<String, (String, VerifyingKey)>,
    /// Status lists, inflated, by address.
    pub(crate) lists: HashMap<String, Vec<u8>>,
    /// By issuer: services with the months of residence that each asks for.
    pub(crate) agreements: HashMap<String, HashMap<String, i32>>,
    /// The issuer's tier to ours.
    pub(crate) tiers: HashMap<String, String>,
    /// Unix time and the same as a date.
    pub(crate) now: i64,
    /// Today.
    pub(crate) today: Date,
}

/// `POST /verify`.
pub(crate) fn router(known: Arc<Known>) -> Router {
    Router::new().route("/verify", post(verify)).with_state(known)
}

#[derive(Deserialize)]
struct Call {
    presented: String,
    service: String,
}

#[derive(Serialize)]
struct Verdict {
    outcome: &'static str,
    tier: Option<String>,
}

async fn verify(State(known): State<Arc<Known>>, Json(call): Json<Call>) -> Json<Verdict> {
    Json(match check(&known, &call) {
        Ok(tier) => Verdict {
            outcome: "RECOGNISED",
            tier: Some(tier),
        },
        Err(outcome) => Verdict { outcome, tier: None },
    })
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
    typ: String,
}

/// What is read of the open claims.
#[derive(Clone, Deserialize)]
pub(crate) struct Claims {
    iss: String,
    vct: String,
    pub(crate) nbf: i64,
    pub(crate) exp: i64,
    environment: String,
    status: Status,
    #[serde(rename = "_sd")]
    pub(crate) sd: Vec<String>,
}

#[derive(Clone, Deserialize)]
struct Status {
    status_list: Entry,
}

#[derive(Clone, Deserialize)]
struct Entry {
    idx: usize,
    uri: String,
}

fn check(known: &Known, call: &Call) -> Result<String, &'static str> {
    let unreadable = "UNREADABLE";
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| unreadable);
    let mut parts = call.presented.split('~');
    let jws = parts.next().ok_or(unreadable)?;
    let (signed, signature) = jws.rsplit_once('.').ok_or(unreadable)?;
    let (header, payload) = signed.split_once('.').ok_or(unreadable)?;
    let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| unreadable)?;
    if header.typ != "dc+sd-jwt" || !matches!(header.alg.as_str(), "EdDSA" | "Ed25519") {
        return Err(unreadable);
    }
    let (issuer, key) = known.keys.get(&header.kid).ok_or("UNKNOWN_ISSUER")?;
    let signature = Signature::from_slice(&decode(signature)?).map_err(|_| unreadable)?;
    key.verify_strict(signed.as_bytes(), &signature)
        .map_err(|_| "SIGNATURE_INVALID")?;
    let claims: Claims = serde_json::from_slice(&decode(payload)?).map_err(|_| unreadable)?;
    if claims.iss != *issuer || claims.vct != comity_spec::attestation::VCT || claims.environment != "SANDBOX"
    {
        return Err("SIGNATURE_INVALID");
    }
    let mut disclosed = HashMap::new();
    for disclosure in parts.filter(|part| !part.is_empty()) {
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(disclosure));
        if !claims.sd.contains(&digest) {
            return Err("SIGNATURE_INVALID");
        }
        let (_salt, name, value): (String, String, String) =
            serde_json::from_slice(&decode(disclosure)?).map_err(|_| unreadable)?;
        disclosed.insert(name, value);
    }
    if known.now < claims.nbf || known.now >= claims.exp {
        return Err("EXPIRED");
    }
    let Entry { idx, uri } = &claims.status.status_list;
    let list = known.lists.get(uri).ok_or("STATUS_STALE")?;
    let octet = list.get(idx / 4).ok_or("STATUS_STALE")?;
    if octet >> (idx % 4 * 2) & 3 != 0 {
        return Err("CANCELLED");
    }
    let services = known.agreements.get(&claims.iss).ok_or("NO_AGREEMENT")?;
    let months = services.get(&call.service).ok_or("SERVICE_NOT_COVERED")?;
    let since: Date = disclosed
        .get("residence_since")
        .and_then(|day| day.parse().ok())
        .ok_or("CONDITIONS_NOT_MET")?;
    let lived = known
        .today
        .since((jiff::Unit::Month, since))
        .map_err(|_| unreadable)?;
    if lived.get_months() < *months {
        return Err("CONDITIONS_NOT_MET");
    }
    let tier = disclosed.get("tier").ok_or("CONDITIONS_NOT_MET")?;
    known.tiers.get(tier).cloned().ok_or("RECOGNISED_CONDITIONAL")
}
