//! Messages leave signed anew, are put off longer and longer, and are given up in the end.

use comity_spec::time::UnixSeconds;
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::exchange::{Parties, verify_hint};

use super::*;
use crate::ports::peers::PeerAnswer;
use crate::testing::{TestNode, World};

const NOW: i64 = 1_790_000_000;

fn answer(status: u16, retry_after: Option<u64>) -> Result<PeerAnswer, FetchError> {
    Ok(PeerAnswer {
        status,
        content_type: String::new(),
        retry_after,
        body: Vec::new(),
    })
}

async fn with_hint(message: Message) -> (World, TestNode) {
    let world = World::new(UnixSeconds::new(NOW).unwrap()).await;
    let test = world.ready("361123").await;
    let item = OutboxItem {
        id: row_id(test.node.clock.as_ref(), test.node.rng.as_ref()),
        peer: "https://c330822.example".parse().unwrap(),
        message,
        next_at: test.node.now(),
        attempts: 0,
    };
    test.node
        .store
        .commit("test", vec![Write::Queue(item)])
        .await
        .unwrap();
    (world, test)
}

fn lists(count: usize) -> Message {
    Message::StatusChanged {
        lists: (0..count)
            .map(|at| format!("https://c361123.example/status-lists/{at}"))
            .collect(),
    }
}

