//! Who stands how (chapters 3.1, 3.3 and 4.4): suspended, removed, left out, claimed by two, or speaking with a key for which nobody
//! whom the agreement names has vouched.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::{Case, play};
use super::hints::{calls, saying};
use crate::class::Class::Recogniser;
use crate::scene::restated::statement_reply;
use crate::scene::{Partner, Played, Scene, ensure};
use crate::target::contract::{Act, Done};
use crate::world::World;
use crate::world::ambient::now;
use crate::world::authority::{DAY, WELL_KNOWN};
use crate::world::draft::{Draft, claims_of};
use crate::world::keys::Key;
use crate::world::reply::Reply;

/// What may be said of an issuer whose chain was refused, or that nobody lists any more.
const NOT_COUNTING: [&str; 2] = ["NODE_NOT_READY", "UNKNOWN_ISSUER"];

/// Cases in which a member list that would suspend the issuer differs from an honest one in what this changes.
macro_rules! lists {
    ($($name:literal [$($id:literal),+] $about:literal $change:expr;)+) => {
        pub(super) const LISTS: &[Case] = &[$(
            Case::differs(
                Recogniser,
                $name,
                &[$($id),+],
                "recogniser/suspended-by-list",
                $about,
                "the list counts for nothing: RECOGNISED as before",
                play!(|scene| {
                    let change: fn(&mut Draft, &Partner, &World) = $change;
                    let partner = scene.partner().await?;
                    let mut list = list_saying(scene, &partner, "suspended");
                    change(&mut list, &partner, &scene.world);
                    serve_list(scene, &partner, &list);
                    let before = after_notice(scene, &partner, &["RECOGNISED"]).await;
                    // Also after a failure: the partner is shared.
                    let healed = scene.heals(&partner).await;
                    before.and(healed)
                }),
            ),
        )+];
    };
}

lists! {
    "recogniser/members-forged" ["TRU-16", "TRU-23"] "another key signs under the kid of the authority's key" |l, _, _| l.key = Key::stranger();
    "recogniser/members-by-another-province" ["TRU-23"] "another province signs in the authority's name" |l, _, world| { l.signed_by(&world.provinces[2].host.key); };
    "recogniser/members-by-a-member" ["TRU-23"] "a county signs the list that it stands in" |l, partner, _| { let key = partner.county().key.clone(); l.signed_by(&key); };
    "recogniser/members-typ-other" ["JWS-3"] "typ is that of an entity statement" |l, _, _| { l.head("typ", "entity-statement+jwt"); };
    "recogniser/members-unknown-member" ["JWS-14"] "the list has a member that nobody knows" |l, _, _| { l.set("example", true); };
    "recogniser/members-without-seq" ["JWS-16"] "seq is missing" |l, _, _| { l.without("seq"); };
    "recogniser/members-live-too-long" ["TRU-16"] "the list lives 35 days and a second" |l, _, _| { let iat = l.claims["iat"].as_i64().unwrap_or(0); l.set("exp", iat + 35 * DAY + 1); };
    "recogniser/members-ended" ["TRU-16", "TRU-22"] "the list ended a minute ago" |l, _, _| { l.set("exp", now() - 60); };
    "recogniser/members-from-the-future" ["JWS-17"] "iat lies five minutes ahead" |l, _, _| { l.set("iat", now() + 300).set("exp", now() + DAY); };
    "recogniser/members-listed-twice" ["TRU-16"] "the issuer is listed twice" |l, partner, _| { let entity = partner.county().entity.clone(); lines(l, |all| { let line = all.iter().find(|line| line["entity"] == entity.as_str()).cloned(); all.extend(line); }); };
    "recogniser/members-list-the-authority" ["TRU-16"] "the authority lists itself" |l, _, world| { let own = l.claims["iss"].clone(); let region = format!("{}0997", world.plan.prefix(1)); lines(l, |all| all.push(json!({ "entity": own, "region": region, "name": { "zh": "示例", "en": "Example" }, "state": "active" }))); };
    "recogniser/members-list-a-province" ["TRU-16", "TRU-4"] "a province lists a province" |l, _, world| { let prefix = world.plan.prefix(1); lines(l, |all| all.push(json!({ "entity": "https://province.example", "region_prefix": prefix, "name": { "zh": "示例", "en": "Example" }, "state": "active" }))); };
    "recogniser/members-line-of-nothing" ["TRU-16"] "a line is neither county nor province" |l, _, _| lines(l, |all| all.push(json!({ "entity": "https://county.example", "name": { "zh": "示例", "en": "Example" }, "state": "active" })));
    "recogniser/members-state-unknown" ["TRU-16"] "a line has a standing that there is not" |l, _, _| lines(l, |all| if let Some(line) = all.first_mut() { line["state"] = json!("paused"); });
    "recogniser/members-rolled-back" ["TRU-20"] "seq is lower than one that was seen" |l, _, _| { l.set("seq", 1); };
    "recogniser/members-forked" ["TRU-21"] "seq is that of the list that is known" |l, partner, world| {
        let superior = world.provinces.iter().find(|one| one.host.entity == partner.county().superior);
        let known = superior.and_then(|one| claims_of(&one.host.served_list()));
        l.set("seq", known.map_or(Value::Null, |known| known["seq"].clone()));
    };
}

