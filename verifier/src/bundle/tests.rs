//! Bundles: the whole demo opens; nothing is believed for being inside.

use comity_spec::jose::Typ;
use comity_spec::time::{LocalDate, UnixSeconds};
use serde_json::{Value, json};

use super::*;
use crate::agreement::Coverage;
use crate::testing::{Federation, sign};
use crate::trust::Standing;

fn now() -> UnixSeconds {
    UnixSeconds::new(1_790_000_000).expect("a time")
}

fn opened(bundle: &Value) -> Result<OpenedBundle, BundleError> {
    open(
        bundle.to_string().as_bytes(),
        &Federation::demo(now()).anchor(),
        &Floors::default(),
        now(),
    )
}

#[test]
fn the_demo_opens_without_findings() {
    let federation = Federation::demo(now());
    let one = opened(&federation.bundle()).expect("a bundle");
    assert!(one.findings.is_empty(), "{:?}", one.findings);
    let (a, b) = (&federation.counties[0], &federation.counties[1]);
    assert!(one.trust.standing(&a.entity, now()).active().is_some());
    let today = LocalDate::of(now());
    assert!(matches!(
        one.agreements.between(&a.entity, &b.entity, today),
        Coverage::InForce(_)
    ));
    assert_eq!(one.status.lists().count(), 2);
    assert_eq!(
        (
            one.summary.statements,
            one.summary.agreements,
            one.summary.status_lists
        ),
        (9, 1, 2)
    );
}

#[test]
fn under_another_anchor_nothing_holds() {
    let federation = Federation::demo(now());
    let mut other = federation.clone();
    other.anchor.key = crate::testing::key("another anchor");
    let bytes = federation.bundle().to_string();
    let one = open(bytes.as_bytes(), &other.anchor(), &Floors::default(), now()).expect("a bundle");
    assert_eq!(one.trust.counties().count(), 0);
    assert!(matches!(
        one.trust.standing(&federation.counties[0].entity, now()),
        Standing::Incomplete { .. }
    ));
    assert!(one.agreements.all().is_empty());
    assert_eq!(one.status.lists().count(), 0);
    for kind in [Kind::Trust, Kind::Agreement, Kind::StatusList] {
        assert!(one.findings.iter().any(|f| f.kind == kind), "{kind:?} is named");
    }
}

// TRU-30
#[test]
fn one_bad_object_is_named_and_the_others_stand() {
    let federation = Federation::demo(now());
    let mut bundle = federation.bundle();
    let reference = federation.verified_agreement().reference();
    let from = LocalDate::of(now()).plus_days(1).expect("a date");
    let claims = federation.withdrawal(&federation.counties[0], &reference, from);
    let too_soon = sign(
        &crate::testing::key("361123/federation"),
        Typ::Withdrawal,
        &claims,
    );
    bundle["withdrawals"] = json!([too_soon, "not a token"]);
    bundle["status_lists"][1] = bundle["statements"][0].clone();
    bundle["agreements"]
        .as_array_mut()
        .expect("array")
        .push(json!({ "payload": "e30", "signatures": [] }));
    let one = opened(&bundle).expect("a bundle");
    let rules: Vec<_> = one
        .findings
        .iter()
        .map(|f| (f.kind, f.object.as_str(), f.rule))
        .collect();
    assert_eq!(
        rules,
        [
            (Kind::Agreement, "#1", "jws.structure"),
            (Kind::Withdrawal, "#0", "withdrawal.notice-too-short"),
            (Kind::Withdrawal, "#1", "jws.structure"),
            (Kind::StatusList, "#1", "jws.typ"),
        ]
    );
    assert_eq!((one.agreements.all().len(), one.status.lists().count()), (1, 1));
}

// TRU-31
#[test]
fn a_file_that_is_no_bundle_is_refused() {
    let good = Federation::demo(now()).bundle();
    let with = |name: &str, value: Value| {
        let mut bundle = good.clone();
        bundle[name] = value;
        opened(&bundle).map(|_| ()).map_err(|e| e.rule())
    };
    assert_eq!(with("version", json!(2)), Err("bundle.version"));
    assert_eq!(with("surprise", json!(1)), Err("json.shape"));
    assert_eq!(with("created", json!("today")), Err("json.shape"));
    let anchor = Federation::demo(now()).anchor();
    let open = |bytes: &[u8]| {
        super::open(bytes, &anchor, &Floors::default(), now())
            .map(|_| ())
            .map_err(|e| e.rule())
    };
    assert_eq!(open(b"PK\x03\x04"), Err("json.syntax"));
    assert_eq!(
        open(br#"{"version":1,"version":1,"created":1}"#),
        Err("json.duplicate-name")
    );
    assert_eq!(open(&vec![b' '; MAX_BYTES + 1]), Err("bundle.too-large"));
    assert_eq!(open(br#"{"version":1,"created":1}"#), Ok(()));
}

/// The files that the tests of the command line open: written anew with `COMITY_WRITE_FIXTURES=1`, and as good as the demo.
#[test]
fn the_fixture_of_the_command_line_is_the_demo() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let (bundle, anchor) = (folder.join("demo.comity"), folder.join("demo-anchor.json"));
    let federation = Federation::demo(now());
    if std::env::var_os("COMITY_WRITE_FIXTURES").is_some() {
        std::fs::write(&bundle, federation.bundle().to_string()).expect("the fixture is written");
        std::fs::write(&anchor, federation.anchor_file()).expect("the fixture is written");
    }
    let anchor = Anchor::parse(&std::fs::read(&anchor).expect("a fixture")).expect("an anchor file");
    assert_eq!(anchor, federation.anchor());
    let one = open(
        &std::fs::read(&bundle).expect("a fixture"),
        &anchor,
        &Floors::default(),
        now(),
    )
    .expect("a bundle");
    assert!(one.findings.is_empty(), "{:?}", one.findings);
    let of_demo = opened(&federation.bundle()).expect("a bundle");
    assert_eq!(one.summary, of_demo.summary);
    assert_eq!(one.agreements.all(), of_demo.agreements.all());
}
