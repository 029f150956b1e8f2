//! Measures the served half of `cargo xtask bench`: requests through this very server and its mutual TLS, the same checks in a
//! plain axum + dalek handler beside it, cold handshakes, durable issuances on each database, and memory.
//!
//! `comity-bench run SECONDS ROUNDS PERMITS [POSTGRES_URL]` prints one line `metric NAME MEDIAN MIN MAX UNIT` for each measurement.
//! Servers run in a child process, which is pinned to one core where `taskset` is to be had; what is reported first is their
//! processor time for a request, since only that, and ratios of it within one round, mean anything on a shared machine.
//!
//! It is an example so that no release contains it: its people are synthetic and its keys are those of the tests.

mod batch;
mod county;
mod decision;
mod issuance;
mod load;
mod meter;
mod plain;
mod prepare;
mod run;
mod serve;

use std::path::Path;
use std::process::ExitCode;

/// What went wrong, for the person at the keyboard.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["run", seconds, rounds, permits, database @ ..] => {
            run::run(seconds, rounds, permits, database.first().copied())
        }
        // The two below are how `run` starts itself again.
        ["prepare", directory, permits] => prepare::prepare(Path::new(directory), permits),
        ["serve", directory] => serve::serve(Path::new(directory)),
        _ => Err("usage: comity-bench run SECONDS ROUNDS PERMITS [POSTGRES_URL]".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("comity-bench: {why}");
            ExitCode::FAILURE
        }
    }
}
