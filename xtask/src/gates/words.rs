//! Gate `words`: how we speak of people, that no note to self is left in the code, and that nobody is sent to a document that
//! the project does not hold.
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

/// How documents were cited that no reader has. The protocol is cited by requirement, `ATT-7`, which the gate `requirements`
/// follows up, or by chapter of `spec/protocol`.
const ABSENT: &[&str] = &[
    "protocol §",
    "protocol's §",
    "domain §",
    "decisions \"",
    "journey",
];

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
            if file.path.ends_with("gates/words.rs") {
                continue;
            }
            let lower = line.to_lowercase();
            findings.extend(
                ABSENT
                    .iter()
                    .filter(|cited| lower.contains(**cited))
                    .map(|cited| {
                        let what = format!(
                            "`{cited}` cites a document that is not here: name the requirement or the chapter"
                        );
                        Finding::new(&file.path, number + 1, what)
                    }),
            );
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
    fn documents_that_are_not_here_are_not_cited() {
        let tree = Tree::of(&[(
            "a.rs",
            "//! Protocol §4.\n//! As protocol §8.2 says; journeys J1.\n//! (decisions \"QR symbol\")\n\
             //! OpenID Federation 1.0 §8.1, chapter 3.5, TRU-25: protocol, RFC 9901 §7.\n",
        )]);
        let found: Vec<_> = check(&tree).unwrap().findings.iter().map(|f| f.line).collect();
        assert_eq!(found, [1, 2, 2, 3]);
    }

    #[test]
    fn residents_and_holders_pass() {
        let tree = Tree::of(&[("page.html", "居民 持证人 来访人员"), ("a.rs", "//! Todos.\n")]);
        assert!(check(&tree).unwrap().findings.is_empty());
    }
}
