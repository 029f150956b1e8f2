//! The staff API, version 1: what a county's own window system (一窗受理) calls. JSON in and out; errors are RFC 9457 problems in
//! both languages; a verdict about a permit, a refusal among them, is a result with status 200 (chapter 8.1: an
//! outcome is no error).
//!
//! | call | what it does |
//! |---|---|
//! | `POST /staff/v1/sessions` | signs in: cookie and form token, or a bearer token |
//! | `DELETE /staff/v1/sessions/current` | signs out |
//! | `POST /staff/v1/password` | a new password, with the old one; every other session of the officer ends |
//! | `POST /staff/v1/challenges` | a nonce for a holder's wallet |
//! | `POST /staff/v1/verifications` | verifies a code, a picture of one, or number and name |
//! | `GET /staff/v1/verifications/{trace}` | one again |
//! | `POST /staff/v1/verifications/{trace}/confirmation` | 人证一致, 人证不符 or review: gives the receipt |
//! | `POST /staff/v1/verifications/{trace}/holder` | name and number in full, recorded |
//! | `POST`, `GET /staff/v1/verifications/{trace}/receipt` | closes without confirmation; the receipt |
//! | `GET /staff/v1/verifications/{trace}/receipt.pdf` | the receipt to print |
//! | `GET /staff/v1/services`, `/staff/v1/issuers` | what can be verified here today |
//!
//! `Idempotency-Key` makes a verification and its confirmation take effect once. Settling is so by nature too: a repetition gives the
//! same receipt, and a contradiction is a conflict. No address holds personal data.

mod catalogue;
mod challenges;
mod password;
mod receipts;
mod sessions;
mod settlement;
mod shape;
mod verifications;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use comity_node_core::recognition::{RecogniseError, SettleError};
use comity_node_core::staff::idempotency::{IdempotencyError, Keyed};
use comity_node_core::staff::{SessionError, SignInError};
use comity_spec::problem::{Problem as Document, ProblemType};
use http::{HeaderMap, HeaderName, StatusCode, header};
use serde::de::DeserializeOwned;

use super::identity::NoSession;
use super::{MAX_BODY_BYTES, SMALL_BODY_BYTES, State};
use crate::limits::Quota;
use crate::problem_response::{Fault, Problem};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

pub(super) fn router(sign_ins: &Quota) -> Router<State> {
    let pictures = Router::new()
        .route("/staff/v1/verifications", post(verifications::begin))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
    let small = Router::new()
        .route(
            "/staff/v1/sessions",
            sign_ins.clone().before(post(sessions::begin)),
        )
        .route("/staff/v1/sessions/current", delete(sessions::end))
        .route("/staff/v1/password", post(password::change))
        .route("/staff/v1/challenges", post(challenges::issue))
        .route("/staff/v1/verifications/{trace}", get(verifications::show))
        .route(
            "/staff/v1/verifications/{trace}/confirmation",
            post(settlement::confirm),
        )
        .route(
            "/staff/v1/verifications/{trace}/holder",
            post(verifications::reveal),
        )
        .route(
            "/staff/v1/verifications/{trace}/receipt",
            get(receipts::show).post(settlement::close),
        )
        .route("/staff/v1/services", get(catalogue::services))
        .route("/staff/v1/issuers", get(catalogue::issuers))
        .layer(DefaultBodyLimit::max(SMALL_BODY_BYTES));
    let json = pictures.merge(small).layer(middleware::from_fn(answers_json));
    json.merge(Router::new().route("/staff/v1/verifications/{trace}/receipt.pdf", get(receipts::pdf)))
}

/// A caller that takes no JSON would not understand the answer: 406 before anything is done.
async fn answers_json(request: Request, next: Next) -> Response {
    if accepts(request.headers(), "application/json") {
        next.run(request).await
    } else {
        Problem::of_status(StatusCode::NOT_ACCEPTABLE).into_response()
    }
}

/// Whether a media type is among those that the caller takes (RFC 9110 §12.5.1); a weight of 0 is a refusal.
fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let family = media_type.split('/').next().unwrap_or_default();
    let mut ranges = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .peekable();
    ranges.peek().is_none()
        || ranges.any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let refused = parts.any(|p| {
                p.strip_prefix("q=")
                    .is_some_and(|q| q.parse().is_ok_and(|q: f32| q <= 0.0))
            });
            let fits =
                name == "*/*" || name.eq_ignore_ascii_case(media_type) || name == format!("{family}/*");
            fits && !refused
        })
}

/// A JSON body read into its type, with the bytes as they came.
struct Sent<T> {
    value: T,
    bytes: Bytes,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Sent<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let kind = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let essence = kind
            .and_then(|kind| kind.split(';').next())
            .unwrap_or_default()
            .trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Problem::of(ProblemType::UnsupportedMediaType).into_response());
        }
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(IntoResponse::into_response)?;
        // What serde says may quote the input: it says where, and no more is passed on.
        let value = serde_json::from_slice(&bytes).map_err(|error| {
            let place = format!(
                "第 {} 行第 {} 列 / line {}, column {}",
                error.line(),
                error.column(),
                error.line(),
                error.column()
            );
            malformed(place).into_response()
        })?;
        Ok(Self { value, bytes })
    }
}

/// The caller's key with the bytes that it stands for.
fn keyed(headers: &HeaderMap, request: &[u8]) -> Result<Option<Keyed>, IdempotencyError> {
    let key = headers.get(IDEMPOTENCY_KEY);
    // A key that is no text is no key: the empty one refuses.
    key.map(|key| Keyed::new(key.to_str().unwrap_or_default(), request))
        .transpose()
}

/// A 400 that says what is particular.
fn malformed(detail: impl Into<String>) -> Problem {
    Document::new(ProblemType::MalformedRequest)
        .with_detail(detail)
        .into()
}

/// Why a call failed: its answer, boxed, since it travels through every step of a handler.
struct Refused(Box<Response>);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        *self.0
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem.into_response()))
    }
}

macro_rules! refused {
    ($($error:ty),+) => {
        $(impl From<$error> for Refused {
            fn from(error: $error) -> Self {
                Self(Box::new(problem(error.problem(), error)))
            }
        })+
    };
}

refused!(
    RecogniseError,
    SettleError,
    SessionError,
    SignInError,
    IdempotencyError
);

impl IntoResponse for NoSession {
    fn into_response(self) -> Response {
        problem(self.0.problem(), self.0)
    }
}

/// The caller hears of its own mistakes in our words; of ours the type alone, while the log has the cause.
fn problem(kind: ProblemType, error: impl std::error::Error + Send + Sync + 'static) -> Response {
    match kind {
        ProblemType::Internal => Fault::from(error).into_response(),
        kind if kind.status() >= 500 => {
            tracing::warn!(%error, "staff call not served");
            Problem::of(kind).into_response()
        }
        kind => Problem::from(Document::new(kind).with_detail(error.to_string())).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn who_takes_json() {
        let takes = |accept: &'static str| {
            accepts(
                &HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]),
                "application/json",
            )
        };
        assert!(accepts(&HeaderMap::new(), "application/json"));
        assert!(takes("application/json") && takes("*/*") && takes("text/html, application/*;q=0.5"));
        assert!(!takes("text/html") && !takes("application/json;q=0") && !takes("application/xml"));
    }
}
