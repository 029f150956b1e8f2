//! Attestations, our own status lists, decoys, publications.

use comity_node_core::ports::attestations::{Decoy, Issuance, ListId, Publication};
use comity_node_core::ports::store::{Conflict, Row, Store, Write};
use comity_spec::exchange::PermitStatus;
use comity_spec::status::StatusValue;

use crate::fixtures::*;
use crate::on_every_store;

fn decoy(list: i64, index: u32, status: StatusValue) -> Write {
    Write::Decoy(Decoy {
        list: ListId(list),
        index,
        status,
    })
}

fn publication(list: i64, iat: i64, changes: i64) -> Write {
    Write::Publication(Publication {
        list: ListId(list),
        iat: at(iat),
        token: format!("list-{iat}"),
        changes,
    })
}

async fn changes(store: &dyn Store) -> i64 {
    store.status_lists().await.unwrap()[0].changes
}

on_every_store!(attestation_reads_back_and_is_newest_first);
async fn attestation_reads_back_and_is_newest_first(store: &dyn Store) {
    let holder = permit(1);
    let (full, card) = (issuance(0, &holder, 1, 131_071), issuance(1, &holder, 1, 0));
    let expired = Issuance {
        exp: at(NOW - 1),
        ..issuance(2, &holder, 1, 5)
    };
    done(
        store,
        vec![
            new(holder.clone()),
            list(1),
            issue(full.clone()),
            issue(card.clone()),
            issue(expired),
        ],
    )
    .await;
    assert_eq!(
        store.attestations_of(holder.id, now()).await.unwrap(),
        [card, full]
    );
    assert_eq!(store.attestations_of(permit_id(2), now()).await.unwrap(), []);
    let lists = store.status_lists().await.unwrap();
    assert_eq!((lists.len(), lists[0].next_position, lists[0].changes), (1, 3, 0));
    assert_eq!(
        (lists[0].seed, &*lists[0].uri),
        ([1; 32], "https://yushan.example/status/1")
    );
}

on_every_store!(attestation_is_refused_for_a_permit_that_moved_on_and_an_index_in_use);
async fn attestation_is_refused_for_a_permit_that_moved_on_and_an_index_in_use(store: &dyn Store) {
    let holder = permit(1);
    done(
        store,
        vec![new(holder.clone()), list(1), decoy(1, 4, StatusValue::Valid)],
    )
    .await;
    done(store, vec![issue(issuance(0, &holder, 1, 3))]).await;
    let taken = conflict(store, vec![issue(issuance(1, &holder, 1, 3))]).await;
    assert_eq!(taken, Conflict::Exists(Row::StatusIndex));
    let decoyed = conflict(store, vec![issue(issuance(1, &holder, 1, 4))]).await;
    assert_eq!(decoyed, Conflict::Exists(Row::StatusIndex));
    assert_eq!(
        conflict(store, vec![decoy(1, 3, StatusValue::Cancelled)]).await,
        Conflict::Exists(Row::StatusIndex)
    );
    let nowhere = conflict(store, vec![issue(issuance(1, &holder, 2, 3))]).await;
    assert_eq!(nowhere, Conflict::Missing(Row::StatusList));
    let nobody = conflict(store, vec![issue(issuance(1, &permit(2), 1, 9))]).await;
    assert_eq!(nobody, Conflict::Missing(Row::Permit));
    let (_, change) = changed(&holder, PermitStatus::Valid, None);
    let stale = conflict(store, vec![change, issue(issuance(1, &holder, 1, 9))]).await;
    assert_eq!(stale, Conflict::Version(Row::Permit));
    assert_eq!(
        store.permit(holder.id).await.unwrap().unwrap().version,
        1,
        "nothing of the list is done"
    );
    assert_eq!(
        conflict(store, vec![list(1)]).await,
        Conflict::Exists(Row::StatusList)
    );
}

on_every_store!(status_moves_only_where_it_may_and_each_move_is_counted);
async fn status_moves_only_where_it_may_and_each_move_is_counted(store: &dyn Store) {
    let (one, other) = (permit(1), permit(2));
    done(store, vec![new(one.clone()), new(other.clone()), list(1)]).await;
    let expired = Issuance {
        exp: at(NOW - 1),
        ..issuance(3, &one, 1, 40)
    };
    let writes = vec![
        issue(issuance(0, &one, 1, 10)),
        issue(issuance(1, &one, 1, 20)),
        issue(issuance(2, &other, 1, 30)),
        issue(expired),
    ];
    done(store, writes).await;
    let (one, suspension) = changed(&one, PermitStatus::Suspended, Some(StatusValue::Suspended));
    done(store, vec![suspension]).await;
    let suspended = [(10, StatusValue::Suspended), (20, StatusValue::Suspended)];
    assert_eq!(store.nonzero(ListId(1)).await.unwrap(), suspended);
    assert_eq!(changes(store).await, 2);
    let (one, reinstated) = changed(&one, PermitStatus::Valid, Some(StatusValue::Valid));
    done(store, vec![reinstated]).await;
    assert_eq!(store.nonzero(ListId(1)).await.unwrap(), []);
    let (one, superseded) = changed(&one, PermitStatus::Valid, Some(StatusValue::Superseded));
    done(store, vec![superseded, issue(issuance(4, &one, 1, 50))]).await;
    assert_eq!(changes(store).await, 6);
    // What was superseded does not return: only the new index is suspended and reinstated.
    let (one, suspension) = changed(&one, PermitStatus::Suspended, Some(StatusValue::Suspended));
    let (one, reinstated) = changed(&one, PermitStatus::Valid, Some(StatusValue::Valid));
    done(store, vec![suspension, reinstated]).await;
    assert_eq!(changes(store).await, 8);
    let kept = [(10, StatusValue::Superseded), (20, StatusValue::Superseded)];
    assert_eq!(store.nonzero(ListId(1)).await.unwrap(), kept);
    let (one, cancelled) = changed(&one, PermitStatus::Cancelled, Some(StatusValue::Cancelled));
    let (_, again) = changed(&one, PermitStatus::Cancelled, Some(StatusValue::Superseded));
    done(store, vec![cancelled, again]).await;
    let cancelled = [10, 20, 50].map(|index| (index, StatusValue::Cancelled));
    assert_eq!(store.nonzero(ListId(1)).await.unwrap(), cancelled);
    assert_eq!(changes(store).await, 11);
}

