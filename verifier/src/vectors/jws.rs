//! Vectors of chapter 2: the strict profile.

use comity_spec::jose::KeyPurpose;
use comity_spec::vector::{JwsInput, Keys, Of, Vector};
use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::scalar::Scalar;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};

use super::{YUSHAN, accept, demo, raw, refuse};
use crate::b64;
use crate::testing::{jwk, key, thumbprint};

const TYP: &str = "comity-hint+jwt";
const PAYLOAD: &str = r#"{"iss":"https://c361123.example","iat":1763784000,"n":[1,{"m":-1}]}"#;
const TWIN: &str = "jws/valid";

fn signer() -> ed25519_dalek::SigningKey {
    demo().county(YUSHAN).key(KeyPurpose::Exchange)
}

fn kid() -> String {
    thumbprint(&signer()).to_string()
}

fn keys() -> Keys {
    let county = demo();
    let county = county.county(YUSHAN);
    [KeyPurpose::Exchange, KeyPurpose::Receipt]
        .into_iter()
        .map(|purpose| (purpose, vec![json!(jwk(&county.key(purpose)))]))
        .collect()
}

fn input(token: String) -> JwsInput {
    JwsInput {
        token,
        typ: TYP.to_owned(),
        purpose: KeyPurpose::Exchange,
        keys: keys(),
    }
}

fn header(members: &str) -> String {
    format!(r#"{{"alg":"EdDSA","kid":"{}","typ":"{TYP}"{members}}}"#, kid())
}

fn good() -> String {
    raw(&signer(), &header(""), PAYLOAD.as_bytes())
}

fn with_header(text: &str) -> JwsInput {
    input(raw(&signer(), text, PAYLOAD.as_bytes()))
}

fn with_payload(payload: &[u8]) -> JwsInput {
    input(raw(&signer(), &header(""), payload))
}

fn with_key(of: Value, token: String) -> JwsInput {
    let mut input = input(token);
    input.keys = Keys::from([(KeyPurpose::Exchange, vec![of])]);
    input
}

fn ed25519(bytes: &[u8]) -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "x": b64::encode(bytes) })
}

pub(super) fn all() -> Vec<Vector> {
    let mut all = valid();
    all.extend(headers());
    all.extend(payloads());
    all.extend(signatures());
    all.into_iter().map(Vector::Jws).collect()
}

