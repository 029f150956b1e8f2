//! A store that was restored from a backup must not give out again what was given since the copy, which it cannot know.
//!
//! Three things are counted and would come again; everything else that has to be unique is random (trace numbers, `jti`, row ids) or
//! follows from the clock (`iat` of status lists), or is no one's business but this store's (numbers of record lines).
//!
//! - **Status indices.** Each list is closed: what nobody in this store has of it is superseded for good. So nothing is drawn from it, and
//!   an attestation issued since the copy does not stay valid in a list where nobody could ever cancel it.
//! - **Numbers of lists.** A list opened since the copy has an address that peers keep a floor and tombstones for. The next is numbered
//!   beyond the second of this act: lists count from 1 and nobody fills one in a second, so no number from before is as high, nor will
//!   one given until a later restoration be.
//! - **Serials of permit numbers.** [`SKIPPED`] of them are left out, and one for each second since the newest thing in the copy: then a
//!   copy that is restored a second time leaves out what was given after the first time, too. (In a store that holds nothing at all
//!   nothing tells how old it is: of such a one only the million is left out.)
//!
//! The own configuration of the copy is older than what peers may have seen, and is signed anew at the next occasion.
//!
//! It refuses to guess what was lost, and to bring anything back: cancellations since the copy are known to the register, to the paper
//! and to peers, not here. On a store that lost nothing it does no harm, since nobody has what it closes and skips; done twice, neither.

use comity_spec::ids::{OfficerId, PermitNumber};
use comity_spec::time::{LocalDate, UnixSeconds};

use crate::attestations::Issuer;
use crate::attestations::allocator::LENGTH;
use crate::audit::{Event, Line};
use crate::permits::Bureau;
use crate::permits::numbering::{self, SERIAL};
use crate::ports::store::{Store, StoreError, Write};

/// Serials left out besides those of the seconds: a million, for counties that give more than one a second for a while. Fifty windows
/// that issue a permit every five minutes give one in six seconds. The eight digits of a serial bear it some ninety times.
pub const SKIPPED: u32 = 1_000_000;
/// How far what is stored may lie ahead of the clock, in seconds: lists are signed up to 30 ahead.
const SKEW: i64 = 60;

/// Name of the setting with the second of the last restoration.
const RESTORED_AT: &str = "restored_at";

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Addresses of the lists that were being filled and are closed now; empty where none was, or when this was done before.
    pub closed: Vec<String>,
    /// The serial after which the next is given.
    pub serial: u32,
    /// The second beyond which new lists are numbered.
    pub at: UnixSeconds,
}

/// Why it was not done. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RestoredError {
    /// Fewer serials are left than are to be skipped.
    #[error(
        "居住证流水号已用到 {last}，余量不足以避开备份之后的号码，请恢复更新的备份 / serials were given up to {last}, too few are left to skip \
         those given since the copy: restore a newer copy"
    )]
    OutOfSerials {
        /// The last one known.
        last: u32,
    },
    /// The clock is behind what the copy holds.
    #[error(
        "本机时钟 {now} 早于数据库中的最后记录 {stored}，请校时后重试 / the clock is behind the newest thing in the store: set it right and try again"
    )]
    ClockBehind {
        /// The clock.
        now: UnixSeconds,
        /// The newest thing.
        stored: UnixSeconds,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A line that does not serialise; a defect of ours.
    #[error(transparent)]
    Line(#[from] serde_json::Error),
}

/// Declares that the store was restored, by that officer's word, and makes sure that nothing is given out twice.
///
/// The officer need not be known: who was added since the copy is not, and nothing may come before this.
///
/// # Errors
/// [`RestoredError`].
pub async fn restored(bureau: &Bureau<'_>, officer: &OfficerId) -> Result<Restored, RestoredError> {
    let issuer = &bureau.issuer;
    let (store, now) = (issuer.store, issuer.clock.now());
    let newest = newest(issuer).await?.unwrap_or(now);
    if newest.since(now) > SKEW {
        return Err(RestoredError::ClockBehind { now, stored: newest });
    }
    let elapsed = u32::try_from(now.since(newest).max(0)).unwrap_or(u32::MAX);
    let last = numbering::stored(store).await?;
    let serial = last.saturating_add(SKIPPED).saturating_add(elapsed);
    let year = u16::try_from(LocalDate::of(now).year()).unwrap_or(u16::MAX);
    // One more than is skipped, so that one is left to give.
    if PermitNumber::assign(issuer.region, year, serial.saturating_add(1)).is_err() {
        return Err(RestoredError::OutOfSerials { last });
    }
    let also = vec![
        Write::Raise {
            key: SERIAL,
            value: u64::from(serial),
        },
        Write::Raise {
            key: RESTORED_AT,
            value: u64::try_from(now.get()).unwrap_or(0),
        },
        Line::about(Event::StoreRestored, now, officer).write()?,
    ];
    let lists = issuer
        .allocator
        .close_lists(store, "store restored", also)
        .await?;
    bureau.counter.doubt().await;
    let filling = lists.into_iter().filter(|list| list.next_position < LENGTH);
    Ok(Restored {
        closed: filling.map(|list| list.uri).collect(),
        serial,
        at: now,
    })
}

/// The second of the last restoration, if there was one.
pub(crate) async fn restored_at(store: &dyn Store) -> Result<Option<UnixSeconds>, StoreError> {
    let Some(text) = store.setting(RESTORED_AT).await? else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|_| StoreError::Corrupt {
        table: "setting",
        reason: format!("{RESTORED_AT} is not in Unix seconds"),
    })
}

/// When the newest thing in the store was made here, which is about when it was copied: lists are signed every ten minutes.
async fn newest(issuer: &Issuer<'_>) -> Result<Option<UnixSeconds>, StoreError> {
    let store = issuer.store;
    let lists = store.status_lists().await?;
    let statements = store.statements().await?;
    let own = statements.iter().filter(|row| row.iss == *issuer.entity);
    let signed = lists.iter().filter_map(|list| list.published_iat);
    let told = store.last_line().await?.map(|line| line.at);
    let signed = signed.chain(own.map(|row| row.iat)).chain(told);
    Ok(signed.chain(restored_at(store).await?).max())
}

#[cfg(test)]
mod tests;
