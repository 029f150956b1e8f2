//! Which requests are being answered at this moment, so that the same request sent twice at once has one effect.
//!
//! Only the store knows what was answered; this set covers the time before. A second instance on the same store is not covered
//! by it: there the store's refusal of a taken key is what counts.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// The requests under way.
#[derive(Debug, Default)]
pub struct InFlight(Mutex<HashSet<(String, String)>>);

/// The right to answer one request; given back when dropped, also by a caller that hangs up.
#[derive(Debug)]
#[must_use = "the request counts as under way only while this is held"]
pub struct Underway<'a> {
    set: &'a InFlight,
    key: (String, String),
}

impl InFlight {
    /// Begins a request, or says by `None` that it is under way.
    pub fn begin(&self, scope: &str, key: &str) -> Option<Underway<'_>> {
        let key = (scope.to_owned(), key.to_owned());
        let fresh = self.set().insert(key.clone());
        fresh.then_some(Underway { set: self, key })
    }

    /// A panic elsewhere leaves the set whole: each change is one call.
    fn set(&self) -> std::sync::MutexGuard<'_, HashSet<(String, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.set.set().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_under_way_once_and_again_after_it_ended() {
        let set = InFlight::default();
        let first = set.begin("a", "1").unwrap();
        assert!(set.begin("a", "1").is_none());
        assert!(
            set.begin("b", "1").is_some(),
            "another requester's key is another request"
        );
        drop(first);
        assert!(set.begin("a", "1").is_some());
    }
}
