#![cfg(test)]
//! Chapter 16 of the text names every rule that the verifier can refuse by, and nothing else; and whatever a vector wants
//! refused stands there under its kind, beside a requirement that the vector proves.
//!
//! The names are read out of the sources as they are written there, so that a rule that is added, renamed or removed without its
//! line in the text fails here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Names with no part of their own: everything else has a dot.
const WITHOUT_A_DOT: [&str; 2] = ["budget", "all-met"];
/// What the program says of itself: names of deliberate mistakes, and examples for questions of the suite.
const NO_RULES: [&str; 3] = ["lookup.failed", "clock.behind", "peer.timeout"];

fn here(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(below)
}

fn walk(folder: &Path, extension: &str, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            walk(&path, extension, files);
        } else if path.extension().is_some_and(|ext| ext == extension) {
            files.push(path);
        }
    }
}

/// `jws.alg`, `status-list.trailing-data`: words of small letters joined by dots.
fn is_name(text: &str) -> bool {
    let word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    WITHOUT_A_DOT.contains(&text) || (text.contains('.') && text.split('.').all(word))
}

/// The rules that production code writes out. Comments, tests and what makes vectors are no such code.
fn of_the_code() -> BTreeSet<String> {
    let mut files = Vec::new();
    walk(&here("src"), "rs", &mut files);
    let is_production = |path: &PathBuf| {
        let below = path
            .strip_prefix(here("src"))
            .expect("below src")
            .to_string_lossy()
            .replace('\\', "/");
        let parts: Vec<&str> = below.trim_end_matches(".rs").split('/').collect();
        let other_work = ["tests", "vectors", "testing", "examples", "fixtures"];
        let program = parts[0] == "bin" && !parts.contains(&"judge");
        !program && !parts.iter().any(|part| other_work.contains(part))
    };
    let mut names = BTreeSet::new();
    for path in files.iter().filter(|path| is_production(path)) {
        let text = std::fs::read_to_string(path).expect("a source can be read");
        let production = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for line in production
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
        {
            names.extend(
                line.split('"')
                    .skip(1)
                    .step_by(2)
                    .filter(|name| is_name(name))
                    .map(str::to_owned),
            );
        }
    }
    for name in NO_RULES {
        names.remove(name);
    }
    names
}

/// A row of a table: the names in its first column, everything that it says of why.
struct Row {
    names: Vec<String>,
    whole: String,
}

/// Sections of chapter 16, each with its rows.
fn sections() -> BTreeMap<String, Vec<Row>> {
    let text =
        std::fs::read_to_string(here("../spec/protocol/16-rules.md")).expect("the chapter can be read");
    let mut sections: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    let mut at = String::new();
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            at = heading.split(' ').next().unwrap_or_default().to_owned();
        }
        if line.starts_with('|') && !line.starts_with("|---") {
            let first = line.split('|').nth(1).unwrap_or_default();
            let names = quoted(first).map(str::to_owned).collect();
            let whole = line.to_owned();
            sections.entry(at.clone()).or_default().push(Row { names, whole });
        }
    }
    sections
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Which sections apply to a kind: the table of 16.1.
fn kinds(sections: &BTreeMap<String, Vec<Row>>) -> BTreeMap<String, Vec<String>> {
    let mut kinds = BTreeMap::new();
    for row in &sections["16.1"] {
        let mut columns = row.whole.split('|').skip(1);
        let (Some(first), Some(second)) = (columns.next(), columns.next()) else {
            continue;
        };
        let named: Vec<String> = second
            .split(", ")
            .map(|one| one.trim().to_owned())
            .filter(|one| one.starts_with("16."))
            .collect();
        for kind in quoted(first).filter(|_| !named.is_empty()) {
            kinds.insert(kind.to_owned(), named.clone());
        }
    }
    kinds
}

fn is_problem(name: &str) -> bool {
    comity_spec::problem::ProblemType::ALL
        .iter()
        .any(|kind| kind.slug() == name)
}

