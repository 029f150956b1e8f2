//! Which agreement governs a case between two counties on a day, and whether the other party still speaks under it.
//!
//! Several agreements may be in force at once; the one named, or else the first that covers the service, governs. A party's
//! present keys count only when a key pinned in the agreement vouches for them (protocol §5): a stolen province key alone cannot
//! put words in a county's mouth.

use comity_spec::agreement::AgreementRef;
use comity_spec::ids::{AgreementId, EntityId, ProviderId, ServiceCode};
use comity_spec::time::{LocalDate, UnixSeconds};
use comity_verifier::agreement::{Agreements, Coverage, VerifiedAgreement};
use comity_verifier::decide::{AgreementFinding, AgreementScope, covering_row};
use comity_verifier::trust::County;

/// The agreement of a case.
#[derive(Debug)]
pub(crate) enum Governing<'a> {
    /// None was ever adopted.
    None,
    /// There is one, not in force.
    NotInForce(&'a VerifiedAgreement, AgreementRef),
    /// In force.
    InForce(&'a VerifiedAgreement, AgreementRef),
}

impl<'a> Governing<'a> {
    /// The agreement with this id where it is in force, else the newest there is: what a request that names one is held against.
    pub(crate) fn named(
        agreements: &'a Agreements,
        issuer: &'a EntityId,
        recogniser: &'a EntityId,
        id: &AgreementId,
        now: UnixSeconds,
    ) -> Self {
        let today = LocalDate::of(now);
        let named = agreements
            .in_force(issuer, recogniser, today)
            .find(|one| one.agreement().id == *id);
        named.map_or_else(
            || Self::of(agreements.between(issuer, recogniser, today)),
            |one| Self::InForce(one, one.reference()),
        )
    }

    /// The first agreement in force that covers the service, else the newest there is.
    pub(crate) fn covering(
        agreements: &'a Agreements,
        scope: &AgreementScope<'a>,
        service: &ServiceCode,
        provider: Option<&ProviderId>,
        now: UnixSeconds,
    ) -> Self {
        let today = LocalDate::of(now);
        let (issuer, recogniser) = (scope.issuer.0, scope.recogniser.0);
        let covering = agreements
            .in_force(issuer, recogniser, today)
            .find(|one| covering_row(one.agreement(), scope, service, provider).is_ok());
        covering.map_or_else(
            || Self::of(agreements.between(issuer, recogniser, today)),
            |one| Self::InForce(one, one.reference()),
        )
    }

    fn of(coverage: Coverage<'a>) -> Self {
        match coverage {
            Coverage::None => Self::None,
            Coverage::NotInForce { agreement, .. } => Self::NotInForce(agreement, agreement.reference()),
            Coverage::InForce(agreement) => Self::InForce(agreement, agreement.reference()),
        }
    }

    /// As a decision takes it.
    pub(crate) fn finding(&self) -> AgreementFinding<'_> {
        match self {
            Self::None => AgreementFinding::None,
            Self::NotInForce(agreement, reference) => AgreementFinding::NotInForce {
                agreement: agreement.agreement(),
                reference,
            },
            Self::InForce(agreement, reference) => AgreementFinding::InForce {
                agreement: agreement.agreement(),
                reference,
            },
        }
    }

    /// Whether the county's present configuration counts under the agreement in force. True where none is: then nothing of the
    /// county is believed in any case.
    pub(crate) fn is_spoken_for_by(&self, county: &County) -> bool {
        match self {
            Self::InForce(agreement, _) => agreement.speaks_for(county),
            Self::None | Self::NotInForce(..) => true,
        }
    }
}
