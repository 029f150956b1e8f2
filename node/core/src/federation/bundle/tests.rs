//! A bundle carries one node's knowledge to another that has no network, and is trusted in nothing.

use comity_spec::status::StatusValue;
use comity_verifier::trust::Standing;

use super::*;
use crate::federation::agreements::ReceiveError;
use crate::federation::refresh_status::{ListResult, Lists, refresh_status};
use crate::testing::World;

const NOW: i64 = 1_790_000_000;

async fn full(world: &World) -> Bundle {
    let test = world.ready("330822").await;
    let federation = &world.federation;
    let county = federation.county("361123");
    world.peers.serve(
        county.status_uri(),
        federation.status_token(county, &[(3, StatusValue::Cancelled)]),
    );
    let lists = Lists::Of {
        issuer: county.entity.clone(),
        uris: vec![county.status_uri()],
    };
    let (a, b) = (federation.county("361123"), federation.county("330822"));
    let signed = federation.signed(&federation.agreement(a, b), &[a, b]);
    receive_proposal(&test.node, as_json(&signed).as_bytes())
        .await
        .unwrap();
    refresh_status(&test.node, &lists).await.unwrap();
    export(&test.node).await.unwrap()
}

#[tokio::test]
async fn a_node_without_a_network_learns_everything_from_a_bundle_in_any_order() {
    let world = World::new(UnixSeconds::new(NOW).unwrap()).await;
    let mut bundle = full(&world).await;
    bundle.statements.reverse();
    world.peers.cut();
    let test = world.ready("361123").await;
    assert!(test.node.view().agreements.all().is_empty());
    let report = import(&test.node, &serde_json::to_vec(&bundle).unwrap())
        .await
        .unwrap();
    assert!(
        report
            .statements
            .iter()
            .all(|one| matches!(one, Taken::Stored | Taken::Unchanged)),
        "{:?}",
        report.statements
    );
    assert!(
        report.member_lists.iter().all(|one| *one == Taken::Stored),
        "{:?}",
        report.member_lists
    );
    assert!(
        matches!(report.agreements.as_slice(), [Ok(ProposalTaken::Adopted)]),
        "{:?}",
        report.agreements
    );
    let view = test.node.view();
    let changshan = &world.federation.county("330822").entity;
    assert!(matches!(
        view.trust.standing(changshan, test.node.now()),
        Standing::Active(_)
    ));
    // The list in it is Yushan's own: a peer does not tell Yushan which of its permits are cancelled.
    assert_eq!(report.status_lists[0].result, ListResult::Own);
    assert!(test.node.store.peer_status().await.unwrap().is_empty());
    assert!(test.node.store.tombstones().await.unwrap().is_empty());
    let again = import(&test.node, &serde_json::to_vec(&bundle).unwrap())
        .await
        .unwrap();
    assert!(
        again
            .statements
            .iter()
            .chain(&again.member_lists)
            .all(|one| *one == Taken::Unchanged),
        "{again:?}"
    );
    assert!(matches!(
        again.agreements.as_slice(),
        [Ok(ProposalTaken::Unchanged)]
    ));
    assert_eq!(again.status_lists[0].result, ListResult::Own);
}

#[tokio::test]
async fn what_was_kept_of_ones_own_lists_does_not_leave_with_a_bundle() {
    use crate::ports::trust::PeerStatusRow;
    let world = World::new(UnixSeconds::new(NOW).unwrap()).await;
    let test = world.ready("361123").await;
    let county = world.federation.county("361123");
    let row = PeerStatusRow {
        uri: county.status_uri(),
        iss: county.entity.clone(),
        iat: test.node.now(),
        exp: test.node.now().plus_saturating(3600),
        etag: None,
        token: world.federation.status_token(county, &[]),
    };
    let writes = vec![crate::ports::store::Write::PeerStatus(row)];
    test.node.store.commit("test", writes).await.unwrap();
    assert!(export(&test.node).await.unwrap().status_lists.is_empty());
}

