//! Who is behind a request: the cookie of a browser, or the bearer token of a county's own window system.
//!
//! A cookie goes along with every request, whoever made the page, so whatever changes something must also carry the session's
//! form token: a header on the API, a hidden field on pages. A bearer token is put there by a program on purpose and needs none.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use comity_node_core::ports::officers::Role;
use comity_node_core::staff::{Acting, SessionError, SignedIn, authenticate, authorise};
use http::request::Parts;
use http::{HeaderMap, HeaderName, header};
use serde::Deserialize;

use super::cookies::Cookie;
use super::state::State;

/// The header in which an API caller with a cookie sends the form token.
pub(super) const CSRF_HEADER: HeaderName = HeaderName::from_static("comity-csrf");

/// An officer's session, and how it was shown.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) signed_in: SignedIn,
    carrier: Carrier,
}

/// How a session is carried: as a cookie by a browser, as a bearer token by a program.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Carrier {
    #[default]
    Cookie,
    Bearer,
}

/// No session, and why.
#[derive(Debug)]
pub(super) struct NoSession(pub(super) SessionError);

impl Session {
    async fn of(headers: &HeaderMap, state: &State) -> Result<Self, SessionError> {
        let (token, carrier) = match bearer(headers) {
            Some(token) => (token, Carrier::Bearer),
            None => {
                let cookie = Cookie::Session.read(headers, state.channel);
                (cookie.ok_or(SessionError::NotSignedIn)?, Carrier::Cookie)
            }
        };
        let signed_in = authenticate(&state.node, token).await?;
        Ok(Self { signed_in, carrier })
    }

    /// For reading: a clerk or a supervisor.
    pub(super) fn reader(&self) -> Result<Acting, SessionError> {
        self.window_role(None)
    }

    /// For an API call that changes something.
    pub(super) fn caller(&self, headers: &HeaderMap) -> Result<Acting, SessionError> {
        self.window_role(self.form_token(headers))
    }

    /// For an API call that changes nothing but the officer's own session or password: whatever the role.
    pub(super) fn own(&self, headers: &HeaderMap) -> Result<Acting, SessionError> {
        let role = self.signed_in.acting.roles.first();
        let role = role.ok_or(SessionError::Forbidden)?;
        authorise(&self.signed_in, *role, self.form_token(headers))
    }

    /// How it is carried.
    pub(super) const fn carrier(&self) -> Carrier {
        self.carrier
    }

    /// The form token of an API call, where one is needed.
    fn form_token<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let token = headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
        (self.carrier == Carrier::Cookie).then(|| token.unwrap_or_default())
    }

    /// For a form of a page.
    pub(super) fn form(&self, token: &str) -> Result<Acting, SessionError> {
        self.window_role(Some(token))
    }

    fn window_role(&self, csrf: Option<&str>) -> Result<Acting, SessionError> {
        let role = if self.signed_in.acting.may(Role::Clerk) {
            Role::Clerk
        } else {
            Role::Supervisor
        };
        authorise(&self.signed_in, role, csrf)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl FromRequestParts<State> for Session {
    type Rejection = NoSession;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, NoSession> {
        Self::of(&parts.headers, state).await.map_err(NoSession)
    }
}

impl OptionalFromRequestParts<State> for Session {
    type Rejection = NoSession;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Option<Self>, NoSession> {
        match Self::of(&parts.headers, state).await {
            Ok(session) => Ok(Some(session)),
            Err(SessionError::Store(error)) => Err(NoSession(SessionError::Store(error))),
            Err(_) => Ok(None),
        }
    }
}
