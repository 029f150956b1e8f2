//! What is told about a person: finding the one permit, saying no more than allowed, and always in the same size.
//!
//! A look-up that finds nobody and one with a wrong name end in the same content and size, after the same steps: one read by
//! number, a comparison of names, one signature (VER-15). Which of the two it was is said to nobody and kept nowhere.

use comity_spec::attestation::ClaimName;
use comity_spec::exchange::{
    LookupResult, PermitState, PermitStatus, RESPONSE_LIFETIME, RESPONSE_SIZE, SubjectNumber,
    VerificationRequest, VerificationResponse,
};
use comity_spec::ids::{Digest, EntityId};
use comity_spec::jose::Typ;
use comity_spec::mutant;
use comity_spec::time::UnixSeconds;
use comity_verifier::holder_name::{self, NameMatch};

use crate::attestations::sd_jwt::claims_of;
use crate::ports::permits::Permit;
use crate::signing::protected_header;

/// base64url characters of a 64-byte signature.
const SIGNATURE_CHARS: usize = 86;
/// Compared where no record was found, so that a comparison is made on both paths.
const NOBODY: &str = "查无此人示例";

/// The permit that the subject names, if there is one.
///
/// A name matches when it is the same bytes. One that only folds to the same counts where the name is among the claims told, so
/// that the recogniser sees the difference and a person compares; where it is not told nobody could, and it is no match.
pub(crate) fn matching<'a>(request: &VerificationRequest, found: &'a [Permit]) -> Option<&'a Permit> {
    let name_is_told = request.claims.contains(&ClaimName::Name);
    let same_person = |name: &str| match holder_name::compare(&request.subject.name, name) {
        NameMatch::Same => true,
        NameMatch::Near => name_is_told,
        NameMatch::Different => mutant!("VER-15"),
    };
    if found.is_empty() {
        // For the time it takes; a name like this one matches no record, since there is none.
        std::hint::black_box(same_person(NOBODY));
    }
    let bears_number = |permit: &Permit| match &request.subject.number {
        SubjectNumber::IdNumber(number) => permit.details.id_number == *number,
        SubjectNumber::PermitNumber(number) => permit.details.permit_number == *number,
    };
    // Newest first, as the store gives them. A replaced permit is told of only where nothing replaced it in the same name.
    let matching = || {
        found
            .iter()
            .filter(|permit| bears_number(permit) && same_person(&permit.details.name))
    };
    matching()
        .find(|permit| permit.status != PermitStatus::Superseded)
        .or_else(|| matching().next())
}

/// What an answer rests on besides the permit.
pub(crate) struct Frame<'a> {
    /// This node.
    pub(crate) me: &'a EntityId,
    /// The request.
    pub(crate) request: &'a VerificationRequest,
    /// Its bytes' digest.
    pub(crate) request_digest: Digest,
    /// When the register was last read completely.
    pub(crate) source_as_of: UnixSeconds,
    /// Now.
    pub(crate) now: UnixSeconds,
}

impl Frame<'_> {
    /// The answer, without its padding.
    pub(crate) fn answer(&self, permit: Option<&Permit>) -> VerificationResponse {
        let state = permit.map(|permit| PermitState {
            status: permit.status,
            valid_from: permit.details.issue_date,
            endorsed_until: permit.endorsed_until,
            card_valid_until: permit.details.card_valid_until,
        });
        VerificationResponse {
            iss: self.me.clone(),
            aud: self.request.iss.clone(),
            iat: self.now,
            exp: self.now.plus_saturating(RESPONSE_LIFETIME),
            in_reply_to: self.request_digest,
            result: if permit.is_some() {
                LookupResult::Match
            } else {
                LookupResult::NoMatch
            },
            permit_state: state.filter(|_| !mutant!("VER-11/told")),
            claims: permit.map(|permit| claims_of(&permit.details).limited_to(&self.request.claims)),
            agreement: self.request.agreement.clone(),
            // A register that was read after this answer began is not newer than the answer.
            source_as_of: self.source_as_of.min(self.now),
            environment: self.request.environment,
            pad: String::new(),
            ext: None,
        }
    }
}

/// Fills the answer up, so that its compact JWS has [`RESPONSE_SIZE`] bytes, or the next multiple of it that holds what is told.
///
/// # Errors
/// When it does not serialise, a defect of ours.
pub(crate) fn pad(
    mut answer: VerificationResponse,
    kid: &comity_spec::ids::Thumbprint,
) -> Result<VerificationResponse, serde_json::Error> {
    answer.pad.clear();
    let plain = serde_json::to_vec(&answer)?.len();
    let around = protected_header(Typ::VerificationResponse, kid).len() + SIGNATURE_CHARS + 2;
    let mut size = RESPONSE_SIZE;
    // The largest payload whose base64url fits; a length that base64url does not have (4n + 1) falls one short.
    let payload = loop {
        let room = size.saturating_sub(around) * 3 / 4;
        if room >= plain {
            break room;
        }
        size += RESPONSE_SIZE;
    };
    answer.pad = "0".repeat(payload - plain);
    Ok(answer)
}
