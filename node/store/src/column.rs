//! How values of the domain stand in columns, and how they come back: strictly, or not at all.
//!
//! A row that does not read is damage ([`Fault::Damaged`]) and is never guessed at. Reasons name the column's kind
//! and place, never its content.

use comity_node_core::ports::agreements::AgreementState;
use comity_node_core::ports::attestations::Form;
use comity_spec::exchange::PermitStatus;
use comity_spec::ids::Digest;
use comity_spec::status::StatusValue;
use comity_spec::time::UnixSeconds;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::{Cipher, Fault, Place};

/// Reads the columns of one table.
#[derive(Clone, Copy)]
pub(crate) struct Columns(pub(crate) &'static str);

impl Columns {
    /// A row that does not read.
    pub(crate) fn damaged(self, reason: impl Into<String>) -> Fault {
        Fault::Damaged {
            table: self.0,
            reason: reason.into(),
        }
    }

    pub(crate) fn seconds(self, value: i64) -> Result<UnixSeconds, Fault> {
        UnixSeconds::new(value).map_err(|_| self.damaged("an instant out of range"))
    }

    pub(crate) fn seconds_opt(self, value: Option<i64>) -> Result<Option<UnixSeconds>, Fault> {
        value.map(|value| self.seconds(value)).transpose()
    }

    /// A text that is an identifier, a day or another value with one spelling.
    pub(crate) fn parse<T: std::str::FromStr>(self, text: &str) -> Result<T, Fault> {
        text.parse()
            .map_err(|_| self.damaged(format!("not a {}", short_name::<T>())))
    }

    pub(crate) fn uuid(self, bytes: &[u8]) -> Result<uuid::Uuid, Fault> {
        uuid::Uuid::from_slice(bytes).map_err(|_| self.damaged("a row id that is not 16 octets"))
    }

    pub(crate) fn octets<const N: usize>(self, bytes: &[u8]) -> Result<[u8; N], Fault> {
        bytes
            .try_into()
            .map_err(|_| self.damaged(format!("not {N} octets")))
    }

    pub(crate) fn digest(self, bytes: &[u8]) -> Result<Digest, Fault> {
        Ok(Digest::from_bytes(self.octets(bytes)?))
    }

    /// A number that is not negative and fits its type.
    pub(crate) fn number<T: TryFrom<i64>>(self, value: i64) -> Result<T, Fault> {
        T::try_from(value).map_err(|_| self.damaged("a number out of range"))
    }

    pub(crate) fn status(self, value: i64) -> Result<StatusValue, Fault> {
        match value {
            0..=3 => Ok(StatusValue::from_bits(self.number(value)?)),
            _ => Err(self.damaged("a status outside 0 to 3")),
        }
    }

    pub(crate) fn json<T: DeserializeOwned>(self, text: &[u8]) -> Result<T, Fault> {
        serde_json::from_slice(text).map_err(|error| {
            let (kind, at) = (error.classify(), error.column());
            self.damaged(format!(
                "not a {}: {kind:?} error at octet {at}",
                short_name::<T>()
            ))
        })
    }

    /// Seals a value as JSON for `column` of `row`.
    pub(crate) fn seal<T: Serialize>(
        self,
        cipher: &Cipher,
        column: &'static str,
        row: &[u8],
        value: &T,
    ) -> Result<Vec<u8>, Fault> {
        let plain = Zeroizing::new(to_json(self, value)?);
        Ok(cipher.seal(
            Place {
                table: self.0,
                column,
                row,
            },
            &plain,
        ))
    }

    /// Opens what [`Columns::seal`] sealed.
    pub(crate) fn open<T: DeserializeOwned>(
        self,
        cipher: &Cipher,
        column: &'static str,
        row: &[u8],
        sealed: &[u8],
    ) -> Result<T, Fault> {
        self.json(&cipher.open(
            Place {
                table: self.0,
                column,
                row,
            },
            sealed,
        )?)
    }
}

/// A value as JSON octets.
pub(crate) fn to_json<T: Serialize>(columns: Columns, value: &T) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(value)
        .map_err(|error| columns.damaged(format!("cannot be written: {:?}", error.classify())))
}

/// A value as a JSON text.
pub(crate) fn to_text<T: Serialize>(columns: Columns, value: &T) -> Result<String, Fault> {
    serde_json::to_string(value)
        .map_err(|error| columns.damaged(format!("cannot be written: {:?}", error.classify())))
}

fn short_name<T>() -> &'static str {
    let name = std::any::type_name::<T>();
    name.rsplit("::").next().unwrap_or(name)
}

/// A closed set of codes and the enumeration they stand for, read from one table in both directions.
macro_rules! codes {
    ($write:ident, $read:ident: $type:ty { $($variant:path => $code:literal),+ $(,)? }) => {
        pub(crate) const fn $write(value: $type) -> &'static str {
            match value { $($variant => $code),+ }
        }

        impl Columns {
            pub(crate) fn $read(self, code: &str) -> Result<$type, Fault> {
                match code {
                    $($code => Ok($variant),)+
                    _ => Err(self.damaged(concat!("a code that is not a ", stringify!($type)))),
                }
            }
        }
    };
}

codes!(permit_status_code, permit_status: PermitStatus {
    PermitStatus::Valid => "valid",
    PermitStatus::Cancelled => "cancelled",
    PermitStatus::Suspended => "suspended",
    PermitStatus::ReportedLost => "reported_lost",
    PermitStatus::Superseded => "superseded",
});

codes!(form_code, form: Form {
    Form::Full => "full",
    Form::Card => "card",
});

codes!(agreement_state_code, agreement_state: AgreementState {
    AgreementState::Proposed => "proposed",
    AgreementState::Adopted => "adopted",
    AgreementState::Void => "void",
});
