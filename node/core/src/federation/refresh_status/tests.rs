//! Peers' status lists: what is kept, what is refused, and what outlives its list.

use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::status::StatusValue;
use comity_spec::time::UnixSeconds;
use comity_verifier::status_view::StatusReading;
use comity_verifier::testing::{TestCounty, jwk, key, sign};
use serde_json::json;

use super::*;
use crate::federation::agreements::receive_proposal;
use crate::federation::bundle::{ImportReport, import};
use crate::federation::intake::Taken;
use crate::federation::load_view::as_json;
use crate::testing::{TestNode, World};

const NOW: i64 = 1_790_000_000;
const CANCELLED: [(usize, StatusValue); 1] = [(7, StatusValue::Cancelled)];

struct Fixture {
    world: World,
    test: TestNode,
    county: TestCounty,
}

async fn fixture() -> Fixture {
    let world = World::new(UnixSeconds::new(NOW).unwrap()).await;
    let test = world.ready("361123").await;
    let county = world.federation.county("330822").clone();
    let federation = &world.federation;
    let parties = [federation.county("361123"), &county];
    let signed = federation.signed(&federation.agreement(parties[0], parties[1]), &parties);
    receive_proposal(&test.node, as_json(&signed).as_bytes())
        .await
        .unwrap();
    Fixture { world, test, county }
}

impl Fixture {
    fn token(&mut self, iat: i64, entries: &[(usize, StatusValue)]) -> String {
        self.world.federation.now = UnixSeconds::new(iat).unwrap();
        self.world.federation.status_token(&self.county, entries)
    }

    async fn refresh(&self) -> ListResult {
        let lists = Lists::Of {
            issuer: self.county.entity.clone(),
            uris: vec![self.county.status_uri()],
        };
        let mut reports = refresh_status(&self.test.node, &lists).await.unwrap();
        assert_eq!(reports.len(), 1);
        reports.remove(0).result
    }

    async fn serve(&mut self, iat: i64, entries: &[(usize, StatusValue)]) -> ListResult {
        let token = self.token(iat, entries);
        self.world.peers.serve(self.county.status_uri(), token);
        self.refresh().await
    }

    fn read(&self, index: u64) -> StatusReading {
        self.test
            .node
            .view()
            .status
            .read(&self.county.status_uri(), index, self.test.node.now())
    }
}

#[tokio::test]
async fn a_list_is_kept_read_and_asked_for_conditionally() {
    let mut f = fixture().await;
    assert_eq!(f.read(7), StatusReading::NoList);
    let stored = f.serve(NOW, &CANCELLED).await;
    assert_eq!(
        stored,
        ListResult::Stored {
            tombstones: 1,
            resurrected: 0
        }
    );
    assert!(matches!(
        f.read(7),
        StatusReading::Value {
            value: StatusValue::Cancelled,
            ..
        }
    ));
    assert!(matches!(
        f.read(8),
        StatusReading::Value {
            value: StatusValue::Valid,
            ..
        }
    ));
    let commits = f.test.store.commits().len();
    assert_eq!(f.refresh().await, ListResult::Unchanged);
    assert_eq!(f.test.store.commits().len(), commits, "304: nothing is written");
}

#[tokio::test]
async fn an_older_list_is_refused_durably_and_another_one_of_the_same_second_is_an_alarm() {
    let mut f = fixture().await;
    f.world.clock.advance(100);
    f.serve(NOW + 50, &CANCELLED).await;
    assert_eq!(f.serve(NOW, &[]).await, ListResult::RolledBack);
    assert_eq!(f.serve(NOW + 50, &[]).await, ListResult::Fork);
    assert!(matches!(
        f.read(7),
        StatusReading::Value {
            value: StatusValue::Cancelled,
            ..
        }
    ));
    crate::federation::load_view::load_view(&f.test.node)
        .await
        .unwrap();
    assert_eq!(
        f.serve(NOW, &[]).await,
        ListResult::RolledBack,
        "after a start too"
    );
    assert!(matches!(
        f.serve(NOW + 60, &CANCELLED).await,
        ListResult::Stored { tombstones: 0, .. }
    ));
}

