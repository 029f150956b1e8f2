//! Outcomes 11 to 13: is there an agreement, is it in force, does it cover the service here. Decided before any status is read
//! or asked for, so that nobody learns about a permit what no agreement allows (protocol §8, minimum necessary).
//!
//! Issuer and recogniser use the same [`covering_row`], so that one never asks for what the other refuses.

use comity_spec::agreement::{Agreement, AgreementRef, Service};
use comity_spec::entity::Environment;
use comity_spec::ids::{EntityId, ProviderId, Region, ServiceCode};
use comity_spec::outcome::Outcome;

use super::verdict::Verdict;
use super::{AgreementFinding, DecideInput};

/// Whose permits at whose windows: what an agreement has to be about.
#[derive(Clone, Copy, Debug)]
pub struct AgreementScope<'a> {
    /// The county that issued the permit.
    pub issuer: (&'a EntityId, Region),
    /// The county whose window it is shown at.
    pub recogniser: (&'a EntityId, Region),
    /// Where both work.
    pub environment: Environment,
}

impl AgreementScope<'_> {
    /// Whether an agreement is between these two, with these regions, in this environment.
    #[must_use]
    pub fn is_within(&self, agreement: &Agreement) -> bool {
        let is_party = |(entity, region): (&EntityId, Region)| {
            agreement
                .parties
                .iter()
                .any(|party| party.entity == *entity && party.region == region)
        };
        agreement.environment == self.environment
            && self.issuer.0 != self.recogniser.0
            && is_party(self.issuer)
            && is_party(self.recogniser)
    }
}

/// The first row of an agreement that covers a service in this direction at this institution.
///
/// # Errors
/// Stable name of what does not match: `service.not-listed`, `service.direction`, `service.provider-needed` or
/// `service.provider`; of several rows of one service, that of the last.
pub fn covering_row<'a>(
    agreement: &'a Agreement,
    scope: &AgreementScope<'_>,
    service: &ServiceCode,
    provider: Option<&ProviderId>,
) -> Result<&'a Service, &'static str> {
    let mut cause = "service.not-listed";
    for row in agreement.services.iter().filter(|row| row.code == *service) {
        // A row without a direction holds both ways, and in an agreement that is not reciprocal no way at all.
        let holds_here = row.direction.map_or(agreement.reciprocal, |direction| {
            direction.issuer == scope.issuer.1 && direction.recogniser == scope.recogniser.1
        });
        if !holds_here {
            cause = "service.direction";
            continue;
        }
        let Some(named) = &row.providers else {
            return Ok(row);
        };
        match provider {
            None => cause = "service.provider-needed",
            Some(chosen) => {
                if named
                    .iter()
                    .any(|p| p.id == *chosen && p.region == scope.recogniser.1)
                {
                    return Ok(row);
                }
                cause = "service.provider";
            }
        }
    }
    Err(cause)
}

/// A service that the agreement covers from this issuer at this window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Covered<'a> {
    pub(super) agreement: &'a Agreement,
    pub(super) reference: &'a AgreementRef,
    pub(super) service: &'a Service,
    pub(super) issuer: Region,
}

pub(super) fn check<'a>(input: &DecideInput<'a>) -> Result<Covered<'a>, Verdict> {
    let none = || Verdict::because(Outcome::NotInAgreement, "agreement.none");
    let (agreement, reference, in_force) = match input.agreement {
        AgreementFinding::None => return Err(none()),
        AgreementFinding::NotInForce { agreement, reference } => (agreement, reference, false),
        AgreementFinding::InForce { agreement, reference } => (agreement, reference, true),
    };
    // The finding is about these two by contract; an agreement of others, or of a test, covers nothing all the same.
    let (Some(issuer), Some(region)) = input.issuer() else {
        return Err(none());
    };
    let scope = AgreementScope {
        issuer: (issuer, region),
        recogniser: (input.recogniser.entity, input.recogniser.region),
        environment: input.recogniser.environment,
    };
    if !scope.is_within(agreement) {
        return Err(none());
    }
    if !in_force {
        return Err(Verdict::not_in_force(agreement, reference));
    }
    match covering_row(agreement, &scope, input.service, input.provider) {
        Ok(service) => Ok(Covered {
            agreement,
            reference,
            service,
            issuer: region,
        }),
        Err(cause) => Err(Verdict::because(Outcome::ServiceNotCovered, cause).under(reference)),
    }
}
