//! `comity-conformance explain`: what a case is about, what must come of it and why; or what proves a requirement. Vectors and cases of the
//! networked classes alike.

use serde_json::json;

use crate::cases::{self, Case};
use crate::report::quoted;
use crate::requirements::Requirements;
use crate::{Failure, Material, say};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    material: Material,
    /// Name of a case (`jws/alg-none`, `issuer/wrong-audience`) or id of a requirement (`JWS-1`)
    #[arg(value_name = "NAME")]
    name: String,
}

/// Prints what is known of the name.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let (cases, requirements) = args.material.load()?;
    if let Some(requirement) = requirements.find(&args.name) {
        say(&format!("[{}] {}", args.name, requirement.sentence))?;
        say(&format!("  text      spec/protocol/{}", requirement.chapter))?;
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
    if let Some(case) = cases::find(&args.name) {
        return networked(case, &requirements);
    }
    let index = cases.find(&args.name).ok_or_else(|| {
        Failure::Nothing(format!(
            "没有名为 {0} 的用例或要求，名称见 comity-conformance list --class CLASS / neither a case nor a requirement is called {0}: \
             `comity-conformance list --class CLASS` has the names",
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
    say(&format!("  vector    {}", case.path.display()))?;
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
