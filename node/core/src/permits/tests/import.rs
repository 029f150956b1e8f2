//! Mirroring: one commit or nothing, the same file once, gaps, permits that leave, and what status lists show afterwards.

use comity_spec::exchange::{PermitStatus, SubjectNumber};
use comity_spec::ids::PermitNumber;
use comity_spec::status::StatusValue;
use comity_spec::time::LocalDate;

use crate::attestations::issue_missing::issue_missing;
use crate::permits::import_register::{Counts, ImportError, Imported, RegisterFile, import_register};
use crate::permits::register_file::{FileError, Kind};
use crate::permits::synthetic;
use crate::ports::attestations::AttestationReads as _;
use crate::ports::permits::{Permit, PermitDetails, PermitEvent, PermitReads as _};
use crate::ports::store::{Store as _, StoreError};
use crate::testing::{County, residents};

fn mirror() -> County {
    let mut county = County::yushan(LocalDate::new(2026, 11, 22).unwrap());
    county.policy.local_issuing = false;
    county
}

fn people(county: &County, n: usize) -> Vec<PermitDetails> {
    residents(county.region, county.today(), n)
}

async fn apply(
    county: &County,
    permits: &[PermitDetails],
    kind: Kind,
    sequence: u64,
    event: impl Fn(usize) -> &'static str,
) -> Result<Imported, ImportError> {
    let (file, manifest) = synthetic::register_file(permits, kind, sequence, county.now(), event).unwrap();
    import(county, &file, &manifest, false).await
}

async fn import(
    county: &County,
    file: &[u8],
    manifest: &[u8],
    confirmed: bool,
) -> Result<Imported, ImportError> {
    let input = RegisterFile {
        file,
        manifest,
        leaving_confirmed: confirmed,
    };
    import_register(&county.bureau(), input).await
}

async fn stored(county: &County, number: &PermitNumber) -> Permit {
    let number = SubjectNumber::PermitNumber(number.clone());
    county.store.permits_by_number(&number).await.unwrap().remove(0)
}

async fn shown(county: &County, permit: &Permit) -> Vec<StatusValue> {
    let issued = county
        .store
        .attestations_of(permit.id, county.now())
        .await
        .unwrap();
    issued.into_iter().map(|issuance| issuance.status).collect()
}

fn counts(new: usize, changed: usize, unchanged: usize, left: usize) -> Imported {
    Imported::Applied(Counts {
        new,
        changed,
        unchanged,
        left,
    })
}

#[tokio::test]
async fn a_full_file_is_mirrored_in_one_commit_and_moves_source_as_of() {
    let county = mirror();
    let all = people(&county, 300);
    assert_eq!(
        apply(&county, &all, Kind::Full, 1, |_| "").await.unwrap(),
        counts(300, 0, 0, 0)
    );
    assert_eq!(county.store.commits(), ["import register"]);
    assert_eq!(county.issuer().source_as_of().await.unwrap(), county.now());
    let permit = stored(&county, &all[17].permit_number).await;
    assert_eq!(permit.details, all[17]);
    assert_eq!(permit.status, PermitStatus::Valid);
    assert_eq!(permit.anniversary, all[17].issue_date);
    let events = county.store.events(permit.id).await.unwrap();
    assert_eq!(
        events[0].event,
        PermitEvent::Mirrored {
            source_event: "UPDATE".to_owned(),
            sequence: 1
        }
    );
}

#[tokio::test]
async fn the_same_file_again_changes_nothing_and_the_next_one_without_changes_writes_no_permit() {
    let county = mirror();
    let all = people(&county, 20);
    let (file, manifest) = synthetic::register_file(&all, Kind::Full, 1, county.now(), |_| "").unwrap();
    import(&county, &file, &manifest, false).await.unwrap();
    let again = import(&county, &file, &manifest, false).await.unwrap();
    assert!(matches!(again, Imported::Already(mark) if mark.sequence == 1 && mark.rows == 20));
    assert_eq!(county.store.commits().len(), 1);
    // The register did not change: the same bytes under the next number say that nothing changed until now.
    county.clock.advance(3_600);
    assert_eq!(
        apply(&county, &all, Kind::Full, 2, |_| "").await.unwrap(),
        counts(0, 0, 20, 0)
    );
    assert_eq!(
        apply(&county, &[], Kind::Delta, 3, |_| "").await.unwrap(),
        counts(0, 0, 0, 0)
    );
    county.clock.advance(3_600);
    assert_eq!(
        apply(&county, &[], Kind::Delta, 4, |_| "").await.unwrap(),
        counts(0, 0, 0, 0)
    );
    assert_eq!(county.issuer().source_as_of().await.unwrap(), county.now());
    assert_eq!(stored(&county, &all[0].permit_number).await.version, 1);
}

