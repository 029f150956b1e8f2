//! What was drawn for nothing is handed out again, what may have been committed never; and one permit that cannot be signed holds
//! up no other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comity_spec::ids::Thumbprint;
use comity_spec::jose::KeyPurpose;
use comity_spec::status::ENTRIES;
use comity_spec::time::LocalDate;
use proptest::prelude::*;

use super::super::allocator::{Drawn, Place};
use super::super::issue_for_permit::issue_for_permit;
use super::super::issue_missing::issue_missing;
use super::super::{IssueError, StatusAllocator};
use super::{county, use_up};
use crate::ports::attestations::{AttestationReads as _, Form, Issuance, ListId};
use crate::ports::permits::{Permit, PermitChange, PermitEvent};
use crate::ports::row_id;
use crate::ports::signer::{Signer, SignerError};
use crate::ports::store::{Conflict, Row, Store as _, StoreError, Write};
use crate::testing::County;

/// A keeper that can be away, and that never signs for a permit endorsed to one certain day.
struct Keeper {
    key: Arc<dyn Signer>,
    away: AtomicBool,
    refuses: i64,
    asked: AtomicUsize,
}

#[async_trait]
impl Signer for Keeper {
    fn public_key(&self) -> [u8; 32] {
        self.key.public_key()
    }

    fn thumbprint(&self) -> Thumbprint {
        self.key.thumbprint()
    }

    async fn sign(&self, messages: &[&[u8]]) -> Result<Vec<[u8; 64]>, SignerError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let refused = messages.iter().any(|message| {
            let payload = message.split(|byte| *byte == b'.').nth(1).unwrap();
            let claims: serde_json::Value =
                serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
            claims["exp"].as_i64() == Some(self.refuses)
        });
        if refused || self.away.load(Ordering::Relaxed) {
            return Err(SignerError::Unavailable {
                purpose: KeyPurpose::Attestation,
                reason: "no".to_owned(),
            });
        }
        self.key.sign(messages).await
    }
}

fn unsigned_day() -> LocalDate {
    LocalDate::new(2027, 2, 3).unwrap()
}

fn keeper(county: &mut County) -> Arc<Keeper> {
    let keeper = Arc::new(Keeper {
        key: Arc::clone(county.signers.of(KeyPurpose::Attestation).unwrap()),
        away: AtomicBool::new(false),
        refuses: unsigned_day().end_of_day().get(),
        asked: AtomicUsize::new(0),
    });
    let signer: Arc<dyn Signer> = Arc::clone(&keeper) as _;
    county.signers.insert(KeyPurpose::Attestation, signer);
    keeper
}

/// A stored permit for which the keeper does not sign.
async fn unsignable(county: &County, place: usize) -> Permit {
    let seeded = county.seed(place).await;
    let permit = Permit {
        version: 2,
        endorsed_until: unsigned_day(),
        ..seeded
    };
    let change = PermitChange {
        permit: permit.clone(),
        expected: 1,
        event: PermitEvent::ReportedLost,
        actor: "test".to_owned(),
        status: None,
    };
    county
        .store
        .commit("change", vec![Write::Permit(Box::new(change))])
        .await
        .unwrap();
    permit
}

async fn draw<'a>(county: &'a County, count: usize) -> Drawn<'a> {
    let issuer = county.issuer();
    county.allocator.draw(&issuer, count, county.now()).await.unwrap()
}

async fn issue(county: &County, place: usize) -> Vec<Issuance> {
    let permit = county.seed(place).await;
    issue_for_permit(&county.issuer(), &permit)
        .await
        .unwrap()
        .unwrap()
}

fn positions(issued: &[Issuance]) -> Vec<u32> {
    issued.iter().map(|one| one.position).collect()
}

// STA-3
#[tokio::test]
async fn a_keeper_that_is_away_costs_no_index() {
    let mut county = county();
    let keeper = keeper(&mut county);
    let first = issue(&county, 0).await;
    for place in 1..40 {
        county.seed(place).await;
    }
    keeper.away.store(true, Ordering::Relaxed);
    let asked = keeper.asked.load(Ordering::Relaxed);
    for _ in 0..100 {
        let failed = issue_missing(&county.issuer()).await;
        assert!(matches!(failed, Err(IssueError::Signing(_))), "{failed:?}");
    }
    let calls = keeper.asked.load(Ordering::Relaxed) - asked;
    assert!(calls <= 100 * 16, "{calls}: it is not asked for every permit");
    keeper.away.store(false, Ordering::Relaxed);
    assert_eq!(issue_missing(&county.issuer()).await.unwrap(), 78);
    let lists = county.store.status_lists().await.unwrap();
    assert_eq!(lists.len(), 1);
    // 80 attestations and the decoys passed over.
    let next = lists[0].next_position;
    assert!(next < first[0].position + 90, "{next}");
}

