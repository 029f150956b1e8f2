//! A county's day on every store: a register file is mirrored, attestations and a status list are issued, somebody reports a loss.

use std::collections::BTreeSet;

use comity_node_core::attestations::issue_for_permit::issue_for_permit;
use comity_node_core::attestations::issue_missing::issue_missing;
use comity_node_core::attestations::status_publication::publish;
use comity_node_core::attestations::{IssueError, Issuer};
use comity_node_core::permits::codes::Evidence;
use comity_node_core::permits::import_register::{Counts, Imported, RegisterFile, import_register};
use comity_node_core::permits::issue::{Application, issue};
use comity_node_core::permits::register_file::Kind;
use comity_node_core::permits::{Bureau, PermitPolicy, synthetic};
use comity_node_core::ports::attestations::ListId;
use comity_node_core::ports::officers::Role;
use comity_node_core::ports::permits::Permit;
use comity_node_core::ports::store::{Conflict, Row, Store, StoreError, Write};
use comity_node_core::testing::{County, officer, residents};
use comity_spec::attestation::Basis;
use comity_spec::exchange::{PermitStatus, SubjectNumber};
use comity_spec::ids::OfficerId;
use comity_spec::status::{ENTRIES, StatusValue};
use comity_spec::time::LocalDate;

use crate::on_every_store;

const PEOPLE: usize = 700;

fn counts(imported: Imported) -> Counts {
    match imported {
        Imported::Applied(counts) => counts,
        Imported::Already(mark) => panic!("applied before: {mark:?}"),
    }
}

on_every_store!(a_register_is_mirrored_attested_and_published);
async fn a_register_is_mirrored_attested_and_published(store: &dyn Store) {
    let county = County::yushan(LocalDate::new(2026, 11, 22).unwrap());
    let issuer = Issuer {
        store,
        is_register: false,
        ..county.issuer()
    };
    let bureau = Bureau {
        issuer,
        counter: &county.counter,
        policy: PermitPolicy::default(),
    };
    let people = residents(county.region, county.today(), PEOPLE);
    let import = async |sequence, kind, from: usize, word: &'static str| {
        let (file, manifest) =
            synthetic::register_file(&people[from..], kind, sequence, county.now(), |_| word).unwrap();
        let input = RegisterFile {
            file: &file,
            manifest: &manifest,
            leaving_confirmed: false,
        };
        import_register(&bureau, input).await.unwrap()
    };
    assert_eq!(counts(import(1, Kind::Full, 0, "").await).new, PEOPLE);
    assert!(matches!(import(1, Kind::Full, 0, "").await, Imported::Already(_)));
    let mut issued = 0;
    loop {
        match issue_missing(&issuer).await.unwrap() {
            0 => break,
            batch => issued += batch,
        }
    }
    assert_eq!(issued, 2 * PEOPLE);
    assert_eq!(publish(&issuer, &[]).await.unwrap().len(), 1);
    assert_eq!(publish(&issuer, &[]).await.unwrap(), [], "nothing new");

    county.clock.advance(5);
    let lost = counts(import(2, Kind::Delta, PEOPLE - 1, "LOST").await);
    assert_eq!((lost.changed, lost.unchanged), (1, 0));
    let published = publish(&issuer, &[]).await.unwrap();
    assert!(published[0].changed);
    let number = SubjectNumber::PermitNumber(people[PEOPLE - 1].permit_number.clone());
    let permit = store.permits_by_number(&number).await.unwrap().remove(0);
    assert_eq!(permit.status, PermitStatus::ReportedLost);
    let nonzero = store.nonzero(ListId(1)).await.unwrap();
    for attestation in store.attestations_of(permit.id, county.now()).await.unwrap() {
        assert!(nonzero.contains(&(attestation.index, StatusValue::Suspended)));
    }
    let found = counts(import(3, Kind::Delta, PEOPLE - 1, "FOUND").await);
    assert_eq!(found.changed, 1);
    assert_eq!(
        issue_missing(&issuer).await.unwrap(),
        0,
        "what was attested stands again"
    );
    let left = counts(import(4, Kind::Full, 20, "").await);
    assert_eq!((left.left, left.unchanged), (20, PEOPLE - 20));
}

pub(crate) fn local<'a>(county: &'a County, store: &'a dyn Store) -> Bureau<'a> {
    Bureau {
        issuer: Issuer {
            store,
            ..county.issuer()
        },
        ..county.bureau()
    }
}

/// Adds the officer by whom [`local`]'s county issues, unless the store has that one.
pub(crate) async fn staffed(store: &dyn Store) -> OfficerId {
    let issuer = officer("officer-01", vec![Role::Issuer], true);
    let id = issuer.id.clone();
    if store.officer(&id).await.unwrap().is_none() {
        let add = vec![Write::Officer(issuer)];
        store.commit("add officer", add).await.unwrap();
    }
    id
}

pub(crate) fn application(county: &County, place: usize) -> Application {
    let person = synthetic::resident(county.region, county.today(), place).unwrap();
    Application {
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
    }
}

on_every_store!(many_windows_issue_at_once_and_no_index_or_number_comes_twice);
async fn many_windows_issue_at_once_and_no_index_or_number_comes_twice(store: &dyn Store) {
    let county = County::yushan(LocalDate::new(2026, 11, 22).unwrap());
    let bureau = local(&county, store);
    let officer = staffed(store).await;
    let evidence = [Evidence::Insurance6Months];
    let first = issue(&bureau, application(&county, 64), &evidence, &officer)
        .await
        .unwrap();
    // So few are left in the list that the 64 begin another.
    let used = ENTRIES - 1_310 - 2 - 50;
    let spent = county
        .allocator
        .draw(&bureau.issuer, used, county.now())
        .await
        .unwrap();
    spent.commit("spend", Vec::new()).await.unwrap();
    let stale = Permit {
        version: 7,
        ..first.permit.clone()
    };
    let windows = (0..64).map(async |place| {
        let done = issue(&bureau, application(&county, place), &evidence, &officer).await;
        // Beside each another that is refused by the store; its indices are handed out again.
        let refused = issue_for_permit(&bureau.issuer, &stale).await;
        assert!(matches!(
            refused,
            Err(IssueError::Store(StoreError::Conflict(Conflict::Version(
                Row::Permit
            ))))
        ));
        done.unwrap()
    });
    let (mut places, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for done in futures_util::future::join_all(windows)
        .await
        .into_iter()
        .chain([first])
    {
        assert!(numbers.insert(done.permit.details.permit_number.clone()));
        let kept = store.attestations_of(done.permit.id, county.now()).await.unwrap();
        assert_eq!(kept.len(), 2);
        for one in kept {
            assert!(places.insert((one.list, one.index)), "an index twice");
        }
    }
    let lists: BTreeSet<_> = places.iter().map(|(list, _)| list.0).collect();
    assert_eq!(lists, [1, 2].into());
    assert_eq!(
        store.setting("permit_serial").await.unwrap().as_deref(),
        Some("65")
    );
    for row in store.status_lists().await.unwrap() {
        assert_eq!(store.decoys(row.id).await.unwrap().len(), 1_310);
    }
}

on_every_store!(a_number_that_only_rises);
async fn a_number_that_only_rises(store: &dyn Store) {
    for (value, kept) in [
        (9, "9"),
        (10, "10"),
        (2, "10"),
        (10, "10"),
        (100, "100"),
        (11, "100"),
    ] {
        let raise = Write::Raise { key: "serial", value };
        store.commit("raise", vec![raise]).await.unwrap();
        assert_eq!(store.setting("serial").await.unwrap().as_deref(), Some(kept));
    }
}
