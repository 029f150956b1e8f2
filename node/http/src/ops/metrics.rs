//! `GET /metrics`: the Prometheus text exposition format 0.0.4. Labels are closed lists or names of peers'
//! public origins; no person, officer or address is ever a label.

use axum::extract::State;
use axum::response::IntoResponse;
use http::header;
use metrics_exporter_prometheus::PrometheusHandle;

pub(super) async fn metrics(State(recorder): State<PrometheusHandle>) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        recorder.render(),
    )
}
