//! Wire types of the Comity protocol: what nodes sign, send and answer, and nothing else.
//!
//! Every type here is plain data with one spelling on the wire. The crate does no I/O, reads no clock and no random
//! numbers, checks no signature and decides nothing: that is the verifier's work. The normative text stands beside it
//! in `spec/protocol/`; requirement ids such as `IDN-1` in the tests refer to it.

pub mod agreement;
pub mod attestation;
pub mod bundle;
pub mod catalogue;
pub mod conformance;
pub mod decision;
pub mod entity;
pub mod exchange;
pub mod ids;
pub mod jose;
pub mod mutants;
pub mod outcome;
pub mod problem;
pub mod receipt;
pub mod status;
pub mod text;
pub mod time;
pub mod vector;

mod wire_string;
