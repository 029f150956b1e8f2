//! Statements as the target reads them (chapter 3): what a pair of statements must be to be believed, and that what was believed
//! before outlives every pair that is not.
//!
//! In each case superior and county state a second attestation key, and one thing is not as it must be. A card by that key tells
//! whether the pair was believed.

use serde_json::{Value, json};

use super::super::{Case, play};
use crate::class::Class::Recogniser;
use crate::scene::restated::{Restated, add_key, lives, statement_reply};
use crate::scene::{Played, Scene, ensure};
use crate::target::contract::{Act, Done};
use crate::world::World;
use crate::world::ambient::now;
use crate::world::authority::{DAY, WELL_KNOWN};
use crate::world::keys::Key;
use crate::world::reply::{Contents, Reply};

/// The object by itself is not to be believed: everything stays as it was (TRU-23).
const KEPT: &[&str] = &["RECOGNISED"];
/// Each statement holds by itself and the pair does not: the county may count as before or not for now, and is never called false.
const DOUBTED: &[&str] = &["RECOGNISED", "NODE_NOT_READY"];

/// Cases that differ from an honest pair in what this changes.
macro_rules! pairs {
    ($($name:literal [$($id:literal),+] $about:literal => $before:ident $change:expr;)+) => {
        pub(super) const PAIRS: &[Case] = &[$(
            Case::differs(
                Recogniser,
                $name,
                &[$($id),+],
                "recogniser/key-stated-by-both",
                $about,
                "the key that they state counts for nothing, nothing is called false, and honest statements are believed after",
                play!(|scene| {
                    let change: fn(&mut Restated, &World) = $change;
                    let partner = scene.partner().await?;
                    let mut restated = scene.restated(&partner);
                    change(&mut restated, &scene.world);
                    scene.disbelieves(&restated, $before).await
                }),
            ),
        )+];
    };
}

/// Cases in which the address of the county's configuration answers otherwise.
macro_rules! servers {
    ($($name:literal [$($id:literal),+] $about:literal $reply:expr;)+) => {
        pub(super) const SERVERS: &[Case] = &[$(
            Case::differs(
                Recogniser,
                $name,
                &[$($id),+],
                "recogniser/key-stated-by-both",
                $about,
                "the key counts for nothing, what was known before is kept, nothing is fetched elsewhere",
                play!(|scene| {
                    let reply: fn(&str, &World) -> Reply = $reply;
                    let partner = scene.partner().await?;
                    let restated = scene.restated(&partner);
                    scene.serve(&restated);
                    let honest = restated.configuration.sign();
                    let reply = reply(&honest, &scene.world);
                    scene.county_answers(&partner, reply);
                    scene.disbelieves_what_is_served(&partner, &restated.key, KEPT).await?;
                    let came = scene.world.log.since(scene.mark());
                    ensure!(
                        !came.iter().any(|one| one.path.starts_with("/trap")),
                        "a redirect was followed (TRU-25)"
                    );
                    Ok(())
                }),
            ),
        )+];
    };
}

