//! Whom an authority takes in: the configuration that an applicant signed itself (3.1, 3.2), and each thing in it for which it is turned
//! away. A node would refuse the same later; an authority that states it all the same has vouched for it.

use serde_json::{Value, json};

use super::super::{Case, play};
use crate::class::Class::Authority;
use crate::scene::{Played, Scene, ensure, grease, line_of};
use crate::world::ambient::{b64, now};
use crate::world::authority::DAY;
use crate::world::county::County;
use crate::world::draft::Draft;
use crate::world::keys::Key;

/// The twin of every application that is turned away.
const ENROLLED: &str = "authority/enrolled";

/// A case in which one thing of an application differs.
const fn refused(
    name: &'static str,
    requirements: &'static [&'static str],
    about: &'static str,
    play: super::super::Play,
) -> Case {
    Case::differs(
        Authority,
        name,
        requirements,
        ENROLLED,
        about,
        "refused, nothing published of it, and the honest application taken in afterwards",
        play,
    )
}

pub(super) const CASES: &[Case] = &[
    Case::accepts(
        Authority,
        ENROLLED,
        &["TRU-1", "TRU-6", "TRU-7", "TRU-8", "TRU-9", "TRU-20"],
        "a county applies with its own configuration",
        "a statement, signed by an anchor key, with exactly what the county stated, active and of ten days at most; a line in the list",
        play!(enrolled),
    ),
    Case::accepts(
        Authority,
        "authority/greased",
        &["JWS-14", "VSN-1"],
        "the application has an unknown member where a standard defines the object, and something in ext",
        "taken in as if they were not there",
        play!(greased),
    ),
    refused(
        "authority/stranger-signs",
        &["TRU-1", "JWS-6"],
        "another key signs under the kid of the county's",
        play!(stranger_signs),
    ),
    refused(
        "authority/key-not-listed",
        &["TRU-1", "JWS-4"],
        "a key signs that the configuration does not list",
        play!(key_not_listed),
    ),
    refused(
        "authority/key-in-header",
        &["JWS-2", "JWS-4"],
        "the header brings a key of its own",
        play!(key_in_header),
    ),
    refused("authority/alg-none", &["JWS-1"], "alg is none", play!(alg_none)),
    refused(
        "authority/other-typ",
        &["JWS-3"],
        "typ is that of a member list",
        play!(other_typ),
    ),
    refused(
        "authority/payload-changed",
        &["JWS-6", "SEC-1"],
        "one octet of the payload was changed after it was signed",
        play!(payload_changed),
    ),
    refused(
        "authority/member-twice",
        &["JWS-11"],
        "sub stands twice, the second time escaped",
        play!(member_twice),
    ),
    refused(
        "authority/fraction",
        &["JWS-12", "TIM-1"],
        "iat is written with a fraction",
        play!(fraction),
    ),
    refused(
        "authority/deep",
        &["JWS-13"],
        "something in ext nests 40 levels deep",
        play!(deep),
    ),
    refused(
        "authority/exp-missing",
        &["JWS-16"],
        "exp is missing",
        play!(exp_missing),
    ),
    refused(
        "authority/of-another",
        &["TRU-26"],
        "iss is the county and sub somebody else",
        play!(of_another),
    ),
    refused(
        "authority/from-the-future",
        &["JWS-17"],
        "issued ten minutes ahead",
        play!(from_the_future),
    ),
    refused("authority/ended", &["TRU-22"], "it ended yesterday", play!(ended)),
    refused(
        "authority/lives-too-long",
        &["TRU-6"],
        "it lives a second longer than ten days",
        play!(lives_too_long),
    ),
    refused(
        "authority/lives-not-at-all",
        &["TRU-6"],
        "it ends in the second in which it was issued",
        play!(lives_not_at_all),
    ),
    refused(
        "authority/states-its-standing",
        &["TRU-9"],
        "the county states that it is active",
        play!(states_its_standing),
    ),
    refused(
        "authority/states-a-prefix",
        &["TRU-9"],
        "the county states a region prefix of its own, with crit",
        play!(states_a_prefix),
    ),
    refused(
        "authority/crit-unknown",
        &["TRU-2"],
        "crit names something unknown that stands there",
        play!(crit_unknown),
    ),
    refused(
        "authority/metadata-policy",
        &["TRU-3"],
        "there is a metadata_policy",
        play!(metadata_policy),
    ),
    refused(
        "authority/constraints",
        &["TRU-3"],
        "there are constraints",
        play!(constraints),
    ),
    refused(
        "authority/other-superior",
        &["TRU-5"],
        "authority_hints name another authority",
        play!(other_superior),
    ),
    refused(
        "authority/no-superior",
        &["TRU-5"],
        "there are no authority_hints",
        play!(no_superior),
    ),
    refused(
        "authority/production",
        &["TRU-13"],
        "the county is of the other environment",
        play!(production),
    ),
    refused(
        "authority/other-public-address",
        &["TRU-11"],
        "endpoints.public is not the entity id",
        play!(other_public_address),
    ),
    refused(
        "authority/entity-with-a-path",
        &["IDN-1", "IDN-4"],
        "the entity id has a path",
        play!(entity_with_a_path),
    ),
    refused(
        "authority/region-malformed",
        &["IDN-1", "IDN-2"],
        "the region has five digits",
        play!(region_malformed),
    ),
    refused(
        "authority/unknown-in-node",
        &["JWS-14"],
        "comity_node has an unknown member outside ext",
        play!(unknown_in_node),
    ),
    refused(
        "authority/one-key-two-purposes",
        &["TRU-12"],
        "the attestation key is the exchange key too",
        play!(one_key_two_purposes),
    ),
    refused(
        "authority/federation-key-in-keys",
        &["TRU-12"],
        "the federation key stands among the keys of comity_node",
        play!(federation_key_in_keys),
    ),
    refused(
        "authority/private-key",
        &["JWS-9", "SEC-3"],
        "a federation key comes with its private half",
        play!(private_key),
    ),
    refused(
        "authority/kid-not-thumbprint",
        &["JWS-9", "IDN-13"],
        "the kid of a key is not its thumbprint",
        play!(kid_not_thumbprint),
    ),
    refused(
        "authority/weak-key",
        &["JWS-8"],
        "the status key is a point of small order",
        play!(weak_key),
    ),
    refused(
        "authority/region-taken",
        &["TRU-14"],
        "the region is another member's",
        play!(region_taken),
    ),
    refused(
        "authority/pin-taken",
        &["TRU-14"],
        "a TLS pin is another member's",
        play!(pin_taken),
    ),
];

