//! The county's own register of residence permits: mirroring a register file, issuing, endorsing, changing.
//!
//! One use case a file. A permit is never changed in place: each change appends an event and derives the current row in the same
//! commit, together with the status bits that it sets. A lapse is never written, it follows from the date. Decree 663, articles 4
//! and 8 to 11 and 21; spec chapters on attestation and status.

pub mod codes;
pub mod decide_cancellation;
pub mod endorse;
pub mod found;
pub mod import_register;
pub mod issue;
pub mod lifecycle;
pub mod numbering;
pub mod office;
pub mod propose_cancellation;
pub mod refusal;
pub mod register_file;
pub mod reinstate;
pub mod replace;
pub mod report_lost;
pub mod suspend;
pub mod synthetic;

pub use office::{Bureau, Done, PermitPolicy};
pub use refusal::{NotEntitled, PermitError, Refusal};

#[cfg(test)]
mod tests;
