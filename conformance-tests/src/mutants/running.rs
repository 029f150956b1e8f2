//! Mutants of running targets: a world for each worker, the target started anew for each mutant with its name in the environment, the
//! twins played before the case that must notice it.
//!
//! What costs is to start a target and to take it into the federation; so the target without a mistake plays many of the cases that are
//! needed in one scene, and a mutant only its own. A mutant that does not even come up was noticed by nobody: that is no kill.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use comity_spec::ids::Region;

use super::register::Mutant;
use super::{Args, Fate, NOBODY, VARIABLE, locked, told};
use crate::Failure;
use crate::adapter::Target;
use crate::cases::{Case, find, in_order};
use crate::class::Class;
use crate::networked::run::{play, runtime};
use crate::networked::stage;
use crate::target::file::{TargetFile, TargetSection};
use crate::verdict::Verdict;
use crate::world::plan::{Plan, PlanError};

/// The county that the target plays.
const REGION: &str = "361123";

/// Permits in the target's register: a target attests each before anything else, and of a whole register that takes longer than all that
/// a mutant is asked. A case that needs more of them says that none is left, and kills nothing.
const PEOPLE: usize = 160;

/// Worlds that are drawn until none has a port of another.
const DRAWS: usize = 50;

/// Cases that the target without a mistake plays in one scene, with their twins: few enough that no worker is left with it at the end.
const IN_ONE_SCENE: usize = 12;

/// What a worker takes up.
enum Task<'m> {
    /// The target without a mistake plays these.
    Whole(Vec<&'static Case>),
    /// This mutant plays this.
    Mutant(&'m Mutant, &'static Case),
}

