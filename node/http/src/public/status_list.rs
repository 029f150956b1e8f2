//! `GET /status-lists/{number}`: one status list token (Token Status List §8.1; chapter 6.4), `application/statuslist+jwt`, to be
//! kept for its `ttl`. Whole lists only: nobody can ask about one permit, so nobody learns which one was asked about.
//!
//! Past states (`?time=`, §8.4) are not offered, and a reader who asks for one is told so instead of getting today's.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use comity_spec::mutant;
use comity_spec::problem::{Problem as Refused, ProblemType};
use comity_spec::status::TTL;
use http::{HeaderMap, StatusCode};

use super::shelf::{Shelf, found, not_ready};
use crate::document::{Document, Keeping};
use crate::problem_response::Problem;

pub(super) const PATH: &str = "/status-lists/{number}";

pub(super) async fn get(
    State(shelf): State<Arc<Shelf>>,
    Path(number): Path<String>,
    RawQuery(query): RawQuery,
    asked: HeaderMap,
) -> Response {
    if asks_for_the_past(query.as_deref()) {
        return Problem::of_status(StatusCode::NOT_IMPLEMENTED).into_response();
    }
    if mutant!("PRV-2") && query.as_deref().is_some_and(|query| query.starts_with("idx=")) {
        return (StatusCode::OK, "0").into_response();
    }
    let lists = shelf.status_lists.load();
    let Some(lists) = lists.as_deref() else {
        return not_ready();
    };
    // `sub` of a token is its address byte for byte, so a list has one spelling: no `01`, no `+1`.
    let canonical = number
        .parse::<i64>()
        .ok()
        .filter(|parsed| parsed.to_string() == number);
    let list = canonical.and_then(|number| lists.lists.get(&number));
    if list.is_none() && mutant!("IDN-7") {
        return Problem::from(Refused::new(ProblemType::NotFound).with_detail(number)).into_response();
    }
    found(list, &asked)
}

pub(super) fn document(token: String) -> Document {
    let seconds = u32::try_from(TTL).expect("the protocol's ttl is 900");
    Document::new("application/statuslist+jwt", token, Keeping::Seconds(seconds))
}

fn asks_for_the_past(query: Option<&str>) -> bool {
    url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).any(|(name, _)| name == "time")
}
