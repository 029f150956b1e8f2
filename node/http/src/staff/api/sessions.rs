//! `POST /staff/v1/sessions` and `DELETE /staff/v1/sessions/current`.

use axum::Json;
use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use comity_node_core::ports::officers::Role;
use comity_node_core::staff::{SignIn, SignedIn, sign_in, sign_out};
use comity_spec::ids::OfficerId;
use comity_spec::time::UnixSeconds;
use http::{HeaderMap, StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::super::cookies::Cookie;
use super::super::identity::{Carrier, Session};
use super::super::state::State;
use super::{Refused, Sent};

/// Who signs in, and how the session is to be carried.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    officer: String,
    password: String,
    /// `cookie` for a browser, `bearer` for a program.
    #[serde(default)]
    carried_by: Carrier,
}

#[derive(Serialize)]
struct Begun<'a> {
    officer: &'a OfficerId,
    roles: &'a [Role],
    /// Ends then unless a request comes before.
    expires: UnixSeconds,
    /// To be sent as `Comity-CSRF` with every call that changes something.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf: Option<&'a str>,
    /// To be sent as `Authorization: Bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
}

/// Signs in. 201.
pub(super) async fn begin(
    Shared(state): Shared<State>,
    sent: Sent<Credentials>,
) -> Result<Response, Refused> {
    let Credentials {
        officer,
        password,
        carried_by,
    } = sent.value;
    let command = SignIn {
        officer,
        password: SecretString::from(password),
    };
    let signed_in = sign_in(&state.node, &command).await?;
    Ok(begun(StatusCode::CREATED, &signed_in, carried_by, &state))
}

/// The answer that hands a session over.
pub(super) fn begun(
    status: StatusCode,
    signed_in: &SignedIn,
    carried_by: Carrier,
    state: &State,
) -> Response {
    let SignedIn {
        acting,
        token,
        csrf,
        expires,
        ..
    } = signed_in;
    let by_cookie = carried_by == Carrier::Cookie;
    let body = Json(Begun {
        officer: &acting.officer,
        roles: &acting.roles,
        expires: *expires,
        csrf: by_cookie.then_some(csrf),
        token: (!by_cookie).then(|| token.expose_secret()),
    });
    let mut answer = (status, body).into_response();
    if let Some(cookie) = Cookie::Session
        .set(token.expose_secret(), state.channel)
        .filter(|_| by_cookie)
    {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    answer
}

/// Signs out. 204; the cookie is taken away too.
pub(super) async fn end(
    Shared(state): Shared<State>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    session.own(&headers)?;
    sign_out(&state.node, &session.signed_in).await?;
    let mut answer = StatusCode::NO_CONTENT.into_response();
    if let Some(cookie) = Cookie::Session.clear(state.channel) {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(answer)
}