pairs! {
    // Who signs (TRU-1).
    "recogniser/statement-forged" ["TRU-1", "TRU-23"] "another key signs under the kid of the superior's key" => KEPT |r, _| r.statement.key = Key::stranger();
    "recogniser/statement-by-unknown-key" ["TRU-1"] "a key that nobody states signs the superior's statement" => KEPT |r, _| { r.statement.signed_by(&Key::stranger()); };
    "recogniser/statement-by-another-province" ["TRU-1"] "another province signs in the superior's name" => KEPT |r, world| { r.statement.signed_by(&world.provinces[2].host.key); };
    "recogniser/statement-by-the-anchor" ["TRU-1"] "the anchor signs in the superior's name" => KEPT |r, world| { r.statement.signed_by(&world.anchor.host.key); };
    "recogniser/statement-by-the-county" ["TRU-1", "TRU-8"] "the county signs the statement on itself in the superior's name" => KEPT |r, _| { let key = r.partner.county().key.clone(); r.statement.signed_by(&key); };
    "recogniser/statement-of-another-province" ["TRU-15", "TRU-26"] "another province, which the county does not name, makes the statement" => KEPT |r, world| {
        let other = &world.provinces[2].host;
        r.statement.signed_by(&other.key).set("iss", other.entity.as_str());
    };
    "recogniser/configuration-forged" ["TRU-1", "TRU-23"] "another key signs under the kid of the county's key" => KEPT |r, _| r.configuration.key = Key::stranger();
    "recogniser/configuration-by-unknown-key" ["TRU-8"] "a key that the configuration brings itself signs it" => KEPT |r, _| {
        let key = Key::stranger();
        let both = json!({ "keys": [r.partner.county().key.jwk(), key.jwk()] });
        r.configuration.signed_by(&key).set("jwks", both);
    };
    "recogniser/configuration-by-the-superior" ["TRU-8"] "the superior signs the county's configuration" => KEPT |r, _| { let key = r.statement.key.clone(); r.configuration.signed_by(&key); };
    "recogniser/configuration-by-attestation-key" ["JWS-5", "TRU-8"] "the county's attestation key signs its configuration" => KEPT |r, _| { let key = r.partner.county().attestation_key.clone(); r.configuration.signed_by(&key); };
    "recogniser/configuration-of-another" ["TRU-26"] "iss and sub of the configuration are another county" => KEPT |r, world| {
        let other = world.counties[world.counties.len() - 1].host.entity.clone();
        r.configuration.set("iss", other.as_str()).set("sub", other);
    };
    // Who may say what.
    "recogniser/key-planted-by-superior" ["TRU-8"] "the county does not state the key" => KEPT |r, _| { let first = r.partner.county().attestation_key.jwks(); r.county_states(|node| node["keys"]["attestation"] = first); };
    "recogniser/key-claimed-by-county" ["TRU-8"] "the superior does not state the key" => KEPT |r, _| { let first = r.partner.county().attestation_key.jwks(); r.superior_states(|node| node["keys"]["attestation"] = first); };
    "recogniser/statement-with-prefix" ["TRU-4"] "the superior states a region prefix for the county" => KEPT |r, world| {
        let prefix = world.plan.prefix(1);
        r.statement.set("comity_region_prefix", prefix).set("crit", json!(["comity_region_prefix"]));
    };
    "recogniser/configuration-with-prefix" ["TRU-9"] "the county states a region prefix for itself" => KEPT |r, world| {
        let prefix = world.plan.prefix(1);
        r.configuration.set("comity_region_prefix", prefix).set("crit", json!(["comity_region_prefix"]));
    };
    "recogniser/configuration-with-state" ["TRU-9"] "the county states its own standing" => KEPT |r, _| { r.configuration.set("comity_state", "active"); };
    "recogniser/statement-without-state" ["TRU-9"] "the superior states no standing" => KEPT |r, _| { r.statement.without("comity_state"); };
    "recogniser/statement-state-unknown" ["TRU-9"] "the superior states a standing that there is not" => KEPT |r, _| { r.statement.set("comity_state", "retired"); };
    "recogniser/configuration-without-superior" ["TRU-5"] "authority_hints is missing" => DOUBTED |r, _| { r.configuration.without("authority_hints"); };
    "recogniser/configuration-other-superior" ["TRU-5"] "authority_hints names another province alone" => DOUBTED |r, world| { r.configuration.set("authority_hints", json!([world.provinces[2].host.entity])); };
    // What a reader must understand.
    "recogniser/statement-crit-unknown" ["TRU-2"] "crit names something" => KEPT |r, _| { r.statement.set("crit", json!(["example"])).set("example", true); };
    "recogniser/statement-crit-empty" ["TRU-2"] "crit names nothing" => KEPT |r, _| { r.statement.set("crit", json!([])); };
    "recogniser/statement-crit-without-member" ["TRU-2"] "crit names a prefix that is not there" => KEPT |r, _| { r.statement.set("crit", json!(["comity_region_prefix"])); };
    "recogniser/configuration-crit" ["TRU-2"] "crit of the configuration names something" => KEPT |r, _| { r.configuration.set("crit", json!(["example"])).set("example", true); };
    "recogniser/statement-metadata-policy" ["TRU-3"] "the superior sets a metadata_policy" => KEPT |r, _| { r.statement.set("metadata_policy", json!({ "comity_node": {} })); };
    "recogniser/statement-constraints" ["TRU-3"] "the superior sets constraints" => KEPT |r, _| { r.statement.set("constraints", json!({ "max_path_length": 3 })); };
    "recogniser/configuration-metadata-policy" ["TRU-3"] "the county sets a metadata_policy" => KEPT |r, _| { r.configuration.set("metadata_policy", json!({})); };
    "recogniser/node-unknown-member" ["JWS-14"] "comity_node has a member that nobody knows" => KEPT |r, _| r.both_state(|node| node["example"] = json!(true));
    // How long.
    "recogniser/statement-lives-too-long" ["TRU-6"] "the statement lives ten days and a second" => KEPT |r, _| lives(&mut r.statement, 10 * DAY + 1);
    "recogniser/statement-lives-no-second" ["TRU-6"] "the statement ends as it begins" => KEPT |r, _| lives(&mut r.statement, 0);
    "recogniser/configuration-lives-too-long" ["TRU-6"] "the configuration lives ten days and a second" => KEPT |r, _| lives(&mut r.configuration, 10 * DAY + 1);
    "recogniser/statement-ended" ["TRU-22"] "the statement ended a minute ago" => DOUBTED |r, _| { r.statement.set("exp", now() - 60); };
    "recogniser/configuration-ended" ["TRU-22"] "the configuration ended a minute ago" => DOUBTED |r, _| { r.configuration.set("exp", now() - 60); };
    // Both assert.
    "recogniser/region-of-superior-other" ["TRU-7"] "the superior states another region" => DOUBTED |r, world| { let other = other_region(world); r.superior_states(|node| node["region"] = json!(other)); };
    "recogniser/region-of-county-other" ["TRU-7"] "the county states another region" => DOUBTED |r, world| { let other = other_region(world); r.county_states(|node| node["region"] = json!(other)); };
    "recogniser/region-outside-prefix" ["TRU-10"] "both state a region of another province" => DOUBTED |r, world| { let other = format!("{}0998", world.plan.prefix(2)); r.both_state(|node| node["region"] = json!(other)); };
    "recogniser/federation-endpoint-other" ["TRU-7"] "the county states another federation endpoint than its superior" => DOUBTED |r, world| {
        let other = world.counties[world.counties.len() - 1].host.federation.clone();
        r.county_states(|node| node["endpoints"]["federation"] = json!(other));
    };
    "recogniser/public-endpoint-other" ["TRU-11"] "both state a public endpoint that is not the entity id" => DOUBTED |r, world| {
        let other = world.counties[world.counties.len() - 1].host.entity.clone();
        r.both_state(|node| node["endpoints"]["public"] = json!(other));
    };
    "recogniser/environment-other" ["TRU-13"] "both state the other environment" => DOUBTED |r, _| r.both_state(|node| node["environment"] = json!("PRODUCTION"));
    // Keys.
    "recogniser/key-of-two-purposes" ["TRU-12"] "the key stands under status too" => DOUBTED |r, _| { let jwk = r.key.jwk(); r.both_state(|node| add_key(node, "status", jwk.clone())); };
    "recogniser/federation-key-among-keys" ["TRU-12"] "the federation key stands under attestation too" => DOUBTED |r, _| { let jwk = r.partner.county().key.jwk(); r.both_state(|node| add_key(node, "attestation", jwk.clone())); };
    "recogniser/key-with-private-half" ["JWS-9"] "the key has its private member" => DOUBTED |r, _| r.both_state(|node| {
        if let Some(Value::Object(jwk)) = node["keys"]["attestation"]["keys"].as_array_mut().and_then(|keys| keys.last_mut()) {
            jwk.insert("d".to_owned(), json!("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"));
        }
    });
    "recogniser/key-under-a-trusted-kid" ["JWS-9", "IDN-13"] "the key stands under the kid of the first one" => DOUBTED |r, _| {
        let kid = r.partner.county().attestation_key.kid();
        r.both_state(|node| {
            if let Some(Value::Object(jwk)) = node["keys"]["attestation"]["keys"].as_array_mut().and_then(|keys| keys.last_mut()) {
                jwk.insert("kid".to_owned(), json!(kid));
            }
        });
    };
    // Form.
    "recogniser/statement-typ-other" ["JWS-3"] "typ of the statement is that of a member list" => KEPT |r, _| { r.statement.head("typ", "comity-member-list+jwt"); };
    "recogniser/statement-header-more" ["JWS-2"] "the statement brings its key in the header" => KEPT |r, _| { let jwk = r.statement.key.jwk(); r.statement.head("jwk", jwk); };
    "recogniser/configuration-alg-other" ["JWS-1"] "alg of the configuration is HS256" => KEPT |r, _| { r.configuration.head("alg", "HS256"); };
    "recogniser/configuration-too-large" ["TRU-25", "JWS-15"] "both are well signed, and the county's takes 300 KiB" => KEPT |r, _| r.county_states(|node| node["ext"] = json!({ "example": "a".repeat(300 << 10) }));
}

