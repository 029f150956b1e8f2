//! An agreement's whole life between two nodes, and what each step refuses.

use comity_spec::agreement::{Agreement, Party};
use comity_spec::entity::Environment;
use comity_spec::ids::Digest;
use comity_spec::jose::KeyPurpose;
use comity_spec::text::Bilingual;
use comity_spec::time::{LocalDate, UnixSeconds};
use comity_verifier::agreement::{AgreementError, Coverage, WithdrawalError, defects};
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::exchange::{Parties, verify_hint};
use comity_verifier::testing::{self, sign_agreement};
use ed25519_dalek::SigningKey;

use super::*;
use crate::federation::deliver::{DeliveryResult, deliver};
use crate::federation::load_view::load_view;
use crate::federation::receive_hint::receive_hint;
use crate::ports::peers::PeerAnswer;
use crate::testing::{TestNode, World};

const NOW: i64 = 1_790_000_000;

struct Two {
    world: World,
    yushan: TestNode,
    changshan: TestNode,
}

async fn two() -> Two {
    on(World::new(UnixSeconds::new(NOW).unwrap()).await).await
}

async fn on(world: World) -> Two {
    let (yushan, changshan) = (world.ready("361123").await, world.ready("330822").await);
    world.peers.answer(Ok(PeerAnswer {
        status: 202,
        content_type: String::new(),
        retry_after: None,
        body: Vec::new(),
    }));
    Two {
        world,
        yushan,
        changshan,
    }
}

fn party(test: &TestNode) -> Party {
    let identity = &test.node.identity;
    Party {
        entity: identity.entity.clone(),
        region: identity.region,
        name: identity.name.clone(),
        federation_keys: vec![test.node.signers.of(KeyPurpose::Federation).unwrap().thumbprint()],
    }
}

impl Two {
    fn today(&self) -> LocalDate {
        LocalDate::of(self.yushan.node.now())
    }

    fn draft(&self) -> Agreement {
        example_agreement(
            &party(&self.yushan),
            &party(&self.changshan),
            Environment::Sandbox,
            self.today(),
        )
    }

    /// What Yushan's or Changshan's outbox sends to its one peer.
    async fn sent(&self, from: &TestNode) -> Vec<u8> {
        let deliveries = deliver(&from.node).await.unwrap();
        assert!(
            deliveries
                .iter()
                .all(|d| matches!(d.result, DeliveryResult::Delivered)),
            "{deliveries:?}"
        );
        let mut posted = self.world.peers.posted();
        assert_eq!(posted.len(), 1);
        posted.remove(0).body
    }

    async fn adopt(&self, agreement: &Agreement) -> Digest {
        let row = propose(&self.yushan.node, agreement).await.unwrap();
        let body = self.sent(&self.yushan).await;
        assert_eq!(
            receive_proposal(&self.changshan.node, &body).await.unwrap(),
            ProposalTaken::Waiting
        );
        let signed = sign(&self.changshan.node, &row.id, row.version, &row.digest)
            .await
            .unwrap();
        assert_eq!(signed.state, AgreementState::Adopted);
        let body = self.sent(&self.changshan).await;
        assert_eq!(
            receive_proposal(&self.yushan.node, &body).await.unwrap(),
            ProposalTaken::Adopted
        );
        row.digest
    }

    fn coverage(&self, at: &TestNode, on: LocalDate) -> Option<u32> {
        let (a, b) = (
            &self.yushan.node.identity.entity,
            &self.changshan.node.identity.entity,
        );
        match at.node.view().agreements.between(a, b, on) {
            Coverage::InForce(one) => Some(one.agreement().version),
            Coverage::NotInForce { .. } | Coverage::None => None,
        }
    }
}

fn reason() -> Bilingual {
    Bilingual {
        zh: "示例".into(),
        en: "Example".into(),
    }
}

#[tokio::test]
async fn the_demonstrations_agreement_holds_and_says_that_it_is_an_example() {
    let two = two().await;
    let agreement = two.draft();
    assert_eq!(defects(&agreement), []);
    assert!(agreement.title.zh.contains("示例") && agreement.approvals.is_empty());
    assert!(agreement.services.iter().any(|row| row.amber_status));
    assert!(
        agreement.tier_map.iter().all(|row| row.map.len() == 2),
        "TEMPORARY is not mapped"
    );
}

