//! Status of a permit: Token Status List with two bits, `typ: statuslist+jwt` (draft-ietf-oauth-status-list-21).
//!
//! A lapse is never a bit: it follows from the date. The reason for a cancellation is never on the wire.

use crate::mutant;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::EntityId;
use crate::time::UnixSeconds;

/// Entries of a list.
pub const ENTRIES: usize = 131_072;
/// Bits of an entry.
pub const BITS: u8 = 2;
/// Seconds after which a reader should look again.
pub const TTL: i64 = 900;
/// Longest life of a token, in seconds: 72 h.
pub const LIFETIME: i64 = 72 * 3600;
/// Decompressed size of a list, in bytes.
pub const LIST_BYTES: usize = ENTRIES * BITS as usize / 8;

/// Value of an entry.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum StatusValue {
    /// 0: valid as far as status goes.
    #[default]
    Valid,
    /// 1: cancelled, for good.
    Cancelled,
    /// 2: suspended or reported lost; may return to 0.
    Suspended,
    /// 3: superseded by a re-issue; may become 1, never 0.
    Superseded,
}

impl StatusValue {
    /// The two bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self as u8
    }

    /// Reads the two bits; the upper six are ignored.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::Valid,
            1 => Self::Cancelled,
            2 => Self::Suspended,
            _ => Self::Superseded,
        }
    }

    /// Whether an entry may move from `self` to `next`.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Valid | Self::Suspended => true,
            Self::Superseded if mutant!("STA-1") => next == Self::Superseded,
            Self::Superseded => matches!(next, Self::Superseded | Self::Cancelled),
            Self::Cancelled => matches!(next, Self::Cancelled),
        }
    }

    /// Whether a sight of it outlives the list (a tombstone).
    #[must_use]
    pub const fn is_permanent(self) -> bool {
        matches!(self, Self::Cancelled | Self::Superseded)
    }
}

/// Claims of a status list token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatusListClaims {
    /// The issuer; equal to the attestation's.
    pub iss: EntityId,
    /// The list's own address; equal to `uri` in attestations, byte for byte.
    pub sub: String,
    /// Signed at; strictly rises.
    pub iat: UnixSeconds,
    /// Never read from this second on.
    pub exp: UnixSeconds,
    /// Seconds after which to look again.
    pub ttl: i64,
    /// When the issuer's node last reconciled completely with its register.
    pub source_as_of: UnixSeconds,
    /// The list.
    pub status_list: CompressedList,
}

/// `status_list` member: zlib-compressed entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CompressedList {
    /// Bits of an entry: 1, 2, 4 or 8; 2 here.
    pub bits: u8,
    /// base64url of the zlib stream.
    pub lst: String,
}
