//! What a file can do to a node: be full, be damaged, be named twice.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::io::{Seek as _, SeekFrom, Write as _};

use comity_node_core::ports::store::{Store as _, StoreError, Write};
use futures_util::FutureExt as _;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use super::{Backing, Store};
use crate::harness::{Database as _, keys, rng};
use crate::verdict::Stopped;
use crate::{Fault, OpenError};

fn setting(value: String) -> Vec<Write> {
    vec![Write::Setting { key: "test", value }]
}

/// Bounds the database's pages, as a full disk does; 0 lets it grow again.
async fn bound(store: &Store, spare: i64) {
    store
        .write("test.bound", spare, |tx, spare| {
            async move {
                let pages: i64 = sqlx::query_scalar("PRAGMA page_count")
                    .fetch_one(&mut tx.conn)
                    .await?;
                let bound = if *spare == 0 { 1_000_000 } else { pages + spare };
                let pragma = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {bound}"));
                sqlx::raw_sql(pragma).execute(&mut tx.conn).await?;
                Ok(())
            }
            .boxed()
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn full_disk_refuses_the_write_keeps_reading_and_recovers_by_itself() {
    let database = Backing::fresh().await.unwrap();
    let store = database.open().await;
    store.commit("test", setting("before".to_owned())).await.unwrap();
    bound(&store, 1).await;
    let refused = store.commit("test", setting("x".repeat(100_000))).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(store.setting("test").await.unwrap().as_deref(), Some("before"));
    store.commit("test", setting("small".to_owned())).await.unwrap();
    bound(&store, 0).await;
    store.commit("test", setting("x".repeat(100_000))).await.unwrap();
    assert_eq!(
        store.setting("test").await.unwrap().map(|value| value.len()),
        Some(100_000)
    );
    store.close().await;
}

#[tokio::test]
async fn damaged_file_stops_the_writer_for_good() {
    let database = Backing::fresh().await.unwrap();
    let store = database.open().await;
    store.commit("test", setting("before".to_owned())).await.unwrap();
    store.close().await;
    let mut conn = SqliteConnectOptions::new()
        .filename(database.path())
        .connect()
        .await
        .unwrap();
    let page: i64 = sqlx::query_scalar("SELECT rootpage FROM sqlite_schema WHERE name = 'setting'")
        .fetch_one(&mut conn)
        .await
        .unwrap();
    let size: i64 = sqlx::query_scalar("PRAGMA page_size")
        .fetch_one(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .open(database.path())
        .unwrap();
    file.seek(SeekFrom::Start(u64::try_from((page - 1) * size).unwrap()))
        .unwrap();
    file.write_all(&vec![0xFF; usize::try_from(size).unwrap()])
        .unwrap();
    drop(file);

    let store = database.open().await;
    let refused = store.commit("test", setting("after".to_owned())).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    let stopped = store.stopped().await;
    assert!(
        matches!(stopped, Stopped::Broken(Fault::Unavailable(_))),
        "{stopped:?}"
    );
    let later = store
        .commit("test", vec![Write::Dequeue(uuid::Uuid::nil())])
        .await;
    assert!(
        matches!(later, Err(StoreError::Unavailable(_))),
        "a sound table is not written either: {later:?}"
    );
}

#[tokio::test]
async fn file_that_is_no_database_is_refused() {
    let database = Backing::fresh().await.unwrap();
    std::fs::write(
        database.path(),
        "not a database, but long enough to be taken for one".repeat(100),
    )
    .unwrap();
    let opened = database.open_with(&keys()).await;
    assert!(matches!(opened, Err(OpenError::Database(_))), "{opened:?}");
    let lost = Store::open(&database.path().join("no/such/place.db"), &keys(), rng()).await;
    assert!(matches!(lost, Err(OpenError::File { .. })), "{lost:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn two_names_of_one_file_are_one_store() {
    let database = Backing::fresh().await.unwrap();
    let store = database.open().await;
    let alias = database.path().with_file_name("alias.db");
    std::os::unix::fs::symlink(database.path(), &alias).unwrap();
    let second = Store::open(&alias, &keys(), rng()).await;
    assert!(matches!(second, Err(OpenError::InUse { .. })), "{second:?}");
    store.close().await;
    Store::open(&alias, &keys(), rng()).await.unwrap().close().await;
}
