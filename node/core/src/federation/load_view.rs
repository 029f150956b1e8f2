//! Building the view from the store: at start, and after anything in the store that it rests on has changed.
//!
//! Every object is verified again. One that no longer holds is left out and named; it never hides the others.

use std::sync::Arc;

use comity_spec::agreement::{SignedAgreement, Withdrawal};
use comity_spec::mutant;
use comity_verifier::agreement::{
    AgreementError, Agreements, RecordedAgreement, RecordedWithdrawal, VerifiedAgreement, VerifiedWithdrawal,
    WithdrawalError,
};
use comity_verifier::status_view::{StatusTokenError, StatusView, verify_held_status_token};
use comity_verifier::trust::{Finding, Trust};

use super::stored::{self, PartyKeys, Stored};
use crate::node::{Node, View};
use crate::ports::agreements::{AgreementRow, AgreementState, WithdrawalRow};
use crate::ports::store::StoreError;

/// What of the store does not hold any more.
#[derive(Debug, Default)]
pub struct LoadReport {
    /// Statements and member lists.
    pub findings: Vec<Finding>,
    /// Adopted agreements, by id and version.
    pub agreements: Vec<(String, AgreementError)>,
    /// Withdrawals, by id of the agreement.
    pub withdrawals: Vec<(String, WithdrawalError)>,
    /// Status lists, by address; ended ones are among them.
    pub status_lists: Vec<(String, StatusTokenError)>,
}

/// Loads the whole view.
///
/// # Errors
/// [`StoreError`]; the present view still stands.
pub async fn load_view(node: &Node) -> Result<LoadReport, StoreError> {
    let _turn = node.rebuilding.lock().await;
    let mut report = LoadReport::default();
    let trust = trust(node, &mut report).await?;
    let agreements = if mutant!("AGR-13/kept") {
        Arc::default()
    } else {
        agreements(node, &mut report).await?
    };
    let status = if mutant!("TRU-23/held") {
        Arc::new(StatusView::new(Vec::new(), []))
    } else {
        status(node, &trust, &mut report).await?
    };
    node.view.store(Arc::new(View {
        trust,
        agreements,
        status,
    }));
    Ok(report)
}

/// Builds the trust part anew; to be called while holding [`Node::rebuilding`].
pub(super) async fn reload_trust(node: &Node) -> Result<Vec<Finding>, StoreError> {
    let mut report = LoadReport::default();
    let trust = trust(node, &mut report).await?;
    let view = node.view();
    node.view.store(Arc::new(View {
        trust,
        ..(*view).clone()
    }));
    Ok(report.findings)
}

/// Builds the agreements anew; to be called while holding [`Node::rebuilding`].
pub(super) async fn reload_agreements(node: &Node) -> Result<(), StoreError> {
    let mut report = LoadReport::default();
    let agreements = agreements(node, &mut report).await?;
    for (id, error) in &report.agreements {
        tracing::error!(agreement = %id, %error, "a stored agreement no longer verifies");
    }
    let view = node.view();
    node.view.store(Arc::new(View {
        agreements,
        ..(*view).clone()
    }));
    Ok(())
}

/// Builds the status part anew; to be called while holding [`Node::rebuilding`].
pub(super) async fn reload_status(node: &Node) -> Result<(), StoreError> {
    let view = node.view();
    let status = status(node, &view.trust, &mut LoadReport::default()).await?;
    node.view.store(Arc::new(View {
        status,
        ..(*view).clone()
    }));
    Ok(())
}

async fn trust(node: &Node, report: &mut LoadReport) -> Result<Arc<Trust>, StoreError> {
    let stored = Stored::read(node.store.as_ref()).await?;
    let (trust, findings) = stored.trust(&node.anchor, node.now()).await;
    report.findings = findings;
    Ok(Arc::new(trust))
}

