//! Hints that reach the target (chapters 4.6 and 7.5): what they make it look at, and that nobody can make it look elsewhere, or end
//! an agreement that is another's.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::{Case, play};
use crate::class::Class::Recogniser;
use crate::scene::{Partner, Played, Scene, ensure};
use crate::target::contract::{Act, Done};
use crate::world::World;
use crate::world::ambient::now;
use crate::world::authority::WELL_KNOWN;
use crate::world::client::{Answered, Unanswered, post};
use crate::world::county::{County, Slot};
use crate::world::draft::Draft;
use crate::world::keys::Key;
use crate::world::person::day;
use crate::world::reply::Reply;
use crate::world::status_list::Entries;

const HINTS: &str = "/federation/v1/hints";
/// How long the target may take to look at what a hint names.
const LOOKED_AT: Duration = Duration::from_secs(20);

/// Cases in which a hint that names a list of its sender differs from an honest one in what this changes.
macro_rules! hints {
    ($($name:literal [$($id:literal),+] $about:literal => [$($slug:literal),+] $change:expr;)+) => {
        pub(super) const HINTED: &[Case] = &[$(
            Case::differs(
                Recogniser,
                $name,
                &[$($id),+],
                "recogniser/hint-of-a-list",
                $about,
                concat!($($slug, " "),+, "and nothing is fetched for it; an honest hint is heeded after"),
                play!(|scene| {
                    let change: fn(&mut Draft, &Partner, &World) = $change;
                    let partner = scene.partner().await?;
                    let slot = partner.county().fresh_slot();
                    let mut hint = partner.county().hint(&scene.target.entity, std::slice::from_ref(&slot.uri));
                    change(&mut hint, &partner, &scene.world);
                    refused(scene, &partner, &hint, &[$($slug),+]).await
                }),
            ),
        )+];
    };
}

/// Cases in which a withdrawal that a hint carries differs from an honest one in what this changes.
macro_rules! withdrawals {
    ($($name:literal [$($id:literal),+] $about:literal $change:expr;)+) => {
        pub(super) const WITHDRAWALS: &[Case] = &[$(
            Case::differs(
                Recogniser,
                $name,
                &[$($id),+],
                "recogniser/agreement-withdrawn",
                $about,
                "hint-refused, or not-ready where it may hold later: the agreement stands, RECOGNISED",
                play!(|scene| {
                    let change: fn(&mut Draft, &County) = $change;
                    let (partner, other) = two_partners(scene).await?;
                    let mut withdrawal = withdrawal_of(&partner);
                    change(&mut withdrawal, other.county());
                    // The other county brings it: who brings a withdrawal does not matter, who signed it does.
                    let mut hint = other.county().hint(&scene.target.entity, &[]);
                    hint.set("withdrawals", json!([withdrawal.sign()]));
                    let answered = send(scene, other.county(), &hint).await?;
                    scene.problem(&answered, &["hint-refused", "not-ready"])?;
                    scene.still_recognises(&partner).await?;
                    scene.still_recognises(&other).await
                }),
            ),
        )+];
    };
}

