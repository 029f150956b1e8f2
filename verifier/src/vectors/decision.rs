//! Vectors of chapter 8: one window, everything in order, and one thing changed.

use comity_spec::agreement::Agreement;
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::status::StatusValue;
use comity_spec::time::LocalDate;
use comity_spec::vector::{Challenge, DecisionInput, LookupExchange, Of, Vector};
use serde_json::{Value, json};

use super::{
    CHANGSHAN, CHANGSHAN_ID, HOUR, NOW, YUSHAN, YUSHAN_ID, accept, attestation, demo, exchange, text, today,
};
use crate::testing::{PermitDraft, merge, sign};

mod bounds;
mod outranks;
mod told;

/// A window of 常山 before which somebody shows the card of 示例甲, off line, status of now.
fn window() -> DecisionInput {
    DecisionInput {
        federation: "demo".into(),
        agreements: vec![exchange::agreement()],
        status_lists: vec![list(&[], 0)],
        tombstones: Vec::new(),
        presented: Some(attestation::permit().sign()),
        challenge: None,
        typed_issuer: None,
        lookup: None,
        lookup_failed: false,
        typed_name: None,
        recogniser: CHANGSHAN_ID.into(),
        service: "BPS-2".into(),
        provider: None,
        on_line: false,
        status_refreshed: false,
        clerk: "confirmed".into(),
        office: None,
        now: NOW,
    }
}

fn with(change: impl FnOnce(&mut DecisionInput)) -> DecisionInput {
    let mut window = window();
    change(&mut window);
    window
}

/// A list signed some seconds ago.
fn list(entries: &[(usize, StatusValue)], age: i64) -> String {
    let federation = demo();
    let county = federation.county(YUSHAN);
    let mut claims = federation.status_claims(county, entries);
    let at = NOW - age;
    merge(
        &mut claims,
        json!({ "iat": at, "source_as_of": at, "exp": at + 72 * HOUR }),
    );
    sign(&county.key(KeyPurpose::Status), Typ::StatusList, &claims)
}

fn permit(change: impl FnOnce(PermitDraft) -> PermitDraft) -> Option<String> {
    Some(change(attestation::permit()).sign())
}

/// A permit whose date has passed by a day.
fn passed() -> Option<String> {
    permit(|p| p.with("exp", json!(today(-1).end_of_day())))
}

/// What the issuer answered when asked.
fn answered(change: Value) -> Option<LookupExchange> {
    let request = exchange::request();
    Some(LookupExchange {
        request: exchange::sign_request(&request),
        response: exchange::answer(&request, change),
    })
}

fn state(status: &str, endorsed: i64, more: Value) -> Value {
    let mut state = json!({ "status": status, "valid_from": today(-164), "endorsed_until": today(endorsed) });
    merge(&mut state, more);
    json!({ "permit_state": state })
}

/// The agreement with its row on employment services changed, or anything else.
fn agreement(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let federation = demo();
    let (a, b) = (&federation.counties[0], &federation.counties[1]);
    let mut payload = serde_json::to_value(federation.agreement(a, b)).expect("serialises");
    change(&mut payload);
    let agreement: Agreement = serde_json::from_value(payload).expect("an agreement's shape");
    vec![text(&federation.signed(&agreement, &[a, b]))]
}

fn row(more: Value) -> Vec<String> {
    agreement(|p| merge(&mut p["services"][1], more))
}

fn typed(window: &mut DecisionInput) {
    window.presented = None;
    window.typed_issuer = Some(YUSHAN_ID.into());
}

fn gives(outcome: &str) -> Value {
    json!({ "step": "decision", "outcome": outcome })
}

fn because(outcome: &str, cause: &str) -> Value {
    json!({ "step": "decision", "outcome": outcome, "cause": cause })
}

pub(super) fn all() -> Vec<Vector> {
    let mut all = outcomes();
    all.extend(order());
    all.extend(status());
    all.extend(questions());
    all.extend(conditions());
    all.extend(people());
    all.extend(words_and_keys());
    all.extend(bounds::all());
    all.extend(outranks::all());
    all.extend(told::all());
    all.into_iter()
        .map(|mut vector| {
            // Whatever the outcome: each differs from the green one in one thing.
            if vector.name != "decision/recognised" {
                vector.twin = Some("decision/recognised".to_owned());
            }
            Vector::Decision(Box::new(vector))
        })
        .collect()
}

fn to(name: &str, ids: &str, about: &str, input: DecisionInput, read: Value) -> Of<DecisionInput> {
    accept(&format!("decision/{name}"), ids, about, input, read)
}

/// What the sentences say, and whom they do not name; who may speak for the issuer under the agreement.
fn words_and_keys() -> Vec<Of<DecisionInput>> {
    let says =
        |outcome: &str, zh: &str, en: &str| json!({ "outcome": outcome, "text": { "zh": zh, "en": en } });
    vec![
        to(
            "text-of-a-grey-outcome",
            "DEC-6",
            "the sentence of the table; nobody is refused",
            with(|w| w.status_lists = Vec::new()),
            says(
                "ISSUER_UNREACHABLE",
                "暂时连不上签发地，且本地无可用状态数据。",
                "The issuing county cannot be reached, and there is no usable status data here.",
            ),
        ),
        to(
            "text-names-nobody",
            "DEC-13 DEC-6",
            "the sentence for a number and a name that were not found",
            with(|w| {
                typed(w);
                w.lookup = answered(json!({ "result": "no_match", "permit_state": null, "claims": null }));
            }),
            says(
                "NO_MATCH",
                "未查到与所填号码和姓名一致的记录。",
                "No record matches this number and name.",
            ),
        ),
        to(
            "key-that-the-pinned-one-vouched-for",
            "AGR-12 AGR-13 TRU-29",
            "the issuer's new key, named in a configuration that the pinned key signed before it was retired",
            with(|w| w.federation = "yushan-rotated".into()),
            gives("RECOGNISED"),
        ),
        to(
            "key-that-only-the-province-vouches-for",
            "AGR-12",
            "the chain holds, and no pinned key vouched for the new one",
            with(|w| w.federation = "yushan-replanted".into()),
            because("ISSUER_SUSPENDED", "agreement.keys-not-vouched"),
        ),
    ]
}

