//! Keys: RFC 8037 and RFC 7638 vectors, and every kind of key that must not be imported.

use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::EdwardsPoint;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::fixtures::{budget, kid, public, signing_key};

/// RFC 8037 appendix A.2 and A.3.
const RFC_8037_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const RFC_8037_THUMBPRINT: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";

fn jwk(value: Value) -> Jwk {
    serde_json::from_value(value).expect("a well-formed JWK")
}

#[test]
fn imports_the_key_of_rfc_8037_under_its_thumbprint() {
    let key = Ed25519Key::from_jwk(&jwk(json!({"kty":"OKP","crv":"Ed25519","x":RFC_8037_X})));
    assert_eq!(
        key.map(|k| k.thumbprint().to_string()),
        Ok(RFC_8037_THUMBPRINT.to_owned())
    );
}

#[test]
fn the_kid_of_our_own_keys_is_the_thumbprint() {
    let with = |kid: &str| {
        Ed25519Key::from_jwk(&jwk(
            json!({"kty":"OKP","crv":"Ed25519","x":RFC_8037_X,"kid":kid}),
        ))
    };
    assert!(with(RFC_8037_THUMBPRINT).is_ok());
    assert_eq!(with("key-1").map(|_| ()), Err(KeyError::KidMismatch));
}

// JWS-8
#[test]
fn refuses_every_point_of_small_order_in_every_spelling() {
    let mut encodings: Vec<[u8; 32]> = EIGHT_TORSION.iter().map(|p| p.compress().to_bytes()).collect();
    // The same points by other spellings: y = p, y = p + 1, and a sign bit on x = 0.
    let mut p = [0xff; 32];
    p[0] = 0xed;
    p[31] = 0x7f;
    for low in [0xed, 0xee] {
        for high in [0x7f, 0xff] {
            p[0] = low;
            p[31] = high;
            encodings.push(p);
        }
    }
    let mut minus_zero = [0; 32];
    minus_zero[0] = 1;
    minus_zero[31] = 0x80;
    encodings.push(minus_zero);
    for encoding in encodings {
        let refused = Ed25519Key::from_bytes(&encoding).map(|_| ());
        // Some decoders know the second spellings for what they are, others take them for no point: never a key.
        assert!(
            matches!(refused, Err(KeyError::SmallOrder | KeyError::NotOnCurve)),
            "{encoding:?}: {refused:?}"
        );
    }
    for point in EIGHT_TORSION {
        assert_eq!(
            Ed25519Key::from_bytes(&point.compress().to_bytes()).map(|_| ()),
            Err(KeyError::SmallOrder)
        );
    }
}

#[test]
fn refuses_a_key_with_a_torsion_component() {
    let good: EdwardsPoint = signing_key(1).verifying_key().to_edwards();
    for torsion in &EIGHT_TORSION[1..] {
        let mixed = (good + torsion).compress().to_bytes();
        assert_eq!(Ed25519Key::from_bytes(&mixed).map(|_| ()), Err(KeyError::Torsion));
    }
    assert!(Ed25519Key::from_bytes(&good.compress().to_bytes()).is_ok());
}

#[test]
fn refuses_non_canonical_encodings_and_what_is_no_point() {
    // y = p + k for k below 19 fits in 255 bits and is a second spelling of y = k.
    let mut reasons = Vec::new();
    for k in 0..19_u8 {
        for sign in [0x7f, 0xff] {
            let mut bytes = [0xff; 32];
            bytes[0] = 0xed + k;
            bytes[31] = sign;
            reasons.push(Ed25519Key::from_bytes(&bytes).map(|_| ()));
        }
    }
    assert!(reasons.iter().all(Result::is_err), "{reasons:?}");
    assert!(reasons.contains(&Err(KeyError::NonCanonical)), "{reasons:?}");
    // y = 2 is on no point of the curve.
    let mut two = [0; 32];
    two[0] = 2;
    assert_eq!(
        Ed25519Key::from_bytes(&two).map(|_| ()),
        Err(KeyError::NotOnCurve)
    );
}

// JWS-7
#[test]
fn the_forgery_that_lax_verification_accepts_is_refused() {
    // Identity as key, identity as R, zero as S: holds for every message under the cofactored and the plain equation.
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    assert_eq!(
        Ed25519Key::from_bytes(&identity).map(|_| ()),
        Err(KeyError::SmallOrder)
    );
    assert!(!public(&signing_key(1)).verify(b"anything", &signature));
    let weak = VerifyingKey::from_bytes(&identity).expect("the curve library takes it");
    assert!(
        weak.verify_strict(b"anything", &Ed25519Signature::from_bytes(&signature))
            .is_err()
    );
}

#[test]
fn s_must_be_canonical() {
    use ed25519_dalek::Signer as _;
    let key = signing_key(3);
    let mut signature = key.sign(b"message").to_bytes();
    assert!(public(&key).verify(b"message", &signature));
    // Adding the group order to S gives the second solution of the same equation.
    let order: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0_u16;
    for (byte, add) in signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert!(!public(&key).verify(b"message", &signature));
}

#[test]
fn private_members_refuse_a_public_key() {
    let private =
        json!({"kty":"OKP","crv":"Ed25519","x":RFC_8037_X,"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"});
    assert_eq!(
        PublicKey::from_value(&private).map(|_| ()),
        Err(KeyError::Private)
    );
    let symmetric = json!({"kty":"oct","k":"AAAA"});
    assert_eq!(
        PublicKey::from_value(&symmetric).map(|_| ()),
        Err(KeyError::Private)
    );
}

