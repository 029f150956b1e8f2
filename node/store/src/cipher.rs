//! Personal data at rest: encrypted by column, looked up by a keyed blind index.
//!
//! A column value is sealed with XChaCha20-Poly1305 and bound by its associated data to the one table, column
//! and row it was written for, so that whoever can write to the database but lacks the key cannot move one
//! person's data under another's permit (PIPL art. 51: encryption of personal information at rest).
//! Equality look-ups go through HMAC-SHA256 under a key of their own, per field, so that equal numbers in two
//! fields have nothing in common.
//!
//! This module holds keys in memory only: it reads no file, no environment and no ambient randomness, and it
//! refuses to return anything that does not authenticate.
//!
//! Layout of a sealed value: key id (1 byte), nonce (24), ciphertext, tag (16). The key id in front lets a new
//! key be introduced while old rows stay readable.

use std::fmt;
use std::sync::Arc;

use chacha20poly1305::aead::{Aead, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use comity_node_core::ports::Rng;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

/// Bytes that a sealed value is longer than its plaintext: key id, nonce and tag.
pub const OVERHEAD: usize = 1 + NONCE + 16;

const NONCE: usize = 24;

/// The master keys a store is opened with: one that seals, and any number that still open older rows.
///
/// Keys are wiped from memory when this value is dropped. `Debug` shows ids only.
pub struct StoreKeys {
    sealing: u8,
    keys: Vec<(u8, Zeroizing<[u8; 32]>)>,
}

impl StoreKeys {
    /// Keys with one master key, which seals everything written from now on.
    #[must_use]
    pub fn new(id: u8, key: [u8; 32]) -> Self {
        Self {
            sealing: id,
            keys: vec![(id, Zeroizing::new(key))],
        }
    }

    /// Adds a former master key, for rows that it sealed. A second key under an id already present is ignored.
    #[must_use]
    pub fn with_former(mut self, id: u8, mut key: [u8; 32]) -> Self {
        if self.keys.iter().all(|(known, _)| *known != id) {
            self.keys.push((id, Zeroizing::new(key)));
        }
        key.zeroize();
        self
    }

    /// The id of the key that seals.
    #[must_use]
    pub fn sealing_id(&self) -> u8 {
        self.sealing
    }

    /// The ids of all keys given.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u8> {
        self.keys.iter().map(|(id, _)| *id)
    }

    /// Seals the database's own index key under master key `id`; `None` when that key was not given.
    pub(crate) fn wrap(&self, id: u8, secret: &IndexKey, rng: &dyn Rng) -> Option<Vec<u8>> {
        let wrapper = self.purpose(id, b"comity store v1: index key")?;
        Some(seal(&wrapper, id, &WRAPPED, secret.0.as_slice(), rng))
    }

    /// Opens the database's own index key; `None` when the key is not the one that sealed it.
    pub(crate) fn unwrap(&self, id: u8, wrapped: &[u8]) -> Option<IndexKey> {
        let wrapper = self.purpose(id, b"comity store v1: index key")?;
        let opened = open(&wrapper, &WRAPPED, wrapped)?;
        let mut key = Zeroizing::new([0; 32]);
        if opened.len() != key.len() {
            return None;
        }
        key.copy_from_slice(&opened);
        Some(IndexKey(key))
    }

    /// The cipher of a database whose index key has been opened.
    pub(crate) fn cipher(&self, index: IndexKey, rng: Arc<dyn Rng>) -> Cipher {
        let columns = self
            .ids()
            .filter_map(|id| Some((id, self.purpose(id, b"comity store v1: columns")?)))
            .collect();
        Cipher {
            sealing: self.sealing,
            columns,
            index,
            rng,
        }
    }

    fn purpose(&self, id: u8, label: &[u8]) -> Option<XChaCha20Poly1305> {
        let (_, master) = self.keys.iter().find(|(known, _)| *known == id)?;
        let mut key = mac(master.as_slice(), &[label]);
        let cipher = XChaCha20Poly1305::new((&key).into());
        key.zeroize();
        Some(cipher)
    }
}

impl fmt::Debug for StoreKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<u8> = self.ids().collect();
        f.debug_struct("StoreKeys")
            .field("sealing", &self.sealing)
            .field("ids", &ids)
            .finish_non_exhaustive()
    }
}

