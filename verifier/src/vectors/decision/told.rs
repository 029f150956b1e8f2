//! Vectors of chapter 8: what is told beside an outcome, whose facts are judged, whose details are compared, and which row of
//! which agreement covers.

use comity_spec::vector::{DecisionInput, LookupExchange, Of};
use serde_json::{Value, json};

use super::super::{CHANGSHAN, HOUR, YUSHAN, today};
use super::{agreement, answered, because, exchange, gives, list, merge, permit, row, to, typed, with};
use crate::testing::PermitDraft;

pub(super) fn all() -> Vec<Of<DecisionInput>> {
    let mut all = missing();
    all.extend(facts());
    all.extend(people());
    all.extend(coverage());
    all
}

fn conditional(list: &[&str]) -> Value {
    json!({ "outcome": "RECOGNISED_CONDITIONAL", "missing": list })
}

fn met() -> Value {
    json!({ "outcome": "RECOGNISED", "missing": [] })
}

fn asked(conditions: Value) -> DecisionInput {
    with(|w| w.agreements = row(json!({ "conditions": conditions })))
}

fn shown(conditions: Value, change: impl FnOnce(PermitDraft) -> PermitDraft) -> DecisionInput {
    with(|w| {
        w.agreements = row(json!({ "conditions": conditions }));
        w.presented = permit(change);
    })
}

/// The order of what is missing, and when it is told.
fn missing() -> Vec<Of<DecisionInput>> {
    let everything = || {
        agreement(|p| {
            p["tier_map"][0]["map"] = json!({ "SKILLED": "SKILLED" });
            merge(
                &mut p["services"][1],
                json!({ "amber_status": true, "conditions": [{ "min_residence_months": 24 }, { "basis_in": ["STUDY"] }] }),
            );
        })
    };
    let told = json!([
        "tier_mapping:unknown",
        "recheck_status:unknown",
        "min_residence_months:not_met",
        "basis_in:not_met"
    ]);
    let looked_at = |clerk: &str, name: Option<&str>| {
        with(|w| {
            w.agreements = everything();
            w.status_lists = vec![list(&[], 25 * HOUR)];
            w.clerk = clerk.into();
            w.typed_name = name.map(str::to_owned);
        })
    };
    let two = json!([{ "tier_in": ["SKILLED"] }, { "min_insured_months": 6 }]);
    vec![
        to(
            "missing-in-its-order",
            "DEC-27 DEC-29 DEC-14",
            "tier and age first, whatever the row asks",
            looked_at("confirmed", None),
            json!({ "outcome": "RECOGNISED_CONDITIONAL", "missing": told }),
        ),
        to(
            "missing-is-told-with-a-review",
            "DEC-27",
            "another name on the identity card, and conditions",
            looked_at("confirmed", Some("示例乙")),
            json!({ "outcome": "REVIEW_REQUIRED", "missing": told }),
        ),
        to(
            "missing-is-told-with-a-mismatch",
            "DEC-27",
            "not the holder, and conditions",
            looked_at("mismatch", None),
            json!({ "outcome": "HOLDER_MISMATCH", "missing": told }),
        ),
        to(
            "all-in-all-told-one-by-one",
            "DEC-27",
            "a conjunction within a conjunction",
            asked(json!([{ "all": [{ "all": two }, { "min_residence_months": 24 }] }])),
            conditional(&[
                "tier_in:not_met",
                "min_insured_months:unknown",
                "min_residence_months:not_met",
            ]),
        ),
        to(
            "any-of-all-told-as-one",
            "DEC-27 DEC-26",
            "an alternative of two conjunctions: one is not met, one is unknown",
            asked(json!([{ "any": [{ "all": two }, { "all": [{ "min_insured_months": 6 }] }] }])),
            conditional(&["any:unknown"]),
        ),
        to(
            "not-of-all-met-by-one-that-is-not",
            "DEC-26",
            "not, of a conjunction in which one is not met and one is unknown",
            asked(json!([{ "not": { "all": two } }])),
            met(),
        ),
        to(
            "not-of-any-with-an-unknown",
            "DEC-26",
            "not, of an alternative in which one is not met and one is unknown",
            asked(json!([{ "not": { "any": two } }])),
            conditional(&["not:unknown"]),
        ),
        to(
            "not-of-any-met-by-one",
            "DEC-26",
            "not, of an alternative that holds, whatever the other one is",
            asked(json!([{ "not": { "any": [{ "tier_in": ["ORDINARY"] }, { "min_insured_months": 6 }] } }])),
            conditional(&["not:not_met"]),
        ),
        to(
            "endorsement-need-not-be-current",
            "DEC-26",
            "false asks for nothing",
            asked(json!([{ "endorsement_current": false }])),
            met(),
        ),
    ]
}

