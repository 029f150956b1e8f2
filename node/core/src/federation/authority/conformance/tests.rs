//! Which results of the suite open an authority's door, and by what each of the others is refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comity_spec::conformance::text_revision;
use comity_spec::jose::Typ;
use comity_verifier::testing::{self, TestCounty};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};

use super::*;
use crate::testing::World;

const NOW: i64 = 1_790_000_000;

/// A sample that the suite itself wrote, with the keys that signed it.
const GOLDEN: &str = include_str!("../../../../../../conformance-tests/tests/golden/result.jwt");
const GOLDEN_KEYS: &str = include_str!("../../../../../../conformance-tests/tests/golden/keys.json");

fn at(seconds: i64) -> UnixSeconds {
    UnixSeconds::new(NOW + seconds).unwrap()
}

/// A county that applies, and a result of its own.
struct Desk {
    configuration: String,
    result: Value,
    tester: SigningKey,
    keys: JwkSet,
    classes: Vec<String>,
}

async fn desk() -> Desk {
    let mut world = World::new(at(0)).await;
    world.federation.add_county("330881", "示例县", 1);
    let county: TestCounty = world.federation.county("330881").clone();
    let configuration = world.configuration(&county).await;
    let tester = testing::key("tester");
    let keys = json!({ "keys": [testing::jwk(&tester)] });
    let federation = testing::thumbprint(&county.key(KeyPurpose::Federation));
    let counts = json!({ "pass": 9, "fail": 0, "skip": 0, "unknown": 0, "expected_failures": 0 });
    let result = json!({
        "target": { "name": "示例软件", "version": "1.2.3" },
        "applicant": { "entity": county.entity, "region": county.region, "federation_keys": [federation] },
        "played": {
            "entity": "https://localhost:40001",
            "region": county.region,
            "federation_keys": [testing::thumbprint(&testing::key("of the run"))]
        },
        "classes": { "issuer": counts, "recogniser": counts, "node": counts },
        "complete": true,
        "unsupported": [],
        "expected_failures": [],
        "faults": [],
        "suite": "0.1.0",
        "specification": text_revision(),
        "vectors": "0123456789abcdef",
        "started": NOW - 900,
        "ended": NOW - 600,
        "record": comity_spec::ids::Digest::of(b"the record"),
    });
    Desk {
        configuration,
        result,
        tester,
        keys: serde_json::from_value(keys).unwrap(),
        classes: vec!["issuer".to_owned(), "recogniser".to_owned()],
    }
}

impl Desk {
    fn signed(&self, typ: &str) -> String {
        let header = json!({ "alg": "EdDSA", "kid": testing::thumbprint(&self.tester), "typ": typ });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let input = format!("{}.{}", part(&header), part(&self.result));
        let signature = self.tester.sign(input.as_bytes()).to_bytes();
        format!("{input}.{}\n", URL_SAFE_NO_PAD.encode(signature))
    }

    fn shows(&self, result: &str) -> Result<ConformanceResult, ConformanceError> {
        let required = Required {
            keys: &self.keys,
            classes: &self.classes,
            days: 180,
            specification: text_revision(),
        };
        conforms(required, result, &self.configuration, at(0))
    }

    fn comes(&self) -> Result<ConformanceResult, ConformanceError> {
        self.shows(&self.signed(RESULT_TYP))
    }

    /// The refusal after one member of an accepted result was changed, with its words, which must be of both languages.
    fn refused(mut self, pointer: &str, value: Value) -> ConformanceError {
        self.comes().expect("the twin is accepted");
        *self.result.pointer_mut(pointer).expect("a member of the result") = value;
        let error = self.comes().expect_err(pointer);
        let words = error.to_string();
        assert!(!words.is_ascii() && words.contains(" / "), "{words}");
        error
    }
}

#[tokio::test]
async fn a_whole_result_of_the_applicant_by_a_trusted_key_is_accepted() {
    let mut desk = desk().await;
    assert_eq!(desk.comes().unwrap().target.name, "示例软件");
    // Where the signer names no county, the target in the run must have been that county.
    desk.result["played"] = desk.result["applicant"].take();
    desk.result.as_object_mut().unwrap().remove("applicant");
    desk.comes().unwrap();
    // On its last day it still counts.
    desk.result["started"] = json!(NOW - 181 * DAY);
    desk.result["ended"] = json!(NOW - 180 * DAY);
    desk.comes().unwrap();
}

