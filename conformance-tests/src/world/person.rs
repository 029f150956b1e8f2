//! Synthetic people 示例, born before 1900, each with a permit; and the register file that a target imports.

use comity_spec::time::{LocalDate, UnixSeconds};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A person with a permit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    /// Number of the permit.
    pub(crate) permit_number: String,
    /// Name, marked 示例.
    pub(crate) name: String,
    /// Citizen number with its check character.
    pub(crate) id_number: String,
    /// Tier.
    pub(crate) tier: &'static str,
    /// Basis.
    pub(crate) basis: &'static str,
    /// Residence counted from here.
    pub(crate) residence_since: String,
    /// Day of issue.
    pub(crate) issue_date: String,
    /// Last day of use.
    pub(crate) endorsed_until: LocalDate,
    sex: &'static str,
    birth_date: String,
    region: String,
}

/// The person at this place of a county's register; `until` is the last day to which the permit is endorsed.
pub(crate) fn person(region: &str, place: usize, until: LocalDate) -> Person {
    const SURNAMES: [&str; 8] = ["赵", "钱", "孙", "李", "周", "吴", "郑", "王"];
    const DIGITS: [char; 10] = ['零', '一', '二', '三', '四', '五', '六', '七', '八', '九'];
    let serial: String = format!("{place:04}")
        .chars()
        .filter_map(|digit| DIGITS.get(digit.to_digit(10)? as usize))
        .collect();
    let (year, month, day) = (1870 + place % 29, 1 + place / 29 % 12, 1 + place / 348 % 28);
    let order = 1 + place % 997;
    let body = format!("{region}{year}{month:02}{day:02}{order:03}");
    Person {
        permit_number: format!("SHILI-{region}-{place:06}"),
        name: format!("{}示例{serial}", SURNAMES[place % SURNAMES.len()]),
        id_number: format!("{body}{}", check_character(&body)),
        tier: ["ORDINARY", "SKILLED"][place % 2],
        basis: ["EMPLOYMENT", "DWELLING", "STUDY"][place % 3],
        residence_since: "2023-03-01".to_owned(),
        issue_date: "2024-03-01".to_owned(),
        endorsed_until: until,
        sex: if order % 2 == 1 { "MALE" } else { "FEMALE" },
        birth_date: format!("{year}-{month:02}-{day:02}"),
        region: region.to_owned(),
    }
}

impl Person {
    /// Claims of the card form (ATT-6).
    pub(crate) fn card(&self) -> Vec<(String, Value)> {
        let claims = [
            ("name", json!(self.name)),
            ("id_number", json!(self.id_number)),
            ("tier", json!(self.tier)),
            ("basis", json!(self.basis)),
            ("residence_since", json!(self.residence_since)),
        ];
        claims
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// What else a full attestation or an answer may tell.
    pub(crate) fn claim(&self, name: &str) -> Option<Value> {
        let more = match name {
            "sex" => json!(self.sex),
            "ethnicity" => json!("汉"),
            "birth_date" => json!(self.birth_date),
            "hukou_address" => json!("示例省示例县示例路1号"),
            "residence_address" => json!("示例省示例县示例路2号"),
            "issuing_authority" => json!("示例县公安局"),
            "issue_date" => json!(self.issue_date),
            "permit_number" => json!(self.permit_number),
            "residence_region" => json!(self.region),
            "credential_class" => json!("DECREE663"),
            "id_type" => json!("CITIZEN_ID"),
            other => {
                return self
                    .card()
                    .into_iter()
                    .find(|(name, _)| name == other)
                    .map(|(_, value)| value);
            }
        };
        Some(more)
    }

    /// Claims of the full form.
    pub(crate) fn full(&self) -> Vec<(String, Value)> {
        let more = [
            "sex",
            "ethnicity",
            "birth_date",
            "hukou_address",
            "residence_address",
            "issuing_authority",
            "issue_date",
            "permit_number",
            "residence_region",
            "credential_class",
            "id_type",
        ];
        let more = more
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), self.claim(name)?)));
        self.card().into_iter().chain(more).collect()
    }
}

/// The register file with its manifest.
pub(crate) fn register(people: &[Person], as_of: i64) -> (String, String) {
    let mut csv = String::from(
        "permit_number,name,sex,ethnicity,birth_date,id_number,hukou_address,residence_address,issuing_authority,issue_date,tier,basis,residence_since,endorsed_until\n",
    );
    for p in people {
        csv.push_str(&format!(
            "{},{},{},汉,{},{},示例省示例县示例路1号,示例省示例县示例路2号,示例县公安局,{},{},{},{},{}\n",
            p.permit_number,
            p.name,
            p.sex,
            p.birth_date,
            p.id_number,
            p.issue_date,
            p.tier,
            p.basis,
            p.residence_since,
            p.endorsed_until
        ));
    }
    let as_of = jiff::Timestamp::from_second(as_of).map_or_else(|_| String::new(), |at| at.to_string());
    let manifest = json!({
        "comity_register": 1,
        "kind": "full",
        "sequence": 1,
        "rows": people.len(),
        "sha256": hex::encode(Sha256::digest(&csv)),
        "source_as_of": as_of,
    });
    (csv, manifest.to_string())
}

/// The local day of a second, moved by some days.
pub(crate) fn day(at: i64, days: i32) -> LocalDate {
    let moved = at.saturating_add(i64::from(days) * 86_400);
    LocalDate::of(UnixSeconds::new(moved).unwrap_or_else(|_| UnixSeconds::new(0).expect("0 is a time")))
}

/// ISO 7064 MOD 11-2 as GB 11643 uses it.
pub(crate) fn check_character(body: &str) -> char {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = body
        .chars()
        .zip(WEIGHTS)
        .filter_map(|(c, weight)| Some(c.to_digit(10)? * weight))
        .sum();
    ['1', '0', 'X', '9', '8', '7', '6', '5', '4', '3', '2'][(sum % 11) as usize]
}

#[cfg(test)]
mod tests {
    use comity_spec::ids::{CitizenNumber, PermitNumber};

    use super::*;

    #[test]
    fn people_are_what_a_register_takes() {
        let until = day(1_700_000_000, 100);
        let people: Vec<Person> = (0..1500).map(|place| person("361123", place, until)).collect();
        let mut numbers = std::collections::BTreeSet::new();
        for one in &people {
            let number: CitizenNumber = one.id_number.parse().unwrap();
            assert!(numbers.insert(number.as_str().to_owned()), "{}", one.id_number);
            one.permit_number.parse::<PermitNumber>().unwrap();
            assert!(one.name.contains("示例"));
            assert_eq!(one.full().len(), 16);
        }
        let (csv, manifest) = register(&people, 1_700_000_000);
        assert_eq!(csv.lines().count(), 1501);
        assert!(manifest.contains("\"rows\":1500"));
    }
}