servers! {
    "recogniser/configuration-elsewhere" ["TRU-25", "TRN-12"] "the address of the configuration redirects" |_, world| Reply::redirect(&format!("{}/trap/configuration", world.counties[world.counties.len() - 1].host.entity));
    "recogniser/configuration-not-there" ["TRU-23"] "the address of the configuration answers 404" |_, _| Reply::status(404);
    "recogniser/configuration-server-fails" ["TRU-23"] "the address of the configuration answers 500, with the statement as its body" |honest, _| Reply::status(500).body(honest);
    "recogniser/configuration-cut-off" ["TRU-23", "TRN-14"] "the connection ends in the middle" |honest, _| {
        let half = honest.as_bytes()[..honest.len() / 2].to_vec();
        statement_reply("").contents(Contents::CutOff(half, honest.len() as u64))
    };
    "recogniser/configuration-floods" ["TRU-25", "TRN-14"] "a mebibyte comes without a length" |_, _| statement_reply("").contents(Contents::Flood(1 << 20));
    "recogniser/configuration-is-a-page" ["TRU-23"] "the address answers with a page" |_, _| Reply::ok("text/html", "<h1>welcome</h1>");
    "recogniser/configuration-empty" ["TRU-23"] "the answer is empty" |_, _| statement_reply("");
}

