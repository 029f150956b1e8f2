//! Conditions: every kind in its three values, how they compose, and what is told of what is missing.

use comity_spec::agreement::{Condition, LocalRule, MAX_CONDITION_DEPTH, Service};
use comity_spec::attestation::{Basis, InsuredMonths, PermitClaims, PointsStandard, Tier};
use comity_spec::decision::Truth;
use comity_spec::ids::ProviderId;
use comity_spec::text::{Bilingual, Text};
use comity_spec::time::LocalDate;
use proptest::prelude::*;

use super::*;

fn date(text: &str) -> LocalDate {
    text.parse().unwrap()
}

fn evaluate(condition: &Condition, facts: &Facts<'_>) -> Truth {
    evaluate_at(condition, facts, 1)
}

fn nothing() -> Facts<'static> {
    Facts {
        tier: None,
        basis: None,
        residence_since: None,
        endorsed_until: None,
        insured: None,
        points: None,
        birth_date: None,
        provider: None,
        today: date("2025-11-22"),
    }
}

fn rule() -> Condition {
    Condition::LocalRule(LocalRule {
        id: "CS-EDU-2024".into(),
        text: Text::new(
            "按当年招生办法提交材料。",
            "documents by the year's admission rules.",
        )
        .into(),
        url: Some("https://example.test/guide/CS-EDU-2024".into()),
    })
}

fn service(conditions: Vec<Condition>) -> Service {
    Service {
        code: "BPS-1".parse().unwrap(),
        direction: None,
        providers: None,
        claims: vec![],
        conditions,
        owner: Text::new("常山县教育局", "Changshan education bureau").into(),
        retention_days: 30,
        amber_status: false,
    }
}

#[test]
fn every_condition_is_met_not_met_and_unknown() {
    let tier = Tier::parse("ORDINARY").unwrap();
    let provider: ProviderId = "hospital-1".parse().unwrap();
    let known = Facts {
        tier: Some(&tier),
        basis: Some(Basis::Study),
        residence_since: Some(date("2025-05-22")),
        endorsed_until: Some(date("2025-11-22")),
        insured: Some(InsuredMonths {
            n: 6,
            as_of: date("2025-11-22"),
        }),
        points: Some(PointsStandard {
            met: true,
            as_of: date("2025-10-01"),
        }),
        birth_date: Some(date("1985-11-22")),
        provider: Some(&provider),
        ..nothing()
    };
    let cases = [
        (Condition::TierIn(vec![tier.clone()]), Condition::TierIn(vec![])),
        (
            Condition::BasisIn(vec![Basis::Study]),
            Condition::BasisIn(vec![Basis::Dwelling]),
        ),
        (Condition::MinResidenceMonths(6), Condition::MinResidenceMonths(7)),
        (Condition::MinInsuredMonths(6), Condition::MinInsuredMonths(7)),
        (
            Condition::PointsStandardMet(true),
            Condition::PointsStandardMet(false),
        ),
        (
            Condition::AgeBetween { min: 40, max: 40 },
            Condition::AgeBetween { min: 41, max: 99 },
        ),
        (
            Condition::ProviderIn(vec![provider.clone()]),
            Condition::ProviderIn(vec![]),
        ),
    ];
    for (met, not_met) in cases {
        assert_eq!(evaluate(&met, &known), Truth::Met, "{met:?}");
        assert_eq!(evaluate(&not_met, &known), Truth::NotMet, "{not_met:?}");
        assert_eq!(evaluate(&met, &nothing()), Truth::Unknown, "{met:?}");
    }
    assert_eq!(
        evaluate(&Condition::EndorsementCurrent(true), &known),
        Truth::Met,
        "the last day counts"
    );
    let tomorrow = Facts {
        today: date("2025-11-23"),
        ..known
    };
    assert_eq!(
        evaluate(&Condition::EndorsementCurrent(true), &tomorrow),
        Truth::NotMet
    );
    assert_eq!(
        evaluate(&Condition::EndorsementCurrent(false), &tomorrow),
        Truth::Met
    );
    assert_eq!(
        evaluate(&rule(), &known),
        Truth::Unknown,
        "a machine never judges a local rule"
    );
}

