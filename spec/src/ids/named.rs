//! Names that people give: agreements, services, institutions, officers.
//!
//! Small alphabets, so that they can be read out over the telephone, written in a file name and compared byte for
//! byte. What they stand for is decided elsewhere (the catalogue, the agreement, the node's own directory).

use crate::mutant;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::{IdError, check};
use crate::wire_string::wire_string;

macro_rules! named {
    ($(#[$doc:meta])* $type:ident, $what:literal, $min:literal..=$max:literal, $alphabet:literal, $allowed:expr, $pattern:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Arc<str>);

        wire_string!($type, expecting: $what, pattern: $pattern);

        impl $type {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                check($what, text, ($min, $max), $alphabet, $allowed)?;
                Ok(Self(text.into()))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

named!(
    /// An agreement's name, the same through all its versions, such as `AGR-2020-08-DEMO`.
    AgreementId,
    "agreement id",
    3..=64,
    "A-Z, 0-9 and -",
    |c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-' || (mutant!("IDN-10") && c.is_ascii_lowercase()),
    "^[A-Z0-9-]{3,64}$"
);

named!(
    /// A service in the catalogue (`BPS-1`) or a local item (`LOCAL-330822-07`).
    ServiceCode,
    "service code",
    3..=32,
    "A-Z, 0-9 and -",
    |c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-',
    "^[A-Z0-9-]{3,32}$"
);

named!(
    /// An institution that provides a service (school, hospital, bureau), as the agreement names it.
    ProviderId,
    "provider id",
    1..=64,
    "A-Z, a-z, 0-9, . and -",
    |c| c.is_ascii_alphanumeric() || c == '.' || c == '-',
    "^[A-Za-z0-9.-]{1,64}$"
);

named!(
    /// The pseudonym under which an officer appears in receipts and records; only the officer's own node knows who it is.
    OfficerId,
    "officer pseudonym",
    3..=32,
    "a-z, 0-9 and -",
    |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-',
    "^[a-z0-9-]{3,32}$"
);
