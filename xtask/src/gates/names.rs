//! Gate `names`: a module is named for its subject and opens with its purpose (ARCHITECTURE.md, rules 11 and 12).
//!
//! It can tell that a paragraph is there, not that it is true: that is for the reviewer.

use super::source::{Source, sources};
use super::{Finding, Report};
use crate::Outcome;
use crate::tree::Tree;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &[
    "util", "utils", "helper", "helpers", "common", "manager", "managers", "misc", "stuff",
];

/// The shortest opening that can be a sentence, in characters; a Chinese sentence is short.
const SENTENCE: usize = 12;

pub(super) fn check(tree: &Tree) -> Outcome<Report> {
    let sources = sources(tree);
    let mut findings = Vec::new();
    for source in &sources {
        let named = source
            .path
            .trim_end_matches(".rs")
            .split('/')
            .find(|part| EMPTY_NAMES.contains(part));
        if let Some(name) = named {
            findings.push(Finding::new(
                source.path,
                0,
                format!("`{name}` does not say what is inside"),
            ));
        }
        findings.extend(inline_names(source));
        findings.extend(opening(source));
    }
    Ok(Report {
        seen: format!("{} Rust files", sources.len()),
        findings,
    })
}

/// Inline modules with an empty name.
fn inline_names(source: &Source<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in EMPTY_NAMES {
        for at in source.find(&format!("mod {name}")) {
            findings.push(Finding::new(
                source.path,
                source.line(at),
                format!("`mod {name}` does not say what is inside"),
            ));
        }
    }
    findings
}

/// The module documentation has to be the first thing in the file, attributes of the crate aside.
fn opening(source: &Source<'_>) -> Option<Finding> {
    let mut lines = source
        .text
        .lines()
        .map(str::trim)
        .skip_while(|line| line.is_empty() || line.starts_with("#!["));
    let first = lines.next().unwrap_or_default();
    let Some(text) = first.strip_prefix("//!") else {
        return Some(Finding::new(
            source.path,
            1,
            "does not begin with a `//!` paragraph",
        ));
    };
    let more = lines.map_while(|line| line.strip_prefix("//!"));
    let paragraph: usize = std::iter::once(text)
        .chain(more)
        .map(|line| line.trim().chars().count())
        .sum();
    (paragraph < SENTENCE).then(|| Finding::new(source.path, 1, "the `//!` paragraph says nothing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).unwrap().findings.len()
    }

    const GOOD: &str = "//! What a permit is.\nfn a() {}\n";

    #[test]
    fn empty_names_are_refused_wherever_they_stand() {
        assert_eq!(found("spec/src/utils.rs", GOOD), 1);
        assert_eq!(found("spec/src/common/permit.rs", GOOD), 1);
        assert_eq!(found("spec/src/permit.rs", &format!("{GOOD}mod helpers {{}}")), 1);
        assert_eq!(found("spec/src/permit.rs", GOOD), 0);
        assert_eq!(found("spec/src/commonwealth.rs", GOOD), 0);
    }

    #[test]
    fn a_module_begins_with_a_sentence() {
        assert_eq!(found("a.rs", "fn a() {}"), 1);
        assert_eq!(found("a.rs", "//! x\nfn a() {}"), 1);
        assert_eq!(found("a.rs", "// Not a document.\n//! What a permit is.\n"), 1);
        assert_eq!(found("a.rs", "#![cfg(test)]\n//! What a permit is.\n"), 0);
        assert_eq!(found("a.rs", "//! # Permit\n//!\n//! What it is.\n"), 0);
    }
}
