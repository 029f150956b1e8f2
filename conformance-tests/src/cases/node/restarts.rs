//! What must outlive the process (chapters 3.4, 4.4, 6.3 and 7.3): each case does something, restarts the target or kills it without
//! notice, and looks whether it still holds.

use std::time::Duration;

use serde_json::Value;

use super::super::{Case, play};
use crate::class::Class::Node;
use crate::scene::{Played, Scene, ensure};
use crate::target::contract::{Act, AgreementState, Agreements, Done, Form};
use crate::world::ambient::{b64, message_id, now};
use crate::world::draft::{claims_of, reference};
use crate::world::keys::{digest, verifies};
use crate::world::person::day;
use crate::world::reply::Reply;

/// How long what was to be sent may take after a start, with a first pause of a sender that failed before (7.5).
const SENT_AGAIN: Duration = Duration::from_secs(90);

pub(super) const CASES: &[Case] = &[
    Case::accepts(
        Node,
        "node/restarted",
        &["AGR-13", "TRU-22"],
        "the target is stopped in good order and started on the same store",
        "the same configuration is served, questions are answered, permits recognised, the agreement known",
        play!(restarted),
    ),
    Case::differs(
        Node,
        "node/killed",
        &["AGR-13", "TRU-22"],
        "node/restarted",
        "it is killed without notice",
        "as if it had been stopped in good order",
        play!(killed),
    ),
    Case::accepts(
        Node,
        "node/signs-by-published-keys",
        &["TRU-32", "JWS-5"],
        "the target attests, lists and answers",
        "each signature is by a key that its configuration publishes for that purpose",
        play!(signs_by_published_keys),
    ),
    Case::differs(
        Node,
        "node/killed-without-network",
        &["TRU-23", "AGR-13"],
        "node/killed",
        "nobody answers when it comes back",
        "questions are answered and the agreement is known: what was verified is kept, not asked for again",
        play!(killed_without_network),
    ),
    Case::differs(
        Node,
        "node/question-again-after-kill",
        &["VER-9"],
        "node/killed",
        "the same question comes before and after, then other bytes under its jti",
        "the stored answer, octet by octet, then replay-conflict",
        play!(question_again),
    ),
    Case::differs(
        Node,
        "node/proposal-waits-over-kill",
        &["AGR-21"],
        "node/agreement-concluded",
        "the target is killed between the proposal and its officer's signature",
        "the proposal still waits, is signed, and comes back with both signatures",
        play!(proposal_waits),
    ),
    Case::differs(
        Node,
        "node/withdrawal-sent-after-kill",
        &["AGR-17", "AGR-18"],
        "node/killed",
        "the target withdraws while the partner is out of reach, and is killed before it was heard",
        "the partner is told once it can be reached, and the target recognises nothing under it",
        play!(withdrawal_sent),
    ),
];

async fn restart(scene: &mut Scene, graceful: bool) -> Played {
    let _: Done = scene.ask(Act::Restart { graceful }).await?;
    Ok(())
}

async fn restarted(scene: &mut Scene) -> Played {
    over(scene, true).await
}

async fn killed(scene: &mut Scene) -> Played {
    over(scene, false).await
}