#[tokio::test]
async fn one_bad_row_and_nothing_is_imported() {
    let county = mirror();
    let mut all = people(&county, 50);
    all[31].hukou_address = String::new();
    let refused = apply(&county, &all, Kind::Full, 1, |_| "").await;
    let Err(ImportError::File(FileError::Rows(problems))) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((problems.total, problems.listed[0].line), (1, 33));
    assert_eq!(county.store.permit_count().await.unwrap(), 0);
    assert!(county.store.last_import().await.unwrap().is_none());
    assert!(county.store.setting("source_as_of").await.unwrap().is_none());
    // Nor when the store fails at the end.
    county.store.fail("disk full");
    let all = people(&county, 50);
    let refused = apply(&county, &all, Kind::Full, 1, |_| "").await;
    assert!(matches!(
        refused,
        Err(ImportError::Store(StoreError::Unavailable(_)))
    ));
    county.store.recover();
    assert_eq!(county.store.permit_count().await.unwrap(), 0);
}

#[tokio::test]
async fn gaps_old_files_and_a_delta_at_first_are_refused() {
    let county = mirror();
    let all = people(&county, 5);
    let refused = apply(&county, &all, Kind::Delta, 1, |_| "").await;
    assert!(matches!(refused, Err(ImportError::FirstNotFull)));
    apply(&county, &all, Kind::Full, 4, |_| "").await.unwrap();
    let some = people(&county, 3);
    let refused = apply(&county, &some, Kind::Delta, 7, |_| "").await;
    assert!(
        matches!(
            refused,
            Err(ImportError::Gap {
                expected: 5,
                found: 7
            })
        ),
        "{refused:?}"
    );
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("files 5 to 6 are missing")
    );
    let refused = apply(&county, &some, Kind::Delta, 4, |_| "").await;
    assert!(matches!(
        refused,
        Err(ImportError::Older { applied: 4, found: 4 })
    ));
    apply(&county, &some, Kind::Delta, 5, |_| "").await.unwrap();
    // A full file may jump: it needs nothing that was missed.
    county.clock.advance(60);
    apply(&county, &all, Kind::Full, 9, |_| "").await.unwrap();
    county.clock.advance(-3_600);
    let refused = apply(&county, &some, Kind::Delta, 10, |_| "").await;
    assert!(
        matches!(refused, Err(ImportError::AsOf)),
        "read out before the last: {refused:?}"
    );
    let (file, manifest) = synthetic::register_file(
        &all,
        Kind::Full,
        11,
        county.now().plus_saturating(90 * 60),
        |_| "",
    )
    .unwrap();
    let refused = import(&county, &file, &manifest, false).await;
    assert!(
        matches!(refused, Err(ImportError::AsOf)),
        "in the future: {refused:?}"
    );
}

#[tokio::test]
async fn a_county_that_issues_by_itself_mirrors_nothing() {
    let county = County::yushan(LocalDate::new(2026, 11, 22).unwrap());
    let all = people(&county, 5);
    let refused = apply(&county, &all, Kind::Full, 1, |_| "").await;
    assert!(matches!(refused, Err(ImportError::LocalIssuing)));
}