#[tokio::test]
async fn what_was_cancelled_outlives_its_list_and_never_comes_back() {
    let mut f = fixture().await;
    f.serve(NOW, &CANCELLED).await;
    f.world.clock.advance(60);
    let back = f.serve(NOW + 60, &[]).await;
    assert_eq!(
        back,
        ListResult::Stored {
            tombstones: 0,
            resurrected: 1
        }
    );
    assert_eq!(f.read(7), StatusReading::Tombstone(StatusValue::Cancelled));
    f.world.clock.advance(4 * 86_400);
    crate::federation::load_view::load_view(&f.test.node)
        .await
        .unwrap();
    assert_eq!(
        f.read(7),
        StatusReading::Tombstone(StatusValue::Cancelled),
        "a code first shown today is red"
    );
    // The list is held and ended: too old to tell, which is not the same as never had.
    assert!(matches!(f.read(8), StatusReading::Expired { .. }));
}

impl Fixture {
    /// What the county and its superior state in that second, with this federation and status key, and a list by that key.
    async fn bring(
        &mut self,
        iat: i64,
        [federation_key, status_key]: [&ed25519_dalek::SigningKey; 2],
        entries: &[(usize, StatusValue)],
    ) -> ImportReport {
        self.world.federation.now = UnixSeconds::new(iat).unwrap();
        let federation = &self.world.federation;
        let mut drafts = federation.drafts();
        let (county, superior) = (self.county.entity.clone(), self.county.superior.clone());
        let pairs = [(superior, county.clone()), (county.clone(), county)];
        let statements = pairs.map(|pair| {
            let mut one = drafts.remove(&pair).unwrap();
            one.claims["jwks"] = json!({ "keys": [jwk(federation_key)] });
            one.claims["metadata"]["comity_node"]["keys"]["status"] = json!({ "keys": [jwk(status_key)] });
            if pair.0 == pair.1 {
                one.key = federation_key.clone();
            }
            one.sign()
        });
        let list = federation.status_claims(&self.county, entries);
        let bundle = json!({
            "version": 1,
            "created": iat,
            "statements": statements,
            "member_lists": [],
            "agreements": [],
            "withdrawals": [],
            "status_lists": [sign(status_key, Typ::StatusList, &list)],
        });
        import(&self.test.node, bundle.to_string().as_bytes())
            .await
            .unwrap()
    }
}

// AGR-12, STA-12
#[tokio::test]
async fn who_speaks_in_a_countys_name_without_its_keys_cancels_nothing() {
    let mut f = fixture().await;
    f.serve(NOW, &[]).await;
    f.world.clock.advance(200);
    let (stolen, planted) = (key("province's own"), key("province's own status"));
    let report = f.bring(NOW + 100, [&stolen, &planted], &CANCELLED).await;
    assert_eq!(
        report.statements,
        [Taken::Stored, Taken::Stored],
        "the chain alone is satisfied"
    );
    assert_eq!(report.status_lists[0].result, ListResult::NotSpokenFor);
    assert!(f.test.node.store.tombstones().await.unwrap().is_empty());
    // The province is itself again.
    let own = [KeyPurpose::Federation, KeyPurpose::Status].map(|purpose| f.county.key(purpose));
    let report = f.bring(NOW + 150, [&own[0], &own[1]], &[]).await;
    assert!(matches!(report.status_lists[0].result, ListResult::Stored { .. }));
    assert!(matches!(
        f.read(7),
        StatusReading::Value {
            value: StatusValue::Valid,
            ..
        }
    ));
}

