//! `POST /staff/v1/password`: an officer changes the own password, with the old one once more.

use axum::extract::State as Shared;
use axum::response::Response;
use comity_node_core::staff::{ChangePassword, change_password};
use http::{HeaderMap, StatusCode};
use secrecy::SecretString;
use serde::Deserialize;

use super::super::identity::Session;
use super::super::state::State;
use super::{Refused, Sent, sessions};

/// Both passwords.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Passwords {
    old: String,
    new: String,
}

/// Changes it. 200 with the session that goes on, carried as it was.
pub(super) async fn change(
    Shared(state): Shared<State>,
    session: Session,
    headers: HeaderMap,
    sent: Sent<Passwords>,
) -> Result<Response, Refused> {
    session.own(&headers)?;
    let command = ChangePassword {
        old: SecretString::from(sent.value.old),
        new: SecretString::from(sent.value.new),
    };
    let signed_in = change_password(&state.node, &session.signed_in, &command).await?;
    Ok(sessions::begun(
        StatusCode::OK,
        &signed_in,
        session.carrier(),
        &state,
    ))
}
