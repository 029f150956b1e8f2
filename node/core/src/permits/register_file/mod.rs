//! Reads a register file: CSV as a county's register exports it, with a manifest beside it ([`manifest`]).
//!
//! The first line names the columns, by name or Chinese alias, in any order; unknown columns are refused, since a column that
//! is silently passed over may be the one that mattered. UTF-8 (with or without a byte order mark) or GB 18030, told apart by
//! the bytes: what is valid UTF-8 is UTF-8. Dates are `YYYY-MM-DD`.
//!
//! | column | aliases | content |
//! |---|---|---|
//! | `permit_number` | 居住证编号 证件编号 居住证号 | 1 to 32 capitals, digits, hyphens; once in a file |
//! | `name` | 姓名 | kept as the bytes given |
//! | `sex` | 性别 | 男, 女, MALE, FEMALE, 1, 2; must agree with the citizen number |
//! | `ethnicity` | 民族 | |
//! | `birth_date` | 出生日期 | must agree with the citizen number |
//! | `id_type`, optional | 号码类型 证件类型 | CITIZEN_ID (居民身份证), HK_MO_TW_PERMIT (港澳台居民居住证); by default from the number |
//! | `id_number` | 公民身份号码 身份证号码 身份证号 | GB 11643 |
//! | `hukou_address` | 常住户口所在地住址 户籍地址 | |
//! | `residence_address` | 居住地住址 居住地址 | |
//! | `residence_region`, optional | 居住地区划 居住地区划代码 | six digits; by default the county's |
//! | `issuing_authority` | 签发机关 | |
//! | `issue_date` | 签发日期 | |
//! | `tier`, optional | 证件类别 | ORDINARY by default |
//! | `basis` | 申领事由 | EMPLOYMENT (合法稳定就业), DWELLING (合法稳定住所), STUDY (连续就读) |
//! | `residence_since` | 居住起算日 居住起始日期 | |
//! | `endorsed_until` | 签注有效期至 签注至 | last day of use |
//! | `insured_months`, optional | 参保月数 | `36@2026-10-31` |
//! | `points_standard_met`, optional | 积分达标 | `YES@2026-10-31`, `NO@…`, 是, 否 |
//! | `credential_class`, optional | 证件制式 | DECREE663 by default; LEGACY_LOCAL, TEMPORARY, TALENT |
//! | `previous_ids`, optional | 曾用号码 | separated by `;` |
//! | `card_valid_until`, optional | 证件有效期至 | |
//! | `elc_id`, optional | 电子证照标识 | |
//! | `source_event`, optional | 变更类型 业务类型 | see [`SourceEvent`]; empty is UPDATE |
//!
//! All or nothing: every row is read, and every reason of every row is reported with its line, up to [`MAX_PROBLEMS`] and their
//! count. Reasons never repeat a value.

pub mod columns;
pub mod manifest;
pub mod row;
pub mod source_event;

use std::borrow::Cow;
use std::collections::HashMap;

use comity_spec::ids::{Digest, Region};
use comity_spec::text::Text;

pub use columns::Column;
pub use manifest::{Kind, Manifest, ManifestError};
pub use row::Row;
pub use source_event::SourceEvent;

/// Largest file, in bytes.
pub const MAX_BYTES: usize = 512 * 1024 * 1024;
/// Most rows of a file.
pub const MAX_ROWS: u64 = 2_000_000;
/// Most problems reported one by one; more are only counted.
pub const MAX_PROBLEMS: usize = 1_000;

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line of the file on which the row begins, from 1; the header is line 1.
    pub line: u64,
    /// The column, where it is one.
    pub column: Option<Column>,
    /// What is wrong and what to do.
    pub reason: Text,
    /// Another line that has to do with it: where a permit number stood first.
    pub other_line: Option<u64>,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (zh, en) = self
            .column
            .map_or(("", ""), |column| (column.label().zh, column.label().en));
        write!(f, "第 {} 行 {zh} {}", self.line, self.reason.zh)?;
        if let Some(other) = self.other_line {
            write!(f, "(第 {other} 行)")?;
        }
        write!(f, " / line {} {en} {}", self.line, self.reason.en)?;
        if let Some(other) = self.other_line {
            write!(f, " (line {other})")?;
        }
        Ok(())
    }
}

/// Every problem of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    /// The first [`MAX_PROBLEMS`], in the order of the file.
    pub listed: Vec<Problem>,
    /// How many there are.
    pub total: u64,
}

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "文件有 {0} 处问题，未导入任何内容，请改正后重新导入 / {0} problems; nothing was imported: correct the file and import it again",
            self.total
        )?;
        for problem in &self.listed {
            write!(f, "\n{problem}")?;
        }
        let more = self.total.saturating_sub(self.listed.len() as u64);
        if more > 0 {
            write!(f, "\n另有 {more} 处未列出 / {more} more are not listed")?;
        }
        Ok(())
    }
}

/// Why a file was refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Larger than [`MAX_BYTES`].
    #[error(
        "文件超过 {MAX_BYTES} 字节，请分批导出 / the file is larger than {MAX_BYTES} bytes: export it in parts"
    )]
    TooLarge,
    /// More rows than [`MAX_ROWS`].
    #[error(
        "文件超过 {MAX_ROWS} 行，请分批导出 / the file has more than {MAX_ROWS} rows: export it in parts"
    )]
    TooManyRows,
    /// The bytes are not those the manifest speaks of.
    #[error(
        "文件与清单的 sha256 不符，请重新传输 / the file is not the one its manifest describes (sha256 differs): copy it again"
    )]
    Checksum,
    /// Another number of rows.
    #[error(
        "清单称有 {said} 行，实有 {found} 行，请重新导出 / the manifest says {said} rows, the file has {found}: export it again"
    )]
    RowCount {
        /// As the manifest says.
        said: u64,
        /// As counted.
        found: u64,
    },
    /// Neither UTF-8 nor GB 18030.
    #[error(
        "编码既非 UTF-8 也非 GB 18030,请另存为 UTF-8 / neither UTF-8 nor GB 18030: save the file as UTF-8"
    )]
    Encoding,
    /// No header, or one with unknown, repeated or missing columns.
    #[error("{0}")]
    Header(HeaderError),
    /// Rows that do not read.
    #[error("{0}")]
    Rows(Problems),
}

