//! What proves a requirement: vectors, networked cases of the suite, and the tests that name it.
//!
//! A vector and a networked case are proofs that a stranger can repeat; a test of this tree is named where there is no
//! other, so that nobody takes the absence of a public case for the absence of a proof.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::tree::{self, Tree};
use crate::{Outcome, gates};

/// Where the vectors are.
pub(super) const VECTORS: &str = "spec/vectors/";

/// One case that anybody can ask of an implementation.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Case {
    /// `jws/alg-none`: folder and file name, or the networked case's name.
    pub(super) name: String,
    /// Kind of vector, or class of the networked case.
    pub(super) kind: String,
    /// One sentence.
    pub(super) about: String,
    /// The accepted case from which this one differs.
    pub(super) twin: Option<String>,
    /// The requirements that it proves.
    pub(super) requirements: Vec<String>,
    /// What must come of it, as the vector has it.
    pub(super) expect: Value,
    /// What is judged; `None` for a networked case, whose steps are code.
    pub(super) input: Option<Value>,
}

impl Case {
    /// Whether it needs a running target.
    pub(super) fn is_networked(&self) -> bool {
        self.input.is_none()
    }

    /// Whether the case has to be accepted. A decision is always one; what it says is in `expect`.
    pub(super) fn is_accepted(&self) -> bool {
        self.expect.get("refuse").is_none()
    }
}

/// All proofs.
pub(super) struct Cases {
    /// By name.
    pub(super) cases: Vec<Case>,
    /// Requirement to the files of tests that name it.
    tests: BTreeMap<String, BTreeSet<String>>,
    /// Requirement to the reason why no test can prove it.
    excused: BTreeMap<String, String>,
}

impl Cases {
    /// Collects the proofs of a tree.
    ///
    /// # Errors
    /// A vector, or a line of the suite's list, that is not in its form.
    pub(super) fn read(tree: &Tree, listed: &str) -> Outcome<Self> {
        let mut cases = vectors(tree)?;
        cases.extend(networked(listed)?);
        cases.sort_by(|a, b| a.name.cmp(&b.name));
        let tests = gates::named_by_tests(tree).into_iter().map(|(id, paths)| {
            let files = paths
                .into_iter()
                .filter(|path| !path.starts_with(VECTORS))
                .collect();
            (id, files)
        });
        Ok(Self {
            cases,
            tests: tests.collect(),
            excused: gates::excused(tree)?,
        })
    }

    /// The cases that name a requirement.
    pub(super) fn of<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Case> {
        self.cases
            .iter()
            .filter(move |case| case.requirements.iter().any(|named| named == id))
    }

    /// The files of tests that name a requirement.
    pub(super) fn tests(&self, id: &str) -> impl Iterator<Item = &str> {
        self.tests.get(id).into_iter().flatten().map(String::as_str)
    }

    /// Why nothing proves it.
    pub(super) fn excuse(&self, id: &str) -> Option<&str> {
        self.excused.get(id).map(String::as_str)
    }
}

fn vectors(tree: &Tree) -> Outcome<Vec<Case>> {
    let files = tree
        .texts(".json")
        .filter(|(path, _)| path.starts_with(VECTORS) && !path.starts_with("spec/vectors/federations/"));
    files
        .map(|(path, text)| {
            let value = serde_json::from_str(text).map_err(|error| format!("{path}: {error}"))?;
            vector(&value).ok_or_else(|| format!("{path} is not in the form of a vector"))
        })
        .collect()
}

fn vector(value: &Value) -> Option<Case> {
    let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
    let requirements = value.get("requirements")?.as_array()?;
    Some(Case {
        name: text("name")?,
        kind: text("kind")?,
        about: text("about")?,
        twin: text("twin"),
        requirements: requirements
            .iter()
            .map(|id| id.as_str().map(str::to_owned))
            .collect::<Option<_>>()?,
        expect: value.get("expect")?.clone(),
        input: Some(value.get("input")?.clone()),
    })
}

/// Who lists the suite's networked cases: they are code, and only the suite knows them all.
pub(crate) enum Suite<'a> {
    /// The suite as cargo builds it.
    Cargo,
    /// The suite's program.
    Built(&'a Path),
    /// Nobody: the page shows vectors and tests only.
    Absent,
}

