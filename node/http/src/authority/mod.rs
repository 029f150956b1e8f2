//! What an authority shows to everybody: the router of one origin (chapter 3.8; OpenID Federation 1.0 §8). It serves what was
//! signed at the desk (`comity_node_core::federation::authority`) and holds no key.
//!
//! One process may serve several origins: each has a listener, a router and an [`AuthorityOrigin`] of its own, so which authority
//! answers follows from the socket and never from a header. `fetch` and `list` answer errors in OpenID Federation's `error` form
//! (§8.9), everything else in RFC 9457's.
//!
//! | path | what |
//! |---|---|
//! | `/.well-known/openid-federation`, `/federation/member-list`, `/federation/bundle.comity`, `/federation/statements/{name}` | the published files |
//! | `/federation/fetch?sub=` | the statement on one member |
//! | `/federation/list` | the active members |

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::routing::get;
use comity_node_core::federation::authority::AuthorityState;
use comity_spec::time::UnixSeconds;

use crate::lanes::Lanes;

mod fetch;
mod file;
mod list;
mod oidf_error;
mod origin;

use origin::Served;

/// One origin: what it serves now. Clones share it.
#[derive(Clone, Debug)]
pub struct AuthorityOrigin(Arc<ArcSwap<Served>>);

impl AuthorityOrigin {
    /// An origin that serves `state`.
    #[must_use]
    pub fn new(state: &AuthorityState, now: UnixSeconds) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Served::of(state, now))))
    }

    /// Serves another state from the next request on: after each act at the desk.
    pub fn publish(&self, state: &AuthorityState, now: UnixSeconds) {
        self.0.store(Arc::new(Served::of(state, now)));
    }
}

/// The router of one origin's listener.
pub fn router(origin: AuthorityOrigin, lanes: &Lanes) -> Router {
    let routes = Router::new()
        .route(fetch::PATH, get(fetch::get))
        .route(list::PATH, get(list::get))
        .fallback(file::any)
        .with_state(origin.0);
    lanes.ordinary(routes)
}
