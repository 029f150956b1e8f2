//! `target.toml`: what is judged, which program speaks for it, and what it is known not to do.
//!
//! Written by `comity-conformance init` and filled in by whoever owns the target. Unknown keys are refused: a misspelt
//! exception would otherwise hide a failure. An expected failure has a reason and an end, and neither is a formality.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use comity_spec::ids::Region;
use comity_spec::time::LocalDate;
use serde::Deserialize;

use crate::class::Class;
use crate::pattern::Pattern;

/// The file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TargetFile {
    /// The target.
    pub(crate) target: TargetSection,
    /// Cases that the target does not take part in: pattern of names → reason.
    #[serde(default)]
    pub(crate) unsupported: BTreeMap<String, String>,
    /// Cases that are known to fail.
    #[serde(default, rename = "expected_failure")]
    pub(crate) expected_failures: Vec<ExpectedFailure>,
}

/// `[target]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TargetSection {
    /// Shown in reports.
    pub(crate) name: String,
    /// Shown in reports.
    #[serde(default)]
    pub(crate) version: Option<String>,
    /// What the target claims to be.
    pub(crate) classes: Vec<Class>,
    /// Region code of the county that it plays.
    pub(crate) region: Region,
    /// Program and arguments of the networked classes.
    #[serde(default)]
    pub(crate) program: Vec<String>,
    /// Program and arguments of the class offline.
    #[serde(default)]
    pub(crate) adapter: Vec<String>,
    /// How long one line of the program may take, in seconds; `start` and `restart` may take four times as long.
    #[serde(default = "thirty")]
    pub(crate) timeout_seconds: u64,
    /// How long the target bears a client that sends nothing or too slowly, in seconds (TRN-7).
    #[serde(default = "forty")]
    pub(crate) patience_seconds: u64,
    /// How many of the target may run side by side on this machine, each in a folder and on ports of its own.
    #[serde(default = "one")]
    pub(crate) instances: NonZeroUsize,
}

const fn one() -> NonZeroUsize {
    NonZeroUsize::MIN
}

const fn thirty() -> u64 {
    30
}

const fn forty() -> u64 {
    40
}

/// `[[expected_failure]]`. Strict: the run fails when the case passes, when no case matches, and after `until`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedFailure {
    /// Name of the case.
    pub(crate) case: String,
    /// Why it fails.
    pub(crate) reason: String,
    /// Last day (UTC+8) on which it may.
    pub(crate) until: LocalDate,
}

/// Why a target file is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// Not there.
    #[error("找不到 {}，请先运行 comity-conformance init / {}: {reason}. Run `comity-conformance init --dir DIR` first", path.display(), path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// Not its form.
    #[error("{} 格式有误，请改正 / {} does not read, correct it: {reason}", path.display(), path.display())]
    Form {
        /// Which file.
        path: PathBuf,
        /// What is wrong, with line and column.
        reason: Box<toml::de::Error>,
    },
    /// Its form, and no sense.
    #[error("{} 有误，请改正 / {} is wrong, correct it:\n  {}", path.display(), path.display(), wrong.join("\n  "))]
    Senseless {
        /// Which file.
        path: PathBuf,
        /// Everything that is wrong.
        wrong: Vec<String>,
    },
}

impl TargetFile {
    /// Reads `DIR/target.toml`.
    pub(crate) fn read(path: &Path) -> Result<Self, FileError> {
        let text = std::fs::read_to_string(path).map_err(|reason| FileError::Unreadable {
            path: path.to_owned(),
            reason,
        })?;
        let file: Self = toml::from_str(&text).map_err(|reason| FileError::Form {
            path: path.to_owned(),
            reason: Box::new(reason),
        })?;
        let wrong = file.wrong();
        if wrong.is_empty() {
            Ok(file)
        } else {
            Err(FileError::Senseless {
                path: path.to_owned(),
                wrong,
            })
        }
    }

    fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut say = |what: &str| wrong.push(what.to_owned());
        if self.target.classes.is_empty() {
            say("target.classes 为空 / target.classes is empty: name at least one class");
        }
        let networked = self.target.classes.iter().any(|class| class.is_networked());
        if networked && self.target.program.first().is_none_or(String::is_empty) {
            say(
                "缺少 target.program / target.program is missing: the program and its arguments, one string each",
            );
        }
        let offline = self.target.classes.contains(&Class::Offline);
        if offline && self.target.adapter.first().is_none_or(String::is_empty) {
            say(
                "缺少 target.adapter / target.adapter is missing: the program and its arguments, one string each",
            );
        }
        let reasons = self.unsupported.values();
        let reasons = reasons.chain(self.expected_failures.iter().map(|one| &one.reason));
        if reasons.into_iter().any(|reason| reason.trim().is_empty()) {
            say("例外没有理由 / an exception has no reason: write why");
        }
        wrong
    }

    /// Why a case is declared unsupported.
    pub(crate) fn unsupported(&self, case: &str) -> Option<&str> {
        let pattern = |text: &str| text.parse::<Pattern>().is_ok_and(|one| one.matches(case));
        let found = self.unsupported.iter().find(|(glob, _)| pattern(glob));
        found.map(|(_, reason)| reason.as_str())
    }

    /// The entry under which a case may fail.
    pub(crate) fn expected_failure(&self, case: &str) -> Option<&ExpectedFailure> {
        self.expected_failures.iter().find(|one| one.case == case)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        [target]
        name = "示例"
        classes = ["issuer", "node"]
        region = "361123"
        program = ["my-target", "--fast"]
        [unsupported]
        "issuer/tls-*" = "a gateway ends TLS"
        [[expected_failure]]
        case = "issuer/x"
        reason = "known"
        until = "2026-12-31"
    "#;

    fn read(text: &str) -> Result<TargetFile, FileError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("target.toml");
        std::fs::write(&path, text).unwrap();
        TargetFile::read(&path)
    }

    #[test]
    fn a_target_is_read() {
        let file = read(GOOD).unwrap();
        assert_eq!(file.target.timeout_seconds, 30);
        assert_eq!(file.target.instances.get(), 1);
        assert_eq!(file.unsupported("issuer/tls-12"), Some("a gateway ends TLS"));
        assert_eq!(file.unsupported("issuer/x"), None);
        assert_eq!(file.expected_failure("issuer/x").unwrap().reason, "known");
        assert!(file.expected_failure("issuer/y").is_none());
    }

    #[test]
    fn a_misspelt_or_senseless_file_is_refused_with_what_is_wrong() {
        for (change, says) in [
            (("name =", "nmae ="), "nmae"),
            (("\"361123\"", "\"36112\""), "region"),
            (("until = \"2026-12-31\"", ""), "until"),
            (("reason = \"known\"", "reason = \" \""), "no reason"),
            (("program = [\"my-target\", \"--fast\"]", ""), "target.program"),
            (("\"node\"]", "\"offline\"]"), "target.adapter"),
            (("[\"issuer\", \"node\"]", "[]"), "target.classes"),
            (("name =", "instances = 0\nname ="), "nonzero"),
        ] {
            let text = GOOD.replace(change.0, change.1);
            assert_ne!(text, GOOD);
            let error = read(&text).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        assert!(matches!(
            TargetFile::read(Path::new("/no/such/target.toml")),
            Err(FileError::Unreadable { .. })
        ));
    }
}
