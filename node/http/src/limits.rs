//! How much one caller, and all callers together, may ask of a router. A quota is a token bucket keyed by the
//! caller's TLS key, or by its address where there is none; a caller over it gets 429 and `Retry-After`, and
//! nobody else notices. [`InFlight`] bounds the requests being answered at once: what does not fit is told 503
//! at once instead of queueing, and a share of the places is kept for the revocation path (TRN-9).

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use comity_spec::ids::SpkiPin;
use comity_spec::problem::ProblemType;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::listener::{ConnectionOrigin, Lane, PeerIdentity, record_refusal};
use crate::problem_response::Problem;

/// How fast one caller may go on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuotaRate {
    /// Requests a second in the long run.
    pub per_second: f64,
    /// Requests at once after a pause.
    pub burst: f64,
}

/// Whom a quota is counted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Caller {
    Key(SpkiPin),
    Address(IpAddr),
}

impl Caller {
    fn of(request: &Request) -> Option<Self> {
        let extensions = request.extensions();
        if let Some(peer) = extensions.get::<PeerIdentity>() {
            return Some(Self::Key(peer.pin));
        }
        extensions
            .get::<ConnectionOrigin>()
            .map(|origin| Self::Address(origin.subscriber()))
    }
}

/// A token bucket per caller.
#[derive(Debug, Clone)]
pub struct Quota {
    listener: &'static str,
    buckets: Arc<Buckets<Caller>>,
}

impl Quota {
    /// A quota of `rate` for each caller, counted under the listener's name when it refuses.
    #[must_use]
    pub fn new(listener: &'static str, rate: QuotaRate) -> Self {
        Self {
            listener,
            buckets: Arc::new(Buckets::new(rate)),
        }
    }

    /// Puts the quota before every route of `router`. On the federation router it belongs inside
    /// [`crate::tls::PinStillListed`], so that only listed keys have buckets at all.
    pub fn guard(self, router: Router) -> Router {
        router.layer(middleware::from_fn_with_state(self, check_quota))
    }
}

impl Quota {
    /// Puts the quota before these handlers alone.
    pub(crate) fn before<S: Clone + Send + Sync + 'static>(
        self,
        handlers: MethodRouter<S>,
    ) -> MethodRouter<S> {
        handlers.layer(middleware::from_fn_with_state(self, check_quota))
    }
}

async fn check_quota(State(quota): State<Quota>, request: Request, next: Next) -> Response {
    // A request from nowhere comes from a test harness without a connection; one bucket for all of those.
    let caller = Caller::of(&request).unwrap_or(Caller::Address(IpAddr::V6(Ipv6Addr::UNSPECIFIED)));
    match quota.buckets.take(caller, Instant::now()) {
        Ok(()) => next.run(request).await,
        Err(wait) => {
            record_refusal(quota.listener, "too_many_requests");
            Problem::of(ProblemType::RateLimited)
                .retry_after(wait)
                .into_response()
        }
    }
}

/// Buckets that are full again are forgotten once there are this many: an outsider with many addresses costs
/// memory for the burst they are making, not for the past.
const SWEEP_ABOVE: usize = 4_096;

/// A sweep looks at every bucket, so it is not done for every request.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Buckets<K> {
    rate: QuotaRate,
    held: Mutex<Held<K>>,
}

#[derive(Debug)]
struct Held<K> {
    by_caller: HashMap<K, Bucket>,
    swept_at: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl<K: Eq + Hash> Buckets<K> {
    fn new(rate: QuotaRate) -> Self {
        let rate = QuotaRate {
            per_second: rate.per_second.max(0.001),
            burst: rate.burst.max(1.0),
        };
        Self {
            rate,
            held: Mutex::new(Held {
                by_caller: HashMap::new(),
                swept_at: None,
            }),
        }
    }

    /// Takes one token, or says how long until there is one.
    fn take(&self, key: K, now: Instant) -> Result<(), Duration> {
        // The map is whole after every statement, so a panic elsewhere cannot have left it half changed.
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let due = held
            .swept_at
            .is_none_or(|at| now.saturating_duration_since(at) >= SWEEP_EVERY);
        if held.by_caller.len() >= SWEEP_ABOVE && due {
            held.by_caller
                .retain(|_, bucket| self.refilled(*bucket, now) < self.rate.burst);
            held.swept_at = Some(now);
        }
        let bucket = held.by_caller.entry(key).or_insert(Bucket {
            tokens: self.rate.burst,
            at: now,
        });
        let tokens = self.refilled(*bucket, now);
        if tokens < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - tokens) / self.rate.per_second));
        }
        *bucket = Bucket {
            tokens: tokens - 1.0,
            at: now,
        };
        Ok(())
    }

    fn refilled(&self, bucket: Bucket, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.tokens + passed * self.rate.per_second).min(self.rate.burst)
    }
}