fn office(what: &str) -> DecisionInput {
    with(|w| w.office = Some(what.into()))
}

/// Each of the 27, in the order of the list.
fn outcomes() -> Vec<Of<DecisionInput>> {
    let forged = {
        let token = attestation::permit().sign();
        let (jwt, rest) = token.split_once('~').expect("disclosures");
        let (signed, signature) = jwt.rsplit_once('.').expect("three parts");
        let first = if signature.starts_with('A') { 'B' } else { 'A' };
        format!("{signed}.{first}{}~{rest}", &signature[1..])
    };
    vec![
        to(
            "recognised",
            "DEC-1 DEC-8 DEC-28",
            "everything in order, confirmed by a named person",
            window(),
            json!({ "step": "decision", "outcome": "RECOGNISED", "confirmation": "confirmed", "missing": [], "tier": "ORDINARY" }),
        ),
        to(
            "node-not-ready",
            "DEC-1 DEC-2",
            "this office's verifier is not ready",
            office("not-ready"),
            gives("NODE_NOT_READY"),
        ),
        to(
            "not-authorised",
            "DEC-1",
            "the officer may not check this",
            office("not-authorised"),
            because("NOT_AUTHORISED", "actor.not-authorised"),
        ),
        to(
            "no-purpose",
            "DEC-1",
            "no purpose was chosen",
            office("no-purpose"),
            because("NOT_AUTHORISED", "actor.no-purpose"),
        ),
        to(
            "legal-basis-missing",
            "DEC-1",
            "separate consent is needed and not given",
            office("consent-missing"),
            gives("LEGAL_BASIS_MISSING"),
        ),
        to(
            "rate-limited",
            "DEC-1",
            "the officer asked too often",
            office("quota"),
            gives("RATE_LIMITED"),
        ),
        to(
            "unreadable",
            "DEC-1 VER-1",
            "an odd number of digits",
            with(|w| w.presented = Some("12345".into())),
            because("UNREADABLE", "symbol.incomplete"),
        ),
        to(
            "unsupported-version",
            "DEC-1 VER-1 VSN-2",
            "version 2 of the credential type",
            with(|w| w.presented = permit(|p| p.with("vct", json!("urn:comity:vct:residence-permit:2")))),
            because("UNSUPPORTED_VERSION", "attestation.vct"),
        ),
        to(
            "presentation-expired",
            "DEC-1 ATT-14",
            "a key binding is required and there is none",
            with(|w| {
                w.challenge = Some(Challenge {
                    aud: CHANGSHAN_ID.into(),
                    nonce: "n-1".into(),
                    now: NOW,
                    max_age: 300,
                })
            }),
            because("PRESENTATION_EXPIRED", "kb.missing"),
        ),
        to(
            "unknown-issuer",
            "DEC-1 VER-2",
            "the issuer is in no current list",
            with(|w| w.presented = permit(|p| p.with("iss", json!("https://c440103.example")))),
            because("UNKNOWN_ISSUER", "trust.not-a-member"),
        ),
        to(
            "signature-invalid",
            "DEC-1 VER-2",
            "one character of the signature",
            with(|w| w.presented = Some(forged)),
            because("SIGNATURE_INVALID", "jws.signature"),
        ),
        to(
            "issuer-suspended",
            "DEC-1 VER-1",
            "the issuing county is suspended",
            with(|w| w.federation = "yushan-suspended".into()),
            because("ISSUER_SUSPENDED", "trust.suspended"),
        ),
        to(
            "not-in-agreement",
            "DEC-1",
            "there is no agreement",
            with(|w| w.agreements = Vec::new()),
            because("NOT_IN_AGREEMENT", "agreement.none"),
        ),
        to(
            "agreement-not-in-force",
            "DEC-1 AGR-14",
            "its last day was yesterday",
            with(|w| w.agreements = agreement(|p| p["effective_until"] = json!(today(-1)))),
            because("AGREEMENT_NOT_IN_FORCE", "agreement.ended"),
        ),
        to(
            "service-not-covered",
            "DEC-1 AGR-19",
            "motor-vehicle registration stands in no row",
            with(|w| w.service = "CNV-3".into()),
            because("SERVICE_NOT_COVERED", "service.not-listed"),
        ),
        to(
            "no-match",
            "DEC-1 DEC-22",
            "the issuer finds no record",
            with(|w| {
                typed(w);
                w.lookup = answered(json!({ "result": "no_match", "permit_state": null, "claims": null }));
            }),
            gives("NO_MATCH"),
        ),
        to(
            "not-yet-valid",
            "DEC-1",
            "usable from tomorrow",
            with(|w| w.presented = permit(|p| p.with("nbf", json!(today(1).start_of_day())))),
            gives("NOT_YET_VALID"),
        ),
        to(
            "revoked",
            "DEC-1 DEC-15",
            "the entry says cancelled",
            with(|w| w.status_lists = vec![list(&[(7, StatusValue::Cancelled)], 0)]),
            because("REVOKED", "status.cancelled"),
        ),
        to(
            "superseded",
            "DEC-1 DEC-15",
            "the entry says superseded",
            with(|w| w.status_lists = vec![list(&[(7, StatusValue::Superseded)], 0)]),
            because("SUPERSEDED", "status.superseded"),
        ),
        to(
            "issuer-unreachable",
            "DEC-1 DEC-16",
            "there is no list",
            with(|w| w.status_lists = Vec::new()),
            because("ISSUER_UNREACHABLE", "status.no-list"),
        ),
        to(
            "status-stale",
            "DEC-1 DEC-14",
            "25 hours old, and the row does not allow it",
            with(|w| w.status_lists = vec![list(&[], 25 * HOUR)]),
            because("STATUS_STALE", "status.age-not-allowed"),
        ),
        to(
            "reported-lost",
            "DEC-1",
            "the issuer says reported lost",
            with(|w| w.lookup = answered(state("reported_lost", 200, json!({})))),
            because("REPORTED_LOST", "lookup.reported-lost"),
        ),
        to(
            "suspended",
            "DEC-1 DEC-19",
            "the entry says suspended, off line",
            with(|w| w.status_lists = vec![list(&[(7, StatusValue::Suspended)], 0)]),
            because("SUSPENDED", "status.suspended"),
        ),
        to(
            "expired",
            "DEC-1 DEC-21",
            "the card's own validity has ended",
            with(|w| w.lookup = answered(state("valid", 200, json!({ "card_valid_until": today(-1) })))),
            because("EXPIRED", "permit.card-expired"),
        ),
        to(
            "endorsement-lapsed",
            "DEC-1 DEC-21",
            "the endorsement ended yesterday, says the issuer",
            with(|w| w.lookup = answered(state("valid", -1, json!({})))),
            because("ENDORSEMENT_LAPSED", "permit.endorsement-lapsed"),
        ),
        to(
            "review-required",
            "DEC-1 DEC-23",
            "another name on the identity card",
            with(|w| w.typed_name = Some("示例乙".into())),
            because("REVIEW_REQUIRED", "holder.name-differs"),
        ),
        to(
            "holder-mismatch",
            "DEC-1 DEC-5",
            "the clerk says that it is not the holder",
            with(|w| w.clerk = "mismatch".into()),
            json!({ "step": "decision", "outcome": "HOLDER_MISMATCH", "confirmation": "mismatch" }),
        ),
        to(
            "recognised-conditional",
            "DEC-1 DEC-28",
            "24 months of residence are asked for, 14 are there",
            with(|w| w.agreements = row(json!({ "conditions": [{ "min_residence_months": 24 }] }))),
            json!({ "step": "decision", "outcome": "RECOGNISED_CONDITIONAL", "missing": ["min_residence_months:not_met"] }),
        ),
    ]
}

