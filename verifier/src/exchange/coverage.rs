//! The issuer's side of coverage: agreement, version, service, institution, claims. Decided before a person is looked up.
//!
//! The rule that decides which row of an agreement covers a service is the recogniser's too ([`crate::decide`]): one function,
//! so that both sides always agree on it.

use comity_spec::exchange::VerificationRequest;

use super::RequestError;
use crate::decide::{AgreementFinding, AgreementScope, covering_row};
use crate::trust::County;

pub(super) fn check(
    request: &VerificationRequest,
    finding: AgreementFinding<'_>,
    recogniser: &County,
    issuer: &County,
) -> Result<(), RequestError> {
    let (agreement, reference) = match finding {
        AgreementFinding::None => return Err(RequestError::AgreementUnknown),
        AgreementFinding::NotInForce { reference, .. } if reference.id != request.agreement.id => {
            return Err(RequestError::AgreementUnknown);
        }
        AgreementFinding::NotInForce { .. } => return Err(RequestError::AgreementNotInForce),
        AgreementFinding::InForce { agreement, reference } => (agreement, reference),
    };
    if request.agreement.id != reference.id {
        return Err(RequestError::AgreementUnknown);
    }
    if request.agreement != *reference {
        return Err(RequestError::AgreementVersion {
            current: reference.clone(),
        });
    }
    let scope = AgreementScope {
        issuer: (&issuer.entity, issuer.region),
        recogniser: (&recogniser.entity, recogniser.region),
        environment: issuer.environment,
    };
    if !scope.is_within(agreement) {
        return Err(RequestError::AgreementUnknown);
    }
    let service = covering_row(agreement, &scope, &request.service, request.provider.as_ref())
        .map_err(|rule| RequestError::ServiceNotCovered { rule })?;
    match request
        .claims
        .iter()
        .find(|claim| !service.claims.contains(claim))
    {
        Some(claim) => Err(RequestError::ClaimsNotAllowed { claim: *claim }),
        None => Ok(()),
    }
}
