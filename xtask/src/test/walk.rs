//! The walk of `deploy/two-counties.md`, and of `deploy/local-issuing.md` after it: their blocks are run as they stand, in order, by one
//! shell, in an empty folder, with our binary on the `PATH`. What the text tells an operator to type is what is tested; it cannot rot.
//!
//! Only the ports are others, free ones, so that two runs and a real node do not meet. Whatever the walk started is stopped with it.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::machine::Machine;
use super::summary::Ending;
use crate::Outcome;
use crate::process;

/// The texts; the second goes on where the first ended.
const TEXTS: [&str; 2] = ["deploy/two-counties.md", "deploy/local-issuing.md"];
/// More than a walk takes on a busy machine; a person would have asked long before.
const LIMIT: Duration = Duration::from_secs(120);
/// Lines shown of what it said, when it fails.
const SHOWN: usize = 30;

/// Runs the walk.
pub(super) fn run(machine: &mut Machine) -> Outcome<Ending> {
    for (program, package) in [("bash", "bash"), ("openssl", "openssl"), ("curl", "curl")] {
        if let Err(reason) = machine.program(program, package) {
            return Ok(Ending::Skipped(reason));
        }
    }
    let comity = machine.built("comity")?;
    let mut all = Vec::new();
    for path in TEXTS {
        let text =
            std::fs::read_to_string(machine.root.join(path)).map_err(|error| format!("{path}: {error}"))?;
        let blocks = blocks(&text);
        if blocks.is_empty() {
            return Err(format!("{path} has no block marked `sh`"));
        }
        all.extend(blocks);
    }
    let folder = machine.kept("walk");
    let io = |error: std::io::Error| format!("{}: {error}", folder.display());
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(io)?;
    }
    let place = folder.join("operator");
    std::fs::create_dir_all(&place).map_err(io)?;
    let script = folder.join("walk.sh");
    std::fs::write(&script, on_free_ports(&all.join("\n"))?).map_err(io)?;
    let before = Instant::now();
    walk(&script, &place, &comity, before + LIMIT)?;
    let steps = all.len();
    Ok(Ending::Passed(format!(
        "{steps} blocks of {} in {} s",
        TEXTS.join(" and "),
        before.elapsed().as_secs()
    )))
}

/// What stands in the blocks marked `sh`.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line == "```sh" {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push(block.join("\n") + "\n");
        }
    }
    blocks
}

/// The script with a free port for each number of five digits that begins with 18 or 28 and stands alone.
fn on_free_ports(script: &str) -> Outcome<String> {
    let mut held = BTreeMap::new();
    let mut out = String::with_capacity(script.len());
    let mut rest = script;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(at);
        let end = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
        let (number, after) = from.split_at(end);
        out.push_str(before);
        if number.len() == 5 && (number.starts_with("18") || number.starts_with("28")) {
            if !held.contains_key(number) {
                let cannot = |error: std::io::Error| format!("no free port: {error}");
                let socket = TcpListener::bind("127.0.0.1:0").map_err(cannot)?;
                let port = socket.local_addr().map_err(cannot)?.port();
                // All are held until all are known, so that none is given twice.
                held.insert(number.to_owned(), (port, socket));
            }
            out.push_str(&held[number].0.to_string());
        } else {
            out.push_str(number);
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Runs the script in a process group of its own, which ends with it. Its output goes to a file: nodes that it started hold that open
/// for as long as they live.
fn walk(script: &Path, place: &Path, comity: &Path, deadline: Instant) -> Outcome<()> {
    let said = script.with_extension("log");
    let cannot = |error: std::io::Error| format!("the walk: {error}");
    let log = std::fs::File::create(&said).map_err(cannot)?;
    let second = log.try_clone().map_err(cannot)?;
    let own = comity.parent().map(Path::to_path_buf).into_iter();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(own.chain(std::env::split_paths(&path)))
        .map_err(|error| format!("PATH: {error}"))?;
    let mut child = Command::new("bash")
        .args(["-euo", "pipefail"])
        .arg(script)
        .current_dir(place)
        .env("PATH", path)
        .env_remove("COMITY_CONFIG")
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(second)
        .process_group(0)
        .spawn()
        .map_err(cannot)?;
    let group = format!("-{}", child.id());
    let ended = process::wait(&mut child, deadline, "the walk");
    // Nobody is left of a walk that came to its end.
    let _ = process::succeeds("kill", &["-KILL", "--", &group]);
    match ended {
        Ok(status) if status.success() => Ok(()),
        other => {
            let text = std::fs::read_to_string(&said).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let shown = lines[lines.len().saturating_sub(SHOWN)..].join("\n");
            let why = other.map_or_else(|error| error, |status| format!("ended with {status}"));
            Err(format!("{why}; it said last:\n{shown}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_blocks_marked_sh_are_run() {
        let text = "a\n```sh\none\ntwo\n```\n```text\nno\n```\n```sh\nthree\n```\n";
        assert_eq!(blocks(text), ["one\ntwo\n", "three\n"]);
    }

    #[test]
    fn each_port_becomes_one_free_port_and_no_other_number_changes() {
        let script = "a 18443 b 28443 c https://localhost:18443 110105189901010033 2026 18 184431";
        let out = on_free_ports(script).unwrap();
        let words: Vec<&str> = out.split(' ').collect();
        assert_ne!(words[1], "18443");
        assert_ne!(words[1], words[3]);
        assert_eq!(words[5], format!("https://localhost:{}", words[1]));
        assert_eq!(words[6..], ["110105189901010033", "2026", "18", "184431"]);
    }

    #[test]
    fn a_step_that_fails_is_shown_and_what_it_started_is_stopped() {
        let here = tempfile::tempdir().unwrap();
        let script = here.path().join("walk.sh");
        std::fs::write(
            &script,
            "sleep 600 &\necho $! > pid\necho 不对\nfalse\necho after\n",
        )
        .unwrap();
        let soon = Instant::now() + Duration::from_secs(20);
        let failed = walk(&script, here.path(), &here.path().join("comity"), soon).unwrap_err();
        assert!(failed.contains("不对") && !failed.contains("after"), "{failed}");
        let pid = std::fs::read_to_string(here.path().join("pid")).unwrap();
        let pid = pid.trim();
        while Path::new(&format!("/proc/{pid}")).exists() && !is_zombie(pid) {
            assert!(Instant::now() < soon, "{pid} lives on");
            std::thread::yield_now();
        }
        std::fs::write(&script, "true\n").unwrap();
        walk(&script, here.path(), &here.path().join("comity"), soon).unwrap();
    }

    /// Ended, and not yet waited for by whoever inherited it.
    fn is_zombie(pid: &str) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| {
            stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z'))
        })
    }
}
