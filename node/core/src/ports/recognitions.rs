//! Verifications at our own windows: the decision, whether a named person confirmed the holder, and the receipt.

use async_trait::async_trait;
use comity_spec::decision::Decision;
use comity_spec::ids::{Jti, OfficerId, TraceNumber};
use comity_spec::receipt::EvidenceDigest;
use comity_spec::time::UnixSeconds;
use serde::{Deserialize, Serialize};

use super::store::StoreError;

/// Who the permit says it is of, as the clerk needs it at the window. Stored encrypted, erased at `erase_at`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownHolder {
    /// Name.
    pub name: String,
    /// Citizen or permit number.
    pub number: String,
}

/// One verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognition {
    /// Trace number: its key.
    pub trace: TraceNumber,
    /// 1 at first, one more at each change; a change is refused unless the stored one is one less.
    pub version: i64,
    /// Who checks.
    pub officer: OfficerId,
    /// Who settled it: the officer who checked, or a supervisor.
    pub settled_by: Option<OfficerId>,
    /// When it began.
    pub at: UnixSeconds,
    /// The decision as it stands.
    pub decision: Decision,
    /// Salted digests of what it rests on.
    pub evidence: Vec<EvidenceDigest>,
    /// The salt of the digests and of the holder binding.
    pub salt: Jti,
    /// Who the permit says it is of.
    pub holder: Option<ShownHolder>,
    /// (list address, index) of the attestation, so that a later cancellation finds live receipts.
    pub status_ref: Option<(String, u32)>,
    /// The signed receipt, once there is one.
    pub receipt: Option<String>,
    /// When the holder's data is erased.
    pub erase_at: UnixSeconds,
}

/// Reading verifications.
#[async_trait]
pub trait RecognitionReads: Send + Sync {
    /// One verification.
    async fn recognition(&self, trace: &TraceNumber) -> Result<Option<Recognition>, StoreError>;
    /// The newest verifications that an officer began or settled, newest first.
    async fn recognitions_of(&self, officer: &OfficerId, limit: u32) -> Result<Vec<Recognition>, StoreError>;
    /// Verifications that rested on a status index.
    async fn recognitions_by_status(&self, uri: &str, index: u32) -> Result<Vec<Recognition>, StoreError>;
    /// Verifications that rested on a status index which was seen as cancelled (a tombstone), and when it was seen; by time.
    async fn recognitions_cancelled(&self) -> Result<Vec<(Recognition, UnixSeconds)>, StoreError>;
}
