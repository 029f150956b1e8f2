//! `GET /staff/v1/verifications/{trace}/receipt` and `…/receipt.pdf`. There is none before the verification is settled.

use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse, Response};
use comity_spec::problem::ProblemType;
use http::header;

use super::super::identity::Session;
use super::super::receipt_facts::facts;
use super::super::state::State;
use super::Refused;
use super::settlement::given;
use super::verifications::find;
use crate::problem_response::Problem;

/// The signed receipt with its salt.
pub(super) async fn show(
    Shared(state): Shared<State>,
    session: Session,
    Path(trace): Path<String>,
) -> Result<Response, Refused> {
    given(&find(&state, &session, &trace).await?)
}

/// The receipt to print.
pub(super) async fn pdf(
    Shared(state): Shared<State>,
    session: Session,
    Path(trace): Path<String>,
) -> Result<Response, Refused> {
    let view = find(&state, &session, &trace).await?;
    let facts = facts(&state.node, &view).ok_or_else(|| Problem::of(ProblemType::NotFound))?;
    Ok(([(header::CONTENT_TYPE, "application/pdf")], facts.to_pdf()).into_response())
}
