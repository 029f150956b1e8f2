//! All agreements that a node holds, and the answer to "is there one in force between these two on that day?".
//!
//! Version N holds until the day on which N+1 takes effect. Two different successors of one version (or two different first
//! versions of one id) that one party signed are void, both: nobody can know which one it meant (AGR-16); the version
//! before them then holds on. A successor of something void, or of another version N than the one held, is void too.

use comity_spec::mutant;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use comity_spec::ids::{AgreementId, Digest, EntityId};
use comity_spec::time::LocalDate;

use super::{VerifiedAgreement, VerifiedWithdrawal};

/// The agreements of a node. Immutable; share it in an `Arc`.
#[derive(Clone, Debug, Default)]
pub struct Agreements {
    all: Vec<VerifiedAgreement>,
    withdrawals: Vec<VerifiedWithdrawal>,
    /// Places in `all`, by digest: those that count for nothing.
    void: BTreeSet<usize>,
    /// Places in `all`, per id, by rising version.
    versions: BTreeMap<AgreementId, Vec<usize>>,
    /// First effective day of a withdrawal, by digest of the agreement.
    withdrawn: HashMap<Digest, LocalDate>,
    /// Ids, per pair of entities in both orders.
    pairs: HashMap<EntityId, HashMap<EntityId, BTreeSet<AgreementId>>>,
}

/// What holds between two counties on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage<'a> {
    /// This agreement.
    InForce(&'a VerifiedAgreement),
    /// There is one, but it is not in force.
    NotInForce {
        /// The one of which the reason is told.
        agreement: &'a VerifiedAgreement,
        /// Why.
        because: Because,
    },
    /// There is none and was none.
    None,
}

/// Why an agreement is not in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// It takes effect on this day.
    NotYet(LocalDate),
    /// This was its last day.
    Ended(LocalDate),
    /// A withdrawal ended it; from this day it is not in force.
    Withdrawn(LocalDate),
    /// Contradictory versions were signed.
    Void,
}

impl Agreements {
    /// Takes what was verified or adopted. An agreement given twice counts once.
    #[must_use]
    pub fn new(agreements: Vec<VerifiedAgreement>, withdrawals: Vec<VerifiedWithdrawal>) -> Self {
        let mut set = Self {
            withdrawals,
            ..Self::default()
        };
        let mut seen = BTreeSet::new();
        set.all = agreements
            .into_iter()
            .filter(|one| seen.insert(*one.digest()))
            .collect();
        // A stable order whatever the order of loading.
        set.all.sort_by(|a, b| key(a).cmp(&key(b)));
        for (at, one) in set.all.iter().enumerate() {
            set.versions
                .entry(one.agreement().id.clone())
                .or_default()
                .push(at);
            for a in &one.agreement().parties {
                for b in one.agreement().parties.iter().filter(|b| b.entity != a.entity) {
                    let ids = set
                        .pairs
                        .entry(a.entity.clone())
                        .or_default()
                        .entry(b.entity.clone())
                        .or_default();
                    ids.insert(one.agreement().id.clone());
                }
            }
        }
        for one in &set.withdrawals {
            let from = one.ends_from();
            let day = set
                .withdrawn
                .entry(one.withdrawal().agreement.digest)
                .or_insert(from);
            *day = from.min(*day);
        }
        set.void = void(&set.all, &set.versions);
        set
    }

    /// Every agreement, void ones included.
    #[must_use]
    pub fn all(&self) -> &[VerifiedAgreement] {
        &self.all
    }

    /// Every withdrawal.
    #[must_use]
    pub fn withdrawals(&self) -> &[VerifiedWithdrawal] {
        &self.withdrawals
    }

    /// The agreement with this payload digest, in force or not.
    #[must_use]
    pub fn by_digest(&self, digest: &Digest) -> Option<&VerifiedAgreement> {
        self.all.iter().find(|one| one.digest() == digest)
    }