pub(super) const CASES: &[Case] = &[
    Case::differs(
        Recogniser,
        "recogniser/issuer-suspended",
        &["TRU-9", "VER-1"],
        "recogniser/recognised",
        "the superior's statement says that the issuer is suspended",
        "ISSUER_SUSPENDED, and RECOGNISED after a statement that reinstates it",
        play!(|scene| { standing(scene, "suspended", &["ISSUER_SUSPENDED"]).await }),
    ),
    Case::differs(
        Recogniser,
        "recogniser/issuer-removed",
        &["TRU-9", "VER-1", "VER-2"],
        "recogniser/recognised",
        "the superior's statement says that the issuer has left",
        "UNKNOWN_ISSUER",
        play!(|scene| { standing(scene, "removed", &["UNKNOWN_ISSUER"]).await }),
    ),
    Case::differs(
        Recogniser,
        "recogniser/suspended-by-list",
        &["TRU-18"],
        "recogniser/recognised",
        "a newer member list says suspended, the statement says active",
        "ISSUER_SUSPENDED: the more restrictive counts",
        play!(|scene| { by_list(scene, "suspended", &["ISSUER_SUSPENDED"]).await }),
    ),
    Case::differs(
        Recogniser,
        "recogniser/removed-by-list",
        &["TRU-18"],
        "recogniser/suspended-by-list",
        "the list says removed",
        "UNKNOWN_ISSUER",
        play!(|scene| { by_list(scene, "removed", &["UNKNOWN_ISSUER"]).await }),
    ),
    Case::differs(
        Recogniser,
        "recogniser/left-out-by-list",
        &["TRU-18"],
        "recogniser/suspended-by-list",
        "the newer list does not name the issuer at all",
        "UNKNOWN_ISSUER or NODE_NOT_READY: its statement alone does not count",
        play!(left_out_by_list),
    ),
    Case::differs(
        Recogniser,
        "recogniser/not-reinstated-by-list",
        &["TRU-18"],
        "recogniser/issuer-suspended",
        "a newer list says active again, and the statement does not",
        "ISSUER_SUSPENDED still: reinstating takes a new statement",
        play!(not_reinstated_by_list),
    ),
    Case::differs(
        Recogniser,
        "recogniser/suspension-outlives-silence",
        &["TRU-20", "TRU-23"],
        "recogniser/issuer-suspended",
        "then nobody answers, and the target is killed",
        "ISSUER_SUSPENDED still",
        play!(suspension_outlives_silence),
    ),
    Case::differs(
        Recogniser,
        "recogniser/link-ends",
        &["TRU-22"],
        "recogniser/recognised",
        "the superior's statement ends in three seconds, and no other comes",
        "RECOGNISED until then, NODE_NOT_READY after: not the county's fault",
        play!(link_ends),
    ),
    Case::differs(
        Recogniser,
        "recogniser/province-suspended",
        &["TRU-9", "TRU-18"],
        "recogniser/recognised",
        "the anchor suspends the issuer's province",
        "ISSUER_SUSPENDED, counties of other provinces are recognised",
        play!(|scene| { province_says(scene, "suspended", &["ISSUER_SUSPENDED"]).await }),
    ),
    Case::differs(
        Recogniser,
        "recogniser/province-removed",
        &["TRU-17"],
        "recogniser/recognised",
        "the anchor removes the issuer's province",
        "UNKNOWN_ISSUER or NODE_NOT_READY, counties of other provinces are recognised",
        play!(|scene| { province_says(scene, "removed", &NOT_COUNTING).await }),
    ),
    Case::differs(
        Recogniser,
        "recogniser/prefix-narrowed",
        &["TRU-10"],
        "recogniser/recognised",
        "the anchor states a narrower prefix for the province, in which the issuer does not lie",
        "NODE_NOT_READY, and RECOGNISED after the prefix is what it was",
        play!(prefix_narrowed),
    ),
    Case::accepts(
        Recogniser,
        "recogniser/vouched-for-by-one-not-named",
        &["TRU-15"],
        "the anchor vouches for the issuer too, which does not name the anchor",
        "RECOGNISED: a superior that the county does not name takes nothing away",
        play!(|scene| { with_the_anchor(scene, "active", false, &["RECOGNISED"]).await }),
    ),
    Case::differs(
        Recogniser,
        "recogniser/two-superiors",
        &["TRU-15"],
        "recogniser/vouched-for-by-one-not-named",
        "the issuer names both",
        "NODE_NOT_READY: one of them vouches, not two",
        play!(|scene| { with_the_anchor(scene, "active", true, &["NODE_NOT_READY"]).await }),
    ),
    Case::differs(
        Recogniser,
        "recogniser/anchor-outranks",
        &["TRU-15"],
        "recogniser/vouched-for-by-one-not-named",
        "the anchor says that the issuer is suspended",
        "ISSUER_SUSPENDED, whatever its province says",
        play!(|scene| { with_the_anchor(scene, "suspended", false, &["ISSUER_SUSPENDED"]).await }),
    ),
    Case::differs(
        Recogniser,
        "recogniser/region-claimed-twice",
        &["TRU-14"],
        "recogniser/recognised",
        "another county and their superior state the issuer's region for it",
        "NODE_NOT_READY for either, and RECOGNISED when the other has its own again",
        play!(region_claimed_twice),
    ),
    Case::differs(
        Recogniser,
        "recogniser/pin-claimed-twice",
        &["TRU-14", "TRN-2"],
        "recogniser/recognised",
        "another county and their superior state the issuer's TLS pin for it too",
        "RECOGNISED for either; whoever calls with it is turned away, and let in when it is one's alone again",
        play!(pin_claimed_twice),
    ),
    Case::differs(
        Recogniser,
        "recogniser/vouched-for-by-a-county",
        &["TRU-17", "TRU-24"],
        "recogniser/recognised",
        "the issuer left its province, names another county as its superior, and that county states it",
        "UNKNOWN_ISSUER or NODE_NOT_READY, and no county is asked for statements",
        play!(vouched_by_a_county),
    ),
    Case::accepts(
        Recogniser,
        "recogniser/federation-key-vouched-for",
        &["AGR-12", "AGR-13", "TRU-29"],
        "the issuer rotates its federation key, the pinned one vouches, then it retires; the target is killed after",
        "RECOGNISED at each step: the retired configuration is kept as evidence",
        play!(key_vouched_for),
    ),
    Case::differs(
        Recogniser,
        "recogniser/federation-key-not-vouched-for",
        &["AGR-12", "STA-12", "VER-1"],
        "recogniser/federation-key-vouched-for",
        "the superior states the new key, no pinned key vouched for it, and a list by it cancels a permit",
        "ISSUER_SUSPENDED: nothing of it is believed under the agreement, and the permit is recognised after",
        play!(key_not_vouched_for),
    ),
];

