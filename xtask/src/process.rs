//! Other programs: whether they are there, what they say, and how long they may take.
//!
//! Standard input is always closed: nothing here may wait for an answer that continuous integration cannot give.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::Outcome;

/// Where a program of that name stands on `PATH`.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

/// Whether `program arguments…` runs and exits with 0; says nothing.
pub(crate) fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Standard output of a program that has to succeed; its complaints come back in the error.
pub(crate) fn capture(command: &mut Command) -> Outcome<String> {
    let shown = shown(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot start `{shown}`: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let complaint = String::from_utf8_lossy(&output.stderr);
        Err(format!(
            "`{shown}` ended with {}: {}",
            output.status,
            complaint.trim()
        ))
    }
}

/// Runs a program with its output on ours, until `deadline`.
pub(crate) fn run(command: &mut Command, deadline: Instant) -> Outcome<()> {
    let shown = shown(command);
    let mut child = command
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot start `{shown}`: {error}"))?;
    let status = wait(&mut child, deadline, &shown)?;
    judge(status, &shown)
}

/// As [`run`], and hands every line of both outputs to the caller besides printing it.
pub(crate) fn run_read(command: &mut Command, deadline: Instant) -> (Outcome<()>, Vec<String>) {
    let shown = shown(command);
    let lines = Arc::new(Mutex::new(Vec::new()));
    let result = read_into(command, deadline, &shown, &lines);
    let read = lines.lock().map(|lines| lines.clone()).unwrap_or_default();
    (result, read)
}

fn read_into(
    command: &mut Command,
    deadline: Instant,
    shown: &str,
    lines: &Arc<Mutex<Vec<String>>>,
) -> Outcome<()> {
    let cannot = |error: std::io::Error| format!("cannot start `{shown}`: {error}");
    let (reader, writer) = std::io::pipe().map_err(cannot)?;
    let second = writer.try_clone().map_err(cannot)?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(second)
        .spawn()
        .map_err(cannot)?;
    // `command` still holds the writing ends; the reader would never see the end of the stream.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let kept = Arc::clone(lines);
    let echo = thread::spawn(move || {
        for line in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            println!("{line}");
            if let Ok(mut kept) = kept.lock() {
                kept.push(line);
            }
        }
    });
    let status = wait(&mut child, deadline, shown)?;
    // A grandchild that outlives its parent would keep the pipe open; what the parent said is complete by now.
    let patience = Instant::now() + Duration::from_secs(10);
    while !echo.is_finished() && Instant::now() < patience {
        thread::sleep(Duration::from_millis(5));
    }
    judge(status, shown)
}

/// Waits by asking: the standard library has no wait with a time limit.
pub(crate) fn wait(child: &mut Child, deadline: Instant, shown: &str) -> Outcome<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if Instant::now() >= deadline => {
                let killed = child.kill().and_then(|()| child.wait());
                let after = killed.map_or_else(|error| format!(" ({error})"), |_| String::new());
                return Err(format!("`{shown}` was stopped: out of time{after}"));
            }
            Ok(None) => thread::sleep(Duration::from_millis(20)),
            Err(error) => return Err(format!("cannot wait for `{shown}`: {error}")),
        }
    }
}

fn judge(status: ExitStatus, shown: &str) -> Outcome<()> {
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{shown}` ended with {status}"))
    }
}

/// The command line as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[test]
    fn both_outputs_are_read_and_the_exit_code_is_kept() {
        let (result, lines) = run_read(
            Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]),
            soon(),
        );
        assert!(result.unwrap_err().contains("3"));
        assert_eq!(lines, ["out", "err"]);
    }

    #[test]
    fn what_takes_too_long_is_stopped() {
        let before = Instant::now();
        let stopped = run(
            Command::new("sleep").arg("60"),
            Instant::now() + Duration::from_millis(50),
        );
        assert!(stopped.unwrap_err().contains("out of time"));
        assert!(before.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_missing_program_is_an_answer_and_no_panic() {
        assert!(find("no-such-program-here").is_none());
        assert!(!succeeds("no-such-program-here", &[]));
        assert!(
            capture(&mut Command::new("no-such-program-here"))
                .unwrap_err()
                .contains("cannot start")
        );
    }
}