#[tokio::test]
async fn an_agreement_lives_from_proposal_to_withdrawal_on_both_sides() {
    let two = two().await;
    let digest = two.adopt(&two.draft()).await;
    let today = two.today();
    for test in [&two.yushan, &two.changshan] {
        assert_eq!(two.coverage(test, today), Some(1));
        let listed = list(&test.node).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert!(listed[0].in_force && listed[0].missing.is_empty());
        assert_eq!((listed[0].row.digest, listed[0].signed.len()), (digest, 2));
        // As after a start.
        let report = load_view(&test.node).await.unwrap();
        assert!(
            report.agreements.is_empty() && report.withdrawals.is_empty(),
            "{report:?}"
        );
        assert_eq!(two.coverage(test, today), Some(1));
    }
    let id = two.draft().id;
    withdraw(&two.yushan.node, &id, None, reason()).await.unwrap();
    let hint = two.sent(&two.yushan).await;
    let view = two.changshan.node.view();
    let me = &two.changshan.node.identity.entity;
    let parties = Parties {
        me,
        channel: Some(&two.yushan.node.identity.entity),
    };
    let mut budget = Budget::new(Limits::PRESENTATION);
    let hint = verify_hint(&hint, &view.trust, parties, two.changshan.node.now(), &mut budget).unwrap();
    let taken = receive_hint(&two.changshan.node, &hint).await.unwrap();
    assert!(matches!(taken.withdrawals.as_slice(), [Ok(true)]), "{taken:?}");
    assert!(matches!(
        receive_hint(&two.changshan.node, &hint)
            .await
            .unwrap()
            .withdrawals
            .as_slice(),
        [Ok(false)]
    ));
    let last = today.plus_days(29).unwrap();
    for test in [&two.yushan, &two.changshan] {
        load_view(&test.node).await.unwrap();
        assert_eq!(two.coverage(test, last), Some(1), "the notice runs");
        assert_eq!(two.coverage(test, today.plus_days(30).unwrap()), None);
        assert_eq!(
            list(&test.node).await.unwrap()[0].withdrawn_from,
            Some(today.plus_days(30).unwrap())
        );
    }
    assert!(matches!(
        withdraw(&two.yushan.node, &id, None, reason()).await,
        Err(WithdrawError::Already(_))
    ));
}

#[tokio::test]
async fn a_withdrawal_without_its_notice_is_refused_where_it_is_made_and_where_it_arrives() {
    let two = two().await;
    let digest = two.adopt(&two.draft()).await;
    let (id, tomorrow) = (two.draft().id, two.today().plus_days(1).unwrap());
    let refused = withdraw(&two.yushan.node, &id, Some(tomorrow), reason()).await;
    assert!(matches!(
        refused,
        Err(WithdrawError::Withdrawal(WithdrawalError::NoticeTooShort { .. }))
    ));
    let withdrawal = comity_spec::agreement::Withdrawal {
        iss: two.yushan.node.identity.entity.clone(),
        iat: two.yushan.node.now(),
        agreement: comity_spec::agreement::AgreementRef {
            id: id.clone(),
            version: 1,
            digest,
        },
        effective_from: tomorrow,
        reason: reason(),
    };
    let jws = crate::signing::compact(&two.yushan.node.signers, Typ::Withdrawal, &withdrawal)
        .await
        .unwrap();
    let refused = receive_withdrawal(&two.changshan.node, &jws).await;
    assert!(matches!(
        refused,
        Err(ReceiveWithdrawalError::Withdrawal(
            WithdrawalError::NoticeTooShort { .. }
        ))
    ));
    // Signed by somebody who is no party.
    let stranger = testing::key("a stranger");
    let claims = serde_json::to_value(&withdrawal).unwrap();
    let forged = testing::sign(&stranger, Typ::Withdrawal, &claims);
    assert!(receive_withdrawal(&two.changshan.node, &forged).await.is_err());
    assert_eq!(two.coverage(&two.changshan, tomorrow), Some(1));
    let unknown = "AGR-OTHER".parse().unwrap();
    assert!(matches!(
        withdraw(&two.yushan.node, &unknown, None, reason()).await,
        Err(WithdrawError::Unknown(_))
    ));
}

