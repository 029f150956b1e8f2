//! An officer signs out: the session ends in the store, whatever the browser keeps. Signing out twice changes nothing.

use super::sessions::{self, SessionError, SignedIn};
use crate::audit::{Event, Line};
use crate::node::Node;
use crate::ports::store::{StoreError, Write};

/// Ends the session.
///
/// # Errors
/// The store's; the session then still stands.
pub async fn sign_out(node: &Node, session: &SignedIn) -> Result<(), SessionError> {
    let token = sessions::digest_of(&session.token).ok_or(SessionError::NotSignedIn)?;
    let line = Line::about(Event::SignedOut, node.now(), &session.acting.officer).write();
    let line = line.map_err(|error| StoreError::Corrupt {
        table: "record",
        reason: error.to_string(),
    })?;
    node.store
        .commit("sign out", vec![Write::EndSession(token), line])
        .await?;
    Ok(())
}
