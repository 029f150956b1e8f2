//! The scene of a case: the world, the target, the target's program, and what has been said so far.
//!
//! A case is a short function over a [`Scene`]: it lets a county of the world or the target's clerk do something and says what must
//! come of it. What goes wrong without being the target's doing is told apart by [`Stop`], so that a broken program or a missing
//! feature never passes for a defect, nor for its absence.

mod agreements;
mod desk;
mod expect;
mod look_up;
mod presented;
mod register;
pub(crate) mod restated;
mod target;
mod traffic;

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::target::contract::{Act, Refused};
use crate::target::program::{Program, Stopped};
use crate::world::World;
use crate::world::county::County;
use crate::world::person::Person;
use crate::world::server::Site;

pub(crate) use self::agreements::ON_ITS_WAY;
pub(crate) use self::desk::{grease, line_of};
pub(crate) use self::look_up::Question;
pub(crate) use self::presented::Shown;
pub(crate) use self::register::place;
pub(crate) use self::target::{Target, TargetError};

/// How a case ends: as it must, or stopped.
pub(crate) type Played<T = ()> = Result<T, Stop>;

/// Why a case stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The target did otherwise than the text says.
    Fail(String),
    /// It cannot be told: the program or the suite failed.
    Unknown(String),
    /// The target does not do this.
    Unsupported(String),
}

/// Stops the case as failed unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($why:tt)+) => {
        if !$condition {
            return Err($crate::scene::Stop::Fail(format!($($why)+)));
        }
    };
}
pub(crate) use ensure;

/// A county of the world with which the target has an agreement in force.
#[derive(Clone)]
pub(crate) struct Partner {
    /// The county.
    pub(crate) site: Arc<Site<County>>,
    /// The agreement: id, version, digest.
    pub(crate) agreement: Value,
    /// Its text.
    pub(crate) text: Value,
}

impl Partner {
    /// The county itself.
    pub(crate) fn county(&self) -> &County {
        &self.site.host
    }
}

/// Everything a case can reach.
pub(crate) struct Scene {
    /// The federation around the target.
    pub(crate) world: World,
    /// What the target said of itself.
    pub(crate) target: Target,
    /// The target's program.
    pub(crate) program: Program,
    /// How long the target bears slow clients, in seconds.
    pub(crate) patience: u64,
    mark: usize,
    transcript: Vec<String>,
    people: Vec<Person>,
    /// The target's register.
    residents: Vec<Person>,
    next_resident: usize,
    next_lapsed: usize,
    next_county: [usize; 3],
    next_agreement: usize,
    next_applicant: usize,
    shared: Vec<Partner>,
    turn: usize,
}

/// What a case left behind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    /// What was said, in order.
    pub(crate) transcript: Vec<String>,
    /// What came to the world and is not to be had there.
    pub(crate) strays: Vec<String>,
}

impl Scene {
    /// A scene at its beginning.
    pub(crate) fn new(world: World, target: Target, program: Program, patience: u64) -> Self {
        Self {
            residents: world.plan.residents(),
            world,
            target,
            program,
            patience,
            mark: 0,
            transcript: Vec::new(),
            people: Vec::new(),
            next_resident: 0,
            next_lapsed: 0,
            // Counties of the target's own province, of the other one, and of the spare: handed out from these places on.
            next_county: Self::first_counties(),
            next_agreement: 1,
            next_applicant: 0,
            shared: Vec::new(),
            turn: 0,
        }
    }

    /// A case begins.
    pub(crate) fn begin(&mut self) {
        self.mark = self.world.log.len();
        self.transcript.clear();
        self.program.transcript.clear();
        self.people.clear();
        self.turn += 1;
    }

    /// A case is over: everybody is honest again, and what happened is handed over.
    pub(crate) fn end(&mut self) -> Trace {
        self.world.honest();
        self.flush();
        let came = self.world.log.since(self.mark);
        let strays = came
            .iter()
            .filter(|one| !one.expected)
            .map(|one| format!("{} {}{}", one.method, one.entity, one.path))
            .collect();
        let mut transcript = std::mem::take(&mut self.transcript);
        for one in came {
            transcript.push(format!(
                "world received {} {}{} ({} bytes)",
                one.method,
                one.entity,
                one.path,
                one.body.len()
            ));
        }
        Trace { transcript, strays }
    }

    /// Where the log of the world stood when the case began.
    pub(crate) const fn mark(&self) -> usize {
        self.mark
    }

    /// Writes into the transcript.
    pub(crate) fn note(&mut self, line: impl Into<String>) {
        self.flush();
        self.transcript.push(line.into());
    }

    fn flush(&mut self) {
        self.transcript.append(&mut self.program.transcript);
    }

    /// Asks the program for an act that must be done.
    pub(crate) async fn ask<T: DeserializeOwned>(&mut self, act: Act) -> Played<T> {
        let name = act.name();
        match self.attempt(act).await? {
            Ok(done) => Ok(done),
            Err(refused) => Err(Stop::Fail(format!(
                "the target refused `{name}`: {}",
                refused.text
            ))),
        }
    }

    /// Asks the program for an act that the target may refuse.
    pub(crate) async fn attempt<T: DeserializeOwned>(&mut self, act: Act) -> Played<Result<T, Refused>> {
        match self.program.ask(act).await {
            Ok(done) => Ok(Ok(done)),
            Err(Stopped::Refused(refused)) => Ok(Err(refused)),
            Err(Stopped::Unsupported(why)) => Err(Stop::Unsupported(why)),
            Err(Stopped::Fault(fault)) => Err(Stop::Unknown(fault.to_string())),
        }
    }

    /// Names and numbers of everybody who played a part in this case.
    pub(crate) fn private(&self) -> Vec<String> {
        let of = |one: &Person| [one.name.clone(), one.id_number.clone(), one.permit_number.clone()];
        self.people.iter().flat_map(of).collect()
    }

    /// Lines of the target's log that name a resident of its register (PRV-1), shortened and without the name.
    pub(crate) fn leaks(&self) -> Vec<String> {
        let log = String::from_utf8_lossy(&self.program.stderr()).into_owned();
        let secrets: Vec<&str> = self
            .residents
            .iter()
            .flat_map(|one| {
                [
                    one.name.as_str(),
                    one.id_number.as_str(),
                    one.permit_number.as_str(),
                ]
            })
            .collect();
        // Every name and number of this world has its mark or its county's prefix: most lines are told by that alone.
        let marks = ["示例", self.world.plan.region.as_str()];
        let suspicious = log
            .lines()
            .filter(|line| marks.iter().any(|mark| line.contains(mark)));
        let found = suspicious.filter_map(|line| {
            let secret = secrets.iter().find(|secret| line.contains(**secret))?;
            Some(line.replace(secret, "…").chars().take(200).collect())
        });
        found.take(20).collect()
    }

    /// Somebody plays a part: no refusal may name them.
    pub(crate) fn plays(&mut self, person: &Person) {
        self.people.push(person.clone());
    }
}
