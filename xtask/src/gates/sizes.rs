//! Gate `sizes`: a file is read from top to bottom in one sitting, and a function in named steps (ARCHITECTURE.md, rule 11).
//!
//! Tests do not count: a long list of cases is read one case at a time. Neither do the lists from which the vectors are made.

use super::source::{Source, sources};
use super::{Finding, Report};
use crate::Outcome;
use crate::tree::Tree;

/// The most lines of a file, without tests.
const LIMIT: usize = 600;
/// The most lines of a function.
const FUNCTION_LIMIT: usize = 100;

/// Functions that are one flat table, by file and name: cut in pieces they would be harder to read.
const TABLES: &[(&str, &str)] = &[("node/src/demo/scenes.rs", "scenes")];
/// Where each function is a list of cases.
const CASES: &str = "verifier/src/vectors";

pub(super) fn check(tree: &Tree) -> Outcome<Report> {
    let sources = sources(tree);
    let findings = sources
        .iter()
        .flat_map(|source| long_file(source).into_iter().chain(long_functions(source)))
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

fn long_file(source: &Source<'_>) -> Option<Finding> {
    let lines = source.production_lines();
    (lines > LIMIT).then(|| {
        let what = format!("{lines} lines without tests, the limit is {LIMIT}");
        Finding::new(source.path, 0, what)
    })
}

fn long_functions(source: &Source<'_>) -> Vec<Finding> {
    if source.path.starts_with(CASES) {
        return Vec::new();
    }
    let functions = source.find("fn ").into_iter().filter(|at| !source.tests(*at));
    functions
        .filter_map(|at| {
            let lines = source.item_lines(at);
            let name = source.text[at + 3..].split(['(', '<']).next().unwrap_or_default();
            let long = lines > FUNCTION_LIMIT && !TABLES.contains(&(source.path, name));
            let what = format!("`{name}` has {lines} lines, the limit is {FUNCTION_LIMIT}");
            long.then(|| Finding::new(source.path, source.line(at), what))
        })
        .collect()
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

    #[test]
    fn a_function_of_a_hundred_lines_passes_and_one_more_does_not() {
        let function =
            |lines: usize| format!("\npub fn f<T>(a: [u8; 2]) {{\n{}}}\n", "x;\n".repeat(lines - 2));
        let (full, over) = (function(100), function(101));
        let tree = Tree::of(&[
            ("full.rs", &full),
            ("over.rs", &format!("fn short() {{}}\ntype F = fn(u8);\n{over}")),
            ("tested.rs", &format!("#[cfg(test)]\nmod t {{{over}}}\n")),
            ("a/tests/b.rs", &over),
            ("verifier/src/vectors/c.rs", &over),
            ("node/src/demo/scenes.rs", &over.replace("fn f", "fn scenes")),
            ("node/src/demo/stage.rs", &over.replace("fn f", "fn scenes")),
        ]);
        let found: Vec<_> = check(&tree)
            .unwrap()
            .findings
            .into_iter()
            .map(|f| (f.path, f.line))
            .collect();
        assert_eq!(
            found,
            [
                ("over.rs".to_owned(), 4),
                ("node/src/demo/stage.rs".to_owned(), 2)
            ]
        );
    }
}