hints! {
    "recogniser/hint-of-anothers-list" ["VER-17"] "the list lies under another county's address" => ["hint-refused"] |h, _, world| { let other = &world.counties[world.counties.len() - 1].host; h.set("status_lists", json!([format!("{}/status-lists/1", other.entity)])); };
    "recogniser/hint-of-a-list-beside" ["VER-17"] "the list lies under an address that begins like the sender's" => ["hint-refused"] |h, partner, _| { h.set("status_lists", json!([format!("{}9/status-lists/1", partner.county().entity)])); };
    "recogniser/hint-of-a-list-by-user" ["VER-17"] "the sender's address is the user of another one" => ["hint-refused"] |h, partner, world| {
        let other = world.counties[world.counties.len() - 1].host.entity.trim_start_matches("https://").to_owned();
        h.set("status_lists", json!([format!("{}@{other}/status-lists/1", partner.county().entity)]));
    };
    "recogniser/hint-of-too-many-lists" ["VER-16"] "257 lists are named" => ["malformed-request", "hint-refused", "body-too-large"] |h, partner, _| {
        let lists: Vec<String> = (0..257).map(|n| format!("{}/trap/{n}", partner.county().entity)).collect();
        h.set("status_lists", lists);
    };
    "recogniser/hint-of-too-many-withdrawals" ["VER-16"] "257 withdrawals are named, each of which holds and takes effect in a month" => ["malformed-request", "hint-refused", "body-too-large"] |h, partner, _| {
        let mut withdrawal = withdrawal_of(partner);
        withdrawal.set("effective_from", day(now(), 31).to_string());
        h.set("withdrawals", vec![withdrawal.sign(); 257]);
    };
    "recogniser/hint-names-a-permit" ["VER-16", "JWS-14"] "a permit's number stands in it" => ["malformed-request"] |h, partner, _| { let person = &partner.county().people[0]; h.set("permit_number", person.permit_number.as_str()); };
    "recogniser/hint-for-another-county" ["VER-18", "VER-4"] "aud is another county" => ["wrong-audience"] |h, _, world| { let other = world.counties[world.counties.len() - 1].host.entity.clone(); h.set("aud", other); };
    "recogniser/hint-of-the-other-environment" ["VER-18", "TRU-13"] "environment is PRODUCTION" => ["wrong-environment", "malformed-request"] |h, _, _| { h.set("environment", "PRODUCTION"); };
    "recogniser/hint-lives-too-long" ["VER-18"] "it lives 901 seconds" => ["malformed-request"] |h, _, _| { let iat = h.claims["iat"].as_i64().unwrap_or(0); h.set("exp", iat + 901); };
    "recogniser/hint-ends-as-it-begins" ["VER-18"] "exp is iat" => ["malformed-request"] |h, _, _| { let iat = h.claims["iat"].clone(); h.set("exp", iat); };
    "recogniser/hint-ended" ["VER-18"] "it ended two minutes ago" => ["request-expired"] |h, _, _| { h.set("iat", now() - 600).set("exp", now() - 120); };
    "recogniser/hint-from-the-future" ["JWS-17", "VER-18"] "iat lies five minutes ahead" => ["clock-skew", "not-ready"] |h, _, _| { h.set("iat", now() + 300).set("exp", now() + 600); };
    "recogniser/hint-forged" ["VER-18", "VER-4"] "another key signs under the kid of the sender's" => ["signature-invalid"] |h, _, _| h.key = Key::stranger();
    "recogniser/hint-by-federation-key" ["JWS-5", "VER-18"] "the sender's federation key signs" => ["signature-invalid"] |h, partner, _| { let key = partner.county().key.clone(); h.signed_by(&key); };
    "recogniser/hint-in-anothers-name" ["VER-4", "VER-18"] "iss is another county, whose exchange key signs, over the sender's channel" => ["pin-mismatch", "not-a-member", "signature-invalid", "forbidden"] |h, _, world| {
        let other = &world.counties[world.counties.len() - 1].host;
        h.signed_by(&other.exchange_key).set("iss", other.entity.as_str());
    };
    "recogniser/hint-of-another-type" ["JWS-3"] "typ is that of a question" => ["malformed-request"] |h, _, _| { h.head("typ", "comity-verification-request+jwt"); };
    "recogniser/hint-without-jti" ["JWS-16"] "jti is missing" => ["malformed-request"] |h, _, _| { h.without("jti"); };
}

