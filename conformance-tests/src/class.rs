//! Conformance classes (chapter 0.2) and the kinds of cases that bind them.

use clap::ValueEnum;

/// A class that this suite can judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Class {
    /// A verifier with a bundle, an anchor and no network
    Offline,
}

impl Class {
    /// Its name in chapter 0.2.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Offline => "offline",
        }
    }

    /// Whether cases of this kind bind the class. Chapter 7, requests, answers and hints, does not bind an off-line verifier.
    pub(crate) fn is_bound_by(self, kind: &str) -> bool {
        match self {
            Self::Offline => !matches!(kind, "request" | "response" | "hint"),
        }
    }
}