#[tokio::test]
async fn a_signature_that_nobody_stands_for_is_refused() {
    let mut desk = desk().await;
    assert!(matches!(
        desk.shows(&desk.signed(Typ::RecordHead.as_str())),
        Err(ConformanceError::Jws(JwsError::Typ { .. }))
    ));
    let mut forged = desk.signed(RESULT_TYP);
    desk.result["suite"] = json!("0.1.1");
    let other = desk.signed(RESULT_TYP);
    let (_, signature) = other.rsplit_once('.').unwrap();
    let end = forged.rfind('.').unwrap() + 1;
    forged.replace_range(end.., signature);
    assert!(matches!(
        desk.shows(&forged),
        Err(ConformanceError::Jws(JwsError::Signature))
    ));
    assert!(matches!(desk.shows(""), Err(ConformanceError::Jws(_))));
    desk.tester = testing::key("a stranger");
    assert!(matches!(desk.comes(), Err(ConformanceError::UnknownKey(_))));
    desk.keys.keys.clear();
    assert!(matches!(desk.comes(), Err(ConformanceError::UnknownKey(_))));
}

#[tokio::test]
async fn another_countys_result_is_refused() {
    let error = desk()
        .await
        .refused("/applicant/entity", json!("https://other.example"));
    assert!(matches!(error, ConformanceError::OtherEntity { .. }), "{error}");
    for pointer in ["/applicant/region", "/played/region"] {
        let error = desk().await.refused(pointer, json!("361123"));
        assert!(matches!(error, ConformanceError::OtherRegion { .. }), "{error}");
    }
    let stranger = testing::thumbprint(&testing::key("another"));
    let error = desk()
        .await
        .refused("/applicant/federation_keys", json!([stranger]));
    assert!(matches!(error, ConformanceError::OtherKeys(_)), "{error}");
    // What the run saw binds where the signer names nobody: a world's county is not the applicant.
    let mut desk = desk().await;
    desk.result.as_object_mut().unwrap().remove("applicant");
    assert!(matches!(desk.comes(), Err(ConformanceError::OtherEntity { .. })));
    desk.result.as_object_mut().unwrap().remove("played");
    assert!(matches!(desk.comes(), Err(ConformanceError::NoCounty)));
}

#[tokio::test]
async fn a_run_of_another_time_or_text_is_refused() {
    let error = desk().await.refused("/started", json!(NOW + 61));
    assert!(matches!(error, ConformanceError::Future { .. }), "{error}");
    let error = desk().await.refused("/ended", json!(NOW + 61));
    assert!(matches!(error, ConformanceError::Future { .. }), "{error}");
    let error = desk().await.refused("/ended", json!(NOW - 901));
    assert!(matches!(error, ConformanceError::Future { .. }), "{error}");
    let mut old = desk().await;
    old.result["started"] = json!(NOW - 181 * DAY);
    let error = old.refused("/ended", json!(NOW - 180 * DAY - 1));
    assert!(matches!(error, ConformanceError::TooOld { .. }), "{error}");
    let error = desk().await.refused("/specification", json!("0000000000000000"));
    assert!(matches!(error, ConformanceError::OtherText { .. }), "{error}");
}

#[tokio::test]
async fn a_run_that_did_not_wholly_pass_is_refused() {
    let error = desk().await.refused("/complete", json!(false));
    assert!(matches!(error, ConformanceError::Incomplete), "{error}");
    for member in ["fail", "unknown", "expected_failures"] {
        // Also in a class that is not asked for.
        for class in ["issuer", "node"] {
            let error = desk()
                .await
                .refused(&format!("/classes/{class}/{member}"), json!(1));
            assert!(
                matches!(error, ConformanceError::NotPassed { class: ref found, .. } if found == class),
                "{error}"
            );
        }
    }
    let error = desk()
        .await
        .refused("/faults", json!(["PRV-1: a name in the log"]));
    assert!(matches!(error, ConformanceError::Fault(_)), "{error}");
    let error = desk().await.refused("/classes/recogniser/pass", json!(0));
    assert!(
        matches!(error, ConformanceError::ClassMissing(ref class) if class == "recogniser"),
        "{error}"
    );
    let mut desk = desk().await;
    desk.classes.push("offline".to_owned());
    assert!(matches!(desk.comes(), Err(ConformanceError::ClassMissing(class)) if class == "offline"));
}

#[test]
fn what_the_suite_writes_is_what_is_read_here() {
    let keys: JwkSet = serde_json::from_str(GOLDEN_KEYS).unwrap();
    let result = read(GOLDEN, &keys).unwrap();
    assert_eq!(result.target.name, "示例软件");
    assert_eq!(result.classes["issuer"].pass, 2);
    assert_eq!(result.classes["offline"].skip, 1);
    assert!(result.complete);
    let nobody = JwkSet { keys: Vec::new() };
    assert!(matches!(
        read(GOLDEN, &nobody),
        Err(ConformanceError::UnknownKey(_))
    ));
}
