//! A county's day on every store: a register file is mirrored, attestations and a status list are issued, somebody reports a loss.

use comity_node_core::attestations::Issuer;
use comity_node_core::attestations::issue_missing::issue_missing;
use comity_node_core::attestations::status_publication::publish;
use comity_node_core::permits::import_register::{Counts, Imported, RegisterFile, import_register};
use comity_node_core::permits::register_file::Kind;
use comity_node_core::permits::{Bureau, PermitPolicy, synthetic};
use comity_node_core::ports::attestations::ListId;
use comity_node_core::ports::store::Store;
use comity_node_core::testing::{County, residents};
use comity_spec::exchange::{PermitStatus, SubjectNumber};
use comity_spec::status::StatusValue;
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
