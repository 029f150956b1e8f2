//! PostgreSQL: for a county or province that runs a database service with its own stand-by and back-ups.
//!
//! One instance writes. It holds a session advisory lock, so a second start refuses; and because a lock goes when a
//! connection goes while its former holder may still believe in it, every group of transactions first moves the
//! count in `store_instance` under the epoch drawn at this instance's start. Whoever starts later raises the
//! epoch: the former one's next group changes no row, and it stops. The same count settles a commit whose
//! reply was lost, without guessing: after reconnecting, it is either there or not.
//!
//! Readers cannot write, and the pool rolls back every connection it takes back: in sqlx 0.9.0 a future dropped
//! while beginning a transaction leaves it open for the next borrower (launchbadge/sqlx#4393), who would then read
//! an old state.

use std::net::IpAddr;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use comity_node_core::ports::Rng;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions, PgSslMode, Postgres};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _};

use crate::OpenError;
use crate::cipher::{Cipher, StoreKeys};
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
use crate::harness::Postgres as Backing;

pub use shared::Store;
use shared::{Migration, Tx, migrate, unlock};

pub(crate) type Db = Postgres;
pub(crate) type Conn = PgConnection;

/// Reading connections.
const READERS: u32 = 8;

/// First half of the advisory lock's key ("comi"); the second is the schema, so that stores in two schemas of one
/// database do not exclude each other.
const LOCK: i32 = 0x636F_6D69;

/// How long a start waits for the lock. The server keeps the session of a process that was killed until the statement it was sent
/// has ended; a start by a supervisor, at once, would otherwise find its own predecessor in the way.
const HANDOVER: Duration = Duration::from_secs(2);

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        sql: include_str!("../../migrations/postgres/0001_store.sql"),
    },
    Migration {
        version: 2,
        sql: include_str!("../../migrations/postgres/0002_officer_version.sql"),
    },
    Migration {
        version: 3,
        sql: include_str!("../../migrations/postgres/0003_settled_by.sql"),
    },
    Migration {
        version: 4,
        sql: include_str!("../../migrations/postgres/0004_proposals.sql"),
    },
    Migration {
        version: 5,
        sql: include_str!("../../migrations/postgres/0005_withdrawal_seen.sql"),
    },
];

const SCHEMA_TABLE: &str = "CREATE TABLE IF NOT EXISTS store_schema (
    version BIGINT PRIMARY KEY,
    digest  BYTEA NOT NULL
)";

/// A dead client's connection must not keep the lock for the two hours that TCP would; a lock wait must not stop
/// the node silently; a transaction left open by a frozen process must not block vacuuming for ever.
const WRITER_SETTINGS: &str = "
    SET client_min_messages = warning;
    SET tcp_keepalives_idle = 30;
    SET tcp_keepalives_interval = 10;
    SET tcp_keepalives_count = 3;
    SET lock_timeout = '5s';
    SET idle_in_transaction_session_timeout = '60s'";

/// `ROLLBACK` outside a transaction is a warning, which nobody needs to read at each release.
const READER_SETTINGS: &str = "
    SET client_min_messages = error;
    SET default_transaction_read_only = on;
    SET idle_in_transaction_session_timeout = '60s'";

impl Store {
    /// Opens the database that `url` (`postgres://…`) names, which must exist, and holds it until
    /// [`Store::close`].
    ///
    /// # Errors
    /// [`OpenError::InUse`] when another instance holds it; see there for the rest.
    pub async fn open(url: &str, keys: &StoreKeys, rng: Arc<dyn Rng>) -> Result<Self, OpenError> {
        let session = Session::open(url, keys, rng).await?;
        let readers = PgPoolOptions::new()
            .max_connections(READERS)
            // One round trip, so that a restarted server does not cost each reader an error first.
            .test_before_acquire(true)
            .after_connect(|conn, _| {
                Box::pin(async move { conn.execute(sqlx::raw_sql(READER_SETTINGS)).await.map(drop) })
            })
            .after_release(|conn, _| {
                Box::pin(async move { conn.execute(sqlx::raw_sql("ROLLBACK")).await.map(|_| true) })
            })
            .connect_with(session.options.clone())
            .await?;
        Ok(Self::start(session, readers))
    }
}

async fn connect(options: &PgConnectOptions) -> Result<Conn, sqlx::Error> {
    let mut conn = PgConnection::connect_with(options).await?;
    conn.execute(sqlx::raw_sql(WRITER_SETTINGS)).await?;
    // A stricter setting (`remote_apply`) is the operator's to choose; a laxer one would make an answer a lie.
    let durable: String = sqlx::query_scalar("SHOW synchronous_commit")
        .fetch_one(&mut conn)
        .await?;
    if matches!(durable.as_str(), "off" | "local") {
        conn.execute(sqlx::raw_sql("SET synchronous_commit = on")).await?;
    }
    Ok(conn)
}

