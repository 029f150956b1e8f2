//! Gate `words`: how we speak of people, and that no note to self is left in the code.
//!
//! The residence permit made residents of those whom older texts call by a word that sets them apart; this project
//! uses the law's own word (Decree 663, art. 1: 居民, here also 持证人, the holder).

use super::source::sources;
use super::{Finding, Report};
use crate::Outcome;
use crate::tree::Tree;

/// "Persons come from outside". Spelt by code point, so that this file passes its own gate.
const OUTSIDERS: &str = "\u{5916}\u{6765}\u{4eba}\u{5458}";

/// Marks of work left undone.
const NOTES: &[&str] = &["TODO", "FIXME", "HACK"];

pub(super) fn check(tree: &Tree) -> Outcome<Report> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for (number, line) in file.text.as_deref().unwrap_or_default().lines().enumerate() {
            if line.contains(OUTSIDERS) {
                findings.push(Finding::new(
                    &file.path,
                    number + 1,
                    "a word for people that we do not use",
                ));
            }
        }
    }
    for source in sources(tree)
        .iter()
        .filter(|source| !source.path.ends_with("gates/words.rs"))
    {
        for (number, line) in source.text.lines().enumerate() {
            let note = NOTES.iter().find(|note| {
                line.split(|c: char| !c.is_alphanumeric())
                    .any(|word| word == **note)
            });
            findings.extend(
                note.map(|note| Finding::new(source.path, number + 1, format!("a `{note}` was left"))),
            );
        }
    }
    Ok(Report {
        seen: format!("{} files", tree.files.len()),
        findings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_found_in_any_file_and_the_note_in_code() {
        let word = format!("a\n{OUTSIDERS}服务\n");
        let tree = Tree::of(&[
            ("page.html", &word),
            ("a.rs", "// TODO: later\nlet todo_list = 1;\n"),
            ("b.md", "TODO"),
        ]);
        let found: Vec<_> = check(&tree)
            .unwrap()
            .findings
            .into_iter()
            .map(|f| (f.path, f.line))
            .collect();
        assert_eq!(found, [("page.html".to_owned(), 2), ("a.rs".to_owned(), 1)]);
    }

    #[test]
    fn residents_and_holders_pass() {
        let tree = Tree::of(&[("page.html", "居民 持证人 来访人员"), ("a.rs", "//! Todos.\n")]);
        assert!(check(&tree).unwrap().findings.is_empty());
    }
}
