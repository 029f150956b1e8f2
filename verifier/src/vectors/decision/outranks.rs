//! Vectors of chapter 8.2: which word counts where several are at hand, and what is still asked for.

use comity_spec::status::StatusValue;
use comity_spec::vector::{DecisionInput, Of};
use serde_json::{Value, json};

use super::super::{HOUR, NOW, YUSHAN_ID, today};
use super::{answered, because, gives, list, office, passed, permit, row, state, to, typed, with};

fn cancelled() -> Vec<String> {
    vec![list(&[(7, StatusValue::Cancelled)], 0)]
}

fn superseded() -> Vec<String> {
    vec![list(&[(7, StatusValue::Superseded)], 0)]
}

fn suspended(hours: i64) -> Vec<String> {
    vec![list(&[(7, StatusValue::Suspended)], hours * HOUR)]
}

fn no_match() -> Value {
    json!({ "result": "no_match", "permit_state": null, "claims": null })
}

fn hours_old(mut state: Value, hours: i64) -> Value {
    state["source_as_of"] = json!(NOW - hours * HOUR);
    state
}

pub(super) fn all() -> Vec<Of<DecisionInput>> {
    let mut all = answers();
    all.extend(entries());
    all.extend(asked());
    all.extend(before());
    all
}

/// An answer and an own entry: the rows of the answer from the top, the entry last among them.
fn answers() -> Vec<Of<DecisionInput>> {
    let code = |lists: Vec<String>, change: Value| {
        with(|w| {
            w.status_lists = lists;
            w.lookup = answered(change);
        })
    };
    let ids = "DEC-2 DEC-15 DEC-17";
    vec![
        to(
            "cancelled-code-superseded-answer",
            ids,
            "the code is cancelled, and the issuer says superseded: the answer outranks",
            code(cancelled(), state("superseded", 200, json!({}))),
            because("SUPERSEDED", "lookup.superseded"),
        ),
        to(
            "cancelled-code-no-match",
            ids,
            "the code is cancelled, and the issuer finds no record",
            code(cancelled(), no_match()),
            because("NO_MATCH", "lookup.no-match"),
        ),
        to(
            "cancelled-code-answer-not-yet-valid",
            ids,
            "the code is cancelled, and the issuer says valid from tomorrow",
            code(
                cancelled(),
                state("valid", 200, json!({ "valid_from": today(1) })),
            ),
            because("NOT_YET_VALID", "permit.not-yet-valid"),
        ),
        to(
            "cancelled-code-cancelled-answer",
            ids,
            "both say cancelled",
            code(cancelled(), state("cancelled", 200, json!({}))),
            because("REVOKED", "lookup.cancelled"),
        ),
        to(
            "cancelled-code-answer-too-old",
            ids,
            "the code is cancelled, and the answer is older than may be used",
            code(cancelled(), hours_old(state("valid", 200, json!({})), 80)),
            because("STATUS_STALE", "lookup.too-old"),
        ),
        to(
            "cancelled-code-lost-answer-of-amber-age",
            ids,
            "the code is cancelled, and the issuer said reported lost 25 hours ago",
            code(cancelled(), hours_old(state("reported_lost", 200, json!({})), 25)),
            because("STATUS_STALE", "lookup.not-fresh"),
        ),
        to(
            "cancelled-code-lost-answer",
            ids,
            "the code is cancelled, and the issuer says reported lost",
            code(cancelled(), state("reported_lost", 200, json!({}))),
            because("REPORTED_LOST", "lookup.reported-lost"),
        ),
        to(
            "cancelled-code-suspended-answer",
            ids,
            "the code is cancelled, and the issuer says suspended",
            code(cancelled(), state("suspended", 200, json!({}))),
            because("SUSPENDED", "lookup.suspended"),
        ),
        to(
            "cancelled-code-expired-answer",
            ids,
            "the code is cancelled, and the issuer says that the card has ended",
            code(
                cancelled(),
                state("valid", 200, json!({ "card_valid_until": today(-1) })),
            ),
            because("EXPIRED", "permit.card-expired"),
        ),
        to(
            "cancelled-code-lapsed-answer",
            ids,
            "the code is cancelled, and the issuer says lapsed",
            code(cancelled(), state("valid", -1, json!({}))),
            because("ENDORSEMENT_LAPSED", "permit.endorsement-lapsed"),
        ),
        to(
            "cancelled-code-answer-of-amber-age",
            ids,
            "the code is cancelled, the permit was in order 25 hours ago: the entry comes before the conditions",
            code(cancelled(), hours_old(state("valid", 200, json!({})), 25)),
            because("REVOKED", "status.cancelled"),
        ),
        to(
            "code-cancelled-by-tombstone-permit-in-order",
            "DEC-17 STA-12",
            "a tombstone of the code says cancelled, the permit is in order",
            with(|w| {
                w.tombstones = vec![(format!("{YUSHAN_ID}/status/v1/1"), 7, 1)];
                w.lookup = answered(json!({}));
            }),
            because("REVOKED", "status.cancelled"),
        ),
        to(
            "suspended-code-permit-in-order",
            "DEC-17",
            "the code is suspended, the issuer says in order",
            code(suspended(0), json!({})),
            gives("RECOGNISED"),
        ),
        to(
            "code-without-a-list-permit-in-order",
            "DEC-17",
            "there is no list, and the issuer says in order",
            code(Vec::new(), json!({})),
            gives("RECOGNISED"),
        ),
        to(
            "code-not-yet-usable-permit-in-order",
            "DEC-17",
            "the code is usable from tomorrow, the issuer says in order",
            with(|w| {
                w.presented = permit(|p| p.with("nbf", json!(today(1).start_of_day())));
                w.lookup = answered(json!({}));
            }),
            gives("RECOGNISED"),
        ),
        to(
            "superseded-answer-superseded-code",
            "DEC-17",
            "both say superseded",
            code(superseded(), state("superseded", 200, json!({}))),
            because("SUPERSEDED", "lookup.superseded"),
        ),
        to(
            "looked-up-suspended",
            "DEC-19",
            "a typed number, and the issuer says suspended",
            with(|w| {
                typed(w);
                w.lookup = answered(state("suspended", 200, json!({})));
            }),
            because("SUSPENDED", "lookup.suspended"),
        ),
        to(
            "looked-up-suspended-then-lapsed",
            "DEC-2 DEC-20",
            "suspended, and past its date",
            with(|w| w.lookup = answered(state("suspended", -1, json!({})))),
            because("SUSPENDED", "lookup.suspended"),
        ),
        to(
            "looked-up-cancelled-before-its-first-day",
            "DEC-2",
            "valid from tomorrow, and cancelled",
            with(|w| w.lookup = answered(state("cancelled", 200, json!({ "valid_from": today(1) })))),
            because("NOT_YET_VALID", "permit.not-yet-valid"),
        ),
    ]
}

