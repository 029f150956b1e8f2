//! A permit as it is presented: a code, a file or a wallet's answer, from bytes to typed evidence (chapters 5 and 7.1).
//!
//! [`open`] does all of it in one call, so that nobody can forget a step: it reads the digits of a code or the text of an SD-JWT,
//! asks the trust chain who the issuer is, verifies the signature by that issuer's attestation keys alone, processes the
//! disclosures, checks the key binding that the *recogniser* asks for, and reads the claims into their types. What it refuses
//! it refuses as a [`Refusal`](crate::decide::Refusal), by the one table in `refusal`. It does not judge status, dates or coverage: that is
//! [`crate::decide`]. It fetches nothing, and no address in a token is ever followed.

use comity_spec::attestation::{PermitClaims, StatusClaim, StatusReference};
use comity_spec::exchange::SKEW;
use comity_spec::ids::{Digest, EntityId, Region};
use comity_spec::mutant;
use comity_spec::time::{LocalDate, UnixSeconds};
use serde::Deserialize;

use crate::jws::Verified;
use crate::sd_jwt::HolderProof;

mod open;
pub mod refusal;
#[cfg(test)]
mod tests;

pub use open::open;
pub use refusal::PresentationError;

/// A permit whose presentation was verified: issuer, signature, disclosures, key binding. To hold one is the proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    attestation: Verified<Attested>,
}

/// What the issuer signed, read into types.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Attested {
    iss: EntityId,
    open: OpenClaims,
    permit: PermitClaims,
    holder: Option<HolderProof>,
}

/// The claims that stand open in every attestation, besides those by which its issuer was found.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct OpenClaims {
    iat: UnixSeconds,
    nbf: UnixSeconds,
    exp: UnixSeconds,
    status: StatusClaim,
    // Informative here: the age of *status* is that of its list.
    #[allow(dead_code, reason = "required by the profile, so that its absence refuses")]
    source_as_of: UnixSeconds,
    region: Region,
}

impl Presented {
    /// The county whose bureau issued the permit.
    #[must_use]
    pub const fn issuer(&self) -> &EntityId {
        &self.attestation.value().iss
    }

    /// Its region, which the trust chain confirms.
    #[must_use]
    pub const fn region(&self) -> Region {
        self.attestation.value().open.region
    }

    /// Where its status stands.
    #[must_use]
    pub const fn status(&self) -> &StatusReference {
        &self.attestation.value().open.status.status_list
    }

    /// What was disclosed about the permit.
    #[must_use]
    pub const fn claims(&self) -> &PermitClaims {
        &self.attestation.value().permit
    }

    /// When the attestation was issued.
    #[must_use]
    pub const fn issued_at(&self) -> UnixSeconds {
        self.attestation.value().open.iat
    }

    /// First day of use.
    #[must_use]
    pub fn valid_from(&self) -> LocalDate {
        LocalDate::of(self.attestation.value().open.nbf)
    }

    /// Whether its first second lies ahead, with the tolerance for clocks.
    #[must_use]
    pub const fn not_yet_valid(&self, now: UnixSeconds) -> bool {
        self.attestation.value().open.nbf.since(now) > SKEW
    }

    /// Last day to which the permit was endorsed when the attestation was issued.
    #[must_use]
    pub fn endorsed_until(&self) -> LocalDate {
        let exp = self.attestation.value().open.exp;
        LocalDate::of(if mutant!("ATT-5") {
            exp.plus_saturating(1)
        } else {
            exp
        })
    }

    /// The holder's proof of possession, where one was presented.
    #[must_use]
    pub const fn holder(&self) -> Option<&HolderProof> {
        self.attestation.value().holder.as_ref()
    }

    /// The SD-JWT as received (out of its digits), for digests and records.
    #[must_use]
    pub fn received(&self) -> &[u8] {
        self.attestation.received()
    }

    /// SHA-256 of what was received.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.received())
    }
}
