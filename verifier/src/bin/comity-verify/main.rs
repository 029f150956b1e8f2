//! `comity-verify`: checks signed objects off line, with files alone.
//!
//! One file per subcommand. Nothing here decides: each subcommand reads files, calls the library once and prints what it
//! says. It opens no network connection. The clock is read in one place ([`input::now`]) and can be replaced by `--at`.
//! Exit codes: 0 accepted, 1 refused, 2 nothing could be checked, 64 wrong usage, 70 internal fault; verdicts about a person's
//! permit or receipt: 0 green, 10 amber, 20 red, 30 grey.

mod adapter;
mod attestation;
mod batch;
mod bundle;
mod failure;
mod input;
mod jws;
mod office;
mod receipt;
mod sd_jwt;
mod status_list;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;

/// 离线核验互认协议的签名对象 / Verify signed objects of the Comity protocol off line.
#[derive(Debug, Parser)]
#[command(name = "comity-verify", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// 回答一致性测试的一个问题 / Answer one question of the conformance suite, JSON in and out
    Adapter(adapter::Args),
    /// 核验居住证并给出结论 / Verify a presented permit and decide, for one window and one service
    Attestation(attestation::Args),
    /// 批量核验 / Decide about many permits, on all cores
    Batch(batch::Args),
    /// 打开 .comity 文件 / Open a bundle against an anchor: what is in it, from whom, how fresh, what was refused
    Bundle(bundle::Args),
    /// 核验 JWS / Verify a compact JWS and print its header and payload
    Jws(jws::Args),
    /// 核验 SD-JWT / Verify an SD-JWT and print its processed claims
    SdJwt(sd_jwt::Args),
    /// 核验回执 / Verify a receipt, and whether it is a given person's
    Receipt(receipt::Args),
    /// 读取状态列表 / Read a status list token or a bare status_list object
    StatusList(status_list::Args),
}

fn main() -> ExitCode {
    #[cfg(feature = "mutants")]
    if let Err(unknown) = comity_spec::mutants::known() {
        let _ = writeln!(std::io::stderr(), "{unknown}");
        return ExitCode::from(failure::USAGE);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A request for help is not an error; where it cannot be printed there is nobody to tell.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { failure::USAGE } else { 0 });
        }
    };
    let outcome = match cli.command {
        Command::Adapter(args) => adapter::run(&args).map(accepted),
        Command::Attestation(args) => attestation::run(&args),
        Command::Batch(args) => batch::run(&args),
        Command::Bundle(args) => bundle::run(&args).map(accepted),
        Command::Jws(args) => jws::run(&args).map(accepted),
        Command::Receipt(args) => receipt::run(&args),
        Command::SdJwt(args) => sd_jwt::run(&args).map(accepted),
        Command::StatusList(args) => status_list::run(&args).map(accepted),
    };
    match outcome.and_then(|(text, code)| print(&text).map(|()| code)) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "{failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

/// A result of which there is only one kind.
const fn accepted(text: String) -> (String, u8) {
    (text, 0)
}

/// Prints a result and a line end. A reader that went away (`| head`) is no fault.
fn print(text: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Internal(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}
