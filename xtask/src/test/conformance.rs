//! The phase `conformance`: the networked classes of the conformance suite against our own node, as an operator of any other would run
//! them, with nothing excused. It builds nothing of its own, and what a case that did not pass said is left beside the build,
//! with the record, a page and JUnit XML of the whole run.

use std::process::Command;
use std::time::{Duration, Instant};

use super::machine::Machine;
use super::summary::Ending;
use crate::Outcome;
use crate::process;

/// The county that the node plays.
const REGION: &str = "361123";
/// A run takes less than five minutes on two cores; nothing is waited for longer than this.
const LIMIT: Duration = Duration::from_secs(20 * 60);
/// Of all that the suite prints, the line with the count.
const COUNTED: &str = " cases in ";

/// Founds a world, starts the node in it and lets the suite judge every networked class.
pub(super) fn run(machine: &mut Machine) -> Outcome<Ending> {
    let judge = machine.built("comity-conformance")?;
    let node = judge.with_file_name("comity");
    let program = judge.with_file_name("examples").join("comity-target");
    let folder = machine.kept("conformance");
    // A world is drawn anew each time: nothing of an earlier run may be taken for this one's.
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let deadline = machine.deadline.min(Instant::now() + LIMIT);
    let mut init = Command::new(&judge);
    init.args(["init", "--region", REGION, "--dir"]).arg(&folder);
    process::run(&mut init, deadline)?;
    let target = format!(
        "[target]\nname = \"comity\"\nversion = {:?}\nclasses = [\"node\", \"authority\"]\nregion = {REGION:?}\nprogram = [{:?}, \
         \"--comity\", {:?}]\n",
        env!("CARGO_PKG_VERSION"),
        program.display().to_string(),
        node.display().to_string(),
    );
    let file = folder.join("target.toml");
    std::fs::write(&file, target).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut suite = Command::new(&judge);
    suite
        .args(["run", "--complete", "--dir"])
        .arg(&folder)
        .arg("--junit")
        .arg(folder.join("junit.xml"))
        .arg("--html")
        .arg(folder.join("result.html"))
        .arg("--json")
        .arg(folder.join("results.json"));
    let (result, lines) = process::run_read(&mut suite, deadline);
    result?;
    // An exit code of 0 without a count would be a suite that judged nothing.
    match lines.iter().rev().find(|line| line.contains(COUNTED)) {
        Some(line) => Ok(Ending::Passed(line.trim().to_owned())),
        None => Err("the suite did not say how many cases it judged".into()),
    }
}
