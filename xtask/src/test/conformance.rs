//! The phase `conformance`: every class of the conformance suite against our own node and verifier, in one run, as an operator of any other
//! would run it, with nothing excused. The run signs its result, and an authority that asks for one takes the county in by it
//! ([`super::enrolment`]). It builds nothing of its own, and what a case that did not pass said is left beside the build, with the
//! record, a page and JUnit XML of the whole run.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::enrolment::Enrolment;
use super::machine::Machine;
use super::summary::Ending;
use crate::Outcome;
use crate::process;

/// The county that the node plays.
const REGION: &str = "361123";
/// Every class of chapter 0.2.
const CLASSES: [&str; 5] = ["issuer", "recogniser", "node", "authority", "offline"];
/// Nodes side by side, each in a world of its own. A case is mostly waiting; with more, two cores have too much to do.
const INSTANCES: usize = 4;
/// A run takes less than five minutes on two cores; nothing is waited for longer than this.
const LIMIT: Duration = Duration::from_secs(20 * 60);
/// Of all that the suite prints, the line with the count.
const COUNTED: &str = " cases in ";

/// Founds a world, starts the node in it and lets the suite judge every class.
pub(super) fn run(machine: &mut Machine) -> Outcome<Ending> {
    let judge = machine.built("comity-conformance")?;
    let folder = machine.kept("conformance");
    // A world is drawn anew each time: nothing of an earlier run may be taken for this one's.
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let deadline = machine.deadline.min(Instant::now() + LIMIT);
    let mut init = Command::new(&judge);
    init.args(["init", "--region", REGION, "--dir"]).arg(&folder);
    process::run(&mut init, deadline)?;
    let file = folder.join("target.toml");
    std::fs::write(&file, target(&judge)).map_err(|error| format!("{}: {error}", file.display()))?;
    let enrolment = Enrolment::prepare(&judge, &folder.join("enrolment"), REGION)?;
    let record = folder.join("results.json");
    let mut suite = Command::new(&judge);
    suite
        .args(["run", "--complete", "--timeout", "60", "--dir"])
        .arg(&folder)
        .arg("--junit")
        .arg(folder.join("junit.xml"))
        .arg("--html")
        .arg(folder.join("result.html"))
        .arg("--json")
        .arg(&record);
    enrolment.asks(&mut suite);
    let (result, lines) = process::run_read(&mut suite, deadline);
    result?;
    // An exit code of 0 without a count would be a suite that judged nothing.
    let Some(counted) = lines.iter().rev().find(|line| line.contains(COUNTED)) else {
        return Err("the suite did not say how many cases it judged".into());
    };
    let classes = passed(&record)?;
    let enrolled = enrolment.judge(&CLASSES)?;
    Ok(Ending::Passed(format!(
        "{}; {classes}; {enrolled}",
        counted.trim()
    )))
}

/// The target file of all that is built beside the judge.
fn target(judge: &Path) -> String {
    let beside = |name: &str| judge.with_file_name(name).display().to_string();
    let program = judge.with_file_name("examples").join("comity-target");
    format!(
        "[target]\nname = \"comity\"\nversion = {:?}\nclasses = {CLASSES:?}\nregion = {REGION:?}\ninstances = {INSTANCES}\nprogram = [{:?}, \
         \"--comity\", {:?}]\nadapter = [{:?}, \"adapter\"]\n",
        env!("CARGO_PKG_VERSION"),
        program.display().to_string(),
        beside("comity"),
        beside("comity-verify"),
    )
}

/// How many cases of each class passed by the record: all of them, and some of each.
fn passed(record: &Path) -> Outcome<String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", record.display());
    let text = std::fs::read_to_string(record).map_err(|error| told(&error))?;
    let mut counts = [0_usize; CLASSES.len()];
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).map_err(|error| told(&error))?;
        if line["record"] != "case" {
            continue;
        }
        let class = CLASSES.iter().position(|class| line["class"] == *class);
        match class {
            Some(class) if line["verdict"] == "pass" => counts[class] += 1,
            _ => {
                return Err(told(&format!(
                    "{} of {} is {}",
                    line["name"], line["class"], line["verdict"]
                )));
            }
        }
    }
    if let Some(class) = counts.iter().position(|count| *count == 0) {
        return Err(told(&format!(
            "no case of the class {} was judged",
            CLASSES[class]
        )));
    }
    let shown: Vec<String> = CLASSES
        .iter()
        .zip(counts)
        .map(|(class, count)| format!("{class} {count}"))
        .collect();
    Ok(shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_to_pass_and_not_only_the_run() {
        let here = tempfile::tempdir().unwrap();
        let record = here.path().join("results.json");
        let judged = |lines: &[(&str, &str)]| {
            let case = |(class, verdict): &(&str, &str)| {
                format!(r#"{{"record":"case","name":"a","class":"{class}","verdict":"{verdict}"}}"#)
            };
            let text: Vec<String> = lines.iter().map(case).collect();
            std::fs::write(&record, format!("{{\"record\":\"run\"}}\n{}\n", text.join("\n"))).unwrap();
            passed(&record)
        };
        let all: Vec<(&str, &str)> = CLASSES.iter().map(|class| (*class, "pass")).collect();
        assert_eq!(
            judged(&all).unwrap(),
            "issuer 1, recogniser 1, node 1, authority 1, offline 1"
        );
        assert!(judged(&all[1..]).unwrap_err().contains("class issuer"));
        let skipped = [&all[..], &[("node", "skip")]].concat();
        assert!(judged(&skipped).unwrap_err().contains("skip"));
        let other = [&all[..], &[("holder", "pass")]].concat();
        assert!(judged(&other).is_err());
    }

    #[test]
    fn the_target_file_names_what_is_built_beside_the_judge() {
        let text = target(Path::new("/t/debug/comity-conformance"));
        for named in [
            "/t/debug/comity\"",
            "/t/debug/comity-verify\"",
            "/t/debug/examples/comity-target\"",
        ] {
            assert!(text.contains(named), "{text}");
        }
    }
}
