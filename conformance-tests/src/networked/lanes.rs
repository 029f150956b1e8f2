//! Several targets side by side, each in a world and a folder of its own: which of them plays which case, and what is told of it when.
//!
//! A case is played on one target, after its twin passed on that same target, also where another played that twin already: what one
//! target accepts says nothing of a refusal by another. Targets share nothing but the list of what is left to play. What came of the
//! cases is told in the order of the register, whoever was first. With one target all of it is the plain order.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::UnboundedSender;

use super::judge::{beforehand, beside_twin};
use super::record::Outcome;
use super::run::play;
use super::stage;
use crate::Failure;
use crate::cases::{Case, lineage};
use crate::class::Class;
use crate::scene::{Scene, Target};
use crate::target::contract::Role;
use crate::target::file::TargetFile;
use crate::verdict::Verdict;
use crate::world::plan::Plan;

/// So many cases are worth a target of their own: it has to be started and taken in first.
const WORTH_A_TARGET: usize = 12;

/// Cases that wait for the clock, ten seconds or more: begun early, a run does not end with waiting for them.
const SLOW: [&str; 3] = [
    "issuer/slow",
    "recogniser/list-drips",
    "node/withdrawal-sent-after-kill",
];

/// What happens on the lanes.
pub(super) enum Event {
    /// The target of this lane is up, and was taken into its federation.
    Up(usize, Box<Target>),
    /// The case at this place came to this.
    Case(usize, Outcome),
    /// A target was ended: what its log names, and what was wrong with its end.
    Ended(Vec<String>, Option<String>),
}

/// The cases that were asked for, in the order in which they are told, and which of them are left.
pub(super) struct Queue {
    cases: Vec<&'static Case>,
    left: Mutex<Left>,
}

struct Left {
    taken: Vec<bool>,
    counties: usize,
    authorities: usize,
    over: bool,
}

impl Left {
    /// How many targets of this role play now.
    const fn playing(&mut self, role: Role) -> &mut usize {
        match role {
            Role::County => &mut self.counties,
            Role::Authority => &mut self.authorities,
        }
    }
}

impl Queue {
    /// All of these are left.
    pub(super) fn new(cases: Vec<&'static Case>) -> Self {
        let left = Left {
            taken: vec![false; cases.len()],
            counties: 0,
            authorities: 0,
            over: false,
        };
        Self {
            cases,
            left: Mutex::new(left),
        }
    }

    /// The case at this place.
    pub(super) fn case(&self, place: usize) -> Option<&'static Case> {
        self.cases.get(place).copied()
    }

    /// How many targets are worth starting, of so many that may run.
    pub(super) fn lanes(&self, allowed: usize) -> usize {
        allowed.min(self.cases.len().div_ceil(WORTH_A_TARGET)).max(1)
    }

    /// Nothing more is played.
    pub(super) fn end(&self) {
        self.left().over = true;
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, left: &Left, role: Role) -> Vec<usize> {
        let open = |place: &usize| !left.taken[*place] && role_of(self.cases[*place]) == role;
        (0..self.cases.len()).filter(open).collect()
    }

    /// How many cases of this role nobody took yet.
    fn count(&self, role: Role) -> usize {
        self.open(&self.left(), role).len()
    }

    /// Takes the next case of this role. The first lane goes on in order, so that there is something to tell; the others begin with
    /// what takes longest, and then prefer what rests on a twin that passed on their own target. A twin that nobody took yet goes before
    /// what rests on it.
    fn take(&self, role: Role, first: bool, done: &BTreeMap<&'static str, Verdict>) -> Option<usize> {
        let mut left = self.left();
        if left.over {
            return None;
        }
        let open = self.open(&left, role);
        let rests_here = |place: &&usize| {
            let twin = self.cases[**place].twin;
            twin.is_some_and(|twin| done.get(twin) == Some(&Verdict::Pass))
        };
        let preferred = || {
            let slow = open.iter().find(|place| SLOW.contains(&self.cases[**place].name));
            slow.or_else(|| open.iter().find(rests_here))
        };
        let place = (!first).then(preferred).flatten().or(open.first()).copied()?;
        let line = lineage(self.cases[place]);
        let twin = open
            .iter()
            .find(|other| line.iter().any(|one| one.name == self.cases[**other].name));
        let place = twin.copied().unwrap_or(place);
        left.taken[place] = true;
        Some(place)
    }

    /// A target begins to play cases of this role.
    fn begins(&self, role: Role) {
        *self.left().playing(role) += 1;
    }

    /// Whether a target that is lost may leave what is left to others of its role. The last one may not: what it cannot play is unknown.
    fn leaves(&self, role: Role) -> bool {
        let mut left = self.left();
        let playing = left.playing(role);
        let others = *playing > 1;
        if others {
            *playing -= 1;
        }
        others
    }
}

