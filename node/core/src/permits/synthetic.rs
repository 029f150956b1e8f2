//! Synthetic residents for the demonstration and for tests. **Nobody here exists**: every name ends in 示例 ("example"), everybody
//! was born before 1900, as in the samples of GB 11643 itself, and every permit number begins with `SHILI-`. A production node has
//! no use for this module and never calls it.
//!
//! Deterministic: the same region, date and position always give the same person, so that two processes of a demonstration agree
//! without exchanging anything.

use comity_spec::attestation::{Basis, CredentialClass, IdType, InsuredMonths, ResidencePeriod, Tier};
use comity_spec::ids::{CitizenNumber, Digest, PermitNumber, Region, Sex};
use comity_spec::time::{LocalDate, LocalDateError, UnixSeconds, endorsement};

use super::register_file::{Column, Kind};
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

/// A register file (CSV in UTF-8) and its manifest, as a register would export these permits; each endorsed for its current year.
/// `source_event` names the event of a row by its position, empty for none.
///
/// # Errors
/// When a date lies at the end of the calendar.
pub fn register_file(
    permits: &[PermitDetails],
    kind: Kind,
    sequence: u64,
    source_as_of: UnixSeconds,
    source_event: impl Fn(usize) -> &'static str,
) -> Result<(Vec<u8>, Vec<u8>), LocalDateError> {
    let today = LocalDate::of(source_as_of);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let done = "writing to a Vec does not fail, and every record has the header's width";
    writer
        .write_record(Column::ALL.iter().map(|column| column.label().en))
        .expect(done);
    for (place, permit) in permits.iter().enumerate() {
        let mut until = endorsement::endorsed_until(permit.issue_date)?;
        while until < today {
            until = until.plus_days(1)?.plus_years_permit_rule(1)?.plus_days(-1)?;
        }
        writer
            .write_record(
                Column::ALL
                    .iter()
                    .map(|column| field(*column, permit, until, source_event(place))),
            )
            .expect(done);
    }
    let file = writer.into_inner().expect(done);
    let sha256: String = Digest::of(&file)
        .as_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let manifest = serde_json::json!({
        "comity_register": 1,
        "kind": match kind { Kind::Full => "full", Kind::Delta => "delta" },
        "sequence": sequence,
        "rows": permits.len(),
        "sha256": sha256,
        "source_as_of": jiff::Timestamp::from_second(source_as_of.get()).unwrap_or_default().to_string(),
    });
    Ok((file, manifest.to_string().into_bytes()))
}

fn field(column: Column, permit: &PermitDetails, until: LocalDate, event: &str) -> String {
    match column {
        Column::PermitNumber => permit.permit_number.to_string(),
        Column::Name => permit.name.clone(),
        Column::Sex => match permit.sex {
            Sex::Male => "男".to_owned(),
            Sex::Female => "女".to_owned(),
        },
        Column::Ethnicity => permit.ethnicity.clone(),
        Column::BirthDate => permit.birth_date.to_string(),
        Column::IdNumber => permit.id_number.to_string(),
        Column::HukouAddress => permit.hukou_address.clone(),
        Column::ResidenceAddress => permit.residence_address.clone(),
        Column::ResidenceRegion => permit.residence_region.to_string(),
        Column::IssuingAuthority => permit.issuing_authority.clone(),
        Column::IssueDate => permit.issue_date.to_string(),
        Column::Tier => permit.tier.to_string(),
        Column::Basis => permit.basis.as_str().to_owned(),
        Column::ResidenceSince => permit.residence_since.to_string(),
        Column::EndorsedUntil => until.to_string(),
        Column::InsuredMonths => permit
            .insured_months
            .map_or(String::new(), |months| format!("{}@{}", months.n, months.as_of)),
        Column::PointsStandardMet => permit.points_standard_met.map_or(String::new(), |points| {
            format!("{}@{}", if points.met { "YES" } else { "NO" }, points.as_of)
        }),
        Column::PreviousIds => permit.previous_ids.join(";"),
        Column::CardValidUntil => permit
            .card_valid_until
            .map_or(String::new(), |day| day.to_string()),
        Column::ElcId => permit.elc_id.clone().unwrap_or_default(),
        Column::SourceEvent => event.to_owned(),
        // Left to their defaults.
        Column::IdType | Column::CredentialClass => String::new(),
    }
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
