//! Vectors of chapter 4.5 and 4.6: which version rules a day, which are void, when a withdrawal counts, and the order of the
//! reasons why nothing is in force.

use comity_spec::agreement::SignedAgreement;
use comity_spec::vector::{InForceInput, Of};
use serde_json::{Value, json};

use super::super::{CHANGSHAN_ID, DAY, NOW, YUSHAN_ID, accept, refuse, text, today};
use super::{HOLDING, digest, notice, payload, signed};

/// The agreement of the demonstration, changed.
fn of(more: Value) -> SignedAgreement {
    let mut payload = payload();
    crate::testing::merge(&mut payload, more);
    signed(&payload)
}

/// A later version of another, from a day.
fn next(version: u32, prev: &SignedAgreement, from: i64, more: Value) -> SignedAgreement {
    let mut members = json!({ "version": version, "prev": digest(prev), "effective_from": today(from) });
    crate::testing::merge(&mut members, more);
    of(members)
}

fn on(agreements: &[&SignedAgreement], day: i64) -> InForceInput {
    InForceInput {
        federation: "demo".into(),
        agreements: agreements.iter().map(|one| text(one)).collect(),
        withdrawals: Vec::new(),
        received_at: None,
        now: NOW,
        issuer: YUSHAN_ID.into(),
        recogniser: CHANGSHAN_ID.into(),
        on: today(day).to_string(),
    }
}

/// The same with notices: of which agreement, when it says it was issued, from which day.
fn left(mut input: InForceInput, notices: &[(&SignedAgreement, i64, i64)]) -> InForceInput {
    let signed = |(of, iat, from): &(&SignedAgreement, i64, i64)| notice(of, "361123", *iat, today(*from));
    input.withdrawals = notices.iter().map(signed).collect();
    input
}

fn received(mut input: InForceInput, at: i64) -> InForceInput {
    input.received_at = Some(at);
    input
}

fn holds(name: &str, ids: &str, about: &str, input: InForceInput, version: u32) -> Of<InForceInput> {
    accept(
        &format!("agreement/in-force-{name}"),
        ids,
        about,
        input,
        json!({ "version": version }),
    )
}

fn no(name: &str, ids: &str, about: &str, input: InForceInput, rule: &str) -> Of<InForceInput> {
    refuse(
        &format!("agreement/{name}"),
        HOLDING,
        ids,
        about,
        input,
        &format!("agreement.{rule}"),
    )
}

pub(super) fn all() -> Vec<Of<InForceInput>> {
    let mut all = versions();
    all.extend(notices());
    all.extend(reasons());
    all
}

fn versions() -> Vec<Of<InForceInput>> {
    let first = of(json!({}));
    let rival = of(json!({ "notice_days": 31 }));
    let second = next(2, &first, 5, json!({}));
    let its_rival = next(2, &first, 5, json!({ "notice_days": 31 }));
    let other_prev = next(2, &rival, 5, json!({}));
    let ended = next(2, &first, -5, json!({ "effective_until": today(-1) }));
    vec![
        holds(
            "given-twice",
            "AGR-16",
            "one text twice contradicts nothing",
            on(&[&first, &first], 0),
            1,
        ),
        holds(
            "version-1-beside-what-succeeds-void-ones",
            "AGR-16",
            "version 3 succeeds one of two void versions, and is void like them",
            on(&[&first, &second, &its_rival, &next(3, &second, 6, json!({}))], 7),
            1,
        ),
        holds(
            "version-2-beside-a-successor-of-something-else",
            "AGR-16",
            "version 3 names another prev than the version held",
            on(&[&first, &second, &next(3, &its_rival, 6, json!({}))], 7),
            2,
        ),
        holds(
            "version-1-beside-two-that-name-it",
            "AGR-16",
            "versions 2 and 3 both name version 1 as the one before",
            on(&[&first, &second, &next(3, &first, 6, json!({}))], 7),
            1,
        ),
        holds(
            "version-1-beside-rivals-of-different-prev",
            "AGR-16",
            "two texts of version 2, of which one names another version 1",
            on(&[&first, &second, &other_prev], 6),
            1,
        ),
        holds(
            "version-2-alone",
            "AGR-16",
            "the version before it is not at hand",
            on(&[&second], 6),
            2,
        ),
        holds(
            "version-3-of-three",
            "AGR-15",
            "given in another order than their own",
            on(&[&next(3, &second, 6, json!({})), &first, &second], 6),
            3,
        ),
        no(
            "void-first-versions",
            "AGR-16",
            "two first versions of one id",
            on(&[&first, &rival], 0),
            "void",
        ),
        no(
            "ended-version-2-does-not-bring-version-1-back",
            "AGR-15 AGR-14",
            "version 2 has taken effect and ended",
            on(&[&first, &ended], 0),
            "ended",
        ),
        no(
            "withdrawn-version-2-does-not-bring-version-1-back",
            "AGR-15 AGR-18",
            "version 2 has taken effect and was withdrawn",
            {
                let second = next(2, &first, -5, json!({ "notice_days": 0 }));
                left(on(&[&first, &second], 0), &[(&second, NOW, 0)])
            },
            "withdrawn",
        ),
        no(
            "between-one-and-itself",
            "AGR-14",
            "issuer and recogniser are one county",
            {
                let mut input = on(&[&first], 0);
                input.recogniser = YUSHAN_ID.into();
                input
            },
            "none",
        ),
    ]
}

