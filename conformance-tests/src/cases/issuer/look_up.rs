//! The asked side of a look-up (chapter 7.2 to 7.4): who is answered, what, and how large.

use serde_json::{Value, json};

use super::super::{Case, play};
use crate::class::Class::Issuer;
use crate::scene::{Played, Scene, ensure};

pub(super) const CASES: &[Case] = &[
    Case::accepts(
        Issuer,
        "issuer/look-up-match",
        &["VER-4", "VER-11", "JWS-2", "JWS-5"],
        "a partner asks about a resident by number and name",
        "a signed match with the claims asked for, within the row",
        play!(matches),
    ),
    Case::differs(
        Issuer,
        "issuer/look-up-no-match-alike",
        &["VER-15", "VER-11", "PRV-1"],
        "issuer/look-up-match",
        "nobody has the number; somebody has the number and another name",
        "no_match both times: the same members and the same size, a multiple of 4,096 octets",
        play!(no_match_alike),
    ),
    Case::differs(
        Issuer,
        "issuer/wrong-audience",
        &["VER-4"],
        "issuer/look-up-match",
        "aud is another county",
        "wrong-audience, and honest questions are answered as before",
        play!(wrong_audience),
    ),
];

async fn matches(scene: &mut Scene) -> Played {
    let question = scene.question().await?;
    let body = question.body();
    let answered = scene.put_bytes(&question, &body).await?;
    let claims = scene.answer(&answered, &body, &question.partner)?;
    ensure!(claims["result"] == "match", "the answer is {}", claims["result"]);
    let state = &claims["permit_state"];
    ensure!(
        state["status"] == "valid",
        "permit_state.status is {}",
        state["status"]
    );
    ensure!(
        state["endorsed_until"] == question.person.endorsed_until.to_string(),
        "permit_state.endorsed_until is {}",
        state["endorsed_until"]
    );
    let expected = json!({ "name": question.person.name, "tier": question.person.tier });
    ensure!(
        claims["claims"] == expected,
        "claims are {}, asked for and allowed are name and tier",
        claims["claims"]
    );
    Ok(())
}

async fn no_match_alike(scene: &mut Scene) -> Played {
    let question = scene.question().await?;
    let mut sizes = Vec::new();
    let mut members = Vec::new();
    let stranger = scene.world.counties[0].host.people[0].clone();
    for (number, name) in [
        (stranger.id_number.as_str(), question.person.name.as_str()),
        (question.person.id_number.as_str(), stranger.name.as_str()),
    ] {
        let mut asked = scene.question_of(&question.partner, &question.person);
        asked.set(
            "subject",
            json!({ "number": { "id_number": number }, "name": name }),
        );
        let body = asked.body();
        let answered = scene.put_bytes(&asked, &body).await?;
        let claims = scene.answer(&answered, &body, &asked.partner)?;
        ensure!(
            claims["result"] == "no_match",
            "the answer is {}",
            claims["result"]
        );
        ensure!(claims.get("claims").is_none(), "a no-match has claims (VER-11)");
        ensure!(
            claims.get("permit_state").is_none(),
            "a no-match has a permit_state (VER-11)"
        );
        ensure!(
            answered.body.len().is_multiple_of(4_096),
            "the answer has {} octets, no multiple of 4,096",
            answered.body.len()
        );
        sizes.push(answered.body.len());
        members.push(names(&claims));
    }
    ensure!(
        sizes[0] == sizes[1],
        "an unknown number gets {} octets, a wrong name {}",
        sizes[0],
        sizes[1]
    );
    ensure!(
        members[0] == members[1],
        "an unknown number gets the members {:?}, a wrong name {:?}",
        members[0],
        members[1]
    );
    scene.still_answers(&question.partner, &question.person).await
}

async fn wrong_audience(scene: &mut Scene) -> Played {
    let other = scene.world.counties[1].host.entity.clone();
    scene
        .refuses(&["wrong-audience"], |question| question.set("aud", other))
        .await
}

fn names(claims: &Value) -> Vec<String> {
    claims
        .as_object()
        .map(|members| members.keys().cloned().collect())
        .unwrap_or_default()
}
