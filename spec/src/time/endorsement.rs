//! The yearly endorsement (签注) of Decree 663, article 10, as rules on dates.
//!
//! A permit is endorsed once a year, within the month before each full year. Late, its use is suspended; endorsed
//! late, its use is restored, and the years of residence count anew from that day. The first endorsement is the issue
//! itself. Pure functions: whether somebody may endorse, and who says so, is decided elsewhere.

use super::{LocalDate, LocalDateError};
use crate::mutant;

/// What a county adds to the national rule (Decree 663, article 22).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndorsementProfile {
    /// How many days after the lapse a late endorsement is still possible; `None` = no limit. Past it the residence
    /// must be registered again (Xuchang: half a year).
    pub late_endorse_max_days: Option<u32>,
}

/// A permit's dates after an endorsement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endorsement {
    /// Last day on which the permit may be used.
    pub until: LocalDate,
    /// The day from which full years are counted.
    pub anniversary: LocalDate,
    /// The day from which years of residence count anew, when the endorsement was late.
    pub residence_restart: Option<LocalDate>,
}

/// Why a permit cannot be endorsed on that day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndorsementRefusal {
    /// The month before the full year has not begun.
    #[error("the permit can be endorsed from {opens}")]
    WindowNotOpen {
        /// First day of the window.
        opens: LocalDate,
    },
    /// The county's limit for late endorsement has passed: residence must be registered again.
    #[error("the last day for a late endorsement was {last_day}; residence must be registered again")]
    RegistrationNeeded {
        /// Last day on which a late endorsement was possible.
        last_day: LocalDate,
    },
    /// The permit's last day does not close a full year from the anniversary: the two dates contradict each other.
    #[error("the permit's last day does not close a full year counted from its anniversary")]
    NotOnAnniversary,
    /// A date beyond the calendar.
    #[error(transparent)]
    Date(#[from] LocalDateError),
}

/// Last day of the year that begins on `start`: the day before the full year. Issued on 2024-02-29: 2025-02-28.
///
/// # Errors
/// At the end of the calendar.
pub fn endorsed_until(start: LocalDate) -> Result<LocalDate, LocalDateError> {
    last_day_of_year(start, 1)
}

/// First day on which the year after `until` can be endorsed: one month before the full year.
///
/// # Errors
/// At the ends of the calendar.
pub fn window_opens(until: LocalDate) -> Result<LocalDate, LocalDateError> {
    until.plus_days(1)?.plus_months(-1)
}

/// The anniversary of a permit of which only the last day is known, as in a mirrored register.
///
/// # Errors
/// At the ends of the calendar.
pub fn anniversary_of(until: LocalDate) -> Result<LocalDate, LocalDateError> {
    let full_year = until.plus_days(1)?;
    // A year that is full on 29 February began on one, four years earlier (eight across 1900 or 2100).
    for years in [1, 4, 8] {
        let start = full_year.plus_years_permit_rule(-years)?;
        if start.plus_years_permit_rule(years)? == full_year {
            return Ok(start);
        }
    }
    Err(LocalDateError::NoSuchDay)
}

/// Endorses on the day `on` a permit that is good to `current_until` and counts its years from `anniversary`.
///
/// In time, the anniversary stays and the permit is good for the next full year. Late, `on` is the new anniversary and
/// the day from which residence counts.
///
/// # Errors
/// Too early, too late for the county's profile, or beyond the calendar.
pub fn endorse(
    current_until: LocalDate,
    anniversary: LocalDate,
    on: LocalDate,
    profile: EndorsementProfile,
) -> Result<Endorsement, EndorsementRefusal> {
    if on > current_until {
        return endorse_late(current_until, on, profile);
    }
    let opens = window_opens(current_until)?;
    if on < opens && !mutant!("TIM-6") {
        return Err(EndorsementRefusal::WindowNotOpen { opens });
    }
    // From the anniversary, not from the last date: 29 February stays 29 February in the next leap year.
    let year = full_years(anniversary, current_until)?.ok_or(EndorsementRefusal::NotOnAnniversary)?;
    let until = match mutant!("TIM-7") {
        true => last_day_of_year(current_until.plus_days(1)?, 1)?,
        false => last_day_of_year(anniversary, year + 1)?,
    };
    Ok(Endorsement {
        until,
        anniversary,
        residence_restart: None,
    })
}

fn endorse_late(
    lapsed: LocalDate,
    on: LocalDate,
    profile: EndorsementProfile,
) -> Result<Endorsement, EndorsementRefusal> {
    if let Some(days) = profile.late_endorse_max_days {
        let last_day = lapsed.plus_days(i64::from(days))?;
        if on > last_day && !mutant!("TIM-9") {
            return Err(EndorsementRefusal::RegistrationNeeded { last_day });
        }
    }
    Ok(Endorsement {
        until: endorsed_until(on)?,
        anniversary: on,
        residence_restart: Some(on).filter(|_| !mutant!("TIM-8")),
    })
}

/// Which full year from `anniversary` ends on `until`, if one does.
fn full_years(anniversary: LocalDate, until: LocalDate) -> Result<Option<i16>, LocalDateError> {
    let full_year = until.plus_days(1)?;
    let years = full_year.year() - anniversary.year();
    Ok((years >= 1 && anniversary.plus_years_permit_rule(years)? == full_year).then_some(years))
}

fn last_day_of_year(start: LocalDate, years: i16) -> Result<LocalDate, LocalDateError> {
    start
        .plus_years_permit_rule(years)?
        .plus_days(if mutant!("TIM-5") { 0 } else { -1 })
}
