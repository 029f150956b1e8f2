//! An officer signs in with pseudonym and password.
//!
//! Five wrong passwords in a row lock the officer out for a quarter of an hour. Unknown, wrong, locked and inactive end in one
//! answer after the same work. Attempts for one pseudonym are made one after the other, so that trying many at once does not get
//! round the count; the record shows every refusal of a known officer. An attempt changes the count of the row it compared and
//! nothing else: what an operator changed meanwhile stands, and decides.

use comity_spec::ids::OfficerId;
use comity_spec::problem::ProblemType;
use comity_spec::time::UnixSeconds;
use secrecy::SecretString;

use super::passwords::{self, PasswordError};
use super::sessions::{self, SignedIn};
use crate::audit::{Event, Line};
use crate::node::Node;
use crate::ports::officers::Officer;
use crate::ports::store::{Conflict, StoreError, Write};

/// Wrong passwords in a row after which an officer is locked out.
pub const MOST_FAILURES: u32 = 5;
/// Seconds for which.
pub const LOCKED_FOR: i64 = 15 * 60;
/// Name space of sign-ins among what is under way.
pub(super) const SCOPE: &str = "sign-in";

/// A sign-in.
#[derive(Clone)]
pub struct SignIn {
    /// Pseudonym, as typed.
    pub officer: String,
    /// Password.
    pub password: SecretString,
}

/// Nothing that was typed is printed: people type passwords into the wrong field.
impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn").finish_non_exhaustive()
    }
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Unknown, wrong, locked or inactive: which, is not said.
    #[error("账号或密码不正确，或已被暂时锁定 / name or password is not right, or locked for now")]
    Refused,
    /// An attempt for this pseudonym is under way.
    #[error("正在登录，请稍候 / an attempt for this name is under way")]
    Busy,
    /// Not compared.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The record line does not serialise, a defect of ours.
    #[error("the record line does not serialise: {0}")]
    Line(#[from] serde_json::Error),
}

impl SignInError {
    /// The problem type for an HTTP answer.
    #[must_use]
    pub const fn problem(&self) -> ProblemType {
        match self {
            Self::Refused => ProblemType::InvalidCredentials,
            Self::Busy => ProblemType::RateLimited,
            Self::Store(StoreError::Corrupt { .. }) | Self::Line(_) => ProblemType::Internal,
            Self::Store(_) => ProblemType::StoreUnavailable,
            Self::Password(PasswordError::NotHashed(_)) => ProblemType::Overloaded,
            Self::Password(_) => ProblemType::MalformedRequest,
        }
    }
}

/// Signs an officer in.
///
/// # Errors
/// [`SignInError`].
pub async fn sign_in(node: &Node, command: &SignIn) -> Result<SignedIn, SignInError> {
    let typed = command.officer.trim();
    let _underway = node.live.in_flight.begin(SCOPE, typed).ok_or(SignInError::Busy)?;
    let officer = match typed.parse::<OfficerId>() {
        Ok(id) => node.store.officer(&id).await?,
        Err(_) => None,
    };
    let stored = officer.as_ref().map(|officer| officer.password.clone());
    let right = passwords::is_right(&command.password, stored).await?;
    let Some(mut officer) = officer else {
        return Err(SignInError::Refused);
    };
    let compared = officer.password.clone();
    loop {
        match enter(node, &officer, right && officer.password == compared).await {
            // Comparing took its time: an operator changed the officer meanwhile. What is true now decides.
            Err(SignInError::Store(StoreError::Conflict(Conflict::Version(_)))) => {
                officer = node
                    .store
                    .officer(&officer.id)
                    .await?
                    .ok_or(SignInError::Refused)?;
            }
            ended => return ended,
        }
    }
}

/// Begins the session of an officer whose password was compared, as the row stands; a conflict when it moved on.
async fn enter(node: &Node, officer: &Officer, right: bool) -> Result<SignedIn, SignInError> {
    let now = node.now();
    if is_locked(officer, now) || !officer.active {
        // A right password tells nothing to whoever tries it on a locked officer, and a wrong one does not lengthen the lock.
        let line = Line::about(Event::SignInRefused, now, &officer.id).write()?;
        node.store.commit("sign-in refused", vec![line]).await?;
        return Err(SignInError::Refused);
    }
    if !right {
        refuse(node, officer).await?;
        return Err(SignInError::Refused);
    }
    let (signed_in, session) = sessions::begin(node, officer);
    let writes = vec![
        session,
        counted(officer, 0, None),
        Line::about(Event::SignedIn, now, &officer.id).write()?,
    ];
    node.store.commit("sign in", writes).await?;
    Ok(signed_in)
}

/// Whether nobody may sign in as this officer now.
pub(super) fn is_locked(officer: &Officer, now: UnixSeconds) -> bool {
    officer.locked_until.is_some_and(|until| now < until)
}

/// Counts a wrong password; the last one that is allowed locks. For an officer who is not locked.
pub(super) async fn refuse(node: &Node, officer: &Officer) -> Result<(), SignInError> {
    let now = node.now();
    let failures = officer.failures.saturating_add(1);
    let (event, count) = if failures >= MOST_FAILURES {
        let until = now.plus_saturating(LOCKED_FOR);
        (Event::LockedOut, counted(officer, 0, Some(until)))
    } else {
        (Event::SignInRefused, counted(officer, failures, None))
    };
    let line = Line::about(event, now, &officer.id).write()?;
    node.store.commit("sign-in refused", vec![count, line]).await?;
    Ok(())
}

fn counted(officer: &Officer, failures: u32, locked_until: Option<UnixSeconds>) -> Write {
    Write::SignInCount {
        officer: officer.id.clone(),
        expected: officer.version,
        failures,
        locked_until,
    }
}
