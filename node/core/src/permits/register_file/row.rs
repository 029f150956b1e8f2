//! One row: its fields read into a permit, or every reason why not. Reasons never repeat the value, which is personal data.

use std::str::FromStr;

use comity_spec::attestation::{
    Basis, CredentialClass, IdType, InsuredMonths, PointsStandard, ResidencePeriod, Tier,
};
use comity_spec::ids::{CitizenNumber, CitizenNumberError, PermitNumber, Region, Sex};
use comity_spec::text::Text;
use comity_spec::time::{LocalDate, endorsement};

use super::columns::Column;
use super::source_event::SourceEvent;
use crate::ports::permits::PermitDetails;

/// A row that reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Line of the file on which it begins, from 1.
    pub line: u64,
    /// What it says of the permit.
    pub details: PermitDetails,
    /// Last day to which the permit is endorsed.
    pub endorsed_until: LocalDate,
    /// Day from which the endorsement year counts.
    pub anniversary: LocalDate,
    /// What happened.
    pub event: SourceEvent,
}

/// Why a field does not read, and what to do.
pub(super) type Reasons = Vec<(Option<Column>, Text)>;

/// A field of the record by its column; empty where the column is absent.
pub(super) struct Fields<'a> {
    pub(super) record: &'a csv::StringRecord,
    pub(super) places: &'a [Option<usize>],
    pub(super) reasons: Reasons,
}

const MISSING: Text = Text::new("必填，请补全", "is required: fill it in");
const EDGES: Text = Text::new(
    "首尾有空格或含不可见字符，请删除",
    "has spaces at its ends or control characters: remove them",
);
const TOO_LONG: Text = Text::new("过长，请核对", "is too long: check it");
const DATE: Text = Text::new(
    "不是 YYYY-MM-DD 格式的有效日期，请改正",
    "is not a date YYYY-MM-DD: correct it",
);
const CODE: Text = Text::new(
    "不是规定的代码，请对照说明改正",
    "is not one of the codes: see the documentation",
);

impl<'a> Fields<'a> {
    fn raw(&self, column: Column) -> &'a str {
        self.places[column as usize]
            .and_then(|place| self.record.get(place))
            .unwrap_or_default()
    }

    fn refuse(&mut self, column: Column, reason: Text) {
        self.reasons.push((Some(column), reason));
    }

    /// Text kept as the bytes given.
    fn text(&mut self, column: Column, most: usize) -> Option<String> {
        let text = self.raw(column);
        if text.is_empty() {
            self.refuse(column, MISSING);
        } else if text.trim() != text || text.chars().any(char::is_control) {
            self.refuse(column, EDGES);
        } else if text.chars().count() > most {
            self.refuse(column, TOO_LONG);
        } else {
            return Some(text.to_owned());
        }
        None
    }

    /// A code, a date or a number, around which spaces do not matter. `None` when absent or refused.
    fn read<T>(&mut self, column: Column, read: impl FnOnce(&str) -> Result<T, Text>) -> Option<T> {
        let text = self.raw(column).trim();
        if text.is_empty() {
            if column.is_required() {
                self.refuse(column, MISSING);
            }
            return None;
        }
        match read(text) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.refuse(column, reason);
                None
            }
        }
    }

    fn date(&mut self, column: Column) -> Option<LocalDate> {
        self.read(column, |text| text.parse().map_err(|_| DATE))
    }

    /// `Some(default)` for an absent field, `None` for one that was refused.
    fn or<T>(&mut self, column: Column, default: T, read: impl FnOnce(&str) -> Result<T, Text>) -> Option<T> {
        if self.raw(column).trim().is_empty() {
            return Some(default);
        }
        self.read(column, read)
    }
}

