//! What a transaction is given: the writer's connection, inside an open transaction, and the cipher.

use std::sync::Arc;

use super::Conn;
use crate::Cipher;

/// The inside of an open transaction. Everything executed on `conn` is committed or undone as one.
pub(crate) struct Tx {
    /// The writer's connection.
    pub(crate) conn: Conn,
    /// Seals and opens the columns that hold personal data.
    pub(crate) cipher: Arc<Cipher>,
}
