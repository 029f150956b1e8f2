#![cfg(test)]
//! Every test vector of `spec/vectors/`, found by walking the folder, judged through the public interface: what must be
//! accepted is read as stated, what must be refused is refused by that very rule.
//!
//! How the vectors are made is in `src/vectors.rs`; nothing of it is used here. The judge is the one behind
//! `comity-verify adapter`: it sees the input alone, and what must come of it is compared here.

#[path = "../../src/bin/comity-verify/adapter/judge/mod.rs"]
mod judge;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use comity_spec::vector::{Expect, Vector};
use judge::{Federations, Stop};
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors")
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|ext| ext == "json") {
            files.push(path);
        }
    }
}

/// Every vector, by name. Shared federations are no vectors.
fn vectors() -> BTreeMap<String, (Vector, Value)> {
    let mut files = Vec::new();
    walk(&root(), &mut files);
    files
        .iter()
        .filter(|path| !path.starts_with(root().join("federations")))
        .map(|path| {
            let text = std::fs::read_to_string(path).expect("the vector can be read");
            let vector = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let value: Value = serde_json::from_str(&text).expect("a vector is JSON");
            let below = path
                .strip_prefix(root())
                .expect("below the root")
                .with_extension("");
            let name = below.to_string_lossy().replace('\\', "/");
            assert_eq!(value["name"], name.as_str(), "a vector is called as its file");
            (name, (vector, value))
        })
        .collect()
}

/// The shared federations, by name.
fn federations() -> Federations {
    let mut files = Vec::new();
    walk(&root().join("federations"), &mut files);
    let one = |path: &PathBuf| {
        let name = path
            .file_stem()
            .expect("a file has a name")
            .to_string_lossy()
            .into_owned();
        let text = std::fs::read_to_string(path).expect("a shared federation can be read");
        (
            name,
            serde_json::from_str(&text).expect("a shared federation has its form"),
        )
    };
    files.iter().map(one).collect()
}

/// What must come of a vector.
const fn expected(vector: &Vector) -> &Expect {
    match vector {
        Vector::Jws(v) => &v.expect,
        Vector::SdJwt(v) => &v.expect,
        Vector::StatusList(v) => &v.expect,
        Vector::StatusToken(v) => &v.expect,
        Vector::Trust(v) => &v.expect,
        Vector::Agreement(v) => &v.expect,
        Vector::Withdrawal(v) => &v.expect,
        Vector::InForce(v) => &v.expect,
        Vector::Attestation(v) => &v.expect,
        Vector::Decision(v) => &v.expect,
        Vector::Request(v) => &v.expect,
        Vector::Response(v) => &v.expect,
        Vector::Hint(v) => &v.expect,
        Vector::Receipt(v) => &v.expect,
        Vector::Identifier(v) => &v.expect,
        Vector::Endorsement(v) => &v.expect,
        Vector::Symbol(v) => &v.expect,
        Vector::Bundle(v) => &v.expect,
        Vector::Outcome(v) => &v.expect,
        Vector::Problem(v) => &v.expect,
    }
}

/// What must be read stands in what was read; there may be more.
fn holds(expected: &Value, read: &Value) -> bool {
    expected
        .as_object()
        .expect("what must be read is an object")
        .iter()
        .all(|(name, value)| read.get(name) == Some(value))
}

#[test]
fn every_vector_comes_out_as_it_says() {
    let vectors = vectors();
    assert!(vectors.len() >= 120, "only {} vectors", vectors.len());
    let mut wrong = Vec::new();
    let mut outcomes = BTreeSet::new();
    let federations = federations();
    for (name, (vector, value)) in &vectors {
        let kind = value["kind"].as_str().expect("a vector has a kind");
        let judged = judge::judge(kind, &value["input"], &federations);
        match (expected(vector), &judged) {
            (Expect::Accept(expected), Ok(read)) => {
                if !holds(&Value::Object(expected.clone()), read) {
                    wrong.push(format!(
                        "{name}: read {read}, expected {}",
                        Value::Object(expected.clone())
                    ));
                }
                outcomes.extend(read.get("outcome").and_then(Value::as_str).map(str::to_owned));
            }
            (Expect::Refuse(rule), Err(Stop::Refused(refused))) if rule == refused => {}
            (expect, Ok(read)) => wrong.push(format!("{name}: read {read}, expected {expect:?}")),
            (expect, Err(stop)) => wrong.push(format!("{name}: {stop}, expected {expect:?}")),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        vectors.len(),
        wrong.join("\n")
    );
    assert_eq!(
        outcomes.len(),
        27,
        "every outcome comes about in some vector: {outcomes:?}"
    );
}

#[test]
fn every_negative_has_a_valid_twin_of_its_kind() {
    let vectors = vectors();
    for (name, (_, value)) in &vectors {
        let refused = value["expect"].get("refuse").is_some();
        let Some(twin) = value["twin"].as_str() else {
            assert!(!refused, "{name} names no twin");
            continue;
        };
        let (_, twin) = vectors
            .get(twin)
            .unwrap_or_else(|| panic!("{name}: no vector is called {twin}"));
        assert!(
            twin["expect"].get("accept").is_some(),
            "{name}: its twin is refused too"
        );
        assert_eq!(twin["kind"], value["kind"], "{name}: its twin is of another kind");
        assert_ne!(
            twin["input"], value["input"],
            "{name}: nothing differs from its twin"
        );
    }
}

/// The ids that the protocol text defines.
fn defined() -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for entry in std::fs::read_dir(root().join("../protocol")).expect("the text can be read") {
        let text = std::fs::read_to_string(entry.expect("the entry can be read").path())
            .expect("a chapter can be read");
        let starts = text.lines().filter_map(|line| line.strip_prefix("**["));
        ids.extend(
            starts
                .filter_map(|rest| rest.split_once("]**"))
                .map(|(id, _)| id.to_owned()),
        );
    }
    ids
}

fn unknown(value: &Value, defined: &BTreeSet<String>) -> Option<String> {
    let ids = value["requirements"].as_array().expect("a list of requirements");
    if ids.is_empty() {
        return Some("it proves nothing".to_owned());
    }
    ids.iter()
        .map(|id| id.as_str().unwrap_or_default())
        .find(|id| !defined.contains(*id))
        .map(|id| format!("{id} is not defined in spec/protocol"))
}

#[test]
fn every_vector_names_requirements_that_the_text_defines() {
    let defined = defined();
    assert!(defined.len() > 150, "only {} requirements", defined.len());
    for (name, (_, value)) in vectors() {
        if let Some(why) = unknown(&value, &defined) {
            panic!("{name}: {why}");
        }
    }
    assert!(unknown(&serde_json::json!({ "requirements": ["XYZ-1"] }), &defined).is_some());
    assert!(unknown(&serde_json::json!({ "requirements": [] }), &defined).is_some());
}

// SYM-3
#[test]
fn a_card_fits_the_largest_symbol_that_a_card_may_have() {
    let vectors = vectors();
    let (_, value) = vectors
        .get("attestation/valid-digits")
        .expect("the digits of a card");
    let digits = value["input"]["presented"].as_str().expect("digits");
    assert!(
        digits.len() <= 3_517 && digits.bytes().all(|b| b.is_ascii_digit()),
        "{}",
        digits.len()
    );
}