pub(super) const CASES: &[Case] = &[
    Case::accepts(
        Recogniser,
        "recogniser/key-stated-by-both",
        &["TRU-8", "TRU-24", "TRU-20"],
        "superior and county both state a second attestation key, signed anew",
        "RECOGNISED, by either key",
        play!(key_stated_by_both),
    ),
    Case::accepts(
        Recogniser,
        "recogniser/unknown-key-is-looked-for",
        &["TRU-8", "TRU-24"],
        "both state a second key, nobody tells the target, and a card by it is scanned",
        "RECOGNISED: the chain was resolved again before the verdict",
        play!(key_is_looked_for),
    ),
    Case::differs(
        Recogniser,
        "recogniser/key-dropped-by-county",
        &["TRU-8", "TRU-28"],
        "recogniser/key-stated-by-both",
        "the county then drops its first key, alone",
        "grey by the first key at once, RECOGNISED by the second",
        play!(dropped_by_county),
    ),
    Case::differs(
        Recogniser,
        "recogniser/key-dropped-by-superior",
        &["TRU-8", "TRU-28"],
        "recogniser/key-stated-by-both",
        "the superior then drops the first key, alone",
        "grey by the first key at once, RECOGNISED by the second",
        play!(dropped_by_superior),
    ),
    Case::differs(
        Recogniser,
        "recogniser/configuration-rolled-back",
        &["TRU-20"],
        "recogniser/key-dropped-by-county",
        "the older configuration, which still has the key, is served again",
        "grey by that key still",
        play!(configuration_rolled_back),
    ),
    Case::differs(
        Recogniser,
        "recogniser/configuration-rolled-back-after-kill",
        &["TRU-20"],
        "recogniser/configuration-rolled-back",
        "the target is killed before",
        "grey by that key still: what was the newest is kept durably",
        play!(configuration_rolled_back_after_kill),
    ),
    Case::differs(
        Recogniser,
        "recogniser/statement-rolled-back",
        &["TRU-20"],
        "recogniser/key-dropped-by-superior",
        "the older statement, which still has the key, is served again, and the target is killed before",
        "grey by that key still",
        play!(statement_rolled_back),
    ),
    Case::differs(
        Recogniser,
        "recogniser/configuration-forked",
        &["TRU-21"],
        "recogniser/key-stated-by-both",
        "a configuration with another key has the iat of the one that is known",
        "grey by the new key, RECOGNISED by the known ones",
        play!(configuration_forked),
    ),
    Case::differs(
        Recogniser,
        "recogniser/statement-forked",
        &["TRU-21"],
        "recogniser/key-stated-by-both",
        "a statement with another key has the iat of the one that is known; the target is killed in between",
        "grey by the new key, RECOGNISED by the known ones",
        play!(statement_forked),
    ),
    Case::differs(
        Recogniser,
        "recogniser/fetched-about-another",
        &["TRU-26"],
        "recogniser/key-stated-by-both",
        "asked for the county, the superior answers with a newer statement on another one",
        "taken for what it says: the key counts for nothing, both counties are recognised",
        play!(fetched_about_another),
    ),
    Case::accepts(
        Recogniser,
        "recogniser/resolved-within-bounds",
        &["TRU-24", "TRU-25"],
        "a county is resolved, from the anchor downwards",
        "at most 8 fetches of its chain, no address twice, and each stands in a statement of the level above",
        play!(within_bounds),
    ),
    Case::differs(
        Recogniser,
        "recogniser/addresses-in-a-circle",
        &["TRU-25"],
        "recogniser/resolved-within-bounds",
        "the province names its configuration's address as that of its member list and of its statements",
        "no address twice, the chain as before",
        play!(in_a_circle),
    ),
];