#[tokio::test]
async fn only_a_party_proposes_and_only_under_its_own_pinned_key() {
    let two = two().await;
    let mut agreement = two.draft();
    agreement.parties[0].federation_keys = vec![testing::thumbprint(&testing::key("another"))];
    assert!(matches!(
        propose(&two.yushan.node, &agreement).await,
        Err(ProposeError::OwnKeyNotPinned)
    ));
    let mut agreement = two.draft();
    agreement.parties[0].region = "361124".parse().unwrap();
    assert!(matches!(
        propose(&two.yushan.node, &agreement).await,
        Err(ProposeError::NotAParty)
    ));
    let mut agreement = two.draft();
    agreement.notice_days = 0;
    agreement.services.clear();
    agreement.title.zh = String::new();
    match propose(&two.yushan.node, &agreement).await {
        Err(ProposeError::Agreement(AgreementError::Contents(defects))) => {
            assert_eq!(defects.len(), 2, "{defects:?}")
        }
        other => panic!("{other:?}"),
    }
    assert!(list(&two.yushan.node).await.unwrap().is_empty());
    assert!(two.yushan.store.queued().is_empty());
}

#[tokio::test]
async fn a_version_has_one_text() {
    let two = two().await;
    let row = propose(&two.yushan.node, &two.draft()).await.unwrap();
    assert!(matches!(
        propose(&two.yushan.node, &two.draft()).await,
        Err(ProposeError::Exists { .. })
    ));
    let body = two.sent(&two.yushan).await;
    receive_proposal(&two.changshan.node, &body).await.unwrap();
    assert_eq!(
        receive_proposal(&two.changshan.node, &body).await.unwrap(),
        ProposalTaken::Unchanged
    );
    // Another text of version 1, signed by Yushan alone.
    let mut other = two.draft();
    other.continuation.zh = "另一文本(示例)".into();
    let yushan = two.world.federation.county("361123").key(KeyPurpose::Federation);
    let payload = serde_json::to_value(&other).unwrap();
    let signed = sign_agreement(&payload, std::slice::from_ref(&yushan), two.yushan.node.now());
    let refused = receive_proposal(&two.changshan.node, &serde_json::to_vec(&signed).unwrap()).await;
    assert!(
        matches!(refused, Err(ReceiveError::OtherText { held, .. }) if held == row.digest),
        "{refused:?}"
    );
    // The officer read another text than the one that is here.
    let wrong = Digest::of("another text");
    assert!(matches!(
        sign(&two.changshan.node, &row.id, 1, &wrong).await,
        Err(SignError::OtherText)
    ));
    sign(&two.changshan.node, &row.id, 1, &row.digest).await.unwrap();
    assert!(matches!(
        sign(&two.changshan.node, &row.id, 1, &row.digest).await,
        Err(SignError::State(AgreementState::Adopted))
    ));
    assert!(matches!(
        sign(&two.changshan.node, &row.id, 1, &wrong).await,
        Err(SignError::OtherText)
    ));
    assert!(matches!(
        sign(&two.yushan.node, &row.id, 1, &row.digest).await,
        Err(SignError::SignedAlready)
    ));
    assert!(matches!(
        sign(&two.yushan.node, &row.id, 2, &row.digest).await,
        Err(SignError::Unknown { .. })
    ));
}

