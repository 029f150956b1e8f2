//! Gate `edges`: every arrow between the crates points down (ARCHITECTURE.md, rules 1 and 2).
//!
//! Direct edges inside the workspace are judged for every kind of dependency: a test that links what the code may not
//! know is how a layer begins to leak. Foreign crates are judged through the whole graph of ordinary dependencies. A
//! dependency that no code names is refused as well ([`super::unused`]).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::process::Command;

use serde_json::Value;

use super::source::sources;
use super::unused::{Declared, unused};
use super::{Finding, Report};
use crate::Outcome;
use crate::process;
use crate::tree::Tree;

/// What a crate may know.
struct Rule {
    package: &'static str,
    /// Crates of this workspace, for any kind of dependency.
    may_use: &'static [&'static str],
    /// Foreign crates that must not be reached, not even through others.
    never: &'static [&'static str],
}

const INPUT_OUTPUT: &[&str] = &["axum", "hyper", "reqwest", "rustls", "sqlx", "sqlx-core", "tokio"];
const ADAPTERS: &[&str] = &["axum", "hyper", "reqwest", "rustls", "sqlx", "sqlx-core"];

const RULES: &[Rule] = &[
    Rule {
        package: "comity-spec",
        may_use: &[],
        never: INPUT_OUTPUT,
    },
    Rule {
        package: "comity-verifier",
        may_use: &["comity-spec"],
        never: INPUT_OUTPUT,
    },
    Rule {
        package: "comity-node-core",
        may_use: &["comity-spec", "comity-verifier"],
        never: ADAPTERS,
    },
    Rule {
        package: "comity-node-store",
        may_use: &["comity-spec", "comity-verifier", "comity-node-core"],
        never: &["axum", "hyper", "reqwest"],
    },
    Rule {
        package: "comity-node-http",
        may_use: &["comity-spec", "comity-verifier", "comity-node-core"],
        never: &["sqlx", "sqlx-core"],
    },
    Rule {
        package: "comity-node",
        may_use: &[
            "comity-spec",
            "comity-verifier",
            "comity-node-core",
            "comity-node-store",
            "comity-node-http",
        ],
        never: &[],
    },
    // The suite builds its bad messages as bytes: a defect that it shared with the verifier could hide.
    Rule {
        package: "comity-conformance",
        may_use: &["comity-spec"],
        never: &["sqlx", "sqlx-core"],
    },
    Rule {
        package: "xtask",
        may_use: &[],
        never: INPUT_OUTPUT,
    },
];

pub(super) fn check(tree: &Tree) -> Outcome<Report> {
    let metadata = metadata(tree)?;
    let mut findings = judge(&metadata, RULES);
    findings.extend(unused(&declared(&Graph::new(&metadata)), &sources(tree)));
    for finding in &mut findings {
        // Point at the line of the manifest that names the crate, when there is one.
        let named = finding.what.split('`').nth(1).unwrap_or_default();
        let manifest = tree.text(&finding.path).unwrap_or_default();
        let at = manifest
            .lines()
            .position(|line| line.split(['.', ' ', '=']).next() == Some(named));
        finding.line = at.map_or(0, |at| at + 1);
    }
    let members = metadata["workspace_members"].as_array().map_or(0, Vec::len);
    let all = metadata["packages"].as_array().map_or(0, Vec::len);
    Ok(Report {
        seen: format!("{members} crates here, {} others", all.saturating_sub(members)),
        findings,
    })
}

/// What every crate here declares, as its code would name it.
fn declared<'a>(graph: &'a Graph<'_>) -> Vec<Declared<'a>> {
    let members = graph.members.values();
    members
        .flat_map(|member| {
            member.uses.iter().map(|(kind, package)| Declared {
                directory: &member.directory,
                kind,
                name: package.replace('-', "_"),
                package,
            })
        })
        .collect()
}

fn metadata(tree: &Tree) -> Outcome<Value> {
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(&tree.root)
        .args(["metadata", "--format-version", "1", "--locked"]);
    let text = process::capture(&mut cargo)?;
    serde_json::from_str(&text).map_err(|error| format!("cargo metadata: {error}"))
}

fn judge(metadata: &Value, rules: &[Rule]) -> Vec<Finding> {
    let graph = Graph::new(metadata);
    let mut findings = Vec::new();
    for (name, package) in &graph.members {
        let manifest = format!("{}Cargo.toml", package.directory);
        let Some(rule) = rules.iter().find(|rule| rule.package == *name) else {
            findings.push(Finding::new(
                &manifest,
                0,
                format!("`{name}` has no rule in xtask/src/gates/edges.rs"),
            ));
            continue;
        };
        for (kind, used) in &package.uses {
            if graph.members.contains_key(used) && !rule.may_use.contains(used) {
                findings.push(Finding::new(
                    &manifest,
                    0,
                    format!("{name} must not know `{used}` ({kind})"),
                ));
            }
        }
        for never in rule.never {
            if let Some(path) = graph.path(package.id, never) {
                let first = path.first().copied().unwrap_or(never);
                let what = format!(
                    "`{first}` brings {never} into {name}: {name} → {}",
                    path.join(" → ")
                );
                findings.push(Finding::new(&manifest, 0, what));
            }
        }
    }
    findings
}

