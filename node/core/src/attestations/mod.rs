//! Attestations and status lists that this county signs.
//!
//! [`allocator`] hands out status indices along a secret order; [`sd_jwt`] builds the token of one permit (RFC 9901);
//! [`issue_for_permit`] and [`issue_missing`] sign and store them, both forms of a permit in one commit; [`status_publication`]
//! signs the lists (Token Status List). What an attestation says comes from the register alone: nothing here decides whether
//! somebody has a permit. Verification is another crate's work and shares no code with this.

pub mod allocator;
pub mod issue_for_permit;
pub mod issue_missing;
pub mod sd_jwt;
pub mod status_publication;

use comity_spec::entity::Environment;
use comity_spec::ids::{EntityId, Region};
use comity_spec::time::UnixSeconds;

pub use allocator::StatusAllocator;

use crate::ports::signer::Signers;
use crate::ports::store::{Store, StoreError};
use crate::ports::{Clock, Rng};
use crate::signing::SigningError;

/// Name of the setting that holds `source_as_of` in Unix seconds; written by each applied register file.
pub const SOURCE_AS_OF: &str = "source_as_of";
/// Path of our status lists under the public base URL, before the list's number.
pub const STATUS_LIST_PATH: &str = "/status-lists/";

/// Who issues, and the ports that issuing needs.
#[derive(Clone, Copy)]
pub struct Issuer<'a> {
    /// The county's entity id: `iss`.
    pub entity: &'a EntityId,
    /// Base URL of the public listener, without a trailing slash; status lists stand under it.
    pub public_base: &'a str,
    /// The county's region.
    pub region: Region,
    /// Test or real.
    pub environment: Environment,
    /// Whether this node itself is the register, so that its data is never older than now.
    pub is_register: bool,
    /// Storage.
    pub store: &'a dyn Store,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Randomness.
    pub rng: &'a dyn Rng,
    /// Keys; those for attestations and status lists are used.
    pub signers: &'a Signers,
    /// Status indices.
    pub allocator: &'a StatusAllocator,
}

impl Issuer<'_> {
    /// When this node last reconciled completely with the register it mirrors; now, where it is the register itself; second 0
    /// where it never did, which reads as older than any limit.
    ///
    /// # Errors
    /// When the store does not answer or the setting does not read.
    pub async fn source_as_of(&self) -> Result<UnixSeconds, StoreError> {
        if self.is_register {
            return Ok(self.clock.now());
        }
        let Some(text) = self.store.setting(SOURCE_AS_OF).await? else {
            return Ok(UnixSeconds::MIN);
        };
        text.parse().map_err(|_| StoreError::Corrupt {
            table: "setting",
            reason: format!("{SOURCE_AS_OF} is not in Unix seconds"),
        })
    }
}

/// Why an attestation or a status list was not issued. Nothing of the batch was stored.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The signing key.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// A claim that does not serialise; a defect of ours.
    #[error("a claim does not serialise: {0}")]
    Claims(#[from] serde_json::Error),
    /// More claims than digests; a defect of ours.
    #[error("{claims} claims do not fit the {digests} digests of the form")]
    TooManyClaims {
        /// Claims to disclose.
        claims: usize,
        /// Digests of the form.
        digests: usize,
    },
    /// The clock went back so far that a list signed now would be older than one already out, or dated in the future.
    #[error(
        "本机时钟慢于已签发的状态列表，请校时 / the clock ({now}) is behind the last status list signed ({signed}): set it right"
    )]
    ClockBehind {
        /// `iat` of the last list.
        signed: UnixSeconds,
        /// The clock.
        now: UnixSeconds,
    },
}

#[cfg(test)]
mod tests;
