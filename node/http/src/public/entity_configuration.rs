//! `GET /.well-known/openid-federation`: this county's entity configuration (OpenID Federation 1.0 §9; chapter 3.1), the half of
//! the double assertion that is the county's own. Asked about before each use: a key dropped here is dropped at once.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;

use super::shelf::{Shelf, one};
use crate::document::{Document, Keeping};

pub(super) const PATH: &str = comity_spec::entity::WELL_KNOWN;

pub(super) async fn get(State(shelf): State<Arc<Shelf>>, asked: HeaderMap) -> Response {
    one(&shelf.configuration, &asked)
}

pub(super) fn document(jws: &str) -> Document {
    Document::new(
        "application/entity-statement+jwt",
        jws.to_owned(),
        Keeping::AskAgain,
    )
}
