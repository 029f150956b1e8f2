//! `comity-conformance run --dir` and `replay`: plays the cases, twins first, judges and records them.
//!
//! One at a time on one target: what a case sees is what it did. Where the target file allows several targets, they play side by side
//! ([`super::lanes`]). A case that hangs does not stop the run; a program that is lost leaves the rest unknown, or to the others.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinSet;

use super::judge::{Counts, counts, judge};
use super::lanes::{Event, Lane, Queue};
use super::offline::Vectors;
use super::record::{Outcome, Record};
use super::stage::{self, StageError};
use crate::Failure;
use crate::cases::{Case, choose, find, in_order, lineage, lint};
use crate::class::Class;
use crate::pattern::Pattern;
use crate::report::quoted;
use crate::requirements::Requirements;
use crate::result::{Wish, played};
use crate::scene::{Scene, Trace};
use crate::target::file::TargetFile;
use crate::vectors::Cases;
use crate::verdict::{Tally, Verdict};
use crate::world::ambient::now;
use crate::world::person::day;
use crate::world::plan::Plan;

/// How long a case may take, unless it says otherwise: more than any patience asked for in it.
const CASE: Duration = Duration::from_secs(180);

/// Below it stand the worlds that are drawn for one run.
const BESIDE: &str = "beside";

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
    /// Folder of the text, in place of that of the program.
    pub(crate) spec: Option<PathBuf>,
    /// Order of the vectors and their tokens.
    pub(crate) seed: u64,
    /// Cases at a time: vectors, and targets side by side where the target file allows more.
    pub(crate) jobs: Option<NonZeroUsize>,
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
    let Some(case) = find(name) else {
        let vectors = Cases::carried(&Requirements::carried())?;
        let found = vectors.find(name).map(|index| vectors.case(index));
        if found.is_some_and(|case| Class::Offline.is_bound_by(&case.kind)) {
            return Err(Failure::Usage(format!(
                "{name} 是离线用例，不重放，请运行 / {name} is of the class offline, which is not replayed; ask it again by\n  comity-conformance run \
                 --dir {} --class offline --only {name}\n--adapter CMD 可代替 --dir / --adapter CMD may stand in place of --dir",
                quoted(&dir.to_string_lossy())
            )));
        }
        return Err(Failure::Nothing(format!(
            "没有名为 {name} 的运行用例 / no case of a running target is called {name}: `comity-conformance list --class node` and `--class authority` \
             have the names"
        )));
    };
    // A twin that does not pass is all that there is to see.
    let shown = lineage(case).into_iter().chain([case]);
    let only: Result<Vec<Pattern>, _> = shown.map(|one| one.name.parse()).collect();
    let only = only.map_err(|never: std::convert::Infallible| Failure::Internal(never.to_string()))?;
    run(&Args {
        dir,
        only,
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
    let requirements = match &args.spec {
        None => Requirements::carried(),
        Some(folder) => Requirements::read(folder)?,
    };
    let vectors = Vectors::choose(args, &classes, &requirements)?;
    let asked = chosen.len() + vectors.chosen.len();
    if asked == 0 {
        return Err(Failure::nothing(&classes));
    }
    let wrong = lint(&requirements);
    if !wrong.is_empty() {
        let wrong = wrong.join("\n  ");
        return Err(match &args.spec {
            None => Failure::Internal(wrong),
            Some(folder) => Failure::Usage(format!(
                "{} 与本套件的用例不符 / the text does not fit the cases of this suite:\n  {wrong}",
                folder.display()
            )),
        });
    }
    let order = in_order(&chosen).into_iter();
    let asked_for = order.filter(|case| chosen.iter().any(|one| one.name == case.name));
    let queue = Queue::new(asked_for.collect());
    let allowed = args
        .jobs
        .map_or(file.target.instances, |jobs| jobs.min(file.target.instances));
    let lanes = queue.lanes(allowed.get());
    binds(args, &file, &chosen, lanes)?;
    let started = Instant::now();
    let mut record = Record::begin(
        args,
        &file,
        &classes,
        asked,
        vectors.cases.fingerprint(),
        &requirements,
    )?;
    let mut run = Run {
        tally: Tally::default(),
        stale: Vec::new(),
        expected: 0,
        bail: args.bail,
        over: false,
    };
    if !vectors.chosen.is_empty() {
        vectors.ask(args, &file, &mut run, &mut record)?;
    }
    if !chosen.is_empty() && !run.over {
        let worlds = worlds(&args.dir, plan, lanes)?;
        runtime()?.block_on(run.play(
            args,
            &Arc::new(file.clone()),
            Arc::new(queue),
            worlds,
            &mut record,
        ))?;
    }
    for entry in &file.expected_failures {
        if find(&entry.case).is_none() && vectors.cases.find(&entry.case).is_none() {
            run.stale.push(format!("{}: no case is called so", entry.case));
        }
    }
    let code = run.exit_code(args.complete, asked);
    record.end(&run.tally, run.expected, &run.stale, code, started.elapsed())?;
    Ok(code)
}

/// The world of each lane: the working folder's own, and others that are drawn for this run.
fn worlds(folder: &Path, plan: Plan, lanes: usize) -> Result<Vec<Plan>, Failure> {
    let mut taken = plan.ports.clone();
    let mut worlds = vec![plan];
    while worlds.len() < lanes {
        let below = Path::new(BESIDE).join((worlds.len() + 1).to_string());
        let plan = Plan::draw_beside(folder, below, &worlds[0].region, &taken).map_err(StageError::Plan)?;
        taken.extend(&plan.ports);
        worlds.push(plan);
    }
    Ok(worlds)
}

/// A result is of some county: of the application that was given, which must be of the region that is played, or of the one target that
/// is played.
fn binds(args: &Args, file: &TargetFile, chosen: &[&'static Case], lanes: usize) -> Result<(), Failure> {
    let Some(wish) = &args.result else { return Ok(()) };
    match &wish.applicant {
        Some(applicant) if applicant.region != file.target.region => Err(Failure::Usage(format!(
            "申请书的区划是 {}，target.toml 是 {} / the application is of region {0}, target.toml says {1}: init a folder with --region {0}",
            applicant.region, file.target.region
        ))),
        None if chosen.iter().all(|case| case.class == Class::Authority) => Err(Failure::Usage(
            "结果不属于任何县，请加 --for 申请书 / no county is played, so the result would be nobody's: add --for and its application".into(),
        )),
        None if lanes > 1 => Err(Failure::Usage(format!(
            "{lanes} 个实例并行，结果不属于其中任何一个，请加 --for 申请书 或 --jobs 1 / {lanes} targets play side by side and the result would be \
             of none of them: add --for and the county's application, or --jobs 1"
        ))),
        _ => Ok(()),
    }
}

pub(super) struct Run {
    pub(super) tally: Tally,
    stale: Vec<String>,
    expected: usize,
    bail: bool,
    /// Stopped at a case that was not as it should be.
    pub(super) over: bool,
}

impl Run {
    /// Plays what is left in these worlds, and tells of it in its order.
    async fn play(
        &mut self,
        args: &Args,
        file: &Arc<TargetFile>,
        queue: Arc<Queue>,
        worlds: Vec<Plan>,
        record: &mut Record<'_>,
    ) -> Result<(), Failure> {
        let (told, mut events) = unbounded_channel();
        let mut lanes = JoinSet::new();
        let of = worlds.len();
        for (place, plan) in worlds.into_iter().enumerate() {
            let lane = Lane {
                place,
                of,
                folder: args.dir.clone(),
                file: Arc::clone(file),
                plan,
                queue: Arc::clone(&queue),
                told: told.clone(),
            };
            lanes.spawn(lane.run());
        }
        drop(told);
        let mut hearing = Hearing::default();
        let mut heard = Ok(());
        while let Some(event) = events.recv().await {
            if heard.is_ok() {
                heard = self.hears(event, &mut hearing, file, &queue, record);
            }
            if heard.is_err() || self.over {
                queue.end();
            }
        }
        while let Some(ended) = lanes.join_next().await {
            ended.map_err(|error| Failure::Internal(error.to_string()))??;
        }
        heard
    }

    /// Takes an event, and tells of every case whose turn has come.
    fn hears(
        &mut self,
        event: Event,
        hearing: &mut Hearing,
        file: &TargetFile,
        queue: &Queue,
        record: &mut Record<'_>,
    ) -> Result<(), Failure> {
        match event {
            Event::Up(place, target) => {
                if place == 0 && record.played.is_none() {
                    record.played = played(&target);
                }
                record.line_about_target(&target)
            }
            Event::Ended(leaks, fault) => record.program_ended(&leaks, fault, &mut self.stale),
            Event::Case(place, outcome) => {
                hearing.waiting.insert(place, outcome);
                while !self.over
                    && let Some(outcome) = hearing.waiting.remove(&hearing.next)
                    && let Some(case) = queue.case(hearing.next)
                {
                    hearing.next += 1;
                    self.judged(case, &outcome, file, record)?;
                }
                Ok(())
            }
        }
    }

    fn judged(
        &mut self,
        case: &Case,
        outcome: &Outcome,
        file: &TargetFile,
        record: &mut Record<'_>,
    ) -> Result<(), Failure> {
        let standing = counts(&outcome.verdict, file.expected_failure(case.name), day(now(), 0));
        self.count(case.name, &outcome.verdict, &standing);
        let wrong = !matches!(outcome.verdict, Verdict::Pass | Verdict::Skip(_));
        self.over |= self.bail && wrong && standing == Counts::AsItIs;
        record.case(case, outcome, &standing, &self.tally)
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

/// What came of cases whose turn to be told has not come.
#[derive(Default)]
struct Hearing {
    waiting: BTreeMap<usize, Outcome>,
    next: usize,
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

    /// What is told of when these cases end in this order, with this verdict for the one at place 1.
    fn told(ended: &[usize], verdict: &Verdict, bail: bool) -> (Vec<String>, Run) {
        let here = tempfile::tempdir().unwrap();
        let json = here.path().join("record");
        let args = Args {
            dir: here.path().to_owned(),
            json: Some(json.clone()),
            ..Args::default()
        };
        let text = "[target]\nname = \"a\"\nclasses = [\"node\"]\nregion = \"361123\"\nprogram = [\"p\"]\n";
        let file: TargetFile = toml::from_str(text).unwrap();
        let queue = Queue::new(crate::cases::all().into_iter().take(4).collect());
        let requirements = Requirements::carried();
        let mut record = Record::begin(&args, &file, &[Class::Node], 4, "", &requirements).unwrap();
        let (mut run, mut hearing) = (after(&[]), Hearing::default());
        run.bail = bail;
        for place in ended {
            let verdict = if *place == 1 {
                verdict.clone()
            } else {
                Verdict::Pass
            };
            let event = Event::Case(*place, Outcome::unplayed(verdict));
            run.hears(event, &mut hearing, &file, &queue, &mut record)
                .unwrap();
        }
        let lines = std::fs::read_to_string(json).unwrap();
        let lines = lines
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let cases = lines.filter(|line| line["record"] == "case");
        (
            cases
                .map(|line| line["name"].as_str().unwrap().to_owned())
                .collect(),
            run,
        )
    }

    #[test]
    fn whoever_is_first_cases_are_told_in_their_order() {
        let names: Vec<&str> = crate::cases::all().iter().take(4).map(|case| case.name).collect();
        for ended in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
            assert_eq!(told(&ended, &Verdict::Pass, false).0, names, "{ended:?}");
        }
        let (before, run) = told(&[2, 3, 0], &Verdict::Pass, false);
        assert_eq!(before, names[..1], "the second is not over");
        assert_eq!(run.tally.pass, 1);
    }

    #[test]
    fn a_run_that_is_to_stop_tells_of_nothing_behind_the_first_failure() {
        let failed = Verdict::Fail("why".into());
        let (names, run) = told(&[3, 2, 1, 0], &failed, true);
        assert_eq!((names.len(), run.over), (2, true));
        assert_eq!((run.tally.pass, run.tally.fail), (1, 1));
        let (names, run) = told(&[3, 2, 1, 0], &failed, false);
        assert_eq!((names.len(), run.over), (4, false));
    }

    #[test]
    fn nothing_matched_is_no_pass() {
        let only = vec!["nothing-matches/*".parse().unwrap()];
        assert!(choose(&[Class::Node], &only).is_empty());
    }
}
