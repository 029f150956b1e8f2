//! Issuing and changing permits in a county without a register of its own.

use std::collections::BTreeSet;

use comity_spec::attestation::{Basis, IdType, Tier};
use comity_spec::exchange::PermitStatus;
use comity_spec::ids::OfficerId;
use comity_spec::status::StatusValue;
use comity_spec::time::LocalDate;
use comity_spec::time::endorsement::EndorsementRefusal;

use crate::attestations::issue_missing::issue_missing;
use crate::permits::codes::{CancellationReason, Evidence, ReinstatementReason, SuspensionReason};
use crate::permits::decide_cancellation::decide_cancellation;
use crate::permits::endorse::endorse;
use crate::permits::found::found;
use crate::permits::issue::{Application, issue};
use crate::permits::propose_cancellation::propose_cancellation;
use crate::permits::refusal::Missing;
use crate::permits::reinstate::reinstate;
use crate::permits::replace::replace;
use crate::permits::report_lost::report_lost;
use crate::permits::suspend::suspend;
use crate::permits::synthetic::resident;
use crate::permits::{Done, NotEntitled, PermitError, Refusal};
use crate::ports::attestations::AttestationReads as _;
use crate::ports::officers::{OfficerReads as _, PendingAct, Role};
use crate::ports::permits::{PermitEvent, PermitId, PermitReads as _};
use crate::ports::store::{Store as _, Write};
use crate::testing::County;

pub(super) const JOB: [Evidence; 1] = [Evidence::Insurance6Months];

pub(super) fn on(year: i16, month: i8, day: i8) -> LocalDate {
    LocalDate::new(year, month, day).unwrap()
}

fn county_on(today: LocalDate) -> County {
    County::yushan(today)
}

pub(super) fn go_to(county: &County, day: LocalDate) {
    county.clock.set(day.start_of_day().plus_saturating(10 * 3600));
}

pub(super) fn clerk() -> OfficerId {
    "officer-01".parse().unwrap()
}

pub(super) fn application(county: &County, place: usize) -> Application {
    let person = resident(county.region, county.today(), place).unwrap();
    Application {
        name: person.name,
        ethnicity: person.ethnicity,
        id_type: IdType::CitizenId,
        id_number: person.id_number,
        hukou_address: person.hukou_address,
        residence_address: person.residence_address,
        issuing_authority: person.issuing_authority,
        tier: Tier::parse("ORDINARY").unwrap(),
        basis: Basis::Employment,
        residence_since: county.today().plus_months(-7).unwrap(),
        insured_months: None,
        points_standard_met: None,
        previous_ids: Vec::new(),
    }
}

pub(super) async fn issued(county: &County, place: usize) -> Done {
    issue(&county.bureau(), application(county, place), &JOB, &clerk())
        .await
        .unwrap()
}

pub(super) fn refusal<T: std::fmt::Debug>(result: Result<T, PermitError>) -> Refusal {
    match result {
        Err(PermitError::Refused(refusal)) => {
            let text = refusal.text();
            assert!(!text.zh.is_empty() && !text.en.is_empty());
            refusal
        }
        other => panic!("{other:?}"),
    }
}

async fn shown(county: &County, permit: PermitId) -> Vec<StatusValue> {
    let issued = county.store.attestations_of(permit, county.now()).await.unwrap();
    issued.into_iter().map(|issuance| issuance.status).collect()
}

#[tokio::test]
async fn a_permit_is_issued_with_number_event_and_both_attestations_in_one_commit() {
    let county = county_on(on(2024, 2, 29));
    let done = issued(&county, 1).await;
    assert_eq!(county.store.commits(), ["issue permit"]);
    assert_eq!(done.attestations.len(), 2);
    assert_eq!(
        done.permit.endorsed_until,
        on(2025, 2, 28),
        "a year from 29 February"
    );
    assert_eq!(done.permit.details.issue_date, on(2024, 2, 29));
    let number = &done.permit.details.permit_number;
    assert!(
        number.as_str().starts_with("361123202400000001") && number.has_valid_check(),
        "{number}"
    );
    assert_eq!(
        done.permit.details.birth_date,
        done.permit.details.id_number.birth_date()
    );
    assert_eq!(
        county.store.permit(done.permit.id).await.unwrap().unwrap(),
        done.permit
    );
    let events = county.store.events(done.permit.id).await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(
        events[0].event,
        PermitEvent::Issued {
            evidence: vec!["EVID-SI-6M".to_owned()]
        }
    );
    assert_eq!(events[0].actor, "officer-01");
    assert_eq!(
        issue_missing(&county.issuer()).await.unwrap(),
        0,
        "nothing is left to the background"
    );
}

