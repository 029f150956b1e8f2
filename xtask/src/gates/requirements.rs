//! Gate `requirements`: the specification's requirements and the tests that prove them.
//!
//! A requirement is defined once, by a line of spec/protocol that begins with its id in bold brackets, and is named by
//! at least one test: in a test file or module, in a vector, or in a case of the conformance suite. What no test can
//! prove (a duty of people) stands in `xtask/untested.toml` with the reason, and leaves that list when a test comes. What
//! a source cites, a requirement or a chapter, is there.

use std::collections::{BTreeMap, BTreeSet};

use super::source::sources;
use super::{Finding, Report};
use crate::Outcome;
use crate::tree::Tree;

const EXCEPTIONS: &str = "xtask/untested.toml";

/// File and line.
type Place = (String, usize);

pub(super) fn check(tree: &Tree) -> Outcome<Report> {
    let mut findings = Vec::new();
    let defined = definitions(tree, &mut findings);
    let families: BTreeSet<&str> = defined
        .keys()
        .filter_map(|id| id.split_once('-'))
        .map(|(f, _)| f)
        .collect();
    let named: BTreeMap<String, Place> = named_by_tests(tree, &families)
        .into_iter()
        .filter_map(|(id, places)| Some((id, places.into_iter().next()?)))
        .collect();
    let excused = exceptions(tree)?;

    for (id, (path, line)) in &defined {
        match (named.contains_key(id), excused.get(id)) {
            (false, None) => findings.push(Finding::new(path, *line, format!("no test names {id}"))),
            (true, Some(line)) => {
                findings.push(Finding::new(
                    EXCEPTIONS,
                    *line,
                    format!("{id} is tested: take it off the list"),
                ));
            }
            _ => {}
        }
    }
    for (id, line) in &excused {
        if !defined.contains_key(id) {
            findings.push(Finding::new(EXCEPTIONS, *line, format!("{id} is not defined")));
        }
    }
    findings.extend(chapters_not_there(tree));
    let mut by_sources = cited_by_sources(tree);
    by_sources.retain(|id, _| !named.contains_key(id));
    for (id, (path, line)) in named.iter().chain(&cited(tree)).chain(&by_sources) {
        let family = id
            .split_once('-')
            .is_some_and(|(family, _)| families.contains(family));
        if family && !defined.contains_key(id) {
            findings.push(Finding::new(
                path,
                *line,
                format!("{id} is not defined in spec/protocol"),
            ));
        }
    }
    let tested = defined.keys().filter(|id| named.contains_key(*id)).count();
    let seen = format!(
        "{} requirements, {tested} named by tests, {} excused",
        defined.len(),
        excused.len()
    );
    Ok(Report { seen, findings })
}

/// Ids of requirements that are defined, with the files of tests, vectors and cases that name each.
pub(super) fn proofs(tree: &Tree) -> BTreeMap<String, BTreeSet<String>> {
    let defined = definitions(tree, &mut Vec::new());
    let families = defined.keys().filter_map(|id| id.split_once('-'));
    let named = named_by_tests(tree, &families.map(|(family, _)| family).collect());
    let known = named.into_iter().filter(|(id, _)| defined.contains_key(id));
    known
        .map(|(id, places)| (id, places.into_iter().map(|(path, _)| path).collect()))
        .collect()
}

/// What stands in the list of the untestable, with the reasons.
pub(super) fn excuses(tree: &Tree) -> Outcome<BTreeMap<String, String>> {
    exceptions(tree)?;
    let table: toml::Table = toml::from_str(tree.text(EXCEPTIONS).unwrap_or_default())
        .map_err(|error| format!("{EXCEPTIONS}: {error}"))?;
    let reasons = table.into_iter();
    Ok(reasons
        .filter_map(|(id, reason)| Some((id, reason.as_str()?.to_owned())))
        .collect())
}

fn chapters(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    tree.texts(".md")
        .filter(|(path, _)| path.starts_with("spec/protocol/"))
}

fn definitions(tree: &Tree, findings: &mut Vec<Finding>) -> BTreeMap<String, Place> {
    let mut defined: BTreeMap<String, Place> = BTreeMap::new();
    for (path, text) in chapters(tree) {
        for (number, line) in text.lines().enumerate() {
            let bold = line.trim_start().trim_start_matches(['-', '*', ' ']);
            let Some(id) = line.contains("**[").then(|| bold.strip_prefix('[')).flatten() else {
                continue;
            };
            let Some((id, _)) = id.split_once("]**").filter(|(id, _)| is_id(id)) else {
                continue;
            };
            if let Some((other, at)) = defined.get(id) {
                findings.push(Finding::new(
                    path,
                    number + 1,
                    format!("{id} is defined a second time, after {other}:{at}"),
                ));
            } else {
                defined.insert(id.to_owned(), (path.to_owned(), number + 1));
            }
        }
    }
    defined
}

