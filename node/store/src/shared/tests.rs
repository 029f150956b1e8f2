//! What both databases promise below any aggregate, on real ones. Every test here runs on each.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use sqlx::Connection as _;
use tokio::sync::Notify;

use super::super::Backing;
use super::Store;
use crate::harness::{Database as _, keys};
use crate::verdict::Stopped;
use crate::{Fault, OpenError, StoreKeys};

/// A table of the tests' own, beside the schema's.
async fn scratch(store: &Store) {
    store
        .write("test.create", (), |tx, ()| {
            async move {
                sqlx::raw_sql("CREATE TABLE scratch (id BIGINT PRIMARY KEY, note TEXT NOT NULL)")
                    .execute(&mut tx.conn)
                    .await?;
                Ok(())
            }
            .boxed()
        })
        .await
        .unwrap();
}

/// Writes two rows, so that half of it can be told from all of it.
async fn pair(store: &Store, id: i64) -> Result<i64, Fault> {
    store
        .write("test.pair", id, |tx, id| {
            async move {
                for id in [*id, -*id] {
                    sqlx::query("INSERT INTO scratch (id, note) VALUES ($1, 'pair')")
                        .bind(id)
                        .execute(&mut tx.conn)
                        .await?;
                }
                Ok(*id)
            }
            .boxed()
        })
        .await
}

async fn ids(store: &Store) -> Vec<i64> {
    let mut conn = store.reader().await.unwrap();
    sqlx::query_scalar("SELECT id FROM scratch ORDER BY id")
        .fetch_all(&mut *conn)
        .await
        .unwrap()
}

