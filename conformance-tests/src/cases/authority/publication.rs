//! What an authority shows to everybody: its configuration, its list, its statements one by one or in a bundle, each signed by a key of
//! the anchor file that was handed over, and never two different ones of one second.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::{Case, play};
use crate::class::Class::Authority;
use crate::scene::{Played, Scene, ensure, line_of};
use crate::target::contract::{Act, Done};
use crate::world::ambient::now;
use crate::world::authority::{DAY, WELL_KNOWN};
use crate::world::draft::claims_of;

pub(super) const CASES: &[Case] = &[
    Case::accepts(
        Authority,
        "authority/anchor-file",
        &["TRU-27", "SEC-3"],
        "the anchor file is read",
        "entity, jwks and environment, and nothing else; public keys only",
        play!(anchor_file),
    ),
    Case::accepts(
        Authority,
        "authority/configuration",
        &["TRU-1", "TRU-3", "TRU-6", "TRU-9", "TRU-24"],
        "the anchor's configuration is fetched from its well-known address",
        "signed by an anchor key, of 400 days at most, without hints, standing, policy or constraints; its addresses are its own",
        play!(configuration),
    ),
    Case::accepts(
        Authority,
        "authority/member-list",
        &["TRU-16", "JWS-14"],
        "the member list is fetched after several members came and one left",
        "35 days at most, everybody once, nobody who did not apply, each line a county or a province",
        play!(member_list),
    ),
    Case::accepts(
        Authority,
        "authority/signed-anew",
        &["TRU-20", "TRU-21"],
        "everything is signed anew five times in a row and fetched twice each time",
        "iat and seq rise each time; one iat is one object",
        play!(signed_anew),
    ),
    Case::accepts(
        Authority,
        "authority/statement-fetched",
        &["TRU-33", "TRU-26"],
        "statements on members are fetched one by one",
        "each is the one on the subject asked for, as application/entity-statement+jwt",
        play!(statement_fetched),
    ),
    Case::differs(
        Authority,
        "authority/statement-on-a-stranger",
        &["TRU-33"],
        "authority/statement-fetched",
        "the subject is nobody's entity id",
        "an error in the form of OpenID Federation, and no statement",
        play!(statement_on_a_stranger),
    ),
    Case::differs(
        Authority,
        "authority/statement-on-nothing",
        &["TRU-33"],
        "authority/statement-fetched",
        "there is no subject, or something that is no entity id",
        "invalid_request in the form of OpenID Federation",
        play!(statement_on_nothing),
    ),
    Case::accepts(
        Authority,
        "authority/bundle",
        &["TRU-30", "TRU-31"],
        "the bundle is fetched",
        "version 1, no unknown member, every statement and the list as they are served one by one",
        play!(bundle),
    ),
];

async fn anchor_file(scene: &mut Scene) -> Played {
    let anchor = scene.target.metadata.clone();
    let names: Vec<&String> = anchor
        .as_object()
        .into_iter()
        .flat_map(|members| members.keys())
        .collect();
    ensure!(
        names == ["entity", "environment", "jwks"],
        "the anchor file has the members {names:?} (TRU-27)"
    );
    ensure!(
        anchor["environment"] == "SANDBOX",
        "the environment is {}",
        anchor["environment"]
    );
    let keys = anchor["jwks"]["keys"].as_array().cloned().unwrap_or_default();
    ensure!(!keys.is_empty(), "the anchor file has no key");
    ensure!(
        keys.iter().all(|key| key.get("d").is_none()),
        "the anchor file has a private key (SEC-3)"
    );
    Ok(())
}

