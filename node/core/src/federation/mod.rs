//! The federation seen from one of its members: what an authority signs, what this county says of itself, what it accepts of
//! others, and the agreements it makes.
//!
//! Everything here passes signed objects; whether one is believed is decided by the verifier and nowhere else. On any error the
//! last good is kept: an unreachable authority, a damaged answer or a hostile one never empties what this node holds.
//! Chapters 3, 4, 6.4, 7.5 and 11.4.

pub mod agreements;
pub mod authority;
pub mod bundle;
pub mod deliver;
pub mod intake;
pub mod load_view;
pub mod own_configuration;
pub mod receive_hint;
pub mod refresh;
pub mod refresh_status;
mod stored;
