//! The issuer's side of coverage: agreement, version, service, institution, claims. Decided before a person is looked up.
//!
//! The rule that decides which row of an agreement covers a service is the recogniser's too ([`covering_row`]): one function,
//! so that both sides always agree on it.

use comity_spec::exchange::VerificationRequest;
use comity_spec::mutant;
use comity_spec::time::{LocalDate, UnixSeconds};

use super::RequestError;
use crate::agreement::{Agreements, VerifiedAgreement};
use crate::decide::{AgreementScope, covering_row};
use crate::trust::County;

pub(super) fn check(
    request: &VerificationRequest,
    agreements: &Agreements,
    recogniser: &County,
    issuer: &County,
    now: UnixSeconds,
) -> Result<(), RequestError> {
    let agreement = named(request, agreements, recogniser, issuer, LocalDate::of(now))?;
    // A chain that leads to keys nobody pinned may be somebody above the county speaking in its name (AGR-12).
    if !agreement.speaks_for(recogniser) {
        return Err(RequestError::KeysNotVouched);
    }
    let scope = AgreementScope {
        issuer: (&issuer.entity, issuer.region),
        recogniser: (&recogniser.entity, recogniser.region),
        environment: issuer.environment,
    };
    if !scope.is_within(agreement.agreement()) {
        return Err(RequestError::AgreementUnknown);
    }
    let row = covering_row(
        agreement.agreement(),
        &scope,
        &request.service,
        request.provider.as_ref(),
    )
    .map_err(|rule| RequestError::ServiceNotCovered { rule })?;
    match request.claims.iter().find(|claim| !row.claims.contains(claim)) {
        Some(_) if mutant!("VER-7") => Ok(()),
        Some(claim) => Err(RequestError::ClaimsNotAllowed { claim: *claim }),
        None => Ok(()),
    }
}

/// The agreement that the request names, in force today in the very version that it names.
fn named<'a>(
    request: &VerificationRequest,
    agreements: &'a Agreements,
    recogniser: &'a County,
    issuer: &'a County,
    today: LocalDate,
) -> Result<&'a VerifiedAgreement, RequestError> {
    let has_id = |one: &&VerifiedAgreement| one.agreement().id == request.agreement.id;
    let mut in_force = agreements
        .in_force(&issuer.entity, &recogniser.entity, today)
        .filter(has_id);
    if let Some(current) = in_force.next() {
        let current_is_named = current.reference() == request.agreement;
        return if current_is_named || mutant!("VER-6") {
            Ok(current)
        } else {
            Err(RequestError::AgreementVersion {
                current: current.reference(),
            })
        };
    }
    let between_us = |one: &&VerifiedAgreement| {
        one.party(&issuer.entity).is_some() && one.party(&recogniser.entity).is_some()
    };
    let known = agreements.all().iter().filter(has_id).any(|one| between_us(&one));
    Err(if known {
        RequestError::AgreementNotInForce
    } else {
        RequestError::AgreementUnknown
    })
}
