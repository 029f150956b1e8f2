//! Two histories of one county: what came after a copy, and what came after that copy was restored. Nothing is given out in both.

use std::collections::BTreeSet;

use comity_spec::attestation::Basis;
use comity_spec::ids::OfficerId;
use comity_spec::status::{ENTRIES, StatusValue};
use comity_spec::time::LocalDate;
use proptest::prelude::*;

use super::{RestoredError, SKIPPED, restored};
use crate::attestations::StatusAllocator;
use crate::attestations::status_publication::publish;
use crate::audit::{Event, Line, verify_record};
use crate::permits::Done;
use crate::permits::codes::Evidence;
use crate::permits::issue::{Application, issue};
use crate::permits::numbering::{Counter, SERIAL};
use crate::permits::synthetic::resident;
use crate::ports::attestations::AttestationReads as _;
use crate::ports::store::{Conflict, Row, Store as _, StoreError, Write};
use crate::testing::{County, MemoryStore, World};

fn county() -> County {
    County::yushan(LocalDate::new(2026, 11, 22).unwrap())
}

fn officer() -> OfficerId {
    "officer-01".parse().unwrap()
}

/// Issues to `count` people who hold nothing yet; `place` is the next of them.
async fn issued(county: &County, place: &mut usize, count: usize) -> Vec<Done> {
    let mut all = Vec::new();
    for _ in 0..count {
        let person = resident(county.region, county.today(), *place).unwrap();
        *place += 1;
        let application = Application {
            name: person.name,
            ethnicity: person.ethnicity,
            id_type: person.id_type,
            id_number: person.id_number,
            hukou_address: person.hukou_address,
            residence_address: person.residence_address,
            issuing_authority: person.issuing_authority,
            tier: person.tier,
            basis: Basis::Employment,
            residence_since: county.today().plus_months(-7).unwrap(),
            insured_months: None,
            points_standard_met: None,
            previous_ids: Vec::new(),
        };
        let evidence = [Evidence::Insurance6Months];
        all.push(
            issue(&county.bureau(), application, &evidence, &officer())
                .await
                .unwrap(),
        );
    }
    all
}

/// The process ends, the copy takes the store's place, and another process starts a little later.
fn restore(county: &mut County, copy: MemoryStore) {
    county.store = copy;
    county.allocator = StatusAllocator::default();
    county.counter = Counter::default();
    county.clock.advance(3_600);
}

async fn declare(county: &County) -> super::Restored {
    restored(&county.bureau(), &officer()).await.unwrap()
}

/// What was given out more than once: entries by the address of their list, and numbers.
fn given_twice(all: &[Done]) -> usize {
    let (mut entries, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    let mut twice = 0;
    for done in all {
        twice += usize::from(!numbers.insert(&done.permit.details.permit_number));
        for one in &done.attestations {
            twice += usize::from(!entries.insert((one.list, one.index)));
        }
    }
    twice
}

/// Issues, copies, issues on, restores and issues again; once more from the `same` copy or from one made right after the first
/// restoration. `left` are the entries that the first list still has when it is copied.
async fn two_restorations(counts: [usize; 5], left: Option<usize>, same: bool, declared: bool) -> Vec<Done> {
    let (mut county, mut place) = (county(), 0);
    let mut all = issued(&county, &mut place, counts[0]).await;
    if let Some(left) = left {
        let used = ENTRIES - 1_310 - 2 * counts[0] - left;
        let drawn = county.allocator.draw(&county.issuer(), used, county.now()).await;
        drawn.unwrap().commit("spend", Vec::new()).await.unwrap();
    }
    publish(&county.issuer(), &[]).await.unwrap();
    let first = county.store.copy();
    all.extend(issued(&county, &mut place, counts[1]).await);
    restore(&mut county, first.copy());
    if declared {
        declare(&county).await;
    }
    let copy = if same { first } else { county.store.copy() };
    for count in [counts[2], counts[3]] {
        all.extend(issued(&county, &mut place, count).await);
    }
    restore(&mut county, copy);
    if declared {
        declare(&county).await;
    }
    all.extend(issued(&county, &mut place, counts[4]).await);
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    // STA-3
    #[test]
    fn no_index_and_no_number_comes_twice_over_both_histories(
        counts in [1..4_usize, 1..6_usize, 0..3_usize, 1..4_usize, 1..6_usize],
        left in proptest::option::of(0..6_usize),
        same in any::<bool>(),
    ) {
        let run = |declared| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(two_restorations(counts, left, same, declared))
        };
        let declared = run(true);
        prop_assert_eq!(declared.len(), counts.iter().sum::<usize>());
        prop_assert_eq!(given_twice(&declared), 0);
        prop_assert!(given_twice(&run(false)) > 0, "without it they come again");
    }
}

