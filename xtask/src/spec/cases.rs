//! What proves a requirement: vectors, networked cases of the suite, and the tests that name it.
//!
//! A vector and a networked case are proofs that a stranger can repeat; a test of this tree is named where there is no
//! other, so that nobody takes the absence of a public case for the absence of a proof.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::Outcome;
use crate::gates;
use crate::tree::Tree;

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
    /// A vector that is not in its form.
    pub(super) fn read(tree: &Tree) -> Outcome<Self> {
        let mut cases = vectors(tree)?;
        cases.extend(networked(tree)?);
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

/// The suite's networked cases, from the register that the suite writes of them: an array of objects with `name`, `class`,
/// `about`, `twin`, `requirements` and `expect`. Without that file there is none.
fn networked(tree: &Tree) -> Outcome<Vec<Case>> {
    const REGISTER: &str = "conformance-tests/cases.json";
    let Some(text) = tree.text(REGISTER) else {
        return Ok(Vec::new());
    };
    let register: Vec<Value> = serde_json::from_str(text).map_err(|error| format!("{REGISTER}: {error}"))?;
    register
        .into_iter()
        .map(|mut case| {
            let class = case.get("class").cloned().unwrap_or_default();
            if let Some(members) = case.as_object_mut() {
                members.insert("kind".into(), class);
                members.insert("input".into(), Value::Null);
            }
            let mut case = vector(&case).ok_or_else(|| format!("{REGISTER}: {case} is not in its form"))?;
            case.input = None;
            Ok(case)
        })
        .collect()
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
            (
                "conformance-tests/cases.json",
                r#"[{"name": "node/b", "class": "node", "about": "b", "requirements": ["AB-1"], "expect": {"accept": {}}}]"#,
            ),
            ("verifier/tests/a.rs", "// AB-2\n"),
        ]);
        let cases = Cases::read(&tree).unwrap();
        let names: Vec<_> = cases
            .of("AB-1")
            .map(|case| (case.name.as_str(), case.is_accepted()))
            .collect();
        assert_eq!(names, [("jws/a", false), ("node/b", true)]);
        assert_eq!(cases.of("AB-2").count(), 0);
        assert_eq!(cases.tests("AB-2").collect::<Vec<_>>(), ["verifier/tests/a.rs"]);
    }

    #[test]
    fn a_vector_of_another_form_is_named() {
        let tree = Tree::of(&[("spec/vectors/jws/a.json", "{}")]);
        assert!(Cases::read(&tree).err().unwrap().contains("jws/a.json"));
    }
}