/// Whom a case needs: an authority is another target than a county. A twin is of the class of its case.
fn role_of(case: &Case) -> Role {
    if case.class == Class::Authority {
        Role::Authority
    } else {
        Role::County
    }
}

/// One target after the other, county or authority, in one world.
pub(super) struct Lane {
    /// Its place beside the others, of so many.
    pub(super) place: usize,
    /// How many there are.
    pub(super) of: usize,
    /// The working folder.
    pub(super) folder: PathBuf,
    /// What is judged.
    pub(super) file: Arc<TargetFile>,
    /// Its world.
    pub(super) plan: Plan,
    /// What is played.
    pub(super) queue: Arc<Queue>,
    /// Who is told.
    pub(super) told: UnboundedSender<Event>,
}

impl Lane {
    /// Plays until nothing is left.
    pub(super) async fn run(self) -> Result<(), Failure> {
        let played = self.roles().await;
        if played.is_err() {
            self.queue.end();
        }
        played
    }

    /// The last of several begins with the authority. With the other role each helps where that is worth a start; alone, it plays both.
    async fn roles(&self) -> Result<(), Failure> {
        let mut roles = [Role::County, Role::Authority];
        if self.of > 1 && self.place + 1 == self.of {
            roles.reverse();
        }
        for (turn, role) in roles.into_iter().enumerate() {
            let enough = if turn == 0 || self.of == 1 {
                1
            } else {
                WORTH_A_TARGET
            };
            if self.queue.count(role) >= enough {
                self.plays(role).await?;
            }
        }
        Ok(())
    }

    /// Plays cases of this role on one target, and ends it.
    async fn plays(&self, role: Role) -> Result<(), Failure> {
        self.queue.begins(role);
        let mut quiet = |_: &str| {};
        let plan = self.plan.clone();
        let mut scene = match role {
            Role::County => stage::set(&self.folder, &self.file, plan, &mut quiet).await?,
            Role::Authority => stage::set_authority(&self.folder, &self.file, plan, &mut quiet).await?,
        };
        self.tell(Event::Up(self.place, Box::new(scene.target.clone())));
        let mut done = BTreeMap::new();
        while let Some(place) = self.queue.take(role, self.place == 0, &done) {
            let outcome = self.judged(&mut scene, self.queue.cases[place], &mut done).await;
            self.tell(Event::Case(place, outcome));
            if scene.program.is_lost() && self.queue.leaves(role) {
                break;
            }
        }
        let leaks = scene.leaks();
        let stopped = scene.program.stop().await;
        scene.world.close().await;
        self.tell(Event::Ended(leaks, stopped.err().map(|fault| fault.to_string())));
        Ok(())
    }

    /// Judges a case, after the twins on which it rests that this target did not play yet.
    async fn judged(
        &self,
        scene: &mut Scene,
        case: &'static Case,
        done: &mut BTreeMap<&'static str, Verdict>,
    ) -> Outcome {
        for twin in lineage(case) {
            if !done.contains_key(twin.name) {
                let outcome = self.one(scene, twin, done).await;
                done.insert(twin.name, outcome.verdict);
            }
        }
        let outcome = self.one(scene, case, done).await;
        done.insert(case.name, outcome.verdict.clone());
        outcome
    }

