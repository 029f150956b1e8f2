//! An operator adds an officer, or changes one: name, roles, password, active or not (`comity officer add`).
//!
//! A change of password or the loss of `active` ends the officer's sessions: they are bound to the password hash, and each
//! request looks the officer up. Adding is no act of an officer: who may do it is the command line's or the admin zone's matter.

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
    /// The password; `None` keeps the one there is.
    pub password: Option<SecretString>,
    /// May sign in.
    pub active: bool,
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
    /// A new officer without a password.
    #[error("新增人员须设置密码 / a new officer needs a password")]
    NoPassword,
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

/// Adds or changes an officer; unlocks one that was locked out.
///
/// # Errors
/// [`AddOfficerError`].
pub async fn add_officer(node: &Node, command: AddOfficer) -> Result<(), AddOfficerError> {
    let AddOfficer {
        id,
        name,
        mut roles,
        password,
        active,
    } = command;
    roles.sort_unstable();
    roles.dedup();
    if roles.is_empty() {
        return Err(AddOfficerError::NoRole);
    }
    let password = match password {
        Some(password) => Some(passwords::hash(&password, node.rng.as_ref()).await?),
        None => None,
    };
    loop {
        let known = node.store.officer(&id).await?;
        let officer = Officer {
            id: id.clone(),
            version: known.as_ref().map_or(0, |known| known.version) + 1,
            name: name.clone(),
            roles: roles.clone(),
            password: password
                .clone()
                .or(known.map(|known| known.password))
                .ok_or(AddOfficerError::NoPassword)?,
            active,
            failures: 0,
            locked_until: None,
        };
        let line = Line::about(Event::OfficerChanged, node.now(), &id).write()?;
        let writes = vec![Write::Officer(officer), line];
        match node.store.commit("add officer", writes).await {
            Ok(()) => return Ok(()),
            // Somebody signed in or changed the password meanwhile. Each round costs the other side a comparison of passwords,
            // one at a time, so this one gets its turn.
            Err(StoreError::Conflict(Conflict::Version(_))) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