/// What a presentation says by itself, row by row.
fn entries() -> Vec<Of<DecisionInput>> {
    let tomorrow = || permit(|p| p.with("nbf", json!(today(1).start_of_day())));
    let outside = || {
        let uri = format!("{YUSHAN_ID}/status/v1/1");
        permit(|p| {
            p.with("status", json!({ "status_list": { "idx": 131_072, "uri": uri } }))
                .with("exp", json!(today(-1).end_of_day()))
        })
    };
    vec![
        to(
            "first-not-yet-valid-then-revoked",
            "DEC-2",
            "usable from tomorrow, and cancelled",
            with(|w| {
                w.presented = tomorrow();
                w.status_lists = cancelled();
            }),
            json!({ "outcome": "NOT_YET_VALID", "cause": "permit.not-yet-valid", "advisories": [] }),
        ),
        to(
            "first-revoked-then-passed-date",
            "DEC-2 DEC-15",
            "cancelled, and past its date",
            with(|w| {
                w.presented = passed();
                w.status_lists = cancelled();
            }),
            because("REVOKED", "status.cancelled"),
        ),
        to(
            "first-superseded-then-passed-date",
            "DEC-2 DEC-15",
            "superseded, and past its date, off line",
            with(|w| {
                w.presented = passed();
                w.status_lists = superseded();
            }),
            because("SUPERSEDED", "status.superseded"),
        ),
        to(
            "first-unreachable-then-passed-date",
            "DEC-2 DEC-16",
            "past its date, and there is no list",
            with(|w| {
                w.presented = passed();
                w.status_lists = Vec::new();
            }),
            json!({ "outcome": "ISSUER_UNREACHABLE", "cause": "status.no-list", "advisories": [] }),
        ),
        to(
            "first-index-outside-then-passed-date",
            "DEC-2 STA-8",
            "past its date, and an entry that the list has not",
            with(|w| w.presented = outside()),
            because("ISSUER_UNREACHABLE", "status-list.index"),
        ),
        to(
            "ended-list-and-passed-date",
            "DEC-19 STA-10",
            "past its date, and the list has ended: of two causes of one outcome the first is told",
            with(|w| {
                w.presented = passed();
                w.status_lists = vec![list(&[], 72 * HOUR)];
            }),
            json!({ "outcome": "STATUS_STALE", "cause": "status.expired", "advisories": ["STATUS_AGE"] }),
        ),
        to(
            "revoked-by-tombstone-of-an-ended-list",
            "STA-12 DEC-15",
            "the list has ended, and a tombstone says cancelled",
            with(|w| {
                w.status_lists = vec![list(&[], 72 * HOUR)];
                w.tombstones = vec![(format!("{YUSHAN_ID}/status/v1/1"), 7, 1)];
            }),
            because("REVOKED", "status.cancelled"),
        ),
        to(
            "superseded-by-tombstone-against-a-list",
            "STA-12",
            "a list says valid, a tombstone superseded",
            with(|w| w.tombstones = vec![(format!("{YUSHAN_ID}/status/v1/1"), 7, 3)]),
            because("SUPERSEDED", "status.superseded"),
        ),
        to(
            "cancelled-by-a-list-against-a-tombstone",
            "STA-12",
            "a tombstone says superseded, a list cancelled",
            with(|w| {
                w.status_lists = cancelled();
                w.tombstones = vec![(format!("{YUSHAN_ID}/status/v1/1"), 7, 3)];
            }),
            because("REVOKED", "status.cancelled"),
        ),
        to(
            "tombstone-of-another-entry",
            "STA-12",
            "the neighbour's entry has a tombstone",
            with(|w| w.tombstones = vec![(format!("{YUSHAN_ID}/status/v1/1"), 8, 1)]),
            gives("RECOGNISED"),
        ),
        to(
            "tombstone-of-another-list",
            "STA-12",
            "the entry of that number has a tombstone in another list",
            with(|w| w.tombstones = vec![(format!("{YUSHAN_ID}/status/v1/2"), 7, 1)]),
            gives("RECOGNISED"),
        ),
        to(
            "list-of-another-address",
            "DEC-16",
            "the attestation names another list than the one at hand",
            with(|w| {
                let uri = format!("{YUSHAN_ID}/status/v1/2");
                w.presented =
                    permit(|p| p.with("status", json!({ "status_list": { "idx": 7, "uri": uri } })));
            }),
            because("ISSUER_UNREACHABLE", "status.no-list"),
        ),
    ]
}

