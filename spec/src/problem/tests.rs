//! The registry of problem types and the document's two directions.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::*;

// ERR-1
#[test]
fn every_type_round_trips_by_slug_uri_and_document() {
    let mut slugs = HashSet::new();
    for kind in ProblemType::ALL {
        assert!(slugs.insert(kind.slug()), "{kind} twice");
        assert!(
            kind.slug().bytes().all(|b| b.is_ascii_lowercase() || b == b'-'),
            "{kind}"
        );
        assert_eq!(kind.uri(), format!("urn:comity:problem:{}", kind.slug()));
        assert_eq!(ProblemType::from_slug(kind.slug()), Some(kind));
        assert_eq!(ProblemType::from_uri(&kind.uri()), Some(kind));

        let sent = serde_json::to_value(Problem::new(kind)).unwrap();
        assert_eq!(sent["type"], kind.uri());
        assert_eq!(sent["status"], kind.status());
        let read: ReportedProblem = serde_json::from_value(sent).unwrap();
        assert_eq!(read.kind(), Some(kind));
        assert_eq!(read.status, Some(kind.status()));
        assert_eq!(read.title.as_deref(), Some(kind.title().to_string().as_str()));
        assert_eq!(read.next_step, Some(kind.next_step().into()));
        assert!(read.extensions.is_empty());
    }
}

// ERR-1
#[test]
fn types_outside_the_registry_are_not_ours() {
    for uri in [
        "about:blank",
        "urn:comity:problem:",
        "urn:comity:problem:nonsense",
        "https://x/not-found",
        "not-found",
    ] {
        assert_eq!(ProblemType::from_uri(uri), None, "{uri}");
        assert_eq!(uri.parse::<ProblemType>(), Err(UnknownProblemType));
        assert!(
            serde_json::from_value::<ProblemType>(uri.into()).is_err(),
            "{uri}"
        );
    }
}

// ERR-2
#[test]
fn the_status_says_on_which_side_to_search() {
    for kind in ProblemType::ALL {
        assert!((400..600).contains(&kind.status()), "{kind}");
        if kind.status() == 500 {
            assert_eq!(kind.fault(), Fault::Ours, "{kind}");
        }
        if kind.fault() == Fault::Ours {
            assert!(
                kind.status() >= 500,
                "{kind}: our fault must not look like the caller's"
            );
        }
        assert_eq!(kind.may_retry(), matches!(kind.status(), 429 | 503), "{kind}");
    }
    for (kind, status) in [
        (ProblemType::ReplayConflict, 409),
        (ProblemType::InProgress, 503),
        (ProblemType::RateLimited, 429),
        (ProblemType::Overloaded, 503),
        (ProblemType::NotReady, 503),
        (ProblemType::Internal, 500),
    ] {
        assert_eq!(kind.status(), status, "{kind}");
    }
}

// ERR-3
#[test]
fn every_type_says_what_to_do_in_both_languages() {
    for kind in ProblemType::ALL {
        let (title, next) = (kind.title(), kind.next_step());
        assert!(
            !title.zh.is_empty() && !title.en.is_empty() && !title.zh.ends_with('。'),
            "{kind}"
        );
        assert!(next.zh.ends_with('。') && next.en.ends_with('.'), "{kind}");
        assert!(next.zh.chars().count() <= 70, "{kind}: {}", next.zh);
        assert!(
            !next.zh.contains([',', ';', ':']),
            "{kind}: half-width: {}",
            next.zh
        );
        assert!(!next.en.contains("  "), "{kind}: {}", next.en);
    }
}

// ERR-4
#[test]
fn a_document_carries_detail_trace_and_members() {
    let trace = "251122-330822-7F3K9QZC".parse().unwrap();
    let problem = Problem::new(ProblemType::AgreementVersionMismatch)
        .with_detail("版本 2 / version 2")
        .with_trace(trace)
        .with_member("current_digest", "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU")
        .unwrap();
    assert_eq!(
        serde_json::to_value(&problem).unwrap(),
        json!({
            "type": "urn:comity:problem:agreement-version-mismatch",
            "title": "协议版本与当前有效版本不一致 / The agreement's version is not the one in force",
            "status": 409,
            "detail": "版本 2 / version 2",
            "instance": "urn:comity:trace:251122-330822-7F3K9QZC",
            "trace": "251122-330822-7F3K9QZC",
            "next_step": {
                "zh": "请按返回的摘要取得当前版本，更新后重新请求。",
                "en": "Fetch the current version by the digest given, then ask again.",
            },
            "current_digest": "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
        })
    );
    assert_eq!(problem.trace(), Some(trace));
}

// ERR-4
#[test]
fn members_with_a_meaning_cannot_be_overwritten() {
    for name in [
        "type",
        "title",
        "status",
        "detail",
        "instance",
        "trace",
        "next_step",
    ] {
        let refused = Problem::new(ProblemType::Internal).with_member(name, 1);
        assert_eq!(refused, Err(ReservedMember(name.to_owned())));
    }
}

// ERR-5
#[test]
fn what_a_peer_sends_is_read_whatever_it_is() {
    let read = |value: Value| serde_json::from_value::<ReportedProblem>(value).unwrap();
    let empty = read(json!({}));
    assert_eq!(
        (empty.uri.as_str(), empty.kind(), empty.status),
        ("about:blank", None, None)
    );

    let odd = read(json!({
        "type": "urn:comity:problem:from-the-future",
        "status": "409", "title": 7, "next_step": {"zh": "请稍候。", "en": "Wait.", "fr": "Attendez."}, "more": [1],
    }));
    assert_eq!(
        (odd.kind(), odd.status, odd.title, odd.next_step),
        (None, None, None, None)
    );
    assert_eq!(odd.extensions.keys().collect::<Vec<_>>(), ["more"]);
    assert!(serde_json::from_str::<ReportedProblem>("[]").is_err());
}

#[test]
fn the_schema_fits_the_document() {
    let schema = jsonschema::validator_for(schemars::schema_for!(Problem).as_value()).unwrap();
    for kind in ProblemType::ALL {
        let mut document = serde_json::to_value(Problem::new(kind)).unwrap();
        assert!(schema.is_valid(&document), "{kind}");
        document["type"] = "about:blank".into();
        assert!(!schema.is_valid(&document), "{kind}");
    }
}
