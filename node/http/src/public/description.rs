//! `GET /openapi.json`: what this router answers, as OpenAPI 3.1. The document is part of the specification (`spec/openapi/public.json`);
//! the tests of the routes compare it with the routes and with what they answer.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;

use super::shelf::Shelf;
use crate::document::{Document, Keeping};

pub(super) const PATH: &str = "/openapi.json";

const DESCRIPTION: &str = include_str!("../../../../spec/openapi/public.json");

pub(super) async fn get(State(shelf): State<Arc<Shelf>>, asked: HeaderMap) -> Response {
    shelf.description.answer(&asked)
}

pub(super) fn document() -> Document {
    Document::new("application/json", DESCRIPTION, Keeping::Seconds(3_600))
}
