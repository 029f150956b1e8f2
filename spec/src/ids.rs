//! Identifiers: who, where, which permit, which agreement, which bytes.
//!
//! Each is its own type, so that a permit number cannot stand where a citizen number belongs, and each is refused at
//! the edge with the reason. Every one has exactly one spelling (spec chapter 01, `IDN`): nothing is trimmed,
//! lower-cased or percent-decoded on the way in, save the final `x` of a citizen number. This module knows forms, not
//! existence: a well-formed region may have been abolished, a well-formed number may belong to nobody.

mod citizen_number;
mod digest;
mod entity_id;
mod mod_11_2;
mod named;
mod permit_number;
mod region;
mod trace_number;

pub use citizen_number::{CitizenNumber, CitizenNumberError, Sex};
pub use digest::{Digest, Jti, NotBase64Url, SpkiPin, Thumbprint};
pub use entity_id::{EntityId, EntityIdError};
pub use named::{AgreementId, OfficerId, ProviderId, ServiceCode};
pub use permit_number::{PermitNumber, PermitNumberNotAssignable};
pub use region::{Region, RegionLevel, RegionPrefix};
pub use trace_number::{TraceNumber, TraceNumberError};

/// Why a text is not the identifier it should be. Positions count characters from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Too short or too long.
    #[error("{what}: {found} characters, expected {min} to {max}")]
    Length {
        /// Which identifier was expected.
        what: &'static str,
        /// Fewest characters allowed.
        min: usize,
        /// Most characters allowed.
        max: usize,
        /// Characters found.
        found: usize,
    },
    /// A character outside the alphabet of this identifier.
    #[error("{what}: character {position} is not allowed, expected only {alphabet}")]
    Character {
        /// Which identifier was expected.
        what: &'static str,
        /// Where, from 1.
        position: usize,
        /// What is allowed.
        alphabet: &'static str,
    },
}

/// Checks length and alphabet; every character of every alphabet here is ASCII.
fn check(
    what: &'static str,
    text: &str,
    (min, max): (usize, usize),
    alphabet: &'static str,
    allowed: fn(char) -> bool,
) -> Result<(), IdError> {
    // Bytes bound characters from above, so a huge text is not walked.
    let found = if text.len() > 4 * max {
        text.len()
    } else {
        text.chars().count()
    };
    if found < min || found > max {
        return Err(IdError::Length {
            what,
            min,
            max,
            found,
        });
    }
    match text.chars().position(|c| !allowed(c)) {
        Some(index) => Err(IdError::Character {
            what,
            position: index + 1,
            alphabet,
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
