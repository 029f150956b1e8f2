//! Problem documents (RFC 9457): how a malformed or unauthorised *call* is refused.
//!
//! A verification that fails is a result with an outcome, never a problem. The registry is closed: an implementation
//! adds no type, and a reader treats one it does not know by its HTTP status ([`ReportedProblem`]). A problem says
//! whose fault it is and what to do, in Chinese first, and never carries personal data, a stack or an address. The
//! federation endpoints keep OpenID Federation's own `error` form instead (spec chapter 10, `ERR`).

mod document;
mod table;

pub use document::{Problem, ReportedProblem, ReservedMember};
pub use table::ProblemType;

use std::fmt;

use crate::wire_string::wire_string;

/// What every type's URI begins with.
pub const URI_PREFIX: &str = "urn:comity:problem:";

/// Media type of a problem document (RFC 9457 §3).
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Whose fault a problem is, so that nobody searches on the wrong side of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Whoever sent the call must change it.
    Caller,
    /// Not this one call but the standing behind it (membership, keys, lists): another county or its authority must act.
    Peer,
    /// This node, its configuration or its operator.
    Ours,
}

/// A URI that is not in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("problem: type is not in the closed registry")]
pub struct UnknownProblemType;

impl ProblemType {
    /// The `type` URI.
    pub fn uri(self) -> String {
        format!("{URI_PREFIX}{}", self.slug())
    }

    /// The type with this slug.
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.slug() == slug)
    }

    /// The type with this URI.
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::from_slug(uri.strip_prefix(URI_PREFIX)?)
    }

    /// Whether the same call may succeed later without being changed.
    pub const fn may_retry(self) -> bool {
        matches!(self.status(), 429 | 503)
    }
}

impl std::str::FromStr for ProblemType {
    type Err = UnknownProblemType;

    fn from_str(uri: &str) -> Result<Self, UnknownProblemType> {
        Self::from_uri(uri).ok_or(UnknownProblemType)
    }
}

/// Shows the URI.
impl fmt::Display for ProblemType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{URI_PREFIX}{}", self.slug())
    }
}

wire_string!(ProblemType, expecting: "the URI of a problem type", enumerated: ProblemType::ALL.map(ProblemType::uri));

#[cfg(test)]
mod tests;
