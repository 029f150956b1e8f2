//! The class offline beside the networked ones: the vectors, asked of the adapter that `target.toml` names, in the same record.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::record::Record;
use super::run::{Args, Run};
use crate::adapter::{Target, Told};
use crate::class::Class;
use crate::requirements::Requirements;
use crate::run::Asking;
use crate::target::file::TargetFile;
use crate::vectors::Cases;
use crate::verdict::Verdict;
use crate::world::ambient::now;
use crate::world::person::day;
use crate::{
    Failure,
    networked::judge::{Counts, counts},
};

/// How long `preflight` waits for an adapter.
const ANSWER: Duration = Duration::from_secs(30);

/// The vectors of a run, and which of them are asked.
pub(crate) struct Vectors {
    pub(crate) cases: Cases,
    pub(crate) chosen: BTreeSet<usize>,
}

impl Vectors {
    /// Those of the class offline that match; none where the run has not the class.
    pub(crate) fn choose(
        args: &Args,
        classes: &[Class],
        requirements: &Requirements,
    ) -> Result<Self, Failure> {
        let cases = match &args.vectors {
            None => Cases::carried(requirements)?,
            Some(folder) => Cases::load(folder, requirements)?,
        };
        let chosen = if classes.contains(&Class::Offline) {
            cases.choose(Class::Offline, &args.only).into_iter().collect()
        } else {
            BTreeSet::new()
        };
        Ok(Self { cases, chosen })
    }

    /// Asks and records them.
    pub(crate) fn ask(
        &self,
        args: &Args,
        file: &TargetFile,
        run: &mut Run,
        record: &mut Record<'_>,
    ) -> Result<(), Failure> {
        let adapter = adapter(file, &args.dir)?;
        let asking = Asking {
            adapter: &adapter,
            seed: args.seed,
            jobs: crate::run::at_a_time(args.jobs),
            limit: args.limit,
            bail: args.bail,
            unsupported: &|name| file.unsupported(name).map(str::to_owned),
        };
        asking
            .ask(&self.cases, &self.chosen, &mut |index, outcome| {
                let case = self.cases.case(index);
                let standing = counts(&outcome.verdict, file.expected_failure(&case.name), day(now(), 0));
                run.count(&case.name, &outcome.verdict, &standing);
                let ends = standing == Counts::AsItIs
                    && !matches!(outcome.verdict, Verdict::Pass | Verdict::Skip(_));
                run.over |= args.bail && ends;
                record.vector(case, outcome, &standing, &run.tally)
            })
            .map_err(|failure| match failure {
                Failure::Usage(why) => wrong(&why),
                other => other,
            })
    }
}

/// Asks the adapter one question of the vectors that the program carries: it starts, and answers in its form.
pub(crate) fn preflight(file: &TargetFile, folder: &Path) -> Result<(), Failure> {
    let adapter = adapter(file, folder)?;
    let cases = Cases::carried(&Requirements::carried())?;
    let first = cases.choose(Class::Offline, &[]).into_iter().next();
    let first = first.ok_or_else(|| Failure::Internal("the program carries no vector".into()))?;
    let reply = adapter
        .ask(&cases.question(first, 0), ANSWER)
        .map_err(|error| wrong(&error.to_string()))?;
    match reply.told {
        Told::Answer(_) => Ok(()),
        Told::Broken(how) => Err(wrong(&format!(
            "应答不合约定 / its answer is not in its form: {how}"
        ))),
        Told::Hang => Err(wrong(&format!(
            "{0} 秒内没有应答 / no answer within {0} s",
            ANSWER.as_secs()
        ))),
    }
}

fn adapter(file: &TargetFile, folder: &Path) -> Result<Target, Failure> {
    Target::in_folder(&file.target.adapter, folder).ok_or_else(|| {
        Failure::Configuration(
            "缺少 target.adapter / target.adapter is missing: the class offline needs it".into(),
        )
    })
}

fn wrong(why: &str) -> Failure {
    Failure::Configuration(format!(
        "{why}。请改正 target.toml 的 target.adapter，相对路径从工作目录算起 / correct target.adapter in target.toml; a relative path counts from the \
         working folder"
    ))
}
