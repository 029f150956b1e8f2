//! `comity-conformance mutants`: does the suite notice a broken implementation?
//!
//! Mutants of the class offline are asked by `--adapter`, a question a process; those of the other classes by `--target`, a running
//! target each ([`running`]).
//!
//! The target is built with deliberate mistakes (cargo feature `mutants`) and makes the one that `COMITY_MUTANT` names. The
//! register `mutants.toml` says of each by which case it must be noticed. It is *killed* only when that case fails while its
//! twins pass: a crash, a silence, an unreadable answer or another case that fails proves nothing about that requirement.
//! A mutant that survives, and a requirement of the cases without a mutant, fail the run. So does a target that does not
//! know of mistakes at all: it would look like nothing but survivors.

mod register;
mod running;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::adapter::{StartError, Target, Told};
use crate::coverage::networked_cases;
use crate::pattern::Pattern;
use crate::vectors::Cases;
use crate::verdict::{Verdict, judge};
use crate::{Failure, Material, say};
use register::{Mutant, Register};

/// Where a target reads which mistake to make.
const VARIABLE: &str = "COMITY_MUTANT";

/// A name that no register has.
const NOBODY: &str = "no-such-mutant";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    material: Material,
    /// The adapter, built with mistakes: a program and its arguments, quoted as for a shell; started once for each case
    #[arg(long, value_name = "CMD", required_unless_present = "target")]
    adapter: Option<Target>,
    /// The target program of a node that is built with mistakes, quoted as for a shell, paths absolute; started once for each mutant
    #[arg(long, value_name = "CMD")]
    target: Option<Target>,
    /// The register of mistakes
    #[arg(long, value_name = "FILE", default_value = "conformance-tests/mutants.toml")]
    register: PathBuf,
    /// Only mutants whose name matches; `*` stands for anything, `?` for one character; may be repeated
    #[arg(long, value_name = "GLOB")]
    only: Vec<Pattern>,
    /// Mutants at a time; as many as there are processors by default
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Seconds that a case may take
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// Write the results as JSON lines
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What became of a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    /// The expected case failed, and how.
    Killed(String),
    /// It did not, and what came instead.
    Survived(String),
    /// Its case belongs to a class that this run does not ask.
    NotAsked,
}

impl Fate {
    const fn name(&self) -> &'static str {
        match self {
            Self::Killed(_) => "killed",
            Self::Survived(_) => "survived",
            Self::NotAsked => "not-asked",
        }
    }

    fn detail(&self) -> &str {
        match self {
            Self::Killed(how) | Self::Survived(how) => how,
            Self::NotAsked => "its case needs --adapter (class offline) or --target (the others)",
        }
    }
}

/// Runs every chosen mutant and says which ones were noticed.
pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let started = Instant::now();
    let (cases, requirements) = args.material.load()?;
    let register = Register::read(&args.register)?;
    let networked = networked_cases();
    let mut wrong = register.lint(&cases, &networked, &requirements);
    let chosen: Vec<&Mutant> = register
        .mutants
        .iter()
        .filter(|m| args.only.is_empty() || args.only.iter().any(|only| only.matches(&m.name)))
        .collect();
    if chosen.is_empty() {
        return Err(Failure::Nothing(
            "no mutant of the register has such a name".into(),
        ));
    }
    if args.only.is_empty() {
        wrong.extend(register.missing(&cases, &networked));
    }
    let mut json = match &args.json {
        None => None,
        Some(path) => Some(
            File::create(path)
                .map_err(|e| Failure::Usage(format!("cannot write {}: {e}", path.display())))?,
        ),
    };
    // A running target mostly waits; meanwhile there is time for the others.
    let (offline, running) = std::thread::scope(|scope| {
        let running = scope.spawn(|| match &args.target {
            Some(target) => running::ask(args, target, &chosen),
            None => Ok(BTreeMap::new()),
        });
        let offline = match &args.adapter {
            Some(adapter) => {
                knows_mistakes(args, adapter, &cases).and_then(|()| ask(args, adapter, &cases, &chosen))
            }
            None => Ok(vec![Fate::NotAsked; chosen.len()]),
        };
        let running = running
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (offline, running)
    });
    let (mut fates, mut running) = (offline?, running?);
    for (mutant, fate) in chosen.iter().zip(&mut fates) {
        if let Some(of_running) = running.remove(&mutant.name) {
            *fate = of_running;
        }
    }
    for (mutant, fate) in chosen.iter().zip(&fates) {
        // What this run does not ask is counted below and of no interest one by one.
        if *fate != Fate::NotAsked {
            say(&row(mutant, fate))?;
        }
        if let Some(json) = &mut json {
            writeln!(json, "{}", record(mutant, fate))?;
        }
    }
    if args.only.is_empty() {
        for one in &register.equivalents {
            let reason = one.reason.name();
            say(&format!("equivalent {:<27} {reason}: {}", one.name, one.because))?;
        }
    }
    for what in &wrong {
        say(&format!("REGISTER  {what}"))?;
    }
    let count = |name| fates.iter().filter(|fate| fate.name() == name).count();
    let (killed, survived, unasked) = (count("killed"), count("survived"), count("not-asked"));
    let code = u8::from(survived > 0 || !wrong.is_empty());
    say(&format!(
        "{killed} killed, {survived} survived, {unasked} not asked, {} equivalent; {} faults of the register; {:.1} s",
        register.equivalents.len(),
        wrong.len(),
        started.elapsed().as_secs_f64()
    ))?;
    if let Some(json) = &mut json {
        let summary = json!({
            "killed": killed, "survived": survived, "not_asked": unasked,
            "equivalent": register.equivalents.len(), "register": wrong, "exit": code,
        });
        writeln!(json, "{summary}")?;
    }
    Ok(if code == 0 && killed == 0 { 2 } else { code })
}

