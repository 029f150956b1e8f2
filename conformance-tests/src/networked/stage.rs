//! Setting the scene: reads the working folder, opens the world, starts the target, takes it into the federation and lets it see that.
//!
//! Each step that fails says what to correct, and where. Nothing here is a case: what fails here is configuration.

use std::path::Path;
use std::time::Duration;

use crate::scene::{Scene, Target, TargetError};
use crate::target::contract::{Act, Done, Role, Start, Started};
use crate::target::file::{FileError, TargetFile};
use crate::target::program::{Program, ProgramFault, Stopped};
use crate::world::client::Unanswered;
use crate::world::plan::{Plan, PlanError};
use crate::world::{World, WorldError};

/// The folder for what the target keeps, beside the files of its world.
const STORE: &str = "target";

/// How long the target may take to know its federation.
const TAKING_IN: Duration = Duration::from_secs(15);

/// A configuration error: which step, what is wrong, what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StageError {
    /// `target.toml`.
    #[error(transparent)]
    File(#[from] FileError),
    /// `world.json` and what belongs to it.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The world's ports.
    #[error(transparent)]
    World(#[from] WorldError),
    /// The region of target and world differ.
    #[error(
        "target.toml 的 region 是 {target}，测试世界是为 {world} 建的 / target.toml says region {target}, the world was drawn for {world}: correct it, or run init in a new folder"
    )]
    Region {
        /// Of the file.
        target: String,
        /// Of the world.
        world: String,
    },
    /// The store cannot be emptied.
    #[error("{0}: cannot be emptied: {1}")]
    Store(String, std::io::Error),
    /// The program.
    #[error(transparent)]
    Program(#[from] ProgramFault),
    /// The target or its program does not do what every class needs.
    #[error("被测程序未完成 `{act}` / the target program did not do `{act}`: {why}")]
    NotDone {
        /// What was asked.
        act: &'static str,
        /// What it said.
        why: String,
    },
    /// The application.
    #[error(transparent)]
    Application(#[from] TargetError),
    /// A listener does not answer.
    #[error(
        "被测对象的 {listener} 监听器没有应答 ({base}) / the target's {listener} listener at {base} does not answer: {why}"
    )]
    Listener {
        /// Which.
        listener: &'static str,
        /// Where.
        base: String,
        /// What came of it.
        why: String,
    },
    /// The target did not take notice of the federation.
    #[error(
        "刷新后被测对象仍不接受成员县的连接 / after `refresh` the target still turns a member county away: {0}. Does it fetch from https://localhost:PORT (loopback allowed, roots.pem trusted, anchor.json taken)?"
    )]
    NotTakenIn(Unanswered),
}

/// Reads `target.toml`, in a folder that a world was drawn for.
pub(crate) fn read(folder: &Path) -> Result<(TargetFile, Plan), StageError> {
    let file = TargetFile::read(&folder.join("target.toml"))?;
    let plan = Plan::read(folder)?;
    let region = file.target.region.to_string();
    if region != plan.region {
        return Err(StageError::Region {
            target: region,
            world: plan.region,
        });
    }
    Ok((file, plan))
}

/// Opens the world and starts the target as an anchor of its own, for the class authority. What the scene knows as its target is the
/// authority; no county of the world is taken in.
pub(crate) async fn set_authority(
    folder: &Path,
    file: &TargetFile,
    plan: Plan,
    step: &mut (dyn FnMut(&str) + Send),
) -> Result<Scene, StageError> {
    empty_store(folder, &plan)?;
    let world = World::start(plan)?;
    let limit = Duration::from_secs(file.target.timeout_seconds);
    let mut program = Program::start(&file.target.program, folder, limit)?;
    let start = Act::Start(Start {
        role: Role::Authority,
        region: world.plan.region.clone(),
        environment: "SANDBOX".to_owned(),
        store: world.plan.named(STORE),
        anchor: None,
        roots: world.plan.named("roots.pem"),
        residents: None,
        superior: None,
    });
    let started: Started = done(&mut program, start).await?;
    step("the authority has started");
    let target = Target::authority(&started.application, started.anchor.as_ref())?;
    step("its configuration holds by the anchor file");
    let mut scene = Scene::new(world, target, program, file.target.patience_seconds);
    let answered = scene.anybody().get(crate::world::authority::WELL_KNOWN).await;
    listens("public", &scene.target.entity, answered.map(|_| ()))?;
    step("its public listener answers");
    scene.begin();
    Ok(scene)
}

