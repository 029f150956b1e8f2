//! What the API answers about a verification. The person is masked unless the caller asked to see the whole and that was recorded.

use comity_node_core::recognition::RecognitionView;
use comity_spec::decision::Decision;
use comity_spec::ids::TraceNumber;
use comity_spec::outcome::OutcomeClass;
use comity_spec::receipt::PrintedReceipt;
use comity_spec::text::Bilingual;
use comity_spec::time::UnixSeconds;
use serde::Serialize;

use super::super::masked;

/// A verification.
#[derive(Serialize)]
pub(super) struct Verification<'a> {
    trace: TraceNumber,
    at: UnixSeconds,
    /// `GREEN`, `AMBER`, `RED` or `GREY`; green is provisional while a confirmation is needed.
    class: OutcomeClass,
    class_word: Bilingual,
    confirmation_needed: bool,
    decision: &'a Decision,
    #[serde(skip_serializing_if = "Option::is_none")]
    holder: Option<Holder>,
    receipt_available: bool,
}

/// The person.
#[derive(Serialize)]
pub(super) struct Holder {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<String>,
    number_last4: String,
    revealed: bool,
}

/// A receipt, with the decision it is of.
#[derive(Serialize)]
pub(super) struct GivenReceipt<'a> {
    trace: TraceNumber,
    decision: &'a Decision,
    #[serde(flatten)]
    printed: &'a PrintedReceipt,
}

impl<'a> Verification<'a> {
    pub(super) fn masked(view: &'a RecognitionView) -> Self {
        Self::of(view, false)
    }

    /// Only after the look was recorded.
    pub(super) fn revealed(view: &'a RecognitionView) -> Self {
        Self::of(view, true)
    }

    fn of(view: &'a RecognitionView, revealed: bool) -> Self {
        let class = view.decision.outcome.class();
        Self {
            trace: view.trace,
            at: view.at,
            class,
            class_word: class.word().into(),
            confirmation_needed: view.needs_holder,
            decision: &view.decision,
            holder: view.holder.as_ref().map(|holder| Holder {
                name: if revealed {
                    holder.name.clone()
                } else {
                    masked::name(&holder.name)
                },
                number: revealed.then(|| holder.number.clone()),
                number_last4: masked::last4(&holder.number),
                revealed,
            }),
            receipt_available: view.receipt.is_some(),
        }
    }
}

impl<'a> GivenReceipt<'a> {
    /// `None` while there is no receipt.
    pub(super) fn of(view: &'a RecognitionView) -> Option<Self> {
        let printed = view.receipt.as_ref()?;
        Some(Self {
            trace: view.trace,
            decision: &view.decision,
            printed,
        })
    }
}