/// Occupies the writer until told to go on, so that what is queued meanwhile forms one group.
async fn occupy(store: &Store) -> (Arc<Notify>, tokio::task::JoinHandle<Result<(), Fault>>) {
    let (entered, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let held = tokio::spawn({
        let (store, signals) = (store.clone(), (Arc::clone(&entered), Arc::clone(&go)));
        async move {
            store
                .write("test.occupy", signals, |_, (entered, go)| {
                    async move {
                        entered.notify_one();
                        go.notified().await;
                        Ok(())
                    }
                    .boxed()
                })
                .await
        }
    });
    entered.notified().await;
    (go, held)
}

#[tokio::test]
async fn transactions_that_wait_together_share_one_commit() {
    let Some(database) = Backing::fresh().await else {
        return;
    };
    let store = database.open().await;
    scratch(&store).await;
    let (go, held) = occupy(&store).await;
    let before = store.commits();
    let mut writes = Box::pin(join_all((1..=100).map(|id| pair(&store, id))));
    assert!((&mut writes).now_or_never().is_none());
    go.notify_one();
    let answers = writes.await;
    held.await.unwrap().unwrap();
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(
        store.commits() - before,
        2,
        "one for the transaction in the way, one for the 100 behind it"
    );
    assert_eq!(ids(&store).await.len(), 200);
    store.close().await;
}

#[tokio::test]
async fn refused_transaction_undoes_itself_and_no_neighbour() {
    let Some(database) = Backing::fresh().await else {
        return;
    };
    let store = database.open().await;
    scratch(&store).await;
    pair(&store, 5).await.unwrap();
    let (go, held) = occupy(&store).await;
    let defect = store.write::<_, i64, _>("test.defect", (), |tx, ()| {
        async move {
            sqlx::query("INSERT INTO scratch (id, note) VALUES (77, 'x')")
                .execute(&mut tx.conn)
                .await?;
            std::panic::panic_any("on purpose")
        }
        .boxed()
    });
    let late = store.write("test.late", (), |tx, ()| {
        async move {
            sqlx::query("INSERT INTO scratch (id, note) VALUES (6, 'x')")
                .execute(&mut tx.conn)
                .await?;
            // Taken by the pair 5: refused after a row of its own was written.
            sqlx::query("INSERT INTO scratch (id, note) VALUES (-5, 'x')")
                .execute(&mut tx.conn)
                .await?;
            Ok(0)
        }
        .boxed()
    });
    let mut writes =
        Box::pin(async { tokio::join!(pair(&store, 1), defect, pair(&store, 2), late, pair(&store, 3)) });
    assert!((&mut writes).now_or_never().is_none());
    go.notify_one();
    let (one, defect, two, late, three) = writes.await;
    held.await.unwrap().unwrap();
    assert_eq!((one.unwrap(), two.unwrap(), three.unwrap()), (1, 2, 3));
    assert!(matches!(defect, Err(Fault::Defect("test.defect"))), "{defect:?}");
    assert!(
        matches!(
            late,
            Err(Fault::Refused {
                name: "test.late",
                ..
            })
        ),
        "{late:?}"
    );
    assert_eq!(ids(&store).await, [-5, -3, -2, -1, 1, 2, 3, 5]);
    store.close().await;
}

#[tokio::test]
async fn transaction_that_hides_a_refusal_is_not_acknowledged_in_part() {
    let Some(database) = Backing::fresh().await else {
        return;
    };
    let store = database.open().await;
    scratch(&store).await;
    pair(&store, 1).await.unwrap();
    let hidden = store
        .write("test.hide", (), |tx, ()| {
            async move {
                sqlx::query("INSERT INTO scratch (id, note) VALUES (2, 'x')")
                    .execute(&mut tx.conn)
                    .await?;
                let refused = sqlx::query("INSERT INTO scratch (id, note) VALUES (1, 'x')");
                assert!(refused.execute(&mut tx.conn).await.is_err());
                Ok(())
            }
            .boxed()
        })
        .await;
    // SQLite undoes the one statement and can commit the rest; PostgreSQL undoes all. Whatever the answer is, it
    // is true.
    assert_eq!(hidden.is_ok(), ids(&store).await.contains(&2), "{hidden:?}");
    pair(&store, 3).await.unwrap();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hanging_up_loses_nothing_acknowledged_and_halves_nothing() {
    let Some(database) = Backing::fresh().await else {
        return;
    };
    let store = database.open().await;
    scratch(&store).await;
    let mut tasks = Vec::new();
    for task in 0..8_i64 {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for n in 0..100 {
                let id = 1 + task * 1000 + n;
                let mut write = Box::pin(pair(&store, id));
                if task % 2 == 0 {
                    acknowledged.push(write.await.unwrap());
                    continue;
                }
                // Hangs up after a number of polls that differs from write to write.
                for _ in 0..n % 7 {
                    if let Some(answer) = (&mut write).now_or_never() {
                        acknowledged.push(answer.unwrap());
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                drop(write);
                // A reader that hangs up in the middle must not leave an old state to the next one.
                let mut conn = store.reader().await.unwrap();
                let mut begin = Box::pin(conn.begin());
                let _ = (&mut begin).now_or_never();
            }
            acknowledged
        }));
    }
    let acknowledged: Vec<i64> = join_all(tasks)
        .await
        .into_iter()
        .flat_map(Result::unwrap)
        .collect();
    assert!(acknowledged.len() >= 400);
    // Commits after everything the hung-up callers had queued.
    pair(&store, 9_999_999).await.unwrap();
    // Every reader sees it, whatever was left behind on its connection.
    for _ in 0..16 {
        assert!(
            ids(&store).await.contains(&9_999_999),
            "a reader was left in an old state"
        );
    }
    let written = ids(&store).await;
    for id in &acknowledged {
        assert!(
            written.binary_search(id).is_ok(),
            "{id} was acknowledged and is lost"
        );
    }
    assert!(
        written.iter().all(|id| written.binary_search(&-id).is_ok()),
        "half a transaction"
    );
    store.close().await;
}

#[tokio::test]
async fn caller_who_hung_up_after_queueing_is_still_served() {
    let Some(database) = Backing::fresh().await else {
        return;
    };
    let store = database.open().await;
    scratch(&store).await;
    let (go, held) = occupy(&store).await;
    let mut write = Box::pin(pair(&store, 1));
    assert!((&mut write).now_or_never().is_none());
    drop(write);
    // Never polled, so never queued.
    drop(pair(&store, 2));
    go.notify_one();
    held.await.unwrap().unwrap();
    pair(&store, 3).await.unwrap();
    assert_eq!(ids(&store).await, [-3, -1, 1, 3]);
    store.close().await;
}

#[tokio::test]
async fn second_start_is_refused_until_the_first_closes() {
    let Some(database) = Backing::fresh().await else {
        return;
    };
    let first = database.open().await;
    let second = database.open_with(&keys()).await;
    assert!(matches!(second, Err(OpenError::InUse { .. })), "{second:?}");
    scratch(&first).await;
    first.close().await;
    assert!(matches!(first.stopped().await, Stopped::Closed));
    assert!(matches!(pair(&first, 1).await, Err(Fault::Closed)));
    let third = database.open().await;
    pair(&third, 1).await.unwrap();
    third.close().await;
}

#[tokio::test]
async fn closing_finishes_what_is_queued() {
    let Some(database) = Backing::fresh().await else {
        return;
    };
    let store = database.open().await;
    scratch(&store).await;
    let (go, held) = occupy(&store).await;
    let mut writes = Box::pin(join_all((1..=20).map(|id| pair(&store, id))));
    assert!((&mut writes).now_or_never().is_none());
    let closing = tokio::spawn({
        let store = store.clone();
        async move { store.close().await }
    });
    go.notify_one();
    held.await.unwrap().unwrap();
    assert!(writes.await.iter().all(Result::is_ok));
    closing.await.unwrap();
    let store = database.open().await;
    assert_eq!(ids(&store).await.len(), 40);
    store.close().await;
}

#[tokio::test]
async fn wrong_or_missing_keys_are_refused_and_a_new_key_is_taken_up() {
    let Some(database) = Backing::fresh().await else {
        return;
    };
    database.open().await.close().await;
    let wrong = database.open_with(&StoreKeys::new(1, [0x99; 32])).await;
    assert!(matches!(wrong, Err(OpenError::WrongKey { id: 1 })), "{wrong:?}");
    let missing = database.open_with(&StoreKeys::new(2, [0x22; 32])).await;
    assert!(
        matches!(missing, Err(OpenError::MissingKey { id: 1 })),
        "{missing:?}"
    );

    let store = database.open().await;
    let index = store.cipher().index("test", b"1");
    store.close().await;
    let store = database
        .open_with(&StoreKeys::new(2, [0x22; 32]).with_former(1, [0x11; 32]))
        .await
        .unwrap();
    assert_eq!(
        store.cipher().index("test", b"1"),
        index,
        "look-ups survive a new master key"
    );
    store.close().await;
    let former = database.open_with(&keys()).await;
    assert!(
        matches!(former, Err(OpenError::MissingKey { id: 2 })),
        "{former:?}"
    );
}

#[tokio::test]
async fn unknown_schema_is_refused_and_left_alone() {
    let Some(database) = Backing::fresh().await else {
        return;
    };
    database.open().await.close().await;
    let octet = Backing::OCTET;

    database
        .execute(format!(
            "INSERT INTO store_schema (version, digest) VALUES (99, {octet})"
        ))
        .await;
    let newer = database.open_with(&keys()).await;
    assert!(
        matches!(
            newer,
            Err(OpenError::NewerSchema {
                found: 99,
                known: 1..
            })
        ),
        "{newer:?}"
    );
    database
        .execute("DELETE FROM store_schema WHERE version = 99".to_owned())
        .await;
    database.open().await.close().await;

    database
        .execute(format!(
            "UPDATE store_schema SET digest = {octet} WHERE version = 1"
        ))
        .await;
    let altered = database.open_with(&keys()).await;
    assert!(
        matches!(altered, Err(OpenError::AlteredSchema { version: 1 })),
        "{altered:?}"
    );
}

#[tokio::test]
async fn readers_cannot_write() {
    let Some(database) = Backing::fresh().await else {
        return;
    };
    let store = database.open().await;
    scratch(&store).await;
    let mut conn = store.reader().await.unwrap();
    let written = sqlx::query("INSERT INTO scratch (id, note) VALUES (1, 'x')")
        .execute(&mut *conn)
        .await
        .unwrap_err();
    assert!(written.to_string().contains("read"), "{written}");
    drop(conn);
    store.close().await;
}
