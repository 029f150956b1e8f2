//! Vectors of chapter 6 under a federation, at their bounds: the skew, the longest life, the longest address, and what a
//! tombstone outranks.

use comity_spec::status::StatusValue;
use comity_spec::vector::{Of, StatusTokenInput};
use serde_json::{Value, json};

use super::super::{HOUR, NOW, YUSHAN, YUSHAN_ID, accept, demo, refuse};
use super::{UNDER, merge, signed, with};

fn at(token: String) -> StatusTokenInput {
    StatusTokenInput {
        federation: "demo".into(),
        token,
        held: None,
        tombstones: Vec::new(),
        index: 7,
        received_at: NOW,
        now: NOW,
    }
}

/// A list with one entry, and a tombstone of it.
fn outranked(entry: StatusValue, tombstone: u8) -> StatusTokenInput {
    let claims = demo().status_claims(demo().county(YUSHAN), &[(7, entry)]);
    StatusTokenInput {
        tombstones: vec![(7, tombstone)],
        ..at(signed(&claims))
    }
}

pub(super) fn all() -> Vec<Of<StatusTokenInput>> {
    let holds = |name: &str, ids: &str, about: &str, input: StatusTokenInput, read: Value| {
        accept(&format!("status-list/{name}"), ids, about, input, read)
    };
    let no = |name: &str, ids: &str, about: &str, input: StatusTokenInput, rule: &str| {
        refuse(&format!("status-list/{name}"), UNDER, ids, about, input, rule)
    };
    let addressed = |path: &str| at(with(json!({ "sub": format!("{YUSHAN_ID}{path}") })));
    let long = |length: usize| format!("/{}", "a".repeat(length - YUSHAN_ID.len() - 1));
    let of = |iat: i64| {
        let mut more = json!({ "source_as_of": iat });
        merge(&mut more, json!({ "iat": iat, "exp": iat + 72 * HOUR }));
        with(more)
    };
    let mut after = at(of(NOW));
    after.held = Some(of(NOW - 1));
    let mut otherwise = at(with(json!({ "exp": NOW + HOUR })));
    otherwise.held = Some(of(NOW));
    let mut neighbour = at(of(NOW));
    neighbour.tombstones = vec![(8, 1)];
    neighbour.now = NOW + 72 * HOUR;
    let read = || json!({ "value": 1 });
    vec![
        holds(
            "valid-token-60-seconds-ahead",
            "JWS-17",
            "iat at the end of the skew",
            at(of(NOW + 60)),
            read(),
        ),
        holds(
            "valid-token-of-a-register-60-seconds-ahead",
            "STA-4 STA-11",
            "source_as_of at the end of the skew; the age counts from iat",
            at(with(json!({ "source_as_of": NOW + 60 }))),
            json!({ "value": 1, "as_of": NOW }),
        ),
        holds(
            "valid-token-received-in-its-last-second",
            "STA-4 STA-10",
            "72 hours old but for a second",
            at(of(NOW - 72 * HOUR + 1)),
            read(),
        ),
        no(
            "received-at-its-end",
            "STA-10",
            "72 hours old",
            at(of(NOW - 72 * HOUR)),
            "status.expired",
        ),
        holds(
            "valid-token-a-second-newer",
            "STA-9",
            "one second newer than the list held",
            after,
            read(),
        ),
        no(
            "forked-in-its-times",
            "STA-9",
            "another exp under the iat of the list held",
            otherwise,
            "status.fork",
        ),
        holds(
            "valid-address-of-several-segments",
            "STA-6",
            "every character that a segment may have",
            addressed("/a/Z/0-9._~/..."),
            read(),
        ),
        holds(
            "valid-address-of-512-characters",
            "STA-6",
            "as long as an address may be",
            addressed(&long(512)),
            read(),
        ),
        no(
            "address-of-513-characters",
            "STA-6",
            "one character longer",
            addressed(&long(513)),
            "status.address",
        ),
        no(
            "address-without-path",
            "STA-6",
            "the base URL itself",
            addressed(""),
            "status.address",
        ),
        no(
            "address-of-an-empty-segment",
            "STA-6",
            "two slashes in a row",
            addressed("/status//1"),
            "status.address",
        ),
        no(
            "address-ending-in-a-slash",
            "STA-6",
            "a slash at the end",
            addressed("/status/"),
            "status.address",
        ),
        no(
            "address-with-a-dot",
            "STA-6",
            "a segment that is a dot",
            addressed("/./status"),
            "status.address",
        ),
        no(
            "address-with-percent",
            "STA-6",
            "a character percent-encoded",
            addressed("/%73tatus"),
            "status.address",
        ),
        no(
            "address-with-fragment",
            "STA-6",
            "a fragment",
            addressed("/status#1"),
            "status.address",
        ),
        holds(
            "tombstone-outranks-a-suspension",
            "STA-12 STA-1",
            "superseded before, suspended in a newer list",
            outranked(StatusValue::Suspended, 3),
            json!({ "value": 3, "tombstone": true }),
        ),
        holds(
            "tombstone-of-a-cancelled-one-outranks-superseded",
            "STA-12 STA-1",
            "cancelled before, superseded in a newer list: cancelled is for good",
            outranked(StatusValue::Superseded, 1),
            json!({ "value": 1, "tombstone": true }),
        ),
        no(
            "tombstone-of-another-entry",
            "STA-12 STA-10",
            "the list has ended, and the neighbour alone has a tombstone",
            neighbour,
            "status.ended",
        ),
    ]
}
