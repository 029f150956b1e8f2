//! Outcomes 11 to 13: is there an agreement, is it in force, does it cover the service here. Decided before any status is read
//! or asked for, so that nobody learns about a permit what no agreement allows (DEC-10).
//!
//! Issuer and recogniser use the same [`covering_row`], so that one never asks for what the other refuses.

#![expect(
    clippy::result_large_err,
    reason = "an early verdict is the answer, made once per decision, and no rare error"
)]

use comity_spec::agreement::{Agreement, Service};
use comity_spec::entity::Environment;
use comity_spec::ids::{EntityId, ProviderId, Region, ServiceCode};
use comity_spec::mutant;
use comity_spec::outcome::Outcome;

use super::DecideInput;
use super::verdict::Verdict;
use crate::agreement::{Coverage, VerifiedAgreement};
use crate::trust::County;

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
        if mutant!("DEC-25")
            && agreement
                .parties
                .first()
                .is_none_or(|p| p.entity != *self.issuer.0)
        {
            return false;
        }
        agreement.environment == self.environment
            && (self.issuer.0 != self.recogniser.0 || mutant!("DEC-24"))
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
    let named = |row: &&Service| row.code == *service;
    #[cfg(feature = "mutants")]
    let named = |row: &&Service| named(row) || (mutant!("AGR-19") && part_of(service, &row.code));
    for row in agreement.services.iter().filter(named) {
        let holds_here = agreement.holds(row, scope.issuer.1, scope.recogniser.1);
        let first = agreement
            .parties
            .first()
            .is_some_and(|party| party.region == scope.issuer.1);
        let holds_here = (holds_here || mutant!("AGR-19/direction")) && (first || !mutant!("AGR-20"));
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
                if named.iter().any(|p| {
                    mutant!("AGR-19/provider") || (p.id == *chosen && p.region == scope.recogniser.1)
                }) {
                    return Ok(row);
                }
                cause = "service.provider";
            }
        }
    }
    Err(cause)
}

/// Whether the catalogue lists a service as a part of another.
#[cfg(feature = "mutants")]
fn part_of(service: &ServiceCode, whole: &ServiceCode) -> bool {
    comity_spec::catalogue::lookup(service).is_some_and(|known| known.is_part_of(whole))
}

/// A service that an agreement in force covers from this issuer at this window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Covered<'a> {
    pub(super) agreement: &'a VerifiedAgreement,
    pub(super) service: &'a Service,
    pub(super) issuer: &'a County,
}

/// `issuer` is the issuing county, where it is one in good standing.
pub(super) fn check<'a>(input: &DecideInput<'a>, issuer: Option<&'a County>) -> Result<Covered<'a>, Verdict> {
    let none = || Verdict::because(Outcome::NotInAgreement, "agreement.none");
    // An issuer that is no county in good standing was refused before; its absence here is only for totality.
    let issuer = issuer.ok_or_else(none)?;
    let (recogniser, today) = (input.recogniser.entity, input.today());
    let newest = match input.agreements.between(&issuer.entity, recogniser, today) {
        Coverage::InForce(agreement) => agreement,
        Coverage::NotInForce { agreement, because } => return Err(Verdict::not_in_force(agreement, because)),
        Coverage::None => match input.agreements.all().first() {
            Some(any) if mutant!("DEC-24") && issuer.entity == *recogniser => any,
            _ => return Err(none()),
        },
    };
    let scope = AgreementScope {
        issuer: (&issuer.entity, issuer.region),
        recogniser: (recogniser, input.recogniser.region),
        environment: input.trust.environment(),
    };
    // Several may be in force at once, each with its own services: the newest that covers counts, or the newest refuses.
    let refused = match in_one(newest, &scope, issuer, input) {
        Ok(covered) => return Ok(covered),
        Err(refused) => refused,
    };
    let others = input.agreements.in_force(&issuer.entity, recogniser, today);
    others
        .filter(|other| other.digest() != newest.digest())
        .find_map(|other| in_one(other, &scope, issuer, input).ok())
        .ok_or(refused)
}

fn in_one<'a>(
    agreement: &'a VerifiedAgreement,
    scope: &AgreementScope<'_>,
    issuer: &'a County,
    input: &DecideInput<'a>,
) -> Result<Covered<'a>, Verdict> {
    // Under the agreement only the pinned keys, and those they vouched for, speak for the issuer (AGR-12): a chain that
    // leads to others may be somebody above the county speaking in its name.
    let in_chain = |key| {
        issuer
            .federation_keys
            .entries()
            .iter()
            .any(|e| e.key.thumbprint() == key)
    };
    let signers = agreement
        .signers()
        .iter()
        .filter(|signer| signer.party == issuer.entity);
    let signed_by_chain = signers.map(|signer| &signer.key).all(in_chain) || !mutant!("AGR-13");
    if !agreement.speaks_for(issuer) || !signed_by_chain {
        return Err(
            Verdict::because(Outcome::IssuerSuspended, "agreement.keys-not-vouched").under(agreement),
        );
    }
    if !scope.is_within(agreement.agreement()) {
        return Err(Verdict::because(Outcome::NotInAgreement, "agreement.regions"));
    }
    match covering_row(agreement.agreement(), scope, input.service, input.provider) {
        Ok(service) => Ok(Covered {
            agreement,
            service,
            issuer,
        }),
        Err(cause) => Err(Verdict::because(Outcome::ServiceNotCovered, cause).under(agreement)),
    }
}
