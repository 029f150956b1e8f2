//! The bundle (`.comity`): objects as signed, opened against an anchor that was given by hand.
//!
//! For air-gapped exchange, authorities on static hosts and off-line verifiers (chapter 3.7). Nothing is trusted for being in
//! it: every object passes the same checks as if it had come from its signer's own address, and one that does not is named and
//! left out. Agreements are verified with the chain's keys in the bundle, so one whose signing key has since been retired is
//! refused here, though a node that adopted it in its day still holds it.

use comity_spec::bundle::{MAX_BYTES, VERSION};
use comity_spec::mutant;
use comity_spec::time::UnixSeconds;
use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::agreement::{self, Agreements, VerifiedAgreement, verify_bytes, verify_withdrawal};
use crate::budget::{Budget, Limits};
use crate::json::{self, JsonError, Numbers};
use crate::status_view::{StatusTokenError, StatusView, verify_held_status_token};
use crate::trust::{Anchor, Floors, Trust, TrustObjects};

#[cfg(test)]
mod tests;

/// Most agreements, withdrawals and status lists, each, that a bundle may carry.
pub const MAX_OBJECTS: usize = 16_384;

/// Why a file is no bundle at all. The fault of whoever made it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BundleError {
    /// Larger than 64 MiB.
    #[error("文件超过 64 MiB / the bundle is larger than 64 MiB")]
    TooLarge,
    /// Not strict JSON of the right members.
    #[error("不是有效的 .comity 文件 / not a bundle: {0}")]
    Json(#[from] JsonError),
    /// Of a version that is not read here.
    #[error("不支持的版本 {found} / bundle version {found} is not supported here")]
    Version {
        /// The version.
        found: u32,
    },
    /// More objects of one kind than are read.
    #[error("对象过多 / more than {MAX_OBJECTS} objects of one kind")]
    TooMany,
}

impl BundleError {
    /// Stable name of the rule that refused.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::TooLarge => "bundle.too-large",
            Self::Json(e) => e.rule(),
            Self::Version { .. } => "bundle.version",
            Self::TooMany => "bundle.too-many",
        }
    }
}

/// A kind of object in a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Entity statements and member lists.
    Trust,
    /// Agreements.
    Agreement,
    /// Withdrawals.
    Withdrawal,
    /// Status list tokens.
    StatusList,
}

impl Kind {
    /// Stable name, for JSON output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trust => "trust",
            Self::Agreement => "agreement",
            Self::Withdrawal => "withdrawal",
            Self::StatusList => "status-list",
        }
    }
}

/// One object that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleFinding {
    /// Its kind.
    pub kind: Kind,
    /// Which one: who it is of, or its place among its kind, from zero.
    pub object: String,
    /// Stable name of the rule.
    pub rule: &'static str,
    /// Why, in Chinese and English.
    pub text: String,
}

/// How many objects the bundle carries, accepted or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Entity statements.
    pub statements: usize,
    /// Member lists.
    pub member_lists: usize,
    /// Agreements.
    pub agreements: usize,
    /// Withdrawals.
    pub withdrawals: usize,
    /// Status list tokens.
    pub status_lists: usize,
}

/// What of a bundle holds against an anchor.
#[derive(Clone, Debug)]
pub struct OpenedBundle {
    /// When it says it was put together. Nobody signed that.
    pub created: UnixSeconds,
    /// The federation.
    pub trust: Trust,
    /// The agreements.
    pub agreements: Agreements,
    /// The status lists.
    pub status: StatusView,
    /// What was refused.
    pub findings: Vec<BundleFinding>,
    /// What it carries.
    pub summary: Summary,
}

/// The wire shape, with agreements kept as the bytes that were received.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    version: u32,
    created: UnixSeconds,
    #[serde(default)]
    statements: Vec<String>,
    #[serde(default)]
    member_lists: Vec<String>,
    #[serde(default, borrow)]
    agreements: Vec<&'a RawValue>,
    #[serde(default)]
    withdrawals: Vec<String>,
    #[serde(default)]
    status_lists: Vec<String>,
}

