//! Status as a verifier sees it: the newest verified lists, and what was seen for good before a list ended.
//!
//! A list is read while it is valid and never afterwards; a 1 or 3 seen in time stays, as a *tombstone* (STA-12). The age of
//! status is that of the older of the list and of the register behind it: signing old data again makes nothing fresh. This
//! module fetches nothing and decides nothing about how old is too old.

use comity_spec::mutant;
use std::collections::HashMap;
use std::sync::Arc;

use comity_spec::ids::EntityId;
use comity_spec::jose::Typ;
use comity_spec::status::{BITS, ENTRIES, LIFETIME, StatusValue};
use comity_spec::time::UnixSeconds;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::budget::{Budget, Limits};
use crate::jws::Profile;
use crate::status_list::{StatusList, StatusListError, StatusListToken, UnverifiedStatusList};
use crate::trust::{SKEW, Standing, Trust};

#[cfg(test)]
mod tests;

/// Why a status list token is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StatusTokenError {
    /// Form, signature, compression.
    #[error(transparent)]
    List(#[from] StatusListError),
    /// Its issuer is not an active county now; perhaps only our chain is old.
    #[error(
        "状态列表的签发者 {iss} 目前不是有效成员({standing}) / the list's issuer is not an active county"
    )]
    IssuerNotActive {
        /// The issuer.
        iss: EntityId,
        /// The rule name of its standing.
        standing: &'static str,
    },
    /// `sub` is not an address under the issuer's public base URL.
    #[error("状态列表地址不在签发者的公开地址之下 / sub is not under the issuer's public base URL")]
    Address,
    /// Not 131,072 entries.
    #[error("状态列表应有 131072 项，实有 {found} / the list has the wrong number of entries")]
    Entries {
        /// How many it has.
        found: u64,
    },
    /// Lives longer than 72 hours.
    #[error("状态列表有效期过长：{seconds} 秒 / the list lives longer than 72 hours")]
    Lifetime {
        /// `exp` − `iat`.
        seconds: i64,
    },
    /// A time outside the range of times, or a register newer than the list.
    #[error("状态列表时间不成立 / the times of the list make no sense")]
    Times,
    /// Ended.
    #[error("状态列表已于 {exp} 失效 / the list expired at {exp}")]
    Expired {
        /// When.
        exp: UnixSeconds,
    },
    /// From the future: one of the clocks is wrong, perhaps ours.
    #[error("签发时间在将来 ({iat})，请检查本机时钟 / issued in the future: check this node's clock")]
    ClockDoubt {
        /// When it says it was issued.
        iat: UnixSeconds,
    },
}

impl StatusTokenError {
    /// Stable name of the rule that refused.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::List(e) => e.rule(),
            Self::IssuerNotActive { .. } => "status.issuer-not-active",
            Self::Address => "status.address",
            Self::Entries { .. } => "status.entries",
            Self::Lifetime { .. } => "status.lifetime",
            Self::Times => "status.times",
            Self::Expired { .. } => "status.expired",
            Self::ClockDoubt { .. } => "status.clock-doubt",
        }
    }
}

/// A status list that was verified. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedStatusList {
    iss: EntityId,
    uri: Arc<str>,
    iat: UnixSeconds,
    exp: UnixSeconds,
    source_as_of: UnixSeconds,
    payload: [u8; 32],
    list: Arc<StatusList>,
}

/// How an offered list relates to the one held under the same address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Succession {
    /// Newer: to be kept instead.
    Newer,
    /// The same again.
    Same,
    /// Older: refused.
    Older,
    /// The same `iat` with other contents: an alarm.
    Fork,
}

impl VerifiedStatusList {
    /// The issuer.
    #[must_use]
    pub const fn iss(&self) -> &EntityId {
        &self.iss
    }

    /// The address, as attestations name it.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// When it was signed.
    #[must_use]
    pub const fn iat(&self) -> UnixSeconds {
        self.iat
    }

    /// Not to be read from this second on.
    #[must_use]
    pub const fn exp(&self) -> UnixSeconds {
        self.exp
    }

    /// When the issuer's node last reconciled completely with its register.
    #[must_use]
    pub const fn source_as_of(&self) -> UnixSeconds {
        self.source_as_of
    }

    /// Of when what it says is: the older of its signature and its source.
    #[must_use]
    pub fn as_of(&self) -> UnixSeconds {
        if mutant!("STA-11") {
            return self.iat;
        }
        self.iat.min(self.source_as_of)
    }

    /// SHA-256 of the payload octets, to tell a fork from a repetition.
    #[must_use]
    pub const fn payload_digest(&self) -> &[u8; 32] {
        &self.payload
    }

