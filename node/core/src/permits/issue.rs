//! Issues a permit here, for a county without a register of its own (Decree 663, articles 2, 4, 8 and 9). Free of charge
//! (article 21). What is missing is told all at once (一次性告知). Permit, event, number and both attestations are one commit.

use comity_spec::attestation::{
    Basis, CredentialClass, IdType, InsuredMonths, PointsStandard, ResidencePeriod, Tier,
};
use comity_spec::exchange::PermitStatus;
use comity_spec::ids::{CitizenNumber, OfficerId, PermitNumber};
use comity_spec::time::{LocalDate, LocalDateError, endorsement};
use serde::{Deserialize, Serialize};

use super::codes::Evidence;
use super::lifecycle::codes;
use super::office::{Bureau, Done, Numbering};
use super::refusal::{Missing, PermitError, Refusal};
use crate::ports::permits::{Permit, PermitChange, PermitDetails, PermitEvent, PermitId};
use crate::ports::row_id;

/// What an applicant states, also as the file that a command reads. Sex and date of birth follow from the number, and so cannot contradict
/// it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each field is documented at the claim of the same name in comity_spec::attestation"
)]
pub struct Application {
    pub name: String,
    pub ethnicity: String,
    #[serde(default)]
    pub id_type: IdType,
    pub id_number: CitizenNumber,
    pub hukou_address: String,
    pub residence_address: String,
    pub issuing_authority: String,
    pub tier: Tier,
    pub basis: Basis,
    pub residence_since: LocalDate,
    #[serde(default)]
    pub insured_months: Option<InsuredMonths>,
    #[serde(default)]
    pub points_standard_met: Option<PointsStandard>,
    #[serde(default)]
    pub previous_ids: Vec<String>,
}

/// Issues a permit today.
///
/// # Errors
/// [`PermitError`]: no active issuer, something is missing, the person holds a permit, the county has a register; then nothing was
/// changed.
pub async fn issue(
    bureau: &Bureau<'_>,
    application: Application,
    evidence: &[Evidence],
    officer: &OfficerId,
) -> Result<Done, PermitError> {
    bureau.admit(officer).await?;
    check_texts(&application)?;
    let missing = missing(&application, evidence, bureau.today()).map_err(Refusal::from)?;
    if !missing.is_empty() {
        return Err(Refusal::Missing(missing).into());
    }
    let id = PermitId(row_id(bureau.issuer.clock, bureau.issuer.rng));
    let change = |number: &PermitNumber| {
        let permit = permit(bureau, id, application.clone(), number.clone())?;
        Ok(vec![PermitChange {
            permit,
            expected: 0,
            event: PermitEvent::Issued {
                evidence: codes(evidence),
            },
            actor: officer.to_string(),
            status: None,
        }])
    };
    bureau
        .record_and_attest("issue permit", change, Numbering::First(&application.id_number))
        .await
}

/// What is missing for an issue on that day: everything, so that nobody has to come a third time.
///
/// # Errors
/// At the end of the calendar.
pub fn missing(
    application: &Application,
    evidence: &[Evidence],
    today: LocalDate,
) -> Result<Vec<Missing>, LocalDateError> {
    let mut missing = Vec::new();
    let from = application.residence_since.plus_months(6)?;
    if today < from {
        missing.push(Missing::HalfAYear { from });
    }
    if !evidence.iter().any(|code| code.proves_half_a_year()) {
        missing.push(Missing::ProofOfResidence(those(|code| code.proves_half_a_year())));
    }
    missing.extend(proof_of_basis(application.basis, evidence));
    Ok(missing)
}

pub(super) fn proof_of_basis(basis: Basis, evidence: &[Evidence]) -> Option<Missing> {
    let proved = evidence.iter().any(|code| code.proves(basis));
    (!proved).then(|| Missing::ProofOfBasis(those(|code| code.proves(basis))))
}

fn those(of: impl Fn(Evidence) -> bool) -> Vec<Evidence> {
    Evidence::ALL.iter().copied().filter(|code| of(*code)).collect()
}

fn check_texts(application: &Application) -> Result<(), Refusal> {
    let texts = [
        ("姓名 name", &application.name, 100),
        ("民族 ethnicity", &application.ethnicity, 30),
        ("户籍地址 hukou_address", &application.hukou_address, 200),
        ("居住地址 residence_address", &application.residence_address, 200),
        ("签发机关 issuing_authority", &application.issuing_authority, 100),
    ];
    for (field, text, most) in texts {
        let fits = (1..=most).contains(&text.chars().count());
        if !fits || text.trim() != text || text.chars().any(char::is_control) {
            return Err(Refusal::Text(field));
        }
    }
    Ok(())
}

fn permit(
    bureau: &Bureau<'_>,
    id: PermitId,
    application: Application,
    permit_number: PermitNumber,
) -> Result<Permit, Refusal> {
    let today = bureau.today();
    Ok(Permit {
        id,
        version: 1,
        status: PermitStatus::Valid,
        endorsed_until: endorsement::endorsed_until(today)?,
        anniversary: today,
        replaced_by: None,
        changed_at: bureau.now(),
        details: PermitDetails {
            permit_number,
            name: application.name,
            sex: application.id_number.sex(),
            ethnicity: application.ethnicity,
            birth_date: application.id_number.birth_date(),
            id_type: application.id_type,
            id_number: application.id_number,
            hukou_address: application.hukou_address,
            residence_address: application.residence_address,
            residence_region: bureau.issuer.region,
            issuing_authority: application.issuing_authority,
            issue_date: today,
            tier: application.tier,
            basis: application.basis,
            residence_since: application.residence_since,
            residence_periods: vec![ResidencePeriod {
                from: application.residence_since,
                until: None,
            }],
            insured_months: application.insured_months,
            points_standard_met: application.points_standard_met,
            credential_class: CredentialClass::Decree663,
            previous_ids: application.previous_ids,
            card_valid_until: card_valid_until(bureau, today)?,
            elc_id: None,
        },
    })
}

/// Last day of the card, where local rules limit it.
pub(super) fn card_valid_until(
    bureau: &Bureau<'_>,
    issued: LocalDate,
) -> Result<Option<LocalDate>, LocalDateError> {
    bureau
        .policy
        .card_validity_months
        .map(|months| issued.plus_months(i32::from(months))?.plus_days(-1))
        .transpose()
}
