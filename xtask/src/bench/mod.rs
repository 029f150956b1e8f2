//! `cargo xtask bench`: what this machine does, in ratios that hold on a shared one, judged by the floors of `floors.toml`.
//!
//! Two programs measure: `decide_rate` of the verifier (off line) and the example `comity-bench` of the node (served). They are built
//! with the profile `bench`, and print lines `metric NAME MEDIAN MIN MAX UNIT`; everything else is theirs to say to a reader. Here
//! nothing is measured: the lines are put in a table and compared. It refuses to pass where a metric with a floor was not measured,
//! except those that a floor marks as optional, which are then printed SKIPPED with the reason.

mod floors;
mod machine;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use clap::Args;

use crate::Outcome;
use crate::process;
use crate::test::postgres::Postgres;
use crate::tree;
use floors::{Floors, Metric};

/// How to measure.
#[derive(Args)]
pub(crate) struct Options {
    /// Seconds of each measurement
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Rounds; every program has its turn in each
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Permits in the issuer's database
    #[arg(long, default_value_t = 100_000)]
    permits: usize,
}

/// After so long a program hangs.
const PATIENCE: Duration = Duration::from_secs(45 * 60);

/// Measures, prints the table and says whether every floor holds.
pub(crate) fn run(options: &Options) -> Outcome<bool> {
    let root = tree::root()?;
    let floors = Floors::read(&root.join("xtask/src/bench/floors.toml"))?;
    let deadline = Instant::now() + PATIENCE;
    build(&root, deadline)?;
    println!("{}", machine::describe());
    println!(
        "profile bench: release without link-time optimisation; {} rounds of {} s each, medians, then least and greatest",
        options.rounds, options.seconds
    );
    let (seconds, rounds) = (options.seconds.to_string(), options.rounds.to_string());
    let mut lines = measured(&root, "decide_rate", &[&seconds, &rounds], deadline)?;
    let (database, absent) = match Postgres::binaries() {
        None => (None, Some("no PostgreSQL server is installed here".to_owned())),
        Some(binaries) => match Postgres::start(&binaries) {
            Ok(cluster) => (Some(cluster), None),
            Err(why) => (None, Some(why)),
        },
    };
    let url = database.as_ref().map(Postgres::url);
    let permits = options.permits.to_string();
    let mut arguments = vec!["run", &seconds, &rounds, &permits];
    arguments.extend(url.as_deref());
    lines.extend(measured(&root, "comity-bench", &arguments, deadline)?);
    let metrics: Vec<Metric> = lines.iter().filter_map(|line| Metric::parse(line)).collect();
    let judged = floors.judge(&metrics, absent.as_deref());
    println!("\n{}", judged.table);
    println!("{}", machine::load());
    Ok(judged.passed)
}

fn build(root: &Path, deadline: Instant) -> Outcome<()> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).args(["build", "--profile", "bench"]);
    cargo.args([
        "--package",
        "comity-verifier",
        "--features",
        "comity-verifier/testing",
    ]);
    cargo.args(["--package", "comity-node"]);
    cargo.args(["--example", "decide_rate", "--example", "comity-bench"]);
    process::run(&mut cargo, deadline)
}

/// The lines that a program printed.
fn measured(root: &Path, program: &str, arguments: &[&str], deadline: Instant) -> Outcome<Vec<String>> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into);
    // Cargo puts what the profile `bench` builds where `release` does.
    let path = target.join("release/examples").join(program);
    let (result, lines) = process::run_read(Command::new(path).current_dir(root).args(arguments), deadline);
    result.map(|()| lines)
}