async fn check(conn: &mut Conn) -> Result<(), OpenError> {
    let version: String = sqlx::query_scalar("SHOW server_version_num")
        .fetch_one(&mut *conn)
        .await?;
    if version.parse::<u32>().unwrap_or(0) < 130_000 {
        return Err(OpenError::Unfit {
            what: format!("PostgreSQL {version} < 13"),
        });
    }
    let encoding: String = sqlx::query_scalar("SHOW server_encoding")
        .fetch_one(&mut *conn)
        .await?;
    if encoding != "UTF8" {
        return Err(OpenError::Unfit {
            what: format!("server_encoding {encoding}, not UTF8"),
        });
    }
    let fsync: String = sqlx::query_scalar("SHOW fsync").fetch_one(&mut *conn).await?;
    if fsync != "on" {
        tracing::warn!("PostgreSQL runs with fsync off: a power failure loses acknowledged writes");
    }
    Ok(())
}

async fn try_lock(conn: &mut Conn) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT pg_try_advisory_lock($1, hashtext(current_schema()::text))")
        .bind(LOCK)
        .fetch_one(conn)
        .await
}

/// Pause between two tries for the lock.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Takes the lock as soon as it is free, within about that time. Tries are counted, so that no query is cut off half way.
async fn lock_within(conn: &mut Conn, time: Duration) -> Result<bool, sqlx::Error> {
    for _ in 0..=time.as_millis() / LOCK_PAUSE.as_millis() {
        if try_lock(conn).await? {
            return Ok(true);
        }
        tokio::time::sleep(LOCK_PAUSE).await;
    }
    Ok(false)
}

async fn backend(conn: &mut Conn) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar("SELECT pg_backend_pid()")
        .fetch_one(conn)
        .await
}

async fn prepare(
    conn: &mut Conn,
    keys: &StoreKeys,
    rng: Arc<dyn Rng>,
) -> Result<(Cipher, i64, i64), OpenError> {
    let mut opening = conn.begin().await?;
    migrate(&mut opening, SCHEMA_TABLE, MIGRATIONS).await?;
    let cipher = unlock(&mut opening, keys, rng).await?;
    let (epoch, commits) =
        sqlx::query_as("UPDATE store_instance SET epoch = epoch + 1 WHERE id = 1 RETURNING epoch, commits")
            .fetch_one(&mut *opening)
            .await?;
    opening.commit().await?;
    Ok((cipher, epoch, commits))
}

/// How to connect. Away from this machine the server has to prove who it is: the driver's own `prefer` would go on in the clear when
/// somebody on the way says that there is no TLS.
fn options(url: &str) -> Result<PgConnectOptions, OpenError> {
    let options = PgConnectOptions::from_str(url)?.application_name("comity");
    let host = options.get_host();
    let is_here = options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    if is_here || matches!(options.get_ssl_mode(), PgSslMode::VerifyFull) {
        Ok(options)
    } else {
        Err(OpenError::Unprotected {
            host: host.to_owned(),
        })
    }
}

/// The writing connection, the lock it holds, and the epoch it writes under.
pub(crate) struct Session {
    pub(crate) tx: Tx,
    options: PgConnectOptions,
    epoch: i64,
    /// The count of the last group begun.
    commits: i64,
    /// The server process of the connection, to end it should it outlive our end of it.
    backend: i32,
}

impl Session {
    async fn open(url: &str, keys: &StoreKeys, rng: Arc<dyn Rng>) -> Result<Self, OpenError> {
        let options = options(url)?;
        let mut conn = connect(&options).await?;
        if !lock_within(&mut conn, HANDOVER).await? {
            let name: String = sqlx::query_scalar("SELECT current_database()::text")
                .fetch_one(&mut conn)
                .await?;
            return Err(OpenError::InUse { held: name });
        }
        check(&mut conn).await?;
        let (cipher, epoch, commits) = prepare(&mut conn, keys, rng).await?;
        let backend = backend(&mut conn).await?;
        let tx = Tx {
            conn,
            cipher: Arc::new(cipher),
        };
        Ok(Self {
            tx,
            options,
            epoch,
            commits,
            backend,
        })
    }

    async fn begin(&mut self) -> Result<(), BeginError> {
        // One round trip; both numbers are ours, and the simple protocol has no parameters.
        let statement = format!(
            "BEGIN; UPDATE store_instance SET commits = commits + 1 WHERE id = 1 AND epoch = {} RETURNING commits",
            self.epoch
        );
        match self
            .tx
            .conn
            .fetch_optional(sqlx::raw_sql(AssertSqlSafe(statement)))
            .await?
        {
            Some(row) => {
                self.commits = row.try_get(0)?;
                Ok(())
            }
            None => Err(BeginError::Fenced),
        }
    }