fn valid() -> Vec<Of<JwsInput>> {
    let read = || json!({ "payload": serde_json::from_str::<Value>(PAYLOAD).expect("JSON") });
    let spaced = br#"{ "n" : 1 , "iss" : "x" }"#;
    let nested = format!("{{\"a\":{}1{}}}", "[".repeat(31), "]".repeat(31));
    let nested_value: Value = serde_json::from_str(&nested).expect("JSON");
    vec![
        accept(
            TWIN,
            "JWS-1 JWS-2 JWS-3 JWS-4 JWS-6 JWS-10 JWS-12",
            "a hint's shape, signed by an exchange key",
            input(good()),
            read(),
        ),
        accept(
            "jws/valid-alg-ed25519",
            "JWS-1",
            "the fully specified name of the algorithm",
            with_header(&header("").replace("EdDSA", "Ed25519")),
            read(),
        ),
        accept(
            "jws/valid-payload-with-white-space",
            "JWS-6",
            "the octets received are verified, whatever a serialiser would write",
            with_payload(spaced),
            json!({ "payload": { "n": 1, "iss": "x" } }),
        ),
        accept(
            "jws/valid-integers-at-the-ends",
            "JWS-12",
            "the least and the greatest integer",
            with_payload(br#"{"a":-9223372036854775808,"b":9223372036854775807}"#),
            json!({ "payload": { "a": i64::MIN, "b": i64::MAX } }),
        ),
        accept(
            "jws/valid-depth-32",
            "JWS-13",
            "32 levels",
            with_payload(nested.as_bytes()),
            json!({ "payload": nested_value }),
        ),
        accept(
            "jws/valid-256-kib",
            "JWS-15",
            "the longest token that is read",
            input(of_length(256 * 1024)),
            json!({}),
        ),
        accept(
            "jws/valid-header-members-in-another-order",
            "JWS-2",
            "the order of members means nothing",
            with_header(&format!(r#"{{"typ":"{TYP}","kid":"{}","alg":"EdDSA"}}"#, kid())),
            read(),
        ),
    ]
}

fn headers() -> Vec<Of<JwsInput>> {
    let no = |name: &str, ids: &str, about: &str, header: &str, rule: &str| {
        refuse(
            &format!("jws/{name}"),
            TWIN,
            ids,
            about,
            with_header(header),
            rule,
        )
    };
    let alg = |value: &str| header("").replace(r#""EdDSA""#, value);
    let typ = |value: &str| header("").replace(TYP, value);
    let mut all = vec![
        no("alg-none", "JWS-1", "alg is none", &alg(r#""none""#), "jws.alg"),
        no(
            "alg-hs256",
            "JWS-1",
            "alg is HS256",
            &alg(r#""HS256""#),
            "jws.alg",
        ),
        no(
            "alg-es256",
            "JWS-1",
            "alg is ES256, which only a holder's key may use",
            &alg(r#""ES256""#),
            "jws.alg",
        ),
        no(
            "alg-in-small-letters",
            "JWS-1",
            "alg is eddsa",
            &alg(r#""eddsa""#),
            "jws.alg",
        ),
        no(
            "alg-ed448",
            "JWS-1",
            "alg is Ed448",
            &alg(r#""Ed448""#),
            "jws.alg",
        ),
        no(
            "alg-missing",
            "JWS-1",
            "there is no alg",
            &header("").replace(r#""alg":"EdDSA","#, ""),
            "jws.alg",
        ),
        no(
            "alg-no-text",
            "JWS-1 JWS-16",
            "alg is a list",
            &alg(r#"["EdDSA"]"#),
            "jws.claims",
        ),
        no(
            "typ-of-another-object",
            "JWS-3",
            "typ is a receipt's",
            &typ("comity-receipt+jwt"),
            "jws.typ",
        ),
        no(
            "typ-as-full-media-type",
            "JWS-3",
            "typ begins with application/",
            &typ("application/comity-hint+jwt"),
            "jws.typ",
        ),
        no(
            "typ-in-capitals",
            "JWS-3",
            "typ is in capitals",
            &typ("COMITY-HINT+JWT"),
            "jws.typ",
        ),
        no(
            "typ-missing",
            "JWS-3",
            "there is no typ",
            &header("").replace(&format!(r#","typ":"{TYP}""#), ""),
            "jws.typ",
        ),
        no(
            "kid-missing",
            "JWS-4",
            "there is no kid",
            &format!(r#"{{"alg":"EdDSA","typ":"{TYP}"}}"#),
            "jws.kid",
        ),
        no(
            "kid-unknown",
            "JWS-4",
            "kid names no key of the signer",
            &header("").replace(&kid(), &thumbprint(&key("stranger")).to_string()),
            "jws.unknown-key",
        ),
        no(
            "header-duplicate-name",
            "JWS-11",
            "alg stands twice",
            &header(r#","alg":"EdDSA""#),
            "jws.duplicate-name",
        ),
        no(
            "header-no-json",
            "JWS-11",
            "the header is no JSON",
            &header("").replace('}', ""),
            "jws.json",
        ),
    ];
    for (name, member) in [
        ("crit", r#","crit":["exp"]"#.to_owned()),
        ("crit-empty", r#","crit":[]"#.to_owned()),
        ("b64", r#","b64":false"#.to_owned()),
        ("zip", r#","zip":"DEF""#.to_owned()),
        ("jku", r#","jku":"https://c361123.example/jwks""#.to_owned()),
        ("jwk", format!(r#","jwk":{}"#, json!(jwk(&signer())))),
        ("x5u", r#","x5u":"https://c361123.example/x""#.to_owned()),
        ("x5c", r#","x5c":["MAA="]"#.to_owned()),
        ("unknown", r#","note":"x""#.to_owned()),
        ("cty", r#","cty":"JWT""#.to_owned()),
        ("signed-at", r#","signed_at":1763784000"#.to_owned()),
    ] {
        all.push(no(
            &format!("header-member-{name}"),
            "JWS-2",
            "the header has a member besides alg, kid and typ",
            &header(&member),
            "jws.header-member",
        ));
    }
    all
}

fn payloads() -> Vec<Of<JwsInput>> {
    let no = |name: &str, ids: &str, about: &str, payload: &[u8], rule: &str| {
        refuse(
            &format!("jws/{name}"),
            TWIN,
            ids,
            about,
            with_payload(payload),
            rule,
        )
    };
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(32), "]".repeat(32));
    vec![
        no(
            "duplicate-name-in-payload",
            "JWS-11",
            "iat stands twice",
            br#"{"iat":1,"iat":2}"#,
            "jws.duplicate-name",
        ),
        no(
            "duplicate-name-by-escape",
            "JWS-11",
            "iat stands twice, once with an escape",
            br#"{"iat":1,"\u0069at":2}"#,
            "jws.duplicate-name",
        ),
        no(
            "duplicate-name-nested",
            "JWS-11",
            "a name stands twice three levels down",
            br#"{"a":[{"b":{"c":1,"c":1}}]}"#,
            "jws.duplicate-name",
        ),
        no(
            "number-with-fraction",
            "JWS-12",
            "1.5",
            br#"{"n":1.5}"#,
            "jws.number",
        ),
        no(
            "number-with-zero-fraction",
            "JWS-12",
            "1.0",
            br#"{"n":1.0}"#,
            "jws.number",
        ),
        no(
            "number-with-exponent",
            "JWS-12",
            "1e3",
            br#"{"n":1e3}"#,
            "jws.number",
        ),
        no("number-minus-zero", "JWS-12", "-0", br#"{"n":-0}"#, "jws.number"),
        no(
            "number-over-i64",
            "JWS-12",
            "2^63",
            br#"{"n":9223372036854775808}"#,
            "jws.number",
        ),
        no(
            "number-under-i64",
            "JWS-12",
            "-2^63 - 1",
            br#"{"n":-9223372036854775809}"#,
            "jws.number",
        ),
        no("depth-33", "JWS-13", "33 levels", deep.as_bytes(), "jws.depth"),
        no(
            "payload-not-utf8",
            "JWS-11",
            "an octet that is no UTF-8",
            b"{\"n\":\"\xff\"}",
            "jws.utf8",
        ),
        no(
            "payload-lone-surrogate",
            "JWS-11",
            "half of a pair of escapes",
            br#"{"n":"\ud800"}"#,
            "jws.json",
        ),
        no(
            "payload-with-byte-order-mark",
            "JWS-11",
            "begins with a byte order mark",
            b"\xef\xbb\xbf{\"n\":1}",
            "jws.utf8",
        ),
        no(
            "payload-with-trailing-comma",
            "JWS-11",
            "a comma before the end",
            br#"{"n":1,}"#,
            "jws.json",
        ),
        no(
            "payload-with-two-objects",
            "JWS-11",
            "something follows the object",
            br#"{"n":1}{"n":2}"#,
            "jws.json",
        ),
        no(
            "payload-cut-short",
            "JWS-11",
            "the object does not end",
            br#"{"n":1"#,
            "jws.json",
        ),
        no(
            "payload-list",
            "JWS-16",
            "a list where claims belong",
            br#"[1]"#,
            "jws.claims",
        ),
    ]
}

/// A signature by the signer's own key with the identity as R and S = k·a: only a strict verifier refuses it.
fn of_small_order(message: &[u8]) -> [u8; 64] {
    let mut signature = [0_u8; 64];
    signature[0] = 1;
    let mut hash = Sha512::new();
    hash.update(&signature[..32]);
    hash.update(signer().verifying_key().as_bytes());
    hash.update(message);
    let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
    signature[32..].copy_from_slice((k * signer().to_scalar()).as_bytes());
    signature
}

/// A token of exactly this length, padded in its payload.
fn of_length(length: usize) -> String {
    let room = length - header("").len().div_ceil(3) * 4;
    let longest = room / 4 * 3;
    let token = |n: usize| {
        let payload = format!(r#"{{"n":"{}"}}"#, "0".repeat(n));
        raw(&signer(), &header(""), payload.as_bytes())
    };
    (longest.saturating_sub(200)..longest)
        .map(token)
        .find(|token| token.len() == length)
        .expect("some payload has that length")
}

fn signatures() -> Vec<Of<JwsInput>> {
    let no = |name: &str, ids: &str, about: &str, input: JwsInput, rule: &str| {
        refuse(&format!("jws/{name}"), TWIN, ids, about, input, rule)
    };
    let good = good();
    let (signed, signature) = good.rsplit_once('.').expect("three parts");
    let bytes = b64::decode_array::<64>(signature.as_bytes()).expect("64 bytes");
    let (protected, payload) = signed.split_once('.').expect("two parts");
    let compact = serde_json::from_str::<Value>(PAYLOAD)
        .expect("JSON")
        .to_string()
        .replace('1', "2");
    let mut flipped = bytes;
    flipped[7] ^= 1;
    let zeros = [0_u8; 64];
    let identity = {
        let mut point = [0_u8; 32];
        point[0] = 1;
        point
    };
    let mut weak_signature = [0_u8; 64];
    weak_signature[0] = 1;
    let not_canonical_key = {
        let mut bytes = [0xff_u8; 32];
        bytes[0] = 0xed + 3;
        bytes[31] = 0x7f;
        bytes
    };
    let no_point = {
        let mut bytes = [0_u8; 32];
        bytes[0] = 2;
        bytes
    };
    let torsion = (signer().verifying_key().to_edwards() + EIGHT_TORSION[1])
        .compress()
        .to_bytes();
    let mut private = json!(jwk(&signer()));
    private["d"] = json!(b64::encode(&[1; 32]));
    let mut misnamed = json!(jwk(&signer()));
    misnamed["kid"] = json!("key-1");
    let own = |header_kid: &ed25519_dalek::SigningKey| {
        raw(
            header_kid,
            &header("").replace(&kid(), &thumbprint(header_kid).to_string()),
            PAYLOAD.as_bytes(),
        )
    };
    let receipt_key = demo().county(YUSHAN).key(KeyPurpose::Receipt);
    let with = |signature: &[u8]| input(format!("{signed}.{}", b64::encode(signature)));
    vec![
        refuse(
            "jws/over-256-kib",
            "jws/valid-256-kib",
            "JWS-15",
            "two characters more",
            input(of_length(256 * 1024 + 2)),
            "jws.too-long",
        ),
        no(
            "signature-one-bit-changed",
            "JWS-6 SEC-1",
            "one bit of the signature",
            with(&flipped),
            "jws.signature",
        ),
        no(
            "signature-of-zeros",
            "JWS-7",
            "64 zero octets",
            with(&zeros),
            "jws.signature",
        ),
        no(
            "signature-of-small-order",
            "JWS-7",
            "R is the identity, and the equation holds",
            with(&of_small_order(signed.as_bytes())),
            "jws.signature",
        ),
        no(
            "signature-s-not-canonical",
            "JWS-7",
            "the group order was added to S",
            with(&plus_order(bytes)),
            "jws.signature",
        ),
        no(
            "signature-too-short",
            "JWS-10",
            "63 octets",
            with(&bytes[..63]),
            "jws.signature-form",
        ),
        no(
            "signature-too-long",
            "JWS-10",
            "65 octets",
            with(&[&bytes[..], &[0]].concat()),
            "jws.signature-form",
        ),
        no(
            "signature-missing",
            "JWS-10",
            "an empty third part",
            input(format!("{signed}.")),
            "jws.signature-form",
        ),
        no(
            "signature-by-another-key",
            "JWS-4",
            "another key signed under the name of the first",
            input(raw(&key("stranger"), &header(""), PAYLOAD.as_bytes())),
            "jws.signature",
        ),
        no(
            "payload-changed",
            "JWS-6 SEC-1",
            "one digit of the payload",
            input(format!(
                "{protected}.{}.{signature}",
                b64::encode(compact.as_bytes())
            )),
            "jws.signature",
        ),
        no(
            "header-of-another-token",
            "JWS-6",
            "the header has its members in another order than was signed",
            input(format!(
                "{}.{payload}.{signature}",
                b64::encode(format!(r#"{{"typ":"{TYP}","kid":"{}","alg":"EdDSA"}}"#, kid()).as_bytes())
            )),
            "jws.signature",
        ),
        no(
            "key-of-another-purpose",
            "JWS-5",
            "signed by the county's receipt key",
            input(own(&receipt_key)),
            "key.purpose",
        ),
        no(
            "key-of-small-order",
            "JWS-8 JWS-7",
            "the identity as key and a signature that holds for every message",
            with_key(
                ed25519(&identity),
                format!("{signed}.{}", b64::encode(&weak_signature)),
            ),
            "key.small-order",
        ),
        no(
            "key-with-torsion",
            "JWS-8",
            "a point outside the prime-order subgroup",
            with_key(ed25519(&torsion), good.clone()),
            "key.torsion",
        ),
        no(
            "key-not-canonical",
            "JWS-8",
            "y = p + 3, a second spelling of y = 3",
            with_key(ed25519(&not_canonical_key), good.clone()),
            "key.non-canonical",
        ),
        no(
            "key-not-on-curve",
            "JWS-8",
            "y = 2 is on no point",
            with_key(ed25519(&no_point), good.clone()),
            "key.not-on-curve",
        ),
        no(
            "key-private",
            "JWS-9 SEC-3",
            "the JWK has a private member",
            with_key(private, good.clone()),
            "key.private",
        ),
        no(
            "key-misnamed",
            "JWS-9 IDN-13",
            "the JWK's kid is not its thumbprint",
            with_key(misnamed, good.clone()),
            "key.kid",
        ),
        no(
            "base64url-padded",
            "JWS-10",
            "the signature is padded",
            input(format!("{good}==")),
            "jws.signature-form",
        ),
        no(
            "base64url-payload-padded",
            "JWS-10",
            "the payload is padded",
            input(format!("{protected}.{payload}=.{signature}")),
            "jws.base64url",
        ),
        no(
            "base64url-unused-bits",
            "JWS-10",
            "the last character of the payload has unused bits",
            input(format!("{protected}.{}.{signature}", unused_bits(payload))),
            "jws.base64url",
        ),
        no(
            "base64-standard-alphabet",
            "JWS-10",
            "a plus in place of a hyphen",
            input(format!("{protected}.+{}.{signature}", &payload[1..])),
            "jws.base64url",
        ),
        no(
            "two-parts",
            "JWS-10",
            "no signature part",
            input(signed.to_owned()),
            "jws.structure",
        ),
        no(
            "four-parts",
            "JWS-10",
            "a part too many",
            input(format!("{good}.AA")),
            "jws.structure",
        ),
        no(
            "line-end-after-it",
            "JWS-10",
            "a line end after the token",
            input(format!("{good}\n")),
            "jws.signature-form",
        ),
        no(
            "empty",
            "JWS-10",
            "nothing",
            input(String::new()),
            "jws.structure",
        ),
    ]
}

/// Adds the order of the group to S, which lax verifiers do not notice.
fn plus_order(mut signature: [u8; 64]) -> [u8; 64] {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0_u16;
    for (byte, order) in signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    signature
}

/// A second spelling of the same octets, by the bits that the last character does not need.
fn unused_bits(encoded: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    assert_ne!(encoded.len() % 4, 0, "the payload's length leaves unused bits");
    let (rest, last) = encoded.split_at(encoded.len() - 1);
    let at = ALPHABET
        .iter()
        .position(|c| last.as_bytes() == [*c])
        .expect("of the alphabet");
    format!("{rest}{}", char::from(ALPHABET[at | 1]))
}