#[tokio::test]
async fn who_is_absent_from_a_full_file_has_left_and_from_a_delta_has_not() {
    let county = mirror();
    let all = people(&county, 10);
    apply(&county, &all, Kind::Full, 1, |_| "").await.unwrap();
    issue_missing(&county.issuer()).await.unwrap();
    assert_eq!(
        apply(&county, &all[..3], Kind::Delta, 2, |_| "").await.unwrap(),
        counts(0, 0, 3, 0)
    );
    assert_eq!(
        apply(&county, &all[..9], Kind::Full, 3, |_| "").await.unwrap(),
        counts(0, 0, 9, 1)
    );
    let gone = stored(&county, &all[9].permit_number).await;
    assert_eq!(gone.status, PermitStatus::Cancelled);
    assert_eq!(shown(&county, &gone).await, [StatusValue::Cancelled; 2]);
    let events = county.store.events(gone.id).await.unwrap();
    assert_eq!(events[1].event, PermitEvent::LeftRegister { sequence: 3 });
    // It does not come back by being in the file again…
    let refused = apply(&county, &all, Kind::Full, 4, |_| "").await;
    let Err(ImportError::File(FileError::Rows(problems))) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(problems.listed[0].line, 11);
    // …but by the register's word, with new indices; the old ones stay cancelled.
    let word = |place| if place == 9 { "REINSTATE" } else { "" };
    assert_eq!(
        apply(&county, &all, Kind::Full, 4, word).await.unwrap(),
        counts(0, 1, 9, 0)
    );
    assert_eq!(issue_missing(&county.issuer()).await.unwrap(), 2);
    use StatusValue::{Cancelled, Valid};
    assert_eq!(shown(&county, &gone).await, [Valid, Valid, Cancelled, Cancelled]);
}

#[tokio::test]
async fn a_full_file_that_looks_cut_short_waits_for_confirmation() {
    let county = mirror();
    let all = people(&county, 400);
    apply(&county, &all, Kind::Full, 1, |_| "").await.unwrap();
    let (file, manifest) =
        synthetic::register_file(&all[..379], Kind::Full, 2, county.now(), |_| "").unwrap();
    let refused = import(&county, &file, &manifest, false).await;
    assert!(
        matches!(
            refused,
            Err(ImportError::TooManyLeave {
                leaving: 21,
                in_force: 400
            })
        ),
        "{refused:?}"
    );
    assert_eq!(
        stored(&county, &all[399].permit_number).await.status,
        PermitStatus::Valid
    );
    assert_eq!(
        import(&county, &file, &manifest, true).await.unwrap(),
        counts(0, 0, 379, 21)
    );
}

/// A column that was filled down cancels as thoroughly as a file that was cut short.
#[tokio::test]
async fn a_file_whose_rows_cancel_too_many_waits_for_confirmation() {
    for kind in [Kind::Full, Kind::Delta] {
        let county = mirror();
        let all = people(&county, 400);
        apply(&county, &all, Kind::Full, 1, |_| "").await.unwrap();
        let sent = match kind {
            Kind::Full => &all[..],
            Kind::Delta => &all[..30],
        };
        let cancelling = |up_to: usize| move |place: usize| if place < up_to { "CANCEL" } else { "" };
        let refused = apply(&county, sent, kind, 2, cancelling(21)).await;
        assert!(
            matches!(
                refused,
                Err(ImportError::TooManyLeave {
                    leaving: 21,
                    in_force: 400
                })
            ),
            "{refused:?}"
        );
        let first = &all[0].permit_number;
        assert_eq!(stored(&county, first).await.status, PermitStatus::Valid);
        let few = apply(&county, sent, kind, 2, cancelling(20)).await.unwrap();
        assert_eq!(few, counts(0, 20, sent.len() - 20, 0));
        // Those are over, and are not counted again.
        let (file, manifest) = synthetic::register_file(sent, kind, 3, county.now(), cancelling(21)).unwrap();
        let one_more = import(&county, &file, &manifest, false).await.unwrap();
        assert_eq!(one_more, counts(0, 1, sent.len() - 1, 0));
    }
}

