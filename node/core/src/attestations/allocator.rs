//! Which status index an attestation gets.
//!
//! Each list has a secret `seed`, from which a random order of its 131,072 indices follows (Fisher–Yates over a SHA-256 stream);
//! indices are handed out along that order, so that two permits issued one after the other are neighbours nowhere, and only the
//! *position* in the order has to be kept. Decoys are passed over. When a list is used up, the next is opened with its decoys in
//! the same commit as its first attestation.
//!
//! Drawing is quick and in memory; commits of what was drawn run beside each other, so that the store can group them. What was
//! drawn and never tried, or what the store says it did not do, is certainly in no attestation and is handed out again: a signing
//! key that is away or a disk that is full for hours must not use up lists. It refuses to draw anything else twice. After a commit
//! whose answer was lost, or that was given up half way, nobody knows for certain, and a gap costs nothing, since the order is
//! random and the list has decoys anyway, while an index of two permits would cancel both. What was given back is forgotten with
//! the process; the store refuses an index that is taken, and then its lists are read anew.
//!
//! A store that was restored from a backup has lists of which more was handed out than it knows, and there may be lists that it does
//! not know at all: [`crate::restored`] closes those and has the next ones numbered beyond these.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use comity_spec::mutant;
use comity_spec::status::{ENTRIES, StatusValue};
use comity_spec::time::UnixSeconds;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, MutexGuard};

use super::{Issuer, STATUS_LIST_PATH};
use crate::ports::Rng;
use crate::ports::attestations::{Decoy, ListId, NewStatusList, StatusListRow};
use crate::ports::store::{Conflict, Row, Store, StoreError, Write};
use crate::restored::restored_at;

/// Entries of a list, as an index.
pub(crate) const LENGTH: u32 = ENTRIES as u32;
/// Decoys of a list, in hundredths of its entries.
pub const DECOY_PERCENT: u32 = 1;

/// Hands out status indices. One per store and process.
#[derive(Default)]
pub struct StatusAllocator {
    drawing: Mutex<Drawing>,
    /// Apart from `drawing`, so that it is given back to without waiting. Never held over anything slow.
    returned: std::sync::Mutex<Returned>,
}

/// The order of a list is a secret: nothing of it is printed.
impl std::fmt::Debug for StatusAllocator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StatusAllocator").finish_non_exhaustive()
    }
}

/// How far this process has drawn.
#[derive(Default)]
struct Drawing {
    /// The list in use; `None` where the store has to be read first.
    open: Option<Open>,
    /// The next position of the newest list that exists. It outlives `open`: the store knows committed positions only.
    next: Option<(ListId, u32)>,
}

/// What was drawn for nothing, of lists that exist.
#[derive(Default)]
struct Returned {
    places: BTreeMap<(ListId, u32), Place>,
    /// Rises when somebody else wrote to the store: what was drawn before that is not taken back.
    era: u64,
}

/// The list from which indices are handed out.
struct Open {
    id: ListId,
    uri: String,
    order: Vec<u32>,
    decoys: BTreeSet<u32>,
    position: u32,
}

/// An index that was handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The list.
    pub list: ListId,
    /// Its address.
    pub uri: String,
    /// The index.
    pub index: u32,
    /// Its position in the list's order.
    pub position: u32,
}

