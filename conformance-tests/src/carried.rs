//! The vectors that this program carries, and `comity-conformance vectors`, which writes them out.
//!
//! An integrator needs the specification and this program, nothing else. What is written is what is asked, byte for byte; a file
//! that is already there with other contents is left alone and told.

use std::path::{Path, PathBuf};

use crate::{Failure, say};

/// Every vector and shared federation by name, in the order of the names.
pub(crate) const VECTORS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/vectors.rs"));

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to write them; made where it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Writes every vector, one file each, in the folders of their names.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    for (name, text) in VECTORS {
        write(&args.out.join(format!("{name}.json")), text)?;
    }
    say(&format!("{} files in {}", VECTORS.len(), args.out.display()))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let told = |error: std::io::Error| Failure::Usage(format!("{}: {error}", path.display()));
    match std::fs::read(path) {
        Ok(there) if there == text.as_bytes() => return Ok(()),
        Ok(_) => {
            return Err(Failure::Usage(format!(
                "{} has other contents: choose an empty folder",
                path.display()
            )));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(told(error)),
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(told)?;
    }
    std::fs::write(path, text).map_err(told)
}
