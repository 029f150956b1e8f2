//! What a line of the record says. Its JSON, in the order of these fields, is what is hashed and linked.
//!
//! Only types that cannot hold a name or a number of a person stand here: codes, digests, pseudonyms, times. PIPL art. 54 to 56
//! ask for such a record; Cybersecurity Law art. 21 for six months of it at least.

use comity_spec::agreement::AgreementRef;
use comity_spec::attestation::ClaimName;
use comity_spec::exchange::{Beneficiary, LegalBasis, PresentedBy, Purpose};
use comity_spec::ids::{Digest, EntityId, Jti, OfficerId, ProviderId, ServiceCode, TraceNumber};
use comity_spec::receipt::EvidenceDigest;
use comity_spec::time::UnixSeconds;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::ports::record::RecordBody;
use crate::ports::store::Write;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A peer's look-up was answered.
    Answered,
    /// A permit was verified at our window.
    Verified,
    /// A named person confirmed the holder, or did not.
    Confirmed,
    /// A verification was closed with a receipt and without a confirmation.
    Closed,
    /// A holder's name and number were shown in full to an officer.
    HolderShown,
    /// Receipts of ours were found to rest on a permit cancelled since.
    ReceiptRevoked,
    /// An officer was added or changed.
    OfficerChanged,
    /// An officer signed in.
    SignedIn,
    /// A sign-in was refused.
    SignInRefused,
    /// An officer was locked out after too many wrong passwords.
    LockedOut,
    /// An officer signed out.
    SignedOut,
    /// An officer changed the password.
    PasswordChanged,
    /// The store was restored from a backup: lines that came after the copy are not in this record.
    StoreRestored,
}

/// Whose permit it was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// A permit of ours, told to another county.
    Issued,
    /// A permit of another county, at our window.
    Recognised,
}

/// For whom, without saying who.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForWhom {
    /// The holder.
    Holder,
    /// A child of the holder.
    Child,
}

impl From<&Beneficiary> for ForWhom {
    fn from(beneficiary: &Beneficiary) -> Self {
        match beneficiary {
            Beneficiary::Holder => Self::Holder,
            Beneficiary::Child(_) => Self::Child,
        }
    }
}

/// What was asked for, why and on what basis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Why; absent where the window chose none, which is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// The service.
    pub service: ServiceCode,
    /// The institution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<ProviderId>,
    /// On what it rests.
    pub legal_basis: LegalBasis,
    /// Who presented.
    pub presented_by: PresentedBy,
    /// For whom.
    pub for_whom: ForWhom,
    /// What could be learnt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<ClaimName>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// What happened.
    pub event: Event,
    /// When.
    pub at: UnixSeconds,
    /// Whose permit it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Number of our own verification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceNumber>,
    /// The other county.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<EntityId>,
    /// Our officer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub officer: Option<OfficerId>,
    /// What was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// The recogniser's random reference of the case: the two counties' lines about one look-up share it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case_ref: Option<Jti>,
    /// The agreement it rested on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<AgreementRef>,
    /// The code of one of the 27 outcomes, `match` or `no_match`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Salted digests of what it rested on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<EvidenceDigest>,
    /// The salt, where it is kept nowhere else. That of a verification stands in its row and goes with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<Jti>,
}

impl Line {
    /// A line that says only what happened and when.
    #[must_use]
    pub const fn new(event: Event, at: UnixSeconds) -> Self {
        Self {
            event,
            at,
            direction: None,
            trace: None,
            peer: None,
            officer: None,
            asked: None,
            case_ref: None,
            agreement: None,
            outcome: None,
            evidence: Vec::new(),
            salt: None,
        }
    }

    /// A line about an officer of ours.
    #[must_use]
    pub fn about(event: Event, at: UnixSeconds, officer: &OfficerId) -> Self {
        Self {
            officer: Some(officer.clone()),
            ..Self::new(event, at)
        }
    }

    /// The write that appends it.
    ///
    /// # Errors
    /// A line that does not serialise, which would be a defect of ours; then nothing may be answered.
    pub fn write(&self) -> Result<Write, serde_json::Error> {
        let body = serde_json::to_string(self)?;
        Ok(Write::Record(RecordBody { at: self.at, body }))
    }
}

/// SHA-256(salt ‖ bytes).
#[must_use]
pub fn salted(salt: &Jti, kind: &str, bytes: &[u8]) -> EvidenceDigest {
    let hash = Sha256::new().chain_update(salt.as_bytes()).chain_update(bytes);
    EvidenceDigest {
        kind: kind.to_owned(),
        digest: Digest::from_bytes(hash.finalize().into()),
    }
}
