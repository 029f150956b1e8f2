//! Writes the test vectors of `spec/vectors/`: every one from fixed keys, a fixed second and one stated change to a valid twin.
//!
//! `COMITY_BLESS=1 cargo nextest run -p comity-verifier vectors` writes them anew; without it the test fails when a file differs
//! from what is made here, is missing, or is made by nothing. What must come of a vector is stated here by hand and never
//! computed: `tests/vectors.rs` asks the public interface.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use comity_spec::time::{LocalDate, UnixSeconds};
use comity_spec::vector::{self, Expect, Of, Vector};
use ed25519_dalek::{Signer as _, SigningKey};
use serde::Serialize;
use serde_json::{Value, json};

use crate::b64;
use crate::testing::{Draft, Federation};

mod agreement;
mod attestation;
mod bundle;
mod decision;
mod exchange;
mod identifiers;
mod jws;
mod outcome;
mod problem;
mod receipt;
mod sd_jwt;
mod status;
mod trust;

/// 2025-11-22, noon in UTC+8: the second at which every vector is judged, unless it says another.
const NOW: i64 = 1_763_784_000;
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;
const YUSHAN: &str = "361123";
const CHANGSHAN: &str = "330822";
const YUSHAN_ID: &str = "https://c361123.example";
const CHANGSHAN_ID: &str = "https://c330822.example";

fn now() -> UnixSeconds {
    UnixSeconds::new(NOW).expect("a time")
}

fn today(plus: i64) -> LocalDate {
    LocalDate::of(now()).plus_days(plus).expect("a date")
}

/// The federation of the demonstration. Its statements are five days old, so that lists of some hours ago were good in their
/// day.
fn demo() -> Federation {
    Federation::demo(now())
}

fn handed_over(federation: &Federation, change: impl FnOnce(&mut Drafts)) -> vector::Federation {
    let mut before = federation.clone();
    before.now = federation.now.plus_saturating(-5 * DAY);
    let mut drafts = before.drafts();
    change(&mut drafts);
    vector::Federation {
        anchor: serde_json::from_slice(&before.anchor_file()).expect("the anchor file is JSON"),
        statements: drafts.values().map(Draft::sign).collect(),
        member_lists: before.member_lists(),
    }
}

type Drafts = BTreeMap<(comity_spec::ids::EntityId, comity_spec::ids::EntityId), Draft>;

/// A vector that is accepted.
fn accept<I>(name: &str, requirements: &str, about: &str, input: I, read: Value) -> Of<I> {
    let Value::Object(read) = read else {
        unreachable!("what is read is an object: {name}")
    };
    Of {
        name: name.to_owned(),
        requirements: ids(requirements),
        about: about.to_owned(),
        twin: None,
        input,
        expect: Expect::Accept(read),
    }
}

/// A vector that is refused, with its valid twin.
fn refuse<I>(name: &str, twin: &str, requirements: &str, about: &str, input: I, rule: &str) -> Of<I> {
    Of {
        name: name.to_owned(),
        requirements: ids(requirements),
        about: about.to_owned(),
        twin: Some(twin.to_owned()),
        input,
        expect: Expect::Refuse(rule.to_owned()),
    }
}

fn ids(requirements: &str) -> Vec<String> {
    requirements.split(' ').map(str::to_owned).collect()
}

/// A compact JWS over exactly these octets.
fn raw(key: &SigningKey, header: &str, payload: &[u8]) -> String {
    let input = format!("{}.{}", b64::encode(header.as_bytes()), b64::encode(payload));
    let signature = key.sign(input.as_bytes()).to_bytes();
    format!("{input}.{}", b64::encode(&signature))
}

fn text(agreement: &comity_spec::agreement::SignedAgreement) -> String {
    serde_json::to_string(agreement).expect("an agreement serialises")
}

fn pretty(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("a vector serialises");
    text.push('\n');
    text
}

