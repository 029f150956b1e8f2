//! Counts and times the answers of one route (`comity_requests_total`, `comity_request_seconds`).
//!
//! The handles of the metrics are looked up once for each route and status, not for each request: their labels are text. It
//! refuses any label but listener, route template and status, so that nobody can make a new series by asking.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::extract::{MatchedPath, Request};
use http::StatusCode;
use metrics::{Counter, Histogram};
use tokio::time::Instant;

/// The meter of one route. Its first request says what the route is called.
pub(super) struct RouteMeter {
    listener: &'static str,
    series: OnceLock<Arc<Series>>,
}

/// The series of a route by its name.
struct Series {
    listener: &'static str,
    route: String,
    seconds: Histogram,
    /// By status, in the order in which they first came: a route has a handful.
    answers: Mutex<Vec<(StatusCode, Counter)>>,
}

/// A request that is being answered.
pub(super) struct Counted {
    series: Arc<Series>,
    begun: Instant,
}

impl RouteMeter {
    /// The meter of a route that no request has reached yet.
    pub(super) const fn new(listener: &'static str) -> Self {
        Self {
            listener,
            series: OnceLock::new(),
        }
    }

    /// Starts the clock.
    pub(super) fn begin(&self, request: &Request) -> Counted {
        let route = request
            .extensions()
            .get::<MatchedPath>()
            .map_or("unmatched", MatchedPath::as_str);
        let series = self
            .series
            .get_or_init(|| Arc::new(Series::new(self.listener, route)));
        let series = if series.route == route {
            Arc::clone(series)
        } else {
            // A service mounted below several paths is one route with several names.
            Arc::new(Series::new(self.listener, route))
        };
        Counted {
            series,
            begun: Instant::now(),
        }
    }
}

impl Series {
    fn new(listener: &'static str, route: &str) -> Self {
        let labels = [("listener", listener.to_owned()), ("route", route.to_owned())];
        Self {
            listener,
            route: route.to_owned(),
            seconds: metrics::histogram!("comity_request_seconds", &labels),
            answers: Mutex::default(),
        }
    }

    fn count(&self, status: StatusCode) {
        // Each change leaves the list whole.
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, counter)) = answers.iter().find(|(known, _)| *known == status) {
            return counter.increment(1);
        }
        let labels = [
            ("listener", self.listener.to_owned()),
            ("route", self.route.clone()),
            ("status", status.as_str().to_owned()),
        ];
        let counter = metrics::counter!("comity_requests_total", &labels);
        counter.increment(1);
        answers.push((status, counter));
    }
}

impl Counted {
    /// The route's template, or `unmatched`.
    pub(super) fn route(&self) -> &str {
        &self.series.route
    }

    /// The answer is there.
    pub(super) fn end(self, status: StatusCode) {
        self.series.count(status);
        self.series.seconds.record(self.begun.elapsed().as_secs_f64());
    }
}
