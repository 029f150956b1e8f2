//! The gates: rules of ARCHITECTURE.md that neither the compiler nor clippy can hold.
//!
//! A gate reads and judges; it refuses to repair. Each finding names file and line, each gate says once how to mend.

mod ambient;
mod edges;
mod links;
mod mutants;
mod names;
mod requirements;
mod schemas;
mod sizes;
mod source;
mod unused;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;

use crate::Outcome;
use crate::tree::Tree;

/// What `cargo xtask gates` can be told.
#[derive(Args)]
pub(crate) struct Options {
    /// Only this gate
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// List the gates and what each one holds
    #[arg(long)]
    list: bool,
}

/// One breach of a rule, and where.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    /// From 1; 0 stands for the whole file.
    line: usize,
    what: String,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            line,
            what: what.into(),
        }
    }
}

/// What a gate looked at, and what it found there.
#[derive(Debug)]
struct Report {
    /// What was read, for the person who wonders whether the gate saw anything.
    seen: String,
    findings: Vec<Finding>,
}

/// A rule and how to check it.
struct Gate {
    name: &'static str,
    holds: &'static str,
    mend: &'static str,
    check: fn(&Tree) -> Outcome<Report>,
}

const GATES: &[Gate] = &[
    Gate {
        name: "edges",
        holds: "crates import downwards only, dev-dependencies included, and declare nothing that they do not use",
        mend: "move the code to the crate that may know both, or take the dependency as a port",
        check: edges::check,
    },
    Gate {
        name: "sizes",
        holds: "no file has more than 600 lines besides its tests, no function more than 100",
        mend: "split the file where the subject changes, the function into named steps; tests may go to a `tests.rs` beside it",
        check: sizes::check,
    },
    Gate {
        name: "ambient",
        holds: "time and randomness come through ports; only binaries read the machine's",
        mend: "take the time or the random bytes as an argument, or through the Clock and Rng ports",
        check: ambient::check,
    },
    Gate {
        name: "names",
        holds: "modules are named for what they are, and begin by saying what they are for",
        mend: "name the module for its subject; begin it with `//!`: its purpose, what it refuses, its clause or law",
        check: names::check,
    },
    Gate {
        name: "requirements",
        holds: "every requirement has one definition and a test that names it",
        mend: "name the id in a comment or string of the test that proves it; what no test can prove goes to xtask/untested.toml with the reason",
        check: requirements::check,
    },
    Gate {
        name: "mutants",
        holds: "the deliberate mistakes in the sources are those of the suite's register, and no ordinary build makes them",
        mend: "register it in conformance-tests/mutants.toml with the case that must notice it, or take it away",
        check: mutants::check,
    },
    Gate {
        name: "schemas",
        holds: "published schemas are those of the types",
        mend: "COMITY_BLESS=1 cargo test -p comity-spec --test schemas",
        check: schemas::check,
    },
    Gate {
        name: "links",
        holds: "links in the documents lead somewhere",
        mend: "correct the path or the anchor (lower case, spaces as hyphens, punctuation dropped)",
        check: links::check,
    },
    Gate {
        name: "words",
        holds: "no word that we do not use of people, no note to self in the code, no document cited that is not here, one name for one thing",
        mend: "say 居民 or 持证人; do what the note says, or report it; cite a requirement, or a chapter of spec/protocol; take the glossary's name",
        check: words::check,
    },
];

/// Runs the gates and prints what they say. `false`: at least one is broken.
pub(crate) fn run(options: &Options) -> Outcome<bool> {
    if options.list {
        for gate in GATES {
            println!("{:<14}{}", gate.name, gate.holds);
        }
        return Ok(true);
    }
    let chosen = match &options.only {
        None => GATES.iter().collect(),
        Some(name) => vec![
            GATES
                .iter()
                .find(|gate| gate.name == name)
                .ok_or_else(|| unknown(name))?,
        ],
    };
    let mut passed = judge(&chosen)?;
    if chosen.iter().any(|gate| gate.name == "schemas") {
        passed &= schemas::compare()?;
    }
    Ok(passed)
}

/// Requirement to the files of tests, vectors and cases that name it.
pub(crate) fn named_by_tests(tree: &Tree) -> BTreeMap<String, BTreeSet<String>> {
    requirements::proofs(tree)
}

/// Requirement to the reason why no test can prove it.
pub(crate) fn excused(tree: &Tree) -> Outcome<BTreeMap<String, String>> {
    requirements::excuses(tree)
}

/// All gates that read only. `cargo xtask test` runs the schema test with all the others.
pub(crate) fn all() -> Outcome<bool> {
    judge(&GATES.iter().collect::<Vec<_>>())
}

fn judge(gates: &[&Gate]) -> Outcome<bool> {
    let tree = Tree::read()?;
    let mut passed = true;
    for gate in gates {
        let report = (gate.check)(&tree)?;
        print!("{}", rendered(gate, &report));
        passed &= report.findings.is_empty();
    }
    Ok(passed)
}

fn rendered(gate: &Gate, report: &Report) -> String {
    if report.findings.is_empty() {
        return format!("{:<14}ok      {}\n", gate.name, report.seen);
    }
    let mut text = format!("{:<14}FAILED  {} ({})\n", gate.name, gate.holds, report.seen);
    for Finding { path, line, what } in &report.findings {
        let place = if *line == 0 {
            path.clone()
        } else {
            format!("{path}:{line}")
        };
        text.push_str(&format!("    {place}: {what}\n"));
    }
    text.push_str(&format!("    to mend: {}\n", gate.mend));
    text
}

fn unknown(name: &str) -> String {
    let names: Vec<_> = GATES.iter().map(|gate| gate.name).collect();
    format!("there is no gate `{name}`; there are {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_shown_with_place_and_mending() {
        let report = Report {
            seen: "1 file".into(),
            findings: vec![Finding::new("a/b.rs", 7, "too long")],
        };
        let text = rendered(&GATES[0], &report);
        assert!(
            text.contains("FAILED") && text.contains("a/b.rs:7: too long"),
            "{text}"
        );
        assert!(text.contains(GATES[0].mend));
        let clean = Report {
            seen: "1 file".into(),
            findings: vec![],
        };
        assert!(rendered(&GATES[0], &clean).contains("ok"));
    }

    #[test]
    fn gates_have_different_names() {
        let mut names: Vec<_> = GATES.iter().map(|gate| gate.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), GATES.len());
        assert!(unknown("x").contains("edges"));
    }
}
