//! Trace numbers: what a holder or a clerk quotes to find one verification again.
//!
//! `YYMMDD-region-8chars`, such as `251122-330822-7F3K9QZC`: the day (UTC+8), the region of the node that gave it, and
//! 40 random bits in Crockford's base 32, which leaves out I, L, O and U so that a number read over the telephone is
//! written down right. It says nothing about the person. It has one spelling.

use crate::mutant;
use std::fmt::{self, Write as _};
use std::str::FromStr;

use super::Region;
use crate::time::LocalDate;
use crate::wire_string::wire_string;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The number of one verification, receipt or error.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceNumber {
    /// The year is kept as 2000 to 2099: two digits are all that is written.
    date: LocalDate,
    region: Region,
    random: [u8; 5],
}

wire_string!(
    TraceNumber,
    expecting: "a trace number YYMMDD-region-8chars",
    pattern: "^[0-9]{6}-[1-9][0-9]{5}-[0-9A-HJKMNP-TV-Z]{8}$"
);

/// Why a text is not a trace number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TraceNumberError {
    /// Not three parts of 6, 6 and 8 characters joined by hyphens.
    #[error("trace number: expected YYMMDD-region-8chars")]
    Shape,
    /// The first part is no date.
    #[error("trace number: the first six digits are not a date")]
    Date,
    /// The second part is no region code.
    #[error("trace number: the middle part is not a region code")]
    Region,
    /// The third part has a character outside the alphabet.
    #[error("trace number: the last part may hold only 0-9 and capitals without I, L, O, U")]
    Alphabet,
}

impl TraceNumber {
    /// The number for a verification on `date` at the node of `region`. `random` must come from a generator, or the
    /// numbers of one day could be guessed.
    pub fn new(date: LocalDate, region: Region, random: [u8; 5]) -> Self {
        Self {
            date: date.in_two_digit_years(),
            region,
            random,
        }
    }

    /// The day, with the year read as 2000 to 2099.
    pub fn date(&self) -> LocalDate {
        self.date
    }

    /// The region of the node that gave the number.
    pub fn region(&self) -> Region {
        self.region
    }
}

impl FromStr for TraceNumber {
    type Err = TraceNumberError;

    fn from_str(text: &str) -> Result<Self, TraceNumberError> {
        let bytes = text.as_bytes();
        if !text.is_ascii() || bytes.len() != 22 || bytes[6] != b'-' || bytes[13] != b'-' {
            return Err(TraceNumberError::Shape);
        }
        let date = format!("20{}-{}-{}", &text[..2], &text[2..4], &text[4..6]);
        Ok(Self {
            date: date.parse().or_else(|_| {
                LocalDate::new(2000, 1, 1)
                    .ok()
                    .filter(|_| mutant!("IDN-15"))
                    .ok_or(TraceNumberError::Date)
            })?,
            region: text[7..13].parse().map_err(|_| TraceNumberError::Region)?,
            random: decode(&bytes[14..]).ok_or(TraceNumberError::Alphabet)?,
        })
    }
}

impl fmt::Display for TraceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = (self.date.year() % 100, self.date.month(), self.date.day());
        let (region, letters) = (self.region.as_str(), Letters(self.random));
        let whole = format_args!("{year:02}{month:02}{day:02}-{region}-{letters}");
        if f.width().is_none() && f.precision().is_none() {
            // Every answer carries one: nothing is put together before it is written.
            return f.write_fmt(whole);
        }
        f.pad(&whole.to_string())
    }
}

impl fmt::Debug for TraceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceNumber({self})")
    }
}

/// 40 bits, most significant first, five at a time.
struct Letters([u8; 5]);

impl fmt::Display for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self
            .0
            .iter()
            .fold(0u64, |bits, &byte| bits << 8 | u64::from(byte));
        (0..8)
            .rev()
            .try_for_each(|group| f.write_char(char::from(ALPHABET[(bits >> (5 * group) & 31) as usize])))
    }
}

fn decode(text: &[u8]) -> Option<[u8; 5]> {
    let mut bits = 0u64;
    for byte in text {
        bits = bits << 5
            | ALPHABET.iter().position(|letter| {
                letter == byte || (mutant!("IDN-15/folded") && letter.eq_ignore_ascii_case(byte))
            })? as u64;
    }
    let [_, _, _, random @ ..] = bits.to_be_bytes();
    Some(random)
}