on_every_store!(decoys_show_and_change_like_entries);
async fn decoys_show_and_change_like_entries(store: &dyn Store) {
    done(
        store,
        vec![
            list(1),
            list(2),
            decoy(1, 7, StatusValue::Suspended),
            decoy(1, 5, StatusValue::Valid),
        ],
    )
    .await;
    assert_eq!(changes(store).await, 1);
    done(store, vec![decoy(1, 7, StatusValue::Cancelled)]).await;
    assert_eq!(changes(store).await, 2);
    assert_eq!(
        store.nonzero(ListId(1)).await.unwrap(),
        [(7, StatusValue::Cancelled)]
    );
    let decoys = store.decoys(ListId(1)).await.unwrap();
    assert_eq!(decoys.iter().map(|decoy| decoy.index).collect::<Vec<_>>(), [5, 7]);
    assert_eq!(store.decoys(ListId(2)).await.unwrap(), []);
    assert_eq!(
        conflict(store, vec![decoy(1, 7, StatusValue::Valid)]).await,
        Conflict::Version(Row::Decoy)
    );
    assert_eq!(
        conflict(store, vec![decoy(3, 7, StatusValue::Valid)]).await,
        Conflict::Missing(Row::StatusList)
    );
}

on_every_store!(publication_rises_and_says_what_it_shows);
async fn publication_rises_and_says_what_it_shows(store: &dyn Store) {
    done(store, vec![list(1), decoy(1, 7, StatusValue::Suspended)]).await;
    assert_eq!(store.status_lists().await.unwrap()[0].token, None);
    done(store, vec![publication(1, NOW, 1)]).await;
    let row = store.status_lists().await.unwrap().remove(0);
    assert_eq!((row.published_iat, row.published_changes), (Some(now()), 1));
    assert_eq!(row.token.as_deref(), Some(&*format!("list-{NOW}")));
    for iat in [NOW, NOW - 1] {
        assert_eq!(
            conflict(store, vec![publication(1, iat, 2)]).await,
            Conflict::Older(Row::StatusList)
        );
    }
    assert_eq!(
        conflict(store, vec![publication(2, NOW, 0)]).await,
        Conflict::Missing(Row::StatusList)
    );
    done(store, vec![publication(1, NOW + 1, 1)]).await;
}

on_every_store!(of_a_closed_list_what_nobody_has_is_superseded_and_nothing_is_handed_out);
async fn of_a_closed_list_what_nobody_has_is_superseded_and_nothing_is_handed_out(store: &dyn Store) {
    let holder = permit(1);
    let writes = vec![
        new(holder.clone()),
        list(1),
        list(2),
        decoy(1, 4, StatusValue::Suspended),
        decoy(1, 5, StatusValue::Valid),
        issue(issuance(0, &holder, 1, 3)),
    ];
    done(store, writes).await;
    done(store, vec![Write::CloseStatusList(ListId(1))]).await;
    let row = store.status_lists().await.unwrap().remove(0);
    assert_eq!((row.changes, row.next_position), (1 + 131_072 - 3, 131_072));
    let shown = store.nonzero(ListId(1)).await.unwrap();
    let expected = (0..131_072)
        .filter(|index| ![3, 5].contains(index))
        .map(|index| match index {
            4 => (index, StatusValue::Suspended),
            _ => (index, StatusValue::Superseded),
        });
    assert!(shown.into_iter().eq(expected));
    for index in [0, 9, 131_071] {
        assert_eq!(
            conflict(store, vec![issue(issuance(1, &holder, 1, index))]).await,
            Conflict::Exists(Row::StatusIndex)
        );
    }
    done(store, vec![Write::CloseStatusList(ListId(1))]).await;
    assert_eq!(
        store.status_lists().await.unwrap()[0],
        row,
        "nothing was left to close"
    );
    // The other list is as it was, and one that is not there is said to be missing.
    assert_eq!(store.nonzero(ListId(2)).await.unwrap(), []);
    done(store, vec![issue(issuance(1, &holder, 2, 9))]).await;
    assert_eq!(
        conflict(store, vec![Write::CloseStatusList(ListId(3))]).await,
        Conflict::Missing(Row::StatusList)
    );
}