/// A target that knows mistakes refuses to start with one that nobody knows; any other would only seem to survive.
fn knows_mistakes(args: &Args, adapter: &Target, cases: &Cases) -> Result<(), Failure> {
    let reply = adapter
        .with(VARIABLE, NOBODY)
        .ask(&cases.question(0, 0), limit(args))
        .map_err(|e| Failure::Usage(e.to_string()))?;
    match reply.told {
        Told::Broken(_) => Ok(()),
        Told::Answer(_) | Told::Hang => Err(Failure::Usage(format!(
            "the adapter answers with {VARIABLE}={NOBODY}: it was not built with the cargo feature `mutants`"
        ))),
    }
}

const fn limit(args: &Args) -> Duration {
    Duration::from_secs(args.timeout)
}

/// The fate of each mutant, in their order.
fn ask(args: &Args, adapter: &Target, cases: &Cases, chosen: &[&Mutant]) -> Result<Vec<Fate>, Failure> {
    let jobs = args.jobs.or_else(|| std::thread::available_parallelism().ok());
    let jobs = jobs.map_or(1, NonZeroUsize::get).min(chosen.len());
    let next = AtomicUsize::new(0);
    let sound = Sound::default();
    let fates: Mutex<BTreeMap<usize, Result<Fate, StartError>>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some((at, mutant)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    chosen.get(at).map(|mutant| (at, mutant))
                } {
                    let fate = fate(args, adapter, cases, mutant, &sound);
                    locked(&fates).insert(at, fate);
                }
            });
        }
    });
    let fates = std::mem::take(&mut *locked(&fates));
    fates
        .into_values()
        .map(|fate| fate.map_err(|e| Failure::Usage(e.to_string())))
        .collect()
}

/// What a thread that panicked left behind is as good as before: an entry is put in whole.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What the target without any mistake makes of a case, asked once.
#[derive(Default)]
struct Sound(Mutex<BTreeMap<usize, Verdict>>);

impl Sound {
    fn verdict(
        &self,
        args: &Args,
        adapter: &Target,
        cases: &Cases,
        index: usize,
    ) -> Result<Verdict, StartError> {
        if let Some(verdict) = locked(&self.0).get(&index) {
            return Ok(verdict.clone());
        }
        let verdict = verdict(adapter, args, cases, index)?;
        locked(&self.0).insert(index, verdict.clone());
        Ok(verdict)
    }
}

fn verdict(target: &Target, args: &Args, cases: &Cases, index: usize) -> Result<Verdict, StartError> {
    let reply = target.ask(&cases.question(index, 0), limit(args))?;
    Ok(judge(&cases.case(index).expect, &reply.told, limit(args)))
}

/// Asks the mutant its case, after the twins on which the case rests; the whole target first.
fn fate(
    args: &Args,
    adapter: &Target,
    cases: &Cases,
    mutant: &Mutant,
    sound: &Sound,
) -> Result<Fate, StartError> {
    let Some(killer) = cases.find(&mutant.killed_by) else {
        return Ok(Fate::NotAsked);
    };
    let broken = adapter.with(VARIABLE, &mutant.name);
    let twins = cases.lineage(killer).unwrap_or_default();
    for index in twins.iter().rev().chain([&killer]) {
        let name = &cases.case(*index).name;
        let whole = sound.verdict(args, adapter, cases, *index)?;
        if whole != Verdict::Pass {
            return Ok(Fate::Survived(format!(
                "{name} without any mistake: {}",
                told(&whole)
            )));
        }
        let verdict = verdict(&broken, args, cases, *index)?;
        match (index == &killer, &verdict) {
            (true, Verdict::Fail(how)) => return Ok(Fate::Killed(how.clone())),
            (true, verdict) => return Ok(Fate::Survived(format!("{name}: {}", told(verdict)))),
            (false, Verdict::Pass) => {}
            (false, verdict) => {
                return Ok(Fate::Survived(format!(
                    "its twin {name} fell first: {}",
                    told(verdict)
                )));
            }
        }
    }
    Ok(Fate::NotAsked)
}

fn told(verdict: &Verdict) -> String {
    match verdict.why() {
        None => verdict.name().to_owned(),
        Some(why) => format!("{} ({why})", verdict.name()),
    }
}

fn row(mutant: &Mutant, fate: &Fate) -> String {
    let word = match fate {
        Fate::Killed(_) => "killed",
        Fate::Survived(_) => "SURVIVED",
        Fate::NotAsked => "not asked",
    };
    let detail: String = fate.detail().chars().take(160).collect();
    format!("{word:<9} {:<28} {:<50} {detail}", mutant.name, mutant.killed_by)
}

fn record(mutant: &Mutant, fate: &Fate) -> Value {
    json!({
        "mutant": mutant.name,
        "class": mutant.class,
        "killed_by": mutant.killed_by,
        "fate": fate.name(),
        "detail": fate.detail(),
    })
}