/// Ids in the specification in brackets, `[ATT-7]`, wherever they refer.
fn cited(tree: &Tree) -> BTreeMap<String, Place> {
    let mut cited = BTreeMap::new();
    for (path, text) in chapters(tree) {
        for (number, line) in text.lines().enumerate() {
            for id in line
                .split('[')
                .skip(1)
                .filter_map(|part| part.split_once(']'))
                .map(|(id, _)| id)
            {
                if is_id(id) {
                    cited
                        .entry(id.to_owned())
                        .or_insert((path.to_owned(), number + 1));
                }
            }
        }
    }
    cited
}

/// Ids that sources cite, production code included.
fn cited_by_sources(tree: &Tree) -> BTreeMap<String, Place> {
    let mut cited = BTreeMap::new();
    for (path, text) in tree.texts(".rs").filter(|(path, _)| !path.starts_with("xtask/")) {
        for (number, line) in text.lines().enumerate() {
            for word in line
                .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
                .filter(|word| is_id(word))
            {
                cited
                    .entry(word.to_owned())
                    .or_insert_with(|| (path.to_owned(), number + 1));
            }
        }
    }
    cited
}

/// "chapter 7.2" in a source, where the text has no such heading.
fn chapters_not_there(tree: &Tree) -> Vec<Finding> {
    let headings: BTreeSet<&str> = chapters(tree)
        .flat_map(|(_, text)| text.lines())
        .filter_map(|line| line.strip_prefix("## ").or_else(|| line.strip_prefix("# ")))
        .filter_map(|heading| heading.split(' ').next())
        .map(|number| number.trim_end_matches('.'))
        .collect();
    let mut findings = Vec::new();
    for (path, text) in tree.texts(".rs").filter(|(path, _)| !path.starts_with("xtask/")) {
        for (at, line) in text.lines().enumerate() {
            let lower = line.to_ascii_lowercase();
            for rest in lower.split("chapter").skip(1) {
                let rest = rest
                    .strip_prefix('s')
                    .unwrap_or(rest)
                    .strip_prefix(' ')
                    .unwrap_or("");
                let number: String = rest
                    .chars()
                    .take_while(|c| c.is_ascii_digit() || *c == '.')
                    .collect();
                let number = match number.trim_end_matches('.').strip_prefix('0') {
                    Some(one) if !one.is_empty() && !one.starts_with('.') => one.to_owned(),
                    _ => number.trim_end_matches('.').to_owned(),
                };
                if !number.is_empty() && !headings.contains(number.as_str()) {
                    findings.push(Finding::new(
                        path,
                        at + 1,
                        format!("spec/protocol has no chapter {number}"),
                    ));
                }
            }
        }
    }
    findings
}

/// Ids of known families in test code, vectors and cases.
fn named_by_tests(tree: &Tree, families: &BTreeSet<&str>) -> BTreeMap<String, Vec<Place>> {
    let mut named: BTreeMap<String, Vec<Place>> = BTreeMap::new();
    let mut note = |path: &str, number: usize, line: &str| {
        for word in line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')) {
            if is_id(word)
                && word
                    .split_once('-')
                    .is_some_and(|(family, _)| families.contains(family))
            {
                let places = named.entry(word.to_owned()).or_default();
                places.push((path.to_owned(), number));
            }
        }
    };
    for source in sources(tree) {
        let suite = source.path.starts_with("conformance-tests/");
        let mut at = 0;
        for (number, line) in source.text.split('\n').enumerate() {
            if suite || source.tests(at) {
                note(source.path, number + 1, line);
            }
            at += line.len() + 1;
        }
    }
    let data = |path: &str| {
        path.starts_with("spec/vectors/")
            || path.starts_with("conformance-tests/cases/")
            || (path.split('/').any(|part| part == "tests") && !path.ends_with(".md"))
    };
    for file in tree
        .files
        .iter()
        .filter(|file| data(&file.path) && !file.path.ends_with(".rs"))
    {
        for (number, line) in file.text.as_deref().unwrap_or_default().lines().enumerate() {
            note(&file.path, number + 1, line);
        }
    }
    named
}

/// `ATT-7`: two to five capitals, a hyphen, a number without leading zero.
fn is_id(word: &str) -> bool {
    word.split_once('-').is_some_and(|(family, number)| {
        (2..=5).contains(&family.len())
            && family.bytes().all(|byte| byte.is_ascii_uppercase())
            && (1..=3).contains(&number.len())
            && number.bytes().all(|byte| byte.is_ascii_digit())
            && !number.starts_with('0')
    })
}