/// Reads a row; `None` when any field was refused, with every reason in `fields`.
pub(super) fn read(fields: &mut Fields<'_>, line: u64, region: Region) -> Option<Row> {
    use Column as C;
    let ordinary = Tier::parse("ORDINARY").ok()?;
    let permit_number = fields.read(C::PermitNumber, permit_number);
    let name = fields.text(C::Name, 100);
    let sex = fields.read(C::Sex, sex);
    let ethnicity = fields.text(C::Ethnicity, 30);
    let birth_date = fields.date(C::BirthDate);
    let id_number = fields.read(C::IdNumber, |text| text.parse().map_err(citizen_number_reason));
    let hukou_address = fields.text(C::HukouAddress, 200);
    let residence_address = fields.text(C::ResidenceAddress, 200);
    let issuing_authority = fields.text(C::IssuingAuthority, 100);
    let issue_date = fields.date(C::IssueDate);
    let basis = fields.read(C::Basis, basis);
    let residence_since = fields.date(C::ResidenceSince);
    let endorsed_until = fields.date(C::EndorsedUntil);
    let residence_region = fields.or(C::ResidenceRegion, region, region_code);
    let tier = fields.or(C::Tier, ordinary, tier);
    let id_type = fields.or(C::IdType, kind_of(id_number.as_ref()), id_type);
    let insured_months = fields.or(C::InsuredMonths, None, |text| insured(text).map(Some));
    let points = fields.or(C::PointsStandardMet, None, |text| points(text).map(Some));
    let credential_class = fields.or(C::CredentialClass, CredentialClass::Decree663, credential_class);
    let previous_ids = fields.or(C::PreviousIds, Vec::new(), previous_ids);
    let card_valid_until = fields.or(C::CardValidUntil, None, |text| {
        text.parse().map(Some).map_err(|_| DATE)
    });
    let elc_id = fields.or(C::ElcId, None, |text| elc_id(text).map(Some));
    let event = fields.or(C::SourceEvent, SourceEvent::Update, |text| {
        SourceEvent::from_code(text).ok_or(CODE)
    });
    let anniversary = endorsed_until.and_then(|until| anniversary(fields, until));
    agree(fields, id_number.as_ref(), birth_date, sex);
    in_order(fields, residence_since, issue_date, endorsed_until);
    if !fields.reasons.is_empty() {
        return None;
    }
    let residence_since = residence_since?;
    Some(Row {
        line,
        endorsed_until: endorsed_until?,
        anniversary: anniversary?,
        event: event?,
        details: PermitDetails {
            permit_number: permit_number?,
            name: name?,
            sex: sex?,
            ethnicity: ethnicity?,
            birth_date: birth_date?,
            id_type: id_type?,
            id_number: id_number?,
            hukou_address: hukou_address?,
            residence_address: residence_address?,
            residence_region: residence_region?,
            issuing_authority: issuing_authority?,
            issue_date: issue_date?,
            tier: tier?,
            basis: basis?,
            residence_since,
            residence_periods: vec![ResidencePeriod {
                from: residence_since,
                until: None,
            }],
            insured_months: insured_months?,
            points_standard_met: points?,
            credential_class: credential_class?,
            previous_ids: previous_ids?,
            card_valid_until: card_valid_until?,
            elc_id: elc_id?,
        },
    })
}

/// The day from which the endorsement year counts, as far as the last day tells it.
fn anniversary(fields: &mut Fields<'_>, until: LocalDate) -> Option<LocalDate> {
    let day = endorsement::anniversary_of(until);
    if day.is_err() {
        fields.refuse(Column::EndorsedUntil, DATE);
    }
    day.ok()
}

/// The number carries date of birth and sex: where they differ, one of the fields is wrong.
fn agree(
    fields: &mut Fields<'_>,
    number: Option<&CitizenNumber>,
    birth_date: Option<LocalDate>,
    sex: Option<Sex>,
) {
    let Some(number) = number else { return };
    if birth_date.is_some_and(|date| date != number.birth_date()) {
        fields.refuse(
            Column::BirthDate,
            Text::new(
                "与公民身份号码中的出生日期不一致，请核对",
                "differs from the date in the citizen number: check both",
            ),
        );
    }
    if sex.is_some_and(|sex| sex != number.sex()) {
        fields.refuse(
            Column::Sex,
            Text::new(
                "与公民身份号码不一致，请核对",
                "differs from the citizen number: check both",
            ),
        );
    }
}

fn in_order(
    fields: &mut Fields<'_>,
    since: Option<LocalDate>,
    issued: Option<LocalDate>,
    until: Option<LocalDate>,
) {
    if let (Some(issued), Some(until)) = (issued, until)
        && until < issued
    {
        fields.refuse(
            Column::EndorsedUntil,
            Text::new("早于签发日期，请核对", "is before the date of issue: check both"),
        );
    }
    // A late endorsement restarts the count of residence, so it may begin after the issue, but not after the last day.
    if let (Some(since), Some(until)) = (since, until)
        && since > until
    {
        fields.refuse(
            Column::ResidenceSince,
            Text::new(
                "晚于签注有效期，请核对",
                "is after the last endorsed day: check both",
            ),
        );
    }
}

fn permit_number(text: &str) -> Result<PermitNumber, Text> {
    PermitNumber::from_str(text).map_err(|_| {
        Text::new(
            "应为 1 至 32 位大写字母、数字或连字符",
            "must be 1 to 32 capitals, digits or hyphens",
        )
    })
}

fn region_code(text: &str) -> Result<Region, Text> {
    text.parse()
        .map_err(|_| Text::new("应为六位行政区划代码", "must be a region code of six digits"))
}

fn tier(text: &str) -> Result<Tier, Text> {
    Tier::parse(text).map_err(|_| Text::new("应为大写字母、数字或下划线", "must be capitals, digits or _"))
}

