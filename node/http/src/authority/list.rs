//! `GET /federation/list`: the entity ids of the active members as a JSON array (OpenID Federation 1.0 §8.2). A convenience for
//! people and ordinary software: a node rests on the signed member list only. The filters of §8.2.1 are not offered, and a
//! request with one is refused, since an unfiltered answer would be taken for a filtered one.

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use comity_node_core::federation::authority::LIST_PATH;
use comity_spec::problem::ProblemType;
use http::HeaderMap;

use super::oidf_error::OidfError;
use super::origin::Served;
use crate::problem_response::Problem;

pub(super) const PATH: &str = LIST_PATH;

/// Filters of OpenID Federation 1.0 §8.2.1.
const FILTERS: [&str; 4] = ["entity_type", "trust_marked", "trust_mark_type", "intermediate"];

pub(super) async fn get(
    State(served): State<Arc<ArcSwap<Served>>>,
    RawQuery(query): RawQuery,
    asked: HeaderMap,
) -> Response {
    let served = served.load();
    let Some(server) = &served.server else {
        return Problem::from(ProblemType::NotFound).into_response();
    };
    let query = query.unwrap_or_default();
    if url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| FILTERS.contains(&name.as_ref())) {
        return OidfError::UnsupportedParameter.into_response();
    }
    server.list.answer(&asked)
}
