//! The class offline beside the networked ones: the vectors, asked of the adapter that `target.toml` names, in the same record.

use std::collections::BTreeSet;
use std::path::Path;

use super::record::Record;
use super::run::{Args, Run};
use crate::adapter::Target;
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
        let folder: &Path = &args.dir;
        let adapter = Target::in_folder(&file.target.adapter, folder).ok_or_else(|| {
            Failure::Configuration(
                "缺少 target.adapter / target.adapter is missing: the class offline needs it".into(),
            )
        })?;
        let asking = Asking {
            adapter: &adapter,
            seed: args.seed,
            jobs: crate::run::at_a_time(args.jobs),
            limit: args.limit,
            bail: args.bail,
            unsupported: &|name| file.unsupported(name).map(str::to_owned),
        };
        asking.ask(&self.cases, &self.chosen, &mut |index, outcome| {
            let case = self.cases.case(index);
            let standing = counts(&outcome.verdict, file.expected_failure(&case.name), day(now(), 0));
            run.count(&case.name, &outcome.verdict, &standing);
            let ends =
                standing == Counts::AsItIs && !matches!(outcome.verdict, Verdict::Pass | Verdict::Skip(_));
            run.over |= args.bail && ends;
            record.vector(case, outcome, &standing, &run.tally)
        })
    }
}
