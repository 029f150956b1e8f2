//! What happens around every handler, whatever the router: the body is watched, the answer has a time, a panic
//! is that request's own, and the answer is counted. The order, from the outside: form of the answer and trace
//! number, count, size of the announced body, time, panic, handler.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use comity_spec::mutant;
use comity_spec::problem::ProblemType;
use http::{HeaderValue, StatusCode, header};
use http_body::Body as _;
use tokio::time::Instant;
use tower_http::catch_panic::CatchPanicLayer;

use super::body::{BodyFate, BodyRefusal, WatchedBody};
use super::timer::ConnectionTimer;
use super::{BodyLimits, Server, record_refusal};
use crate::problem_response::{AnswerForm, Problem};

/// The router as the connection calls it.
pub(super) fn routed(server: &Server, router: Router) -> Router {
    let bounds = Bounds {
        listener: server.name,
        body: server.limits.body,
        answer: server.limits.answer,
    };
    let contained = router
        .layer(CatchPanicLayer::custom(answer_panic))
        .layer(middleware::from_fn_with_state(bounds, bound_request));
    AnswerForm::new(server.name, server.trace_numbers.clone()).around(contained)
}

/// The router of a connection for which there is no place: 503 to everything, at once.
pub(super) fn turned_away(server: &Server) -> Router {
    routed(server, Router::new().fallback(async || closing(overloaded())))
}

#[derive(Debug, Clone, Copy)]
struct Bounds {
    listener: &'static str,
    body: BodyLimits,
    answer: Duration,
}

async fn bound_request(State(bounds): State<Bounds>, request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |matched| matched.as_str().to_owned());
    let begun = Instant::now();
    let answer = answer_within(bounds, request, next).await;
    let labels = [
        ("listener", bounds.listener.to_owned()),
        ("route", route),
        ("status", answer.status().as_str().to_owned()),
    ];
    metrics::counter!("comity_requests_total", &labels).increment(1);
    metrics::histogram!("comity_request_seconds", &labels[..2]).record(begun.elapsed().as_secs_f64());
    answer
}

async fn answer_within(bounds: Bounds, mut request: Request, next: Next) -> Response {
    // An announced size is judged before a byte of it is read and before a handler is called.
    if request.body().size_hint().lower() > bounds.body.max_bytes && !mutant!("TRN-8") {
        return refused_body(bounds.listener, BodyRefusal::TooLarge);
    }
    let timer = request
        .extensions_mut()
        .remove::<ConnectionTimer>()
        .unwrap_or_default();
    let fate = BodyFate::default();
    let request = request.map(|body| Body::new(WatchedBody::new(body, bounds.body, fate.clone(), &timer)));
    let Ok(answer) = timer.timeout(bounds.answer, next.run(request)).await else {
        record_refusal(bounds.listener, "answer_timeout");
        return closing(overloaded());
    };
    match fate.refusal() {
        Some(refusal) => refused_body(bounds.listener, refusal),
        None => answer,
    }
}

/// Whatever the handler made of a body cut short, the caller is told the reason, and the connection is closed:
/// the rest of the body is still on its way.
fn refused_body(listener: &'static str, refusal: BodyRefusal) -> Response {
    let (status, reason) = match refusal {
        BodyRefusal::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
        BodyRefusal::TooSlow => (StatusCode::REQUEST_TIMEOUT, "body_too_slow"),
    };
    record_refusal(listener, reason);
    closing(Problem::of_status(status).into_response())
}

fn overloaded() -> Response {
    Problem::of(ProblemType::Overloaded)
        .retry_after(Duration::from_secs(1))
        .into_response()
}

fn closing(mut answer: Response) -> Response {
    answer
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// The payload of a panic is not looked at: it may quote whatever the code was working on.
fn answer_panic(_payload: Box<dyn Any + Send>) -> Response {
    tracing::error!("a handler panicked");
    metrics::counter!("comity_panics_total").increment(1);
    Problem::of(ProblemType::Internal).into_response()
}