    /// Every entry that outlives the list once seen: cancelled or superseded.
    pub fn permanent(&self) -> impl Iterator<Item = (u64, StatusValue)> + '_ {
        self.list
            .nonzero()
            .map(|(idx, bits)| (idx, StatusValue::from_bits(bits)))
            .filter(|(_, v)| v.is_permanent())
    }

    /// Every entry in which `self` differs from `other`, as (index, value in `other`, value in `self`).
    #[must_use]
    pub fn changes_since(&self, other: &Self) -> Vec<(u64, StatusValue, StatusValue)> {
        (0..ENTRIES as u64)
            .filter_map(|idx| {
                let (old, new) = (other.list.get(idx).ok()?, self.list.get(idx).ok()?);
                (old != new).then(|| (idx, StatusValue::from_bits(old), StatusValue::from_bits(new)))
            })
            .collect()
    }

    /// Whether this list may take the place of `held`, which has the same address.
    #[must_use]
    pub fn succeeds(&self, held: &Self) -> Succession {
        match self.iat.cmp(&held.iat) {
            std::cmp::Ordering::Greater => Succession::Newer,
            std::cmp::Ordering::Less if mutant!("STA-9") => Succession::Newer,
            std::cmp::Ordering::Less => Succession::Older,
            std::cmp::Ordering::Equal if self.payload == held.payload || mutant!("STA-9/fork") => {
                Succession::Same
            }
            std::cmp::Ordering::Equal => Succession::Fork,
        }
    }
}

/// Verifies a status list token: signature by a status key of an active county, address under that county's public base URL,
/// size, times.
///
/// # Errors
/// [`StatusTokenError`], for the first rule broken.
pub fn verify_status_token(
    token: &[u8],
    trust: &Trust,
    now: UnixSeconds,
) -> Result<VerifiedStatusList, StatusTokenError> {
    let list = verify_held_status_token(token, trust, now)?;
    if now >= list.exp && !mutant!("STA-10") {
        return Err(StatusTokenError::Expired { exp: list.exp });
    }
    Ok(list)
}

/// Verifies a list that is already held (in a store, in a bundle) and may have ended meanwhile. None of its values is read then;
/// that it was held is what tells "too old" from "never had".
///
/// # Errors
/// [`StatusTokenError`], for the first rule broken but the end.
pub fn verify_held_status_token(
    token: &[u8],
    trust: &Trust,
    now: UnixSeconds,
) -> Result<VerifiedStatusList, StatusTokenError> {
    #[derive(Deserialize)]
    struct Names {
        iss: EntityId,
    }
    let mut budget = Budget::new(Limits::STATUS_LIST);
    let profile = Profile::Comity {
        typ: Typ::StatusList.as_str(),
    };
    let unverified = UnverifiedStatusList::parse(token, profile, &mut budget)?;
    let Names { iss } = unverified.claims()?;
    let county = match trust.standing(&iss, now) {
        Standing::Active(county) => county,
        other => {
            return Err(StatusTokenError::IssuerNotActive {
                iss,
                standing: other.rule(),
            });
        }
    };
    let verified = unverified.verify(&county.keys, &mut budget)?;
    let payload = Sha256::digest(verified.payload()).into();
    let StatusListToken {
        sub,
        iat,
        exp,
        source_as_of,
        list,
        ..
    } = verified.into_value();
    if !is_under(&sub, &county.public) && !mutant!("STA-6") {
        return Err(StatusTokenError::Address);
    }
    let time = |seconds: Option<i64>| {
        seconds
            .and_then(|s| UnixSeconds::new(s).ok())
            .ok_or(StatusTokenError::Times)
    };
    let (iat, exp, source_as_of) = (time(Some(iat))?, time(exp)?, time(source_as_of)?);
    if exp.since(iat) > LIFETIME && !mutant!("STA-4/lifetime") {
        return Err(StatusTokenError::Lifetime {
            seconds: exp.since(iat),
        });
    }
    if iat.since(now) > SKEW {
        return Err(StatusTokenError::ClockDoubt { iat });
    }
    // A register cannot have been read after the list that came of it was signed.
    if source_as_of.since(iat) > SKEW && !mutant!("STA-4/register") {
        return Err(StatusTokenError::Times);
    }
    let whole = list.bits() == BITS && list.len() == ENTRIES as u64;
    if !whole && !mutant!("STA-5") {
        return Err(StatusTokenError::Entries { found: list.len() });
    }
    Ok(VerifiedStatusList {
        iss,
        uri: sub.into(),
        iat,
        exp,
        source_as_of,
        payload,
        list: Arc::new(list),
    })
}

