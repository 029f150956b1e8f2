//! The routers over real sockets and TLS, with nodes whose store is in memory: what each endpoint gives, and what it refuses.

#![cfg(test)]

mod authority;
mod described;
mod federation;
mod messages;
mod problems;
mod public;
#[path = "../staff/support.rs"]
#[allow(
    dead_code,
    reason = "shared with the tests of the staff listener, which use the rest"
)]
mod staff;
mod support;
#[path = "../transport/support.rs"]
#[allow(
    dead_code,
    reason = "shared with the tests of the transport, which use the rest"
)]
mod transport;
