//! What a county shows to everybody: the router of the public listener (chapter 11.6). Read-only, no client certificate,
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
//! | `/openapi.json` | this table for programs |
//! | `/catalogue`, `/outcomes`, `/problems`, `/problems/{slug}` | the protocol's closed lists |

use std::sync::Arc;

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get};
use comity_spec::problem::ProblemType;

use crate::lanes::Lanes;
use crate::problem_response::Problem;

mod agreement;
mod agreement_index;
mod bundle;
mod catalogue;
mod description;
mod entity_configuration;
mod issuer_metadata;
mod outcomes;
mod problem_type;
mod problem_types;
mod shelf;
mod status_list;
mod status_list_index;

use shelf::Shelf;
pub use shelf::{PublicState, RefreshError};

/// A path and who answers it.
type Route = (&'static str, MethodRouter<Arc<Shelf>>);

fn ordinary() -> [Route; 11] {
    [
        (entity_configuration::PATH, get(entity_configuration::get)),
        (issuer_metadata::PATH, get(issuer_metadata::get)),
        (agreement_index::PATH, get(agreement_index::get)),
        (agreement::PATH, get(agreement::newest)),
        (agreement::VERSION_PATH, get(agreement::version)),
        (bundle::PATH, get(bundle::get)),
        (catalogue::PATH, get(catalogue::get)),
        (outcomes::PATH, get(outcomes::get)),
        (problem_types::PATH, get(problem_types::get)),
        (problem_type::PATH, get(problem_type::get)),
        (description::PATH, get(description::get)),
    ]
}

fn revocation() -> [Route; 2] {
    [
        (status_list_index::PATH, get(status_list_index::get)),
        (status_list::PATH, get(status_list::get)),
    ]
}

/// The paths of the router, as it matches them: what its description (`spec/openapi/public.json`) has to name.
#[must_use]
pub fn paths() -> Vec<&'static str> {
    ordinary()
        .into_iter()
        .chain(revocation())
        .map(|(path, _)| path)
        .collect()
}

/// The router of the public listener.
pub fn router(state: PublicState, lanes: &Lanes) -> Router {
    let routed = |routes: Router<Arc<Shelf>>, (path, answers): Route| routes.route(path, answers);
    let ordinary = ordinary().into_iter().fold(Router::new(), routed);
    let revocation = revocation().into_iter().fold(Router::new(), routed);
    lanes
        .ordinary(ordinary.with_state(Arc::clone(&state.0)))
        .merge(lanes.revocation(revocation.with_state(state.0)))
        .fallback(async || Problem::from(ProblemType::NotFound).into_response())
}