fn lines(list: &mut Draft, change: impl FnOnce(&mut Vec<Value>)) {
    if let Some(all) = list.claims.get_mut("members").and_then(Value::as_array_mut) {
        change(all);
    }
}

/// The superior's next list, with this standing of the partner.
fn list_saying(scene: &Scene, partner: &Partner, state: &str) -> Draft {
    let county = partner.county();
    let mut list = scene.superior_of(county).host.member_list();
    lines(&mut list, |all| {
        for line in all
            .iter_mut()
            .filter(|line| line["entity"] == county.entity.as_str())
        {
            line["state"] = json!(state);
        }
    });
    list
}

fn serve_list(scene: &Scene, partner: &Partner, list: &Draft) {
    let jws = list.sign();
    scene.superior_of(partner.county()).hook(move |request| {
        (request.path == "/member-list")
            .then(|| Reply::ok("application/comity-member-list+jwt", jws.as_str()))
    });
}

async fn after_notice(scene: &mut Scene, partner: &Partner, codes: &[&str]) -> Played {
    scene.notices(partner).await?;
    scene.window_says(partner, codes).await
}

fn superior_says(scene: &Scene, partner: &Partner, state: &str) {
    let county = partner.county();
    let superior = scene.superior_of(county);
    superior
        .host
        .change(&county.entity, |member| member.state = state.to_owned());
}

