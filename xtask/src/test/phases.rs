//! The phases of `cargo xtask test`, in the order in which a failure costs least.
//!
//! One profile (`dev`) for lints, tests, demo and interoperation: nothing is compiled twice. A phase decides nothing
//! about the others; the summary does.

use std::path::{Path, PathBuf};

use super::audit;
use super::conformance;
use super::machine::Machine;
use super::postgres::Postgres;
use super::summary::{Ending, Tally};
use super::walk;
use crate::Outcome;
use crate::gates;
use crate::process;
use crate::spec;

/// One step.
pub(super) struct Phase {
    pub(super) name: &'static str,
    pub(super) does: &'static str,
    pub(super) run: fn(&mut Machine) -> Outcome<Ending>,
}

pub(super) const PHASES: &[Phase] = &[
    Phase {
        name: "fmt",
        does: "the formatter has nothing to change",
        run: fmt,
    },
    Phase {
        name: "gates",
        does: "the rules of the house",
        run: rules,
    },
    Phase {
        name: "clippy",
        does: "no warning in any target",
        run: clippy,
    },
    Phase {
        name: "tests",
        does: "all tests, on SQLite and on a throw-away PostgreSQL",
        run: tests,
    },
    Phase {
        name: "docs",
        does: "the examples in the documentation run, its links resolve",
        run: docs,
    },
    Phase {
        name: "demo",
        does: "two counties, end to end, from the same binary, and nobody's name in what they log at trace",
        run: demo,
    },
    Phase {
        name: "walk",
        does: "an operator goes from nothing to two federated counties by the words of deploy/two-counties.md",
        run: walk::run,
    },
    Phase {
        name: "interop",
        does: "implementations that are not ours read what we emit, and we theirs",
        run: interop,
    },
    Phase {
        name: "spec",
        does: "the specification renders, without a dead link or a requirement that nothing proves",
        run: specification,
    },
    Phase {
        name: "suite",
        does: "the conformance suite finds our own off-line verifier complete and right",
        run: suite,
    },
    Phase {
        name: "conformance",
        does: "the conformance suite judges our node, authority and verifier, every class in one run; its result opens an authority's door",
        run: conformance::run,
    },
    Phase {
        name: "reference",
        does: "the second implementation, in Python, passes the suite and deals with this node both ways",
        run: reference,
    },
    Phase {
        name: "coverage",
        does: "every requirement of the text is proved by a case, or excused with a reason; the page has the suite's revisions",
        run: coverage,
    },
    Phase {
        name: "mutants",
        does: "the suite notices every deliberate mistake in our code, and no ordinary build makes one",
        run: mutants,
    },
    Phase {
        name: "audit",
        does: "licences, banned crates, sources, advisories",
        run: audit::run,
    },
];

fn done() -> Ending {
    Ending::Passed(String::new())
}

fn fmt(machine: &mut Machine) -> Outcome<Ending> {
    machine.component("fmt", "rustfmt")?;
    process::run(
        &mut machine.cargo(&["fmt", "--all", "--", "--check"]),
        machine.deadline,
    )?;
    Ok(done())
}

fn rules(_: &mut Machine) -> Outcome<Ending> {
    if gates::all()? {
        Ok(done())
    } else {
        Err("a rule is broken, see above".into())
    }
}

fn specification(machine: &mut Machine) -> Outcome<Ending> {
    spec::check(&machine.built("comity-conformance")?).map(Ending::Passed)
}