#[tokio::test]
async fn everything_that_is_missing_is_told_at_once() {
    let county = county_on(on(2026, 11, 22));
    let mut form = application(&county, 1);
    form.residence_since = on(2026, 6, 1);
    let refused = refusal(issue(&county.bureau(), form.clone(), &[Evidence::Lease], &clerk()).await);
    let Refusal::Missing(missing) = &refused else {
        panic!("{refused:?}");
    };
    assert_eq!(
        missing[0],
        Missing::HalfAYear {
            from: on(2026, 12, 1)
        }
    );
    assert!(matches!(&missing[1], Missing::ProofOfResidence(codes) if codes.len() == 4));
    assert!(matches!(&missing[2], Missing::ProofOfBasis(codes) if codes.contains(&Evidence::LabourContract)));
    assert!(refused.text().zh.contains("2026-12-01") && refused.text().zh.contains("劳动合同"));
    assert_eq!(county.store.permit_count().await.unwrap(), 0);
    // Half a year is full on the day itself.
    form.residence_since = on(2026, 5, 22);
    assert!(issue(&county.bureau(), form, &JOB, &clerk()).await.is_ok());
}

#[tokio::test]
async fn one_person_one_permit_in_force() {
    let county = county_on(on(2026, 11, 22));
    let first = issued(&county, 1).await;
    let again = issue(&county.bureau(), application(&county, 1), &JOB, &clerk()).await;
    assert_eq!(refusal(again), Refusal::AlreadyHolds);
    cancel(&county, first.permit.id).await;
    let second = issued(&county, 1).await;
    assert_ne!(
        second.permit.details.permit_number,
        first.permit.details.permit_number
    );
}

#[tokio::test]
async fn a_text_that_cannot_stand_on_a_permit_is_refused() {
    let county = county_on(on(2026, 11, 22));
    for name in ["", " 张示例", "张\u{7}示例", &"长".repeat(101)] {
        let mut form = application(&county, 1);
        form.name = name.to_owned();
        let refused = issue(&county.bureau(), form, &JOB, &clerk()).await;
        assert!(matches!(refusal(refused), Refusal::Text(_)), "{name:?}");
    }
}

#[tokio::test]
async fn numbers_are_unique_also_after_a_failed_commit_and_side_by_side() {
    let county = county_on(on(2026, 11, 22));
    county.store.fail("disk full");
    assert!(
        issue(&county.bureau(), application(&county, 0), &JOB, &clerk())
            .await
            .is_err()
    );
    county.store.recover();
    let bureau = county.bureau();
    let officer = clerk();
    let all = (0..20).map(|place| issue(&bureau, application(&county, place), &JOB, &officer));
    let done = futures_util::future::join_all(all).await;
    let numbers: BTreeSet<_> = done
        .into_iter()
        .map(|done| done.unwrap().permit.details.permit_number)
        .collect();
    assert_eq!(numbers.len(), 20);
    // The number of the commit that failed is not given again.
    for (number, serial) in [(numbers.first(), "00000002"), (numbers.last(), "00000021")] {
        assert!(
            number
                .unwrap()
                .as_str()
                .starts_with(&format!("3611232026{serial}"))
        );
    }
}

