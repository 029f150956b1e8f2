//! What the use cases of this folder share: the office's ports and rules, reading a permit, and carrying out a change with its
//! attestations in one commit, beside the commits of others.

use comity_spec::exchange::{PermitStatus, SubjectNumber};
use comity_spec::ids::{CitizenNumber, OfficerId, PermitNumber};
use comity_spec::time::endorsement::EndorsementProfile;
use comity_spec::time::{LocalDate, UnixSeconds};

use super::lifecycle::Act;
use super::numbering::{Counter, SERIAL};
use super::refusal::{NotEntitled, PermitError, Refusal};
use crate::attestations::issue_for_permit::sign_forms;
use crate::attestations::{IssueError, Issuer};
use crate::ports::attestations::Issuance;
use crate::ports::officers::Role;
use crate::ports::permits::{Permit, PermitChange, PermitId};
use crate::ports::store::{Conflict, Row, StoreError, Write};

/// How often a change is tried when another process took the same index or number.
const ATTEMPTS: u32 = 4;

/// What the county adds to the national rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PermitPolicy {
    /// Whether permits are issued here. Only for a county without a register of its own: with one, the register alone changes
    /// permits, and this node mirrors it.
    pub local_issuing: bool,
    /// Late endorsement.
    pub endorsement: EndorsementProfile,
    /// Months for which a card is good, where local rules limit it (`None` = no limit).
    pub card_validity_months: Option<u16>,
}

/// The office that keeps the permits of a county, with its ports and rules.
#[derive(Clone, Copy)]
pub struct Bureau<'a> {
    /// Who issues, and the ports.
    pub issuer: Issuer<'a>,
    /// Permit numbers given here, and turns.
    pub counter: &'a Counter,
    /// The county's rules.
    pub policy: PermitPolicy,
}

/// A change that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The permit as it is now.
    pub permit: Permit,
    /// Attestations issued with the change, both forms; empty when what the permit says did not change.
    pub attestations: Vec<Issuance>,
}

