//! An operator adds an officer, or says anew who one is: name, roles, password (`comity officer add`).
//!
//! A new password ends the officer's sessions, which are bound to the password hash. Who was deactivated stays so: adding everybody
//! again from a list must not let anybody back in. Adding is no act of an officer: who may do it is the command line's matter.

use comity_spec::ids::OfficerId;
use secrecy::SecretString;

use super::passwords::{self, PasswordError};
use crate::audit::{Event, Line};
use crate::node::Node;
use crate::ports::officers::{Officer, Role};
use crate::ports::store::{Conflict, StoreError, Write};

/// An officer to add or change.
#[derive(Clone)]
pub struct AddOfficer {
    /// Pseudonym: all that leaves the county.
    pub id: OfficerId,
    /// Name as the county knows it.
    pub name: String,
    /// What the officer may do; at least one.
    pub roles: Vec<Role>,
    /// The password.
    pub password: SecretString,
}

/// It names an officer: only the pseudonym is printed.
impl std::fmt::Debug for AddOfficer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AddOfficer")
            .field("id", &self.id)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

/// Why an officer was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddOfficerError {
    /// No role.
    #[error("至少指定一个角色 / an officer needs a role")]
    NoRole,
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

/// Adds or changes an officer; unlocks one that was locked out. Returns the officer as stored.
///
/// # Errors
/// [`AddOfficerError`].
pub async fn add_officer(node: &Node, command: AddOfficer) -> Result<Officer, AddOfficerError> {
    let AddOfficer {
        id,
        name,
        mut roles,
        password,
    } = command;
    roles.sort_unstable();
    roles.dedup();
    if roles.is_empty() {
        return Err(AddOfficerError::NoRole);
    }
    let password = passwords::hash(&password, node.rng.as_ref()).await?;
    loop {
        let known = node.store.officer(&id).await?;
        let officer = Officer {
            id: id.clone(),
            version: known.as_ref().map_or(0, |known| known.version) + 1,
            name: name.clone(),
            roles: roles.clone(),
            password: password.clone(),
            active: known.is_none_or(|known| known.active),
            failures: 0,
            locked_until: None,
        };
        let line = Line::about(Event::OfficerChanged, node.now(), &id).write()?;
        let writes = vec![Write::Officer(officer.clone()), line];
        match node.store.commit("add officer", writes).await {
            Ok(()) => return Ok(officer),
            // Somebody signed in or changed the password meanwhile. Each round costs the other side a comparison of passwords,
            // one at a time, so this one gets its turn.
            Err(StoreError::Conflict(Conflict::Version(_))) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
