//! Gate `mutants`: the deliberate mistakes in the sources are those of the conformance suite's register, and no ordinary build
//! makes them.
//!
//! A mistake without an entry is never tried; an entry without a mistake would survive for ever. It refuses to look into how
//! a mistake is made: that is for whoever reads the line.

use std::collections::BTreeMap;

use super::source::sources;
use super::{Finding, Report};
use crate::Outcome;
use crate::tree::Tree;

const REGISTER: &str = "conformance-tests/mutants.toml";

/// Where the macro is defined, and spoken of.
const DEFINITION: &str = "spec/src/mutants.rs";

pub(super) fn check(tree: &Tree) -> Outcome<Report> {
    let mut findings = Vec::new();
    let made = in_sources(tree, &mut findings);
    let registered = in_register(tree)?;
    for (name, (path, line)) in &made {
        if !registered.contains_key(name) {
            findings.push(Finding::new(path, *line, format!("{name} is not in {REGISTER}")));
        }
    }
    for (name, line) in &registered {
        if !made.contains_key(name) {
            findings.push(Finding::new(
                REGISTER,
                *line,
                format!("no source has mutant!(\"{name}\")"),
            ));
        }
    }
    for (path, text) in tree.texts("Cargo.toml") {
        findings.extend(turned_on(path, text));
    }
    let seen = format!("{} mistakes, {} registered", made.len(), registered.len());
    Ok(Report { seen, findings })
}

/// Every `mutant!("…")`, and where it stands first.
fn in_sources(tree: &Tree, findings: &mut Vec<Finding>) -> BTreeMap<String, (String, usize)> {
    let mut made = BTreeMap::new();
    for source in sources(tree).iter().filter(|source| source.path != DEFINITION) {
        for at in source.find("mutant!") {
            let line = source.line(at);
            let name = source.text[at..]
                .strip_prefix("mutant!(\"")
                .and_then(|rest| rest.split_once("\")"))
                .map(|(name, _)| name);
            match name {
                None => findings.push(Finding::new(
                    source.path,
                    line,
                    "write mutant!(\"NAME\") on one line",
                )),
                Some(_) if source.tests(at) => {
                    findings.push(Finding::new(
                        source.path,
                        line,
                        "a mistake in a test changes no program",
                    ));
                }
                Some(name) => {
                    made.entry(name.to_owned())
                        .or_insert_with(|| (source.path.to_owned(), line));
                }
            }
        }
    }
    made
}

/// Every name of the register and its line.
fn in_register(tree: &Tree) -> Outcome<BTreeMap<String, usize>> {
    let Some(text) = tree.text(REGISTER) else {
        return Ok(BTreeMap::new());
    };
    let _sound: toml::Table = toml::from_str(text).map_err(|error| format!("{REGISTER}: {error}"))?;
    // The form that the programs read too: a line of its own for each name.
    let one = |(at, line): (usize, &str)| {
        let name = line.strip_prefix("name = \"")?.strip_suffix('"')?;
        Some((name.to_owned(), at + 1))
    };
    Ok(text.lines().enumerate().filter_map(one).collect())
}

/// The feature among a crate's default features, or asked of a dependency by a manifest.
fn turned_on(path: &str, text: &str) -> Option<Finding> {
    let asks = |line: &str| {
        let line = line.split('#').next().unwrap_or_default().trim();
        line.contains("\"mutants\"") && (line.starts_with("default") || line.contains("features"))
    };
    let at = text.lines().position(asks)?;
    Some(Finding::new(
        path,
        at + 1,
        "an ordinary build must not have the feature `mutants`",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "// mutant!(\"AB-3\") is only spoken of\nfn f() -> bool {\n    !mutant!(\"AB-1\") && mutant!(\"AB-2/half\")\n}\n";

    fn found(more: &[(&str, &str)]) -> Vec<(String, usize, String)> {
        let findings = check(&Tree::of(more)).unwrap().findings;
        findings.into_iter().map(|f| (f.path, f.line, f.what)).collect()
    }

    #[test]
    fn sources_and_register_agree() {
        let register = "[[mutant]]\nname = \"AB-1\"\n\n[[mutant]]\nname = \"AB-2/half\"\n";
        assert_eq!(found(&[("verifier/src/a.rs", CODE), (REGISTER, register)]), []);
    }

    #[test]
    fn what_only_one_of_them_has_is_found() {
        let register = "[[mutant]]\nname = \"AB-1\"\n[[equivalent]]\nname = \"AB-9\"\n";
        let found = found(&[("verifier/src/a.rs", CODE), (REGISTER, register)]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!((found[0].0.as_str(), found[0].1), ("verifier/src/a.rs", 3));
        assert_eq!((found[1].0.as_str(), found[1].1), (REGISTER, 4));
    }

    #[test]
    fn a_name_that_cannot_be_read_and_one_in_a_test_are_found() {
        let code = "fn f() {\n    mutant!(NAME);\n}\n#[cfg(test)]\nmod tests {\n    fn g() { mutant!(\"AB-1\"); }\n}\n";
        assert_eq!(found(&[("verifier/src/a.rs", code)]).len(), 2);
    }

    #[test]
    fn an_ordinary_build_with_the_feature_is_found() {
        let sound = "[features]\nmutants = [\"comity-spec/mutants\"]\n# features = [\"mutants\"]\n";
        assert_eq!(found(&[("node/Cargo.toml", sound)]), []);
        for manifest in [
            "[features]\ndefault = [\"mutants\"]\n",
            "comity-spec = { path = \"spec\", features = [\"mutants\"] }\n",
        ] {
            assert_eq!(found(&[("node/Cargo.toml", manifest)]).len(), 1, "{manifest}");
        }
    }
}
