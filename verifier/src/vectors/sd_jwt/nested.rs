//! Vectors of chapter 5: digests below the top, in objects and among the elements of arrays; and a key binding at its bounds.

use comity_spec::vector::{Of, SdJwtInput};
use serde_json::{Value, json};

use super::super::{CHANGSHAN_ID, NOW, YUSHAN_ID, accept, raw, refuse};
use super::{BOUND, NONCE, TWIN, asked, bound_token, disclosure, hash, holder, input, name, payload, sign};
use crate::testing::{jwk, key, thumbprint};

pub(super) fn all() -> Vec<Of<SdJwtInput>> {
    let mut all = open_claims();
    all.extend(elsewhere());
    all.extend(bindings());
    all
}

/// A token with a member more, and these disclosures beside the name's.
fn with(member: &str, value: Value, more: &[&str]) -> SdJwtInput {
    let (name, digest) = name();
    let mut payload = payload(&[&digest]);
    payload[member] = value;
    let disclosures: Vec<&str> = std::iter::once(name.as_str())
        .chain(more.iter().copied())
        .collect();
    input(sign(&payload, &disclosures))
}

fn no(name: &str, about: &str, input: SdJwtInput, rule: &str) -> Of<SdJwtInput> {
    let ids = if rule == "sd-jwt.hidden-claim" {
        "ATT-3"
    } else {
        "ATT-10"
    };
    refuse(&format!("sd-jwt/{name}"), TWIN, ids, about, input, rule)
}

