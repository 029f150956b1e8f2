//! `comity`: a county node, an authority, and the commands their operators use.
//!
//! This binary alone knows every adapter: it reads the configuration, opens the store, joins the listeners to the use cases and starts the
//! background work. Commands are thin: parse, call, print.

mod config;
mod keys;
mod logging;
mod system;

fn main() {}
