//! What the target publishes of its permits' status (chapter 6), and whom it tells of a change (STA-13, VER-16 to VER-18).

use serde_json::{Value, json};

use super::super::{Case, play};
use crate::class::Class::Issuer;
use crate::scene::{Played, Scene, Stop, ensure, place};
use crate::target::contract::{Act, Done, Event, Form, What};
use crate::world::ambient::now;
use crate::world::client::{Answered, get};
use crate::world::draft::{claims_of, header_of};
use crate::world::keys::verifies;
use crate::world::person::Person;
use crate::world::status_list::{ENTRIES, Entries};

pub(super) const CASES: &[Case] = &[
    Case::accepts(
        Issuer,
        "issuer/list-form",
        &["STA-3", "STA-4", "STA-5", "STA-6", "JWS-2"],
        "the list of an attestation is fetched by anybody",
        "exact header, every member, 131,072 entries of two bits, decoys among them",
        play!(form),
    ),
    Case::accepts(
        Issuer,
        "issuer/list-not-modified",
        &["STA-9"],
        "the list is asked for again with its entity tag",
        "304 without a body, or the whole list under another tag",
        play!(not_modified),
    ),
    Case::differs(
        Issuer,
        "issuer/no-status-of-one",
        &["PRV-2"],
        "issuer/list-form",
        "one index is asked for",
        "the whole list, or nothing",
        play!(no_status_of_one),
    ),
    Case::differs(
        Issuer,
        "issuer/suspended-and-reinstated",
        &["STA-1", "STA-9", "STA-13"],
        "issuer/list-form",
        "a permit is suspended and reinstated",
        "its entries become 2 and then 0, in lists whose iat rises",
        play!(suspended_and_reinstated),
    ),
    Case::differs(
        Issuer,
        "issuer/lost-and-found",
        &["STA-1", "DEC-17"],
        "issuer/list-form",
        "a permit is reported lost and found again",
        "its entries become 2 and then 0; a question is told reported_lost in between",
        play!(lost_and_found),
    ),
    Case::differs(
        Issuer,
        "issuer/cancelled-everywhere",
        &["STA-2"],
        "issuer/list-form",
        "a permit that was endorsed is cancelled",
        "every index that was ever given to it becomes 1",
        play!(cancelled_everywhere),
    ),
    Case::differs(
        Issuer,
        "issuer/cancelled-for-good",
        &["STA-1"],
        "issuer/cancelled-everywhere",
        "a cancelled permit is reinstated",
        "the target refuses, or its entry stays 1",
        play!(cancelled_for_good),
    ),
    Case::differs(
        Issuer,
        "issuer/endorsed-supersedes",
        &["STA-1", "ATT-8"],
        "issuer/list-form",
        "a permit is endorsed",
        "the entries of its old attestations are 3 or, while they still hold, 0; the new ones are 0",
        play!(endorsed),
    ),
    Case::differs(
        Issuer,
        "issuer/change-survives-kill",
        &["STA-9", "STA-1"],
        "issuer/suspended-and-reinstated",
        "the target is killed after a suspension",
        "the list says 2 still, and its iat has not fallen",
        play!(survives_kill),
    ),
    Case::accepts(
        Issuer,
        "issuer/hint-delivered",
        &["STA-13", "VER-16", "VER-17", "VER-18", "PRV-3"],
        "a permit of a county with partners is suspended",
        "a partner is told by a hint which list changed, and nothing about anybody",
        play!(hint_delivered),
    ),
    Case::differs(
        Issuer,
        "issuer/many-changes-at-once",
        &["STA-9", "STA-13", "VER-16"],
        "issuer/suspended-and-reinstated",
        "1,200 permits are suspended by one import",
        "every entry says so, in every form, and no hint names more than 256 lists",
        play!(many_at_once),
    ),
];

