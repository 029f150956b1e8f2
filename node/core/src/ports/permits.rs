//! Permits as this county's register has them: the current row, the events that led to it, and the register files applied.

use async_trait::async_trait;
use comity_spec::attestation::{
    Basis, CredentialClass, IdType, InsuredMonths, PointsStandard, ResidencePeriod, Tier,
};
use comity_spec::exchange::{PermitStatus, SubjectNumber};
use comity_spec::ids::{CitizenNumber, Digest, PermitNumber, Region, Sex};
use comity_spec::status::StatusValue;
use comity_spec::time::{LocalDate, UnixSeconds};
use serde::{Deserialize, Serialize};

use super::store::StoreError;

/// Row id of a permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PermitId(pub uuid::Uuid);

/// What the permit says of its holder. Stored encrypted as one value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(
    missing_docs,
    reason = "each field is documented at the claim of the same name in comity_spec::attestation"
)]
pub struct PermitDetails {
    pub permit_number: PermitNumber,
    pub name: String,
    pub sex: Sex,
    pub ethnicity: String,
    pub birth_date: LocalDate,
    pub id_type: IdType,
    pub id_number: CitizenNumber,
    pub hukou_address: String,
    pub residence_address: String,
    pub residence_region: Region,
    pub issuing_authority: String,
    pub issue_date: LocalDate,
    pub tier: Tier,
    pub basis: Basis,
    pub residence_since: LocalDate,
    pub residence_periods: Vec<ResidencePeriod>,
    pub insured_months: Option<InsuredMonths>,
    pub points_standard_met: Option<PointsStandard>,
    pub credential_class: CredentialClass,
    pub previous_ids: Vec<String>,
    pub card_valid_until: Option<LocalDate>,
    pub elc_id: Option<String>,
}

/// The current state of a permit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    /// Row id.
    pub id: PermitId,
    /// 1 at first, one more at each change.
    pub version: i64,
    /// What it says.
    pub details: PermitDetails,
    /// Status; a lapse is never stored, it follows from `endorsed_until`.
    pub status: PermitStatus,
    /// Last day to which it is endorsed.
    pub endorsed_until: LocalDate,
    /// Day from which the endorsement year is counted.
    pub anniversary: LocalDate,
    /// The permit that replaced this one.
    pub replaced_by: Option<PermitId>,
    /// When this state was reached.
    pub changed_at: UnixSeconds,
}

/// What happened to a permit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PermitEvent {
    /// Read from a register file, new or changed, with the register's own word for it.
    Mirrored {
        /// `source_event` of the row.
        source_event: String,
        /// Sequence number of the file.
        sequence: u64,
    },
    /// Absent from a complete register file.
    LeftRegister {
        /// Sequence number of the file.
        sequence: u64,
    },
    /// Issued here.
    Issued {
        /// Evidence codes.
        evidence: Vec<String>,
    },
    /// Endorsed for a further year.
    Endorsed {
        /// New last day.
        until: LocalDate,
        /// Late: residence years restart on this day.
        restart: Option<LocalDate>,
        /// Evidence codes.
        evidence: Vec<String>,
    },
    /// Reported lost.
    ReportedLost,
    /// Found again.
    Found,
    /// Suspended, with a code that stays with the issuer.
    Suspended {
        /// Reason code.
        reason: String,
    },
    /// Reinstated.
    Reinstated {
        /// Reason code.
        reason: String,
    },
    /// Cancelled by two persons, with a code that stays with the issuer.
    Cancelled {
        /// Reason code.
        reason: String,
        /// Who approved.
        approved_by: String,
    },
    /// Replaced by a new permit.
    Replaced {
        /// The new one.
        by: PermitId,
        /// Evidence codes.
        evidence: Vec<String>,
    },
}

/// A permit's new state with the event that led to it, in one write.
#[derive(Clone, Debug)]
pub struct PermitChange {
    /// The new state; `version` is the new version.
    pub permit: Permit,
    /// The version that the author read: 0 for a new permit.
    pub expected: i64,
    /// What happened.
    pub event: PermitEvent,
    /// Who did it: an officer's pseudonym, or `register`.
    pub actor: String,
    /// Set on every unexpired status index of the permit, in the same transaction. An index that may not become this
    /// ([`StatusValue::may_become`]) stays as it is: what was superseded does not return to valid.
    pub status: Option<StatusValue>,
}

/// An event as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// 1, 2, 3… per permit: the version it led to.
    pub version: i64,
    /// When.
    pub at: UnixSeconds,
    /// What.
    pub event: PermitEvent,
    /// Who.
    pub actor: String,
}

/// A register file that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportMark {
    /// Names the file by its SHA-256 and its sequence number together: a register without changes exports the same bytes again.
    pub digest: Digest,
    /// Whole register, or changes only.
    pub full: bool,
    /// The register's sequence number.
    pub sequence: u64,
    /// Rows.
    pub rows: u64,
    /// When the register was read out.
    pub source_as_of: UnixSeconds,
    /// When it was applied here.
    pub applied_at: UnixSeconds,
}

/// Reading permits.
#[async_trait]
pub trait PermitReads: Send + Sync {
    /// One permit.
    async fn permit(&self, id: PermitId) -> Result<Option<Permit>, StoreError>;
    /// Every permit with this citizen or permit number, newest first. By blind index: nothing is scanned.
    async fn permits_by_number(&self, number: &SubjectNumber) -> Result<Vec<Permit>, StoreError>;
    /// What happened to a permit, oldest first.
    async fn events(&self, id: PermitId) -> Result<Vec<StoredEvent>, StoreError>;
    /// Permits in the order of their ids, after one.
    async fn permits_after(&self, after: Option<PermitId>, limit: u32) -> Result<Vec<Permit>, StoreError>;
    /// Valid permits, endorsed to today or later, that have no unexpired attestation of what they say now, for issuing in the
    /// background, in the order of their ids. Every change of what a permit says sets the indices of older attestations to
    /// superseded, so an unexpired attestation that is neither superseded nor cancelled states it as it is; being reported lost
    /// and found again changes nothing that an attestation says and needs no new one.
    async fn permits_without_attestation(
        &self,
        now: UnixSeconds,
        limit: u32,
    ) -> Result<Vec<Permit>, StoreError>;
    /// How many permits there are.
    async fn permit_count(&self) -> Result<u64, StoreError>;
    /// The last register file applied.
    async fn last_import(&self) -> Result<Option<ImportMark>, StoreError>;
    /// The register file with this digest, if it was applied.
    async fn import_by_digest(&self, digest: &Digest) -> Result<Option<ImportMark>, StoreError>;
}
