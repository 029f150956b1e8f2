//! What peers may ask of this county: the router of the mutual-TLS listener (chapter 11.5; what travels: 4.8, 7.2 to 7.5).
//!
//! Who is asking follows from the TLS key alone: [`PinStillListed`] asks the registry at every request, and no header and no field
//! of a body can say otherwise. The router puts that check around itself, so that no wiring can leave it out. What a request
//! changes is changed in a task that outlives the request: a peer that hangs up takes nothing back and leaves nothing half done.
//! Refuses to read a body before the caller is known, in its quota and has a place.
//!
//! | path | what |
//! |---|---|
//! | `POST /federation/v1/verifications` | a signed look-up, answered |
//! | `POST /federation/v1/hints` | notice of changed lists and of withdrawals; on the revocation path's lane |
//! | `POST /federation/v1/proposals` | an agreement, as far as it is signed |

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, post};
use comity_node_core::Node;
use comity_spec::exchange::{HINTS_PATH, PROPOSALS_PATH, VERIFICATIONS_PATH};
use comity_spec::problem::ProblemType;
use tokio_util::task::TaskTracker;

use crate::lanes::Lanes;
use crate::problem_response::Problem;
use crate::tls::{HandshakeClock, PinRegistry, PinStillListed};

mod hints;
mod proposals;
mod received;
mod refused;
mod verifications;

/// What the federation router works with.
#[derive(Clone, Debug)]
pub struct FederationState {
    /// The county.
    pub node: Arc<Node>,
    /// The live table of pins, the same that the listener's handshakes ask.
    pub pins: PinRegistry,
    /// The clock by which a certificate's end is judged at each request.
    pub clock: HandshakeClock,
    /// The tasks that carry out what was asked. At shutdown: close it and wait for it after the listener has ended.
    pub tasks: TaskTracker,
}

/// A path and who answers it.
type Route = (&'static str, MethodRouter<Arc<Shared>>);

fn ordinary() -> [Route; 2] {
    [
        (VERIFICATIONS_PATH, post(verifications::post)),
        (PROPOSALS_PATH, post(proposals::post)),
    ]
}

fn revocation() -> [Route; 1] {
    [(HINTS_PATH, post(hints::post))]
}

/// The paths of the router: what its description (`spec/openapi/federation.json`) has to name.
#[must_use]
pub fn paths() -> Vec<&'static str> {
    ordinary()
        .into_iter()
        .chain(revocation())
        .map(|(path, _)| path)
        .collect()
}

/// The router of the federation listener.
pub fn router(state: FederationState, lanes: &Lanes) -> Router {
    let guard = PinStillListed::new(state.pins.clone(), state.clock.clone(), lanes.listener());
    let shared = Arc::new(Shared {
        state,
        listener: lanes.listener(),
        hints: hints::Turns::default(),
    });
    let routed = |routes: Router<Arc<Shared>>, (path, answers): Route| routes.route(path, answers);
    let ordinary = ordinary().into_iter().fold(Router::new(), routed);
    let revocation = revocation().into_iter().fold(Router::new(), routed);
    let routes = lanes
        .ordinary(ordinary.with_state(Arc::clone(&shared)))
        .merge(lanes.revocation(revocation.with_state(shared)))
        .fallback(async || Problem::of(ProblemType::NotFound));
    guard.guard(routes)
}

/// The state as handlers see it.
struct Shared {
    state: FederationState,
    listener: &'static str,
    hints: hints::Turns,
}
