//! Everything this node holds as one file, and the way back in: for air-gapped exchange and off-line verifiers.
//!
//! Nothing is trusted for being in a bundle: each object passes the door it would have passed from the network, durable floors
//! included. What does not pass is named, and the rest is taken. No personal data is in it. Chapter 3.7.

use comity_spec::bundle::{Bundle, MAX_BYTES, VERSION};
use comity_spec::time::UnixSeconds;
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::json::{self, JsonError, Numbers};
use comity_verifier::trust::Refusal;

use super::agreements::{
    ProposalTaken, ReceiveError, ReceiveWithdrawalError, receive_proposal, receive_withdrawal,
};
use super::intake::{self, Offer, Taken};
use super::load_view::{as_json, reload_trust};
use super::refresh_status::{self, ListReport, Offered};
use super::stored::Stored;
use crate::node::Node;
use crate::ports::agreements::AgreementState;
use crate::ports::store::StoreError;

#[cfg(test)]
mod tests;

/// Levels of a chain: after as many rounds nothing can become reachable any more.
const ROUNDS: usize = 5;

/// What became of a bundle's objects, each in the order of the file.
#[derive(Debug, Default)]
pub struct ImportReport {
    /// Entity statements.
    pub statements: Vec<Taken>,
    /// Member lists.
    pub member_lists: Vec<Taken>,
    /// Agreements.
    pub agreements: Vec<Result<ProposalTaken, ReceiveError>>,
    /// Withdrawals: whether each was new.
    pub withdrawals: Vec<Result<bool, ReceiveWithdrawalError>>,
    /// Status lists.
    pub status_lists: Vec<ListReport>,
}

