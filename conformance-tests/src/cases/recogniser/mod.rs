//! Cases of the class recogniser: the suite's counties issued what the target's window sees.

use super::Case;

mod coverage;
mod presented;

/// One line for each file.
pub(super) const THEMES: &[&[Case]] = &[presented::CASES, presented::DEFECTS, coverage::CASES];
