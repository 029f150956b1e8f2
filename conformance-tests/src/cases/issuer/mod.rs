//! Cases of the class issuer: the suite's counties recognise what the target issued.

use super::Case;

mod look_up;

/// One line for each file.
pub(super) const THEMES: &[&[Case]] = &[look_up::CASES];