    async fn one(
        &self,
        scene: &mut Scene,
        case: &'static Case,
        done: &BTreeMap<&'static str, Verdict>,
    ) -> Outcome {
        let of_twin = case.twin.and_then(|twin| done.get(twin));
        if let Some(verdict) = beforehand(case, of_twin, &self.file) {
            return Outcome::unplayed(verdict);
        }
        let mut outcome = play(scene, case).await;
        outcome.verdict = beside_twin(case, of_twin, outcome.verdict);
        let target = format!("target {} in {}", scene.target.entity, self.plan.named("target"));
        outcome.transcript.insert(0, target);
        outcome
    }

    fn tell(&self, event: Event) {
        // Whoever listened broke the run off, and nothing is left to take.
        let _ = self.told.send(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::{all, find, in_order};

    fn places(queue: &Queue, role: Role, first: bool) -> Vec<usize> {
        let mut done = BTreeMap::new();
        std::iter::from_fn(|| {
            let place = queue.take(role, first, &done)?;
            done.insert(queue.cases[place].name, Verdict::Pass);
            Some(place)
        })
        .collect()
    }

    #[test]
    fn one_lane_plays_everything_once_and_in_order() {
        let queue = Queue::new(in_order(&all()));
        let counties = places(&queue, Role::County, true);
        let authorities = places(&queue, Role::Authority, true);
        assert!(counties.is_sorted() && authorities.is_sorted());
        assert_eq!(counties.len() + authorities.len(), all().len());
        assert!(!authorities.is_empty());
    }

    #[test]
    fn a_lane_beside_begins_with_what_takes_longest_and_a_twin_goes_first() {
        let queue = Queue::new(in_order(&all()));
        let order = places(&queue, Role::County, false);
        assert!(SLOW.iter().all(|name| find(name).is_some()));
        let slow = |place: &usize| SLOW.contains(&queue.cases[*place].name);
        let last_slow = order.iter().rposition(slow).unwrap();
        let before = &order[..last_slow];
        assert!(
            before.len() < 12,
            "only they and their twins go before: {}",
            before.len()
        );
        for (at, place) in order.iter().enumerate() {
            if let Some(twin) = queue.cases[*place].twin {
                let of_twin = order.iter().position(|other| queue.cases[*other].name == twin);
                assert!(of_twin.unwrap() < at, "{}", queue.cases[*place].name);
            }
        }
    }

    #[test]
    fn nothing_is_taken_twice_nor_after_the_end_and_the_last_target_stays() {
        let cases: Vec<_> = in_order(&all()).into_iter().take(3).collect();
        let queue = Queue::new(cases);
        let none = BTreeMap::new();
        assert_eq!(queue.take(Role::County, true, &none), Some(0));
        assert_ne!(queue.take(Role::County, false, &none), Some(0));
        queue.begins(Role::County);
        queue.begins(Role::County);
        assert!(queue.leaves(Role::County));
        assert!(
            !queue.leaves(Role::County),
            "somebody has to say that the rest is unknown"
        );
        queue.end();
        assert_eq!(queue.take(Role::County, true, &none), None);
    }

    #[test]
    fn a_target_is_started_where_it_is_worth_it() {
        let some = |count| Queue::new(in_order(&all()).into_iter().take(count).collect());
        assert_eq!(some(1).lanes(4), 1);
        assert_eq!(some(WORTH_A_TARGET + 1).lanes(4), 2);
        assert_eq!(some(200).lanes(4), 4);
        assert_eq!(some(200).lanes(1), 1);
        assert_eq!(
            lineage(find("issuer/slow").unwrap()).last().unwrap().name,
            find("issuer/slow").unwrap().twin.unwrap()
        );
    }
}
