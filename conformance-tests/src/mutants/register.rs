//! The register of deliberate mistakes, `mutants.toml`: which there are, and by which case each must be noticed.
//!
//! Closed form; a mutant that no case can notice is an *equivalent* with its reason, and those are few. `cargo xtask gates`
//! compares the register with the sources.

use std::collections::{BTreeMap, BTreeSet};
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
    pub(super) reason: Reason,
    /// What stands in its way, and where.
    pub(super) because: String,
}

/// Why nobody outside can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Reason {
    /// Something else in the target does the same before or after it.
    Masked,
    /// It shows only where more is done than a run does: more people, more lists, more counties.
    MoreThanARun,
    /// It shows only over more time than a run has.
    TakesDays,
}

impl Reason {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Masked => "masked",
            Self::MoreThanARun => "more-than-a-run",
            Self::TakesDays => "takes-days",
        }
    }
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
            if equivalent.because.trim().len() < 40 {
                wrong.push(format!(
                    "{}: an equivalent says what stands in its way, and where",
                    equivalent.name
                ));
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

    /// Requirements that a case of any class claims to prove and that nothing here breaks.
    pub(super) fn missing(&self, cases: &Cases, networked: &[NetworkedCase]) -> Vec<String> {
        let names = self.mutants.iter().map(|m| m.name.as_str());
        let broken: BTreeSet<&str> = names
            .chain(self.equivalents.iter().map(|e| e.name.as_str()))
            .map(requirement)
            .collect();
        let mut claimed: BTreeMap<&str, &str> = BTreeMap::new();
        let of_running = networked
            .iter()
            .flat_map(|case| case.requirements.iter().map(|id| (*id, case.name)));
        let of_vectors = cases.iter().flat_map(|case| {
            let ids = case.requirements.iter().map(String::as_str);
            ids.map(|id| (id, case.name.as_str()))
        });
        for (id, case) in of_vectors.chain(of_running) {
            claimed.entry(id).or_insert(case);
        }
        claimed
            .into_iter()
            .filter(|(id, _)| !broken.contains(id))
            .map(|(id, case)| format!("{id} is proved by {case}, and no mutant breaks it: would it notice?"))
            .collect()
    }
}

/// The requirement that a mutant breaks.
fn requirement(name: &str) -> &str {
    name.split_once('/').map_or(name, |(id, _)| id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coverage::networked_cases;

    fn ours() -> (Cases, Requirements, Register) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("mutants.toml");
        let requirements = Requirements::carried();
        let cases = Cases::carried(&requirements).unwrap();
        (cases, requirements, Register::read(&path).unwrap())
    }

    #[test]
    fn our_register_is_sound_and_breaks_every_requirement_that_a_case_proves() {
        let (cases, requirements, register) = ours();
        let networked = networked_cases();
        assert_eq!(
            register.lint(&cases, &networked, &requirements),
            Vec::<String>::new()
        );
        assert_eq!(register.missing(&cases, &networked), Vec::<String>::new());
    }

    #[test]
    fn without_its_entries_each_requirement_is_missed_by_name() {
        let (cases, _, register) = ours();
        let networked = networked_cases();
        let ids: BTreeSet<&str> = register.mutants.iter().map(|m| requirement(&m.name)).collect();
        assert!(ids.len() > 200, "{}", ids.len());
        for id in ids {
            let mut without = register.clone();
            without.mutants.retain(|m| requirement(&m.name) != id);
            without.equivalents.retain(|e| requirement(&e.name) != id);
            let missing = without.missing(&cases, &networked);
            assert_eq!(missing.len(), 1, "{id}: {missing:?}");
            assert!(
                missing[0].starts_with(&format!("{id} is proved by ")),
                "{missing:?}"
            );
        }
    }

    #[test]
    fn why_a_mutant_cannot_be_noticed_is_a_closed_list() {
        let of = |reason: &str| {
            toml::from_str::<Register>(&format!(
                "mutant = []\n[[equivalent]]\nname = \"JWS-1\"\nreason = \"{reason}\"\nbecause = \"x\"\n"
            ))
        };
        assert_eq!(of("masked").unwrap().equivalents[0].reason, Reason::Masked);
        assert!(of("too-much-work").is_err());
    }
}
