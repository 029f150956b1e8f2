//! `comity-conformance explain`: what a case is about, what must come of it and why; what proves a requirement; or what a rule of
//! chapter 16 refuses. Vectors and cases of the networked classes alike.

use comity_spec::vector::Expect;
use serde_json::json;

use crate::cases::{self, Case};
use crate::report::quoted;
use crate::requirements::Requirements;
use crate::rules::CHAPTER;
use crate::vectors::{self, Cases};
use crate::{Failure, Material, say};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    material: Material,
    /// Name of a case (`jws/alg-none`, `issuer/wrong-audience`), id of a requirement (`JWS-1`) or name of a rule (`sd-jwt.arity`)
    #[arg(value_name = "NAME")]
    name: String,
}

/// Prints what is known of the name.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let (cases, requirements) = args.material.load()?;
    if let Some(requirement) = requirements.find(&args.name) {
        say(&format!("[{}] {}", args.name, requirement.sentence))?;
        say(&format!(
            "  text      {}; #{} in its page",
            requirement.chapter, args.name
        ))?;
        let proving = cases.iter().filter(|case| case.requirements.contains(&args.name));
        for case in proving {
            say(&format!("  case      {} ({})", case.name, case.must_be()))?;
        }
        let networked = cases::all().into_iter();
        for case in networked.filter(|case| case.requirements.contains(&args.name.as_str())) {
            say(&format!("  case      {} ({})", case.name, case.expected))?;
        }
        return Ok(());
    }
    if requirements.rules(&args.name).next().is_some() {
        return rule(&args.name, &cases, &requirements);
    }
    if let Some(case) = cases::find(&args.name) {
        return networked(case, &requirements);
    }
    let index = cases.find(&args.name).ok_or_else(|| {
        Failure::Nothing(format!(
            "没有名为 {0} 的用例、要求或规则，用例名称见 comity-conformance list --class CLASS，规则见第 16 章 / no case, requirement or rule is \
             called {0}: `comity-conformance list --class CLASS` has the names of cases, chapter 16 those of rules",
            args.name
        ))
    })?;
    let case = cases.case(index);
    say(&format!("{}: {}", case.name, case.about))?;
    say(&format!("  kind      {}", case.kind))?;
    for id in &case.requirements {
        let sentence = requirements.find(id).map_or("", |r| r.sentence.as_str());
        say(&format!("  requires  [{id}] {sentence}"))?;
    }
    say(&format!("  expected  {}", json!(case.expect)))?;
    if let Some(twin) = &case.twin {
        say(&format!(
            "  twin      {twin}, asked first; this one differs from it in one thing"
        ))?;
    }
    say(&format!("  vector    {}", case.place))?;
    if args.material.class().is_bound_by(&case.kind) {
        let class = args.material.class().name();
        say(&format!(
            "  run       comity-conformance run --class {class} --adapter CMD{} --only {}",
            args.material.arguments(),
            quoted(&case.name)
        ))
    } else {
        say(&format!(
            "  run       does not bind the class {}",
            args.material.class().name()
        ))
    }
}

/// A rule of chapter 16: its rows, and the vectors of which it must come, as refusal or as cause of a decision.
fn rule(name: &str, cases: &Cases, requirements: &Requirements) -> Result<(), Failure> {
    for row in requirements.rules(name) {
        let meaning = if row.meaning.is_empty() {
            "otherwise than required"
        } else {
            &row.meaning
        };
        say(&format!("{name}: {meaning}"))?;
        say(&format!("  text      {CHAPTER}, {}", row.section))?;
        for id in &row.by {
            let sentence = requirements.find(id).map_or("", |r| r.sentence.as_str());
            say(&format!("  requires  [{id}] {sentence}"))?;
        }
    }
    let expects = |case: &&vectors::Case| match &case.expect {
        Expect::Refuse(rule) => rule == name,
        Expect::Accept(read) => read.get("cause").is_some_and(|cause| cause == name),
    };
    for case in cases.iter().filter(expects) {
        say(&format!("  case      {} ({})", case.name, case.about))?;
    }
    Ok(())
}

/// A case of the networked classes.
fn networked(case: &Case, requirements: &Requirements) -> Result<(), Failure> {
    say(&format!("{}: {}", case.name, case.about))?;
    say(&format!("  class     {}", case.class.name()))?;
    for id in case.requirements {
        let sentence = requirements.find(id).map_or("", |r| r.sentence.as_str());
        say(&format!("  requires  [{id}] {sentence}"))?;
    }
    say(&format!("  expected  {}", case.expected))?;
    if let Some(twin) = case.twin {
        say(&format!(
            "  twin      {twin}, played first; this one differs from it in one thing"
        ))?;
    }
    say(&format!(
        "  run       comity-conformance replay --dir DIR {}",
        case.name
    ))
}