async fn configuration(scene: &mut Scene) -> Played {
    let answered = scene.fetch(WELL_KNOWN).await?;
    let media = answered.header("content-type").unwrap_or_default();
    ensure!(
        media == "application/entity-statement+jwt",
        "the configuration was sent as {media:?}"
    );
    let own = scene.own_configuration().await?;
    let life = own["exp"].as_i64().unwrap_or(0) - own["iat"].as_i64().unwrap_or(0);
    ensure!(
        (1..=400 * DAY).contains(&life),
        "the configuration lives {life} s (TRU-6)"
    );
    ensure!(
        own["iat"].as_i64().is_some_and(|iat| iat <= now() + 60),
        "the configuration is from the future"
    );
    for member in [
        "authority_hints",
        "comity_state",
        "comity_region_prefix",
        "crit",
        "metadata_policy",
        "constraints",
    ] {
        ensure!(own.get(member).is_none(), "the configuration has {member}");
    }
    let keys = |jwks: &Value| -> BTreeSet<String> {
        let keys = jwks["keys"].as_array().into_iter().flatten();
        keys.map(|key| key["x"].to_string()).collect()
    };
    ensure!(
        keys(&scene.target.jwks).is_subset(&keys(&own["jwks"])),
        "a key of the anchor file does not stand in the configuration"
    );
    let endpoints = &own["metadata"]["federation_entity"];
    let under = format!("{}/", scene.target.entity);
    for (name, url) in endpoints.as_object().into_iter().flatten() {
        let own = !name.ends_with("_endpoint") || url.as_str().is_some_and(|url| url.starts_with(&under));
        ensure!(own, "{name} is {url}, no address of the authority's own");
    }
    ensure!(
        ["federation_fetch_endpoint", "comity_bundle_endpoint"]
            .iter()
            .any(|name| endpoints[*name].is_string()),
        "nobody can get its statements: neither a fetch endpoint nor a bundle is named"
    );
    Ok(())
}

async fn member_list(scene: &mut Scene) -> Played {
    let (stays, leaves) = (scene.member().await?, scene.member().await?);
    let never = scene.applicant()?;
    let _: Done = scene
        .ask(Act::Remove {
            entity: leaves.entity.clone(),
        })
        .await?;
    let list = scene.listed().await?;
    let life = list["exp"].as_i64().unwrap_or(0) - list["iat"].as_i64().unwrap_or(0);
    ensure!((1..=35 * DAY).contains(&life), "the list lives {life} s (TRU-16)");
    let lines = list["members"].as_array().cloned().unwrap_or_default();
    let entities: BTreeSet<String> = lines.iter().map(|line| line["entity"].to_string()).collect();
    ensure!(
        entities.len() == lines.len(),
        "somebody stands twice in the list (TRU-16)"
    );
    let itself = json!(scene.target.entity).to_string();
    ensure!(!entities.contains(&itself), "the authority lists itself (TRU-16)");
    for line in &lines {
        let kinds = ["region", "region_prefix"]
            .iter()
            .filter(|kind| line[**kind].is_string());
        ensure!(
            kinds.count() == 1,
            "the line {line} is neither a county's nor a province's (TRU-16)"
        );
        let known = ["entity", "region", "region_prefix", "name", "state"];
        let members = line.as_object().into_iter().flat_map(|members| members.keys());
        let unknown: Vec<&String> = members.filter(|name| !known.contains(&name.as_str())).collect();
        ensure!(unknown.is_empty(), "a line has the members {unknown:?} (JWS-14)");
    }
    for (county, state) in [
        (&stays, Some("active")),
        (&leaves, Some("removed")),
        (&never, None),
    ] {
        let found = line_of(&list, &county.entity).and_then(|line| line["state"].as_str());
        ensure!(
            found == state,
            "the list says {found:?} of {}, expected {state:?}",
            county.entity
        );
    }
    Ok(())
}

async fn signed_anew(scene: &mut Scene) -> Played {
    let county = scene.member().await?;
    let mut last: Option<(i64, i64, i64)> = None;
    for _ in 0..5 {
        let _: Done = scene.ask(Act::Publish).await?;
        let (jws, statement) = scene.stated(&county.entity).await?;
        let list = scene.listed().await?;
        let own = scene.own_configuration().await?;
        let (again, _) = scene.stated(&county.entity).await?;
        ensure!(
            jws == again,
            "the same statement was served with other bytes (TRU-21)"
        );
        ensure!(
            list == scene.listed().await?,
            "the same list was served with other contents (TRU-21)"
        );
        let number = |claims: &Value, member: &str| claims[member].as_i64().unwrap_or(-1);
        let here = (
            number(&statement, "iat"),
            number(&list, "seq"),
            number(&own, "iat"),
        );
        if let Some(last) = last {
            ensure!(
                last.0 < here.0 && last.1 < here.1 && last.2 < here.2,
                "iat of the statement, seq of the list and iat of the configuration were {last:?} and are {here:?} (TRU-20)"
            );
        }
        ensure!(here.0 <= now() + 60, "the statement is from the future (JWS-17)");
        last = Some(here);
    }
    Ok(())
}

