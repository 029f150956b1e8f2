//! A step that was not completed, as a page: what happened, whose fault it is, what to do. The words are the problem registry's, but
//! where it would speak of the permit and the verification is what stands otherwise.

use std::error::Error;

use askama::Template;
use axum::response::{IntoResponse, Response};
use comity_node_core::staff::SessionError;
use comity_spec::ids::TraceNumber;
use comity_spec::problem::ProblemType;
use http::StatusCode;

use super::super::state::State;
use super::super::words::Lang;
use super::frame::{Frame, page};
use crate::problem_response::Problem;

#[derive(Template)]
#[template(path = "staff/refusal.html")]
struct Refusal {
    f: Frame,
    title: &'static str,
    detail: Option<String>,
    next: &'static str,
    /// Where the button leads, and what stands on it.
    way_on: String,
    way_on_label: &'static str,
}

/// Somebody is turned away with this answer; boxed, since it travels through every step of a handler.
#[derive(Debug)]
pub(super) struct TurnedAway(Box<Response>);

impl From<Response> for TurnedAway {
    fn from(answer: Response) -> Self {
        Self(Box::new(answer))
    }
}

impl From<TurnedAway> for Response {
    fn from(TurnedAway(answer): TurnedAway) -> Self {
        *answer
    }
}

/// The page for this problem. An inner fault is logged and shown in the constant form that every 500 has.
pub(super) fn refused(state: &State, lang: Lang, kind: ProblemType, error: Option<&dyn Error>) -> Response {
    answer(state, lang, kind, error, false)
}

/// The page for an account that may not work at windows: the way on is another account.
pub(super) fn not_for_windows(state: &State, lang: Lang, error: &SessionError) -> Response {
    let kind = error.problem();
    answer(state, lang, kind, Some(error), kind == ProblemType::Forbidden)
}

fn answer(
    state: &State,
    lang: Lang,
    kind: ProblemType,
    error: Option<&dyn Error>,
    sign_in: bool,
) -> Response {
    let status = StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status.is_server_error() {
        let cause = error.map(ToString::to_string).unwrap_or_default();
        tracing::warn!(cause, kind = kind.slug(), "page not served");
    }
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        return Problem::of(kind).into_response();
    }
    // What our own errors say comes in both languages; of faults of ours the type says enough.
    let detail = error
        .filter(|_| status.is_client_error())
        .map(|error| in_one_language(lang, &error.to_string()))
        .filter(|detail| detail != lang.text(kind.title()));
    let w = lang.words();
    let refusal = Refusal {
        f: Frame::anonymous(state, lang, "/verify"),
        title: lang.text(kind.title()),
        detail,
        next: lang.text(kind.next_step()),
        way_on: if sign_in { "/signin" } else { "/verify" }.to_owned(),
        way_on_label: if sign_in { w.other_account } else { w.error_back },
    };
    page(status, &refusal)
}

/// The page for a verification that was closed otherwise, as in a second tab: it leads to the record.
pub(super) fn settled_elsewhere(state: &State, lang: Lang, trace: &TraceNumber) -> Response {
    let w = lang.words();
    let refusal = Refusal {
        f: Frame::anonymous(state, lang, "/verify"),
        title: w.settled_title,
        detail: Some(w.settled_detail.to_owned()),
        next: w.settled_next,
        way_on: format!("/verify/r/{trace}"),
        way_on_label: w.error_record,
    };
    page(StatusCode::CONFLICT, &refusal)
}

/// The half of `中文 / English` that is read here.
pub(super) fn in_one_language(lang: Lang, both: &str) -> String {
    match (lang, both.split_once(" / ")) {
        (Lang::Zh, Some((zh, _))) => zh.to_owned(),
        (Lang::En, Some((_, en))) => en.to_owned(),
        (_, None) => both.to_owned(),
    }
}