#[tokio::test]
async fn two_texts_of_one_version_that_all_signed_are_both_void() {
    let two = two().await;
    two.adopt(&two.draft()).await;
    let today = two.today();
    let mut other = two.draft();
    other.continuation.zh = "另一文本(示例)".into();
    let keys: Vec<_> = ["361123", "330822"]
        .iter()
        .map(|r| two.world.federation.county(r).key(KeyPurpose::Federation))
        .collect();
    let payload = serde_json::to_value(&other).unwrap();
    // One party alone cannot bring an agreement down.
    let one = sign_agreement(&payload, &keys[..1], two.yushan.node.now());
    let refused = receive_proposal(&two.changshan.node, &serde_json::to_vec(&one).unwrap()).await;
    assert!(
        matches!(refused, Err(ReceiveError::OtherText { .. })),
        "{refused:?}"
    );
    assert_eq!(two.coverage(&two.changshan, today), Some(1));
    let both = sign_agreement(&payload, &keys, two.yushan.node.now());
    let refused = receive_proposal(&two.changshan.node, &serde_json::to_vec(&both).unwrap()).await;
    assert!(
        matches!(refused, Err(ReceiveError::Contradiction { .. })),
        "{refused:?}"
    );
    assert_eq!(two.coverage(&two.changshan, today), None);
    assert_eq!(
        list(&two.changshan.node).await.unwrap()[0].row.state,
        AgreementState::Void
    );
    load_view(&two.changshan.node).await.unwrap();
    assert_eq!(two.coverage(&two.changshan, today), None, "and after a start");
}

#[tokio::test]
async fn a_second_version_follows_on_the_first_and_takes_its_place_on_its_day() {
    let two = two().await;
    let first = two.draft();
    let mut second = Agreement {
        version: 2,
        prev: Some(Digest::of("not the first")),
        effective_from: two.today().plus_days(10).unwrap(),
        ..first.clone()
    };
    assert!(matches!(
        propose(&two.yushan.node, &second).await,
        Err(ProposeError::Succession(SuccessionError::NoPredecessor {
            version: 1,
            ..
        }))
    ));
    let digest = two.adopt(&first).await;
    assert!(matches!(
        propose(&two.yushan.node, &second).await,
        Err(ProposeError::Succession(SuccessionError::OtherPredecessor {
            version: 1,
            ..
        }))
    ));
    second.prev = Some(digest);
    two.adopt(&second).await;
    assert_eq!(
        two.coverage(&two.changshan, two.today().plus_days(9).unwrap()),
        Some(1)
    );
    assert_eq!(
        two.coverage(&two.changshan, two.today().plus_days(10).unwrap()),
        Some(2)
    );
}

#[tokio::test]
async fn a_stranger_does_not_put_a_proposal_on_our_desk() {
    let two = two().await;
    let mut world = two.world;
    world.federation.add_county("361124", "铅山县(示例)", 0);
    let other = world.federation.county("361124").clone();
    world.enrol(&other).await;
    world.serve();
    let yanshan = world.ready("361124").await;
    propose(
        &two.yushan.node,
        &example_agreement(
            &party(&two.yushan),
            &party(&two.changshan),
            Environment::Sandbox,
            LocalDate::of(two.yushan.node.now()),
        ),
    )
    .await
    .unwrap();
    deliver(&two.yushan.node).await.unwrap();
    let body = world.peers.posted().remove(0).body;
    assert!(matches!(
        receive_proposal(&yanshan.node, &body).await,
        Err(ReceiveError::NotAParty)
    ));
    // Signed by a key that no chain gives.
    let payload = serde_json::to_value(example_agreement(
        &party(&two.yushan),
        &party(&two.changshan),
        Environment::Sandbox,
        LocalDate::of(two.yushan.node.now()),
    ))
    .unwrap();
    let forged = sign_agreement(&payload, &[testing::key("a stranger")], two.yushan.node.now());
    let refused = receive_proposal(&two.changshan.node, &serde_json::to_vec(&forged).unwrap()).await;
    assert!(matches!(refused, Err(ReceiveError::Agreement(_))), "{refused:?}");
    assert!(list(&two.changshan.node).await.unwrap().is_empty());
}

/// A third county, of which Changshan knows, and its key.
async fn with_third() -> (Two, SigningKey) {
    let mut world = World::new(UnixSeconds::new(NOW).unwrap()).await;
    world.federation.add_county("361124", "铅山县(示例)", 0);
    let third = world.federation.county("361124").clone();
    world.enrol(&third).await;
    world.serve();
    let two = on(world).await;
    let key = third.key(KeyPurpose::Federation);
    (two, key)
}

