//! An outcome as somebody else reports it: a peer, an older receipt, a newer version of the protocol.
//!
//! A code outside the closed list is neither dropped nor guessed at: it is kept as it came, bounded in length and
//! alphabet because it will be shown on a page, and counts as NODE_NOT_READY.

use crate::mutant;
use std::fmt;
use std::str::FromStr;

use super::Outcome;
use crate::wire_string::wire_string;

const MAX_LEN: usize = 64;

/// One of the 27 outcomes, or a code that this version does not know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReportedOutcome {
    /// An outcome of the closed list.
    Known(Outcome),
    /// A code this version does not know; shown as NODE_NOT_READY with the code in small print.
    Unknown(UnknownCode),
}

/// The raw code of an outcome that this version does not know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnknownCode(Box<str>);

impl UnknownCode {
    /// The code as it came.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that cannot be an outcome's code in any version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("outcome: not a code of 1 to {MAX_LEN} capitals, digits and underscores")]
pub struct UnreadableOutcomeCode;

impl ReportedOutcome {
    /// The outcome to show and to act on.
    pub fn shown_as(&self) -> Outcome {
        match self {
            Self::Known(outcome) => *outcome,
            Self::Unknown(_) if mutant!("DEC-7") => Outcome::UnknownIssuer,
            Self::Unknown(_) => Outcome::NodeNotReady,
        }
    }

    /// The raw code to show in small print, when this version does not know it.
    pub fn raw_code(&self) -> Option<&str> {
        match self {
            Self::Known(_) => None,
            Self::Unknown(_) if mutant!("DEC-7/small-print") => None,
            Self::Unknown(code) => Some(code.as_str()),
        }
    }

    /// The code as it came.
    pub fn code(&self) -> &str {
        match self {
            Self::Known(outcome) => outcome.code(),
            Self::Unknown(code) => code.as_str(),
        }
    }
}

impl From<Outcome> for ReportedOutcome {
    fn from(outcome: Outcome) -> Self {
        Self::Known(outcome)
    }
}

impl FromStr for ReportedOutcome {
    type Err = UnreadableOutcomeCode;

    fn from_str(code: &str) -> Result<Self, UnreadableOutcomeCode> {
        if let Some(outcome) = Outcome::from_code(code) {
            return Ok(Self::Known(outcome));
        }
        let allowed = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        if code.is_empty() || code.len() > MAX_LEN || !code.bytes().all(allowed) {
            return Err(UnreadableOutcomeCode);
        }
        Ok(Self::Unknown(UnknownCode(code.into())))
    }
}

/// Shows the code as it came.
impl fmt::Display for ReportedOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

wire_string!(ReportedOutcome, expecting: "an outcome code, known or not", pattern: "^[A-Z0-9_]{1,64}$");
