//! The register of deliberate mistakes, `mutants.toml`: which there are, and by which case each must be noticed.
//!
//! Closed form; a mutant that no case can notice is an *equivalent* with its reason, and those are few. `cargo xtask gates`
//! compares the register with the sources.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use crate::Failure;
use crate::class::Class;
use crate::coverage::NetworkedCase;
use crate::requirements::Requirements;
use crate::vectors::Cases;

/// Of a hundred entries, so many may be equivalents.
const MOST_EQUIVALENT_PERCENT: usize = 5;

/// The register.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Register {
    /// Every mistake that a case notices.
    #[serde(rename = "mutant")]
    pub(super) mutants: Vec<Mutant>,
    /// Every mistake that none can notice.
    #[serde(rename = "equivalent", default)]
    pub(super) equivalents: Vec<Equivalent>,
}

/// A mistake in the sources: `mutant!("JWS-1")`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mutant {
    /// A requirement's id, or `ID/slug`.
    pub(super) name: String,
    /// Whose duty the requirement is.
    pub(super) class: Class,
    /// The case that notices it.
    pub(super) killed_by: String,
    /// What is not plain from name and case.
    #[serde(default)]
    pub(super) note: Option<String>,
}

/// A mistake that changes nothing that a case could see.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Equivalent {
    /// A requirement's id, or `ID/slug`.
    pub(super) name: String,
    /// Why.
    pub(super) reason: String,
}

impl Register {
    /// Reads the file.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|e| {
            Failure::Usage(format!(
                "no register at {}: {e}; give it with --register FILE",
                path.display()
            ))
        })?;
        toml::from_str(&text).map_err(|e| Failure::Internal(format!("{}: {e}", path.display())))
    }

    /// What is wrong with the register itself.
    pub(super) fn lint(
        &self,
        cases: &Cases,
        networked: &[NetworkedCase],
        requirements: &Requirements,
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut seen = BTreeSet::new();
        let names = self.mutants.iter().map(|m| &m.name);
        for name in names.chain(self.equivalents.iter().map(|e| &e.name)) {
            if !seen.insert(name) {
                wrong.push(format!("{name} stands there twice"));
            }
            if requirements.find(requirement(name)).is_none() {
                wrong.push(format!(
                    "{name}: {} is no requirement of the text",
                    requirement(name)
                ));
            }
        }
        for mutant in &self.mutants {
            let id = requirement(&mutant.name);
            let proved = match cases.find(&mutant.killed_by) {
                Some(index) => Some(cases.case(index).requirements.iter().any(|one| one == id)),
                None => networked
                    .iter()
                    .find(|case| case.name == mutant.killed_by)
                    .map(|case| case.requirements.contains(&id)),
            };
            match proved {
                Some(true) => {}
                Some(false) => wrong.push(format!(
                    "{}: {} does not say that it proves {id}",
                    mutant.name, mutant.killed_by
                )),
                None => wrong.push(format!("{}: there is no case {}", mutant.name, mutant.killed_by)),
            }
            if mutant.note.as_ref().is_some_and(|note| note.trim().is_empty()) {
                wrong.push(format!("{}: the note says nothing", mutant.name));
            }
        }
        for equivalent in &self.equivalents {
            if equivalent.reason.trim().len() < 20 {
                wrong.push(format!("{}: an equivalent needs a reason", equivalent.name));
            }
        }
        let all = self.mutants.len() + self.equivalents.len();
        if self.equivalents.len() * 100 > all * MOST_EQUIVALENT_PERCENT {
            wrong.push(format!(
                "{} of {all} are said to be equivalent; more than {MOST_EQUIVALENT_PERCENT} in a hundred are not believed",
                self.equivalents.len()
            ));
        }
        wrong
    }

    /// Requirements that a vector claims to prove and that nothing here breaks.
    pub(super) fn missing(&self, cases: &Cases) -> Vec<String> {
        let names = self.mutants.iter().map(|m| m.name.as_str());
        let broken: BTreeSet<&str> = names
            .chain(self.equivalents.iter().map(|e| e.name.as_str()))
            .map(requirement)
            .collect();
        let claimed: BTreeSet<&str> = cases
            .iter()
            .flat_map(|case| case.requirements.iter().map(String::as_str))
            .collect();
        claimed
            .difference(&broken)
            .map(|id| format!("{id} has vectors and no mutant: would they notice?"))
            .collect()
    }
}

/// The requirement that a mutant breaks.
fn requirement(name: &str) -> &str {
    name.split_once('/').map_or(name, |(id, _)| id)
}
