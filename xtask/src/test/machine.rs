//! The machine a run happens on: what it has, and what may be installed.
//!
//! Packages are installed by apt only, as root or by a sudo that asks nothing, and only what a phase needs. On any
//! other system the missing piece is named and nothing is touched.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use super::postgres::Postgres;
use crate::Outcome;
use crate::process;

/// Tells postgresql-common not to start a cluster of its own when the server is installed.
const NO_CLUSTER: &str = "/etc/postgresql-common/createcluster.conf";

/// The state that phases share.
pub(super) struct Machine {
    pub(super) root: PathBuf,
    /// When everything has to be over.
    pub(super) deadline: Instant,
    pub(super) install_cargo_deny: bool,
    /// Said after the table.
    pub(super) notes: Vec<String>,
    /// The count of the tests phase, said last.
    pub(super) tests: Option<String>,
    /// What the demonstration's nodes emitted, for the interop phase.
    pub(super) emitted: Option<PathBuf>,
    target: PathBuf,
    may_install: bool,
    package_lists_are_fresh: bool,
}

impl Machine {
    pub(super) fn new(
        root: PathBuf,
        deadline: Instant,
        may_install: bool,
        install_cargo_deny: bool,
    ) -> Outcome<Self> {
        let target = target_directory(&root)?;
        Ok(Self {
            root,
            deadline,
            install_cargo_deny,
            notes: Vec::new(),
            tests: None,
            emitted: None,
            target,
            may_install,
            package_lists_are_fresh: false,
        })
    }

