//! Dependency audit: what `deny.toml` allows, held against the lock file.
//!
//! Licences, bans and sources need nothing but `cargo metadata`, so they are checked here, always, on every machine;
//! cargo-deny judges them a second time when it is installed. Advisories need its database. Where that cannot be had,
//! the phase says UNAVAILABLE and passes: it must not claim a result, and an outage must not stop a change.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;
use toml::Table;

use super::machine::Machine;
use super::summary::Ending;
use crate::Outcome;
use crate::process;

pub(super) fn run(machine: &mut Machine) -> Outcome<Ending> {
    let text = std::fs::read_to_string(machine.root.join("deny.toml"))
        .map_err(|error| format!("deny.toml: {error}"))?;
    let policy: Table = toml::from_str(&text).map_err(|error| format!("deny.toml: {error}"))?;
    let metadata = process::capture(&mut machine.cargo(&[
        "metadata",
        "--format-version",
        "1",
        "--locked",
        "--all-features",
    ]))?;
    let metadata: Value =
        serde_json::from_str(&metadata).map_err(|error| format!("cargo metadata: {error}"))?;
    let crates = crates(&metadata);
    let breaches = judge(&crates, &policy)?;
    for breach in &breaches {
        println!("deny.toml: {breach}");
    }
    if !breaches.is_empty() {
        return Err(format!("{} crates break deny.toml", breaches.len()));
    }
    println!(
        "{} crates: licences, bans and sources as deny.toml allows",
        crates.len()
    );
    let advisories = advisories(machine)?;
    Ok(Ending::Passed(format!(
        "{} crates; advisories {advisories}",
        crates.len()
    )))
}

/// What cargo-deny says, or why nothing can be said.
fn advisories(machine: &mut Machine) -> Outcome<String> {
    let installed = || process::succeeds("cargo", &["deny", "--version"]);
    if !installed() && machine.install_cargo_deny {
        process::run(
            Command::new("cargo").args(["install", "cargo-deny", "--locked"]),
            machine.deadline,
        )?;
    }
    if !installed() {
        let unavailable = "UNAVAILABLE: cargo-deny is not installed (--install-cargo-deny builds it)";
        machine.notes.push(format!("advisories {unavailable}"));
        return Ok(unavailable.into());
    }
    process::run(
        &mut machine.cargo(&["deny", "check", "bans", "licenses", "sources"]),
        machine.deadline,
    )?;
    let (result, lines) = process::run_read(
        &mut machine.cargo(&["deny", "check", "advisories"]),
        machine.deadline,
    );
    match result {
        Ok(()) => Ok("ok".into()),
        Err(_) if lines.iter().any(|line| no_database(line)) => {
            let unavailable = "UNAVAILABLE: the advisory database cannot be reached";
            machine.notes.push(format!("advisories {unavailable}"));
            Ok(unavailable.into())
        }
        Err(why) => Err(why),
    }
}

/// cargo-deny's words when it has no database to judge by.
fn no_database(line: &str) -> bool {
    [
        "failed to fetch advisory database",
        "failed to load advisory database",
    ]
    .iter()
    .any(|words| line.contains(words))
}

/// One crate of the lock file.
#[derive(Debug)]
struct Crate {
    name: String,
    version: String,
    licence: String,
    /// `None` for those of this workspace.
    source: Option<String>,
}

fn crates(metadata: &Value) -> Vec<Crate> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages = metadata["packages"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let read = |package: &Value| Crate {
        name: text(&package["name"]),
        version: text(&package["version"]),
        licence: text(&package["license"]),
        source: package["source"].as_str().map(String::from),
    };
    packages.iter().map(read).collect()
}

/// A sentence for each breach.
fn judge(crates: &[Crate], policy: &Table) -> Outcome<Vec<String>> {
    let allowed = words(policy, "licenses", "allow")?;
    let registries = words(policy, "sources", "allow-registry")?;
    let bans = bans(policy)?;
    let mut breaches = Vec::new();
    for Crate {
        name,
        version,
        licence,
        source,
    } in crates
    {
        let registry = source
            .as_deref()
            .map(|source| source.strip_prefix("registry+").unwrap_or(source));
        if let Some(registry) = registry.filter(|registry| !registries.contains(*registry)) {
            breaches.push(format!("{name} {version} comes from {registry}"));
        }
        if !licensed(licence, &allowed) {
            breaches.push(format!(
                "{name} {version} has the licence `{licence}`, which is not on the list"
            ));
        }
        for ban in bans.iter().filter(|ban| ban.names(name, version)) {
            breaches.push(format!("{name} {version} is banned: {}", ban.reason));
        }
    }
    Ok(breaches)
}

fn words(policy: &Table, section: &str, key: &str) -> Outcome<BTreeSet<String>> {
    let list = policy
        .get(section)
        .and_then(|section| section.get(key))
        .and_then(toml::Value::as_array);
    let list = list.ok_or_else(|| format!("deny.toml has no {section}.{key}"))?;
    Ok(list
        .iter()
        .filter_map(toml::Value::as_str)
        .map(String::from)
        .collect())
}

/// A crate that must not be there, at all or below a version.
struct Ban {
    name: String,
    below: Option<Vec<u64>>,
    reason: String,
}

impl Ban {
    fn names(&self, name: &str, version: &str) -> bool {
        self.name == name && self.below.as_ref().is_none_or(|floor| numbers(version) < *floor)
    }
}

