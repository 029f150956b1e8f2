//! `GET /agreements`: what this county agreed to with whom (chapter 11.6), adopted agreements and withdrawals. What is in force on
//! a day follows from the signed objects and is each reader's own conclusion; this list draws none.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use comity_node_core::ports::agreements::AgreementRow;
use comity_spec::agreement::Agreement;
use comity_spec::ids::{AgreementId, Digest, EntityId, Region};
use comity_spec::text::Bilingual;
use comity_spec::time::LocalDate;
use http::HeaderMap;
use serde::Serialize;

use super::shelf::{Shelf, not_ready};
use crate::document::{Document, Keeping};

pub(super) const PATH: &str = "/agreements";

pub(super) async fn get(State(shelf): State<Arc<Shelf>>, asked: HeaderMap) -> Response {
    match shelf.agreements.load().as_deref() {
        Some(agreements) => agreements.index.answer(&asked),
        None => not_ready(),
    }
}

pub(super) fn document(adopted: &[(AgreementRow, Agreement)], withdrawals: &[String]) -> Document {
    let agreements = adopted
        .iter()
        .map(|(row, contents)| Line::of(row, contents))
        .collect();
    Document::json(
        &Index {
            agreements,
            withdrawals,
        },
        Keeping::AskAgain,
    )
}

#[derive(Serialize)]
struct Index<'a> {
    agreements: Vec<Line<'a>>,
    /// As signed.
    withdrawals: &'a [String],
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'a AgreementId,
    version: u32,
    digest: &'a Digest,
    title: &'a Bilingual,
    parties: Vec<PartyLine<'a>>,
    effective_from: LocalDate,
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_until: Option<LocalDate>,
    /// Path of the agreement as signed.
    path: String,
}

#[derive(Serialize)]
struct PartyLine<'a> {
    entity: &'a EntityId,
    region: Region,
    name: &'a Bilingual,
}

impl<'a> Line<'a> {
    fn of(row: &'a AgreementRow, contents: &'a Agreement) -> Self {
        let parties = contents.parties.iter().map(|party| PartyLine {
            entity: &party.entity,
            region: party.region,
            name: &party.name,
        });
        Self {
            id: &row.id,
            version: row.version,
            digest: &row.digest,
            title: &contents.title,
            parties: parties.collect(),
            effective_from: contents.effective_from,
            effective_until: contents.effective_until,
            path: format!("{PATH}/{}/{}", row.id, row.version),
        }
    }
}
