//! Gate `schemas`: the published JSON schemas are generated, and a test of comity-spec compares them with the types.
//!
//! This gate does not generate anything itself: the types are in a crate that it must not link. Reading, it makes sure
//! that the comparing test exists as long as there are schemas; [`compare`] runs it.

use std::process::Command;
use std::time::{Duration, Instant};

use super::source::sources;
use super::{Finding, Report};
use crate::Outcome;
use crate::process;
use crate::tree::{self, Tree};

/// Longer than a cold build of comity-spec's tests on two cores.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

pub(super) fn check(tree: &Tree) -> Outcome<Report> {
    let published: Vec<_> = tree
        .texts(".json")
        .filter(|(path, _)| path.starts_with("spec/schemas/"))
        .collect();
    let mut findings = Vec::new();
    for (path, text) in &published {
        if let Err(error) = serde_json::from_str::<serde_json::Value>(text) {
            findings.push(Finding::new(path, error.line(), format!("is not JSON: {error}")));
        }
    }
    if let Some((path, _)) = published.first()
        && !compared(tree)
    {
        findings.push(Finding::new(
            path,
            0,
            "no test of comity-spec with `schema` in its name compares it",
        ));
    }
    Ok(Report {
        seen: format!("{} schemas", published.len()),
        findings,
    })
}

/// Whether a test function of comity-spec carries the name that [`compare`] asks for.
fn compared(tree: &Tree) -> bool {
    sources(tree)
        .iter()
        .filter(|source| source.path.starts_with("spec/"))
        .any(|source| {
            let code = String::from_utf8_lossy(&source.code).into_owned();
            code.split("#[test]").skip(1).any(|test| {
                let name = test.split_once("fn ").and_then(|(_, rest)| rest.split_once('('));
                name.is_some_and(|(name, _)| name.contains("schema"))
            }) || (source.is_test && source.path.contains("schema") && code.contains("#[test]"))
        })
}

/// Runs the comparing test; nothing to run is a pass only while nothing is published ([`check`] holds that).
pub(super) fn compare() -> Outcome<bool> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(tree::root()?).args([
        "test",
        "--quiet",
        "--locked",
        "--package",
        "comity-spec",
        "schema",
    ]);
    println!("{:<14}running {}", "schemas", process::shown(&cargo));
    let result = process::run(&mut cargo, Instant::now() + PATIENCE);
    if let Err(why) = &result {
        println!("{:<14}FAILED  {why}", "schemas");
    }
    Ok(result.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> usize {
        check(&Tree::of(files)).unwrap().findings.len()
    }

    const SCHEMA: (&str, &str) = ("spec/schemas/permit.json", "{}");

    #[test]
    fn a_published_schema_needs_its_test() {
        assert_eq!(found(&[SCHEMA]), 1);
        assert_eq!(
            found(&[
                SCHEMA,
                ("spec/src/lib.rs", "fn schema() {} // #[test] fn schema()")
            ]),
            1
        );
        assert_eq!(
            found(&[SCHEMA, ("verifier/tests/a.rs", "#[test]\nfn schemas_match() {}")]),
            1
        );
        assert_eq!(
            found(&[SCHEMA, ("spec/tests/a.rs", "#[test]\nfn schemas_match() {}")]),
            0
        );
        assert_eq!(found(&[]), 0);
    }

    #[test]
    fn a_schema_is_json() {
        let test = ("spec/tests/schemas.rs", "#[test]\nfn drift() {}");
        assert_eq!(found(&[test, ("spec/schemas/permit.json", "{,}")]), 1);
        assert_eq!(found(&[test, SCHEMA]), 0);
    }
}
