//! What issues at several windows of this process share: the serial of permit numbers, and one turn a person.
//!
//! A serial is drawn in memory and given once, whatever became of the commit it was drawn for, so that commits can run beside each
//! other; a gap in the numbers means nothing. The store keeps the highest one committed. It refuses to let two windows decide at
//! the same time whether the same person holds a permit already.

use comity_spec::ids::CitizenNumber;
use tokio::sync::{Mutex, MutexGuard};

use crate::ports::store::{Store, StoreError};

/// Name of the setting with the highest serial of a permit number given here.
pub(crate) const SERIAL: &str = "permit_serial";
/// Queues among which persons are spread. Two strangers in one wait for each other once in so many times, which costs a moment.
const QUEUES: usize = 256;

/// Serials and turns. One per store and process.
pub struct Counter {
    serial: Mutex<Serial>,
    queues: Box<[Mutex<()>]>,
}

#[derive(Default)]
struct Serial {
    /// The last one drawn here or known to be stored.
    last: u32,
    /// The store was read since it was last in doubt.
    known: bool,
}

impl Default for Counter {
    fn default() -> Self {
        Self {
            serial: Mutex::default(),
            queues: (0..QUEUES).map(|_| Mutex::default()).collect(),
        }
    }
}

impl std::fmt::Debug for Counter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counter").finish_non_exhaustive()
    }
}

impl Counter {
    /// A serial that was not drawn before; `None` after the last there is.
    pub(super) async fn draw(&self, store: &dyn Store) -> Result<Option<u32>, StoreError> {
        let mut serial = self.serial.lock().await;
        if !serial.known {
            serial.last = serial.last.max(stored(store).await?);
            serial.known = true;
        }
        let Some(next) = serial.last.checked_add(1) else {
            return Ok(None);
        };
        serial.last = next;
        Ok(Some(next))
    }

    /// A number turned out to be taken, or numbers were skipped: the store is read again before the next is drawn.
    pub(crate) async fn doubt(&self) {
        self.serial.lock().await.known = false;
    }

    /// Waits until nobody else here decides about this person.
    pub(super) async fn turn_of(&self, person: &CitizenNumber) -> MutexGuard<'_, ()> {
        let mixed = person.as_str().bytes().fold(0_usize, |mixed, octet| {
            mixed.wrapping_mul(31).wrapping_add(usize::from(octet))
        });
        self.queues[mixed % QUEUES].lock().await
    }
}

/// The highest serial known to the store, 0 before the first.
pub(crate) async fn stored(store: &dyn Store) -> Result<u32, StoreError> {
    match store.setting(SERIAL).await? {
        None => Ok(0),
        Some(text) => text.parse().map_err(|_| StoreError::Corrupt {
            table: "setting",
            reason: format!("{SERIAL} is not a number"),
        }),
    }
}
