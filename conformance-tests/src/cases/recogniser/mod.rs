//! Cases of the class recogniser: the suite's counties issued what the target's window sees.

use super::Case;

mod addresses;
mod coverage;
mod hints;
mod look_up;
mod presented;
mod standing;
mod status;
mod tombstones;
mod trust;

/// One line for each file.
pub(super) const THEMES: &[&[Case]] = &[
    presented::CASES,
    presented::DEFECTS,
    coverage::CASES,
    status::CASES,
    status::LISTS,
    status::SERVERS,
    tombstones::CASES,
    look_up::CASES,
    look_up::ANSWERS,
    look_up::REPLIES,
    look_up::STATES,
    trust::CASES,
    trust::PAIRS,
    trust::SERVERS,
    addresses::CASES,
    standing::CASES,
    standing::LISTS,
    hints::CASES,
    hints::HINTED,
    hints::WITHDRAWALS,
];