#[tokio::test]
async fn one_person_at_many_windows_gets_one_permit_and_a_restart_gives_no_number_again() {
    let mut county = county_on(on(2026, 11, 22));
    let mut numbers = BTreeSet::new();
    for round in 0..4 {
        county.store.disturb(round);
        let (bureau, officer) = (county.bureau(), clerk());
        let places = (0..8).map(|n| usize::try_from(round).unwrap() * 8 + n);
        let windows = places.flat_map(|place| [place; 5]).map(async |place| {
            let done = issue(&bureau, application(&county, place), &JOB, &officer).await;
            (place, done)
        });
        let mut holders = BTreeSet::new();
        for (place, done) in futures_util::future::join_all(windows).await {
            match done {
                Ok(done) => {
                    assert!(holders.insert(place), "two permits for one person");
                    assert!(
                        numbers.insert(done.permit.details.permit_number),
                        "a number twice"
                    );
                }
                Err(PermitError::Refused(refusal)) => assert_eq!(refusal, Refusal::AlreadyHolds),
                Err(error) => assert!(error.to_string().contains("disturbed"), "{error}"),
            }
        }
        assert!(holders.len() > 4);
        county.store.recover();
        county.counter = crate::permits::numbering::Counter::default();
        county.allocator = crate::attestations::StatusAllocator::default();
    }
}

#[tokio::test]
async fn where_a_register_keeps_the_permits_nothing_is_changed_here() {
    let mut county = county_on(on(2026, 11, 22));
    let done = issued(&county, 1).await;
    county.policy.local_issuing = false;
    let (bureau, id, officer) = (county.bureau(), done.permit.id, clerk());
    let off = Refusal::LocalIssuingOff;
    assert_eq!(
        refusal(issue(&bureau, application(&county, 2), &JOB, &officer).await),
        off
    );
    assert_eq!(refusal(endorse(&bureau, id, &JOB, &officer).await), off);
    assert_eq!(refusal(report_lost(&bureau, id, &officer).await), off);
    assert_eq!(refusal(found(&bureau, id, &officer).await), off);
    assert_eq!(
        refusal(suspend(&bureau, id, SuspensionReason::UnderReview, &officer).await),
        off
    );
    assert_eq!(
        refusal(reinstate(&bureau, id, ReinstatementReason::ReviewCleared, &officer).await),
        off
    );
    assert_eq!(refusal(replace(&bureau, id, &JOB, &officer).await), off);
    let proposed = propose_cancellation(&bureau, id, CancellationReason::MovedAway, &officer).await;
    assert_eq!(refusal(proposed), off);
    assert_eq!(
        refusal(decide_cancellation(&bureau, uuid::Uuid::nil(), true, &officer).await),
        off
    );
    assert_eq!(county.store.commits().len(), 1);
}

// ATT-8
#[tokio::test]
async fn an_endorsement_in_time_extends_and_issues_anew() {
    let county = county_on(on(2024, 3, 1));
    let done = issued(&county, 1).await;
    let id = done.permit.id;
    assert_eq!(done.permit.endorsed_until, on(2025, 2, 28));
    go_to(&county, on(2025, 1, 31));
    let early = refusal(endorse(&county.bureau(), id, &JOB, &clerk()).await);
    assert_eq!(
        early,
        Refusal::Endorsement(EndorsementRefusal::WindowNotOpen {
            opens: on(2025, 2, 1)
        })
    );
    assert!(early.text().zh.contains("2025-02-01"));
    go_to(&county, on(2025, 2, 1));
    let without = refusal(endorse(&county.bureau(), id, &[Evidence::Lease], &clerk()).await);
    assert!(matches!(without, Refusal::Missing(_)));
    let endorsed = endorse(&county.bureau(), id, &JOB, &clerk()).await.unwrap();
    assert_eq!(endorsed.permit.endorsed_until, on(2026, 2, 28));
    assert_eq!(endorsed.permit.anniversary, on(2024, 3, 1));
    assert_eq!(endorsed.permit.details, done.permit.details);
    assert_eq!(endorsed.attestations[0].exp, on(2026, 2, 28).end_of_day());
    use StatusValue::{Superseded, Valid};
    assert_eq!(shown(&county, id).await, [Valid, Valid, Superseded, Superseded]);
    let again = refusal(endorse(&county.bureau(), id, &JOB, &clerk()).await);
    assert!(matches!(
        again,
        Refusal::Endorsement(EndorsementRefusal::WindowNotOpen { .. })
    ));
}

