//! Signs our status lists (Token Status List, draft-ietf-oauth-status-list-21; chapter 6): two bits an entry, `iat` strictly
//! rising, at most 72 hours of life, `ttl` 900, with `source_as_of`.
//!
//! Some decoys change at each publication, so that neither the number of entries that are not 0 nor their changes can be read as
//! the county's numbers. Peers are told by queued hints in the same commit; a hint names lists, never permits. The reason for a
//! status is not here and never leaves the county.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comity_spec::ids::EntityId;
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::mutant;
use comity_spec::status::{BITS, CompressedList, LIFETIME, LIST_BYTES, StatusListClaims, StatusValue, TTL};
use comity_spec::time::UnixSeconds;
use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::{IssueError, Issuer};
use crate::ports::attestations::{Decoy, ListId, Publication, StatusListRow};
use crate::ports::outbox::{Message, OutboxItem};
use crate::ports::store::Write;
use crate::ports::{Rng, row_id};
use crate::signing::{SigningError, compact_batch};

/// A list is signed anew after this many seconds even when nothing changed: well before its `ttl` ends.
pub const RESIGN_AFTER: i64 = 600;
/// Most decoys that change at one publication.
const DECOY_CHANGES: u32 = 4;
/// How far `iat` may run ahead of the clock when a list changes more than once a second; peers allow 60 s of skew.
const MAX_AHEAD: i64 = 30;

/// A list that was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Which.
    pub list: ListId,
    /// Its address.
    pub uri: String,
    /// Its new `iat`.
    pub iat: UnixSeconds,
    /// Whether it says anything new; a re-signed list does not.
    pub changed: bool,
}

/// Signs every list that changed or is due, and queues a hint to each peer about those that changed; all in one commit.
///
/// The caller's timer coalesces changes within a second. Returns what was signed; empty when nothing was due.
///
/// # Errors
/// [`IssueError`]; then nothing was published.
pub async fn publish(issuer: &Issuer<'_>, peers: &[EntityId]) -> Result<Vec<Published>, IssueError> {
    let now = issuer.clock.now();
    let due: Vec<_> = issuer
        .store
        .status_lists()
        .await?
        .into_iter()
        .filter(|list| is_due(list, now))
        .collect();
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let source_as_of = issuer.source_as_of().await?;
    let mut writes = Vec::new();
    let mut claims = Vec::with_capacity(due.len());
    let mut published = Vec::with_capacity(due.len());
    let mut counts = Vec::with_capacity(due.len());
    for list in &due {
        let iat = next_iat(list, now)?;
        let mut entries = issuer.store.nonzero(list.id).await?;
        let moved = move_decoys(issuer.rng, &issuer.store.decoys(list.id).await?);
        for decoy in &moved {
            entries.retain(|(index, _)| *index != decoy.index);
            entries.push((decoy.index, decoy.status));
            writes.push(Write::Decoy(*decoy));
        }
        claims.push(StatusListClaims {
            iss: issuer.entity.clone(),
            sub: list.uri.clone(),
            iat,
            exp: iat.plus_saturating(LIFETIME + i64::from(mutant!("STA-4/published"))),
            ttl: TTL,
            source_as_of,
            status_list: compress(&entries),
        });
        // The store counts each moved decoy as a change in this very commit; a change of somebody else in between counts on top
        // and makes the list due again.
        counts.push(list.changes + i64::try_from(moved.len()).unwrap_or(0));
        published.push(Published {
            list: list.id,
            uri: list.uri.clone(),
            iat,
            changed: says_anything_new(list),
        });
    }
    let signer = issuer
        .signers
        .of(KeyPurpose::Status)
        .map_err(SigningError::Signer)?;
    let tokens = compact_batch(signer.as_ref(), Typ::StatusList, &claims).await?;
    for ((published, changes), token) in published.iter().zip(counts).zip(tokens) {
        writes.push(Write::Publication(Publication {
            list: published.list,
            iat: published.iat,
            token,
            changes,
        }));
    }
    writes.extend(hints(issuer, peers, &published, now));
    issuer.store.commit("publish status lists", writes).await?;
    Ok(published)
}

fn is_due(list: &StatusListRow, now: UnixSeconds) -> bool {
    says_anything_new(list)
        || list
            .published_iat
            .is_none_or(|iat| now.since(iat) >= RESIGN_AFTER)
}

fn says_anything_new(list: &StatusListRow) -> bool {
    list.published_iat.is_none() || list.changes != list.published_changes
}

fn next_iat(list: &StatusListRow, now: UnixSeconds) -> Result<UnixSeconds, IssueError> {
    match list.published_iat {
        Some(signed) if mutant!("STA-9/published") => Ok(signed),
        Some(signed) if signed >= now => {
            let iat = signed.plus_saturating(1);
            if iat.since(now) > MAX_AHEAD {
                return Err(IssueError::ClockBehind { signed, now });
            }
            Ok(iat)
        }
        _ => Ok(now),
    }
}

/// Draws a few decoys and a new status for each. Most move between valid and suspended, as real entries may; a few go for good,
/// rarely enough that some are left to move in a year of publications.
fn move_decoys(rng: &dyn Rng, decoys: &[Decoy]) -> Vec<Decoy> {
    let mut movable: Vec<_> = decoys
        .iter()
        .filter(|decoy| !decoy.status.is_permanent())
        .copied()
        .collect();
    let mut moved = Vec::new();
    for _ in 0..=rng.below(DECOY_CHANGES) {
        let Ok(left) = u32::try_from(movable.len()) else {
            break;
        };
        if left == 0 {
            break;
        }
        let decoy = movable.swap_remove(rng.below(left) as usize);
        let status = match (rng.below(256), decoy.status) {
            (0, _) => StatusValue::Cancelled,
            (1, _) => StatusValue::Superseded,
            (_, StatusValue::Valid) => StatusValue::Suspended,
            _ => StatusValue::Valid,
        };
        moved.push(Decoy { status, ..decoy });
    }
    moved
}

/// Packs two bits an entry, the first in the lowest bits of the first byte, into a zlib stream.
fn compress(entries: &[(u32, StatusValue)]) -> CompressedList {
    let mut packed = vec![0_u8; LIST_BYTES - usize::from(mutant!("STA-5/published"))];
    for (index, status) in entries {
        // An index beyond the list cannot come from the allocator; it would only be dropped here.
        if let Some(byte) = packed.get_mut((*index / 4) as usize) {
            *byte |= status.bits() << (*index % 4 * 2);
        }
    }
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder
        .write_all(&packed)
        .expect("writing to a Vec does not fail");
    let lst = encoder.finish().expect("writing to a Vec does not fail");
    CompressedList {
        bits: BITS,
        lst: URL_SAFE_NO_PAD.encode(lst),
    }
}

fn hints(issuer: &Issuer<'_>, peers: &[EntityId], published: &[Published], now: UnixSeconds) -> Vec<Write> {
    let lists: Vec<_> = published
        .iter()
        .filter(|list| list.changed)
        .map(|list| list.uri.clone())
        .collect();
    if lists.is_empty() || mutant!("STA-13") {
        return Vec::new();
    }
    peers
        .iter()
        .map(|peer| {
            Write::Queue(OutboxItem {
                id: row_id(issuer.clock, issuer.rng),
                peer: peer.clone(),
                message: Message::StatusChanged { lists: lists.clone() },
                next_at: now,
                attempts: 0,
            })
        })
        .collect()
}