#[tokio::test]
async fn no_county_makes_the_bundle_larger_than_anybody_reads() {
    use crate::ports::store::Write;
    use crate::ports::trust::PeerStatusRow;
    let world = World::new(UnixSeconds::new(NOW).unwrap()).await;
    let test = world.ready("361123").await;
    let list = |county: &str, n: usize, bytes: usize| {
        let iss = world.federation.county(county).entity.clone();
        Write::PeerStatus(PeerStatusRow {
            uri: iss.join(&format!("/status-lists/{n}")),
            iss,
            iat: test.node.now(),
            exp: test.node.now().plus_saturating(3600),
            etag: None,
            token: "x".repeat(bytes),
        })
    };
    let honest = 40_000;
    let mut rows = vec![list("330822", 1, honest), list("330822", 2, honest)];
    // As many as are kept of one county, each as long as one is fetched: what is ignored in a list can be any length.
    rows.extend((3..259).map(|n| list("330822", n, crate::ports::peers::MAX_OBJECT)));
    test.node.store.commit("test", rows).await.unwrap();
    let bundle = export(&test.node).await.unwrap();
    let bytes = serde_json::to_vec(&bundle).unwrap().len();
    assert!(bytes <= MAX_BYTES, "{bytes}");
    let of = |length| {
        bundle
            .status_lists
            .iter()
            .filter(|list| list.len() == length)
            .count()
    };
    assert_eq!(of(honest), 2);
    assert!(of(crate::ports::peers::MAX_OBJECT) > 250, "what fits is in it");
    assert!(bundle.statements.len() > 3);
}

#[tokio::test]
async fn an_old_bundle_does_not_turn_a_node_back() {
    let mut world = World::new(UnixSeconds::new(NOW).unwrap()).await;
    let old = full(&world).await;
    world.clock.advance(3600);
    world.renew().await;
    let test = world.ready("361123").await;
    let before = test.node.store.statements().await.unwrap();
    let report = import(&test.node, &serde_json::to_vec(&old).unwrap())
        .await
        .unwrap();
    let rolled_back = |one: &&Taken| matches!(one, Taken::Refused(Refusal::RolledBack { .. }));
    assert!(
        report.statements.iter().filter(rolled_back).count() >= 7,
        "{:?}",
        report.statements
    );
    assert_eq!(report.member_lists.iter().filter(rolled_back).count(), 3);
    assert_eq!(test.node.store.statements().await.unwrap(), before);
}

#[tokio::test]
async fn a_changed_object_is_named_and_the_others_are_taken() {
    let world = World::new(UnixSeconds::new(NOW).unwrap()).await;
    let mut bundle = full(&world).await;
    world.peers.cut();
    let at = bundle.statements.iter().position(|jws| {
        let names: comity_spec::entity::EntityStatement = crate::federation::stored::claims(jws).unwrap();
        names.iss == names.sub && names.sub == world.federation.county("330822").entity
    });
    let at = at.unwrap();
    let jws = bundle.statements[at].clone();
    bundle.statements[at] = format!("{}A{}", &jws[..jws.len() - 30], &jws[jws.len() - 29..]);
    let test = world.ready("361123").await;
    let report = import(&test.node, &serde_json::to_vec(&bundle).unwrap())
        .await
        .unwrap();
    assert!(
        matches!(report.statements[at], Taken::Refused(Refusal::Jws(_))),
        "{:?}",
        report.statements[at]
    );
    assert!(
        report
            .statements
            .iter()
            .filter(|one| **one == Taken::Stored)
            .count()
            >= 6
    );
    assert!(matches!(
        report.agreements.as_slice(),
        [Err(ReceiveError::Agreement(_))]
    ));
}

#[tokio::test]
async fn what_is_no_bundle_is_refused_as_a_whole() {
    let world = World::new(UnixSeconds::new(NOW).unwrap()).await;
    let test = world.node("361123");
    assert!(matches!(
        import(&test.node, b"{}").await,
        Err(ImportError::Json(_))
    ));
    let other = serde_json::json!({ "version": 2, "created": NOW });
    assert!(matches!(
        import(&test.node, other.to_string().as_bytes()).await,
        Err(ImportError::Version(2))
    ));
    let unknown = serde_json::json!({ "version": 1, "created": NOW, "trusted": true });
    assert!(matches!(
        import(&test.node, unknown.to_string().as_bytes()).await,
        Err(ImportError::Json(_))
    ));
}
