//! What a networked run tells: progress and every case that is not as it should be on the terminal, and in files what others read:
//! JSON lines, JUnit XML, a transcript for each case that did not pass.

use std::fmt::Write as _;
use std::time::Duration;

use comity_spec::conformance::Identity;
use serde_json::{Map, Value, json};

use super::judge::Counts;
use super::run::Args;
use crate::cases::Case;
use crate::class::Class;
use crate::progress::Progress;
use crate::recorded::{Lines, meaning};
use crate::report::{case_line, printable, quoted};
use crate::requirements::Requirements;
use crate::result::{Beside, result};
use crate::scene::Target;
use crate::target::file::TargetFile;
use crate::verdict::{Tally, Verdict};
use crate::world::ambient::now;
use crate::{Failure, say, vectors};

/// What came of a case.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// Against what must come of it.
    pub(crate) verdict: Verdict,
    /// What was said.
    pub(crate) transcript: Vec<String>,
    /// From its begin to its end.
    pub(crate) took: Duration,
}

impl Outcome {
    /// Of a case that was not played.
    pub(crate) const fn unplayed(verdict: Verdict) -> Self {
        Self {
            verdict,
            transcript: Vec::new(),
            took: Duration::ZERO,
        }
    }
}

/// The record of one run.
pub(crate) struct Record<'r> {
    args: &'r Args,
    requirements: &'r Requirements,
    cases: usize,
    lines: Lines,
    progress: Progress,
    vectors: String,
    /// Which county the target was, where one was played.
    pub(super) played: Option<Identity>,
}

impl<'r> Record<'r> {
    /// Opens the files, so that a path that cannot be written ends the run before it begins.
    pub(crate) fn begin(
        args: &'r Args,
        file: &TargetFile,
        classes: &[Class],
        cases: usize,
        vectors: &str,
        requirements: &'r Requirements,
    ) -> Result<Self, Failure> {
        let mut record = Self {
            args,
            requirements,
            cases,
            lines: Lines::begin(args.json.as_ref(), args.junit.as_ref(), args.html.as_ref())?,
            progress: Progress::new(cases, 25),
            vectors: vectors.to_owned(),
            played: None,
        };
        let names: Vec<&str> = classes.iter().map(|class| class.name()).collect();
        record.progress.says(&format!(
            "{}: classes {}, {cases} cases, text {}",
            file.target.name,
            names.join(" "),
            requirements.revision()
        ));
        record.line(&json!({
            "record": "run",
            "suite": env!("CARGO_PKG_VERSION"),
            "specification": requirements.revision(),
            "vectors": vectors,
            "target": { "name": file.target.name, "version": file.target.version, "program": file.target.program },
            "classes": names,
            "started": now(),
            "cases": cases,
            "unsupported": file.unsupported,
        }))?;
        Ok(record)
    }

    /// What the target said of itself.
    pub(crate) fn line_about_target(&mut self, target: &Target) -> Result<(), Failure> {
        self.line(&json!({
            "record": "target",
            "entity": target.entity,
            "federation": target.federation,
            "region": target.region,
            "pins": target.pins,
        }))
    }

    /// A case was judged.
    pub(crate) fn case(
        &mut self,
        case: &Case,
        outcome: &Outcome,
        standing: &Counts,
        tally: &Tally,
    ) -> Result<(), Failure> {
        let wrong = !matches!(outcome.verdict, Verdict::Pass | Verdict::Skip(_));
        let shown =
            (wrong && !matches!(standing, Counts::Expected(_))) || matches!(standing, Counts::Stale(_));
        let transcript = if wrong {
            Some(self.keep(case, outcome)?)
        } else {
            None
        };
        let full = if wrong || shown {
            self.failure(case, outcome, standing, transcript.as_deref())
        } else {
            String::new()
        };
        self.progress.wipe();
        if shown {
            say(&full)?;
        }
        if self.args.loud {
            say(&printable(&outcome.transcript.join("\n")))?;
            say(&format!("{}: {}", case.name, outcome.verdict.name()))?;
        }
        let mut record = json!({
            "record": "case",
            "name": case.name,
            "class": case.class.name(),
            "requirements": case.requirements,
            "twin": case.twin,
            "about": case.about,
            "expected": case.expected,
            "verdict": outcome.verdict.name(),
            "milliseconds": u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
        });
        if let Some(object) = record.as_object_mut() {
            if let Some(why) = outcome.verdict.why() {
                object.insert("reason".into(), json!(why));
            }
            stands(object, standing);
            if wrong {
                object.insert("again".into(), json!(self.again(case)));
                object.insert("transcript".into(), json!(transcript));
            }
            if !full.is_empty() {
                object.insert("text".into(), json!(full));
            }
        }
        self.line(&record)?;
        self.progress.moved(case.name, tally);
        Ok(())
    }