withdrawals! {
    "recogniser/withdrawal-by-no-party" ["AGR-17"] "a county that is no party withdraws, under its own key" |w, other| { w.signed_by(&other.key).set("iss", other.entity.as_str()); };
    "recogniser/withdrawal-by-anothers-key" ["AGR-17"] "the key of a county that is no party signs in the party's name" |w, other| { w.signed_by(&other.key); };
    "recogniser/withdrawal-forged" ["AGR-17"] "another key signs under the kid of the party's key" |w, _| w.key = Key::stranger();
    "recogniser/withdrawal-of-another-digest" ["AGR-17"] "the digest is that of another text" |w, _| {
        let digest = crate::world::county::random_digest();
        if let Some(reference) = w.claims.get_mut("agreement") {
            reference["digest"] = json!(digest);
        }
    };
    "recogniser/withdrawal-of-another-version" ["AGR-17"] "the version is one that there is not" |w, _| if let Some(reference) = w.claims.get_mut("agreement") { reference["version"] = json!(2); };
    "recogniser/withdrawal-typ-other" ["JWS-3"] "typ is that of an agreement" |w, _| { w.head("typ", "comity-agreement+jwt"); };
    "recogniser/withdrawal-before-it-was-made" ["AGR-18"] "it takes effect the day before it was signed" |w, _| { w.set("effective_from", day(now(), -1).to_string()); };
    "recogniser/withdrawal-from-the-future" ["JWS-17"] "iat lies two days ahead" |w, _| { w.set("iat", now() + 2 * 86_400).set("effective_from", day(now(), 2).to_string()); };
}

pub(super) const CASES: &[Case] = &[
    Case::accepts(
        Recogniser,
        "recogniser/hint-of-a-list",
        &["VER-16", "VER-17", "STA-13"],
        "an entry changes, and the issuer says by a hint which list it is in",
        "202, the list is fetched, and the change holds at the window",
        play!(of_a_list),
    ),
    Case::accepts(
        Recogniser,
        "recogniser/hint-of-a-configuration",
        &["VER-16", "TRU-28"],
        "the issuer drops a key, and says by a hint that its configuration changed",
        "202, the configuration is fetched, and the key counts no more",
        play!(of_a_configuration),
    ),
    Case::accepts(
        Recogniser,
        "recogniser/hint-of-nothing-there",
        &["TRU-23", "STA-12"],
        "the list that a hint names cannot be fetched",
        "202, and what was known of the list holds on",
        play!(of_nothing_there),
    ),
    Case::differs(
        Recogniser,
        "recogniser/withdrawal-without-notice",
        &["AGR-18"],
        "recogniser/agreement-withdrawn",
        "the agreement asks for thirty days of notice, and is withdrawn with effect today",
        "hint-refused, and RECOGNISED on",
        play!(without_notice),
    ),
    Case::differs(
        Recogniser,
        "recogniser/withdrawal-in-notice",
        &["AGR-17", "AGR-18"],
        "recogniser/agreement-withdrawn",
        "the agreement asks for thirty days of notice, and gets them",
        "202, and RECOGNISED until then",
        play!(in_notice),
    ),
    Case::differs(
        Recogniser,
        "recogniser/withdrawal-kept-back",
        &["AGR-22"],
        "recogniser/agreement-withdrawn",
        "the agreement asks for thirty days of notice; a withdrawal signed forty days ago comes today, with effect today",
        "RECOGNISED on: the notice counts from the day it was received",
        play!(kept_back),
    ),
    Case::differs(
        Recogniser,
        "recogniser/withdrawal-outlives-kill",
        &["AGR-17"],
        "recogniser/agreement-withdrawn",
        "the target is killed after it answered",
        "AGREEMENT_NOT_IN_FORCE still: it was stored before it was answered",
        play!(outlives_kill),
    ),
];

async fn send(scene: &mut Scene, county: &County, hint: &Draft) -> Played<Answered> {
    let caller = scene.as_county(county);
    scene
        .call(&caller, post(HINTS, "application/jose", hint.sign()))
        .await
}

/// The partner brings a hint of nothing, by its own key.
pub(super) async fn calls(scene: &mut Scene, partner: &Partner) -> Played<Result<Answered, Unanswered>> {
    let county = partner.county();
    let hint = county.hint(&scene.target.entity, &[]).sign();
    let caller = scene.as_county(county);
    scene
        .try_call(&caller, post(HINTS, "application/jose", hint))
        .await
}

async fn taken(scene: &mut Scene, county: &County, hint: &Draft) -> Played {
    let answered = send(scene, county, hint).await?;
    ensure!(
        answered.status == 202,
        "an honest hint was answered with status {} (7.5)",
        answered.status
    );
    Ok(())
}