    /// `cargo` at the root. The caller's CARGO_TARGET_DIR is inherited like the rest of the environment.
    pub(super) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(&self.root).args(arguments);
        cargo
    }

    /// Builds a binary of this workspace and says where it is.
    ///
    /// With the targets of the tests phase: cargo joins the features of what it builds together, so `--package` alone
    /// would compile half of the dependencies once more.
    pub(super) fn built(&self, binary: &str) -> Outcome<PathBuf> {
        let arguments = [
            "build",
            "--locked",
            "--workspace",
            "--bins",
            "--tests",
            "--examples",
        ];
        process::run(&mut self.cargo(&arguments), self.deadline)?;
        let path = self.programs().join(binary);
        if path.is_file() {
            Ok(path)
        } else {
            Err(format!("cargo built no {}", path.display()))
        }
    }

    /// Where cargo leaves the programs of the profile that all phases share.
    pub(super) fn programs(&self) -> PathBuf {
        self.target.join("debug")
    }

    /// Builds binaries of this workspace with their deliberate mistakes, and says where copies of them are: the next ordinary build
    /// takes its place in the target directory back.
    ///
    /// `test` is one test target beside it: with none, cargo leaves the features of dev-dependencies out, and everything below
    /// the workspace would be compiled once more.
    pub(super) fn built_with_mistakes(&self, binaries: &[&str], test: &str) -> Outcome<Vec<PathBuf>> {
        let mut arguments = vec!["build", "--locked", "--workspace", "--test", test];
        for binary in binaries {
            arguments.extend(["--bin", *binary]);
        }
        arguments.extend(["--features", "comity-verifier/mutants,comity-node/mutants"]);
        process::run(&mut self.cargo(&arguments), self.deadline)?;
        let folder = self.kept("mutants");
        let copied = |binary: &&str| {
            let copy = folder.join(binary);
            std::fs::create_dir_all(&folder)
                .and_then(|()| std::fs::copy(self.programs().join(binary), &copy))
                .map_err(|error| format!("{}: {error}", copy.display()))?;
            Ok(copy)
        };
        binaries.iter().map(copied).collect()
    }

    /// A place for things that may be kept from run to run.
    pub(super) fn kept(&self, name: &str) -> PathBuf {
        self.target.join("xtask").join(name)
    }

    /// The directory of PostgreSQL's server binaries, installed when absent and allowed.
    pub(super) fn postgres_binaries(&mut self) -> Outcome<PathBuf> {
        if let Some(found) = Postgres::binaries() {
            return Ok(found);
        }
        self.install(&["postgresql"])?;
        Postgres::binaries().ok_or_else(|| "postgresql is installed, but has no initdb".into())
    }

    /// A program on `PATH`, by the Debian package that brings it.
    pub(super) fn program(&mut self, program: &str, package: &str) -> Outcome<PathBuf> {
        if let Some(found) = process::find(program) {
            return Ok(found);
        }
        self.install(&[package])?;
        process::find(program).ok_or_else(|| format!("{package} is installed, but brought no {program}"))
    }

    /// Python with the module that makes virtual environments.
    pub(super) fn python(&mut self) -> Outcome<PathBuf> {
        let python = self.program("python3", "python3")?;
        let environments = ["-c", "import venv, ensurepip"];
        if !process::succeeds("python3", &environments) {
            self.install(&["python3-venv"])?;
            if !process::succeeds("python3", &environments) {
                return Err("python3 still cannot make virtual environments".into());
            }
        }
        Ok(python)
    }

    /// A component of the toolchain (`fmt`, `clippy`).
    pub(super) fn component(&mut self, subcommand: &str, component: &str) -> Outcome<()> {
        if process::succeeds("cargo", &[subcommand, "--version"]) {
            return Ok(());
        }
        if self.may_install && process::find("rustup").is_some() {
            let mut rustup = Command::new("rustup");
            process::run(rustup.args(["component", "add", component]), self.deadline)?;
            return Ok(());
        }
        Err(format!(
            "`cargo {subcommand}` is missing: rustup component add {component}"
        ))
    }

    fn install(&mut self, packages: &[&str]) -> Outcome<()> {
        let wanted = packages.join(" ");
        let by_hand = format!("missing: {wanted}. On Debian and Ubuntu: apt-get install {wanted}");
        if !self.may_install {
            return Err(format!("{by_hand} (--no-install was given)"));
        }
        if process::find("apt-get").is_none() {
            return Err(by_hand);
        }
        let by_sudo = !is_root();
        if by_sudo && !process::succeeds("sudo", &["-n", "true"]) {
            return Err(format!("{by_hand} (as root; sudo asks for a password here)"));
        }
        println!("installing {wanted}");
        if packages.contains(&"postgresql") {
            self.forbid_cluster(by_sudo)?;
        }
        if !self.package_lists_are_fresh {
            process::run(&mut apt(by_sudo, &["update", "-q"]), self.deadline)?;
            self.package_lists_are_fresh = true;
        }
        let mut install = apt(by_sudo, &["install", "-q", "-y", "--no-install-recommends"]);
        // Our createcluster.conf comes before the package's own; without this dpkg would ask which one to keep.
        install
            .args(["-o", "Dpkg::Options::=--force-confold"])
            .args(packages);
        process::run(&mut install, self.deadline)?;
        self.notes.push(format!("installed by apt-get: {wanted}"));
        Ok(())
    }

    /// The test cluster is ours and thrown away; a second one beside it would only hold memory and a port.
    fn forbid_cluster(&self, by_sudo: bool) -> Outcome<()> {
        if Path::new(NO_CLUSTER).exists() {
            return Ok(());
        }
        let script =
            format!("mkdir -p /etc/postgresql-common && echo 'create_main_cluster = false' > {NO_CLUSTER}");
        process::run(as_root(by_sudo, "sh").args(["-c", &script]), self.deadline)
    }
}

/// Whether this process may do anything: then PostgreSQL has to run as somebody else.
pub(super) fn is_root() -> bool {
    process::capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

fn as_root(by_sudo: bool, program: &str) -> Command {
    if by_sudo {
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", program]);
        sudo
    } else {
        Command::new(program)
    }
}

fn apt(by_sudo: bool, arguments: &[&str]) -> Command {
    let mut env = as_root(by_sudo, "env");
    env.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"])
        .args(arguments);
    env
}

/// Where cargo builds; it knows of CARGO_TARGET_DIR and of every configuration file.
fn target_directory(root: &Path) -> Outcome<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(root)
        .args(["metadata", "--format-version", "1", "--no-deps", "--locked"]);
    let metadata: serde_json::Value = serde_json::from_str(&process::capture(&mut cargo)?)
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let target = metadata["target_directory"]
        .as_str()
        .ok_or("cargo metadata names no target directory")?;
    Ok(PathBuf::from(target))
}
