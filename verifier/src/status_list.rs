//! Token Status List (draft-ietf-oauth-status-list-21): many small numbers, compressed, in one signed token.
//!
//! [`StatusList`] keeps the entries packed as they come: a list of 131,072 two-bit entries takes 32 KiB. The inflated size is
//! spent from the budget while inflating, so that a bomb stops at the cap; a stream that is cut short, fails its checksum or
//! is followed by other bytes is refused; an index outside the list is an error of its own and never "valid".
//! Whether a list is fresh enough to be believed is decided elsewhere.

use comity_spec::jose::KeyPurpose;
use comity_spec::mutant;
use flate2::{Decompress, FlushDecompress, Status};
use serde::Deserialize;
use thiserror::Error;

use crate::b64;
use crate::budget::{Budget, BudgetExceeded, Resource};
use crate::json::{self, JsonError, Numbers};
use crate::jwk::KeySet;
use crate::jws::{JwsError, Profile, Unverified, Verified};

#[cfg(test)]
mod tests;

/// Why a status list is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StatusListError {
    /// The token's signature or form.
    #[error("{0}")]
    Token(#[from] JwsError),
    /// The bare object, or the claims, are not as required.
    #[error("{0}")]
    Json(#[from] JsonError),
    /// `bits` is not 1, 2, 4 or 8, or not 2 in Comity's profile.
    #[error("每项位数不被接受 / bits is {0}, which is not accepted")]
    Bits(u64),
    /// `lst` is not canonical base64url.
    #[error("lst 不是规范的 base64url / lst is not canonical unpadded base64url")]
    Base64,
    /// Not a zlib stream, or one whose checksum fails.
    #[error("压缩数据损坏 / lst is not a sound zlib stream")]
    Compression,
    /// The zlib stream ends too early.
    #[error("压缩数据不完整 / the zlib stream of lst is cut short")]
    Truncated,
    /// Bytes follow the zlib stream.
    #[error("压缩数据之后有多余内容 / bytes follow the zlib stream of lst")]
    TrailingData,
    /// A list without entries.
    #[error("状态列表为空 / the list is empty")]
    Empty,
    /// `ttl` not positive, or `exp` not after `iat`.
    #[error("时间字段不合理 / exp or ttl makes no sense")]
    Times,
    /// The list has no such entry.
    #[error("索引超出列表范围 / index {index} is outside the list of {len} entries")]
    IndexOutOfRange {
        /// The index asked for.
        index: u64,
        /// How many entries there are.
        len: u64,
    },
    /// Too large for its kind.
    #[error(transparent)]
    Budget(#[from] BudgetExceeded),
}

impl StatusListError {
    /// Stable name of the rule that refused.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Token(e) => e.rule(),
            Self::Json(JsonError::Shape(_)) => "status-list.claims",
            Self::Json(e) => e.rule(),
            Self::Bits(_) => "status-list.bits",
            Self::Base64 => "status-list.base64url",
            Self::Compression => "status-list.compression",
            Self::Truncated => "status-list.truncated",
            Self::TrailingData => "status-list.trailing-data",
            Self::Empty => "status-list.empty",
            Self::Times => "status-list.times",
            Self::IndexOutOfRange { .. } => "status-list.index",
            Self::Budget(_) => "budget",
        }
    }
}

/// An inflated status list, packed as on the wire.
#[derive(Clone, PartialEq, Eq)]
pub struct StatusList {
    bits: u8,
    packed: Vec<u8>,
}

impl std::fmt::Debug for StatusList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StatusList")
            .field("bits", &self.bits)
            .field("entries", &self.len())
            .finish()
    }
}

/// The `status_list` member, compressed.
#[derive(Deserialize)]
struct Compressed {
    bits: u64,
    lst: String,
}

impl StatusList {
    /// Inflates a `status_list` member. What it inflates to is spent from [`Resource::InflatedBytes`].
    ///
    /// # Errors
    /// [`StatusListError`], for the first rule broken.
    pub fn from_lst(bits: u64, lst: &str, budget: &mut Budget) -> Result<Self, StatusListError> {
        let bits = match bits {
            1 => 1,
            2 => 2,
            4 => 4,
            8 => 8,
            other => return Err(StatusListError::Bits(other)),
        };
        let compressed = b64::decode(lst.as_bytes()).map_err(|_| StatusListError::Base64)?;
        let packed = inflate(&compressed, budget)?;
        if packed.is_empty() {
            Err(StatusListError::Empty)
        } else {
            Ok(Self { bits, packed })
        }
    }

