//! The cases: every vector below a folder, in its closed form, and linted before anything is asked.
//!
//! A broken vector is the suite's fault and ends the run; it is never counted against a target. What a case expects is kept
//! apart from what the target is told: a question holds neither the expectation nor the name, which often tells it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use comity_spec::conformance::revision_of;
use comity_spec::vector::{Expect, Vector};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::carried::VECTORS;
use crate::class::Class;
use crate::pattern::Pattern;
use crate::requirements::Requirements;

/// The folder of shared federations, which are no cases.
const FEDERATIONS: &str = "federations";

/// Under which agreements and status lists of decisions and requests were verified in their day.
const FEDERATION_OF_THE_DAY: &str = "demo";

/// Why there are no cases.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CasesError {
    /// The folder is not there.
    #[error("找不到测试向量目录 / no vectors in {}: leave --vectors away for those that this program carries", .0.display())]
    NoFolder(PathBuf),
    /// Vectors break their own rules.
    #[error("测试向量有误 / the vectors are broken:\n  {}", .0.join("\n  "))]
    Broken(Vec<String>),
}

/// A case.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Case {
    /// Its name: folder and file without `.json`.
    pub(crate) name: String,
    /// What is judged.
    pub(crate) kind: String,
    /// What it proves.
    pub(crate) requirements: Vec<String>,
    /// One sentence.
    pub(crate) about: String,
    /// The valid case from which it differs in one thing.
    pub(crate) twin: Option<String>,
    /// What the target is told.
    pub(crate) input: Value,
    /// What must come of it.
    pub(crate) expect: Expect,
    /// Where a reader finds it.
    #[serde(skip)]
    pub(crate) place: String,
}

impl Case {
    /// What must come of it, in a word or two.
    pub(crate) fn must_be(&self) -> String {
        match &self.expect {
            Expect::Accept(_) => "accept".to_owned(),
            Expect::Refuse(rule) => format!("refuse {rule}"),
        }
    }
}

/// A vector or shared federation as it was found.
struct File {
    /// Its name: folder and file without `.json`.
    name: String,
    /// Where a reader finds it: whoever has only this program has no tree.
    place: String,
    /// What is in it.
    text: std::io::Result<String>,
}

/// Every case, by name.
#[derive(Debug)]
pub(crate) struct Cases {
    cases: Vec<Case>,
    federations: BTreeMap<String, Value>,
    fingerprint: String,
}

impl Cases {
    /// Lints those that this program carries.
    pub(crate) fn carried(requirements: &Requirements) -> Result<Self, CasesError> {
        let files = VECTORS.iter().map(|(name, text)| File {
            name: (*name).to_owned(),
            place: format!(
                "{name}.json of `comity-conformance vectors --out DIR`; #case-{name} in the page of the text"
            ),
            text: Ok((*text).to_owned()),
        });
        Self::of(files, requirements)
    }

    /// Reads and lints a folder.
    pub(crate) fn load(folder: &Path, requirements: &Requirements) -> Result<Self, CasesError> {
        let no_folder = || CasesError::NoFolder(folder.to_owned());
        let mut paths = Vec::new();
        walk(folder, &mut paths).map_err(|_| no_folder())?;
        if paths.is_empty() {
            return Err(no_folder());
        }
        paths.sort();
        let files = paths.into_iter().map(|path| {
            let below = path.strip_prefix(folder).unwrap_or(&path).with_extension("");
            File {
                name: below.to_string_lossy().replace('\\', "/"),
                text: std::fs::read_to_string(&path),
                place: path.display().to_string(),
            }
        });
        Self::of(files, requirements)
    }

    fn of(files: impl Iterator<Item = File>, requirements: &Requirements) -> Result<Self, CasesError> {
        let (mut cases, mut federations, mut wrong) = (Vec::new(), BTreeMap::new(), Vec::new());
        let mut texts = Vec::new();
        for File { name, place, text } in files {
            let text = match text {
                Ok(text) => text,
                Err(error) => {
                    wrong.push(format!("{place}: {error}"));
                    continue;
                }
            };
            let read = match name
                .strip_prefix(FEDERATIONS)
                .and_then(|rest| rest.strip_prefix('/'))
            {
                Some(federation) => serde_json::from_str(&text)
                    .map(|value| drop(federations.insert(federation.to_owned(), value))),
                None => read(&text).map(|case| {
                    cases.push((
                        name.clone(),
                        Case {
                            place: place.clone(),
                            ..case
                        },
                    ))
                }),
            };
            if let Err(error) = read {
                wrong.push(format!("{place}: {error}"));
            }
            texts.push((name, text));
        }
        for (name, case) in &cases {
            if case.name != *name {
                wrong.push(format!("{name}: calls itself {}", case.name));
            }
        }
        let cases: Vec<Case> = cases.into_iter().map(|(_, case)| case).collect();
        if cases.is_empty() && wrong.is_empty() {
            wrong.push("there are shared federations and no case".to_owned());
        }
        let all = Self {
            cases,
            federations,
            fingerprint: revision_of(texts.iter().map(|(name, text)| (name.as_str(), text.as_str()))),
        };
        wrong.extend(all.lint(requirements));
        if wrong.is_empty() {
            Ok(all)
        } else {
            Err(CasesError::Broken(wrong))
        }
    }

