//! The chores of the house, as one program: `cargo xtask test` proves the whole tree on a fresh machine,
//! `cargo xtask gates` holds the rules of ARCHITECTURE.md that the compiler cannot hold, `cargo xtask bench` measures, and
//! `cargo xtask spec` renders the specification.
//!
//! It refuses to link any crate of this workspace, so that it can judge them, and to depend on much: it is the first
//! thing compiled on a fresh clone.

mod bench;
mod gates;
mod process;
mod spec;
mod test;
mod tree;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a chore answers: what it found out, or one sentence for the person at the keyboard.
pub(crate) type Outcome<T> = Result<T, String>;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The chores of the Comity workspace", version)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Format, lints, gates, all tests on both databases, demo check, interoperation, docs, dependency audit
    Test(test::Options),
    /// The rules of the house that the compiler does not check
    Gates(gates::Options),
    /// Rates, ratios and memory on this machine, judged by the floors in xtask/src/bench/floors.toml
    Bench(bench::Options),
    /// The specification as one HTML file, with the cases that prove each requirement
    Spec(spec::Options),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().chore {
        Chore::Test(options) => test::run(&options),
        Chore::Gates(options) => gates::run(&options),
        Chore::Bench(options) => bench::run(&options),
        Chore::Spec(options) => spec::run(&options),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::from(2)
        }
    }
}
