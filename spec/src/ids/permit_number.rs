//! Residence permit numbers.
//!
//! Counties number permits in their own ways, so any short code of capitals, digits and hyphens is one. A node that
//! issues without a register of its own assigns numbers by [`PermitNumber::assign`]; only those carry a check
//! character, and a number of another scheme is never refused for lacking one.

use crate::mutant;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::mod_11_2::check_character;
use super::{IdError, Region, check};
use crate::wire_string::wire_string;

/// The number of a residence permit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PermitNumber(Arc<str>);

wire_string!(
    PermitNumber,
    expecting: "a permit number of 1 to 32 capitals, digits and hyphens",
    pattern: "^[A-Z0-9-]{1,32}$"
);

/// Year or serial do not fit their digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("permit number: year {year} or serial {serial} does not fit four and eight digits")]
pub struct PermitNumberNotAssignable {
    /// The year asked for.
    pub year: u16,
    /// The serial asked for.
    pub serial: u32,
}

impl PermitNumber {
    /// Region (6), year (4), serial (8) and an ISO 7064 MOD 11-2 check character.
    ///
    /// # Errors
    /// When the year is not 1000 to 9999 or the serial is over 99,999,999.
    pub fn assign(region: Region, year: u16, serial: u32) -> Result<Self, PermitNumberNotAssignable> {
        if !(1000..=9999).contains(&year) || serial > 99_999_999 {
            return Err(PermitNumberNotAssignable { year, serial });
        }
        let body = format!("{region}{year:04}{serial:08}");
        let check = check_character(body.as_bytes()).expect("the body is digits only");
        Ok(Self(format!("{body}{}", char::from(check)).into()))
    }

    /// Whether the number has the form of [`PermitNumber::assign`] with its right check character.
    pub fn has_valid_check(&self) -> bool {
        let bytes = self.0.as_bytes();
        bytes.len() == 19 && bytes[0] != b'0' && check_character(&bytes[..18]) == Some(bytes[18])
    }

    /// The text. Personal data: it leads to a person.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PermitNumber {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        check(
            "permit number",
            text,
            (1, 32 + usize::from(mutant!("IDN-8"))),
            "A-Z, 0-9 and -",
            |c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-',
        )?;
        let number = Self(text.into());
        if mutant!("IDN-8/own-scheme") && !number.has_valid_check() {
            return Err(IdError::Length {
                what: "permit number",
                min: 19,
                max: 19,
                found: text.len(),
            });
        }
        Ok(number)
    }
}

impl fmt::Display for PermitNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Redacted to the last four characters: logs and panics print `Debug`.
impl fmt::Debug for PermitNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = if self.0.len() > 8 {
            &self.0[self.0.len() - 4..]
        } else {
            ""
        };
        write!(f, "PermitNumber(…{shown})")
    }
}
