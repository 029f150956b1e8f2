//! The county's own register of residence permits: mirroring a register file, issuing, endorsing, changing.
//!
//! One use case a file. A permit is never changed in place: each change appends an event and derives the current row in the same
//! commit, together with the status bits that it sets. A lapse is never written, it follows from the date. Decree 663, articles 4
//! and 8 to 11 and 21; spec chapters on attestation and status.

pub mod synthetic;