#[test]
fn months_since_the_count_may_have_been_paid() {
    let counted = |n, as_of| Facts {
        insured: Some(InsuredMonths {
            n,
            as_of: date(as_of),
        }),
        ..nothing()
    };
    let six = Condition::MinInsuredMonths(6);
    assert_eq!(
        evaluate(&six, &counted(5, "2025-11-22")),
        Truth::NotMet,
        "counted today"
    );
    assert_eq!(
        evaluate(&six, &counted(5, "2025-11-21")),
        Truth::Unknown,
        "a month has begun since"
    );
    assert_eq!(
        evaluate(&six, &counted(2, "2025-09-20")),
        Truth::NotMet,
        "not even then"
    );
    assert_eq!(evaluate(&six, &counted(2, "2025-07-20")), Truth::Unknown);
}

#[test]
fn age_turns_on_the_birthday_and_never_below_nothing() {
    let born = |text| {
        Facts {
            birth_date: Some(date(text)),
            ..nothing()
        }
        .age()
    };
    assert_eq!(born("1899-11-22"), Some(126));
    assert_eq!(born("1899-11-23"), Some(125));
    assert_eq!(born("2025-11-22"), Some(0));
    assert_eq!(born("2026-01-01"), Some(0));
    let leap = |today| {
        Facts {
            birth_date: Some(date("1892-02-29")),
            today: date(today),
            ..nothing()
        }
        .age()
    };
    assert_eq!(leap("1893-02-28"), Some(0));
    assert_eq!(leap("1893-03-01"), Some(1));
    let claims = PermitClaims {
        id_number: Some("11010519491231002X".parse().unwrap()),
        ..PermitClaims::default()
    };
    assert_eq!(
        Facts::of(&claims, None, None, date("2025-11-22")).birth_date,
        Some(date("1949-12-31"))
    );
}

#[test]
fn everything_missing_is_given_at_once_and_alternatives_stay_together() {
    let conditions = vec![
        Condition::All(vec![
            Condition::MinResidenceMonths(6),
            Condition::EndorsementCurrent(false),
            Condition::All(vec![Condition::TierIn(vec![Tier::parse("SKILLED").unwrap()])]),
        ]),
        Condition::Any(vec![
            Condition::MinInsuredMonths(6),
            Condition::PointsStandardMet(true),
            rule(),
        ]),
        rule(),
    ];
    let facts = Facts {
        residence_since: Some(date("2025-09-01")),
        ..nothing()
    };
    let list = missing(&service(conditions), &facts);
    let codes: Vec<&str> = list.iter().map(|m| m.code.as_str()).collect();
    assert_eq!(codes, ["min_residence_months", "tier_in", "any", "local_rule"]);
    assert_eq!(list[0].truth, Truth::NotMet);
    assert_eq!(list[0].text.zh, "须连续居住满 6 个月；目前已满 2 个月。");
    assert_eq!(
        list[0].text.en,
        "6 full months of residence are required; 2 so far."
    );
    assert_eq!(list[1].truth, Truth::Unknown);
    assert!(
        list[2].text.zh.contains("之一") && list[2].text.zh.contains("参加社会保险满 6 个月"),
        "{}",
        list[2].text
    );
    assert_eq!(list[2].rule.as_deref(), Some("CS-EDU-2024"));
    assert_eq!(
        list[3].url.as_deref(),
        Some("https://example.test/guide/CS-EDU-2024")
    );
    assert_eq!(
        list[3].text.zh,
        "须符合当地规定 CS-EDU-2024：按当年招生办法提交材料；由主管部门审核。"
    );
    assert!(
        list.iter()
            .all(|m| m.owner.as_ref().is_some_and(|o| o.zh == "常山县教育局"))
    );
    assert!(missing(&service(vec![]), &facts).is_empty());
}

// DEC-13
#[test]
fn sentences_do_not_tell_the_date_of_birth() {
    let facts = Facts {
        birth_date: Some(date("1899-11-22")),
        ..nothing()
    };
    let list = missing(&service(vec![Condition::AgeBetween { min: 0, max: 45 }]), &facts);
    let Bilingual { zh, en } = &list[0].text;
    assert!(!zh.contains("1899") && !en.contains("1899") && !zh.contains("126") && !en.contains("126"));
}

#[test]
fn too_deep_is_unknown_and_said_so() {
    let mut condition = Condition::All(vec![]);
    for _ in 1..MAX_CONDITION_DEPTH {
        condition = Condition::Not(Box::new(condition));
    }
    assert_ne!(evaluate(&condition, &nothing()), Truth::Unknown);
    let deeper = Condition::Not(Box::new(condition));
    assert_eq!(evaluate(&deeper, &nothing()), Truth::Unknown);
    assert_eq!(missing(&service(vec![deeper]), &nothing()).len(), 1);
}

