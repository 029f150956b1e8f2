//! The node's edge: listeners, TLS, limits, the form of errors, the operator's endpoints and the client towards
//! peers. It refuses to decide anything about a permit: handlers parse, call a use case of `comity-node-core`,
//! and render what it returns.

pub mod authority;
mod document;
pub mod federation;
pub mod lanes;
pub mod limits;
pub mod listener;
pub mod ops;
pub mod peer_client;
pub mod problem_response;
pub mod public;
pub mod render;
pub mod staff;
mod tier_name;
pub mod tls;
