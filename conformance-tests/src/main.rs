//! `comity-conformance`: does an implementation that is not ours, or ours, do what the text says?
//!
//! The target reports, the suite judges. The class **offline**, verifiers that are only a program, is asked the vectors, a question
//! a process ([`run`]). The other classes are running implementations: the suite plays a federation around them
//! ([`networked`], [`world`], [`cases`]). The suite links no verifier: what both got wrong could hide.
//!
//! Exit codes: 0 everything asked was right, 1 something was wrong or hung, 2 nothing ran or something is unknown,
//! 3 the target's configuration is not right, 64 wrong usage, 70 a fault of the suite or its vectors.

mod adapter;
mod carried;
mod cases;
mod class;
mod coverage;
mod explain;
mod junit;
mod mutants;
mod networked;
mod page;
mod pattern;
mod progress;
mod recorded;
mod report;
mod requirements;
mod result;
mod rules;
mod run;
mod scene;
mod target;
mod vectors;
mod verdict;
mod world;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::class::Class;
use crate::pattern::Pattern;
use crate::requirements::{Requirements, RequirementsError};
use crate::vectors::{Cases, CasesError};

/// 互认协议一致性测试 / Conformance suite of the Comity protocol.
#[derive(Debug, Parser)]
#[command(name = "comity-conformance", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// 列出用例 / List the cases of a class: name, kind, what must come of it, requirements
    List(List),
    /// 运行用例 / Ask a target every case of a class and judge its answers
    Run(run::Args),
    /// 解释一个用例、要求或规则 / Explain a case by its name, a requirement by its id, or a rule of chapter 16 by its name
    Explain(explain::Args),
    /// 条款覆盖 / Which case proves each requirement, which are excused and which nothing proves
    Coverage(coverage::Args),
    /// 变异测试 / Ask a target that is built with deliberate mistakes, one at a time: is each noticed by its case?
    Mutants(mutants::Args),
    /// 写出内置测试向量 / Write the vectors that this program carries, one file each
    Vectors(carried::Args),
    /// 建立测试世界与工作目录 / Draw a world and write the working folder of a networked target
    Init(networked::init::Args),
    /// 运行前检查配置 / Check the target's configuration, and say what to correct
    Preflight(networked::preflight::Args),
    /// 由记录生成报告 / Tell of a run afterwards, from the record that `run --json` wrote: HTML, JUnit XML
    Report(recorded::Args),
    /// 生成结果签名密钥 / Make a key that signs results, and print its public JWK set
    Keygen(result::Keygen),
    /// 重跑一个用例并显示全部过程 / Play one case again and show everything that was said
    Replay(Replay),
}

#[derive(Debug, clap::Args)]
struct Replay {
    /// Working folder
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Name of the case
    #[arg(value_name = "CASE")]
    case: String,
}

/// Where the cases and the text are, and which cases are meant.
#[derive(Debug, clap::Args)]
struct Material {
    /// Conformance class; where nothing is said, offline, or with --dir those of the target file
    #[arg(long, value_enum)]
    class: Option<Class>,
    /// Folder of vectors, in place of those that this program carries
    #[arg(long, value_name = "DIR")]
    vectors: Option<PathBuf>,
    /// Folder of the protocol text, in place of the text that this program carries
    #[arg(long, value_name = "DIR")]
    spec: Option<PathBuf>,
}

impl Material {
    fn class(&self) -> Class {
        self.class.unwrap_or(Class::Offline)
    }

    fn load(&self) -> Result<(Cases, Requirements), Failure> {
        let requirements = match &self.spec {
            None => Requirements::carried(),
            Some(folder) => Requirements::read(folder)?,
        };
        let cases = match &self.vectors {
            None => Cases::carried(&requirements)?,
            Some(folder) => Cases::load(folder, &requirements)?,
        };
        Ok((cases, requirements))
    }

