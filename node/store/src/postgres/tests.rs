//! What only a server can do to a node: drop its connection, outlive it, or let another one in.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use futures_util::FutureExt as _;

use super::{Backing, Session, Store, options};
use crate::harness::{Database as _, keys, rng};
use crate::verdict::{BeginError, Settled, Stopped};
use crate::{Fault, OpenError};

/// Ends every connection of the node to `database`, from outside.
async fn cut(database: &Backing) {
    database
        .execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
             WHERE datname = current_database() AND application_name = 'comity'"
                .to_owned(),
        )
        .await;
}

async fn note(store: &Store, id: i64) -> Result<(), Fault> {
    store
        .write("test.note", id, |tx, id| {
            async move {
                sqlx::query("INSERT INTO scratch (id) VALUES ($1)")
                    .bind(id)
                    .execute(&mut tx.conn)
                    .await?;
                Ok(())
            }
            .boxed()
        })
        .await
}

async fn scratch(database: &Backing) {
    database
        .execute("CREATE TABLE scratch (id BIGINT PRIMARY KEY)".to_owned())
        .await;
}

async fn session(database: &Backing) -> Session {
    Session::open(&database.url, &keys(), rng()).await.unwrap()
}

#[tokio::test]
async fn writer_comes_back_after_its_connection_is_cut() {
    let Some(database) = Backing::fresh().await else {
        return;
    };
    let store = database.open().await;
    scratch(&database).await;
    note(&store, 1).await.unwrap();
    cut(&database).await;
    note(&store, 2).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn connection_cut_inside_a_transaction_repeats_it_once() {
    let Some(database) = Backing::fresh().await else {
        return;
    };
    let store = database.open().await;
    scratch(&database).await;
    database.execute("CREATE SEQUENCE attempt".to_owned()).await;
    let url = database.url.clone();
    let answer = store
        .write("test.cut", url, |tx, url| {
            async move {
                sqlx::query("INSERT INTO scratch (id) VALUES (1)")
                    .execute(&mut tx.conn)
                    .await?;
                let other = Backing { url: url.clone() };
                // A sequence is not rolled back: it tells the first attempt from the second.
                let first: bool = sqlx::query_scalar("SELECT nextval('attempt') = 1")
                    .fetch_one(&mut tx.conn)
                    .await?;
                if first {
                    cut(&other).await;
                }
                Ok(())
            }
            .boxed()
        })
        .await;
    answer.unwrap();
    note(&store, 2).await.unwrap();
    let mut conn = store.reader().await.unwrap();
    let attempts: i64 = sqlx::query_scalar("SELECT last_value FROM attempt")
        .fetch_one(&mut *conn)
        .await
        .unwrap();
    assert_eq!(attempts, 2);
    drop(conn);
    store.close().await;
}

#[tokio::test]
async fn instance_that_was_taken_over_cannot_write() {
    let Some(database) = Backing::fresh().await else {
        return;
    };
    let store = database.open().await;
    scratch(&database).await;
    note(&store, 1).await.unwrap();
    // What a second start does, had the lock been lost without the first one's knowledge.
    database
        .execute("UPDATE store_instance SET epoch = epoch + 1".to_owned())
        .await;
    let fenced = note(&store, 2).await;
    assert!(matches!(fenced, Err(Fault::Fenced)), "{fenced:?}");
    assert!(matches!(store.stopped().await, Stopped::Fenced));
    assert!(matches!(note(&store, 3).await, Err(Fault::Fenced)));
    let second = database.open().await;
    note(&second, 2).await.unwrap();
    second.close().await;
}

#[tokio::test]
async fn instance_that_lost_its_connection_to_another_start_stops() {
    let Some(database) = Backing::fresh().await else {
        return;
    };
    let first = database.open().await;
    scratch(&database).await;
    cut(&database).await;
    let second = database.open().await;
    let fenced = note(&first, 1).await;
    assert!(matches!(fenced, Err(Fault::Fenced)), "{fenced:?}");
    note(&second, 1).await.unwrap();
    second.close().await;
}

#[tokio::test]
async fn lost_answer_to_a_commit_is_settled_by_the_count() {
    let Some(database) = Backing::fresh().await else {
        return;
    };
    let mut session = session(&database).await;
    session.begin().await.unwrap();
    session.commit().await.unwrap();
    assert_eq!(session.settle().await.unwrap(), Settled::Committed);
    session.begin().await.unwrap();
    assert_eq!(session.settle().await.unwrap(), Settled::NotCommitted);
    session.begin().await.unwrap();
    session.commit().await.unwrap();
    // A stand-by that lags was promoted.
    database
        .execute("UPDATE store_instance SET commits = commits - 7".to_owned())
        .await;
    assert_eq!(session.settle().await.unwrap(), Settled::Unknown);
    database
        .execute("UPDATE store_instance SET epoch = epoch + 1".to_owned())
        .await;
    assert!(matches!(session.settle().await, Err(BeginError::Fenced)));
}

#[tokio::test]
async fn former_connection_that_hangs_is_ended_by_its_owner_only() {
    let Some(database) = Backing::fresh().await else {
        return;
    };
    let mut session = session(&database).await;
    // Keeps the old connection open, as a half-dead network does; the lock is still its.
    let mut spare = session.tx.conn;
    session.tx.conn = super::connect(&session.options).await.unwrap();
    assert_eq!(session.settle().await.unwrap(), Settled::Committed);
    assert!(
        sqlx::query("SELECT 1").execute(&mut spare).await.is_err(),
        "the former connection was ended"
    );
    let other = database.open_with(&keys()).await;
    assert!(matches!(other, Err(OpenError::InUse { .. })), "{other:?}");
}

#[tokio::test]
async fn lax_durability_of_the_server_is_overruled() {
    let Some(database) = Backing::fresh().await else {
        return;
    };
    database
        .execute(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$"
                .to_owned(),
        )
        .await;
    let store = database.open().await;
    let setting = store
        .write("test.setting", (), |tx, ()| {
            async move {
                Ok(sqlx::query_scalar("SHOW synchronous_commit")
                    .fetch_one(&mut tx.conn)
                    .await?)
            }
            .boxed()
        })
        .await;
    assert_eq!(setting.map(|setting: String| setting).unwrap(), "on");
    store.close().await;
}

#[test]
fn a_server_elsewhere_has_to_prove_who_it_is() {
    for here in [
        "postgres://u:p@localhost/db",
        "postgres://u:p@127.0.0.1:5432/db",
        "postgres://u:p@[::1]/db",
        "postgres:///db?host=/run/postgresql",
        "postgres://u:p@db.example/db?sslmode=verify-full",
    ] {
        assert!(options(here).is_ok(), "{here}");
    }
    for elsewhere in [
        "postgres://u:p@db.example/db",
        "postgres://u:p@192.0.2.1/db?sslmode=require",
        "postgres://u:p@db.example/db?sslmode=verify-ca",
        "postgres://u:p@localhost.example/db?sslmode=disable",
    ] {
        let refused = options(elsewhere).unwrap_err();
        assert!(matches!(refused, OpenError::Unprotected { .. }), "{elsewhere}");
        assert!(refused.to_string().contains("sslmode=verify-full"), "{refused}");
        assert!(!refused.to_string().contains("u:p"), "{refused}");
    }
}