/// ATT-3: hidden is also what stands anywhere inside a claim that must be open, a decoy too.
fn open_claims() -> Vec<Of<SdJwtInput>> {
    let (member, digest) = disclosure(r#"["salt","idx",7]"#);
    let (element, place) = disclosure(r#"["salt","https://c330822.example"]"#);
    let (_, decoy) = disclosure("[1]");
    let hidden = "sd-jwt.hidden-claim";
    let list = |more: Value| {
        let mut list = json!({ "uri": "https://c361123.example/status/v1/1" });
        crate::testing::merge(&mut list, more);
        json!({ "status_list": list })
    };
    vec![
        no(
            "hidden-inside-status",
            "the index of the status list is a disclosure",
            with("status", list(json!({ "_sd": [digest] })), &[&member]),
            hidden,
        ),
        no(
            "hidden-inside-status-and-withheld",
            "the same, and the holder withholds it",
            with("status", list(json!({ "_sd": [digest] })), &[]),
            hidden,
        ),
        no(
            "hidden-decoy-inside-status",
            "a decoy inside status",
            with(
                "status",
                json!({ "_sd": [decoy], "status_list": { "idx": 7, "uri": "x" } }),
                &[],
            ),
            hidden,
        ),
        no(
            "hidden-decoy-inside-cnf",
            "a decoy beside the holder's key",
            with("cnf", json!({ "jwk": jwk(&holder()), "_sd": [decoy] }), &[]),
            hidden,
        ),
        no(
            "hidden-inside-the-confirmation-key",
            "a coordinate of the holder's key is a disclosure",
            {
                let (member, digest) = disclosure(r#"["salt","x","AA"]"#);
                with(
                    "cnf",
                    json!({ "jwk": { "kty": "OKP", "crv": "Ed25519", "_sd": [digest] } }),
                    &[&member],
                )
            },
            hidden,
        ),
        no(
            "hidden-element-of-aud",
            "one of two audiences is a disclosure",
            with(
                "aud",
                json!(["https://c330823.example", { "...": place }]),
                &[&element],
            ),
            hidden,
        ),
        no(
            "hidden-element-of-aud-and-withheld",
            "the same, and the holder withholds it",
            with("aud", json!(["https://c330823.example", { "...": place }]), &[]),
            hidden,
        ),
        no(
            "hidden-element-of-a-list-inside-status",
            "an element of an array, two levels below an open claim",
            with("status", list(json!({ "also": [[{ "...": decoy }]] })), &[]),
            hidden,
        ),
        no(
            "hidden-inside-an-element-of-log",
            "a member of an object that is an element of an open claim",
            with("log", json!([{ "index": 1 }, { "_sd": [digest] }]), &[&member]),
            hidden,
        ),
    ]
}

fn elsewhere() -> Vec<Of<SdJwtInput>> {
    let (member, digest) = disclosure(r#"["salt","exp",7]"#);
    let (element, place) = disclosure(r#"["salt","示例"]"#);
    let holds = |file: &str, about: &str, input: SdJwtInput, more: Value, disclosed: Value| {
        let mut claims = json!({ "iss": YUSHAN_ID, "exp": NOW + 100, "name": "示例甲" });
        crate::testing::merge(&mut claims, more);
        accept(
            &format!("sd-jwt/{file}"),
            "ATT-10 ATT-3",
            about,
            input,
            json!({ "claims": claims, "disclosed": disclosed }),
        )
    };
    vec![
        holds(
            "valid-open-name-further-down",
            "a claim called exp inside another claim is no open claim",
            with("x", json!({ "_sd": [digest], "y": 1 }), &[&member]),
            json!({ "x": { "y": 1, "exp": 7 } }),
            json!(["/x/exp", "/name"]),
        ),
        holds(
            "valid-element-disclosed",
            "an element of an array",
            with("x", json!([1, { "...": place }, 3]), &[&element]),
            json!({ "x": [1, "示例", 3] }),
            json!(["/x/1", "/name"]),
        ),
        holds(
            "valid-element-withheld",
            "an element that is withheld vanishes",
            with("x", json!([1, { "...": place }, 3]), &[]),
            json!({ "x": [1, 3] }),
            json!(["/name"]),
        ),
        holds(
            "valid-hash-name-further-down",
            "_sd_alg means something at the top only",
            with("x", json!({ "_sd_alg": "sha-512" }), &[]),
            json!({ "x": { "_sd_alg": "sha-512" } }),
            json!(["/name"]),
        ),
        holds(
            "valid-disclosure-in-a-disclosure",
            "a disclosed object that hides a member of its own",
            {
                let (inner, digest) = disclosure(r#"["salt","z",7]"#);
                let (outer, outer_digest) =
                    disclosure(&json!(["salt", "y", { "_sd": [digest] }]).to_string());
                with("x", json!({ "_sd": [outer_digest] }), &[&inner, &outer])
            },
            json!({ "x": { "y": { "z": 7 } } }),
            json!(["/x/y", "/x/y/z", "/name"]),
        ),
        no(
            "element-digest-beside-a-member",
            "a digest of an element with another member beside it",
            with("x", json!([{ "...": place, "y": 1 }]), &[&element]),
            "sd-jwt.digest",
        ),
        no(
            "element-digest-a-number",
            "a digest of an element that is a number",
            with("x", json!([{ "...": 7 }]), &[]),
            "sd-jwt.digest",
        ),
        no(
            "dots-in-an-object",
            "a member called ... that is no element",
            with("x", json!({ "...": place }), &[]),
            "sd-jwt.reserved-name",
        ),
        no(
            "digest-of-an-element-repeated",
            "one digest stands for two elements",
            with("x", json!([{ "...": place }, { "...": place }]), &[&element]),
            "sd-jwt.repeated-digest",
        ),
        no(
            "disclosure-called-as-one-further-down",
            "two disclosures of one name inside one object",
            {
                let (other, other_digest) = disclosure(r#"["other","exp",8]"#);
                with("x", json!({ "_sd": [digest, other_digest] }), &[&member, &other])
            },
            "sd-jwt.collision",
        ),
    ]
}

fn bindings() -> Vec<Of<SdJwtInput>> {
    let cnf = |more: Value| {
        let mut jwk = json!(jwk(&holder()));
        crate::testing::merge(&mut jwk, more);
        bound_token(Some(json!({ "jwk": jwk })))
    };
    let token = cnf(json!({}));
    let plain = json!({ "alg": "EdDSA", "typ": "kb+jwt" });
    let claims = |token: &str, iat: Value| json!({ "iat": iat, "aud": CHANGSHAN_ID, "nonce": NONCE, "sd_hash": hash(token) });
    let bind = |token: &str, header: &Value, claims: &Value| {
        asked(format!(
            "{token}{}",
            raw(&holder(), &header.to_string(), claims.to_string().as_bytes())
        ))
    };
    let at = |iat: Value| bind(&token, &plain, &claims(&token, iat));
    let headed = |more: Value| {
        let mut header = plain.clone();
        crate::testing::merge(&mut header, more);
        bind(&token, &header, &claims(&token, json!(NOW - 5)))
    };
    let without = |member: &str| {
        let mut claims = claims(&token, json!(NOW - 5));
        claims.as_object_mut().expect("object").shift_remove(member);
        bind(&token, &plain, &claims)
    };
    let holds = |file: &str, ids: &str, about: &str, input: SdJwtInput| {
        accept(
            &format!("sd-jwt/valid-key-binding-{file}"),
            ids,
            about,
            input,
            json!({ "disclosed": ["/name"] }),
        )
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
    let misnamed = cnf(json!({ "kid": "the-wallets-own" }));
    let mut all = vec![
        holds(
            "of-360-seconds",
            "ATT-14",
            "as old as may be, skew and all",
            at(json!(NOW - 360)),
        ),
        holds(
            "60-seconds-ahead",
            "ATT-14",
            "at the end of the skew",
            at(json!(NOW + 60)),
        ),
        holds(
            "with-a-fraction-of-a-second",
            "ATT-13",
            "a wallet's number may have a fraction",
            at(json!(1_763_783_995.5)),
        ),
        holds(
            "typ-as-full-media-type",
            "ATT-13",
            "typ with application/ before it",
            headed(json!({ "typ": "application/kb+jwt" })),
        ),
        holds(
            "typ-in-capitals",
            "ATT-13",
            "typ is compared without regard to case",
            headed(json!({ "typ": "KB+JWT" })),
        ),
        holds(
            "with-a-kid",
            "ATT-13",
            "kid is the wallet's and decides nothing",
            headed(json!({ "kid": "somebody" })),
        ),
        holds(
            "with-a-header-member",
            "ATT-13",
            "other header members are ignored",
            headed(json!({ "cty": "x" })),
        ),
        holds(
            "of-a-misnamed-key",
            "ATT-13 JWS-9",
            "the holder's key has a kid of the wallet's",
            bind(&misnamed, &plain, &claims(&misnamed, json!(NOW - 5))),
        ),
        no(
            "of-another-kid-and-key",
            "ATT-13",
            "kid names the holder's key, another key signed",
            {
                let header = json!({ "alg": "EdDSA", "typ": "kb+jwt", "kid": thumbprint(&holder()) });
                let claims = claims(&token, json!(NOW - 5));
                asked(format!(
                    "{token}{}",
                    raw(
                        &key("stranger"),
                        &header.to_string(),
                        claims.to_string().as_bytes()
                    )
                ))
            },
            "kb.signature",
        ),
        no(
            "of-a-second-over-360",
            "ATT-14",
            "made 361 seconds and a fraction ago",
            at(json!(1_763_783_639.5)),
            "kb.iat",
        ),
    ];
    for member in ["crit", "b64", "zip", "jku", "x5u"] {
        all.push(no(
            &format!("with-{member}"),
            "JWS-2 ATT-13",
            "a header member that would change how it is read",
            headed(json!({ member: ["x"] })),
            "kb.malformed",
        ));
    }
    for member in ["aud", "iat", "sd_hash"] {
        all.push(no(
            &format!("without-{}", member.replace('_', "-")),
            "ATT-14",
            "a required member is missing",
            without(member),
            "kb.malformed",
        ));
    }
    all
}
