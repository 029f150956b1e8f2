//! The documents of the public router, each part replaced whole when its content changes.
//!
//! What is published was signed and stored before it comes here: a reader never sees what a restart could take back. Refuses to
//! make anything up: until a part was given, its path answers that this node is not ready.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comity_node_core::Node;
use comity_node_core::ports::agreements::{AgreementRow, AgreementState};
use comity_node_core::ports::store::{Store, StoreError};
use comity_spec::agreement::Agreement;
use comity_spec::ids::AgreementId;
use comity_spec::problem::ProblemType;
use http::HeaderMap;

use super::{
    agreement, agreement_index, bundle, catalogue, description, entity_configuration, issuer_metadata,
    outcomes, problem_type, problem_types, status_list, status_list_index,
};
use crate::document::Document;
use crate::problem_response::Problem;

/// What the public router serves. Clones share it: the wiring keeps one and tells it of every change.
#[derive(Clone, Debug)]
pub struct PublicState(pub(super) Arc<Shelf>);

/// Why a part was not renewed. What was served before still is.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An adopted agreement whose payload does not read: the row is damaged.
    #[error(
        "已存协议 {id} 第 {version} 版无法读取 / the stored agreement {id}, version {version}, does not read"
    )]
    Agreement {
        /// Which agreement.
        id: AgreementId,
        /// Which version.
        version: u32,
    },
}

impl PublicState {
    /// A state that has the protocol's closed lists and nothing else yet.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "an empty node is no sensible default")]
    pub fn new() -> Self {
        Self(Arc::new(Shelf {
            configuration: ArcSwapOption::empty(),
            issuer_metadata: ArcSwapOption::empty(),
            status_lists: ArcSwapOption::empty(),
            agreements: ArcSwapOption::empty(),
            bundle: ArcSwapOption::empty(),
            catalogue: catalogue::document(),
            description: description::document(),
            outcomes: outcomes::document(),
            problem_types: problem_types::document(),
            problem_type: ProblemType::ALL
                .map(|kind| (kind.slug(), problem_type::document(kind)))
                .into(),
        }))
    }

    /// Shows a new entity configuration (compact JWS) and the issuer metadata that goes with it.
    pub fn publish_configuration(&self, configuration: &str, issuer_metadata: &serde_json::Value) {
        let configuration = entity_configuration::document(configuration);
        self.0.configuration.store(Some(Arc::new(configuration)));
        let metadata = issuer_metadata::document(issuer_metadata);
        self.0.issuer_metadata.store(Some(Arc::new(metadata)));
    }

    /// Shows the newest token of each of our status lists: to be called after every publication, before peers are told.
    ///
    /// # Errors
    /// [`RefreshError::Store`].
    pub async fn refresh_status_lists(&self, store: &dyn Store) -> Result<(), RefreshError> {
        let published: Vec<_> = store
            .status_lists()
            .await?
            .into_iter()
            .filter_map(|list| Some((list.id.0, list.uri, list.token?)))
            .collect();
        let index = status_list_index::document(published.iter().map(|(_, uri, _)| uri.as_str()));
        let lists = published
            .into_iter()
            .map(|(number, _, token)| (number, status_list::document(token)))
            .collect();
        self.0
            .status_lists
            .store(Some(Arc::new(StatusLists { index, lists })));
        Ok(())
    }

    /// Shows the adopted agreements and the withdrawals: to be called after every adoption and withdrawal.
    ///
    /// # Errors
    /// [`RefreshError`].
    pub async fn refresh_agreements(&self, store: &dyn Store) -> Result<(), RefreshError> {
        let mut adopted = Vec::new();
        for row in store.agreements().await? {
            if row.state == AgreementState::Adopted {
                let contents = contents(&row)?;
                adopted.push((row, contents));
            }
        }
        let withdrawals: Vec<String> = store
            .withdrawals()
            .await?
            .into_iter()
            .map(|row| row.jws)
            .collect();
        let index = agreement_index::document(&adopted, &withdrawals);
        let mut by_id: BTreeMap<String, BTreeMap<u32, Document>> = BTreeMap::new();
        for (row, _) in &adopted {
            let versions = by_id.entry(row.id.to_string()).or_default();
            versions.insert(row.version, agreement::document(&row.signed));
        }
        self.0
            .agreements
            .store(Some(Arc::new(Agreements { index, by_id })));
        Ok(())
    }

    /// Puts the bundle together anew: after anything in it changed, at the leisure of off-line readers.
    ///
    /// # Errors
    /// [`RefreshError::Store`].
    pub async fn refresh_bundle(&self, node: &Node) -> Result<(), RefreshError> {
        let bundle = comity_node_core::federation::bundle::export(node).await?;
        self.0.bundle.store(Some(Arc::new(bundle::document(&bundle))));
        Ok(())
    }
}

fn contents(row: &AgreementRow) -> Result<Agreement, RefreshError> {
    URL_SAFE_NO_PAD
        .decode(&row.signed.payload)
        .ok()
        .and_then(|payload| serde_json::from_slice(&payload).ok())
        .ok_or_else(|| RefreshError::Agreement {
            id: row.id.clone(),
            version: row.version,
        })
}

/// The documents themselves.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) configuration: ArcSwapOption<Document>,
    pub(super) issuer_metadata: ArcSwapOption<Document>,
    pub(super) status_lists: ArcSwapOption<StatusLists>,
    pub(super) agreements: ArcSwapOption<Agreements>,
    pub(super) bundle: ArcSwapOption<Document>,
    pub(super) catalogue: Document,
    pub(super) description: Document,
    pub(super) outcomes: Document,
    pub(super) problem_types: Document,
    pub(super) problem_type: BTreeMap<&'static str, Document>,
}

/// Our status lists, by number.
#[derive(Debug)]
pub(super) struct StatusLists {
    pub(super) index: Document,
    pub(super) lists: BTreeMap<i64, Document>,
}

/// Adopted agreements, by id and version.
#[derive(Debug)]
pub(super) struct Agreements {
    pub(super) index: Document,
    pub(super) by_id: BTreeMap<String, BTreeMap<u32, Document>>,
}

/// The document of a part, or that this node has not got so far yet.
pub(super) fn one(part: &ArcSwapOption<Document>, asked: &HeaderMap) -> Response {
    match part.load().as_deref() {
        Some(document) => document.answer(asked),
        None => not_ready(),
    }
}

/// What was asked for, where the part has it.
pub(super) fn found(document: Option<&Document>, asked: &HeaderMap) -> Response {
    match document {
        Some(document) => document.answer(asked),
        None => Problem::from(ProblemType::NotFound).into_response(),
    }
}

/// A node that has just begun.
pub(super) fn not_ready() -> Response {
    Problem::from(ProblemType::NotReady)
        .retry_after(Duration::from_secs(1))
        .into_response()
}
