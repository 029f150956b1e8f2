//! `GET /…`: a published file by its path, the same bytes as on a static host (chapter 3.8): configuration, member list, bundle and
//! statements. Paths are looked up in a table as they came; there is no file system behind it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use comity_spec::problem::ProblemType;
use http::{HeaderMap, HeaderValue, Method, Uri, header};

use super::origin::Served;
use crate::problem_response::Problem;

pub(super) async fn any(
    State(served): State<Arc<ArcSwap<Served>>>,
    method: Method,
    uri: Uri,
    asked: HeaderMap,
) -> Response {
    let served = served.load();
    let Some(file) = served.files.get(uri.path()) else {
        return Problem::from(ProblemType::NotFound).into_response();
    };
    if method != Method::GET && method != Method::HEAD {
        let mut refused = Problem::from(ProblemType::MethodNotAllowed).into_response();
        refused
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    file.answer(&asked)
}
