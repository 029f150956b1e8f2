//! Two lanes through one router: the ordinary one, and the one on which the news of a cancellation travels (status
//! lists, hints). Each caller has a quota on each, so that what it spends on the first is not missing on the second, and
//! only the second may use the reserved places (TRN-9: overload is shed, the revocation path stays open).

use axum::Router;

use crate::limits::{InFlight, Quota, QuotaRate};
use crate::listener::Lane;

/// The limits of one listener's routes.
#[derive(Debug, Clone)]
pub struct Lanes {
    listener: &'static str,
    ordinary: Quota,
    revocation: Quota,
    places: InFlight,
}

impl Lanes {
    /// Limits counted under `listener` when they refuse. `places` are shared by the routers of one
    /// node that others reach, so that together they cannot ask more of its store.
    #[must_use]
    pub fn new(listener: &'static str, ordinary: QuotaRate, revocation: QuotaRate, places: InFlight) -> Self {
        Self {
            listener,
            ordinary: Quota::new(listener, ordinary),
            revocation: Quota::new(listener, revocation),
            places,
        }
    }

    /// The name under which refusals and handled requests are counted.
    #[must_use]
    pub const fn listener(&self) -> &'static str {
        self.listener
    }

    /// Routes of the ordinary lane.
    pub(crate) fn ordinary(&self, routes: Router) -> Router {
        let placed = self.places.clone().guard(self.listener, Lane::Ordinary, routes);
        self.ordinary.clone().guard(placed)
    }

    /// Routes of the revocation path.
    pub(crate) fn revocation(&self, routes: Router) -> Router {
        let placed = self.places.clone().guard(self.listener, Lane::Priority, routes);
        self.revocation.clone().guard(placed)
    }
}
