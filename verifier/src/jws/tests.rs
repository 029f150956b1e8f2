//! JWS: each accepted token has twins with one defect each, refused by the rule that the defect breaks.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::general::{UnverifiedGeneral, VerifiedGeneral};
use super::*;
use crate::fixtures::{budget, header, keys, kid, sign, signing_key};

const TYP: &str = "comity-hint+jwt";
const COMITY: Profile<'static> = Profile::Comity { typ: TYP };
const STANDARD: Profile<'static> = Profile::Standard { typ: None };

/// Verifies by the key of seed 1 for the purpose that `TYP` needs; gives the rule on refusal.
fn verify(token: &str, profile: Profile<'_>) -> Result<Value, &'static str> {
    let mut budget = budget();
    Unverified::parse(token.as_bytes(), profile, &mut budget)
        .and_then(|t| {
            t.verify(
                &keys(KeyPurpose::Exchange, &signing_key(1)),
                KeyPurpose::Exchange,
                &mut budget,
            )
        })
        .map(Verified::into_value)
        .map_err(|e| e.rule())
}

#[test]
fn rfc_8037_appendix_a_4() {
    let jwks = br#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
                 hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let check = |token: &str| {
        let mut budget = budget();
        let keys = KeySet::from_jwks_json(jwks, KeyPurpose::Exchange, &mut budget).expect("the RFC's key");
        Unverified::parse(token.as_bytes(), STANDARD, &mut budget)
            .and_then(|t| t.verify_content(&keys, KeyPurpose::Exchange, &mut budget))
            .map(Verified::into_value)
    };
    assert_eq!(
        check(token),
        Ok(Content::Text("Example of Ed25519 signing".into()))
    );
    assert_eq!(check(&token.replace(".RXh", ".RXi")), Err(JwsError::Signature));
}

#[test]
fn accepts_both_names_of_the_algorithm() {
    let key = signing_key(1);
    let payload = r#"{"iat":1,"texts":["一"]}"#;
    let old = sign(&key, &header(TYP, &key), payload);
    assert_eq!(verify(&old, COMITY), Ok(json!({"iat":1,"texts":["一"]})));
    let new = sign(&key, &header(TYP, &key).replace("EdDSA", "Ed25519"), payload);
    assert!(verify(&new, COMITY).is_ok());
}

#[test]
fn keeps_the_received_bytes_and_names_the_signer() {
    let key = signing_key(1);
    let payload = "{ \"b\" : 1,\n\"a\":2 }";
    let token = sign(&key, &header(TYP, &key), payload);
    let mut budget = budget();
    let verified: Verified<Value> = Unverified::parse(token.as_bytes(), COMITY, &mut budget)
        .and_then(|t| {
            t.verify(
                &keys(KeyPurpose::Exchange, &key),
                KeyPurpose::Exchange,
                &mut budget,
            )
        })
        .expect("a good token");
    assert_eq!(verified.received(), token.as_bytes());
    assert_eq!(verified.payload(), payload.as_bytes());
    assert_eq!(verified.signer().to_string(), kid(&key));
    assert_eq!(verified.header().kid(), Some(kid(&key).as_str()));
}

#[test]
fn every_header_defect_has_its_rule() {
    let key = signing_key(1);
    let good = header(TYP, &key);
    let with = |member: &str| good.replace("{\"alg\"", &format!("{{{member},\"alg\""));
    let cases = [
        (good.replace("EdDSA", "none"), "jws.alg"),
        (good.replace("EdDSA", "HS256"), "jws.alg"),
        (good.replace("EdDSA", "eddsa"), "jws.alg"),
        (good.replace("EdDSA", "ES256"), "jws.alg"),
        (good.replace("EdDSA", "RS256"), "jws.alg"),
        (good.replace("\"alg\":\"EdDSA\",", ""), "jws.alg"),
        (good.replace(TYP, "comity-receipt+jwt"), "jws.typ"),
        (good.replace(TYP, "application/comity-hint+jwt"), "jws.typ"),
        (good.replace(TYP, "Comity-Hint+JWT"), "jws.typ"),
        (good.replace(&format!(",\"typ\":\"{TYP}\""), ""), "jws.typ"),
        (
            good.replace(&format!("\"kid\":\"{}\",", kid(&key)), ""),
            "jws.kid",
        ),
        (good.replace(&kid(&key), &kid(&signing_key(2))), "jws.unknown-key"),
        (good.replace(&kid(&key), ""), "jws.unknown-key"),
        (with(r#""crit":["exp"]"#), "jws.header-member"),
        (with(r#""crit":[]"#), "jws.header-member"),
        (with(r#""b64":false"#), "jws.header-member"),
        (with(r#""zip":"DEF""#), "jws.header-member"),
        (with(r#""jku":"https://evil.example/jwks""#), "jws.header-member"),
        (with(r#""jwk":{}"#), "jws.header-member"),
        (with(r#""x5u":"https://evil.example/x5u""#), "jws.header-member"),
        (with(r#""x5c":[]"#), "jws.header-member"),
        (with(r#""cty":"json""#), "jws.header-member"),
        (with(r#""signed_at":1"#), "jws.header-member"),
        (with(r#""alg":"EdDSA""#), "jws.duplicate-name"),
        (with(r#""\u0061lg":"none""#), "jws.duplicate-name"),
        (good.replace("\"EdDSA\"", "7"), "jws.claims"),
        (good.replace("\"EdDSA\"", "null"), "jws.claims"),
        ("[]".into(), "jws.claims"),
        ("\"x\"".into(), "jws.claims"),
        (String::new(), "jws.json"),
        (good[1..].into(), "jws.json"),
    ];
    assert!(
        verify(&sign(&key, &good, "{}"), COMITY).is_ok(),
        "the twin of all of them is good"
    );
    for (header, rule) in cases {
        assert_eq!(verify(&sign(&key, &header, "{}"), COMITY), Err(rule), "{header}");
    }
}

#[test]
fn every_payload_defect_has_its_rule() {
    let key = signing_key(1);
    let nested = format!("{}{}", "[".repeat(33), "]".repeat(33));
    let cases = [
        (r#"{"a":1,"a":1}"#, "jws.duplicate-name"),
        (r#"{"a":1,"\u0061":1}"#, "jws.duplicate-name"),
        (r#"{"a":9223372036854775808}"#, "jws.number"),
        (r#"{"a":1.0}"#, "jws.number"),
        (r#"{"a":1e2}"#, "jws.number"),
        (nested.as_str(), "jws.depth"),
        (r#"{"a":1}x"#, "jws.json"),
        ("", "jws.json"),
        ("plain text", "jws.json"),
    ];
    for (payload, rule) in cases {
        assert_eq!(
            verify(&sign(&key, &header(TYP, &key), payload), COMITY),
            Err(rule),
            "{payload}"
        );
    }
}

#[test]
fn the_structure_is_three_canonical_parts() {
    let key = signing_key(1);
    let token = sign(&key, &header(TYP, &key), "{}");
    let parts: Vec<&str> = token.split('.').collect();
    let cases = [
        (String::new(), "jws.structure"),
        ("..".into(), "jws.json"),
        (format!("{}.{}", parts[0], parts[1]), "jws.structure"),
        (format!("{token}.{}", parts[2]), "jws.structure"),
        (format!("{}..{}", parts[0], parts[2]), "jws.json"),
        (format!("{}.{}.", parts[0], parts[1]), "jws.signature-form"),
        (format!("{token}="), "jws.signature-form"),
        (format!("{token}A"), "jws.signature-form"),
        (
            format!("{}=.{}.{}", parts[0], parts[1], parts[2]),
            "jws.base64url",
        ),
        (
            format!("{}.{}=.{}", parts[0], parts[1], parts[2]),
            "jws.base64url",
        ),
        (format!(" {token}"), "jws.base64url"),
        (format!("{token}\n"), "jws.signature-form"),
        (token[..token.len() - 1].into(), "jws.signature-form"),
    ];
    for (token, rule) in cases {
        assert_eq!(verify(&token, COMITY), Err(rule), "{token}");
    }
}

#[test]
fn no_character_can_be_changed() {
    let key = signing_key(1);
    let token = sign(
        &key,
        &header(TYP, &key),
        r#"{"iat":1700000000,"lists":["https://yushan.example/s/1"]}"#,
    );
    assert!(verify(&token, COMITY).is_ok());
    for at in 0..token.len() {
        for other in ['A', 'B', '-'] {
            let mut changed = token.clone();
            changed.replace_range(at..=at, &other.to_string());
            if changed != token {
                assert!(verify(&changed, COMITY).is_err(), "character {at} as {other:?}");
            }
        }
    }
}

#[test]
fn keys_of_another_purpose_are_refused_by_name() {
    let key = signing_key(1);
    let token = sign(&key, &header(TYP, &key), "{}");
    let mut budget = budget();
    let refused = Unverified::parse(token.as_bytes(), COMITY, &mut budget).and_then(|t| {
        t.verify::<Value>(
            &keys(KeyPurpose::Federation, &key),
            KeyPurpose::Exchange,
            &mut budget,
        )
    });
    assert_eq!(refused.map(|_| ()).map_err(|e| e.rule()), Err("key.purpose"));
}

#[test]
fn another_key_under_the_right_name_fails() {
    let token = sign(&signing_key(2), &header(TYP, &signing_key(1)), "{}");
    assert_eq!(verify(&token, COMITY), Err("jws.signature"));
}

#[test]
fn the_standard_profile_reads_what_others_issue() {
    let key = signing_key(1);
    for header in [
        r#"{"alg":"EdDSA"}"#.to_owned(),
        r#"{"alg":"EdDSA","typ":"JWT","x5c":["AAAA"],"cty":"json"}"#.to_owned(),
        format!(r#"{{"alg":"Ed25519","kid":"{}"}}"#, kid(&key)),
    ] {
        assert_eq!(
            verify(&sign(&key, &header, r#"{"a":1.5}"#), STANDARD),
            Ok(json!({"a":1.5})),
            "{header}"
        );
    }
    let typed = Profile::Standard {
        typ: Some("statuslist+jwt"),
    };
    for typ in ["statuslist+jwt", "application/statuslist+jwt", "StatusList+JWT"] {
        assert!(
            verify(&sign(&key, &header(typ, &key), "{}"), typed).is_ok(),
            "{typ}"
        );
    }
    assert_eq!(
        verify(&sign(&key, &header("JWT", &key), "{}"), typed),
        Err("jws.typ")
    );
    assert_eq!(
        verify(&sign(&key, r#"{"alg":"EdDSA"}"#, "{}"), typed),
        Err("jws.typ")
    );
}

#[test]
fn the_standard_profile_is_still_strict() {
    let key = signing_key(1);
    for (header, payload, rule) in [
        (r#"{"alg":"none"}"#, "{}", "jws.alg"),
        (r#"{"alg":"ES256"}"#, "{}", "key.algorithm"),
        (
            r#"{"alg":"EdDSA","crit":["b64"],"b64":true}"#,
            "{}",
            "jws.header-member",
        ),
        (r#"{"alg":"EdDSA","b64":true}"#, "{}", "jws.header-member"),
        (r#"{"alg":"EdDSA","zip":"DEF"}"#, "{}", "jws.header-member"),
        (r#"{"alg":"EdDSA","jwk":{}}"#, "{}", "jws.header-member"),
        (r#"{"alg":"EdDSA","alg":"EdDSA"}"#, "{}", "jws.duplicate-name"),
        (r#"{"alg":"EdDSA"}"#, r#"{"a":1,"a":2}"#, "jws.duplicate-name"),
        (
            r#"{"alg":"EdDSA"}"#,
            r#"{"a":18446744073709551616}"#,
            "jws.number",
        ),
        (r#"{"alg":"EdDSA"}"#, "plain text", "jws.payload"),
    ] {
        assert_eq!(
            verify(&sign(&key, header, payload), STANDARD),
            Err(rule),
            "{header} {payload}"
        );
    }
}

#[test]
fn without_a_kid_only_a_single_candidate_is_meant() {
    let key = signing_key(1);
    let token = sign(&key, r#"{"alg":"EdDSA"}"#, "{}");
    let mut two = keys(KeyPurpose::Exchange, &key);
    two.add(KeyPurpose::Exchange, crate::fixtures::public(&signing_key(2)))
        .expect("fits");
    let mut budget = budget();
    let refused = Unverified::parse(token.as_bytes(), STANDARD, &mut budget)
        .and_then(|t| t.verify::<Value>(&two, KeyPurpose::Exchange, &mut budget));
    assert_eq!(refused.map(|_| ()), Err(JwsError::KidMissing));
}

#[test]
fn es256_in_the_standard_profile() {
    use p256::ecdsa::signature::Signer as _;
    let key = p256::ecdsa::SigningKey::from_slice(&[7; 32]).expect("a scalar");
    let point = key.verifying_key().to_sec1_point(false);
    let (x, y) = (
        b64::encode(&point.as_bytes()[1..33]),
        b64::encode(&point.as_bytes()[33..]),
    );
    let jwks = json!({"keys":[{"kty":"EC","crv":"P-256","x":x,"y":y,"kid":"phone"}]}).to_string();
    let input = format!(
        "{}.{}",
        b64::encode(br#"{"alg":"ES256","kid":"phone"}"#),
        b64::encode(b"{}")
    );
    let signature: p256::ecdsa::Signature = key.sign(input.as_bytes());
    let check = |signature: &[u8]| {
        let mut budget = budget();
        let keys =
            KeySet::from_jwks_json(jwks.as_bytes(), KeyPurpose::Exchange, &mut budget).expect("a good set");
        Unverified::parse(
            format!("{input}.{}", b64::encode(signature)).as_bytes(),
            STANDARD,
            &mut budget,
        )
        .and_then(|t| t.verify::<Value>(&keys, KeyPurpose::Exchange, &mut budget))
        .map(Verified::into_value)
    };
    assert_eq!(check(&signature.to_bytes()), Ok(json!({})));
    assert_eq!(check(&[0; 64]), Err(JwsError::Signature));
    let mut changed = signature.to_bytes();
    changed[5] ^= 1;
    assert_eq!(check(&changed), Err(JwsError::Signature));
    assert_eq!(check(signature.to_der().as_bytes()), Err(JwsError::SignatureForm));
}

// JWS-15, JWS-19
#[test]
fn signatures_and_bytes_are_paid_for() {
    let key = signing_key(1);
    let token = sign(&key, &header(TYP, &key), "{}");
    let limits = crate::budget::Limits {
        signatures: 0,
        ..crate::budget::Limits::PRESENTATION
    };
    let mut none = Budget::new(limits);
    let refused = Unverified::parse(token.as_bytes(), COMITY, &mut none)
        .and_then(|t| t.verify::<Value>(&keys(KeyPurpose::Exchange, &key), KeyPurpose::Exchange, &mut none));
    assert!(matches!(refused, Err(JwsError::Budget(_))));
    let long = "x".repeat(MAX_TOKEN + 1);
    assert_eq!(
        Unverified::parse(long.as_bytes(), COMITY, &mut budget()).map(|_| ()),
        Err(JwsError::TooLong)
    );
}

mod several_signatures {
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    const AGREEMENT: &str = "comity-agreement+jwt";

    fn part(key: &SigningKey, payload: &str, extra: &str) -> Value {
        let header = format!(
            r#"{{"alg":"EdDSA","kid":"{}","typ":"{AGREEMENT}"{extra}}}"#,
            kid(key)
        );
        let protected = b64::encode(header.as_bytes());
        let input = format!("{protected}.{}", b64::encode(payload.as_bytes()));
        json!({"protected": protected, "signature": b64::encode(&key.sign(input.as_bytes()).to_bytes())})
    }

    fn signed(payload: &str, signers: &[u8]) -> Value {
        let parts: Vec<Value> = signers
            .iter()
            .map(|s| part(&signing_key(*s), payload, &format!(",\"signed_at\":{s}")))
            .collect();
        json!({"payload": b64::encode(payload.as_bytes()), "signatures": parts})
    }

    /// Verifies for the parties with seeds 1 and 2.
    fn check(object: &Value) -> Result<(Value, Vec<i64>), &'static str> {
        let parties = [1, 2].map(|s| keys(KeyPurpose::Federation, &signing_key(s)));
        let mut budget = budget();
        UnverifiedGeneral::parse(object.to_string().as_bytes(), AGREEMENT, &mut budget)
            .and_then(|u| u.verify(&[&parties[0], &parties[1]], KeyPurpose::Federation, &mut budget))
            .map(|v: VerifiedGeneral<Value>| {
                (
                    v.value().clone(),
                    v.signers().iter().map(|s| s.signed_at).collect(),
                )
            })
            .map_err(|e| e.rule())
    }

    #[test]
    fn one_of_each_party_in_any_order() {
        let payload = r#"{"id":"a"}"#;
        assert_eq!(
            check(&signed(payload, &[1, 2])),
            Ok((json!({"id":"a"}), vec![1, 2]))
        );
        assert_eq!(
            check(&signed(payload, &[2, 1])),
            Ok((json!({"id":"a"}), vec![1, 2])),
            "in the parties' order"
        );
    }

    #[test]
    fn not_fewer_not_more_not_others() {
        assert_eq!(check(&signed("{}", &[1])), Err("jws.signature-count"));
        assert_eq!(check(&signed("{}", &[1, 2, 1])), Err("jws.signature-count"));
        assert_eq!(check(&signed("{}", &[1, 1])), Err("jws.party-signed-twice"));
        assert_eq!(check(&signed("{}", &[1, 3])), Err("jws.unknown-key"));
        assert_eq!(check(&signed("{}", &[])), Err("jws.structure"));
    }

    #[test]
    fn every_defect_of_form_has_its_rule() {
        let good = signed("{}", &[1, 2]);
        assert!(check(&good).is_ok());
        let with = |change: &dyn Fn(&mut Value)| {
            let mut changed = good.clone();
            change(&mut changed);
            check(&changed)
        };
        assert_eq!(with(&|o| o["payload"] = "e30x".into()), Err("jws.json"));
        assert_eq!(with(&|o| o["payload"] = "e30=".into()), Err("jws.base64url"));
        assert_eq!(
            with(&|o| o["payload"] = b64::encode(b"{ }").into()),
            Err("jws.signature")
        );
        assert_eq!(with(&|o| o["header"] = json!({})), Err("jws.claims"));
        assert_eq!(
            with(&|o| o["signatures"][0]["header"] = json!({"kid":"x"})),
            Err("jws.claims")
        );
        assert_eq!(with(&|o| o["signatures"] = json!({})), Err("jws.claims"));
        assert_eq!(
            with(&|o| o["signatures"][0]["signature"] = "AA".into()),
            Err("jws.signature-form")
        );
        let swap = good["signatures"][1]["signature"].clone();
        assert_eq!(
            with(&|o| o["signatures"][0]["signature"] = swap.clone()),
            Err("jws.signature")
        );
        let key = signing_key(1);
        for (extra, rule) in [
            ("", "jws.claims"),
            (",\"signed_at\":1,\"crit\":[]", "jws.header-member"),
            (",\"signed_at\":1,\"x\":1", "jws.header-member"),
            (",\"signed_at\":1.5", "jws.number"),
        ] {
            assert_eq!(
                with(&|o| o["signatures"][0] = part(&key, "{}", extra)),
                Err(rule),
                "{extra}"
            );
        }
        let doubled = good
            .to_string()
            .replacen("{\"payload\"", "{\"payload\":\"\",\"payload\"", 1);
        assert!(doubled.contains("\"payload\":\"\""), "the duplicate was written");
        let refused = UnverifiedGeneral::parse(doubled.as_bytes(), AGREEMENT, &mut budget()).map(|_| ());
        assert_eq!(refused.map_err(|e| e.rule()), Err("jws.duplicate-name"));
    }

    #[test]
    fn a_draft_is_checked_signature_by_signature() {
        let mut budget = budget();
        let draft =
            UnverifiedGeneral::parse(signed("{}", &[2]).to_string().as_bytes(), AGREEMENT, &mut budget)
                .expect("well formed");
        let (one, two) = (signing_key(1), signing_key(2));
        let party = keys(KeyPurpose::Federation, &two);
        assert_eq!(
            draft
                .verify_one(0, &party, KeyPurpose::Federation, &mut budget)
                .map(|s| s.key.to_string()),
            Ok(kid(&two))
        );
        let other = keys(KeyPurpose::Federation, &one);
        assert!(
            draft
                .verify_one(0, &other, KeyPurpose::Federation, &mut budget)
                .is_err()
        );
        let refused = draft.verify_one(1, &party, KeyPurpose::Federation, &mut budget);
        assert_eq!(refused, Err(JwsError::NoSuchSignature { index: 1 }));
    }
}

proptest! {
    #[test]
    fn parsing_is_total(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Unverified::parse(&bytes, STANDARD, &mut budget());
        let _ = UnverifiedGeneral::parse(&bytes, TYP, &mut budget());
    }

    #[test]
    fn parsing_token_like_text_is_total(text in "[A-Za-z0-9_=-]{0,60}\\.[A-Za-z0-9_-]{0,60}\\.[A-Za-z0-9_-]{86}") {
        prop_assert!(Unverified::parse(text.as_bytes(), COMITY, &mut budget()).is_err());
    }

    #[test]
    fn signed_once_verifies_and_under_no_other_key(payload in "\\{\"n\":-?[1-9][0-9]{0,15}\\}", seed in 2_u8..255) {
        let key = signing_key(1);
        let token = sign(&key, &header(TYP, &key), &payload);
        prop_assert!(verify(&token, COMITY).is_ok());
        let other = sign(&signing_key(seed), &header(TYP, &key), &payload);
        prop_assert_eq!(verify(&other, COMITY), Err("jws.signature"));
    }
}
