//! Vectors of chapter 8 at its bounds: the last second and the last day that count, and the first that does not.

use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::status::StatusValue;
use comity_spec::vector::{DecisionInput, Of};
use serde_json::{Value, json};

use super::super::{HOUR, NOW, YUSHAN, demo, today};
use super::{agreement, answered, because, gives, list, merge, passed, permit, row, sign, state, to, with};

/// Within the hour the agreement calls fresh, or within the two that it calls usable.
const TIGHT: i64 = 3600;

/// A list signed now, from a register of some seconds ago.
fn registered(entries: &[(usize, StatusValue)], age: i64) -> String {
    let federation = demo();
    let county = federation.county(YUSHAN);
    let mut claims = federation.status_claims(county, entries);
    claims["source_as_of"] = json!(NOW - age);
    sign(&county.key(KeyPurpose::Status), Typ::StatusList, &claims)
}

/// An answer of now, from a register of some seconds ago.
fn told(mut state: Value, age: i64) -> Value {
    state["source_as_of"] = json!(NOW - age);
    state
}

fn amber() -> Vec<String> {
    row(json!({ "amber_status": true }))
}

/// An hour fresh, two usable, amber allowed.
fn tight() -> Vec<String> {
    agreement(|p| {
        p["freshness"] = json!({ "fresh_seconds": TIGHT, "usable_seconds": 2 * TIGHT });
        merge(&mut p["services"][1], json!({ "amber_status": true }));
    })
}

fn conditional() -> Value {
    json!({ "outcome": "RECOGNISED_CONDITIONAL", "missing": ["recheck_status:unknown"] })
}

pub(super) fn all() -> Vec<Of<DecisionInput>> {
    let mut all = ages();
    all.extend(days());
    all
}

