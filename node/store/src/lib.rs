//! SQLite and PostgreSQL behind the store ports of `comity-node-core`.
//!
//! Both databases do the same things in the same order, tested by one contract suite: a single writer that groups
//! commits and answers only when they are durable, readers that cannot write, columns of personal data sealed
//! before they reach SQL, one instance per store, and a refusal of every schema and key that is not known
//! (protocol §2; house rules 9 and 10).
//!
//! What this crate refuses: to decide anything about permits. It keeps what the use cases hand it.

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