    /// Reads a bare `{"bits":…,"lst":…}` object, which nobody signed.
    ///
    /// # Errors
    /// [`StatusListError`], for the first rule broken.
    pub fn from_object(object: &[u8], budget: &mut Budget) -> Result<Self, StatusListError> {
        let Compressed { bits, lst } = json::read(object, Numbers::Finite, budget)?;
        Self::from_lst(bits, &lst, budget)
    }

    /// Bits of an entry: 1, 2, 4 or 8.
    #[must_use]
    pub const fn bits(&self) -> u8 {
        self.bits
    }

    /// The packed entries.
    #[must_use]
    pub fn packed(&self) -> &[u8] {
        &self.packed
    }

    /// Number of entries, at least one. The draft fills the last byte, so a list may be a few entries longer than its
    /// issuer meant.
    #[must_use]
    #[allow(
        clippy::len_without_is_empty,
        reason = "a list without entries is refused when it is read"
    )]
    pub const fn len(&self) -> u64 {
        self.packed.len() as u64 * (8 / self.bits as u64)
    }

    /// The value of one entry.
    ///
    /// # Errors
    /// [`StatusListError::IndexOutOfRange`].
    pub fn get(&self, index: u64) -> Result<u8, StatusListError> {
        let per_byte = u64::from(8 / self.bits);
        let outside = StatusListError::IndexOutOfRange {
            index,
            len: self.len(),
        };
        let at = usize::try_from(index / per_byte).map_err(|_| outside.clone())?;
        let byte = match self.packed.get(at) {
            None if mutant!("STA-8") => 0,
            byte => *byte.ok_or(outside)?,
        };
        // Smaller than 8, as index % per_byte < 8 / bits.
        let shift = (index % per_byte) as u8 * self.bits;
        Ok((byte >> shift) & self.mask())
    }

    /// Every entry that is not zero, by rising index.
    pub fn nonzero(&self) -> impl Iterator<Item = (u64, u8)> + '_ {
        let per_byte = 8 / self.bits;
        self.packed
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte != 0)
            .flat_map(move |(at, byte)| {
                (0..per_byte).filter_map(move |slot| {
                    let value = (byte >> (slot * self.bits)) & self.mask();
                    (value != 0).then_some((at as u64 * u64::from(per_byte) + u64::from(slot), value))
                })
            })
    }

    const fn mask(&self) -> u8 {
        0xff >> (8 - self.bits)
    }
}

/// Inflates one zlib stream (RFC 1950) that is all of `compressed`.
fn inflate(compressed: &[u8], budget: &mut Budget) -> Result<Vec<u8>, StatusListError> {
    const STEP: usize = 32 * 1024;
    let mut zlib = Decompress::new(true);
    let mut out: Vec<u8> = Vec::new();
    loop {
        // Room is given step by step and paid for when used: a bomb never gets more memory than the budget and one step.
        out.reserve(STEP);
        let (read, written) = (zlib.total_in(), out.len());
        let rest = usize::try_from(read)
            .ok()
            .and_then(|read| compressed.get(read..))
            .unwrap_or_default();
        let status = zlib.decompress_vec(rest, &mut out, FlushDecompress::None);
        budget.spend(Resource::InflatedBytes, out.len() - written)?;
        match status {
            Ok(Status::StreamEnd) if zlib.total_in() == compressed.len() as u64 => {
                out.shrink_to_fit();
                return Ok(out);
            }
            Ok(Status::StreamEnd) if mutant!("STA-7/trailing") => return Ok(out),
            Ok(Status::StreamEnd) => return Err(StatusListError::TrailingData),
            Ok(Status::Ok | Status::BufError) if zlib.total_in() == read && out.len() == written => {
                if mutant!("STA-7") {
                    return Ok(out);
                }
                return Err(StatusListError::Truncated);
            }
            Ok(Status::Ok | Status::BufError) => {}
            Err(_) => return Err(StatusListError::Compression),
        }
    }
}

