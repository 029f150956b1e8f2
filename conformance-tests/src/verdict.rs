//! Verdicts: what an answer is worth against what must come of a case, and what a run is worth in the end.
//!
//! A case passes only when the target accepted and read what must be read, or refused by the very rule. What cannot be told is
//! `unknown` and never a pass; a run in which nothing passed is none either.

use std::time::Duration;

use comity_spec::vector::Expect;
use serde_json::{Map, Value};

use crate::adapter::{Answer, Told};

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As the text says.
    Pass,
    /// Otherwise, and how.
    Fail(String),
    /// The target says that it does not do this, and why.
    Skip(String),
    /// It cannot be told, and why.
    Unknown(String),
    /// No answer in this time.
    Hang(Duration),
}

impl Verdict {
    /// Its name in results.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail(_) => "fail",
            Self::Skip(_) => "skip",
            Self::Unknown(_) => "unknown",
            Self::Hang(_) => "hang",
        }
    }

    /// Why it is no pass.
    pub(crate) fn why(&self) -> Option<String> {
        match self {
            Self::Pass => None,
            Self::Fail(why) | Self::Skip(why) | Self::Unknown(why) => Some(why.clone()),
            Self::Hang(limit) => Some(format!("no answer within {} s", limit.as_secs_f64())),
        }
    }
}

/// Judges what came of asking.
pub(crate) fn judge(expect: &Expect, told: &Told, limit: Duration) -> Verdict {
    let answer = match told {
        Told::Answer(answer) => answer,
        Told::Broken(what) => return Verdict::Unknown(what.clone()),
        Told::Hang => return Verdict::Hang(limit),
    };
    match (expect, answer) {
        (_, Answer::Unsupported(why)) => Verdict::Skip(why.clone()),
        (Expect::Accept(expected), Answer::Accept(read)) => match differences(expected, read) {
            differences if differences.is_empty() => Verdict::Pass,
            differences => Verdict::Fail(format!("it was read otherwise: {}", differences.join("; "))),
        },
        (Expect::Accept(_), Answer::Refuse(rule)) => {
            Verdict::Fail(format!("what is valid was refused by {rule}"))
        }
        (Expect::Refuse(rule), Answer::Refuse(by)) if rule == by => Verdict::Pass,
        (Expect::Refuse(rule), Answer::Refuse(by)) => {
            Verdict::Fail(format!("refused by {by} and not by {rule}: for the wrong reason"))
        }
        (Expect::Refuse(rule), Answer::Accept(_)) => Verdict::Fail(format!("accepted, where {rule} refuses")),
    }
}

/// Where what was read is not what must be read. More may be read.
fn differences(expected: &Map<String, Value>, read: &Map<String, Value>) -> Vec<String> {
    let differs = |(name, value): (&String, &Value)| match read.get(name) {
        Some(read) if read == value => None,
        Some(read) => Some(format!("{name} is {read}, expected {value}")),
        None => Some(format!("{name} is missing, expected {value}")),
    };
    expected.iter().filter_map(differs).collect()
}

/// Of a case that rests on a twin which did not pass: nothing is proved by refusing what follows.
///
/// `None` where the twin was declared unsupported: then the case is still asked, since only `unsupported` goes with that.
pub(crate) fn without_twin(twin: &str, of_twin: Option<&Verdict>) -> Option<Verdict> {
    match of_twin {
        Some(Verdict::Skip(_)) => None,
        Some(verdict) => Some(Verdict::Unknown(format!(
            "its valid twin {twin} did not pass ({})",
            verdict.name()
        ))),
        None => Some(Verdict::Unknown(format!("its valid twin {twin} was not asked"))),
    }
}

/// Of a case whose twin was declared unsupported.
pub(crate) fn beside_unsupported_twin(twin: &str, verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Pass | Verdict::Fail(_) => Verdict::Unknown(format!(
            "its valid twin {twin} is declared unsupported, and this was answered"
        )),
        other => other,
    }
}