    /// What holds between an issuer and a recogniser on a day. Should several agreements be in force, the one that took effect
    /// last; [`Agreements::in_force`] gives them all. When none is, the reason is told of the newest.
    #[must_use]
    pub fn between(&self, issuer: &EntityId, recogniser: &EntityId, on: LocalDate) -> Coverage<'_> {
        let from = |at: &usize| (self.all[*at].agreement().effective_from, *at);
        if let Some(at) = self.places_in_force(issuer, recogniser, on).max_by_key(from) {
            return Coverage::InForce(&self.all[at]);
        }
        let newest = self
            .ids(issuer, recogniser)
            .filter_map(|id| self.newest(id, issuer, recogniser))
            .max_by_key(from);
        newest.map_or(Coverage::None, |at| Coverage::NotInForce {
            agreement: &self.all[at],
            because: self.because(at, on),
        })
    }

    /// Every agreement in force between two counties on a day.
    pub fn in_force<'a>(
        &'a self,
        issuer: &'a EntityId,
        recogniser: &'a EntityId,
        on: LocalDate,
    ) -> impl Iterator<Item = &'a VerifiedAgreement> {
        self.places_in_force(issuer, recogniser, on)
            .map(|at| &self.all[at])
    }

    fn ids<'a>(&'a self, a: &EntityId, b: &EntityId) -> impl Iterator<Item = &'a AgreementId> {
        self.pairs.get(a).and_then(|of| of.get(b)).into_iter().flatten()
    }

    fn places_in_force<'a>(
        &'a self,
        issuer: &'a EntityId,
        recogniser: &'a EntityId,
        on: LocalDate,
    ) -> impl Iterator<Item = usize> + 'a {
        self.ids(issuer, recogniser).filter_map(move |id| {
            let at = self.ruling(id, on)?;
            (has(&self.all[at], issuer, recogniser) && self.holds(at, on)).then_some(at)
        })
    }

    /// The version of an id that rules on a day: the highest that has taken effect, whatever became of it since.
    fn ruling(&self, id: &AgreementId, on: LocalDate) -> Option<usize> {
        let versions = self.versions.get(id)?.iter().rev().copied();
        versions
            .filter(|at| !self.void.contains(at))
            .find(|at| self.all[*at].agreement().effective_from <= on || mutant!("AGR-15"))
    }

    fn holds(&self, at: usize, on: LocalDate) -> bool {
        let one = &self.all[at];
        one.agreement()
            .effective_until
            .is_none_or(|until| on <= until || mutant!("AGR-14"))
            && self
                .withdrawn
                .get(one.digest())
                .is_none_or(|from| on < *from || mutant!("AGR-18/effect"))
    }

    /// The highest version of an id with both parties, void ones last.
    fn newest(&self, id: &AgreementId, issuer: &EntityId, recogniser: &EntityId) -> Option<usize> {
        let versions = || self.versions.get(id).into_iter().flatten().rev().copied();
        let with_both = |at: &usize| has(&self.all[*at], issuer, recogniser);
        versions()
            .filter(|at| !self.void.contains(at))
            .find(with_both)
            .or_else(|| versions().find(with_both))
    }

    fn because(&self, at: usize, on: LocalDate) -> Because {
        let one = self.all[at].agreement();
        let withdrawn = self.withdrawn.get(self.all[at].digest()).copied();
        if self.void.contains(&at) {
            return Because::Void;
        }
        if let Some(from) = withdrawn.filter(|from| *from <= on || *from <= one.effective_from) {
            return Because::Withdrawn(from);
        }
        if on < one.effective_from {
            return Because::NotYet(one.effective_from);
        }
        match one.effective_until {
            Some(until) if until < on => Because::Ended(until),
            // In force by itself, so a later version without this party took its place.
            _ => Because::Ended(
                self.successor_from(at)
                    .and_then(|d| d.plus_days(-1).ok())
                    .unwrap_or(on),
            ),
        }
    }

    fn successor_from(&self, at: usize) -> Option<LocalDate> {
        let one = self.all[at].agreement();
        let later = self
            .versions
            .get(&one.id)?
            .iter()
            .filter(|other| !self.void.contains(other));
        later
            .map(|other| self.all[*other].agreement())
            .find(|a| a.version > one.version)
            .map(|a| a.effective_from)
    }
}

fn key(one: &VerifiedAgreement) -> (&AgreementId, u32, &Digest) {
    (&one.agreement().id, one.agreement().version, one.digest())
}

fn has(one: &VerifiedAgreement, a: &EntityId, b: &EntityId) -> bool {
    one.party(a).is_some() && one.party(b).is_some()
}

/// The places of all that contradict one another, and of what rests on them.
fn void(all: &[VerifiedAgreement], versions: &BTreeMap<AgreementId, Vec<usize>>) -> BTreeSet<usize> {
    let mut void = BTreeSet::new();
    for places in versions.values() {
        for (n, a) in places.iter().enumerate() {
            for b in &places[n + 1..] {
                let (one, other) = (&all[*a], &all[*b]);
                let rivals = (one.agreement().prev == other.agreement().prev && !mutant!("AGR-16/prev"))
                    || one.agreement().version == other.agreement().version;
                let common = one.signers.iter().any(|s| other.party(&s.party).is_some());
                if rivals && common && !mutant!("AGR-16") {
                    void.extend([*a, *b]);
                }
            }
        }
        // By rising version: a predecessor is judged before its successor.
        for at in places {
            let one = all[*at].agreement();
            let before = places
                .iter()
                .filter(|b| all[**b].agreement().version.checked_add(1) == Some(one.version));
            let mut held = before.peekable();
            if held.peek().is_some() {
                let rests = held.any(|b| Some(*all[*b].digest()) == one.prev && !void.contains(b));
                if !rests && !mutant!("AGR-16/succeeds") {
                    void.insert(*at);
                }
            }
        }
    }
    void
}
