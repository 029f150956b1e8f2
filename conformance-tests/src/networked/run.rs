//! `comity-conformance run --dir` and `replay`: plays the cases one after the other, twins first, judges and records them.
//!
//! One at a time, because they share a target: what a case sees is what it did. A case that hangs does not stop the run; a program
//! that is lost leaves the rest unknown.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use super::judge::{Counts, beforehand, beside_twin, counts, judge};
use super::offline::Vectors;
use super::record::{Outcome, Record};
use super::stage;
use crate::Failure;
use crate::cases::{Case, choose, find, in_order, lint};
use crate::class::Class;
use crate::pattern::Pattern;
use crate::requirements::Requirements;
use crate::result::{Wish, played};
use crate::scene::{Scene, Trace};
use crate::target::file::TargetFile;
use crate::verdict::{Tally, Verdict};
use crate::world::ambient::now;
use crate::world::person::day;

/// How long a case may take, unless it says otherwise: more than any patience asked for in it.
const CASE: Duration = Duration::from_secs(180);

/// What is run.
#[derive(Debug, Default)]
pub(crate) struct Args {
    /// Working folder.
    pub(crate) dir: PathBuf,
    /// Classes; those of the target file where there is none.
    pub(crate) classes: Vec<Class>,
    /// Patterns of names.
    pub(crate) only: Vec<Pattern>,
    /// Stop at the first case that is not as it should be.
    pub(crate) bail: bool,
    /// What is unsupported is a failure.
    pub(crate) complete: bool,
    /// JSON lines.
    pub(crate) json: Option<PathBuf>,
    /// JUnit XML.
    pub(crate) junit: Option<PathBuf>,
    /// A page.
    pub(crate) html: Option<PathBuf>,
    /// A signed result.
    pub(crate) result: Option<Wish>,
    /// Folder of vectors, in place of those of the program.
    pub(crate) vectors: Option<PathBuf>,
    /// Order of the vectors and their tokens.
    pub(crate) seed: u64,
    /// Vectors asked at a time.
    pub(crate) jobs: usize,
    /// Time for one vector.
    pub(crate) limit: Duration,
    /// Print every transcript.
    pub(crate) loud: bool,
}

/// The runtime of the world: two threads, so that servers answer while a case waits.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    Ok(builder.worker_threads(2).enable_all().build()?)
}

/// Plays one case and the twins that it rests on, loudly.
pub(crate) fn replay(dir: PathBuf, name: &str) -> Result<u8, Failure> {
    if find(name).is_none() {
        return Err(Failure::Nothing(format!(
            "no case is called {name}, see `comity-conformance list`"
        )));
    }
    let only = name
        .parse()
        .map_err(|never: std::convert::Infallible| Failure::Internal(never.to_string()))?;
    run(&Args {
        dir,
        only: vec![only],
        classes: vec![Class::Node, Class::Authority],
        loud: true,
        ..Args::default()
    })
}

/// Runs, records and says how it went.
pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let (file, plan) = stage::read(&args.dir)?;
    let classes = if args.classes.is_empty() {
        file.target.classes.clone()
    } else {
        args.classes.clone()
    };
    let networked: Vec<Class> = classes
        .iter()
        .copied()
        .filter(|class| class.is_networked())
        .collect();
    let chosen = choose(&networked, &args.only);
    let requirements = Requirements::carried();
    let vectors = Vectors::choose(args, &classes, &requirements)?;
    let asked = chosen.len() + vectors.chosen.len();
    if asked == 0 {
        return Err(Failure::Nothing(
            "no case of these classes has such a name, see `comity-conformance list`".into(),
        ));
    }
    let wrong = lint(&requirements);
    if !wrong.is_empty() {
        return Err(Failure::Internal(wrong.join("\n  ")));
    }
    binds(args, &file, &chosen)?;
    let started = Instant::now();
    let mut record = Record::begin(
        args,
        &file,
        &classes,
        asked,
        &vectors.cases.fingerprint(),
        &requirements,
    )?;
    let mut run = Run {
        tally: Tally::default(),
        done: BTreeMap::new(),
        stale: Vec::new(),
        expected: 0,
        bail: args.bail,
        over: false,
    };
    if !vectors.chosen.is_empty() {
        vectors.ask(args, &file, &mut run, &mut record)?;
    }
    // An authority is another target than a county: each has a scene of its own. A twin is of the class of its case.
    let (of_authority, of_county): (Vec<_>, Vec<_>) = in_order(&chosen)
        .into_iter()
        .partition(|case| case.class == Class::Authority);
    runtime()?.block_on(async {
        let mut quiet = |_: &str| {};
        if !of_county.is_empty() && !run.over {
            let scene = stage::set(&args.dir, &file, plan.clone(), &mut quiet).await?;
            record.played = played(&scene.target);
            run.play(scene, &of_county, &chosen, &file, &mut record).await?;
        }
        if !of_authority.is_empty() && !run.over {
            let scene = stage::set_authority(&args.dir, &file, plan, &mut quiet).await?;
            run.play(scene, &of_authority, &chosen, &file, &mut record)
                .await?;
        }
        Ok::<_, Failure>(())
    })?;
    for entry in &file.expected_failures {
        if find(&entry.case).is_none() && vectors.cases.find(&entry.case).is_none() {
            run.stale.push(format!("{}: no case is called so", entry.case));
        }
    }
    let code = run.exit_code(args.complete, asked);
    record.end(&run.tally, run.expected, &run.stale, code, started.elapsed())?;
    Ok(code)
}

