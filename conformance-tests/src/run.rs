//! `comity-conformance run`: asks a target every case of a class.
//!
//! Twins are asked before what rests on them, also where they were not selected. The order within that is drawn from
//! `--seed`; the verdicts do not depend on it.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use crate::adapter::{Answer, Reply, StartError, Target, Told};
use crate::networked;
use crate::pattern::Pattern;
use crate::report::{Heading, Report};
use crate::result::Wish;
use crate::vectors::Cases;
use crate::verdict::{Tally, Verdict, beside_unsupported_twin, judge, without_twin};
use crate::{Failure, Material};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) material: Material,
    /// The target: a program and its arguments, quoted as for a shell; started once for each case
    #[arg(long, value_name = "CMD", conflicts_with = "dir")]
    pub(crate) adapter: Option<Target>,
    /// The working folder of a networked target, see `init`
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Only cases whose name matches; `*` stands for anything, `?` for one character; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub(crate) only: Vec<Pattern>,
    /// Stop at the first case that fails, hangs or is unknown
    #[arg(long)]
    pub(crate) bail: bool,
    /// The target claims the class whole: `unsupported` is a failure
    #[arg(long)]
    pub(crate) complete: bool,
    /// Order of the cases and their tokens
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Cases at a time: vectors (one for each processor by default), and targets side by side, at most as many as the target file allows
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Seconds that a case may take
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) timeout: u64,
    /// Write the results as JSON lines
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Write the results as one HTML page
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write a signed result, which an authority may ask for
    #[arg(long, value_name = "FILE", requires_all = ["dir", "key", "json"])]
    pub(crate) result: Option<PathBuf>,
    /// The key that signs it, see `keygen`
    #[arg(long, value_name = "KEYFILE", requires = "result")]
    pub(crate) key: Option<PathBuf>,
    /// The application of the county for which this is run: the result is bound to it
    #[arg(long = "for", value_name = "APPLICATION", requires = "result")]
    pub(crate) applicant: Option<PathBuf>,
}

impl Args {
    /// The target of the class offline.
    pub(crate) fn adapter(&self) -> &Target {
        self.adapter
            .as_ref()
            .expect("`run` turns away who names neither --dir nor --adapter")
    }

    /// The same wishes for a networked run.
    fn networked(&self, dir: &std::path::Path) -> Result<networked::Args, Failure> {
        let result = match (&self.result, &self.key) {
            (Some(path), Some(key)) => Some(Wish::read(path, key, self.applicant.as_deref())?),
            _ => None,
        };
        Ok(networked::Args {
            dir: dir.to_owned(),
            classes: self.material.class.into_iter().collect(),
            only: self.only.clone(),
            bail: self.bail,
            complete: self.complete,
            json: self.json.clone(),
            junit: self.junit.clone(),
            html: self.html.clone(),
            result,
            vectors: self.material.vectors.clone(),
            spec: self.material.spec.clone(),
            seed: self.seed,
            jobs: self.jobs,
            limit: Duration::from_secs(self.timeout),
            loud: false,
        })
    }
}

/// Vectors asked at a time: as was said, or one for each processor.
pub(crate) fn at_a_time(jobs: Option<NonZeroUsize>) -> usize {
    let jobs = jobs.or_else(|| std::thread::available_parallelism().ok());
    jobs.map_or(1, NonZeroUsize::get)
}

/// What came of a case, with the record of it.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// Against what must come of it.
    pub(crate) verdict: Verdict,
    /// What the target answered, in its form.
    pub(crate) answer: Option<Answer>,
    /// The beginning of what it wrote on standard error.
    pub(crate) stderr: String,
    /// From start to exit.
    pub(crate) took: Duration,
}

/// Runs, reports and says how it went.
pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    if let Some(dir) = &args.dir {
        return networked::run::run(&args.networked(dir)?);
    }
    if args.material.class().is_networked() {
        return Err(Failure::Usage(format!(
            "类别 {0} 需要工作目录：先 comity-conformance init --dir DIR，再 run --dir DIR / the class {0} needs a working folder: \
             comity-conformance init --dir DIR, then run --dir DIR",
            args.material.class().name()
        )));
    }
    if args.adapter.is_none() {
        return Err(Failure::Usage(
            "未指明被测对象：运行中的实现用 --dir DIR (先 init)，离线验证程序用 --adapter CMD / no target is named: --dir DIR for a running \
             implementation (`init` first), --adapter CMD for an off-line verifier"
                .into(),
        ));
    }
    let (cases, requirements) = args.material.load()?;
    let chosen = cases.choose(args.material.class(), &args.only);
    if chosen.is_empty() {
        return Err(Failure::nothing(&[args.material.class()]));
    }
    let started = Instant::now();
    let heading = Heading::new(args, &cases, chosen.len());
    let mut report = Report::begin(args, heading, &cases, &requirements)?;
    let chosen: BTreeSet<usize> = chosen.into_iter().collect();
    let mut tally = Tally::default();
    let asking = Asking {
        adapter: args.adapter(),
        seed: args.seed,
        jobs: at_a_time(args.jobs),
        limit: Duration::from_secs(args.timeout),
        bail: args.bail,
        unsupported: &|_| None,
    };
    asking.ask(&cases, &chosen, &mut |index, outcome| {
        tally.count(&outcome.verdict);
        report.case(cases.case(index), outcome, &tally)
    })?;
    // With --bail, a twin that was not selected can end the run: what was not asked is unknown.
    let code = match tally.exit_code(args.complete) {
        0 if tally.all() < chosen.len() => 2,
        code => code,
    };
    report.end(&tally, code, started.elapsed())?;
    Ok(code)
}

