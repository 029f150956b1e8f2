//! Officers: who they are, how they sign in, what they may do, and how a call of theirs takes effect once.
//!
//! | use case | what it does |
//! |---|---|
//! | [`mod@add_officer`], [`mod@change_officer`] | an operator adds an officer, lets one in or not, resets a password |
//! | [`mod@sign_in`], [`mod@sign_out`] | a session begins and ends |
//! | [`mod@sessions`] | who is behind a cookie, and what that person may do |
//! | [`mod@change_password`] | by the officer; every other session of the officer ends |
//! | [`idempotency`] | `Idempotency-Key` |
//!
//! Passwords are kept as Argon2id hashes, sessions as SHA-256 of a token that is nowhere. Who is unknown, wrong, locked or
//! inactive hears the same after the same work.

pub mod add_officer;
pub mod change_officer;
pub mod change_password;
pub mod idempotency;
pub mod passwords;
pub mod sessions;
pub mod sign_in;
pub mod sign_out;

pub use add_officer::{AddOfficer, add_officer};
pub use change_officer::{OfficerChange, change_officer};
pub use change_password::{ChangePassword, change_password};
pub use sessions::{Acting, SessionError, SignedIn, authenticate, authorise};
pub use sign_in::{SignIn, SignInError, sign_in};
pub use sign_out::sign_out;

#[cfg(test)]
mod tests;
