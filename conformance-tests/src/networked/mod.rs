//! The networked classes at work: the world is set up, the target started and taken in, every case played and judged.
//!
//! `preflight` goes the same way up to the first case, so that a configuration error is found as one and not as dozens of failures.

pub(crate) mod init;
mod judge;
mod lanes;
mod offline;
pub(crate) mod preflight;
mod record;
pub(crate) mod run;
pub(crate) mod stage;

pub(crate) use run::Args;
pub(crate) use stage::StageError;