/// When a withdrawal counts from: what it says of its own age is its signer's word alone.
fn notices() -> Vec<Of<InForceInput>> {
    let first = of(json!({}));
    // It says that it was given forty days ago, to end the agreement ten days ago.
    let back_dated = |day: i64| left(on(&[&first], day), &[(&first, NOW - 40 * DAY, -10)]);
    let honest = |day: i64| left(on(&[&first], day), &[(&first, NOW, 30)]);
    let late = |day: i64| left(on(&[&first], day), &[(&first, NOW - DAY, 60)]);
    let morning = today(0).start_of_day().get();
    vec![
        holds(
            "though-withdrawn-by-a-back-dated-notice",
            "AGR-22",
            "it says forty days ago and was first received today: the notice runs from today",
            received(back_dated(0), NOW),
            1,
        ),
        holds(
            "until-the-day-before-a-back-dated-notice-has-run",
            "AGR-22",
            "29 days after it was first received",
            received(back_dated(29), NOW),
            1,
        ),
        holds(
            "a-minute-after-midnight-counts-as-its-day",
            "AGR-22",
            "first received 60 seconds into today: 29 days after",
            received(back_dated(29), morning + 60),
            1,
        ),
        holds(
            "until-the-day-that-a-notice-names",
            "AGR-22 AGR-18",
            "received a day late, it names a day that leaves notice enough",
            received(late(59), NOW),
            1,
        ),
        no(
            "withdrawn-by-a-back-dated-notice",
            "AGR-22",
            "30 days after it was first received",
            received(back_dated(30), NOW),
            "withdrawn",
        ),
        no(
            "withdrawn-by-a-notice-received-within-a-minute-of-midnight",
            "AGR-22",
            "first received 59 seconds into today, which the skew takes for yesterday: 29 days after",
            received(back_dated(29), morning + 59),
            "withdrawn",
        ),
        no(
            "withdrawn-by-a-notice-received-on-its-day",
            "AGR-22 AGR-18",
            "received in the second in which it was issued, 30 days after",
            received(honest(30), NOW),
            "withdrawn",
        ),
        no(
            "withdrawn-on-the-day-that-a-notice-names",
            "AGR-22 AGR-18",
            "received a day late, it names a day that leaves notice enough",
            received(late(60), NOW),
            "withdrawn",
        ),
        no(
            "withdrawn-by-a-notice-of-which-no-receipt-is-known",
            "AGR-22 AGR-18",
            "as in a bundle: it counts from its iat",
            back_dated(-10),
            "withdrawn",
        ),
        no(
            "withdrawn-by-the-earliest-of-several-notices",
            "AGR-18",
            "three notices, of which the second ends first",
            left(
                on(&[&first], 30),
                &[(&first, NOW, 40), (&first, NOW, 30), (&first, NOW, 50)],
            ),
            "withdrawn",
        ),
        no(
            "withdrawn-by-the-other-party",
            "AGR-17 AGR-18",
            "either party can withdraw",
            {
                let mut input = on(&[&first], 30);
                input.withdrawals = vec![notice(&first, "330822", NOW, today(30))];
                input
            },
            "withdrawn",
        ),
    ]
}

/// Of several reasons the first in the order of 16.13 is told.
fn reasons() -> Vec<Of<InForceInput>> {
    let void = |more: Value| {
        let mut other = more.clone();
        crate::testing::merge(&mut other, json!({ "impact_assessment": "示例-2" }));
        [of(more), of(other)]
    };
    let [ahead, its_rival] = void(json!({ "effective_from": today(5) }));
    let [past, past_rival] = void(json!({ "effective_until": today(-1) }));
    let [left_one, left_rival] = void(json!({ "notice_days": 0 }));
    let ended = of(json!({ "notice_days": 0, "effective_until": today(3) }));
    let to_come = of(json!({ "notice_days": 0, "effective_from": today(20) }));
    let first = of(json!({ "effective_until": today(5) }));
    let second = |n: u32| next(2, &first, 6, json!({ "notice_days": n }));
    vec![
        no(
            "void-before-not-yet",
            "AGR-16",
            "two first versions, both from a day to come",
            on(&[&ahead, &its_rival], 0),
            "void",
        ),
        no(
            "void-before-ended",
            "AGR-16",
            "two first versions, both past their last day",
            on(&[&past, &past_rival], 0),
            "void",
        ),
        no(
            "void-before-withdrawn",
            "AGR-16 AGR-18",
            "two first versions, of which one was withdrawn",
            left(on(&[&left_one, &left_rival], 0), &[(&left_one, NOW, 0)]),
            "void",
        ),
        no(
            "withdrawn-before-ended",
            "AGR-18",
            "withdrawn on its third day before the last, and past both",
            left(on(&[&ended], 4), &[(&ended, NOW, 0)]),
            "withdrawn",
        ),
        no(
            "ended-before-a-withdrawal-to-come",
            "AGR-14 AGR-18",
            "past its last day, and withdrawn from a later one",
            left(on(&[&ended], 4), &[(&ended, NOW, 5)]),
            "ended",
        ),
        no(
            "withdrawn-before-it-takes-effect",
            "AGR-18",
            "not yet in force, and withdrawn from a day before it would be: it never will be",
            left(on(&[&to_come], 0), &[(&to_come, NOW, 20)]),
            "withdrawn",
        ),
        no(
            "not-yet-before-a-withdrawal-to-come",
            "AGR-14 AGR-18",
            "not yet in force, and withdrawn from its second day",
            left(on(&[&to_come], 0), &[(&to_come, NOW, 21)]),
            "not-yet",
        ),
        no(
            "ended-beside-two-void-successors",
            "AGR-16 AGR-14",
            "the version that holds on has ended",
            on(&[&first, &second(30), &second(31)], 6),
            "ended",
        ),
    ]
}