/// How vectors are asked.
pub(crate) struct Asking<'a> {
    /// The target.
    pub(crate) adapter: &'a Target,
    /// Order of the cases and their tokens.
    pub(crate) seed: u64,
    /// Cases asked at a time.
    pub(crate) jobs: usize,
    /// Time for one case.
    pub(crate) limit: Duration,
    /// Stop at the first case that is not as it should be.
    pub(crate) bail: bool,
    /// Why a case of this name is declared unsupported.
    pub(crate) unsupported: &'a (dyn Fn(&str) -> Option<String> + Sync),
}

impl Asking<'_> {
    /// Asks the chosen cases, their twins first, and tells of each chosen one once it is judged.
    pub(crate) fn ask(
        &self,
        cases: &Cases,
        chosen: &BTreeSet<usize>,
        told: &mut dyn FnMut(usize, &Outcome) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut done: BTreeMap<usize, Outcome> = BTreeMap::new();
        let stop = AtomicBool::new(false);
        for stage in stages(cases, chosen, self.seed) {
            let next = AtomicUsize::new(0);
            let (sender, receiver) = channel();
            let mut fresh = Vec::new();
            std::thread::scope(|scope| -> Result<(), Failure> {
                for _ in 0..self.jobs.min(stage.len()) {
                    let sender = sender.clone();
                    let (stage, next, stop, done) = (&stage, &next, &stop, &done);
                    scope.spawn(move || {
                        while !stop.load(Ordering::Relaxed) {
                            let Some(index) = stage.get(next.fetch_add(1, Ordering::Relaxed)) else {
                                break;
                            };
                            let outcome = self.one(cases, *index, done);
                            // Said here and not by the receiver, or this thread would already be asking the next.
                            let ends_it =
                                |o: &Outcome| !matches!(o.verdict, Verdict::Pass | Verdict::Skip(_));
                            if self.bail && outcome.as_ref().is_ok_and(ends_it) {
                                stop.store(true, Ordering::Relaxed);
                            }
                            // The receiver is gone only when the run was broken off.
                            if sender.send((*index, outcome)).is_err() {
                                break;
                            }
                        }
                    });
                }
                drop(sender);
                let result = receiver.iter().try_for_each(|(index, outcome)| {
                    let outcome = outcome.map_err(|e| Failure::Usage(e.to_string()))?;
                    if chosen.contains(&index) {
                        told(index, &outcome)?;
                    }
                    fresh.push((index, outcome));
                    Ok(())
                });
                if result.is_err() {
                    stop.store(true, Ordering::Relaxed);
                }
                result
            })?;
            done.extend(fresh);
        }
        Ok(())
    }

    /// Asks and judges one case.
    fn one(
        &self,
        cases: &Cases,
        index: usize,
        done: &BTreeMap<usize, Outcome>,
    ) -> Result<Outcome, StartError> {
        let case = cases.case(index);
        let unasked = |verdict| Outcome {
            verdict,
            answer: None,
            stderr: String::new(),
            took: Duration::ZERO,
        };
        if let Some(reason) = (self.unsupported)(&case.name) {
            return Ok(unasked(Verdict::Skip(reason)));
        }
        let limit = self.limit;
        let twin = case.twin.as_deref();
        let of_twin = twin.map(|twin| {
            let verdict = cases.find(twin).and_then(|twin| done.get(&twin));
            (twin, verdict.map(|o| &o.verdict))
        });
        let mut beside_unsupported = None;
        if let Some((twin, verdict)) = of_twin
            && verdict != Some(&Verdict::Pass)
        {
            if let Some(verdict) = without_twin(twin, verdict) {
                return Ok(unasked(verdict));
            }
            beside_unsupported = Some(twin);
        }
        let Reply { told, stderr, took } = self.adapter.ask(&cases.question(index, self.seed), limit)?;
        let verdict = judge(&case.expect, &told, limit);
        Ok(Outcome {
            verdict: match beside_unsupported {
                Some(twin) => beside_unsupported_twin(twin, verdict),
                None => verdict,
            },
            answer: match told {
                Told::Answer(answer) => Some(answer),
                Told::Broken(_) | Told::Hang => None,
            },
            stderr,
            took,
        })
    }
}

/// The chosen cases and the twins that they rest on; each stage rests only on those before it.
fn stages(cases: &Cases, chosen: &BTreeSet<usize>, seed: u64) -> Vec<Vec<usize>> {
    let mut needed = chosen.clone();
    for index in chosen {
        needed.extend(cases.lineage(*index).unwrap_or_default());
    }
    let mut stages: Vec<Vec<usize>> = Vec::new();
    for index in needed {
        let depth = cases.lineage(index).map_or(0, |line| line.len());
        stages.resize_with(stages.len().max(depth + 1), Vec::new);
        stages[depth].push(index);
    }
    let mut state = seed;
    for stage in &mut stages {
        for last in (1..stage.len()).rev() {
            let below = last as u64 + 1;
            let drawn = usize::try_from(next(&mut state) % below).unwrap_or(last);
            stage.swap(last, drawn);
        }
    }
    stages
}

/// SplitMix64: the same seed gives the same order everywhere.
const fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
