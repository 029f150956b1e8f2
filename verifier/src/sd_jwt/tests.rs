//! SD-JWT: the processing of RFC 9901 §7, one refusal for each of its rules, and key binding.

use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::b64;
use crate::budget::Limits;
use crate::fixtures::{budget, disclosure, header, keys, sign, signing_key};

const TYP: &str = "dc+sd-jwt";
const COMITY: Profile<'static> = Profile::Comity { typ: TYP };
const STANDARD: Profile<'static> = Profile::Standard { typ: None };
const NOW: i64 = 1_700_000_000;

fn present(payload: &Value, disclosures: &[&str]) -> String {
    let key = signing_key(1);
    let mut token = sign(&key, &header(TYP, &key), &payload.to_string());
    for disclosure in disclosures {
        token.push('~');
        token.push_str(disclosure);
    }
    token.push('~');
    token
}

fn verify_as(token: &str, profile: Profile<'_>, binding: Binding<'_>) -> Result<Presentation, &'static str> {
    let mut budget = budget();
    SdJwt::parse(token.as_bytes(), profile, &mut budget)
        .and_then(|t| {
            t.verify(
                &keys(KeyPurpose::Attestation, &signing_key(1)),
                KeyPurpose::Attestation,
                binding,
                &mut budget,
            )
        })
        .map(Verified::into_value)
        .map_err(|e| e.rule())
}

fn verify(token: &str) -> Result<Presentation, &'static str> {
    verify_as(token, COMITY, Binding::Optional)
}

fn claims(token: &str) -> Result<Value, &'static str> {
    verify(token).map(|p| Value::Object(p.claims().clone()))
}

/// A payload with these digests in `_sd`.
fn payload(digests: &[&str]) -> Value {
    json!({"iss":"https://yushan.example","exp":NOW + 100,"_sd_alg":"sha-256","_sd":digests})
}

