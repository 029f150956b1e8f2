//! Cases of the class recogniser: the suite's counties issued what the target's window sees.

use super::Case;

mod presented;

/// One line for each file.
pub(super) const THEMES: &[&[Case]] = &[presented::CASES];
