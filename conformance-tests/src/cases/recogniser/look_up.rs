//! The asking side of a look-up (chapter 7.4): what a good answer leads to, and that a bad one says nothing about the holder.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::{Case, play};
use crate::class::Class::Recogniser;
use crate::scene::{Partner, Played, Scene, ensure};
use crate::world::ambient::now;
use crate::world::county::{padded, random_digest};
use crate::world::draft::{Draft, claims_of, header_of};
use crate::world::keys::{Key, verifies};
use crate::world::person::{Person, day};
use crate::world::reply::{Contents, Reply};

const VERIFICATIONS: &str = "/federation/v1/verifications";
/// What may be said after a bad answer, or none (VER-14).
const CANNOT_TELL: [&str; 3] = ["ISSUER_UNREACHABLE", "STATUS_STALE", "NODE_NOT_READY"];

/// Cases in which the answer differs from an honest one in what this changes.
macro_rules! answers {
    ($($name:literal [$($id:literal),+] $about:literal $change:expr;)+) => {
        pub(super) const ANSWERS: &[Case] = &[$(
            Case::differs(
                Recogniser,
                $name,
                &[$($id),+],
                "recogniser/look-up-match",
                $about,
                "grey: a bad answer says nothing about the holder; honest answers are taken as before",
                play!(|scene| {
                    let change: fn(&mut Draft) = $change;
                    let reply = move |question: &str, mut answer: Draft| {
                        let _ = question;
                        change(&mut answer);
                        Reply::ok("application/jose", padded(&answer))
                    };
                    bad_answer(scene, reply).await
                }),
            ),
        )+];
    };
}

/// Cases in which the peer answers something else altogether.
macro_rules! replies {
    ($($name:literal [$($id:literal),+] $about:literal $reply:expr;)+) => {
        pub(super) const REPLIES: &[Case] = &[$(
            Case::differs(
                Recogniser,
                $name,
                &[$($id),+],
                "recogniser/look-up-match",
                $about,
                "grey, and honest answers are taken as before",
                play!(|scene| {
                    let reply: fn(String) -> Reply = $reply;
                    bad_answer(scene, move |_: &str, answer: Draft| reply(padded(&answer))).await
                }),
            ),
        )+];
    };
}

/// Cases in which the issuer says something about the permit.
macro_rules! states {
    ($($name:literal [$($id:literal),+] $about:literal => $code:literal $change:expr;)+) => {
        pub(super) const STATES: &[Case] = &[$(
            Case::differs(
                Recogniser,
                $name,
                &[$($id),+],
                "recogniser/look-up-match",
                $about,
                $code,
                play!(|scene| {
                    let change: fn(&mut Value) = $change;
                    let partner = scene.partner().await?;
                    let person = somebody(scene, &partner);
                    answers_with(&partner, move |_, mut answer| {
                        let mut state = answer.claims.get("permit_state").cloned().unwrap_or(Value::Null);
                        change(&mut state);
                        answer.set("permit_state", state);
                        Reply::ok("application/jose", padded(&answer))
                    });
                    let verdict = scene.type_in(&partner, &person).await?;
                    scene.outcome(&verdict, &[$code])
                }),
            ),
        )+];
    };
}

