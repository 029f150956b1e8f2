//! Cases of the class issuer: the suite's counties recognise what the target issued.

use super::Case;

mod attestations;
mod limits;
mod look_up;
mod public;
mod replay;
mod requests;
mod status;
mod transport;

/// One line for each file.
pub(super) const THEMES: &[&[Case]] = &[
    look_up::CASES,
    requests::CASES,
    replay::CASES,
    attestations::CASES,
    transport::CASES,
    limits::CASES,
    status::CASES,
    public::CASES,
];
