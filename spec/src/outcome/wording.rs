//! Sentences with a number or a date in them.
//!
//! An outcome's general sentence is always true; where the window knows the minutes, hours or day, the particular
//! sentence replaces it. A particular that does not belong to the outcome changes nothing.

use std::fmt;

use super::Outcome;
use crate::text::{Bilingual, Text};
use crate::time::LocalDate;

/// What makes a general sentence particular.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Particular {
    /// Minutes to wait (RATE_LIMITED).
    Minutes(u32),
    /// Age of the status data in hours (STATUS_STALE).
    Hours(u32),
    /// The day in question (NOT_YET_VALID, EXPIRED, ENDORSEMENT_LAPSED).
    Date(LocalDate),
}

impl Outcome {
    /// The sentence for people, with the number or day in it where the outcome has one.
    pub fn text_with(self, particular: Particular) -> Bilingual {
        let (template, value): (Text, &dyn fmt::Display) = match (self, &particular) {
            (Self::RateLimited, Particular::Minutes(minutes)) => (
                Text::new(
                    "查询过于频繁，请 {} 分钟后再试。",
                    "Too many queries; try again in {} minutes.",
                ),
                minutes,
            ),
            (Self::StatusStale, Particular::Hours(hours)) => (
                Text::new(
                    "对方状态数据超过 {} 小时未更新，无法确认是否仍有效。",
                    "The issuer's status data is more than {} hours old; we cannot tell whether the permit is still valid.",
                ),
                hours,
            ),
            (Self::NotYetValid, Particular::Date(date)) => (
                Text::new("证件尚未到启用日期（{}）。", "Not valid until {}."),
                date,
            ),
            (Self::Expired, Particular::Date(date)) => (
                Text::new("证件有效期已满（{}）。", "The permit expired on {}."),
                date,
            ),
            (Self::EndorsementLapsed, Particular::Date(date)) => (
                Text::new(
                    "签注逾期（有效至 {}），使用功能中止；补办后恢复，签注不收费。",
                    "The yearly endorsement is overdue (good until {}) and the permit's use is suspended until endorsed. \
                     Endorsement is free.",
                ),
                date,
            ),
            _ => return self.text().into(),
        };
        let fill = |sentence: &str| sentence.replacen("{}", &value.to_string(), 1);
        Bilingual {
            zh: fill(template.zh),
            en: fill(template.en),
        }
    }
}
