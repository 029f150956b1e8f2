//! Gate `sizes`: a file is read from top to bottom in one sitting (ARCHITECTURE.md, rule 11).
//!
//! Tests do not count: a long list of cases is read one case at a time.

use super::source::sources;
use super::{Finding, Report};
use crate::Outcome;
use crate::tree::Tree;

/// The most lines of a file, without tests.
const LIMIT: usize = 600;

pub(super) fn check(tree: &Tree) -> Outcome<Report> {
    let sources = sources(tree);
    let findings = sources
        .iter()
        .filter(|source| source.production_lines() > LIMIT)
        .map(|source| {
            let what = format!(
                "{} lines without tests, the limit is {LIMIT}",
                source.production_lines()
            );
            Finding::new(source.path, 0, what)
        })
        .collect();
    let longest = sources.iter().max_by_key(|source| source.production_lines());
    let longest = longest.map_or(String::new(), |s| {
        format!(", the longest {} with {}", s.path, s.production_lines())
    });
    Ok(Report {
        seen: format!("{} Rust files{longest}", sources.len()),
        findings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_hundred_lines_pass_and_one_more_does_not() {
        let (full, over) = ("x\n".repeat(600), "x\n".repeat(601));
        let tested = format!("{full}#[cfg(test)]\nmod t {{\n{over}}}\n");
        let tree = Tree::of(&[
            ("full.rs", &full),
            ("over.rs", &over),
            ("tested.rs", &tested),
            ("a/tests/b.rs", &over),
        ]);
        let found: Vec<_> = check(&tree)
            .unwrap()
            .findings
            .into_iter()
            .map(|f| f.path)
            .collect();
        assert_eq!(found, ["over.rs"]);
    }
}
