//! Cases of the class node: issuer and recogniser in one county, and what holds for both.

use super::Case;

mod agreements;
mod incidents;
mod restarts;

/// One line for each file.
pub(super) const THEMES: &[&[Case]] = &[agreements::CASES, incidents::CASES, restarts::CASES];