#[test]
fn digests_of_rfc_9901_section_4_2_3() {
    // Object property and array element, with the white space of the RFC's own encoder.
    let (encoded, digest) = disclosure(r#"["_26bc4LT-ac6q2KI6cBW5es", "family_name", "Möbius"]"#);
    assert_eq!(
        encoded,
        "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"
    );
    assert_eq!(digest, "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0");
    let (encoded, digest) = disclosure(r#"["lklxF5jMYlGTPUovMNIvCA", "FR"]"#);
    assert_eq!(encoded, "WyJsa2x4RjVqTVlsR1RQVW92TU5JdkNBIiwgIkZSIl0");
    assert_eq!(digest, "w0I8EKcdCtUPkGCNUrfwVp2xEgNjtoIDlOxc9-PlOhs");
}

#[test]
fn discloses_what_the_holder_chose_and_drops_the_rest() {
    let (name, name_digest) = disclosure(r#"["s1","name","示例一"]"#);
    let (_, withheld) = disclosure(r#"["s2","tier","示例"]"#);
    let (_, decoy) = disclosure(r#"["decoy"]"#);
    let token = present(&payload(&[&withheld, &name_digest, &decoy]), &[&name]);
    let presentation = verify(&token).unwrap();
    let expected = json!({"iss":"https://yushan.example","exp":NOW + 100,"name":"示例一"});
    assert_eq!(Value::Object(presentation.claims().clone()), expected);
    assert_eq!(presentation.disclosed(), ["/name"]);
    assert!(
        presentation.discloses("name") && !presentation.discloses("tier") && !presentation.discloses("iss")
    );
    assert_eq!(presentation.holder(), None);
}

#[test]
fn objects_arrays_and_recursion() {
    let (street, street_digest) = disclosure(r#"["s1","street","示例路"]"#);
    let (address, address_digest) =
        disclosure(&json!(["s2","address",{"_sd":[street_digest],"region":"361123"}]).to_string());
    let (period, period_digest) = disclosure(r#"["s3",{"from":"2020-01-01"}]"#);
    let (_, hidden_period) = disclosure(r#"["s4",{"from":"2021-01-01"}]"#);
    let (inner, inner_digest) = disclosure(r#"["s5","b"]"#);
    let (outer, outer_digest) = disclosure(&json!(["s6", ["a", {"...":inner_digest}]]).to_string());
    let mut payload = payload(&[&address_digest]);
    payload["periods"] =
        json!([{"...":hidden_period}, {"...":period_digest}, {"open":true}, {"...":outer_digest}]);
    // In any order: a child may be sent before its parent.
    let token = present(&payload, &[&inner, &street, &outer, &period, &address]);
    let presentation = verify(&token).unwrap();
    assert_eq!(
        presentation.claims()["address"],
        json!({"region":"361123","street":"示例路"})
    );
    assert_eq!(
        presentation.claims()["periods"],
        json!([{"from":"2020-01-01"},{"open":true},["a","b"]])
    );
    assert_eq!(
        presentation.disclosed(),
        [
            "/periods/0",
            "/periods/2",
            "/periods/2/1",
            "/address",
            "/address/street"
        ]
    );
    // A child without its parent refers to nothing.
    assert_eq!(claims(&present(&payload, &[&street])), Err("sd-jwt.unreferenced"));
}

#[test]
fn refuses_what_rfc_9901_refuses() {
    let (name, digest) = disclosure(r#"["s1","name","示例"]"#);
    let good = payload(&[&digest]);
    assert!(
        claims(&present(&good, &[&name])).is_ok(),
        "the twin of all of them is good"
    );
    let with = |change: &dyn Fn(&mut Value)| {
        let mut changed = good.clone();
        change(&mut changed);
        claims(&present(&changed, &[&name]))
    };
    assert_eq!(
        with(&|p| p["_sd"] = json!([digest, digest])),
        Err("sd-jwt.repeated-digest")
    );
    assert_eq!(
        with(&|p| p["x"] = json!({"_sd":[digest]})),
        Err("sd-jwt.repeated-digest")
    );
    let (_, decoy) = disclosure("[]");
    assert_eq!(
        with(&|p| p["_sd"] = json!([digest, decoy, decoy])),
        Err("sd-jwt.repeated-digest")
    );
    assert_eq!(
        claims(&present(&good, &[&name, &name])),
        Err("sd-jwt.repeated-digest")
    );
    assert_eq!(with(&|p| p["_sd"] = json!([])), Err("sd-jwt.unreferenced"));
    assert_eq!(with(&|p| p["_sd"] = json!([decoy])), Err("sd-jwt.unreferenced"));
    assert_eq!(with(&|p| p["_sd"] = json!(digest)), Err("sd-jwt.digest"));
    assert_eq!(with(&|p| p["_sd"] = json!([digest, 1])), Err("sd-jwt.digest"));
    assert_eq!(with(&|p| p["_sd"] = json!({})), Err("sd-jwt.digest"));
    assert_eq!(with(&|p| p["name"] = json!("open")), Err("sd-jwt.collision"));
    assert_eq!(with(&|p| p["..."] = json!("x")), Err("sd-jwt.reserved-name"));
    assert_eq!(
        with(&|p| p["x"] = json!({"...":"x"})),
        Err("sd-jwt.reserved-name")
    );
    assert_eq!(
        with(&|p| p["x"] = json!([{"...":"x","y":1}])),
        Err("sd-jwt.digest")
    );
    assert_eq!(with(&|p| p["x"] = json!([{"...":1}])), Err("sd-jwt.digest"));
    assert_eq!(
        with(&|p| p["x"] = json!([{"...":digest}])),
        Err("sd-jwt.arity"),
        "a property where an element belongs"
    );
    assert_eq!(with(&|p| p["_sd_alg"] = json!("sha-512")), Err("sd-jwt.sd-alg"));
    assert_eq!(with(&|p| p["_sd_alg"] = json!("SHA-256")), Err("sd-jwt.sd-alg"));
    assert_eq!(with(&|p| p["_sd_alg"] = json!(1)), Err("sd-jwt.sd-alg"));
    assert_eq!(
        with(&|p| {
            p.as_object_mut().unwrap().remove("_sd_alg");
        }),
        Err("sd-jwt.sd-alg")
    );
}

#[test]
fn the_hash_has_a_default_only_for_others() {
    let (name, digest) = disclosure(r#"["s1","name","示例"]"#);
    let token = present(&json!({"_sd":[digest]}), &[&name]);
    assert!(verify_as(&token, STANDARD, Binding::Optional).is_ok());
    assert_eq!(
        verify_as(&token, COMITY, Binding::Optional).map(|_| ()),
        Err("sd-jwt.sd-alg")
    );
}

#[test]
fn every_disclosure_has_the_form_of_its_place() {
    let cases = [
        (r#"["s","name"]"#, "sd-jwt.arity"),
        (r#"["s","name","v","more"]"#, "sd-jwt.arity"),
        (r#"["s"]"#, "sd-jwt.arity"),
        ("[]", "sd-jwt.arity"),
        ("{}", "sd-jwt.arity"),
        ("\"s\"", "sd-jwt.arity"),
        (r#"[1,"name","v"]"#, "sd-jwt.arity"),
        (r#"["s",1,"v"]"#, "sd-jwt.arity"),
        (r#"["s",null,"v"]"#, "sd-jwt.arity"),
        (r#"["s","_sd","v"]"#, "sd-jwt.reserved-name"),
        (r#"["s","...","v"]"#, "sd-jwt.reserved-name"),
        (r#"["s","_sd_alg","sha-256"]"#, "sd-jwt.hidden-claim"),
        (r#"["s","name",{"...":"x"}]"#, "sd-jwt.reserved-name"),
        (r#"["s","name",{"_sd":"x"}]"#, "sd-jwt.digest"),
        (r#"["s","name",{"a":1,"a":2}]"#, "sd-jwt.disclosure"),
        (r#"["s","name",1.5]"#, "sd-jwt.disclosure"),
        (r#"["s","name",1]x"#, "sd-jwt.disclosure"),
        ("", "sd-jwt.disclosure"),
    ];
    for (json, rule) in cases {
        let (encoded, digest) = disclosure(json);
        assert_eq!(
            claims(&present(&payload(&[&digest]), &[&encoded])),
            Err(rule),
            "{json}"
        );
    }
    let (encoded, digest) = disclosure(r#"["s","name","v"]"#);
    let (element, element_digest) = disclosure(r#"["s","v"]"#);
    assert_eq!(
        claims(&present(&payload(&[&element_digest]), &[&element])),
        Err("sd-jwt.arity")
    );
    // Another spelling of the same bytes has another digest and is not canonical.
    assert_eq!(
        claims(&present(&payload(&[&digest]), &[&format!("{encoded}=")])),
        Err("sd-jwt.disclosure")
    );
}

#[test]
fn registered_claims_stand_open() {
    let disclosed = |name: &str| {
        let (encoded, digest) = disclosure(&json!(["s", name, "v"]).to_string());
        let token = present(&json!({"_sd_alg":"sha-256","_sd":[digest]}), &[&encoded]);
        (
            verify_as(&token, COMITY, Binding::Optional).map(|_| ()),
            verify_as(&token, STANDARD, Binding::Optional).map(|_| ()),
        )
    };
    for name in OPEN_CLAIMS {
        assert_eq!(
            disclosed(name),
            (Err("sd-jwt.hidden-claim"), Err("sd-jwt.hidden-claim")),
            "{name}"
        );
    }
    for name in OPEN_CLAIMS_COMITY {
        assert_eq!(disclosed(name), (Err("sd-jwt.hidden-claim"), Ok(())), "{name}");
    }
    assert_eq!(disclosed("name"), (Ok(()), Ok(())));
    // Below the top level the same names are ordinary.
    let (encoded, digest) = disclosure(r#"["s","status","married"]"#);
    assert!(
        claims(&present(
            &json!({"_sd_alg":"sha-256","x":{"_sd":[digest]}}),
            &[&encoded]
        ))
        .is_ok()
    );
    // Nor may anything be hidden inside one, disclosed or withheld.
    let (encoded, digest) = disclosure(r#"["s","status_list",{"idx":1}]"#);
    let inside = json!({"_sd_alg":"sha-256","status":{"_sd":[digest]}});
    assert_eq!(claims(&present(&inside, &[&encoded])), Err("sd-jwt.hidden-claim"));
    assert_eq!(claims(&present(&inside, &[])), Err("sd-jwt.hidden-claim"));
    let array = json!({"_sd_alg":"sha-256","aud":[{"...":digest}]});
    assert_eq!(claims(&present(&array, &[])), Err("sd-jwt.hidden-claim"));
}

#[test]
fn disclosures_cannot_nest_without_bound() {
    let chain = |levels: usize| {
        let (mut encoded, mut digest) = disclosure(r#"["s","x",1]"#);
        let mut all = vec![encoded.clone()];
        for _ in 0..levels {
            (encoded, digest) = disclosure(&json!(["s","x",{"_sd":[digest]}]).to_string());
            all.push(encoded.clone());
        }
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        claims(&present(&payload(&[&digest]), &all)).map(|_| ())
    };
    assert_eq!(chain(31), Ok(()));
    assert_eq!(chain(32), Err("sd-jwt.depth"));
    assert_eq!(chain(100), Err("sd-jwt.depth"));
}

#[test]
fn the_combined_format_ends_in_a_tilde_or_a_binding() {
    let (name, digest) = disclosure(r#"["s1","name","示例"]"#);
    let good = present(&payload(&[&digest]), &[&name]);
    let jwt = good.split('~').next().unwrap();
    assert_eq!(claims(jwt), Err("sd-jwt.structure"));
    assert!(claims(&format!("{jwt}~")).is_ok());
    assert_eq!(claims(&format!("{jwt}~~")), Err("sd-jwt.disclosure"));
    assert_eq!(claims(good.trim_end_matches('~')), Err("kb.malformed"));
    assert_eq!(claims(&format!("~{good}")), Err("jws.structure"));
    assert_eq!(claims(""), Err("sd-jwt.structure"));
    assert_eq!(claims("~"), Err("jws.structure"));
}

#[test]
fn no_character_can_be_changed() {
    let (name, digest) = disclosure(r#"["s1","name","示例"]"#);
    let (_, withheld) = disclosure(r#"["s2","tier","x"]"#);
    let token = present(&payload(&[&digest, &withheld]), &[&name]);
    assert!(claims(&token).is_ok());
    for at in 0..token.len() {
        for other in ["A", "-", "~"] {
            let mut changed = token.clone();
            changed.replace_range(at..=at, other);
            if changed != token {
                assert!(claims(&changed).is_err(), "character {at} as {other}");
            }
        }
    }
}

#[test]
fn disclosures_are_paid_for() {
    let many: Vec<(String, String)> = (0..200)
        .map(|i| disclosure(&format!(r#"["s","n{i}",1]"#)))
        .collect();
    let digests: Vec<&str> = many.iter().map(|(_, d)| d.as_str()).collect();
    let encoded: Vec<&str> = many.iter().map(|(e, _)| e.as_str()).collect();
    assert_eq!(claims(&present(&payload(&digests), &encoded)), Err("budget"));
    assert!(claims(&present(&payload(&digests), &encoded[..100])).is_ok());
}

#[test]
fn dates_are_judged_on_request() {
    let at = |now: i64| {
        let presentation = verify(&present(
            &json!({"_sd_alg":"sha-256","nbf":NOW,"exp":NOW + 100}),
            &[],
        ))
        .unwrap();
        presentation.check_dates(now, 60).map_err(|e| e.rule())
    };
    assert_eq!(at(NOW - 61), Err("sd-jwt.not-yet-valid"));
    assert_eq!(at(NOW - 60), Ok(()));
    assert_eq!(at(NOW + 159), Ok(()));
    assert_eq!(at(NOW + 160), Err("sd-jwt.expired"));
    let odd = verify(&present(&json!({"_sd_alg":"sha-256","exp":"never"}), &[])).unwrap();
    assert_eq!(
        odd.check_dates(NOW, 60).map_err(|e| e.rule()),
        Err("sd-jwt.claims")
    );
}

mod key_binding {
    use super::*;

    const AUD: &str = "https://changshan.example";
    const NONCE: &str = "n-0S6_WzA2Mj";

    fn challenge() -> Binding<'static> {
        Binding::Required(Challenge {
            aud: AUD,
            nonce: NONCE,
            now: NOW,
            max_age: 300,
        })
    }

    fn bound_token(holder: &SigningKey) -> String {
        let (name, digest) = disclosure(r#"["s1","name","示例"]"#);
        let mut payload = payload(&[&digest]);
        let x = b64::encode(holder.verifying_key().as_bytes());
        payload["cnf"] = json!({"jwk":{"kty":"OKP","crv":"Ed25519","x":x}});
        present(&payload, &[&name])
    }

    fn hash(token: &str) -> String {
        b64::encode(&sha2::Sha256::digest(token.as_bytes()))
    }

    use sha2::Digest as _;

    fn binding(claims: &Value) -> String {
        sign(
            &signing_key(9),
            r#"{"alg":"EdDSA","typ":"kb+jwt"}"#,
            &claims.to_string(),
        )
    }

    fn good_claims(token: &str) -> Value {
        json!({"iat":NOW,"aud":AUD,"nonce":NONCE,"sd_hash":hash(token)})
    }

    fn check(token: &str) -> Result<Option<HolderProof>, &'static str> {
        verify_as(token, COMITY, challenge()).map(|p| p.holder().cloned())
    }

    #[test]
    fn proves_the_holder_to_this_recogniser_only() {
        let token = bound_token(&signing_key(9));
        let presented = format!("{token}{}", binding(&good_claims(&token)));
        let proof = check(&presented).unwrap().unwrap();
        assert_eq!(
            (proof.aud.as_str(), proof.nonce.as_str(), proof.iat),
            (AUD, NONCE, NOW)
        );
        assert_eq!(proof.key.to_string(), crate::fixtures::kid(&signing_key(9)));
        assert!(proof.challenged);
        let unasked = verify_as(&presented, COMITY, Binding::Optional).unwrap();
        assert!(!unasked.holder().unwrap().challenged);
    }

    #[test]
    fn its_absence_is_the_recognisers_to_judge() {
        let token = bound_token(&signing_key(9));
        assert_eq!(check(&token), Err("kb.missing"));
        assert!(verify_as(&token, COMITY, Binding::Optional).is_ok());
    }

    #[test]
    fn every_claim_is_compared() {
        let token = bound_token(&signing_key(9));
        let with = |name: &str, value: Value| {
            let mut claims = good_claims(&token);
            claims[name] = value;
            check(&format!("{token}{}", binding(&claims))).map(|_| ())
        };
        assert_eq!(with("aud", json!(AUD)), Ok(()));
        assert_eq!(with("aud", json!("https://other.example")), Err("kb.aud"));
        assert_eq!(with("aud", json!([AUD])), Err("kb.malformed"));
        assert_eq!(with("nonce", json!("other")), Err("kb.nonce"));
        assert_eq!(with("nonce", json!("")), Err("kb.nonce"));
        assert_eq!(with("iat", json!(NOW + 60)), Ok(()));
        assert_eq!(with("iat", json!(NOW + 61)), Err("kb.iat"));
        assert_eq!(with("iat", json!(NOW - 360)), Ok(()));
        assert_eq!(with("iat", json!(NOW - 361)), Err("kb.iat"));
        assert_eq!(with("iat", json!("now")), Err("kb.malformed"));
        assert_eq!(with("sd_hash", json!(hash("other"))), Err("kb.sd-hash"));
        for name in ["aud", "nonce", "iat", "sd_hash"] {
            let mut claims = good_claims(&token);
            claims.as_object_mut().unwrap().remove(name);
            assert_eq!(
                check(&format!("{token}{}", binding(&claims))).map(|_| ()),
                Err("kb.malformed"),
                "{name}"
            );
        }
    }

    #[test]
    fn it_belongs_to_exactly_what_was_presented() {
        let token = bound_token(&signing_key(9));
        let made = binding(&good_claims(&token));
        // Withholding a disclosure after binding changes what was presented.
        let fewer = format!("{}~", token.split('~').next().unwrap());
        assert_eq!(check(&format!("{fewer}{made}")), Err("kb.sd-hash"));
        assert_eq!(
            verify_as(&format!("{fewer}{made}"), COMITY, Binding::Optional).map(|_| ()),
            Err("kb.sd-hash")
        );
    }

    #[test]
    fn only_the_holders_key_makes_one() {
        let token = bound_token(&signing_key(8));
        assert_eq!(
            check(&format!("{token}{}", binding(&good_claims(&token)))),
            Err("kb.signature")
        );
        let token = bound_token(&signing_key(9));
        let claims = good_claims(&token).to_string();
        for (header, rule) in [
            (r#"{"alg":"EdDSA","typ":"kb+jwt","kid":"any"}"#, None),
            (r#"{"alg":"EdDSA","typ":"JWT"}"#, Some("kb.typ")),
            (r#"{"alg":"EdDSA"}"#, Some("kb.typ")),
            (r#"{"alg":"none","typ":"kb+jwt"}"#, Some("kb.malformed")),
            (r#"{"alg":"ES256","typ":"kb+jwt"}"#, Some("kb.malformed")),
            (r#"{"alg":"EdDSA","typ":"kb+jwt","jwk":{}}"#, Some("kb.malformed")),
            (
                r#"{"alg":"EdDSA","typ":"kb+jwt","crit":[]}"#,
                Some("kb.malformed"),
            ),
        ] {
            let made = sign(&signing_key(9), header, &claims);
            assert_eq!(check(&format!("{token}{made}")).err(), rule, "{header}");
        }
    }

    #[test]
    fn cnf_has_to_hold_a_usable_key() {
        let (name, digest) = disclosure(r#"["s1","name","示例"]"#);
        let with = |cnf: Option<Value>| {
            let mut payload = payload(&[&digest]);
            if let Some(cnf) = cnf {
                payload["cnf"] = cnf;
            }
            let token = present(&payload, &[&name]);
            check(&format!("{token}{}", binding(&good_claims(&token)))).map(|_| ())
        };
        let x = b64::encode(signing_key(9).verifying_key().as_bytes());
        let weak = b64::encode(&[0; 32]);
        assert_eq!(
            with(Some(json!({"jwk":{"kty":"OKP","crv":"Ed25519","x":x}}))),
            Ok(())
        );
        assert_eq!(with(None), Err("kb.cnf"));
        assert_eq!(with(Some(json!({}))), Err("kb.cnf"));
        assert_eq!(with(Some(json!("x"))), Err("kb.cnf"));
        assert_eq!(with(Some(json!({"kid":"x"}))), Err("kb.cnf"));
        assert_eq!(
            with(Some(json!({"jwk":{"kty":"RSA","n":"AQAB","e":"AQAB"}}))),
            Err("key.type")
        );
        assert_eq!(
            with(Some(json!({"jwk":{"kty":"OKP","crv":"Ed25519","x":weak}}))),
            Err("key.small-order")
        );
    }

    #[test]
    fn phones_bind_with_p256() {
        use p256::ecdsa::signature::Signer as _;
        let holder = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
        let point = holder.verifying_key().to_sec1_point(false);
        let (x, y) = (
            b64::encode(&point.as_bytes()[1..33]),
            b64::encode(&point.as_bytes()[33..]),
        );
        let mut payload = payload(&[]);
        payload["cnf"] = json!({"jwk":{"kty":"EC","crv":"P-256","x":x,"y":y}});
        let token = present(&payload, &[]);
        let input = format!(
            "{}.{}",
            b64::encode(br#"{"alg":"ES256","typ":"kb+jwt"}"#),
            b64::encode(good_claims(&token).to_string().as_bytes())
        );
        let signature: p256::ecdsa::Signature = holder.sign(input.as_bytes());
        let mut bytes = signature.to_bytes();
        assert!(
            check(&format!("{token}{input}.{}", b64::encode(&bytes)))
                .unwrap()
                .is_some()
        );
        bytes[40] ^= 1;
        assert_eq!(
            check(&format!("{token}{input}.{}", b64::encode(&bytes))),
            Err("kb.signature")
        );
    }
}

proptest! {
    #[test]
    fn parsing_is_total(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = SdJwt::parse(&bytes, STANDARD, &mut budget());
    }

    #[test]
    fn any_signed_payload_and_any_disclosures_end_in_an_answer(
        payload in "[\\[\\]{}:,\"_sd.0-9a-c]{0,60}",
        disclosures in prop::collection::vec("[\\[\\]{}:,\"_sd.0-9a-c]{0,40}", 0..4),
    ) {
        let encoded: Vec<String> = disclosures.iter().map(|d| disclosure(d).0).collect();
        let key = signing_key(1);
        let token = format!("{}~{}", sign(&key, &header(TYP, &key), &payload), encoded.iter().map(|e| format!("{e}~")).collect::<String>());
        let mut small = Budget::new(Limits::PRESENTATION);
        if let Ok(parsed) = SdJwt::parse(token.as_bytes(), COMITY, &mut small) {
            let _ = parsed.verify(&keys(KeyPurpose::Attestation, &key), KeyPurpose::Attestation, Binding::Optional, &mut small);
        }
    }

    #[test]
    fn each_subset_of_disclosures_shows_exactly_itself(chosen in prop::collection::vec(any::<bool>(), 8)) {
        let all: Vec<(String, String)> = (0..8).map(|i| disclosure(&format!(r#"["s{i}","c{i}",{i}]"#))).collect();
        let digests: Vec<&str> = all.iter().map(|(_, d)| d.as_str()).collect();
        let shown: Vec<&str> = all.iter().zip(&chosen).filter(|(_, c)| **c).map(|((e, _), _)| e.as_str()).collect();
        let presentation = verify(&present(&payload(&digests), &shown)).map_err(TestCaseError::fail)?;
        for (i, chosen) in chosen.iter().enumerate() {
            prop_assert_eq!(presentation.discloses(&format!("c{i}")), *chosen);
            prop_assert_eq!(presentation.claims().contains_key(&format!("c{i}")), *chosen);
        }
    }
}
