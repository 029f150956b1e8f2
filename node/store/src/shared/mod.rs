//! What both databases share: one text of every aggregate, compiled once per driver.
//!
//! This module is loaded twice, by `sqlite` and by `postgres`, and sees the driver of its parent as [`Db`],
//! [`Conn`] and [`Session`]. sqlx's `Any` driver is not used: it hides the types of columns and the codes of
//! errors, and durability is in those codes. Rules for the SQL here: `$1` placeholders, `ON CONFLICT`,
//! `RETURNING`; integers are 64 bits, octets and text are themselves, there is no other type. What cannot be
//! said that way belongs in the parent.

mod keyring;
mod migration;
mod store;
#[cfg(test)]
mod tests;
mod transaction;
mod writer;

pub(super) use keyring::unlock;
pub(super) use migration::{Migration, migrate};
pub use store::Store;
pub(super) use transaction::Tx;
pub(super) use writer::Writer;

pub(super) use super::{Conn, Db, Session};