/// Opens a bundle: reads it strictly and verifies every object in it from the anchor downwards.
///
/// # Errors
/// [`BundleError`] when it is no bundle. Objects that are refused are findings, not errors.
pub fn open(
    bytes: &[u8],
    anchor: &Anchor,
    floors: &Floors,
    now: UnixSeconds,
) -> Result<OpenedBundle, BundleError> {
    if bytes.len() > MAX_BYTES {
        return Err(BundleError::TooLarge);
    }
    let wire: Wire<'_> = json::read(bytes, Numbers::Integers, &mut Budget::new(Limits::BUNDLE))?;
    if wire.version != VERSION && !mutant!("TRU-31") {
        return Err(BundleError::Version { found: wire.version });
    }
    let summary = Summary {
        statements: wire.statements.len(),
        member_lists: wire.member_lists.len(),
        agreements: wire.agreements.len(),
        withdrawals: wire.withdrawals.len(),
        status_lists: wire.status_lists.len(),
    };
    if [summary.agreements, summary.withdrawals, summary.status_lists]
        .iter()
        .any(|n| *n > MAX_OBJECTS)
    {
        return Err(BundleError::TooMany);
    }
    let objects = TrustObjects {
        statements: &wire.statements,
        member_lists: &wire.member_lists,
    };
    let (trust, refused) = Trust::build(anchor, &objects, floors, now);
    let mut findings: Vec<BundleFinding> = refused
        .into_iter()
        .map(|f| finding(Kind::Trust, f.subject.to_string(), f.rule(), &f.refusal))
        .collect();
    let agreements = read_agreements(&wire, &trust, now, &mut findings);
    let mut lists = Vec::new();
    for (at, token) in wire.status_lists.iter().enumerate() {
        match verify_held_status_token(token.as_bytes(), &trust, now) {
            Err(error) if mutant!("TRU-30") => {
                lists.clear();
                findings.push(finding(Kind::StatusList, format!("#{at}"), error.rule(), &error));
            }
            Ok(list) => {
                if now >= list.exp() {
                    let ended = StatusTokenError::Expired { exp: list.exp() };
                    findings.push(finding(Kind::StatusList, format!("#{at}"), ended.rule(), &ended));
                }
                lists.push(list);
            }
            Err(error) => findings.push(finding(Kind::StatusList, format!("#{at}"), error.rule(), &error)),
        }
    }
    let status = StatusView::new(lists, []);
    Ok(OpenedBundle {
        created: wire.created,
        trust,
        agreements,
        status,
        findings,
        summary,
    })
}

fn read_agreements(
    wire: &Wire<'_>,
    trust: &Trust,
    now: UnixSeconds,
    findings: &mut Vec<BundleFinding>,
) -> Agreements {
    let mut agreements: Vec<VerifiedAgreement> = Vec::new();
    for (at, object) in wire.agreements.iter().enumerate() {
        match verify_bytes(object.get().as_bytes(), trust, now) {
            Ok(one) => agreements.push(one),
            Err(_) if mutant!("TRU-30/spoilt") => agreements.clear(),
            Err(_) if mutant!("TRU-30/unnamed") => {}
            Err(error) => findings.push(finding(Kind::Agreement, format!("#{at}"), error.rule(), &error)),
        }
    }
    let mut withdrawals = Vec::new();
    for (at, token) in wire.withdrawals.iter().enumerate() {
        let object = format!("#{at}");
        let verified = agreement::unverified_reference(token).and_then(|named| {
            let of = agreements.iter().find(|one| one.reference() == named);
            verify_withdrawal(
                token,
                of.ok_or(agreement::WithdrawalError::OtherAgreement)?,
                trust,
                now,
            )
        });
        match verified {
            Ok(one) => withdrawals.push(one),
            Err(error) => findings.push(finding(Kind::Withdrawal, object, error.rule(), &error)),
        }
    }
    Agreements::new(agreements, withdrawals)
}

fn finding(kind: Kind, object: String, rule: &'static str, why: &dyn std::fmt::Display) -> BundleFinding {
    BundleFinding {
        kind,
        object,
        rule,
        text: why.to_string(),
    }
}
