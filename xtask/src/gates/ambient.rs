//! Gate `ambient`: time and randomness are ports (ARCHITECTURE.md, rule 3).
//!
//! Clippy's list of disallowed methods sees through names but not through features and targets that were not
//! compiled; this gate reads every file. Monotonic clocks measure time-outs, so the listeners may have them.

use super::source::{Source, sources};
use super::{Finding, Report};
use crate::Outcome;
use crate::tree::Tree;

/// What reads the machine's wall clock or its random source.
const CLOCKS_AND_DICE: &[&str] = &[
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "TimeZone::system",
    "Utc::now",
    "Local::now",
    "OffsetDateTime::now_utc",
    "Uuid::now_v7",
    "Uuid::new_v4",
    "getrandom::",
    "rand::rng",
    "rand::random",
    "thread_rng",
    "OsRng",
    "SysRng",
];

/// What measures durations.
const STOPWATCHES: &[&str] = &["Instant::now"];

/// Programs: they implement the ports. The suite's peers and judge are programs too, outside the county's decisions.
const PROGRAMS: &[&str] = &[
    "node/src/",
    "verifier/src/bin/",
    "verifier/examples/",
    "node/examples/",
    "conformance-tests/",
    "xtask/",
];

/// Where time-outs live.
const LISTENERS: &[&str] = &["node/http/"];

pub(super) fn check(tree: &Tree) -> Outcome<Report> {
    let sources = sources(tree);
    let judged: Vec<_> = sources
        .iter()
        .filter(|source| !under(PROGRAMS, source.path) && !source.is_test)
        .collect();
    let mut findings = Vec::new();
    for source in &judged {
        for needle in CLOCKS_AND_DICE {
            findings.extend(breaches(source, needle));
        }
        if !under(LISTENERS, source.path) {
            for needle in STOPWATCHES {
                findings.extend(breaches(source, needle));
            }
        }
    }
    Ok(Report {
        seen: format!("{} files outside binaries and tests", judged.len()),
        findings,
    })
}

fn under(places: &[&str], path: &str) -> bool {
    places.iter().any(|place| path.starts_with(place))
}

fn breaches(source: &Source<'_>, needle: &str) -> Vec<Finding> {
    let production = source.find(needle).into_iter().filter(|at| !source.tests(*at));
    production
        .map(|at| {
            Finding::new(
                source.path,
                source.line(at),
                format!("`{needle}` outside a binary"),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).unwrap().findings.len()
    }

    #[test]
    fn an_ambient_clock_or_die_is_refused_below_the_binary() {
        for line in [
            "let t = std::time::SystemTime::now();",
            "getrandom::fill(&mut b)?;",
            "let r = OsRng;",
        ] {
            assert_eq!(found("node/core/src/a.rs", line), 1, "{line}");
            assert_eq!(found("spec/src/a.rs", &format!("\n\n{line}")), 1, "{line}");
        }
        let report = check(&Tree::of(&[("spec/src/a.rs", "\n\nrand::rng()")])).unwrap();
        assert_eq!(report.findings[0].line, 3);
    }

    #[test]
    fn binaries_and_tests_may_and_comments_do_not_count() {
        let line = "fn f() { Timestamp::now(); }";
        assert_eq!(found("node/src/wiring.rs", line), 0);
        assert_eq!(found("verifier/src/bin/comity-verify/main.rs", line), 0);
        assert_eq!(found("node/core/tests/a.rs", line), 0);
        assert_eq!(
            found("node/core/src/a.rs", &format!("#[cfg(test)]\nmod t {{ {line} }}")),
            0
        );
        assert_eq!(found("node/core/src/a.rs", "// Timestamp::now\n/// `OsRng`\n"), 0);
    }

    #[test]
    fn stopwatches_are_for_listeners() {
        assert_eq!(found("node/http/src/listener.rs", "Instant::now()"), 0);
        assert_eq!(found("node/core/src/a.rs", "tokio::time::Instant::now()"), 1);
        assert_eq!(found("node/http/src/listener.rs", "SystemTime::now()"), 1);
    }
}