/// Whether an address lies under a base URL, with nothing in it that another reader could resolve elsewhere.
fn is_under(address: &str, base: &EntityId) -> bool {
    let Some(path) = address
        .strip_prefix(base.as_str())
        .and_then(|rest| rest.strip_prefix('/'))
    else {
        return false;
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
    let segment =
        |s: &str| !s.is_empty() && s != "." && (s != ".." || mutant!("STA-6/dots")) && s.chars().all(plain);
    address.len() <= 512 && path.split('/').all(segment)
}

/// What the view says of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusReading {
    /// No list of this address was ever held, and no tombstone.
    NoList,
    /// The list has ended; it says nothing any more.
    Expired {
        /// When it ended.
        exp: UnixSeconds,
    },
    /// What the list says.
    Value {
        /// The value.
        value: StatusValue,
        /// Of when it is.
        as_of: UnixSeconds,
        /// How old it is, in seconds; never negative.
        age: i64,
    },
    /// Seen for good in an earlier list, and the list of today cannot be read.
    Tombstone(StatusValue),
    /// The list has no such entry: whoever names it made a mistake. Never "valid".
    IndexOutOfRange,
}

/// The status of permits as this verifier knows it. Immutable; share it in an `Arc`.
#[derive(Clone, Debug, Default)]
pub struct StatusView {
    lists: HashMap<Arc<str>, VerifiedStatusList>,
    tombstones: HashMap<Arc<str>, HashMap<u64, StatusValue>>,
}

impl StatusView {
    /// Takes verified lists (of several for one address the newest) and tombstones (address, index, value). Tombstones of values
    /// that are not permanent are passed over.
    pub fn new(
        lists: impl IntoIterator<Item = VerifiedStatusList>,
        tombstones: impl IntoIterator<Item = (String, u64, StatusValue)>,
    ) -> Self {
        let mut view = Self::default();
        for list in lists {
            match view.lists.get(list.uri()) {
                Some(held) if list.succeeds(held) != Succession::Newer => {}
                _ => {
                    view.lists.insert(Arc::clone(&list.uri), list);
                }
            }
        }
        for (uri, idx, value) in tombstones
            .into_iter()
            .filter(|(_, _, value)| value.is_permanent())
        {
            let of_list = view.tombstones.entry(uri.into()).or_default();
            let seen = of_list.entry(idx).or_insert(value);
            // Superseded may become cancelled, never the other way.
            if seen.may_become(value) {
                *seen = value;
            }
        }
        view
    }

    /// The lists, in no order.
    pub fn lists(&self) -> impl Iterator<Item = &VerifiedStatusList> {
        self.lists.values()
    }

    /// The addresses of lists that are or were held: of some nothing is left but tombstones.
    pub fn known(&self) -> impl Iterator<Item = &str> {
        let held = self.lists.keys();
        let gone = self
            .tombstones
            .keys()
            .filter(|uri| !self.lists.contains_key(*uri));
        held.chain(gone).map(AsRef::as_ref)
    }

    /// The list held under an address, ended or not.
    #[must_use]
    pub fn list(&self, uri: &str) -> Option<&VerifiedStatusList> {
        self.lists.get(uri)
    }

    /// What is known of an entry at `now`. A tombstone outranks a list that says less: what was cancelled never comes back.
    #[must_use]
    pub fn read(&self, uri: &str, idx: u64, now: UnixSeconds) -> StatusReading {
        let tombstone = self
            .tombstones
            .get(uri)
            .and_then(|of_list| of_list.get(&idx))
            .copied();
        let current = self
            .lists
            .get(uri)
            .filter(|list| now < list.exp || (now == list.exp && mutant!("STA-10/end")));
        let Some(list) = current else {
            if let Some(value) = tombstone.filter(|_| !mutant!("STA-12/ended")) {
                return StatusReading::Tombstone(value);
            }
            return self
                .lists
                .get(uri)
                .map_or(StatusReading::NoList, |list| StatusReading::Expired {
                    exp: list.exp,
                });
        };
        let Ok(bits) = list.list.get(idx) else {
            return tombstone.map_or(StatusReading::IndexOutOfRange, StatusReading::Tombstone);
        };
        let value = StatusValue::from_bits(bits);
        match tombstone {
            Some(seen) if !seen.may_become(value) && !mutant!("STA-12") => StatusReading::Tombstone(seen),
            _ => {
                let as_of = list.as_of();
                StatusReading::Value {
                    value,
                    as_of,
                    age: now.since(as_of).max(0),
                }
            }
        }
    }
}
