//! A list of writes happens whole or not at all; what has ended is forgotten.

use comity_node_core::ports::officers::Session;
use comity_node_core::ports::store::{Conflict, Row, Store, Write};

use crate::fixtures::*;
use crate::on_every_store;
use crate::windows::{answer, officer};

fn setting(value: &str) -> Write {
    Write::Setting {
        key: "source_as_of",
        value: value.to_owned(),
    }
}

on_every_store!(refusal_undoes_the_whole_list);
async fn refusal_undoes_the_whole_list(store: &dyn Store) {
    done(store, vec![setting("1"), new(permit(1))]).await;
    let refused = vec![setting("2"), new(permit(2)), new(permit(1)), setting("3")];
    assert_eq!(conflict(store, refused).await, Conflict::Exists(Row::Permit));
    assert_eq!(store.setting("source_as_of").await.unwrap().as_deref(), Some("1"));
    assert_eq!(store.permit_count().await.unwrap(), 1);
    done(store, vec![]).await;
    done(store, vec![setting("2")]).await;
    assert_eq!(store.setting("source_as_of").await.unwrap().as_deref(), Some("2"));
    assert_eq!(store.setting("clock_floor").await.unwrap(), None);
}

on_every_store!(concurrent_authors_cannot_both_win);
async fn concurrent_authors_cannot_both_win(store: &dyn Store) {
    let first = permit(1);
    done(store, vec![new(first.clone())]).await;
    let change = || {
        let (_, change) = changed(&first, comity_spec::exchange::PermitStatus::Suspended, None);
        store.commit("test", vec![change])
    };
    let (one, two, three) = tokio::join!(change(), change(), change());
    assert_eq!(
        [one, two, three].iter().filter(|answer| answer.is_ok()).count(),
        1
    );
    assert_eq!(store.events(first.id).await.unwrap().len(), 2);
}

on_every_store!(what_has_ended_is_forgotten_and_nothing_else);
async fn what_has_ended_is_forgotten_and_nothing_else(store: &dyn Store) {
    let session = |token, expires| {
        Write::Session(Session {
            token: [token; 32],
            officer: officer(1).id,
            csrf: String::new(),
            expires: at(expires),
        })
    };
    done(
        store,
        vec![Write::Officer(officer(1)), session(1, NOW - 1), session(2, NOW)],
    )
    .await;
    let answers = [answer("old", b"r", NOW - 1), answer("new", b"r", NOW)];
    done(store, answers.iter().cloned().map(Write::Answer).collect()).await;
    done(store, vec![Write::Forget { before: NOW }]).await;
    let scope = &answers[0].scope;
    assert_eq!(store.answered(scope, "old").await.unwrap(), None);
    assert_eq!(
        store.answered(scope, "new").await.unwrap().as_ref(),
        Some(&answers[1])
    );
    assert!(store.session(&[1; 32]).await.unwrap().is_none());
    assert!(store.session(&[2; 32]).await.unwrap().is_some());
}
