//! `GET /staff/v1/services` and `GET /staff/v1/issuers`: what can be verified at this county's windows today.

use axum::Json;
use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::super::coverage;
use super::super::identity::Session;
use super::super::state::State;
use super::Refused;

/// Services with the counties whose permits count for them.
pub(super) async fn services(Shared(state): Shared<State>, session: Session) -> Result<Response, Refused> {
    session.reader()?;
    Ok(Json(json!({ "services": coverage::services(&state.node) })).into_response())
}

/// Counties with which an agreement is in force.
pub(super) async fn issuers(Shared(state): Shared<State>, session: Session) -> Result<Response, Refused> {
    session.reader()?;
    Ok(Json(json!({ "issuers": coverage::issuers(&state.node) })).into_response())
}