/// The key of the blind indexes. Each database has its own, drawn at creation and kept sealed inside it, so
/// that changing the master key does not mean computing every index anew.
pub(crate) struct IndexKey(Zeroizing<[u8; 32]>);

impl IndexKey {
    pub(crate) fn draw(rng: &dyn Rng) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        rng.fill(key.as_mut_slice());
        Self(key)
    }
}

/// The one place a sealed value belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The table's name in the schema.
    pub table: &'static str,
    /// The column's name in the schema.
    pub column: &'static str,
    /// The row's primary key as octets, and whatever else the value must not outlive (its version).
    pub row: &'a [u8],
}

/// Seals, opens and indexes column values.
pub struct Cipher {
    sealing: u8,
    columns: Vec<(u8, XChaCha20Poly1305)>,
    index: IndexKey,
    rng: Arc<dyn Rng>,
}

impl Cipher {
    /// Seals `plain` for `place` under the current key.
    #[must_use]
    pub fn seal(&self, place: Place<'_>, plain: &[u8]) -> Vec<u8> {
        let (_, key) = self
            .columns
            .iter()
            .find(|(id, _)| *id == self.sealing)
            .expect("StoreKeys::new always holds the sealing key");
        seal(key, self.sealing, &place, plain, &*self.rng)
    }

    /// Opens a value read from `place`.
    ///
    /// # Errors
    /// [`NotOurs`] when the value was sealed for another place or by another key, or was altered.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotOurs> {
        let refused = || NotOurs {
            table: place.table,
            column: place.column,
        };
        let id = sealed.first().ok_or_else(refused)?;
        let (_, key) = self
            .columns
            .iter()
            .find(|(known, _)| known == id)
            .ok_or_else(refused)?;
        open(key, &place, sealed).ok_or_else(refused)
    }

    /// The blind index of `value` in `field`: equal values give equal indexes, within one field of one database.
    #[must_use]
    pub fn index(&self, field: &'static str, value: &[u8]) -> Vec<u8> {
        mac(self.index.0.as_slice(), &[field.as_bytes(), value]).to_vec()
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cipher")
            .field("sealing", &self.sealing)
            .finish_non_exhaustive()
    }
}

/// A sealed value that does not belong where it was found, or was altered, or whose key was not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "列 {table}.{column} 的密文不属于此行或已被改动 / sealed value in {table}.{column} is not this row's, or was altered"
)]
pub struct NotOurs {
    /// Table it was read from.
    pub table: &'static str,
    /// Column it was read from.
    pub column: &'static str,
}

/// Where the index key is kept. The row's key id is already part of every value's associated data.
const WRAPPED: Place<'static> = Place {
    table: "store_key",
    column: "wrapped",
    row: b"",
};

fn seal(key: &XChaCha20Poly1305, id: u8, place: &Place<'_>, plain: &[u8], rng: &dyn Rng) -> Vec<u8> {
    let mut nonce = [0; NONCE];
    rng.fill(&mut nonce);
    let aad = associated(id, place);
    let body = key
        .encrypt(
            XNonce::from_slice(&nonce),
            Payload {
                msg: plain,
                aad: &aad,
            },
        )
        .expect("XChaCha20-Poly1305 fails only above 256 GiB");
    let mut sealed = Vec::with_capacity(OVERHEAD + plain.len());
    sealed.push(id);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&body);
    sealed
}

fn open(key: &XChaCha20Poly1305, place: &Place<'_>, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (id, rest) = sealed.split_first()?;
    let (nonce, body) = rest.split_at_checked(NONCE)?;
    let aad = associated(*id, place);
    key.decrypt(XNonce::from_slice(nonce), Payload { msg: body, aad: &aad })
        .ok()
        .map(Zeroizing::new)
}

/// Length-prefixed, so that no two places share their octets.
fn associated(id: u8, place: &Place<'_>) -> Vec<u8> {
    let mut aad = vec![id];
    for part in [place.table.as_bytes(), place.column.as_bytes(), place.row] {
        aad.extend_from_slice(&(part.len() as u64).to_be_bytes());
        aad.extend_from_slice(part);
    }
    aad
}