/// A text between the third county and Changshan.
fn of_third(two: &Two, key: &SigningKey, id: &str) -> Agreement {
    let third = two.world.federation.county("361124");
    let party = Party {
        entity: third.entity.clone(),
        region: third.region,
        federation_keys: vec![testing::thumbprint(key)],
        ..party(&two.yushan)
    };
    Agreement {
        id: id.parse().unwrap(),
        ..example_agreement(
            &party,
            &self::party(&two.changshan),
            Environment::Sandbox,
            two.today(),
        )
    }
}

async fn offer(two: &Two, text: &Agreement, key: &SigningKey) -> Result<ProposalTaken, ReceiveError> {
    let payload = serde_json::to_value(text).unwrap();
    let signed = sign_agreement(&payload, std::slice::from_ref(key), two.yushan.node.now());
    receive_proposal(&two.changshan.node, &serde_json::to_vec(&signed).unwrap()).await
}

#[tokio::test]
async fn who_proposes_first_under_an_id_does_not_block_anybody() {
    let (two, key) = with_third().await;
    let squat = of_third(&two, &key, "AGR-EXAMPLE");
    assert_eq!(offer(&two, &squat, &key).await.unwrap(), ProposalTaken::Waiting);
    // The honest text of the same id and version: proposed, signed, adopted.
    two.adopt(&two.draft()).await;
    assert_eq!(two.coverage(&two.changshan, two.today()), Some(1));
    let left = list(&two.changshan.node).await.unwrap();
    assert_eq!(left.len(), 1, "what can never be adopted any more is gone");
    let late = offer(&two, &squat, &key).await;
    assert!(matches!(late, Err(ReceiveError::OtherText { .. })), "{late:?}");
    assert_eq!(two.coverage(&two.changshan, two.today()), Some(1));
}

#[tokio::test]
async fn one_county_has_four_places_and_they_are_given_back() {
    let (two, key) = with_third().await;
    let ids: Vec<_> = (0..5).map(|n| format!("AGR-SQUAT-{n}")).collect();
    for id in &ids[..4] {
        let taken = offer(&two, &of_third(&two, &key, id), &key).await.unwrap();
        assert_eq!(taken, ProposalTaken::Waiting);
    }
    let fifth = of_third(&two, &key, &ids[4]);
    let refused = offer(&two, &fifth, &key).await;
    assert!(matches!(refused, Err(ReceiveError::TooManyOfOne)), "{refused:?}");
    propose(&two.yushan.node, &two.draft()).await.unwrap();
    let body = two.sent(&two.yushan).await;
    assert_eq!(
        receive_proposal(&two.changshan.node, &body).await.unwrap(),
        ProposalTaken::Waiting,
        "another county has its own places"
    );
    // Discarded by an officer: there is room again.
    let one = list(&two.changshan.node).await.unwrap().pop().unwrap().row;
    assert_eq!(one.id.to_string(), ids[3]);
    discard(&two.changshan.node, &one.id, 1, &one.digest)
        .await
        .unwrap();
    assert!(matches!(
        discard(&two.changshan.node, &one.id, 1, &one.digest).await,
        Err(DiscardError::Unknown { .. })
    ));
    assert_eq!(offer(&two, &fifth, &key).await.unwrap(), ProposalTaken::Waiting);
    // What this county signed itself neither goes nor expires.
    let own = list(&two.yushan.node).await.unwrap().remove(0).row;
    assert!(matches!(
        discard(&two.yushan.node, &own.id, 1, &own.digest).await,
        Err(DiscardError::SignedHere)
    ));
    two.world.clock.advance(WAITING_SECONDS);
    assert_eq!(expire_proposals(&two.changshan.node).await.unwrap(), 0);
    two.world.clock.advance(1);
    assert_eq!(expire_proposals(&two.changshan.node).await.unwrap(), 5);
    assert_eq!(expire_proposals(&two.yushan.node).await.unwrap(), 0);
    assert!(list(&two.changshan.node).await.unwrap().is_empty());
    assert_eq!(list(&two.yushan.node).await.unwrap().len(), 1);
}

