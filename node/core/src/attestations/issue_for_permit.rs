//! Issues both forms of a permit's attestation at once: the holder at the window does not wait for the background.

use comity_spec::exchange::PermitStatus;
use comity_spec::ids::Digest;
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::status::StatusValue;
use comity_spec::time::UnixSeconds;

use super::allocator::Lease;
use super::sd_jwt::Draft;
use super::{IssueError, Issuer};
use crate::ports::attestations::{Form, Issuance};
use crate::ports::permits::Permit;
use crate::ports::row_id;
use crate::ports::signer::SignerError;
use crate::ports::store::Write;
use crate::signing::{SigningError, compact_batch};

/// Issues both forms for a permit as it is stored, and returns them.
///
/// `None` when there is nothing to attest: the permit is cancelled or replaced, or its last day has passed.
///
/// # Errors
/// [`IssueError`]; a conflict of the store when the permit was changed in the meantime.
pub async fn issue_for_permit(
    issuer: &Issuer<'_>,
    permit: &Permit,
) -> Result<Option<Vec<Issuance>>, IssueError> {
    let mut lease = issuer
        .allocator
        .lease(issuer.store, issuer.rng, issuer.public_base)
        .await?;
    let issued = sign_forms(issuer, &mut lease, std::slice::from_ref(permit)).await?;
    if issued.is_empty() {
        return Ok(None);
    }
    lease.commit("issue attestation", writes(&issued)).await?;
    Ok(Some(issued))
}

/// Whether there is anything to attest: neither cancelled nor replaced, and endorsed to today or later.
#[must_use]
pub fn is_attestable(permit: &Permit, now: UnixSeconds) -> bool {
    !matches!(permit.status, PermitStatus::Cancelled | PermitStatus::Superseded)
        && permit.endorsed_until.end_of_day() > now
}

/// Signs both forms of each attestable permit in one call of the key's keeper. Stores nothing.
pub(crate) async fn sign_forms(
    issuer: &Issuer<'_>,
    lease: &mut Lease<'_>,
    permits: &[Permit],
) -> Result<Vec<Issuance>, IssueError> {
    let now = issuer.clock.now();
    let source_as_of = issuer.source_as_of().await?;
    let signer = issuer
        .signers
        .of(KeyPurpose::Attestation)
        .map_err(SigningError::Signer)?;
    let mut drafts = Vec::with_capacity(permits.len() * 2);
    for permit in permits.iter().filter(|permit| is_attestable(permit, now)) {
        for form in [Form::Full, Form::Card] {
            let place = lease.next(now);
            let draft = Draft::new(issuer, permit, form, &place, now, source_as_of)?;
            drafts.push((permit, form, place, draft));
        }
    }
    if drafts.is_empty() {
        return Ok(Vec::new());
    }
    let claims: Vec<_> = drafts.iter().map(|(.., draft)| &draft.claims).collect();
    let signed = compact_batch(signer.as_ref(), Typ::Attestation, &claims).await?;
    if signed.len() != drafts.len() {
        return Err(SigningError::Signer(SignerError::Unavailable {
            purpose: KeyPurpose::Attestation,
            reason: format!("{} signatures for {} messages", signed.len(), drafts.len()),
        })
        .into());
    }
    Ok(drafts
        .into_iter()
        .zip(&signed)
        .map(|((permit, form, place, draft), signed)| {
            let token = draft.token(signed);
            Issuance {
                id: row_id(issuer.clock, issuer.rng),
                permit: permit.id,
                permit_version: permit.version,
                form,
                list: place.list,
                index: place.index,
                position: place.position,
                iat: now,
                exp: draft.claims.exp,
                status: status_bits(permit.status),
                digest: Digest::of(&token),
                token,
            }
        })
        .collect())
}

pub(crate) fn writes(issued: &[Issuance]) -> Vec<Write> {
    issued
        .iter()
        .map(|issuance| Write::Issuance(Box::new(issuance.clone())))
        .collect()
}

/// What the status list shows for a permit's state.
#[must_use]
pub const fn status_bits(status: PermitStatus) -> StatusValue {
    match status {
        PermitStatus::Valid => StatusValue::Valid,
        PermitStatus::Cancelled => StatusValue::Cancelled,
        PermitStatus::Suspended | PermitStatus::ReportedLost => StatusValue::Suspended,
        PermitStatus::Superseded => StatusValue::Superseded,
    }
}