async fn enrolled(scene: &mut Scene) -> Played {
    let county = scene.applicant()?;
    let draft = county.configuration();
    let seq = scene.listed().await?["seq"].as_i64().unwrap_or(-1);
    scene.takes_in(draft.sign()).await?;
    let (_, statement) = scene.stated(&county.entity).await?;
    for (member, expected) in [
        ("comity_state", json!("active")),
        ("jwks", draft.claims["jwks"].clone()),
        ("metadata", draft.claims["metadata"].clone()),
    ] {
        ensure!(
            statement[member] == expected,
            "{member} of the statement is {}, expected {expected}",
            statement[member]
        );
    }
    for member in ["crit", "comity_region_prefix", "metadata_policy", "constraints"] {
        ensure!(
            statement.get(member).is_none(),
            "the statement on a county has {member}"
        );
    }
    let (iat, exp) = (time(&statement, "iat"), time(&statement, "exp"));
    ensure!(
        (1..=10 * DAY).contains(&(exp - iat)) && iat <= now() + 60 && now() < exp,
        "the statement holds from {iat} to {exp} (TRU-6)"
    );
    let list = scene.listed().await?;
    ensure!(
        list["seq"].as_i64().is_some_and(|now| now > seq),
        "seq of the list was {seq} and is {} (TRU-20)",
        list["seq"]
    );
    let line = line_of(&list, &county.entity).cloned().unwrap_or(Value::Null);
    let expected =
        json!({ "entity": county.entity, "region": county.region, "name": county.name, "state": "active" });
    ensure!(line == expected, "the list says {line}, expected {expected}");
    Ok(())
}

async fn greased(scene: &mut Scene) -> Played {
    let county = scene.applicant()?;
    let mut draft = county.configuration();
    draft.set("comity_conformance_unknown", grease());
    node(&mut draft)["ext"] = grease();
    scene.takes_in(draft.sign()).await?;
    let (_, statement) = scene.stated(&county.entity).await?;
    ensure!(
        statement["comity_state"] == "active",
        "the statement says {}",
        statement["comity_state"]
    );
    Ok(())
}

async fn stranger_signs(scene: &mut Scene) -> Played {
    scene.turns_away(|draft, _| draft.key = Key::stranger()).await
}

async fn key_not_listed(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, _| {
            draft.signed_by(&Key::stranger());
        })
        .await
}

async fn key_in_header(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, county| {
            draft.head("jwk", county.key.jwk());
        })
        .await
}

async fn alg_none(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, _| {
            draft.head("alg", "none");
        })
        .await
}

async fn other_typ(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, _| {
            draft.head("typ", "comity-member-list+jwt");
        })
        .await
}

async fn payload_changed(scene: &mut Scene) -> Played {
    scene
        .turns_away_bytes(|county| {
            let draft = county.configuration();
            let signed = draft.sign();
            let mut changed = draft.clone();
            changed.set("exp", time(&Value::Object(draft.claims.clone()), "exp") - 1);
            let mut parts: Vec<&str> = signed.split('.').collect();
            let payload = b64(changed.payload());
            parts[1] = &payload;
            parts.join(".")
        })
        .await
}