/// What is asked for, and what is said when it was asked for in vain.
fn asked() -> Vec<Of<DecisionInput>> {
    let on_line = |change: &dyn Fn(&mut DecisionInput)| {
        with(|w| {
            w.on_line = true;
            change(w);
        })
    };
    let in_vain = |change: &dyn Fn(&mut DecisionInput)| {
        on_line(&|w| {
            w.lookup_failed = true;
            change(w);
        })
    };
    let look_up = json!({ "step": "need-look-up" });
    let newer = json!({ "step": "need-status-list" });
    let past = |change: &dyn Fn(crate::testing::PermitDraft) -> crate::testing::PermitDraft| {
        permit(|p| change(p.with("exp", json!(today(-1).end_of_day()))))
    };
    vec![
        to(
            "asks-about-a-passed-date-before-a-list",
            "DEC-11 DEC-18",
            "on line, past its date, and no list: the person is asked about first",
            on_line(&|w| {
                w.presented = passed();
                w.status_lists = Vec::new();
            }),
            look_up.clone(),
        ),
        to(
            "asks-for-a-list-after-a-look-up-in-vain",
            "DEC-11",
            "the look-up gave nothing, and there is no list",
            in_vain(&|w| {
                w.presented = passed();
                w.status_lists = Vec::new();
            }),
            newer.clone(),
        ),
        to(
            "asks-for-no-list-about-a-passed-date",
            "DEC-11 DEC-19",
            "the look-up gave nothing; a newer list would not tell the date",
            in_vain(&|w| {
                w.presented = passed();
                w.status_lists = vec![list(&[], 30 * HOUR)];
            }),
            because("STATUS_STALE", "permit.date-passed-unconfirmed"),
        ),
        to(
            "asks-for-a-list-in-place-of-an-ended-one",
            "DEC-11 STA-10",
            "on line, and the list has ended",
            on_line(&|w| w.status_lists = vec![list(&[], 72 * HOUR)]),
            newer.clone(),
        ),
        to(
            "asks-for-a-list-though-amber-is-allowed",
            "DEC-11 DEC-14",
            "on line, status of 25 hours, and the row allows it",
            on_line(&|w| {
                w.status_lists = vec![list(&[], 25 * HOUR)];
                w.agreements = row(json!({ "amber_status": true }));
            }),
            newer.clone(),
        ),
        to(
            "asks-for-a-list-about-an-old-suspension",
            "DEC-11 DEC-15",
            "on line, suspended in a list of 25 hours",
            on_line(&|w| w.status_lists = suspended(25)),
            newer,
        ),
        to(
            "asks-nothing-about-an-index-outside",
            "STA-8 DEC-11",
            "on line, an entry that the list has not",
            on_line(&|w| {
                let uri = format!("{YUSHAN_ID}/status/v1/1");
                w.presented =
                    permit(|p| p.with("status", json!({ "status_list": { "idx": 131_072, "uri": uri } })));
            }),
            because("ISSUER_UNREACHABLE", "status-list.index"),
        ),
        to(
            "asks-nothing-of-fresh-status",
            "DEC-11",
            "on line, and everything in order: a day old is fresh",
            on_line(&|w| w.status_lists = vec![list(&[], 24 * HOUR)]),
            gives("RECOGNISED"),
        ),
        to(
            "superseded-asked-in-vain",
            "DEC-18 VER-14",
            "the code is superseded, and the issuer did not answer",
            in_vain(&|w| w.status_lists = superseded()),
            json!({ "outcome": "SUPERSEDED", "cause": "status.superseded", "advisories": ["LOOKUP_FAILED"] }),
        ),
        to(
            "suspended-asked-in-vain",
            "DEC-19 VER-14",
            "suspended, and the issuer did not answer",
            in_vain(&|w| w.status_lists = suspended(0)),
            json!({ "outcome": "SUSPENDED", "cause": "status.suspended", "advisories": ["LOOKUP_FAILED"] }),
        ),
        to(
            "passed-date-without-a-number",
            "DEC-18 DEC-19",
            "on line, past its date, and the holder shows no number: nobody can be looked up",
            on_line(&|w| w.presented = past(&|p| p.disclosing("id_number", Value::Null))),
            because("STATUS_STALE", "permit.date-passed-unconfirmed"),
        ),
        to(
            "passed-date-without-a-name",
            "DEC-18 DEC-19",
            "on line, past its date, and the holder shows no name",
            on_line(&|w| w.presented = past(&|p| p.disclosing("name", Value::Null))),
            because("STATUS_STALE", "permit.date-passed-unconfirmed"),
        ),
        to(
            "passed-date-with-the-permits-number",
            "DEC-18",
            "on line, past its date, with the permit's number in place of the person's",
            on_line(&|w| {
                w.presented = past(&|p| {
                    p.disclosing("id_number", Value::Null)
                        .disclosing("permit_number", json!("3611232025000000010"))
                })
            }),
            look_up,
        ),
    ]
}

