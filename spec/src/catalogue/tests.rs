//! The catalogue against Decree 663's own counts.

use std::collections::HashSet;

use super::*;

fn code(text: &str) -> ServiceCode {
    text.parse().unwrap()
}

#[test]
fn law_names_three_rights_six_services_seven_conveniences() {
    let count = |kind| services().iter().filter(|service| service.kind == kind).count();
    assert_eq!(count(ServiceKind::Right), 3);
    assert_eq!(count(ServiceKind::BasicPublicService), 6);
    assert_eq!(count(ServiceKind::Convenience), 7);
    assert_eq!(count(ServiceKind::Agreed), 5);
}

// IDN-11
#[test]
fn every_entry_is_found_by_its_code_and_no_two_share_one() {
    let mut seen = HashSet::new();
    for service in services() {
        assert!(seen.insert(service.code), "{} twice", service.code);
        assert_eq!(lookup(&code(service.code)), Some(service));
        assert!(!is_local(&code(service.code)));
        for text in [service.name, service.source] {
            assert!(!text.zh.is_empty() && !text.en.is_empty(), "{}", service.code);
        }
        assert_eq!(
            service.parent.is_some(),
            service.parent().is_some(),
            "{}: parent not in table",
            service.code
        );
    }
    assert_eq!(lookup(&code("BPS-7")), None);
    assert_eq!(lookup(&code("LOCAL-330822-07")), None);
}

#[test]
fn parts_belong_to_their_service_and_designated_treatment_to_none() {
    for part in ["EMP-INFO", "EMP-PLACEMENT", "EMP-TRAINING"] {
        let part = lookup(&code(part)).unwrap();
        assert_eq!(part.parent().unwrap().code, "BPS-2");
        assert!(part.is_part_of(&code("BPS-2")));
        assert!(part.is_part_of(&code(part.code)));
        assert!(!part.is_part_of(&code("BPS-1")));
    }
    assert_eq!(
        lookup(&code("EDU-COMPULSORY")).unwrap().parent().unwrap().code,
        "BPS-1"
    );
    assert!(
        !lookup(&code("BPS-2")).unwrap().is_part_of(&code("EMP-INFO")),
        "the whole is no part of its part"
    );
    assert_eq!(lookup(&code("MED-DESIGNATED")).unwrap().parent(), None);
}

// IDN-11
#[test]
fn local_items_are_told_by_their_prefix() {
    assert!(is_local(&code("LOCAL-330822-07")));
    assert!(!is_local(&code("LOCAL-")));
    assert!(!is_local(&code("LOCALE-1")));
}