/// Every file by its path below `spec/vectors/`.
fn files() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for (name, federation) in [
        ("demo", handed_over(&demo(), |_| {})),
        (
            "yushan-suspended",
            handed_over(&demo(), stand(YUSHAN_ID, "suspended")),
        ),
        (
            "yushan-removed",
            handed_over(&demo(), stand(YUSHAN_ID, "removed")),
        ),
        ("yushan-rotated", rotated(true)),
        ("yushan-replanted", rotated(false)),
    ] {
        files.insert(format!("federations/{name}.json"), pretty(&federation));
    }
    let mut all: Vec<Vector> = Vec::new();
    all.extend(identifiers::all());
    all.extend(jws::all());
    all.extend(sd_jwt::all());
    all.extend(status::all());
    all.extend(trust::all());
    all.extend(agreement::all());
    all.extend(attestation::all());
    all.extend(decision::all());
    all.extend(exchange::all());
    all.extend(receipt::all());
    all.extend(bundle::all());
    all.extend(outcome::all());
    all.extend(problem::all());
    for vector in all {
        let value = serde_json::to_value(&vector).expect("a vector serialises");
        let name = value["name"].as_str().expect("a vector has a name").to_owned();
        let other = files.insert(format!("{name}.json"), pretty(&value));
        assert!(other.is_none(), "two vectors are called {name}");
    }
    files
}

/// 玉山 has a new federation key, for which its old one vouched; or nobody but the province did.
fn rotated(vouched: bool) -> vector::Federation {
    let federation = demo();
    let county = federation.county(YUSHAN);
    let (old, new) = (
        county.key(comity_spec::jose::KeyPurpose::Federation),
        crate::testing::key("361123/federation, the next"),
    );
    let mut before = None;
    let mut handed = handed_over(&federation, |drafts| {
        for ((iss, sub), draft) in drafts.iter_mut() {
            if sub.as_str() != YUSHAN_ID {
                continue;
            }
            draft.claims["jwks"] = json!({ "keys": [crate::testing::jwk(&new)] });
            if iss == sub {
                let mut own = draft.clone();
                own.claims["iat"] = json!(NOW - 10 * DAY);
                own.claims["exp"] = json!(NOW - 5 * DAY);
                own.claims["jwks"] =
                    json!({ "keys": [crate::testing::jwk(&old), crate::testing::jwk(&new)] });
                before = Some(own.sign());
                draft.key = new.clone();
            }
        }
    });
    handed.statements.extend(before.filter(|_| vouched));
    handed
}

fn stand(entity: &'static str, state: &'static str) -> impl FnOnce(&mut Drafts) {
    move |drafts| {
        for ((iss, sub), draft) in drafts.iter_mut() {
            if sub.as_str() == entity && iss != sub {
                draft.claims["comity_state"] = json!(state);
            }
        }
    }
}

fn found(folder: &Path, root: &Path, files: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            found(&path, root, files);
        } else if path.extension().is_some_and(|ext| ext == "json") {
            let below = path.strip_prefix(root).expect("below the root");
            files.push(below.to_string_lossy().into_owned());
        }
    }
}

#[test]
fn vectors_are_those_that_are_made_here() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors");
    let made = files();
    assert!(made.len() >= 120, "only {} vectors", made.len());
    let bless = std::env::var_os("COMITY_BLESS").is_some();
    let mut there = Vec::new();
    found(&root, &root, &mut there);
    for (path, text) in &made {
        let path = root.join(path);
        if bless {
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder can be made");
            std::fs::write(&path, text).expect("the vector can be written");
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            &written,
            text,
            "{} differs: COMITY_BLESS=1 writes it anew",
            path.display()
        );
    }
    for path in there.iter().filter(|path| !made.contains_key(*path)) {
        assert!(bless, "{path} is made by nothing");
        std::fs::remove_file(root.join(path)).expect("the vector can be removed");
    }
}
