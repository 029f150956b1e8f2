//! The body of a request, watched while the handler reads it: not more bytes than allowed, and not slower than
//! the floor. The deadline of a body moves on as its bytes arrive, so a client that sends one byte now and then
//! holds a place for the grace time and no longer.

use std::error::Error as StdError;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use super::timer::{ConnectionTimer, Deadline};

/// Size and pace of request bodies.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Largest body in bytes.
    pub max_bytes: u64,
    /// Bytes a second that a body must keep up once the grace time is over.
    pub floor_bytes_per_second: u32,
    /// Time before the floor counts.
    pub grace: Duration,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self {
            max_bytes: 256 * 1024,
            floor_bytes_per_second: 1_024,
            grace: Duration::from_secs(5),
        }
    }
}

impl BodyLimits {
    /// How long a body may have taken when `received` bytes have arrived.
    fn allowance(&self, received: u64) -> Duration {
        let floor = u64::from(self.floor_bytes_per_second.max(1));
        self.grace + Duration::from_millis(received.saturating_mul(1_000) / floor)
    }
}

/// Why a body was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyRefusal {
    /// More bytes than allowed.
    #[error("请求体过大 / the request body is too large")]
    TooLarge,
    /// Slower than the floor.
    #[error("请求体发送过慢 / the request body came too slowly")]
    TooSlow,
}

/// What became of a body, readable after the handler has answered: the handler's own view of a broken body is
/// not to be trusted with the form of the answer.
#[derive(Debug, Clone, Default)]
pub(super) struct BodyFate(Arc<AtomicU8>);

impl BodyFate {
    pub(super) fn refusal(&self) -> Option<BodyRefusal> {
        match self.0.load(Ordering::Acquire) {
            1 => Some(BodyRefusal::TooLarge),
            2 => Some(BodyRefusal::TooSlow),
            _ => None,
        }
    }

    fn refuse(&self, refusal: BodyRefusal) {
        let fate = match refusal {
            BodyRefusal::TooLarge => 1,
            BodyRefusal::TooSlow => 2,
        };
        self.0.store(fate, Ordering::Release);
    }
}

/// A body under its limits.
pub(super) struct WatchedBody {
    inner: axum::body::Body,
    limits: BodyLimits,
    received: u64,
    begun: Instant,
    deadline: Deadline,
    fate: BodyFate,
}

impl WatchedBody {
    pub(super) fn new(
        inner: axum::body::Body,
        limits: BodyLimits,
        fate: BodyFate,
        timer: &ConnectionTimer,
    ) -> Self {
        let begun = Instant::now();
        Self {
            inner,
            limits,
            received: 0,
            begun,
            deadline: timer.deadline(begun + limits.allowance(0)),
            fate,
        }
    }

    fn refuse<T>(&self, refusal: BodyRefusal) -> Poll<Option<Result<T, Box<dyn StdError + Send + Sync>>>> {
        self.fate.refuse(refusal);
        Poll::Ready(Some(Err(Box::new(refusal))))
    }
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = Box<dyn StdError + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) else {
            ready!(Pin::new(&mut self.deadline).poll(cx));
            return self.refuse(BodyRefusal::TooSlow);
        };
        if let Some(Ok(data)) = frame.as_ref().map(|frame| frame.as_ref().map(Frame::data_ref)) {
            let bytes = data.map_or(0, Bytes::len);
            self.received = self
                .received
                .saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
            if self.received > self.limits.max_bytes {
                return self.refuse(BodyRefusal::TooLarge);
            }
            let deadline = self.begun + self.limits.allowance(self.received);
            self.deadline.set(deadline);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