async fn fetched(scene: &mut Scene, mark: usize, entity: &str, path: &str) -> Played {
    let came = scene
        .world
        .log
        .wait(mark, LOOKED_AT, |one| one.entity == entity && one.path == path)
        .await;
    ensure!(
        came.is_some(),
        "{path} was hinted at and not fetched within {} s (7.5)",
        LOOKED_AT.as_secs()
    );
    Ok(())
}

/// A hint is refused, nothing is fetched for it, and an honest one is heeded.
async fn refused(scene: &mut Scene, partner: &Partner, hint: &Draft, slugs: &[&str]) -> Played {
    let county = partner.county();
    let named: Vec<String> = hint
        .claims
        .get("status_lists")
        .and_then(Value::as_array)
        .map_or_else(Vec::new, |lists| {
            lists
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        });
    let mark = scene.world.log.len();
    let answered = send(scene, county, hint).await?;
    scene.problem(&answered, slugs)?;
    for person in &county.people {
        let quoted = answered.text().contains(&person.permit_number);
        ensure!(!quoted, "the refusal quotes a permit's number (ERR-4)");
    }
    let slot = county.fresh_slot();
    let honest = county.hint(&scene.target.entity, std::slice::from_ref(&slot.uri));
    taken(scene, county, &honest).await?;
    let path = slot.uri.trim_start_matches(county.entity.as_str()).to_owned();
    fetched(scene, mark, &county.entity, &path).await?;
    let came = scene.world.log.since(mark);
    let heeded = came
        .iter()
        .find(|one| named.contains(&format!("{}{}", one.entity, one.path)));
    ensure!(
        heeded.is_none(),
        "{} was fetched for a hint that was refused",
        heeded.map(|one| one.path.clone()).unwrap_or_default()
    );
    scene.still_recognises(partner).await
}

pub(super) fn saying(partner: &Partner, slot: &Slot, value: u8) -> String {
    let mut entries = Entries::default();
    entries.set(slot.index, value);
    let mut list = partner.county().status_list(slot, &entries);
    let iat = now() - 30;
    list.set("iat", iat).set("source_as_of", iat - 60);
    list.sign()
}

