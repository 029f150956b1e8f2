//! Verification for the Comity protocol: pure decisions about what peers and holders present.
//!
//! Nothing here does I/O, reads a clock or draws a random number: time, trust and budget come in as arguments, and the same
//! inputs give the same answer on every node, in the command line and in the suite. Every function is total: no input of a
//! peer makes it panic or run without bound.
//!
//! The lower layer reads what the standards define: [`json`] and [`b64`] (strict spellings), [`jwk`] (keys), [`jws`]
//! (signatures), [`sd_jwt`] (attestations), [`status_list`]. An object passes from `Unverified` to [`jws::Verified`] only
//! inside this crate.
//!
//! The upper layer is recognition: [`presentation`] and [`exchange`] turn what holders and peers send into evidence, and
//! [`decide`] turns evidence into one of the 27 outcomes, with [`conditions`] for what a service asks besides.

pub mod agreement;
pub mod b64;
pub mod budget;
pub mod bundle;
pub mod conditions;
pub mod decide;
pub mod exchange;
pub mod holder_name;
pub mod json;
pub mod jwk;
pub mod jws;
pub mod presentation;
pub mod receipt;
pub mod sd_jwt;
pub mod status_list;
pub mod status_view;
pub mod symbol;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod trust;

#[cfg(test)]
mod examples;
#[cfg(test)]
mod fixtures;
mod octets;
#[cfg(test)]
mod vectors;
mod verified;
