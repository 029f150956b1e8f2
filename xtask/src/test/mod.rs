//! `cargo xtask test`: everything that has to hold before a change is taken, by one command on a fresh machine.
//!
//! It refuses to look better than it is: what was not run is listed with the reason, and in continuous integration
//! (`CI=true`) it counts as a failure. One exception: advisories, when their database cannot be reached, are printed
//! UNAVAILABLE, because an outage elsewhere says nothing about this tree.

mod audit;
mod conformance;
mod enrolment;
mod machine;
mod phases;
pub(crate) mod postgres;
mod summary;
mod walk;

use std::time::{Duration, Instant};

use clap::Args;

use crate::Outcome;
use crate::tree;
use machine::Machine;
use phases::{PHASES, Phase};
use summary::{Ending, Line};

/// What a run aims at, and what fails it in continuous integration.
const AIM: Duration = Duration::from_secs(45 * 60);
const LIMIT: Duration = Duration::from_secs(75 * 60);

/// What `cargo xtask test` can be told.
#[derive(Args)]
pub(crate) struct Options {
    /// Only this phase (may be given several times)
    #[arg(long, value_name = "PHASE")]
    only: Vec<String>,
    /// Install nothing by the system's package manager; say what is missing instead
    #[arg(long)]
    no_install: bool,
    /// Build cargo-deny from source when it is missing, for the advisories: some minutes
    #[arg(long)]
    install_cargo_deny: bool,
    /// List the phases
    #[arg(long)]
    list: bool,
}

/// Runs the phases in order, the later ones also after a failure. `false`: something failed.
pub(crate) fn run(options: &Options) -> Outcome<bool> {
    if options.list {
        for phase in PHASES {
            println!("{:<10}{}", phase.name, phase.does);
        }
        return Ok(true);
    }
    let started = Instant::now();
    let ci = std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
    let chosen = chosen(&options.only)?;
    let mut machine = Machine::new(
        tree::root()?,
        started + LIMIT,
        !options.no_install,
        options.install_cargo_deny,
    )?;

    let mut lines = Vec::new();
    for phase in &chosen {
        println!("\n──── {} · {}", phase.name, phase.does);
        let before = Instant::now();
        let ending = (phase.run)(&mut machine).unwrap_or_else(Ending::Failed);
        let line = Line {
            phase: phase.name,
            ending,
            took: before.elapsed(),
        };
        println!("──── {}", line.rendered());
        lines.push(line);
    }
    for phase in PHASES
        .iter()
        .filter(|phase| !chosen.iter().any(|chosen| chosen.name == phase.name))
    {
        let ending = Ending::Skipped("not asked for (--only)".into());
        lines.push(Line {
            phase: phase.name,
            ending,
            took: Duration::ZERO,
        });
    }

    let took = started.elapsed();
    print!("{}", summary::table(&lines, took, &machine.notes));
    if took > AIM {
        println!(
            "{} minutes; the aim is {}, the limit in CI {}.",
            minutes(took),
            minutes(AIM),
            minutes(LIMIT)
        );
    }
    // `--only` is a choice of the caller, and no gap that continuous integration has to report.
    let asked = &lines[..chosen.len()];
    let passed = summary::passed(asked, ci) && !(ci && took > LIMIT);
    println!("{}", summary::verdict(asked, passed, ci));
    if let Some(tests) = &machine.tests {
        println!("tests: {tests}");
    }
    Ok(passed)
}

fn chosen(only: &[String]) -> Outcome<Vec<&'static Phase>> {
    if only.is_empty() {
        return Ok(PHASES.iter().collect());
    }
    for name in only {
        if !PHASES.iter().any(|phase| phase.name == name) {
            let names: Vec<_> = PHASES.iter().map(|phase| phase.name).collect();
            return Err(format!(
                "there is no phase `{name}`; there are {}",
                names.join(", ")
            ));
        }
    }
    Ok(PHASES
        .iter()
        .filter(|phase| only.iter().any(|name| name == phase.name))
        .collect())
}

fn minutes(time: Duration) -> u64 {
    time.as_secs() / 60
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_chosen_by_name_in_their_own_order() {
        let two = chosen(&["tests".into(), "fmt".into()]).unwrap();
        assert_eq!(
            two.iter().map(|phase| phase.name).collect::<Vec<_>>(),
            ["fmt", "tests"]
        );
        assert_eq!(chosen(&[]).unwrap().len(), PHASES.len());
        assert!(chosen(&["test".into()]).err().unwrap().contains("there are fmt"));
    }
}
