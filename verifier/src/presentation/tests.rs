//! What may be presented, and the table from each defect to the rule and the outcome.

use comity_spec::outcome::Outcome;
use comity_spec::time::UnixSeconds;
use serde_json::{Value, json};

use super::*;
use crate::budget::{Budget, Limits};
use crate::decide::Refusal;
use crate::sd_jwt::{Binding, Challenge};
use crate::symbol;
use crate::testing::{Federation, PermitDraft};

/// When the fixtures of the command line are signed.
const NOW: i64 = 1_790_000_000;

fn federation() -> Federation {
    Federation::demo(UnixSeconds::new(NOW).unwrap())
}

fn permit() -> PermitDraft {
    let federation = federation();
    federation.permit(federation.county("361123"), 7)
}

fn open_bytes(bytes: &[u8]) -> Result<Presented, Refusal> {
    let federation = federation();
    let mut budget = Budget::new(Limits::PRESENTATION);
    open(
        bytes,
        &federation.trust(),
        Binding::Optional,
        federation.now,
        &mut budget,
    )
}

/// Outcome and rule of a refusal.
fn refused(token: &str) -> (Outcome, &'static str) {
    let refusal = open_bytes(token.as_bytes()).unwrap_err();
    (refusal.outcome, refusal.cause)
}

#[test]
fn text_and_digits_are_the_same_permit() {
    let token = permit().sign();
    let presented = open_bytes(token.as_bytes()).unwrap();
    assert_eq!(presented.claims().name.as_deref(), Some("示例甲"));
    assert_eq!(presented.status().idx, 7);
    assert_eq!(presented.region().as_str(), "361123");
    assert_eq!(presented.received(), token.as_bytes());
    let digits = symbol::encode(&token).unwrap();
    assert_eq!(
        open_bytes(format!("\u{feff}{digits}\r\n").as_bytes()).unwrap(),
        presented
    );
    let full_width: String = digits
        .chars()
        .map(|c| char::from_u32(c as u32 - 0x30 + 0xff10).unwrap())
        .collect();
    assert_eq!(open_bytes(full_width.as_bytes()).unwrap(), presented);
}

#[test]
fn a_card_with_a_long_name_fits_the_symbol() {
    let long = "阿卜杜热合曼·买买提吐尔逊·示例";
    let token = permit().disclosing("name", long).sign();
    let digits = symbol::encode(&token).unwrap();
    // ISO/IEC 18004: version 27 at level L holds 3,517 digits.
    assert!(digits.len() <= 3_517, "{} digits", digits.len());
}

