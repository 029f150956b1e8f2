//! What the target publishes for everybody (chapters 3, 10, 11): its configuration, its issuer metadata, and refusals in form.

use std::collections::BTreeSet;

use http::Method;
use serde_json::Value;

use super::super::{Case, play};
use crate::class::Class::Issuer;
use crate::scene::{Played, Scene, Target, ensure};
use crate::world::ambient::unb64;
use crate::world::client::{get, post};
use crate::world::draft::claims_of;

pub(super) const CASES: &[Case] = &[
    Case::accepts(
        Issuer,
        "issuer/configuration-published",
        &["TRU-5", "TRU-6", "TRU-7", "TRU-9", "TRU-11", "TRU-12", "TRU-24"],
        "anybody asks for the entity configuration",
        "what was applied with, at most ten days long, each key for one purpose",
        play!(configuration),
    ),
    Case::accepts(
        Issuer,
        "issuer/no-private-key-published",
        &["SEC-3", "JWS-9"],
        "everything public that names keys is fetched",
        "no JWK has a private member, each kid is its thumbprint",
        play!(no_private_key),
    ),
    Case::accepts(
        Issuer,
        "issuer/jwt-vc-issuer",
        &["TRU-24"],
        "an ordinary SD-JWT VC library asks for the issuer's metadata",
        "issuer and the attestation keys of the configuration",
        play!(issuer_metadata),
    ),
    Case::accepts(
        Issuer,
        "issuer/refusals-in-form",
        &["ERR-1", "ERR-2", "ERR-3", "ERR-4"],
        "what there is not, and with methods that there are not, is asked for on both listeners",
        "not-found and method-not-allowed, each a whole problem document, Allow with the latter",
        play!(refusals),
    ),
    Case::accepts(
        Issuer,
        "issuer/refusals-quote-nobody",
        &["PRV-1", "IDN-7", "ERR-4"],
        "names and numbers stand in addresses, headers and malformed bodies",
        "no refusal repeats them",
        play!(quotes_nobody),
    ),
];

async fn configuration(scene: &mut Scene) -> Played {
    let answered = scene.fetch(crate::world::authority::WELL_KNOWN).await?;
    let media = answered.header("content-type").unwrap_or_default();
    ensure!(
        media.starts_with("application/entity-statement+jwt"),
        "the configuration was sent as {media:?}"
    );
    let jws = answered.text();
    let superior = scene.world.provinces[0].host.entity.clone();
    let read = Target::read(jws.trim(), &scene.target.region, &superior);
    let read = read.map_err(|error| crate::scene::Stop::Fail(error.to_string()))?;
    ensure!(
        read.entity == scene.target.entity,
        "it is the configuration of {}",
        read.entity
    );
    ensure!(
        read.federation == scene.target.federation,
        "its federation endpoint is {}",
        read.federation
    );
    let claims = claims_of(&jws).unwrap_or(Value::Null);
    let life = claims["exp"].as_i64().unwrap_or(0) - claims["iat"].as_i64().unwrap_or(0);
    ensure!((1..=10 * 86_400).contains(&life), "it lives {life} s (TRU-6)");
    for name in [
        "comity_state",
        "comity_region_prefix",
        "metadata_policy",
        "constraints",
        "crit",
    ] {
        ensure!(claims.get(name).is_none(), "it has {name} (TRU-3, TRU-9)");
    }
    let node = &claims["metadata"]["comity_node"];
    let mut seen = BTreeSet::new();
    let federation = claims["jwks"]["keys"].as_array().into_iter().flatten();
    let others = node["keys"]
        .as_object()
        .into_iter()
        .flatten()
        .flat_map(|(_, set)| set["keys"].as_array().into_iter().flatten());
    for jwk in federation.chain(others) {
        ensure!(
            seen.insert(jwk["x"].to_string()),
            "a key stands under two purposes (TRU-12)"
        );
    }
    for purpose in ["attestation", "status", "exchange", "receipt"] {
        let keys = node["keys"][purpose]["keys"].as_array().map_or(0, Vec::len);
        ensure!(keys > 0, "it has no {purpose} key (3.2)");
    }
    ensure!(
        node["keys"].get("federation").is_none(),
        "a federation key stands in keys (TRU-12)"
    );
    ensure!(!read.pins.is_empty(), "it has no pin (3.2)");
    Ok(())
}

