//! The lines that the suite sends, as types. Written from the contract's text alone and not shared with the suite: what the two do not
//! read alike shows itself as a line that does not read.

use serde::Deserialize;
use serde_json::Value;

/// A line.
#[derive(Debug, Deserialize)]
pub(crate) struct Request {
    /// Repeated in the answer.
    pub(crate) id: Value,
    /// What is to be done.
    #[serde(flatten)]
    pub(crate) what: Operation,
}

/// What is to be done to the target.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Operation {
    /// Start it, new and empty.
    Start(Start),
    /// Start it anew on what it kept.
    Restart {
        /// Told to end, or killed.
        graceful: bool,
    },
    /// Fetch trust and status lists now.
    Refresh {
        /// Of this county alone.
        entity: Option<String>,
    },
    /// Name the agreements.
    Agreements,
    /// Sign a proposal.
    Sign {
        /// This version, with this text.
        agreement: AgreementRef,
    },
    /// Propose a text.
    Propose {
        /// The payload.
        text: Value,
    },
    /// Withdraw.
    Withdraw {
        /// The agreement.
        agreement: String,
        /// First day on which it no longer holds.
        from: String,
    },
    /// Something happened to a permit.
    Event(Event),
    /// Several things happened; one file.
    Events {
        /// In their order.
        events: Vec<Event>,
    },
    /// The newest attestation.
    Attestation {
        /// Of this permit.
        permit_number: String,
        /// Card or full.
        form: Form,
    },
    /// A code was scanned.
    Recognise(Recognise),
    /// A card was typed.
    LookUp(LookUp),
    /// The clerk looked.
    Confirm {
        /// The verification's trace number.
        case: String,
        /// What the clerk found.
        holder: Holder,
    },
    /// Authority: enrol a member.
    Enrol {
        /// Its entity configuration.
        application: String,
        /// Of a province.
        prefix: Option<String>,
        /// Of a province.
        name: Option<Name>,
    },
    /// Authority: suspend a member.
    Suspend {
        /// Which.
        entity: String,
    },
    /// Authority: reinstate a member.
    Reinstate {
        /// Which.
        entity: String,
    },
    /// Authority: remove a member.
    Remove {
        /// Which.
        entity: String,
    },
    /// Authority: sign everything anew.
    Publish,
}

/// What the target is, and what it is given by hand.
#[derive(Debug, Deserialize)]
pub(crate) struct Start {
    /// County or authority.
    pub(crate) role: Role,
    /// Region code of the county.
    pub(crate) region: String,
    /// Environment.
    pub(crate) environment: String,
    /// An empty folder for everything that is kept.
    pub(crate) store: String,
    /// The anchor's file.
    pub(crate) anchor: Option<String>,
    /// Roots of the others' public servers.
    pub(crate) roots: String,
    /// The register, complete.
    pub(crate) residents: Option<String>,
    /// The authority above the county.
    pub(crate) superior: Option<String>,
}

/// What the target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// A county.
    County,
    /// An anchor.
    Authority,
}

/// A version of an agreement.
#[derive(Debug, Deserialize)]
pub(crate) struct AgreementRef {
    /// The agreement.
    pub(crate) id: String,
    /// The version.
    pub(crate) version: u32,
    /// Of its text.
    pub(crate) digest: String,
}

/// What happened to a permit.
#[derive(Debug, Deserialize)]
pub(crate) struct Event {
    /// The permit.
    pub(crate) permit_number: String,
    /// What happened.
    pub(crate) event: What,
    /// Endorsed: until when; a year on unless it is said.
    pub(crate) until: Option<String>,
    /// Replaced: by which permit.
    pub(crate) by: Option<String>,
}

/// What happened to a permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the words of Decree 663")]
pub(crate) enum What {
    Cancelled,
    Suspended,
    Reinstated,
    ReportedLost,
    Found,
    Replaced,
    Endorsed,
}

/// Form of an attestation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Form {
    /// For a printed code.
    Card,
    /// For a file or a wallet.
    Full,
}

/// A scanned code.
#[derive(Debug, Deserialize)]
pub(crate) struct Recognise {
    /// What the scanner typed.
    pub(crate) text: String,
    /// The service.
    pub(crate) service: String,
    /// The institution.
    pub(crate) provider: Option<String>,
    /// The name on the identity card.
    pub(crate) holder_name: Option<String>,
}

/// A typed card.
#[derive(Debug, Deserialize)]
pub(crate) struct LookUp {
    /// Of the county that issued it.
    pub(crate) issuer_region: String,
    /// The number.
    pub(crate) number: Number,
    /// The name.
    pub(crate) name: String,
    /// The service.
    pub(crate) service: String,
    /// The institution.
    pub(crate) provider: Option<String>,
}

/// A number, by its kind. The window tells the kinds apart by itself.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Number {
    /// Citizen number.
    IdNumber(String),
    /// Permit number.
    PermitNumber(String),
}

/// What the clerk found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Holder {
    /// The holder.
    Same,
    /// Somebody else.
    Different,
    /// Cannot tell.
    Unsure,
}

/// A name in two languages.
#[derive(Debug, Deserialize)]
pub(crate) struct Name {
    /// Chinese.
    pub(crate) zh: String,
    /// English.
    pub(crate) en: String,
}
