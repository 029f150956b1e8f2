//! Time: seconds for messages, local dates for permits.
//!
//! Signed objects live by the second ([`UnixSeconds`], RFC 7519 NumericDate narrowed to integers); permits live by the
//! day in China's one time zone ([`LocalDate`], UTC+8, no summer time). This module reads no clock: every instant comes
//! in as an argument (spec chapter 01, `TIM`).

pub mod endorsement;
mod local_date;
mod unix_seconds;

pub use local_date::{LocalDate, LocalDateError};
pub use unix_seconds::{TimeOutOfRange, UnixSeconds};

#[cfg(test)]
mod tests;
