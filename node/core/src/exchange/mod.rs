//! Signed look-ups between counties (chapters 7.2 to 7.4): answering them as issuer, making them as recogniser.
//!
//! [`answer_lookup`] tells a peer about one person, after everything that an agreement asks was checked, and keeps what it told;
//! [`ask_peer`] asks and verifies the answer. Nothing here decides whether somebody is recognised.

pub mod answer_lookup;
pub mod ask_peer;
pub mod in_flight;
pub mod peer_misses;
pub(crate) mod response;

#[cfg(test)]
mod tests;
