//! Vectors of chapter 5 against given keys: disclosures and key binding, after RFC 9901.

use comity_spec::jose::KeyPurpose;
use comity_spec::vector::{Challenge, Keys, Of, SdJwtInput, Vector};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{CHANGSHAN_ID, NOW, YUSHAN, YUSHAN_ID, accept, demo, raw, refuse};
use crate::b64;
use crate::testing::{jwk, key, thumbprint};

mod nested;

const TWIN: &str = "sd-jwt/valid";
const BOUND: &str = "sd-jwt/valid-key-binding";
const NONCE: &str = "n-0S6_WzA2Mj";

fn issuer() -> SigningKey {
    demo().county(YUSHAN).key(KeyPurpose::Attestation)
}

fn disclosure(json: &str) -> (String, String) {
    let encoded = b64::encode(json.as_bytes());
    let digest = b64::encode(&Sha256::digest(encoded.as_bytes()));
    (encoded, digest)
}

fn name() -> (String, String) {
    disclosure(r#"["c2FsdC1vZi1uYW1l","name","示例甲"]"#)
}

fn tier() -> (String, String) {
    disclosure(r#"["c2FsdC1vZi10aWVy","tier","ORDINARY"]"#)
}

fn payload(digests: &[&str]) -> Value {
    json!({ "iss": YUSHAN_ID, "exp": NOW + 100, "_sd_alg": "sha-256", "_sd": digests })
}

fn sign(payload: &Value, disclosures: &[&str]) -> String {
    let header = format!(
        r#"{{"alg":"EdDSA","kid":"{}","typ":"dc+sd-jwt"}}"#,
        thumbprint(&issuer())
    );
    let mut token = raw(&issuer(), &header, payload.to_string().as_bytes());
    for disclosure in disclosures {
        token.push('~');
        token.push_str(disclosure);
    }
    token.push('~');
    token
}

fn input(presented: String) -> SdJwtInput {
    SdJwtInput {
        presented,
        keys: Keys::from([(KeyPurpose::Attestation, vec![json!(jwk(&issuer()))])]),
        challenge: None,
    }
}

pub(super) fn all() -> Vec<Vector> {
    let mut all = disclosures();
    all.extend(bindings());
    all.extend(nested::all());
    all.into_iter().map(Vector::SdJwt).collect()
}

fn disclosures() -> Vec<Of<SdJwtInput>> {
    let ((name, name_digest), (tier, tier_digest)) = (name(), tier());
    let (_, decoy) = disclosure("[]");
    let good = payload(&[&name_digest, &tier_digest, &decoy]);
    let both = [name.as_str(), tier.as_str()];
    let no = |file: &str, ids: &str, about: &str, presented: String, rule: &str| {
        refuse(
            &format!("sd-jwt/{file}"),
            TWIN,
            ids,
            about,
            input(presented),
            rule,
        )
    };
    let with = |change: &dyn Fn(&mut Value)| {
        let mut changed = good.clone();
        change(&mut changed);
        sign(&changed, &both)
    };
    let extra = |json: &str| {
        let (encoded, digest) = disclosure(json);
        let mut changed = good.clone();
        changed["_sd"]
            .as_array_mut()
            .expect("digests")
            .push(json!(digest));
        sign(&changed, &[&name, &tier, &encoded])
    };
    let jwt = sign(&good, &[]);
    let mut all = vec![
        accept(
            TWIN,
            "ATT-10 ATT-11 ATT-4",
            "two claims disclosed, one decoy",
            input(sign(&good, &both)),
            json!({ "claims": { "iss": YUSHAN_ID, "exp": NOW + 100, "name": "示例甲", "tier": "ORDINARY" }, "disclosed": ["/name", "/tier"] }),
        ),
        accept(
            "sd-jwt/valid-one-claim-withheld",
            "ATT-10",
            "a holder may withhold a claim",
            input(sign(&good, &[&tier])),
            json!({ "claims": { "iss": YUSHAN_ID, "exp": NOW + 100, "tier": "ORDINARY" }, "disclosed": ["/tier"] }),
        ),
        accept(
            "sd-jwt/valid-nothing-disclosed",
            "ATT-10",
            "or all of them",
            input(jwt.clone()),
            json!({ "claims": { "iss": YUSHAN_ID, "exp": NOW + 100 }, "disclosed": [] }),
        ),
        no(
            "no-tilde",
            "ATT-1",
            "the last tilde is missing",
            jwt.trim_end_matches('~').to_owned(),
            "sd-jwt.structure",
        ),
        no("empty", "ATT-1", "nothing", String::new(), "sd-jwt.structure"),
        no(
            "digest-repeated",
            "ATT-10",
            "one digest stands twice",
            with(&|p| p["_sd"] = json!([name_digest, tier_digest, tier_digest])),
            "sd-jwt.repeated-digest",
        ),
        no(
            "digest-repeated-decoy",
            "ATT-10",
            "a decoy stands twice",
            with(&|p| p["_sd"] = json!([name_digest, tier_digest, decoy, decoy])),
            "sd-jwt.repeated-digest",
        ),
        no(
            "digest-repeated-elsewhere",
            "ATT-10",
            "one digest stands in two places",
            with(&|p| p["x"] = json!({ "_sd": [name_digest] })),
            "sd-jwt.repeated-digest",
        ),
        no(
            "disclosure-repeated",
            "ATT-10",
            "one disclosure is given twice",
            sign(&good, &[&name, &tier, &tier]),
            "sd-jwt.repeated-digest",
        ),
        no(
            "disclosure-unreferenced",
            "ATT-10",
            "no digest refers to a disclosure",
            sign(&payload(&[&name_digest, &decoy]), &both),
            "sd-jwt.unreferenced",
        ),
        no(
            "disclosure-altered",
            "ATT-10 SEC-1",
            "the holder writes another tier",
            sign(
                &good,
                &[&name, &disclosure(r#"["c2FsdC1vZi10aWVy","tier","SKILLED"]"#).0],
            ),
            "sd-jwt.unreferenced",
        ),
        no(
            "disclosure-not-base64url",
            "ATT-10",
            "a disclosure that is no base64url",
            sign(&good, &[&name, "=!="]),
            "sd-jwt.disclosure",
        ),
        no(
            "disclosure-no-json",
            "ATT-10",
            "a disclosure that is no JSON",
            extra("[1,"),
            "sd-jwt.disclosure",
        ),
        no(
            "disclosure-empty",
            "ATT-10",
            "two tildes in a row",
            sign(&good, &[&name, &tier, ""]),
            "sd-jwt.disclosure",
        ),
        no(
            "disclosure-one-element",
            "ATT-10",
            "one element",
            extra(r#"["salt"]"#),
            "sd-jwt.arity",
        ),
        no(
            "disclosure-four-elements",
            "ATT-10",
            "four elements",
            extra(r#"["salt","basis","STUDY",1]"#),
            "sd-jwt.arity",
        ),
        no(
            "disclosure-of-an-element-among-members",
            "ATT-10",
            "two elements where a member belongs",
            extra(r#"["salt","STUDY"]"#),
            "sd-jwt.arity",
        ),
        no(
            "disclosure-of-a-member-among-elements",
            "ATT-10",
            "three elements where an element belongs",
            {
                let (encoded, digest) = disclosure(r#"["salt","basis","STUDY"]"#);
                let mut changed = good.clone();
                changed["x"] = json!([{ "...": digest }]);
                sign(&changed, &[&name, &tier, &encoded])
            },
            "sd-jwt.arity",
        ),
        no(
            "disclosure-salt-a-number",
            "ATT-10",
            "the salt is a number",
            extra(r#"[7,"basis","STUDY"]"#),
            "sd-jwt.arity",
        ),
        no(
            "disclosure-name-a-number",
            "ATT-10",
            "the name is a number",
            extra(r#"["salt",7,"STUDY"]"#),
            "sd-jwt.arity",
        ),
        no(
            "disclosure-called-sd",
            "ATT-10",
            "a claim is called _sd",
            extra(r#"["salt","_sd",["x"]]"#),
            "sd-jwt.reserved-name",
        ),
        no(
            "disclosure-called-dots",
            "ATT-10",
            "a claim is called ...",
            extra(r#"["salt","...","x"]"#),
            "sd-jwt.reserved-name",
        ),
        no(
            "digests-no-list",
            "ATT-10",
            "_sd is a text",
            with(&|p| p["x"] = json!({ "_sd": "x" })),
            "sd-jwt.digest",
        ),
        no(
            "digests-a-number-among-them",
            "ATT-10",
            "_sd holds a number",
            with(&|p| p["_sd"] = json!([name_digest, tier_digest, decoy, 1])),
            "sd-jwt.digest",
        ),
        no(
            "claim-collides-with-an-open-one",
            "ATT-10",
            "an open claim has the name of a disclosed one",
            with(&|p| p["name"] = json!("示例乙")),
            "sd-jwt.collision",
        ),
        no(
            "claim-collides-with-a-disclosed-one",
            "ATT-10",
            "two disclosures have one name",
            extra(r#"["salt","tier","SKILLED"]"#),
            "sd-jwt.collision",
        ),
        no(
            "sd-alg-missing",
            "ATT-11",
            "there is no _sd_alg",
            with(&|p| {
                p.as_object_mut().expect("object").remove("_sd_alg");
            }),
            "sd-jwt.sd-alg",
        ),
        no(
            "sd-alg-sha-512",
            "ATT-11",
            "another hash",
            with(&|p| p["_sd_alg"] = json!("sha-512")),
            "sd-jwt.sd-alg",
        ),
        no(
            "signature-by-another-key",
            "JWS-4 ATT-9",
            "another key signed under the issuer's name",
            {
                let header = format!(
                    r#"{{"alg":"EdDSA","kid":"{}","typ":"dc+sd-jwt"}}"#,
                    thumbprint(&issuer())
                );
                format!("{}~", raw(&key("stranger"), &header, good.to_string().as_bytes()))
            },
            "jws.signature",
        ),
        no(
            "typ-jwt",
            "ATT-1",
            "typ is JWT",
            {
                let header = format!(
                    r#"{{"alg":"EdDSA","kid":"{}","typ":"JWT"}}"#,
                    thumbprint(&issuer())
                );
                format!("{}~", raw(&issuer(), &header, good.to_string().as_bytes()))
            },
            "jws.typ",
        ),
    ];
    for claim in [
        "iss",
        "sub",
        "aud",
        "iat",
        "nbf",
        "exp",
        "jti",
        "vct",
        "vct#integrity",
        "cnf",
        "status",
        "region",
        "environment",
        "source_as_of",
        "log",
    ] {
        let (encoded, digest) = disclosure(&json!(["salt", claim, 1]).to_string());
        let mut changed = good.clone();
        changed.as_object_mut().expect("object").shift_remove(claim);
        changed["_sd"]
            .as_array_mut()
            .expect("digests")
            .push(json!(digest));
        let file = format!("hidden-{}", claim.replace(['#', '_'], "-"));
        all.push(no(
            &file,
            "ATT-3",
            "a claim that must stand open is a disclosure",
            sign(&changed, &[&name, &tier, &encoded]),
            "sd-jwt.hidden-claim",
        ));
    }
    all
}

fn holder() -> SigningKey {
    key("holder of 示例甲")
}

fn bound_token(cnf: Option<Value>) -> String {
    let ((name, name_digest), (_, decoy)) = (name(), disclosure("[]"));
    let mut payload = payload(&[&name_digest, &decoy]);
    if let Some(cnf) = cnf {
        payload["cnf"] = cnf;
    }
    sign(&payload, &[&name])
}

fn hash(token: &str) -> String {
    b64::encode(&Sha256::digest(token.as_bytes()))
}

/// Presented where this key binding was asked for.
fn asked(presented: String) -> SdJwtInput {
    let mut input = input(presented);
    input.challenge = Some(Challenge {
        aud: CHANGSHAN_ID.into(),
        nonce: NONCE.into(),
        now: NOW,
        max_age: 300,
    });
    input
}

fn bindings() -> Vec<Of<SdJwtInput>> {
    let cnf = json!({ "jwk": jwk(&holder()) });
    let token = bound_token(Some(cnf.clone()));
    let claims = json!({ "iat": NOW - 5, "aud": CHANGSHAN_ID, "nonce": NONCE, "sd_hash": hash(&token) });
    let header = r#"{"alg":"EdDSA","typ":"kb+jwt"}"#;
    let bind = |claims: &Value| raw(&holder(), header, claims.to_string().as_bytes());
    let with = |name: &str, value: Value| {
        let mut changed = claims.clone();
        changed[name] = value;
        asked(format!("{token}{}", bind(&changed)))
    };
    let no = |file: &str, ids: &str, about: &str, input: SdJwtInput, rule: &str| {
        refuse(
            &format!("sd-jwt/key-binding-{file}"),
            BOUND,
            ids,
            about,
            input,
            rule,
        )
    };
    let read = json!({ "claims": { "iss": YUSHAN_ID, "exp": NOW + 100, "name": "示例甲", "cnf": cnf }, "disclosed": ["/name"] });
    let unbound = bound_token(None);
    let mut private = cnf.clone();
    private["jwk"]["d"] = json!("AA");
    let private = bound_token(Some(private));
    let of = |token: &str| {
        let mut changed = claims.clone();
        changed["sd_hash"] = json!(hash(token));
        asked(format!("{token}{}", bind(&changed)))
    };
    let (p256_token, p256_binding) = p256(&claims);
    let mut p256_forged = p256_binding.clone();
    let last = p256_forged.pop().expect("a character");
    p256_forged.push(if last == 'A' { 'Q' } else { 'A' });
    vec![
        accept(
            BOUND,
            "ATT-13 ATT-14",
            "a key binding for this recogniser and nonce",
            asked(format!("{token}{}", bind(&claims))),
            read.clone(),
        ),
        accept(
            "sd-jwt/valid-key-binding-es256",
            "ATT-13",
            "a phone's key, P-256",
            asked(format!("{p256_token}{p256_binding}")),
            json!({ "disclosed": ["/name"] }),
        ),
        accept(
            "sd-jwt/valid-key-binding-not-asked-for",
            "ATT-15",
            "no challenge was made; the binding is for another window and genuine",
            input(format!(
                "{token}{}",
                bind(&json!({ "iat": 1, "aud": "x", "nonce": "y", "sd_hash": hash(&token) }))
            )),
            read,
        ),
        no(
            "missing",
            "ATT-14",
            "a binding is required and there is none",
            asked(token.clone()),
            "kb.missing",
        ),
        no(
            "for-another-recogniser",
            "ATT-14",
            "aud is the issuer",
            with("aud", json!(YUSHAN_ID)),
            "kb.aud",
        ),
        no(
            "with-another-nonce",
            "ATT-14 SEC-4",
            "the nonce of another challenge",
            with("nonce", json!("n-1")),
            "kb.nonce",
        ),
        no(
            "too-old",
            "ATT-14",
            "made 361 seconds ago, 300 and skew allowed",
            with("iat", json!(NOW - 361)),
            "kb.iat",
        ),
        no(
            "from-the-future",
            "ATT-14",
            "made in 61 seconds",
            with("iat", json!(NOW + 61)),
            "kb.iat",
        ),
        no(
            "of-another-presentation",
            "ATT-14",
            "sd_hash is of fewer disclosures",
            with(
                "sd_hash",
                json!(hash(token.split('~').next().unwrap_or_default())),
            ),
            "kb.sd-hash",
        ),
        no(
            "by-another-key",
            "ATT-14",
            "another key signed it",
            asked(format!(
                "{token}{}",
                raw(&key("stranger"), header, claims.to_string().as_bytes())
            )),
            "kb.signature",
        ),
        no(
            "of-another-typ",
            "ATT-13",
            "typ is JWT",
            asked(format!(
                "{token}{}",
                raw(
                    &holder(),
                    r#"{"alg":"EdDSA","typ":"JWT"}"#,
                    claims.to_string().as_bytes()
                )
            )),
            "kb.typ",
        ),
        no(
            "bringing-its-own-key",
            "JWS-2 ATT-13",
            "the binding's header has a jwk",
            asked(format!(
                "{token}{}",
                raw(
                    &holder(),
                    &json!({ "alg": "EdDSA", "typ": "kb+jwt", "jwk": jwk(&holder()) }).to_string(),
                    claims.to_string().as_bytes()
                )
            )),
            "kb.malformed",
        ),
        no(
            "without-confirmation-key",
            "ATT-13",
            "the attestation has no cnf",
            of(&unbound),
            "kb.cnf",
        ),
        no(
            "with-private-confirmation-key",
            "ATT-13 JWS-9",
            "cnf has a private member",
            of(&private),
            "key.private",
        ),
        no(
            "not-asked-for-and-forged",
            "ATT-15",
            "no challenge was made; the binding is by another key",
            input(format!(
                "{token}{}",
                raw(&key("stranger"), header, claims.to_string().as_bytes())
            )),
            "kb.signature",
        ),
        no(
            "es256-forged",
            "ATT-13",
            "one character of a P-256 signature",
            asked(format!("{p256_token}{p256_forged}")),
            "kb.signature",
        ),
        no(
            "payload-incomplete",
            "ATT-14",
            "there is no nonce",
            {
                let mut changed = claims.clone();
                changed.as_object_mut().expect("object").shift_remove("nonce");
                asked(format!("{token}{}", bind(&changed)))
            },
            "kb.malformed",
        ),
    ]
}

fn p256(claims: &Value) -> (String, String) {
    use p256::ecdsa::signature::Signer as _;
    let holder = p256::ecdsa::SigningKey::from_slice(&[7; 32]).expect("a key");
    let point = holder.verifying_key().to_sec1_point(false);
    let (x, y) = (
        b64::encode(&point.as_bytes()[1..33]),
        b64::encode(&point.as_bytes()[33..]),
    );
    let token = bound_token(Some(
        json!({ "jwk": { "kty": "EC", "crv": "P-256", "x": x, "y": y } }),
    ));
    let mut claims = claims.clone();
    claims["sd_hash"] = json!(hash(&token));
    let input = format!(
        "{}.{}",
        b64::encode(br#"{"alg":"ES256","typ":"kb+jwt"}"#),
        b64::encode(claims.to_string().as_bytes())
    );
    let signature: p256::ecdsa::Signature = holder.sign(input.as_bytes());
    let binding = format!("{input}.{}", b64::encode(&signature.to_bytes()));
    (token, binding)
}
