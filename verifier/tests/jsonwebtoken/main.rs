//! JWS as the library `jsonwebtoken` has it, on aws-lc: what it signs is read here, what is signed here it reads, and what was altered,
//! or signed in another way, both refuse. Its signatures and ours share no code.
#![cfg(test)]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comity_spec::jose::KeyPurpose;
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::jwk::KeySet;
use comity_verifier::jws::{Profile, Unverified};
use ed25519_dalek::{Signer as _, SigningKey};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde_json::{Value, json};

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

/// PKCS#8 of the key (RFC 8410 §7), as the library wants it.
fn pkcs8() -> Vec<u8> {
    let mut der = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
    der.extend(key().to_bytes());
    der
}

fn ours(token: &str) -> Option<Value> {
    let x = URL_SAFE_NO_PAD.encode(key().verifying_key().as_bytes());
    let jwks = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "one", "x": x }] });
    let mut budget = Budget::new(Limits::PRESENTATION);
    let keys =
        KeySet::from_jwks_json(jwks.to_string().as_bytes(), KeyPurpose::Exchange, &mut budget).unwrap();
    Unverified::parse(token.as_bytes(), Profile::Standard { typ: None }, &mut budget)
        .and_then(|unverified| unverified.verify::<Value>(&keys, KeyPurpose::Exchange, &mut budget))
        .ok()
        .map(|verified| verified.into_value())
}

fn theirs(token: &str) -> Option<Value> {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let key = DecodingKey::from_ed_der(key().verifying_key().as_bytes());
    decode::<Value>(token, &key, &validation)
        .ok()
        .map(|data| data.claims)
}

fn sign(header: &Value, payload: &[u8]) -> String {
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!("{}.{}", part(header.to_string().as_bytes()), part(payload));
    format!("{signed}.{}", part(&key().sign(signed.as_bytes()).to_bytes()))
}

fn header() -> Header {
    Header {
        kid: Some("one".to_owned()),
        ..Header::new(Algorithm::EdDSA)
    }
}

fn claims() -> [Value; 3] {
    [
        json!({}),
        json!({ "iss": "https://c361123.example", "iat": 1_763_784_000 }),
        json!({ "name": "示例甲", "deep": { "list": [1, true, null, { "_sd": ["…"] }] } }),
    ]
}

#[test]
fn what_the_library_signs_is_read_here() {
    for claims in claims() {
        let token = encode(&header(), &claims, &EncodingKey::from_ed_der(&pkcs8())).unwrap();
        assert_eq!(ours(&token), Some(claims.clone()));
        assert_eq!(theirs(&token), Some(claims));
    }
}

#[test]
fn what_is_signed_here_the_library_reads() {
    for claims in claims() {
        let token = sign(
            &json!({ "alg": "EdDSA", "kid": "one" }),
            claims.to_string().as_bytes(),
        );
        assert_eq!(theirs(&token), Some(claims.clone()));
        assert_eq!(ours(&token), Some(claims));
    }
}

#[test]
fn a_token_altered_in_any_one_character_is_refused_by_both() {
    let token = sign(
        &json!({ "alg": "EdDSA", "kid": "one" }),
        claims()[1].to_string().as_bytes(),
    );
    assert!(ours(&token).is_some() && theirs(&token).is_some());
    for at in 0..token.len() {
        for other in ["A", "_", ".", "=", ""] {
            if &token[at..=at] == other {
                continue;
            }
            let altered = format!("{}{other}{}", &token[..at], &token[at + 1..]);
            assert_eq!((ours(&altered), theirs(&altered)), (None, None), "{altered}");
        }
    }
}

#[test]
fn no_other_algorithm_is_taken_for_the_key() {
    // The classic: the public key as the secret of an HMAC.
    let hmac = Header {
        kid: Some("one".to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    let secret = EncodingKey::from_secret(key().verifying_key().as_bytes());
    let by_hmac = encode(&hmac, &claims()[1], &secret).unwrap();
    let payload = claims()[1].to_string();
    let unsigned = format!(
        "{}.{}.",
        URL_SAFE_NO_PAD.encode(br#"{"alg":"none","kid":"one"}"#),
        URL_SAFE_NO_PAD.encode(&payload)
    );
    let misnamed = sign(&json!({ "alg": "ES256", "kid": "one" }), payload.as_bytes());
    for token in [by_hmac, unsigned, misnamed] {
        assert_eq!((ours(&token), theirs(&token)), (None, None), "{token}");
    }
}

/// Where the library is laxer than the text, which is why it does not read our objects.
#[test]
fn what_the_library_passes_over_is_refused_here() {
    let lax: [(Value, &[u8]); 3] = [
        (
            json!({ "alg": "EdDSA", "kid": "one" }),
            br#"{"sub":"one","sub":"two"}"#,
        ),
        (
            json!({ "alg": "EdDSA", "kid": "one", "crit": ["x"], "x": 1 }),
            b"{}",
        ),
        (
            json!({ "alg": "EdDSA", "kid": "one", "jku": "https://other.example" }),
            b"{}",
        ),
    ];
    for (header, payload) in lax {
        let token = sign(&header, payload);
        assert_eq!(ours(&token), None, "{header}");
    }
}
