//! What a result says of a record, and the sample that an authority's program reads in its own tests.

use super::*;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

fn line(name: &str, class: &str, verdict: &str) -> Value {
    json!({ "record": "case", "name": name, "class": class, "requirements": ["VER-1"], "about": "a", "expected": "e",
            "verdict": verdict, "milliseconds": 1 })
}

fn recorded(lines: &[Value]) -> Recorded {
    let here = tempfile::tempdir().unwrap();
    let path = here.path().join("record");
    let head = json!({ "record": "run", "suite": "0.1.0", "specification": "0123456789abcdef",
        "target": { "name": "示例软件", "version": "1.2.3" }, "classes": ["node", "offline"], "started": 1_790_000_000 });
    let all: Vec<String> = std::iter::once(&head)
        .chain(lines)
        .map(ToString::to_string)
        .collect();
    std::fs::write(&path, all.join("\n")).unwrap();
    Recorded::read(&path).unwrap()
}

fn summary(not_run: usize, stale: &[&str]) -> Value {
    json!({ "record": "summary", "pass": 2, "fail": 0, "skip": 1, "unknown": 0, "hang": 0, "stale": stale, "not_run": not_run,
            "exit": 0 })
}

fn of(run: &Recorded, whole: bool) -> ConformanceResult {
    let key = Key::named("golden", "county");
    let identity = Identity {
        entity: "https://node.county.example".parse().unwrap(),
        region: "361123".parse().unwrap(),
        federation_keys: vec![key.kid().parse().unwrap()],
    };
    let beside = Beside {
        applicant: Some(identity),
        played: None,
        whole,
        vectors: "fedcba9876543210".into(),
        ended: 1_790_000_300,
        record: [7; 32],
    };
    result(run, beside).unwrap()
}

fn cases() -> Vec<Value> {
    vec![
        line("issuer/a", "issuer", "pass"),
        line("issuer/b", "issuer", "pass"),
        line("jws/c", "offline", "skip"),
    ]
}

#[test]
fn the_sample_for_authorities_is_what_is_written_today() {
    let mut lines = cases();
    lines.push(summary(0, &[]));
    let key = Key::named("golden", "tester");
    let payload = serde_json::to_value(of(&recorded(&lines), true)).unwrap();
    let token = format!("{}\n", signed(&key, &payload));
    let keys = format!("{}\n", key.jwks());
    for (name, text) in [("result.jwt", token), ("keys.json", keys)] {
        let path = Path::new(GOLDEN).join(name);
        if std::env::var_os("COMITY_BLESS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            text,
            "COMITY_BLESS=1 writes it anew"
        );
    }
}

#[test]
fn only_a_run_of_every_case_that_came_to_its_end_is_complete() {
    let with = |more: &[Value]| recorded(&[cases(), more.to_vec()].concat());
    assert!(of(&with(&[summary(0, &[])]), true).complete);
    assert!(!of(&with(&[summary(0, &[])]), false).complete, "--only");
    assert!(!of(&with(&[summary(1, &[])]), true).complete, "--bail");
    let broken = of(&with(&[]), true);
    assert!(!broken.complete && !broken.faults.is_empty(), "no end");
}

#[test]
fn nothing_that_is_no_pass_is_counted_as_one() {
    let mut excused = line("issuer/f", "issuer", "fail");
    excused["expected_failure"] = json!("known");
    let lines = [
        cases(),
        vec![
            line("issuer/d", "issuer", "hang"),
            line("issuer/e", "issuer", "fail"),
            excused,
            line("issuer/g", "issuer", "unknown"),
            line("issuer/h", "issuer", "of a later suite"),
            summary(0, &["PRV-1"]),
        ],
    ]
    .concat();
    let result = of(&recorded(&lines), true);
    let issuer = result.classes["issuer"];
    assert_eq!(
        (
            issuer.pass,
            issuer.fail,
            issuer.skip,
            issuer.unknown,
            issuer.expected_failures
        ),
        (2, 2, 0, 2, 1)
    );
    assert_eq!(result.unsupported, ["jws/c"]);
    assert_eq!(result.expected_failures, ["issuer/f"]);
    assert_eq!(result.faults, ["PRV-1"]);
}