/// One crate of the workspace.
struct Member<'a> {
    id: &'a str,
    /// From the root, empty or ending in `/`.
    directory: String,
    /// Kind (`normal`, `dev`, `build`) and name of each direct dependency.
    uses: BTreeSet<(&'a str, &'a str)>,
}

/// The answers of `cargo metadata` that matter here.
struct Graph<'a> {
    members: BTreeMap<&'a str, Member<'a>>,
    names: BTreeMap<&'a str, &'a str>,
    /// Ordinary dependencies, by package id.
    edges: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Graph<'a> {
    fn new(metadata: &'a Value) -> Self {
        let members_ids: BTreeSet<&str> = list(&metadata["workspace_members"])
            .filter_map(Value::as_str)
            .collect();
        let root = text(&metadata["workspace_root"]);
        let mut graph = Self {
            members: BTreeMap::new(),
            names: BTreeMap::new(),
            edges: BTreeMap::new(),
        };
        for package in list(&metadata["packages"]) {
            let (id, name) = (text(&package["id"]), text(&package["name"]));
            graph.names.insert(id, name);
            if members_ids.contains(id) {
                let manifest = text(&package["manifest_path"]);
                let inside = manifest
                    .strip_prefix(root)
                    .unwrap_or(manifest)
                    .trim_start_matches('/');
                let uses = list(&package["dependencies"])
                    .map(|used| (used["kind"].as_str().unwrap_or("normal"), text(&used["name"])))
                    .collect();
                let directory = inside.trim_end_matches("Cargo.toml").to_owned();
                graph.members.insert(name, Member { id, directory, uses });
            }
        }
        for node in list(&metadata["resolve"]["nodes"]) {
            let ordinary = list(&node["deps"])
                .filter(|used| list(&used["dep_kinds"]).any(|kind| kind["kind"].is_null()))
                .map(|used| text(&used["pkg"]))
                .collect();
            graph.edges.insert(text(&node["id"]), ordinary);
        }
        graph
    }

    /// The shortest way from a package to one of that name, without the start.
    fn path(&self, from: &'a str, name: &str) -> Option<Vec<&'a str>> {
        let mut came: BTreeMap<&str, &str> = BTreeMap::new();
        let mut open = VecDeque::from([from]);
        while let Some(at) = open.pop_front() {
            if at != from && self.names.get(at) == Some(&name) {
                let mut path = Vec::new();
                let mut step = at;
                while step != from {
                    path.push(self.names.get(step).copied().unwrap_or(step));
                    step = came.get(step).copied()?;
                }
                path.reverse();
                return Some(path);
            }
            for next in self.edges.get(at).into_iter().flatten() {
                if *next != from && !came.contains_key(next) {
                    came.insert(next, at);
                    open.push_back(next);
                }
            }
        }
        None
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FEW: &[Rule] = &[
        Rule {
            package: "low",
            may_use: &[],
            never: &["net"],
        },
        Rule {
            package: "high",
            may_use: &["low"],
            never: &[],
        },
    ];

    fn workspace(low_uses: &Value, middle_kind: &Value) -> Value {
        json!({
            "workspace_root": "/w",
            "workspace_members": ["low-id", "high-id"],
            "packages": [
                {"id": "low-id", "name": "low", "manifest_path": "/w/low/Cargo.toml", "dependencies": low_uses},
                {"id": "high-id", "name": "high", "manifest_path": "/w/high/Cargo.toml",
                 "dependencies": [{"name": "low", "kind": null}]},
                {"id": "mid-id", "name": "mid", "manifest_path": "/r/mid/Cargo.toml", "dependencies": []},
                {"id": "net-id", "name": "net", "manifest_path": "/r/net/Cargo.toml", "dependencies": []},
            ],
            "resolve": {"nodes": [
                {"id": "low-id", "deps": [{"pkg": "mid-id", "dep_kinds": [{"kind": middle_kind}]}]},
                {"id": "mid-id", "deps": [{"pkg": "net-id", "dep_kinds": [{"kind": null}]}]},
            ]},
        })
    }

    #[test]
    fn downward_edges_pass_and_a_dev_dependency_of_the_forbidden_crate_is_fine() {
        assert_eq!(judge(&workspace(&json!([]), &json!("dev")), FEW), []);
    }

    #[test]
    fn an_upward_edge_is_refused_for_tests_too() {
        let upward = json!([{"name": "high", "kind": "dev"}]);
        let found = judge(&workspace(&upward, &json!("dev")), FEW);
        assert_eq!(
            found,
            [Finding::new(
                "low/Cargo.toml",
                0,
                "low must not know `high` (dev)"
            )]
        );
    }

    #[test]
    fn a_forbidden_crate_is_found_behind_another() {
        let found = judge(&workspace(&json!([]), &Value::Null), FEW);
        assert_eq!(found[0].what, "`mid` brings net into low: low → mid → net");
    }

    #[test]
    fn a_crate_without_a_rule_is_refused() {
        let found = judge(&workspace(&json!([]), &json!("dev")), &FEW[..1]);
        assert!(found[0].what.contains("`high` has no rule"));
    }
}
