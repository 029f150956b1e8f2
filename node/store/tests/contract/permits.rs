//! Permits, their events, and register files.

use comity_node_core::ports::permits::{ImportMark, Permit, PermitEvent};
use comity_node_core::ports::store::{Conflict, Row, Store, Write};
use comity_spec::exchange::{PermitStatus, SubjectNumber};
use comity_spec::ids::Digest;
use comity_spec::status::StatusValue;

use crate::fixtures::*;
use crate::on_every_store;

on_every_store!(new_permit_reads_back_whole);
async fn new_permit_reads_back_whole(store: &dyn Store) {
    let mut permit = permit(1);
    permit.replaced_by = Some(permit_id(9));
    done(store, vec![new(permit.clone())]).await;
    assert_eq!(store.permit(permit.id).await.unwrap().as_ref(), Some(&permit));
    assert_eq!(store.permit(permit_id(2)).await.unwrap(), None);
    assert_eq!(store.permit_count().await.unwrap(), 1);
    let by_id_number = SubjectNumber::IdNumber(permit.details.id_number.clone());
    assert_eq!(
        store.permits_by_number(&by_id_number).await.unwrap(),
        [permit.clone()]
    );
    let by_number = SubjectNumber::PermitNumber(permit.details.permit_number.clone());
    assert_eq!(store.permits_by_number(&by_number).await.unwrap(), [permit]);
    let unknown = SubjectNumber::PermitNumber(super::fixtures::permit(5).details.permit_number);
    assert_eq!(store.permits_by_number(&unknown).await.unwrap(), []);
}

on_every_store!(permits_of_one_person_come_newest_first);
async fn permits_of_one_person_come_newest_first(store: &dyn Store) {
    let first = permit(1);
    let mut second = permit(2);
    second.details.id_number = first.details.id_number.clone();
    done(
        store,
        vec![new(second.clone()), new(first.clone()), new(permit(3))],
    )
    .await;
    let number = SubjectNumber::IdNumber(first.details.id_number.clone());
    assert_eq!(store.permits_by_number(&number).await.unwrap(), [second, first]);
}