#[test]
fn the_text_names_the_rules_of_the_code_and_no_others() {
    let sections = sections();
    let told: BTreeSet<String> = sections
        .values()
        .flatten()
        .flat_map(|row| quoted(&row.whole))
        .chain(["trust.active"])
        .filter(|name| is_name(name))
        .map(str::to_owned)
        .collect();
    let code = of_the_code();
    assert!(code.len() > 150, "only {} rules were found", code.len());
    let untold: Vec<_> = code.difference(&told).collect();
    assert!(untold.is_empty(), "chapter 16 does not name {untold:?}");
    // A member of an object is no rule: `cnf.jwk`, `endpoints.public`.
    let spaces: BTreeSet<&str> = code.iter().filter_map(|name| name.split('.').next()).collect();
    let invented: Vec<_> = told
        .difference(&code)
        .filter(|name| name.split('.').next().is_some_and(|space| spaces.contains(space)))
        // Those of identifiers are made of the kind's own name.
        .filter(|name| !name.starts_with("identifier."))
        .collect();
    assert!(invented.is_empty(), "the code has no {invented:?}");
}

#[test]
fn whatever_a_vector_wants_refused_stands_under_its_kind() {
    let sections = sections();
    let kinds = kinds(&sections);
    let mut files = Vec::new();
    walk(&here("../spec/vectors"), "json", &mut files);
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for path in files
        .iter()
        .filter(|path| !path.starts_with(here("../spec/vectors/federations")))
    {
        let text = std::fs::read_to_string(path).expect("a vector can be read");
        let vector: Value = serde_json::from_str(&text).expect("a vector is JSON");
        let (name, kind) = (&vector["name"], vector["kind"].as_str().unwrap_or_default());
        let Some(named) = kinds.get(kind) else {
            wrong.push(format!("{name}: the table of 16.1 does not name {kind}"));
            continue;
        };
        let Some(rule) = vector["expect"]["refuse"].as_str() else {
            continue;
        };
        seen += 1;
        let rows: Vec<&Row> = named
            .iter()
            .flat_map(|section| sections.get(section).into_iter().flatten())
            .filter(|row| row.names.iter().any(|one| one == rule))
            .collect();
        let proves = vector["requirements"].as_array().expect("requirements");
        let beside = |row: &&Row| {
            let ids: Vec<&str> = row
                .whole
                .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
                .collect();
            proves
                .iter()
                .filter_map(Value::as_str)
                .any(|id| ids.contains(&id))
        };
        if rows.is_empty() {
            wrong.push(format!("{name}: {rule} does not stand in {named:?}"));
        } else if !rows.iter().any(beside) {
            wrong.push(format!("{name}: {rule} stands beside none of {proves:?}"));
        }
        if matches!(kind, "request" | "hint") && !is_problem(rule) {
            wrong.push(format!("{name}: {rule} is no problem type"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 300, "only {seen} vectors are refused");
}

#[test]
fn the_cause_that_a_decision_states_stands_beside_its_outcome() {
    let sections = sections();
    let mut files = Vec::new();
    walk(&here("../spec/vectors/decision"), "json", &mut files);
    let mut seen = 0;
    for path in &files {
        let text = std::fs::read_to_string(path).expect("a vector can be read");
        let vector: Value = serde_json::from_str(&text).expect("a vector is JSON");
        let accepted = &vector["expect"]["accept"];
        let (Some(outcome), Some(cause)) = (accepted["outcome"].as_str(), accepted["cause"].as_str()) else {
            continue;
        };
        seen += 1;
        let row = sections["16.14"].iter().find(|row| {
            row.whole
                .split('|')
                .nth(1)
                .is_some_and(|first| first.trim() == outcome)
        });
        let row = row.unwrap_or_else(|| panic!("{outcome} has no row"));
        assert!(
            quoted(&row.whole).any(|name| name == cause),
            "{}: {cause} does not stand beside {outcome}",
            vector["name"]
        );
    }
    assert!(seen > 20, "only {seen} decisions state a cause");
}
