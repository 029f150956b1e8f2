//! `comity-conformance coverage`: is every requirement of the text proved by a case, or excused for a reason that counts?
//!
//! The reasons are a closed list, the excuses at most a tenth of the text, and an excuse for what a case proves is stale. A
//! case that names a requirement which the text does not have proves nothing. All of these fail.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::requirements::Requirements;
use crate::vectors::Cases;
use crate::{Failure, Material, say};

/// The register that this program carries.
const EXCUSED: &str = include_str!("../excused.toml");

/// Of a hundred requirements, so many may be excused.
const MOST_EXCUSED_PERCENT: usize = 10;

/// A case that needs a running target, as far as this chapter of the suite cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NetworkedCase {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it proves.
    pub(crate) requirements: Vec<&'static str>,
}

/// Every case of the classes that need a running target.
pub(crate) fn networked_cases() -> Vec<NetworkedCase> {
    let of = |case: &crate::cases::Case| NetworkedCase {
        name: case.name,
        requirements: case.requirements.to_vec(),
    };
    crate::cases::all().into_iter().map(of).collect()
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    material: Material,
    /// A register of requirements that no case can prove, in place of the one that this program carries
    #[arg(long, value_name = "FILE")]
    excused: Option<PathBuf>,
    /// Print only what is not covered and what is wrong
    #[arg(long)]
    gaps: bool,
    /// Write the table as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Why no case can prove a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Reason {
    /// People must do it, not a program.
    DutyOfPeople,
    /// It shows only inside a node: in its store, its logs, its memory.
    InsideTheNode,
    /// It is about how a program is built, and shows in no single answer.
    BuiltSo,
    /// It shows only over more time than a run has.
    TakesDays,
    /// It is about many answers at once, as drawn by chance.
    Statistical,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Excuse {
    id: String,
    reason: Reason,
    /// Who or what holds it instead.
    instead: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Excuses {
    #[serde(default)]
    excused: Vec<Excuse>,
}

/// What is known of one requirement.
#[derive(Debug, PartialEq, Eq)]
enum Standing<'c> {
    Covered(Vec<&'c str>),
    Excused(Reason),
    Open,
}

/// Prints the table and judges it.
pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let (cases, requirements) = args.material.load()?;
    let excuses = match &args.excused {
        None => of(EXCUSED, "excused.toml")?,
        Some(path) => read(path)?,
    };
    let networked = networked_cases();
    let covered = covered(&cases, &networked);
    let wrong = wrong(&requirements, &covered, &excuses);
    let mut table = Vec::new();
    let mut open = 0;
    for id in requirements.ids() {
        let standing = match (covered.get(id), excuses.iter().find(|e| e.id == id)) {
            (Some(by), _) => Standing::Covered(by.clone()),
            (None, Some(excuse)) => Standing::Excused(excuse.reason),
            (None, None) => Standing::Open,
        };
        open += usize::from(standing == Standing::Open);
        if !args.gaps || standing == Standing::Open {
            say(&row(id, &standing))?;
        }
        table.push(match &standing {
            Standing::Covered(by) => json!({ "id": id, "covered": by }),
            Standing::Excused(reason) => json!({ "id": id, "excused": reason }),
            Standing::Open => json!({ "id": id, "open": true }),
        });
    }
    for what in &wrong {
        say(&format!("WRONG     {what}"))?;
    }
    let code = u8::from(open > 0 || !wrong.is_empty());
    say(&format!(
        "text {}, vectors {}: {} requirements, {} covered, {} excused, {open} open; {} wrong",
        requirements.revision(),
        cases.fingerprint(),
        table.len(),
        table.iter().filter(|line| line.get("covered").is_some()).count(),
        excuses.len(),
        wrong.len()
    ))?;
    if let Some(path) = &args.json {
        let result = json!({ "requirements": table, "open": open, "wrong": wrong, "exit": code });
        std::fs::write(path, format!("{result}\n"))
            .map_err(|e| Failure::Usage(format!("cannot write {}: {e}", path.display())))?;
    }
    Ok(code)
}

fn read(path: &Path) -> Result<Vec<Excuse>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        Failure::Usage(format!(
            "no list of excuses at {}: {e}; leave --excused away for the one that this program carries",
            path.display()
        ))
    })?;
    of(&text, &path.display().to_string())
}

fn of(text: &str, file: &str) -> Result<Vec<Excuse>, Failure> {
    let excuses: Excuses = toml::from_str(text).map_err(|e| Failure::Internal(format!("{file}: {e}")))?;
    Ok(excuses.excused)
}

