//! Errors on the wire: RFC 9457 problem details, and the trace number under which the log knows the request.
//!
//! A handler returns a [`Problem`] of the specification's registry or a [`Fault`]; `AnswerForm` at the edge gives the answer its trace number, keeps
//! the body of every 500 constant, turns the plain-text rejections of the framework into problems, and logs the
//! chain of a fault once. It refuses to pass on what a parser said about the input: such text quotes the input,
//! and no personal data may stand in an error (ERR-4).

mod trace_numbers;

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use comity_spec::ids::TraceNumber;
use comity_spec::mutant;
use comity_spec::problem::{MEDIA_TYPE, Problem as Document, ProblemType};
use http::{HeaderName, HeaderValue, StatusCode, header};
use tracing::Span;

pub use self::trace_numbers::TraceNumbers;

/// The response header that carries the trace number.
pub const TRACE_HEADER: HeaderName = HeaderName::from_static("comity-trace");

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static(MEDIA_TYPE);

/// One error answer: a problem of the registry, or a bare status where HTTP itself is at issue and the registry has
/// no type (`about:blank`, RFC 9457 §4.2.1).
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    form: Form,
    retry_after: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq)]
enum Form {
    Typed(Box<Document>),
    Bare(StatusCode),
}

impl Problem {
    /// The problem of this type.
    #[must_use]
    pub fn of(kind: ProblemType) -> Self {
        Document::new(kind).into()
    }

    /// The problem that a bare status stands for: what the framework answers has a status and no type.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        let kind = match status {
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => ProblemType::MalformedRequest,
            StatusCode::UNAUTHORIZED => ProblemType::Unauthenticated,
            StatusCode::FORBIDDEN => ProblemType::Forbidden,
            StatusCode::NOT_FOUND => ProblemType::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => ProblemType::MethodNotAllowed,
            StatusCode::PAYLOAD_TOO_LARGE => ProblemType::BodyTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => ProblemType::UnsupportedMediaType,
            StatusCode::TOO_MANY_REQUESTS => ProblemType::RateLimited,
            StatusCode::SERVICE_UNAVAILABLE => ProblemType::Overloaded,
            StatusCode::INTERNAL_SERVER_ERROR => ProblemType::Internal,
            other => {
                return Self {
                    form: Form::Bare(other),
                    retry_after: None,
                };
            }
        };
        Self::of(kind)
    }

    /// Tells the caller when to come again; rounded up to whole seconds, at least one.
    #[must_use]
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match &self.form {
            // A number no HTTP library knows would be a defect of the registry, which is ours.
            Form::Typed(document) => {
                StatusCode::from_u16(document.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
            Form::Bare(status) => *status,
        }
    }

    fn render(&self, trace: Option<TraceNumber>) -> Response {
        let status = if mutant!("ERR-2") {
            StatusCode::BAD_REQUEST
        } else {
            self.status()
        };
        let traced = |document: Document| match trace {
            Some(trace) => document.with_trace(trace),
            None => document,
        };
        let body = match &self.form {
            // Whatever the code had to say about a fault of ours stands in the log, not in the answer.
            Form::Typed(_) if status == StatusCode::INTERNAL_SERVER_ERROR => {
                serde_json::to_vec(&traced(Document::new(ProblemType::Internal)))
            }
            Form::Typed(_) if mutant!("ERR-1") => serde_json::to_vec(&serde_json::json!({
                "type": "about:blank",
                "title": status.canonical_reason(),
                "status": status.as_u16(),
            })),
            Form::Typed(document) if mutant!("ERR-3") => {
                let mut members = serde_json::json!(traced(Document::clone(document)));
                if let Some(text) = members["next_step"].as_object_mut() {
                    text.remove("en");
                }
                serde_json::to_vec(&members)
            }
            Form::Typed(document) if mutant!("ERR-4/reserved") => {
                let mut members = serde_json::json!(traced(Document::clone(document)));
                members["instance"] = "/federation/v1".into();
                serde_json::to_vec(&members)
            }
            Form::Typed(document) => serde_json::to_vec(&traced(Document::clone(document))),
            Form::Bare(status) => serde_json::to_vec(&serde_json::json!({
                "type": "about:blank",
                "title": status.canonical_reason().unwrap_or("Error"),
                "status": status.as_u16(),
            })),
        };
        // Text, numbers and maps with text keys: there is nothing in a problem that JSON cannot say. Were it so, the
        // status alone would still be right.
        let mut response = Response::new(Body::from(body.unwrap_or_default()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait) = self.retry_after.filter(|_| !mutant!("TRN-9")) {
            headers.insert(header::RETRY_AFTER, retry_after(wait));
        }
        response
    }
}

impl From<Document> for Problem {
    fn from(document: Document) -> Self {
        Self {
            form: Form::Typed(Box::new(document)),
            retry_after: None,
        }
    }
}

impl From<ProblemType> for Problem {
    fn from(kind: ProblemType) -> Self {
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

/// Something of ours failed: the caller sees the constant 500 and its trace number, the log gets the chain of causes.
#[derive(Debug, Clone)]
pub struct Fault(Arc<dyn StdError + Send + Sync>);

impl<E: StdError + Send + Sync + 'static> From<E> for Fault {
    fn from(cause: E) -> Self {
        Self(Arc::new(cause))
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = Problem::of(ProblemType::Internal).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// What is outermost around every route of a listener: trace number, tracing span, and the form of error answers.
/// An incoming trace header is not believed: an outsider could make two requests look like one.
#[derive(Debug, Clone)]
pub(crate) struct AnswerForm {
    listener: &'static str,
    numbers: TraceNumbers,
}

impl AnswerForm {
    /// For the listener of this name.
    pub(crate) const fn new(listener: &'static str, numbers: TraceNumbers) -> Self {
        Self { listener, numbers }
    }

    /// Gives a request its trace number, and the span in which it is worked on.
    ///
    /// `route` is the template (`/permits/{id}`), never the path: a path may carry an identifier.
    pub(crate) fn begin(&self, request: &mut Request, route: &str) -> (TraceNumber, Span) {
        let trace = self.numbers.draw();
        request.extensions_mut().insert(trace);
        let span = tracing::info_span!("request", trace = %trace, listener = self.listener, route);
        (trace, span)
    }

    /// Gives an answer its form; to be called in the request's span, since a fault is logged here.
    pub(crate) fn end(answer: Response, trace: TraceNumber) -> Response {
        let mut answer = in_form(answer, trace);
        if let Ok(value) = HeaderValue::try_from(trace.to_string()) {
            answer.headers_mut().insert(TRACE_HEADER, value);
        }
        answer
    }
}

fn in_form(mut answer: Response, trace: TraceNumber) -> Response {
    if let Some(Fault(cause)) = answer.extensions_mut().remove::<Fault>() {
        tracing::error!(chain = comity_node_core::chain(cause.as_ref()), "request failed");
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

/// `Retry-After` in whole seconds (RFC 9110 §10.2.3), rounded up, at least one.
pub(crate) fn retry_after(wait: Duration) -> HeaderValue {
    let whole = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    HeaderValue::from(whole.max(1))
}
