//! Configuration: one TOML file, each value of which an environment variable may override, checked whole before anything starts.
//!
//! `COMITY__DATABASE__URL` overrides `[database] url`: the prefix, then the path, joined by two underscores. A key that nobody reads is
//! refused, because a misspelt limit is a limit that is not there. Secrets stand in files or the environment and are never printed.

mod load;
mod sections;

pub(crate) use load::{ConfigError, load, show};
pub(crate) use sections::{Config, ListenerConfig, ListenersConfig, LogFormat, without_password};

/// The documented example, printed by `comity config example` and written by `comity init`.
pub(crate) const EXAMPLE: &str = include_str!("config/example.toml");
