//! Multiples of a point that are worked out beforehand, for a key whose signatures come one after the other.
//!
//! A scalar in base 256 with digits from −128 to 128 makes `[k]P` a sum of 32 points out of a table, without a doubling: a verification by
//! a key with a table takes half the time. The table costs what some fifty verifications save, and [`SIZE`] bytes, so that a key
//! gets one only after [`PRACTICE`] signatures, and no more than [`MOST`] keys have one at a time. What comes out is the same point on
//! either path, which the tests of [`super::strict`] hold; that a key has a table is no part of the key.
//!
//! It is for what everybody may know: it takes as long as the scalar's digits have it. No secret scalar may come here.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;

/// Digits of a scalar, and so rows of a table.
const ROWS: usize = 32;
/// Multiples in a row: the sign is not in the table.
const COLUMNS: usize = 128;
/// Bytes of one table.
const SIZE: usize = ROWS * COLUMNS * size_of::<EdwardsPoint>();
/// Signatures verified without a table before a key is given one.
pub(super) const PRACTICE: u32 = 64;
/// Tables of keys that exist at a time in a process: 10 MiB.
pub(super) const MOST: usize = 16;
const _: () = assert!(SIZE * MOST <= 10 << 20);

/// That of the base point, made when the first key is given its own.
static OF_BASE_POINT: LazyLock<Multiples> = LazyLock::new(|| Multiples::of(&ED25519_BASEPOINT_POINT));
/// How many keys have a table.
static GIVEN: AtomicUsize = AtomicUsize::new(0);

/// Row by row `P, 2P, … 128P`, of `256P`, of `256²P` and so on.
pub(super) struct Multiples(Vec<EdwardsPoint>);

impl Multiples {
    /// Works them out.
    pub(super) fn of(point: &EdwardsPoint) -> Self {
        let mut table = Vec::with_capacity(ROWS * COLUMNS);
        let mut first = *point;
        for _ in 0..ROWS {
            let mut multiple = first;
            table.push(multiple);
            for _ in 1..COLUMNS {
                multiple += first;
                table.push(multiple);
            }
            first = multiple + multiple;
        }
        Self(table)
    }

    /// `sum + [scalar]P`, for the `P` whose multiples these are.
    fn add(&self, scalar: &Scalar, sum: EdwardsPoint) -> EdwardsPoint {
        let (rows, _) = self.0.as_chunks::<COLUMNS>();
        let (mut sum, mut carry) = (sum, 0);
        for (row, byte) in rows.iter().zip(scalar.as_bytes()) {
            let digit = usize::from(*byte) + carry;
            carry = usize::from(digit > COLUMNS);
            // Scalars are below 2²⁵³: the last digit carries nothing.
            if carry == 1 && digit < 2 * COLUMNS {
                sum -= &row[2 * COLUMNS - digit - 1];
            } else if carry == 0 && digit > 0 {
                sum += &row[digit - 1];
            }
        }
        sum
    }

    /// `[a]P + [b]B`, where `B` is the base point.
    pub(super) fn double_scalar_mul_basepoint(&self, a: &Scalar, b: &Scalar) -> EdwardsPoint {
        OF_BASE_POINT.add(b, self.add(a, EdwardsPoint::default()))
    }
}

/// What a key has learnt: how many signatures it was asked about, and after enough of them its table. Copies of a key share it.
#[derive(Clone, Default)]
pub(super) struct Practice(Arc<Learnt>);

#[derive(Default)]
struct Learnt {
    asked: AtomicU32,
    multiples: OnceLock<Multiples>,
}

impl Practice {
    /// The table of `point`, which has to be the same one at every call, once it exists. Whoever asks for the [`PRACTICE`]th time makes it;
    /// nobody else waits.
    pub(super) fn multiples(&self, point: impl FnOnce() -> EdwardsPoint) -> Option<&Multiples> {
        let learnt = &*self.0;
        if let Some(multiples) = learnt.multiples.get() {
            return Some(multiples);
        }
        // A key for which there was no room asks again when the counter has come round.
        let asked = learnt.asked.fetch_add(1, Ordering::Relaxed);
        if asked % PRACTICE != PRACTICE - 1 || !room() {
            return None;
        }
        let made = Multiples::of(&point());
        if learnt.multiples.set(made).is_err() {
            GIVEN.fetch_sub(1, Ordering::Relaxed);
        }
        learnt.multiples.get()
    }

    /// Whether the table exists.
    pub(super) fn has_table(&self) -> bool {
        self.0.multiples.get().is_some()
    }
}

/// Takes one of the [`MOST`] places, if one is free.
fn room() -> bool {
    let taken = |given: usize| (given < MOST).then_some(given + 1);
    GIVEN
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken)
        .is_ok()
}

impl Drop for Learnt {
    fn drop(&mut self) {
        if self.multiples.get().is_some() {
            GIVEN.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// No part of what a key is.
impl PartialEq for Practice {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Practice {}

impl fmt::Debug for Practice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Practice")
            .field("has_table", &self.has_table())
            .finish()
    }
}