/// The excused ids and their lines; an excuse without a reason is none.
fn exceptions(tree: &Tree) -> Outcome<BTreeMap<String, usize>> {
    let Some(text) = tree.text(EXCEPTIONS) else {
        return Ok(BTreeMap::new());
    };
    let table: toml::Table = toml::from_str(text).map_err(|error| format!("{EXCEPTIONS}: {error}"))?;
    let mut excused = BTreeMap::new();
    for (id, reason) in &table {
        if reason.as_str().is_none_or(|reason| reason.trim().len() < 10) {
            return Err(format!("{EXCEPTIONS}: {id} needs a reason"));
        }
        let at = text.lines().position(|line| line.starts_with(id.as_str()));
        excused.insert(id.clone(), at.map_or(0, |at| at + 1));
    }
    Ok(excused)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAPTER: &str =
        "# Attestation\n\n**[AB-1]** A node MUST.\n\n- **[AB-2]** A node MUST NOT; see [AB-1].\n";

    fn found(more: &[(&str, &str)]) -> Vec<(String, usize, String)> {
        let mut files = vec![("spec/protocol/01-attestation.md", CHAPTER)];
        files.extend_from_slice(more);
        let findings = check(&Tree::of(&files)).unwrap().findings;
        findings.into_iter().map(|f| (f.path, f.line, f.what)).collect()
    }

    #[test]
    fn tests_vectors_and_cases_count() {
        let test = (
            "verifier/src/jws.rs",
            "fn f() {}\n#[cfg(test)]\nmod t {\n // AB-1\n}\n",
        );
        let vector = ("spec/vectors/a/x.json", "{\"requirements\": [\"AB-2\"]}");
        assert_eq!(found(&[test, vector]), []);
        let suite = ("conformance-tests/cases/x.toml", "id = \"AB-2\"\n# AB-1\n");
        assert_eq!(found(&[suite]), []);
    }

    #[test]
    fn production_code_proves_nothing() {
        let code = ("verifier/src/jws.rs", "// AB-1 and AB-2\nfn f() {}\n");
        let chapter = "spec/protocol/01-attestation.md".to_owned();
        assert_eq!(
            found(&[code]),
            [
                (chapter.clone(), 3, "no test names AB-1".into()),
                (chapter, 5, "no test names AB-2".into())
            ]
        );
    }

    #[test]
    fn a_second_definition_and_an_unknown_id_are_found() {
        let test = ("a/tests/a.rs", "// AB-1 AB-2 AB-12 SHA-256\n");
        let again = (
            "spec/protocol/02-again.md",
            "**[AB-2]** Once more, as [AB-9] says.\n",
        );
        let what: Vec<_> = found(&[test, again])
            .into_iter()
            .map(|(_, _, what)| what)
            .collect();
        assert_eq!(what.len(), 3, "{what:?}");
        assert!(what[0].contains("AB-2 is defined a second time"));
        assert!(what[1].contains("AB-12 is not defined") && what[2].contains("AB-9 is not defined"));
    }

    #[test]
    fn what_a_source_cites_is_there() {
        let test = ("a/tests/a.rs", "// AB-1 AB-2\n");
        let text = ("spec/protocol/01-again.md", "# 1. A\n\n## 1.2 B\n");
        let right = (
            "node/src/a.rs",
            "//! Chapter 1, chapter 01 and chapter 1.2. AB-1.\n",
        );
        assert_eq!(found(&[test, text, right]), []);
        let wrong = ("node/src/a.rs", "//! Chapter 1, AB-3.\n//! Chapters 1.3 and 2.\n");
        let path = "node/src/a.rs".to_owned();
        assert_eq!(
            found(&[test, text, wrong]),
            [
                (path.clone(), 2, "spec/protocol has no chapter 1.3".into()),
                (path, 1, "AB-3 is not defined in spec/protocol".into())
            ]
        );
    }

    #[test]
    fn an_excuse_needs_a_reason_and_ends_with_the_test() {
        let test = ("a/tests/a.rs", "// AB-1\n");
        assert_eq!(
            found(&[
                test,
                (EXCEPTIONS, "AB-2 = \"a duty of the county's archivist\"\n")
            ]),
            []
        );
        let stale = found(&[
            test,
            (
                EXCEPTIONS,
                "AB-1 = \"a duty of the archivist\"\nAB-2 = \"a duty of people\"\n",
            ),
        ]);
        assert_eq!(
            stale,
            [(
                EXCEPTIONS.into(),
                1,
                "AB-1 is tested: take it off the list".into()
            )]
        );
        let tree = Tree::of(&[(EXCEPTIONS, "AB-2 = \"\"\n")]);
        assert!(check(&tree).unwrap_err().contains("needs a reason"));
    }
}