/// Of two that apply the first wins.
fn order() -> Vec<Of<DecisionInput>> {
    let cancelled = || vec![list(&[(7, StatusValue::Cancelled)], 0)];
    vec![
        to(
            "first-node-not-ready-then-revoked",
            "DEC-2",
            "not ready, and the permit is cancelled",
            with(|w| {
                w.office = Some("not-ready".into());
                w.status_lists = cancelled();
            }),
            gives("NODE_NOT_READY"),
        ),
        to(
            "first-consent-then-no-agreement",
            "DEC-2",
            "consent is missing, and so is the agreement",
            with(|w| {
                w.office = Some("consent-missing".into());
                w.agreements = Vec::new();
            }),
            gives("LEGAL_BASIS_MISSING"),
        ),
        to(
            "first-unknown-issuer-then-wrong-service",
            "DEC-2",
            "an unknown issuer, and a service not covered",
            with(|w| {
                w.presented = permit(|p| p.with("iss", json!("https://c440103.example")));
                w.service = "CNV-3".into();
            }),
            gives("UNKNOWN_ISSUER"),
        ),
        to(
            "first-coverage-then-status",
            "DEC-3 DEC-10",
            "a service not covered, and a cancelled permit: nothing is said about the permit",
            with(|w| {
                w.service = "CNV-3".into();
                w.status_lists = cancelled();
            }),
            gives("SERVICE_NOT_COVERED"),
        ),
        to(
            "first-coverage-then-no-status",
            "DEC-10",
            "a service not covered, and no list: none is asked for",
            with(|w| {
                w.service = "CNV-3".into();
                w.status_lists = Vec::new();
                w.on_line = true;
            }),
            gives("SERVICE_NOT_COVERED"),
        ),
        to(
            "first-revoked-then-mismatch",
            "DEC-2",
            "a cancelled permit, and not its holder",
            with(|w| {
                w.status_lists = cancelled();
                w.clerk = "mismatch".into();
            }),
            gives("REVOKED"),
        ),
        to(
            "first-review-then-mismatch",
            "DEC-2",
            "another name, and not the holder",
            with(|w| {
                w.typed_name = Some("示例乙".into());
                w.clerk = "mismatch".into();
            }),
            gives("REVIEW_REQUIRED"),
        ),
        to(
            "first-lost-then-lapsed",
            "DEC-2 DEC-20",
            "reported lost, and past its date",
            with(|w| w.lookup = answered(state("reported_lost", -1, json!({})))),
            gives("REPORTED_LOST"),
        ),
        to(
            "first-card-expired-then-lapsed",
            "DEC-2",
            "card and endorsement have both ended",
            with(|w| w.lookup = answered(state("valid", -1, json!({ "card_valid_until": today(-1) })))),
            gives("EXPIRED"),
        ),
        to(
            "wrong-environment",
            "VER-3 DEC-30",
            "of the other environment",
            with(|w| w.presented = permit(|p| p.with("environment", json!("PRODUCTION")))),
            json!({ "outcome": "UNKNOWN_ISSUER", "advisories": ["WRONG_ENVIRONMENT"] }),
        ),
        to(
            "own-county",
            "DEC-24",
            "a permit of the recogniser's own county",
            with(|w| w.recogniser = YUSHAN_ID.into()),
            gives("NOT_IN_AGREEMENT"),
        ),
        to(
            "recogniser-no-member",
            "DEC-12",
            "the office itself is no county",
            with(|w| w.recogniser = "https://c440103.example".into()),
            gives("NODE_NOT_READY"),
        ),
        to(
            "recogniser-suspended",
            "DEC-12",
            "the office's county is suspended",
            with(|w| {
                w.federation = "yushan-suspended".into();
                w.recogniser = YUSHAN_ID.into();
            }),
            gives("NODE_NOT_READY"),
        ),
    ]
}

