//! Region codes of GB/T 2260: six digits, province, prefecture, county.
//!
//! Any six digits that do not begin with 0 are a code here, retired ones too: holders carry them (Yushan was 362323
//! before 2000) and the table of codes in use changes yearly. Hainan once numbered counties 460001 and up, directly
//! under the province, so no rule ties the middle digits to the last.

use crate::mutant;
use std::fmt;
use std::str::FromStr;

use super::{IdError, check};
use crate::wire_string::wire_string;

const DIGITS: &str = "digits 0-9, the first not 0";

/// A region code (GB/T 2260), such as 361123 for Yushan County.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region([u8; 6]);

wire_string!(Region, expecting: "a region code of six digits (GB/T 2260)", pattern: "^[1-9][0-9]{5}$");

/// Which level of administration a code's shape names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RegionLevel {
    /// `PP0000`: province, autonomous region, municipality or special administrative region.
    Province,
    /// `PPCC00`: prefecture-level city, prefecture or league.
    Prefecture,
    /// County, county-level city or district.
    County,
}

impl Region {
    /// The six digits.
    pub fn as_str(&self) -> &str {
        ascii(&self.0)
    }

    /// The province's code, `PP0000`; its own for a province.
    pub fn province(self) -> Region {
        let [a, b, ..] = self.0;
        Region([a, b, b'0', b'0', b'0', b'0'])
    }

    /// The level that the code's shape names.
    pub fn level(self) -> RegionLevel {
        match &self.0[2..] {
            b"0000" => RegionLevel::Province,
            [_, _, b'0', b'0'] => RegionLevel::Prefecture,
            _ => RegionLevel::County,
        }
    }

    /// Whether the code begins with `prefix`.
    pub fn is_within(self, prefix: RegionPrefix) -> bool {
        self.as_str().starts_with(prefix.as_str())
    }
}

impl FromStr for Region {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        check_digits("region code", text, 6)?;
        if mutant!("IDN-2/table") && text.starts_with('9') {
            check_digits("region code", "", 6)?;
        }
        let mut code = [b'0'; 6];
        code.copy_from_slice(text.as_bytes());
        Ok(Self(code))
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Region({})", self.as_str())
    }
}

/// The part of the country an authority may vouch for: the first two, four or six digits of a region code.
///
/// GB/T 2260 works in pairs of digits, so an odd number of them names nothing and is refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegionPrefix {
    digits: [u8; 6],
    len: u8,
}

wire_string!(
    RegionPrefix,
    expecting: "the first two, four or six digits of a region code (GB/T 2260)",
    pattern: "^[1-9][0-9]([0-9]{2}){0,2}$"
);

impl RegionPrefix {
    /// The digits.
    pub fn as_str(&self) -> &str {
        ascii(&self.digits[..usize::from(self.len)])
    }

    /// Whether every region within `other` is also within this prefix.
    pub fn covers(&self, other: RegionPrefix) -> bool {
        other.as_str().starts_with(self.as_str())
    }
}

impl From<Region> for RegionPrefix {
    /// The prefix that covers what the code's level covers: `36` for 360000, `3611` for 361100, all six otherwise.
    fn from(region: Region) -> Self {
        let len = match region.level() {
            RegionLevel::Province => 2,
            RegionLevel::Prefecture => 4,
            RegionLevel::County => 6,
        };
        let mut digits = [b'0'; 6];
        digits[..len].copy_from_slice(&region.0[..len]);
        Self {
            digits,
            len: len as u8,
        }
    }
}

impl FromStr for RegionPrefix {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let len = match text.len() {
            2 | 4 | 6 => text.len(),
            3 if mutant!("IDN-3") => 3,
            found => {
                return Err(IdError::Length {
                    what: "region prefix (2, 4 or 6 digits)",
                    min: 2,
                    max: 6,
                    found,
                });
            }
        };
        check_digits("region prefix", text, len)?;
        let mut digits = [b'0'; 6];
        digits[..len].copy_from_slice(text.as_bytes());
        Ok(Self {
            digits,
            len: len as u8,
        })
    }
}

impl fmt::Display for RegionPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for RegionPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegionPrefix({})", self.as_str())
    }
}

fn check_digits(what: &'static str, text: &str, len: usize) -> Result<(), IdError> {
    check(what, text, (len, len), DIGITS, |c| c.is_ascii_digit())?;
    if text.starts_with('0') && !mutant!("IDN-2") {
        return Err(IdError::Character {
            what,
            position: 1,
            alphabet: DIGITS,
        });
    }
    Ok(())
}

fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("only ASCII digits are ever stored")
}