answers! {
    "recogniser/answer-of-another-county" ["VER-10"] "iss is another county" |a| { a.set("iss", "https://nobody.example"); };
    "recogniser/answer-for-another-county" ["VER-10"] "aud is another county" |a| { a.set("aud", "https://nobody.example"); };
    "recogniser/answer-to-another-question" ["VER-10"] "in_reply_to is the digest of something else" |a| { a.set("in_reply_to", random_digest()); };
    "recogniser/answer-of-the-other-environment" ["VER-10", "TRU-13"] "environment is PRODUCTION" |a| { a.set("environment", "PRODUCTION"); };
    "recogniser/answer-under-another-agreement" ["VER-10"] "the agreement is another text of the same version" |a| { let mut one = a.claims["agreement"].clone(); one["digest"] = json!(random_digest()); a.set("agreement", one); };
    "recogniser/answer-lives-too-long" ["VER-10"] "exp lies 15 minutes and a second after iat" |a| { let iat = a.claims["iat"].as_i64().unwrap_or(0); a.set("exp", iat + 901); };
    "recogniser/answer-ended" ["VER-10"] "exp passed two minutes ago" |a| { let exp = now() - 120; a.set("iat", exp - 60).set("exp", exp).set("source_as_of", exp - 120); };
    "recogniser/answer-from-the-future" ["JWS-17"] "iat lies 300 seconds ahead" |a| { let iat = now() + 300; a.set("iat", iat).set("exp", iat + 60); };
    "recogniser/answer-forged" ["VER-14", "JWS-6"] "another key signs under the kid of the exchange key" |a| a.key = Key::stranger();
    "recogniser/answer-by-unknown-key" ["VER-14", "JWS-4"] "another key signs and says so" |a| { a.signed_by(&Key::stranger()); };
    "recogniser/answer-typ-other" ["JWS-3"] "typ is that of a receipt" |a| { a.head("typ", "comity-receipt+jwt"); };
    "recogniser/answer-header-more" ["JWS-2"] "the header has crit" |a| { a.head("crit", json!(["exp"])); };
    "recogniser/answer-match-without-state" ["VER-11"] "a match without permit_state" |a| { a.without("permit_state"); };
    "recogniser/answer-no-match-with-claims" ["VER-11"] "a no-match with claims and state" |a| { a.set("result", "no_match"); };
    "recogniser/answer-tells-too-much" ["VER-12"] "a claim that was not asked for" |a| { let mut claims = a.claims["claims"].clone(); claims["hukou_address"] = json!("示例省示例县"); a.set("claims", claims); };
    "recogniser/answer-about-another-name" ["VER-13"] "the name is somebody else's" |a| { let mut claims = a.claims["claims"].clone(); claims["name"] = json!("完全另一人示例"); a.set("claims", claims); };
    "recogniser/answer-unknown-member" ["JWS-14"] "a member that the text does not know" |a| { a.set("grease", 1); };
    "recogniser/answer-without-source" ["JWS-16"] "source_as_of is missing" |a| { a.without("source_as_of"); };
    "recogniser/answer-result-unknown" ["VSN-3"] "result is perhaps" |a| { a.set("result", "perhaps"); };
}