/// The fate of each mutant whose case needs a running target; of the others, nothing.
pub(super) fn ask(
    args: &Args,
    target: &Target,
    chosen: &[&Mutant],
) -> Result<BTreeMap<String, Fate>, Failure> {
    let asked: Vec<(&Mutant, &'static Case)> = chosen
        .iter()
        .filter_map(|mutant| Some((*mutant, find(&mutant.killed_by)?)))
        .collect();
    if asked.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut tasks = without_mistake(&asked.iter().map(|(_, case)| *case).collect::<Vec<_>>());
    tasks.extend(asked.iter().map(|(mutant, case)| Task::Mutant(mutant, case)));
    // Starting a target is mostly waiting, for it and for the network.
    let processors = std::thread::available_parallelism().map_or(2, NonZeroUsize::get);
    let jobs = args.jobs.map_or(processors * 2, NonZeroUsize::get);
    let worlds = worlds(jobs.min(tasks.len()))?;
    knows_mistakes(&worlds[0], target)?;
    let whole: Mutex<BTreeMap<&'static str, Verdict>> = Mutex::default();
    let fates: Mutex<BTreeMap<String, Fate>> = Mutex::default();
    let fault: Mutex<Option<Failure>> = Mutex::default();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for world in &worlds {
            scope.spawn(|| {
                while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let done = match task {
                        Task::Whole(cases) => file(target, None)
                            .and_then(|file| in_one_scene(world, &file, cases, false))
                            .map(|verdicts| remember(&mut locked(&whole), verdicts)),
                        Task::Mutant(mutant, case) => fate(world, target, mutant, case).map(|fate| {
                            locked(&fates).insert(mutant.name.clone(), fate);
                        }),
                    };
                    if let Err(failure) = done {
                        locked(&fault).get_or_insert(failure);
                        next.store(tasks.len(), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    if let Some(failure) = locked(&fault).take() {
        return Err(failure);
    }
    let whole = std::mem::take(&mut *locked(&whole));
    let mut fates = std::mem::take(&mut *locked(&fates));
    for (mutant, case) in &asked {
        let unsound = in_order(&[*case])
            .into_iter()
            .find_map(|one| match whole.get(one.name) {
                Some(Verdict::Pass) => None,
                Some(other) => Some(format!("{} without any mistake: {}", one.name, told(other))),
                None => Some(format!("{} was not played without any mistake", one.name)),
            });
        if let Some(why) = unsound {
            fates.insert(mutant.name.clone(), Fate::Survived(why));
        }
    }
    Ok(fates)
}

/// A working folder with a world of its own, gone when it is dropped.
struct Folder {
    path: PathBuf,
    plan: Plan,
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays behind in the folder for temporary files hurts nobody.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// So many worlds, none with a port of another: they are up at the same time.
fn worlds(count: usize) -> Result<Vec<Folder>, Failure> {
    let mut worlds: Vec<Folder> = Vec::new();
    for turn in 0..DRAWS + count {
        if worlds.len() == count {
            return Ok(worlds);
        }
        let path = std::env::temp_dir().join(format!("comity-mutants-{}-{turn}", std::process::id()));
        let plan = Plan::draw(&path, REGION).map_err(|error| match error {
            PlanError::Exists(_) | PlanError::File { .. } => Failure::Usage(error.to_string()),
            PlanError::Ports | PlanError::Certificates(_) | PlanError::Version(_) => {
                Failure::Internal(error.to_string())
            }
        })?;
        let mut one = Folder { path, plan };
        one.plan.people = PEOPLE;
        let shares = |other: &Folder| one.plan.ports.iter().any(|port| other.plan.ports.contains(port));
        if !worlds.iter().any(shares) {
            worlds.push(one);
        }
    }
    Err(Failure::Internal(PlanError::Ports.to_string()))
}

/// The target file of a target that makes the mistake of this name, or none.
fn file(target: &Target, mistake: Option<&str>) -> Result<TargetFile, Failure> {
    let region: Region = REGION
        .parse()
        .map_err(|_| Failure::Internal(format!("{REGION} is no region")))?;
    let mut program = vec!["env".to_owned()];
    program.extend(mistake.map(|name| format!("{VARIABLE}={name}")));
    program.extend(target.words());
    Ok(TargetFile {
        target: TargetSection {
            name: target.text().to_owned(),
            version: None,
            classes: vec![Class::Node, Class::Authority],
            region,
            program,
            adapter: Vec::new(),
            timeout_seconds: 30,
            patience_seconds: 40,
            instances: NonZeroUsize::MIN,
        },
        unsupported: BTreeMap::new(),
        expected_failures: Vec::new(),
    })
}

/// A target that knows mistakes does not start with one that nobody knows.
fn knows_mistakes(world: &Folder, target: &Target) -> Result<(), Failure> {
    let file = file(target, Some(NOBODY))?;
    let comes_up = runtime()?.block_on(async {
        let set = stage::set(&world.path, &file, world.plan.clone(), &mut |_: &str| {}).await;
        match set {
            Ok(mut scene) => {
                // How it ends is of no interest any more.
                let _ = scene.program.stop().await;
                scene.world.close().await;
                true
            }
            Err(_) => false,
        }
    });
    if comes_up {
        return Err(Failure::Usage(format!(
            "the target starts with {VARIABLE}={NOBODY}: it was not built with the cargo feature `mutants`"
        )));
    }
    Ok(())
}

/// The cases that are needed, with their twins, in scenes for the target without any mistake; counties and authorities apart.
fn without_mistake<'m>(killers: &[&'static Case]) -> Vec<Task<'m>> {
    let mut seen = BTreeSet::new();
    let killers = killers.iter().copied().filter(|case| seen.insert(case.name));
    let (authority, county): (Vec<_>, Vec<_>) = killers.partition(|case| case.class == Class::Authority);
    let scenes = county.chunks(IN_ONE_SCENE).chain(authority.chunks(IN_ONE_SCENE));
    scenes.map(|cases| Task::Whole(in_order(cases))).collect()
}

/// A twin is played in several scenes: it passed when it passed in all.
fn remember(whole: &mut BTreeMap<&'static str, Verdict>, verdicts: Vec<(&'static str, Verdict)>) {
    for (name, verdict) in verdicts {
        let known = whole.entry(name).or_insert(Verdict::Pass);
        if *known == Verdict::Pass {
            *known = verdict;
        }
    }
}

/// The fate of a mutant by its case.
fn fate(world: &Folder, target: &Target, mutant: &Mutant, killer: &'static Case) -> Result<Fate, Failure> {
    let file = file(target, Some(&mutant.name))?;
    let verdicts = match in_one_scene(world, &file, &in_order(&[killer]), true) {
        Ok(verdicts) => verdicts,
        Err(Failure::Configuration(why)) => {
            return Ok(Fate::Survived(format!("the target does not come up: {why}")));
        }
        Err(other) => return Err(other),
    };
    Ok(match verdicts.last() {
        Some((name, Verdict::Fail(how))) if *name == killer.name => Fate::Killed(how.clone()),
        Some((name, verdict)) if *name == killer.name => Fate::Survived(format!("{name}: {}", told(verdict))),
        Some((name, verdict)) => Fate::Survived(format!("its twin {name} fell first: {}", told(verdict))),
        None => Fate::Survived("nothing was played".to_owned()),
    })
}

/// Plays these cases of one class of target in their order; with `twins`, no further than the first that does not pass.
fn in_one_scene(
    world: &Folder,
    file: &TargetFile,
    cases: &[&'static Case],
    twins: bool,
) -> Result<Vec<(&'static str, Verdict)>, Failure> {
    let of_authority = cases.first().is_some_and(|case| case.class == Class::Authority);
    runtime()?.block_on(async {
        let mut quiet = |_: &str| {};
        let plan = world.plan.clone();
        let mut scene = if of_authority {
            stage::set_authority(&world.path, file, plan, &mut quiet).await?
        } else {
            stage::set(&world.path, file, plan, &mut quiet).await?
        };
        let mut verdicts = Vec::new();
        for case in cases {
            let verdict = play(&mut scene, case).await.verdict;
            let passed = verdict == Verdict::Pass;
            verdicts.push((case.name, verdict));
            if twins && !passed {
                break;
            }
        }
        // How a target ends is what `run` judges.
        let _ = scene.program.stop().await;
        scene.world.close().await;
        Ok(verdicts)
    })
}