/// A target begins new and empty.
fn empty_store(folder: &Path, plan: &Plan) -> Result<(), StageError> {
    let store = folder.join(plan.named(STORE));
    if store.exists() {
        std::fs::remove_dir_all(&store).map_err(|e| StageError::Store(store.display().to_string(), e))?;
    }
    std::fs::create_dir_all(&store).map_err(|e| StageError::Store(store.display().to_string(), e))
}

/// Opens the world, starts the target, takes it in. `step` is told of each step that is done.
pub(crate) async fn set(
    folder: &Path,
    file: &TargetFile,
    plan: Plan,
    step: &mut (dyn FnMut(&str) + Send),
) -> Result<Scene, StageError> {
    empty_store(folder, &plan)?;
    plan.write_residents(folder)?;
    let world = World::start(plan)?;
    step("the world is up");
    let superior = world.provinces[0].host.entity.clone();
    let limit = Duration::from_secs(file.target.timeout_seconds);
    let mut program = Program::start(&file.target.program, folder, limit)?;
    let start = Act::Start(Start {
        role: Role::County,
        region: world.plan.region.clone(),
        environment: "SANDBOX".to_owned(),
        store: world.plan.named(STORE),
        anchor: Some(world.plan.named("anchor.json")),
        roots: world.plan.named("roots.pem"),
        residents: Some(world.plan.named("residents.csv")),
        superior: Some(superior.clone()),
    });
    let started: Started = done(&mut program, start).await?;
    step("the target has started");
    let target = Target::read(&started.application, &world.plan.region, &superior)?;
    step("its application holds");
    let province = &world.provinces[0].host;
    province.put(&target.entity, target.as_member());
    province.publish();
    let mut scene = Scene::new(world, target, program, file.target.patience_seconds);
    let answered = scene.anybody().get(crate::world::authority::WELL_KNOWN).await;
    listens("public", &scene.target.entity, answered.map(|_| ()))?;
    step("its public listener answers");
    let _: Done = done(&mut scene.program, Act::Refresh { entity: None }).await?;
    step("it has refreshed");
    taken_in(&mut scene).await?;
    step("its federation listener knows its members");
    scene.begin();
    Ok(scene)
}

/// Waits until the target's federation listener lets a member county in. What was fetched may take a moment to reach the listener.
async fn taken_in(scene: &mut Scene) -> Result<(), StageError> {
    let county = scene.world.counties[0].host.tls.clone();
    let door = scene.as_holder_of(Some(&county));
    let deadline = tokio::time::Instant::now() + TAKING_IN;
    loop {
        match door.get("/federation/v1/verifications").await {
            Ok(_) => return Ok(()),
            Err(refused) if !refused.is_refusal() => return listens("federation", &door.base, Err(refused)),
            Err(refused) if tokio::time::Instant::now() >= deadline => {
                return Err(StageError::NotTakenIn(refused));
            }
            Err(_) => {
                tokio::time::sleep(Duration::from_millis(500)).await;
                let _: Done = done(&mut scene.program, Act::Refresh { entity: None }).await?;
            }
        }
    }
}

async fn done<T: serde::de::DeserializeOwned>(program: &mut Program, act: Act) -> Result<T, StageError> {
    let name = act.name();
    program.ask(act).await.map_err(|stopped| match stopped {
        Stopped::Refused(refused) => StageError::NotDone {
            act: name,
            why: refused.text,
        },
        Stopped::Unsupported(why) => StageError::NotDone { act: name, why },
        Stopped::Fault(fault) => StageError::Program(fault),
    })
}

fn listens(listener: &'static str, base: &str, answered: Result<(), Unanswered>) -> Result<(), StageError> {
    answered.map_err(|why| StageError::Listener {
        listener,
        base: base.to_owned(),
        why: why.to_string(),
    })
}