async fn no_private_key(scene: &mut Scene) -> Played {
    for path in [crate::world::authority::WELL_KNOWN, "/.well-known/jwt-vc-issuer"] {
        let answered = scene.fetch(path).await?;
        let text = answered.text();
        let document = claims_of(&text)
            .or_else(|| answered.json())
            .unwrap_or(Value::Null);
        let mut keys = Vec::new();
        collect(&document, &mut keys);
        ensure!(!keys.is_empty(), "{path} names no key");
        for jwk in keys {
            ensure!(jwk.get("d").is_none(), "{path} publishes a private key (SEC-3)");
            let x = jwk["x"].as_str().unwrap_or_default();
            ensure!(
                unb64(x).is_some_and(|octets| octets.len() == 32),
                "{path} has a key whose x is not 32 octets"
            );
            let named = jwk
                .get("kid")
                .is_none_or(|kid| *kid == crate::world::keys::thumbprint(x).as_str());
            ensure!(named, "{path} has a key whose kid is not its thumbprint (JWS-9)");
        }
    }
    Ok(())
}

/// Every JWK in a document.
fn collect<'v>(value: &'v Value, into: &mut Vec<&'v Value>) {
    match value {
        Value::Object(members) if members.contains_key("kty") => into.push(value),
        Value::Object(members) => members.values().for_each(|value| collect(value, into)),
        Value::Array(all) => all.iter().for_each(|value| collect(value, into)),
        _ => {}
    }
}

async fn issuer_metadata(scene: &mut Scene) -> Played {
    let answered = scene.fetch("/.well-known/jwt-vc-issuer").await?;
    ensure!(
        answered.status == 200,
        "it was answered with status {}",
        answered.status
    );
    let document = answered.json().unwrap_or(Value::Null);
    ensure!(
        document["issuer"] == scene.target.entity.as_str(),
        "issuer is {}",
        document["issuer"]
    );
    let coordinates = |set: &Value| -> BTreeSet<String> {
        set["keys"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|jwk| jwk["x"].to_string())
            .collect()
    };
    let (told, stated) = (
        coordinates(&document["jwks"]),
        coordinates(scene.target.keys("attestation")),
    );
    ensure!(
        !told.is_empty() && told.is_subset(&stated),
        "its keys are not the attestation keys of the configuration"
    );
    Ok(())
}

async fn refusals(scene: &mut Scene) -> Played {
    let partner = scene.partner().await?;
    let county = scene.as_county(partner.county());
    let anybody = scene.anybody();
    for caller in [&anybody, &county] {
        let answered = scene.call(caller, get("/no/such/address")).await?;
        scene.problem(&answered, &["not-found"])?;
    }
    let mut deletion = get(crate::world::authority::WELL_KNOWN);
    *deletion.method_mut() = Method::DELETE;
    for (caller, request) in [
        (&anybody, deletion),
        (&county, get("/federation/v1/verifications")),
        (&county, get("/federation/v1/hints")),
    ] {
        let answered = scene.call(caller, request).await?;
        scene.problem(&answered, &["method-not-allowed"])?;
        ensure!(
            answered.header("allow").is_some(),
            "method-not-allowed without Allow (chapter 10)"
        );
    }
    let answered = scene
        .call(
            &anybody,
            post("/federation/v1/verifications", "application/jose", "x"),
        )
        .await?;
    ensure!(
        (400..500).contains(&answered.status),
        "the public listener answers look-ups with status {} (TRN-5)",
        answered.status
    );
    scene.sound_problem(&answered)?;
    Ok(())
}

async fn quotes_nobody(scene: &mut Scene) -> Played {
    let partner = scene.partner().await?;
    let person = scene.resident()?;
    let county = scene.as_county(partner.county());
    let anybody = scene.anybody();
    let body = format!(
        "{{\"name\":\"{}\",\"number\":\"{}\"}}",
        person.name, person.id_number
    );
    for (caller, request) in [
        (&anybody, get(&format!("/status-lists/{}", person.id_number))),
        (&anybody, get(&format!("/agreements/{}", person.permit_number))),
        (
            &county,
            post("/federation/v1/verifications", "application/jose", body.clone()),
        ),
        (
            &county,
            post(
                "/federation/v1/verifications",
                "application/jose",
                format!("{0}.{0}.{0}", person.id_number),
            ),
        ),
        (
            &county,
            post("/federation/v1/hints", "application/jose", body.clone()),
        ),
        (
            &county,
            post("/federation/v1/proposals", "application/jose+json", body),
        ),
    ] {
        let answered = scene.call(caller, request).await?;
        ensure!(
            answered.status >= 400,
            "nonsense was answered with status {}",
            answered.status
        );
        scene.sound_problem(&answered)?;
    }
    Ok(())
}