/// Why a file is no bundle at all, or was not taken. The fault of whoever made it, save the last.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Larger than 64 MiB.
    #[error("文件超过 64 MiB / the bundle is larger than 64 MiB")]
    TooLarge,
    /// Not strict JSON of the right members.
    #[error("不是有效的 .comity 文件 / not a bundle: {0}")]
    Json(#[from] JsonError),
    /// Of another version.
    #[error("不支持的版本 {0} / bundle version {0} is not supported here")]
    Version(u32),
    /// The store: our own.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Puts together what this node holds and what has not ended: chain, member lists, adopted agreements, withdrawals, and the
/// newest status lists, its own among them.
///
/// Nobody reads more than [`MAX_BYTES`]. What is ignored in a status list may have any length, so a county could otherwise fill the bundles
/// of all its partners until none of them was read: peers' lists go in while there is room, the shortest first, so that whoever pads is left
/// out before others.
///
/// # Errors
/// [`StoreError`].
pub async fn export(node: &Node) -> Result<Bundle, StoreError> {
    let now = node.now();
    let store = node.store.as_ref();
    let alive = |exp: UnixSeconds| now < exp;
    let mut statements: Vec<_> = store
        .statements()
        .await?
        .into_iter()
        .filter(|row| alive(row.exp))
        .collect();
    statements.sort_by(|a, b| (&a.iss, &a.sub).cmp(&(&b.iss, &b.sub)));
    let member_lists = store
        .member_lists()
        .await?
        .into_iter()
        .filter(|row| alive(row.exp));
    let agreements = store
        .agreements()
        .await?
        .into_iter()
        .filter(|row| row.state == AgreementState::Adopted);
    let own = store
        .status_lists()
        .await?
        .into_iter()
        .filter_map(|list| list.token);
    let peers = store
        .peer_status()
        .await?
        .into_iter()
        // Nodes once kept their own as a peer's when a bundle brought them.
        .filter(|row| alive(row.exp) && row.iss != node.identity.entity)
        .map(|row| row.token);
    let mut bundle = Bundle {
        version: VERSION,
        created: now,
        statements: statements.into_iter().map(|row| row.jws).collect(),
        member_lists: member_lists.map(|row| row.jws).collect(),
        agreements: agreements.map(|row| row.signed).collect(),
        withdrawals: store
            .withdrawals()
            .await?
            .into_iter()
            .map(|row| row.jws)
            .collect(),
        status_lists: own.collect(),
    };
    add_fitting(&mut bundle, peers.collect());
    Ok(bundle)
}

/// Adds lists, the shortest first, while the bundle stays one that is read.
fn add_fitting(bundle: &mut Bundle, mut lists: Vec<String>) {
    let begun = serde_json::to_vec(bundle).expect("a bundle is strings and integers, which always serialise");
    let mut room = MAX_BYTES.saturating_sub(begun.len());
    lists.sort_by_key(String::len);
    // Each stands in quotation marks, behind a comma.
    let fits = |list: &String| {
        let left = room.checked_sub(list.len() + 3);
        room = left.unwrap_or_default();
        left.is_some()
    };
    let all = lists.len();
    let fitting: Vec<String> = lists.into_iter().take_while(fits).collect();
    let left_out = all - fitting.len();
    bundle.status_lists.extend(fitting);
    if left_out > 0 {
        tracing::warn!(left_out, "status lists of peers do not fit into the bundle");
    }
}

/// Takes a bundle in, object by object, and swaps the view.
///
/// # Errors
/// [`ImportError`] when it is no bundle; objects that are refused are in the report.
pub async fn import(node: &Node, bytes: &[u8]) -> Result<ImportReport, ImportError> {
    if bytes.len() > MAX_BYTES {
        return Err(ImportError::TooLarge);
    }
    let bundle: Bundle = json::read(bytes, Numbers::Integers, &mut Budget::new(Limits::BUNDLE))?;
    if bundle.version != VERSION {
        return Err(ImportError::Version(bundle.version));
    }
    let mut report = ImportReport::default();
    chain(node, &bundle, &mut report).await?;
    let turn = node.rebuilding.lock().await;
    reload_trust(node).await?;
    drop(turn);
    for signed in &bundle.agreements {
        report
            .agreements
            .push(receive_proposal(node, as_json(signed).as_bytes()).await);
    }
    for jws in &bundle.withdrawals {
        report.withdrawals.push(receive_withdrawal(node, jws).await);
    }
    let offers = bundle.status_lists.into_iter().map(|token| Offered {
        issuer: None,
        uri: None,
        token: token.into_bytes(),
        etag: None,
    });
    report.status_lists = refresh_status::take(node, offers.collect()).await?;
    Ok(report)
}

/// Statements and member lists from the anchor downwards: what no chain reaches yet is offered again in the next round.
async fn chain(node: &Node, bundle: &Bundle, report: &mut ImportReport) -> Result<(), StoreError> {
    let mut stored = Stored::read(node.store.as_ref()).await?;
    let offers = bundle.statements.iter().cloned().map(Offer::Statement);
    let offers = offers.chain(bundle.member_lists.iter().cloned().map(Offer::MemberList));
    let offers: Vec<Offer> = offers.collect();
    let mut results: Vec<Option<Taken>> = vec![None; offers.len()];
    // Its keys may become known in a later round: what is no fault of its signer is offered again.
    let is_open = |one: &Option<Taken>| match one {
        None => true,
        Some(Taken::Refused(refusal)) => !refusal.is_signers(),
        Some(_) => false,
    };
    for _ in 0..ROUNDS {
        let (trust, _) = stored.trust(&node.anchor, node.now()).await;
        let open: Vec<usize> = (0..offers.len()).filter(|at| is_open(&results[*at])).collect();
        let round = open.iter().map(|at| (None, offers[*at].clone())).collect();
        let taken = intake::take(node, &mut stored, &trust, round).await?;
        let progress = taken.contains(&Taken::Stored);
        for (at, one) in open.into_iter().zip(taken) {
            results[at] = Some(one);
        }
        if !progress {
            break;
        }
    }
    let mut results = results
        .into_iter()
        .map(|one| one.unwrap_or(Taken::Refused(Refusal::NoPath)));
    report.statements = results.by_ref().take(bundle.statements.len()).collect();
    report.member_lists = results.collect();
    Ok(())
}