async fn form(scene: &mut Scene) -> Played {
    let person = scene.resident()?;
    let token = scene.attestation(&person, Form::Card).await?;
    let (uri, _) = place(&token)?;
    let path = uri.trim_start_matches(scene.target.entity.as_str()).to_owned();
    let answered = published(scene, &path).await?;
    let media = answered.header("content-type").unwrap_or_default();
    ensure!(
        media.starts_with("application/statuslist+jwt"),
        "the list was sent as {media:?}"
    );
    let header = header_of(&answered.text()).unwrap_or(Value::Null);
    let exact = header.as_object().is_some_and(|members| members.len() == 3);
    ensure!(
        exact && header["typ"] == "statuslist+jwt",
        "the header is {header}, not exactly alg, kid and typ statuslist+jwt"
    );
    let (claims, entries) = scene.status_list(&uri).await?;
    ensure!(
        claims["iss"] == scene.target.entity.as_str(),
        "iss is {}",
        claims["iss"]
    );
    ensure!(claims["ttl"] == 900, "ttl is {} (6.2)", claims["ttl"]);
    ensure!(
        claims["status_list"]["bits"] == 2,
        "bits is {}",
        claims["status_list"]["bits"]
    );
    let (iat, exp) = (
        claims["iat"].as_i64().unwrap_or(0),
        claims["exp"].as_i64().unwrap_or(0),
    );
    ensure!(
        exp > iat && exp - iat <= 72 * 3_600,
        "the list lives {} s (STA-4)",
        exp - iat
    );
    let source = claims["source_as_of"].as_i64().unwrap_or(i64::MAX);
    ensure!(
        source <= iat + 60,
        "source_as_of lies {} s after iat (STA-4)",
        source - iat
    );
    ensure!(iat <= now() + 60, "iat lies ahead");
    ensure!(
        entries.0.len() * 4 == ENTRIES,
        "the list has {} entries (STA-5)",
        entries.0.len() * 4
    );
    ensure!(
        entries.marked() > 0,
        "there are no decoys: the list tells how few permits are cancelled (STA-3)"
    );
    Ok(())
}