#[tokio::test]
async fn what_the_store_does_not_know_is_superseded_and_what_it_knows_stands() {
    let (mut county, mut place) = (county(), 0);
    let known = issued(&county, &mut place, 3).await;
    publish(&county.issuer(), &[]).await.unwrap();
    let copy = county.store.copy();
    let lost = issued(&county, &mut place, 2).await;
    restore(&mut county, copy);
    let done = declare(&county).await;
    assert_eq!(done.closed, ["https://node.yushan.example/status-lists/1"]);
    assert_eq!((done.serial, done.at), (SKIPPED + 3 + 3_600, county.now()));
    let later = issued(&county, &mut place, 1).await.remove(0);
    let number = later.permit.details.permit_number.to_string();
    assert_eq!(number.get(10..18), Some("01003604"));

    let shown = county.store.nonzero(known[0].attestations[0].list).await.unwrap();
    for one in lost.iter().flat_map(|lost| &lost.attestations) {
        assert!(shown.contains(&(one.index, StatusValue::Superseded)));
    }
    for one in known.iter().flat_map(|known| &known.attestations) {
        assert!(!shown.iter().any(|(index, _)| *index == one.index));
    }
    let published = publish(&county.issuer(), &["https://peer.example".parse().unwrap()])
        .await
        .unwrap();
    assert!(
        published.len() == 2 && published[0].changed,
        "peers are told of the closed list"
    );
    assert_eq!(county.store.queued().len(), 1);
}

#[tokio::test]
async fn it_stands_in_the_record_and_done_twice_it_closes_nothing_more() {
    let world = World::new(county().now()).await;
    let test = world.node("361123");
    let bureau = test.node.bureau();
    let drawn = test.node.allocator.draw(&bureau.issuer, 2, test.node.now()).await;
    drawn.unwrap().commit("open", Vec::new()).await.unwrap();
    let first = restored(&bureau, &officer()).await.unwrap();
    assert_eq!(first.closed.len(), 1);
    let lists = test.store.status_lists().await.unwrap();
    let again = restored(&bureau, &officer()).await.unwrap();
    assert!(again.closed.is_empty(), "{again:?}");
    assert_eq!(again.serial, 2 * SKIPPED);
    assert_eq!(test.store.status_lists().await.unwrap(), lists);
    let record = test.store.record();
    assert_eq!(record.len(), 2);
    for line in &record {
        let line: Line = serde_json::from_str(&line.body).unwrap();
        assert_eq!(
            (line.event, line.officer),
            (Event::StoreRestored, Some(officer()))
        );
    }
    assert_eq!(verify_record(&test.node).await.unwrap().broken, None);
}

#[tokio::test]
async fn what_was_drawn_before_is_refused_by_the_store_and_drawn_anew() {
    let (county, mut place) = (county(), 0);
    let known = issued(&county, &mut place, 1).await.remove(0);
    let issuer = county.issuer();
    let back = county.allocator.draw(&issuer, 4, county.now()).await.unwrap();
    let drawn = county.allocator.draw(&issuer, 1, county.now()).await.unwrap();
    drop(back);
    let place_drawn = drawn.places()[0].clone();
    declare(&county).await;
    let mut late = known.attestations[0].clone();
    late.id = crate::ports::row_id(&county.clock, &county.rng);
    (late.index, late.position) = (place_drawn.index, place_drawn.position);
    let refused = drawn.commit("late", vec![Write::Issuance(Box::new(late))]).await;
    assert!(
        matches!(
            refused,
            Err(StoreError::Conflict(Conflict::Exists(Row::StatusIndex)))
        ),
        "{refused:?}"
    );
    let next = county.allocator.draw(&issuer, 6, county.now()).await.unwrap();
    assert!(
        next.places()
            .iter()
            .all(|place| place.list.0 == county.now().get() + 1)
    );
}

#[tokio::test]
async fn it_is_refused_where_the_clock_is_behind_or_serials_run_out_and_then_nothing_is_changed() {
    let (county, mut place) = (county(), 0);
    issued(&county, &mut place, 1).await;
    publish(&county.issuer(), &[]).await.unwrap();
    let attempt = async || restored(&county.bureau(), &officer()).await;
    county.clock.advance(-3_600);
    let behind = attempt().await;
    assert!(
        matches!(behind, Err(RestoredError::ClockBehind { .. })),
        "{behind:?}"
    );
    // Two hours after the copy, which takes so many more serials.
    county.clock.advance(3_600 + 7_200);
    let last = 99_999_999 - SKIPPED - 7_200;
    let raise = |value: u32| Write::Raise {
        key: SERIAL,
        value: value.into(),
    };
    county
        .store
        .commit("use up", vec![raise(last - 1)])
        .await
        .unwrap();
    let copy = county.store.copy();
    county.store.commit("use up", vec![raise(last)]).await.unwrap();
    let out = attempt().await;
    assert!(
        matches!(out, Err(RestoredError::OutOfSerials { last: found }) if found == last),
        "{out:?}"
    );
    county.store.fail("full");
    assert!(matches!(attempt().await, Err(RestoredError::OutOfSerials { .. })));
    county.store.recover();
    let lists = county.store.status_lists().await.unwrap();
    assert!(lists[0].next_position < 10 && county.store.record().is_empty());

    let mut county = county;
    county.clock.advance(-3_600);
    restore(&mut county, copy);
    county.store.fail("full");
    assert!(matches!(
        restored(&county.bureau(), &officer()).await,
        Err(RestoredError::Store(StoreError::Unavailable(_)))
    ));
    county.store.recover();
    let done = declare(&county).await;
    assert_eq!((done.closed.len(), done.serial), (1, 99_999_998));
    issued(&county, &mut place, 1).await;
}
