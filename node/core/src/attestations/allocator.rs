//! Which status index an attestation gets.
//!
//! Each list has a secret `seed`, from which a random order of its 131,072 indices follows (Fisher–Yates over a SHA-256 stream);
//! indices are handed out along that order, so that two permits issued one after the other are neighbours nowhere, and only the
//! *position* in the order has to be kept. Decoys are passed over. When a list is used up, the next is opened with its decoys in
//! the same commit as its first attestation. It refuses to hand out an index twice: within a process by the [`Lease`], which is
//! held until its commit is answered, between processes by the store, after whose refusal the state is read anew.

use std::collections::BTreeSet;

use comity_spec::status::{ENTRIES, StatusValue};
use comity_spec::time::UnixSeconds;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, MutexGuard};

use super::STATUS_LIST_PATH;
use crate::ports::Rng;
use crate::ports::attestations::{Decoy, ListId, NewStatusList, StatusListRow};
use crate::ports::store::{Store, StoreError, Write};

/// Entries of a list, as an index.
const LENGTH: u32 = ENTRIES as u32;
/// Decoys of a list, in hundredths of its entries.
pub const DECOY_PERCENT: u32 = 1;

/// Hands out status indices. One per store and process.
#[derive(Default)]
pub struct StatusAllocator(Mutex<Option<Open>>);

/// The order of a list is a secret: nothing of it is printed.
impl std::fmt::Debug for StatusAllocator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StatusAllocator").finish_non_exhaustive()
    }
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
    /// Takes the right to hand out indices until the lease is committed or dropped. Others wait, so that positions reach the
    /// store in their order.
    ///
    /// # Errors
    /// When the lists do not read.
    pub async fn lease<'a>(
        &'a self,
        store: &'a dyn Store,
        rng: &'a dyn Rng,
        public_base: &'a str,
    ) -> Result<Lease<'a>, StoreError> {
        let mut guard = self.0.lock().await;
        // Taken out, so that a lease that is dropped half way makes the next one read the store.
        let open = match guard.take() {
            Some(open) => Some(open),
            None => newest_list(store).await?,
        };
        let newest = open.as_ref().map_or(0, |open| open.id.0);
        Ok(Lease {
            guard,
            store,
            rng,
            public_base,
            open,
            newest,
            opening: Vec::new(),
        })
    }
}

/// The right to hand out indices, with the writes that open new lists.
pub struct Lease<'a> {
    guard: MutexGuard<'a, Option<Open>>,
    store: &'a dyn Store,
    rng: &'a dyn Rng,
    public_base: &'a str,
    open: Option<Open>,
    newest: i64,
    opening: Vec<Write>,
}

impl Lease<'_> {
    /// The next free index.
    pub fn next(&mut self, now: UnixSeconds) -> Place {
        loop {
            if let Some(place) = self.open.as_mut().and_then(Open::next) {
                return place;
            }
            self.open_list(now);
        }
    }

    /// Commits what was made with the indices handed out, the new lists first. Once.
    ///
    /// # Errors
    /// As the store says; then nothing is done, and the next lease reads the store anew.
    pub async fn commit(mut self, name: &'static str, writes: Vec<Write>) -> Result<(), StoreError> {
        let mut all = std::mem::take(&mut self.opening);
        all.extend(writes);
        self.store.commit(name, all).await?;
        *self.guard = self.open.take();
        Ok(())
    }

    fn open_list(&mut self, now: UnixSeconds) {
        self.newest += 1;
        let id = ListId(self.newest);
        let uri = format!("{}{STATUS_LIST_PATH}{}", self.public_base, id.0);
        let seed = self.rng.bytes::<32>();
        self.opening.push(Write::StatusList(NewStatusList {
            id,
            uri: uri.clone(),
            seed,
            created_at: now,
        }));
        let mut decoys = BTreeSet::new();
        while decoys.len() < (LENGTH / 100 * DECOY_PERCENT) as usize {
            decoys.insert(self.rng.below(LENGTH));
        }
        // Not along the set's order with one stream of statuses: each is drawn by itself, so nothing ties status to index.
        for index in &decoys {
            let status = StatusValue::from_bits(1 + self.rng.bytes::<1>()[0] % 3);
            self.opening.push(Write::Decoy(Decoy {
                list: id,
                index: *index,
                status,
            }));
        }
        self.open = Some(Open {
            id,
            uri,
            order: order(&seed),
            decoys,
            position: 0,
        });
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

async fn newest_list(store: &dyn Store) -> Result<Option<Open>, StoreError> {
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
    Ok(Some(Open {
        id,
        uri,
        order: order(&seed),
        decoys: decoys.into_iter().map(|decoy| decoy.index).collect(),
        position: next_position,
    }))
}

/// The order in which a list's indices are handed out: a permutation of `0..131072` that follows from the seed.
#[must_use]
pub fn order(seed: &[u8; 32]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..LENGTH).collect();
    let mut stream = Stream::new(seed);
    for last in (1..LENGTH).rev() {
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