impl StatusAllocator {
    /// Draws `count` indices that nobody else gets, from this call or a later one.
    ///
    /// # Errors
    /// When the lists do not read.
    pub async fn draw<'a>(
        &'a self,
        issuer: &Issuer<'a>,
        count: usize,
        now: UnixSeconds,
    ) -> Result<Drawn<'a>, StoreError> {
        let mut drawing = self.drawing.lock().await;
        if drawing.open.is_none() {
            drawing.open = drawing.newest_list(issuer.store).await?;
        }
        let mut newest = drawing.open.as_ref().map_or(0, |open| open.id.0);
        let existing = ListId(newest);
        let (mut places, era) = self.returned().take(count);
        let mut opened = None;
        let mut writes = Vec::new();
        while places.len() < count {
            let from = opened.as_mut().or(drawing.open.as_mut());
            if let Some(place) = from.and_then(Open::next) {
                places.push(place);
            } else {
                newest = newest.max(number_floor(issuer.store).await?) + 1;
                opened = Some(open_list(issuer, ListId(newest), now, &mut writes));
            }
        }
        drawing.remember();
        let opening = opened.map(|list| {
            // Should the commit be given up half way, the store says whether the list exists.
            drawing.open = None;
            Opening {
                drawing,
                list,
                writes,
            }
        });
        Ok(Drawn {
            allocator: self,
            store: issuer.store,
            places,
            era,
            existing,
            opening,
        })
    }

    /// Closes every list there is, in one commit with `also`: what nobody has of them is superseded for good, and the next draw opens
    /// a list. What was drawn and is on its way to the store is refused there, and drawn anew. Returns the lists as they were.
    ///
    /// # Errors
    /// As the store says.
    pub(crate) async fn close_lists(
        &self,
        store: &dyn Store,
        name: &'static str,
        also: Vec<Write>,
    ) -> Result<Vec<StatusListRow>, StoreError> {
        // Held to the end: nobody opens a list under a number from before.
        let mut drawing = self.drawing.lock().await;
        // However this ends, the store is read anew.
        drawing.open = None;
        self.distrust();
        let lists = store.status_lists().await?;
        let mut writes: Vec<_> = lists.iter().map(|list| Write::CloseStatusList(list.id)).collect();
        writes.extend(also);
        store.commit(name, writes).await?;
        Ok(lists)
    }

    fn returned(&self) -> std::sync::MutexGuard<'_, Returned> {
        // Nothing panics under it half way.
        self.returned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody else wrote to this store: what it holds is read anew, and what was given back may be taken.
    fn distrust(&self) {
        let mut returned = self.returned();
        returned.places.clear();
        returned.era += 1;
    }
}

impl Returned {
    /// Up to `count`, and the era they are drawn in.
    fn take(&mut self, count: usize) -> (Vec<Place>, u64) {
        let first = std::iter::from_fn(|| self.places.pop_first());
        let places = first.take(count).map(|(_, place)| place).collect();
        (places, self.era)
    }
}

/// Indices that were drawn. Dropped without a commit, they are handed out again.
#[must_use = "indices are drawn to be committed"]
pub struct Drawn<'a> {
    allocator: &'a StatusAllocator,
    store: &'a dyn Store,
    places: Vec<Place>,
    era: u64,
    /// The newest list that existed at the drawing: what is of a later one goes with that list.
    existing: ListId,
    opening: Option<Opening<'a>>,
}

/// A list that does not exist before the commit: until then nobody else may draw, from it or instead of it.
struct Opening<'a> {
    drawing: MutexGuard<'a, Drawing>,
    list: Open,
    writes: Vec<Write>,
}

impl Drawn<'_> {
    /// The indices, in the order in which they were drawn.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Commits what was made with the indices, new lists first. Others draw and commit meanwhile, unless a list is opened.
    ///
    /// # Errors
    /// As the store says. Where it says that nothing was done, the indices are handed out again, unless it was about them; where
    /// the outcome is unknown, and when this is given up half way, they are not.
    pub async fn commit(mut self, name: &'static str, writes: Vec<Write>) -> Result<(), StoreError> {
        // From here on they are in nobody's hand, however this ends.
        let places = std::mem::take(&mut self.places);
        let mut opening = self.opening.take();
        let mut all = opening
            .as_mut()
            .map(|opening| std::mem::take(&mut opening.writes))
            .unwrap_or_default();
        all.extend(writes);
        let done = self.store.commit(name, all).await;
        match (&done, opening) {
            (
                Ok(()),
                Some(Opening {
                    mut drawing, list, ..
                }),
            ) => {
                drawing.open = Some(list);
                drawing.remember();
            }
            (Ok(()), None) => {}
            (
                Err(StoreError::Conflict(
                    Conflict::Exists(Row::StatusIndex | Row::StatusList) | Conflict::Missing(Row::StatusList),
                )),
                opening,
            ) => {
                self.allocator.distrust();
                // At an opening the lists are read anew in any case.
                if opening.is_none() {
                    self.allocator.drawing.lock().await.open = None;
                }
            }
            // The writes were refused, or the store was full or away: by its contract none was done.
            (
                Err(StoreError::Conflict(_) | StoreError::Unavailable(_) | StoreError::Corrupt { .. }),
                _opening,
            ) => self.places = places,
            (Err(StoreError::Unknown(_)), _) => {}
        }
        done
    }
}

impl Drop for Drawn<'_> {
    /// Gives back what was never tried, or certainly not done.
    fn drop(&mut self) {
        let mut returned = self.allocator.returned();
        if returned.era == self.era {
            let kept = self.places.drain(..).filter(|place| place.list <= self.existing);
            returned
                .places
                .extend(kept.map(|place| ((place.list, place.position), place)));
        }
    }
}

