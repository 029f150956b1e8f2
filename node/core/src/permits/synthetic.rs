//! Synthetic residents for the demonstration and for tests. **Nobody here exists**: every name ends in 示例 ("example"), everybody
//! was born before 1900, as in the samples of GB 11643 itself, and every permit number begins with `SHILI-`. A production node has
//! no use for this module and never calls it.
//!
//! Deterministic: the same region, date and position always give the same person, so that two processes of a demonstration agree
//! without exchanging anything.

use comity_spec::attestation::{Basis, CredentialClass, IdType, InsuredMonths, ResidencePeriod, Tier};
use comity_spec::ids::{CitizenNumber, PermitNumber, Region};
use comity_spec::time::LocalDate;

use crate::ports::permits::PermitDetails;

/// Most residents that are told apart by their numbers: one per day of birth and sequence.
pub const MAX: usize = 1_000_000;

const SURNAMES: [&str; 20] = [
    "赵", "钱", "孙", "李", "周", "吴", "郑", "王", "冯", "陈", "褚", "卫", "蒋", "沈", "韩", "杨", "朱",
    "秦", "尤", "许",
];
const GIVEN: [&str; 16] = [
    "平", "安", "和", "顺", "康", "宁", "文", "明", "春", "秋", "山", "水", "松", "竹", "梅", "兰",
];
const ETHNICITIES: [&str; 5] = ["汉族", "汉族", "畲族", "回族", "汉族"];

/// `n` residents with permits of `region`, issued in the year before `today`; at most [`MAX`].
///
/// Their citizen numbers were first given in other areas, retired codes among them, as those of real holders are.
#[must_use]
pub fn residents(region: Region, today: LocalDate, n: usize) -> Vec<PermitDetails> {
    (0..n.min(MAX))
        .filter_map(|place| resident(region, today, place))
        .collect()
}

/// The resident at this position, from 0. `None` past [`MAX`] and at the ends of the calendar.
#[must_use]
pub fn resident(region: Region, today: LocalDate, place: usize) -> Option<PermitDetails> {
    if place >= MAX {
        return None;
    }
    let id_number = citizen_number(region, place)?;
    let issue_date = today.plus_days(-i64::try_from(place % 300).ok()? - 1).ok()?;
    let residence_since = issue_date.plus_months(-7).ok()?;
    let issuer = if region.as_str() == "330822" {
        "常山县"
    } else {
        "玉山县"
    };
    Some(PermitDetails {
        permit_number: format!("SHILI-{region}-{place:07}").parse().ok()?,
        name: format!(
            "{}{}{}示例",
            SURNAMES[place % SURNAMES.len()],
            GIVEN[place / SURNAMES.len() % GIVEN.len()],
            GIVEN[place / (SURNAMES.len() * GIVEN.len()) % GIVEN.len()],
        ),
        sex: id_number.sex(),
        ethnicity: ETHNICITIES[place % ETHNICITIES.len()].to_owned(),
        birth_date: id_number.birth_date(),
        id_type: IdType::CitizenId,
        hukou_address: format!("示例省示例市示例区示例路{}号", place % 997 + 1),
        residence_address: format!(
            "{issuer}示例街道示例小区{}幢{}室",
            place % 89 + 1,
            place % 31 + 101
        ),
        residence_region: region,
        issuing_authority: format!("{issuer}公安局(示例)"),
        issue_date,
        tier: Tier::parse(["ORDINARY", "ORDINARY", "SKILLED", "TEMPORARY"][place % 4]).ok()?,
        basis: [Basis::Employment, Basis::Dwelling, Basis::Study][place % 3],
        residence_since,
        residence_periods: vec![ResidencePeriod {
            from: residence_since,
            until: None,
        }],
        insured_months: place.is_multiple_of(2).then_some(InsuredMonths {
            n: u32::try_from(place % 120).ok()?,
            as_of: issue_date,
        }),
        points_standard_met: None,
        credential_class: CredentialClass::Decree663,
        previous_ids: Vec::new(),
        card_valid_until: None,
        elc_id: None,
        id_number,
    })
}

/// Area codes of the samples: Guangfeng, Kecheng, Liwan, Rui'an, and Yushan and Changshan before their codes changed.
const AREAS: [&str; 6] = ["361103", "330802", "440103", "330381", "362323", "332427"];

/// Born 1850 to 1899; the sequence number keeps those of one day apart.
fn citizen_number(region: Region, place: usize) -> Option<CitizenNumber> {
    let area = AREAS[place % AREAS.len()];
    // Two regions never share a person: the parity of the year of birth is the region's last digit's.
    let parity = usize::from(region.as_str().as_bytes()[5] - b'0') % 2;
    let year = 1850 + 2 * (place / AREAS.len() % 25) + parity;
    let month = 1 + place / 150 % 12;
    let day = 1 + place / 1_800 % 28;
    let sequence = 1 + place / 50_400 * 2 + place % 2;
    let body = format!("{area}{year:04}{month:02}{day:02}{sequence:03}");
    let check = "0123456789X".chars();
    check
        .map(|c| format!("{body}{c}"))
        .find_map(|number| number.parse().ok())
}

/// The number under which a synthetic resident's permit stands, without the resident.
///
/// # Errors
/// Never for a position below [`MAX`].
pub fn permit_number(region: Region, place: usize) -> Result<PermitNumber, comity_spec::ids::IdError> {
    format!("SHILI-{region}-{place:07}").parse()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn day() -> LocalDate {
        LocalDate::new(2026, 11, 22).unwrap()
    }

    #[test]
    fn nobody_is_real_and_nobody_stands_twice() {
        let yushan = residents("361123".parse().unwrap(), day(), 60_000);
        let changshan = residents("330822".parse().unwrap(), day(), 2_000);
        assert_eq!((yushan.len(), changshan.len()), (60_000, 2_000));
        let mut people = HashSet::new();
        let mut permits = HashSet::new();
        for person in yushan.iter().chain(&changshan) {
            assert!(person.name.ends_with("示例"), "{}", person.name);
            assert!(person.birth_date.year() < 1900);
            assert_eq!(person.birth_date, person.id_number.birth_date());
            assert_eq!(person.sex, person.id_number.sex());
            assert!(person.issue_date < day() && person.residence_since < person.issue_date);
            assert!(people.insert(person.id_number.clone()), "a number twice");
            assert!(permits.insert(person.permit_number.clone()));
        }
    }

    #[test]
    fn the_same_position_gives_the_same_person_and_none_past_the_end() {
        let region = "361123".parse().unwrap();
        assert_eq!(resident(region, day(), 41), resident(region, day(), 41));
        assert_ne!(resident(region, day(), 41), resident(region, day(), 42));
        assert!(resident(region, day(), MAX - 1).is_some());
        assert!(resident(region, day(), MAX).is_none());
        assert_eq!(
            permit_number(region, 41).unwrap(),
            resident(region, day(), 41).unwrap().permit_number
        );
    }
}