#[tokio::test]
async fn sixty_four_texts_wait_and_what_this_county_signed_or_waited_too_long_takes_no_place() {
    let (two, key) = with_third().await;
    let node = &two.changshan.node;
    let own = two.world.federation.county("330822").key(KeyPurpose::Federation);
    let seat = |id: String, key: &SigningKey, since: UnixSeconds| {
        let text = of_third(
            &two,
            &two.world.federation.county("361124").key(KeyPurpose::Federation),
            &id,
        );
        let payload = serde_json::to_value(&text).unwrap();
        let signed = sign_agreement(&payload, std::slice::from_ref(key), node.now());
        let row = AgreementRow {
            id: text.id,
            version: 1,
            digest: Digest::of(payload.to_string()),
            signed,
            state: AgreementState::Proposed,
            changed_at: since,
        };
        Write::Agreement(Box::new(row))
    };
    let (now, long_ago) = (node.now(), node.now().plus_saturating(-WAITING_SECONDS - 1));
    let seated = (0..63).map(|n| seat(format!("AGR-FULL-{n}"), &key, now));
    let seated = seated
        .chain((0..5).map(|n| seat(format!("AGR-OWN-{n}"), &own, now)))
        .chain((0..5).map(|n| seat(format!("AGR-OLD-{n}"), &key, long_ago)));
    node.store.commit("test", seated.collect()).await.unwrap();
    assert_eq!(list(node).await.unwrap().len(), 73);
    let of_yushan = async |id: &str| {
        let text = Agreement {
            id: id.parse().unwrap(),
            ..two.draft()
        };
        let yushan = two.world.federation.county("361123").key(KeyPurpose::Federation);
        offer(&two, &text, &yushan).await
    };
    assert_eq!(of_yushan("AGR-LAST").await.unwrap(), ProposalTaken::Waiting);
    assert_eq!(
        list(node).await.unwrap().len(),
        69,
        "and those that waited too long are gone"
    );
    let more = of_yushan("AGR-MORE").await;
    assert!(matches!(more, Err(ReceiveError::TooMany)), "{more:?}");
    let waiting = list(node).await.unwrap();
    let one = waiting
        .iter()
        .find(|one| one.row.id.as_str() == "AGR-FULL-7")
        .unwrap();
    discard(node, &one.row.id, 1, &one.row.digest).await.unwrap();
    assert_eq!(of_yushan("AGR-MORE").await.unwrap(), ProposalTaken::Waiting);
}

#[tokio::test]
async fn a_county_signs_one_text_of_a_version() {
    let (two, key) = with_third().await;
    let own = propose(&two.changshan.node, &two.draft()).await.unwrap();
    let other = of_third(&two, &key, "AGR-EXAMPLE");
    assert_eq!(offer(&two, &other, &key).await.unwrap(), ProposalTaken::Waiting);
    let waiting = list(&two.changshan.node).await.unwrap();
    let other = waiting.iter().find(|one| one.row.digest != own.digest).unwrap();
    assert!(matches!(
        sign(&two.changshan.node, &own.id, 1, &other.row.digest).await,
        Err(SignError::SignedAnother)
    ));
    let mut third = two.draft();
    third.continuation.zh = "另一文本(示例)".into();
    assert!(matches!(
        propose(&two.changshan.node, &third).await,
        Err(ProposeError::Exists { .. })
    ));
}

#[tokio::test]
async fn an_officer_is_told_which_pinned_keys_are_new() {
    let two = two().await;
    let mut text = two.draft();
    let new = |pins: &[PinnedKey]| pins.iter().filter(|pin| pin.new).cloned().collect::<Vec<_>>();
    let node = &two.changshan.node;
    let first = pinned_keys(node, &text).await.unwrap();
    assert_eq!((first.len(), new(&first).len()), (2, 2));
    two.adopt(&text).await;
    (text.version, text.prev) = (2, Some(Digest::of("the first")));
    assert_eq!(new(&pinned_keys(node, &text).await.unwrap()), []);
    let another = testing::thumbprint(&testing::key("another"));
    text.parties[0].federation_keys.push(another);
    let found = new(&pinned_keys(node, &text).await.unwrap());
    assert_eq!(
        found,
        [PinnedKey {
            party: two.yushan.node.identity.entity.clone(),
            key: another,
            new: true,
        }]
    );
}