#[tokio::test]
async fn what_the_store_refuses_for_another_reason_comes_again() {
    let county = county();
    issue(&county, 0).await;
    let permit = county.seed(1).await;
    let stale = Permit { version: 7, ..permit };
    let before = draw(&county, 1).await.places().to_vec();
    for _ in 0..100 {
        let refused = issue_for_permit(&county.issuer(), &stale).await;
        assert!(matches!(
            refused,
            Err(IssueError::Store(StoreError::Conflict(Conflict::Version(_))))
        ));
    }
    assert_eq!(draw(&county, 1).await.places(), before);
}

// STA-3
#[tokio::test]
async fn a_full_disk_costs_no_index() {
    let county = county();
    let first = issue(&county, 0).await;
    for place in 1..20 {
        county.seed(place).await;
    }
    county.store.fail("disk full");
    for _ in 0..10 {
        let failed = issue_missing(&county.issuer()).await;
        assert!(
            matches!(failed, Err(IssueError::Store(StoreError::Unavailable(_)))),
            "{failed:?}"
        );
    }
    county.store.recover();
    assert_eq!(issue_missing(&county.issuer()).await.unwrap(), 38);
    // 40 attestations and the decoys passed over.
    let next = county.store.status_lists().await.unwrap()[0].next_position;
    assert!(next < first[0].position + 50, "{next}");
}

#[tokio::test]
async fn what_may_have_been_committed_never_comes_again() {
    let county = county();
    issue(&county, 0).await;
    let permit = county.seed(1).await;
    let tried = draw(&county, 2).await.places().to_vec();
    county.store.lose_answers("the connection was lost");
    assert!(issue_for_permit(&county.issuer(), &permit).await.is_err());
    county.store.recover();
    let next = draw(&county, 600).await;
    assert!(tried.iter().all(|place| !next.places().contains(place)));
    // Nor what a commit that was given up half way had in hand.
    let given_up = next.places().to_vec();
    county.store.disturb(1);
    let commit = next.commit("slow", Vec::new());
    {
        tokio::pin!(commit);
        assert!(futures_util::poll!(&mut commit).is_pending());
    }
    county.store.recover();
    let after = draw(&county, 600).await;
    assert!(given_up.iter().all(|place| !after.places().contains(place)));
}

#[tokio::test]
async fn a_list_that_was_never_made_gives_nothing_back_and_the_old_one_its_rest() {
    let county = county();
    use_up(&county, 3).await;
    let dropped = draw(&county, 8).await;
    let old: Vec<_> = dropped.places()[..3].to_vec();
    assert!(old.iter().all(|place| place.list == ListId(1)));
    let lost: Vec<_> = dropped.places()[3..].to_vec();
    assert!(lost.iter().all(|place| place.list == ListId(2)));
    drop(dropped);
    assert_eq!(county.store.status_lists().await.unwrap().len(), 1);
    let again = draw(&county, 8).await;
    assert_eq!(again.places()[..3], old);
    // The list that is opened now has a seed of its own.
    assert_ne!(again.places()[3..], lost);
    // A refusal at the opening gives the old list's rest back too.
    let refused = Write::Permit(Box::new(PermitChange {
        permit: Permit {
            version: 9,
            ..county.seed(0).await
        },
        expected: 8,
        event: PermitEvent::ReportedLost,
        actor: "test".to_owned(),
        status: None,
    }));
    assert!(again.commit("refused", vec![refused]).await.is_err());
    assert_eq!(draw(&county, 3).await.places(), old);
}

#[tokio::test]
async fn after_another_writer_nothing_that_was_given_back_is_trusted() {
    let mut county = county();
    issue(&county, 0).await;
    let held = draw(&county, 4).await;
    let dropped = draw(&county, 4).await.places().to_vec();
    let other = StatusAllocator::default();
    let others = super::super::Issuer {
        allocator: &other,
        ..county.issuer()
    };
    let mut last = 0;
    for place in 1..5 {
        let permit = county.seed(place).await;
        let theirs = issue_for_permit(&others, &permit).await.unwrap().unwrap();
        last = positions(&theirs)[1];
    }
    assert_eq!(last, dropped[3].position, "they got what was given back here");
    let permit = county.seed(5).await;
    let taken = issue_for_permit(&county.issuer(), &permit).await;
    assert!(matches!(
        taken,
        Err(IssueError::Store(StoreError::Conflict(Conflict::Exists(
            Row::StatusIndex
        ))))
    ));
    // Drawn before that was known.
    drop(held);
    assert!(draw(&county, 1).await.places()[0].position > last);
    county.allocator = StatusAllocator::default();
    assert!(draw(&county, 1).await.places()[0].position > last);
}

