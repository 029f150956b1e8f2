//! `GET /status-lists`: where this county's status lists stand (Token Status List §9, aggregation), so that a verifier can fetch
//! all of them before it goes off line, and tells nobody by that whose permit it is about to check.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;

use super::shelf::{Shelf, not_ready};
use crate::document::{Document, Keeping};

pub(super) const PATH: &str = "/status-lists";

pub(super) async fn get(State(shelf): State<Arc<Shelf>>, asked: HeaderMap) -> Response {
    match shelf.status_lists.load().as_deref() {
        Some(lists) => lists.index.answer(&asked),
        None => not_ready(),
    }
}

pub(super) fn document<'a>(uris: impl Iterator<Item = &'a str>) -> Document {
    let uris: Vec<_> = uris.collect();
    Document::json(&serde_json::json!({ "status_lists": uris }), Keeping::AskAgain)
}