fn bans(policy: &Table) -> Outcome<Vec<Ban>> {
    let list = policy
        .get("bans")
        .and_then(|bans| bans.get("deny"))
        .and_then(toml::Value::as_array);
    let mut bans = Vec::new();
    for ban in list.ok_or("deny.toml has no bans.deny")? {
        let word = |key: &str| ban.get(key).and_then(toml::Value::as_str);
        let (Some(spec), Some(reason)) = (word("crate"), word("reason")) else {
            return Err(format!("deny.toml: a ban needs `crate` and `reason`: {ban}"));
        };
        let (name, below) = match spec.split_once('@') {
            None => (spec, None),
            // The one form that this file uses; cargo-deny knows more.
            Some((name, range)) => match range.strip_prefix('<').filter(|floor| !floor.starts_with('=')) {
                Some(floor) => (name, Some(numbers(floor))),
                None => {
                    return Err(format!(
                        "deny.toml: `{spec}`: only `name` and `name@<version` are read here"
                    ));
                }
            },
        };
        bans.push(Ban {
            name: name.into(),
            below,
            reason: reason.into(),
        });
    }
    Ok(bans)
}

/// Major, minor, patch; a pre-release counts as its release.
fn numbers(version: &str) -> Vec<u64> {
    let release = version.split(['-', '+']).next().unwrap_or_default();
    let mut numbers: Vec<u64> = release.split('.').map(|part| part.parse().unwrap_or(0)).collect();
    numbers.resize(3, 0);
    numbers
}

/// Evaluates an SPDX expression against the list: `AND` binds tighter than `OR`, the old `/` means `OR`.
fn licensed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let holds = either(&tokens, &mut at, allowed);
    holds && at == tokens.len()
}

fn either(tokens: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut holds = both(tokens, at, allowed);
    while tokens.get(*at) == Some(&"OR") {
        *at += 1;
        holds |= both(tokens, at, allowed);
    }
    holds
}

fn both(tokens: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut holds = one(tokens, at, allowed);
    while tokens.get(*at) == Some(&"AND") {
        *at += 1;
        holds &= one(tokens, at, allowed);
    }
    holds
}

fn one(tokens: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    // Past the end too, so that an expression that breaks off does not count as read.
    let token = tokens.get(*at);
    *at += 1;
    let Some(token) = token else {
        return false;
    };
    if *token == "(" {
        let holds = either(tokens, at, allowed);
        let closed = tokens.get(*at) == Some(&")");
        *at += 1;
        return holds && closed;
    }
    if tokens.get(*at) == Some(&"WITH") {
        let with = format!("{token} WITH {}", tokens.get(*at + 1).unwrap_or(&""));
        *at += 2;
        return allowed.contains(&with);
    }
    allowed.contains(*token)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"
        [licenses]
        allow = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"]
        [bans]
        deny = [{ crate = "openssl", reason = "one TLS stack" }, { crate = "h2@<0.4.16", reason = "an advisory" }]
        [sources]
        allow-registry = ["https://example.org/index"]
    "#;

    fn judged(name: &str, version: &str, licence: &str, source: Option<&str>) -> Vec<String> {
        let one = Crate {
            name: name.into(),
            version: version.into(),
            licence: licence.into(),
            source: source.map(Into::into),
        };
        judge(&[one], &toml::from_str(POLICY).unwrap()).unwrap()
    }

    const REGISTRY: Option<&str> = Some("registry+https://example.org/index");

    #[test]
    fn licences_are_expressions() {
        let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"]
            .map(String::from)
            .into();
        for good in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-3.0/MIT",
            "(GPL-3.0 OR MIT) AND ISC",
            "Apache-2.0 WITH LLVM-exception",
            "GPL-3.0 AND X OR MIT",
        ] {
            assert!(licensed(good, &allowed), "{good}");
        }
        for bad in [
            "",
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "(MIT OR ISC",
            "MIT OR",
            "MIT ISC",
            "Apache-2.0",
            "MIT AND (GPL-3.0 OR X)",
        ] {
            assert!(!licensed(bad, &allowed), "{bad}");
        }
    }

    #[test]
    fn banned_crates_and_old_versions_are_found() {
        assert_eq!(
            judged("openssl", "0.10.1", "MIT", REGISTRY),
            ["openssl 0.10.1 is banned: one TLS stack"]
        );
        assert_eq!(judged("openssl-probe", "0.2.2", "MIT", REGISTRY), [] as [&str; 0]);
        assert_eq!(judged("h2", "0.4.15", "MIT", REGISTRY).len(), 1);
        assert_eq!(judged("h2", "0.4.16", "MIT", REGISTRY).len(), 0);
        assert_eq!(judged("h2", "0.10.0", "MIT", REGISTRY).len(), 0);
    }

    #[test]
    fn only_the_registry_and_this_workspace_are_sources() {
        assert_eq!(judged("a", "1.0.0", "MIT", None).len(), 0);
        assert_eq!(
            judged("a", "1.0.0", "MIT", Some("git+https://example.org/a")).len(),
            1
        );
        assert_eq!(
            judged("a", "1.0.0", "GPL-3.0", Some("registry+https://example.net")).len(),
            2
        );
    }

    #[test]
    fn the_policy_of_this_repository_can_be_read() {
        let policy: Table = toml::from_str(include_str!("../../../deny.toml")).unwrap();
        assert!(
            bans(&policy)
                .unwrap()
                .iter()
                .any(|ban| ban.names("openssl-sys", "0.9.0"))
        );
        assert!(
            words(&policy, "licenses", "allow")
                .unwrap()
                .contains("Apache-2.0")
        );
    }
}
