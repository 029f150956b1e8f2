//! Strict JSON: what RFC 8259 allows is accepted, what two parsers could read differently is refused.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::budget::Limits;

fn check(text: &str, numbers: Numbers) -> Result<(), JsonError> {
    scan(text.as_bytes(), numbers, &mut Budget::new(Limits::PRESENTATION)).map(|_| ())
}

#[test]
fn accepts_what_rfc_8259_allows() {
    for text in [
        "{}",
        "[]",
        " \t\r\n{\"a\" : [ 1 , -2 , true, false, null ] } ",
        r#"{"a":"\"\\\/\b\f\n\r\té😀"}"#,
        r#"{"姓名":"阿依古丽·买买提"}"#,
        "9223372036854775807",
        "-9223372036854775808",
        "0",
        r#"{"a":{"b":1},"b":{"a":1}}"#,
        r#"[{"a":1},{"a":1}]"#,
    ] {
        assert_eq!(check(text, Numbers::Integers), Ok(()), "{text}");
    }
}

#[test]
fn refuses_what_is_not_json() {
    for text in [
        "",
        " ",
        "{",
        "}",
        "[",
        "]",
        "{]",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "{\"a\"}",
        "{\"a\":}",
        "{1:2}",
        "nul",
        "nulll",
        "truefalse",
        "01",
        "-",
        "+1",
        ".5",
        "[1 2]",
        "{} {}",
        "{}x",
        "\"",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\u{1}\"",
        "\"a\nb\"",
        "/*c*/{}",
        "{\"a\":1//\n}",
        "NaN",
        "Infinity",
    ] {
        assert!(
            matches!(check(text, Numbers::Integers), Err(JsonError::Syntax { .. })),
            "{text:?}"
        );
    }
    for text in ["1.", "1e", "1e+", "1.e1", "-.1"] {
        assert!(
            matches!(check(text, Numbers::Finite), Err(JsonError::Syntax { .. })),
            "{text:?}"
        );
    }
}

#[test]
fn refuses_lone_surrogates() {
    for text in [
        r#""\ud83d""#,
        r#""\udc00""#,
        r#""\ud83dx""#,
        r#""\ud83dA""#,
        r#""\ud83d\ud83d""#,
        r#""\ud83d\n""#,
    ] {
        assert!(check(text, Numbers::Integers).is_err(), "{text}");
    }
}

#[test]
fn refuses_a_duplicate_name_in_any_spelling_and_at_any_depth() {
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"{"\u0061":1,"a":2}"#,
        r#"{"x":[{"y":{"b":1,"a":1,"b":2}}]}"#,
        r#"{"a":{"x":1},"b":2,"a":3}"#,
        r#"{"😀":1,"\ud83d\ude00":2}"#,
        r#"{"":1,"":2}"#,
    ] {
        assert!(
            matches!(
                check(text, Numbers::Integers),
                Err(JsonError::DuplicateName { .. })
            ),
            "{text}"
        );
    }
}

