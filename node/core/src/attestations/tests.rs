//! Issuing is judged by the verifier, which shares no code with it, and by the properties that chapters 5 and 6 ask for.

use std::collections::{BTreeMap, BTreeSet};

use comity_spec::attestation::{AttestationClaims, PermitClaims};
use comity_spec::exchange::PermitStatus;
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::status::{ENTRIES, StatusValue};
use comity_spec::time::{LocalDate, UnixSeconds};
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::jwk::{Ed25519Key, KeySet};
use comity_verifier::jws::Profile;
use comity_verifier::sd_jwt::{Binding, Presentation, SdJwt};
use comity_verifier::status_list::{StatusListToken, UnverifiedStatusList};
use proptest::prelude::*;

use super::allocator::order;
use super::issue_for_permit::issue_for_permit;
use super::issue_missing::{BATCH, issue_missing};
use super::sd_jwt::claims_of;
use super::status_publication::{RESIGN_AFTER, publish};
use super::{IssueError, SOURCE_AS_OF};
use crate::ports::attestations::{AttestationReads as _, Form, Issuance, ListId};
use crate::ports::outbox::Message;
use crate::ports::permits::{Permit, PermitChange, PermitEvent, PermitReads as _};
use crate::ports::store::{Conflict, Row, Store as _, StoreError, Write};
use crate::testing::County;

mod returned;

fn county() -> County {
    County::yushan(LocalDate::new(2026, 11, 22).unwrap())
}

fn keys(county: &County, purpose: KeyPurpose) -> KeySet {
    let mut keys = KeySet::new();
    let public = county.signers.of(purpose).unwrap().public_key();
    keys.add(purpose, Ed25519Key::from_bytes(&public).unwrap())
        .unwrap();
    keys
}

fn verify(county: &County, token: &str) -> Presentation {
    let mut budget = Budget::new(Limits::PRESENTATION);
    let profile = Profile::Comity {
        typ: Typ::Attestation.as_str(),
    };
    SdJwt::parse(token.as_bytes(), profile, &mut budget)
        .unwrap()
        .verify(
            &keys(county, KeyPurpose::Attestation),
            KeyPurpose::Attestation,
            Binding::Optional,
            &mut budget,
        )
        .unwrap()
        .into_value()
}

fn open_claims(token: &str) -> AttestationClaims {
    let mut budget = Budget::new(Limits::PRESENTATION);
    let profile = Profile::Comity {
        typ: Typ::Attestation.as_str(),
    };
    let parsed = SdJwt::parse(token.as_bytes(), profile, &mut budget).unwrap();
    parsed.open_claims().unwrap()
}

async fn list(county: &County, id: ListId) -> StatusListToken {
    let lists = county.store.status_lists().await.unwrap();
    let token = lists
        .into_iter()
        .find(|list| list.id == id)
        .unwrap()
        .token
        .unwrap();
    let mut budget = Budget::new(Limits::STATUS_LIST);
    let profile = Profile::Comity {
        typ: Typ::StatusList.as_str(),
    };
    UnverifiedStatusList::parse(token.as_bytes(), profile, &mut budget)
        .unwrap()
        .verify(&keys(county, KeyPurpose::Status), &mut budget)
        .unwrap()
        .into_value()
}

