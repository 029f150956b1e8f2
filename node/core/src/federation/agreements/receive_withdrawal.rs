//! Another party's withdrawal, in a hint, a file or a bundle: it proves itself, and a stolen province key cannot make one.

use comity_spec::agreement::{AgreementRef, Withdrawal};
use comity_spec::mutant;
use comity_verifier::agreement::{WithdrawalError, verify_withdrawal};

use crate::federation::load_view::reload_agreements;
use crate::federation::stored::{self, PartyKeys};
use crate::node::Node;
use crate::ports::agreements::WithdrawalRow;
use crate::ports::store::{StoreError, Write};

/// Notices of one party that are kept of one version: each moves the end forward, and one could be sent for every day of the calendar.
const MAX_OF_ONE: usize = 8;

/// Why a withdrawal was not taken. The sender's fault unless a variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveWithdrawalError {
    /// Not a withdrawal at all.
    #[error("不是退出声明 / not a withdrawal")]
    Form,
    /// The agreement it names is not held here.
    #[error("本节点没有该协议：{} v{} / the agreement it names is not held here", .0.id, .0.version)]
    NotHeld(AgreementRef),
    /// This party gave notice often enough.
    #[error(
        "该方对本协议的退出声明已有 {MAX_OF_ONE} 份，以最早的终止日为准 / {MAX_OF_ONE} notices of this party are here: the earliest end \
         stands"
    )]
    TooMany,
    /// It does not hold.
    #[error(transparent)]
    Withdrawal(#[from] WithdrawalError),
    /// The store: our own.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes a withdrawal in, compact JWS. `false` when it, or an earlier one of the same party that ends the agreement no later,
/// is here already.
///
/// # Errors
/// [`ReceiveWithdrawalError`]; nothing was changed.
pub async fn receive_withdrawal(node: &Node, jws: &str) -> Result<bool, ReceiveWithdrawalError> {
    let _turn = node.rebuilding.lock().await;
    let now = node.now();
    let view = node.view();
    let named: Withdrawal = stored::claims(jws).ok_or(ReceiveWithdrawalError::Form)?;
    let agreement = view.agreements.by_digest(&named.agreement.digest);
    let agreement = agreement.ok_or(ReceiveWithdrawalError::NotHeld(named.agreement))?;
    let verified = verify_withdrawal(jws, agreement, &view.trust, now)?;
    let withdrawal = verified.withdrawal();
    let known: Vec<_> = view
        .agreements
        .withdrawals()
        .iter()
        .map(|one| one.withdrawal())
        .filter(|one| one.iss == withdrawal.iss && one.agreement == withdrawal.agreement)
        .collect();
    if known
        .iter()
        .any(|one| one.effective_from <= withdrawal.effective_from)
    {
        return Ok(false);
    }
    if known.len() >= MAX_OF_ONE {
        return Err(ReceiveWithdrawalError::TooMany);
    }
    let mut keys = PartyKeys::read(node.store.as_ref()).await?;
    let mut writes: Vec<Write> = keys.remember([verified.key().clone()]).into_iter().collect();
    writes.push(Write::Withdrawal(WithdrawalRow {
        id: withdrawal.agreement.id.clone(),
        iss: withdrawal.iss.clone(),
        iat: withdrawal.iat,
        seen_at: now,
        jws: jws.to_owned(),
    }));
    node.store.commit("receive-withdrawal", writes).await?;
    if !mutant!("AGR-18/received") {
        reload_agreements(node).await?;
    }
    Ok(true)
}