#[tokio::test]
async fn a_hint_goes_to_the_pinned_address_and_verifies_there() {
    let (world, test) = with_hint(lists(300)).await;
    world.peers.answer(answer(202, None));
    let deliveries = deliver(&test.node).await.unwrap();
    assert!(matches!(deliveries[0].result, DeliveryResult::Delivered));
    assert!(test.store.queued().is_empty());
    let posted = world.peers.posted();
    assert_eq!(posted.len(), 2, "three hundred lists do not fit into one hint");
    let peer = world.ready("330822").await;
    for one in &posted {
        assert_eq!(
            (one.path.as_str(), one.content_type.as_str()),
            (HINTS_PATH, JOSE_MEDIA_TYPE)
        );
        assert_eq!(one.peer.base.as_str(), "https://c330822.example:8444");
        assert_eq!(one.peer.pins, vec![world.federation.county("330822").pin]);
        let view = peer.node.view();
        let parties = Parties {
            me: &peer.node.identity.entity,
            channel: Some(&test.node.identity.entity),
        };
        let mut budget = Budget::new(Limits::PRESENTATION);
        verify_hint(&one.body, &view.trust, parties, peer.node.now(), &mut budget).unwrap();
    }
    assert!(deliver(&test.node).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_does_not_arrive_is_put_off_longer_each_time_signed_anew_and_given_up_in_the_end() {
    let (world, test) = with_hint(lists(1)).await;
    let mut pauses = Vec::new();
    let mut bodies = Vec::new();
    for attempt in 1..=MAX_ATTEMPTS {
        let deliveries = deliver(&test.node).await.unwrap();
        bodies.extend(world.peers.posted().into_iter().map(|one| one.body));
        match &deliveries[0].result {
            DeliveryResult::PutOff { until, .. } => {
                assert!(attempt < MAX_ATTEMPTS);
                pauses.push(until.since(test.node.now()));
                assert!(
                    deliver(&test.node).await.unwrap().is_empty(),
                    "not before its time"
                );
                world.clock.set(*until);
            }
            DeliveryResult::GivenUp(_) => assert_eq!(attempt, MAX_ATTEMPTS),
            other => panic!("{other:?}"),
        }
    }
    assert!(test.store.queued().is_empty());
    assert!(pauses[0] >= FIRST_PAUSE && pauses[0] <= FIRST_PAUSE * 9 / 8);
    assert!(
        pauses[3] > pauses[0] && pauses.iter().all(|pause| *pause <= LONGEST_PAUSE * 9 / 8),
        "{pauses:?}"
    );
    bodies.sort();
    let before = bodies.len();
    bodies.dedup();
    assert_eq!(bodies.len(), before, "each attempt is a new object");
}

#[tokio::test]
async fn a_peer_that_asks_for_time_gets_it_and_one_that_refuses_for_good_is_not_asked_again() {
    let (world, test) = with_hint(lists(1)).await;
    world.peers.answer(answer(503, Some(900)));
    match &deliver(&test.node).await.unwrap()[0].result {
        DeliveryResult::PutOff { until, .. } => assert!(until.since(test.node.now()) >= 900),
        other => panic!("{other:?}"),
    }
    world.clock.advance(1200);
    world.peers.answer(answer(422, None));
    assert!(matches!(
        deliver(&test.node).await.unwrap()[0].result,
        DeliveryResult::GivenUp(NotDelivered::Status(422))
    ));
    assert!(test.store.queued().is_empty());
}

#[tokio::test]
async fn nothing_is_sent_to_a_peer_that_is_not_active() {
    let (world, test) = with_hint(lists(1)).await;
    world.peers.answer(answer(202, None));
    world.clock.advance(11 * 86_400);
    let deliveries = deliver(&test.node).await.unwrap();
    assert!(matches!(
        deliveries[0].result,
        DeliveryResult::PutOff {
            why: NotDelivered::NotActive("trust.chain-expired"),
            ..
        }
    ));
    assert!(world.peers.posted().is_empty());
}

#[tokio::test]
async fn a_proposal_that_is_not_here_any_more_is_dropped() {
    let (world, test) = with_hint(Message::Proposal {
        id: "AGR-GONE".into(),
        version: 1,
        digest: None,
    })
    .await;
    assert!(matches!(
        deliver(&test.node).await.unwrap()[0].result,
        DeliveryResult::Moot
    ));
    assert!(world.peers.posted().is_empty() && test.store.queued().is_empty());
}

#[tokio::test]
async fn an_announcement_reaches_every_other_party_once() {
    let (world, test) = with_hint(lists(1)).await;
    let agreement = world.federation.verified_agreement();
    let view = test.node.view();
    let agreements = comity_verifier::agreement::Agreements::new(vec![agreement], Vec::new());
    test.node.view.store(std::sync::Arc::new(crate::View {
        agreements: std::sync::Arc::new(agreements),
        ..(*view).clone()
    }));
    assert_eq!(announce(&test.node, &lists(2)).await.unwrap(), 1);
    assert_eq!(test.store.queued().len(), 2);
}

#[tokio::test]
async fn a_hint_makes_the_peer_look_for_itself() {
    use crate::federation::receive_hint::receive_hint;
    use crate::federation::refresh_status::ListResult;
    use comity_spec::status::StatusValue;
    use comity_verifier::status_view::StatusReading;

    let world = World::new(UnixSeconds::new(NOW).unwrap()).await;
    let county = world.federation.county("361123").clone();
    let (yushan, changshan) = (world.ready("361123").await, world.ready("330822").await);
    let token = world
        .federation
        .status_token(&county, &[(5, StatusValue::Suspended)]);
    world.peers.serve(county.status_uri(), token);
    let item = |message| OutboxItem {
        id: row_id(yushan.node.clock.as_ref(), yushan.node.rng.as_ref()),
        peer: changshan.node.identity.entity.clone(),
        message,
        next_at: yushan.node.now(),
        attempts: 0,
    };
    let lists = Message::StatusChanged {
        lists: vec![county.status_uri()],
    };
    let queued = vec![
        Write::Queue(item(lists)),
        Write::Queue(item(Message::ConfigurationChanged)),
    ];
    yushan.node.store.commit("test", queued).await.unwrap();
    world.peers.answer(answer(202, None));
    deliver(&yushan.node).await.unwrap();
    let mut seen = (0, 0);
    for one in world.peers.posted() {
        let view = changshan.node.view();
        let parties = Parties {
            me: &changshan.node.identity.entity,
            channel: Some(&yushan.node.identity.entity),
        };
        let mut budget = Budget::new(Limits::PRESENTATION);
        let hint = verify_hint(&one.body, &view.trust, parties, changshan.node.now(), &mut budget).unwrap();
        world.peers.forget();
        let stranger = receive_hint(&changshan.node, &hint).await.unwrap();
        assert!(
            stranger.chain.is_none() && stranger.lists.is_empty(),
            "nothing is fetched at the word of a member without an agreement"
        );
        let before = changshan.node.view();
        changshan.node.view.store(std::sync::Arc::new(crate::node::View {
            agreements: std::sync::Arc::new(world.federation.agreements()),
            ..crate::node::View::clone(&before)
        }));
        let taken = receive_hint(&changshan.node, &hint).await.unwrap();
        let after = changshan.node.view();
        changshan.node.view.store(std::sync::Arc::new(crate::node::View {
            agreements: before.agreements.clone(),
            ..crate::node::View::clone(&after)
        }));
        if let Some(chain) = taken.chain {
            assert!(taken.lists.is_empty() && chain.fetches > 0);
            assert!(chain.fetches <= crate::federation::refresh::MAX_FETCHES_FOR_ONE);
            // However often it says so: six times in ten minutes.
            changshan.node.view.store(std::sync::Arc::new(crate::node::View {
                agreements: std::sync::Arc::new(world.federation.agreements()),
                ..crate::node::View::clone(&after)
            }));
            for again in 2..=7 {
                let chain = receive_hint(&changshan.node, &hint).await.unwrap().chain;
                assert_eq!(chain.is_some(), again <= 6, "the {again}th time");
            }
            let present = changshan.node.view();
            changshan.node.view.store(std::sync::Arc::new(crate::node::View {
                agreements: before.agreements.clone(),
                ..crate::node::View::clone(&present)
            }));
            seen.0 += 1;
        } else {
            assert!(matches!(taken.lists[0].result, ListResult::Stored { .. }));
            assert_eq!(
                world.peers.asked(),
                vec![county.status_uri()],
                "the lists named, and nothing else"
            );
            seen.1 += 1;
        }
    }
    assert_eq!(seen, (1, 1));
    let reading = changshan
        .node
        .view()
        .status
        .read(&county.status_uri(), 5, changshan.node.now());
    assert!(matches!(
        reading,
        StatusReading::Value {
            value: StatusValue::Suspended,
            ..
        }
    ));
}

#[tokio::test]
async fn a_peer_that_does_not_answer_is_tried_once_a_round_whatever_waits_for_it() {
    let (world, test) = with_hint(lists(1)).await;
    let more = [lists(1), lists(2), Message::ConfigurationChanged, lists(1)];
    let more = more.map(|message| {
        Write::Queue(OutboxItem {
            id: row_id(test.node.clock.as_ref(), test.node.rng.as_ref()),
            peer: "https://c330822.example".parse().unwrap(),
            message,
            next_at: test.node.now(),
            attempts: 0,
        })
    });
    test.node.store.commit("test", more.to_vec()).await.unwrap();
    let put_off = deliver(&test.node).await.unwrap();
    assert_eq!(world.peers.posted().len(), 1);
    let waits = |one: &&Delivery| matches!(one.result, DeliveryResult::PutOff { .. });
    assert_eq!(put_off.iter().filter(waits).count(), 3, "{put_off:?}");
    assert_eq!(test.store.queued().len(), 3, "the same three times is said once");
    assert!(
        deliver(&test.node).await.unwrap().is_empty(),
        "all have their pause"
    );
    world.peers.answer(answer(202, None));
    world.clock.advance(FIRST_PAUSE * 2);
    deliver(&test.node).await.unwrap();
    assert_eq!(world.peers.posted().len(), 3);
    assert!(test.store.queued().is_empty());
}