fn other_region(world: &World) -> String {
    format!("{}0998", world.plan.prefix(1))
}

async fn key_stated_by_both(scene: &mut Scene) -> Played {
    let partner = scene.partner().await?;
    let restated = scene.restated(&partner);
    scene.serve(&restated);
    scene.notices(&partner).await?;
    scene.shows_by(&partner, &restated.key, &["RECOGNISED"]).await?;
    scene.window_says(&partner, &["RECOGNISED"]).await?;
    scene.heals(&partner).await?;
    scene
        .shows_by(&partner, &restated.key, &crate::scene::restated::UNKNOWN_KEY)
        .await
}

async fn key_is_looked_for(scene: &mut Scene) -> Played {
    // Not one of whom something was asked a moment ago: how often a county is asked for may be bounded.
    let partner = scene.fresh_partner().await?;
    let restated = scene.restated(&partner);
    scene.serve(&restated);
    scene.shows_by(&partner, &restated.key, &["RECOGNISED"]).await?;
    scene.heals(&partner).await
}

/// Both state two keys; then one of them states the second alone.
async fn dropped(scene: &mut Scene, by_county: bool) -> Played<(Restated, Restated)> {
    let partner = scene.partner().await?;
    let before = scene.restated(&partner);
    scene.serve(&before);
    scene.notices(&partner).await?;
    scene.shows_by(&partner, &before.key, &["RECOGNISED"]).await?;
    let mut after = before.clone();
    let draft = if by_county {
        &mut after.configuration
    } else {
        &mut after.statement
    };
    let iat = draft.claims["iat"].as_i64().unwrap_or(0) + 1;
    draft.set("iat", iat);
    let second = before.key.jwks();
    let change = |node: &mut Value| node["keys"]["attestation"] = second;
    if by_county {
        after.county_states(change);
    } else {
        after.superior_states(change);
    }
    scene.serve(&after);
    scene.notices(&partner).await?;
    only_the_second(scene, &after).await?;
    Ok((before, after))
}

