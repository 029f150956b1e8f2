//! This county's withdrawal from an agreement: signed, with the notice it owes, and told to the others.
//!
//! It names the newest adopted version. An earlier version that is still in force runs on to the day on which the newest takes
//! effect, as it would have anyway.

use comity_spec::agreement::Withdrawal;
use comity_spec::ids::AgreementId;
use comity_spec::jose::Typ;
use comity_spec::mutant;
use comity_spec::text::Bilingual;
use comity_spec::time::LocalDate;
use comity_verifier::agreement::{WithdrawalError, verify_withdrawal};

use super::to_other_parties;
use crate::federation::load_view::reload_agreements;
use crate::federation::stored::PartyKeys;
use crate::node::Node;
use crate::ports::agreements::WithdrawalRow;
use crate::ports::outbox::Message;
use crate::ports::store::{StoreError, Write};
use crate::signing::{self, SigningError};

/// Why nothing was withdrawn from. Nothing was stored or sent.
#[derive(Debug, thiserror::Error)]
pub enum WithdrawError {
    /// No adopted version.
    #[error("没有已签署的协议 {0} / no adopted agreement of this id")]
    Unknown(AgreementId),
    /// Withdrawn from already.
    #[error("本节点已通知退出，{0} 起生效 / this node has withdrawn already")]
    Already(LocalDate),
    /// The notice is too short, or this node may not speak under the agreement.
    #[error(transparent)]
    Withdrawal(#[from] WithdrawalError),
    /// It was not signed.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Withdraws from an agreement. Without a day, on the first that the notice allows.
///
/// # Errors
/// [`WithdrawError`], for the first rule broken.
pub async fn withdraw(
    node: &Node,
    id: &AgreementId,
    effective_from: Option<LocalDate>,
    reason: Bilingual,
) -> Result<WithdrawalRow, WithdrawError> {
    let now = node.now();
    let me = &node.identity.entity;
    let _turn = node.rebuilding.lock().await;
    let view = node.view();
    let versions = view
        .agreements
        .all()
        .iter()
        .filter(|one| one.agreement().id == *id);
    let newest = versions.max_by_key(|one| one.agreement().version);
    let newest = newest.ok_or_else(|| WithdrawError::Unknown(id.clone()))?;
    let own = view.agreements.withdrawals().iter().map(|one| one.withdrawal());
    if let Some(known) = own
        .filter(|one| one.iss == *me)
        .find(|one| one.agreement == newest.reference())
    {
        return Err(WithdrawError::Already(known.effective_from));
    }
    let notice = i64::from(newest.agreement().notice_days);
    let earliest = LocalDate::of(now).plus_days(notice).unwrap_or(LocalDate::MAX);
    let withdrawal = Withdrawal {
        iss: me.clone(),
        iat: now,
        agreement: newest.reference(),
        effective_from: effective_from.unwrap_or(earliest),
        reason,
    };
    let jws = signing::compact(&node.signers, Typ::Withdrawal, &withdrawal).await?;
    // The same check that the others will make.
    let verified = verify_withdrawal(&jws, newest, &view.trust, now)?;
    let row = WithdrawalRow {
        id: id.clone(),
        iss: me.clone(),
        iat: now,
        seen_at: now,
        jws: jws.clone(),
    };
    let mut keys = PartyKeys::read(node.store.as_ref()).await?;
    let mut writes: Vec<Write> = keys.remember([verified.key().clone()]).into_iter().collect();
    writes.push(Write::Withdrawal(row.clone()));
    let told = to_other_parties(node, newest.agreement(), &Message::Withdrawal { jws }, now);
    writes.extend(told.into_iter().filter(|_| !mutant!("AGR-17/sent")));
    node.store.commit("withdraw", writes).await?;
    reload_agreements(node).await?;
    Ok(row)
}