async fn standing(scene: &mut Scene, state: &str, codes: &[&str]) -> Played {
    let partner = scene.fresh_partner().await?;
    superior_says(scene, &partner, state);
    after_notice(scene, &partner, codes).await?;
    superior_says(scene, &partner, "active");
    after_notice(scene, &partner, &["RECOGNISED"]).await
}

async fn by_list(scene: &mut Scene, state: &str, codes: &[&str]) -> Played {
    let partner = scene.fresh_partner().await?;
    let list = list_saying(scene, &partner, state);
    serve_list(scene, &partner, &list);
    after_notice(scene, &partner, codes).await?;
    scene.heals(&partner).await
}

async fn left_out_by_list(scene: &mut Scene) -> Played {
    let partner = scene.fresh_partner().await?;
    let entity = partner.county().entity.clone();
    let mut list = list_saying(scene, &partner, "active");
    lines(&mut list, |all| {
        all.retain(|line| line["entity"] != entity.as_str())
    });
    serve_list(scene, &partner, &list);
    after_notice(scene, &partner, &NOT_COUNTING).await?;
    scene.heals(&partner).await
}

async fn not_reinstated_by_list(scene: &mut Scene) -> Played {
    let partner = scene.fresh_partner().await?;
    superior_says(scene, &partner, "suspended");
    after_notice(scene, &partner, &["ISSUER_SUSPENDED"]).await?;
    let list = list_saying(scene, &partner, "active");
    serve_list(scene, &partner, &list);
    after_notice(scene, &partner, &["ISSUER_SUSPENDED"]).await?;
    superior_says(scene, &partner, "active");
    scene.heals(&partner).await
}

async fn suspension_outlives_silence(scene: &mut Scene) -> Played {
    let partner = scene.fresh_partner().await?;
    superior_says(scene, &partner, "suspended");
    after_notice(scene, &partner, &["ISSUER_SUSPENDED"]).await?;
    scene
        .superior_of(partner.county())
        .hook(|_| Some(Reply::status(503)));
    let _: Done = scene.ask(Act::Restart { graceful: false }).await?;
    after_notice(scene, &partner, &["ISSUER_SUSPENDED"]).await?;
    superior_says(scene, &partner, "active");
    scene.heals(&partner).await
}

async fn link_ends(scene: &mut Scene) -> Played {
    let partner = scene.fresh_partner().await?;
    let mut restated = scene.restated(&partner);
    let end = now() + 3;
    restated.statement.set("exp", end);
    scene.serve(&restated);
    scene.notices(&partner).await?;
    let verdict = scene.shown_by(&partner);
    let verdict = scene.scan(&verdict.card.token()).await?;
    if now() < end {
        scene.outcome(&verdict, &["RECOGNISED"])?;
    }
    // The clock itself is what is waited for.
    let left = u64::try_from(end - now() + 1).unwrap_or(0);
    tokio::time::sleep(Duration::from_secs(left)).await;
    after_notice(scene, &partner, &["NODE_NOT_READY"]).await?;
    scene.heals(&partner).await
}

