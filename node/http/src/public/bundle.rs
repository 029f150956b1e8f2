//! `GET /bundle.comity`: everything an off-line verifier needs from this county, as signed, in one file (protocol §4): statements
//! and member lists of the whole federation as accepted here, this county's agreements and withdrawals, its own and its peers'
//! status lists. Nothing is trusted for being in it, and what has ended is left out.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use comity_node_core::ports::agreements::AgreementState;
use comity_node_core::ports::store::{Store, StoreError};
use comity_spec::bundle::{Bundle, VERSION};
use comity_spec::time::UnixSeconds;
use http::HeaderMap;

use super::shelf::{Shelf, one};
use crate::document::{Document, JSON, Keeping};

pub(super) const PATH: &str = "/bundle.comity";

pub(super) async fn get(State(shelf): State<Arc<Shelf>>, asked: HeaderMap) -> Response {
    one(&shelf.bundle, &asked)
}

pub(super) async fn collect(store: &dyn Store, now: UnixSeconds) -> Result<Document, StoreError> {
    let statements = store.statements().await?.into_iter().filter(|row| row.exp > now);
    let member_lists = store
        .member_lists()
        .await?
        .into_iter()
        .filter(|row| row.exp > now);
    let agreements = store.agreements().await?.into_iter();
    let own_lists = store
        .status_lists()
        .await?
        .into_iter()
        .filter_map(|list| list.token);
    let peer_lists = store.peer_status().await?.into_iter().filter(|row| row.exp > now);
    let bundle = Bundle {
        version: VERSION,
        created: now,
        statements: statements.map(|row| row.jws).collect(),
        member_lists: member_lists.map(|row| row.jws).collect(),
        agreements: agreements
            .filter(|row| row.state == AgreementState::Adopted)
            .map(|row| row.signed)
            .collect(),
        withdrawals: store
            .withdrawals()
            .await?
            .into_iter()
            .map(|row| row.jws)
            .collect(),
        status_lists: own_lists.chain(peer_lists.map(|row| row.token)).collect(),
    };
    let bytes =
        serde_json::to_vec(&bundle).expect("a bundle is strings and integers, which always serialise");
    Ok(Document::new(JSON, bytes, Keeping::AskAgain))
}
