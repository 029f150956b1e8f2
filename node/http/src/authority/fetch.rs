//! `GET /federation/fetch?sub=`: the statement on one member (OpenID Federation 1.0 §8.1). Members that left stay for 400 days with
//! their standing in the statement; asked about itself, the authority answers with its own configuration.

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use comity_node_core::federation::authority::FETCH_PATH;
use comity_spec::ids::EntityId;
use comity_spec::mutant;
use comity_spec::problem::ProblemType;
use http::HeaderMap;

use super::oidf_error::OidfError;
use super::origin::Served;
use crate::problem_response::Problem;

pub(super) const PATH: &str = FETCH_PATH;

pub(super) async fn get(
    State(served): State<Arc<ArcSwap<Served>>>,
    RawQuery(query): RawQuery,
    asked: HeaderMap,
) -> Response {
    let served = served.load();
    let Some(server) = &served.server else {
        return Problem::from(ProblemType::NotFound).into_response();
    };
    match subject(query.as_deref().unwrap_or_default()) {
        Err(_) if mutant!("TRU-33") => OidfError::NotFound.into_response(),
        Err(error) => error.into_response(),
        Ok(sub) => match server.statements.get(&sub) {
            Some(statement) => statement.answer(&asked),
            None if mutant!("TRU-33/form") => Problem::from(ProblemType::NotFound).into_response(),
            None => OidfError::NotFound.into_response(),
        },
    }
}

fn subject(query: &str) -> Result<EntityId, OidfError> {
    let mut subs = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "sub");
    let (Some((_, sub)), None) = (subs.next(), subs.next()) else {
        return Err(OidfError::InvalidRequest(
            "须且只能有一个 sub 参数 / exactly one parameter sub is required",
        ));
    };
    sub.parse()
        .map_err(|_| OidfError::InvalidRequest("sub 不是实体标识 / sub is no entity identifier"))
}
