//! `comity config check|show|example`.

use super::{CommandError, Outcome};
use crate::cli::ConfigCommand;
use crate::config;

/// Carries out one command.
pub(crate) fn run(command: ConfigCommand) -> Result<Outcome, CommandError> {
    match command {
        ConfigCommand::Check(arg) => {
            let config = config::load(&arg.config, std::env::vars())?;
            Ok(Outcome::text(format!(
                "√ {} 配置有效 / the configuration is valid: {}",
                arg.config.display(),
                config.node.entity
            )))
        }
        ConfigCommand::Show(arg) => {
            let config = config::load(&arg.config, std::env::vars())?;
            Ok(Outcome::text(config::show(&config)?))
        }
        ConfigCommand::Example => Ok(Outcome::text(config::EXAMPLE)),
    }
}
