//! The closed list: its order, its classes, its words.

use std::collections::HashSet;

use super::*;
use crate::text::Bilingual;
use crate::time::LocalDate;

// DEC-1
#[test]
fn there_are_27_and_each_round_trips() {
    assert_eq!(Outcome::ALL.len(), 27);
    let codes: HashSet<_> = Outcome::ALL.iter().map(|outcome| outcome.code()).collect();
    assert_eq!(codes.len(), 27);
    for outcome in Outcome::ALL {
        assert_eq!(Outcome::from_code(outcome.code()), Some(outcome));
        assert_eq!(outcome.code().parse(), Ok(outcome));
        let json = serde_json::to_string(&outcome).unwrap();
        assert_eq!(json, format!("\"{}\"", outcome.code()));
        assert_eq!(serde_json::from_str::<Outcome>(&json).unwrap(), outcome);
    }
}

// DEC-1
#[test]
fn other_codes_are_refused_where_the_list_is_closed() {
    for code in [
        "",
        "GREEN",
        "recognised",
        "RECOGNISED ",
        "Recognised",
        "RECOGNIZED",
    ] {
        assert_eq!(Outcome::from_code(code), None, "{code:?}");
        assert!(
            serde_json::from_value::<Outcome>(code.into()).is_err(),
            "{code:?}"
        );
    }
    assert!(serde_json::from_str::<Outcome>("27").is_err());
    let schema = jsonschema::validator_for(schemars::schema_for!(Outcome).as_value()).unwrap();
    assert!(schema.is_valid(&"RECOGNISED".into()));
    assert!(!schema.is_valid(&"RECOGNIZED".into()));
}

// DEC-2
#[test]
fn the_order_is_the_order_of_declaration() {
    for (index, outcome) in Outcome::ALL.into_iter().enumerate() {
        assert_eq!(usize::from(outcome.order()), index + 1);
    }
    assert!(Outcome::ALL.is_sorted());
    assert_eq!(Outcome::NodeNotReady.order(), 1);
    assert_eq!(Outcome::Recognised.order(), 27);
}

// DEC-3
#[test]
fn coverage_precedes_the_person_and_old_data_precedes_what_may_have_been_put_right() {
    use Outcome::*;
    for coverage in [NotInAgreement, AgreementNotInForce, ServiceNotCovered] {
        for person in [
            NoMatch,
            NotYetValid,
            Revoked,
            Superseded,
            ReportedLost,
            Suspended,
            Expired,
            EndorsementLapsed,
        ] {
            assert!(coverage < person, "{coverage} before {person}");
        }
    }
    for permanent in [Revoked, Superseded] {
        assert!(permanent < StatusStale, "{permanent}");
    }
    for mendable in [ReportedLost, Suspended, Expired, EndorsementLapsed] {
        assert!(StatusStale < mendable, "{mendable}");
    }
}

// DEC-4
#[test]
fn one_green_and_exit_codes_by_class() {
    let of = |class| {
        Outcome::ALL
            .into_iter()
            .filter(|outcome| outcome.class() == class)
            .count()
    };
    assert_eq!(OutcomeClass::ALL.map(of), [1, 11, 7, 8]);
    assert_eq!(OutcomeClass::ALL.map(OutcomeClass::exit_code), [0, 10, 20, 30]);
    assert_eq!(OutcomeClass::ALL.map(OutcomeClass::icon), ['✓', '!', '✕', '?']);
    assert_eq!(
        OutcomeClass::ALL.map(|class| class.word().zh),
        ["予以互认", "需处理", "不予互认", "无法判断（不是持证人的原因）"]
    );
    assert_eq!(Outcome::Recognised.exit_code(), 0);
    assert_eq!(Outcome::StatusStale.icon(), '?');
    assert_eq!(serde_json::to_string(&OutcomeClass::Grey).unwrap(), r#""GREY""#);
}

// DEC-6
#[test]
fn words_are_complete_short_and_accuse_nobody() {
    for outcome in Outcome::ALL {
        for text in [outcome.text(), outcome.next_step()] {
            assert!(
                text.zh.ends_with('。') && text.en.ends_with('.'),
                "{outcome}: {text}"
            );
            assert!(
                text.zh.chars().count() <= 70,
                "{outcome}: too long to read at a window: {}",
                text.zh
            );
            assert!(text.en.len() <= 240, "{outcome}: {}", text.en);
            assert!(
                !text.zh.contains(['(', ')', ',', ';', ':', '{', '}']),
                "{outcome}: half-width: {}",
                text.zh
            );
            assert!(
                !text.en.contains(['{', '}']) && !text.en.contains("  "),
                "{outcome}: {}",
                text.en
            );
            for word in ["伪造", "造假", "骗", "没收"] {
                assert!(!text.zh.contains(word), "{outcome}: {}", text.zh);
            }
        }
    }
    let texts: HashSet<_> = Outcome::ALL.iter().map(|outcome| outcome.text().zh).collect();
    assert_eq!(texts.len(), 27);
}

// DEC-6
#[test]
fn grey_is_never_worded_as_a_refusal() {
    for outcome in Outcome::ALL
        .into_iter()
        .filter(|outcome| outcome.class() == OutcomeClass::Grey)
    {
        for text in [outcome.text(), outcome.next_step()] {
            for word in ["不予互认", "无效", "作废"] {
                assert!(!text.zh.contains(word), "{outcome}: {}", text.zh);
            }
        }
    }
}

#[test]
fn a_number_or_day_makes_the_sentence_particular() {
    let day = Particular::Date("2025-02-28".parse::<LocalDate>().unwrap());
    for (outcome, particular, shown) in [
        (Outcome::RateLimited, Particular::Minutes(7), "7"),
        (Outcome::StatusStale, Particular::Hours(72), "72"),
        (Outcome::NotYetValid, day, "2025-02-28"),
        (Outcome::Expired, day, "2025-02-28"),
        (Outcome::EndorsementLapsed, day, "2025-02-28"),
    ] {
        let text = outcome.text_with(particular);
        for sentence in [&text.zh, &text.en] {
            assert!(
                sentence.contains(shown) && !sentence.contains("{}"),
                "{outcome}: {sentence}"
            );
        }
    }
    for (outcome, particular) in [
        (Outcome::Revoked, day),
        (Outcome::StatusStale, Particular::Minutes(7)),
    ] {
        assert_eq!(outcome.text_with(particular), Bilingual::from(outcome.text()));
    }
}

// DEC-7
#[test]
fn an_unknown_code_is_kept_and_shown_as_not_ready() {
    let newer: ReportedOutcome = serde_json::from_str(r#""QUANTUM_DOUBT""#).unwrap();
    assert_eq!(newer.shown_as(), Outcome::NodeNotReady);
    assert_eq!(newer.raw_code(), Some("QUANTUM_DOUBT"));
    assert_eq!(serde_json::to_string(&newer).unwrap(), r#""QUANTUM_DOUBT""#);
    for outcome in Outcome::ALL {
        let known: ReportedOutcome = outcome.code().parse().unwrap();
        assert_eq!(known, ReportedOutcome::Known(outcome));
        assert_eq!((known.shown_as(), known.raw_code()), (outcome, None));
    }
}

// DEC-7
#[test]
fn a_text_that_is_no_code_is_refused() {
    for text in ["", "recognised", "A B", "<SCRIPT>", "证件", &"A".repeat(65)] {
        assert_eq!(
            text.parse::<ReportedOutcome>(),
            Err(UnreadableOutcomeCode),
            "{text:?}"
        );
    }
    assert!("A".repeat(64).parse::<ReportedOutcome>().is_ok());
}
