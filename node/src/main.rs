//! `comity`: a county node, an authority, and the commands their operators use.
//!
//! This binary alone knows every adapter: it reads the configuration, opens the store, joins the listeners to the use cases and starts the
//! background work. Commands are thin: parse, call, print.

mod admin;
mod background;
mod backoff;
mod certificates;
mod cli;
mod commands;
mod config;
mod demo;
mod keys;
mod logging;
mod sockets;
mod system;
mod terminal;
mod told;
mod wiring;

use std::process::ExitCode;

use clap::Parser as _;

use crate::admin::AdminCommand;
use crate::cli::{Cli, Command, PermitCommand, StoreCommand};
use crate::commands::{CommandError, Outcome};

/// Exit code of wrong use (sysexits EX_USAGE).
const USAGE: u8 = 64;

fn main() -> ExitCode {
    logging::report_panics_by_place();
    #[cfg(feature = "mutants")]
    if let Err(unknown) = comity_spec::mutants::known() {
        eprintln!("{unknown}");
        return ExitCode::from(USAGE);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let asked = !error.use_stderr();
            // Nothing is left to say when even this cannot be printed.
            let _ = error.print();
            return ExitCode::from(if asked { 0 } else { USAGE });
        }
    };
    // One provider for the whole process; a second installation, which cannot happen here, would change nothing.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("无法启动运行时 / the runtime does not start: {error}");
            return ExitCode::from(70);
        }
    };
    match runtime.block_on(carry_out(cli.command)) {
        Ok(outcome) => {
            if !outcome.text.is_empty() {
                println!("{}", terminal::page(outcome.text.trim_end()));
            }
            ExitCode::from(outcome.code)
        }
        Err(error) => {
            eprintln!("{}", terminal::page(&error.to_string()));
            ExitCode::from(error.code())
        }
    }
}

async fn carry_out(command: Command) -> Result<Outcome, CommandError> {
    match command {
        Command::Init { config, application } => commands::init::run(&config.config, &application).await,
        Command::Config(command) => commands::config::run(command),
        Command::Authority(command) => commands::authority::run(command).await,
        Command::Run(config) => commands::run::run(&config.config).await,
        Command::Agreement { config, command } => {
            commands::node::run(&config.config, commands::node::agreement(command)?).await
        }
        Command::Permit {
            config,
            command:
                PermitCommand::Export {
                    number,
                    form,
                    rendering,
                    out,
                },
        } => commands::export::run(&config.config, number, form, rendering, out.as_deref()).await,
        Command::Permit { config, command } => {
            commands::node::run(&config.config, commands::node::permit(command)?).await
        }
        Command::Officer { config, command } => {
            commands::node::run(&config.config, commands::node::officer(command)?).await
        }
        Command::Trust { config, command } => {
            commands::node::run(&config.config, commands::node::trust(command)).await
        }
        Command::Bundle { config, command } => {
            commands::node::run(&config.config, commands::node::bundle(command)?).await
        }
        Command::Record { config } => commands::node::run(&config.config, AdminCommand::RecordVerify).await,
        Command::Store {
            config,
            command: StoreCommand::Restored { officer },
        } => commands::node::run(&config.config, AdminCommand::StoreRestored { officer }).await,
        Command::Status { config } => commands::node::run(&config.config, AdminCommand::Status).await,
        Command::Demo(arguments) => demo::run(arguments).await,
    }
}