async fn only_the_second(scene: &mut Scene, restated: &Restated) -> Played {
    let first = restated.partner.county().attestation_key.clone();
    let partner = restated.partner.clone();
    scene.shows_by(&partner, &first, &["ISSUER_UNREACHABLE"]).await?;
    scene.shows_by(&partner, &restated.key, &["RECOGNISED"]).await
}

/// Statement and configuration of the world go on behind what the case served.
async fn back_to_honesty(scene: &mut Scene, restated: &Restated) -> Played {
    let superior = scene.superior_of(restated.partner.county());
    // The case signed one second ahead of the world's counters.
    let _ = superior.host.statement(&restated.partner.county().entity);
    let _ = restated.partner.county().configuration();
    let partner = restated.partner.clone();
    scene.heals(&partner).await
}

async fn dropped_by_county(scene: &mut Scene) -> Played {
    let (_, after) = dropped(scene, true).await?;
    back_to_honesty(scene, &after).await
}

async fn dropped_by_superior(scene: &mut Scene) -> Played {
    let (_, after) = dropped(scene, false).await?;
    back_to_honesty(scene, &after).await
}

async fn rolled_back(scene: &mut Scene, by_county: bool, kill: bool) -> Played {
    let (before, after) = dropped(scene, by_county).await?;
    if kill {
        let _: Done = scene.ask(Act::Restart { graceful: false }).await?;
    }
    scene.serve(&before);
    let partner = after.partner.clone();
    scene.notices(&partner).await?;
    only_the_second(scene, &after).await?;
    back_to_honesty(scene, &after).await
}

async fn configuration_rolled_back(scene: &mut Scene) -> Played {
    rolled_back(scene, true, false).await
}

async fn configuration_rolled_back_after_kill(scene: &mut Scene) -> Played {
    rolled_back(scene, true, true).await
}

async fn statement_rolled_back(scene: &mut Scene) -> Played {
    rolled_back(scene, false, true).await
}

/// What is known is told anew with another key and the same time, by the county or by its superior.
async fn forked(scene: &mut Scene, by_county: bool, kill: bool) -> Played {
    let partner = scene.partner().await?;
    let known = scene.restated(&partner);
    scene.serve(&known);
    scene.notices(&partner).await?;
    scene.shows_by(&partner, &known.key, &["RECOGNISED"]).await?;
    if kill {
        let _: Done = scene.ask(Act::Restart { graceful: false }).await?;
    }
    // The other of the two states the third key honestly, so that the forked one alone decides.
    let mut other = known.clone();
    other.key = Key::stranger();
    let jwk = other.key.jwk();
    other.both_state(|node| add_key(node, "attestation", jwk.clone()));
    let honest = if by_county {
        &mut other.statement
    } else {
        &mut other.configuration
    };
    let iat = honest.claims["iat"].as_i64().unwrap_or(0) + 1;
    honest.set("iat", iat);
    scene.serve(&other);
    scene.notices(&partner).await?;
    scene
        .shows_by(&partner, &other.key, &crate::scene::restated::UNKNOWN_KEY)
        .await?;
    scene.shows_by(&partner, &known.key, &["RECOGNISED"]).await?;
    scene.window_says(&partner, &["RECOGNISED"]).await?;
    back_to_honesty(scene, &other).await
}

async fn configuration_forked(scene: &mut Scene) -> Played {
    forked(scene, true, false).await
}