/// A partner in the spare province, with which a case may do what it likes.
async fn of_the_spare_province(scene: &mut Scene) -> Played<Partner> {
    let site = scene.fresh_county(2)?;
    scene.conclude(&site).await
}

async fn province_says(scene: &mut Scene, state: &str, codes: &[&str]) -> Played {
    let partner = of_the_spare_province(scene).await?;
    let other = scene.partner().await?;
    let province = partner.county().superior.clone();
    let anchor = std::sync::Arc::clone(&scene.world.anchor);
    anchor
        .host
        .change(&province, |member| member.state = state.to_owned());
    let stands = after_notice(scene, &partner, codes).await;
    let elsewhere = after_notice(scene, &other, &["RECOGNISED"]).await;
    anchor
        .host
        .change(&province, |member| member.state = "active".to_owned());
    let healed = scene.heals(&partner).await;
    stands.and(elsewhere).and(healed)
}

async fn prefix_narrowed(scene: &mut Scene) -> Played {
    let partner = of_the_spare_province(scene).await?;
    let province = partner.county().superior.clone();
    let anchor = std::sync::Arc::clone(&scene.world.anchor);
    let prefix = scene.world.plan.prefix(2);
    anchor
        .host
        .change(&province, |member| member.region = format!("{prefix}99"));
    let stands = after_notice(scene, &partner, &["NODE_NOT_READY"]).await;
    anchor.host.change(&province, |member| member.region = prefix);
    let healed = scene.heals(&partner).await;
    stands.and(healed)
}

/// The anchor states a county of a province too; afterwards it forgets it again.
async fn with_the_anchor(scene: &mut Scene, state: &str, named: bool, codes: &[&str]) -> Played {
    let partner = scene.fresh_partner().await?;
    let county = partner.county();
    let anchor = std::sync::Arc::clone(&scene.world.anchor);
    let mut member = county.as_member();
    member.state = state.to_owned();
    anchor.host.put(&county.entity, member);
    anchor.host.publish();
    if named {
        let mut configuration = county.configuration();
        configuration.set("authority_hints", json!([county.superior, anchor.host.entity]));
        scene.county_answers(&partner, statement_reply(&configuration.sign()));
    }
    let stands = after_notice(scene, &partner, codes).await;
    // First active, then forgotten: what is said last must not be that it is stopped.
    anchor
        .host
        .change(&county.entity, |member| member.state = "active".to_owned());
    let noticed = scene.notices(&partner).await;
    anchor.host.forget(&county.entity);
    let healed = scene.heals(&partner).await;
    stands.and(noticed).and(healed)
}

/// Another partner, which states this of the first one for itself too, and its superior with it.
async fn claims(scene: &mut Scene, partner: &Partner, change: fn(&mut Value, &Value)) -> Played<Partner> {
    let other = scene.fresh_partner().await?;
    let issuer = partner.county().metadata();
    let mut claim = scene.restated(&other);
    claim.both_state(|node| change(node, &issuer));
    scene.serve(&claim);
    scene.notices(&other).await?;
    Ok(other)
}

async fn pin_claimed_twice(scene: &mut Scene) -> Played {
    let partner = scene.fresh_partner().await?;
    let other = claims(scene, &partner, |node, issuer| {
        if let (Some(pins), Some(theirs)) = (node["tls_pins"].as_array_mut(), issuer["tls_pins"].as_array()) {
            pins.extend(theirs.iter().cloned());
        }
    })
    .await?;
    let first = scene.window_says(&partner, &["RECOGNISED"]).await;
    let second = scene.window_says(&other, &["RECOGNISED"]).await;
    let called = calls(scene, &partner).await?;
    let healed = scene.heals(&other).await;
    let again = calls(scene, &partner).await?;
    first.and(second).and(healed)?;
    match called {
        Ok(answered) => ensure!(
            answered.status != 202,
            "a key that two counties have was let in, and answered with status {}",
            answered.status
        ),
        Err(unanswered) => ensure!(
            unanswered.is_refusal(),
            "not turned away but left alone: {unanswered}"
        ),
    }
    ensure!(
        again.is_ok_and(|answered| answered.status == 202),
        "a key that is one county's alone again was not let in"
    );
    Ok(())
}

