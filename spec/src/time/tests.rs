//! Seconds, dates in UTC+8 and the yearly endorsement.

use proptest::prelude::*;

use super::endorsement::*;
use super::*;

fn date(text: &str) -> LocalDate {
    text.parse().unwrap()
}

fn any_date() -> impl Strategy<Value = LocalDate> {
    // 1900-01-01 to about 2447, so that 1900 and 2100 are not leap years and 2000 and 2400 are.
    (0i64..200_000).prop_map(|days| date("1900-01-01").plus_days(days).unwrap())
}

mod seconds {
    use super::*;

    // TIM-1
    #[test]
    fn integers_in_range_are_accepted_and_all_else_refused() {
        for good in ["0", "1700000000", "253402300799"] {
            let time: UnixSeconds = serde_json::from_str(good).unwrap();
            assert_eq!(serde_json::to_string(&time).unwrap(), good);
        }
        for bad in [
            "-1",
            "253402300800",
            "1700000000.0",
            "1700000000.5",
            "1.7e9",
            "\"1700000000\"",
            "null",
            "true",
            "9223372036854775807",
            "18446744073709551616",
            "1e400",
        ] {
            assert!(serde_json::from_str::<UnixSeconds>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn arithmetic_stays_in_range() {
        assert_eq!(UnixSeconds::MIN.plus(1).unwrap().get(), 1);
        assert_eq!(UnixSeconds::MIN.plus(-1), Err(TimeOutOfRange));
        assert_eq!(UnixSeconds::MAX.plus(1), Err(TimeOutOfRange));
        assert_eq!(UnixSeconds::MAX.plus(i64::MAX), Err(TimeOutOfRange));
        assert_eq!(UnixSeconds::MAX.plus_saturating(i64::MAX), UnixSeconds::MAX);
        assert_eq!(UnixSeconds::MIN.plus_saturating(i64::MIN), UnixSeconds::MIN);
        assert_eq!(UnixSeconds::MIN.since(UnixSeconds::MAX), -253_402_300_799);
        assert_eq!("1700000000".parse(), UnixSeconds::new(1_700_000_000));
        assert!("1.7e9".parse::<UnixSeconds>().is_err());
    }

    #[test]
    fn schema_has_the_range() {
        let schema = jsonschema::validator_for(schemars::schema_for!(UnixSeconds).as_value()).unwrap();
        assert!(schema.is_valid(&serde_json::json!(253_402_300_799_i64)));
        assert!(!schema.is_valid(&serde_json::json!(253_402_300_800_i64)));
        assert!(!schema.is_valid(&serde_json::json!(-1)));
        assert!(!schema.is_valid(&serde_json::json!("0")));
    }

    proptest! {
        #[test]
        fn plus_and_since_are_inverse(start in 0i64..=253_402_300_799, by in -300_000_000_000i64..300_000_000_000) {
            let start = UnixSeconds::new(start).unwrap();
            if let Ok(end) = start.plus(by) {
                prop_assert_eq!(end.since(start), by);
                prop_assert_eq!(start.plus_saturating(by), end);
            }
        }
    }
}

mod dates {
    use super::*;

    // TIM-2
    #[test]
    fn iso_dates_only() {
        for good in ["2024-02-29", "0001-01-01", "9999-12-31", "1880-01-01"] {
            assert_eq!(date(good).to_string(), good);
            assert_eq!(serde_json::to_value(date(good)).unwrap(), good);
        }
        for (bad, reason) in [
            ("2023-02-29", LocalDateError::NoSuchDay),
            ("1900-02-29", LocalDateError::NoSuchDay),
            ("2024-13-01", LocalDateError::NoSuchDay),
            ("2024-00-01", LocalDateError::NoSuchDay),
            ("2024-04-31", LocalDateError::NoSuchDay),
            ("2024-01-00", LocalDateError::NoSuchDay),
            ("0000-01-01", LocalDateError::OutOfRange),
            ("20240229", LocalDateError::Form),
            ("2024-2-29", LocalDateError::Form),
            ("2024/02/29", LocalDateError::Form),
            ("2024-02-29T00:00:00", LocalDateError::Form),
            ("+024-02-29", LocalDateError::Form),
            ("-024-02-29", LocalDateError::Form),
            ("二零二四-2", LocalDateError::Form),
            ("", LocalDateError::Form),
        ] {
            assert_eq!(bad.parse::<LocalDate>().unwrap_err(), reason, "{bad:?}");
        }
    }

    // TIM-3
    #[test]
    fn a_day_begins_and_ends_in_utc_plus_8() {
        let day = date("2025-02-28");
        // 2025-02-27T16:00:00Z and 2025-02-28T15:59:59Z.
        assert_eq!(day.start_of_day().get(), 1_740_672_000);
        assert_eq!(day.end_of_day().get(), 1_740_758_399);
        assert_eq!(LocalDate::of(day.start_of_day()), day);
        assert_eq!(LocalDate::of(day.end_of_day()), day);
        assert_eq!(
            LocalDate::of(day.end_of_day().plus(1).unwrap()),
            date("2025-03-01")
        );
        assert_eq!(
            LocalDate::of(day.start_of_day().plus(-1).unwrap()),
            date("2025-02-27")
        );
    }

    #[test]
    fn ends_of_time() {
        assert_eq!(LocalDate::of(UnixSeconds::MIN), date("1970-01-01"));
        assert_eq!(LocalDate::of(UnixSeconds::MAX), LocalDate::MAX);
        assert_eq!(date("1880-01-01").end_of_day(), UnixSeconds::MIN);
        assert_eq!(date("1970-01-01").start_of_day(), UnixSeconds::MIN);
        assert_eq!(date("1970-01-01").end_of_day().get(), 57_599);
        assert!(LocalDate::MAX.plus_days(1).is_err());
        assert!(LocalDate::MAX.plus_days(i64::MAX).is_err());
        assert!(LocalDate::MAX.plus_months(1).is_err());
        assert!(LocalDate::MAX.plus_years_permit_rule(1).is_err());
        assert!(LocalDate::MAX.plus_years_permit_rule(i16::MAX).is_err());
        assert!(date("0001-01-01").plus_days(-1).is_err());
        assert!(date("0001-01-01").plus_months(-1).is_err());
        assert!(date("0004-02-29").plus_years_permit_rule(-4).is_err());
        assert!(LocalDate::new(0, 1, 1).is_err());
    }

    // TIM-4
    #[test]
    fn a_year_from_29_february_is_full_on_1_march() {
        assert_eq!(
            date("2024-02-29").plus_years_permit_rule(1).unwrap(),
            date("2025-03-01")
        );
        assert_eq!(
            date("2024-02-29").plus_years_permit_rule(4).unwrap(),
            date("2028-02-29")
        );
        assert_eq!(
            date("2024-02-28").plus_years_permit_rule(1).unwrap(),
            date("2025-02-28")
        );
        assert_eq!(
            date("2023-03-01").plus_years_permit_rule(1).unwrap(),
            date("2024-03-01")
        );
    }

    // TIM-10
    #[test]
    fn full_months() {
        for (from, to, months) in [
            ("2024-01-15", "2024-02-14", 0),
            ("2024-01-15", "2024-02-15", 1),
            ("2024-01-31", "2024-02-28", 0),
            ("2024-01-31", "2024-02-29", 1),
            ("2023-01-31", "2023-02-28", 1),
            ("2024-01-31", "2024-03-30", 1),
            ("2024-02-29", "2025-02-28", 12),
            ("2023-11-20", "2024-05-19", 5),
            ("2023-11-20", "2024-05-20", 6),
            ("2024-05-20", "2024-05-20", 0),
            ("2024-05-20", "2023-05-20", 0),
        ] {
            assert_eq!(date(from).months_until(date(to)), months, "{from} to {to}");
        }
    }

    proptest! {
        // TIM-3
        #[test]
        fn days_are_contiguous_and_86400_seconds_long(day in any_date()) {
            prop_assume!(day > date("1970-01-01"));
            let (start, end) = (day.start_of_day(), day.end_of_day());
            prop_assert_eq!(end.since(start), 86_399);
            prop_assert_eq!(day.plus_days(1).unwrap().start_of_day().since(end), 1);
            prop_assert_eq!(LocalDate::of(start), day);
            prop_assert_eq!(LocalDate::of(end), day);
        }

        #[test]
        fn text_order_is_date_order(a in any_date(), b in any_date()) {
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
            prop_assert_eq!(a.plus_days(b.days_since(a)).unwrap(), b);
            prop_assert_eq!(a.to_string().parse::<LocalDate>().unwrap(), a);
        }

        // TIM-10
        #[test]
        fn months_until_is_the_largest_count_not_past_the_date(from in any_date(), days in 1i64..20_000) {
            let to = from.plus_days(days).unwrap();
            let months = i32::try_from(from.months_until(to)).unwrap();
            prop_assert!(from.plus_months(months).unwrap() <= to);
            prop_assert!(from.plus_months(months + 1).unwrap() > to);
        }

        #[test]
        fn never_panics(text in "\\PC{0,12}", years: i16, months: i32, days: i64) {
            let _ = text.parse::<LocalDate>();
            let day = date("2024-02-29");
            let _ = (day.plus_years_permit_rule(years), day.plus_months(months), day.plus_days(days));
        }
    }
}

mod yearly_endorsement {
    use super::*;

    const NATIONAL: EndorsementProfile = EndorsementProfile {
        late_endorse_max_days: None,
    };
    const XUCHANG: EndorsementProfile = EndorsementProfile {
        late_endorse_max_days: Some(183),
    };

    // TIM-5
    #[test]
    fn good_to_the_day_before_the_full_year() {
        for (start, until) in [
            ("2024-02-29", "2025-02-28"),
            ("2024-03-01", "2025-02-28"),
            ("2023-03-01", "2024-02-29"),
            ("2024-03-15", "2025-03-14"),
            ("2024-01-01", "2024-12-31"),
        ] {
            assert_eq!(endorsed_until(date(start)).unwrap(), date(until), "{start}");
        }
        assert!(endorsed_until(LocalDate::MAX).is_err());
    }

    // TIM-6
    #[test]
    fn the_window_opens_one_month_before_the_full_year() {
        assert_eq!(window_opens(date("2025-02-28")).unwrap(), date("2025-02-01"));
        assert_eq!(window_opens(date("2025-03-14")).unwrap(), date("2025-02-15"));
        assert_eq!(window_opens(date("2025-03-30")).unwrap(), date("2025-02-28"));

        let endorse_on = |on: &str| endorse(date("2025-03-14"), date("2024-03-15"), date(on), NATIONAL);
        assert_eq!(
            endorse_on("2025-02-14"),
            Err(EndorsementRefusal::WindowNotOpen {
                opens: date("2025-02-15")
            })
        );
        assert!(endorse_on("2025-02-15").is_ok());
    }

    // TIM-7
    #[test]
    fn in_time_the_anniversary_stays() {
        for on in ["2025-02-01", "2025-02-28"] {
            assert_eq!(
                endorse(date("2025-02-28"), date("2024-02-29"), date(on), NATIONAL).unwrap(),
                Endorsement {
                    until: date("2026-02-28"),
                    anniversary: date("2024-02-29"),
                    residence_restart: None
                },
            );
        }
        // In the next leap year the full year falls on 29 February again.
        let fourth = endorse(
            date("2027-02-28"),
            date("2024-02-29"),
            date("2027-02-10"),
            NATIONAL,
        )
        .unwrap();
        assert_eq!(fourth.until, date("2028-02-28"));
        let new_year = endorse(
            date("2025-12-31"),
            date("2024-01-01"),
            date("2025-12-31"),
            NATIONAL,
        )
        .unwrap();
        assert_eq!(new_year.until, date("2026-12-31"));
    }

    // TIM-8
    #[test]
    fn late_the_years_count_anew() {
        // Lapsed since 2025-03-01.
        assert_eq!(
            endorse(
                date("2025-02-28"),
                date("2024-02-29"),
                date("2025-05-10"),
                NATIONAL
            )
            .unwrap(),
            Endorsement {
                until: date("2026-05-09"),
                anniversary: date("2025-05-10"),
                residence_restart: Some(date("2025-05-10")),
            },
        );
        assert_eq!(
            endorse(
                date("2025-02-28"),
                date("2024-02-29"),
                date("2025-03-01"),
                NATIONAL
            )
            .unwrap()
            .residence_restart,
            Some(date("2025-03-01")),
        );
        assert!(
            endorse(
                date("2005-02-28"),
                date("2004-02-29"),
                date("2025-03-01"),
                NATIONAL
            )
            .is_ok()
        );
    }

    // TIM-9
    #[test]
    fn past_the_local_limit_residence_is_registered_again() {
        let lapsed = date("2025-02-28");
        let on_day = |late: i64| {
            endorse(
                lapsed,
                date("2024-02-29"),
                lapsed.plus_days(late).unwrap(),
                XUCHANG,
            )
        };
        assert!(on_day(183).is_ok());
        assert_eq!(
            on_day(184),
            Err(EndorsementRefusal::RegistrationNeeded {
                last_day: lapsed.plus_days(183).unwrap()
            })
        );
    }

    #[test]
    fn dates_that_contradict_each_other_are_refused() {
        let on = date("2025-03-01");
        for anniversary in ["2024-03-10", "2025-03-15", "2026-03-15"] {
            assert_eq!(
                endorse(date("2025-03-14"), date(anniversary), on, NATIONAL),
                Err(EndorsementRefusal::NotOnAnniversary),
                "{anniversary}"
            );
        }
    }

    proptest! {
        // TIM-5, TIM-7
        #[test]
        fn years_in_time_have_no_gap_and_no_drift(start in any_date(), years in 1i16..30) {
            let mut until = endorsed_until(start).unwrap();
            for year in 2..=years {
                let next = endorse(until, start, until, NATIONAL).unwrap();
                prop_assert_eq!(next.anniversary, start);
                prop_assert_eq!(next.residence_restart, None);
                prop_assert_eq!(next.until, start.plus_years_permit_rule(year).unwrap().plus_days(-1).unwrap());
                prop_assert!((365..=366).contains(&next.until.days_since(until)));
                until = next.until;
            }
        }

        // TIM-6
        #[test]
        fn the_whole_window_gives_the_same_year(start in any_date(), day in 0i64..31) {
            let until = endorsed_until(start).unwrap();
            let on = window_opens(until).unwrap().plus_days(day).unwrap();
            prop_assume!(on <= until);
            prop_assert_eq!(endorse(until, start, on, NATIONAL), endorse(until, start, until, NATIONAL));
            let before = window_opens(until).unwrap().plus_days(-1).unwrap();
            prop_assert!(endorse(until, start, before, NATIONAL).is_err());
        }

        // TIM-8
        #[test]
        fn late_is_like_a_new_issue(start in any_date(), late in 1i64..4_000) {
            let until = endorsed_until(start).unwrap();
            let on = until.plus_days(late).unwrap();
            let endorsed = endorse(until, start, on, NATIONAL).unwrap();
            prop_assert_eq!(endorsed.until, endorsed_until(on).unwrap());
            prop_assert_eq!(endorsed.residence_restart, Some(on));
            prop_assert_eq!(endorse(until, start, on, XUCHANG).is_ok(), late <= 183);
        }

        #[test]
        fn an_anniversary_is_found_for_every_last_day(until in any_date()) {
            let anniversary = anniversary_of(until).unwrap();
            prop_assert!(anniversary <= until);
            prop_assert!(endorse(until, anniversary, until, NATIONAL).is_ok());
        }
    }
}
