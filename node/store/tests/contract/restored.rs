//! A backup of the database itself is restored: what was given since comes again, and after the operator's word it does not.

use std::collections::BTreeSet;

use comity_node_core::attestations::StatusAllocator;
use comity_node_core::attestations::status_publication::publish;
use comity_node_core::permits::codes::Evidence;
use comity_node_core::permits::issue::issue;
use comity_node_core::permits::numbering::Counter;
use comity_node_core::ports::attestations::AttestationReads as _;
use comity_node_core::ports::record::RecordReads as _;
use comity_node_core::ports::store::Store;
use comity_node_core::restored::restored;
use comity_node_core::testing::County;
use comity_spec::time::LocalDate;

use crate::at_rest::{Closing, on_both};
use crate::harness::Database;
use crate::use_cases::{application, local, staffed};

/// Numbers and entries that were given to so many people.
async fn given(county: &County, store: &dyn Store, people: std::ops::Range<usize>) -> Vec<String> {
    let officer = staffed(store).await;
    let mut given = Vec::new();
    for place in people {
        let evidence = [Evidence::Insurance6Months];
        let done = issue(
            &local(county, store),
            application(county, place),
            &evidence,
            &officer,
        )
        .await
        .unwrap();
        given.push(done.permit.details.permit_number.to_string());
        let entries = done.attestations.iter();
        given.extend(entries.map(|one| format!("{:?} {}", one.list, one.index)));
    }
    publish(&local(county, store).issuer, &[]).await.unwrap();
    given
}

/// How much was given twice when a copy took the place of the database.
async fn twice<D: Database<Store: Closing>>(declared: bool) -> Option<usize> {
    let mut county = County::yushan(LocalDate::new(2026, 11, 22).unwrap());
    let database = D::fresh().await?;
    let store = database.open().await;
    let mut all = given(&county, &store, 0..2).await;
    store.closed().await;
    let backup = database.copy().await;
    let store = database.open().await;
    all.extend(given(&county, &store, 2..5).await);
    store.closed().await;

    county.allocator = StatusAllocator::default();
    county.counter = Counter::default();
    county.clock.advance(3_600);
    let store = backup.open().await;
    if declared {
        let done = restored(&local(&county, &store), &"officer-01".parse().unwrap())
            .await
            .unwrap();
        assert_eq!(done.closed.len(), 1);
        let said = store.last_line().await.unwrap().unwrap().body;
        assert!(
            said.contains("store_restored") && said.contains("officer-01"),
            "{said}"
        );
    }
    all.extend(given(&county, &store, 5..9).await);
    let lists = store.status_lists().await.unwrap().len();
    assert_eq!(lists, if declared { 2 } else { 1 });
    store.closed().await;
    Some(all.len() - all.iter().collect::<BTreeSet<_>>().len())
}

// STA-3
on_both!(nothing_is_given_twice_after_the_operators_word);
async fn nothing_is_given_twice_after_the_operators_word<D: Database<Store: Closing>>() {
    assert!(matches!(twice::<D>(true).await, None | Some(0)));
}

on_both!(without_it_everything_since_the_copy_is_given_twice);
async fn without_it_everything_since_the_copy_is_given_twice<D: Database<Store: Closing>>() {
    // Three people, a number and two entries each.
    assert!(matches!(twice::<D>(false).await, None | Some(9)));
}