fn ages() -> Vec<Of<DecisionInput>> {
    let suspended = [(7, StatusValue::Suspended)];
    let lists = |agreements: Vec<String>, one: String| {
        with(|w| {
            w.agreements = agreements;
            w.status_lists = vec![one];
        })
    };
    let answer = |agreements: Vec<String>, change: Value| {
        with(|w| {
            w.agreements = agreements;
            w.lookup = answered(change);
        })
    };
    let own = || agreement(|_| {});
    let good = || state("valid", 200, json!({}));
    let lost = || state("reported_lost", 200, json!({}));
    vec![
        to(
            "status-one-second-over-24-hours",
            "DEC-14",
            "the first second that is amber",
            lists(own(), list(&[], 24 * HOUR + 1)),
            because("STATUS_STALE", "status.age-not-allowed"),
        ),
        to(
            "status-one-second-before-its-list-ends",
            "DEC-14 STA-10",
            "amber to the last second, and the row allows it",
            lists(amber(), list(&[], 72 * HOUR - 1)),
            conditional(),
        ),
        to(
            "status-of-a-register-72-hours-old",
            "DEC-14 STA-11",
            "signed now, from a register as old as may be used, and the row allows it",
            lists(amber(), registered(&[], 72 * HOUR)),
            conditional(),
        ),
        to(
            "status-of-a-register-over-72-hours-old",
            "DEC-14 STA-11",
            "the same one second older",
            lists(amber(), registered(&[], 72 * HOUR + 1)),
            because("STATUS_STALE", "status.too-old"),
        ),
        to(
            "status-as-old-as-the-agreement-calls-fresh",
            "AGR-11 DEC-14",
            "an hour, and the agreement says one",
            lists(tight(), list(&[], TIGHT)),
            gives("RECOGNISED"),
        ),
        to(
            "status-older-than-the-agreement-calls-fresh",
            "AGR-11 DEC-14",
            "an hour and a second",
            lists(tight(), list(&[], TIGHT + 1)),
            conditional(),
        ),
        to(
            "status-as-old-as-the-agreement-calls-usable",
            "AGR-11 DEC-14",
            "two hours, and the agreement says two",
            lists(tight(), list(&[], 2 * TIGHT)),
            conditional(),
        ),
        to(
            "status-older-than-the-agreement-calls-usable",
            "AGR-11 DEC-14",
            "two hours and a second",
            lists(tight(), list(&[], 2 * TIGHT + 1)),
            because("STATUS_STALE", "status.too-old"),
        ),
        to(
            "suspended-on-data-of-24-hours",
            "DEC-15 DEC-19",
            "suspended, in the last second that is fresh",
            lists(own(), list(&suspended, 24 * HOUR)),
            because("SUSPENDED", "status.suspended"),
        ),
        to(
            "suspended-on-data-of-a-second-over-24-hours",
            "DEC-15",
            "suspended, in the first second that is not",
            lists(amber(), list(&suspended, 24 * HOUR + 1)),
            because("STATUS_STALE", "status.not-fresh"),
        ),
        to(
            "suspended-on-data-too-old",
            "DEC-14 DEC-15",
            "suspended, from a register older than may be used",
            lists(amber(), registered(&suspended, 72 * HOUR + 1)),
            because("STATUS_STALE", "status.too-old"),
        ),
        to(
            "revoked-on-data-too-old",
            "DEC-15",
            "cancelled, from a register older than may be used",
            lists(own(), registered(&[(7, StatusValue::Cancelled)], 100 * HOUR)),
            because("REVOKED", "status.cancelled"),
        ),
        to(
            "looked-up-24-hours-old",
            "DEC-14",
            "an answer in the last second that is fresh",
            answer(own(), told(good(), 24 * HOUR)),
            gives("RECOGNISED"),
        ),
        to(
            "looked-up-over-24-hours-old",
            "DEC-14",
            "an answer in the first second that is amber",
            answer(own(), told(good(), 24 * HOUR + 1)),
            because("STATUS_STALE", "status.age-not-allowed"),
        ),
        to(
            "looked-up-over-24-hours-old-and-allowed",
            "DEC-14",
            "the same, and the row allows it",
            answer(amber(), told(good(), 24 * HOUR + 1)),
            conditional(),
        ),
        to(
            "looked-up-72-hours-old-and-allowed",
            "DEC-14",
            "an answer as old as may be used",
            answer(amber(), told(good(), 72 * HOUR)),
            conditional(),
        ),
        to(
            "looked-up-over-72-hours-old",
            "DEC-14",
            "the same one second older",
            answer(amber(), told(good(), 72 * HOUR + 1)),
            because("STATUS_STALE", "lookup.too-old"),
        ),
        to(
            "looked-up-age-from-the-older-of-two-times",
            "STA-11 DEC-14",
            "answered fifteen minutes ago from a register of now, and ten are fresh by agreement",
            answer(
                agreement(|p| p["freshness"] = json!({ "fresh_seconds": 600, "usable_seconds": 1200 })),
                json!({ "iat": NOW - 900, "exp": NOW }),
            ),
            because("STATUS_STALE", "status.age-not-allowed"),
        ),
        to(
            "lost-on-data-of-24-hours",
            "DEC-15",
            "reported lost, in the last second that is fresh",
            answer(own(), told(lost(), 24 * HOUR)),
            because("REPORTED_LOST", "lookup.reported-lost"),
        ),
        to(
            "lost-on-data-of-a-second-over-24-hours",
            "DEC-15",
            "reported lost, in the first second that is not, and the row allows amber status",
            answer(amber(), told(lost(), 24 * HOUR + 1)),
            because("STATUS_STALE", "lookup.not-fresh"),
        ),
        to(
            "card-expired-on-old-data",
            "DEC-15",
            "the card has ended, on data of 25 hours",
            answer(
                amber(),
                told(
                    state("valid", 200, json!({ "card_valid_until": today(-1) })),
                    25 * HOUR,
                ),
            ),
            because("STATUS_STALE", "lookup.not-fresh"),
        ),
        to(
            "superseded-answer-on-old-data",
            "DEC-15",
            "superseded, on data of 80 hours",
            answer(own(), told(state("superseded", 200, json!({})), 80 * HOUR)),
            because("SUPERSEDED", "lookup.superseded"),
        ),
        to(
            "age-is-no-advisory-under-an-hour",
            "DEC-30",
            "on line, status of 59 minutes and 59 seconds",
            with(|w| {
                w.on_line = true;
                w.status_lists = vec![list(&[], HOUR - 1)];
            }),
            json!({ "outcome": "RECOGNISED", "advisories": [] }),
        ),
        to(
            "age-is-an-advisory-from-an-hour",
            "DEC-30",
            "on line, status of an hour",
            with(|w| {
                w.on_line = true;
                w.status_lists = vec![list(&[], HOUR)];
            }),
            json!({ "outcome": "RECOGNISED", "advisories": ["STATUS_AGE"] }),
        ),
    ]
}