/// What is wrong with the header: everything at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderError {
    /// Headers that are no column, by their place from 1.
    pub unknown: Vec<usize>,
    /// Columns that stand twice.
    pub repeated: Vec<Column>,
    /// Required columns that are not there.
    pub missing: Vec<Column>,
}

impl std::fmt::Display for HeaderError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("表头(第 1 行)有误 / the header (line 1) is wrong")?;
        for place in &self.unknown {
            write!(
                f,
                "\n第 {place} 列：未知列名，请删除或改正 / column {place}: unknown name, remove or correct it"
            )?;
        }
        for column in &self.repeated {
            write!(f, "\n{}：重复出现 / stands twice", column.label())?;
        }
        for column in &self.missing {
            write!(f, "\n{}：缺少此列 / is missing", column.label())?;
        }
        Ok(())
    }
}

/// Reads a file that its manifest describes. `region` is the county's, for rows that name none.
///
/// # Errors
/// [`FileError`]; with [`FileError::Rows`], every problem of every row.
pub fn parse(file: &[u8], manifest: &Manifest, region: Region) -> Result<Vec<Row>, FileError> {
    if file.len() > MAX_BYTES {
        return Err(FileError::TooLarge);
    }
    if Digest::of(file) != manifest.digest {
        return Err(FileError::Checksum);
    }
    let text = decode(file)?;
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    // The text is a str, so the only errors that csv knows (I/O, UTF-8, length) cannot come; one that does is the encoding's.
    if !reader.read_record(&mut record).map_err(|_| FileError::Encoding)? {
        return Err(FileError::Header(HeaderError {
            missing: required().collect(),
            ..HeaderError::default()
        }));
    }
    let width = record.len();
    let places = header(&record).map_err(FileError::Header)?;
    let mut rows = Vec::new();
    let mut found = 0_u64;
    let mut lines = HashMap::new();
    let mut problems = Problems {
        listed: Vec::new(),
        total: 0,
    };
    while reader.read_record(&mut record).map_err(|_| FileError::Encoding)? {
        found += 1;
        if found > MAX_ROWS {
            return Err(FileError::TooManyRows);
        }
        let line = line_of(&text, &record);
        if record.len() != width {
            problems.add(line, None, FIELDS, None);
            continue;
        }
        let mut fields = row::Fields {
            record: &record,
            places: &places,
            reasons: Vec::new(),
        };
        let read = row::read(&mut fields, line, region);
        for (column, reason) in fields.reasons {
            problems.add(line, column, reason, None);
        }
        if let Some(row) = read {
            match lines.insert(row.details.permit_number.clone(), line) {
                Some(first) => problems.add(line, Some(Column::PermitNumber), TWICE, Some(first)),
                None => rows.push(row),
            }
        }
    }
    if problems.total > 0 {
        return Err(FileError::Rows(problems));
    }
    if found != manifest.rows {
        return Err(FileError::RowCount {
            said: manifest.rows,
            found,
        });
    }
    Ok(rows)
}

const FIELDS: Text = Text::new(
    "列数与表头不同，请检查逗号与引号",
    "has another number of fields than the header: check commas and quotes",
);
const TWICE: Text = Text::new(
    "在本文件中重复，请保留一行",
    "stands twice in this file: keep one row",
);

impl Problems {
    pub(super) fn push(&mut self, problem: Problem) {
        self.total += 1;
        if self.listed.len() < MAX_PROBLEMS {
            self.listed.push(problem);
        }
    }

    fn add(&mut self, line: u64, column: Option<Column>, reason: Text, other_line: Option<u64>) {
        self.push(Problem {
            line,
            column,
            reason,
            other_line,
        });
    }
}

/// The line on which a record begins. The reader counts from the end of the record before, so blank lines in between are added.
fn line_of(text: &str, record: &csv::StringRecord) -> u64 {
    let Some(position) = record.position() else {
        return 0;
    };
    let start = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let blank = text
        .as_bytes()
        .get(start..)
        .unwrap_or_default()
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .filter(|byte| **byte == b'\n')
        .count();
    position.line() + blank as u64
}

fn decode(file: &[u8]) -> Result<Cow<'_, str>, FileError> {
    let bytes = file.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(file);
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(Cow::Borrowed(text));
    }
    encoding_rs::GB18030
        .decode_without_bom_handling_and_without_replacement(bytes)
        .ok_or(FileError::Encoding)
}

fn required() -> impl Iterator<Item = Column> {
    Column::ALL.iter().copied().filter(|column| column.is_required())
}

/// Where each column stands, by the column's number.
fn header(record: &csv::StringRecord) -> Result<Vec<Option<usize>>, HeaderError> {
    let mut places = vec![None; Column::ALL.len()];
    let mut wrong = HeaderError::default();
    for (place, name) in record.iter().enumerate() {
        match Column::from_header(name) {
            None => wrong.unknown.push(place + 1),
            Some(column) if places[column as usize].is_some() => wrong.repeated.push(column),
            Some(column) => places[column as usize] = Some(place),
        }
    }
    wrong.missing = required()
        .filter(|column| places[*column as usize].is_none())
        .collect();
    if wrong == HeaderError::default() {
        Ok(places)
    } else {
        Err(wrong)
    }
}