#[test]
fn each_defect_has_its_rule_and_its_outcome() {
    use Outcome::{
        IssuerUnreachable, NodeNotReady, PresentationExpired, SignatureInvalid, UnknownIssuer, Unreadable,
        UnsupportedVersion,
    };
    let sealed = permit().sign();
    let (jwt, rest) = sealed.split_once('~').unwrap();
    let first = rest.split('~').next().unwrap();
    let federation = federation();
    let changed = |name: &str, value: Value| permit().with(name, value).sign();
    let yushan = federation.county("361123");
    let elsewhere = json!({ "status_list": { "idx": 7, "uri": "https://c361123.example.evil/status/v1/1" } });
    let cases = [
        (String::new(), Unreadable, "presentation.not-text"),
        ("居住证".to_owned(), Unreadable, "sd-jwt.structure"),
        ("https://example.test/~".to_owned(), Unreadable, "jws.structure"),
        ("567".to_owned(), Unreadable, "symbol.incomplete"),
        ("5699".to_owned(), Unreadable, "symbol.out-of-range"),
        (
            changed("vct", json!("urn:comity:vct:residence-permit:2")),
            UnsupportedVersion,
            "attestation.vct",
        ),
        (
            changed("environment", json!("PRODUCTION")),
            UnknownIssuer,
            "attestation.environment",
        ),
        (
            changed("iss", json!("https://c440103.example")),
            UnknownIssuer,
            "trust.not-a-member",
        ),
        (
            changed("iss", json!("https://jiangxi.example")),
            UnknownIssuer,
            "trust.authority",
        ),
        (
            changed("region", json!("361124")),
            SignatureInvalid,
            "attestation.region",
        ),
        (
            changed("status", elsewhere),
            SignatureInvalid,
            "attestation.status-uri",
        ),
        (
            changed("nbf", json!(NOW + 400 * 86_400)),
            SignatureInvalid,
            "attestation.times",
        ),
        (
            changed("iat", json!(NOW + 61)),
            NodeNotReady,
            "attestation.iat-future",
        ),
        (
            changed("source_as_of", Value::Null),
            SignatureInvalid,
            "attestation.claims",
        ),
        (
            permit().disclosing("id_number", "361123188001010018").sign(),
            SignatureInvalid,
            "attestation.claims",
        ),
        (
            permit().disclosing("tier", json!(7)).sign(),
            SignatureInvalid,
            "attestation.claims",
        ),
        (
            permit().disclosing("exp", json!(NOW)).sign(),
            SignatureInvalid,
            "sd-jwt.hidden-claim",
        ),
        (
            format!("{sealed}{first}~"),
            SignatureInvalid,
            "sd-jwt.repeated-digest",
        ),
        (
            format!("{jwt}~WyJhIiwibmFtZSIsImIiXQ~"),
            SignatureInvalid,
            "sd-jwt.unreferenced",
        ),
        (format!("{sealed}e30.e30.AA"), SignatureInvalid, "kb.malformed"),
        (
            PermitDraft {
                key: yushan.key(comity_spec::jose::KeyPurpose::Status),
                ..permit()
            }
            .sign(),
            SignatureInvalid,
            "key.purpose",
        ),
        (
            PermitDraft {
                key: crate::testing::key("nobody"),
                ..permit()
            }
            .sign(),
            IssuerUnreachable,
            "jws.unknown-key",
        ),
    ];
    for (token, outcome, rule) in cases {
        assert_eq!(refused(&token), (outcome, rule));
    }
    let mut budget = Budget::new(Limits::PRESENTATION);
    let challenge = Challenge {
        aud: "https://c330822.example",
        nonce: "n",
        now: NOW,
        max_age: 300,
    };
    let binding = Binding::Required(challenge);
    let refusal = open(
        sealed.as_bytes(),
        &federation.trust(),
        binding,
        federation.now,
        &mut budget,
    )
    .unwrap_err();
    assert_eq!(
        (refusal.outcome, refusal.cause),
        (PresentationExpired, "kb.missing")
    );
}

#[test]
fn who_the_issuer_is_outranks_what_is_malformed() {
    let stranger = permit().with("iss", "https://c440103.example").sign();
    assert_eq!(refused(&format!("{stranger}!!~")).0, Outcome::UnknownIssuer);
    let known = permit().sign();
    let refusal = open_bytes(format!("{known}!!~").as_bytes()).unwrap_err();
    assert_eq!(
        (refusal.outcome, refusal.cause),
        (Outcome::SignatureInvalid, "sd-jwt.disclosure")
    );
    assert_eq!(refusal.issuer.unwrap().as_str(), "https://c361123.example");
}

#[test]
fn new_keys_are_asked_for_before_anything_is_said() {
    let token = PermitDraft {
        key: crate::testing::key("new"),
        ..permit()
    }
    .sign();
    assert!(open_bytes(token.as_bytes()).unwrap_err().may_be_outdated());
    let malformed = open_bytes(b"567").unwrap_err();
    assert!(!malformed.may_be_outdated());
}

/// The permits that the tests of the command line present; written anew with `COMITY_WRITE_FIXTURES=1`.
#[test]
fn the_fixtures_of_the_command_line_are_permits_of_the_demo() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for (name, token) in [
        ("permit-361123.sdjwt", permit().sign()),
        (
            "permit-unmapped-tier.sdjwt",
            permit().disclosing("tier", "SKILLED").sign(),
        ),
        (
            "permit-of-a-stranger.sdjwt",
            permit().with("iss", "https://c440103.example").sign(),
        ),
    ] {
        let path = folder.join(name);
        if std::env::var_os("COMITY_WRITE_FIXTURES").is_some() {
            std::fs::write(&path, &token).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), token, "{name}");
    }
}
