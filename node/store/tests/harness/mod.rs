//! A fresh database for each test, of either kind.
//!
//! SQLite lives in a directory that goes with the test. PostgreSQL comes from `COMITY_TEST_POSTGRES`, the URL of a
//! throw-away cluster's administrator, set by `cargo xtask test`: one template is migrated, each test gets a copy.
//! Without the variable the PostgreSQL tests say SKIPPED, except under `CI=true`, where they fail.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use comity_node_core::ports::Rng;
use comity_node_core::testing::MemoryStore;
use comity_node_store::{OpenError, PostgresStore, SqliteStore, StoreKeys};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;

/// The keys every test opens its database with.
pub fn keys() -> StoreKeys {
    StoreKeys::new(1, [0x11; 32])
}

/// Unpredictable enough for tests: a counter through the process's random hash keys.
pub fn rng() -> Arc<dyn Rng> {
    Arc::new(HashedCounter {
        state: RandomState::new(),
        next: AtomicU64::new(0),
    })
}

struct HashedCounter {
    state: RandomState,
    next: AtomicU64,
}

impl Rng for HashedCounter {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let mut hasher = self.state.build_hasher();
            hasher.write_u64(self.next.fetch_add(1, Ordering::Relaxed));
            chunk.copy_from_slice(&hasher.finish().to_le_bytes()[..chunk.len()]);
        }
    }
}

/// A database of one kind, and how to open it.
pub trait Database: Sized {
    /// The store it opens as.
    type Store;

    /// How one octet is written in its SQL.
    const OCTET: &'static str;

    /// A new database, or nothing where this kind is not available here.
    async fn fresh() -> Option<Self>;

    /// Opens it with `keys`.
    async fn open_with(&self, keys: &StoreKeys) -> Result<Self::Store, OpenError>;

    /// What a backup of it holds. It is closed.
    async fn copy(&self) -> Self;

    /// Tries a statement behind the store's back, while it is closed or beside it.
    async fn try_execute(&self, statement: String) -> Result<(), sqlx::Error>;

    /// Executes a statement that must succeed.
    async fn execute(&self, statement: String) {
        self.try_execute(statement).await.unwrap();
    }

    /// Opens it with the keys of every test.
    async fn open(&self) -> Self::Store {
        match self.open_with(&keys()).await {
            Ok(store) => store,
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// The store in memory, which the tests of use cases run on: it has to refuse the same things.
pub struct Memory;

impl Database for Memory {
    type Store = MemoryStore;

    const OCTET: &'static str = "";

    async fn fresh() -> Option<Self> {
        Some(Self)
    }

    async fn open_with(&self, _: &StoreKeys) -> Result<MemoryStore, OpenError> {
        Ok(MemoryStore::default())
    }

    async fn copy(&self) -> Self {
        panic!("a store in memory is copied itself")
    }

    async fn try_execute(&self, statement: String) -> Result<(), sqlx::Error> {
        panic!("there is no SQL in memory: {statement}");
    }
}

/// An SQLite file.
pub struct Sqlite {
    dir: TempDir,
}

impl Sqlite {
    /// Where the file is.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("node.db")
    }
}

impl Database for Sqlite {
    type Store = SqliteStore;

    const OCTET: &'static str = "X'00'";

    async fn fresh() -> Option<Self> {
        Some(Self {
            dir: tempfile::tempdir().unwrap(),
        })
    }

    async fn open_with(&self, keys: &StoreKeys) -> Result<SqliteStore, OpenError> {
        SqliteStore::open(&self.path(), keys, rng()).await
    }

    async fn copy(&self) -> Self {
        let copy = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        std::fs::copy(self.path(), copy.path()).unwrap();
        copy
    }

    async fn try_execute(&self, statement: String) -> Result<(), sqlx::Error> {
        let options = SqliteConnectOptions::new().filename(self.path());
        let mut conn = SqliteConnection::connect_with(&options).await?;
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut conn).await?;
        conn.close().await
    }
}

/// A PostgreSQL database.
pub struct Postgres {
    /// Its URL.
    pub url: String,
}

impl Database for Postgres {
    type Store = PostgresStore;

    const OCTET: &'static str = "'\\x00'::bytea";

    async fn fresh() -> Option<Self> {
        let Ok(admin) = std::env::var("COMITY_TEST_POSTGRES") else {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "COMITY_TEST_POSTGRES is not set, and CI must not skip PostgreSQL"
            );
            println!("SKIPPED: COMITY_TEST_POSTGRES is not set");
            return None;
        };
        let mut conn = PgConnection::connect(&admin).await.unwrap();
        // One test process at a time makes the template; the rest find it made. It is named for this test
        // process's program, since another build may contain another schema.
        let program = std::env::current_exe().unwrap();
        let template = format!("template_{}", name_of(&program.to_string_lossy()));
        sqlx::query("SELECT pg_advisory_lock(1)")
            .execute(&mut conn)
            .await
            .unwrap();
        let made: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(&template)
            .fetch_one(&mut conn)
            .await
            .unwrap();
        if !made {
            let making = format!("{template}_making");
            run(
                &mut conn,
                format!("DROP DATABASE IF EXISTS {making} WITH (FORCE)"),
            )
            .await;
            run(&mut conn, format!("CREATE DATABASE {making}")).await;
            let store = PostgresStore::open(&within(&admin, &making), &keys(), rng())
                .await
                .unwrap();
            store.close().await;
            run(&mut conn, format!("ALTER DATABASE {making} RENAME TO {template}")).await;
        }
        let copy = copied(&mut conn, &admin, &template).await;
        conn.close().await.unwrap();
        Some(copy)
    }

    async fn open_with(&self, keys: &StoreKeys) -> Result<PostgresStore, OpenError> {
        PostgresStore::open(&self.url, keys, rng()).await
    }

    async fn copy(&self) -> Self {
        let admin = std::env::var("COMITY_TEST_POSTGRES").unwrap();
        let mut conn = PgConnection::connect(&admin).await.unwrap();
        let url = url::Url::parse(&self.url).unwrap();
        let copy = copied(&mut conn, &admin, url.path().trim_start_matches('/')).await;
        conn.close().await.unwrap();
        copy
    }

    async fn try_execute(&self, statement: String) -> Result<(), sqlx::Error> {
        let mut conn = PgConnection::connect(&self.url).await?;
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut conn).await?;
        conn.close().await
    }
}

/// A new database with the content of another one to which nobody is connected.
async fn copied(conn: &mut PgConnection, admin: &str, of: &str) -> Postgres {
    let name = format!("test_{:016x}", u64::from_le_bytes(rng().bytes()));
    run(conn, format!("CREATE DATABASE {name} TEMPLATE {of}")).await;
    Postgres {
        url: within(admin, &name),
    }
}

async fn run(conn: &mut PgConnection, statement: String) {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(conn)
        .await
        .unwrap();
}

/// Test programs are named for their content by cargo (`…-4f2a`), and rebuilt ones keep their name: the time of
/// the build is what tells two schemas apart.
fn name_of(program: &str) -> String {
    let built = std::fs::metadata(program)
        .and_then(|file| file.modified())
        .unwrap();
    let seconds = built.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let stem = program.rsplit('-').next().unwrap();
    format!("{stem}_{seconds}")
}

/// `admin` with another database's name.
fn within(admin: &str, name: &str) -> String {
    let mut url = url::Url::parse(admin).unwrap();
    url.set_path(name);
    url.into()
}
