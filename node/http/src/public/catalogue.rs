//! `GET /catalogue`: the services that agreements may name (Decree 663 articles 12 and 13), in both languages. Being listed grants
//! nothing; only an agreement in force does.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use comity_spec::catalogue::{ServiceKind, services};
use http::HeaderMap;
use serde_json::{Value, json};

use super::shelf::Shelf;
use crate::document::{Document, Keeping};

pub(super) const PATH: &str = "/catalogue";

pub(super) async fn get(State(shelf): State<Arc<Shelf>>, asked: HeaderMap) -> Response {
    shelf.catalogue.answer(&asked)
}

pub(super) fn document() -> Document {
    let lines: Vec<Value> = services()
        .iter()
        .map(|service| {
            json!({
                "code": service.code,
                "kind": kind(service.kind),
                "name": service.name.to_bilingual(),
                "source": service.source.to_bilingual(),
                "part_of": service.parent().map(|parent| parent.code),
            })
        })
        .collect();
    Document::json(&json!({ "services": lines }), Keeping::Seconds(3_600))
}

const fn kind(kind: ServiceKind) -> &'static str {
    match kind {
        ServiceKind::Right => "right",
        ServiceKind::BasicPublicService => "basic_public_service",
        ServiceKind::Convenience => "convenience",
        ServiceKind::Agreed => "agreed",
    }
}
