//! Matches the keys a store is opened with against the database, before any row is read or written.
//!
//! The database keeps its own index key, sealed once under every master key that ever sealed a row. Opening it is
//! the check: a wrong key cannot open it, and a missing one is noticed here rather than at the first old row.

use std::sync::Arc;

use comity_node_core::ports::Rng;

use super::Conn;
use crate::OpenError;
use crate::cipher::{Cipher, IndexKey, StoreKeys};

/// Opens the database's index key, or draws it in a new database, and returns the cipher. Runs inside the caller's
/// transaction.
pub(crate) async fn unlock(
    conn: &mut Conn,
    keys: &StoreKeys,
    rng: Arc<dyn Rng>,
) -> Result<Cipher, OpenError> {
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as("SELECT key_id, wrapped FROM store_key ORDER BY key_id")
        .fetch_all(&mut *conn)
        .await?;
    let mut index = None;
    let mut missing = None;
    for (id, wrapped) in &rows {
        // The column's CHECK keeps ids within one byte.
        let id = u8::try_from(*id).map_err(|error| sqlx::Error::Decode(error.into()))?;
        if keys.ids().any(|given| given == id) {
            index = Some(keys.unwrap(id, wrapped).ok_or(OpenError::WrongKey { id })?);
        } else {
            missing.get_or_insert(id);
        }
    }
    if let Some(id) = missing {
        return Err(OpenError::MissingKey { id });
    }
    let index = index.unwrap_or_else(|| IndexKey::draw(&*rng));
    let sealing = keys.sealing_id();
    if rows.iter().all(|(id, _)| *id != i64::from(sealing)) {
        let wrapped = keys
            .wrap(sealing, &index, &*rng)
            .ok_or(OpenError::MissingKey { id: sealing })?;
        sqlx::query("INSERT INTO store_key (key_id, wrapped) VALUES ($1, $2)")
            .bind(i64::from(sealing))
            .bind(wrapped)
            .execute(&mut *conn)
            .await?;
    }
    Ok(keys.cipher(index, rng))
}
