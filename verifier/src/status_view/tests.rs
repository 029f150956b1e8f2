//! Status tokens and readings: for every acceptance its refusals.

use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::status::{LIST_BYTES, StatusValue};
use comity_spec::time::UnixSeconds;
use serde_json::{Value, json};

use super::*;
use crate::testing::{Federation, key, lst, merge, sign};

fn now() -> UnixSeconds {
    UnixSeconds::new(1_790_000_000).expect("a time")
}

fn at(seconds: i64) -> UnixSeconds {
    now().plus_saturating(seconds)
}

fn list(entries: &[(usize, StatusValue)], more: Value) -> Result<VerifiedStatusList, StatusTokenError> {
    let federation = Federation::demo(now());
    let county = &federation.counties[0];
    let mut claims = federation.status_claims(county, entries);
    merge(&mut claims, more);
    let token = sign(&county.key(KeyPurpose::Status), Typ::StatusList, &claims);
    verify_status_token(token.as_bytes(), &federation.trust(), now())
}

fn uri() -> String {
    Federation::demo(now()).counties[0].status_uri()
}

#[test]
fn one_defect_refuses_a_token_by_its_rule() {
    assert!(list(&[], json!({})).is_ok());
    let base = "https://c361123.example";
    let cases = [
        (
            "status.address",
            json!({ "sub": "https://c330822.example/status/v1/1" }),
        ),
        ("status.address", json!({ "sub": base })),
        (
            "status.address",
            json!({ "sub": format!("{base}.evil.example/status/v1/1") }),
        ),
        ("status.address", json!({ "sub": format!("{base}:8444/status") })),
        ("status.address", json!({ "sub": format!("{base}/../x") })),
        ("status.address", json!({ "sub": format!("{base}/a//b") })),
        ("status.address", json!({ "sub": format!("{base}/a?b=c") })),
        ("status.lifetime", json!({ "exp": at(72 * 3600 + 1) })),
        (
            "status.clock-doubt",
            json!({ "iat": at(61), "source_as_of": now() }),
        ),
        ("status.times", json!({ "source_as_of": at(61) })),
        (
            "status.expired",
            json!({ "iat": at(-10), "exp": now(), "source_as_of": at(-10) }),
        ),
        (
            "status.entries",
            json!({ "status_list": { "bits": 2, "lst": lst(LIST_BYTES - 1, &[]) } }),
        ),
        (
            "status.entries",
            json!({ "status_list": { "bits": 2, "lst": lst(LIST_BYTES + 1, &[]) } }),
        ),
        (
            "status-list.bits",
            json!({ "status_list": { "bits": 1, "lst": lst(LIST_BYTES, &[]) } }),
        ),
        (
            "status.issuer-not-active",
            json!({ "iss": "https://stranger.example" }),
        ),
        ("jws.unknown-key", json!({ "iss": "https://c330822.example" })),
    ];
    for (rule, more) in cases {
        assert_eq!(list(&[], more.clone()).map_err(|e| e.rule()), Err(rule), "{more}");
    }
    for member in ["iss", "sub", "iat", "exp", "ttl", "source_as_of", "status_list"] {
        let federation = Federation::demo(now());
        let county = &federation.counties[0];
        let mut claims = federation.status_claims(county, &[]);
        claims.as_object_mut().expect("an object").remove(member);
        let token = sign(&county.key(KeyPurpose::Status), Typ::StatusList, &claims);
        assert!(
            verify_status_token(token.as_bytes(), &federation.trust(), now()).is_err(),
            "{member} is required"
        );
    }
}

#[test]
fn only_the_issuers_status_key_signs_its_lists() {
    let federation = Federation::demo(now());
    let trust = federation.trust();
    let claims = federation.status_claims(&federation.counties[0], &[]);
    for issuer in ["361123", "330822"] {
        for purpose in KeyPurpose::NODE {
            let signer = key(&format!("{issuer}/{}", purpose.as_str()));
            let token = sign(&signer, Typ::StatusList, &claims);
            let accepted = verify_status_token(token.as_bytes(), &trust, now()).is_ok();
            assert_eq!(
                accepted,
                issuer == "361123" && purpose == KeyPurpose::Status,
                "{issuer} {purpose:?}"
            );
        }
    }
    let token = sign(&key("361123/status"), Typ::Receipt, &claims);
    assert!(verify_status_token(token.as_bytes(), &trust, now()).is_err());
}

