//! `comity-verify bundle`, on the demo bundle that a unit test keeps equal to the synthetic federation.

use serde_json::Value;

use crate::Files;

const DEMO: &str = include_str!("../fixtures/demo.comity");
const ANCHOR: &str = include_str!("../fixtures/demo-anchor.json");
/// When the demo was signed, and ten days later, when its counties' statements have ended.
const SIGNED: &str = "1790000000";
const ENDED: &str = "1790864000";

fn files(bundle: &str, anchor: &str) -> Files {
    let files = Files::new();
    files.write("demo.comity", bundle);
    files.write("anchor.json", anchor);
    files
}

fn arguments(at: &str) -> [&str; 6] {
    ["bundle", "demo.comity", "--anchor", "anchor.json", "--at", at]
}

#[test]
fn says_what_holds_chinese_first() {
    let output = files(DEMO, ANCHOR).run(&arguments(SIGNED));
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    for line in [
        "成员 / members  2",
        "361123  玉山县(示例)",
        "生效中 / in force",
        "状态列表 / status lists  2",
        "被拒绝 / refused  0",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
}

#[test]
fn json_names_what_was_refused_and_keeps_the_rest() {
    let mut bundle: Value = serde_json::from_str(DEMO).unwrap();
    bundle["status_lists"][0] = "not a token".into();
    let files = files(&bundle.to_string(), ANCHOR);
    let said = files.json(&[&arguments(SIGNED)[..], &["--json"]].concat());
    assert_eq!(said["members"].as_array().unwrap().len(), 2);
    assert_eq!(said["agreements"][0]["in_force"], true);
    assert_eq!(said["status_lists"].as_array().unwrap().len(), 1);
    assert_eq!(said["refused"][0]["rule"], "jws.structure");
    assert_eq!(said["refused"][0]["object"], "#0");
}

#[test]
fn nothing_holds_too_late_or_under_another_anchor() {
    files(DEMO, ANCHOR).fails("[bundle.nothing-holds]", "trust.chain-expired", &arguments(ENDED));
    let key = comity_spec::jose::Jwk::ed25519(
        ed25519_dalek::SigningKey::from_bytes(&[9; 32])
            .verifying_key()
            .as_bytes(),
    );
    let mut anchor: Value = serde_json::from_str(ANCHOR).unwrap();
    anchor["jwks"]["keys"][0] = serde_json::to_value(key).unwrap();
    files(DEMO, &anchor.to_string()).fails("[bundle.nothing-holds]", "jws.unknown-key", &arguments(SIGNED));
}

#[test]
fn a_file_that_is_no_bundle_or_no_anchor_is_refused() {
    files("{}", ANCHOR).refused("json.shape", &arguments(SIGNED));
    files(DEMO, "{}").refused("json.shape", &arguments(SIGNED));
    let no_anchor = files(DEMO, ANCHOR);
    assert_eq!(no_anchor.code(&["bundle", "demo.comity"]), Some(64));
    assert_eq!(
        no_anchor.code(&["bundle", "missing.comity", "--anchor", "anchor.json"]),
        Some(2)
    );
}

impl Files {
    fn fails(&self, first: &str, also: &str, arguments: &[&str]) {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(first) && said.contains(also), "{said}");
    }
}
