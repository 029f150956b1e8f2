//! `GET /bundle.comity`: everything an off-line verifier needs from this county, as signed, in one file (chapter 3.7). Nothing is
//! trusted for being in it, and what has ended is left out.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use comity_spec::bundle::Bundle;
use http::HeaderMap;

use super::shelf::{Shelf, one};
use crate::document::{Document, Keeping};

pub(super) const PATH: &str = "/bundle.comity";

pub(super) async fn get(State(shelf): State<Arc<Shelf>>, asked: HeaderMap) -> Response {
    one(&shelf.bundle, &asked)
}

pub(super) fn document(bundle: &Bundle) -> Document {
    Document::json(bundle, Keeping::AskAgain)
}
