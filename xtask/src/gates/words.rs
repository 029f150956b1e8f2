//! Gate `words`: how we speak of people, that no note to self is left in the code, and that nobody is sent to a document that
//! the project does not hold. One thing has one name: the glossary of CONTRIBUTING.md says which, and which names it has not.
//!
//! The residence permit made residents of those whom older texts call by a word that sets them apart; this project
//! uses the law's own word (Decree 663, art. 1: 居民, here also 持证人, the holder).

use super::source::sources;
use super::{Finding, Report};
use crate::Outcome;
use crate::tree::{File, Tree};

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

/// Where the glossary stands.
const GLOSSARY: &str = "CONTRIBUTING.md";

/// This file, which names what it refuses.
const HERE: &str = "gates/words.rs";

pub(super) fn check(tree: &Tree) -> Outcome<Report> {
    let mut findings = Vec::new();
    let refused = refused_names(tree, &mut findings);
    for file in &tree.files {
        if !file.path.ends_with(HERE) {
            findings.extend(names_and_punctuation(file, &refused));
        }
        for (number, line) in file.text.as_deref().unwrap_or_default().lines().enumerate() {
            if line.contains(OUTSIDERS) {
                findings.push(Finding::new(
                    &file.path,
                    number + 1,
                    "a word for people that we do not use",
                ));
            }
            if file.path.ends_with(HERE) {
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
    for source in sources(tree).iter().filter(|source| !source.path.ends_with(HERE)) {
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

/// What the glossary refuses, with the name to use: first and last column of its table.
fn refused_names(tree: &Tree, findings: &mut Vec<Finding>) -> Vec<(String, String)> {
    let Some(text) = tree.text(GLOSSARY) else {
        return Vec::new();
    };
    let section = text.lines().skip_while(|line| *line != "## Words").skip(1);
    let rows = section
        .take_while(|line| !line.starts_with("## "))
        .filter(|line| line.starts_with('|'))
        .skip(2);
    let mut refused = Vec::new();
    for row in rows {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, _, not] = cells[..] else { continue };
        let not = not.split('、').filter(|not| !not.is_empty());
        refused.extend(not.map(|not| (not.to_owned(), name.to_owned())));
    }
    if refused.is_empty() {
        findings.push(Finding::new(GLOSSARY, 0, "no glossary stands under `## Words`"));
    }
    refused
}

/// Names that the glossary refuses, in any text but its own; half-width punctuation in what is written for people.
fn names_and_punctuation(file: &File, refused: &[(String, String)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let prose = [".rs", ".html", ".md", ".toml"]
        .iter()
        .any(|ending| file.path.ends_with(ending));
    let mut fenced = false;
    for (number, line) in file.text.as_deref().unwrap_or_default().lines().enumerate() {
        let mut find = |what: String| findings.push(Finding::new(&file.path, number + 1, what));
        if file.path != GLOSSARY {
            for (not, name) in refused.iter().filter(|(not, _)| line.contains(not.as_str())) {
                find(format!("`{not}` is called {name} (glossary in {GLOSSARY})"));
            }
        }
        fenced ^= file.path.ends_with(".md") && line.starts_with("```");
        if prose && !fenced && !comma_separated(line) && half_width(line) {
            find("half-width punctuation in Chinese text".to_owned());
        }
    }
    findings
}

/// A row of values separated by commas, as examples of register files have them.
fn comma_separated(line: &str) -> bool {
    line.split(',')
        .skip(1)
        .filter(|next| !next.starts_with(' '))
        .count()
        >= 6
}

/// Whether a half-width mark stands between two ideographs, or between one and a bracket or the brace of a format string.
fn half_width(line: &str) -> bool {
    let ideograph = |c: char| ('\u{3400}'..='\u{9fff}').contains(&c);
    let chars: Vec<char> = line.chars().collect();
    chars.windows(3).any(|three| {
        let (before, mark, after) = (three[0], three[1], three[2]);
        matches!(mark, ',' | ';' | ':' | '!' | '?')
            && (ideograph(before) && (ideograph(after) || after == '{')
                || matches!(before, '}' | ')' | '”' | '》' | '）') && ideograph(after))
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
    fn one_thing_has_one_name() {
        let glossary = "## Words\n\n| 中文 | English | not |\n|---|---|---|\n| 居住证 | permit | |\n| 密码 | password | 口令、暗号 |\n";
        let tree = Tree::of(&[
            (GLOSSARY, glossary),
            ("a.html", "密码\n口令\n"),
            ("a.json", "\"暗号\""),
        ]);
        let found: Vec<_> = check(&tree)
            .unwrap()
            .findings
            .into_iter()
            .map(|f| (f.path, f.line))
            .collect();
        assert_eq!(found, [("a.html".to_owned(), 2), ("a.json".to_owned(), 1)]);
        let none = check(&Tree::of(&[(GLOSSARY, "# Contributing\n")]))
            .unwrap()
            .findings;
        assert_eq!(none.len(), 1);
    }

    #[test]
    fn chinese_text_has_its_own_punctuation() {
        for bad in [
            "请核对,再试",
            "名称:{name}",
            "第 {n} 行:缺少",
            "({n} 张),导入",
            "{n},请重试",
            "是否?否",
        ] {
            let found = check(&Tree::of(&[("a.rs", bad)])).unwrap().findings;
            assert_eq!(found.len(), 1, "{bad}");
        }
        let fine = [
            ("a.rs", "请核对，再试: comity, {n}, [\"甲\",\"乙\"]"),
            ("b.rs", "编号,姓名,性别,民族,出生,号码,住址"),
            ("c.md", "```sh\n甲,乙\n```\n"),
            ("d.json", "甲,乙"),
        ];
        assert!(check(&Tree::of(&fine)).unwrap().findings.is_empty());
    }

    #[test]
    fn residents_and_holders_pass() {
        let tree = Tree::of(&[("page.html", "居民 持证人 来访人员"), ("a.rs", "//! Todos.\n")]);
        assert!(check(&tree).unwrap().findings.is_empty());
    }
}