impl Suite<'_> {
    /// The classes whose lists together are all networked cases.
    const CLASSES: [&'static str; 2] = ["node", "authority"];

    /// A line a case, as `comity-conformance list` prints it.
    pub(super) fn listed(&self) -> Outcome<String> {
        let mut listed = String::new();
        for class in Self::CLASSES {
            let mut command = match self {
                Self::Absent => return Ok(listed),
                Self::Built(program) => Command::new(program),
                Self::Cargo => {
                    let mut cargo = Command::new("cargo");
                    cargo.args([
                        "run",
                        "--quiet",
                        "--locked",
                        "--package",
                        "comity-conformance",
                        "--",
                    ]);
                    cargo
                }
            };
            command
                .current_dir(tree::root()?)
                .args(["list", "--class", class]);
            let output = command.stdin(Stdio::null()).output();
            let output =
                output.map_err(|error| format!("the suite cannot be asked for its cases: {error}"))?;
            match output.status.code() {
                Some(0) => listed.push_str(&String::from_utf8_lossy(&output.stdout)),
                // Nothing matched: there is no case of this class.
                Some(2) => {}
                _ => {
                    let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                    return Err(format!("the suite does not list its cases: {complaint}"));
                }
            }
        }
        Ok(listed)
    }
}

/// The networked cases of a list: name, class, what must come of it, requirements, twin, what happens.
fn networked(listed: &str) -> Outcome<Vec<Case>> {
    let case = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        let [name, class, expected, requirements, twin, about] = columns[..] else {
            return Err(format!("the suite lists `{line}`, which has not six columns"));
        };
        Ok(Case {
            name: name.to_owned(),
            kind: class.to_owned(),
            about: about.to_owned(),
            twin: Some(twin.to_owned()).filter(|twin| !twin.is_empty()),
            requirements: requirements.split(' ').map(str::to_owned).collect(),
            expect: Value::String(expected.to_owned()),
            input: None,
        })
    };
    listed.lines().map(case).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTOR: &str = r#"{"kind": "jws", "name": "jws/a", "requirements": ["AB-1"], "about": "a", "input": {}, "expect": {"refuse": "jws.alg"}}"#;

    #[test]
    fn vectors_networked_cases_and_tests_are_proofs() {
        let tree = Tree::of(&[
            (
                "spec/protocol/01-a.md",
                "# 1. A\n\n**[AB-1]** MUST.\n\n**[AB-2]** MUST.\n",
            ),
            ("spec/vectors/jws/a.json", VECTOR),
            ("verifier/tests/a.rs", "// AB-2\n"),
        ]);
        let listed = "node/b\tnode\tanswered\tAB-1 AB-9\t\tall is well\nnode/c\tnode\trefused\tAB-9\tnode/b\tone thing differs\n";
        let cases = Cases::read(&tree, listed).unwrap();
        let names: Vec<_> = cases
            .of("AB-1")
            .map(|case| (case.name.as_str(), case.is_networked(), case.is_accepted()))
            .collect();
        assert_eq!(names, [("jws/a", false, false), ("node/b", true, true)]);
        assert_eq!(cases.cases[2].twin.as_deref(), Some("node/b"));
        assert_eq!(cases.of("AB-2").count(), 0);
        assert_eq!(cases.tests("AB-2").collect::<Vec<_>>(), ["verifier/tests/a.rs"]);
    }

    #[test]
    fn what_is_not_in_its_form_is_named() {
        let tree = Tree::of(&[("spec/vectors/jws/a.json", "{}")]);
        assert!(Cases::read(&tree, "").err().unwrap().contains("jws/a.json"));
        let line = "node/b\tnode\tanswered\tAB-1";
        assert!(
            Cases::read(&Tree::of(&[]), line)
                .err()
                .unwrap()
                .contains("six columns")
        );
    }

    #[test]
    fn a_class_without_cases_is_no_fault_and_a_broken_suite_is() {
        use std::os::unix::fs::PermissionsExt as _;

        let here = tempfile::tempdir().unwrap();
        let listed = |text: &str| {
            let path = here.path().join("suite");
            std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            Suite::Built(&path).listed()
        };
        let some = listed("[ \"$3\" = authority ] && exit 2; echo \"$1 $2 $3\"").unwrap();
        assert_eq!(some, "list --class node\n");
        assert!(listed("echo broken >&2; exit 70").unwrap_err().contains("broken"));
        assert_eq!(Suite::Absent.listed().unwrap(), "");
    }
}