/// HMAC-SHA256 over length-prefixed parts.
fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac =
        <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    struct Counting(AtomicU8);

    impl Rng for Counting {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0.fetch_add(1, Ordering::Relaxed));
        }
    }

    fn rng() -> Arc<dyn Rng> {
        Arc::new(Counting(AtomicU8::new(1)))
    }

    fn cipher(keys: &StoreKeys) -> Cipher {
        keys.cipher(IndexKey(Zeroizing::new([7; 32])), rng())
    }

    const HERE: Place<'static> = Place {
        table: "permit",
        column: "holder",
        row: b"1",
    };

    #[test]
    fn opens_what_it_sealed_and_never_repeats_a_ciphertext() {
        let cipher = cipher(&StoreKeys::new(1, [1; 32]));
        let first = cipher.seal(HERE, "示例".as_bytes());
        let second = cipher.seal(HERE, "示例".as_bytes());
        assert_ne!(first, second);
        assert_eq!(first.len(), "示例".len() + OVERHEAD);
        assert_eq!(cipher.open(HERE, &first).unwrap().as_slice(), "示例".as_bytes());
        assert_eq!(cipher.open(HERE, &second).unwrap().as_slice(), "示例".as_bytes());
    }

    // PRV-4
    #[test]
    fn refuses_another_row_column_or_table() {
        let cipher = cipher(&StoreKeys::new(1, [1; 32]));
        let sealed = cipher.seal(HERE, b"x");
        for moved in [
            Place { row: b"2", ..HERE },
            Place {
                column: "events",
                ..HERE
            },
            Place {
                table: "receipt",
                ..HERE
            },
            // The same octets when joined without lengths.
            Place {
                table: "permith",
                column: "older",
                ..HERE
            },
        ] {
            assert_eq!(
                cipher.open(moved, &sealed),
                Err(NotOurs {
                    table: moved.table,
                    column: moved.column
                })
            );
        }
    }

    #[test]
    fn refuses_every_single_altered_byte_and_every_truncation() {
        let cipher = cipher(&StoreKeys::new(1, [1; 32]).with_former(2, [1; 32]));
        let sealed = cipher.seal(HERE, b"permit");
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 3;
            assert!(cipher.open(HERE, &altered).is_err(), "byte {at}");
            assert!(cipher.open(HERE, &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn former_key_opens_and_new_key_seals() {
        let old = cipher(&StoreKeys::new(1, [1; 32]));
        let sealed = old.seal(HERE, b"x");
        let new = cipher(&StoreKeys::new(2, [2; 32]).with_former(1, [1; 32]));
        assert_eq!(new.open(HERE, &sealed).unwrap().as_slice(), b"x");
        assert_eq!(new.seal(HERE, b"x")[0], 2);
        let forgot = cipher(&StoreKeys::new(2, [2; 32]));
        assert!(forgot.open(HERE, &sealed).is_err());
    }

    #[test]
    fn blind_index_is_equal_within_a_field_only() {
        let cipher = cipher(&StoreKeys::new(1, [1; 32]));
        assert_eq!(
            cipher.index("permit.id_number", b"1"),
            cipher.index("permit.id_number", b"1")
        );
        assert_ne!(
            cipher.index("permit.id_number", b"1"),
            cipher.index("permit.id_number", b"2")
        );
        assert_ne!(
            cipher.index("permit.id_number", b"1"),
            cipher.index("permit.number", b"1")
        );
        // A shift of one letter between field and value is another index.
        assert_ne!(cipher.index("ab", b"c"), cipher.index("a", b"bc"));
    }

    #[test]
    fn index_key_unwraps_under_its_own_key_only() {
        let keys = StoreKeys::new(1, [1; 32]);
        let drawn = IndexKey::draw(&*rng());
        let wrapped = keys.wrap(1, &drawn, &*rng()).unwrap();
        assert_eq!(*keys.unwrap(1, &wrapped).unwrap().0, *drawn.0);
        assert!(StoreKeys::new(1, [2; 32]).unwrap(1, &wrapped).is_none());
        assert!(keys.wrap(9, &drawn, &*rng()).is_none());
    }

    #[test]
    fn debug_shows_no_key() {
        let keys = StoreKeys::new(3, [0xAB; 32]);
        let shown = format!("{keys:?} {:?}", cipher(&keys));
        assert!(
            !shown.contains("171") && !shown.to_lowercase().contains("ab,"),
            "{shown}"
        );
    }
}
