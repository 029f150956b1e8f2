//! The target of the networked classes: the file that describes it ([`mod@file`]), the lines that its program reads and writes
//! ([`contract`]). README.md, "The target program", is the contract in words; the types here are the same thing, closed.
//!
//! Nothing here judges: a target reports, cases judge.

pub(crate) mod contract;
pub(crate) mod file;
pub(crate) mod program;