#[tokio::test]
async fn a_late_endorsement_restores_the_permit_and_restarts_the_years() {
    let mut county = county_on(on(2024, 3, 1));
    let done = issued(&county, 1).await;
    let first = done.permit.details.residence_since;
    go_to(&county, on(2025, 5, 10));
    let late = endorse(&county.bureau(), done.permit.id, &JOB, &clerk())
        .await
        .unwrap()
        .permit;
    assert_eq!(late.endorsed_until, on(2026, 5, 9));
    assert_eq!(late.anniversary, on(2025, 5, 10));
    assert_eq!(late.details.residence_since, on(2025, 5, 10));
    let periods = &late.details.residence_periods;
    assert_eq!(
        (periods[0].from, periods[0].until),
        (first, Some(on(2025, 2, 28)))
    );
    assert_eq!((periods[1].from, periods[1].until), (on(2025, 5, 10), None));
    let events = county.store.events(late.id).await.unwrap();
    assert!(matches!(
        events[1].event,
        PermitEvent::Endorsed { restart: Some(day), .. } if day == on(2025, 5, 10)
    ));
    // With a limit of 183 days, day 183 is in time and day 184 is not.
    county.policy.endorsement.late_endorse_max_days = Some(183);
    let limit = late.endorsed_until.plus_days(183).unwrap();
    go_to(&county, limit.plus_days(1).unwrap());
    let refused = refusal(endorse(&county.bureau(), late.id, &JOB, &clerk()).await);
    assert_eq!(
        refused,
        Refusal::Endorsement(EndorsementRefusal::RegistrationNeeded { last_day: limit })
    );
    go_to(&county, limit);
    assert!(endorse(&county.bureau(), late.id, &JOB, &clerk()).await.is_ok());
}

#[tokio::test]
async fn lost_found_suspended_and_reinstated_bring_the_same_attestations_back() {
    let county = county_on(on(2026, 11, 22));
    let id = issued(&county, 1).await.permit.id;
    let (bureau, officer) = (county.bureau(), clerk());
    assert_eq!(
        refusal(found(&bureau, id, &officer).await),
        Refusal::Status(PermitStatus::Valid)
    );
    report_lost(&bureau, id, &officer).await.unwrap();
    assert_eq!(shown(&county, id).await, [StatusValue::Suspended; 2]);
    let lost = Refusal::Status(PermitStatus::ReportedLost);
    assert_eq!(refusal(report_lost(&bureau, id, &officer).await), lost);
    assert_eq!(refusal(endorse(&bureau, id, &JOB, &officer).await), lost);
    assert_eq!(
        refusal(reinstate(&bureau, id, ReinstatementReason::OrderLifted, &officer).await),
        lost
    );
    found(&bureau, id, &officer).await.unwrap();
    assert_eq!(shown(&county, id).await, [StatusValue::Valid; 2]);
    suspend(&bureau, id, SuspensionReason::UnderReview, &officer)
        .await
        .unwrap();
    let suspended = Refusal::Status(PermitStatus::Suspended);
    assert_eq!(refusal(found(&bureau, id, &officer).await), suspended);
    assert_eq!(refusal(replace(&bureau, id, &JOB, &officer).await), suspended);
    let back = reinstate(&bureau, id, ReinstatementReason::ReviewCleared, &officer)
        .await
        .unwrap();
    assert_eq!(shown(&county, id).await, [StatusValue::Valid; 2]);
    assert_eq!(back.permit.version, 5);
    assert_eq!(county.store.events(id).await.unwrap().len(), 5);
    let nobody = PermitId(uuid::Uuid::nil());
    assert_eq!(
        refusal(report_lost(&bureau, nobody, &officer).await),
        Refusal::NotFound
    );
}

