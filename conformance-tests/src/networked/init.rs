//! `comity-conformance init`: draws a world and writes the working folder.

use std::path::PathBuf;

use comity_spec::ids::Region;

use crate::world::plan::{Plan, PlanError};
use crate::{Failure, say};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Working folder; made where there is none
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Region code of the county that the target plays
    #[arg(long, value_name = "CODE", default_value = "361123")]
    region: Region,
}

/// Writes the folder.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    Plan::draw(&args.dir, &args.region.to_string()).map_err(|error| match error {
        PlanError::Exists(_) | PlanError::File { .. } => Failure::Usage(error.to_string()),
        PlanError::Ports => Failure::Configuration(error.to_string()),
        PlanError::Certificates(_) | PlanError::Version(_) => Failure::Internal(error.to_string()),
    })?;
    say(&format!("已写入 / written: {}", args.dir.display()))?;
    say(&format!(
        "下一步：填写 {0}/target.toml，然后运行 / next: fill in {0}/target.toml, then run\n  comity-conformance preflight --dir {0}",
        args.dir.display()
    ))
}
