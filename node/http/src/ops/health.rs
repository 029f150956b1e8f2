//! `GET /healthz`: the process runs and answers. `GET /readyz`: it can do its work: 200, or 503 with every reason
//! why not. A load balancer reads the second, a supervisor the first; a node that is alive and not ready must not
//! be restarted for it.

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Serialize;

/// A reason not to be ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unready {
    /// The node has not finished starting.
    Starting,
    /// The store does not answer or does not accept writes.
    Store,
    /// The clock is behind what was seen signed (JWS-18).
    Clock,
    /// No current trust chain for the node itself: it is not enrolled, has not asked yet, or its chain has ended. Without one it
    /// admits no member.
    Trust,
    /// A signer is not to be had.
    Signer,
    /// The record of exchanges cannot be written: no record, no answer (REC-2).
    Record,
    /// The node is shutting down.
    Stopping,
}

/// The node's readiness, written by its parts and read by `/readyz`. Clones share it.
#[derive(Debug, Clone)]
pub struct Readiness(Arc<ArcSwap<BTreeSet<Unready>>>);

impl Default for Readiness {
    /// Not ready: [`Unready::Starting`].
    fn default() -> Self {
        Self(Arc::new(ArcSwap::from_pointee(BTreeSet::from([
            Unready::Starting,
        ]))))
    }
}

impl Readiness {
    /// Adds a reason.
    pub fn lost(&self, reason: Unready) {
        self.change(|reasons| {
            reasons.insert(reason);
        });
    }

    /// Takes a reason away; the node is ready when none is left.
    pub fn restored(&self, reason: Unready) {
        self.change(|reasons| {
            reasons.remove(&reason);
        });
    }

    /// What is in the way, now.
    #[must_use]
    pub fn report(&self) -> ReadinessReport {
        let reasons = self.0.load();
        ReadinessReport {
            ready: reasons.is_empty(),
            reasons: reasons.iter().copied().collect(),
        }
    }

    fn change(&self, change: impl Fn(&mut BTreeSet<Unready>)) {
        self.0.rcu(|reasons| {
            let mut reasons = BTreeSet::clone(reasons);
            change(&mut reasons);
            reasons
        });
    }
}

/// The body of `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReadinessReport {
    /// No reason against it.
    pub ready: bool,
    /// Every reason against it.
    pub reasons: Vec<Unready>,
}

pub(super) async fn healthz() -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store")], "ok\n")
}

pub(super) async fn readyz(State(readiness): State<Readiness>) -> Response {
    let report = readiness.report();
    let status = if report.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(report)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_ready_when_the_last_reason_is_gone() {
        let readiness = Readiness::default();
        readiness.lost(Unready::Store);
        readiness.restored(Unready::Starting);
        assert_eq!(
            readiness.report(),
            ReadinessReport {
                ready: false,
                reasons: vec![Unready::Store]
            }
        );
        readiness.clone().restored(Unready::Store);
        assert!(readiness.report().ready);
    }
}