/// How many cases came out how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) pass: usize,
    pub(crate) fail: usize,
    pub(crate) skip: usize,
    pub(crate) unknown: usize,
    pub(crate) hang: usize,
}

impl Tally {
    /// Counts one more.
    pub(crate) const fn count(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Pass => self.pass += 1,
            Verdict::Fail(_) => self.fail += 1,
            Verdict::Skip(_) => self.skip += 1,
            Verdict::Unknown(_) => self.unknown += 1,
            Verdict::Hang(_) => self.hang += 1,
        }
    }

    /// All that were judged.
    pub(crate) const fn all(&self) -> usize {
        self.pass + self.fail + self.skip + self.unknown + self.hang
    }

    /// The exit code: 1 for anything wrong, else 2 for anything unknown and when nothing passed, else 0. Where the target
    /// claims the class whole, what it declares unsupported is wrong.
    pub(crate) const fn exit_code(&self, complete: bool) -> u8 {
        if self.fail > 0 || self.hang > 0 || (complete && self.skip > 0) {
            1
        } else if self.unknown > 0 || self.pass == 0 {
            2
        } else {
            0
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} pass, {} fail, {} skip, {} unknown, {} hang",
            self.pass, self.fail, self.skip, self.unknown, self.hang
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(1);

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn only_what_the_text_says_passes() {
        let accept = Expect::Accept(object(&json!({ "a": 1 })));
        let refuse = Expect::Refuse("jws.alg".into());
        let read = |value: &Value| Told::Answer(Answer::Accept(object(value)));
        let refused = |rule: &str| Told::Answer(Answer::Refuse(rule.into()));
        for (expect, told, name) in [
            (&accept, read(&json!({ "a": 1 })), "pass"),
            (&accept, read(&json!({ "a": 1, "b": 2 })), "pass"),
            (&accept, read(&json!({ "a": 2 })), "fail"),
            (&accept, read(&json!({})), "fail"),
            (&accept, refused("jws.alg"), "fail"),
            (&refuse, refused("jws.alg"), "pass"),
            (&refuse, refused("jws.typ"), "fail"),
            (&refuse, read(&json!({ "a": 1 })), "fail"),
            (&refuse, Told::Answer(Answer::Unsupported("w".into())), "skip"),
            (&refuse, Told::Broken("crash".into()), "unknown"),
            (&accept, Told::Hang, "hang"),
        ] {
            assert_eq!(judge(expect, &told, LIMIT).name(), name, "{expect:?} {told:?}");
        }
    }

    #[test]
    fn a_twin_that_did_not_pass_leaves_nothing_proved() {
        for verdict in [
            Verdict::Fail(String::new()),
            Verdict::Unknown(String::new()),
            Verdict::Hang(LIMIT),
        ] {
            let without = without_twin("t", Some(&verdict)).unwrap();
            assert_eq!(without.name(), "unknown");
        }
        assert_eq!(without_twin("t", None).unwrap().name(), "unknown");
        let skip = Verdict::Skip("w".into());
        assert_eq!(without_twin("t", Some(&skip)), None);
        assert_eq!(beside_unsupported_twin("t", Verdict::Pass).name(), "unknown");
        assert_eq!(beside_unsupported_twin("t", skip.clone()), skip);
    }

    #[test]
    fn unknown_outranks_pass_and_nothing_is_no_pass() {
        let tally = |pass, fail, skip, unknown, hang| Tally {
            pass,
            fail,
            skip,
            unknown,
            hang,
        };
        for (tally, complete, code) in [
            (tally(9, 0, 0, 0, 0), true, 0),
            (tally(9, 0, 3, 0, 0), false, 0),
            (tally(9, 0, 3, 0, 0), true, 1),
            (tally(9, 0, 0, 1, 0), false, 2),
            (tally(9, 1, 0, 1, 0), false, 1),
            (tally(9, 0, 0, 0, 1), false, 1),
            (tally(0, 0, 9, 0, 0), false, 2),
            (tally(0, 0, 0, 0, 0), false, 2),
        ] {
            assert_eq!(tally.exit_code(complete), code, "{tally}");
        }
    }
}
