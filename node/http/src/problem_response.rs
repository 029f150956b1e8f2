//! Errors on the wire: RFC 9457 problem details, and the trace id under which the log knows the request.
//!
//! A handler returns a [`Problem`] or a [`Fault`]; [`AnswerForm`] at the edge gives the answer its trace id, keeps
//! the body of every 500 constant, turns the plain-text rejections of the framework into problems, and logs the
//! chain of a fault once. It refuses to pass on what a parser said about the input: such text quotes the input,
//! and no personal data may stand in an error (protocol §11).

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Map, Value};
use tracing::Instrument;

/// The response header that carries the trace id.
pub const TRACE_HEADER: HeaderName = HeaderName::from_static("comity-trace-id");

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// What a problem type has to say for itself; the registry of types lives in the specification.
pub trait ProblemKind {
    /// The `type` URI.
    fn type_uri(&self) -> Cow<'static, str>;
    /// The HTTP status.
    fn status(&self) -> u16;
    /// The `title`: Chinese first, then English.
    fn title(&self) -> Cow<'static, str>;
}

/// One RFC 9457 answer. Build it from a [`ProblemKind`], or from a bare status (`about:blank`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    type_uri: Cow<'static, str>,
    title: Cow<'static, str>,
    status: StatusCode,
    detail: Option<Cow<'static, str>>,
    members: Map<String, Value>,
    retry_after: Option<Duration>,
}

impl Problem {
    /// The answer for a problem type of the registry.
    #[must_use]
    pub fn of(kind: &impl ProblemKind) -> Self {
        Self {
            type_uri: kind.type_uri(),
            title: kind.title(),
            // A number no HTTP library knows is a defect of the table, which is ours: 500.
            status: StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            detail: None,
            members: Map::new(),
            retry_after: None,
        }
    }

    /// The answer for a bare status: `about:blank`, whose title is the status phrase (RFC 9457 §4.2.1).
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        Self {
            type_uri: Cow::Borrowed("about:blank"),
            title: Cow::Borrowed(status.canonical_reason().unwrap_or("Error")),
            status,
            detail: None,
            members: Map::new(),
            retry_after: None,
        }
    }

    /// Says what to do about this occurrence. Never put input, names or numbers here.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds an extension member (RFC 9457 §3.2), for instance `current_digest`. The members of the RFC itself
    /// cannot be overwritten by it.
    #[must_use]
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        if !matches!(name, "type" | "title" | "status" | "detail" | "instance") {
            self.members.insert(name.to_owned(), value.into());
        }
        self
    }

    /// Tells the caller when to come again; rounded up to whole seconds, at least one.
    #[must_use]
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    fn render(&self, trace: Option<&TraceId>) -> Response {
        let mut body = if self.status == StatusCode::INTERNAL_SERVER_ERROR {
            constant_500()
        } else {
            let mut body = Map::new();
            body.insert("type".to_owned(), self.type_uri.as_ref().into());
            body.insert("title".to_owned(), self.title.as_ref().into());
            body.insert("status".to_owned(), self.status.as_u16().into());
            if let Some(detail) = &self.detail {
                body.insert("detail".to_owned(), detail.as_ref().into());
            }
            body.extend(self.members.clone());
            body
        };
        if let Some(trace) = trace {
            body.insert("instance".to_owned(), format!("urn:comity:trace:{trace}").into());
        }
        let mut response = Response::new(Body::from(Value::Object(body).to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, retry_after(wait));
        }
        response
    }
}

impl<K: ProblemKind> From<&K> for Problem {
    fn from(kind: &K) -> Self {
        Self::of(kind)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.render(None);
        response.extensions_mut().insert(self);
        response
    }
}

/// Something of ours failed: the caller sees the constant 500 and its trace id, the log gets the chain of causes.
#[derive(Debug, Clone)]
pub struct Fault(Arc<dyn StdError + Send + Sync>);

