//! `/signin` and `/signout`. The form is tied to the browser that was shown it, so that nobody can sign a clerk in under another
//! account from a foreign page and have the clerk's work land there.

use askama::Template;
use axum::Extension;
use axum::extract::{Form, RawQuery, State as Shared};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comity_node_core::staff;
use comity_spec::ids::Digest;
use comity_spec::problem::ProblemType;
use http::{HeaderMap, HeaderName, StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::super::cookies::Cookie;
use super::super::identity::Session;
use super::super::state::State;
use super::super::words::Lang;
use super::frame::{Frame, page};
use super::refusal::{in_one_language, refused};
use super::visit::Visit;

#[derive(Template)]
#[template(path = "staff/sign_in.html")]
struct SignInPage {
    f: Frame,
    form: String,
    notice: Option<&'static str>,
    error: Option<String>,
    officer: String,
}

#[derive(Deserialize)]
pub(super) struct Credentials {
    #[serde(default)]
    form: String,
    #[serde(default)]
    officer: String,
    #[serde(default)]
    password: String,
}

/// The form; somebody who is signed in already goes on, unless that account has no business at a window.
pub(super) async fn form(
    Shared(state): Shared<State>,
    Extension(lang): Extension<Lang>,
    session: Option<Session>,
    RawQuery(query): RawQuery,
) -> Response {
    if session.is_some_and(|session| session.reader().is_ok()) {
        return Redirect::to("/verify").into_response();
    }
    let said = |what: &str| {
        query
            .as_deref()
            .is_some_and(|query| query.split('&').any(|part| part == what))
    };
    let notice = if said("ended") {
        Some(lang.words().session_ended)
    } else {
        said("out").then_some(lang.words().signed_out)
    };
    shown(&state, lang, StatusCode::OK, notice, None, String::new())
}

/// Signs in and goes to the first page.
pub(super) async fn submit(
    Shared(state): Shared<State>,
    Extension(lang): Extension<Lang>,
    headers: HeaderMap,
    Form(sent): Form<Credentials>,
) -> Response {
    let tied = Cookie::Form.read(&headers, state.channel);
    // Digests are compared, so that the time says nothing about where two tokens differ.
    let ours = tied.is_some_and(|tied| {
        !tied.is_empty() && Digest::of(tied.as_bytes()) == Digest::of(sent.form.as_bytes())
    });
    if !ours || from_another_site(&headers) {
        return refused(&state, lang, ProblemType::Csrf, None);
    }
    let command = staff::SignIn {
        officer: sent.officer.clone(),
        password: SecretString::from(sent.password),
    };
    match staff::sign_in(&state.node, &command).await {
        Ok(signed_in) => {
            let mut answer = Redirect::to("/verify").into_response();
            let cookies = [
                Cookie::Session.set(signed_in.token.expose_secret(), state.channel),
                Cookie::Form.clear(state.channel),
            ];
            for cookie in cookies.into_iter().flatten() {
                answer.headers_mut().append(header::SET_COOKIE, cookie);
            }
            answer
        }
        Err(error) if error.problem().status() >= 500 => refused(&state, lang, error.problem(), Some(&error)),
        Err(error) => {
            let status = StatusCode::from_u16(error.problem().status()).unwrap_or(StatusCode::UNAUTHORIZED);
            let said = in_one_language(lang, &error.to_string());
            shown(&state, lang, status, None, Some(said), sent.officer)
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Token {
    #[serde(default)]
    csrf: String,
}

/// Ends the session.
pub(super) async fn sign_out(
    Shared(state): Shared<State>,
    visit: Visit,
    Form(token): Form<Token>,
) -> Result<Response, Response> {
    visit.form(&state, &token.csrf)?;
    let ended = staff::sign_out(&state.node, &visit.session.signed_in).await;
    ended.map_err(|error| refused(&state, visit.lang, error.problem(), Some(&error)))?;
    let mut answer = Redirect::to("/signin?out").into_response();
    if let Some(cookie) = Cookie::Session.clear(state.channel) {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(answer)
}

fn shown(
    state: &State,
    lang: Lang,
    status: StatusCode,
    notice: Option<&'static str>,
    error: Option<String>,
    officer: String,
) -> Response {
    let token = URL_SAFE_NO_PAD.encode(state.node.rng.bytes::<18>());
    let f = Frame::anonymous(state, lang, "/signin");
    let mut answer = page(
        status,
        &SignInPage {
            f,
            form: token.clone(),
            notice,
            error,
            officer,
        },
    );
    if let Some(cookie) = Cookie::Form.set(&token, state.channel) {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    answer
}

/// What a browser says of itself about where a form was sent from (Fetch Metadata).
fn from_another_site(headers: &HeaderMap) -> bool {
    let site = headers.get(HeaderName::from_static("sec-fetch-site"));
    site.is_some_and(|site| site != "same-origin" && site != "none")
}
