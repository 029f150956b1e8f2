//! What a played case is worth, against its twin, its trace, and what the target's file says of it.
//!
//! Nothing here turns doubt into a pass. A case whose twin failed proves nothing; a case that let the target ask for something that is
//! not to be had has failed whatever else came of it; an expected failure that passes, or has outlived its day, is a failure of the
//! run.

use std::time::Duration;

use comity_spec::time::LocalDate;

use crate::cases::Case;
use crate::scene::{Played, Stop, Trace};
use crate::target::file::{ExpectedFailure, TargetFile};
use crate::verdict::{Verdict, beside_unsupported_twin, without_twin};

/// Judges a case by what it came to. `played` is `None` when its time was up.
pub(crate) fn judge(played: Option<Played>, trace: &Trace, limit: Duration) -> Verdict {
    let strays = || {
        format!(
            "the target asked for what is not there: {}",
            trace.strays.join(", ")
        )
    };
    match played {
        None => Verdict::Hang(limit),
        Some(Ok(())) if trace.strays.is_empty() => Verdict::Pass,
        Some(Ok(())) => Verdict::Fail(strays()),
        Some(Err(Stop::Fail(why))) if trace.strays.is_empty() => Verdict::Fail(why),
        Some(Err(Stop::Fail(why))) => Verdict::Fail(format!("{why}; {}", strays())),
        Some(Err(Stop::Unknown(why))) => Verdict::Unknown(why),
        Some(Err(Stop::Unsupported(why))) => Verdict::Skip(why),
    }
}

/// The verdict that a case has before it is played, where it has one: declared unsupported, or its twin proves nothing.
pub(crate) fn beforehand(case: &Case, of_twin: Option<&Verdict>, file: &TargetFile) -> Option<Verdict> {
    if let Some(reason) = file.unsupported(case.name) {
        return Some(Verdict::Skip(reason.to_owned()));
    }
    let twin = case.twin?;
    match of_twin {
        Some(Verdict::Pass) => None,
        other => without_twin(twin, other),
    }
}

/// The verdict of a case beside that of its twin.
pub(crate) fn beside_twin(case: &Case, of_twin: Option<&Verdict>, verdict: Verdict) -> Verdict {
    match (case.twin, of_twin) {
        (Some(twin), Some(Verdict::Skip(_))) => beside_unsupported_twin(twin, verdict),
        _ => verdict,
    }
}

/// How a verdict counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Counts {
    /// As it is.
    AsItIs,
    /// It failed as the target's file says that it does, and why.
    Expected(String),
    /// The target's file expects what is not so, or no longer.
    Stale(String),
}

/// Holds a verdict against the expected failures.
pub(crate) fn counts(verdict: &Verdict, entry: Option<&ExpectedFailure>, today: LocalDate) -> Counts {
    let Some(entry) = entry else { return Counts::AsItIs };
    let failed = matches!(verdict, Verdict::Fail(_) | Verdict::Hang(_));
    if failed && today > entry.until {
        return Counts::Stale(format!(
            "it was expected to fail until {} ({}), and still does",
            entry.until, entry.reason
        ));
    }
    match verdict {
        _ if failed => Counts::Expected(entry.reason.clone()),
        Verdict::Pass => Counts::Stale("it is expected to fail and passes: take it off the list".to_owned()),
        _ => Counts::AsItIs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::Class;

    const LIMIT: Duration = Duration::from_secs(1);

    fn trace(strays: &[&str]) -> Trace {
        Trace {
            transcript: Vec::new(),
            strays: strays.iter().map(|s| (*s).to_owned()).collect(),
        }
    }

    fn file(extra: &str) -> TargetFile {
        let head = "[target]\nname = \"a\"\nclasses = [\"node\"]\nregion = \"361123\"\nprogram = [\"p\"]\n";
        toml::from_str(&format!("{head}{extra}")).unwrap()
    }

    fn case(twin: Option<&'static str>) -> Case {
        async fn nothing(_: &mut crate::scene::Scene) -> Played {
            Ok(())
        }
        let mut case = Case::accepts(
            Class::Issuer,
            "issuer/a",
            &["VER-1"],
            "",
            "",
            crate::cases::play!(nothing),
        );
        case.twin = twin;
        case
    }

    #[test]
    fn only_a_case_that_played_to_its_end_and_asked_nothing_odd_passes() {
        let stop = |stop: Stop| Some(Err(stop));
        for (played, strays, name) in [
            (Some(Ok(())), &[][..], "pass"),
            (Some(Ok(())), &["GET /trap"][..], "fail"),
            (stop(Stop::Fail("x".into())), &[], "fail"),
            (stop(Stop::Fail("x".into())), &["GET /trap"], "fail"),
            (stop(Stop::Unknown("crash".into())), &[], "unknown"),
            (stop(Stop::Unknown("crash".into())), &["GET /trap"], "unknown"),
            (stop(Stop::Unsupported("w".into())), &[], "skip"),
            (None, &[], "hang"),
        ] {
            assert_eq!(
                judge(played.clone(), &trace(strays), LIMIT).name(),
                name,
                "{played:?} {strays:?}"
            );
        }
    }

    #[test]
    fn a_twin_that_did_not_pass_leaves_the_case_unknown_and_unplayed() {
        let of = |verdict: &Verdict| {
            beforehand(&case(Some("issuer/twin")), Some(verdict), &file("")).map(|v| v.name())
        };
        assert_eq!(of(&Verdict::Pass), None);
        assert_eq!(of(&Verdict::Fail(String::new())), Some("unknown"));
        assert_eq!(of(&Verdict::Unknown(String::new())), Some("unknown"));
        assert_eq!(of(&Verdict::Hang(LIMIT)), Some("unknown"));
        assert_eq!(
            of(&Verdict::Skip("w".into())),
            None,
            "it is asked, since only unsupported goes with that"
        );
        assert_eq!(
            beforehand(&case(Some("issuer/twin")), None, &file(""))
                .unwrap()
                .name(),
            "unknown"
        );
        assert_eq!(beforehand(&case(None), None, &file("")), None);
        let skipped = Verdict::Skip("w".into());
        let beside = |verdict| beside_twin(&case(Some("issuer/twin")), Some(&skipped), verdict).name();
        assert_eq!(
            (beside(Verdict::Pass), beside(skipped.clone())),
            ("unknown", "skip")
        );
    }

    #[test]
    fn what_the_file_declares_unsupported_is_not_played() {
        let file = file("[unsupported]\n\"issuer/*\" = \"why\"\n");
        assert_eq!(
            beforehand(&case(None), None, &file),
            Some(Verdict::Skip("why".into()))
        );
    }

    #[test]
    fn expected_failures_are_strict() {
        let entry = ExpectedFailure {
            case: "issuer/a".into(),
            reason: "known".into(),
            until: "2026-06-30".parse().unwrap(),
        };
        let at = |verdict: &Verdict, day: &str| counts(verdict, Some(&entry), day.parse().unwrap());
        let failed = Verdict::Fail(String::new());
        assert_eq!(at(&failed, "2026-06-30"), Counts::Expected("known".into()));
        assert!(matches!(at(&failed, "2026-07-01"), Counts::Stale(_)));
        assert!(matches!(at(&Verdict::Pass, "2026-01-01"), Counts::Stale(_)));
        assert_eq!(
            at(&Verdict::Unknown(String::new()), "2026-01-01"),
            Counts::AsItIs,
            "a crash is not the known failure"
        );
        assert_eq!(
            counts(&failed, None, "2026-01-01".parse().unwrap()),
            Counts::AsItIs
        );
    }
}
