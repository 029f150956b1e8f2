//! `GET /agreements/{id}` and `GET /agreements/{id}/{version}`: an adopted agreement as its parties signed it (chapters 4 and 11.6), the
//! newest adopted version or the one named. Version N holds until N+1 takes effect, so earlier ones stay. Proposals and void
//! versions are not shown.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use comity_spec::agreement::SignedAgreement;
use comity_spec::exchange::JOSE_JSON_MEDIA_TYPE;
use comity_spec::mutant;
use comity_spec::problem::{Problem as Refused, ProblemType};
use http::HeaderMap;

use super::shelf::{Shelf, found, not_ready};
use crate::document::{Document, Keeping};
use crate::problem_response::Problem;

pub(super) const PATH: &str = "/agreements/{id}";
pub(super) const VERSION_PATH: &str = "/agreements/{id}/{version}";

pub(super) async fn newest(
    State(shelf): State<Arc<Shelf>>,
    Path(id): Path<String>,
    asked: HeaderMap,
) -> Response {
    let agreements = shelf.agreements.load();
    let Some(agreements) = agreements.as_deref() else {
        return not_ready();
    };
    let newest = agreements
        .by_id
        .get(&id)
        .and_then(|versions| versions.values().next_back());
    if newest.is_none() && mutant!("PRV-1") {
        return Problem::from(Refused::new(ProblemType::NotFound).with_detail(id)).into_response();
    }
    found(newest, &asked)
}

pub(super) async fn version(
    State(shelf): State<Arc<Shelf>>,
    Path((id, version)): Path<(String, String)>,
    asked: HeaderMap,
) -> Response {
    let agreements = shelf.agreements.load();
    let Some(agreements) = agreements.as_deref() else {
        return not_ready();
    };
    let version = version.parse::<u32>().ok();
    let named = agreements
        .by_id
        .get(&id)
        .zip(version)
        .and_then(|(versions, version)| versions.get(&version));
    found(named, &asked)
}

pub(super) fn document(signed: &SignedAgreement) -> Document {
    let bytes =
        serde_json::to_vec(signed).expect("an agreement as signed is strings, which always serialise");
    Document::new(JOSE_JSON_MEDIA_TYPE, bytes, Keeping::AskAgain)
}
