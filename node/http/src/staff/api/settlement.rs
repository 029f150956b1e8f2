//! `POST /staff/v1/verifications/{trace}/confirmation` and `POST …/receipt`: how a verification ends (DEC-9, chapter 9.1).

use axum::Json;
use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse, Response};
use comity_node_core::recognition::{self, Confirm, Finding, RecognitionView};
use comity_spec::problem::ProblemType;
use http::HeaderMap;
use serde::Deserialize;

use super::super::identity::Session;
use super::super::state::State;
use super::shape::GivenReceipt;
use super::verifications::parsed;
use super::{Refused, Sent, keyed, malformed};
use crate::problem_response::Problem;

/// What the named person found: `{"confirmed": true}`, `{"confirmed": false}` or `{"review": true}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Found {
    confirmed: Option<bool>,
    #[serde(default)]
    review: bool,
}

/// Confirms or not; answers with the receipt.
pub(super) async fn confirm(
    Shared(state): Shared<State>,
    session: Session,
    Path(trace): Path<String>,
    headers: HeaderMap,
    sent: Sent<Found>,
) -> Result<Response, Refused> {
    let acting = session.caller(&headers)?;
    let finding = match sent.value {
        Found {
            confirmed: Some(true),
            review: false,
        } => Finding::Same,
        Found {
            confirmed: Some(false),
            review: false,
        } => Finding::Different,
        Found {
            confirmed: None,
            review: true,
        } => Finding::Review,
        _ => {
            return Err(malformed(
                "confirmed 与 review 必须且只能有一个 / exactly one of confirmed and review is needed",
            )
            .into());
        }
    };
    // The body does not say which verification: the key stands for both.
    let call = [trace.as_bytes(), b"\n", &sent.bytes].concat();
    let command = Confirm {
        acting,
        trace: parsed(&trace)?,
        finding,
        keyed: keyed(&headers, &call)?,
    };
    given(&recognition::confirm(&state.node, &command).await?)
}

/// Closes what needs no confirmation; answers with the receipt.
pub(super) async fn close(
    Shared(state): Shared<State>,
    session: Session,
    Path(trace): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let acting = session.caller(&headers)?;
    given(&recognition::close(&state.node, &acting, &parsed(&trace)?).await?)
}

/// The receipt, where there is one.
pub(super) fn given(view: &RecognitionView) -> Result<Response, Refused> {
    let receipt = GivenReceipt::of(view).ok_or_else(|| Problem::of(ProblemType::NotFound))?;
    Ok(Json(receipt).into_response())
}