async fn of_a_list(scene: &mut Scene) -> Played {
    let shown = scene.shown().await?;
    let (partner, county) = (shown.partner.clone(), shown.partner.county());
    let verdict = scene.scan(&shown.card.token()).await?;
    scene.outcome(&verdict, &["RECOGNISED"])?;
    county.serve_list(&shown.slot, saying(&partner, &shown.slot, 1));
    let mark = scene.world.log.len();
    let hint = county.hint(&scene.target.entity, std::slice::from_ref(&shown.slot.uri));
    taken(scene, county, &hint).await?;
    let path = shown
        .slot
        .uri
        .trim_start_matches(county.entity.as_str())
        .to_owned();
    fetched(scene, mark, &county.entity, &path).await?;
    // It was asked for; how long it takes to be read is not the hint's affair, so a moment is given.
    for _ in 0..20 {
        let verdict = scene.scan(&shown.card.token()).await?;
        if verdict.outcome == "REVOKED" {
            return scene.outcome(&verdict, &["REVOKED"]);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let verdict = scene.scan(&shown.card.token()).await?;
    scene.outcome(&verdict, &["REVOKED"])
}

async fn of_a_configuration(scene: &mut Scene) -> Played {
    let partner = scene.fresh_partner().await?;
    let county = partner.county();
    let mut restated = scene.restated(&partner);
    scene.serve(&restated);
    scene.notices(&partner).await?;
    scene.shows_by(&partner, &restated.key, &["RECOGNISED"]).await?;
    let second = restated.key.jwks();
    let iat = county.configuration().claims["iat"].clone();
    restated.configuration.set("iat", iat);
    restated.county_states(|node| node["keys"]["attestation"] = second);
    scene.serve(&restated);
    let mark = scene.world.log.len();
    let mut hint = county.hint(&scene.target.entity, &[]);
    hint.set("configuration", true);
    taken(scene, county, &hint).await?;
    fetched(scene, mark, &county.entity, WELL_KNOWN).await?;
    let first = county.attestation_key.clone();
    let mut last = Ok(());
    for _ in 0..20 {
        last = scene.shows_by(&partner, &first, &["ISSUER_UNREACHABLE"]).await;
        if last.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    last?;
    scene.heals(&partner).await
}

async fn of_nothing_there(scene: &mut Scene) -> Played {
    let shown = scene.shown().await?;
    let county = shown.partner.county();
    county.serve_list(&shown.slot, saying(&shown.partner, &shown.slot, 1));
    let verdict = scene.scan(&shown.card.token()).await?;
    scene.outcome(&verdict, &["REVOKED"])?;
    let path = shown
        .slot
        .uri
        .trim_start_matches(county.entity.as_str())
        .to_owned();
    let hooked = path.clone();
    shown
        .partner
        .site
        .hook(move |request| (request.path == hooked).then(|| Reply::status(404)));
    let mark = scene.world.log.len();
    let hint = county.hint(&scene.target.entity, std::slice::from_ref(&shown.slot.uri));
    taken(scene, county, &hint).await?;
    fetched(scene, mark, &county.entity, &path).await?;
    let verdict = scene.scan(&shown.card.token()).await?;
    scene.outcome(&verdict, &["REVOKED"])
}

async fn two_partners(scene: &mut Scene) -> Played<(Partner, Partner)> {
    let partner = scene.partner().await?;
    let other = scene.another_partner(&partner).await?;
    Ok((partner, other))
}

/// An honest withdrawal of the partner, with effect today.
fn withdrawal_of(partner: &Partner) -> Draft {
    let county = partner.county();
    let claims = json!({
        "iss": county.entity,
        "iat": now(),
        "agreement": partner.agreement,
        "effective_from": day(now(), 0).to_string(),
        "reason": { "zh": "示例", "en": "example" },
    });
    Draft::new("comity-withdrawal+jwt", claims, &county.key)
}

async fn with_notice(scene: &mut Scene) -> Played<Partner> {
    let site = scene.fresh_county(1)?;
    let id = scene.agreement_id();
    let text = scene.text_with(&site.host, &id, |text| text["notice_days"] = json!(30));
    scene.conclude_text(&site, text).await
}

async fn carries(scene: &mut Scene, partner: &Partner, withdrawal: &Draft) -> Played<Answered> {
    let county = partner.county();
    let mut hint = county.hint(&scene.target.entity, &[]);
    hint.set("withdrawals", json!([withdrawal.sign()]));
    send(scene, county, &hint).await
}

async fn without_notice(scene: &mut Scene) -> Played {
    let partner = with_notice(scene).await?;
    let answered = carries(scene, &partner, &withdrawal_of(&partner)).await?;
    scene.problem(&answered, &["hint-refused"])?;
    scene.still_recognises(&partner).await
}

async fn in_notice(scene: &mut Scene) -> Played {
    let partner = with_notice(scene).await?;
    let mut withdrawal = withdrawal_of(&partner);
    withdrawal.set("effective_from", day(now(), 31).to_string());
    let answered = carries(scene, &partner, &withdrawal).await?;
    ensure!(
        answered.status == 202,
        "a withdrawal in notice was answered with status {}",
        answered.status
    );
    scene.still_recognises(&partner).await
}

async fn kept_back(scene: &mut Scene) -> Played {
    let partner = with_notice(scene).await?;
    let mut withdrawal = withdrawal_of(&partner);
    withdrawal.set("iat", now() - 40 * 86_400);
    let answered = carries(scene, &partner, &withdrawal).await?;
    ensure!(
        answered.status == 202,
        "a withdrawal that was signed in time was answered with status {}",
        answered.status
    );
    scene.still_recognises(&partner).await?;
    let _: Done = scene.ask(Act::Restart { graceful: false }).await?;
    scene.still_recognises(&partner).await
}

async fn outlives_kill(scene: &mut Scene) -> Played {
    let partner = scene.fresh_partner().await?;
    scene.withdraws(&partner).await?;
    let _: Done = scene.ask(Act::Restart { graceful: false }).await?;
    scene.window_says(&partner, &["AGREEMENT_NOT_IN_FORCE"]).await?;
    let other = scene.partner().await?;
    scene.still_recognises(&other).await
}
