//! What both databases share: one text of every aggregate, compiled once per driver.
//!
//! This module is loaded twice, by `sqlite` and by `postgres`, and sees the driver of its parent as [`Db`],
//! [`Conn`] and [`Session`]. sqlx's `Any` driver is not used: it hides the types of columns and the codes of
//! errors, and durability is in those codes. Rules for the SQL here: `$1` placeholders, `ON CONFLICT`,
//! `RETURNING`; integers are 64 bits, octets and text are themselves, there is no other type. What cannot be
//! said that way belongs in the parent.

mod agreements;
mod attestations;
mod commit;
mod keyring;
mod migration;
mod officers;
mod outbox;
mod permits;
mod recognitions;
mod record;
mod replay;
mod store;
#[cfg(test)]
mod tests;
mod transaction;
mod trust;
mod writer;

use comity_node_core::ports::store::{Conflict, Row};

use crate::Fault;

pub(super) use keyring::unlock;
pub(super) use migration::{Migration, migrate};
pub use store::Store;
pub(super) use transaction::Tx;
use writer::Writer;

use super::{Conn, Db, Session};

/// What a refused `INSERT` means to the author of a write: its key is taken, or what it refers to is not there.
fn refused(error: sqlx::Error, exists: Row, missing: Row) -> Fault {
    match error.as_database_error().map(|error| error.kind()) {
        Some(sqlx::error::ErrorKind::UniqueViolation) => Conflict::Exists(exists).into(),
        Some(sqlx::error::ErrorKind::ForeignKeyViolation) => Conflict::Missing(missing).into(),
        _ => error.into(),
    }
}