on_every_store!(change_keeps_every_event_and_refuses_a_stale_author);
async fn change_keeps_every_event_and_refuses_a_stale_author(store: &dyn Store) {
    let first = permit(1);
    done(store, vec![new(first.clone())]).await;
    let (second, change) = changed(&first, PermitStatus::Suspended, None);
    done(store, vec![change.clone()]).await;
    assert_eq!(store.permit(first.id).await.unwrap(), Some(second));
    assert_eq!(
        conflict(store, vec![change]).await,
        Conflict::Version(Row::Permit)
    );
    assert_eq!(
        conflict(store, vec![new(first.clone())]).await,
        Conflict::Exists(Row::Permit)
    );
    let (_, unknown) = changed(&permit(2), PermitStatus::Valid, None);
    assert_eq!(
        conflict(store, vec![unknown]).await,
        Conflict::Missing(Row::Permit)
    );
    let events = store.events(first.id).await.unwrap();
    assert_eq!(
        events.iter().map(|event| event.version).collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!(events[0].actor, "register");
    assert_eq!(
        events[1].event,
        PermitEvent::Suspended {
            reason: "R1".to_owned()
        }
    );
    assert_eq!(store.events(permit_id(2)).await.unwrap(), []);
}

on_every_store!(permit_number_belongs_to_one_permit);
async fn permit_number_belongs_to_one_permit(store: &dyn Store) {
    let first = permit(1);
    let mut second = permit(2);
    done(store, vec![new(first.clone()), new(second.clone())]).await;
    let mut third = permit(3);
    third.details.permit_number = first.details.permit_number.clone();
    assert_eq!(
        conflict(store, vec![new(third)]).await,
        Conflict::Exists(Row::PermitNumber)
    );
    second.details.permit_number = first.details.permit_number.clone();
    let (_, change) = changed(&second, PermitStatus::Valid, None);
    assert_eq!(
        conflict(store, vec![change]).await,
        Conflict::Exists(Row::PermitNumber)
    );
    assert_eq!(store.permit_count().await.unwrap(), 2);
}

fn mark(digest: &[u8], sequence: u64) -> Write {
    Write::Import(import(digest, sequence))
}

fn import(digest: &[u8], sequence: u64) -> ImportMark {
    ImportMark {
        digest: Digest::of(digest),
        full: sequence.is_multiple_of(2),
        sequence,
        rows: 3,
        source_as_of: at(NOW - 60),
        applied_at: now(),
    }
}

on_every_store!(register_file_is_applied_once_and_in_order);
async fn register_file_is_applied_once_and_in_order(store: &dyn Store) {
    assert_eq!(store.last_import().await.unwrap(), None);
    done(store, vec![new(permit(1)), mark(b"a", 4)]).await;
    done(store, vec![mark(b"b", 7)]).await;
    let again = vec![new(permit(2)), mark(b"a", 8)];
    assert_eq!(conflict(store, again).await, Conflict::Exists(Row::RegisterFile));
    let late = vec![new(permit(2)), mark(b"c", 7)];
    assert_eq!(conflict(store, late).await, Conflict::Older(Row::RegisterFile));
    assert_eq!(
        store.permit_count().await.unwrap(),
        1,
        "a refused file leaves no row"
    );
    assert_eq!(store.last_import().await.unwrap(), Some(import(b"b", 7)));
    assert_eq!(
        store.import_by_digest(&Digest::of(b"a")).await.unwrap(),
        Some(import(b"a", 4))
    );
    assert_eq!(store.import_by_digest(&Digest::of(b"c")).await.unwrap(), None);
}

on_every_store!(register_of_thousands_comes_in_whole_or_not_at_all);
async fn register_of_thousands_comes_in_whole_or_not_at_all(store: &dyn Store) {
    let rows = 1_234;
    let whole: Vec<Write> = (0..rows).map(|n| new(permit(n))).collect();
    let mut broken = whole.clone();
    broken.push(new(permit(77)));
    assert_eq!(conflict(store, broken).await, Conflict::Exists(Row::Permit));
    assert_eq!(store.permit_count().await.unwrap(), 0);
    done(store, whole).await;
    assert_eq!(store.permit_count().await.unwrap(), rows);
    let mut after = None;
    let mut seen: Vec<Permit> = Vec::new();
    loop {
        let page = store.permits_after(after, 500).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        seen.extend(page);
    }
    assert_eq!(seen.len() as u64, rows);
    assert!(seen.is_sorted_by(|one, next| one.id < next.id));
    assert_eq!(seen[1_233], permit(1_233));
}

on_every_store!(only_permits_in_function_wait_for_an_attestation);
async fn only_permits_in_function_wait_for_an_attestation(store: &dyn Store) {
    let lapsed = issued_a_year_before(3, today());
    let last_day = issued_a_year_before(4, today().plus_days(1).unwrap());
    assert_eq!(last_day.endorsed_until, today());
    let mut suspended = permit(5);
    suspended.status = PermitStatus::Suspended;
    let permits = [permit(1), permit(2), lapsed, last_day, suspended];
    done(store, permits.iter().cloned().map(new).chain([list(1)]).collect()).await;
    let waiting = async || -> Vec<_> {
        let found = store.permits_without_attestation(now(), 10).await.unwrap();
        found.into_iter().map(|permit| permit.id).collect()
    };
    assert_eq!(waiting().await, [permit_id(1), permit_id(2), permit_id(4)]);
    assert_eq!(
        store.permits_without_attestation(now(), 2).await.unwrap().len(),
        2
    );
    done(store, vec![issue(issuance(0, &permits[0], 1, 11))]).await;
    assert_eq!(waiting().await, [permit_id(2), permit_id(4)]);
    // Lost and found: what the attestation says still holds.
    let (lost, loss) = changed(
        &permits[0],
        PermitStatus::ReportedLost,
        Some(StatusValue::Suspended),
    );
    let (found, finding) = changed(&lost, PermitStatus::Valid, Some(StatusValue::Valid));
    done(store, vec![loss, finding]).await;
    assert_eq!(waiting().await, [permit_id(2), permit_id(4)]);
    // Endorsed: superseded, and a new one is due.
    let (_, endorsing) = changed(&found, PermitStatus::Valid, Some(StatusValue::Superseded));
    done(store, vec![endorsing]).await;
    assert_eq!(waiting().await, [permit_id(1), permit_id(2), permit_id(4)]);
}
