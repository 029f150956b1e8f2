//! Errors of the use cases as problems (RFC 9457): one type each, as the use case names it. Nothing that quotes the peer's bytes
//! goes back or into the log: an error of the JSON reader may quote a name or number (protocol §11).

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use comity_node_core::exchange::answer_lookup::{AnswerError, CURRENT_AGREEMENT};
use comity_spec::problem::{Problem as Document, ProblemType};
use comity_verifier::exchange::RequestError;

use crate::problem_response::{Fault, Problem};

/// A look-up that was not answered.
pub(super) fn lookup(error: AnswerError) -> Response {
    let kind = error.problem();
    if kind == ProblemType::Internal {
        return Fault::from(error).into_response();
    }
    let mut document = match &error {
        AnswerError::Request(error) => request(kind, error),
        AnswerError::Store(_) | AnswerError::Signing(_) => {
            tracing::warn!(%error, "a look-up could not be answered");
            Document::new(kind)
        }
        _ => Document::new(kind),
    };
    if let Some(current) = error.current_agreement()
        && let Ok(current) = serde_json::to_value(current)
    {
        document = with_member(document, CURRENT_AGREEMENT, current);
    }
    answer(document, error.retry_after())
}

/// The problem of a signed object that was refused, with the stable name of the rule where it is the object's form.
pub(super) fn request(kind: ProblemType, error: &RequestError) -> Document {
    match error {
        RequestError::Jws(error) => with_member(Document::new(kind), "rule", error.rule()),
        stated => Document::new(kind).with_detail(stated.to_string()),
    }
}

/// The answer with this document.
pub(super) fn answer(document: Document, retry_after: Option<u64>) -> Response {
    let problem = Problem::from(document);
    match retry_after {
        Some(seconds) => problem.retry_after(Duration::from_secs(seconds)),
        None => problem,
    }
    .into_response()
}

/// Adds an extension member of this protocol; none of them has a name that RFC 9457 has given a meaning.
fn with_member(document: Document, name: &str, value: impl Into<serde_json::Value>) -> Document {
    document.clone().with_member(name, value).unwrap_or(document)
}