async fn statement_forked(scene: &mut Scene) -> Played {
    forked(scene, false, true).await
}

async fn fetched_about_another(scene: &mut Scene) -> Played {
    let partner = scene.partner().await?;
    let other = scene.fresh_partner().await?;
    let restated = scene.restated(&partner);
    let about_other = scene.restated(&other);
    scene.serve(&restated);
    scene.superior_answers(partner.county(), statement_reply(&about_other.statement.sign()));
    scene
        .disbelieves_what_is_served(&partner, &restated.key, KEPT)
        .await?;
    scene
        .shows_by(&other, &about_other.key, &crate::scene::restated::UNKNOWN_KEY)
        .await?;
    scene.window_says(&other, &["RECOGNISED"]).await
}

/// Addresses of the chain of a county that were asked for since.
fn of_the_chain(scene: &Scene, county: &crate::world::county::County, mark: usize) -> Vec<String> {
    let superior = scene.superior_of(county).host.entity.clone();
    let anchor = scene.world.anchor.host.entity.clone();
    let port = |entity: &str| entity.rsplit(':').next().unwrap_or_default().to_owned();
    let (of_county, of_superior) = (port(&county.entity), port(&superior));
    let came = scene.world.log.since(mark);
    let chain = came.iter().filter(|one| {
        let statement_on = |port: &str| one.path.starts_with("/fetch?") && one.path.ends_with(port);
        let of_authority = one.path == WELL_KNOWN || one.path == "/member-list";
        (one.entity == anchor && (of_authority || statement_on(&of_superior) || statement_on(&of_county)))
            || (one.entity == superior && (of_authority || statement_on(&of_county)))
            || (one.entity == county.entity && one.path == WELL_KNOWN)
    });
    chain.map(|one| format!("{}{}", one.entity, one.path)).collect()
}

/// Resolves a county and counts. A walk of everybody that happens to run beside is told by the others asked, and counted again.
async fn counted(scene: &mut Scene, partner: &crate::scene::Partner) -> Played {
    for attempt in 0..3 {
        let mark = scene.world.log.len();
        scene.notices(partner).await?;
        let asked = of_the_chain(scene, partner.county(), mark);
        let mut once = asked.clone();
        once.sort();
        once.dedup();
        let others = scene.world.log.since(mark);
        let beside = others
            .iter()
            .filter(|one| one.path == WELL_KNOWN && one.entity != partner.county().entity)
            .count();
        if once.len() < asked.len() && beside > 8 && attempt < 2 {
            continue;
        }
        ensure!(!asked.is_empty(), "nothing of the chain was asked for");
        ensure!(
            once.len() == asked.len(),
            "an address was asked twice for one county (TRU-25): {asked:?}"
        );
        ensure!(
            asked.len() <= 8,
            "one county cost {} fetches, at most 8 are allowed (TRU-25)",
            asked.len()
        );
        return Ok(());
    }
    Ok(())
}

async fn within_bounds(scene: &mut Scene) -> Played {
    let partner = scene.partner().await?;
    counted(scene, &partner).await?;
    scene.window_says(&partner, &["RECOGNISED"]).await
}

async fn in_a_circle(scene: &mut Scene) -> Played {
    let site = scene.fresh_county(2)?;
    let partner = scene.conclude(&site).await?;
    let superior = scene.superior_of(&site.host);
    let mut configuration = superior.host.configuration_draft();
    let own = format!("{}{WELL_KNOWN}", superior.host.entity);
    configuration.set(
        "metadata",
        json!({ "federation_entity": {
            "federation_fetch_endpoint": own,
            "comity_member_list_endpoint": own,
            "organization_name": "示例 Example",
        }}),
    );
    let circle = configuration.sign();
    superior.hook(move |request| {
        request
            .path
            .starts_with(WELL_KNOWN)
            .then(|| statement_reply(&circle))
    });
    counted(scene, &partner).await?;
    scene.window_says(&partner, &["RECOGNISED"]).await?;
    scene.heals(&partner).await
}