#[tokio::test]
async fn each_word_of_the_register_sets_its_status() {
    use PermitStatus as P;
    use StatusValue as V;
    let cases = [
        ("挂失", P::ReportedLost, V::Suspended),
        ("SUSPEND", P::Suspended, V::Suspended),
        ("注销", P::Cancelled, V::Cancelled),
        ("换领", P::Superseded, V::Superseded),
        ("签注", P::Valid, V::Valid),
    ];
    let county = mirror();
    let all = people(&county, cases.len());
    apply(&county, &all, Kind::Full, 1, |_| "ISSUE").await.unwrap();
    issue_missing(&county.issuer()).await.unwrap();
    let word = |place: usize| cases[place].0;
    assert_eq!(
        apply(&county, &all, Kind::Delta, 2, word).await.unwrap(),
        counts(0, 4, 1, 0)
    );
    for (details, (word, status, bits)) in all.iter().zip(cases) {
        let permit = stored(&county, &details.permit_number).await;
        assert_eq!(permit.status, status, "{word}");
        assert_eq!(shown(&county, &permit).await, [bits; 2], "{word}");
    }
    // The lost and the suspended one return; what they attested stands again.
    let word = |place: usize| ["解除挂失", "恢复"][place];
    assert_eq!(
        apply(&county, &all[..2], Kind::Delta, 3, word).await.unwrap(),
        counts(0, 2, 0, 0)
    );
    for details in &all[..2] {
        let permit = stored(&county, &details.permit_number).await;
        assert_eq!(permit.status, P::Valid);
        assert_eq!(shown(&county, &permit).await, [V::Valid; 2]);
    }
    // Nobody is found, lost or suspended after a cancellation.
    for word in ["FOUND", "LOST", "SUSPEND"] {
        let refused = apply(&county, &all[2..3], Kind::Delta, 4, |_| word).await;
        assert!(
            matches!(refused, Err(ImportError::File(FileError::Rows(_)))),
            "{word}"
        );
    }
}

#[tokio::test]
async fn other_words_on_the_card_supersede_what_was_attested() {
    let county = mirror();
    let mut all = people(&county, 2);
    apply(&county, &all, Kind::Full, 1, |_| "").await.unwrap();
    issue_missing(&county.issuer()).await.unwrap();
    all[0].residence_address = "玉山县示例街道示例新村9号".to_owned();
    // Suspended with another address: it must not come back with the old one.
    all[1].residence_address = "玉山县示例街道示例新村9号".to_owned();
    let word = |place: usize| ["UPDATE", "SUSPEND"][place];
    assert_eq!(
        apply(&county, &all, Kind::Delta, 2, word).await.unwrap(),
        counts(0, 2, 0, 0)
    );
    for details in &all {
        let permit = stored(&county, &details.permit_number).await;
        assert_eq!(shown(&county, &permit).await, [StatusValue::Superseded; 2]);
    }
    assert_eq!(
        issue_missing(&county.issuer()).await.unwrap(),
        2,
        "the one in function"
    );
    apply(&county, &all[1..], Kind::Delta, 3, |_| "REINSTATE")
        .await
        .unwrap();
    let permit = stored(&county, &all[1].permit_number).await;
    assert_eq!(shown(&county, &permit).await, [StatusValue::Superseded; 2]);
    assert_eq!(issue_missing(&county.issuer()).await.unwrap(), 2);
}

#[tokio::test]
async fn a_restart_of_residence_keeps_the_history() {
    let county = mirror();
    let mut all = people(&county, 1);
    apply(&county, &all, Kind::Full, 1, |_| "").await.unwrap();
    let first = all[0].residence_since;
    let restart = first.plus_days(90).unwrap();
    all[0].residence_since = restart;
    apply(&county, &all, Kind::Delta, 2, |_| "ENDORSE").await.unwrap();
    let periods = stored(&county, &all[0].permit_number)
        .await
        .details
        .residence_periods;
    assert_eq!(periods.len(), 2);
    assert_eq!(
        (periods[0].from, periods[0].until),
        (first, Some(restart.plus_days(-1).unwrap()))
    );
    assert_eq!((periods[1].from, periods[1].until), (restart, None));
}

#[tokio::test]
async fn twenty_thousand_rows_at_once() {
    let county = mirror();
    let all = people(&county, 20_000);
    assert_eq!(
        apply(&county, &all, Kind::Full, 1, |_| "").await.unwrap(),
        counts(20_000, 0, 0, 0)
    );
    county.clock.advance(60);
    assert_eq!(
        apply(&county, &all, Kind::Full, 2, |place| if place == 7 {
            "LOST"
        } else {
            "UPDATE"
        })
        .await
        .unwrap(),
        counts(0, 1, 19_999, 0)
    );
}
