//! Agreements, in every version, from proposal to adoption, and withdrawals.

use async_trait::async_trait;
use comity_spec::agreement::SignedAgreement;
use comity_spec::ids::{AgreementId, Digest, EntityId};
use comity_spec::time::UnixSeconds;

use super::store::StoreError;

/// How far a version has come here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AgreementState {
    /// Signatures are missing.
    Proposed,
    /// Every party's signature was verified under the keys it pins; recorded so that later rotation does no harm.
    Adopted,
    /// A party signed two successors of one version: both are void.
    Void,
}

/// One version of an agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgreementRow {
    /// Identifier.
    pub id: AgreementId,
    /// Version.
    pub version: u32,
    /// SHA-256 of the payload octets.
    pub digest: Digest,
    /// As signed so far.
    pub signed: SignedAgreement,
    /// How far it has come.
    pub state: AgreementState,
    /// When this row last changed.
    pub changed_at: UnixSeconds,
}

/// A withdrawal, as signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithdrawalRow {
    /// The agreement.
    pub id: AgreementId,
    /// Who withdrew.
    pub iss: EntityId,
    /// Issued at.
    pub iat: UnixSeconds,
    /// When it was first seen here: the notice counts from then (AGR-22). Of a row that is stored already the earlier one stands.
    pub seen_at: UnixSeconds,
    /// Compact JWS.
    pub jws: String,
}

/// Reading agreements.
#[async_trait]
pub trait AgreementReads: Send + Sync {
    /// Every text of every version of every agreement, by (id, version, digest): one that was adopted or is void, and any number that
    /// wait for signatures.
    async fn agreements(&self) -> Result<Vec<AgreementRow>, StoreError>;
    /// Every withdrawal.
    async fn withdrawals(&self) -> Result<Vec<WithdrawalRow>, StoreError>;
}