#[test]
fn p256_points_must_be_on_the_curve() {
    // The generator of P-256 (FIPS 186-4 D.1.2.3).
    let x = "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY";
    let y = "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU";
    let good = json!({"kty":"EC","crv":"P-256","x":x,"y":y});
    assert!(PublicKey::from_value(&good).is_ok());
    let bad = json!({"kty":"EC","crv":"P-256","x":x,"y":x});
    assert_eq!(PublicKey::from_value(&bad).map(|_| ()), Err(KeyError::NotOnCurve));
    let short = json!({"kty":"EC","crv":"P-256","x":x,"y":"AAAA"});
    assert_eq!(
        PublicKey::from_value(&short).map(|_| ()),
        Err(KeyError::Malformed("y"))
    );
}

#[test]
fn a_key_set_passes_over_types_it_does_not_read_and_refuses_bad_keys() {
    let read = |document: Value| {
        KeySet::from_jwks_json(
            document.to_string().as_bytes(),
            KeyPurpose::Attestation,
            &mut budget(),
        )
    };
    let good = json!({"kty":"OKP","crv":"Ed25519","x":RFC_8037_X,"kid":"a"});
    let rsa = json!({"kty":"RSA","n":"AQAB","e":"AQAB","kid":"r"});
    let weak = json!({"kty":"OKP","crv":"Ed25519","x":b64::encode(&EIGHT_TORSION[0].compress().to_bytes()),"kid":"w"});
    assert_eq!(
        read(json!({"keys":[rsa, good]})).map(|s| s.entries().len()),
        Ok(1)
    );
    assert_eq!(read(good.clone()).map(|s| s.entries().len()), Ok(1));
    assert!(matches!(read(rsa), Err(KeyError::Type(_))));
    assert_eq!(
        read(json!({"keys":[good, weak]})).map(|_| ()),
        Err(KeyError::SmallOrder)
    );
    assert_eq!(
        read(json!({"keys":[good, good]})).map(|_| ()),
        Err(KeyError::DuplicateKid)
    );
    assert!(read(json!({"keys":[]})).is_err());
    assert!(read(json!({"keys":"x"})).is_err());
    assert!(read(json!([])).is_err());
}

#[test]
fn keys_answer_only_for_their_purpose() {
    let key = signing_key(1);
    let mut set = KeySet::new();
    assert_eq!(set.add(KeyPurpose::Status, public(&key)), Ok(()));
    assert!(matches!(set.find(&kid(&key), KeyPurpose::Status), Found::Key(_)));
    assert_eq!(
        set.find(&kid(&key), KeyPurpose::Attestation),
        Found::OtherPurpose(KeyPurpose::Status)
    );
    assert_eq!(set.find("other", KeyPurpose::Status), Found::Nothing);
    // Listed for both, it serves both.
    assert_eq!(set.add(KeyPurpose::Attestation, public(&key)), Ok(()));
    assert!(matches!(
        set.find(&kid(&key), KeyPurpose::Attestation),
        Found::Key(_)
    ));
    assert!(matches!(set.find(&kid(&key), KeyPurpose::Status), Found::Key(_)));
}

#[test]
fn a_set_holds_64_keys_and_repeats_cost_nothing() {
    let mut set = KeySet::new();
    for seed in 0..64 {
        assert_eq!(set.add(KeyPurpose::Status, public(&signing_key(seed))), Ok(()));
    }
    assert_eq!(set.add(KeyPurpose::Status, public(&signing_key(5))), Ok(()));
    assert_eq!(
        set.add(KeyPurpose::Status, public(&signing_key(64))),
        Err(KeyError::TooMany)
    );
}

proptest! {
    #[test]
    fn import_is_total(bytes: [u8; 32]) {
        if let Ok(key) = Ed25519Key::from_bytes(&bytes) {
            prop_assert_eq!(key.to_bytes(), bytes);
        }
    }

    #[test]
    fn reading_a_key_set_is_total(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = KeySet::from_jwks_json(&bytes, KeyPurpose::Status, &mut budget());
    }
}

#[test]
fn a_busy_key_gets_a_table_few_have_one_at_a_time_and_the_answers_stay() {
    use ed25519_dalek::Signer as _;
    let has_table = |key: &Ed25519Key| key.practice.has_table();
    let keys: Vec<(Ed25519Key, [u8; 64])> = (1..=40)
        .map(|seed| {
            let signer = signing_key(seed);
            (public(&signer), signer.sign(b"permit").to_bytes())
        })
        .collect();
    for (key, signature) in &keys {
        assert!(!has_table(key));
        for _ in 0..multiples::PRACTICE {
            assert!(key.verify(b"permit", signature));
            assert!(!key.verify(b"permis", signature));
        }
    }
    let with = keys.iter().filter(|(key, _)| has_table(key)).count();
    assert!((1..=multiples::MOST).contains(&with), "{with}");
    // A copy shares what was learnt, and what ends leaves its place to others.
    let (busy, _) = keys.iter().find(|(key, _)| has_table(key)).expect("one has");
    assert!(has_table(&busy.clone()));
    drop(keys);
    let (fresh, signer) = (public(&signing_key(99)), signing_key(99));
    for _ in 0..multiples::PRACTICE {
        assert!(fresh.verify(b"permit", &signer.sign(b"permit").to_bytes()));
    }
    assert!(has_table(&fresh));
}