/// Each condition at its bound, and whose facts they are.
fn facts() -> Vec<Of<DecisionInput>> {
    let birthday = |years: i16, days: i64| {
        let day = today(0).plus_years_permit_rule(-years).expect("a date");
        day.plus_days(days).expect("a date")
    };
    let aged = |years: i16, days: i64| {
        shown(json!([{ "age_between": { "min": 16, "max": 20 } }]), |p| {
            p.disclosing("id_number", Value::Null)
                .disclosing("birth_date", json!(birthday(years, days)))
        })
    };
    let insured = |n: u32, as_of: i64| {
        shown(json!([{ "min_insured_months": 6 }]), |p| {
            p.disclosing("insured_months", json!({ "n": n, "as_of": today(as_of) }))
        })
    };
    let points = |wanted: bool, met: Option<bool>| {
        shown(json!([{ "points_standard_met": wanted }]), |p| {
            p.disclosing(
                "points_standard_met",
                met.map_or(Value::Null, |met| json!({ "met": met, "as_of": today(-40) })),
            )
        })
    };
    let institution = |chosen: &str| {
        with(|w| {
            let named =
                |id: &str| json!({ "id": id, "region": CHANGSHAN, "name": { "zh": "示例医院", "en": "x" } });
            w.agreements = row(json!({
                "providers": [named("330822-p1"), named("330822-p2")],
                "conditions": [{ "provider_in": ["330822-p1"] }],
            }));
            w.provider = Some(chosen.into());
        })
    };
    let answer_without = |name: &str, conditions: Value| {
        with(|w| {
            w.agreements = row(json!({ "conditions": conditions }));
            let mut claims = json!({ "name": "示例甲", "tier": "ORDINARY", "residence_since": today(-430) });
            claims.as_object_mut().expect("object").shift_remove(name);
            w.lookup = answered(json!({ "claims": claims }));
        })
    };
    vec![
        to(
            "age-of-the-oldest",
            "DEC-26",
            "twenty-one tomorrow: both ends of the range count",
            aged(21, 1),
            met(),
        ),
        to(
            "age-over-the-oldest",
            "DEC-26",
            "twenty-one today",
            aged(21, 0),
            conditional(&["age_between:not_met"]),
        ),
        to(
            "age-from-the-number",
            "DEC-26",
            "the birth date was not disclosed, the number was",
            asked(json!([{ "age_between": { "min": 16, "max": 20 } }])),
            conditional(&["age_between:not_met"]),
        ),
        to(
            "age-unknown",
            "DEC-26",
            "neither birth date nor number",
            shown(json!([{ "age_between": { "min": 16, "max": 20 } }]), |p| {
                p.disclosing("id_number", Value::Null)
            }),
            conditional(&["age_between:unknown"]),
        ),
        to(
            "residence-unknown",
            "DEC-26",
            "the day was not disclosed",
            shown(json!([{ "min_residence_months": 1 }]), |p| {
                p.disclosing("residence_since", Value::Null)
            }),
            conditional(&["min_residence_months:unknown"]),
        ),
        to(
            "residence-of-no-month-yet",
            "DEC-26 TIM-10",
            "since tomorrow, and nothing is asked for",
            shown(json!([{ "min_residence_months": 0 }]), |p| {
                p.disclosing("residence_since", json!(today(0)))
            }),
            met(),
        ),
        to(
            "insured-months-one-short-of-the-months-since",
            "DEC-26",
            "four, counted a month ago to the day: the full month and the begun one may make six",
            insured(4, -31),
            conditional(&["min_insured_months:unknown"]),
        ),
        to(
            "insured-months-the-months-since-do-not-suffice",
            "DEC-26",
            "three, counted a month ago to the day",
            insured(3, -31),
            conditional(&["min_insured_months:not_met"]),
        ),
        to(
            "insured-months-counted-today",
            "DEC-26",
            "five, counted today: no month has begun since",
            insured(5, 0),
            conditional(&["min_insured_months:not_met"]),
        ),
        to(
            "points-standard-to-be-missed",
            "DEC-26",
            "the row wants it not met, and so says the issuer",
            points(false, Some(false)),
            met(),
        ),
        to(
            "points-standard-unknown",
            "DEC-26",
            "it was not disclosed",
            points(false, None),
            conditional(&["points_standard_met:unknown"]),
        ),
        to(
            "institution-of-the-condition",
            "DEC-26",
            "at the institution that the condition names",
            institution("330822-p1"),
            met(),
        ),
        to(
            "institution-of-the-row-alone",
            "DEC-26",
            "at one that the row names and the condition does not",
            institution("330822-p2"),
            conditional(&["provider_in:not_met"]),
        ),
        to(
            "facts-of-the-answer-alone",
            "DEC-26 DEC-17",
            "the code shows the basis, the answer does not tell it: the two are not mixed",
            answer_without("basis", json!([{ "basis_in": ["EMPLOYMENT"] }])),
            conditional(&["basis_in:unknown"]),
        ),
        to(
            "tier-of-the-answer-alone",
            "DEC-29 DEC-17",
            "the code shows the tier, the answer does not tell it",
            answer_without("tier", json!([])),
            json!({ "outcome": "RECOGNISED_CONDITIONAL", "missing": ["tier_mapping:unknown"], "tier": null }),
        ),
        to(
            "tier-that-nobody-asks-for",
            "DEC-29",
            "the row may not learn the tier, and it was not shown",
            with(|w| {
                w.agreements = row(json!({ "claims": ["name"] }));
                w.presented = permit(|p| p.disclosing("tier", Value::Null));
            }),
            json!({ "outcome": "RECOGNISED", "missing": [], "tier": null }),
        ),
        to(
            "tier-mapped-the-other-way-alone",
            "DEC-29",
            "the agreement maps the tier from the recogniser to the issuer alone",
            with(|w| {
                w.agreements = agreement(|p| {
                    p["tier_map"].as_array_mut().expect("rows").remove(0);
                });
            }),
            json!({ "outcome": "RECOGNISED_CONDITIONAL", "missing": ["tier_mapping:unknown"], "tier": null }),
        ),
    ]
}

