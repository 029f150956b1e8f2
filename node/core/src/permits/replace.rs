//! Replaces a damaged or lost permit by a new one with a new number (Decree 663, article 11). The endorsement and the years of
//! residence go over unchanged; the old permit is superseded. Both changes and the new attestations are one commit. The cost fee
//! of article 21 is collected elsewhere.

use comity_spec::exchange::PermitStatus;
use comity_spec::ids::{OfficerId, PermitNumber};

use super::codes::Evidence;
use super::issue::card_valid_until;
use super::lifecycle::codes;
use super::office::{Bureau, Done, Numbering};
use super::refusal::PermitError;
use crate::ports::permits::{Permit, PermitChange, PermitDetails, PermitEvent, PermitId};
use crate::ports::row_id;

/// Replaces a permit and returns the new one.
///
/// # Errors
/// [`PermitError`]: no active issuer, neither in function nor reported lost, or the county has a register; then nothing was changed.
pub async fn replace(
    bureau: &Bureau<'_>,
    permit: PermitId,
    evidence: &[Evidence],
    officer: &OfficerId,
) -> Result<Done, PermitError> {
    bureau.admit(officer).await?;
    let old = bureau.permit(permit).await?;
    let act = bureau.act(officer);
    let new = PermitId(row_id(bureau.issuer.clock, bureau.issuer.rng));
    let replaced = old.clone().replace(new, evidence, act)?;
    let today = bureau.today();
    let changes = |number: &PermitNumber| {
        let details = PermitDetails {
            permit_number: number.clone(),
            issue_date: today,
            card_valid_until: card_valid_until(bureau, today)?,
            elc_id: None,
            ..old.details.clone()
        };
        let successor = PermitChange {
            permit: Permit {
                id: new,
                version: 1,
                details,
                status: PermitStatus::Valid,
                endorsed_until: old.endorsed_until,
                anniversary: old.anniversary,
                replaced_by: None,
                changed_at: act.at,
            },
            expected: 0,
            event: PermitEvent::Issued {
                evidence: codes(evidence),
            },
            actor: officer.to_string(),
            status: None,
        };
        Ok(vec![replaced.clone(), successor])
    };
    bureau
        .record_and_attest("replace permit", changes, Numbering::New)
        .await
}
