//! The county's own register of residence permits: mirroring a register file, issuing, endorsing, changing.
//!
//! One use case a file. A permit is never changed in place: each change appends an event and derives the current row in the same
//! commit, together with the status bits that it sets. A lapse is never written, it follows from the date. Decree 663, articles 4
//! and 8 to 11 and 21; spec chapters on attestation and status.

pub mod import_register;
pub mod register_file;
pub mod synthetic;

use comity_spec::time::endorsement::EndorsementProfile;

use crate::attestations::Issuer;

/// What the county adds to the national rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PermitPolicy {
    /// Whether permits are issued here. Only for a county without a register of its own: with one, the register alone changes
    /// permits, and this node mirrors it.
    pub local_issuing: bool,
    /// Late endorsement.
    pub endorsement: EndorsementProfile,
}

/// The office that keeps the permits of a county, with its ports and rules.
#[derive(Clone, Copy)]
pub struct Bureau<'a> {
    /// Who issues, and the ports.
    pub issuer: Issuer<'a>,
    /// The county's rules.
    pub policy: PermitPolicy,
}

#[cfg(test)]
mod tests;