fn status() -> Vec<Of<DecisionInput>> {
    let amber = || row(json!({ "amber_status": true }));
    let aged = |entries: &[(usize, StatusValue)], hours: i64| vec![list(entries, hours * HOUR)];
    let entry = |value: StatusValue| [(7, value)];
    let uri = format!("{YUSHAN_ID}/status/v1/1");
    vec![
        to(
            "status-24-hours-old",
            "DEC-14 STA-11",
            "the last fresh second",
            with(|w| w.status_lists = aged(&[], 24)),
            json!({ "outcome": "RECOGNISED", "advisories": ["STATUS_AGE"] }),
        ),
        to(
            "status-25-hours-old-and-allowed",
            "DEC-14",
            "amber, and the row allows it",
            with(|w| {
                w.status_lists = aged(&[], 25);
                w.agreements = amber();
            }),
            json!({ "outcome": "RECOGNISED_CONDITIONAL", "missing": ["recheck_status:unknown"] }),
        ),
        to(
            "status-71-hours-old-and-allowed",
            "DEC-14",
            "amber nearly to its end",
            with(|w| {
                w.status_lists = aged(&[], 71);
                w.agreements = amber();
            }),
            json!({ "outcome": "RECOGNISED_CONDITIONAL" }),
        ),
        to(
            "status-72-hours-old",
            "DEC-14 STA-10",
            "the list has ended",
            with(|w| {
                w.status_lists = aged(&[], 72);
                w.agreements = amber();
            }),
            because("STATUS_STALE", "status.expired"),
        ),
        to(
            "status-fresh-for-an-hour-by-agreement",
            "AGR-11 DEC-14",
            "two hours old, and the agreement says one",
            with(|w| {
                w.status_lists = aged(&[], 2);
                w.agreements = agreement(|p| {
                    p["freshness"] = json!({ "fresh_seconds": 3600, "usable_seconds": 86_400 })
                });
            }),
            because("STATUS_STALE", "status.age-not-allowed"),
        ),
        to(
            "status-signed-now-from-an-old-register",
            "STA-11 DEC-14",
            "signed now, the register is of the day before yesterday",
            with(|w| {
                let federation = demo();
                let county = federation.county(YUSHAN);
                let mut claims = federation.status_claims(county, &[]);
                claims["source_as_of"] = json!(NOW - 48 * HOUR);
                w.status_lists = vec![sign(&county.key(KeyPurpose::Status), Typ::StatusList, &claims)];
            }),
            because("STATUS_STALE", "status.age-not-allowed"),
        ),
        to(
            "revoked-on-old-data",
            "DEC-15",
            "cancelled, in a list of 71 hours",
            with(|w| w.status_lists = aged(&entry(StatusValue::Cancelled), 71)),
            gives("REVOKED"),
        ),
        to(
            "superseded-on-old-data",
            "DEC-15",
            "superseded, in a list of 71 hours",
            with(|w| w.status_lists = aged(&entry(StatusValue::Superseded), 71)),
            gives("SUPERSEDED"),
        ),
        to(
            "revoked-by-tombstone",
            "STA-12 DEC-15",
            "no list any more, and a tombstone",
            with(|w| {
                w.status_lists = Vec::new();
                w.tombstones = vec![(uri.clone(), 7, 1)];
            }),
            gives("REVOKED"),
        ),
        to(
            "revoked-by-tombstone-against-a-list",
            "STA-12",
            "a list says valid, a tombstone cancelled",
            with(|w| w.tombstones = vec![(uri.clone(), 7, 1)]),
            gives("REVOKED"),
        ),
        to(
            "suspended-on-old-data",
            "DEC-15",
            "suspended, in a list of 25 hours",
            with(|w| {
                w.status_lists = aged(&entry(StatusValue::Suspended), 25);
                w.agreements = amber();
            }),
            json!({ "outcome": "STATUS_STALE", "advisories": ["LAST_KNOWN_STATUS", "STATUS_AGE"] }),
        ),
        to(
            "suspended-and-past-its-date-off-line",
            "DEC-19 DEC-20 DEC-2",
            "the entry says suspended, and the date on the code has passed: a date outranks valid alone",
            with(|w| {
                w.presented = passed();
                w.status_lists = aged(&entry(StatusValue::Suspended), 1);
            }),
            json!({ "outcome": "SUSPENDED", "cause": "status.suspended", "advisories": ["STATUS_AGE"] }),
        ),
        to(
            "suspended-and-past-its-date-on-old-data",
            "DEC-15 DEC-19",
            "the same in a list of 25 hours: the issuer may have put right both",
            with(|w| {
                w.presented = passed();
                w.status_lists = aged(&entry(StatusValue::Suspended), 25);
                w.agreements = amber();
            }),
            gives("STATUS_STALE"),
        ),
        to(
            "lost-on-old-data",
            "DEC-15",
            "reported lost, on data of 25 hours",
            with(|w| {
                w.lookup = answered({
                    let mut s = state("reported_lost", 200, json!({}));
                    s["source_as_of"] = json!(NOW - 25 * HOUR);
                    s
                })
            }),
            gives("STATUS_STALE"),
        ),
        to(
            "lapsed-on-old-data",
            "DEC-15",
            "lapsed, on data of 25 hours",
            with(|w| {
                w.lookup = answered({
                    let mut s = state("valid", -1, json!({}));
                    s["source_as_of"] = json!(NOW - 25 * HOUR);
                    s
                })
            }),
            gives("STATUS_STALE"),
        ),
        to(
            "index-outside-the-list",
            "STA-8",
            "the attestation names an entry that the list has not",
            with(|w| {
                w.presented =
                    permit(|p| p.with("status", json!({ "status_list": { "idx": 131_072, "uri": uri } })))
            }),
            json!({ "outcome": "ISSUER_UNREACHABLE", "cause": "status-list.index" }),
        ),
        to(
            "passed-date-off-line",
            "DEC-19",
            "a date on the code has passed, and nobody can be asked",
            with(|w| w.presented = passed()),
            json!({ "outcome": "STATUS_STALE", "advisories": ["ENDORSEMENT_SEEN_PASSED", "LAST_KNOWN_STATUS", "STATUS_AGE"] }),
        ),
        to(
            "last-day-of-the-endorsement",
            "TIM-3 ATT-5",
            "the last day counts",
            with(|w| w.presented = permit(|p| p.with("exp", json!(today(0).end_of_day())))),
            json!({ "outcome": "RECOGNISED", "advisories": ["ENDORSEMENT_DUE_SOON", "STATUS_AGE"] }),
        ),
        to(
            "first-second-after-the-last-day",
            "TIM-3 DEC-19",
            "the day begins at 00:00:00 in UTC+8, no second later",
            with(|w| {
                w.now = today(1).start_of_day().get();
                w.presented = permit(|p| p.with("exp", json!(today(0).end_of_day())));
            }),
            json!({ "outcome": "STATUS_STALE", "cause": "permit.date-passed-unconfirmed" }),
        ),
        to(
            "endorsement-due-in-31-days",
            "DEC-30",
            "no reminder yet",
            with(|w| w.presented = permit(|p| p.with("exp", json!(today(31).end_of_day())))),
            json!({ "outcome": "RECOGNISED", "advisories": ["STATUS_AGE"] }),
        ),
    ]
}