#[tokio::test]
async fn a_replacement_has_its_own_number_and_the_old_years() {
    let county = county_on(on(2026, 3, 1));
    let old = issued(&county, 1).await.permit;
    go_to(&county, on(2026, 11, 22));
    report_lost(&county.bureau(), old.id, &clerk()).await.unwrap();
    let new = replace(&county.bureau(), old.id, &[], &clerk()).await.unwrap();
    assert_ne!(new.permit.details.permit_number, old.details.permit_number);
    assert_eq!(new.permit.details.issue_date, on(2026, 11, 22));
    assert_eq!(new.permit.details.residence_since, old.details.residence_since);
    assert_eq!(new.permit.endorsed_until, old.endorsed_until);
    assert_eq!(new.permit.anniversary, old.anniversary);
    assert_eq!(new.attestations.len(), 2);
    let stored = county.store.permit(old.id).await.unwrap().unwrap();
    assert_eq!(
        (stored.status, stored.replaced_by),
        (PermitStatus::Superseded, Some(new.permit.id))
    );
    // Reported lost before: 2 may become 3, and 3 never returns.
    assert_eq!(shown(&county, old.id).await, [StatusValue::Superseded; 2]);
    assert_eq!(shown(&county, new.permit.id).await, [StatusValue::Valid; 2]);
    let again = replace(&county.bureau(), old.id, &[], &clerk()).await;
    assert_eq!(refusal(again), Refusal::Status(PermitStatus::Superseded));
}

pub(super) async fn officer(county: &County, id: &str, roles: Vec<Role>, active: bool) -> OfficerId {
    let officer = crate::testing::officer(id, roles, active);
    let id = officer.id.clone();
    county
        .store
        .commit("add officer", vec![Write::Officer(officer)])
        .await
        .unwrap();
    id
}

