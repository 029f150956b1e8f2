//! The operator's endpoints, on a loopback listener: `/healthz`, `/readyz`, `/metrics`. They say how the node is
//! and nothing about anybody; they refuse every method but GET.

mod health;
mod metrics;

pub use health::{Readiness, ReadinessReport, Unready};

use axum::Router;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;

/// The ops router over the node's readiness and its metrics recorder.
pub fn router(readiness: Readiness, recorder: PrometheusHandle) -> Router {
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz).with_state(readiness))
        .route("/metrics", get(metrics::metrics).with_state(recorder))
}
