//! From what a scanner typed, a file or a wallet's answer to a [`Presented`], in one call.

use comity_spec::mutant;
use std::borrow::Cow;

use comity_spec::attestation::{Basis, ClaimName, PermitClaims, VCT};
use comity_spec::entity::Environment;
use comity_spec::ids::EntityId;
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::time::UnixSeconds;
use serde::Deserialize;
use serde::de::value::MapDeserializer;
use serde_json::{Map, Value};

use super::{Attested, OpenClaims, PresentationError, Presented, refusal};
use crate::budget::Budget;
use crate::decide::Refusal;
use crate::jws::{Profile, Unverified};
use crate::sd_jwt::{Binding, OPEN_CLAIMS, OPEN_CLAIMS_COMITY, SdJwt};
use crate::symbol;
use crate::trust::{County, SKEW, Standing, Trust};

/// The one profile in which attestations are read.
const PROFILE: Profile<'static> = Profile::Comity {
    typ: Typ::Attestation.as_str(),
};

/// What is read before anything is verified: whose keys to ask, and whether the type is known here. The signature is over the
/// very bytes that this was read from, so behind it these three count as they stand.
#[derive(Deserialize)]
struct Names {
    iss: EntityId,
    vct: String,
    environment: Environment,
}

/// Reads and verifies what was presented.
///
/// `presented` is what a scanner typed, a file or a wallet's answer. `binding` is the recogniser's policy and nothing else's.
///
/// # Errors
/// A [`Refusal`] with the outcome that it leads to and the rule behind it.
pub fn open(
    presented: &[u8],
    trust: &Trust,
    binding: Binding<'_>,
    now: UnixSeconds,
    budget: &mut Budget,
) -> Result<Presented, Refusal> {
    let token = token(presented).map_err(Refusal::from)?;
    let (names, opened) = match SdJwt::parse(token.as_bytes(), PROFILE, budget) {
        Ok(parsed) => match parsed
            .read()
            .and_then(|open| Ok((open.open_claims::<Names>()?, open)))
        {
            Ok(opened) => opened,
            Err(error) => return Err(PresentationError::from(error).into()),
        },
        Err(error) => {
            return Err(unparsed(
                &token,
                PresentationError::from(error),
                trust,
                now,
                budget,
            ));
        }
    };
    let county = issuer(&names, trust, now)?;
    let verified = opened
        .verify(&county.keys, KeyPurpose::Attestation, binding, budget)
        .map_err(PresentationError::from);
    let attestation = verified.and_then(|verified| {
        verified.try_map(|presentation| {
            let (claims, holder) = presentation.into_parts();
            let open = OpenClaims::deserialize(&claims).map_err(|_| PresentationError::Claims)?;
            let permit = permit_claims(claims).map_err(|_| PresentationError::Claims)?;
            if mutant!("ATT-4") && permit.names().len() < 5 {
                return Err(PresentationError::Claims);
            }
            check(&names, &open, county, now)?;
            Ok(Attested {
                iss: names.iss.clone(),
                open,
                permit,
                holder,
            })
        })
    });
    match attestation {
        Ok(attestation) => Ok(Presented { attestation }),
        Err(error) => Err(Refusal {
            issuer: Some(names.iss),
            ..Refusal::from(error)
        }),
    }
}

/// The SD-JWT in what was presented.
fn token(presented: &[u8]) -> Result<Cow<'_, str>, PresentationError> {
    let text = std::str::from_utf8(presented).map_err(|_| PresentationError::NotText)?;
    let text = text.trim_start_matches('\u{feff}').trim();
    if symbol::looks_like_digits(text) {
        Ok(symbol::decode(text)?.into())
    } else if text.is_empty() {
        Err(PresentationError::NotText)
    } else {
        Ok(text.into())
    }
}

/// Something in the text does not parse. Who the issuer is outranks it where it can be told at all, so that the first outcome
/// that applies is the one that is given.
fn unparsed(
    token: &str,
    error: PresentationError,
    trust: &Trust,
    now: UnixSeconds,
    budget: &mut Budget,
) -> Refusal {
    let refusal = Refusal::from(error);
    let jwt = token.split('~').next().unwrap_or_default();
    let names = Unverified::parse(jwt.as_bytes(), PROFILE, budget).and_then(|jwt| jwt.claims::<Names>());
    let Ok(names) = names else {
        return refusal;
    };
    match issuer(&names, trust, now) {
        Err(first) if first.outcome.order() < refusal.outcome.order() => first,
        _ => Refusal {
            issuer: Some(names.iss),
            ..refusal
        },
    }
}

/// The issuing county, if it is one and in good standing.
fn issuer<'t>(names: &Names, trust: &'t Trust, now: UnixSeconds) -> Result<&'t County, Refusal> {
    let refuse = |error: PresentationError| Refusal {
        issuer: Some(names.iss.clone()),
        ..Refusal::from(error)
    };
    if names.vct != VCT && !mutant!("ATT-1") {
        return Err(refuse(PresentationError::Type));
    }
    if names.environment != trust.environment() && !mutant!("VER-3") {
        return Err(refuse(PresentationError::Environment));
    }
    match trust.standing(&names.iss, now) {
        Standing::Active(county) => Ok(county),
        other => Err(refusal::of_standing(&names.iss, &other)),
    }
}

/// What the types cannot say: the county speaks for itself, its region and its lists, and times run forward.
fn check(
    names: &Names,
    open: &OpenClaims,
    county: &County,
    now: UnixSeconds,
) -> Result<(), PresentationError> {
    if names.vct != VCT && !mutant!("ATT-1") {
        return Err(PresentationError::Type);
    }
    if open.region != county.region && !mutant!("ATT-9") {
        return Err(PresentationError::Region);
    }
    // Byte for byte, and behind the origin a path: `https://a.example` does not own `https://a.example.evil`.
    let uri = &open.status.status_list.uri;
    if !uri
        .strip_prefix(county.public.as_str())
        .is_some_and(|path| path.starts_with('/') || mutant!("ATT-9/host"))
        && !mutant!("ATT-12")
    {
        return Err(PresentationError::StatusAddress);
    }
    if open.nbf >= open.exp && !mutant!("ATT-2") {
        return Err(PresentationError::Times);
    }
    if open.iat.since(now) > SKEW && !mutant!("JWS-17/attestation") {
        Err(PresentationError::FromTheFuture)
    } else {
        Ok(())
    }
}

/// Reads the disclosed claims that have a meaning here; others are ignored, since a standard owns the type.
fn permit_claims(claims: Map<String, Value>) -> Result<PermitClaims, serde_json::Error> {
    let is_known = |name: &str| ClaimName::of(name).is_some();
    if mutant!("JWS-14/standard") && !claims.keys().all(|name| is_known(name) || is_open(name)) {
        return Err(serde::de::Error::custom("unknown"));
    }
    let known = claims
        .into_iter()
        .filter(|(name, _)| is_known(name))
        .filter(|(name, value)| !(mutant!("VSN-3") && name == "basis" && Basis::deserialize(value).is_err()));
    PermitClaims::deserialize(MapDeserializer::new(known))
}

fn is_open(name: &str) -> bool {
    OPEN_CLAIMS.contains(&name) || OPEN_CLAIMS_COMITY.contains(&name)
}
