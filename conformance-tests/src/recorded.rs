//! The record of a run: JSON lines, written while cases are judged and digested as written, and read again by what tells of a run
//! afterwards: the page, JUnit XML, the signed result, and `comity-conformance report`.
//!
//! A record without its last line is of a run that was broken off; it is told as one and never as a pass.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{Failure, junit, page, say};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The JSON lines that `run --json` wrote
    #[arg(value_name = "RECORD")]
    record: PathBuf,
    /// Write the results as one HTML page
    #[arg(long, value_name = "FILE", required_unless_present = "junit")]
    html: Option<PathBuf>,
    /// Write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// Tells of a run by its record.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let recorded = Recorded::read(&args.record)?;
    for (path, text) in [
        (&args.html, page::page as fn(&Recorded) -> String),
        (&args.junit, junit::junit),
    ] {
        if let Some(path) = path {
            std::fs::write(path, text(&recorded))
                .map_err(|e| Failure::Usage(format!("无法写入 / cannot write {}: {e}", path.display())))?;
        }
    }
    say(&recorded.ending())
}

/// First line: what was run.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Head {
    /// Version of the suite.
    pub(crate) suite: String,
    /// Revision of the text.
    pub(crate) specification: String,
    /// Fingerprint of the vectors, where they were asked.
    pub(crate) vectors: Option<String>,
    /// The target as its file calls it.
    pub(crate) target: Option<Software>,
    /// The command of the target, where there is no file.
    pub(crate) adapter: Option<String>,
    /// Classes, by name.
    pub(crate) classes: Vec<String>,
    /// When it began.
    pub(crate) started: i64,
}

/// A target as its file calls it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Software {
    /// Name.
    pub(crate) name: String,
    /// Version.
    pub(crate) version: Option<String>,
}

/// A case that was judged.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Line {
    /// Its name.
    pub(crate) name: String,
    /// Its class.
    pub(crate) class: String,
    /// Kind of a vector.
    pub(crate) kind: Option<String>,
    /// What it proves.
    pub(crate) requirements: Vec<String>,
    /// What happens.
    pub(crate) about: String,
    /// What must come of it.
    pub(crate) expected: Value,
    /// Name of the verdict.
    pub(crate) verdict: String,
    /// Why it is no pass.
    #[serde(default)]
    pub(crate) reason: String,
    /// It failed as it was expected to, and why.
    pub(crate) expected_failure: Option<String>,
    /// It was expected to fail and that is no longer so.
    pub(crate) stale: Option<String>,
    /// How long it took.
    pub(crate) milliseconds: u64,
    /// All that is needed to see why it did not pass.
    #[serde(default)]
    pub(crate) text: String,
}

/// Last line: how it came out.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Summary {
    pub(crate) pass: usize,
    pub(crate) fail: usize,
    pub(crate) skip: usize,
    pub(crate) unknown: usize,
    pub(crate) hang: usize,
    #[serde(default)]
    pub(crate) expected_failures: usize,
    /// Exceptions that no longer hold, and what was wrong beside the cases.
    #[serde(default)]
    pub(crate) stale: Vec<String>,
    /// Cases that were asked for and not judged.
    pub(crate) not_run: usize,
    /// Exit code of the run.
    pub(crate) exit: u8,
    #[serde(default)]
    pub(crate) milliseconds: u64,
}

/// A record as it was read, or is being written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorded {
    pub(crate) head: Head,
    pub(crate) cases: Vec<Line>,
    pub(crate) summary: Option<Summary>,
}