/// As JSON inside a string, inside a name that `serde_json::Value` unpacks: what a scan has not seen.
fn smuggled(inner: &str) -> String {
    let escaped = inner.replace('\\', "\\u005c").replace('"', "\\u0022");
    format!(r#"{{"$serde_json::private::RawValue":"{escaped}"}}"#)
}

#[test]
fn refuses_names_by_which_the_library_reads_what_was_not_scanned() {
    let twice = smuggled(r#"{"a":1,"a":2.5,"big":18446744073709551616}"#);
    for text in [
        twice.clone(),
        format!(r#"{{"ext":[{twice}]}}"#),
        twice.replace("$serde_json", "\\u0024serde_json"),
        twice.replace("RawValue", "Number"),
    ] {
        assert!(
            matches!(check(&text, Numbers::Finite), Err(JsonError::ReservedName { .. })),
            "{text}"
        );
    }
    // The name alone means nothing where it is a value, and near misses are names like any other.
    for text in [
        r#"["$serde_json::private::RawValue"]"#,
        r#"{"$serde_json":1,"serde_json::private::RawValue":2,"$":3}"#,
    ] {
        assert_eq!(check(text, Numbers::Integers), Ok(()), "{text}");
    }
}

#[test]
fn no_nesting_is_hidden_in_strings() {
    // Each wrap brings brackets of its own, and the library a new limit for them: read, this would end the process.
    let mut text = format!("{}{}", "[".repeat(20), "]".repeat(20));
    for _ in 0..60 {
        text = format!("{}{}{}", "[".repeat(20), smuggled(&text), "]".repeat(20));
    }
    let mut budget = Budget::new(Limits::BUNDLE);
    let read: Result<Value, _> = read(text.as_bytes(), Numbers::Finite, &mut budget);
    assert!(
        matches!(read, Err(JsonError::ReservedName { .. })),
        "{:?}",
        read.err()
    );
}

#[test]
fn finds_a_duplicate_among_many_members() {
    let many = |extra: &str| {
        let members: Vec<String> = (0..5_000).map(|i| format!("\"m{i}\":{{\"m{i}\":{i}}}")).collect();
        format!("{{{}{extra}}}", members.join(","))
    };
    assert_eq!(check(&many(""), Numbers::Integers), Ok(()));
    let twice = check(&many(",\"m77\":1"), Numbers::Integers);
    assert_eq!(twice, Err(JsonError::DuplicateName { name: "m77".into() }));
}

#[test]
fn numbers_by_profile() {
    for text in ["1.5", "-0.25e-3", "1e3", "1E+2"] {
        assert!(
            matches!(check(text, Numbers::Integers), Err(JsonError::Number { .. })),
            "{text}"
        );
        assert_eq!(check(text, Numbers::Finite), Ok(()), "{text}");
    }
    for text in [
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
    ] {
        assert!(
            matches!(check(text, Numbers::Integers), Err(JsonError::Number { .. })),
            "{text}"
        );
        assert!(
            matches!(check(text, Numbers::Finite), Err(JsonError::Number { .. })),
            "{text}"
        );
    }
    assert!(matches!(
        check("-0", Numbers::Integers),
        Err(JsonError::Number { .. })
    ));
    assert!(matches!(
        check("1e400", Numbers::Finite),
        Err(JsonError::Number { .. })
    ));
}

#[test]
fn depth_32_and_no_deeper() {
    let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert_eq!(check(&nested(32), Numbers::Integers), Ok(()));
    assert_eq!(check(&nested(33), Numbers::Integers), Err(JsonError::Depth));
    assert_eq!(
        check(&"[".repeat(100_000), Numbers::Integers),
        Err(JsonError::Depth)
    );
    let objects = |n: usize| format!("{}1{}", "{\"a\":".repeat(n), "}".repeat(n));
    assert_eq!(check(&objects(32), Numbers::Integers), Ok(()));
    assert_eq!(check(&objects(33), Numbers::Integers), Err(JsonError::Depth));
}

#[test]
fn refuses_what_is_not_utf8() {
    let mut budget = Budget::new(Limits::PRESENTATION);
    for bytes in [
        &b"\"\xff\""[..],
        b"\"\xed\xa0\x80\"",
        b"\"\xc0\xaf\"",
        b"\xef\xbb\xbf{}",
    ] {
        assert_eq!(
            scan(bytes, Numbers::Integers, &mut budget).map(|_| ()),
            Err(JsonError::Utf8)
        );
    }
}

#[test]
fn spends_its_length() {
    let mut budget = Budget::new(Limits {
        parsed_bytes: 10,
        ..Limits::PRESENTATION
    });
    assert!(scan(b"{\"a\":1}", Numbers::Integers, &mut budget).is_ok());
    assert!(matches!(
        scan(b"{\"a\":1}", Numbers::Integers, &mut budget),
        Err(JsonError::Budget(_))
    ));
}

// PRV-1
#[test]
fn shape_errors_name_members_and_never_quote_values() {
    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Pair {
        #[serde(rename = "n")]
        _n: i64,
    }
    let mut budget = Budget::new(Limits::PRESENTATION);
    let mut said = |text: &str| match read::<Pair>(text.as_bytes(), Numbers::Integers, &mut budget) {
        Err(JsonError::Shape(said)) => said,
        other => format!("{other:?}"),
    };
    assert!(said("{}").contains("missing field `n`"));
    assert!(said(r#"{"n":1,"extra":2}"#).contains("unknown field `extra`"));
    assert!(!said(r#"{"n":"示例居民"}"#).contains("示例居民"));
}

/// Any JSON value whose numbers are integers.
fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..20)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn total_on_arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut budget = Budget::new(Limits::PRESENTATION);
        let accepted = scan(&bytes, Numbers::Finite, &mut budget).is_ok();
        // Whatever the strict scan accepts, the general parser accepts too.
        prop_assert!(!accepted || serde_json::from_slice::<Value>(&bytes).is_ok());
    }

    #[test]
    fn total_on_json_like_text(text in r#"[\[\]{}:,"\\u0-9a-f.eE+ -]{0,120}"#) {
        let mut budget = Budget::new(Limits::PRESENTATION);
        let accepted = scan(text.as_bytes(), Numbers::Finite, &mut budget).is_ok();
        prop_assert!(!accepted || serde_json::from_str::<Value>(&text).is_ok());
    }

    #[test]
    fn accepts_every_document_and_reads_it_unchanged(document in documents()) {
        let text = document.to_string();
        let mut budget = Budget::new(Limits::PRESENTATION);
        let read: Value = read(text.as_bytes(), Numbers::Integers, &mut budget).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(read, document);
    }
}
