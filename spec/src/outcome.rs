//! The closed list of 27 outcomes: what a verification may say, in which order the first one wins, and in which words.
//!
//! An implementation adds no code; what another version of the protocol may send is kept as it came and shown as
//! NODE_NOT_READY ([`ReportedOutcome`]). Grey means that *we* cannot tell and is never a refusal of the person. The
//! Chinese texts are normative, the English a courtesy. This module orders and words the outcomes; which of them
//! applies is the verifier's decision (spec chapter 08, `DEC`).

mod reported;
mod table;
mod wording;

pub use reported::{ReportedOutcome, UnknownCode, UnreadableOutcomeCode};
pub use table::Outcome;
pub use wording::Particular;

use crate::mutant;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text::Text;
use crate::wire_string::wire_string;

/// The four classes: what an outcome means for the person at the window. Always shown as icon, word and colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OutcomeClass {
    /// Recognised.
    Green,
    /// Something is to be done, by the holder or at the window.
    Amber,
    /// Not recognised.
    Red,
    /// We cannot tell; not the holder's doing, and never a refusal.
    Grey,
}

impl OutcomeClass {
    /// Every class.
    pub const ALL: [Self; 4] = [Self::Green, Self::Amber, Self::Red, Self::Grey];

    /// The word that stands beside the icon.
    pub const fn word(self) -> Text {
        match self {
            Self::Green => Text::new("予以互认", "Recognised"),
            Self::Amber => Text::new("需处理", "Action needed"),
            Self::Red => Text::new("不予互认", "Not recognised"),
            Self::Grey => Text::new(
                "无法判断（不是持证人的原因）",
                "Cannot tell (not the holder's doing)",
            ),
        }
    }

    /// The icon, so that colour is never the only sign.
    pub fn icon(self) -> char {
        match self {
            Self::Grey if mutant!("DEC-4/icon") => Self::Red.icon(),
            Self::Green => '✓',
            Self::Amber => '!',
            Self::Red => '✕',
            Self::Grey => '?',
        }
    }

    /// The exit code of a command whose verdict has this class.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Grey if mutant!("DEC-4") => Self::Red.exit_code(),
            Self::Green => 0,
            Self::Amber => 10,
            Self::Red => 20,
            Self::Grey => 30,
        }
    }
}

/// Shows the word, Chinese first.
impl fmt::Display for OutcomeClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.word().fmt(f)
    }
}

/// A code that is not among the 27.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("outcome: not one of the 27 codes of the closed list")]
pub struct UnknownOutcomeCode;

impl Outcome {
    /// The outcome with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.code() == code)
    }

    /// Place in the order of precedence, from 1: of several that apply, the lowest is the outcome.
    pub const fn order(self) -> u8 {
        self as u8 + 1
    }

    /// The icon of its class.
    pub fn icon(self) -> char {
        self.class().icon()
    }

    /// The exit code of its class.
    pub fn exit_code(self) -> u8 {
        self.class().exit_code()
    }
}

impl std::str::FromStr for Outcome {
    type Err = UnknownOutcomeCode;

    fn from_str(code: &str) -> Result<Self, UnknownOutcomeCode> {
        let assumed = Some(Self::NodeNotReady).filter(|_| mutant!("DEC-1"));
        Self::from_code(code).or(assumed).ok_or(UnknownOutcomeCode)
    }
}

/// Shows the code.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

wire_string!(Outcome, expecting: "an outcome code", enumerated: Outcome::ALL.map(Outcome::code));

#[cfg(test)]
mod tests;