/// Which details are compared.
fn people() -> Vec<Of<DecisionInput>> {
    let told = |claims: Value| answered(json!({ "claims": claims }));
    let alike = "示例·甲";
    let dotted = "示例•甲";
    // Asked for by the permit's number, the answer may tell another person's.
    let by_permit_number = |claims: Value| {
        let mut request = exchange::request();
        request["subject"]["number"] = json!({ "permit_number": "3611232025000000010" });
        request["claims"] = json!(["name", "id_number", "birth_date", "tier", "residence_since"]);
        Some(LookupExchange {
            request: exchange::sign_request(&request),
            response: exchange::answer(&request, json!({ "claims": claims })),
        })
    };
    let named = |name: &str| {
        let mut request = exchange::request();
        request["subject"]["name"] = json!(name);
        request
    };
    let differs = || because("REVIEW_REQUIRED", "holder.name-differs");
    vec![
        to(
            "typed-name-alike-to-the-answers",
            "ATT-17 DEC-23",
            "a typed number and name; the answer tells the name with another separator",
            with(|w| {
                typed(w);
                let request = named(alike);
                w.lookup = Some(LookupExchange {
                    request: exchange::sign_request(&request),
                    response: exchange::answer(
                        &request,
                        json!({ "claims": { "name": dotted, "tier": "ORDINARY" } }),
                    ),
                });
            }),
            differs(),
        ),
        to(
            "typed-name-to-the-byte",
            "ATT-16",
            "a typed number and name; the answer tells the same bytes",
            with(|w| {
                typed(w);
                let request = named(alike);
                w.lookup = Some(LookupExchange {
                    request: exchange::sign_request(&request),
                    response: exchange::answer(
                        &request,
                        json!({ "claims": { "name": alike, "tier": "ORDINARY" } }),
                    ),
                });
            }),
            gives("RECOGNISED"),
        ),
        to(
            "answers-name-alike-to-the-codes",
            "ATT-17 DEC-23",
            "nothing was typed; code and answer tell the name with different separators",
            with(|w| {
                w.presented = permit(|p| p.disclosing("name", json!(alike)));
                let request = named(alike);
                w.lookup = Some(LookupExchange {
                    request: exchange::sign_request(&request),
                    response: exchange::answer(
                        &request,
                        json!({ "claims": { "name": dotted, "tier": "ORDINARY" } }),
                    ),
                });
            }),
            differs(),
        ),
        to(
            "typed-name-against-the-code-where-the-answer-tells-none",
            "DEC-23",
            "the answer tells no name, the code another than was typed",
            with(|w| {
                w.typed_name = Some("示例乙".into());
                w.lookup = told(json!({ "tier": "ORDINARY" }));
            }),
            differs(),
        ),
        to(
            "nothing-told-is-not-compared",
            "DEC-23",
            "the answer tells no name, the code the one that was typed",
            with(|w| {
                w.typed_name = Some("示例甲".into());
                w.lookup = told(json!({ "tier": "ORDINARY" }));
            }),
            gives("RECOGNISED"),
        ),
        to(
            "answers-number-against-the-codes",
            "DEC-23",
            "looked up by the permit's number, the answer tells another person's",
            with(|w| {
                w.lookup = by_permit_number(json!({ "tier": "ORDINARY", "id_number": "36112318800101005X" }))
            }),
            because("REVIEW_REQUIRED", "holder.number-differs"),
        ),
        to(
            "answers-number-is-the-codes",
            "DEC-23",
            "looked up by the permit's number, the answer tells the same person's",
            with(|w| {
                w.lookup = by_permit_number(json!({ "tier": "ORDINARY", "id_number": "361123188001010017" }))
            }),
            gives("RECOGNISED"),
        ),
        to(
            "answers-birth-date-against-its-number",
            "DEC-23",
            "the answer tells a number and a birth date that contradict one another",
            with(|w| {
                w.lookup = by_permit_number(
                    json!({ "tier": "ORDINARY", "id_number": "361123188001010017", "birth_date": "1880-01-02" }),
                )
            }),
            because("REVIEW_REQUIRED", "holder.birth-date-differs"),
        ),
        to(
            "clerk-wants-a-review-with-conditions",
            "DEC-2",
            "the clerk wants somebody to look, and a condition is not met",
            with(|w| {
                w.clerk = "review".into();
                w.agreements = row(json!({ "conditions": [{ "min_residence_months": 24 }] }));
            }),
            json!({ "outcome": "REVIEW_REQUIRED", "cause": "clerk.review", "confirmation": "pending", "missing": ["min_residence_months:not_met"] }),
        ),
        to(
            "review-waits-for-a-named-person",
            "DEC-9",
            "details differ, and nobody has looked yet",
            with(|w| {
                w.clerk = "pending".into();
                w.typed_name = Some("示例乙".into());
            }),
            json!({ "step": "need-holder", "outcome": "REVIEW_REQUIRED", "confirmation": "pending" }),
        ),
        to(
            "review-after-a-named-person-said-so",
            "DEC-9 DEC-5",
            "details differ, and a named person found the holder",
            with(|w| w.typed_name = Some("示例乙".into())),
            json!({ "step": "decision", "outcome": "REVIEW_REQUIRED", "confirmation": "confirmed" }),
        ),
    ]
}