fn clippy(machine: &mut Machine) -> Outcome<Ending> {
    machine.component("clippy", "clippy")?;
    let arguments = [
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    process::run(&mut machine.cargo(&arguments), machine.deadline)?;
    Ok(done())
}

fn tests(machine: &mut Machine) -> Outcome<Ending> {
    let binaries = machine.postgres_binaries()?;
    machine.program("openssl", "openssl")?;
    machine.program("curl", "curl")?;
    // The window's pages run in a real browser; without one its tests skip, and under CI they fail.
    if let Err(reason) = machine.program("chromedriver", "chromium-driver") {
        machine
            .notes
            .push(format!("no browser for the window's pages: {reason}"));
    }
    let postgres = Postgres::start(&binaries)?;
    println!("{} at {}", postgres.version(), postgres.url());

    let nextest = process::succeeds("cargo", &["nextest", "--version"]);
    let arguments: &[&str] = if nextest {
        &["nextest", "run", "--locked", "--workspace", "--no-fail-fast"]
    } else {
        // Documentation is a phase of its own; benches compile in clippy.
        &[
            "test",
            "--locked",
            "--workspace",
            "--lib",
            "--bins",
            "--tests",
            "--examples",
            "--no-fail-fast",
        ]
    };
    let mut cargo = machine.cargo(arguments);
    cargo.env("COMITY_TEST_POSTGRES", postgres.url());
    // The programs of one package for the tests of another: those of every package with tests are built before the first runs.
    cargo.env("COMITY_TEST_PROGRAMS", machine.programs());
    let (result, lines) = process::run_read(&mut cargo, machine.deadline);

    let tally = Tally::read(&lines);
    let sessions = postgres.sessions()?;
    let counted = format!(
        "{}; {}: {sessions} sessions",
        tally.rendered(),
        postgres.version()
    );
    machine.tests = Some(counted.clone());
    result.map_err(|why| format!("{counted}; {why}"))?;
    if tally.passed == 0 {
        return Err(format!("no test ran ({counted})"));
    }
    if tally.ignored > 0 {
        return Ok(Ending::Skipped(format!(
            "{} ignored: {}; {counted}",
            tally.ignored,
            tally.ignored_names.join(", ")
        )));
    }
    if sessions == 0 {
        return Ok(Ending::Skipped(format!("no test used PostgreSQL; {counted}")));
    }
    Ok(Ending::Passed(counted))
}

fn docs(machine: &mut Machine) -> Outcome<Ending> {
    let mut doc = machine.cargo(&["doc", "--locked", "--workspace", "--no-deps", "--quiet"]);
    process::run(doc.env("RUSTDOCFLAGS", "-D warnings"), machine.deadline)?;
    let mut examples = machine.cargo(&["test", "--locked", "--workspace", "--doc"]);
    let (result, lines) = process::run_read(&mut examples, machine.deadline);
    let tally = Tally::read(&lines);
    result.map_err(|why| format!("{}; {why}", tally.rendered()))?;
    if tally.ignored > 0 {
        let names = tally.ignored_names.join(", ");
        return Ok(Ending::Skipped(format!(
            "ignored: {names} (mark what is no Rust as `text`); {}",
            tally.rendered()
        )));
    }
    Ok(Ending::Passed(tally.rendered()))
}

fn demo(machine: &mut Machine) -> Outcome<Ending> {
    let comity = machine.built("comity")?;
    let mut check = std::process::Command::new(comity);
    check
        .current_dir(&machine.root)
        .args(["demo", "--check", "--log", "trace"]);
    // What the nodes emit is kept for the interop phase, which says so when these clients are missing.
    let observed = foreign_clients(machine).is_ok();
    let emitted = machine.kept("emitted");
    if observed {
        // Nothing of an earlier run may be taken for this one's.
        if emitted.exists() {
            std::fs::remove_dir_all(&emitted).map_err(|error| format!("{}: {error}", emitted.display()))?;
        }
        check.arg("--emit").arg(&emitted);
        check.arg("--observer").arg(machine.root.join(OBSERVER));
    }
    let (result, lines) = process::run_read(&mut check, machine.deadline);
    result?;
    machine.emitted = observed.then_some(emitted);
    // The exit code covers the scan too; a binary that did not scan at all would pass without this.
    match lines.iter().find(|line| line.contains(SCANNED_CLEAN)) {
        Some(line) => Ok(Ending::Passed(line.trim().to_owned())),
        None => Err(format!("the demonstration did not say `{SCANNED_CLEAN}`")),
    }
}

/// What the demonstration says when its search for everybody's data found its probe and nobody else.
const SCANNED_CLEAN: &str = "0 found, canary found";

/// Looks at the nodes' listeners while the demonstration runs.
const OBSERVER: &str = "verifier/tests/interop/listeners.py";

/// Programs that are not ours: Python for the libraries, two TLS clients.
fn foreign_clients(machine: &mut Machine) -> Outcome<PathBuf> {
    machine.program("openssl", "openssl")?;
    machine.program("curl", "curl")?;
    machine.python()
}

fn interop(machine: &mut Machine) -> Outcome<Ending> {
    const SCRIPT: &str = "verifier/tests/interop/run.py";
    let python = match foreign_clients(machine) {
        Ok(python) => python,
        Err(reason) => return Ok(Ending::Skipped(reason)),
    };
    let verify = machine.built("comity-verify")?;
    let environment = machine.kept("interop-venv");
    if !environment.join("bin/python").exists() {
        process::run(
            std::process::Command::new(&python)
                .args(["-m", "venv"])
                .arg(&environment),
            machine.deadline,
        )?;
    }
    let mut script = std::process::Command::new(python);
    script.current_dir(&machine.root).arg(SCRIPT);
    script
        .arg("--comity-verify")
        .arg(verify)
        .arg("--venv")
        .arg(&environment);
    // Without a demonstration in this run (`--only interop`, or it failed) the script runs one itself.
    match &machine.emitted {
        Some(folder) => script.arg("--emitted").arg(folder),
        None => script.arg("--comity").arg(machine.built("comity")?),
    };
    let (result, lines) = process::run_read(&mut script, machine.deadline);
    result?;
    let summary = lines.iter().rev().find(|line| line.starts_with("interop: "));
    Ok(Ending::Passed(summary.cloned().unwrap_or_default()))
}

/// The whole class: what our verifier declared unsupported would be a failure.
fn suite(machine: &mut Machine) -> Outcome<Ending> {
    let judge = machine.built("comity-conformance")?;
    let target = judge.with_file_name("comity-verify");
    let mut run = std::process::Command::new(judge);
    run.current_dir(&machine.root)
        .args(["run", "--class", "offline", "--complete", "--timeout", "60"])
        .arg("--adapter")
        .arg(format!("'{}' adapter", target.display()));
    process::run(&mut run, machine.deadline)?;
    Ok(done())
}

/// Independent code: what it finds wrong is wrong in the text, in the suite or in one of the two.
fn reference(machine: &mut Machine) -> Outcome<Ending> {
    let python = match machine.python() {
        Ok(python) => python,
        Err(reason) => return Ok(Ending::Skipped(reason)),
    };
    let judge = machine.built("comity-conformance")?;
    let mut script = std::process::Command::new(python);
    script
        .current_dir(&machine.root)
        .arg("conformance-tests/reference-python/run.py")
        .arg("--comity-target")
        .arg(judge.with_file_name("examples").join("comity-target"))
        .arg("--comity")
        .arg(judge.with_file_name("comity"))
        .arg("--comity-conformance")
        .arg(judge)
        .arg("--venv")
        .arg(machine.kept("reference-venv"));
    let (result, lines) = process::run_read(&mut script, machine.deadline);
    result?;
    let summary = lines.iter().rev().find(|line| line.starts_with("reference: "));
    Ok(Ending::Passed(summary.cloned().unwrap_or_default()))
}

/// Every requirement: proved by a case, or excused.
fn coverage(machine: &mut Machine) -> Outcome<Ending> {
    let mut run = std::process::Command::new(machine.built("comity-conformance")?);
    run.current_dir(&machine.root).args(["coverage", "--gaps"]);
    let (result, lines) = process::run_read(&mut run, machine.deadline);
    result?;
    let told = lines.last().cloned().unwrap_or_default();
    // Whoever has the page and the program must be able to tell that they are of one text.
    let stamp = spec::stamp()?;
    if !told.starts_with(&stamp) {
        return Err(format!("the page says `{stamp}`, the suite `{told}`"));
    }
    Ok(Ending::Passed(told))
}

/// Our verifier and our node with deliberate mistakes, one at a time, against the cases that must notice them.
fn mutants(machine: &mut Machine) -> Outcome<Ending> {
    let judge = machine.built("comity-conformance")?;
    for ordinary in ["comity-verify", "comity"] {
        if speaks_of_mutants(&judge.with_file_name(ordinary))? {
            return Err(format!(
                "an ordinary build of `{ordinary}` reads {MUTANT_VARIABLE}"
            ));
        }
    }
    // Beside the judge, as built last without mistakes: the mistakes are the node's, and not those of the program that starts it.
    let starts = judge.with_file_name("examples").join("comity-target");
    let built = machine.built_with_mistakes(&["comity-verify", "comity"], "cli")?;
    let [verifier, node] = built.as_slice() else {
        return Err("two programs were to be built with mistakes".into());
    };
    for target in &built {
        if !speaks_of_mutants(target)? {
            return Err(format!("{} was built without mistakes", target.display()));
        }
    }
    let mut run = std::process::Command::new(judge);
    run.current_dir(&machine.root)
        .args(["mutants", "--timeout", "60", "--adapter"])
        .arg(format!("'{}' adapter", verifier.display()))
        .arg("--target")
        .arg(format!("'{}' --comity '{}'", starts.display(), node.display()));
    let (result, lines) = process::run_read(&mut run, machine.deadline);
    result?;
    Ok(Ending::Passed(lines.last().cloned().unwrap_or_default()))
}

/// Where a program that is built with mistakes reads which one to make.
const MUTANT_VARIABLE: &str = "COMITY_MUTANT";

fn speaks_of_mutants(program: &Path) -> Outcome<bool> {
    let bytes = std::fs::read(program).map_err(|error| format!("{}: {error}", program.display()))?;
    Ok(String::from_utf8_lossy(&bytes).contains(MUTANT_VARIABLE))
}
