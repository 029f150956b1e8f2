//! Seconds since 1970-01-01T00:00:00Z, as every signed object states time.
//!
//! Integers only, from 0 to the end of the year 9999: a fraction, a string, a negative or a huge number is refused
//! where it stands rather than becoming a wrong but comparable value.

use crate::mutant;
use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

/// A point in time, to the second.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct UnixSeconds(i64);

/// Seconds outside 0 to 253,402,300,799.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("time in seconds must lie from 0 to {}", UnixSeconds::MAX.0)]
pub struct TimeOutOfRange;

impl UnixSeconds {
    /// 1970-01-01T00:00:00Z.
    pub const MIN: Self = Self(0);
    /// 9999-12-31T23:59:59Z.
    pub const MAX: Self = Self(253_402_300_799);

    /// A point in time.
    ///
    /// # Errors
    /// When `seconds` is outside [`UnixSeconds::MIN`] to [`UnixSeconds::MAX`].
    pub const fn new(seconds: i64) -> Result<Self, TimeOutOfRange> {
        if seconds < Self::MIN.0 || seconds > Self::MAX.0 {
            Err(TimeOutOfRange)
        } else {
            Ok(Self(seconds))
        }
    }

    /// The seconds.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// This time and `seconds` more (or, negative, fewer).
    ///
    /// # Errors
    /// When the sum is out of range.
    pub const fn plus(self, seconds: i64) -> Result<Self, TimeOutOfRange> {
        match self.0.checked_add(seconds) {
            Some(sum) => Self::new(sum),
            None => Err(TimeOutOfRange),
        }
    }

    /// Like [`UnixSeconds::plus`], stopping at the ends of the range; for a deadline that may as well be the end of time.
    pub const fn plus_saturating(self, seconds: i64) -> Self {
        Self::clamped(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to this time; negative when `earlier` is later. Cannot overflow.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    pub(super) const fn clamped(seconds: i64) -> Self {
        if seconds < Self::MIN.0 {
            Self::MIN
        } else if seconds > Self::MAX.0 {
            Self::MAX
        } else {
            Self(seconds)
        }
    }
}

impl TryFrom<i64> for UnixSeconds {
    type Error = TimeOutOfRange;

    fn try_from(seconds: i64) -> Result<Self, TimeOutOfRange> {
        Self::new(seconds)
    }
}

impl<'de> Deserialize<'de> for UnixSeconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = i64::deserialize(deserializer)?;
        if mutant!("TIM-1") {
            return Ok(Self(seconds));
        }
        Self::new(seconds).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for UnixSeconds {
    fn schema_name() -> Cow<'static, str> {
        "UnixSeconds".into()
    }

    fn schema_id() -> Cow<'static, str> {
        concat!(module_path!(), "::UnixSeconds").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "integer",
            "description": "seconds since 1970-01-01T00:00:00Z",
            "minimum": UnixSeconds::MIN.0,
            "maximum": UnixSeconds::MAX.0,
        })
    }
}

impl fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for UnixSeconds {
    type Err = TimeOutOfRange;

    fn from_str(text: &str) -> Result<Self, TimeOutOfRange> {
        Self::new(text.parse().map_err(|_| TimeOutOfRange)?)
    }
}

impl fmt::Debug for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnixSeconds({})", self.0)
    }
}