impl Recorded {
    /// Reads a file of JSON lines.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let wrong = |what: String| Failure::Usage(format!("{}: {what}", path.display()));
        let text =
            std::fs::read_to_string(path).map_err(|e| wrong(format!("无法读取 / cannot be read: {e}")))?;
        let mut recorded = Self::default();
        for (at, line) in text.lines().enumerate() {
            let told = |what: String| {
                wrong(format!(
                    "第 {0} 行不是测试记录，请给出 run --json 写出的文件 / line {0} is of no record of a run: give the file that `run --json` \
                     wrote: {what}",
                    at + 1
                ))
            };
            let line: Value = serde_json::from_str(line).map_err(|e| told(e.to_string()))?;
            if (line["record"] == "run") != (at == 0) {
                return Err(told("it begins with `run`, once".into()));
            }
            recorded.take(&line).map_err(|e| told(e.to_string()))?;
        }
        if recorded.head.suite.is_empty() {
            return Err(wrong("空文件 / there is nothing in it".into()));
        }
        Ok(recorded)
    }

    fn take(&mut self, line: &Value) -> Result<(), serde_json::Error> {
        match line["record"].as_str() {
            Some("run") => self.head = Head::deserialize(line)?,
            Some("case") => self.cases.push(Line::deserialize(line)?),
            Some("summary") => self.summary = Some(Summary::deserialize(line)?),
            _ => {}
        }
        Ok(())
    }

    /// How it came out, a run that was broken off included.
    pub(crate) fn summary(&self) -> Summary {
        self.summary.clone().unwrap_or_else(|| {
            let named = |name: &str| {
                let counts = |case: &&Line| case.verdict == name && case.expected_failure.is_none();
                self.cases.iter().filter(counts).count()
            };
            Summary {
                pass: named("pass"),
                fail: named("fail"),
                skip: named("skip"),
                unknown: named("unknown"),
                hang: named("hang"),
                expected_failures: self
                    .cases
                    .iter()
                    .filter(|case| case.expected_failure.is_some())
                    .count(),
                stale: vec![
                    "记录没有结尾，运行已中断 / the record has no end: the run was broken off".to_owned(),
                ],
                exit: 2,
                ..Summary::default()
            }
        })
    }

    /// How many cases of each class passed, of how many that were judged; for people.
    pub(crate) fn by_class(&self) -> String {
        let mut classes: Vec<(&str, usize, usize)> = Vec::new();
        for case in &self.cases {
            let at = classes.iter().position(|(class, ..)| *class == case.class);
            let at = at.unwrap_or_else(|| {
                classes.push((&case.class, 0, 0));
                classes.len() - 1
            });
            classes[at].1 += usize::from(case.verdict == "pass");
            classes[at].2 += 1;
        }
        let shown: Vec<String> = classes
            .iter()
            .map(|(class, pass, all)| format!("{class} {pass}/{all}"))
            .collect();
        shown.join(", ")
    }

    /// One line for people.
    fn ending(&self) -> String {
        let Summary {
            pass,
            fail,
            skip,
            unknown,
            hang,
            expected_failures,
            exit,
            ..
        } = self.summary();
        let (zh, en) = meaning(exit);
        format!(
            "{}\n{pass} pass, {fail} fail, {skip} skip, {unknown} unknown, {hang} hang, {expected_failures} expected to fail: {zh} / {en}",
            self.by_class()
        )
    }
}

/// What an exit code of a run says.
pub(crate) const fn meaning(exit: u8) -> (&'static str, &'static str) {
    match exit {
        0 => ("通过", "passed"),
        1 => ("不通过", "failed"),
        _ => ("无法判定，不算通过", "unknown: this is no pass"),
    }
}

/// A record that is being written, to a file or only to be told of, and the files that tell of it at the end.
pub(crate) struct Lines {
    file: Option<File>,
    junit: Option<File>,
    html: Option<File>,
    hash: Sha256,
    recorded: Recorded,
}

impl Lines {
    /// Opens the files of the JSON lines, of JUnit XML and of the page, so that a path that cannot be written ends the run before it
    /// begins.
    pub(crate) fn begin(
        json: Option<&PathBuf>,
        junit: Option<&PathBuf>,
        html: Option<&PathBuf>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            file: json.map(create).transpose()?,
            junit: junit.map(create).transpose()?,
            html: html.map(create).transpose()?,
            hash: Sha256::new(),
            recorded: Recorded::default(),
        })
    }

    /// Writes one line.
    pub(crate) fn line(&mut self, line: &Value) -> Result<(), Failure> {
        let text = format!("{line}\n");
        self.hash.update(&text);
        self.recorded
            .take(line)
            .map_err(|error| Failure::Internal(format!("the suite's own line: {error}")))?;
        if let Some(file) = &mut self.file {
            file.write_all(text.as_bytes())?;
        }
        Ok(())
    }

    /// The last line was written: tells of all of them.
    pub(crate) fn end(&mut self) -> Result<(), Failure> {
        if let Some(mut file) = self.html.take() {
            file.write_all(page::page(&self.recorded).as_bytes())?;
        }
        if let Some(mut file) = self.junit.take() {
            file.write_all(junit::junit(&self.recorded).as_bytes())?;
        }
        Ok(())
    }

    /// All lines so far.
    pub(crate) const fn recorded(&self) -> &Recorded {
        &self.recorded
    }

    /// SHA-256 of all that was written.
    pub(crate) fn digest(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }
}

/// Opens a file to write to.
pub(crate) fn create(path: &PathBuf) -> Result<File, Failure> {
    File::create(path).map_err(|e| Failure::Usage(format!("无法写入 / cannot write {}: {e}", path.display())))
}
