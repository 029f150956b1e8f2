//! Citizen numbers (GB 11643): 18 characters, and the like-shaped numbers of Hong Kong, Macao and Taiwan residents
//! (area codes 810000, 820000, 830000).
//!
//! Checks form, calendar and check character. It does not check the area code against today's table, because most
//! codes ever given are retired and their bearers are not; and a correct number proves nothing about existence. The
//! number is personal data: `Debug` shows four characters, errors show none; `Display` and serde give it whole, for
//! the message or the column that is meant to hold it.

use crate::mutant;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Region;
use super::mod_11_2::check_character;
use crate::time::LocalDate;
use crate::wire_string::wire_string;

/// A citizen number in its one spelling: digits, the last one perhaps a capital `X`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CitizenNumber {
    text: [u8; 18],
    birth_date: LocalDate,
    area: Region,
}

wire_string!(
    CitizenNumber,
    expecting: "a citizen number of 18 characters (GB 11643)",
    pattern: "^[1-9][0-9]{16}[0-9Xx]$"
);

/// Why a text is not a citizen number. Never says which text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CitizenNumberError {
    /// Not 18 characters.
    #[error("citizen number: {found} characters, expected 18")]
    Length {
        /// Characters found.
        found: usize,
    },
    /// Something other than a digit (or X at the end); the letter O for the digit 0 is the usual case.
    #[error("citizen number: character {position} is not a digit (only the last may be X)")]
    Character {
        /// Where, from 1.
        position: usize,
    },
    /// Characters 7 to 14 are no date in the calendar.
    #[error("citizen number: characters 7 to 14 are not a date")]
    Date,
    /// The last character does not follow from the others: something was mistyped.
    #[error("citizen number: the last character does not fit the others; check for a mistyped digit")]
    CheckDigit,
}

/// Sex as recorded in the register (GB/T 2261.1 codes 1 and 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Sex {
    /// 男
    Male,
    /// 女
    Female,
}

impl CitizenNumber {
    /// The whole number. Personal data: not for logs, URLs or errors.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text).expect("only ASCII digits and X are ever stored")
    }

    /// Date of birth, characters 7 to 14.
    pub fn birth_date(&self) -> LocalDate {
        self.birth_date
    }

    /// Sex, from the parity of character 17: odd male, even female.
    pub fn sex(&self) -> Sex {
        if self.text[16] % 2 == 1 {
            Sex::Male
        } else {
            Sex::Female
        }
    }

    /// Where the number was first given; often a code since retired.
    pub fn area_code(&self) -> Region {
        self.area
    }

    /// The last four characters, what a window screen shows.
    pub fn last4(&self) -> &str {
        &self.as_str()[14..]
    }
}

impl FromStr for CitizenNumber {
    type Err = CitizenNumberError;

    /// Accepts a final lower-case `x` and keeps `X`.
    fn from_str(text: &str) -> Result<Self, CitizenNumberError> {
        let found = text.chars().count();
        if found != 18 {
            return Err(CitizenNumberError::Length { found });
        }
        let wrong = |(index, c): (usize, char)| match index {
            0 if mutant!("IDN-6/area") => !matches!(c, '1'..='6'),
            0 => !matches!(c, '1'..='9'),
            17 => !matches!(c, '0'..='9' | 'x' | 'X'),
            _ => !c.is_ascii_digit(),
        };
        if let Some(index) = text.chars().enumerate().position(wrong) {
            return Err(CitizenNumberError::Character { position: index + 1 });
        }
        let mut number = [b'0'; 18];
        number.copy_from_slice(text.as_bytes());
        if !mutant!("IDN-5") {
            number[17] = number[17].to_ascii_uppercase();
        }

        let area = text[..6]
            .parse()
            .map_err(|_| CitizenNumberError::Character { position: 1 })?;
        let date = format!("{}-{}-{}", &text[6..10], &text[10..12], &text[12..14]);
        let birth_date = match date.parse() {
            Err(_) if mutant!("IDN-6/date") => LocalDate::MAX,
            date => date.map_err(|_| CitizenNumberError::Date)?,
        };
        if check_character(&number[..17]) != Some(number[17]) && !mutant!("IDN-6") {
            return Err(CitizenNumberError::CheckDigit);
        }
        Ok(Self {
            text: number,
            birth_date,
            area,
        })
    }
}

/// The whole number, for documents that are meant to show it.
impl fmt::Display for CitizenNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Redacted: logs and panics print `Debug`.
impl fmt::Debug for CitizenNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CitizenNumber(**************{})", self.last4())
    }
}
