//! Identifiers: for each form what is accepted and what is refused, with the reason.

use proptest::prelude::*;
use serde::de::DeserializeOwned;

use super::*;
use crate::time::LocalDate;

fn parsed<T: std::str::FromStr>(text: &str) -> Result<T, T::Err> {
    text.parse()
}

fn quoted<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
}

/// One spelling: parsing and printing give the same text back, through serde as well.
fn assert_one_spelling<T>(text: &str)
where
    T: std::str::FromStr
        + std::fmt::Display
        + serde::Serialize
        + DeserializeOwned
        + PartialEq
        + std::fmt::Debug,
    T::Err: std::fmt::Debug,
{
    let value: T = text.parse().unwrap();
    assert_eq!(value.to_string(), text);
    assert_eq!(serde_json::to_value(&value).unwrap(), text);
    assert_eq!(quoted::<T>(text).unwrap(), value);
}

// IDN-1
#[test]
fn every_identifier_has_one_spelling() {
    assert_one_spelling::<Region>("361123");
    assert_one_spelling::<RegionPrefix>("3611");
    assert_one_spelling::<EntityId>("https://node.changshan.example:8443");
    assert_one_spelling::<CitizenNumber>("11010519491231002X");
    assert_one_spelling::<PermitNumber>("JZ-0001");
    assert_one_spelling::<TraceNumber>("251122-330822-7F3K9QZC");
    assert_one_spelling::<OfficerId>("clerk-07");
    assert_one_spelling::<AgreementId>("AGR-2020-08-DEMO");
    assert_one_spelling::<ServiceCode>("BPS-1");
    assert_one_spelling::<ProviderId>("Changshan.No1-Hospital");
    assert_one_spelling::<Digest>("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
    assert_one_spelling::<Thumbprint>("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    assert_one_spelling::<SpkiPin>("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
    assert_one_spelling::<Jti>("AAECAwQFBgcICQoLDA0ODw");
}

// IDN-1
#[test]
fn nothing_is_trimmed_or_folded() {
    for padded in [" 361123", "361123 ", "361123\n", "３６１１２３"] {
        assert!(parsed::<Region>(padded).is_err(), "{padded:?}");
    }
    assert!(parsed::<AgreementId>("agr-2020-08-demo").is_err());
    assert!(parsed::<ServiceCode>("BPS-1\u{200b}").is_err());
    assert!(parsed::<OfficerId>("Clerk-07").is_err());
    assert!(parsed::<TraceNumber>("251122-330822-7f3k9qzc").is_err());
}

// IDN-1
#[test]
fn a_number_in_place_of_a_string_is_refused_without_repeating_it() {
    let error = serde_json::from_str::<CitizenNumber>("110105194912310021")
        .unwrap_err()
        .to_string();
    assert!(error.contains("expected a citizen number"), "{error}");
    assert!(!error.contains("19491231"), "{error}");
    assert!(serde_json::from_str::<Region>("361123").is_err());
    assert!(serde_json::from_str::<Region>("null").is_err());
}

#[test]
fn serde_gives_the_reason() {
    let error = quoted::<Region>("36112").unwrap_err().to_string();
    assert!(
        error.contains("region code: 5 characters, expected 6 to 6"),
        "{error}"
    );
    let error = quoted::<AgreementId>("AGR_1").unwrap_err().to_string();
    assert!(
        error.contains("agreement id: character 4 is not allowed, expected only A-Z, 0-9 and -"),
        "{error}"
    );
}

#[test]
fn schemas_describe_the_form() {
    fn pattern_of<T: schemars::JsonSchema>() -> jsonschema::Validator {
        jsonschema::validator_for(schemars::schema_for!(T).as_value()).unwrap()
    }
    let accepts = [
        (pattern_of::<Region>(), "361123", "061123"),
        (pattern_of::<RegionPrefix>(), "36", "361"),
        (
            pattern_of::<EntityId>(),
            "https://a.example:8443",
            "https://a.example/",
        ),
        (pattern_of::<EntityId>(), "https://[::1]:8443", "http://a.example"),
        (
            pattern_of::<CitizenNumber>(),
            "11010519491231002x",
            "11010519491231002Y",
        ),
        (pattern_of::<PermitNumber>(), "3611232024000000018", "a"),
        (
            pattern_of::<TraceNumber>(),
            "251122-330822-7F3K9QZC",
            "251122-330822-7F3K9QZU",
        ),
        (
            pattern_of::<Digest>(),
            "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
            "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFV",
        ),
        (
            pattern_of::<Jti>(),
            "AAECAwQFBgcICQoLDA0ODw",
            "AAECAwQFBgcICQoLDA0ODx",
        ),
        (pattern_of::<ServiceCode>(), "BPS-1", "bps-1"),
    ];
    for (validator, good, bad) in &accepts {
        assert!(validator.is_valid(&serde_json::json!(good)), "{good}");
        assert!(!validator.is_valid(&serde_json::json!(bad)), "{bad}");
        assert!(!validator.is_valid(&serde_json::json!(361123)));
    }
}

mod region {
    use super::*;

    // IDN-2
    #[test]
    fn codes_in_use_and_retired_are_accepted() {
        for code in [
            "361123", "362323", "330822", "332427", "339004", "460001", "830000", "110000",
        ] {
            assert_one_spelling::<Region>(code);
        }
    }

    // IDN-2
    #[test]
    fn other_texts_are_refused() {
        for text in [
            "", "36112", "3611234", "36112O", "061123", "36 123", "-61123", "+61123",
        ] {
            assert!(parsed::<Region>(text).is_err(), "{text:?}");
        }
        assert_eq!(
            parsed::<Region>("36112O").unwrap_err(),
            IdError::Character {
                what: "region code",
                position: 6,
                alphabet: "digits 0-9, the first not 0"
            }
        );
    }

    #[test]
    fn parts_and_levels() {
        let yushan: Region = "361123".parse().unwrap();
        assert_eq!(yushan.province().as_str(), "360000");
        assert_eq!(yushan.level(), RegionLevel::County);
        assert_eq!(yushan.province().level(), RegionLevel::Province);
        assert_eq!(yushan.province().province(), yushan.province());
        let shangrao: Region = "361100".parse().unwrap();
        assert_eq!(shangrao.level(), RegionLevel::Prefecture);
        // Hainan, before 2001: a county directly under the province.
        let tongza: Region = "460001".parse().unwrap();
        assert_eq!(tongza.level(), RegionLevel::County);
    }

    // IDN-3
    #[test]
    fn prefixes_are_pairs_of_digits() {
        for text in ["36", "3611", "361123"] {
            assert_one_spelling::<RegionPrefix>(text);
        }
        for text in ["", "3", "361", "36112", "3611234", "06", "3a", "三六"] {
            assert!(parsed::<RegionPrefix>(text).is_err(), "{text:?}");
        }
    }

    // IDN-3
    #[test]
    fn a_prefix_covers_what_begins_with_it_and_nothing_else() {
        let yushan: Region = "361123".parse().unwrap();
        for (prefix, within) in [
            ("36", true),
            ("3611", true),
            ("361123", true),
            ("33", false),
            ("3612", false),
            ("361124", false),
        ] {
            assert_eq!(yushan.is_within(prefix.parse().unwrap()), within, "{prefix}");
        }
        let of = |text: &str| RegionPrefix::from(text.parse::<Region>().unwrap());
        assert_eq!(of("360000").as_str(), "36");
        assert_eq!(of("361100").as_str(), "3611");
        assert_eq!(of("361123").as_str(), "361123");
        assert!(of("360000").covers(of("361123")));
        assert!(!of("361123").covers(of("360000")));
        assert!(!of("330000").covers(of("361123")));
    }

    proptest! {
        #[test]
        fn a_region_is_within_the_prefix_of_its_province(code in "[1-9][0-9]{5}") {
            let region: Region = code.parse().unwrap();
            prop_assert!(region.is_within(region.province().into()));
            prop_assert!(region.is_within(region.into()));
        }
    }
}

mod entity_id {
    use super::*;

    // IDN-4
    #[test]
    fn origins_are_accepted() {
        for (text, host, port) in [
            ("https://node.changshan.example", "node.changshan.example", 443),
            (
                "https://node.changshan.example:8443",
                "node.changshan.example",
                8443,
            ),
            ("https://localhost:1", "localhost", 1),
            ("https://127.0.0.1:65535", "127.0.0.1", 65535),
            ("https://[::1]:8443", "[::1]", 8443),
            ("https://xn--fiqs8s.example", "xn--fiqs8s.example", 443),
            ("https://3com.example", "3com.example", 443),
        ] {
            assert_one_spelling::<EntityId>(text);
            let id: EntityId = text.parse().unwrap();
            assert_eq!((id.host(), id.port()), (host, port));
        }
        let id: EntityId = "https://a.example".parse().unwrap();
        assert_eq!(
            id.join("/.well-known/openid-federation"),
            "https://a.example/.well-known/openid-federation"
        );
    }

    // IDN-4
    #[test]
    fn everything_else_is_refused_with_its_reason() {
        use EntityIdError::*;
        let long = format!("https://{}", "a".repeat(300));
        let label = format!("https://{}.example", "a".repeat(64));
        for (text, reason) in [
            ("", Scheme),
            ("http://a.example", Scheme),
            ("HTTPS://a.example", Scheme),
            ("a.example", Scheme),
            (" https://a.example", Scheme),
            ("https://a.example/", NotAnOrigin),
            ("https://a.example/node", NotAnOrigin),
            ("https://a.example?x", NotAnOrigin),
            ("https://a.example#x", NotAnOrigin),
            ("https://user@a.example", NotAnOrigin),
            (r"https://a.example\b", NotAnOrigin),
            ("https://A.example", Case),
            ("https://", Host),
            ("https://:8443", Host),
            ("https://a..example", Host),
            ("https://a.example.", Host),
            ("https://-a.example", Host),
            ("https://a-.example", Host),
            ("https://a_b.example", Host),
            ("https://常山.example", Host),
            ("https://a.example ", Host),
            ("https://a%2eexample", Host),
            ("https://127.1", Host),
            ("https://127.0.0.01", Host),
            ("https://0x7f.0.0.1", Host),
            ("https://a.0x7f", Host),
            ("https://2130706433", Host),
            ("https://[::0001]", Host),
            ("https://[0:0:0:0:0:0:0:1]", Host),
            ("https://[fe80::1%25eth0]", Host),
            ("https://[::1", Host),
            ("https://[::1]x", Host),
            ("https://::1", Host),
            ("https://a.example:", Port),
            ("https://a.example:0", Port),
            ("https://a.example:08443", Port),
            ("https://a.example:+8443", Port),
            ("https://a.example:65536", Port),
            ("https://a.example:8443:1", Port),
            ("https://a.example:443", DefaultPort),
            (long.as_str(), Length),
            (label.as_str(), Host),
        ] {
            assert_eq!(parsed::<EntityId>(text).unwrap_err(), reason, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in ".*") {
            let _ = text.parse::<EntityId>();
            let _ = format!("https://{text}").parse::<EntityId>();
        }

        #[test]
        fn accepted_ids_are_exactly_host_and_port(host in "[a-z0-9.:\\[\\]-]{0,12}", port in proptest::option::of(0u32..70_000)) {
            let text = match port {
                Some(port) => format!("https://{host}:{port}"),
                None => format!("https://{host}"),
            };
            if let Ok(id) = text.parse::<EntityId>() {
                let again = if id.port() == 443 { format!("https://{}", id.host()) } else { format!("https://{}:{}", id.host(), id.port()) };
                prop_assert_eq!(id.as_str(), again);
            }
        }
    }
}

mod citizen_number {
    use super::*;

    /// Synthetic people 示例, born before 1900, and the standard's own two samples.
    const GENUINE_FORMS: [&str; 12] = [
        "11010519491231002X",
        "440524188001010014",
        "361123188001010017",
        "36112318800101005X",
        "361123189612310021",
        "330822188001010012",
        "330822189202290035",
        "362323189906150053",
        "33242718850308008X",
        "830000189001010013",
        "330381188808080129",
        "440103189511110219",
    ];

    /// The weights as GB 11643 prints them, to check the recurrence against another way of computing.
    fn check_by_weights(digits: &str) -> char {
        let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
        let sum: u32 = digits
            .chars()
            .zip(weights)
            .map(|(digit, weight)| digit.to_digit(10).unwrap() * weight)
            .sum();
        "10X98765432".chars().nth((sum % 11) as usize).unwrap()
    }

    // IDN-5
    #[test]
    fn numbers_of_all_regions_and_times_are_accepted() {
        for text in GENUINE_FORMS {
            assert_one_spelling::<CitizenNumber>(text);
        }
    }

    // IDN-5
    #[test]
    fn a_small_x_becomes_a_capital() {
        let number: CitizenNumber = "11010519491231002x".parse().unwrap();
        assert_eq!(number.as_str(), "11010519491231002X");
        assert_eq!(number, "11010519491231002X".parse().unwrap());
    }

    // IDN-6
    #[test]
    fn what_is_wrong_is_named() {
        use CitizenNumberError::*;
        for (text, reason) in [
            ("", Length { found: 0 }),
            ("36112318800101001", Length { found: 17 }),
            ("3611231880010100177", Length { found: 19 }),
            ("130503670401001", Length { found: 15 }),
            ("36112318800101OO17", Character { position: 15 }),
            ("O61123188001010017", Character { position: 1 }),
            ("061123188001010017", Character { position: 1 }),
            ("3611231880010100X7", Character { position: 17 }),
            ("36112318800101001A", Character { position: 18 }),
            ("３61123188001010017", Character { position: 1 }),
            ("361123188013010017", Date),
            ("361123188000010017", Date),
            ("361123188001000017", Date),
            ("330822189302290035", Date),
            ("330822190002290035", Date),
            ("361123000001010017", Date),
            ("361123188001010018", CheckDigit),
            ("36112318800101001X", CheckDigit),
            ("361123188001010107", CheckDigit),
        ] {
            assert_eq!(parsed::<CitizenNumber>(text).unwrap_err(), reason, "{text:?}");
        }
    }

    #[test]
    fn its_parts() {
        let number: CitizenNumber = "36112318800101005X".parse().unwrap();
        assert_eq!(number.birth_date(), LocalDate::new(1880, 1, 1).unwrap());
        assert_eq!(number.sex(), Sex::Male);
        assert_eq!(number.area_code().as_str(), "361123");
        assert_eq!(number.last4(), "005X");
        assert_eq!(
            parsed::<CitizenNumber>("361123189612310021").unwrap().sex(),
            Sex::Female
        );
        assert_eq!(
            parsed::<CitizenNumber>("330822189202290035")
                .unwrap()
                .birth_date()
                .to_string(),
            "1892-02-29"
        );
        assert_eq!(serde_json::to_string(&Sex::Female).unwrap(), r#""FEMALE""#);
    }

    // IDN-7
    #[test]
    fn debug_and_errors_do_not_show_it() {
        let number: CitizenNumber = "361123189612310021".parse().unwrap();
        assert_eq!(format!("{number:?}"), "CitizenNumber(**************0021)");
        assert_eq!(
            format!("{:?}", Some(&number)),
            "Some(CitizenNumber(**************0021))"
        );
        for wrong in [
            "361123189612310022",
            "361123189613310021",
            "36112318961231OO21",
            "3611231896123100211",
        ] {
            let error = quoted::<CitizenNumber>(wrong).unwrap_err().to_string();
            assert!(!error.contains("1896") && !error.contains(wrong), "{error}");
        }
    }

    proptest! {
        // IDN-6
        #[test]
        fn check_character_agrees_with_the_printed_weights(digits in "[0-9]{17}") {
            prop_assert_eq!(mod_11_2::check_character(digits.as_bytes()).map(char::from), Some(check_by_weights(&digits)));
        }

        // IDN-6
        #[test]
        fn every_single_wrong_digit_is_found(index in 0usize..12, position in 0usize..18, other in "[0-9X]") {
            let good = GENUINE_FORMS[index];
            let mut wrong = good.to_owned();
            wrong.replace_range(position..=position, &other);
            prop_assume!(wrong != good);
            prop_assert!(wrong.parse::<CitizenNumber>().is_err());
        }

        // IDN-6
        #[test]
        fn every_swap_of_neighbours_is_found(index in 0usize..12, position in 0usize..17) {
            let good = GENUINE_FORMS[index];
            let mut letters: Vec<char> = good.chars().collect();
            letters.swap(position, position + 1);
            let wrong: String = letters.into_iter().collect();
            prop_assume!(wrong != good);
            prop_assert!(wrong.parse::<CitizenNumber>().is_err());
        }

        #[test]
        fn never_panics(text in "\\PC{0,24}") {
            let _ = text.parse::<CitizenNumber>();
        }
    }
}

mod permit_number {
    use super::*;

    fn yushan() -> Region {
        "361123".parse().unwrap()
    }

    // IDN-8
    #[test]
    fn any_county_scheme_is_accepted() {
        for text in [
            "1",
            "JZ-2020-000001",
            "361123202400000001X",
            "A234567890123456789012345678901B",
        ] {
            assert_one_spelling::<PermitNumber>(text);
        }
        for text in [
            "",
            "a",
            "居住证1",
            "JZ 1",
            "JZ_1",
            "A234567890123456789012345678901BC",
        ] {
            assert!(parsed::<PermitNumber>(text).is_err(), "{text:?}");
        }
    }

    // IDN-9
    #[test]
    fn assigned_numbers_carry_a_check_character() {
        let number = PermitNumber::assign(yushan(), 2024, 1).unwrap();
        assert!(number.as_str().starts_with("361123202400000001"), "{number}");
        assert_eq!(number.as_str().len(), 19);
        assert!(number.has_valid_check());
        assert!(
            !parsed::<PermitNumber>("JZ-2020-000001")
                .unwrap()
                .has_valid_check()
        );
        assert!(PermitNumber::assign(yushan(), 2024, 99_999_999).is_ok());
        assert_eq!(
            PermitNumber::assign(yushan(), 2024, 100_000_000),
            Err(PermitNumberNotAssignable {
                year: 2024,
                serial: 100_000_000
            })
        );
        assert!(PermitNumber::assign(yushan(), 999, 1).is_err());
        assert!(PermitNumber::assign(yushan(), 10_000, 1).is_err());
    }

    // IDN-7
    #[test]
    fn debug_does_not_show_it() {
        let number = PermitNumber::assign(yushan(), 2024, 1).unwrap();
        assert!(!format!("{number:?}").contains("36112320240"), "{number:?}");
        assert_eq!(
            format!("{:?}", parsed::<PermitNumber>("JZ-1").unwrap()),
            "PermitNumber(…)"
        );
    }

    proptest! {
        // IDN-9
        #[test]
        fn a_mistyped_assigned_number_is_found(year in 1000u16..=9999, serial in 0u32..=99_999_999, position in 0usize..19, other in "[0-9X]") {
            let good = PermitNumber::assign(yushan(), year, serial).unwrap();
            prop_assert!(good.has_valid_check());
            let mut wrong = good.to_string();
            wrong.replace_range(position..=position, &other);
            prop_assume!(wrong != good.as_str());
            prop_assert!(!wrong.parse::<PermitNumber>().unwrap().has_valid_check());
        }
    }
}

// IDN-10
#[test]
fn given_names_keep_to_their_alphabets() {
    assert!(parsed::<AgreementId>("AG").is_err());
    assert!(parsed::<AgreementId>(&"A".repeat(64)).is_ok());
    assert!(parsed::<AgreementId>(&"A".repeat(65)).is_err());
    assert!(parsed::<ServiceCode>(&"A".repeat(32)).is_ok());
    assert!(parsed::<ServiceCode>(&"A".repeat(33)).is_err());
    assert!(parsed::<ServiceCode>("BPS 1").is_err());
    assert!(parsed::<ProviderId>("x").is_ok());
    assert!(parsed::<ProviderId>("").is_err());
    assert!(parsed::<ProviderId>("../etc").is_err());
    assert!(parsed::<ProviderId>("县人民医院").is_err());
    assert!(parsed::<OfficerId>("ab").is_err());
    assert!(parsed::<OfficerId>("zhang-san@x").is_err());
    assert!(parsed::<OfficerId>(&"a".repeat(33)).is_err());
}

mod bytes {
    use super::*;

    // IDN-12
    #[test]
    fn known_digests() {
        assert_eq!(
            Digest::of(b"").to_string(),
            "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
        );
        assert_eq!(
            Digest::of("abc").to_string(),
            "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"
        );
        assert_eq!(SpkiPin::of(b"abc").as_bytes(), Digest::of(b"abc").as_bytes());
    }

    // IDN-13
    #[test]
    fn thumbprint_of_rfc_8037_appendix_a3() {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
            .parse::<Digest>()
            .unwrap();
        assert_eq!(
            Thumbprint::of_ed25519(x.as_bytes()).to_string(),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    // IDN-13
    #[test]
    fn thumbprint_members_are_in_lexicographic_order() {
        // Computed over the JWK text written out here, not through the code's own template.
        let jwk = r#"{"crv":"P-256","kty":"EC","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","y":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"}"#;
        assert_eq!(
            Thumbprint::of_p256(&[0; 32], &[1; 32]).as_bytes(),
            Digest::of(jwk).as_bytes()
        );
    }

    // IDN-12
    #[test]
    fn other_spellings_of_the_same_bytes_are_refused() {
        let good = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
        assert!(parsed::<Digest>(good).is_ok());
        for bad in [
            "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
            "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFV",
            "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuF",
            " 47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuF",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "",
        ] {
            assert_eq!(
                parsed::<Digest>(bad).unwrap_err(),
                NotBase64Url {
                    what: "SHA-256 digest",
                    bytes: 32
                },
                "{bad}"
            );
        }
    }

    // IDN-14
    #[test]
    fn message_ids_are_sixteen_bytes() {
        assert_eq!(Jti::from_bytes([0xff; 16]).to_string(), "_____________________w");
        for bad in [
            "_____________________x",
            "____________________w",
            "______________________w",
            "f81d4fae-7dec-11d0-a765",
        ] {
            assert!(parsed::<Jti>(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn bytes_round_trip(bytes: [u8; 32]) {
            let digest = Digest::from_bytes(bytes);
            prop_assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
            prop_assert_eq!(digest.to_string().len(), 43);
        }

        // IDN-12
        #[test]
        fn one_text_per_value(text in "[A-Za-z0-9_-]{43}") {
            if let Ok(digest) = text.parse::<Digest>() {
                prop_assert_eq!(digest.to_string(), text);
            }
        }
    }
}

mod trace_number {
    use super::*;

    // IDN-15
    #[test]
    fn day_region_and_forty_bits() {
        let date = LocalDate::new(2025, 11, 22).unwrap();
        let changshan: Region = "330822".parse().unwrap();
        assert_eq!(
            TraceNumber::new(date, changshan, [0; 5]).to_string(),
            "251122-330822-00000000"
        );
        assert_eq!(
            TraceNumber::new(date, changshan, [0xff; 5]).to_string(),
            "251122-330822-ZZZZZZZZ"
        );
        assert_eq!(
            TraceNumber::new(date, changshan, [0x00, 0x44, 0x32, 0x14, 0xC7]).to_string(),
            "251122-330822-01234567"
        );
        let trace: TraceNumber = "251122-330822-7F3K9QZC".parse().unwrap();
        assert_eq!((trace.date(), trace.region()), (date, changshan));
    }

    // IDN-15
    #[test]
    fn other_texts_are_refused() {
        use TraceNumberError::*;
        for (text, reason) in [
            ("", Shape),
            ("251122-330822-7F3K9QZ", Shape),
            ("251122-330822-7F3K9QZCC", Shape),
            ("251122_330822_7F3K9QZC", Shape),
            ("251122-330822-7F3K9Q证", Shape),
            ("251322-330822-7F3K9QZC", Date),
            ("250229-330822-7F3K9QZC", Date),
            ("25112A-330822-7F3K9QZC", Date),
            ("251122-030822-7F3K9QZC", Region),
            ("251122-330822-7F3K9QZU", Alphabet),
            ("251122-330822-7F3K9QZO", Alphabet),
            ("251122-330822-7f3k9qzc", Alphabet),
        ] {
            assert_eq!(parsed::<TraceNumber>(text).unwrap_err(), reason, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn round_trip_and_order(days in 0i64..36_500, random: [u8; 5], other: [u8; 5]) {
            let date = LocalDate::new(2000, 1, 1).unwrap().plus_days(days).unwrap();
            let region: Region = "361123".parse().unwrap();
            let (a, b) = (TraceNumber::new(date, region, random), TraceNumber::new(date, region, other));
            prop_assert_eq!(a.to_string().parse::<TraceNumber>().unwrap(), a);
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }

        #[test]
        fn years_of_other_centuries_still_round_trip(year in 1i16..=9999, day in 0i64..366, random: [u8; 5]) {
            let date = LocalDate::new(year, 1, 1).unwrap().plus_days(day);
            prop_assume!(date.is_ok());
            let trace = TraceNumber::new(date.unwrap(), "361123".parse().unwrap(), random);
            prop_assert_eq!(trace.to_string().parse::<TraceNumber>().unwrap(), trace);
        }

        #[test]
        fn never_panics(text in "\\PC{0,26}") {
            let _ = text.parse::<TraceNumber>();
        }
    }
}
