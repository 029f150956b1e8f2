//! The document itself: one type for writing, with a known type and no reserved names in its extensions, and one for
//! reading, which takes what any peer of any version sends.

use crate::mutant;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ProblemType;
use crate::ids::TraceNumber;
use crate::text::Bilingual;

const RESERVED: [&str; 7] = [
    "type",
    "title",
    "status",
    "detail",
    "instance",
    "trace",
    "next_step",
];
/// `instance` of a problem that has a trace number.
const TRACE_URN: &str = "urn:comity:trace:";

/// A problem to send. Built from its type, which decides title, status and next step.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: ProblemType,
    title: String,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<TraceNumber>,
    next_step: Bilingual,
    #[serde(flatten)]
    extensions: BTreeMap<String, Value>,
}

/// An extension member's name is one that RFC 9457 or this protocol has given a meaning.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("problem: the member name {0:?} is reserved")]
pub struct ReservedMember(pub String);

impl Problem {
    /// A problem of this type, with nothing particular to say yet.
    pub fn new(kind: ProblemType) -> Self {
        Self {
            kind,
            title: kind.title().to_string(),
            status: kind.status(),
            detail: None,
            instance: None,
            trace: None,
            next_step: kind.next_step().into(),
            extensions: BTreeMap::new(),
        }
    }

    /// Says what is particular about this occurrence. The caller sees it: no personal data, no inner workings.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Gives the number under which this node's log tells the whole story.
    #[must_use]
    pub fn with_trace(mut self, trace: TraceNumber) -> Self {
        self.instance = Some(format!("{TRACE_URN}{trace}"));
        self.trace = Some(trace);
        self
    }

    /// Adds an extension member (RFC 9457 §3.2), such as the current agreement digest.
    ///
    /// # Errors
    /// When the name already has a meaning.
    pub fn with_member(mut self, name: &str, value: impl Into<Value>) -> Result<Self, ReservedMember> {
        if RESERVED.contains(&name) {
            return Err(ReservedMember(name.to_owned()));
        }
        self.extensions.insert(name.to_owned(), value.into());
        Ok(self)
    }

    /// The type.
    pub fn kind(&self) -> ProblemType {
        self.kind
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// What is particular about this occurrence.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The number under which the log tells the whole story.
    pub fn trace(&self) -> Option<TraceNumber> {
        self.trace
    }

    /// The extension members.
    pub fn members(&self) -> &BTreeMap<String, Value> {
        &self.extensions
    }
}

impl From<ProblemType> for Problem {
    fn from(kind: ProblemType) -> Self {
        Self::new(kind)
    }
}

/// A problem as received. Every member may be missing or of another type, and is then as good as absent (RFC 9457
/// §3.1); the type may be from another version. Nothing in it is to be trusted or shown as our own words.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "BTreeMap<String, Value>")]
pub struct ReportedProblem {
    /// The `type` URI, `about:blank` when missing.
    pub uri: String,
    /// The sender's title.
    pub title: Option<String>,
    /// The status the sender claims; the response's own status line decides.
    pub status: Option<u16>,
    /// What is particular about this occurrence.
    pub detail: Option<String>,
    /// A URI for this occurrence.
    pub instance: Option<String>,
    /// The sender's trace number, as text: a newer version may form it otherwise.
    pub trace: Option<String>,
    /// What the sender says to do.
    pub next_step: Option<Bilingual>,
    /// Everything else.
    pub extensions: BTreeMap<String, Value>,
}

impl ReportedProblem {
    /// The type, when it is in the registry.
    pub fn kind(&self) -> Option<ProblemType> {
        let assumed = Some(ProblemType::Internal).filter(|_| mutant!("ERR-5"));
        ProblemType::from_uri(&self.uri).or(assumed)
    }

    /// Whether the same call may succeed later: by its type or, where that is not known, by the status of the answer.
    pub fn may_retry(&self, status: u16) -> bool {
        self.kind()
            .map_or(matches!(status, 429 | 503), ProblemType::may_retry)
    }
}

impl From<BTreeMap<String, Value>> for ReportedProblem {
    fn from(mut members: BTreeMap<String, Value>) -> Self {
        Self {
            uri: take(&mut members, "type").unwrap_or_else(|| "about:blank".to_owned()),
            title: take(&mut members, "title"),
            status: take(&mut members, "status"),
            detail: take(&mut members, "detail"),
            instance: take(&mut members, "instance"),
            trace: take(&mut members, "trace"),
            next_step: take(&mut members, "next_step"),
            extensions: members,
        }
    }
}

/// The member, if it is there and of the right type.
fn take<T: serde::de::DeserializeOwned>(members: &mut BTreeMap<String, Value>, name: &str) -> Option<T> {
    members
        .remove(name)
        .and_then(|value| match serde_json::from_value(value) {
            Err(_) if mutant!("ERR-5/wrong-type") => serde_json::from_value("unreadable".into()).ok(),
            value => value.ok(),
        })
}
