//! `GET /problems/{slug}`: one problem type, by the last part of its URI. The types are URNs and cannot be followed as links: this
//! is where a person who met one looks it up.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use comity_spec::problem::{Fault, ProblemType};
use http::HeaderMap;
use serde_json::{Value, json};

use super::shelf::{Shelf, found};
use crate::document::{Document, Keeping};

pub(super) const PATH: &str = "/problems/{slug}";

pub(super) async fn get(
    State(shelf): State<Arc<Shelf>>,
    Path(slug): Path<String>,
    asked: HeaderMap,
) -> Response {
    found(shelf.problem_type.get(slug.as_str()), &asked)
}

pub(super) fn document(kind: ProblemType) -> Document {
    Document::json(&describe(kind), Keeping::Seconds(3_600))
}

pub(super) fn describe(kind: ProblemType) -> Value {
    json!({
        "type": kind.uri(),
        "slug": kind.slug(),
        "status": kind.status(),
        "fault": fault(kind.fault()),
        "may_retry": kind.may_retry(),
        "title": kind.title().to_bilingual(),
        "next_step": kind.next_step().to_bilingual(),
    })
}

const fn fault(fault: Fault) -> &'static str {
    match fault {
        Fault::Caller => "caller",
        Fault::Peer => "peer",
        Fault::Ours => "ours",
    }
}
