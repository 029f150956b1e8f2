//! One state of an authority as documents in memory. The files are those a static host would have; `fetch` and `list` are there
//! only where the authority says that it has a server.

use std::collections::BTreeMap;

use comity_node_core::federation::authority::{AuthorityState, Hosting, fetch, published};
use comity_spec::ids::EntityId;
use comity_spec::time::UnixSeconds;

use crate::document::{Document, Keeping};

/// What one origin serves.
#[derive(Debug)]
pub(super) struct Served {
    /// By path.
    pub(super) files: BTreeMap<String, Document>,
    /// `None` for an authority that publishes files only.
    pub(super) server: Option<Endpoints>,
}

/// The answers of the two endpoints.
#[derive(Debug)]
pub(super) struct Endpoints {
    /// The statement on each member, and the authority's own configuration under its own name.
    pub(super) statements: BTreeMap<EntityId, Document>,
    /// The active members.
    pub(super) list: Document,
}

impl Served {
    pub(super) fn of(state: &AuthorityState, now: UnixSeconds) -> Self {
        let files = published(state, now).files.into_iter();
        let files = files.map(|(path, file)| {
            (
                path,
                Document::new(file.content_type, file.bytes, Keeping::AskAgain),
            )
        });
        Self {
            files: files.collect(),
            server: (state.hosting == Hosting::Server).then(|| Endpoints::of(state)),
        }
    }
}

impl Endpoints {
    fn of(state: &AuthorityState) -> Self {
        let subjects = state
            .members
            .iter()
            .map(|member| &member.entity)
            .chain([&state.entity]);
        let statements = subjects.filter_map(|sub| {
            let jws = fetch(state, sub)?.to_owned();
            Some((
                sub.clone(),
                Document::new("application/entity-statement+jwt", jws, Keeping::AskAgain),
            ))
        });
        Self {
            statements: statements.collect(),
            list: Document::json(&state.active().collect::<Vec<_>>(), Keeping::AskAgain),
        }
    }
}
