//! SQLite: for a county with one server. Everything is in one file, and one process holds it.
//!
//! WAL with `synchronous=FULL` syncs each commit (NORMAL may lose the last ones when the power fails); the one
//! writing connection begins every transaction `IMMEDIATE`, because a reader that turns writer is refused at once
//! whatever the time-out; the other connections cannot write. SQLite comes bundled: 3.7.0 to 3.51.2 can corrupt a
//! WAL that two connections write and checkpoint, so an older library is refused.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use comity_node_core::ports::Rng;
use sqlx::sqlite::{
    Sqlite, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection as _, Executor as _};

use crate::OpenError;
use crate::cipher::{Cipher, StoreKeys};
use crate::lock::{StoreLock, private};
use crate::verdict::{BeginError, Meaning, Settled};

#[path = "../shared/mod.rs"]
#[expect(
    clippy::duplicate_mod,
    reason = "one text of every aggregate, compiled once per driver"
)]
mod shared;
#[cfg(test)]
mod tests;

#[cfg(test)]
use crate::harness::Sqlite as Backing;

pub use shared::Store;
use shared::{Migration, Tx, migrate, unlock};

pub(crate) type Db = Sqlite;
pub(crate) type Conn = SqliteConnection;

/// Reading connections: SQLite readers do not wait for each other, and two cores feed no more than this.
const READERS: u32 = 4;

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        sql: include_str!("../../migrations/sqlite/0001_store.sql"),
    },
    Migration {
        version: 2,
        sql: include_str!("../../migrations/sqlite/0002_officer_version.sql"),
    },
    Migration {
        version: 3,
        sql: include_str!("../../migrations/sqlite/0003_settled_by.sql"),
    },
    Migration {
        version: 4,
        sql: include_str!("../../migrations/sqlite/0004_proposals.sql"),
    },
    Migration {
        version: 5,
        sql: include_str!("../../migrations/sqlite/0005_withdrawal_seen.sql"),
    },
];

const SCHEMA_TABLE: &str = "CREATE TABLE IF NOT EXISTS store_schema (
    version INTEGER PRIMARY KEY,
    digest  BLOB NOT NULL
) STRICT";

impl Store {
    /// Opens the database at `path`, creating it when there is none, and holds it until [`Store::close`].
    ///
    /// # Errors
    /// [`OpenError::InUse`] when another process, or this one, already has it open; see there for the rest.
    pub async fn open(path: &Path, keys: &StoreKeys, rng: Arc<dyn Rng>) -> Result<Self, OpenError> {
        let path = claim(path)?;
        let lock = StoreLock::take(&path)?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5))
            .pragma("trusted_schema", "OFF");
        let writing = options
            .clone()
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // Deleted personal data is overwritten, not merely unlinked.
            .pragma("secure_delete", "ON");
        let mut conn = SqliteConnection::connect_with(&writing).await?;
        check(&mut conn).await?;
        let cipher = prepare(&mut conn, keys, rng).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.read_only(true))
            .await?;
        let tx = Tx {
            conn,
            cipher: Arc::new(cipher),
        };
        Ok(Self::start(
            Session {
                tx,
                options: writing,
                _lock: lock,
            },
            readers,
        ))
    }
}

/// Resolves `path`, and makes the file when there is none, readable by its owner only: the WAL and its index take
/// the same permissions from it.
fn claim(path: &Path) -> Result<PathBuf, OpenError> {
    let failed = |source| OpenError::File {
        path: path.to_owned(),
        source,
    };
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    private(&mut options);
    options.open(path).map_err(failed)?;
    path.canonicalize().map_err(failed)
}

async fn check(conn: &mut Conn) -> Result<(), OpenError> {
    let version: String = sqlx::query_scalar("SELECT sqlite_version()")
        .fetch_one(&mut *conn)
        .await?;
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let number = [(); 3].map(|()| parts.next().unwrap_or(0));
    if number < [3, 51, 3] {
        return Err(OpenError::Unfit {
            what: format!("SQLite {version} < 3.51.3"),
        });
    }
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(&mut *conn)
        .await?;
    if mode != "wal" {
        return Err(OpenError::Unfit {
            what: format!("journal_mode {mode}, not wal"),
        });
    }
    Ok(())
}

async fn prepare(conn: &mut Conn, keys: &StoreKeys, rng: Arc<dyn Rng>) -> Result<Cipher, OpenError> {
    let mut opening = conn.begin_with("BEGIN IMMEDIATE").await?;
    migrate(&mut opening, SCHEMA_TABLE, MIGRATIONS).await?;
    let cipher = unlock(&mut opening, keys, rng).await?;
    opening.commit().await?;
    Ok(cipher)
}

/// The writing connection and the lock that makes it the only one.
pub(crate) struct Session {
    pub(crate) tx: Tx,
    options: SqliteConnectOptions,
    _lock: StoreLock,
}

impl Session {
    async fn begin(&mut self) -> Result<(), BeginError> {
        self.run("BEGIN IMMEDIATE").await?;
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), sqlx::Error> {
        self.run("COMMIT").await
    }

    /// Leaves no transaction open. Failing means that SQLite already rolled back by itself, or that the
    /// connection is of no more use, which the next `BEGIN` will find.
    async fn rollback(&mut self) {
        if let Err(error) = self.run("ROLLBACK").await {
            tracing::debug!(%error, "nothing to roll back");
        }
    }

    async fn savepoint(&mut self) -> Result<(), sqlx::Error> {
        self.run("SAVEPOINT one").await
    }

    async fn release(&mut self) -> Result<(), sqlx::Error> {
        self.run("RELEASE one").await
    }

    async fn rollback_to_savepoint(&mut self) -> Result<(), sqlx::Error> {
        self.run("ROLLBACK TO one").await?;
        self.run("RELEASE one").await
    }

    async fn reconnect(&mut self) -> Result<(), BeginError> {
        self.tx.conn = SqliteConnection::connect_with(&self.options).await?;
        Ok(())
    }

    async fn settle(&mut self) -> Result<Settled, BeginError> {
        self.reconnect().await?;
        Ok(Settled::Unknown)
    }

    async fn close(self) {
        if let Err(error) = self.tx.conn.close().await {
            tracing::warn!(%error, "closing the database");
        }
    }

    async fn run(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        self.tx.conn.execute(sqlx::query(statement)).await.map(drop)
    }

    fn meaning(&self, error: &sqlx::Error) -> Meaning {
        let sqlx::Error::Database(database) = error else {
            return match error {
                sqlx::Error::WorkerCrashed | sqlx::Error::Io(_) => Meaning::Lost,
                _ => Meaning::Refused,
            };
        };
        // Extended result codes, <https://www.sqlite.org/rescode.html>; the low byte is the primary one.
        let code = database
            .code()
            .and_then(|code| code.parse::<u32>().ok())
            .unwrap_or(1);
        match (code & 0xFF, code) {
            // BUSY, LOCKED, INTERRUPT
            (5 | 6 | 9, _) => Meaning::Again,
            // NOMEM, READONLY, FULL, CANTOPEN, and IOERR_SHMSIZE, which is how a full disk shows in the WAL's index
            (7 | 8 | 13 | 14, _) | (10, 4874) => Meaning::Unable,
            // IOERR, CORRUPT, NOTADB
            (10 | 11 | 26, _) => Meaning::Broken,
            _ => Meaning::Refused,
        }
    }
}
