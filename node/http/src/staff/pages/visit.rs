//! Somebody who is signed in and asks for a page; whoever is not is sent to sign in.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Redirect, Response};
use comity_node_core::staff::{Acting, SessionError};
use http::request::Parts;

use super::super::identity::{NoSession, Session};
use super::super::state::State;
use super::super::words::Lang;
use super::refusal::{TurnedAway, not_for_windows, refused};

/// A signed-in visit by an officer who works at windows.
pub(super) struct Visit {
    pub(super) session: Session,
    pub(super) acting: Acting,
    pub(super) lang: Lang,
}

impl Visit {
    /// The officer, once the form proved to be of this session.
    pub(super) fn form(&self, state: &State, csrf: &str) -> Result<Acting, TurnedAway> {
        self.session
            .form(csrf)
            .map_err(|error| refused(state, self.lang, error.problem(), Some(&error)).into())
    }
}

impl FromRequestParts<State> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Response> {
        let lang = parts.extensions.get::<Lang>().copied().unwrap_or_default();
        let session = <Session as FromRequestParts<State>>::from_request_parts(parts, state).await;
        let session = session.map_err(|NoSession(error)| match error {
            SessionError::NotSignedIn => Redirect::to("/signin").into_response(),
            SessionError::Ended => Redirect::to("/signin?ended").into_response(),
            other => refused(state, lang, other.problem(), Some(&other)),
        })?;
        let acting = session
            .reader()
            .map_err(|error| not_for_windows(state, lang, &error))?;
        Ok(Self {
            session,
            acting,
            lang,
        })
    }
}
