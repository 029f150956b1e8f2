//! `comity-conformance preflight`: goes as far as the first case would, and says what to correct.

use std::path::PathBuf;

use super::stage;
use crate::class::Class;
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
    say(&format!(
        "ok  target.toml: {}, classes {:?}",
        file.target.name, file.target.classes
    ))?;
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
        say("配置无误，可以运行 / ready: comity-conformance run --dir DIR")
    })
}