/// The office and the issuer, of which the first that applies is told.
fn before() -> Vec<Of<DecisionInput>> {
    let unreadable = || Some("12345".to_owned());
    let mut not_authorised = office("not-authorised");
    not_authorised.presented = unreadable();
    let mut quota = office("quota");
    quota.presented = unreadable();
    let mut consent = office("consent-missing");
    consent.federation = "yushan-suspended".into();
    let mut not_ready = office("not-ready");
    not_ready.agreements = Vec::new();
    vec![
        to(
            "first-not-authorised-then-unreadable",
            "DEC-2",
            "the officer may not check this, and the code cannot be read",
            not_authorised,
            gives("NOT_AUTHORISED"),
        ),
        to(
            "first-quota-then-unreadable",
            "DEC-2",
            "the officer asked too often, and the code cannot be read",
            quota,
            gives("RATE_LIMITED"),
        ),
        to(
            "first-consent-then-suspended-issuer",
            "DEC-2",
            "consent is missing, and the issuer is suspended",
            consent,
            gives("LEGAL_BASIS_MISSING"),
        ),
        to(
            "first-not-ready-then-no-agreement",
            "DEC-2",
            "not ready, and there is no agreement",
            not_ready,
            gives("NODE_NOT_READY"),
        ),
        to(
            "first-suspended-issuer-then-wrong-service",
            "DEC-2",
            "the issuer is suspended, and the service is not covered",
            with(|w| {
                w.federation = "yushan-suspended".into();
                w.service = "CNV-3".into();
            }),
            gives("ISSUER_SUSPENDED"),
        ),
        to(
            "first-ended-agreement-then-wrong-service",
            "DEC-2",
            "the agreement has ended, and never covered the service",
            with(|w| {
                w.agreements = super::agreement(|p| p["effective_until"] = json!(today(-1)));
                w.service = "CNV-3".into();
            }),
            because("AGREEMENT_NOT_IN_FORCE", "agreement.ended"),
        ),
        to(
            "removed-issuer",
            "DEC-1 VER-1",
            "the issuer has left the federation",
            with(|w| w.federation = "yushan-removed".into()),
            because("UNKNOWN_ISSUER", "trust.removed"),
        ),
        to(
            "issuer-an-authority",
            "VER-1",
            "the issuer is a province",
            with(|w| w.presented = permit(|p| p.with("iss", json!("https://jiangxi.example")))),
            because("UNKNOWN_ISSUER", "trust.authority"),
        ),
        to(
            "issued-61-seconds-ahead",
            "JWS-17",
            "iat is ahead: a doubt about this office's own clock",
            with(|w| w.presented = permit(|p| p.with("iat", json!(NOW + 61)))),
            because("NODE_NOT_READY", "attestation.iat-future"),
        ),
        to(
            "issued-60-seconds-ahead",
            "JWS-17",
            "iat is ahead within the skew",
            with(|w| w.presented = permit(|p| p.with("iat", json!(NOW + 60)))),
            gives("RECOGNISED"),
        ),
        to(
            "key-of-the-issuer-not-known",
            "VER-1 VER-2",
            "kid names a key that no chain gives",
            with(|w| {
                w.presented = permit(|mut p| {
                    p.key = crate::testing::key("stranger");
                    p
                });
            }),
            because("ISSUER_UNREACHABLE", "jws.unknown-key"),
        ),
    ]
}