async fn over(scene: &mut Scene, graceful: bool) -> Played {
    let partner = scene.partner().await?;
    let person = scene.resident()?;
    scene.still_answers(&partner, &person).await?;
    restart(scene, graceful).await?;
    let mut configuration = scene.fetch(crate::world::authority::WELL_KNOWN).await?;
    // It is put out anew at the start; until then the target may say that it is not ready.
    for _ in 0..40 {
        if configuration.status != 503 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
        configuration = scene.fetch(crate::world::authority::WELL_KNOWN).await?;
    }
    let claims = claims_of(&configuration.text()).unwrap_or(Value::Null);
    let pins: Vec<&str> = claims["metadata"]["comity_node"]["tls_pins"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let kept = scene.target.pins.iter().all(|pin| pins.contains(&pin.as_str()));
    ensure!(
        kept && claims["iss"] == scene.target.entity.as_str(),
        "after the start the target configures itself as somebody else"
    );
    scene.still_answers(&partner, &person).await?;
    scene.still_recognises(&partner).await?;
    adopted(scene, &partner.agreement).await
}

async fn adopted(scene: &mut Scene, agreement: &Value) -> Played {
    let known: Agreements = scene.ask(Act::Agreements).await?;
    let here = known
        .agreements
        .iter()
        .find(|one| agreement["digest"] == one.reference.digest.to_string());
    let state = here.map(|one| one.state);
    ensure!(
        state == Some(AgreementState::Adopted),
        "the agreement is {state:?} after the start"
    );
    Ok(())
}

async fn signs_by_published_keys(scene: &mut Scene) -> Played {
    let partner = scene.partner().await?;
    let person = scene.resident()?;
    let token = scene.attestation(&person, Form::Card).await?;
    let claims = claims_of(&token).unwrap_or(Value::Null);
    let uri = claims["status"]["status_list"]["uri"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let path = uri.trim_start_matches(scene.target.entity.as_str()).to_owned();
    let list = scene.fetch(&path).await?.text();
    let question = scene.question_of(&partner, &person);
    let answer = scene.put(&question).await?.text();
    let configuration = scene.fetch(crate::world::authority::WELL_KNOWN).await?.text();
    let published = claims_of(&configuration).unwrap_or(Value::Null);
    let keys = &published["metadata"]["comity_node"]["keys"];
    let jws = token.split('~').next().unwrap_or_default();
    for (what, signed, jwks) in [
        ("attestation", jws, &keys["attestation"]),
        ("status list", list.as_str(), &keys["status"]),
        ("answer", answer.as_str(), &keys["exchange"]),
        ("configuration", configuration.as_str(), &published["jwks"]),
    ] {
        ensure!(
            verifies(signed, jwks) == Some(true),
            "the {what} is signed by a key that is not published for it (TRU-32)"
        );
    }
    Ok(())
}

async fn killed_without_network(scene: &mut Scene) -> Played {
    let partner = scene.partner().await?;
    let person = scene.resident()?;
    scene.still_answers(&partner, &person).await?;
    scene.world.anchor.hook(|_| Some(Reply::status(503)));
    for province in &scene.world.provinces {
        province.hook(|_| Some(Reply::status(503)));
    }
    for county in &scene.world.counties {
        county.hook(|_| Some(Reply::status(503)));
    }
    restart(scene, false).await?;
    scene.still_answers(&partner, &person).await?;
    adopted(scene, &partner.agreement).await?;
    scene.world.honest();
    scene.still_recognises(&partner).await
}

async fn question_again(scene: &mut Scene) -> Played {
    let question = scene.question().await?;
    let body = question.body();
    let before = scene.put_bytes(&question, &body).await?;
    scene.answer(&before, &body, &question.partner)?;
    restart(scene, false).await?;
    let after = scene.put_bytes(&question, &body).await?;
    ensure!(
        after.status == 200 && digest(&after.body) == digest(&before.body),
        "the same question got another answer after the kill, with status {}",
        after.status
    );
    let mut other = question.clone();
    other.set("case_ref", message_id());
    let answered = scene.put(&other).await?;
    scene.problem(&answered, &["replay-conflict"])?;
    scene.still_answers(&question.partner, &question.person).await
}

async fn proposal_waits(scene: &mut Scene) -> Played {
    let site = scene.fresh_county(1)?;
    let id = scene.agreement_id();
    let text = scene.text_with(&site.host, &id, |_| {});
    let payload = text.to_string().into_bytes();
    scene.propose(&site, &payload).await?;
    restart(scene, false).await?;
    let agreement = reference(&id, 1, &payload);
    let typed = serde_json::from_value(agreement.clone())
        .map_err(|error| crate::scene::Stop::Unknown(error.to_string()))?;
    let mark = scene.world.log.len();
    let _: Done = scene.ask(Act::Sign { agreement: typed }).await?;
    let (entity, encoded) = (site.host.entity.clone(), b64(&payload));
    let came = scene
        .world
        .log
        .wait(mark, crate::scene::ON_ITS_WAY, |one| {
            let body: Value = serde_json::from_slice(&one.body).unwrap_or(Value::Null);
            let both = body["signatures"].as_array().is_some_and(|all| all.len() == 2);
            one.entity == entity && body["payload"] == encoded.as_str() && both
        })
        .await;
    ensure!(
        came.is_some(),
        "a proposal that waited over the kill did not come back with both signatures"
    );
    adopted(scene, &agreement).await
}

async fn withdrawal_sent(scene: &mut Scene) -> Played {
    let partner = scene.fresh_partner().await?;
    let county = partner.county();
    partner.site.hook(|_| Some(Reply::status(503)));
    let agreement = partner.agreement["id"].as_str().unwrap_or_default().to_owned();
    let _: Done = scene
        .ask(Act::Withdraw {
            agreement,
            from: day(now(), 0),
        })
        .await?;
    restart(scene, false).await?;
    let mark = scene.world.log.len();
    partner.site.honest();
    let entity = county.entity.clone();
    let came = scene
        .world
        .log
        .wait(mark, SENT_AGAIN, |one| {
            let hint = crate::world::draft::claims_of(&String::from_utf8_lossy(&one.body));
            let carries = |hint: Value| hint["withdrawals"].as_array().is_some_and(|all| !all.is_empty());
            one.entity == entity && one.path == "/federation/v1/hints" && hint.is_some_and(carries)
        })
        .await;
    ensure!(
        came.is_some(),
        "the partner was not told of the withdrawal within {} s after it could be reached",
        SENT_AGAIN.as_secs()
    );
    scene.window_says(&partner, &["AGREEMENT_NOT_IN_FORCE"]).await
}