#[tokio::test]
async fn lists_of_a_county_without_an_agreement_are_not_kept() {
    let world = World::new(UnixSeconds::new(NOW).unwrap()).await;
    let test = world.ready("361123").await;
    let county = world.federation.county("330822").clone();
    let mut f = Fixture { world, test, county };
    assert_eq!(f.serve(NOW, &CANCELLED).await, ListResult::NotSpokenFor);
    assert!(f.test.node.store.tombstones().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_unreachable_list_leaves_the_last_good_one() {
    let mut f = fixture().await;
    f.serve(NOW, &CANCELLED).await;
    f.world.peers.cut();
    f.world.clock.advance(3600);
    assert!(matches!(f.refresh().await, ListResult::Unreachable(_)));
    assert!(matches!(
        f.read(8),
        StatusReading::Value {
            value: StatusValue::Valid,
            age: 3600,
            ..
        }
    ));
}

#[tokio::test]
async fn a_list_elsewhere_or_of_another_county_is_not_fetched_or_not_believed() {
    let mut f = fixture().await;
    f.world.peers.forget();
    let foreign = "https://evil.example/status/v1/1".to_owned();
    let near = format!("{}.evil.example/status/v1/1", f.county.entity);
    let lists = Lists::Of {
        issuer: f.county.entity.clone(),
        uris: vec![foreign, near],
    };
    let reports = refresh_status(&f.test.node, &lists).await.unwrap();
    assert!(
        reports
            .iter()
            .all(|report| report.result == ListResult::OtherAddress),
        "{reports:?}"
    );
    assert!(f.world.peers.asked().is_empty());
    // A true list of the county under another of its addresses.
    let token = f.token(NOW, &CANCELLED);
    let uri = f.county.entity.join("/status/v1/2");
    f.world.peers.serve(&uri, token);
    let lists = Lists::Of {
        issuer: f.county.entity.clone(),
        uris: vec![uri],
    };
    let reports = refresh_status(&f.test.node, &lists).await.unwrap();
    assert_eq!(reports[0].result, ListResult::OtherAddress);
    let stranger = "https://stranger.example".parse().unwrap();
    let lists = Lists::Of {
        issuer: stranger,
        uris: vec!["https://stranger.example/status/v1/1".into()],
    };
    let reports = refresh_status(&f.test.node, &lists).await.unwrap();
    assert!(matches!(
        reports[0].result,
        ListResult::IssuerNotActive {
            standing: "trust.not-a-member"
        }
    ));
}

#[tokio::test]
async fn the_lists_of_parties_come_from_their_aggregation_documents() {
    let mut f = fixture().await;
    let agreement = f.world.federation.verified_agreement();
    let view = f.test.node.view();
    let agreements = comity_verifier::agreement::Agreements::new(vec![agreement], Vec::new());
    f.test.node.view.store(std::sync::Arc::new(crate::View {
        agreements: std::sync::Arc::new(agreements),
        ..(*view).clone()
    }));
    let aggregation = f.county.entity.join(AGGREGATION_PATH);
    let document = Aggregation {
        status_lists: vec![f.county.status_uri(), "https://evil.example/1".into()],
    };
    f.world
        .peers
        .serve(&aggregation, serde_json::to_vec(&document).unwrap());
    let token = f.token(NOW, &CANCELLED);
    f.world.peers.serve(f.county.status_uri(), token);
    let reports = refresh_status(&f.test.node, &Lists::OfParties).await.unwrap();
    let of = |uri: &str| &reports.iter().find(|report| report.uri == uri).unwrap().result;
    assert!(matches!(
        of(&f.county.status_uri()),
        ListResult::Stored { tombstones: 1, .. }
    ));
    assert_eq!(*of("https://evil.example/1"), ListResult::OtherAddress);
    // A broken document hides no list that is known already.
    f.world.peers.serve(&aggregation, "{}");
    let reports = refresh_status(&f.test.node, &Lists::OfParties).await.unwrap();
    let of = |uri: &str| &reports.iter().find(|report| report.uri == uri).unwrap().result;
    assert_eq!(*of(&aggregation), ListResult::BadAggregation);
    assert_eq!(*of(&f.county.status_uri()), ListResult::Unchanged);
    // Of one party only its own; of somebody who is none, nothing.
    let party = Lists::OfParty(f.county.entity.clone());
    assert_eq!(refresh_status(&f.test.node, &party).await.unwrap().len(), 2);
    let stranger = Lists::OfParty("https://evil.example".parse().unwrap());
    assert!(refresh_status(&f.test.node, &stranger).await.unwrap().is_empty());
}

/// A node of Changshan with an agreement with Yushan, and one with another county; the lists of both are served.
async fn two_parties() -> (World, TestNode, [TestCounty; 2]) {
    let mut world = World::new(UnixSeconds::new(NOW).unwrap()).await;
    world.federation.add_county("361124", "示例县(示例)", 0);
    let other = world.federation.county("361124").clone();
    world.enrol(&other).await;
    world.serve();
    let test = world.ready("330822").await;
    let federation = &world.federation;
    let (me, first) = (federation.county("330822"), federation.county("361123"));
    for (n, party) in [first, &other].into_iter().enumerate() {
        let mut text = federation.agreement(me, party);
        text.id = format!("AGR-EXAMPLE-{n}").parse().unwrap();
        let signed = federation.signed(&text, &[me, party]);
        receive_proposal(&test.node, as_json(&signed).as_bytes())
            .await
            .unwrap();
        let list = federation.status_token(party, &CANCELLED);
        world.peers.serve(party.status_uri(), list);
        let document = json!({ "status_lists": [party.status_uri()] });
        let aggregation = party.entity.join(AGGREGATION_PATH);
        world.peers.serve(aggregation, document.to_string());
    }
    let parties = [first.clone(), other];
    (world, test, parties)
}

#[tokio::test]
async fn a_county_whose_addresses_hang_holds_up_no_cancellation_of_another_nor_what_came_of_itself() {
    let (world, test, [first, other]) = two_parties().await;
    // Eight that fail, and its true list is among the first eight; the ninth and all after it hang.
    let public = &first.entity;
    let mut lists: Vec<String> = (0..7).map(|n| public.join(&format!("/nothing/{n}"))).collect();
    lists.push(first.status_uri());
    for n in 0..100 {
        let hangs = public.join(&format!("/hangs/{n}"));
        world.peers.hang(&hangs);
        lists.push(hangs);
    }
    let document = json!({ "status_lists": lists });
    world
        .peers
        .serve(public.join(AGGREGATION_PATH), document.to_string());
    let both_are_red = async {
        let red = |party: &TestCounty| {
            let reading = test
                .node
                .view()
                .status
                .read(&party.status_uri(), 7, test.node.now());
            matches!(
                reading,
                StatusReading::Value {
                    value: StatusValue::Cancelled,
                    ..
                }
            )
        };
        while !(red(&first) && red(&other)) {
            tokio::task::yield_now().await;
        }
    };
    let in_time = async {
        tokio::select! {
            _ = refresh_status(&test.node, &Lists::OfParties) => panic!("addresses hang"),
            () = both_are_red => {}
        }
    };
    // Only how long a failure takes.
    let guarded = tokio::time::timeout(std::time::Duration::from_secs(60), in_time).await;
    assert!(guarded.is_ok(), "what came waits for what hangs");
}

#[tokio::test]
async fn a_county_that_is_slow_has_a_minute_and_the_rest_waits_for_the_next_refresh() {
    let (world, test, [first, _]) = two_parties().await;
    let late: Vec<String> = (0..64)
        .map(|n| first.entity.join(&format!("/late/{n}")))
        .collect();
    for one in &late {
        world.peers.late(one, &world.clock, 2);
    }
    world.peers.forget();
    let lists = Lists::Of {
        issuer: first.entity.clone(),
        uris: late.iter().cloned().chain([first.status_uri()]).collect(),
    };
    let reports = refresh_status(&test.node, &lists).await.unwrap();
    assert_eq!(reports.len(), 65, "each is named");
    assert_eq!(world.peers.asked().len(), 32, "four times eight take 64 seconds");
    assert_eq!(reports[64].result, ListResult::OutOfTime);
    let whole = Lists::Of {
        issuer: first.entity.clone(),
        uris: vec![first.status_uri()],
    };
    let reports = refresh_status(&test.node, &whole).await.unwrap();
    assert!(matches!(reports[0].result, ListResult::Stored { .. }));
}

#[tokio::test]
async fn a_party_that_hangs_holds_up_no_other_partys_document() {
    let mut world = World::new(UnixSeconds::new(NOW).unwrap()).await;
    for n in 40..50 {
        let region = format!("3611{n}");
        world.federation.add_county(&region, "示例县(示例)", 0);
        let county = world.federation.county(&region).clone();
        world.enrol(&county).await;
    }
    world.serve();
    let counties = world.federation.counties.clone();
    let test = world.ready("330822").await;
    let me = world.federation.county("330822").clone();
    let others: Vec<_> = counties.iter().filter(|one| one.entity != me.entity).collect();
    let agreements = others.iter().enumerate().map(|(n, other)| {
        let mut text = world.federation.agreement(&me, other);
        text.id = format!("AGR-EXAMPLE-{n}").parse().unwrap();
        let signed = world.federation.signed(&text, &[&me, other]);
        let trust = &test.node.view().trust;
        comity_verifier::agreement::verify_signed(&signed, trust, world.federation.now).unwrap()
    });
    let agreements = comity_verifier::agreement::Agreements::new(agreements.collect(), Vec::new());
    let view = test.node.view();
    test.node.view.store(std::sync::Arc::new(crate::View {
        agreements: std::sync::Arc::new(agreements),
        ..(*view).clone()
    }));
    world.peers.forget();
    world.peers.most_at_once();
    let reports = refresh_status(&test.node, &Lists::OfParties).await.unwrap();
    let unreachable = |one: &ListReport| matches!(one.result, ListResult::Unreachable(_));
    assert!(
        reports.len() == others.len() && reports.iter().all(unreachable),
        "{reports:?}"
    );
    assert_eq!(world.peers.asked().len(), others.len());
    assert_eq!(world.peers.most_at_once(), AT_ONCE);
}

#[tokio::test]
async fn a_county_cannot_name_lists_for_ever() {
    let mut f = fixture().await;
    assert!(matches!(
        f.serve(NOW, &CANCELLED).await,
        ListResult::Stored { tombstones: 1, .. }
    ));
    let public = f
        .test
        .node
        .view()
        .trust
        .county(&f.county.entity)
        .unwrap()
        .public
        .clone();
    let others: Vec<_> = (1..MAX_LISTS)
        .map(|n| public.join(&format!("/other/{n}")))
        .collect();
    let stones = others.iter().map(|uri| {
        Write::Tombstone(Tombstone {
            uri: uri.clone(),
            index: 0,
            status: StatusValue::Cancelled,
            seen_at: f.test.node.now(),
        })
    });
    f.test.node.store.commit("test", stones.collect()).await.unwrap();
    reload_status(&f.test.node).await.unwrap();
    let mut claims = f.world.federation.status_claims(&f.county, &CANCELLED);
    let more = public.join("/one/more");
    claims["sub"] = serde_json::json!(more);
    let key = f.county.key(comity_spec::jose::KeyPurpose::Status);
    let token = comity_verifier::testing::sign(&key, comity_spec::jose::Typ::StatusList, &claims);
    f.world.peers.serve(more.clone(), token);
    let lists = Lists::Of {
        issuer: f.county.entity.clone(),
        uris: vec![more.clone()],
    };
    let reports = refresh_status(&f.test.node, &lists).await.unwrap();
    assert_eq!(reports[0].result, ListResult::TooMany);
    let kept = f.test.node.store.tombstones().await.unwrap();
    assert!(kept.iter().all(|stone| stone.uri != more));
    // A list that is known goes on.
    assert!(matches!(
        f.serve(
            NOW + 60,
            &[(7, StatusValue::Cancelled), (8, StatusValue::Cancelled)]
        )
        .await,
        ListResult::Stored { tombstones: 1, .. }
    ));
}

#[tokio::test]
async fn of_one_county_no_more_lists_are_asked_for_at_one_word_than_are_kept() {
    let f = fixture().await;
    f.world.peers.forget();
    let own = |n: usize| f.county.entity.join(&format!("/named/{n}"));
    let lists = Lists::Of {
        issuer: f.county.entity.clone(),
        uris: (0..MAX_LISTS + 50)
            .map(|n| own(n / 2))
            .chain((0..600).map(own))
            .collect(),
    };
    let reports = refresh_status(&f.test.node, &lists).await.unwrap();
    assert_eq!(reports.len(), MAX_LISTS);
    assert_eq!(f.world.peers.asked().len(), MAX_LISTS, "each once, and no more");
}

#[tokio::test]
async fn a_county_whose_lists_are_full_does_not_hold_up_the_others() {
    let f = fixture().await;
    let public = f.county.entity.clone();
    let full: Vec<_> = (0..TURN).map(|at| (at, StatusValue::Cancelled)).collect();
    let mut claims = f.world.federation.status_claims(&f.county, &full);
    let key = f.county.key(comity_spec::jose::KeyPurpose::Status);
    let offers = (1..=3).map(|n| {
        claims["sub"] = serde_json::json!(public.join(&format!("/full/{n}")));
        Offered {
            issuer: None,
            uri: None,
            token: comity_verifier::testing::sign(&key, comity_spec::jose::Typ::StatusList, &claims).into(),
            etag: None,
        }
    });
    let (node, offers) = (&f.test.node, offers.collect());
    let turn = node.rebuilding.lock().await;
    // Both wait for their turn, in this order, and then it is given up.
    let (taken, kept_by_then, ()) = tokio::join!(
        take(node, offers),
        async {
            let _turn = node.rebuilding.lock().await;
            node.store.peer_status().await.unwrap().len()
        },
        async { drop(turn) }
    );
    let taken = taken.unwrap();
    assert!(
        taken.len() == 3
            && taken
                .iter()
                .all(|one| matches!(one.result, ListResult::Stored { tombstones: TURN, .. })),
        "{taken:?}"
    );
    assert_eq!(kept_by_then, 1);
}
