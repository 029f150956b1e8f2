//! Conformance classes (chapter 0.2) and the cases that bind them.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A class that this suite can judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Class {
    /// The county that issued: attestations, status lists, answers
    Issuer,
    /// The county whose window asks: verifies, asks, decides
    Recogniser,
    /// Issuer and recogniser in one county
    Node,
    /// Says which county exists
    Authority,
    /// A verifier with a bundle, an anchor and no network
    Offline,
}

impl Class {
    /// Its name in chapter 0.2.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::Recogniser => "recogniser",
            Self::Node => "node",
            Self::Authority => "authority",
            Self::Offline => "offline",
        }
    }

    /// Whether it is judged by a world of running peers and a target program, not by vectors and an adapter.
    pub(crate) const fn is_networked(self) -> bool {
        !matches!(self, Self::Offline)
    }

    /// Whether cases of `other` bind it: a node is issuer and recogniser.
    pub(crate) fn includes(self, other: Self) -> bool {
        self == other || (self == Self::Node && matches!(other, Self::Issuer | Self::Recogniser))
    }

    /// Whether vectors of this kind bind the class. Chapters 7 and 10, requests, answers, hints and problems, bind no off-line verifier;
    /// the vectors are asked of off-line verifiers alone.
    pub(crate) fn is_bound_by(self, kind: &str) -> bool {
        match self {
            Self::Offline => !matches!(kind, "request" | "response" | "hint" | "problem"),
            Self::Issuer | Self::Recogniser | Self::Node | Self::Authority => false,
        }
    }
}
