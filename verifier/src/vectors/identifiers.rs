//! Vectors of chapter 1: identifiers, seconds, dates, the yearly endorsement.

use comity_spec::vector::{EndorsementInput, IdentifierInput, Of, Vector};
use serde_json::{Value, json};

use super::{accept, refuse};

pub(super) fn all() -> Vec<Vector> {
    let mut all: Vec<Vector> = identifiers().into_iter().map(Vector::Identifier).collect();
    all.extend(endorsements().into_iter().map(Vector::Endorsement));
    all
}

/// One identifier: its requirements, a valid value, other valid ones, and refused ones with what is wrong.
struct Family {
    of: &'static str,
    requirements: &'static str,
    valid: Value,
    read: &'static str,
    also: Vec<(&'static str, Value, &'static str)>,
    refused: Vec<(&'static str, &'static str, Value)>,
}

fn families() -> Vec<Family> {
    vec![
        Family {
            of: "region",
            requirements: "IDN-1 IDN-2",
            valid: json!("361123"),
            read: "361123",
            also: vec![
                ("retired", json!("362323"), "362323"),
                ("of-no-table", json!("999999"), "999999"),
            ],
            refused: vec![
                ("five-digits", "five digits", json!("36112")),
                ("leading-zero", "begins with 0", json!("061123")),
                ("number", "a JSON number", json!(361_123)),
                ("space", "a space at the end", json!("361123 ")),
                ("full-width", "full-width digits", json!("３６１１２３")),
            ],
        },
        Family {
            of: "region-prefix",
            requirements: "IDN-3",
            valid: json!("36"),
            read: "36",
            also: vec![
                ("four", json!("3611"), "3611"),
                ("six", json!("361123"), "361123"),
            ],
            refused: vec![
                ("three-digits", "three digits", json!("361")),
                ("empty", "nothing", json!("")),
            ],
        },
        Family {
            of: "entity-id",
            requirements: "IDN-1 IDN-4",
            valid: json!("https://c361123.example"),
            read: "https://c361123.example",
            also: vec![
                (
                    "port",
                    json!("https://c361123.example:8443"),
                    "https://c361123.example:8443",
                ),
                ("ipv4", json!("https://192.0.2.1"), "https://192.0.2.1"),
            ],
            refused: vec![
                ("http", "not https", json!("http://c361123.example")),
                (
                    "trailing-slash",
                    "a slash at the end",
                    json!("https://c361123.example/"),
                ),
                ("path", "a path", json!("https://c361123.example/node")),
                (
                    "port-443",
                    "the default port written out",
                    json!("https://c361123.example:443"),
                ),
                (
                    "port-leading-zero",
                    "a port with a leading zero",
                    json!("https://c361123.example:08443"),
                ),
                ("capitals", "a capital letter", json!("https://C361123.example")),
                ("user", "a user", json!("https://a@c361123.example")),
                ("query", "a query", json!("https://c361123.example?x")),
                (
                    "trailing-dot",
                    "a dot at the end of the host",
                    json!("https://c361123.example."),
                ),
                (
                    "hexadecimal-ipv4",
                    "an address in another notation",
                    json!("https://0xc0000201"),
                ),
                (
                    "u-label",
                    "an international label not as A-label",
                    json!("https://玉山.example"),
                ),
            ],
        },
        Family {
            of: "citizen-number",
            requirements: "IDN-5 IDN-6",
            valid: json!("36112318800101005X"),
            read: "36112318800101005X",
            also: vec![
                ("small-x", json!("36112318800101005x"), "36112318800101005X"),
                ("retired-area", json!("362323189906150053"), "362323189906150053"),
                (
                    "taiwan-resident",
                    json!("830000189001010013"),
                    "830000189001010013",
                ),
                ("29-february", json!("330822189202290035"), "330822189202290035"),
            ],
            refused: vec![
                (
                    "check-character",
                    "a wrong check character",
                    json!("361123188001010018"),
                ),
                (
                    "17-characters",
                    "one character is missing",
                    json!("36112318800101001"),
                ),
                ("15-digits", "the old form", json!("361123800101001")),
                ("letter-o", "the letter O for a zero", json!("36112318800101O017")),
                ("no-such-day", "29 February 1893", json!("330822189302290032")),
                ("number", "a JSON number", json!(361_123_188_001_010_017_i64)),
            ],
        },
        Family {
            of: "permit-number",
            requirements: "IDN-8",
            valid: json!("361123-2025-1"),
            read: "361123-2025-1",
            also: vec![("one-character", json!("7"), "7")],
            refused: vec![
                ("small-letters", "small letters", json!("ab12")),
                ("33-characters", "33 characters", json!("1".repeat(33))),
                ("empty", "nothing", json!("")),
            ],
        },
        Family {
            of: "agreement-id",
            requirements: "IDN-10",
            valid: json!("AGR-DEMO"),
            read: "AGR-DEMO",
            also: vec![],
            refused: vec![
                ("two-characters", "two characters", json!("AG")),
                ("small-letters", "small letters", json!("agr-demo")),
            ],
        },
        Family {
            of: "service-code",
            requirements: "IDN-10 IDN-11",
            valid: json!("BPS-1"),
            read: "BPS-1",
            also: vec![("local", json!("LOCAL-330822-07"), "LOCAL-330822-07")],
            refused: vec![
                ("33-characters", "33 characters", json!("A".repeat(33))),
                ("underscore", "an underscore", json!("BPS_1")),
            ],
        },
        Family {
            of: "provider-id",
            requirements: "IDN-10",
            valid: json!("330822.hospital-1"),
            read: "330822.hospital-1",
            also: vec![],
            refused: vec![
                ("slash", "a slash", json!("a/b")),
                ("empty", "nothing", json!("")),
            ],
        },
        Family {
            of: "officer-id",
            requirements: "IDN-10",
            valid: json!("officer-01"),
            read: "officer-01",
            also: vec![],
            refused: vec![
                ("capitals", "capitals", json!("Officer-01")),
                ("chinese-name", "a name", json!("示例甲")),
            ],
        },
        Family {
            of: "digest",
            requirements: "IDN-12 IDN-13",
            valid: json!("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"),
            read: "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
            also: vec![],
            refused: vec![
                (
                    "padded",
                    "padding",
                    json!("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU="),
                ),
                (
                    "unused-bits",
                    "unused bits that are not zero",
                    json!("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFV"),
                ),
                (
                    "standard-alphabet",
                    "the other alphabet",
                    json!("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"),
                ),
                (
                    "hexadecimal",
                    "hexadecimal",
                    json!("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
                ),
            ],
        },
        Family {
            of: "jti",
            requirements: "IDN-14",
            valid: json!("AAAAAAAAAAAAAAAAAAAAAA"),
            read: "AAAAAAAAAAAAAAAAAAAAAA",
            also: vec![],
            refused: vec![
                ("15-octets", "15 octets", json!("AAAAAAAAAAAAAAAAAAAA")),
                ("uuid", "a UUID", json!("123e4567-e89b-12d3-a456-426614174000")),
            ],
        },
        Family {
            of: "trace-number",
            requirements: "IDN-15",
            valid: json!("251122-330822-7F3K9QZC"),
            read: "251122-330822-7F3K9QZC",
            also: vec![],
            refused: vec![
                (
                    "letter-i",
                    "a letter that the alphabet lacks",
                    json!("251122-330822-7F3K9QZI"),
                ),
                (
                    "small-letters",
                    "small letters in a signed object",
                    json!("251122-330822-7f3k9qzc"),
                ),
                (
                    "no-such-day",
                    "the 31st of November",
                    json!("251131-330822-7F3K9QZC"),
                ),
            ],
        },
        Family {
            of: "time",
            requirements: "TIM-1 JWS-12",
            valid: json!(1_763_784_000),
            read: "1763784000",
            also: vec![
                ("zero", json!(0), "0"),
                ("last", json!(253_402_300_799_i64), "253402300799"),
            ],
            refused: vec![
                ("text", "a text", json!("1763784000")),
                ("fraction", "a fraction", json!(1_763_784_000.5)),
                ("before-1970", "before 1970", json!(-1)),
                ("after-9999", "after the year 9999", json!(253_402_300_800_i64)),
                ("milliseconds", "milliseconds", json!(1_763_784_000_000_i64)),
            ],
        },
        Family {
            of: "date",
            requirements: "TIM-2",
            valid: json!("2025-11-22"),
            read: "2025-11-22",
            also: vec![("leap-day", json!("2024-02-29"), "2024-02-29")],
            refused: vec![
                ("no-such-day", "29 February of a common year", json!("2025-02-29")),
                ("without-hyphens", "without hyphens", json!("20251122")),
                ("one-digit-month", "a month of one digit", json!("2025-9-22")),
                ("with-time", "a time of day", json!("2025-11-22T00:00:00+08:00")),
                ("year-0", "the year 0", json!("0000-01-01")),
            ],
        },
    ]
}

fn identifiers() -> Vec<Of<IdentifierInput>> {
    let mut all = Vec::new();
    for family in families() {
        let of = family.of;
        let input = |value: &Value| IdentifierInput {
            of: of.to_owned(),
            value: value.clone(),
        };
        let twin = format!("identifiers/{of}");
        all.push(accept(
            &twin,
            family.requirements,
            "in its one form",
            input(&family.valid),
            json!({ "read": family.read }),
        ));
        for (name, value, read) in &family.also {
            all.push(accept(
                &format!("identifiers/{of}-{name}"),
                family.requirements,
                "also in its form",
                input(value),
                json!({ "read": read }),
            ));
        }
        for (name, about, value) in &family.refused {
            all.push(refuse(
                &format!("identifiers/{of}-{name}"),
                &twin,
                family.requirements,
                about,
                input(value),
                &format!("identifier.{of}"),
            ));
        }
    }
    all
}

fn endorsements() -> Vec<Of<EndorsementInput>> {
    let input = |until: &str, anniversary: &str, on: &str, limit: Option<u32>| EndorsementInput {
        endorsed_until: until.into(),
        anniversary: anniversary.into(),
        on: on.into(),
        late_endorse_max_days: limit,
    };
    let twin = "identifiers/endorsement-on-its-last-day";
    let read = |until: &str, anniversary: &str| json!({ "until": until, "anniversary": anniversary });
    vec![
        accept(
            twin,
            "TIM-5 TIM-7",
            "on the last day",
            input("2025-02-28", "2024-02-29", "2025-02-28", None),
            read("2026-02-28", "2024-02-29"),
        ),
        accept(
            "identifiers/endorsement-on-its-first-day",
            "TIM-6",
            "one month before the full year",
            input("2025-02-28", "2024-02-29", "2025-02-01", None),
            read("2026-02-28", "2024-02-29"),
        ),
        accept(
            "identifiers/endorsement-back-to-29-february",
            "TIM-4 TIM-7",
            "in a leap year the 29th returns",
            input("2027-02-28", "2024-02-29", "2027-02-10", None),
            read("2028-02-28", "2024-02-29"),
        ),
        accept(
            "identifiers/endorsement-late",
            "TIM-8",
            "its own day is the new anniversary, and residence counts anew",
            input("2025-02-28", "2024-03-01", "2025-05-10", None),
            json!({ "until": "2026-05-09", "anniversary": "2025-05-10", "residence_restart": "2025-05-10" }),
        ),
        accept(
            "identifiers/endorsement-late-on-the-last-day-allowed",
            "TIM-9",
            "as many days late as the issuer allows",
            input("2025-02-28", "2024-03-01", "2025-08-30", Some(183)),
            json!({ "anniversary": "2025-08-30" }),
        ),
        accept(
            "identifiers/endorsement-first-day-in-a-short-month",
            "TIM-6 TIM-10",
            "a month before 31 March is the last day of February",
            input("2025-03-30", "2024-03-31", "2025-02-28", None),
            read("2026-03-30", "2024-03-31"),
        ),
        refuse(
            "identifiers/endorsement-the-day-before-in-a-short-month",
            twin,
            "TIM-6",
            "the day before the last of February",
            input("2025-03-30", "2024-03-31", "2025-02-27", None),
            "endorsement.window-not-open",
        ),
        accept(
            "identifiers/endorsement-first-day-in-a-leap-february",
            "TIM-6 TIM-10",
            "a month before 31 March is 29 February where there is one",
            input("2028-03-30", "2024-03-31", "2028-02-29", None),
            read("2029-03-30", "2024-03-31"),
        ),
        refuse(
            "identifiers/endorsement-the-day-before-in-a-leap-february",
            twin,
            "TIM-6",
            "28 February, where there is a 29th",
            input("2028-03-30", "2024-03-31", "2028-02-28", None),
            "endorsement.window-not-open",
        ),
        accept(
            "identifiers/endorsement-from-29-february-to-29-february",
            "TIM-4 TIM-7",
            "the fourth year is full on 29 February, and the fifth on 1 March",
            input("2028-02-28", "2024-02-29", "2028-02-28", None),
            read("2029-02-28", "2024-02-29"),
        ),
        accept(
            "identifiers/endorsement-late-on-29-february",
            "TIM-8 TIM-4",
            "late by a day, which is 29 February: until the 28th of the next year",
            input("2028-02-28", "2024-02-29", "2028-02-29", None),
            json!({ "until": "2029-02-28", "anniversary": "2028-02-29", "residence_restart": "2028-02-29" }),
        ),
        refuse(
            "identifiers/endorsement-too-early",
            twin,
            "TIM-6",
            "a day before the window opens",
            input("2025-02-28", "2024-02-29", "2025-01-31", None),
            "endorsement.window-not-open",
        ),
        refuse(
            "identifiers/endorsement-too-late",
            twin,
            "TIM-9",
            "a day later than the issuer allows",
            input("2025-02-28", "2024-03-01", "2025-08-31", Some(183)),
            "endorsement.registration-needed",
        ),
        accept(
            "identifiers/endorsement-late-of-contradicting-dates",
            "TIM-8",
            "late, the dates begin anew, and that the old ones close no full year is no matter",
            input("2025-03-15", "2024-02-29", "2025-05-10", None),
            json!({ "until": "2026-05-09", "anniversary": "2025-05-10", "residence_restart": "2025-05-10" }),
        ),
        refuse(
            "identifiers/endorsement-too-early-of-contradicting-dates",
            twin,
            "TIM-6",
            "too early, and the last day closes no full year",
            input("2025-03-15", "2024-02-29", "2025-02-10", None),
            "endorsement.window-not-open",
        ),
        refuse(
            "identifiers/endorsement-of-no-date",
            twin,
            "TIM-2",
            "a last day that no year has",
            input("2025-02-30", "2024-02-29", "2025-02-28", None),
            "endorsement.date",
        ),
        refuse(
            "identifiers/endorsement-of-contradicting-dates",
            twin,
            "TIM-5",
            "the last day closes no full year",
            input("2025-03-15", "2024-02-29", "2025-03-10", None),
            "endorsement.not-on-anniversary",
        ),
    ]
}
