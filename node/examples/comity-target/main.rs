//! The program with which this node takes the networked classes of the conformance suite: it starts the target and does to it what an
//! operator or a clerk would do, as JSON lines ([the contract](../../../conformance-tests/README.md)).
//!
//! It knows the node from outside only: it writes a configuration, runs `comity init` and `comity run`, speaks to the admin socket
//! as the command line does and to the staff API as a window's system does, and hands over the register's files. None of our crates
//! is linked: what the node cannot be asked from outside, this program cannot answer. It is an example so that no release has it.
//!
//! ```text
//! comity-target --comity target/debug/comity [--database postgres://…]
//! ```
//!
//! Started with the suite's folder as its working folder; everything of the node stands in the folder that `start` names. What the
//! node logs goes to standard error, beside what this program has to say. The environment, `COMITY_MUTANT` included, is passed on
//! to the node as it came. Standard error names nobody: the suite searches it for names and numbers, the node's log above all.

mod admin;
mod answer;
mod authority;
mod contract;
mod county;
mod process;
mod register;
mod target;
mod web;
mod window;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use answer::Failure;
use contract::Request;
use target::Target;

/// Starts our node for the conformance suite, and does to it what the suite asks on standard input.
#[derive(Debug, Parser)]
struct Arguments {
    /// The node's executable.
    #[arg(long)]
    comity: PathBuf,
    /// An empty PostgreSQL database for the node; without, it has a file of its own (SQLite).
    #[arg(long)]
    database: Option<String>,
}

fn main() -> ExitCode {
    // One provider for the whole process; a second installation, which cannot happen here, would change nothing.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match serve(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("comity-target: {why}");
            ExitCode::FAILURE
        }
    }
}

/// One line in, one line out, until the input ends; then the node is stopped as a supervisor would.
fn serve(arguments: Arguments) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut target = Target::new(&arguments.comity, arguments.database)?;
    // Between two lines there is nothing to do here: reading may hold up the thread.
    for line in std::io::stdin().lines() {
        let line = line?;
        let answer = match serde_json::from_str::<Request>(&line) {
            Ok(request) => {
                let done = runtime.block_on(target.carry_out(request.what));
                answer::line(&request.id, done)
            }
            Err(error) => answer::unread(&line, &error),
        };
        let mut out = std::io::stdout().lock();
        out.write_all(answer.as_bytes())?;
        out.flush()?;
    }
    runtime.block_on(target.stop())
}