async fn region_claimed_twice(scene: &mut Scene) -> Played {
    let partner = scene.fresh_partner().await?;
    let other = claims(scene, &partner, |node, issuer| {
        node["region"] = issuer["region"].clone();
    })
    .await?;
    let first = scene.window_says(&partner, &["NODE_NOT_READY"]).await;
    let second = scene.window_says(&other, &["NODE_NOT_READY"]).await;
    let healed = scene.heals(&other).await;
    let again = scene.window_says(&partner, &["RECOGNISED"]).await;
    first.and(second).and(healed).and(again)
}

async fn vouched_by_a_county(scene: &mut Scene) -> Played {
    let partner = scene.fresh_partner().await?;
    let voucher = scene.fresh_partner().await?;
    let county = partner.county();
    let superior = scene.superior_of(county);
    let member = county.as_member();
    superior.host.forget(&county.entity);
    let mut configuration = county.configuration();
    configuration.set("authority_hints", json!([voucher.county().entity]));
    scene.county_answers(&partner, statement_reply(&configuration.sign()));
    let mut statement = configuration.clone();
    statement
        .signed_by(&voucher.county().key)
        .set("iss", voucher.county().entity.as_str())
        .set("comity_state", "active")
        .without("authority_hints");
    let statement = statement.sign();
    let mark = scene.world.log.len();
    voucher.site.hook(move |request| {
        request
            .path
            .contains("fetch")
            .then(|| statement_reply(&statement))
    });
    let stands = after_notice(scene, &partner, &NOT_COUNTING).await;
    let asked = scene.world.log.since(mark);
    superior.host.put(&county.entity, member);
    let healed = scene.heals(&partner).await;
    stands.and(healed)?;
    ensure!(
        !asked
            .iter()
            .any(|one| one.entity == voucher.county().entity && one.path != WELL_KNOWN),
        "a county was asked for what it states of another (TRU-24)"
    );
    Ok(())
}

/// The superior states these federation keys of the partner, and the partner configures itself with the same, signed by the first.
fn speaks_with(scene: &Scene, partner: &Partner, keys: &[&Key]) {
    let county = partner.county();
    let jwks = json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() });
    let mut configuration = county.configuration();
    configuration.signed_by(keys[0]).set("jwks", jwks.clone());
    county.serve_configuration(configuration.sign());
    let superior = scene.superior_of(county);
    superior.host.change(&county.entity, |member| member.jwks = jwks);
}

async fn key_vouched_for(scene: &mut Scene) -> Played {
    let partner = scene.fresh_partner().await?;
    let (old, new) = (partner.county().key.clone(), Key::stranger());
    speaks_with(scene, &partner, &[&old, &new]);
    after_notice(scene, &partner, &["RECOGNISED"]).await?;
    speaks_with(scene, &partner, &[&new]);
    after_notice(scene, &partner, &["RECOGNISED"]).await?;
    let _: Done = scene.ask(Act::Restart { graceful: false }).await?;
    scene.window_says(&partner, &["RECOGNISED"]).await?;
    speaks_with(scene, &partner, &[&old]);
    scene.heals(&partner).await
}

async fn key_not_vouched_for(scene: &mut Scene) -> Played {
    let partner = scene.fresh_partner().await?;
    let (old, new) = (partner.county().key.clone(), Key::stranger());
    let shown = scene.shown_by(&partner);
    let list = |value| {
        partner
            .county()
            .serve_list(&shown.slot, saying(&partner, &shown.slot, value))
    };
    // The list comes only once the key is known not to count, and goes before it counts again: a refresh of the target's own in
    // between would take it rightly.
    speaks_with(scene, &partner, &[&new]);
    after_notice(scene, &partner, &["ISSUER_SUSPENDED"]).await?;
    list(1);
    after_notice(scene, &partner, &["ISSUER_SUSPENDED"]).await?;
    list(0);
    speaks_with(scene, &partner, &[&old]);
    scene.heals(&partner).await?;
    let verdict = scene.scan(&shown.card.token()).await?;
    scene.outcome(&verdict, &["RECOGNISED"])
}
