//! Cases of the class authority: the target is an anchor.

use super::Case;

mod applications;
mod members;
mod publication;

/// One line for each file.
pub(super) const THEMES: &[&[Case]] = &[applications::CASES, members::CASES, publication::CASES];
