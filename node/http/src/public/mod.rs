//! What a county shows to everybody: the router of the public listener (protocol §11). Read-only, no client certificate,
//! nothing that depends on who asks, nothing about any one person.
//!
//! Every answer is a document made when its content changed ([`PublicState`]'s `publish_…` and `refresh_…`) and then held in memory:
//! a status list that half the country polls costs no read of the store, and goes on being served while the store is down. A
//! list nobody can read revokes nothing, so status lists have the revocation path's lane.
//!
//! | path | what |
//! |---|---|
//! | `/.well-known/openid-federation` | own entity configuration |
//! | `/.well-known/jwt-vc-issuer` | attestation keys for ordinary SD-JWT VC libraries |
//! | `/status-lists`, `/status-lists/{number}` | addresses of the status lists; one list |
//! | `/agreements`, `/agreements/{id}`, `/agreements/{id}/{version}` | adopted agreements, as signed |
//! | `/bundle.comity` | everything for off-line verifiers in one file |
//! | `/catalogue`, `/outcomes`, `/problems`, `/problems/{slug}` | the protocol's closed lists |

use std::sync::Arc;

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use comity_spec::problem::ProblemType;

use crate::lanes::Lanes;
use crate::problem_response::Problem;

mod agreement;
mod agreement_index;
mod bundle;
mod catalogue;
mod entity_configuration;
mod issuer_metadata;
mod outcomes;
mod problem_type;
mod problem_types;
mod shelf;
mod status_list;
mod status_list_index;

pub use shelf::{PublicState, RefreshError};

/// The router of the public listener.
pub fn router(state: PublicState, lanes: &Lanes) -> Router {
    let ordinary = Router::new()
        .route(entity_configuration::PATH, get(entity_configuration::get))
        .route(issuer_metadata::PATH, get(issuer_metadata::get))
        .route(agreement_index::PATH, get(agreement_index::get))
        .route(agreement::PATH, get(agreement::newest))
        .route(agreement::VERSION_PATH, get(agreement::version))
        .route(bundle::PATH, get(bundle::get))
        .route(catalogue::PATH, get(catalogue::get))
        .route(outcomes::PATH, get(outcomes::get))
        .route(problem_types::PATH, get(problem_types::get))
        .route(problem_type::PATH, get(problem_type::get))
        .with_state(Arc::clone(&state.0));
    let revocation = Router::new()
        .route(status_list_index::PATH, get(status_list_index::get))
        .route(status_list::PATH, get(status_list::get))
        .with_state(state.0);
    lanes
        .ordinary(ordinary)
        .merge(lanes.revocation(revocation))
        .fallback(async || Problem::from(ProblemType::NotFound).into_response())
}
