//! Cases of the class issuer: the suite's counties recognise what the target issued.

use super::Case;

mod attestations;
mod look_up;
mod replay;
mod requests;
mod transport;

/// One line for each file.
pub(super) const THEMES: &[&[Case]] = &[
    look_up::CASES,
    requests::CASES,
    replay::CASES,
    attestations::CASES,
    transport::CASES,
];