fn covered<'c>(cases: &'c Cases, networked: &'c [NetworkedCase]) -> BTreeMap<&'c str, Vec<&'c str>> {
    let vectors = cases.iter().map(|case| {
        (
            case.name.as_str(),
            case.requirements.iter().map(String::as_str).collect::<Vec<_>>(),
        )
    });
    let running = networked
        .iter()
        .map(|case| (case.name, case.requirements.clone()));
    let mut covered: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, ids) in vectors.chain(running) {
        for id in ids {
            covered.entry(id).or_default().push(name);
        }
    }
    covered
}

fn wrong(
    requirements: &Requirements,
    covered: &BTreeMap<&str, Vec<&str>>,
    excuses: &[Excuse],
) -> Vec<String> {
    let mut wrong = Vec::new();
    for (id, by) in covered {
        if requirements.find(id).is_none() {
            wrong.push(format!(
                "{id}, named by {}, is no requirement of the text",
                by.join(", ")
            ));
        }
    }
    let mut seen = BTreeSet::new();
    for Excuse { id, instead, .. } in excuses {
        if !seen.insert(id) {
            wrong.push(format!("{id} is excused twice"));
        }
        if requirements.find(id).is_none() {
            wrong.push(format!("{id}, excused, is no requirement of the text"));
        }
        if let Some(by) = covered.get(id.as_str()) {
            wrong.push(format!(
                "{id} is excused and proved by {}: drop the excuse",
                by.join(", ")
            ));
        }
        if instead.trim().len() < 20 {
            wrong.push(format!("{id}: say who or what holds it instead"));
        }
    }
    let all = requirements.ids().count();
    if excuses.len() * 100 > all * MOST_EXCUSED_PERCENT {
        wrong.push(format!(
            "{} of {all} are excused; more than {MOST_EXCUSED_PERCENT} in a hundred may not be",
            excuses.len()
        ));
    }
    wrong
}

fn row(id: &str, standing: &Standing<'_>) -> String {
    match standing {
        Standing::Covered(by) => {
            let first: Vec<&str> = by.iter().take(3).copied().collect();
            let more = match by.len().saturating_sub(first.len()) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("covered   {id:<8} {}{more}", first.join(", "))
        }
        Standing::Excused(reason) => {
            format!("excused   {id:<8} {}", json!(reason).as_str().unwrap_or_default())
        }
        Standing::Open => format!("OPEN      {id:<8} no case proves it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excuse(id: &str) -> Excuse {
        Excuse {
            id: id.into(),
            reason: Reason::DutyOfPeople,
            instead: "the archivist of the county keeps it".into(),
        }
    }

    #[test]
    fn a_case_or_an_excuse_that_names_nothing_is_wrong() {
        let text = Requirements::carried();
        let covered = BTreeMap::from([("JWS-1", vec!["jws/alg-none"]), ("JWX-1", vec!["jws/typo"])]);
        let found = wrong(&text, &covered, &[excuse("RXC-1"), excuse("JWS-2")]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("JWX-1") && found[1].contains("RXC-1"));
        assert_eq!(
            wrong(&text, &BTreeMap::new(), &[excuse("JWS-2")]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_stale_a_double_and_an_empty_excuse_are_wrong() {
        let text = Requirements::carried();
        let covered = BTreeMap::from([("JWS-1", vec!["jws/alg-none"])]);
        let empty = Excuse {
            instead: "so".into(),
            ..excuse("JWS-3")
        };
        let found = wrong(
            &text,
            &covered,
            &[excuse("JWS-1"), excuse("JWS-2"), excuse("JWS-2"), empty],
        );
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(
            found[0].contains("jws/alg-none") && found[1].contains("twice") && found[2].contains("JWS-3")
        );
    }

    #[test]
    fn more_than_a_tenth_cannot_be_excused() {
        let text = Requirements::carried();
        let tenth = text.ids().count() / 10;
        let excuses: Vec<Excuse> = text.ids().take(tenth + 1).map(excuse).collect();
        assert_eq!(
            wrong(&text, &BTreeMap::new(), &excuses[..tenth]),
            Vec::<String>::new()
        );
        assert_eq!(wrong(&text, &BTreeMap::new(), &excuses).len(), 1);
    }

    #[test]
    fn the_reasons_are_a_closed_list() {
        let of = |reason: &str| {
            toml::from_str::<Excuses>(&format!(
                "[[excused]]\nid = \"REC-1\"\nreason = \"{reason}\"\ninstead = \"x\"\n"
            ))
        };
        assert_eq!(
            of("inside-the-node").unwrap().excused[0].reason,
            Reason::InsideTheNode
        );
        assert!(of("too-much-work").is_err());
        let more = "[[excused]]\nid = \"A\"\nreason = \"built-so\"\ninstead = \"x\"\nwhen = 1\n";
        assert!(toml::from_str::<Excuses>(more).is_err());
    }
}