    fn lint(&self, requirements: &Requirements) -> Vec<String> {
        let mut wrong = Vec::new();
        for case in &self.cases {
            let mut say = |what: String| wrong.push(format!("{}: {what}", case.name));
            if case.requirements.is_empty() {
                say("proves nothing".into());
            }
            for id in case
                .requirements
                .iter()
                .filter(|id| requirements.find(id).is_none())
            {
                say(format!("{id} is no requirement of the text"));
            }
            for name in case
                .federations()
                .filter(|name| !self.federations.contains_key(*name))
            {
                say(format!("there is no federation {name}"));
            }
            match (&case.twin, &case.expect) {
                (None, Expect::Refuse(_)) => say("is refused and names no twin".into()),
                (None, Expect::Accept(_)) => {}
                (Some(twin), _) => match self.cases.iter().find(|other| other.name == *twin) {
                    None => say(format!("there is no twin {twin}")),
                    Some(twin) if matches!(twin.expect, Expect::Refuse(_)) => {
                        say("its twin is refused too".into());
                    }
                    Some(twin) if twin.kind != case.kind => say("its twin is of another kind".into()),
                    Some(twin) if twin.input == case.input => say("nothing differs from its twin".into()),
                    Some(_) => {}
                },
            }
        }
        for index in 0..self.cases.len() {
            if self.lineage(index).is_none() {
                wrong.push(format!("{}: is its own twin in the end", self.case(index).name));
            }
        }
        wrong
    }

    /// A case by its place.
    pub(crate) fn case(&self, index: usize) -> &Case {
        &self.cases[index]
    }

    /// The place of a case by its name.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.cases
            .binary_search_by(|case| case.name.as_str().cmp(name))
            .ok()
            .or_else(|| {
                // Sorted by path, which orders `a-b/c` and `a/b` otherwise than by name.
                self.cases.iter().position(|case| case.name == name)
            })
    }

    /// The twin, the twin's twin and so on; `None` when it never ends.
    pub(crate) fn lineage(&self, index: usize) -> Option<Vec<usize>> {
        let mut line = Vec::new();
        let mut at = index;
        while let Some(twin) = self.case(at).twin.as_deref().and_then(|twin| self.find(twin)) {
            if twin == index || line.contains(&twin) {
                return None;
            }
            line.push(twin);
            at = twin;
        }
        Some(line)
    }

    /// The cases of a class that match any of the patterns; all of the class where there is none.
    pub(crate) fn choose(&self, class: Class, only: &[Pattern]) -> Vec<usize> {
        let meant = |case: &Case| only.is_empty() || only.iter().any(|one| one.matches(&case.name));
        let of_class = |case: &Case| class.is_bound_by(&case.kind) && meant(case);
        (0..self.cases.len())
            .filter(|index| of_class(self.case(*index)))
            .collect()
    }

    /// All cases.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter()
    }

    /// What the target is told: everything that the answer rests on, under a token that tells nothing.
    pub(crate) fn question(&self, index: usize, seed: u64) -> Value {
        let case = self.case(index);
        let federations: BTreeMap<&str, &Value> = case
            .federations()
            .filter_map(|name| Some((name, self.federations.get(name)?)))
            .collect();
        json!({
            "case": token(&case.name, seed),
            "kind": case.kind,
            "input": case.input,
            "federations": federations,
        })
    }

    /// Tells one state of the vectors from another, by the names and texts of all of them; the specification's page has the same.
    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

impl Case {
    /// The shared federations that it rests on.
    fn federations(&self) -> impl Iterator<Item = &str> {
        let named = self.input.get("federation").and_then(Value::as_str);
        let of_the_day =
            matches!(self.kind.as_str(), "decision" | "request").then_some(FEDERATION_OF_THE_DAY);
        named.into_iter().chain(of_the_day)
    }
}

/// The token under which a case is asked.
pub(crate) fn token(name: &str, seed: u64) -> String {
    format!(
        "{:016x}",
        fnv(fnv(FNV_START, &seed.to_be_bytes()), name.as_bytes())
    )
}

/// Reads a vector in its closed form, then what all kinds have in common.
fn read(text: &str) -> Result<Case, serde_json::Error> {
    let _closed: Vector = serde_json::from_str(text)?;
    serde_json::from_str(text)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, files)?;
        } else if path.extension().is_some_and(|ext| ext == "json") {
            files.push(path);
        }
    }
    Ok(())
}

/// FNV-1a: tells things apart, and needs no library.
const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

fn fnv(state: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(state, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