#[test]
fn a_reading_has_the_age_of_the_older_of_list_and_register() {
    let entries = [(7, StatusValue::Suspended), (131_071, StatusValue::Cancelled)];
    let view = StatusView::new(
        [list(&entries, json!({ "source_as_of": at(-3600) })).expect("holds")],
        [],
    );
    let value = |value, age| StatusReading::Value {
        value,
        as_of: at(-3600),
        age,
    };
    assert_eq!(view.read(&uri(), 7, now()), value(StatusValue::Suspended, 3600));
    assert_eq!(view.read(&uri(), 8, at(10)), value(StatusValue::Valid, 3610));
    assert_eq!(
        view.read(&uri(), 131_071, now()),
        value(StatusValue::Cancelled, 3600)
    );
    assert_eq!(view.read(&uri(), 131_072, now()), StatusReading::IndexOutOfRange);
    assert_eq!(view.read(&uri(), u64::MAX, now()), StatusReading::IndexOutOfRange);
    assert_eq!(
        view.read("https://c361123.example/other", 7, now()),
        StatusReading::NoList
    );
    let end = at(72 * 3600);
    assert!(matches!(
        view.read(&uri(), 7, at(72 * 3600 - 1)),
        StatusReading::Value { .. }
    ));
    assert_eq!(view.read(&uri(), 7, end), StatusReading::Expired { exp: end });
}

#[test]
fn a_tombstone_outlives_its_list_and_is_never_undone() {
    let buried = [
        (uri(), 1, StatusValue::Cancelled),
        (uri(), 2, StatusValue::Superseded),
        (uri(), 3, StatusValue::Suspended),
        (uri(), 4, StatusValue::Cancelled),
        (uri(), 4, StatusValue::Superseded),
    ];
    let gone = StatusView::new([], buried.clone());
    assert_eq!(
        gone.read(&uri(), 1, now()),
        StatusReading::Tombstone(StatusValue::Cancelled)
    );
    assert_eq!(
        gone.read(&uri(), 3, now()),
        StatusReading::NoList,
        "suspension may be lifted: it leaves no tombstone"
    );
    assert_eq!(
        gone.read(&uri(), 4, now()),
        StatusReading::Tombstone(StatusValue::Cancelled)
    );
    let view = StatusView::new(
        [list(&[(2, StatusValue::Cancelled)], json!({})).expect("holds")],
        buried,
    );
    assert_eq!(
        view.read(&uri(), 1, now()),
        StatusReading::Tombstone(StatusValue::Cancelled),
        "never back to valid"
    );
    assert!(matches!(
        view.read(&uri(), 2, now()),
        StatusReading::Value {
            value: StatusValue::Cancelled,
            ..
        }
    ));
    assert!(matches!(
        view.read(&uri(), 5, now()),
        StatusReading::Value {
            value: StatusValue::Valid,
            ..
        }
    ));
}

#[test]
fn the_newest_list_of_an_address_counts() {
    let old = list(
        &[],
        json!({ "iat": at(-100), "exp": at(3600), "source_as_of": at(-100) }),
    )
    .expect("holds");
    let new = list(&[(9, StatusValue::Cancelled)], json!({})).expect("holds");
    for order in [[old.clone(), new.clone()], [new.clone(), old.clone()]] {
        let view = StatusView::new(order, []);
        assert_eq!(view.list(&uri()), Some(&new));
    }
    assert_eq!(
        (new.succeeds(&old), old.succeeds(&new)),
        (Succession::Newer, Succession::Older)
    );
    let fork = list(&[], json!({})).expect("holds");
    assert_eq!(
        (fork.succeeds(&new), new.succeeds(&new)),
        (Succession::Fork, Succession::Same)
    );
    assert_eq!(new.permanent().collect::<Vec<_>>(), [(9, StatusValue::Cancelled)]);
    assert_eq!(
        new.changes_since(&old),
        [(9, StatusValue::Valid, StatusValue::Cancelled)]
    );
}