async fn agreements(node: &Node, report: &mut LoadReport) -> Result<Arc<Agreements>, StoreError> {
    let keys = PartyKeys::read(node.store.as_ref()).await?;
    let mut held = Vec::new();
    for row in node.store.agreements().await? {
        if row.state == AgreementState::Adopted {
            match adopted(&row, &keys) {
                Ok(agreement) => held.push(agreement),
                Err(error) => report
                    .agreements
                    .push((format!("{} v{}", row.id, row.version), error)),
            }
        }
    }
    let mut withdrawals = Vec::new();
    for row in node.store.withdrawals().await? {
        match accepted(&row, &held, &keys) {
            Ok(withdrawal) => withdrawals.push(withdrawal),
            Err(error) => report.withdrawals.push((row.id.to_string(), error)),
        }
    }
    Ok(Arc::new(Agreements::new(held, withdrawals)))
}

/// An adopted agreement with the keys under which it was adopted.
pub(super) fn adopted(row: &AgreementRow, keys: &PartyKeys) -> Result<VerifiedAgreement, AgreementError> {
    let kids: Vec<String> = row
        .signed
        .signatures
        .iter()
        .filter_map(|one| stored::kid(&one.protected))
        .collect();
    let record = RecordedAgreement {
        received: as_json(&row.signed),
        digest: row.digest,
        keys: keys.named(kids),
    };
    record.adopted()
}

fn accepted(
    row: &WithdrawalRow,
    agreements: &[VerifiedAgreement],
    keys: &PartyKeys,
) -> Result<VerifiedWithdrawal, WithdrawalError> {
    let named: Withdrawal = stored::claims(&row.jws).ok_or(WithdrawalError::OtherAgreement)?;
    let agreement = agreements
        .iter()
        .find(|one| one.reference() == named.agreement)
        .ok_or(WithdrawalError::OtherAgreement)?;
    let key = keys.named(stored::kid(stored::header(&row.jws))).pop();
    let key = key.ok_or_else(|| WithdrawalError::NoCountingKey(row.iss.clone()))?;
    RecordedWithdrawal {
        received: row.jws.clone(),
        key,
    }
    .accepted(agreement)
    .map(|withdrawal| withdrawal.first_seen(row.seen_at, agreement))
}

async fn status(
    node: &Node,
    trust: &Arc<Trust>,
    report: &mut LoadReport,
) -> Result<Arc<StatusView>, StoreError> {
    let now = node.now();
    let rows = node.store.peer_status().await?;
    let tombstones = node.store.tombstones().await?;
    let trust = Arc::clone(trust);
    // Every list is inflated and its signature verified: not on a thread that serves.
    let verify = move || {
        let mut lists = Vec::with_capacity(rows.len());
        let mut refused = Vec::new();
        for row in rows {
            match verify_held_status_token(row.token.as_bytes(), &trust, now) {
                // An ended list is kept as held: none of its values is read, and the verdict is "too old", not "never had".
                Ok(list) => {
                    if now >= list.exp() {
                        refused.push((row.uri, StatusTokenError::Expired { exp: list.exp() }));
                    }
                    lists.push(list);
                }
                Err(error) => refused.push((row.uri, error)),
            }
        }
        let tombstones = tombstones
            .into_iter()
            .map(|t| (t.uri, u64::from(t.index), t.status));
        (StatusView::new(lists, tombstones), refused)
    };
    let (view, refused) = blocking(verify).await;
    report.status_lists = refused;
    Ok(Arc::new(view))
}

/// Runs what only computes beside the threads that serve.
pub(super) async fn blocking<T: Send + 'static>(compute: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(compute).await {
        Ok(result) => result,
        // Nobody aborts the task, so it ended in a panic of its own: a defect of ours, which is passed on.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// The JSON general serialization of an agreement.
pub(super) fn as_json(signed: &SignedAgreement) -> String {
    serde_json::to_string(signed).expect("an agreement as signed is strings, which always serialise")
}
