//! Replay of look-up requests (VER-9, SEC-4): the same bytes get the same answer, other bytes a conflict, also after the process died.

use serde_json::Value;

use super::super::{Case, play};
use crate::class::Class::Issuer;
use crate::scene::{Played, Scene, ensure};
use crate::target::contract::{Act, Done, What};
use crate::world::client::Unanswered;
use crate::world::draft::claims_of;

pub(super) const CASES: &[Case] = &[
    Case::differs(
        Issuer,
        "issuer/replay-same-bytes",
        &["VER-9"],
        "issuer/look-up-match",
        "the very same bytes come twice",
        "the very same answer comes twice",
        play!(same_bytes),
    ),
    Case::differs(
        Issuer,
        "issuer/replay-answer-is-the-stored-one",
        &["VER-9"],
        "issuer/replay-same-bytes",
        "the permit is suspended between the two",
        "the answer is still the one that was stored; a new question tells the new state",
        play!(stored_answer),
    ),
    Case::differs(
        Issuer,
        "issuer/replay-other-bytes",
        &["VER-9", "SEC-4"],
        "issuer/replay-same-bytes",
        "the jti of an answered question comes again with other bytes",
        "replay-conflict (409); the question that was answered still gets its answer",
        play!(other_bytes),
    ),
    Case::differs(
        Issuer,
        "issuer/replay-after-kill",
        &["VER-9", "SEC-4"],
        "issuer/replay-same-bytes",
        "the target is killed and started again between the two",
        "the same answer to the same bytes, replay-conflict to others",
        play!(after_kill),
    ),
    Case::differs(
        Issuer,
        "issuer/replay-jti-of-another-county",
        &["VER-9"],
        "issuer/replay-same-bytes",
        "another partner uses the same jti",
        "it is answered: the memory is by iss and jti",
        play!(jti_of_another),
    ),
    Case::differs(
        Issuer,
        "issuer/replay-a-thousand-times",
        &["VER-9", "TRN-9"],
        "issuer/replay-same-bytes",
        "the same bytes come a thousand times, several at a time",
        "every answer is the same, in-progress or overloaded with Retry-After, or rate-limited with Retry-After",
        play!(a_thousand_times),
    ),
];

async fn same_bytes(scene: &mut Scene) -> Played {
    let question = scene.question().await?;
    let body = question.body();
    let first = scene.put_bytes(&question, &body).await?;
    scene.answer(&first, &body, &question.partner)?;
    let second = scene.put_bytes(&question, &body).await?;
    ensure!(first.body == second.body, "the same bytes got two answers");
    Ok(())
}

async fn stored_answer(scene: &mut Scene) -> Played {
    let question = scene.question().await?;
    let body = question.body();
    let first = scene.put_bytes(&question, &body).await?;
    scene.happens(&question.person, What::Suspended).await?;
    let again = scene.put_bytes(&question, &body).await?;
    ensure!(
        first.body == again.body,
        "the stored answer changed with the permit"
    );
    let fresh = scene.question_of(&question.partner, &question.person);
    let body = fresh.body();
    let answered = scene.put_bytes(&fresh, &body).await?;
    let claims = scene.answer(&answered, &body, &question.partner)?;
    let state = &claims["permit_state"]["status"];
    ensure!(state == "suspended", "a new question is told the state {state}");
    Ok(())
}

async fn other_bytes(scene: &mut Scene) -> Played {
    let question = scene.question().await?;
    let body = question.body();
    let first = scene.put_bytes(&question, &body).await?;
    scene.answer(&first, &body, &question.partner)?;
    let mut other = question.clone();
    other.set("presented_by", "agent");
    let answered = scene.put(&other).await?;
    scene.problem(&answered, &["replay-conflict"])?;
    let again = scene.put_bytes(&question, &body).await?;
    ensure!(
        first.body == again.body,
        "after the conflict the answer is another"
    );
    Ok(())
}

async fn after_kill(scene: &mut Scene) -> Played {
    let question = scene.question().await?;
    let body = question.body();
    let first = scene.put_bytes(&question, &body).await?;
    scene.answer(&first, &body, &question.partner)?;
    let _: Done = scene.ask(Act::Restart { graceful: false }).await?;
    let again = scene.put_bytes(&question, &body).await?;
    ensure!(
        first.body == again.body,
        "after the restart the same bytes got another answer, with status {}",
        again.status
    );
    let mut other = question.clone();
    other.set("presented_by", "agent");
    let answered = scene.put(&other).await?;
    scene.problem(&answered, &["replay-conflict"])?;
    Ok(())
}

async fn jti_of_another(scene: &mut Scene) -> Played {
    let question = scene.question().await?;
    let body = question.body();
    let first = scene.put_bytes(&question, &body).await?;
    scene.answer(&first, &body, &question.partner)?;
    let other = scene.fresh_partner().await?;
    let mut theirs = scene.question_of(&other, &question.person);
    theirs.set("jti", question.draft.claims["jti"].clone());
    let body = theirs.body();
    let answered = scene.put_bytes(&theirs, &body).await?;
    scene.answer(&answered, &body, &other)?;
    Ok(())
}

async fn a_thousand_times(scene: &mut Scene) -> Played {
    let question = scene.question().await?;
    let body = question.body();
    let mut calls = Vec::new();
    for _ in 0..8 {
        let (question, body) = (question.clone(), body.clone());
        calls.push(tokio::spawn(async move {
            let mut seen: Vec<(u16, Option<String>, Vec<u8>)> = Vec::new();
            let mut connection = question.caller.connect().await?;
            for _ in 0..125 {
                let request =
                    crate::world::client::post("/federation/v1/verifications", question.media, body.clone());
                let answered = connection.send(request).await?;
                let pause = answered.header("retry-after").map(str::to_owned);
                seen.push((answered.status, pause, answered.body));
            }
            Ok::<_, Unanswered>(seen)
        }));
    }
    let mut answers = Vec::new();
    for call in calls {
        let seen = call
            .await
            .map_err(|error| crate::scene::Stop::Unknown(error.to_string()))?;
        let seen =
            seen.map_err(|error| crate::scene::Stop::Fail(format!("a replay was not answered: {error}")))?;
        for (status, pause, body) in seen {
            match status {
                200 => answers.push(body),
                429 | 503 => ensure!(pause.is_some(), "status {status} without Retry-After (TRN-9)"),
                other => ensure!(false, "a replay was answered with status {other}"),
            }
        }
    }
    scene.note(format!("{} of 1000 were answered", answers.len()));
    ensure!(!answers.is_empty(), "none of a thousand was answered");
    ensure!(
        answers.iter().all(|one| *one == answers[0]),
        "the same bytes got different answers"
    );
    let result = claims_of(&String::from_utf8_lossy(&answers[0])).unwrap_or(Value::Null)["result"].clone();
    ensure!(result == "match", "the answer is {result}");
    Ok(())
}