/// Rows and agreements, of which one covers or one tells why none does.
fn coverage() -> Vec<Of<DecisionInput>> {
    let provider = |id: &str, region: &str| json!({ "id": id, "region": region, "name": { "zh": "示例医院", "en": "x" } });
    let here = json!({ "issuer": YUSHAN, "recogniser": CHANGSHAN });
    let there = json!({ "issuer": CHANGSHAN, "recogniser": YUSHAN });
    let rows = |first: Value, second: Value| {
        agreement(|p| {
            let plain = p["services"][1].clone();
            let of = |more: Value| {
                let mut row = plain.clone();
                merge(&mut row, more);
                row
            };
            p["services"] = json!([of(first), of(second)]);
        })
    };
    let named = |id: &str, from: i64, change: &dyn Fn(&mut Value)| {
        agreement(|p| {
            merge(p, json!({ "id": id, "effective_from": today(from) }));
            change(p);
        })
        .remove(0)
    };
    let plain = |_: &mut Value| {};
    let without = |p: &mut Value| {
        p["services"].as_array_mut().expect("rows").truncate(1);
    };
    let elsewhere = |p: &mut Value| {
        p["services"].as_array_mut().expect("rows")[1]["direction"] = there.clone();
    };
    let conditions = |p: &mut Value| {
        p["services"][1]["conditions"] = json!([{ "min_residence_months": 24 }]);
    };
    let several = |agreements: Vec<String>| with(|w| w.agreements = agreements);
    vec![
        to(
            "row-of-each-direction",
            "AGR-19 AGR-20",
            "a row for each direction, of which the second is this one",
            several(rows(json!({ "direction": there }), json!({ "direction": here }))),
            gives("RECOGNISED"),
        ),
        to(
            "last-row-tells-why-not",
            "AGR-19",
            "two rows name the service, one without this institution and one for the other direction: the last one tells",
            several(rows(
                json!({ "direction": here, "providers": [provider("330822-p1", CHANGSHAN)] }),
                json!({ "direction": there }),
            )),
            because("SERVICE_NOT_COVERED", "service.direction"),
        ),
        to(
            "last-row-tells-why-not-in-another-order",
            "AGR-19",
            "the same two rows the other way round",
            several(rows(
                json!({ "direction": there }),
                json!({ "direction": here, "providers": [provider("330822-p1", CHANGSHAN)] }),
            )),
            because("SERVICE_NOT_COVERED", "service.provider-needed"),
        ),
        to(
            "institution-of-the-issuers-region",
            "AGR-19",
            "an institution of that id is named in the issuer's region",
            with(|w| {
                w.agreements =
                    row(json!({ "providers": [provider("p1", YUSHAN), provider("p2", CHANGSHAN)] }));
                w.provider = Some("p1".into());
            }),
            because("SERVICE_NOT_COVERED", "service.provider"),
        ),
        to(
            "institution-chosen-where-none-is-named",
            "AGR-19",
            "the row names no institutions, and one was chosen",
            with(|w| w.provider = Some("330822-p9".into())),
            gives("RECOGNISED"),
        ),
        to(
            "another-agreement-covers",
            "AGR-19 AGR-15",
            "of two in force the newer does not name the service, the older does",
            several(vec![named("AGR-A", -3, &without), named("AGR-B", -9, &plain)]),
            gives("RECOGNISED"),
        ),
        to(
            "newest-agreement-decides",
            "AGR-19",
            "both name the service, the newer with a condition",
            several(vec![named("AGR-A", -3, &conditions), named("AGR-B", -9, &plain)]),
            conditional(&["min_residence_months:not_met"]),
        ),
        to(
            "newest-agreement-decides-the-other-way-round",
            "AGR-19",
            "both name the service, the older with a condition",
            several(vec![named("AGR-A", -9, &conditions), named("AGR-B", -3, &plain)]),
            gives("RECOGNISED"),
        ),
        to(
            "greater-id-decides-of-one-day",
            "AGR-19",
            "both took effect on one day",
            several(vec![named("AGR-A", -3, &conditions), named("AGR-B", -3, &plain)]),
            gives("RECOGNISED"),
        ),
        to(
            "newest-agreement-tells-why-not",
            "AGR-19",
            "neither covers: the newer has the other direction, the older does not name the service",
            several(vec![named("AGR-A", -3, &elsewhere), named("AGR-B", -9, &without)]),
            because("SERVICE_NOT_COVERED", "service.direction"),
        ),
        to(
            "newest-agreement-tells-why-not-in-force",
            "AGR-14",
            "one has ended, a later one is to come",
            several(vec![
                named("AGR-B", -9, &|p| p["effective_until"] = json!(today(-1))),
                named("AGR-A", 5, &plain),
            ]),
            because("AGREEMENT_NOT_IN_FORCE", "agreement.not-yet"),
        ),
        to(
            "one-agreement-in-force-beside-one-that-ended",
            "AGR-14",
            "the newer has ended, the older is in force",
            several(vec![
                named("AGR-A", -3, &|p| p["effective_until"] = json!(today(-1))),
                named("AGR-B", -9, &plain),
            ]),
            gives("RECOGNISED"),
        ),
    ]
}