/// The places for requests being answered, shared by the routers of one node that others reach.
#[derive(Debug, Clone)]
pub struct InFlight {
    ordinary: Arc<Semaphore>,
    reserved: Arc<Semaphore>,
}

impl InFlight {
    /// `total` places, `reserved` of which only [`Lane::Priority`] may take.
    #[must_use]
    pub fn new(total: usize, reserved: usize) -> Self {
        let reserved = reserved.min(total);
        Self {
            ordinary: Arc::new(Semaphore::new(total - reserved)),
            reserved: Arc::new(Semaphore::new(reserved)),
        }
    }

    /// Puts the bound before every route of `router`: [`Lane::Priority`] for status lists and hints.
    pub fn guard(self, listener: &'static str, lane: Lane, router: Router) -> Router {
        router.layer(middleware::from_fn_with_state((self, listener, lane), take_place))
    }

    fn enter(&self, lane: Lane) -> Option<OwnedSemaphorePermit> {
        let ordinary = Arc::clone(&self.ordinary).try_acquire_owned().ok();
        match lane {
            Lane::Ordinary => ordinary,
            Lane::Priority => ordinary.or_else(|| Arc::clone(&self.reserved).try_acquire_owned().ok()),
        }
    }
}

/// The place of one request, in its extensions. Whoever goes on working after the caller hung up takes a clone
/// along: otherwise hanging up would be a way to have any number of requests worked on at once.
#[derive(Debug, Clone)]
pub struct Place(#[expect(dead_code, reason = "held for its drop")] Arc<OwnedSemaphorePermit>);

async fn take_place(
    State((places, listener, lane)): State<(InFlight, &'static str, Lane)>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(place) = places.enter(lane) else {
        record_refusal(listener, "overloaded");
        return Problem::of(ProblemType::Overloaded)
            .retry_after(Duration::from_secs(1))
            .into_response();
    };
    let place = Place(Arc::new(place));
    request.extensions_mut().insert(place.clone());
    let answer = next.run(request).await;
    drop(place);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: QuotaRate = QuotaRate {
        per_second: 2.0,
        burst: 3.0,
    };

    #[test]
    fn a_burst_is_spent_and_refills_with_time_for_that_caller_alone() {
        let buckets = Buckets::new(RATE);
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(buckets.take("yushan", start), Ok(()));
        }
        assert_eq!(buckets.take("yushan", start), Err(Duration::from_millis(500)));
        assert_eq!(buckets.take("changshan", start), Ok(()));
        assert_eq!(buckets.take("yushan", start + Duration::from_millis(500)), Ok(()));
        assert!(
            buckets
                .take("yushan", start + Duration::from_millis(500))
                .is_err()
        );
    }

    #[test]
    fn refused_requests_do_not_push_the_next_token_away() {
        let buckets = Buckets::new(QuotaRate {
            per_second: 1.0,
            burst: 1.0,
        });
        let start = Instant::now();
        assert_eq!(buckets.take((), start), Ok(()));
        for tenths in 0..9 {
            assert!(
                buckets
                    .take((), start + Duration::from_millis(tenths * 100))
                    .is_err()
            );
        }
        assert_eq!(buckets.take((), start + Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn full_buckets_are_swept_and_empty_ones_kept() {
        let buckets = Buckets::new(RATE);
        let start = Instant::now();
        for caller in 0..SWEEP_ABOVE {
            assert_eq!(buckets.take(caller, start), Ok(()));
        }
        let later = start + Duration::from_secs(60);
        for _ in 0..3 {
            assert_eq!(buckets.take(0, later), Ok(()));
        }
        assert!(buckets.take(0, later).is_err());
        assert_eq!(buckets.held.lock().map(|held| held.by_caller.len()).ok(), Some(1));
    }

    #[test]
    fn the_reserved_places_are_for_the_priority_lane() {
        let places = InFlight::new(2, 1);
        let ordinary = places.enter(Lane::Ordinary);
        assert!(ordinary.is_some());
        assert!(places.enter(Lane::Ordinary).is_none());
        let priority = places.enter(Lane::Priority);
        assert!(priority.is_some());
        assert!(places.enter(Lane::Priority).is_none());
        drop(ordinary);
        assert!(places.enter(Lane::Ordinary).is_some());
    }
}
