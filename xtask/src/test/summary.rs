//! How a run ended, said so that the last screen of a long log is enough.

use std::time::Duration;

/// How one phase ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// All of it was done and held; with what was counted.
    Passed(String),
    /// Something was not done, for this reason.
    Skipped(String),
    /// Something does not hold, or could not be tried.
    Failed(String),
}

/// One row of the table.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) phase: &'static str,
    pub(super) ending: Ending,
    pub(super) took: Duration,
}

impl Line {
    pub(super) fn rendered(&self) -> String {
        let (word, note) = match &self.ending {
            Ending::Passed(note) => ("ok", note.as_str()),
            Ending::Skipped(why) => ("skipped:", why.as_str()),
            Ending::Failed(why) => ("FAILED", why.as_str()),
        };
        let took = self.took.as_secs_f64();
        format!("{:<10}{took:>7.1} s  {word:<9} {note}", self.phase)
            .trim_end()
            .to_owned()
    }
}

/// Every phase, the total, and what the reader has to know besides.
pub(super) fn table(lines: &[Line], took: Duration, notes: &[String]) -> String {
    let mut text = String::from("\n════ summary\n");
    for line in lines {
        text.push_str(&line.rendered());
        text.push('\n');
    }
    text.push_str(&format!("{:<10}{:>7.1} s\n", "total", took.as_secs_f64()));
    for note in notes {
        text.push_str(&format!("note: {note}\n"));
    }
    text
}

/// Whether the run as a whole counts: in continuous integration a gap is a failure.
pub(super) fn passed(lines: &[Line], ci: bool) -> bool {
    lines.iter().all(|line| match line.ending {
        Ending::Passed(_) => true,
        Ending::Skipped(_) => !ci,
        Ending::Failed(_) => false,
    })
}

/// One sentence on the whole run.
pub(super) fn verdict(lines: &[Line], passed: bool, ci: bool) -> String {
    let names = |wanted: fn(&Ending) -> bool| {
        lines
            .iter()
            .filter(|line| wanted(&line.ending))
            .map(|line| line.phase)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let failed = names(|ending| matches!(ending, Ending::Failed(_)));
    let skipped = names(|ending| matches!(ending, Ending::Skipped(_)));
    let mut text = String::from(if passed { "PASSED" } else { "FAILED" });
    if !failed.is_empty() {
        text.push_str(&format!("; failed: {failed}"));
    }
    if !skipped.is_empty() {
        let weight = if ci { " (a failure in CI)" } else { "" };
        text.push_str(&format!("; skipped{weight}: {skipped}"));
    }
    if !passed && failed.is_empty() && skipped.is_empty() {
        text.push_str("; out of time");
    }
    text
}

/// What test runners said, added up over all their binaries.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) ignored: u64,
    pub(super) ignored_names: Vec<String>,
}

impl Tally {
    /// Reads `cargo test` (`test result: …` per binary) and cargo-nextest (`Summary […] …`, once).
    pub(super) fn read(lines: &[String]) -> Self {
        let mut tally = Self::default();
        // cargo-nextest prints the output of a failed test, in which its binary counts that one test again.
        let summed = lines.iter().any(|line| line.trim().starts_with("Summary ["));
        for line in lines {
            let line = line.trim();
            if let Some(counts) = line.strip_prefix("test result: ").filter(|_| !summed) {
                tally.passed += before(counts, "passed");
                tally.failed += before(counts, "failed");
                tally.ignored += before(counts, "ignored");
            } else if let Some((_, counts)) = line
                .strip_prefix("Summary [")
                .and_then(|line| line.split_once(']'))
            {
                tally.passed += before(counts, "passed");
                tally.failed += before(counts, "failed") + before(counts, "timed");
                tally.ignored += before(counts, "skipped");
            } else if let Some((name, _)) = line
                .strip_prefix("test ")
                .and_then(|l| l.split_once(" ... ignored"))
            {
                tally.ignored_names.push(name.to_owned());
            }
        }
        tally
    }

    pub(super) fn rendered(&self) -> String {
        let Self {
            passed,
            failed,
            ignored,
            ..
        } = self;
        format!("{passed} passed, {failed} failed, {ignored} ignored")
    }
}

/// The number in front of a word, 0 without one.
fn before(text: &str, word: &str) -> u64 {
    let words: Vec<&str> = text
        .split([' ', ';', ',', ':', '(', ')'])
        .filter(|part| !part.is_empty())
        .collect();
    words
        .windows(2)
        .filter(|pair| pair[1] == word)
        .filter_map(|pair| pair[0].parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(ending: Ending) -> Line {
        Line {
            phase: "demo",
            ending,
            took: Duration::from_millis(1500),
        }
    }

    #[test]
    fn a_gap_passes_at_the_desk_and_fails_in_ci() {
        let gap = [
            line(Ending::Passed("3 things".into())),
            line(Ending::Skipped("no such command".into())),
        ];
        assert!(passed(&gap, false) && !passed(&gap, true));
        assert!(!passed(&[line(Ending::Failed("broken".into()))], false));
        assert_eq!(verdict(&gap, true, false), "PASSED; skipped: demo");
        assert_eq!(
            verdict(&gap, false, true),
            "FAILED; skipped (a failure in CI): demo"
        );
    }

    #[test]
    fn the_table_says_what_and_why() {
        let text = table(
            &[line(Ending::Skipped("no such command".into()))],
            Duration::from_secs(2),
            &["n".into()],
        );
        assert!(
            text.contains("demo          1.5 s  skipped:  no such command"),
            "{text}"
        );
        assert!(text.contains("total") && text.contains("note: n"));
    }

    #[test]
    fn both_runners_are_read() {
        let cargo = [
            "test a::b ... ok",
            "test a::c ... ignored, needs a browser",
            "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.1s",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s",
        ];
        let tally = Tally::read(&cargo.map(String::from));
        assert_eq!((tally.passed, tally.failed, tally.ignored), (6, 2, 1));
        assert_eq!(tally.ignored_names, ["a::c"]);
        let nextest = [
            "    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 42 filtered out",
            "     Summary [   0.055s] 10 tests run: 9 passed (1 slow), 1 failed, 2 skipped",
        ]
        .map(String::from);
        let tally = Tally::read(&nextest);
        assert_eq!((tally.passed, tally.failed, tally.ignored), (9, 1, 2));
    }
}