fn questions() -> Vec<Of<DecisionInput>> {
    let on_line = |change: &dyn Fn(&mut DecisionInput)| {
        with(|w| {
            w.on_line = true;
            change(w);
        })
    };
    let old = || vec![list(&[], 30 * HOUR)];
    let look_up = json!({ "step": "need-look-up" });
    let newer = json!({ "step": "need-status-list" });
    vec![
        to(
            "asks-for-a-newer-list",
            "DEC-11",
            "on line, a list of 30 hours",
            on_line(&|w| w.status_lists = old()),
            newer.clone(),
        ),
        to(
            "asks-for-a-list",
            "DEC-11 DEC-16",
            "on line, no list",
            on_line(&|w| w.status_lists = Vec::new()),
            newer,
        ),
        to(
            "asks-for-a-list-once",
            "DEC-11",
            "the list was fetched and there is none newer",
            on_line(&|w| {
                w.status_lists = old();
                w.status_refreshed = true;
            }),
            gives("STATUS_STALE"),
        ),
        to(
            "asks-about-a-passed-date",
            "DEC-18",
            "on line, the date on the code has passed",
            on_line(&|w| w.presented = passed()),
            look_up.clone(),
        ),
        to(
            "asks-about-a-superseded-code",
            "DEC-18",
            "on line, the code is superseded",
            on_line(&|w| w.status_lists = vec![list(&[(7, StatusValue::Superseded)], 0)]),
            look_up.clone(),
        ),
        to(
            "asks-about-a-suspended-permit",
            "DEC-11",
            "only the issuer tells a loss from a suspension",
            on_line(&|w| w.status_lists = vec![list(&[(7, StatusValue::Suspended)], 0)]),
            look_up.clone(),
        ),
        to(
            "asks-about-a-typed-number",
            "DEC-11",
            "number and name were typed from the card",
            on_line(&typed),
            look_up,
        ),
        to(
            "asks-nothing-about-a-cancelled-code",
            "DEC-11 DEC-15",
            "cancelled is for good",
            on_line(&|w| w.status_lists = vec![list(&[(7, StatusValue::Cancelled)], 0)]),
            gives("REVOKED"),
        ),
        to(
            "typed-off-line",
            "DEC-16",
            "a typed number, and nobody can be asked",
            with(typed),
            gives("ISSUER_UNREACHABLE"),
        ),
        to(
            "typed-and-in-order",
            "DEC-17",
            "a typed number, and the issuer says in order",
            with(|w| {
                typed(w);
                w.lookup = answered(json!({}));
            }),
            json!({ "outcome": "RECOGNISED", "channel": "looked_up" }),
        ),
        to(
            "old-code-endorsed-since",
            "DEC-18 DEC-17",
            "the date on the code has passed, the issuer says endorsed",
            with(|w| {
                w.presented = passed();
                w.lookup = answered(json!({}));
            }),
            gives("RECOGNISED"),
        ),
        to(
            "superseded-code-permit-in-order",
            "DEC-18 DEC-17",
            "the code is superseded, the permit in order",
            with(|w| {
                w.status_lists = vec![list(&[(7, StatusValue::Superseded)], 0)];
                w.lookup = answered(json!({}));
            }),
            gives("RECOGNISED"),
        ),
        to(
            "cancelled-code-permit-in-order",
            "DEC-17",
            "the code is cancelled, though the permit is in order",
            with(|w| {
                w.status_lists = vec![list(&[(7, StatusValue::Cancelled)], 0)];
                w.lookup = answered(json!({}));
            }),
            gives("REVOKED"),
        ),
        to(
            "lapsed-permit-valid-code",
            "DEC-20 DEC-17",
            "the code is good, the issuer says lapsed",
            with(|w| w.lookup = answered(state("valid", -1, json!({})))),
            gives("ENDORSEMENT_LAPSED"),
        ),
        to(
            "look-up-failed",
            "VER-14",
            "a passed date, and the issuer did not answer",
            with(|w| {
                w.presented = passed();
                w.lookup_failed = true;
                w.on_line = true;
            }),
            json!({ "outcome": "STATUS_STALE", "advisories": ["ENDORSEMENT_SEEN_PASSED", "LAST_KNOWN_STATUS", "LOOKUP_FAILED"] }),
        ),
        to(
            "look-up-failed-for-a-typed-number",
            "VER-14",
            "a typed number, and the issuer did not answer",
            with(|w| {
                typed(w);
                w.lookup_failed = true;
                w.on_line = true;
            }),
            gives("ISSUER_UNREACHABLE"),
        ),
        to(
            "looked-up-cancelled",
            "DEC-15",
            "the issuer says cancelled, on data of three days",
            with(|w| {
                typed(w);
                w.lookup = answered({
                    let mut s = state("cancelled", 200, json!({}));
                    s["source_as_of"] = json!(NOW - 80 * HOUR);
                    s
                });
            }),
            gives("REVOKED"),
        ),
    ]
}

