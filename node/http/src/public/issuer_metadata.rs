//! `GET /.well-known/jwt-vc-issuer`: the attestation keys for ordinary SD-JWT VC libraries (draft-ietf-oauth-sd-jwt-vc §5). Only
//! published: nodes never trust it, and take keys from the trust chain alone (JWS-4).

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use comity_node_core::federation::own_configuration::JWT_VC_ISSUER_PATH;
use http::HeaderMap;

use super::shelf::{Shelf, one};
use crate::document::{Document, Keeping};

pub(super) const PATH: &str = JWT_VC_ISSUER_PATH;

pub(super) async fn get(State(shelf): State<Arc<Shelf>>, asked: HeaderMap) -> Response {
    one(&shelf.issuer_metadata, &asked)
}

pub(super) fn document(metadata: &serde_json::Value) -> Document {
    Document::json(metadata, Keeping::AskAgain)
}
