//! Issues both forms of a permit's attestation at once: the holder at the window does not wait for the background.

use comity_spec::exchange::PermitStatus;
use comity_spec::ids::Digest;
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::mutant;
use comity_spec::status::StatusValue;
use comity_spec::time::UnixSeconds;

use super::allocator::Drawn;
use super::sd_jwt::Draft;
use super::{IssueError, Issuer};
use crate::ports::attestations::{Form, Issuance};
use crate::ports::permits::Permit;
use crate::ports::row_id;
use crate::ports::signer::SignerError;
use crate::ports::store::{StoreError, Write};
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
    let signed = sign_forms(issuer, std::slice::from_ref(permit)).await?;
    if signed.issued.is_empty() {
        return Ok(None);
    }
    Ok(Some(signed.commit("issue attestation", Vec::new()).await?))
}

/// Whether there is anything to attest: neither cancelled nor replaced, and endorsed to today or later.
#[must_use]
pub fn is_attestable(permit: &Permit, now: UnixSeconds) -> bool {
    !matches!(permit.status, PermitStatus::Cancelled | PermitStatus::Superseded)
        && permit.endorsed_until.end_of_day() > now
}

/// Attestations that are signed and not stored.
pub(crate) struct Signed<'a> {
    pub(crate) issued: Vec<Issuance>,
    drawn: Drawn<'a>,
}

impl Signed<'_> {
    /// Stores them after `writes`, in the same commit, beside other commits.
    pub(crate) async fn commit(
        self,
        name: &'static str,
        mut writes: Vec<Write>,
    ) -> Result<Vec<Issuance>, StoreError> {
        let issuance = |issuance: &Issuance| Write::Issuance(Box::new(issuance.clone()));
        writes.extend(self.issued.iter().map(issuance));
        self.drawn.commit(name, writes).await?;
        Ok(self.issued)
    }
}

/// Signs both forms of each attestable permit in one call of the key's keeper. Stores nothing.
pub(crate) async fn sign_forms<'a>(
    issuer: &Issuer<'a>,
    permits: &[Permit],
) -> Result<Signed<'a>, IssueError> {
    let now = issuer.clock.now();
    let source_as_of = issuer.source_as_of().await?;
    let signer = issuer
        .signers
        .of(KeyPurpose::Attestation)
        .map_err(SigningError::Signer)?;
    let forms: Vec<_> = permits
        .iter()
        .filter(|permit| is_attestable(permit, now))
        .flat_map(|permit| [(permit, Form::Full), (permit, Form::Card)])
        .filter(|(permit, form)| *form == Form::Card || permit.version == 1 || !mutant!("ATT-8"))
        .collect();
    let drawn = issuer.allocator.draw(issuer, forms.len(), now).await?;
    let mut drafts = Vec::with_capacity(forms.len());
    for ((permit, form), place) in forms.into_iter().zip(drawn.places()) {
        let draft = Draft::new(issuer, permit, form, place, now, source_as_of)?;
        drafts.push((permit, form, place, draft));
    }
    let claims: Vec<_> = drafts.iter().map(|(.., draft)| &draft.claims).collect();
    let signed = if claims.is_empty() {
        Vec::new()
    } else {
        compact_batch(signer.as_ref(), Typ::Attestation, &claims).await?
    };
    if signed.len() != drafts.len() {
        return Err(SigningError::Signer(SignerError::Unavailable {
            purpose: KeyPurpose::Attestation,
            reason: format!("{} signatures for {} messages", signed.len(), drafts.len()),
        })
        .into());
    }
    let issued = drafts
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
        .collect();
    Ok(Signed { issued, drawn })
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
