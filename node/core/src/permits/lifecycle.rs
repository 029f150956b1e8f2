//! The moves of a permit's life, as pure functions: each consumes the state it starts from and gives the change to be written, or
//! refuses. Decree 663, articles 10 (endorsement), 11 (exchange and replacement); chapter 6.1 (what each move shows).
//!
//! | from \ move | endorse | lost | found | suspend | reinstate | cancel | replace |
//! |---|---|---|---|---|---|---|---|
//! | valid | ✓ | ✓ | | ✓ | | ✓ | ✓ |
//! | reported lost | | | ✓ | ✓ | | ✓ | ✓ |
//! | suspended | | | | | ✓ | ✓ | |
//! | cancelled, superseded | | | | | | | |
//!
//! A lapse is no state: an endorsement after the last day is late by the date alone. A suspended permit is neither endorsed nor
//! replaced before it is reinstated, or a suspension could be shaken off at the counter.

use comity_spec::attestation::ResidencePeriod;
use comity_spec::exchange::PermitStatus;
use comity_spec::ids::OfficerId;
use comity_spec::status::StatusValue;
use comity_spec::time::endorsement::{self, EndorsementProfile};
use comity_spec::time::{LocalDate, UnixSeconds};

use super::codes::{CancellationReason, Evidence, ReinstatementReason, SuspensionReason};
use super::refusal::Refusal;
use crate::ports::permits::{Permit, PermitChange, PermitEvent, PermitId};

/// Who acts, and when.
#[derive(Clone, Copy, Debug)]
pub struct Act<'a> {
    /// The officer's pseudonym.
    pub officer: &'a OfficerId,
    /// When.
    pub at: UnixSeconds,
}

impl Permit {
    /// Endorses for a further year, in time or late.
    ///
    /// # Errors
    /// Not in function; too early; too late for the county's profile.
    pub fn endorse(
        mut self,
        evidence: &[Evidence],
        profile: EndorsementProfile,
        act: Act<'_>,
    ) -> Result<PermitChange, Refusal> {
        self.must_be(&[PermitStatus::Valid])?;
        let today = LocalDate::of(act.at);
        let endorsed = endorsement::endorse(self.endorsed_until, self.anniversary, today, profile)
            .map_err(Refusal::Endorsement)?;
        if let Some(restart) = endorsed.residence_restart {
            // The period that ran ended with the permit's function; years count anew (article 10).
            if let Some(running) = self
                .details
                .residence_periods
                .last_mut()
                .filter(|period| period.until.is_none())
            {
                running.until = Some(self.endorsed_until.max(running.from));
            }
            self.details.residence_periods.push(ResidencePeriod {
                from: restart,
                until: None,
            });
            self.details.residence_since = restart;
        }
        self.endorsed_until = endorsed.until;
        self.anniversary = endorsed.anniversary;
        let event = PermitEvent::Endorsed {
            until: endorsed.until,
            restart: endorsed.residence_restart,
            evidence: codes(evidence),
        };
        Ok(self.changed(PermitStatus::Valid, event, StatusValue::Superseded, act))
    }

    /// Reported lost by its holder.
    ///
    /// # Errors
    /// Not in function.
    pub fn report_lost(self, act: Act<'_>) -> Result<PermitChange, Refusal> {
        self.must_be(&[PermitStatus::Valid])?;
        Ok(self.changed(
            PermitStatus::ReportedLost,
            PermitEvent::ReportedLost,
            StatusValue::Suspended,
            act,
        ))
    }

    /// Found again.
    ///
    /// # Errors
    /// Not reported lost.
    pub fn found(self, act: Act<'_>) -> Result<PermitChange, Refusal> {
        self.must_be(&[PermitStatus::ReportedLost])?;
        Ok(self.changed(PermitStatus::Valid, PermitEvent::Found, StatusValue::Valid, act))
    }

    /// Suspended by the county.
    ///
    /// # Errors
    /// Neither in function nor reported lost.
    pub fn suspend(self, reason: SuspensionReason, act: Act<'_>) -> Result<PermitChange, Refusal> {
        self.must_be(&[PermitStatus::Valid, PermitStatus::ReportedLost])?;
        let event = PermitEvent::Suspended {
            reason: reason.as_str().to_owned(),
        };
        Ok(self.changed(PermitStatus::Suspended, event, StatusValue::Suspended, act))
    }

    /// In function again after a suspension.
    ///
    /// # Errors
    /// Not suspended.
    pub fn reinstate(self, reason: ReinstatementReason, act: Act<'_>) -> Result<PermitChange, Refusal> {
        self.must_be(&[PermitStatus::Suspended])?;
        let event = PermitEvent::Reinstated {
            reason: reason.as_str().to_owned(),
        };
        Ok(self.changed(PermitStatus::Valid, event, StatusValue::Valid, act))
    }

    /// Cancelled for good. That two persons agreed is for the caller to see to; `act.officer` approved.
    ///
    /// # Errors
    /// Cancelled or replaced before.
    pub fn cancel(
        self,
        reason: CancellationReason,
        proposed_by: &OfficerId,
        act: Act<'_>,
    ) -> Result<PermitChange, Refusal> {
        self.must_be(&[
            PermitStatus::Valid,
            PermitStatus::Suspended,
            PermitStatus::ReportedLost,
        ])?;
        let event = PermitEvent::Cancelled {
            reason: reason.as_str().to_owned(),
            approved_by: act.officer.to_string(),
        };
        let mut change = self.changed(PermitStatus::Cancelled, event, StatusValue::Cancelled, act);
        change.actor = proposed_by.to_string();
        Ok(change)
    }

    /// Replaced by another permit, damaged or lost (article 11).
    ///
    /// # Errors
    /// Neither in function nor reported lost.
    pub fn replace(
        mut self,
        by: PermitId,
        evidence: &[Evidence],
        act: Act<'_>,
    ) -> Result<PermitChange, Refusal> {
        self.must_be(&[PermitStatus::Valid, PermitStatus::ReportedLost])?;
        self.replaced_by = Some(by);
        let event = PermitEvent::Replaced {
            by,
            evidence: codes(evidence),
        };
        Ok(self.changed(PermitStatus::Superseded, event, StatusValue::Superseded, act))
    }

    pub(super) fn must_be(&self, allowed: &[PermitStatus]) -> Result<(), Refusal> {
        if allowed.contains(&self.status) {
            Ok(())
        } else {
            Err(Refusal::Status(self.status))
        }
    }

    fn changed(
        mut self,
        status: PermitStatus,
        event: PermitEvent,
        bits: StatusValue,
        act: Act<'_>,
    ) -> PermitChange {
        let expected = self.version;
        self.version += 1;
        self.status = status;
        self.changed_at = act.at;
        PermitChange {
            permit: self,
            expected,
            event,
            actor: act.officer.to_string(),
            status: Some(bits),
        }
    }
}

pub(super) fn codes(evidence: &[Evidence]) -> Vec<String> {
    evidence.iter().map(|code| code.as_str().to_owned()).collect()
}
