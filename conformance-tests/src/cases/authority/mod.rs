//! Cases of the class authority: the target is an anchor.

use super::Case;

/// One line for each file.
pub(super) const THEMES: &[&[Case]] = &[];
