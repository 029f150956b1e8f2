//! `GET /problems`: the closed registry of problem types (RFC 9457), with whose fault each is and what to do about it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use comity_spec::problem::ProblemType;
use http::HeaderMap;
use serde_json::{Value, json};

use super::{problem_type, shelf::Shelf};
use crate::document::{Document, Keeping};

pub(super) const PATH: &str = "/problems";

pub(super) async fn get(State(shelf): State<Arc<Shelf>>, asked: HeaderMap) -> Response {
    shelf.problem_types.answer(&asked)
}

pub(super) fn document() -> Document {
    let lines: Vec<Value> = ProblemType::ALL.into_iter().map(problem_type::describe).collect();
    Document::json(&json!({ "problems": lines }), Keeping::Seconds(3_600))
}
