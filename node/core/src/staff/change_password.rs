//! An officer changes the own password, with the old one once more. Every session of the officer ends with the old password; the
//! one that changed it goes on under a new token.

use secrecy::SecretString;

use super::passwords::{self, PasswordError};
use super::sessions::{self, SignedIn};
use super::sign_in::{self, SCOPE, SignInError};
use crate::audit::{Event, Line};
use crate::node::Node;
use crate::ports::officers::Officer;
use crate::ports::store::{Conflict, StoreError, Write};

/// Old and new password.
#[derive(Clone)]
pub struct ChangePassword {
    /// The one there is.
    pub old: SecretString,
    /// The one to be.
    pub new: SecretString,
}

/// Passwords are never printed.
impl std::fmt::Debug for ChangePassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChangePassword").finish_non_exhaustive()
    }
}

/// Changes the password of the officer whose session this is.
///
/// # Errors
/// [`SignInError::Refused`] when the old one is wrong, [`SignInError::Password`] when the new one is not taken.
pub async fn change_password(
    node: &Node,
    session: &SignedIn,
    command: &ChangePassword,
) -> Result<SignedIn, SignInError> {
    let id = &session.acting.officer;
    let _underway = node
        .live
        .in_flight
        .begin(SCOPE, id.as_str())
        .ok_or(SignInError::Busy)?;
    let officer = node
        .store
        .officer(id)
        .await?
        .filter(|officer| officer.active)
        .ok_or(SignInError::Refused)?;
    let now = node.now();
    let right = passwords::is_right(&command.old, Some(officer.password.clone())).await?;
    if sign_in::is_locked(&officer, now) {
        let line = Line::about(Event::SignInRefused, now, id).write()?;
        node.store.commit("sign-in refused", vec![line]).await?;
        return Err(SignInError::Refused);
    }
    if !right {
        // A stolen session must not be a place to try out passwords either.
        return Err(unless_changed(sign_in::refuse(node, &officer).await));
    }
    let password = passwords::hash(&command.new, node.rng.as_ref()).await?;
    if passwords::is_right(&command.new, Some(officer.password.clone())).await? {
        return Err(SignInError::Password(PasswordError::Same));
    }
    let officer = Officer {
        version: officer.version + 1,
        password,
        failures: 0,
        locked_until: None,
        ..officer
    };
    let (signed_in, begun) = sessions::begin(node, &officer);
    let mut writes = vec![
        begun,
        Line::about(Event::PasswordChanged, now, id).write()?,
        Write::Officer(officer),
    ];
    writes.extend(sessions::digest_of(&session.token).map(Write::EndSession));
    match node.store.commit("change password", writes).await {
        Ok(()) => Ok(signed_in),
        Err(error) => Err(unless_changed(Err(error.into()))),
    }
}

/// An operator changed the officer while passwords were compared: the old one was compared with what no longer counts.
fn unless_changed(done: Result<(), SignInError>) -> SignInError {
    match done {
        Ok(()) | Err(SignInError::Store(StoreError::Conflict(Conflict::Version(_)))) => SignInError::Refused,
        Err(error) => error,
    }
}
