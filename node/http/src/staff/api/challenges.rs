//! `POST /staff/v1/challenges`: a nonce for a holder's wallet (ATT-14). The wallet's answer comes with it as `presented` and `nonce`
//! of `POST /staff/v1/verifications`.

use axum::Json;
use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use comity_node_core::recognition::{IssuedChallenge, challenge};
use comity_spec::ids::EntityId;
use comity_spec::time::UnixSeconds;
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use super::super::identity::Session;
use super::super::state::State;
use super::Refused;

#[derive(Serialize)]
struct Challenge {
    nonce: String,
    aud: EntityId,
    /// Answers are taken until then.
    expires: UnixSeconds,
}

/// Draws one. 201.
pub(super) async fn issue(
    Shared(state): Shared<State>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let acting = session.caller(&headers)?;
    let IssuedChallenge { nonce, aud, expires } = challenge(&state.node, &acting);
    Ok((StatusCode::CREATED, Json(Challenge { nonce, aud, expires })).into_response())
}
