//! What `/readyz` is worth: whoever was told that a node is ready finds that it admits the members it knows, after its first start and
//! after a kill; and a node that no authority has enrolled says why it is not.

use serde_json::json;

use crate::county::County;
use crate::replay::{Peer, until};
use crate::sqlite;

#[test]
fn a_node_is_ready_once_it_is_a_member_and_admits_the_others() {
    let member = County::found(sqlite);
    let mut its_life = member.start();
    its_life.ready();
    let applicant = member.applicant();
    let life = applicant.start();
    until("the applicant's first word", || applicant.readiness().is_some());
    // It has asked the federation, which knows nothing of it.
    applicant.ask(&json!({ "command": "trust_refresh" }));
    assert_eq!(applicant.readiness(), Some((false, vec!["trust".to_owned()])));
    assert_eq!(
        applicant.ask(&json!({ "command": "status" }))["in_federation"],
        json!(false)
    );

    member.enrol(&applicant);
    until("the applicant's chain", || {
        applicant.readiness().is_some_and(|(ready, _)| ready)
    });
    assert_admits(&applicant, &member);
    life.kill();
    let mut life = applicant.start();
    life.ready();
    assert_admits(&applicant, &member);
    assert!(life.terminate().success());
    assert!(its_life.terminate().success());
}

/// A member's key opens a connection, and what it sends is read: this is no request, and is said to be none.
fn assert_admits(county: &County, member: &County) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let peer = Peer::of(member, county);
    let (status, body) = runtime.block_on(async { peer.connect().await.ask("no.jws").await });
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (status, problem["type"].as_str().unwrap()),
        (400, "urn:comity:problem:malformed-request"),
        "{problem}"
    );
}
