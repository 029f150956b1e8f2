//! The residence permit as an SD-JWT VC (RFC 9901; chapter 5): open claims, one disclosure per claim of the person, decoy
//! digests up to a constant count, digests shuffled.
//!
//! Full form: every claim that the permit has. Card form: five claims and one decoy. The count of digests tells nothing about
//! the permit, and neither does their order. Salts are 128 bits. This module signs nothing and stores nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comity_spec::attestation::{
    AttestationClaims, CARD_CLAIMS, CARD_DIGESTS, ClaimName, FULL_DIGESTS, PermitClaims, StatusClaim,
    StatusReference, VCT,
};
use comity_spec::mutant;
use comity_spec::time::UnixSeconds;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::allocator::Place;
use super::{IssueError, Issuer};
use crate::ports::Rng;
use crate::ports::attestations::Form;
use crate::ports::permits::{Permit, PermitDetails};

/// An attestation that lacks only its signature.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What is signed.
    pub claims: AttestationClaims,
    disclosures: Vec<String>,
}

impl Draft {
    /// The attestation of a permit in one form, with its status at `place`.
    ///
    /// # Errors
    /// [`IssueError::Claims`] and [`IssueError::TooManyClaims`], defects of ours.
    pub fn new(
        issuer: &Issuer<'_>,
        permit: &Permit,
        form: Form,
        place: &Place,
        now: UnixSeconds,
        source_as_of: UnixSeconds,
    ) -> Result<Self, IssueError> {
        let disclosed = disclosable(&permit.details, form)?;
        let digests = match form {
            Form::Full => FULL_DIGESTS,
            Form::Card => CARD_DIGESTS - usize::from(mutant!("ATT-6/card")),
        };
        let (disclosures, sd) = conceal(issuer.rng, &disclosed, digests)?;
        let claims = AttestationClaims {
            iss: issuer.entity.clone(),
            vct: VCT.to_owned(),
            iat: now,
            // A register may hold a permit that begins on a day to come.
            nbf: now.max(permit.details.issue_date.start_of_day()),
            exp: permit
                .endorsed_until
                .end_of_day()
                .plus_saturating(i64::from(mutant!("ATT-5/issued"))),
            status: StatusClaim {
                status_list: StatusReference {
                    idx: u64::from(place.index),
                    uri: place.uri.clone(),
                },
            },
            source_as_of,
            region: issuer.region,
            environment: issuer.environment,
            cnf: None,
            sd,
            sd_alg: Some("sha-256".to_owned()),
        };
        Ok(Self { claims, disclosures })
    }

    /// The token, with every disclosure, from the signed claims.
    #[must_use]
    pub fn token(&self, signed: &str) -> String {
        let mut token = signed.to_owned();
        token.push('~');
        for disclosure in &self.disclosures {
            token.push_str(disclosure);
            token.push('~');
        }
        token
    }
}

/// What a permit says, as claims.
#[must_use]
pub fn claims_of(details: &PermitDetails) -> PermitClaims {
    let d = details.clone();
    PermitClaims {
        name: Some(d.name),
        sex: Some(d.sex),
        ethnicity: Some(d.ethnicity),
        birth_date: Some(d.birth_date),
        id_number: Some(d.id_number),
        hukou_address: Some(d.hukou_address),
        residence_address: Some(d.residence_address),
        issuing_authority: Some(d.issuing_authority),
        issue_date: Some(d.issue_date),
        permit_number: Some(d.permit_number),
        tier: Some(d.tier),
        basis: Some(d.basis),
        residence_since: Some(d.residence_since),
        residence_periods: (!d.residence_periods.is_empty()).then_some(d.residence_periods),
        insured_months: d.insured_months,
        points_standard_met: d.points_standard_met,
        residence_region: Some(d.residence_region),
        credential_class: Some(d.credential_class),
        id_type: Some(d.id_type),
        previous_ids: (!d.previous_ids.is_empty()).then_some(d.previous_ids),
        card_valid_until: d.card_valid_until,
        elc_id: d.elc_id,
    }
}

/// The claims of a form, by name, in the order of the specification.
fn disclosable(details: &PermitDetails, form: Form) -> Result<Vec<(&'static str, Value)>, IssueError> {
    let claims = match form {
        Form::Full => claims_of(details),
        Form::Card => claims_of(details).limited_to(&CARD_CLAIMS),
    };
    let mut members: Map<String, Value> = match serde_json::to_value(claims)? {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    Ok(ClaimName::ALL
        .iter()
        .filter_map(|name| Some((name.as_str(), members.remove(name.as_str())?)))
        .collect())
}

/// Disclosures in the order of the claims, and all digests shuffled, decoys up to `count` among them.
fn conceal(
    rng: &dyn Rng,
    claims: &[(&'static str, Value)],
    count: usize,
) -> Result<(Vec<String>, Vec<String>), IssueError> {
    if claims.len() > count {
        return Err(IssueError::TooManyClaims {
            claims: claims.len(),
            digests: count,
        });
    }
    let mut disclosures = Vec::with_capacity(claims.len());
    let mut digests = Vec::with_capacity(count);
    for (name, value) in claims {
        let salt = if mutant!("ATT-7/salt") {
            URL_SAFE_NO_PAD.encode(rng.bytes::<12>())
        } else {
            URL_SAFE_NO_PAD.encode(rng.bytes::<16>())
        };
        let disclosure = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&(salt, name, value))?);
        digests.push(digest(disclosure.as_bytes()));
        disclosures.push(disclosure);
    }
    while digests.len() < count && !mutant!("ATT-6") {
        digests.push(digest(&rng.bytes::<32>()));
    }
    let shuffled = if mutant!("ATT-7") { 0 } else { digests.len() };
    for last in (1..shuffled).rev() {
        let other = rng.below(u32::try_from(last + 1).unwrap_or(u32::MAX));
        digests.swap(last, other as usize);
    }
    Ok((disclosures, digests))
}

fn digest(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
}
