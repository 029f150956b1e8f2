//! Vectors of chapter 3, the bundle: what does not hold is left out and named, and the rest stands.

use comity_spec::vector::{BundleInput, Of, Vector};
use serde_json::{Value, json};

use super::{HOUR, NOW, accept, demo, handed_over, refuse};
use crate::testing::merge;

const TWIN: &str = "bundle/valid";

/// The federation of the vectors with its agreement and its lists of now.
fn good() -> Value {
    let mut bundle = demo().bundle();
    let handed = handed_over(&demo(), |_| {});
    merge(
        &mut bundle,
        json!({ "statements": handed.statements, "member_lists": handed.member_lists }),
    );
    bundle
}

fn input(bundle: &Value) -> BundleInput {
    BundleInput {
        federation: "demo".into(),
        bundle: bundle.to_string(),
        now: NOW + HOUR,
    }
}

fn with(change: impl FnOnce(&mut Value)) -> BundleInput {
    let mut bundle = good();
    change(&mut bundle);
    input(&bundle)
}

fn holds(agreements: usize, lists: usize, refused: &[&str]) -> Value {
    json!({ "counties": 2, "agreements": agreements, "withdrawals": 0, "status_lists": lists, "refused": refused })
}

pub(super) fn all() -> Vec<Vector> {
    let no = |name: &str, ids: &str, about: &str, input: BundleInput, rule: &str| {
        refuse(&format!("bundle/{name}"), TWIN, ids, about, input, rule)
    };
    let beside = |name: &str, ids: &str, about: &str, input: BundleInput, read: Value| Of {
        twin: Some(TWIN.to_owned()),
        ..accept(&format!("bundle/{name}"), ids, about, input, read)
    };
    let all = vec![
        accept(
            TWIN,
            "TRU-30 TRU-31",
            "everything in it holds",
            with(|_| {}),
            holds(1, 2, &[]),
        ),
        beside(
            "one-agreement-that-does-not-hold",
            "TRU-30",
            "a second agreement that one party has not signed is left out and named",
            with(|b| {
                let agreements = b["agreements"].as_array_mut().expect("agreements");
                let mut half = agreements[0].clone();
                half["signatures"].as_array_mut().expect("signatures").pop();
                agreements.push(half);
            }),
            holds(1, 2, &["jws.signature-count"]),
        ),
        beside(
            "one-list-that-does-not-hold",
            "TRU-30",
            "a statement in the place of the second list is left out and named",
            with(|b| b["status_lists"][1] = b["statements"][0].clone()),
            holds(1, 1, &["jws.typ"]),
        ),
        beside(
            "one-statement-that-does-not-hold",
            "TRU-30",
            "what is no token is left out and named",
            with(|b| {
                let statements = b["statements"].as_array_mut().expect("statements");
                statements.push(json!("no token"));
            }),
            holds(1, 2, &["jws.structure"]),
        ),
        no(
            "another-version",
            "TRU-31",
            "version 2",
            with(|b| b["version"] = json!(2)),
            "bundle.version",
        ),
        no(
            "unknown-member",
            "TRU-31 TRU-27",
            "it brings an anchor along",
            with(|b| b["anchor"] = json!({})),
            "json.shape",
        ),
        no(
            "no-json",
            "TRU-31",
            "cut short",
            BundleInput {
                bundle: good().to_string().split_at(100).0.to_owned(),
                ..with(|_| {})
            },
            "json.syntax",
        ),
    ];
    all.into_iter().map(Vector::Bundle).collect()
}
