//! `GET /outcomes`: the closed list of 27 outcomes with their words and next steps (chapter 8.1), in order of precedence.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use comity_spec::outcome::Outcome;
use http::HeaderMap;
use serde_json::{Value, json};

use super::shelf::Shelf;
use crate::document::{Document, Keeping};

pub(super) const PATH: &str = "/outcomes";

pub(super) async fn get(State(shelf): State<Arc<Shelf>>, asked: HeaderMap) -> Response {
    shelf.outcomes.answer(&asked)
}

pub(super) fn document() -> Document {
    let lines: Vec<Value> = Outcome::ALL
        .iter()
        .map(|outcome| {
            json!({
                "code": outcome.code(),
                "order": outcome.order(),
                "class": outcome.class(),
                "icon": outcome.icon(),
                "word": outcome.class().word().to_bilingual(),
                "text": outcome.text().to_bilingual(),
                "next_step": outcome.next_step().to_bilingual(),
            })
        })
        .collect();
    Document::json(&json!({ "outcomes": lines }), Keeping::Seconds(3_600))
}