fn conditions() -> Vec<Of<DecisionInput>> {
    let asked = |conditions: Value| with(|w| w.agreements = row(json!({ "conditions": conditions })));
    let met = || json!({ "outcome": "RECOGNISED", "missing": [] });
    let missing = |list: &[&str]| json!({ "outcome": "RECOGNISED_CONDITIONAL", "missing": list });
    let rule =
        json!({ "local_rule": { "id": "CS-EDU", "text": { "zh": "按当地规定", "en": "by local rules" } } });
    let disclosing = |conditions: Value, name: &'static str, value: Value| {
        with(|w| {
            w.agreements = row(json!({ "conditions": conditions }));
            w.presented = permit(|p| p.disclosing(name, value));
        })
    };
    let birthday = |years: i16| -> LocalDate { today(0).plus_years_permit_rule(-years).expect("a date") };
    let tiers = |more: Value| {
        with(|w| {
            w.agreements = agreement(|p| merge(&mut p["tier_map"][0], more));
        })
    };
    vec![
        to(
            "tier-in",
            "DEC-26",
            "the tier is one of those",
            asked(json!([{ "tier_in": ["ORDINARY", "SKILLED"] }])),
            met(),
        ),
        to(
            "tier-in-not-met",
            "DEC-26 DEC-28",
            "the tier is another",
            asked(json!([{ "tier_in": ["SKILLED"] }])),
            missing(&["tier_in:not_met"]),
        ),
        to(
            "basis-in",
            "DEC-26",
            "the basis is one of those",
            asked(json!([{ "basis_in": ["EMPLOYMENT"] }])),
            met(),
        ),
        to(
            "basis-in-unknown",
            "DEC-26",
            "the basis was not disclosed",
            disclosing(json!([{ "basis_in": ["EMPLOYMENT"] }]), "basis", Value::Null),
            missing(&["basis_in:unknown"]),
        ),
        to(
            "residence-14-months",
            "DEC-26 TIM-10",
            "exactly 14 months",
            asked(json!([{ "min_residence_months": 14 }])),
            met(),
        ),
        to(
            "residence-14-months-tomorrow",
            "DEC-26 TIM-10",
            "14 months are full tomorrow",
            disclosing(
                json!([{ "min_residence_months": 14 }]),
                "residence_since",
                json!(
                    today(0)
                        .plus_months(-14)
                        .and_then(|day| day.plus_days(1))
                        .expect("a date")
                ),
            ),
            missing(&["min_residence_months:not_met"]),
        ),
        to(
            "residence-15-months",
            "DEC-26 TIM-10",
            "15 are asked for",
            asked(json!([{ "min_residence_months": 15 }])),
            missing(&["min_residence_months:not_met"]),
        ),
        to(
            "endorsement-current",
            "DEC-26",
            "endorsed",
            asked(json!([{ "endorsement_current": true }])),
            met(),
        ),
        to(
            "insured-months-unknown",
            "DEC-26",
            "insurance was not disclosed",
            asked(json!([{ "min_insured_months": 6 }])),
            missing(&["min_insured_months:unknown"]),
        ),
        to(
            "insured-months",
            "DEC-26",
            "six of six",
            disclosing(
                json!([{ "min_insured_months": 6 }]),
                "insured_months",
                json!({ "n": 6, "as_of": today(-40) }),
            ),
            met(),
        ),
        to(
            "insured-months-perhaps-paid-since",
            "DEC-26",
            "five, counted 40 days ago",
            disclosing(
                json!([{ "min_insured_months": 6 }]),
                "insured_months",
                json!({ "n": 5, "as_of": today(-40) }),
            ),
            missing(&["min_insured_months:unknown"]),
        ),
        to(
            "insured-months-perhaps-paid-this-month",
            "DEC-26",
            "five, counted ten days ago: the month that has begun may make the sixth",
            disclosing(
                json!([{ "min_insured_months": 6 }]),
                "insured_months",
                json!({ "n": 5, "as_of": today(-10) }),
            ),
            missing(&["min_insured_months:unknown"]),
        ),
        to(
            "insured-months-not-met",
            "DEC-26",
            "two, counted 40 days ago",
            disclosing(
                json!([{ "min_insured_months": 6 }]),
                "insured_months",
                json!({ "n": 2, "as_of": today(-40) }),
            ),
            missing(&["min_insured_months:not_met"]),
        ),
        to(
            "points-standard",
            "DEC-26",
            "met, says the issuer",
            disclosing(
                json!([{ "points_standard_met": true }]),
                "points_standard_met",
                json!({ "met": true, "as_of": today(-40) }),
            ),
            met(),
        ),
        to(
            "points-standard-not-met",
            "DEC-26",
            "not met, says the issuer",
            disclosing(
                json!([{ "points_standard_met": true }]),
                "points_standard_met",
                json!({ "met": false, "as_of": today(-40) }),
            ),
            missing(&["points_standard_met:not_met"]),
        ),
        to(
            "age-on-the-birthday",
            "DEC-26",
            "sixteen today",
            with(|w| {
                w.agreements = row(json!({ "conditions": [{ "age_between": { "min": 16, "max": 20 } }] }));
                w.presented = permit(|p| {
                    p.disclosing("id_number", Value::Null)
                        .disclosing("birth_date", json!(birthday(16)))
                });
            }),
            met(),
        ),
        to(
            "age-the-day-before-the-birthday",
            "DEC-26",
            "sixteen tomorrow",
            with(|w| {
                w.agreements = row(json!({ "conditions": [{ "age_between": { "min": 16, "max": 20 } }] }));
                w.presented = permit(|p| {
                    p.disclosing("id_number", Value::Null)
                        .disclosing("birth_date", json!(birthday(16).plus_days(1).expect("a date")))
                });
            }),
            missing(&["age_between:not_met"]),
        ),
        to(
            "local-rule",
            "DEC-26 DEC-27",
            "only the department can judge it",
            asked(json!([rule])),
            missing(&["local_rule:unknown"]),
        ),
        to(
            "all-told-one-by-one",
            "DEC-27",
            "two parts of one conjunction",
            asked(
                json!([{ "all": [{ "tier_in": ["SKILLED"] }, { "min_residence_months": 24 }, { "endorsement_current": true }] }]),
            ),
            missing(&["tier_in:not_met", "min_residence_months:not_met"]),
        ),
        to(
            "any-met-by-one",
            "DEC-26",
            "one of two holds",
            asked(json!([{ "any": [{ "tier_in": ["SKILLED"] }, { "basis_in": ["EMPLOYMENT"] }] }])),
            met(),
        ),
        to(
            "any-told-as-one",
            "DEC-27",
            "neither holds",
            asked(json!([{ "any": [{ "tier_in": ["SKILLED"] }, { "min_residence_months": 24 }] }])),
            missing(&["any:not_met"]),
        ),
        to(
            "any-with-an-unknown",
            "DEC-26",
            "one does not hold, one is unknown",
            asked(json!([{ "any": [{ "tier_in": ["SKILLED"] }, { "min_insured_months": 6 }] }])),
            missing(&["any:unknown"]),
        ),
        to(
            "not-of-unknown-is-unknown",
            "DEC-26",
            "not, of something unknown",
            asked(json!([{ "not": { "min_insured_months": 6 } }])),
            missing(&["not:unknown"]),
        ),
        to(
            "not-of-not-met-is-met",
            "DEC-26",
            "not, of something not met",
            asked(json!([{ "not": { "tier_in": ["SKILLED"] } }])),
            met(),
        ),
        to(
            "everything-missing-at-once",
            "DEC-27",
            "three conditions, none met",
            asked(json!([{ "tier_in": ["SKILLED"] }, { "min_residence_months": 24 }, rule])),
            missing(&[
                "tier_in:not_met",
                "min_residence_months:not_met",
                "local_rule:unknown",
            ]),
        ),
        to(
            "tier-mapped",
            "DEC-29 DEC-30",
            "the issuer's tier is treated as another local one",
            tiers(json!({ "map": { "ORDINARY": "GENERAL" } })),
            json!({ "outcome": "RECOGNISED", "tier": "GENERAL", "advisories": ["STATUS_AGE", "TIER_MAPPED"] }),
        ),
        to(
            "tier-not-mapped",
            "DEC-29",
            "the agreement maps another tier only",
            tiers(json!({ "map": { "SKILLED": "SKILLED" } })),
            json!({ "outcome": "RECOGNISED_CONDITIONAL", "missing": ["tier_mapping:unknown"] }),
        ),
        to(
            "tier-not-shown",
            "DEC-29",
            "the holder shows no tier",
            with(|w| w.presented = permit(|p| p.disclosing("tier", Value::Null))),
            missing(&["tier_mapping:unknown"]),
        ),
    ]
}

