//! Civil dates in UTC+8, by which permits are issued, endorsed and lapse.
//!
//! A date is a whole day, its last second included; no clock skew applies to dates. All of China keeps one time
//! without summer time, so the offset is a constant and no time-zone database is read.

use crate::mutant;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use super::UnixSeconds;
use crate::wire_string::wire_string;

/// UTC+8 in seconds.
const OFFSET: i64 = 8 * 3600;
const DAY: i64 = 86_400;

/// A date in UTC+8, years 1 to 9999, written `YYYY-MM-DD`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalDate(Date);

wire_string!(
    LocalDate,
    expecting: "a date YYYY-MM-DD",
    pattern: "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
);

/// Why a date does not exist or cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocalDateError {
    /// Not ten characters `YYYY-MM-DD`.
    #[error("date: expected YYYY-MM-DD")]
    Form,
    /// The calendar has no such day.
    #[error("date: no such day in the calendar")]
    NoSuchDay,
    /// The result lies outside the years 1 to 9999.
    #[error("date: outside the years 1 to 9999")]
    OutOfRange,
}

impl LocalDate {
    /// 9999-12-31.
    pub const MAX: Self = Self(Date::MAX);

    /// The day with this year, month (from 1) and day (from 1).
    ///
    /// # Errors
    /// When the calendar has no such day, or the year is not 1 to 9999.
    pub fn new(year: i16, month: i8, day: i8) -> Result<Self, LocalDateError> {
        if year < 1 {
            return Err(LocalDateError::OutOfRange);
        }
        Date::new(year, month, day)
            .map(Self)
            .map_err(|_| LocalDateError::NoSuchDay)
    }

    /// The day on which `instant` falls in UTC+8. The last eight hours of time count as the last day.
    pub fn of(instant: UnixSeconds) -> Self {
        let offset = if mutant!("TIM-3") {
            Offset::UTC
        } else {
            Offset::constant(8)
        };
        // Beyond the last instant that jiff knows, 22:00 UTC of the last day but one, it is the last day here.
        Timestamp::from_second(instant.get()).map_or(Self::MAX, |at| Self(offset.to_datetime(at).date()))
    }

    /// The day's first second, 00:00:00 in UTC+8; second 0 for days before 1970.
    pub fn start_of_day(self) -> UnixSeconds {
        UnixSeconds::clamped(self.days_since(Self::epoch()) * DAY - OFFSET)
    }

    /// The day's last second, 23:59:59 in UTC+8, still inside the day; second 0 for days before 1970.
    pub fn end_of_day(self) -> UnixSeconds {
        UnixSeconds::clamped((self.days_since(Self::epoch()) + 1) * DAY - OFFSET - 1)
    }

    /// The year.
    pub fn year(self) -> i16 {
        self.0.year()
    }

    /// The month, from 1.
    pub fn month(self) -> i8 {
        self.0.month()
    }

    /// The day of the month, from 1.
    pub fn day(self) -> i8 {
        self.0.day()
    }

    /// `days` later (or, negative, earlier).
    ///
    /// # Errors
    /// When the result lies outside the years 1 to 9999.
    pub fn plus_days(self, days: i64) -> Result<Self, LocalDateError> {
        let days = i32::try_from(days).map_err(|_| LocalDateError::OutOfRange)?;
        self.plus(jiff::Span::new().try_days(days))
    }

    /// `months` later (or, negative, earlier), on the same day of the month or, where that month is too short, its last.
    ///
    /// # Errors
    /// When the result lies outside the years 1 to 9999.
    pub fn plus_months(self, months: i32) -> Result<Self, LocalDateError> {
        self.plus(jiff::Span::new().try_months(months))
    }

    /// `years` later by the rule for permits: the same month and day, and 1 March where 29 February does not exist. A
    /// year from 29 February is thus full only when 28 February is over.
    ///
    /// # Errors
    /// When the result lies outside the years 1 to 9999.
    pub fn plus_years_permit_rule(self, years: i16) -> Result<Self, LocalDateError> {
        let year = self.year().checked_add(years).ok_or(LocalDateError::OutOfRange)?;
        match Self::new(year, self.month(), self.day()) {
            Err(LocalDateError::NoSuchDay) if (1..=9999).contains(&year) => {
                if mutant!("TIM-4") {
                    Self::new(year, 2, 28)
                } else {
                    Self::new(year, 3, 1)
                }
            }
            Err(_) => Err(LocalDateError::OutOfRange),
            date => date,
        }
    }

    /// Days from `earlier` to this date; negative when `earlier` is later.
    pub fn days_since(self, earlier: Self) -> i64 {
        let span = earlier
            .0
            .until(self.0)
            .expect("two dates lie at most 10,000 years apart");
        i64::from(span.get_days())
    }

    /// Full months from this date to `later`: a month is full on the same day of the month, or on the last day of a
    /// month too short for it. 0 when `later` is not later.
    pub fn months_until(self, later: Self) -> u32 {
        if later <= self {
            return 0;
        }
        let apart =
            (i32::from(later.year()) - i32::from(self.year())) * 12 + i32::from(later.month() - self.month());
        let full = match self.plus_months(apart) {
            Ok(date) if date <= later || mutant!("TIM-10") => apart,
            _ => apart - 1,
        };
        full.unsigned_abs()
    }

    /// The same month and day in 2000 to 2099, for forms that write two digits of the year. 2000 and every fourth year
    /// after it have a 29 February, as every leap year of other centuries does, so the day exists.
    pub(crate) fn in_two_digit_years(self) -> Self {
        Self::new(2000 + self.year().rem_euclid(100), self.month(), self.day()).unwrap_or(self)
    }

    fn epoch() -> Self {
        Self(Date::constant(1970, 1, 1))
    }

    fn plus(self, span: Result<jiff::Span, jiff::Error>) -> Result<Self, LocalDateError> {
        let span = span.map_err(|_| LocalDateError::OutOfRange)?;
        match self.0.checked_add(span) {
            Ok(date) if date.year() >= 1 => Ok(Self(date)),
            _ => Err(LocalDateError::OutOfRange),
        }
    }
}

impl FromStr for LocalDate {
    type Err = LocalDateError;

    fn from_str(text: &str) -> Result<Self, LocalDateError> {
        let bytes = text.as_bytes();
        if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
            return Err(LocalDateError::Form);
        }
        let year = digits(&bytes[..4])?;
        let month = digits(&bytes[5..7])?;
        let day = digits(&bytes[8..])?;
        match (i8::try_from(month), i8::try_from(day)) {
            (Ok(2), Ok(29)) if mutant!("TIM-2") => Self::new(year, 3, 1),
            (Ok(month), Ok(day)) => Self::new(year, month, day),
            _ => Err(LocalDateError::NoSuchDay),
        }
    }
}

impl fmt::Display for LocalDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!(
            "{:04}-{:02}-{:02}",
            self.year(),
            self.month(),
            self.day()
        ))
    }
}

impl fmt::Debug for LocalDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalDate({self})")
    }
}

/// At most four digits, so an `i16` holds them.
fn digits(bytes: &[u8]) -> Result<i16, LocalDateError> {
    bytes.iter().try_fold(0i16, |number, byte| match byte {
        b'0'..=b'9' => Ok(number * 10 + i16::from(byte - b'0')),
        _ => Err(LocalDateError::Form),
    })
}