/// The number beyond which lists are numbered: those that a restored store does not know must not come again.
async fn number_floor(store: &dyn Store) -> Result<i64, StoreError> {
    Ok(restored_at(store).await?.map_or(0, UnixSeconds::get))
}

fn open_list(issuer: &Issuer<'_>, id: ListId, now: UnixSeconds, writes: &mut Vec<Write>) -> Open {
    let uri = format!("{}{STATUS_LIST_PATH}{}", issuer.public_base, id.0);
    let rng: &dyn Rng = issuer.rng;
    let seed = rng.bytes::<32>();
    writes.push(Write::StatusList(NewStatusList {
        id,
        uri: uri.clone(),
        seed,
        created_at: now,
    }));
    let mut decoys = BTreeSet::new();
    while decoys.len() < (LENGTH / 100 * DECOY_PERCENT) as usize && !mutant!("STA-3/decoys") {
        decoys.insert(rng.below(LENGTH));
    }
    // Not along the set's order with one stream of statuses: each is drawn by itself, so nothing ties status to index.
    for index in &decoys {
        let status = StatusValue::from_bits(1 + rng.bytes::<1>()[0] % 3);
        writes.push(Write::Decoy(Decoy {
            list: id,
            index: *index,
            status,
        }));
    }
    Open {
        id,
        uri,
        order: order(&seed),
        decoys,
        position: 0,
    }
}

impl Open {
    fn next(&mut self) -> Option<Place> {
        loop {
            let position = self.position;
            let index = *self.order.get(position as usize)?;
            self.position += 1;
            if !self.decoys.contains(&index) {
                return Some(Place {
                    list: self.id,
                    uri: self.uri.clone(),
                    index,
                    position,
                });
            }
        }
    }
}

impl Drawing {
    fn remember(&mut self) {
        if let Some(open) = &self.open {
            self.next = Some((open.id, open.position));
        }
    }

    /// The newest list of the store, beyond what was committed of it and beyond what was drawn here.
    async fn newest_list(&self, store: &dyn Store) -> Result<Option<Open>, StoreError> {
        let lists = store.status_lists().await?;
        let Some(row) = lists.into_iter().max_by_key(|list| list.id) else {
            return Ok(None);
        };
        let StatusListRow {
            id,
            uri,
            seed,
            next_position,
            ..
        } = row;
        let decoys = store.decoys(id).await?;
        let drawn = match self.next {
            Some((list, next)) if list == id => next,
            _ => 0,
        };
        Ok(Some(Open {
            id,
            uri,
            order: order(&seed),
            decoys: decoys.into_iter().map(|decoy| decoy.index).collect(),
            position: next_position.max(drawn),
        }))
    }
}

/// The order in which a list's indices are handed out: a permutation of `0..131072` that follows from the seed.
#[must_use]
pub fn order(seed: &[u8; 32]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..LENGTH).collect();
    let mut stream = Stream::new(seed);
    let drawn = if mutant!("STA-3") { 0 } else { LENGTH };
    for last in (1..drawn).rev() {
        order.swap(last as usize, stream.below(last + 1) as usize);
    }
    order
}

/// SHA-256(label ‖ seed ‖ counter), eight numbers a block. Without the seed the order cannot be told from any other.
struct Stream {
    base: Sha256,
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl Stream {
    fn new(seed: &[u8; 32]) -> Self {
        let mut base = Sha256::new();
        base.update(b"comity status order 1");
        base.update(seed);
        Self {
            base,
            counter: 0,
            block: [0; 32],
            used: 32,
        }
    }

    fn word(&mut self) -> u32 {
        if self.used == 32 {
            let mut hash = self.base.clone();
            hash.update(self.counter.to_be_bytes());
            self.block = hash.finalize().into();
            self.counter += 1;
            self.used = 0;
        }
        let mut word = [0; 4];
        word.copy_from_slice(&self.block[self.used..self.used + 4]);
        self.used += 4;
        u32::from_be_bytes(word)
    }

    /// Below `bound`, without bias; `bound` is at least 1.
    fn below(&mut self, bound: u32) -> u32 {
        let limit = u32::MAX - u32::MAX % bound;
        loop {
            let word = self.word();
            if word < limit {
                return word % bound;
            }
        }
    }
}
