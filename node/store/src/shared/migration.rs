//! Brings the schema up to this program's version, and refuses every database it does not fully know.
//!
//! Each applied migration is recorded with the digest of its text. A database with a version this program does
//! not contain was written by a newer one; a known version with another digest was written by another program.
//! Both are refused before anything is changed: reading rows under a wrong schema is how data is lost quietly.

use sha2::{Digest as _, Sha256};
use sqlx::AssertSqlSafe;

use super::Conn;
use crate::OpenError;

/// One step of the schema. Versions count from 1 without gaps.
pub(crate) struct Migration {
    /// Its number, also in its file's name.
    pub(crate) version: i64,
    /// Its statements.
    pub(crate) sql: &'static str,
}

/// Applies what is missing. Runs inside the caller's transaction, on which `table` (the dialect's
/// `CREATE TABLE IF NOT EXISTS store_schema`) is the first statement.
pub(crate) async fn migrate(
    conn: &mut Conn,
    table: &'static str,
    migrations: &[Migration],
) -> Result<(), OpenError> {
    sqlx::raw_sql(table).execute(&mut *conn).await?;
    let applied: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT version, digest FROM store_schema ORDER BY version")
            .fetch_all(&mut *conn)
            .await?;
    let known = migrations.last().map_or(0, |last| last.version);
    for (version, digest) in &applied {
        match migrations.iter().find(|migration| migration.version == *version) {
            None => {
                return Err(OpenError::NewerSchema {
                    found: *version,
                    known,
                });
            }
            Some(migration) if digest_of(migration.sql) != *digest => {
                return Err(OpenError::AlteredSchema { version: *version });
            }
            Some(_) => {}
        }
    }
    for migration in migrations {
        if applied.iter().any(|(version, _)| *version == migration.version) {
            continue;
        }
        sqlx::raw_sql(AssertSqlSafe(migration.sql))
            .execute(&mut *conn)
            .await?;
        sqlx::query("INSERT INTO store_schema (version, digest) VALUES ($1, $2)")
            .bind(migration.version)
            .bind(digest_of(migration.sql))
            .execute(&mut *conn)
            .await?;
        tracing::info!(version = migration.version, "schema migrated");
    }
    Ok(())
}

fn digest_of(sql: &str) -> Vec<u8> {
    Sha256::digest(sql.as_bytes()).to_vec()
}