impl<E: StdError + Send + Sync + 'static> From<E> for Fault {
    fn from(cause: E) -> Self {
        Self(Arc::new(cause))
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The name of one request in the log and in the answer: 128 random bits, nothing of the caller in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(u128);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where trace ids come from: the randomness port of the binary.
#[derive(Clone)]
pub struct TraceIds(Arc<dyn Fn() -> u128 + Send + Sync>);

impl TraceIds {
    /// Trace ids drawn from `random`.
    pub fn new(random: impl Fn() -> u128 + Send + Sync + 'static) -> Self {
        Self(Arc::new(random))
    }

    fn draw(&self) -> TraceId {
        TraceId((self.0)())
    }
}

impl fmt::Debug for TraceIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TraceIds")
    }
}

/// The outermost layer of every listener's router: trace id, tracing span, and the form of error answers.
/// An incoming trace header is not believed: an outsider could make two requests look like one.
#[derive(Debug, Clone)]
pub struct AnswerForm {
    listener: &'static str,
    ids: TraceIds,
}

impl AnswerForm {
    /// The layer for the listener of this name.
    #[must_use]
    pub const fn new(listener: &'static str, ids: TraceIds) -> Self {
        Self { listener, ids }
    }

    /// Puts the layer around every route of `router`, its fallback included.
    pub fn around(self, router: Router) -> Router {
        router.layer(middleware::from_fn_with_state(self, give_form))
    }
}

async fn give_form(State(form): State<AnswerForm>, mut request: Request, next: Next) -> Response {
    let trace = form.ids.draw();
    request.extensions_mut().insert(trace);
    // The route is the template (`/permits/{id}`), never the path: a path may carry an identifier.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unmatched", MatchedPath::as_str);
    let span = tracing::info_span!("request", trace = %trace, listener = form.listener, route);
    let answer = next.run(request).instrument(span.clone()).await;
    let mut answer = span.in_scope(|| in_form(answer, &trace));
    if let Ok(value) = HeaderValue::from_str(&trace.to_string()) {
        answer.headers_mut().insert(TRACE_HEADER, value);
    }
    answer
}

fn in_form(mut answer: Response, trace: &TraceId) -> Response {
    if let Some(Fault(cause)) = answer.extensions_mut().remove::<Fault>() {
        log_chain(cause.as_ref());
    }
    let problem = match answer.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if is_bare_error(&answer) => Problem::of_status(answer.status()),
        None => return answer,
    };
    let mut rendered = problem.render(Some(trace));
    // What else the answer said stays: Allow on a 405, Connection: close, Retry-After set by a layer.
    for (name, value) in answer.headers() {
        if *name != header::CONTENT_LENGTH && !rendered.headers().contains_key(name) {
            rendered.headers_mut().append(name, value.clone());
        }
    }
    rendered
}

/// An error without a form of its own: what axum's extractors, fallbacks and method router answer. Every 500
/// counts as such, whatever it says.
fn is_bare_error(answer: &Response) -> bool {
    if answer.status() == StatusCode::INTERNAL_SERVER_ERROR {
        return true;
    }
    let is_error = answer.status().is_client_error() || answer.status().is_server_error();
    is_error
        && answer
            .headers()
            .get(header::CONTENT_TYPE)
            .is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"))
}

fn log_chain(fault: &(dyn StdError + 'static)) {
    let mut chain = fault.to_string();
    let mut next = fault.source();
    while let Some(cause) = next {
        chain.push_str(": ");
        chain.push_str(&cause.to_string());
        next = cause.source();
    }
    tracing::error!(chain, "request failed");
}

/// The one body of a 500. It says nothing of the cause: that stands in the log under the trace id.
fn constant_500() -> Map<String, Value> {
    Map::from_iter([
        ("type".to_owned(), "about:blank".into()),
        ("title".to_owned(), "系统内部错误 / Internal Server Error".into()),
        ("status".to_owned(), 500.into()),
    ])
}

/// `Retry-After` in whole seconds (RFC 9110 §10.2.3), rounded up, at least one.
pub(crate) fn retry_after(wait: Duration) -> HeaderValue {
    let whole = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    HeaderValue::from(whole.max(1))
}