async fn statement_fetched(scene: &mut Scene) -> Played {
    let fetch = fetch_endpoint(scene).await?;
    for county in [scene.member().await?, scene.member().await?] {
        let escaped = county.entity.replace(':', "%3A").replace('/', "%2F");
        for sub in [escaped.as_str(), county.entity.as_str()] {
            let answered = scene.fetch_url(&format!("{fetch}?sub={sub}")).await?;
            ensure!(
                answered.status == 200,
                "fetch answered status {}",
                answered.status
            );
            let media = answered.header("content-type").unwrap_or_default();
            ensure!(
                media == "application/entity-statement+jwt",
                "a statement was sent as {media:?}"
            );
            let found = claims_of(&answered.text()).unwrap_or(Value::Null)["sub"].clone();
            ensure!(found == county.entity.as_str(), "the statement is on {found}");
        }
    }
    Ok(())
}

async fn statement_on_a_stranger(scene: &mut Scene) -> Played {
    let fetch = fetch_endpoint(scene).await?;
    let stranger = scene.applicant()?;
    let answered = scene
        .fetch_url(&format!("{fetch}?sub={}", stranger.entity))
        .await?;
    let error = oidf_error(&answered)?;
    ensure!(
        error == "not_found" && answered.status == 404,
        "nobody's entity id was answered with {error} and status {}",
        answered.status
    );
    Ok(())
}

async fn statement_on_nothing(scene: &mut Scene) -> Played {
    let fetch = fetch_endpoint(scene).await?;
    for query in [
        "",
        "?sub=",
        "?sub=not-an-entity-id",
        "?sub=https%3A%2F%2Fa.example&sub=https%3A%2F%2Fb.example",
    ] {
        let answered = scene.fetch_url(&format!("{fetch}{query}")).await?;
        let error = oidf_error(&answered)?;
        ensure!(
            error == "invalid_request" && answered.status == 400,
            "{query:?} was answered with {error} and status {}",
            answered.status
        );
    }
    Ok(())
}

async fn bundle(scene: &mut Scene) -> Played {
    let county = scene.member().await?;
    let bundle = scene.bundle().await?;
    ensure!(
        bundle["version"] == 1,
        "the bundle has version {}",
        bundle["version"]
    );
    let known = [
        "version",
        "created",
        "statements",
        "member_lists",
        "agreements",
        "withdrawals",
        "status_lists",
    ];
    let members = bundle.as_object().into_iter().flat_map(|members| members.keys());
    let unknown: Vec<&String> = members.filter(|name| !known.contains(&name.as_str())).collect();
    ensure!(
        unknown.is_empty(),
        "the bundle has the members {unknown:?} (TRU-31)"
    );
    let statements = bundle["statements"].as_array().cloned().unwrap_or_default();
    let (served, _) = scene.stated(&county.entity).await?;
    ensure!(
        statements.contains(&json!(served)),
        "the statement on a member does not stand in the bundle as it is served"
    );
    let own = scene.fetch(WELL_KNOWN).await?.text();
    ensure!(
        statements.contains(&json!(own)),
        "the authority's own configuration does not stand in the bundle as it is served"
    );
    let listed = scene.listed().await?;
    let lists = bundle["member_lists"].as_array().cloned().unwrap_or_default();
    ensure!(
        lists
            .iter()
            .filter_map(Value::as_str)
            .any(|jws| claims_of(jws).as_ref() == Some(&listed)),
        "the member list does not stand in the bundle"
    );
    Ok(())
}

/// The fetch endpoint, of an authority that has one.
async fn fetch_endpoint(scene: &mut Scene) -> Played<String> {
    let own = scene.own_configuration().await?;
    let endpoint = own["metadata"]["federation_entity"]["federation_fetch_endpoint"].as_str();
    endpoint.map(str::to_owned).ok_or_else(|| {
        crate::scene::Stop::Unsupported(
            "the authority has no fetch endpoint: it publishes a bundle".to_owned(),
        )
    })
}

/// The `error` of an answer in OpenID Federation's form (1.0, 8.9).
fn oidf_error(answered: &crate::world::client::Answered) -> Played<String> {
    let media = answered.header("content-type").unwrap_or_default();
    ensure!(
        media.starts_with("application/json"),
        "an error of fetch was sent as {media:?}, status {}",
        answered.status
    );
    let document = answered.json().unwrap_or(Value::Null);
    let text = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
    ensure!(
        !text("error").is_empty() && !text("error_description").is_empty(),
        "an error of fetch has no error and error_description"
    );
    Ok(text("error"))
}