fn people() -> Vec<Of<DecisionInput>> {
    let swapped = {
        let federation = demo();
        let issuer = federation.county(CHANGSHAN);
        let mut window = window();
        window.recogniser = YUSHAN_ID.into();
        window.presented = Some(federation.permit(issuer, 7).sign());
        window.status_lists = vec![federation.status_token(issuer, &[])];
        window
    };
    let provider = |id: Option<&str>| {
        with(|w| {
            w.agreements = row(
                json!({ "providers": [{ "id": "330822-p1", "region": CHANGSHAN, "name": { "zh": "示例医院", "en": "x" } }] }),
            );
            w.provider = id.map(str::to_owned);
        })
    };
    vec![
        to(
            "waits-for-a-named-person",
            "DEC-9",
            "nobody has looked yet",
            with(|w| w.clerk = "pending".into()),
            json!({ "step": "need-holder", "outcome": "RECOGNISED", "confirmation": "pending" }),
        ),
        to(
            "conditional-waits-for-a-named-person",
            "DEC-9",
            "conditional, and nobody has looked yet",
            with(|w| {
                w.clerk = "pending".into();
                w.agreements = row(json!({ "conditions": [{ "min_residence_months": 24 }] }));
            }),
            json!({ "step": "need-holder", "outcome": "RECOGNISED_CONDITIONAL" }),
        ),
        to(
            "refusal-waits-for-nobody",
            "DEC-9",
            "a cancelled permit needs no look at the holder",
            with(|w| {
                w.clerk = "pending".into();
                w.status_lists = vec![list(&[(7, StatusValue::Cancelled)], 0)];
            }),
            gives("REVOKED"),
        ),
        to(
            "clerk-wants-a-review",
            "DEC-5",
            "the clerk wants somebody to look",
            with(|w| w.clerk = "review".into()),
            gives("REVIEW_REQUIRED"),
        ),
        to(
            "name-with-another-separator",
            "ATT-17 DEC-23",
            "the same name with another separator",
            with(|w| {
                w.presented = permit(|p| p.disclosing("name", json!("阿不都热依木·示例")));
                w.typed_name = Some("阿不都热依木•示例".into());
            }),
            because("REVIEW_REQUIRED", "holder.name-differs"),
        ),
        to(
            "name-to-the-byte",
            "ATT-16",
            "the same name, byte for byte",
            with(|w| {
                w.presented = permit(|p| p.disclosing("name", json!("阿不都热依木·示例")));
                w.typed_name = Some("阿不都热依木·示例".into());
            }),
            gives("RECOGNISED"),
        ),
        to(
            "birth-date-against-the-number",
            "DEC-23",
            "the date of birth contradicts the number",
            with(|w| w.presented = permit(|p| p.disclosing("birth_date", json!("1880-01-02")))),
            because("REVIEW_REQUIRED", "holder.birth-date-differs"),
        ),
        to(
            "parties-swapped",
            "DEC-25 AGR-20",
            "a Changshan permit at a Yushan window",
            swapped,
            gives("RECOGNISED"),
        ),
        to(
            "named-institution",
            "AGR-19",
            "at the institution that the row names",
            provider(Some("330822-p1")),
            gives("RECOGNISED"),
        ),
        to(
            "institution-not-named",
            "AGR-19",
            "at another institution",
            provider(Some("330822-p2")),
            because("SERVICE_NOT_COVERED", "service.provider"),
        ),
        to(
            "institution-not-chosen",
            "AGR-19",
            "no institution was chosen",
            provider(None),
            because("SERVICE_NOT_COVERED", "service.provider-needed"),
        ),
        to(
            "part-of-a-covered-service",
            "AGR-19",
            "a part of BPS-2 is a row of its own",
            with(|w| w.service = "EMP-INFO".into()),
            gives("SERVICE_NOT_COVERED"),
        ),
        to(
            "row-of-the-other-direction",
            "AGR-19",
            "the row holds the other way only",
            with(|w| {
                w.agreements = row(json!({ "direction": { "issuer": CHANGSHAN, "recogniser": YUSHAN } }))
            }),
            because("SERVICE_NOT_COVERED", "service.direction"),
        ),
        to(
            "off-line-says-its-age",
            "DEC-31",
            "off line, status of 60 seconds",
            with(|w| w.status_lists = vec![list(&[], 60)]),
            json!({ "outcome": "RECOGNISED", "advisories": ["STATUS_AGE"] }),
        ),
        to(
            "revoked-off-line-says-its-age",
            "DEC-31 DEC-15",
            "cancelled, in a list of 60 seconds",
            with(|w| w.status_lists = vec![list(&[(7, StatusValue::Cancelled)], 60)]),
            json!({ "outcome": "REVOKED", "advisories": ["STATUS_AGE"] }),
        ),
        to(
            "superseded-off-line-says-its-age",
            "DEC-31 DEC-15",
            "superseded, in a list of 60 seconds",
            with(|w| w.status_lists = vec![list(&[(7, StatusValue::Superseded)], 60)]),
            json!({ "outcome": "SUPERSEDED", "advisories": ["STATUS_AGE"] }),
        ),
        to(
            "revoked-by-tombstone-has-no-age",
            "DEC-31 STA-12",
            "no list any more, and a tombstone, which keeps no time",
            with(|w| {
                w.status_lists = Vec::new();
                w.tombstones = vec![(format!("{YUSHAN_ID}/status/v1/1"), 7, 1)];
            }),
            json!({ "outcome": "REVOKED", "advisories": [] }),
        ),
    ]
}
