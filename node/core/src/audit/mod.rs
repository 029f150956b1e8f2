//! The record of exchanges: one line for everything that was asked, answered, decided and confirmed here, linked into a hash chain.
//!
//! Each line is written in the same commit as what it tells of: no record, no answer (REC-2). A line holds salted
//! digests, purpose, officer, legal basis, times and outcome, and no name and no number of anybody. [`fn@sign_head`] signs where
//! the chain stands; [`fn@verify_record`] walks it and names the first line that does not hold.

pub mod line;
pub mod sign_head;
pub mod verify_record;

pub use line::{Asked, Direction, Event, ForWhom, Line, salted};
pub use sign_head::{RecordHeadClaims, sign_head};
pub use verify_record::{Broken, RecordReport, verify_record};

#[cfg(test)]
mod tests;
