//! Any series of moves at any time: what must hold after each, whoever did what in which order.

use std::collections::BTreeMap;

use comity_spec::exchange::PermitStatus;
use comity_spec::ids::OfficerId;
use comity_spec::status::StatusValue;
use comity_spec::time::LocalDate;
use proptest::prelude::*;

use crate::attestations::issue_for_permit::status_bits;
use crate::attestations::issue_missing::issue_missing;
use crate::permits::PermitError;
use crate::permits::codes::{CancellationReason, Evidence, ReinstatementReason, SuspensionReason};
use crate::permits::endorse::endorse;
use crate::permits::found::found;
use crate::permits::lifecycle::Act;
use crate::permits::reinstate::reinstate;
use crate::permits::replace::replace;
use crate::permits::report_lost::report_lost;
use crate::permits::suspend::suspend;
use crate::ports::attestations::{AttestationReads as _, ListId};
use crate::ports::permits::{Permit, PermitId, PermitReads as _};
use crate::ports::store::{Store as _, Write};
use crate::testing::County;

#[derive(Clone, Copy, Debug)]
enum Move {
    Wait(u16),
    Endorse,
    Lose,
    Find,
    Suspend,
    Reinstate,
    Cancel,
    Replace,
    Background,
}

fn a_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        4 => (0_u16..400).prop_map(Move::Wait),
        4 => Just(Move::Endorse),
        2 => Just(Move::Lose),
        3 => Just(Move::Find),
        1 => Just(Move::Suspend),
        3 => Just(Move::Reinstate),
        1 => Just(Move::Cancel),
        1 => Just(Move::Replace),
        2 => Just(Move::Background),
    ]
}

/// Carries out a move on the newest permit of the chain; `None` when the rules refused it.
async fn carry_out(county: &County, id: PermitId, step: Move, officer: &OfficerId) -> Option<PermitId> {
    let bureau = county.bureau();
    let proof = [Evidence::Insurance6Months, Evidence::Lease, Evidence::Student];
    let done = match step {
        Move::Wait(days) => {
            county.clock.advance(i64::from(days) * 86_400);
            return None;
        }
        Move::Background => {
            issue_missing(&county.issuer()).await.unwrap();
            return None;
        }
        Move::Cancel => {
            let permit = county.store.permit(id).await.unwrap().unwrap();
            let act = Act {
                officer,
                at: county.now(),
            };
            let change = permit.cancel(CancellationReason::MovedAway, officer, act).ok()?;
            let write = Write::Permit(Box::new(change));
            county.store.commit("cancel", vec![write]).await.unwrap();
            return Some(id);
        }
        Move::Endorse => endorse(&bureau, id, &proof, officer).await,
        Move::Lose => report_lost(&bureau, id, officer).await,
        Move::Find => found(&bureau, id, officer).await,
        Move::Suspend => suspend(&bureau, id, SuspensionReason::UnderReview, officer).await,
        Move::Reinstate => reinstate(&bureau, id, ReinstatementReason::ReviewCleared, officer).await,
        Move::Replace => replace(&bureau, id, &[], officer).await,
    };
    match done {
        Ok(done) => Some(done.permit.id),
        Err(PermitError::Refused(_)) => None,
        Err(other) => panic!("{other}"),
    }
}

async fn check(county: &County, permit: &Permit, seen: &mut BTreeMap<(ListId, u32), StatusValue>) {
    let events = county.store.events(permit.id).await.unwrap();
    let versions: Vec<_> = events.iter().map(|event| event.version).collect();
    assert_eq!(
        versions,
        (1..=permit.version).collect::<Vec<_>>(),
        "an event for each version"
    );
    assert!(events.is_sorted_by_key(|event| event.at));
    let periods = &permit.details.residence_periods;
    assert_eq!(periods.last().unwrap().from, permit.details.residence_since);
    assert!(periods.last().unwrap().until.is_none());
    assert!(permit.anniversary <= permit.endorsed_until);
    for pair in periods.windows(2) {
        assert!(
            pair[0].until.is_some_and(|until| until < pair[1].from),
            "{periods:?}"
        );
    }
    let mut live = BTreeMap::new();
    for issuance in county
        .store
        .attestations_of(permit.id, county.now())
        .await
        .unwrap()
    {
        let place = (issuance.list, issuance.index);
        let before = seen.insert(place, issuance.status).unwrap_or_default();
        assert!(
            before.may_become(issuance.status),
            "{before:?} became {:?}",
            issuance.status
        );
        if issuance.status == StatusValue::Superseded {
            continue;
        }
        assert_eq!(
            issuance.status,
            status_bits(permit.status),
            "the list shows what the permit is"
        );
        if permit.status != PermitStatus::Cancelled {
            assert_eq!(issuance.exp, permit.endorsed_until.end_of_day());
            *live.entry(issuance.form as u8).or_insert(0) += 1;
        }
    }
    assert!(
        live.values().all(|count| *count == 1),
        "at most one live attestation a form: {live:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_done_in_whatever_order(
        moves in prop::collection::vec(a_move(), 1..25),
        day in 0_i64..1_500,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let today = LocalDate::new(2024, 1, 1).unwrap().plus_days(day).unwrap();
            let county = County::yushan(today);
            let officer: OfficerId = "officer-01".parse().unwrap();
            let mut chain = vec![county.seed(1).await.id];
            let mut seen = BTreeMap::new();
            let mut cancelled = false;
            for step in moves {
                let id = chain[chain.len() - 1];
                let done = carry_out(&county, id, step, &officer).await;
                assert!(!cancelled || done.is_none(), "{step:?} after a cancellation");
                cancelled |= matches!(step, Move::Cancel) && done.is_some();
                if let Some(next) = done.filter(|next| *next != id) {
                    chain.push(next);
                }
                for id in &chain {
                    let permit = county.store.permit(*id).await.unwrap().unwrap();
                    check(&county, &permit, &mut seen).await;
                }
                let in_force = chain.len() - 1;
                for id in &chain[..in_force] {
                    let old = county.store.permit(*id).await.unwrap().unwrap();
                    assert_eq!(old.status, PermitStatus::Superseded);
                }
            }
        });
    }
}
