//! A county node without its wires: use cases and the ports they need.
//!
//! A use case is one file with one public function that takes a `Node` (or the ports it needs) and a command, and returns a typed
//! result. Nothing here knows HTTP, SQL or TLS, reads a clock or draws a random number by itself.
//!
//! | folder | what it is for |
//! |---|---|
//! | `permits/` | the county's own register: mirroring, issuing, endorsing, changing |
//! | `attestations/` | SD-JWTs and status lists this county signs |
//! | `federation/` | authorities, our own statements, refreshing what others state, agreements, messages to peers |
//! | `exchange/` | answering and making signed look-ups |
//! | `recognition/` | a verification at our own window, from the scan to the receipt |
//! | `audit/` | the hash-chained record |
//! | `staff/` | officers, sessions, two-person acts |

pub mod attestations;
pub mod audit;
mod chain;
pub mod exchange;
pub mod federation;
pub mod live;
pub mod node;
pub mod permits;
pub mod ports;
pub mod recognition;
pub mod restored;
pub mod signing;
pub mod staff;

pub use chain::chain;
pub use node::{Identity, Node, Policy, View};

#[cfg(any(test, feature = "testing"))]
pub mod testing;