fn days() -> Vec<Of<DecisionInput>> {
    let endorsed =
        |days: i64| with(|w| w.presented = permit(|p| p.with("exp", json!(today(days).end_of_day()))));
    let reminded =
        || json!({ "outcome": "RECOGNISED", "advisories": ["ENDORSEMENT_DUE_SOON", "STATUS_AGE"] });
    let begins = |seconds: i64| with(|w| w.presented = permit(|p| p.with("nbf", json!(NOW + seconds))));
    let answer = |change: Value| with(|w| w.lookup = answered(change));
    let card =
        |days: i64| with(|w| w.presented = permit(|p| p.disclosing("card_valid_until", json!(today(days)))));
    vec![
        to(
            "endorsement-due-in-30-days",
            "DEC-30",
            "the first day of the reminder",
            endorsed(30),
            reminded(),
        ),
        to(
            "endorsement-due-in-29-days",
            "DEC-30",
            "the second",
            endorsed(29),
            reminded(),
        ),
        to(
            "looked-up-endorsement-due-in-30-days",
            "DEC-30 DEC-17",
            "the code says 200 days, the issuer 30",
            answer(state("valid", 30, json!({}))),
            reminded(),
        ),
        to(
            "review-is-no-occasion-for-a-reminder",
            "DEC-30",
            "endorsed for ten days, and another name on the identity card",
            with(|w| {
                w.presented = permit(|p| p.with("exp", json!(today(10).end_of_day())));
                w.typed_name = Some("示例乙".into());
            }),
            json!({ "outcome": "REVIEW_REQUIRED", "advisories": ["STATUS_AGE"] }),
        ),
        to(
            "usable-in-60-seconds",
            "DEC-1",
            "nbf at the end of the skew",
            begins(60),
            gives("RECOGNISED"),
        ),
        to(
            "usable-in-61-seconds",
            "DEC-1",
            "nbf one second beyond it",
            begins(61),
            because("NOT_YET_VALID", "permit.not-yet-valid"),
        ),
        to(
            "last-day-whatever-its-second",
            "ATT-5 TIM-3",
            "exp is the first second of today: today is the last day, all of it",
            with(|w| w.presented = permit(|p| p.with("exp", json!(today(0).start_of_day())))),
            json!({ "outcome": "RECOGNISED", "advisories": ["ENDORSEMENT_DUE_SOON", "STATUS_AGE"] }),
        ),
        to(
            "card-on-its-last-day",
            "TIM-3",
            "the card is good until today",
            card(0),
            gives("RECOGNISED"),
        ),
        to(
            "card-past-its-last-day-off-line",
            "DEC-19",
            "the card was good until yesterday, and nobody can be asked",
            card(-1),
            because("STATUS_STALE", "permit.date-passed-unconfirmed"),
        ),
        to(
            "looked-up-on-its-first-day",
            "TIM-3",
            "valid from today",
            answer(state("valid", 200, json!({ "valid_from": today(0) }))),
            gives("RECOGNISED"),
        ),
        to(
            "looked-up-the-day-before-its-first",
            "TIM-3",
            "valid from tomorrow",
            answer(state("valid", 200, json!({ "valid_from": today(1) }))),
            because("NOT_YET_VALID", "permit.not-yet-valid"),
        ),
        to(
            "looked-up-on-its-last-day",
            "TIM-3 DEC-21",
            "endorsed until today, and so is the card",
            answer(state("valid", 0, json!({ "card_valid_until": today(0) }))),
            gives("RECOGNISED"),
        ),
        to(
            "passed-date-on-data-too-old",
            "DEC-2 DEC-19",
            "a date has passed, and the register is older than may be used",
            with(|w| {
                w.presented = passed();
                w.status_lists = vec![registered(&[], 100 * HOUR)];
            }),
            because("STATUS_STALE", "permit.date-passed-unconfirmed"),
        ),
    ]
}