// STA-3
#[tokio::test]
async fn one_permit_that_cannot_be_signed_holds_up_no_other() {
    for bad in [0, 100, 255] {
        let mut county = county();
        let keeper = keeper(&mut county);
        let mut refused = None;
        for place in 0..256 {
            if place == bad {
                refused = Some(unsignable(&county, place).await);
            } else {
                county.seed(place).await;
            }
        }
        assert_eq!(issue_missing(&county.issuer()).await.unwrap(), 510, "{bad}");
        assert!(keeper.asked.load(Ordering::Relaxed) < 30);
        let failed = issue_missing(&county.issuer()).await;
        assert!(matches!(failed, Err(IssueError::Signing(_))), "{failed:?}");
        let without = county
            .store
            .attestations_of(refused.unwrap().id, county.now())
            .await
            .unwrap();
        assert!(without.is_empty());
        let next = county.store.status_lists().await.unwrap()[0].next_position;
        assert!(next < 530, "{next}");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Draw(usize),
    Drop(usize),
    Commit(usize),
    Refused(usize),
    Fails(usize),
    Lost(usize),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..40_usize).prop_map(Step::Draw),
        1 => (0..6_usize).prop_map(Step::Drop),
        3 => (0..6_usize).prop_map(Step::Commit),
        1 => (0..6_usize).prop_map(Step::Refused),
        1 => (0..6_usize).prop_map(Step::Fails),
        1 => (0..6_usize).prop_map(Step::Lost),
        1 => Just(Step::Restart),
    ]
}

fn issuances(county: &County, permit: &Permit, places: &[Place]) -> Vec<Write> {
    let issuance = |place: &Place| {
        let token = format!("{}-{}", place.list.0, place.index);
        let issuance = Issuance {
            id: row_id(&county.clock, &county.rng),
            permit: permit.id,
            permit_version: permit.version,
            form: Form::Full,
            list: place.list,
            index: place.index,
            position: place.position,
            iat: county.now(),
            exp: permit.endorsed_until.end_of_day(),
            status: super::super::issue_for_permit::status_bits(permit.status),
            digest: comity_spec::ids::Digest::of(&token),
            token,
        };
        Write::Issuance(Box::new(issuance))
    };
    places.iter().map(issuance).collect()
}

/// A place is in one hand at a time, and in none once it was committed or may have been.
async fn walk(steps: Vec<Step>, left: usize) {
    let mut county = county();
    use_up(&county, left).await;
    let permit = county.seed(0).await;
    let mut spent = BTreeSet::new();
    let key = |place: &Place| (place.list, place.index);
    // A restart ends what is held: each life of the process is walked by itself.
    for (restarts, life) in steps.split(|step| matches!(step, Step::Restart)).enumerate() {
        if restarts > 0 {
            county.allocator = StatusAllocator::default();
        }
        let county = &county;
        let mut held: Vec<Drawn<'_>> = Vec::new();
        for step in life {
            match step {
                Step::Draw(count) => {
                    let drawn = draw(county, *count).await;
                    let mut places = BTreeSet::new();
                    for place in drawn.places() {
                        assert!(places.insert(key(place)), "twice in one draw");
                        assert!(!spent.contains(&key(place)), "spent, and drawn again");
                        let other = held.iter().flat_map(Drawn::places).any(|other| other == place);
                        assert!(!other, "in two hands");
                    }
                    // Who opens a list holds up the others: here it commits at once.
                    let opens = drawn.places().iter().any(|place| place.list == ListId(2))
                        && county.store.status_lists().await.unwrap().len() == 1;
                    if opens {
                        spent.extend(drawn.places().iter().map(key));
                        let writes = issuances(county, &permit, drawn.places());
                        drawn.commit("open", writes).await.unwrap();
                    } else {
                        held.push(drawn);
                    }
                }
                Step::Drop(which) if *which < held.len() => drop(held.remove(*which)),
                Step::Commit(which) if *which < held.len() => {
                    let drawn = held.remove(*which);
                    spent.extend(drawn.places().iter().map(key));
                    let writes = issuances(county, &permit, drawn.places());
                    drawn.commit("done", writes).await.unwrap();
                }
                Step::Refused(which) if *which < held.len() => {
                    let drawn = held.remove(*which);
                    let stale = Permit {
                        version: 7,
                        ..permit.clone()
                    };
                    let writes = issuances(county, &stale, drawn.places());
                    assert!(matches!(
                        drawn.commit("refused", writes).await,
                        Err(StoreError::Conflict(Conflict::Version(Row::Permit)))
                    ));
                }
                Step::Fails(which) if *which < held.len() => {
                    let drawn = held.remove(*which);
                    let writes = issuances(county, &permit, drawn.places());
                    county.store.fail("disk full");
                    assert!(drawn.commit("fails", writes).await.is_err());
                    county.store.recover();
                }
                Step::Lost(which) if *which < held.len() => {
                    let drawn = held.remove(*which);
                    // Spent in this life: nobody knows.
                    let places: Vec<_> = drawn.places().iter().map(key).collect();
                    county.store.lose_answers("the connection was lost");
                    assert!(drawn.commit("lost", Vec::new()).await.is_err());
                    county.store.recover();
                    let next = draw(county, 50).await;
                    assert!(next.places().iter().all(|place| !places.contains(&key(place))));
                }
                _ => {}
            }
        }
    }
    assert!(county.store.status_lists().await.unwrap().len() <= 2 && spent.len() < ENTRIES);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    // STA-3
    #[test]
    fn a_place_is_in_one_hand_and_once_spent_in_none(
        steps in prop::collection::vec(step(), 1..60),
        left in 0..200_usize,
    ) {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(walk(steps, left));
    }
}