impl Bureau<'_> {
    /// Refuses where the county's register keeps the permits.
    pub(super) fn must_issue_here(&self) -> Result<(), Refusal> {
        if self.policy.local_issuing {
            Ok(())
        } else {
            Err(Refusal::LocalIssuingOff)
        }
    }

    /// Where an act on a permit begins, and a proposal of one: the county issues here, and whoever acts is an active officer with the role
    /// of an issuer. The register's mirror does not come this way, it is nobody's act.
    pub(super) async fn admit(&self, officer: &OfficerId) -> Result<(), PermitError> {
        self.must_issue_here()?;
        self.must_be_active(officer, Role::Issuer).await
    }

    /// Refuses who is no officer of this node, is deactivated, or has not that role.
    pub(super) async fn must_be_active(&self, officer: &OfficerId, role: Role) -> Result<(), PermitError> {
        let why = match self.issuer.store.officer(officer).await? {
            None => NotEntitled::Unknown,
            Some(known) if !known.active => NotEntitled::Inactive,
            Some(known) if !known.roles.contains(&role) => NotEntitled::Lacks(role),
            Some(_) => return Ok(()),
        };
        Err(Refusal::NotEntitled(why).into())
    }

    pub(super) async fn permit(&self, id: PermitId) -> Result<Permit, PermitError> {
        let permit = self.issuer.store.permit(id).await?;
        Ok(permit.ok_or(Refusal::NotFound)?)
    }

    pub(super) fn act<'o>(&self, officer: &'o OfficerId) -> Act<'o> {
        Act {
            officer,
            at: self.now(),
        }
    }

    pub(super) fn now(&self) -> UnixSeconds {
        self.issuer.clock.now()
    }

    pub(super) fn today(&self) -> LocalDate {
        LocalDate::of(self.now())
    }

    /// Writes a change that alters nothing an attestation says.
    pub(super) async fn record(
        &self,
        name: &'static str,
        change: PermitChange,
        also: Vec<Write>,
    ) -> Result<Done, PermitError> {
        let permit = change.permit.clone();
        let mut writes = also;
        writes.push(Write::Permit(Box::new(change)));
        self.issuer.store.commit(name, writes).await?;
        Ok(Done {
            permit,
            attestations: Vec::new(),
        })
    }

    /// Writes changes and the attestations of the last one's permit in one commit.
    pub(super) async fn record_and_attest(
        &self,
        name: &'static str,
        changes: impl Fn(&PermitNumber) -> Result<Vec<PermitChange>, Refusal> + Send + Sync,
        numbering: Numbering<'_>,
    ) -> Result<Done, PermitError> {
        let mut tries = 1;
        loop {
            match self.attempt(name, &changes, numbering).await {
                Err(PermitError::Store(StoreError::Conflict(
                    Conflict::Exists(Row::StatusIndex | Row::StatusList) | Conflict::Missing(Row::StatusList),
                ))) if tries < ATTEMPTS => tries += 1,
                Err(PermitError::Store(StoreError::Conflict(Conflict::Exists(Row::PermitNumber))))
                    if tries < ATTEMPTS =>
                {
                    self.counter.doubt().await;
                    tries += 1;
                }
                done => return done,
            }
        }
    }

    async fn attempt(
        &self,
        name: &'static str,
        changes: &(impl Fn(&PermitNumber) -> Result<Vec<PermitChange>, Refusal> + Send + Sync),
        numbering: Numbering<'_>,
    ) -> Result<Done, PermitError> {
        let issuer = &self.issuer;
        // Kept until the commit is answered: another window must see this permit, or not have been given the same person.
        let _turn = match numbering {
            Numbering::First(person) => Some(self.counter.turn_of(person).await),
            Numbering::New | Numbering::Kept(_) => None,
        };
        let mut also = Vec::new();
        let number = match numbering {
            Numbering::Kept(number) => number.clone(),
            Numbering::New => self.next_number(&mut also).await?,
            Numbering::First(person) => {
                self.must_hold_none(person).await?;
                self.next_number(&mut also).await?
            }
        };
        let changes = changes(&number)?;
        let Some(permit) = changes.last().map(|change| change.permit.clone()) else {
            return Err(Refusal::NotFound.into());
        };
        let signed = sign_forms(issuer, std::slice::from_ref(&permit)).await?;
        let mut all: Vec<_> = changes
            .into_iter()
            .map(|change| Write::Permit(Box::new(change)))
            .collect();
        all.append(&mut also);
        let attestations = signed.commit(name, all).await.map_err(IssueError::from)?;
        Ok(Done { permit, attestations })
    }

    /// A number that was never given, and the write that remembers it.
    async fn next_number(&self, writes: &mut Vec<Write>) -> Result<PermitNumber, PermitError> {
        let issuer = &self.issuer;
        let serial = self
            .counter
            .draw(issuer.store)
            .await?
            .ok_or(Refusal::OutOfNumbers)?;
        writes.push(Write::Raise {
            key: SERIAL,
            value: u64::from(serial),
        });
        let year = u16::try_from(self.today().year()).map_err(|_| Refusal::OutOfNumbers)?;
        Ok(PermitNumber::assign(issuer.region, year, serial).map_err(Refusal::from)?)
    }

    /// One person, one permit of this county in force.
    async fn must_hold_none(&self, person: &CitizenNumber) -> Result<(), PermitError> {
        let number = SubjectNumber::IdNumber(person.clone());
        let held = self.issuer.store.permits_by_number(&number).await?;
        let in_force =
            |permit: &Permit| !matches!(permit.status, PermitStatus::Cancelled | PermitStatus::Superseded);
        if held.iter().any(in_force) {
            return Err(Refusal::AlreadyHolds.into());
        }
        Ok(())
    }
}

/// Whether a change gives out a permit number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbering<'a> {
    /// It does, to a person who must hold none.
    First(&'a CitizenNumber),
    /// It does, in place of another.
    New,
    /// It does not: the permit keeps this one.
    Kept(&'a PermitNumber),
}