// AGR-22
#[tokio::test]
async fn a_back_dated_withdrawal_gives_its_whole_notice_all_the_same() {
    let two = two().await;
    let digest = two.adopt(&two.draft()).await;
    let day = |days| two.today().plus_days(days).unwrap();
    let withdrawal = comity_spec::agreement::Withdrawal {
        iss: two.yushan.node.identity.entity.clone(),
        iat: two.yushan.node.now().plus_saturating(-30 * 86_400),
        agreement: comity_spec::agreement::AgreementRef {
            id: two.draft().id,
            version: 1,
            digest,
        },
        effective_from: day(1),
        reason: reason(),
    };
    let jws = crate::signing::compact(&two.yushan.node.signers, Typ::Withdrawal, &withdrawal)
        .await
        .unwrap();
    let node = &two.changshan.node;
    assert!(receive_withdrawal(node, &jws).await.unwrap());
    two.world.clock.advance(3_600);
    assert!(!receive_withdrawal(node, &jws).await.unwrap(), "the same again");
    for start in ["as it was received", "after a start"] {
        assert_eq!(two.coverage(&two.changshan, day(29)), Some(1), "{start}");
        assert_eq!(two.coverage(&two.changshan, day(30)), None, "{start}");
        assert_eq!(list(node).await.unwrap()[0].withdrawn_from, Some(day(30)));
        load_view(node).await.unwrap();
    }
}

#[tokio::test]
async fn a_party_gives_notice_a_few_times_and_not_once_for_every_day() {
    let two = two().await;
    let digest = two.adopt(&two.draft()).await;
    let notice = async |day: i64| {
        let withdrawal = comity_spec::agreement::Withdrawal {
            iss: two.yushan.node.identity.entity.clone(),
            iat: two.yushan.node.now(),
            agreement: comity_spec::agreement::AgreementRef {
                id: two.draft().id,
                version: 1,
                digest,
            },
            effective_from: two.today().plus_days(day).unwrap(),
            reason: reason(),
        };
        let signers = &two.yushan.node.signers;
        let jws = crate::signing::compact(signers, Typ::Withdrawal, &withdrawal)
            .await
            .unwrap();
        two.world.clock.advance(1);
        receive_withdrawal(&two.changshan.node, &jws).await
    };
    for earlier in 0..8 {
        assert!(notice(100 - earlier).await.unwrap());
    }
    let more = notice(50).await;
    assert!(matches!(more, Err(ReceiveWithdrawalError::TooMany)), "{more:?}");
    assert!(!notice(200).await.unwrap(), "what changes nothing is no fault");
    let ends = list(&two.changshan.node).await.unwrap()[0].withdrawn_from;
    assert_eq!(ends, Some(two.today().plus_days(93).unwrap()));
}

// AGR-2
#[tokio::test]
async fn a_county_with_two_keys_does_not_spoil_a_text_by_signing_twice() {
    let (two, key) = with_third().await;
    let (next, node) = (testing::key("the third county's next key"), &two.changshan.node);
    let federation = &two.world.federation;
    let third = &federation.county("361124").entity;
    let mut drafts = federation.drafts();
    for ((_, sub), draft) in &mut drafts {
        if sub == third {
            draft.claims["jwks"] = serde_json::json!({ "keys": [testing::jwk(&key), testing::jwk(&next)] });
        }
    }
    let statements: Vec<_> = drafts.values().map(testing::Draft::sign).collect();
    let (trust, _) = federation.build(&statements, &federation.member_lists(), node.now());
    node.view.store(std::sync::Arc::new(crate::View {
        trust: std::sync::Arc::new(trust),
        ..(*node.view()).clone()
    }));
    let mut text = of_third(&two, &key, "AGR-THREE");
    text.parties[0].federation_keys.push(testing::thumbprint(&next));
    text.parties.push(party(&two.yushan));
    assert_eq!(offer(&two, &text, &key).await.unwrap(), ProposalTaken::Waiting);
    assert_eq!(offer(&two, &text, &next).await.unwrap(), ProposalTaken::Unchanged);
    let waiting = list(node).await.unwrap().remove(0);
    assert_eq!(
        (waiting.signed.len(), waiting.row.signed.signatures.len()),
        (1, 1)
    );
    let signed = sign(node, &text.id, 1, &waiting.row.digest).await.unwrap();
    assert_eq!(signed.state, AgreementState::Proposed);
}
