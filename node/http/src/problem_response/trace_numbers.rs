//! Where the trace numbers of a listener come from: the binary makes them of its clock, its region and randomness.
//!
//! Randomness is fetched for many numbers at once, since each draw from the system is a system call and every request needs a
//! number (IDN-15: 40 random bits). It stands in every answer and is no secret: nothing that has to stay unknown before it is used may be drawn here.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use comity_spec::ids::TraceNumber;

/// Random bytes of one trace number.
const EACH: usize = 5;

/// Numbers for which randomness is fetched at once.
const AT_ONCE: usize = 64;

/// The source of trace numbers. Clones share it.
#[derive(Clone)]
pub struct TraceNumbers(Arc<dyn Fn() -> TraceNumber + Send + Sync>);

impl TraceNumbers {
    /// Trace numbers from `give`, which must never give one twice.
    pub fn new(give: impl Fn() -> TraceNumber + Send + Sync + 'static) -> Self {
        Self(Arc::new(give))
    }

    /// Trace numbers that `give` makes of bytes with which `fill` has filled a buffer. No byte is given out twice.
    pub fn random(
        fill: impl Fn(&mut [u8]) + Send + Sync + 'static,
        give: impl Fn([u8; EACH]) -> TraceNumber + Send + Sync + 'static,
    ) -> Self {
        let stock = Mutex::new(Vec::<[u8; EACH]>::with_capacity(AT_ONCE));
        Self::new(move || {
            // Each change leaves it whole.
            let mut stock = stock.lock().unwrap_or_else(PoisonError::into_inner);
            let random = stock.pop().unwrap_or_else(|| {
                let mut fresh = [[0; EACH]; AT_ONCE];
                fill(fresh.as_flattened_mut());
                let [first, rest @ ..] = fresh;
                stock.extend(rest);
                first
            });
            drop(stock);
            give(random)
        })
    }

    pub(super) fn draw(&self) -> TraceNumber {
        (self.0)()
    }
}

impl fmt::Debug for TraceNumbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TraceNumbers")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

    use comity_spec::time::LocalDate;

    use super::*;

    #[test]
    fn randomness_is_fetched_for_many_numbers_and_none_of_it_is_used_twice() {
        let fetched = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&fetched);
        let next = AtomicU8::new(0);
        let numbers = TraceNumbers::random(
            move |buffer| {
                counted.fetch_add(1, Ordering::SeqCst);
                // Each number's bytes are one value, another for each.
                for chunk in buffer.chunks_mut(EACH) {
                    chunk.fill(next.fetch_add(1, Ordering::SeqCst));
                }
            },
            |random| {
                TraceNumber::new(
                    LocalDate::new(2026, 7, 30).unwrap(),
                    "990101".parse().unwrap(),
                    random,
                )
            },
        );
        let drawn: BTreeSet<String> = (0..AT_ONCE * 2).map(|_| numbers.draw().to_string()).collect();
        assert_eq!(drawn.len(), AT_ONCE * 2, "one came twice");
        assert_eq!(fetched.load(Ordering::SeqCst), 2);
    }
}