async fn member_twice(scene: &mut Scene) -> Played {
    scene
        .turns_away_bytes(|county| {
            let draft = county.configuration();
            let text = String::from_utf8_lossy(&draft.payload()).into_owned();
            let twice = text.replacen('{', r#"{"s\u0075b":"https://applicant.example","#, 1);
            draft.sign_payload(twice.as_bytes())
        })
        .await
}

async fn fraction(scene: &mut Scene) -> Played {
    scene
        .turns_away_bytes(|county| {
            let draft = county.configuration();
            let text = String::from_utf8_lossy(&draft.payload()).into_owned();
            let iat = time(&Value::Object(draft.claims.clone()), "iat");
            let broken = text.replace(&format!("\"iat\":{iat}"), &format!("\"iat\":{iat}.0"));
            draft.sign_payload(broken.as_bytes())
        })
        .await
}

async fn deep(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, _| {
            let nested = (0..40).fold(json!(1), |inner, _| json!([inner]));
            node(draft)["ext"] = json!({ "deep": nested });
        })
        .await
}

async fn exp_missing(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, _| {
            draft.without("exp");
        })
        .await
}

async fn of_another(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, _| {
            draft.set("sub", "https://somebody-else.example");
        })
        .await
}

async fn from_the_future(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, _| {
            let at = now() + 600;
            draft.set("iat", at).set("exp", at + DAY);
        })
        .await
}

async fn ended(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, _| {
            let at = now() - 2 * DAY;
            draft.set("iat", at).set("exp", at + DAY);
        })
        .await
}

async fn lives_too_long(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, _| {
            let iat = time(&Value::Object(draft.claims.clone()), "iat");
            draft.set("exp", iat + 10 * DAY + 1);
        })
        .await
}

async fn lives_not_at_all(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, _| {
            // Not past yet, so that its end is not what is refused.
            let at = now() + 30;
            draft.set("iat", at).set("exp", at);
        })
        .await
}

async fn states_its_standing(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, _| {
            draft.set("comity_state", "active");
        })
        .await
}

async fn states_a_prefix(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, _| {
            draft
                .set("comity_region_prefix", "45")
                .set("crit", json!(["comity_region_prefix"]));
        })
        .await
}

async fn crit_unknown(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, _| {
            draft
                .set("comity_conformance", 1)
                .set("crit", json!(["comity_conformance"]));
        })
        .await
}

async fn metadata_policy(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, _| {
            draft.set("metadata_policy", json!({}));
        })
        .await
}

async fn constraints(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, _| {
            draft.set("constraints", json!({}));
        })
        .await
}

async fn other_superior(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, _| {
            draft.set("authority_hints", json!(["https://another-authority.example"]));
        })
        .await
}

async fn no_superior(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, _| {
            draft.without("authority_hints");
        })
        .await
}

async fn production(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, _| node(draft)["environment"] = json!("PRODUCTION"))
        .await
}

async fn other_public_address(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, _| node(draft)["endpoints"]["public"] = json!("https://elsewhere.example"))
        .await
}

async fn entity_with_a_path(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, county| {
            let entity = format!("{}/county", county.entity);
            draft.set("iss", entity.as_str()).set("sub", entity.as_str());
            node(draft)["endpoints"]["public"] = json!(entity);
        })
        .await
}

async fn region_malformed(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, _| node(draft)["region"] = json!("45010"))
        .await
}

async fn unknown_in_node(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, _| node(draft)["unknown"] = grease())
        .await
}

async fn one_key_two_purposes(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, county| node(draft)["keys"]["attestation"] = county.exchange_key.jwks())
        .await
}

async fn federation_key_in_keys(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, county| node(draft)["keys"]["receipt"] = county.key.jwks())
        .await
}

async fn private_key(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, _| draft.claims["jwks"]["keys"][0]["d"] = json!(b64([7; 32])))
        .await
}

async fn kid_not_thumbprint(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, _| {
            node(draft)["keys"]["receipt"]["keys"][0]["kid"] = json!(Key::stranger().kid())
        })
        .await
}

async fn weak_key(scene: &mut Scene) -> Played {
    scene
        .turns_away(|draft, _| {
            // The point of order 4 with y = 0.
            let x = b64([0; 32]);
            let kid = crate::world::keys::thumbprint(&x);
            let weak = json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid });
            node(draft)["keys"]["status"] = json!({ "keys": [weak] });
        })
        .await
}

async fn region_taken(scene: &mut Scene) -> Played {
    let other = scene.member().await?;
    scene
        .turns_away(|draft, _| node(draft)["region"] = json!(other.region))
        .await
}

async fn pin_taken(scene: &mut Scene) -> Played {
    let other: County = scene.member().await?;
    scene
        .turns_away(|draft, county| node(draft)["tls_pins"] = json!([county.tls.pin, other.tls.pin]))
        .await
}

/// `metadata.comity_node` of a draft.
fn node(draft: &mut Draft) -> &mut Value {
    &mut draft.claims["metadata"]["comity_node"]
}

fn time(claims: &Value, member: &str) -> i64 {
    claims[member].as_i64().unwrap_or(0)
}