replies! {
    "recogniser/answer-is-garbage" ["VER-14", "SEC-1"] "the answer is no JWS" |_| Reply::ok("application/jose", "ceci n'est pas un JWS");
    "recogniser/answer-is-a-page" ["VER-14"] "the answer is a page" |honest| Reply::ok("text/html", honest);
    "recogniser/answer-cut-off" ["VER-14", "TRN-14"] "the connection ends in the middle" |honest| { let half = honest.as_bytes()[..honest.len() / 2].to_vec(); Reply::ok("application/jose", "").contents(Contents::CutOff(half, honest.len() as u64)) };
    "recogniser/answer-floods" ["VER-14", "TRN-14"] "40 MiB come without a length" |_| Reply::ok("application/jose", "").contents(Contents::Flood(40 << 20));
    "recogniser/answer-drips" ["VER-14"] "an octet a second comes" |honest| Reply::ok("application/jose", "").contents(Contents::Drip(honest.into_bytes(), Duration::from_secs(1)));
    "recogniser/answer-late" ["VER-14"] "nothing comes for 40 seconds" |honest| Reply::ok("application/jose", honest).after(Duration::from_secs(40));
    "recogniser/answer-redirects" ["TRN-12", "VER-14"] "the peer redirects to its public door" |_| Reply::status(307).with("location", "https://localhost:1/trap");
    "recogniser/answer-problem-unknown" ["ERR-5", "VER-14"] "a problem of a type that there is not" |_| Reply::status(418).with("content-type", "application/problem+json").body(r#"{"type":"urn:comity:problem:teapot","title":"?","status":418,"next_step":{"zh":"示例","en":"example"}}"#);
    "recogniser/answer-problem-of-odd-members" ["ERR-5", "VER-14"] "a problem whose members have the wrong types" |_| Reply::status(503).with("content-type", "application/problem+json").body(r#"{"type":7,"title":[],"status":"503","next_step":0,"grease":{"a":1}}"#);
    "recogniser/answer-problem-internal" ["ERR-5", "VER-14"] "the peer fails" |_| Reply::problem("internal", 500);
}

states! {
    "recogniser/told-cancelled" ["DEC-17", "VER-11"] "the issuer says cancelled" => "REVOKED" |s| s["status"] = json!("cancelled");
    "recogniser/told-suspended" ["DEC-17"] "the issuer says suspended" => "SUSPENDED" |s| s["status"] = json!("suspended");
    "recogniser/told-reported-lost" ["DEC-17"] "the issuer says reported lost" => "REPORTED_LOST" |s| s["status"] = json!("reported_lost");
    "recogniser/told-superseded" ["DEC-17"] "the issuer says superseded" => "SUPERSEDED" |s| s["status"] = json!("superseded");
    "recogniser/told-lapsed" ["DEC-20", "DEC-21"] "the last endorsed day was yesterday" => "ENDORSEMENT_LAPSED" |s| s["endorsed_until"] = json!(day(now(), -1).to_string());
    "recogniser/told-expired" ["DEC-20", "DEC-21"] "the card was valid until yesterday" => "EXPIRED" |s| s["card_valid_until"] = json!(day(now(), -1).to_string());
    "recogniser/told-endorsed-until-today" ["TIM-3", "DEC-21"] "today is the last endorsed day" => "RECOGNISED" |s| s["endorsed_until"] = json!(day(now(), 0).to_string());
    "recogniser/told-not-yet-valid" ["DEC-20"] "the first day is tomorrow" => "NOT_YET_VALID" |s| s["valid_from"] = json!(day(now(), 1).to_string());
}

pub(super) const CASES: &[Case] = &[
    Case::accepts(
        Recogniser,
        "recogniser/look-up-match",
        &["VER-10", "VER-13", "TRN-6", "VER-5"],
        "number and name of a partner's card are typed",
        "one signed question within the row, over the pinned channel, and RECOGNISED",
        play!(looked_up),
    ),
    Case::differs(
        Recogniser,
        "recogniser/look-up-pin-dropped",
        &["TRN-6"],
        "recogniser/look-up-match",
        "superior and county state another pin, and the county's server still has the key of before",
        "ISSUER_UNREACHABLE, and no question comes to that server, over an open connection or a new one",
        play!(pin_dropped),
    ),
    Case::differs(
        Recogniser,
        "recogniser/look-up-no-match",
        &["DEC-22", "VER-15"],
        "recogniser/look-up-match",
        "the issuer knows nobody of this number and name",
        "NO_MATCH",
        play!(no_match),
    ),
    Case::differs(
        Recogniser,
        "recogniser/look-up-not-covered-asks-nobody",
        &["DEC-10"],
        "recogniser/look-up-match",
        "the service is not covered",
        "SERVICE_NOT_COVERED, and the issuer is not asked",
        play!(not_covered_asks_nobody),
    ),
    Case::differs(
        Recogniser,
        "recogniser/look-up-name-almost",
        &["VER-13", "DEC-23", "ATT-17"],
        "recogniser/look-up-match",
        "the issuer tells the name with another separator",
        "REVIEW_REQUIRED",
        play!(name_almost),
    ),
    Case::differs(
        Recogniser,
        "recogniser/look-up-ext-ignored",
        &["VSN-1"],
        "recogniser/look-up-match",
        "the answer has members in ext that nobody knows",
        "RECOGNISED",
        play!(ext_ignored),
    ),
    Case::differs(
        Recogniser,
        "recogniser/agreement-withdrawn-before-answer",
        &["AGR-17", "VER-6"],
        "recogniser/look-up-match",
        "the partner withdraws, with effect today, before it is asked",
        "AGREEMENT_NOT_IN_FORCE, and the issuer is not asked",
        play!(withdrawn),
    ),
    Case::differs(
        Recogniser,
        "recogniser/late-endorsement-is-found",
        &["DEC-18"],
        "recogniser/look-up-match",
        "an old code whose day has passed is scanned, and the issuer says that the permit is endorsed",
        "RECOGNISED; where the issuer is silent, STATUS_STALE and not ENDORSEMENT_LAPSED",
        play!(late_endorsement),
    ),
];

fn somebody(scene: &mut Scene, partner: &Partner) -> Person {
    // A list number is a counter: each case types somebody else, so that no quota on one person is spent.
    let turn = usize::try_from(partner.county().fresh_slot().list).unwrap_or(0);
    let people = &partner.county().people;
    let person = people[turn % people.len()].clone();
    scene.plays(&person);
    person
}

/// The partner answers questions with this.
fn answers_with(partner: &Partner, reply: impl Fn(&str, Draft) -> Reply + Send + Sync + 'static) {
    let site = std::sync::Arc::clone(&partner.site);
    let weak = std::sync::Arc::downgrade(&site);
    partner.site.hook(move |request| {
        if request.path != VERIFICATIONS {
            return None;
        }
        let question = String::from_utf8_lossy(&request.body).into_owned();
        let answer = weak.upgrade()?.host.answer_to(&question)?;
        Some(reply(&question, answer))
    });
}

async fn bad_answer(
    scene: &mut Scene,
    reply: impl Fn(&str, Draft) -> Reply + Send + Sync + 'static,
) -> Played {
    let partner = scene.partner().await?;
    let person = somebody(scene, &partner);
    answers_with(&partner, reply);
    let verdict = scene.type_in(&partner, &person).await?;
    scene.outcome(&verdict, &CANNOT_TELL)?;
    partner.site.honest();
    let other = somebody(scene, &partner);
    let verdict = scene.type_in(&partner, &other).await?;
    scene.outcome(&verdict, &["RECOGNISED"])?;
    ensure!(
        scene.world.log.swallowed() == 0,
        "an answer of 40 MiB was read to its end (TRN-14)"
    );
    let came = scene.world.log.since(scene.mark());
    ensure!(
        !came.iter().any(|one| one.path.starts_with("/trap")),
        "a redirect was followed (TRN-12)"
    );
    Ok(())
}

async fn looked_up(scene: &mut Scene) -> Played {
    let partner = scene.partner().await?;
    let person = somebody(scene, &partner);
    let verdict = scene.type_in(&partner, &person).await?;
    scene.outcome(&verdict, &["RECOGNISED"])?;
    let county = partner.county();
    let came = scene.world.log.since(scene.mark());
    let asked: Vec<_> = came.iter().filter(|one| one.path == VERIFICATIONS).collect();
    ensure!(
        asked.len() == 1 && asked[0].entity == county.entity,
        "{} questions were asked, one is needed (DEC-11)",
        asked.len()
    );
    let pinned = asked[0]
        .pin
        .as_ref()
        .is_some_and(|pin| scene.target.pins.contains(pin));
    ensure!(
        pinned,
        "the question came over a channel that is not pinned to the target (TRN-2)"
    );
    let question = String::from_utf8_lossy(&asked[0].body).into_owned();
    let header = header_of(&question).unwrap_or(Value::Null);
    ensure!(
        header["typ"] == "comity-verification-request+jwt",
        "the question has typ {}",
        header["typ"]
    );
    let signed = verifies(&question, scene.target.keys("exchange"));
    ensure!(
        signed == Some(true),
        "the question is not signed by an exchange key of the target (JWS-5)"
    );
    let claims = claims_of(&question).unwrap_or(Value::Null);
    for (name, expected) in [
        ("iss", json!(scene.target.entity)),
        ("aud", json!(county.entity)),
        ("service", json!("BPS-2")),
        ("agreement", partner.agreement.clone()),
        ("environment", json!("SANDBOX")),
    ] {
        ensure!(
            claims[name] == expected,
            "{name} of the question is {}, expected {expected}",
            claims[name]
        );
    }
    let life = claims["exp"].as_i64().unwrap_or(0) - claims["iat"].as_i64().unwrap_or(0);
    ensure!((1..=60).contains(&life), "the question lives {life} s (VER-5)");
    let wanted = claims["claims"].as_array().cloned().unwrap_or_default();
    let allowed = wanted.iter().all(|claim| claim == "name" || claim == "tier");
    ensure!(
        allowed,
        "the question wants {wanted:?}, the row lists name and tier (VER-7)"
    );
    let jti = claims["jti"].as_str().unwrap_or_default();
    ensure!(jti.len() == 22, "jti has {} characters (IDN-14)", jti.len());
    Ok(())
}

async fn pin_dropped(scene: &mut Scene) -> Played {
    let partner = scene.fresh_partner().await?;
    let person = somebody(scene, &partner);
    // From now on a connection is open.
    let verdict = scene.type_in(&partner, &person).await?;
    scene.outcome(&verdict, &["RECOGNISED"])?;
    let mut restated = scene.restated(&partner);
    restated.both_state(|node| node["tls_pins"] = json!([random_digest()]));
    scene.serve(&restated);
    scene.notices(&partner).await?;
    let mark = scene.world.log.len();
    let other = somebody(scene, &partner);
    let verdict = scene.type_in(&partner, &other).await?;
    let told = scene.outcome(&verdict, &CANNOT_TELL);
    let came = scene.world.log.since(mark);
    scene.heals(&partner).await?;
    told?;
    ensure!(
        !came
            .iter()
            .any(|one| one.path == VERIFICATIONS && one.entity == partner.county().entity),
        "a question was sent to a server whose key is no pin of the county (TRN-6)"
    );
    let verdict = scene.type_in(&partner, &other).await?;
    scene.outcome(&verdict, &["RECOGNISED"])
}

async fn no_match(scene: &mut Scene) -> Played {
    let partner = scene.partner().await?;
    let mut person = somebody(scene, &partner);
    person.name = "查无此人示例".to_owned();
    let verdict = scene.type_in(&partner, &person).await?;
    scene.outcome(&verdict, &["NO_MATCH"])
}

async fn not_covered_asks_nobody(scene: &mut Scene) -> Played {
    let partner = scene.partner().await?;
    let person = somebody(scene, &partner);
    let verdict = scene.type_in_for(&partner, &person, "BPS-5").await?;
    scene.outcome(&verdict, &["SERVICE_NOT_COVERED"])?;
    nobody_was_asked(scene, &partner)
}

fn nobody_was_asked(scene: &Scene, partner: &Partner) -> Played {
    let came = scene.world.log.since(scene.mark());
    let asked = came
        .iter()
        .any(|one| one.path == VERIFICATIONS && one.entity == partner.county().entity);
    ensure!(
        !asked,
        "the issuer was asked before coverage was settled (DEC-10)"
    );
    Ok(())
}

async fn name_almost(scene: &mut Scene) -> Played {
    let partner = scene.partner().await?;
    let mut person = somebody(scene, &partner);
    let registered = person.clone();
    person.name = format!("{} ", "阿依努尔·示例").trim_end().replace('·', "•");
    let site = std::sync::Arc::downgrade(&partner.site);
    partner.site.hook(move |request| {
        if request.path != VERIFICATIONS {
            return None;
        }
        let question = String::from_utf8_lossy(&request.body).into_owned();
        let mut answer = site.upgrade()?.host.answer_to(&question)?;
        answer.set("result", "match");
        answer.set("claims", json!({ "name": "阿依努尔·示例", "tier": registered.tier }));
        answer.set(
            "permit_state",
            json!({ "status": "valid", "valid_from": registered.issue_date, "endorsed_until": registered.endorsed_until }),
        );
        Some(Reply::ok("application/jose", padded(&answer)))
    });
    let verdict = scene.type_in(&partner, &person).await?;
    scene.outcome(&verdict, &["REVIEW_REQUIRED"])
}

async fn ext_ignored(scene: &mut Scene) -> Played {
    let partner = scene.partner().await?;
    let person = somebody(scene, &partner);
    answers_with(&partner, |_, mut answer| {
        answer.set(
            "ext",
            json!({ "grease": { "status": "cancelled" }, "x": [1, 2, 3] }),
        );
        Reply::ok("application/jose", padded(&answer))
    });
    let verdict = scene.type_in(&partner, &person).await?;
    scene.outcome(&verdict, &["RECOGNISED"])
}

async fn withdrawn(scene: &mut Scene) -> Played {
    let partner = scene.fresh_partner().await?;
    let person = somebody(scene, &partner);
    let verdict = scene.type_in(&partner, &person).await?;
    scene.outcome(&verdict, &["RECOGNISED"])?;
    scene.withdraws(&partner).await?;
    let mark = scene.world.log.len();
    let verdict = scene.type_in(&partner, &person).await?;
    scene.outcome(&verdict, &["AGREEMENT_NOT_IN_FORCE"])?;
    let asked = scene
        .world
        .log
        .since(mark)
        .iter()
        .any(|one| one.path == VERIFICATIONS);
    ensure!(
        !asked,
        "the issuer was asked under an agreement that has ended (VER-6)"
    );
    Ok(())
}

async fn late_endorsement(scene: &mut Scene) -> Played {
    let mut shown = scene.shown().await?;
    let yesterday = crate::world::county::end_of(&day(now(), -1).to_string());
    shown
        .card
        .draft
        .set("iat", yesterday - 40_000_000)
        .set("nbf", yesterday - 40_000_000)
        .set("exp", yesterday);
    let token = shown.card.token();
    let verdict = scene.scan(&token).await?;
    scene.outcome(&verdict, &["RECOGNISED"])?;
    shown
        .partner
        .site
        .hook(|request| (request.path == VERIFICATIONS).then(|| Reply::problem("overloaded", 503)));
    let verdict = scene.scan(&token).await?;
    scene.outcome(&verdict, &["STATUS_STALE"])
}
