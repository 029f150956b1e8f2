//! What an operator asks of a node, as data: the same commands whether the node runs (over its admin socket) or not (on the store,
//! under its lock). One writer, so a second process never touches the store of a running node.
//!
//! Commands name files by absolute path, and the node reads them itself: what the operator's own account can read is not the
//! question, what the node's account may read is.

mod agreements;
mod execute;
mod file;
mod officers;
mod password;
mod permits;
mod refused;
mod socket;
mod status;
mod store;
mod trust;
mod words;

use std::path::PathBuf;

use comity_node_core::ports::officers::Role;
use comity_spec::ids::{AgreementId, Digest, EntityId, OfficerId, PermitNumber};
use comity_spec::text::Bilingual;
use comity_spec::time::LocalDate;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

pub(crate) use execute::execute;
pub(crate) use refused::Refused;
pub(crate) use socket::{bind, call, socket_path};

/// A command.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub(crate) enum AdminCommand {
    Status,
    /// Asks the federation now, and the parties of our agreements for their status lists.
    TrustRefresh {
        /// Of this county alone.
        #[serde(default)]
        entity: Option<EntityId>,
    },
    TrustShow,
    AgreementPropose {
        file: PathBuf,
    },
    AgreementSign {
        id: AgreementId,
        version: u32,
        /// Of the text that was read: another one is not signed.
        digest: Digest,
    },
    AgreementDiscard {
        id: AgreementId,
        version: u32,
        digest: Digest,
    },
    AgreementList,
    AgreementShow {
        id: AgreementId,
        version: Option<u32>,
        #[serde(default)]
        digest: Option<Digest>,
    },
    AgreementWithdraw {
        id: AgreementId,
        from: LocalDate,
        reason: Bilingual,
    },
    AgreementReceive {
        file: PathBuf,
    },
    AgreementExport {
        id: AgreementId,
        version: u32,
        file: PathBuf,
        #[serde(default)]
        digest: Option<Digest>,
    },
    AgreementExample {
        peer: EntityId,
    },
    PermitImport {
        file: PathBuf,
        manifest: PathBuf,
        leaving_confirmed: bool,
    },
    PermitAct {
        act: Box<permits::PermitAct>,
        officer: OfficerId,
    },
    PermitShow {
        number: PermitNumber,
    },
    PermitCount,
    /// Acts that wait for a second person.
    PermitPending,
    /// The token of a permit's newest attestation.
    AttestationToken {
        number: PermitNumber,
        full: bool,
    },
    OfficerAdd {
        id: OfficerId,
        name: String,
        roles: Vec<Role>,
        #[serde(with = "password")]
        password: SecretString,
    },
    /// Lets an officer sign in, or no longer.
    OfficerActive {
        id: OfficerId,
        active: bool,
    },
    /// A new password for an officer.
    OfficerPassword {
        id: OfficerId,
        #[serde(with = "password")]
        password: SecretString,
    },
    OfficerList,
    BundleExport {
        file: PathBuf,
    },
    BundleImport {
        file: PathBuf,
    },
    RecordVerify,
    /// The store was restored from a backup.
    StoreRestored {
        /// Who says so.
        officer: OfficerId,
    },
}

/// A password is in one of them: nothing is printed.
impl std::fmt::Debug for AdminCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AdminCommand")
    }
}

pub(crate) use permits::PermitAct;

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub(crate) enum AdminReply {
    /// Done.
    Done {
        /// For people, both languages.
        text: String,
        /// For machines.
        data: serde_json::Value,
    },
    /// Done as far as it went: something that was asked for could not be had.
    Incomplete {
        /// For people, both languages, with what is missing.
        text: String,
        /// For machines, as if it were done.
        data: serde_json::Value,
    },
    /// Refused; nothing was changed.
    Refused {
        /// For people, both languages.
        error: String,
    },
}

impl AdminReply {
    fn done(text: impl Into<String>, data: serde_json::Value) -> Self {
        Self::Done {
            text: text.into(),
            data,
        }
    }
}
