//! Deliberate mistakes by name, so that the conformance suite can be tested itself: a suite that does not notice a broken
//! implementation proves nothing by passing a whole one.
//!
//! [`mutant!`](crate::mutant) stands in the code beside the check that it breaks. It is the literal `false` in every ordinary
//! build: nothing is asked at run time and no name is left in the program. With the cargo feature `mutants`, which nothing
//! turns on by default, it is true when the environment variable `COMITY_MUTANT` holds the name. A program built so refuses a
//! name that the register (`conformance-tests/mutants.toml`) does not know, lest a slip of the pen look like a survivor. It must
//! never be installed anywhere.

/// Whether the mistake of this name is to be made: a requirement's id, or `ID/slug` where one requirement has several.
///
/// The literal `false` unless the feature `mutants` is on.
#[cfg(not(feature = "mutants"))]
#[macro_export]
macro_rules! mutant {
    ($name:literal) => {
        false
    };
}

/// Whether the mistake of this name is to be made: a requirement's id, or `ID/slug` where one requirement has several.
///
/// The literal `false` unless the feature `mutants` is on.
#[cfg(feature = "mutants")]
#[macro_export]
macro_rules! mutant {
    ($name:literal) => {
        $crate::mutants::is_active($name)
    };
}

#[cfg(feature = "mutants")]
mod active {
    use std::sync::OnceLock;

    use thiserror::Error;

    /// Where the mistake is named.
    const VARIABLE: &str = "COMITY_MUTANT";

    const REGISTER: &str = include_str!("../../conformance-tests/mutants.toml");

    /// `COMITY_MUTANT` names no mistake of the register. The fault of whoever set it.
    #[derive(Clone, Debug, PartialEq, Eq, Error)]
    #[error(
        "没有这个变异体 / COMITY_MUTANT: {0:?} is not in conformance-tests/mutants.toml; the program does not start"
    )]
    pub struct UnknownMutant(String);

    fn chosen() -> Option<&'static str> {
        static CHOSEN: OnceLock<Option<String>> = OnceLock::new();
        CHOSEN
            .get_or_init(|| std::env::var_os(VARIABLE).map(|name| name.to_string_lossy().into_owned()))
            .as_deref()
    }

    /// Whether `COMITY_MUTANT` held this name when it was first asked for.
    #[must_use]
    pub fn is_active(name: &str) -> bool {
        chosen() == Some(name)
    }

    /// Asked first of all by every program that can be built with mistakes.
    ///
    /// # Errors
    /// [`UnknownMutant`] when a name is given that the register does not have.
    pub fn known() -> Result<(), UnknownMutant> {
        match chosen() {
            Some(name) if !names().any(|known| known == name) => Err(UnknownMutant(name.to_owned())),
            _ => Ok(()),
        }
    }

    /// Every name of the register: its lines `name = "…"`.
    fn names() -> impl Iterator<Item = &'static str> {
        REGISTER
            .lines()
            .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
    }
}

#[cfg(feature = "mutants")]
pub use active::{UnknownMutant, is_active, known};