fn elc_id(text: &str) -> Result<String, Text> {
    match text.len() {
        1..=200 => Ok(text.to_owned()),
        _ => Err(TOO_LONG),
    }
}

fn sex(text: &str) -> Result<Sex, Text> {
    match text {
        "男" | "男性" | "MALE" | "M" | "1" => Ok(Sex::Male),
        "女" | "女性" | "FEMALE" | "F" | "2" => Ok(Sex::Female),
        _ => Err(Text::new("应为 男 或 女", "must be 男/MALE or 女/FEMALE")),
    }
}

fn basis(text: &str) -> Result<Basis, Text> {
    match text {
        "EMPLOYMENT" | "合法稳定就业" | "就业" => Ok(Basis::Employment),
        "DWELLING" | "合法稳定住所" | "住所" => Ok(Basis::Dwelling),
        "STUDY" | "连续就读" | "就读" => Ok(Basis::Study),
        _ => Err(Text::new(
            "应为 合法稳定就业、合法稳定住所 或 连续就读",
            "must be EMPLOYMENT, DWELLING or STUDY",
        )),
    }
}

/// The area codes of the numbers of Hong Kong, Macao and Taiwan residents.
fn kind_of(number: Option<&CitizenNumber>) -> IdType {
    match number.map(|number| number.area_code()) {
        Some(area) if ["810000", "820000", "830000"].contains(&area.as_str()) => IdType::HkMoTwPermit,
        _ => IdType::CitizenId,
    }
}

fn id_type(text: &str) -> Result<IdType, Text> {
    match text {
        "CITIZEN_ID" | "居民身份证" | "公民身份号码" => Ok(IdType::CitizenId),
        "HK_MO_TW_PERMIT" | "港澳台居民居住证" => Ok(IdType::HkMoTwPermit),
        _ => Err(CODE),
    }
}

fn credential_class(text: &str) -> Result<CredentialClass, Text> {
    match text {
        "DECREE663" => Ok(CredentialClass::Decree663),
        "LEGACY_LOCAL" => Ok(CredentialClass::LegacyLocal),
        "TEMPORARY" => Ok(CredentialClass::Temporary),
        "TALENT" => Ok(CredentialClass::Talent),
        _ => Err(CODE),
    }
}

/// `36@2026-10-31`: months and the day to which they were counted.
fn insured(text: &str) -> Result<InsuredMonths, Text> {
    const FORM: Text = Text::new(
        "应为“月数@截止日期”，如 36@2026-10-31",
        "must be months@date, such as 36@2026-10-31",
    );
    let (n, as_of) = text.split_once('@').ok_or(FORM)?;
    Ok(InsuredMonths {
        n: n.parse().ok().filter(|n| *n <= 1_200).ok_or(FORM)?,
        as_of: as_of.parse().map_err(|_| FORM)?,
    })
}

/// `YES@2026-10-31` or `NO@2026-10-31`, or 是, 否.
fn points(text: &str) -> Result<PointsStandard, Text> {
    const FORM: Text = Text::new("应为“是@日期”或“否@日期”", "must be YES@date or NO@date");
    let (met, as_of) = text.split_once('@').ok_or(FORM)?;
    let met = match met {
        "YES" | "是" => true,
        "NO" | "否" => false,
        _ => return Err(FORM),
    };
    Ok(PointsStandard {
        met,
        as_of: as_of.parse().map_err(|_| FORM)?,
    })
}

/// Separated by semicolons.
fn previous_ids(text: &str) -> Result<Vec<String>, Text> {
    let ids: Vec<_> = text.split(';').map(|id| id.trim().to_owned()).collect();
    let ok = |id: &String| {
        (1..=64).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    if ids.len() <= 8 && ids.iter().all(ok) {
        Ok(ids)
    } else {
        Err(Text::new(
            "应为以半角分号分隔的号码，至多 8 个",
            "must be up to 8 numbers separated by semicolons",
        ))
    }
}

fn citizen_number_reason(error: CitizenNumberError) -> Text {
    match error {
        CitizenNumberError::Length { .. } => {
            Text::new("应为 18 位，请核对", "must have 18 characters: check it")
        }
        CitizenNumberError::Character { .. } => Text::new(
            "含数字以外的字符(仅末位可为 X)，常见为字母 O 误作 0",
            "has a character that is no digit (only the last may be X): often the letter O for 0",
        ),
        CitizenNumberError::Date => Text::new(
            "第 7 至 14 位不是有效日期，请核对",
            "characters 7 to 14 are no date: check it",
        ),
        CitizenNumberError::CheckDigit => Text::new(
            "校验位不符，请查找录错的数字",
            "the check character does not fit: look for a mistyped digit",
        ),
    }
}