/// The answer at an address of a list, once there is one: a list follows the first attestation that points to it (6.3).
async fn published(scene: &mut Scene, path: &str) -> Played<Answered> {
    let deadline = tokio::time::Instant::now() + crate::scene::ON_ITS_WAY;
    loop {
        let answered = scene.fetch(path).await?;
        if answered.status == 200 || tokio::time::Instant::now() >= deadline {
            return Ok(answered);
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

async fn not_modified(scene: &mut Scene) -> Played {
    let person = scene.resident()?;
    let token = scene.attestation(&person, Form::Card).await?;
    let (uri, _) = place(&token)?;
    let path = uri.trim_start_matches(scene.target.entity.as_str()).to_owned();
    let first = scene.fetch(&path).await?;
    let Some(tag) = first.header("etag").map(str::to_owned) else {
        return Err(Stop::Fail(
            "the list has no ETag: every reader fetches it whole each time (6.4)".to_owned(),
        ));
    };
    let mut request = get(&path);
    let value = tag
        .parse()
        .map_err(|_| Stop::Fail(format!("the ETag {tag:?} is none")))?;
    request.headers_mut().insert(http::header::IF_NONE_MATCH, value);
    let again = scene.call(&scene.anybody(), request).await?;
    if again.status == 304 {
        ensure!(
            again.body.is_empty(),
            "304 with a body of {} octets",
            again.body.len()
        );
    } else {
        let other = again.header("etag").unwrap_or_default();
        ensure!(
            again.status == 200 && other != tag,
            "asked with its tag the list was answered with status {}",
            again.status
        );
    }
    Ok(())
}

async fn no_status_of_one(scene: &mut Scene) -> Played {
    let person = scene.resident()?;
    let token = scene.attestation(&person, Form::Card).await?;
    let (uri, index) = place(&token)?;
    let path = uri.trim_start_matches(scene.target.entity.as_str()).to_owned();
    for path in [
        format!("{path}/{index}"),
        format!("{path}?idx={index}"),
        format!("/status/{index}"),
        format!("/status?idx={index}"),
        format!("/status/{}", person.permit_number),
        format!("/permits/{}", person.permit_number),
    ] {
        let answered = scene.fetch(&path).await?;
        if answered.status == 200 {
            let claims = claims_of(&answered.text()).unwrap_or(Value::Null);
            let whole =
                Entries::unpacked(&claims["status_list"]).is_some_and(|all| all.0.len() * 4 == ENTRIES);
            ensure!(
                whole,
                "{path} answers with something other than a whole list (PRV-2)"
            );
        } else {
            ensure!(
                (400..500).contains(&answered.status),
                "an address that there is not was answered with status {}",
                answered.status
            );
        }
    }
    Ok(())
}

async fn suspended_and_reinstated(scene: &mut Scene) -> Played {
    let person = scene.resident()?;
    let tokens = both(scene, &person).await?;
    let (uri, _) = place(&tokens[0])?;
    let mut iats = vec![iat(scene, &uri).await?];
    for (event, value) in [(What::Suspended, 2), (What::Reinstated, 0)] {
        scene.happens(&person, event).await?;
        for token in &tokens {
            scene.status_becomes(token, value).await?;
        }
        iats.push(iat(scene, &uri).await?);
    }
    ensure!(
        iats.windows(2).all(|pair| pair[0] < pair[1]),
        "iat of the versions of one list: {iats:?} (STA-9)"
    );
    ensure!(
        iats.iter().all(|iat| *iat <= now() + 60),
        "iat runs ahead of the clock: {iats:?}"
    );
    Ok(())
}

async fn lost_and_found(scene: &mut Scene) -> Played {
    let question = scene.question().await?;
    let person = question.person.clone();
    let token = scene.attestation(&person, Form::Card).await?;
    scene.happens(&person, What::ReportedLost).await?;
    scene.status_becomes(&token, 2).await?;
    let asked = scene.question_of(&question.partner, &person);
    let body = asked.body();
    let answered = scene.put_bytes(&asked, &body).await?;
    let claims = scene.answer(&answered, &body, &question.partner)?;
    let state = &claims["permit_state"]["status"];
    ensure!(
        state == "reported_lost",
        "a question about a lost permit is told {state}"
    );
    scene.happens(&person, What::Found).await?;
    scene.status_becomes(&token, 0).await?;
    Ok(())
}

async fn cancelled_everywhere(scene: &mut Scene) -> Played {
    let person = scene.resident()?;
    let mut tokens = both(scene, &person).await?;
    scene.happens_until(&person, What::Endorsed, 360).await?;
    tokens.extend(both(scene, &person).await?);
    scene.happens(&person, What::Cancelled).await?;
    for token in &tokens {
        scene.status_becomes(token, 1).await?;
    }
    Ok(())
}

async fn cancelled_for_good(scene: &mut Scene) -> Played {
    let person = scene.resident()?;
    let token = scene.attestation(&person, Form::Card).await?;
    scene.happens(&person, What::Cancelled).await?;
    scene.status_becomes(&token, 1).await?;
    let event = Event {
        permit_number: person.permit_number.clone(),
        event: What::Found,
        until: None,
        by: None,
    };
    let refused = scene.attempt::<Done>(Act::Event(event)).await?.is_err();
    scene.note(format!("the target refused: {refused}"));
    // A change would be published within a second; two are waited for.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let status = scene.status_of(&token).await?;
    ensure!(status == 1, "a cancelled entry became {status} (STA-1)");
    Ok(())
}

async fn endorsed(scene: &mut Scene) -> Played {
    let person = scene.resident()?;
    let old = both(scene, &person).await?;
    scene.happens_until(&person, What::Endorsed, 360).await?;
    for token in both(scene, &person).await? {
        ensure!(
            !old.contains(&token),
            "an attestation was not issued anew (ATT-8)"
        );
        scene.status_becomes(&token, 0).await?;
    }
    for token in &old {
        let status = scene.status_of(token).await?;
        ensure!(
            status == 3 || status == 0,
            "the entry of an attestation from before an endorsement is {status}"
        );
    }
    Ok(())
}

async fn survives_kill(scene: &mut Scene) -> Played {
    let person = scene.resident()?;
    let token = scene.attestation(&person, Form::Card).await?;
    scene.happens(&person, What::Suspended).await?;
    scene.status_becomes(&token, 2).await?;
    let (uri, _) = place(&token)?;
    let before = iat(scene, &uri).await?;
    let _: Done = scene.ask(Act::Restart { graceful: false }).await?;
    let status = scene.status_of(&token).await?;
    ensure!(status == 2, "after the restart the entry is {status}");
    let after = iat(scene, &uri).await?;
    ensure!(before <= after, "iat fell from {before} to {after} (STA-9)");
    Ok(())
}

async fn hint_delivered(scene: &mut Scene) -> Played {
    let partner = scene.partner().await?;
    let person = scene.resident()?;
    let token = scene.attestation(&person, Form::Card).await?;
    let (uri, _) = place(&token)?;
    let (mark, entity) = (scene.world.log.len(), partner.county().entity.clone());
    scene.happens(&person, What::Suspended).await?;
    let wanted = uri.clone();
    let came = scene
        .world
        .log
        .wait(mark, crate::scene::ON_ITS_WAY, |one| {
            let claims = claims_of(&String::from_utf8_lossy(&one.body)).unwrap_or(Value::Null);
            let names = claims["status_lists"]
                .as_array()
                .is_some_and(|all| all.contains(&json!(wanted)));
            one.entity == entity && one.path == "/federation/v1/hints" && names
        })
        .await;
    let Some(came) = came else {
        return Err(Stop::Fail(
            "no hint with the changed list came to the partner (STA-13)".to_owned(),
        ));
    };
    let hint = String::from_utf8_lossy(&came.body).into_owned();
    sound_hint(scene, &hint, &entity)
}

/// A hint of the target to this county is in its whole form and names nobody.
fn sound_hint(scene: &Scene, hint: &str, to: &str) -> Played {
    let header = header_of(hint).unwrap_or(Value::Null);
    ensure!(
        header["typ"] == "comity-hint+jwt",
        "the hint has typ {}",
        header["typ"]
    );
    ensure!(
        verifies(hint, scene.target.keys("exchange")) == Some(true),
        "the hint is not signed by an exchange key of the target"
    );
    let claims = claims_of(hint).unwrap_or(Value::Null);
    ensure!(
        claims["iss"] == scene.target.entity.as_str() && claims["aud"] == to,
        "the hint is of {} for {}",
        claims["iss"],
        claims["aud"]
    );
    let life = claims["exp"].as_i64().unwrap_or(0) - claims["iat"].as_i64().unwrap_or(0);
    ensure!((1..=900).contains(&life), "the hint lives {life} s (VER-18)");
    let known = [
        "iss",
        "aud",
        "iat",
        "exp",
        "jti",
        "status_lists",
        "configuration",
        "withdrawals",
        "environment",
    ];
    let odd = claims
        .as_object()
        .into_iter()
        .flat_map(|all| all.keys())
        .find(|name| !known.contains(&name.as_str()));
    ensure!(odd.is_none(), "the hint has the member {odd:?} (7.5)");
    let lists = claims["status_lists"].as_array().cloned().unwrap_or_default();
    ensure!(
        lists.len() <= 256,
        "the hint names {} lists (VER-16)",
        lists.len()
    );
    let below = format!("{}/", scene.target.entity);
    let own = lists
        .iter()
        .all(|uri| uri.as_str().is_some_and(|uri| uri.starts_with(&below)));
    ensure!(own, "the hint names a list that is not the target's (VER-17)");
    scene.names_nobody(&claims.to_string(), "the hint")
}

async fn many_at_once(scene: &mut Scene) -> Played {
    const MANY: usize = 1_200;
    let partner = scene.partner().await?;
    let entity = partner.county().entity.clone();
    let people = scene.residents(MANY)?;
    let mut sample = Vec::new();
    for person in people.iter().step_by(60) {
        sample.extend(both(scene, person).await?);
    }
    let mut lists: Vec<String> = Vec::new();
    for token in &sample {
        let (uri, _) = place(token)?;
        if !lists.contains(&uri) {
            lists.push(uri);
        }
    }
    let before = marked(scene, &lists).await?;
    let mark = scene.world.log.len();
    let events = people
        .iter()
        .map(|person| Event {
            permit_number: person.permit_number.clone(),
            event: What::Suspended,
            until: None,
            by: None,
        })
        .collect();
    let _: Done = scene.ask(Act::Events { events }).await?;
    for token in &sample {
        scene.status_becomes(token, 2).await?;
    }
    let after = marked(scene, &lists).await?;
    // Decoys may change too, and some permits may stand in lists that the sample does not touch: a floor, no sum.
    let grown = after.saturating_sub(before);
    ensure!(
        lists.len() > 1 || grown >= MANY,
        "{MANY} permits were suspended and {grown} entries changed"
    );
    let came = scene.world.log.since(mark);
    for one in came
        .iter()
        .filter(|one| one.entity == entity && one.path == "/federation/v1/hints")
    {
        sound_hint(scene, &String::from_utf8_lossy(&one.body), &entity)?;
    }
    Ok(())
}

async fn marked(scene: &mut Scene, lists: &[String]) -> Played<usize> {
    let mut sum = 0;
    for uri in lists {
        sum += scene.status_list(uri).await?.1.marked();
    }
    Ok(sum)
}

async fn both(scene: &mut Scene, person: &Person) -> Played<Vec<String>> {
    Ok(vec![
        scene.attestation(person, Form::Card).await?,
        scene.attestation(person, Form::Full).await?,
    ])
}

async fn iat(scene: &mut Scene, uri: &str) -> Played<i64> {
    let (claims, _) = scene.status_list(uri).await?;
    claims["iat"]
        .as_i64()
        .ok_or_else(|| Stop::Fail("the list has no iat".to_owned()))
}