/// The claims of a status list token, with its list inflated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusListToken {
    /// The issuer; always there in Comity's profile.
    pub iss: Option<String>,
    /// The list's own address, which attestations name as `uri`.
    pub sub: String,
    /// When it was signed, in seconds since 1970.
    pub iat: i64,
    /// Not to be read from this second on; always there in Comity's profile.
    pub exp: Option<i64>,
    /// After how many seconds to look again; always there in Comity's profile.
    pub ttl: Option<i64>,
    /// When the issuer's node last reconciled with its register; always there in Comity's profile.
    pub source_as_of: Option<i64>,
    /// The entries.
    pub list: StatusList,
}

#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    sub: String,
    iat: i64,
    exp: Option<i64>,
    ttl: Option<i64>,
    source_as_of: Option<i64>,
    status_list: Compressed,
}

/// A status list token of which nothing is verified yet.
#[derive(Clone, Debug)]
pub struct UnverifiedStatusList {
    jws: Unverified,
    comity: bool,
}

impl UnverifiedStatusList {
    /// Takes a token apart and inspects its header. The profile's `typ` should be `statuslist+jwt`.
    ///
    /// # Errors
    /// [`StatusListError::Token`].
    pub fn parse(token: &[u8], profile: Profile<'_>, budget: &mut Budget) -> Result<Self, StatusListError> {
        let jws = Unverified::parse_within(token, profile, crate::jws::MAX_STANDARD_TOKEN, budget)?;
        Ok(Self {
            jws,
            comity: matches!(profile, Profile::Comity { .. }),
        })
    }

    /// The unverified `sub`, `iss` and `iat`, to choose whose keys to ask; the list is not inflated.
    ///
    /// # Errors
    /// A shape error.
    pub fn claims<T: serde::de::DeserializeOwned>(&self) -> Result<T, StatusListError> {
        Ok(self.jws.claims()?)
    }

    /// Verifies the signature, then inflates the list: nothing unsigned is ever inflated.
    ///
    /// # Errors
    /// [`StatusListError`], for the first rule broken.
    pub fn verify(
        self,
        keys: &KeySet,
        budget: &mut Budget,
    ) -> Result<Verified<StatusListToken>, StatusListError> {
        let comity = self.comity;
        if mutant!("STA-7/order") {
            self.read_unverified(budget)?;
        }
        let verified: Verified<Claims> = self.jws.verify(keys, KeyPurpose::Status, budget)?;
        verified.try_map(|claims| inflate_claims(claims, comity, budget))
    }

    /// Reads the list without verifying the signature, for people who want to look at one. Proves nothing.
    ///
    /// # Errors
    /// [`StatusListError`], for the first rule broken.
    pub fn read_unverified(&self, budget: &mut Budget) -> Result<StatusListToken, StatusListError> {
        inflate_claims(self.jws.claims()?, self.comity, budget)
    }
}

fn inflate_claims(
    claims: Claims,
    comity: bool,
    budget: &mut Budget,
) -> Result<StatusListToken, StatusListError> {
    let Claims {
        iss,
        sub,
        iat,
        exp,
        ttl,
        source_as_of,
        status_list,
    } = claims;
    if comity {
        let required = [
            ("iss", iss.is_some()),
            ("exp", exp.is_some()),
            ("ttl", ttl.is_some()),
            ("source_as_of", source_as_of.is_some()),
        ];
        if let Some((name, _)) = required
            .iter()
            .find(|(_, present)| !present && !mutant!("JWS-16"))
        {
            return Err(JsonError::Shape(format!("missing field `{name}`")).into());
        }
        if status_list.bits != 2 && !mutant!("STA-4") {
            return Err(StatusListError::Bits(status_list.bits));
        }
    }
    if ttl.is_some_and(|ttl| ttl <= 0 && !mutant!("STA-4/ttl")) || exp.is_some_and(|exp| exp <= iat) {
        return Err(StatusListError::Times);
    }
    let list = StatusList::from_lst(status_list.bits, &status_list.lst, budget)?;
    Ok(StatusListToken {
        iss,
        sub,
        iat,
        exp,
        ttl,
        source_as_of,
        list,
    })
}
