//! Walks the record from its first line and checks what can be checked: numbers without gaps, links, readable bodies, and the
//! last signed head. It changes nothing and stops at the first line that does not hold, since everything after it hangs on it.

use comity_spec::ids::Digest;
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::time::UnixSeconds;
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::jwk::{Ed25519Key, KeySet};
use comity_verifier::jws::{Profile, Unverified};

use super::line::Line;
use super::sign_head::RecordHeadClaims;
use crate::node::Node;
use crate::ports::record::{RecordHead, link};
use crate::ports::store::StoreError;

/// Lines read at a time.
const PAGE: u32 = 1_000;

/// What the walk found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordReport {
    /// Lines that hold, counted from the first.
    pub lines: u64,
    /// Number and time of the last signed head, when it is good.
    pub signed: Option<(u64, UnixSeconds)>,
    /// The first thing that does not hold.
    pub broken: Option<Broken>,
}

/// Where and how the record is broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A line is missing.
    #[error("第 {expected} 行缺失 / line {expected} is missing, {found} stands in its place")]
    Gap {
        /// The number that should come.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// A line was changed, or one before it.
    #[error("第 {seq} 行与链不符 / line {seq} does not match its link")]
    Link {
        /// Which.
        seq: u64,
    },
    /// A body that is no line of this record.
    #[error("第 {seq} 行内容无法读取 / the body of line {seq} does not read")]
    Body {
        /// Which.
        seq: u64,
    },
    /// Lines were cut off after a head was signed.
    #[error(
        "记录止于第 {last} 行，但已签署至第 {signed} 行 / the record ends at line {last}, but a head was signed at {signed}"
    )]
    Truncated {
        /// The last line.
        last: u64,
        /// The line that was signed.
        signed: u64,
    },
    /// The signed head does not belong to the chain.
    #[error("第 {seq} 行与已签署的链头不符 / the chain at line {seq} is not the one that was signed")]
    Head {
        /// Which.
        seq: u64,
    },
    /// The head's signature is not by a receipt key of this node.
    #[error("链头签名无效 / the signature of the head at line {seq} is not good")]
    HeadSignature {
        /// Which.
        seq: u64,
    },
}

/// Walks the whole record.
///
/// # Errors
/// When the store does not answer. A broken record is a report, not an error.
pub async fn verify_record(node: &Node) -> Result<RecordReport, StoreError> {
    let head = node.store.last_head().await?;
    let mut report = RecordReport {
        lines: 0,
        signed: None,
        broken: None,
    };
    let mut previous = Digest::from_bytes([0; 32]);
    let mut at_head = None;
    'walk: loop {
        let page = node.store.lines_after(report.lines, PAGE).await?;
        if page.is_empty() {
            break;
        }
        for line in page {
            let expected = report.lines + 1;
            report.broken = if line.seq != expected {
                Some(Broken::Gap {
                    expected,
                    found: line.seq,
                })
            } else if link(&previous, &line.body) != line.link {
                Some(Broken::Link { seq: expected })
            } else if serde_json::from_str::<Line>(&line.body).is_err() {
                Some(Broken::Body { seq: expected })
            } else {
                None
            };
            if report.broken.is_some() {
                break 'walk;
            }
            report.lines = line.seq;
            previous = line.link;
            if head.as_ref().is_some_and(|head| head.seq == line.seq) {
                at_head = Some(line.link);
            }
        }
    }
    if let Some(head) = head.filter(|_| report.broken.is_none()) {
        match check_head(node, &head, at_head, report.lines) {
            Ok(iat) => report.signed = Some((head.seq, iat)),
            Err(broken) => report.broken = Some(broken),
        }
    }
    Ok(report)
}

fn check_head(
    node: &Node,
    head: &RecordHead,
    chain: Option<Digest>,
    last: u64,
) -> Result<UnixSeconds, Broken> {
    let seq = head.seq;
    let claims = read_head(node, head).ok_or(Broken::HeadSignature { seq })?;
    if seq > last {
        return Err(Broken::Truncated { last, signed: seq });
    }
    let ours = claims.iss == node.identity.entity && claims.environment == node.identity.environment;
    if ours && claims.seq == seq && chain == Some(claims.link) {
        Ok(claims.iat)
    } else {
        Err(Broken::Head { seq })
    }
}

/// The claims, by the receipt key in use or one that this node's own configuration still publishes.
fn read_head(node: &Node, head: &RecordHead) -> Option<RecordHeadClaims> {
    let view = node.view();
    let mut keys = view
        .trust
        .county(&node.identity.entity)
        .map_or_else(KeySet::new, |county| county.keys.clone());
    if let Ok(signer) = node.signers.of(KeyPurpose::Receipt)
        && let Ok(key) = Ed25519Key::from_bytes(&signer.public_key())
    {
        // Refused only where it is published already.
        let _ = keys.add(KeyPurpose::Receipt, key);
    }
    let mut budget = Budget::new(Limits::PRESENTATION);
    let profile = Profile::Comity {
        typ: Typ::RecordHead.as_str(),
    };
    let parsed = Unverified::parse(head.jws.as_bytes(), profile, &mut budget).ok()?;
    let verified = parsed
        .verify::<RecordHeadClaims>(&keys, KeyPurpose::Receipt, &mut budget)
        .ok()?;
    Some(verified.into_value())
}
