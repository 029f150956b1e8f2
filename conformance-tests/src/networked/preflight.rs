//! `comity-conformance preflight`: goes as far as the first case would, and says what to correct.

use std::path::PathBuf;

use super::{offline, stage};
use crate::cases;
use crate::class::Class;
use crate::pattern::Pattern;
use crate::report::quoted;
use crate::requirements::Requirements;
use crate::target::file::TargetFile;
use crate::vectors::Cases;
use crate::{Failure, say};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Working folder
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

/// Checks and reports step by step.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let (file, plan) = stage::read(&args.dir)?;
    let names: Vec<&str> = file.target.classes.iter().map(|class| class.name()).collect();
    say(&format!(
        "ok  target.toml: {}, classes {}",
        file.target.name,
        names.join(" ")
    ))?;
    exceptions(&file)?;
    if file.target.classes.contains(&Class::Offline) {
        offline::preflight(&file, &args.dir)?;
        say("ok  the adapter answers")?;
    }
    let runtime = super::run::runtime()?;
    runtime.block_on(async {
        let mut steps = |step: &str| {
            // A reader that went away is no fault; the verdict is the exit code.
            let _ = say(&format!("ok  {step}"));
        };
        let networked = || file.target.classes.iter().filter(|class| class.is_networked());
        if networked().any(|class| *class != Class::Authority) {
            let mut scene = stage::set(&args.dir, &file, plan.clone(), &mut steps).await?;
            scene.program.stop().await.map_err(stage::StageError::Program)?;
            scene.world.close().await;
            say("ok  it stops when its input ends")?;
        }
        if networked().any(|class| *class == Class::Authority) {
            let scene = stage::set_authority(&args.dir, &file, plan, &mut steps).await?;
            scene.program.stop().await.map_err(stage::StageError::Program)?;
            say("ok  the authority stops when its input ends")?;
        }
        say(&format!(
            "配置无误，可以运行 / ready: comity-conformance run --dir {}",
            quoted(&args.dir.to_string_lossy())
        ))
    })
}

/// Exceptions are of cases that there are: a misspelt one would be found only when the run is over.
fn exceptions(file: &TargetFile) -> Result<(), Failure> {
    let vectors = Cases::carried(&Requirements::carried())?;
    let networked = cases::all().into_iter().map(|case| case.name.to_owned());
    let names: Vec<String> = networked
        .chain(vectors.iter().map(|case| case.name.clone()))
        .collect();
    let matches = |pattern: &str| {
        let pattern = pattern.parse::<Pattern>();
        pattern.is_ok_and(|one| names.iter().any(|name| one.matches(name)))
    };
    let expected = file.expected_failures.iter().map(|one| one.case.as_str());
    let mut wrong: Vec<&str> = expected
        .filter(|case| !names.iter().any(|name| name == case))
        .collect();
    wrong.extend(
        file.unsupported
            .keys()
            .map(String::as_str)
            .filter(|pattern| !matches(pattern)),
    );
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Failure::Configuration(format!(
        "target.toml 中的例外没有对应的用例，请改正或删去：{0} / no case is called as these exceptions of target.toml say, correct or delete them: \
         {0}",
        wrong.join(", ")
    )))
}
