//! What a run tells: progress on standard error, every case that did not pass with all that is needed to see why on standard
//! output, and, where asked for, JSON lines as they come and JUnit XML at the end.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::progress::Progress;
use crate::recorded::{Lines, meaning};
use crate::requirements::Requirements;
use crate::run::{Args, Outcome};
use crate::vectors::{Case, Cases, token};
use crate::verdict::{Tally, Verdict};
use crate::world::ambient::now;
use crate::{Failure, say};

/// What was run, against what.
#[derive(Clone, Debug)]
pub(crate) struct Heading {
    /// Cases asked about, twins beside them not counted.
    cases: usize,
    /// State of the vectors.
    fingerprint: String,
    /// The command of this run up to its `--only`.
    command: String,
}

impl Heading {
    pub(crate) fn new(args: &Args, cases: &Cases, chosen: usize) -> Self {
        let mut command = format!(
            "comity-conformance run --class {} --adapter {}{}",
            args.material.class().name(),
            quoted(args.adapter().text()),
            args.material.arguments(),
        );
        command.push_str(&format!(" --seed {} --timeout {}", args.seed, args.timeout));
        Self {
            cases: chosen,
            fingerprint: cases.fingerprint().to_owned(),
            command,
        }
    }

    /// The command that runs one case again.
    fn again(&self, case: &Case) -> String {
        format!("{} --only {}", self.command, quoted(&case.name))
    }
}

/// The reports of one run.
pub(crate) struct Report<'r> {
    args: &'r Args,
    heading: Heading,
    requirements: &'r Requirements,
    lines: Lines,
    progress: Progress,
}

impl<'r> Report<'r> {
    /// Opens the files, so that a path that cannot be written ends the run before it begins.
    pub(crate) fn begin(
        args: &'r Args,
        heading: Heading,
        cases: &Cases,
        requirements: &'r Requirements,
    ) -> Result<Self, Failure> {
        let mut report = Self {
            args,
            requirements,
            lines: Lines::begin(args.json.as_ref(), args.junit.as_ref(), args.html.as_ref())?,
            progress: Progress::new(heading.cases, 100),
            heading,
        };
        report.progress.says(&format!(
            "class {}, {} of {} cases, vectors {}",
            args.material.class().name(),
            report.heading.cases,
            cases.choose(args.material.class(), &[]).len(),
            report.heading.fingerprint
        ));
        report.line(&json!({
            "record": "run",
            "suite": env!("CARGO_PKG_VERSION"),
            "specification": requirements.revision(),
            "class": args.material.class().name(),
            "classes": [args.material.class().name()],
            "started": now(),
            "vectors": report.heading.fingerprint,
            "adapter": args.adapter().text(),
            "seed": args.seed,
            "cases": report.heading.cases,
        }))?;
        Ok(report)
    }

    /// A case was judged.
    pub(crate) fn case(&mut self, case: &Case, outcome: &Outcome, tally: &Tally) -> Result<(), Failure> {
        let failed = !matches!(outcome.verdict, Verdict::Pass | Verdict::Skip(_));
        let full = if failed {
            failure(self.requirements, case, outcome, &self.heading.again(case))
        } else {
            String::new()
        };
        if failed {
            self.progress.wipe();
            say(&full)?;
        }
        let class = self.args.material.class().name();
        let mut line = case_line(case, outcome, class, &full);
        if let Some(object) = line.as_object_mut() {
            object.insert("case".into(), json!(token(&case.name, self.args.seed)));
            if failed {
                object.insert("again".into(), json!(self.heading.again(case)));
            }
        }
        self.line(&line)?;
        self.progress.moved(&case.name, tally);
        Ok(())
    }

    /// The run is over.
    pub(crate) fn end(mut self, tally: &Tally, code: u8, took: Duration) -> Result<(), Failure> {
        self.progress.wipe();
        let not_run = self.heading.cases.saturating_sub(tally.all());
        let mut line = format!(
            "{tally} of {} cases in {:.1} s",
            self.heading.cases,
            took.as_secs_f64()
        );
        if not_run > 0 {
            let _ = write!(line, "; {not_run} were not asked");
        }
        let (zh, en) = meaning(code);
        say(&format!("{line}: {zh} / {en}"))?;
        self.line(&json!({
            "record": "summary",
            "pass": tally.pass,
            "fail": tally.fail,
            "skip": tally.skip,
            "unknown": tally.unknown,
            "hang": tally.hang,
            "not_run": not_run,
            "exit": code,
            "milliseconds": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        }))?;
        self.lines.end()
    }

    fn line(&mut self, record: &Value) -> Result<(), Failure> {
        self.lines.line(record)
    }
}

/// All that is needed to see why a case did not pass.
pub(crate) fn failure(requirements: &Requirements, case: &Case, outcome: &Outcome, again: &str) -> String {
    let mut text = format!(
        "{} {}: {}\n",
        outcome.verdict.name().to_uppercase(),
        case.name,
        case.about
    );
    let mut row = |label: &str, value: &str| {
        let _ = writeln!(text, "  {label:<9} {value}");
    };
    if let Some(why) = outcome.verdict.why() {
        row("because", &why);
    }
    for id in &case.requirements {
        let sentence = requirements.find(id).map_or("", |r| r.sentence.as_str());
        row("requires", &format!("[{id}] {sentence}"));
    }
    row("expected", &json!(case.expect).to_string());
    match &outcome.answer {
        Some(answer) => row("actual", &json!(answer).to_string()),
        None => row("actual", "no answer"),
    }
    if let Some(twin) = &case.twin {
        row("twin", twin);
    }
    if !outcome.stderr.trim().is_empty() {
        row(
            "stderr",
            &printable(outcome.stderr.trim()).replace('\n', "\n            "),
        );
    }
    row("vector", &case.place);
    row("again", again);
    text
}

/// The line of a judged vector.
pub(crate) fn case_line(case: &Case, outcome: &Outcome, class: &str, full: &str) -> Value {
    let mut line = json!({
        "record": "case",
        "name": case.name,
        "class": class,
        "kind": case.kind,
        "requirements": case.requirements,
        "twin": case.twin,
        "about": case.about,
        "expected": case.expect,
        "verdict": outcome.verdict.name(),
        "actual": outcome.answer,
        "milliseconds": u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
    });
    if let (Some(object), Some(why)) = (line.as_object_mut(), outcome.verdict.why()) {
        object.insert("reason".into(), json!(why));
        if !matches!(outcome.verdict, Verdict::Skip(_)) {
            object.insert("stderr".into(), json!(outcome.stderr));
            object.insert("text".into(), json!(full));
        }
    }
    line
}

/// Text for XML 1.0, which has no place for most control characters.
pub(crate) fn xml(text: &str) -> String {
    let mut escaped = String::new();
    for c in printable(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Without control characters: what a target writes does not move the reader's cursor.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && !matches!(c, '\n' | '\t') {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// A word for a POSIX shell.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell_and_text_survives_xml() {
        assert_eq!(quoted("spec/vectors"), "spec/vectors");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
        assert_eq!(
            xml("<a b=\"&\">\u{1b}[2J"),
            "&lt;a b=&quot;&amp;&quot;&gt;\u{fffd}[2J"
        );
    }
}
