//! What happens around every handler, whatever the router: the body is watched, the answer has a time, a panic
//! is that request's own, and the answer is counted. The order, from the outside: form of the answer and trace
//! number, count, size of the announced body, time, panic, handler.
//!
//! All of it is one service: as four layers each request paid for four boxed futures and four copies of the route.

use std::any::Any;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::Route;
use comity_spec::mutant;
use comity_spec::problem::ProblemType;
use http::{HeaderValue, StatusCode, header};
use http_body::Body as _;
use tower::{Layer, Service};
use tracing::Instrument as _;

use super::body::{BodyFate, BodyRefusal, WatchedBody};
use super::meter::RouteMeter;
use super::timer::ConnectionTimer;
use super::{BodyLimits, Server, record_refusal};
use crate::problem_response::{AnswerForm, Problem};

/// The router as the connection calls it.
pub(super) fn routed(server: &Server, router: Router) -> Router {
    router.layer(Around(Arc::new(Surroundings {
        form: AnswerForm::new(server.name, server.trace_numbers.clone()),
        bounds: Bounds {
            listener: server.name,
            body: server.limits.body,
            answer: server.limits.answer,
        },
    })))
}

/// The router of a connection for which there is no place: 503 to everything, at once.
pub(super) fn turned_away(server: &Server) -> Router {
    routed(server, Router::new().fallback(async || closing(overloaded())))
}

#[derive(Debug)]
struct Surroundings {
    form: AnswerForm,
    bounds: Bounds,
}

#[derive(Debug, Clone, Copy)]
struct Bounds {
    listener: &'static str,
    body: BodyLimits,
    answer: Duration,
}

/// Puts the surroundings around each route of a router, its fallback included.
#[derive(Debug, Clone)]
struct Around(Arc<Surroundings>);

impl Layer<Route> for Around {
    type Service = SurroundedRoute;

    fn layer(&self, route: Route) -> SurroundedRoute {
        SurroundedRoute {
            route,
            around: Arc::clone(&self.0),
            meter: Arc::new(RouteMeter::new(self.0.bounds.listener)),
        }
    }
}

/// One route with its surroundings.
#[derive(Clone)]
struct SurroundedRoute {
    route: Route,
    around: Arc<Surroundings>,
    meter: Arc<RouteMeter>,
}

impl Service<Request> for SurroundedRoute {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request>::poll_ready(&mut self.route, cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let counted = self.meter.begin(&request);
        let (trace, span) = self.around.form.begin(&mut request, counted.route());
        let bounds = self.around.bounds;
        // Nothing of the handler runs before its future is polled, in the span and where a panic is caught.
        let admitted = bounds.admit(request).map(|admitted| {
            let Admitted { request, fate, timer } = admitted;
            (self.route.call(request), fate, timer)
        });
        let work = async move {
            let answer = match admitted {
                Err(refusal) => refused_body(bounds.listener, refusal),
                Ok((work, fate, timer)) => {
                    let work = contained(work);
                    match timer.timeout(bounds.answer, work).await {
                        Err(_elapsed) => {
                            record_refusal(bounds.listener, "answer_timeout");
                            closing(overloaded())
                        }
                        Ok(answer) => match fate.refusal() {
                            Some(refusal) => refused_body(bounds.listener, refusal),
                            None => answer,
                        },
                    }
                }
            };
            counted.end(answer.status());
            Ok(AnswerForm::end(answer, trace))
        };
        Box::pin(work.instrument(span))
    }
}

/// A request that may be worked on.
struct Admitted {
    request: Request,
    fate: BodyFate,
    timer: ConnectionTimer,
}

impl Bounds {
    /// Judges an announced size before a byte of it is read and before a handler is called, and watches the body.
    fn admit(&self, mut request: Request) -> Result<Admitted, BodyRefusal> {
        if request.body().size_hint().lower() > self.body.max_bytes && !mutant!("TRN-8") {
            return Err(BodyRefusal::TooLarge);
        }
        let timer = request
            .extensions_mut()
            .remove::<ConnectionTimer>()
            .unwrap_or_default();
        let fate = BodyFate::default();
        let request = request.map(|body| Body::new(WatchedBody::new(body, self.body, fate.clone(), &timer)));
        Ok(Admitted { request, fate, timer })
    }
}

/// A handler's answer; when it panics, the answer to that. It is not polled again afterwards.
async fn contained(work: impl Future<Output = Result<Response, Infallible>>) -> Response {
    let mut work = pin!(work);
    std::future::poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
            Ok(polled) => polled.map(|Ok(answer)| answer),
            Err(payload) => Poll::Ready(answer_panic(payload)),
        },
    )
    .await
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