    /// A vector was judged.
    pub(crate) fn vector(
        &mut self,
        case: &vectors::Case,
        outcome: &crate::run::Outcome,
        standing: &Counts,
        tally: &Tally,
    ) -> Result<(), Failure> {
        let wrong = !matches!(outcome.verdict, Verdict::Pass | Verdict::Skip(_));
        let again = format!(
            "comity-conformance run --dir {} --class offline --only {}",
            quoted(&self.args.dir.to_string_lossy()),
            quoted(&case.name)
        );
        let full = crate::report::failure(self.requirements, case, outcome, &again);
        self.progress.wipe();
        if (wrong && !matches!(standing, Counts::Expected(_))) || matches!(standing, Counts::Stale(_)) {
            say(&full)?;
        }
        let mut line = case_line(case, outcome, Class::Offline.name(), &full);
        if let Some(object) = line.as_object_mut() {
            stands(object, standing);
            if wrong {
                object.insert("again".into(), json!(again));
            }
        }
        self.line(&line)?;
        self.progress.moved(&case.name, tally);
        Ok(())
    }

    /// The program has ended: what it wrote must name nobody, and it must have ended in good order.
    pub(crate) fn program_ended(
        &mut self,
        leaks: &[String],
        fault: Option<String>,
        stale: &mut Vec<String>,
    ) -> Result<(), Failure> {
        for leak in leaks {
            stale.push(format!("PRV-1: the target's log names a resident: {leak}"));
        }
        if let Some(fault) = fault {
            self.progress.says(&format!(
                "目标程序未正常结束 / the target program did not end in good order: {fault}"
            ));
        }
        self.line(&json!({ "record": "logs", "names_in_logs": leaks.len() }))
    }

    /// The run is over.
    pub(crate) fn end(
        mut self,
        tally: &Tally,
        expected: usize,
        stale: &[String],
        code: u8,
        took: Duration,
    ) -> Result<(), Failure> {
        self.progress.wipe();
        for one in stale {
            say(&format!("FAIL {one}"))?;
        }
        let not_run = self.cases.saturating_sub(tally.all() + expected);
        let mut line = format!(
            "{tally}, {expected} expected to fail, of {} cases in {:.1} s",
            self.cases,
            took.as_secs_f64()
        );
        if not_run > 0 {
            let _ = write!(line, "; {not_run} were not played");
        }
        let (zh, en) = meaning(code);
        say(&self.lines.recorded().by_class())?;
        say(&format!("{line}: {zh} / {en}"))?;
        self.line(&json!({
            "record": "summary",
            "pass": tally.pass,
            "fail": tally.fail,
            "skip": tally.skip,
            "unknown": tally.unknown,
            "hang": tally.hang,
            "expected_failures": expected,
            "stale": stale,
            "not_run": not_run,
            "exit": code,
            "milliseconds": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        }))?;
        self.lines.end()?;
        if let Some(wish) = &self.args.result {
            let beside = Beside {
                applicant: wish.applicant.clone(),
                played: self.played.take(),
                whole: self.args.only.is_empty() && self.args.vectors.is_none(),
                vectors: self.vectors.clone(),
                ended: now(),
                record: self.lines.digest(),
            };
            wish.sign(&result(self.lines.recorded(), beside)?)?;
        }
        Ok(())
    }

    /// All that is needed to see why a case did not pass.
    fn failure(&self, case: &Case, outcome: &Outcome, standing: &Counts, transcript: Option<&str>) -> String {
        let mut text = format!(
            "{} {}: {}\n",
            outcome.verdict.name().to_uppercase(),
            case.name,
            case.about
        );
        let mut row = |label: &str, value: &str| {
            let _ = writeln!(text, "  {label:<10} {value}");
        };
        row("expected", case.expected);
        if let Some(why) = outcome.verdict.why() {
            row("because", &printable(&why));
        }
        if let Counts::Stale(why) = standing {
            row("stale", why);
        }
        for id in case.requirements {
            let sentence = self.requirements.find(id).map_or("", |r| r.sentence.as_str());
            row("requires", &format!("[{id}] {sentence}"));
        }
        if let Some(twin) = case.twin {
            row("twin", twin);
        }
        if let Some(path) = transcript {
            row("transcript", path);
        }
        row("again", &self.again(case));
        text
    }

    fn again(&self, case: &Case) -> String {
        format!(
            "comity-conformance replay --dir {} {}",
            quoted(&self.args.dir.to_string_lossy()),
            case.name
        )
    }

    /// Writes a transcript and says where it stands.
    fn keep(&self, case: &Case, outcome: &Outcome) -> Result<String, Failure> {
        let folder = self.args.dir.join("transcripts");
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{}.txt", case.name.replace('/', ".")));
        std::fs::write(&path, outcome.transcript.join("\n"))?;
        Ok(path.display().to_string())
    }

    fn line(&mut self, record: &Value) -> Result<(), Failure> {
        self.lines.line(record)
    }
}

/// What the target's file says of a case, in its line.
fn stands(line: &mut Map<String, Value>, standing: &Counts) {
    match standing {
        Counts::AsItIs => {}
        Counts::Expected(reason) => drop(line.insert("expected_failure".into(), json!(reason))),
        Counts::Stale(reason) => drop(line.insert("stale".into(), json!(reason))),
    }
}
