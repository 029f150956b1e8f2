//! SQLite and PostgreSQL behind the store ports of `comity-node-core`.
//!
//! Both databases do the same things in the same order, tested by one contract suite: a single writer that groups
//! commits and answers only when they are durable, readers that cannot write, columns of personal data sealed
//! before they reach SQL, one instance per store, and a refusal of every schema and key that is not known
//! (chapter 0.1 and PRV-4; rules 9 and 10 of ARCHITECTURE.md).
//!
//! What this crate refuses: to decide anything about permits. It keeps what the use cases hand it.
//!
//! # How to add something to keep
//!
//! 1. Describe it in the ports of `comity-node-core`: a row, a [`Write`](comity_node_core::ports::store::Write), a read.
//! 2. Add its table to both files of a new migration, `migrations/{sqlite,postgres}/000N_….sql`, and list it in both
//!    `MIGRATIONS`. A migration that has been released is never edited: its digest is checked at every start.
//! 3. Write the SQL once, in `src/shared/`, and call it from `shared/commit.rs`. Columns of personal data end in
//!    `_sealed` and go through [`Cipher`]; what is looked up by equality gets a column that ends in `_blind`.
//! 4. Add cases to `tests/contract/`; each runs on SQLite, PostgreSQL and the store in memory. The SQL of a case that
//!    the drivers cannot share goes to `src/sqlite/` and `src/postgres/`.
//!
//! PostgreSQL is tested where `COMITY_TEST_POSTGRES` names an administrator of a throw-away cluster.

#[cfg(test)]
extern crate self as comity_node_store;

mod cipher;
mod column;
mod error;
#[cfg(test)]
#[path = "../tests/harness/mod.rs"]
mod harness;
mod lock;
mod postgres;
mod sqlite;
mod verdict;

pub use cipher::{Cipher, NotOurs, OVERHEAD, Place, StoreKeys};
pub use error::{Fault, OpenError, SharedError};
pub use postgres::Store as PostgresStore;
pub use sqlite::Store as SqliteStore;
pub use verdict::Stopped;
