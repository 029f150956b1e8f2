//! An operator changes an officer who is there: may sign in or not, or a new password (`comity officer activate|deactivate|password`).
//!
//! Losing the right to sign in, or the password, ends every session of the officer: each request looks the officer up, and sessions are
//! bound to the password hash. Officers are never deleted: receipts and the record name them.

use comity_spec::ids::OfficerId;
use secrecy::SecretString;

use super::passwords::{self, PasswordError};
use crate::audit::{Event, Line};
use crate::node::Node;
use crate::ports::officers::Officer;
use crate::ports::store::{Conflict, StoreError, Write};

/// What is to be changed.
#[derive(Clone)]
pub enum OfficerChange {
    /// Whether the officer may sign in.
    Active(bool),
    /// A new password; it unlocks an officer who was locked out.
    Password(SecretString),
}

/// Passwords are never printed.
impl std::fmt::Debug for OfficerChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Active(active) => f.debug_tuple("Active").field(active).finish(),
            Self::Password(_) => f.debug_tuple("Password").finish_non_exhaustive(),
        }
    }
}

/// Why an officer was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeOfficerError {
    /// Nobody has this id.
    #[error(
        "没有经办人 {0}，请先 comity officer list 核对 / there is no officer {0}: see comity officer list"
    )]
    Unknown(OfficerId),
    /// The password.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The record line does not serialise, a defect of ours.
    #[error("the record line does not serialise: {0}")]
    Line(#[from] serde_json::Error),
}

/// Changes an officer.
///
/// # Errors
/// [`ChangeOfficerError`].
pub async fn change_officer(
    node: &Node,
    id: &OfficerId,
    change: &OfficerChange,
) -> Result<(), ChangeOfficerError> {
    let change = match change {
        OfficerChange::Active(active) => Ready::Active(*active),
        OfficerChange::Password(password) => {
            Ready::Password(passwords::hash(password, node.rng.as_ref()).await?)
        }
    };
    loop {
        let known = node.store.officer(id).await?;
        let officer = change.of(known.ok_or_else(|| ChangeOfficerError::Unknown(id.clone()))?);
        let line = Line::about(Event::OfficerChanged, node.now(), id).write()?;
        match node
            .store
            .commit("change officer", vec![Write::Officer(officer), line])
            .await
        {
            Ok(()) => return Ok(()),
            // Somebody signed in or changed the password meanwhile: what is there now is what is changed.
            Err(StoreError::Conflict(Conflict::Version(_))) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A change that costs no more time: passwords are hashed once.
enum Ready {
    Active(bool),
    Password(String),
}

impl Ready {
    fn of(&self, known: Officer) -> Officer {
        let version = known.version + 1;
        match self {
            Self::Active(active) => Officer {
                version,
                active: *active,
                ..known
            },
            Self::Password(hash) => Officer {
                version,
                password: hash.clone(),
                failures: 0,
                locked_until: None,
                ..known
            },
        }
    }
}
