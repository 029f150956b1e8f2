//! Errors of the use cases as problems (RFC 9457): one type each, as the use case names it. Nothing that quotes the peer's bytes
//! goes back or into the log: an error of the JSON reader may quote a name or number (PRV-1).

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use comity_node_core::exchange::answer_lookup::{AnswerError, CURRENT_AGREEMENT};
use comity_node_core::federation::agreements::{ReceiveError, ReceiveWithdrawalError, SuccessionError};
use comity_node_core::ports::store::StoreError;
use comity_spec::problem::{Problem as Document, ProblemType};
use comity_verifier::agreement::{AgreementError, WithdrawalError};
use comity_verifier::exchange::RequestError;
use comity_verifier::jws::JwsError;

use crate::problem_response::{Fault, Problem};

/// A look-up that was not answered.
pub(super) fn lookup(error: AnswerError) -> Response {
    let kind = error.problem();
    if kind == ProblemType::Internal {
        return Fault::from(error).into_response();
    }
    let mut document = match &error {
        AnswerError::Request(error) => request(kind, error),
        AnswerError::Store(_) | AnswerError::Signing(_) => {
            tracing::warn!(%error, "a look-up could not be answered");
            Document::new(kind)
        }
        _ => Document::new(kind),
    };
    if let Some(current) = error.current_agreement()
        && let Ok(current) = serde_json::to_value(current)
    {
        document = with_member(document, CURRENT_AGREEMENT, current);
    }
    answer(document, error.retry_after())
}

/// A proposal that was not taken in. Where a later try may go otherwise without anything being changed in it (our chain is old, the
/// version before is still on its way), the peer is asked to come again: a 422 would make it give up.
pub(super) fn proposal(error: ReceiveError) -> Response {
    let not_yet = |rule| {
        answer(
            with_member(Document::new(ProblemType::NotReady), "rule", rule),
            Some(NOT_YET),
        )
    };
    let refused = |document| answer(document, None);
    let plain = || Document::new(ProblemType::ProposalRefused);
    match error {
        ReceiveError::Store(error) => store(error, "a proposal could not be taken in"),
        ReceiveError::TooMany | ReceiveError::TooManyOfOne => answer(
            Document::new(ProblemType::RateLimited),
            Some(UNTIL_OFFICERS_DECIDE),
        ),
        ReceiveError::Succession(SuccessionError::NoPredecessor { .. }) => {
            not_yet("agreement.no-predecessor")
        }
        ReceiveError::Agreement(error) if may_be_ours(&error) => not_yet(error.rule()),
        // The text itself says whose keys count: no chain that is still to come makes a party of this one.
        ReceiveError::Agreement(AgreementError::Jws(error @ JwsError::UnknownKey { .. })) => {
            refused(with_member(plain(), "rule", error.rule()).with_detail(SIGNED_BY_NOBODY))
        }
        ReceiveError::Agreement(error @ (AgreementError::Jws(_) | AgreementError::Budget(_))) => {
            refused(with_member(plain(), "rule", error.rule()))
        }
        ReceiveError::Agreement(error) => {
            refused(with_member(plain(), "rule", error.rule()).with_detail(error.to_string()))
        }
        stated => refused(plain().with_detail(stated.to_string())),
    }
}

/// Causes that may lie in what this node knows so far, and not in the proposal.
const fn may_be_ours(error: &AgreementError) -> bool {
    matches!(
        error,
        AgreementError::PartyNotActive { .. }
            | AgreementError::KeyNotInChain { .. }
            | AgreementError::ClockDoubt { .. }
    )
}

/// A withdrawal that was not taken in. As with proposals, what may go otherwise later is asked for again: a withdrawal that got lost
/// would leave an agreement in force that has ended.
pub(super) fn withdrawal(error: ReceiveWithdrawalError) -> Response {
    let rule = match &error {
        ReceiveWithdrawalError::Store(_) => "store",
        ReceiveWithdrawalError::Form => "withdrawal.form",
        ReceiveWithdrawalError::NotHeld(_) => "withdrawal.not-held",
        ReceiveWithdrawalError::TooMany => "withdrawal.too-many",
        ReceiveWithdrawalError::Withdrawal(error) => error.rule(),
    };
    match error {
        ReceiveWithdrawalError::Store(error) => store(error, "a withdrawal could not be taken in"),
        ReceiveWithdrawalError::NotHeld(_)
        | ReceiveWithdrawalError::Withdrawal(
            WithdrawalError::PartyNotActive { .. }
            | WithdrawalError::NoCountingKey(_)
            | WithdrawalError::ClockDoubt { .. }
            | WithdrawalError::Jws(JwsError::UnknownKey { .. }),
        ) => answer(
            with_member(Document::new(ProblemType::NotReady), "rule", rule),
            Some(NOT_YET),
        ),
        _ => answer(
            with_member(Document::new(ProblemType::HintRefused), "rule", rule),
            None,
        ),
    }
}

/// The store did not do it.
pub(super) fn store(error: StoreError, what: &'static str) -> Response {
    if matches!(error, StoreError::Corrupt { .. }) {
        return Fault::from(error).into_response();
    }
    tracing::warn!(%error, "{what}");
    let kind = ProblemType::StoreUnavailable;
    answer(Document::new(kind), pause(kind))
}

/// What is said of a signature by a key that the text pins for nobody.
const SIGNED_BY_NOBODY: &str =
    "签名密钥不属于协议列明的任何一方 / signed by a key that the agreement pins for none of its parties";

/// Seconds for `Retry-After` of a type that may succeed later.
pub(super) const fn pause(kind: ProblemType) -> Option<u64> {
    if kind.may_retry() { Some(5) } else { None }
}

/// Seconds until what this node does not know yet may be known: chains are refreshed every few minutes.
const NOT_YET: u64 = 60;
/// Seconds until a place among the waiting proposals may be free.
const UNTIL_OFFICERS_DECIDE: u64 = 3_600;

/// The problem of a signed object that was refused, with the stable name of the rule where it is the object's form.
pub(super) fn request(kind: ProblemType, error: &RequestError) -> Document {
    match error {
        RequestError::Jws(error) => with_member(Document::new(kind), "rule", error.rule()),
        stated => Document::new(kind).with_detail(stated.to_string()),
    }
}

/// The answer with this document.
pub(super) fn answer(document: Document, retry_after: Option<u64>) -> Response {
    let problem = Problem::from(document);
    match retry_after {
        Some(seconds) => problem.retry_after(Duration::from_secs(seconds)),
        None => problem,
    }
    .into_response()
}

/// Adds an extension member of this protocol; none of them has a name that RFC 9457 has given a meaning.
fn with_member(document: Document, name: &str, value: impl Into<serde_json::Value>) -> Document {
    document.clone().with_member(name, value).unwrap_or(document)
}