    /// The arguments that name this material again, with a space before each.
    fn arguments(&self) -> String {
        let named = |option: &str, folder: &Option<PathBuf>| {
            folder.as_ref().map_or_else(String::new, |folder| {
                format!(" {option} {}", report::quoted(&folder.to_string_lossy()))
            })
        };
        named("--vectors", &self.vectors) + &named("--spec", &self.spec)
    }
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    material: Material,
    /// Only cases whose name matches; `*` stands for anything, `?` for one character; may be repeated
    #[arg(long, value_name = "GLOB")]
    only: Vec<Pattern>,
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The arguments do not lead anywhere.
    #[error("用法错误 / usage: {0}")]
    Usage(String),
    /// No case is called so.
    #[error("没有匹配的用例 / nothing matched: {0}")]
    Nothing(String),
    /// The target is not configured as it must be.
    #[error("配置有误 / configuration: {0}")]
    Configuration(String),
    /// The suite's own material is broken, or a result could not be written.
    #[error("内部错误 / internal fault: {0}")]
    Internal(String),
}

impl Failure {
    /// No case of these classes has such a name.
    fn nothing(classes: &[Class]) -> Self {
        let names: Vec<&str> = classes.iter().map(|class| class.name()).collect();
        Self::Nothing(format!(
            "类别 {0} 中没有这样的用例，名称见 comity-conformance list --class {1} / no case of {0} has such a name: \
             `comity-conformance list --class {1}` has them all",
            names.join(" "),
            names.first().unwrap_or(&"node"),
        ))
    }

    const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 64,
            Self::Nothing(_) => 2,
            Self::Configuration(_) => 3,
            Self::Internal(_) => 70,
        }
    }
}

impl From<CasesError> for Failure {
    fn from(error: CasesError) -> Self {
        match error {
            CasesError::NoFolder(_) => Self::Usage(error.to_string()),
            CasesError::Broken(_) => Self::Internal(error.to_string()),
        }
    }
}

impl From<RequirementsError> for Failure {
    fn from(error: RequirementsError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<networked::StageError> for Failure {
    fn from(error: networked::StageError) -> Self {
        Self::Configuration(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Internal(error.to_string())
    }
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A request for help is not an error; where it cannot be printed there is nobody to tell.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 64 } else { 0 });
        }
    };
    let outcome = match cli.command {
        Command::List(args) => list(&args).map(|()| 0),
        Command::Run(args) => run::run(&args),
        Command::Explain(args) => explain::run(&args).map(|()| 0),
        Command::Coverage(args) => coverage::run(&args),
        Command::Mutants(args) => mutants::run(&args),
        Command::Vectors(args) => carried::run(&args).map(|()| 0),
        Command::Init(args) => networked::init::run(&args).map(|()| 0),
        Command::Preflight(args) => networked::preflight::run(&args).map(|()| 0),
        Command::Report(args) => recorded::run(&args).map(|()| 0),
        Command::Keygen(args) => result::keygen(&args).map(|()| 0),
        Command::Replay(args) => networked::run::replay(args.dir, &args.case),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "{failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn list(args: &List) -> Result<(), Failure> {
    if args.material.class().is_networked() {
        return list_networked(args);
    }
    let (cases, _) = args.material.load()?;
    let chosen = cases.choose(args.material.class(), &args.only);
    if chosen.is_empty() {
        return Err(Failure::nothing(&[args.material.class()]));
    }
    if args.material.class.is_none() {
        // Beside the list, which is read by programs too.
        let _ = writeln!(
            std::io::stderr(),
            "以下为类别 offline，其他类别请加 --class / these are of the class offline; for the others add --class issuer, recogniser, node or authority"
        );
    }
    for case in chosen.iter().map(|index| cases.case(*index)) {
        let requirements = case.requirements.join(" ");
        say(&format!(
            "{}\t{}\t{}\t{requirements}",
            case.name,
            case.kind,
            case.must_be()
        ))?;
    }
    Ok(())
}

fn list_networked(args: &List) -> Result<(), Failure> {
    let chosen = cases::choose(&[args.material.class()], &args.only);
    if chosen.is_empty() {
        return Err(Failure::nothing(&[args.material.class()]));
    }
    for case in chosen {
        say(&format!(
            "{}\t{}\t{}\t{}\t{}\t{}",
            case.name,
            case.class.name(),
            case.expected,
            case.requirements.join(" "),
            case.twin.unwrap_or_default(),
            case.about
        ))?;
    }
    Ok(())
}

/// Prints a line. A reader that went away (`| head`) is no fault.
fn say(line: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout(), "{line}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