fn leaf() -> impl Strategy<Value = Condition> {
    prop_oneof![
        (0_u32..24).prop_map(Condition::MinResidenceMonths),
        (0_u32..24).prop_map(Condition::MinInsuredMonths),
        any::<bool>().prop_map(Condition::EndorsementCurrent),
        any::<bool>().prop_map(Condition::PointsStandardMet),
        (0_u32..60, 0_u32..60).prop_map(|(min, max)| Condition::AgeBetween { min, max }),
        Just(Condition::BasisIn(vec![Basis::Employment, Basis::Study])),
        Just(Condition::TierIn(vec![Tier::parse("ORDINARY").unwrap()])),
        Just(rule()),
    ]
}

/// At most six deep, so that a negation around it is still within bounds.
fn tree() -> impl Strategy<Value = Condition> {
    leaf().prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Condition::All),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Condition::Any),
            inner.prop_map(|c| Condition::Not(Box::new(c))),
        ]
    })
}

/// Facts that own what [`Facts`] borrows; a bit of `mask` that is unset hides one of them.
#[derive(Clone, Debug)]
struct Owned {
    tier: Tier,
    basis: Basis,
    months: i32,
    until: i64,
    insured: u32,
    counted: i64,
    points: bool,
    age: i16,
}

impl Owned {
    fn seen(&self, mask: u8) -> Facts<'_> {
        let today = date("2025-11-22");
        let bit = |n: u8| mask & (1 << n) != 0;
        Facts {
            tier: bit(0).then_some(&self.tier),
            basis: bit(1).then_some(self.basis),
            residence_since: bit(2).then(|| today.plus_months(-self.months).unwrap()),
            endorsed_until: bit(3).then(|| today.plus_days(self.until).unwrap()),
            insured: bit(4).then(|| InsuredMonths {
                n: self.insured,
                as_of: today.plus_days(-self.counted).unwrap(),
            }),
            points: bit(5).then_some(PointsStandard {
                met: self.points,
                as_of: today,
            }),
            birth_date: bit(6).then(|| today.plus_years_permit_rule(-self.age).unwrap()),
            provider: None,
            today,
        }
    }
}

fn owned() -> impl Strategy<Value = Owned> {
    let tier = prop_oneof![Just("ORDINARY"), Just("SKILLED")].prop_map(|t| Tier::parse(t).unwrap());
    let basis = prop_oneof![Just(Basis::Employment), Just(Basis::Dwelling), Just(Basis::Study)];
    (
        tier,
        basis,
        0_i32..24,
        -40_i64..40,
        0_u32..24,
        0_i64..400,
        any::<bool>(),
        0_i16..60,
    )
        .prop_map(
            |(tier, basis, months, until, insured, counted, points, age)| Owned {
                tier,
                basis,
                months,
                until,
                insured,
                counted,
                points,
                age,
            },
        )
}

proptest! {
    #[test]
    fn de_morgan(parts in prop::collection::vec(tree(), 0..4), facts in owned(), mask: u8) {
        let facts = facts.seen(mask);
        let negated = |c: &Condition| Condition::Not(Box::new(c.clone()));
        let not_all = Condition::Not(Box::new(Condition::All(parts.clone())));
        let any_not = Condition::Any(parts.iter().map(negated).collect());
        prop_assert_eq!(evaluate(&not_all, &facts), evaluate(&any_not, &facts));
        let not_any = Condition::Not(Box::new(Condition::Any(parts.clone())));
        let all_not = Condition::All(parts.iter().map(negated).collect());
        prop_assert_eq!(evaluate(&not_any, &facts), evaluate(&all_not, &facts));
    }

    // DEC-26
    #[test]
    fn learning_more_never_turns_a_known_answer(condition in tree(), facts in owned(), mask: u8, more: u8) {
        let before = evaluate(&condition, &facts.seen(mask));
        let after = evaluate(&condition, &facts.seen(mask | more));
        prop_assert!(before == Truth::Unknown || before == after, "{before:?} became {after:?}");
    }

    #[test]
    fn a_service_has_nothing_missing_exactly_when_every_condition_is_met(
        conditions in prop::collection::vec(tree(), 0..4), facts in owned(), mask: u8,
    ) {
        let facts = facts.seen(mask);
        let all_met = conditions.iter().all(|c| evaluate(c, &facts) == Truth::Met);
        let list = missing(&service(conditions), &facts);
        prop_assert_eq!(list.is_empty(), all_met);
        for line in list {
            prop_assert!(line.truth != Truth::Met && !line.text.zh.is_empty() && !line.text.en.is_empty());
        }
    }
}