/// A result is of some county: of the application that was given, which must be of the region that is played, or of what is played.
fn binds(args: &Args, file: &TargetFile, chosen: &[&'static Case]) -> Result<(), Failure> {
    let Some(wish) = &args.result else { return Ok(()) };
    match &wish.applicant {
        Some(applicant) if applicant.region != file.target.region => Err(Failure::Usage(format!(
            "申请书的区划是 {}，target.toml 是 {} / the application is of region {0}, target.toml says {1}: init a folder with --region {0}",
            applicant.region, file.target.region
        ))),
        None if chosen.iter().all(|case| case.class == Class::Authority) => Err(Failure::Usage(
            "结果不属于任何县，请加 --for 申请书 / no county is played, so the result would be nobody's: add --for and its application".into(),
        )),
        _ => Ok(()),
    }
}

pub(super) struct Run {
    pub(super) tally: Tally,
    done: BTreeMap<String, Verdict>,
    stale: Vec<String>,
    expected: usize,
    bail: bool,
    /// Stopped at a case that was not as it should be.
    pub(super) over: bool,
}

impl Run {
    /// Plays these cases in one scene, and ends it.
    async fn play(
        &mut self,
        mut scene: Scene,
        cases: &[&'static Case],
        chosen: &[&'static Case],
        file: &TargetFile,
        record: &mut Record<'_>,
    ) -> Result<(), Failure> {
        record.line_about_target(&scene.target)?;
        for case in cases {
            let asked_for = chosen.iter().any(|one| one.name == case.name);
            let of_twin = case.twin.and_then(|twin| self.done.get(twin));
            let outcome = match beforehand(case, of_twin, file) {
                Some(verdict) => Outcome::unplayed(verdict),
                None => {
                    let mut outcome = play(&mut scene, case).await;
                    outcome.verdict = beside_twin(case, of_twin, outcome.verdict);
                    outcome
                }
            };
            let standing = counts(&outcome.verdict, file.expected_failure(case.name), day(now(), 0));
            if asked_for {
                self.count(case.name, &outcome.verdict, &standing);
                record.case(case, &outcome, &standing, &self.tally)?;
            }
            let ends = asked_for
                && standing == Counts::AsItIs
                && !matches!(outcome.verdict, Verdict::Pass | Verdict::Skip(_));
            self.done.insert(case.name.to_owned(), outcome.verdict);
            if self.bail && ends {
                self.over = true;
                break;
            }
        }
        let leaks = scene.leaks();
        let stopped = scene.program.stop().await;
        scene.world.close().await;
        record.program_ended(
            &leaks,
            stopped.err().map(|fault| fault.to_string()),
            &mut self.stale,
        )
    }

    pub(super) fn count(&mut self, case: &str, verdict: &Verdict, standing: &Counts) {
        match standing {
            Counts::AsItIs => self.tally.count(verdict),
            Counts::Expected(_) => self.expected += 1,
            Counts::Stale(why) => {
                self.tally.count(verdict);
                self.stale.push(format!("{case}: {why}"));
            }
        }
    }

    /// As for the class offline; a stale entry is a failure, and what was not asked is unknown.
    fn exit_code(&self, complete: bool, chosen: usize) -> u8 {
        match self.tally.exit_code(complete) {
            _ if !self.stale.is_empty() => 1,
            0 if self.tally.all() + self.expected < chosen => 2,
            code => code,
        }
    }
}

/// Plays one case and judges what came of it, twins aside.
pub(crate) async fn play(scene: &mut Scene, case: &Case) -> Outcome {
    let started = Instant::now();
    scene.begin();
    let played = tokio::time::timeout(CASE, (case.play)(scene)).await.ok();
    let trace: Trace = scene.end();
    Outcome {
        verdict: judge(played, &trace, CASE),
        transcript: trace.transcript,
        took: started.elapsed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(verdicts: &[(Verdict, Counts)]) -> Run {
        let mut run = Run {
            tally: Tally::default(),
            done: BTreeMap::new(),
            stale: Vec::new(),
            expected: 0,
            bail: false,
            over: false,
        };
        let case = crate::cases::all()[0].name;
        verdicts
            .iter()
            .for_each(|(verdict, standing)| run.count(case, verdict, standing));
        run
    }

    #[test]
    fn a_stale_entry_fails_the_run_and_doubt_is_never_a_pass() {
        let pass = || (Verdict::Pass, Counts::AsItIs);
        let failed = || Verdict::Fail(String::new());
        let code = |verdicts: &[(Verdict, Counts)]| after(verdicts).exit_code(false, verdicts.len());
        assert_eq!(code(&[pass()]), 0);
        assert_eq!(code(&[pass(), (failed(), Counts::Expected("known".into()))]), 0);
        assert_eq!(
            code(&[pass(), (Verdict::Pass, Counts::Stale("passes".into()))]),
            1
        );
        assert_eq!(code(&[pass(), (failed(), Counts::Stale("too old".into()))]), 1);
        assert_eq!(
            code(&[pass(), (Verdict::Unknown(String::new()), Counts::AsItIs)]),
            2
        );
        assert_eq!(
            code(&[(failed(), Counts::Expected("known".into()))]),
            2,
            "nothing passed"
        );
        assert_eq!(after(&[pass()]).exit_code(false, 2), 2, "one was not asked");
    }

    #[test]
    fn nothing_matched_is_no_pass() {
        let only = vec!["nothing-matches/*".parse().unwrap()];
        assert!(choose(&[Class::Node], &only).is_empty());
    }
}