async fn cancel(county: &County, permit: PermitId) {
    let supervisor = officer(county, "supervisor-01", vec![Role::Supervisor], true).await;
    let act = propose_cancellation(&county.bureau(), permit, CancellationReason::MovedAway, &clerk())
        .await
        .unwrap();
    decide_cancellation(&county.bureau(), act.id, true, &supervisor)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_cancellation_takes_two_persons_and_is_for_good() {
    let county = county_on(on(2026, 11, 22));
    let id = issued(&county, 1).await.permit.id;
    let bureau = county.bureau();
    let one = officer(
        &county,
        "supervisor-01",
        vec![Role::Issuer, Role::Supervisor],
        true,
    )
    .await;
    let two = officer(&county, "supervisor-02", vec![Role::Supervisor], true).await;
    let issuer = officer(&county, "issuer-01", vec![Role::Issuer], true).await;
    let gone = officer(&county, "gone-01", vec![Role::Supervisor], false).await;
    let act = propose_cancellation(&bureau, id, CancellationReason::HukouSettled, &one)
        .await
        .unwrap();
    assert_eq!(
        shown(&county, id).await,
        [StatusValue::Valid; 2],
        "proposed is not cancelled"
    );
    let twice = propose_cancellation(&bureau, id, CancellationReason::MovedAway, &issuer).await;
    assert_eq!(refusal(twice), Refusal::AlreadyProposed);
    assert_eq!(
        refusal(decide_cancellation(&bureau, act.id, true, &one).await),
        Refusal::SamePerson
    );
    for (stranger, why) in [
        (&issuer, NotEntitled::Lacks(Role::Supervisor)),
        (&gone, NotEntitled::Inactive),
        (&"unknown-01".parse().unwrap(), NotEntitled::Unknown),
    ] {
        let refused = decide_cancellation(&bureau, act.id, true, stranger).await;
        assert_eq!(refusal(refused), Refusal::NotEntitled(why));
    }
    assert_eq!(shown(&county, id).await, [StatusValue::Valid; 2]);
    let done = decide_cancellation(&bureau, act.id, true, &two)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(done.permit.status, PermitStatus::Cancelled);
    assert_eq!(shown(&county, id).await, [StatusValue::Cancelled; 2]);
    assert!(county.store.pending_acts().await.unwrap().is_empty());
    let event = county.store.events(id).await.unwrap().remove(1);
    assert_eq!(event.actor, "supervisor-01");
    assert_eq!(
        event.event,
        PermitEvent::Cancelled {
            reason: "HUKOU_SETTLED".to_owned(),
            approved_by: "supervisor-02".to_owned()
        }
    );
    assert_eq!(
        refusal(decide_cancellation(&bureau, act.id, true, &two).await),
        Refusal::NotPending
    );
    let over = Refusal::Status(PermitStatus::Cancelled);
    assert_eq!(
        refusal(reinstate(&bureau, id, ReinstatementReason::SuspendedInError, &one).await),
        over
    );
    assert_eq!(refusal(endorse(&bureau, id, &JOB, &one).await), over);
    let again = propose_cancellation(&bureau, id, CancellationReason::Deceased, &one).await;
    assert_eq!(refusal(again), over);
}

#[tokio::test]
async fn a_declined_cancellation_changes_nothing() {
    let county = county_on(on(2026, 11, 22));
    let done = issued(&county, 1).await;
    let supervisor = officer(&county, "supervisor-01", vec![Role::Supervisor], true).await;
    let (bureau, id) = (county.bureau(), done.permit.id);
    let act = propose_cancellation(&bureau, id, CancellationReason::MovedAway, &clerk())
        .await
        .unwrap();
    assert!(
        decide_cancellation(&bureau, act.id, false, &supervisor)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(county.store.permit(id).await.unwrap().unwrap(), done.permit);
    assert_eq!(
        refusal(decide_cancellation(&bureau, act.id, true, &supervisor).await),
        Refusal::NotPending
    );
    assert!(
        propose_cancellation(&bureau, id, CancellationReason::MovedAway, &clerk())
            .await
            .is_ok()
    );
}

// STA-2
#[tokio::test]
async fn a_cancellation_reaches_every_unexpired_index() {
    let county = county_on(on(2026, 3, 1));
    let id = issued(&county, 1).await.permit.id;
    go_to(&county, on(2027, 2, 10));
    endorse(&county.bureau(), id, &JOB, &clerk()).await.unwrap();
    cancel(&county, id).await;
    assert_eq!(
        shown(&county, id).await,
        [StatusValue::Cancelled; 4],
        "superseded ones too"
    );
}

/// Handlers run these on any thread.
#[test]
fn the_use_cases_are_send() {
    fn send<T: Send>(_: &T) {}
    let county = county_on(on(2026, 11, 22));
    let (bureau, officer) = (county.bureau(), clerk());
    send(&issue(&bureau, application(&county, 1), &JOB, &officer));
    send(&endorse(&bureau, PermitId(uuid::Uuid::nil()), &JOB, &officer));
    send(&replace(&bureau, PermitId(uuid::Uuid::nil()), &JOB, &officer));
    send(&decide_cancellation(&bureau, uuid::Uuid::nil(), true, &officer));
}

#[test]
fn codes_read_back_and_nothing_else_does() {
    for code in Evidence::ALL {
        assert_eq!(Evidence::from_code(code.as_str()), Some(*code));
    }
    for code in CancellationReason::ALL {
        assert_eq!(CancellationReason::from_code(code.as_str()), Some(*code));
    }
    assert_eq!(Evidence::from_code("EVID-SI-5M"), None);
    assert_eq!(SuspensionReason::from_code("因故"), None);
    for basis in [Basis::Employment, Basis::Dwelling, Basis::Study] {
        assert!(Evidence::ALL.iter().any(|code| code.proves(basis)));
    }
}

#[tokio::test]
async fn of_two_cancellations_proposed_at_once_one_waits() {
    let county = county_on(on(2026, 11, 22));
    let permit = issued(&county, 1).await.permit.id;
    let other = PendingAct {
        id: uuid::Uuid::from_u128(7),
        permit,
        reason: CancellationReason::MovedAway.as_str().to_owned(),
        proposed_by: "clerk-09".parse().unwrap(),
        at: county.now(),
        decided: None,
    };
    let write = Write::PendingAct(Box::new(other.clone()));
    county.store.meanwhile("propose cancellation", vec![write]);
    let second =
        propose_cancellation(&county.bureau(), permit, CancellationReason::MovedAway, &clerk()).await;
    assert_eq!(refusal(second), Refusal::AlreadyProposed);
    assert_eq!(county.store.pending_acts().await.unwrap(), [other]);
}
