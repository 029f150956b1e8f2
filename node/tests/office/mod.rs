//! A county's folder and the real binary in it, as an operator uses them.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use comity_spec::problem::ProblemType;
use comity_spec::time::UnixSeconds;
use serde_json::Value;
use tempfile::TempDir;

const PASSWORD: &str = "comity-office-2026";

/// A county's folder, made by the commands that its operator uses; the node itself does not run.
pub struct Office(TempDir);

impl Office {
    pub fn new() -> Self {
        let office = Self(tempfile::tempdir().unwrap());
        let anchor = office.path("anchor");
        office.does(&[
            "authority",
            "init",
            "--dir",
            anchor.to_str().unwrap(),
            "--entity",
            "https://anchor.example",
            "--name-zh",
            "示例锚点",
            "--name-en",
            "Example anchor",
        ]);
        // The documented example, moved into this folder.
        let example = office.does(&["config", "example"]);
        office.configure(
            &example
                .replace("/var/lib/comity", &office.0.path().display().to_string())
                .replace(
                    "/etc/comity/anchor.json",
                    anchor.join("anchor.json").to_str().unwrap(),
                ),
        );
        let application = office.path("application.jwt");
        office.does(&["init", "--application", application.to_str().unwrap()]);
        office
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn configure(&self, text: &str) {
        std::fs::write(self.path("node.toml"), text).unwrap();
    }

    pub fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_comity"))
            .args(arguments)
            .env("COMITY_CONFIG", self.path("node.toml"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that reads nothing may have ended before it is written to.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// What it printed; it must succeed.
    pub fn does(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments, "");
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it said when it refused.
    pub fn refuses(&self, arguments: &[&str], input: &str) -> String {
        let output = self.run(arguments, input);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(output.stdout.is_empty());
        said
    }

    /// What it said when it refused, which must be this problem: its title and its next step, Chinese first.
    pub fn is_told(&self, arguments: &[&str], input: &str, kind: ProblemType) -> String {
        let said = self.refuses(arguments, input);
        let (title, next) = (kind.title(), kind.next_step());
        let places = [title.zh, title.en, next.zh, next.en].map(|text| {
            said.find(text)
                .unwrap_or_else(|| panic!("`{text}` is missing:\n{said}"))
        });
        assert!(places.is_sorted(), "{said}");
        said
    }

    /// Adds an officer with these roles.
    pub fn add(&self, officer: &str, roles: &str) {
        let add = ["officer", "add", officer, "--name", "示例人员", "--role", roles];
        let added = self.run(&add, PASSWORD);
        assert!(added.status.success(), "{added:?}");
    }

    /// One act, given on standard input.
    pub fn act(&self, officer: &str, act: &Value) -> Output {
        self.run(&["permit", "act", "-", "--officer", officer], &act.to_string())
    }
}

#[expect(clippy::disallowed_methods, reason = "the real binary runs on the real clock")]
pub fn now() -> UnixSeconds {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    UnixSeconds::new(i64::try_from(since.as_secs()).unwrap()).unwrap()
}