fn disclosed(presentation: &Presentation) -> PermitClaims {
    let members = presentation
        .claims()
        .iter()
        .filter(|(name, _)| presentation.discloses(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    serde_json::from_value(serde_json::Value::Object(members)).unwrap()
}

async fn set_status(county: &County, permit: &Permit, status: StatusValue, state: PermitStatus) -> Permit {
    let next = Permit {
        version: permit.version + 1,
        status: state,
        changed_at: county.now(),
        ..permit.clone()
    };
    let change = PermitChange {
        permit: next.clone(),
        expected: permit.version,
        event: PermitEvent::ReportedLost,
        actor: "test".to_owned(),
        status: Some(status),
    };
    county
        .store
        .commit("change", vec![Write::Permit(Box::new(change))])
        .await
        .unwrap();
    next
}

fn form(issued: &[Issuance], form: Form) -> &Issuance {
    issued.iter().find(|issuance| issuance.form == form).unwrap()
}

// ATT-5, ATT-6
#[tokio::test]
async fn both_forms_verify_and_say_what_the_permit_says() {
    let county = county();
    let permit = county.seed(7).await;
    let issued = issue_for_permit(&county.issuer(), &permit)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(issued.len(), 2);

    let full = &form(&issued, Form::Full).token;
    let presentation = verify(&county, full);
    assert_eq!(disclosed(&presentation), claims_of(&permit.details));
    let open = open_claims(full);
    assert_eq!(open.exp, permit.endorsed_until.end_of_day());
    assert_eq!((open.iat, open.nbf), (county.now(), county.now()));
    assert_eq!(open.source_as_of, county.now(), "this county is its own register");
    assert_eq!(
        open.status.status_list.uri,
        "https://node.yushan.example/status-lists/1"
    );
    presentation.check_dates(county.now().get(), 60).unwrap();
    assert!(presentation.check_dates(open.exp.get() + 61, 60).is_err());

    let card = &form(&issued, Form::Card).token;
    let five = disclosed(&verify(&county, card)).names();
    assert_eq!(
        five.into_iter().collect::<BTreeSet<_>>(),
        BTreeSet::from(comity_spec::attestation::CARD_CLAIMS)
    );
    // Two digits a character, numeric mode, version 27 at level L: 3,517 digits.
    assert!(card.len() * 2 <= 3_517, "{} characters", card.len());
}

// ATT-6, ATT-7
#[tokio::test]
async fn the_count_of_digests_tells_nothing_and_no_two_salts_are_alike() {
    let county = county();
    let mut salts = BTreeSet::new();
    let mut firsts = BTreeSet::new();
    for place in 0..20 {
        let permit = county.seed(place).await;
        for issuance in issue_for_permit(&county.issuer(), &permit)
            .await
            .unwrap()
            .unwrap()
        {
            let digests = open_claims(&issuance.token).sd;
            let expected = if issuance.form == Form::Full { 32 } else { 6 };
            assert_eq!(digests.iter().collect::<BTreeSet<_>>().len(), expected);
            let disclosures: Vec<_> = issuance
                .token
                .split('~')
                .skip(1)
                .filter(|d| !d.is_empty())
                .collect();
            let first = comity_spec::ids::Digest::of(disclosures[0]).to_string();
            firsts.insert(digests.iter().position(|digest| *digest == first).unwrap());
            for disclosure in disclosures {
                use base64::Engine as _;
                let json = base64::engine::general_purpose::URL_SAFE_NO_PAD
                    .decode(disclosure)
                    .unwrap();
                let (salt, _, _): (String, String, serde_json::Value) =
                    serde_json::from_slice(&json).unwrap();
                assert_eq!(salt.len(), 22, "128 bits");
                assert!(salts.insert(salt), "a salt twice");
            }
        }
    }
    assert!(firsts.len() > 5, "the name's digest always stands at {firsts:?}");
}

#[tokio::test]
async fn what_was_changed_after_signing_does_not_verify() {
    let county = county();
    let permit = county.seed(3).await;
    let issued = issue_for_permit(&county.issuer(), &permit)
        .await
        .unwrap()
        .unwrap();
    let token = &form(&issued, Form::Card).token;
    let other = County::yushan(county.today());
    let permit = other.seed(4).await;
    let foreign = issue_for_permit(&other.issuer(), &permit).await.unwrap().unwrap();
    let (jwt, _) = token.split_once('~').unwrap();
    let (_, disclosures) = form(&foreign, Form::Card).token.split_once('~').unwrap();
    let mut budget = Budget::new(Limits::PRESENTATION);
    let mixed = format!("{jwt}~{disclosures}");
    let profile = Profile::Comity {
        typ: Typ::Attestation.as_str(),
    };
    let refused = SdJwt::parse(mixed.as_bytes(), profile, &mut budget)
        .unwrap()
        .verify(
            &keys(&county, KeyPurpose::Attestation),
            KeyPurpose::Attestation,
            Binding::Optional,
            &mut budget,
        );
    assert!(refused.is_err());
}

// ATT-8
#[tokio::test]
async fn a_cancelled_or_lapsed_permit_gets_no_attestation() {
    let county = county();
    let permit = county.seed(1).await;
    let cancelled = set_status(&county, &permit, StatusValue::Cancelled, PermitStatus::Cancelled).await;
    assert!(
        issue_for_permit(&county.issuer(), &cancelled)
            .await
            .unwrap()
            .is_none()
    );
    let permit = county.seed(2).await;
    county.clock.set(permit.endorsed_until.end_of_day());
    assert!(
        issue_for_permit(&county.issuer(), &permit)
            .await
            .unwrap()
            .is_none()
    );
    county.clock.advance(-1);
    assert!(
        issue_for_permit(&county.issuer(), &permit)
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn a_permit_that_moved_on_is_not_attested_as_it_was() {
    let county = county();
    let permit = county.seed(1).await;
    set_status(
        &county,
        &permit,
        StatusValue::Suspended,
        PermitStatus::ReportedLost,
    )
    .await;
    let refused = issue_for_permit(&county.issuer(), &permit).await;
    assert!(
        matches!(
            refused,
            Err(IssueError::Store(StoreError::Conflict(Conflict::Version(
                Row::Permit
            ))))
        ),
        "{refused:?}"
    );
    assert_eq!(county.store.attestation_count().await.unwrap(), 0);
    assert!(
        county.store.status_lists().await.unwrap().is_empty(),
        "nor is a list half made"
    );
}

#[tokio::test]
async fn what_is_missing_is_issued_in_batches_and_once() {
    let county = county();
    let many = BATCH as usize + 10;
    for place in 0..many {
        county.seed(place).await;
    }
    assert_eq!(issue_missing(&county.issuer()).await.unwrap(), 512);
    assert_eq!(issue_missing(&county.issuer()).await.unwrap(), 20);
    assert_eq!(issue_missing(&county.issuer()).await.unwrap(), 0);
    let attested = county
        .store
        .commits()
        .iter()
        .filter(|name| name.contains("missing"))
        .count();
    assert_eq!(attested, 2, "a commit a batch");
    // Reported lost and found: what the attestation says still stands.
    let permit = county.store.permits_after(None, 1).await.unwrap().remove(0);
    let lost = set_status(
        &county,
        &permit,
        StatusValue::Suspended,
        PermitStatus::ReportedLost,
    )
    .await;
    assert_eq!(issue_missing(&county.issuer()).await.unwrap(), 0);
    let found = set_status(&county, &lost, StatusValue::Valid, PermitStatus::Valid).await;
    assert_eq!(issue_missing(&county.issuer()).await.unwrap(), 0);
    // Another content: the old indices are superseded and a new pair is issued.
    set_status(&county, &found, StatusValue::Superseded, PermitStatus::Valid).await;
    assert_eq!(issue_missing(&county.issuer()).await.unwrap(), 2);
    let shown: Vec<_> = county
        .store
        .attestations_of(permit.id, county.now())
        .await
        .unwrap();
    let statuses: Vec<_> = shown.iter().map(|issuance| issuance.status).collect();
    assert_eq!(
        statuses,
        [
            StatusValue::Valid,
            StatusValue::Valid,
            StatusValue::Superseded,
            StatusValue::Superseded
        ]
    );
}

// STA-3
#[tokio::test]
async fn indices_go_on_after_a_restart_and_after_a_lost_commit() {
    let mut county = county();
    let mut seen = BTreeSet::new();
    let mut positions = Vec::new();
    for place in 0..30 {
        let permit = county.seed(place).await;
        if place == 10 {
            county.allocator = super::StatusAllocator::default();
        }
        if place == 20 {
            county.store.fail("disk full");
            assert!(issue_for_permit(&county.issuer(), &permit).await.is_err());
            county.store.recover();
        }
        for issuance in issue_for_permit(&county.issuer(), &permit)
            .await
            .unwrap()
            .unwrap()
        {
            assert!(seen.insert((issuance.list, issuance.index)), "an index twice");
            positions.push(issuance.position);
        }
    }
    assert!(positions.is_sorted());
    assert_eq!(county.store.status_lists().await.unwrap().len(), 1);
    let decoys: BTreeSet<_> = county
        .store
        .decoys(ListId(1))
        .await
        .unwrap()
        .into_iter()
        .map(|decoy| (decoy.list, decoy.index))
        .collect();
    assert_eq!(decoys.len(), 1_310);
    assert!(decoys.is_disjoint(&seen));
    let indices: Vec<_> = seen.iter().map(|(_, index)| *index).collect();
    assert!(
        indices.iter().max() > Some(&50_000),
        "indices are spread: {indices:?}"
    );
}

#[tokio::test]
async fn a_full_list_is_followed_by_the_next() {
    let county = county();
    let issuer = county.issuer();
    let drawn = county
        .allocator
        .draw(&issuer, ENTRIES, county.now())
        .await
        .unwrap();
    let mut handed_out = BTreeMap::<ListId, BTreeSet<u32>>::new();
    for place in drawn.places() {
        assert!(handed_out.entry(place.list).or_default().insert(place.index));
    }
    assert_eq!(handed_out[&ListId(1)].len(), ENTRIES - 1_310);
    assert_eq!(handed_out[&ListId(2)].len(), 1_310);
    drawn.commit("open", Vec::new()).await.unwrap();
    let lists = county.store.status_lists().await.unwrap();
    assert_eq!(lists.len(), 2);
    assert_ne!(lists[0].seed, lists[1].seed);
    let permit = county.seed(0).await;
    let issued = issue_for_permit(&issuer, &permit).await.unwrap().unwrap();
    assert!(issued.iter().all(|issuance| issuance.list == ListId(2)));
}

/// Spends indices until so many of the open list are left.
async fn use_up(county: &County, left: usize) {
    let issuer = county.issuer();
    let first = county.allocator.draw(&issuer, 1, county.now()).await.unwrap();
    first.commit("open", Vec::new()).await.unwrap();
    let used = ENTRIES - 1_310 - 1 - left;
    let spent = county.allocator.draw(&issuer, used, county.now()).await.unwrap();
    spent.commit("spend", Vec::new()).await.unwrap();
}

async fn issued_side_by_side(county: &County, permits: &[Permit]) -> Vec<Result<Vec<Issuance>, IssueError>> {
    let issuer = county.issuer();
    let all = permits.iter().map(async |permit| {
        let issued = issue_for_permit(&issuer, permit).await?;
        Ok(issued.unwrap())
    });
    futures_util::future::join_all(all).await
}

// STA-3
#[tokio::test]
async fn side_by_side_no_index_comes_twice_although_commits_fail_and_the_list_runs_out() {
    for seed in 0..8 {
        let county = county();
        let mut permits = Vec::new();
        for place in 0..64 {
            permits.push(county.seed(place).await);
        }
        use_up(&county, 50 + seed as usize).await;
        county.store.disturb(seed);
        let mut seen = BTreeSet::new();
        let (mut done, mut failed) = (0, 0);
        for _ in 0..3 {
            for issued in issued_side_by_side(&county, &permits).await {
                match issued {
                    Ok(issued) => {
                        done += 1;
                        for one in issued {
                            assert!(seen.insert((one.list, one.index)), "seed {seed}: an index twice");
                        }
                    }
                    Err(error) => {
                        failed += 1;
                        let store = matches!(error, IssueError::Store(StoreError::Unavailable(_)));
                        assert!(store, "seed {seed}: {error}");
                    }
                }
            }
        }
        assert!(
            done > 64 && failed > 16,
            "seed {seed}: {done} done, {failed} failed"
        );
        county.store.recover();
        let lists: BTreeSet<_> = seen.iter().map(|(list, _)| *list).collect();
        assert_eq!(lists, [ListId(1), ListId(2)].into(), "seed {seed}");
        for list in lists {
            for decoy in county.store.decoys(list).await.unwrap() {
                assert!(!seen.contains(&(list, decoy.index)), "seed {seed}: a decoy");
            }
        }
    }
}

#[tokio::test]
async fn others_draw_while_a_commit_is_under_way_but_not_from_a_list_that_does_not_exist_yet() {
    let county = county();
    let (issuer, now) = (county.issuer(), county.now());
    let opening = county.allocator.draw(&issuer, 2, now).await.unwrap();
    let waiting = county.allocator.draw(&issuer, 2, now);
    tokio::pin!(waiting);
    assert!(
        futures_util::poll!(&mut waiting).is_pending(),
        "the list is not there yet"
    );
    drop(opening);
    let opening = waiting.await.unwrap();
    opening.commit("open", Vec::new()).await.unwrap();
    let one = county.allocator.draw(&issuer, 2, now).await.unwrap();
    let other = county.allocator.draw(&issuer, 2, now).await.unwrap();
    let positions = |drawn: &super::allocator::Drawn<'_>| -> Vec<u32> {
        drawn.places().iter().map(|place| place.position).collect()
    };
    assert!(positions(&one).last() < positions(&other).first());
    other.commit("other", Vec::new()).await.unwrap();
    one.commit("one", Vec::new()).await.unwrap();
}

#[tokio::test]
async fn after_another_writer_took_an_index_the_lists_are_read_anew_and_nothing_drawn_comes_again() {
    let county = county();
    let permits = [county.seed(0).await, county.seed(1).await, county.seed(2).await];
    let issuer = county.issuer();
    issue_for_permit(&issuer, &permits[0]).await.unwrap().unwrap();
    let other = super::StatusAllocator::default();
    let others = super::Issuer {
        allocator: &other,
        ..issuer
    };
    let theirs = issue_for_permit(&others, &permits[1]).await.unwrap().unwrap();
    let taken = issue_for_permit(&issuer, &permits[2]).await;
    assert!(matches!(
        taken,
        Err(IssueError::Store(StoreError::Conflict(Conflict::Exists(
            Row::StatusIndex
        ))))
    ));
    let ours = issue_for_permit(&issuer, &permits[2]).await.unwrap().unwrap();
    let last = theirs.last().unwrap().position;
    assert!(ours.iter().all(|one| one.position > last));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn the_order_is_a_permutation_that_follows_from_the_seed(seed: [u8; 32]) {
        let indices = order(&seed);
        prop_assert_eq!(indices.len(), ENTRIES);
        let mut there = vec![false; ENTRIES];
        for index in &indices {
            prop_assert!(!std::mem::replace(&mut there[*index as usize], true));
        }
        let mut other = seed;
        other[31] ^= 1;
        prop_assert_eq!(&indices, &order(&seed));
        let fixed = indices.iter().zip(order(&other)).filter(|(a, b)| *a == b).count();
        prop_assert!(fixed < 30, "{} places are alike under another seed", fixed);
    }
}

// STA-13
#[tokio::test]
async fn a_list_shows_what_the_permits_are_and_peers_are_told_in_the_same_commit() {
    let county = county();
    let peers = ["https://node.changshan.example".parse().unwrap()];
    let mut permits = Vec::new();
    for place in 0..6 {
        permits.push(county.seed(place).await);
    }
    issue_missing(&county.issuer()).await.unwrap();
    set_status(
        &county,
        &permits[1],
        StatusValue::Cancelled,
        PermitStatus::Cancelled,
    )
    .await;
    set_status(
        &county,
        &permits[2],
        StatusValue::Suspended,
        PermitStatus::Suspended,
    )
    .await;
    set_status(
        &county,
        &permits[3],
        StatusValue::Superseded,
        PermitStatus::Superseded,
    )
    .await;

    let published = publish(&county.issuer(), &peers).await.unwrap();
    assert_eq!(published.len(), 1);
    let token = list(&county, ListId(1)).await;
    assert_eq!(token.sub, "https://node.yushan.example/status-lists/1");
    assert_eq!((token.iat, token.ttl), (county.now().get(), Some(900)));
    assert_eq!(token.exp, Some(county.now().get() + 72 * 3600));
    for (place, expected) in [0, 1, 2, 3, 0, 0].into_iter().enumerate() {
        for issuance in county
            .store
            .attestations_of(permits[place].id, county.now())
            .await
            .unwrap()
        {
            assert_eq!(
                token.list.get(u64::from(issuance.index)).unwrap(),
                expected,
                "permit {place}"
            );
        }
    }
    for decoy in county.store.decoys(ListId(1)).await.unwrap() {
        assert_eq!(
            token.list.get(u64::from(decoy.index)).unwrap(),
            decoy.status.bits()
        );
    }
    let queued = county.store.queued();
    assert_eq!(queued.len(), 1);
    assert_eq!(
        queued[0].message,
        Message::StatusChanged {
            lists: vec![token.sub.clone()]
        }
    );
    // Nothing new and not due: not signed again.
    assert!(publish(&county.issuer(), &peers).await.unwrap().is_empty());
    // Due: signed again, and nobody is told.
    county.clock.advance(RESIGN_AFTER);
    let again = publish(&county.issuer(), &peers).await.unwrap();
    assert_eq!(again.len(), 1);
    assert!(!again[0].changed && again[0].iat > published[0].iat);
    assert_eq!(county.store.queued().len(), 1);
}

// STA-9
#[tokio::test]
async fn iat_strictly_rises_and_a_clock_that_went_back_is_said() {
    let county = county();
    let mut permit = county.seed(0).await;
    issue_missing(&county.issuer()).await.unwrap();
    let mut last = UnixSeconds::MIN;
    for round in 0..4 {
        let (bits, state) = if round % 2 == 0 {
            (StatusValue::Suspended, PermitStatus::ReportedLost)
        } else {
            (StatusValue::Valid, PermitStatus::Valid)
        };
        permit = set_status(&county, &permit, bits, state).await;
        let published = publish(&county.issuer(), &[]).await.unwrap();
        assert!(published[0].iat > last, "in one and the same second");
        last = published[0].iat;
    }
    county.clock.advance(-120);
    set_status(
        &county,
        &permit,
        StatusValue::Suspended,
        PermitStatus::ReportedLost,
    )
    .await;
    let refused = publish(&county.issuer(), &[]).await;
    assert!(
        matches!(refused, Err(IssueError::ClockBehind { .. })),
        "{refused:?}"
    );
}

// STA-1, STA-3
#[tokio::test]
async fn some_decoys_move_at_each_publication_and_none_breaks_the_rules() {
    let county = county();
    county.seed(0).await;
    issue_missing(&county.issuer()).await.unwrap();
    let mut before = county.store.decoys(ListId(1)).await.unwrap();
    let nonzero = before
        .iter()
        .filter(|decoy| decoy.status != StatusValue::Valid)
        .count();
    assert_eq!(nonzero, 1_310, "drawn non-zero");
    for _ in 0..20 {
        county.clock.advance(RESIGN_AFTER);
        publish(&county.issuer(), &[]).await.unwrap();
        let after = county.store.decoys(ListId(1)).await.unwrap();
        let moved = before
            .iter()
            .zip(&after)
            .filter(|(a, b)| a.status != b.status)
            .count();
        assert!((1..=4).contains(&moved), "{moved} moved");
        assert!(
            before
                .iter()
                .zip(&after)
                .all(|(a, b)| a.status.may_become(b.status))
        );
        before = after;
    }
}

#[tokio::test]
async fn a_mirror_says_when_it_last_saw_its_register() {
    let mut county = county();
    county.policy.local_issuing = false;
    assert_eq!(county.issuer().source_as_of().await.unwrap(), UnixSeconds::MIN);
    let value = "1763700000".to_owned();
    let write = Write::Setting {
        key: SOURCE_AS_OF,
        value,
    };
    county.store.commit("set", vec![write]).await.unwrap();
    let permit = county.seed(0).await;
    let issued = issue_for_permit(&county.issuer(), &permit)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(open_claims(&issued[0].token).source_as_of.get(), 1_763_700_000);
    publish(&county.issuer(), &[]).await.unwrap();
    assert_eq!(list(&county, ListId(1)).await.source_as_of, Some(1_763_700_000));
    let write = Write::Setting {
        key: SOURCE_AS_OF,
        value: "yesterday".to_owned(),
    };
    county.store.commit("set", vec![write]).await.unwrap();
    assert!(county.issuer().source_as_of().await.is_err());
}