    /// The `SELECT` makes PostgreSQL refuse where it would otherwise answer `COMMIT` of a transaction that one of
    /// its statements had aborted with a quiet `ROLLBACK`.
    async fn commit(&mut self) -> Result<(), sqlx::Error> {
        self.run("SELECT 1; COMMIT").await
    }

    async fn rollback(&mut self) {
        if let Err(error) = self.run("ROLLBACK").await {
            tracing::debug!(%error, "not rolled back: the connection is gone, and the transaction with it");
        }
    }

    async fn savepoint(&mut self) -> Result<(), sqlx::Error> {
        self.run("SAVEPOINT one").await
    }

    async fn release(&mut self) -> Result<(), sqlx::Error> {
        self.run("RELEASE one").await
    }

    async fn rollback_to_savepoint(&mut self) -> Result<(), sqlx::Error> {
        self.run("ROLLBACK TO one; RELEASE one").await
    }

    /// Connects anew and takes the lock again. When somebody else raised the epoch meanwhile, this instance is out.
    async fn reconnect(&mut self) -> Result<(), BeginError> {
        let mut conn = connect(&self.options).await?;
        let epoch: i64 = sqlx::query_scalar("SELECT epoch FROM store_instance WHERE id = 1")
            .fetch_one(&mut conn)
            .await?;
        if epoch != self.epoch {
            return Err(BeginError::Fenced);
        }
        if !try_lock(&mut conn).await? {
            // The server has not noticed that our former connection is dead: end that one process, if it is
            // still the holder. The next attempt finds the lock free.
            sqlx::query(
                "SELECT pg_terminate_backend(pid) FROM pg_locks \
                 WHERE locktype = 'advisory' AND granted AND classid = $1::bigint::oid AND pid = $2",
            )
            .bind(i64::from(LOCK))
            .bind(self.backend)
            .execute(&mut conn)
            .await?;
            return Err(BeginError::Driver(sqlx::Error::Protocol(
                "the store's lock is not free yet".into(),
            )));
        }
        self.backend = backend(&mut conn).await?;
        self.tx.conn = conn;
        Ok(())
    }

    /// The former connection is gone for certain once its lock could be taken, so its transaction is over, and the
    /// count tells how it ended.
    async fn settle(&mut self) -> Result<Settled, BeginError> {
        let mut waited = std::time::Duration::from_millis(20);
        loop {
            match self.reconnect().await {
                Ok(()) => break,
                Err(BeginError::Fenced) => return Err(BeginError::Fenced),
                Err(BeginError::Driver(error)) if waited > std::time::Duration::from_secs(3) => {
                    return Err(BeginError::Driver(error));
                }
                Err(BeginError::Driver(_)) => tokio::time::sleep(waited).await,
            }
            waited *= 2;
        }
        let commits: i64 = sqlx::query_scalar("SELECT commits FROM store_instance WHERE id = 1")
            .fetch_one(&mut self.tx.conn)
            .await?;
        Ok(match self.commits - commits {
            0 => Settled::Committed,
            1 => Settled::NotCommitted,
            // A stand-by that was behind has been promoted.
            _ => Settled::Unknown,
        })
    }

    async fn close(self) {
        if let Err(error) = self.tx.conn.close().await {
            tracing::warn!(%error, "closing the database");
        }
    }

    async fn run(&mut self, statements: &'static str) -> Result<(), sqlx::Error> {
        self.tx.conn.execute(sqlx::raw_sql(statements)).await.map(drop)
    }

    fn meaning(&self, error: &sqlx::Error) -> Meaning {
        let sqlx::Error::Database(database) = error else {
            return match error {
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::WorkerCrashed => Meaning::Lost,
                _ => Meaning::Refused,
            };
        };
        // <https://www.postgresql.org/docs/current/errcodes-appendix.html>
        let code = database.code().unwrap_or_default();
        match (code.get(..2).unwrap_or_default(), &*code) {
            // serialization_failure, deadlock_detected, lock_not_available
            (_, "40001" | "40P01" | "55P03") => Meaning::Again,
            // connection exceptions, shutdowns, idle_in_transaction_session_timeout, and a primary that has become
            // a stand-by (read_only_sql_transaction)
            ("08", _) | (_, "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "25P04" | "25006") => {
                Meaning::Lost
            }
            // insufficient resources (disk_full, out_of_memory), system errors
            ("53" | "58", _) => Meaning::Unable,
            // data_corrupted, index_corrupted
            (_, "XX001" | "XX002") => Meaning::Broken,
            _ => Meaning::Refused,
        }
    }
}
