//! The checks themselves: who signed, for whom, when, under which agreement, and about whom.

use comity_spec::attestation::PermitClaims;
use comity_spec::entity::Environment;
use comity_spec::exchange::{
    Hint, LookupResult, REQUEST_LIFETIME, RESPONSE_LIFETIME, SKEW, SubjectNumber, VerificationRequest,
    VerificationResponse,
};
use comity_spec::ids::{Digest, EntityId};
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::mutant;
use comity_spec::time::UnixSeconds;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{HINT_LIFETIME, LookedUp, MAX_HINTED, Parties, RequestError, ResponseError, coverage};
use crate::agreement::Agreements;
use crate::budget::Budget;
use crate::holder_name::{self, NameMatch};
use crate::jws::{Profile, Unverified, Verified};
use crate::presentation::refusal::of_standing;
use crate::trust::{County, Standing, Trust};

/// Verifies a look-up request at the issuer.
///
/// # Errors
/// [`RequestError`], for the first rule broken; nothing was looked up by then.
pub fn verify_request(
    request: &[u8],
    trust: &Trust,
    parties: Parties<'_>,
    agreements: &Agreements,
    now: UnixSeconds,
    budget: &mut Budget,
) -> Result<Verified<VerificationRequest>, RequestError> {
    let (verified, peer) = verify_from_peer::<VerificationRequest>(
        request,
        Typ::VerificationRequest,
        trust,
        parties,
        now,
        budget,
    )?;
    let claims = verified.value();
    check_frame(
        &Frame {
            aud: &claims.aud,
            environment: claims.environment,
            iat: claims.iat,
            exp: claims.exp,
            lifetime: REQUEST_LIFETIME,
        },
        trust,
        parties,
        now,
    )?;
    let me = trust.standing(parties.me, now);
    let me = me.active().ok_or(RequestError::NotReady { rule: me.rule() })?;
    coverage::check(claims, agreements, peer, me, now)?;
    Ok(verified)
}

/// Verifies a hint.
///
/// # Errors
/// [`RequestError`], for the first rule broken.
pub fn verify_hint(
    hint: &[u8],
    trust: &Trust,
    parties: Parties<'_>,
    now: UnixSeconds,
    budget: &mut Budget,
) -> Result<Verified<Hint>, RequestError> {
    let (verified, peer) = verify_from_peer::<Hint>(hint, Typ::Hint, trust, parties, now, budget)?;
    let claims = verified.value();
    check_frame(
        &Frame {
            aud: &claims.aud,
            environment: claims.environment,
            iat: claims.iat,
            exp: claims.exp,
            lifetime: HINT_LIFETIME,
        },
        trust,
        parties,
        now,
    )?;
    if claims.status_lists.len() > MAX_HINTED + usize::from(mutant!("VER-16"))
        || claims.withdrawals.len() > MAX_HINTED + usize::from(mutant!("VER-16/withdrawals"))
    {
        return Err(RequestError::TooMany);
    }
    // A peer names its own lists; a hint must not make us fetch from anybody else.
    let own = |uri: &String| {
        uri.strip_prefix(peer.public.as_str())
            .is_some_and(|path| path.starts_with('/') || mutant!("VER-17/host"))
    };
    if claims.status_lists.iter().all(own) || mutant!("VER-17") {
        Ok(verified)
    } else {
        Err(RequestError::ForeignList)
    }
}

/// Verifies an answer at the recogniser. `request` is the request as this node signed and sent it.
///
/// # Errors
/// [`ResponseError`], for the first rule broken. [`ResponseError::refusal`] is what the decision takes.
pub fn verify_response(
    response: &[u8],
    request: &Verified<VerificationRequest>,
    trust: &Trust,
    now: UnixSeconds,
    budget: &mut Budget,
) -> Result<LookedUp, ResponseError> {
    let asked = request.value();
    let profile = Profile::Comity {
        typ: Typ::VerificationResponse.as_str(),
    };
    let parsed = Unverified::parse(response, profile, budget)?;
    let Names { iss } = parsed.claims()?;
    if iss != asked.aud && !mutant!("VER-10/iss") {
        return Err(ResponseError::Issuer);
    }
    let standing = trust.standing(&iss, now);
    let Standing::Active(issuer) = standing else {
        return Err(ResponseError::Standing(Box::new(of_standing(&iss, &standing))));
    };
    let verified: Verified<VerificationResponse> =
        parsed.verify(&issuer.keys, KeyPurpose::Exchange, budget)?;
    let told = verified.value();
    if told.aud != asked.iss && !mutant!("VER-10/aud") {
        return Err(ResponseError::Audience);
    }
    if told.in_reply_to != Digest::of(request.received()) && !mutant!("VER-10") {
        return Err(ResponseError::InReplyTo);
    }
    if told.environment != trust.environment() && !mutant!("VER-10/environment") {
        return Err(ResponseError::Environment);
    }
    if told.agreement != asked.agreement && !mutant!("VER-10/agreement") {
        return Err(ResponseError::Agreement);
    }
    if told.exp <= told.iat || (told.exp.since(told.iat) > RESPONSE_LIFETIME && !mutant!("VER-10/lifetime")) {
        return Err(ResponseError::Times);
    }
    if told.iat.since(now) > SKEW || told.source_as_of.since(now) > SKEW {
        return Err(ResponseError::FromTheFuture);
    }
    if now.since(told.exp) >= SKEW && !mutant!("VER-10/expired") {
        return Err(ResponseError::Expired);
    }
    let claims = match (told.result, &told.permit_state) {
        (LookupResult::Match, Some(_)) => told.claims.clone().unwrap_or_default(),
        (LookupResult::NoMatch, _) if mutant!("VER-11") => PermitClaims::default(),
        (LookupResult::NoMatch, None) if told.claims.is_none() => PermitClaims::default(),
        _ => return Err(ResponseError::Content),
    };
    if claims.names().iter().any(|name| !asked.claims.contains(name)) && !mutant!("VER-12") {
        return Err(ResponseError::Excess);
    }
    if !about_subject(asked, &claims) && !mutant!("VER-13") {
        return Err(ResponseError::OtherPerson);
    }
    Ok(LookedUp {
        response: verified,
        claims,
    })
}

/// Whether what was told is about whom was asked for: the same number, and a name that is at least alike. A name that is
/// merely alike is shown as such by the decision.
fn about_subject(asked: &VerificationRequest, told: &PermitClaims) -> bool {
    let number = match &asked.subject.number {
        SubjectNumber::IdNumber(number) => told.id_number.as_ref().is_none_or(|found| {
            // Somebody may be found by a number that has since been replaced; then the answer says so.
            found == number
                || told
                    .previous_ids
                    .iter()
                    .flatten()
                    .any(|previous| previous == number.as_str())
        }),
        SubjectNumber::PermitNumber(number) => {
            told.permit_number.as_ref().is_none_or(|found| found == number)
        }
    };
    let name = told.name.as_ref();
    number && name.is_none_or(|name| holder_name::compare(name, &asked.subject.name) != NameMatch::Different)
}

#[derive(Deserialize)]
struct Names {
    iss: EntityId,
}

/// What every object from peer to peer has.
struct Frame<'a> {
    aud: &'a EntityId,
    environment: Environment,
    iat: UnixSeconds,
    exp: UnixSeconds,
    lifetime: i64,
}

/// Who signed: the channel's county where there is a channel, an active county in any case, by its exchange key.
fn verify_from_peer<'t, T: DeserializeOwned>(
    object: &[u8],
    typ: Typ,
    trust: &'t Trust,
    parties: Parties<'_>,
    now: UnixSeconds,
    budget: &mut Budget,
) -> Result<(Verified<T>, &'t County), RequestError> {
    let parsed = Unverified::parse(object, Profile::Comity { typ: typ.as_str() }, budget)?;
    let Names { iss } = parsed.claims()?;
    let unnamed = parties.channel.is_none() && mutant!("VER-8");
    if unnamed
        || parties
            .channel
            .is_some_and(|channel| *channel != iss && !mutant!("VER-4"))
    {
        return Err(RequestError::NotTheChannel);
    }
    let peer = match trust.standing(&iss, now) {
        Standing::Active(county) => county,
        // What has ended or is missing here says nothing about the peer: without current lists nobody is called no member.
        ours @ (Standing::ClockDoubt
        | Standing::Expired { .. }
        | Standing::NoCurrentMemberList { .. }
        | Standing::Incomplete { .. }) => return Err(RequestError::NotReady { rule: ours.rule() }),
        theirs @ (Standing::NotAMember { .. }
        | Standing::Removed { .. }
        | Standing::Suspended { .. }
        | Standing::Authority
        | Standing::Refused { .. }) => return Err(RequestError::NotAMember { rule: theirs.rule() }),
    };
    let verified = parsed.verify(&peer.keys, KeyPurpose::Exchange, budget)?;
    Ok((verified, peer))
}

fn check_frame(
    frame: &Frame<'_>,
    trust: &Trust,
    parties: Parties<'_>,
    now: UnixSeconds,
) -> Result<(), RequestError> {
    if frame.aud != parties.me && !mutant!("VER-4/aud") {
        return Err(RequestError::Audience);
    }
    if frame.environment != trust.environment() && !mutant!("VER-4/environment") {
        return Err(RequestError::Environment);
    }
    let longest = frame.lifetime + i64::from(mutant!("VER-5"));
    let longest = if mutant!("VER-18") {
        RESPONSE_LIFETIME + 3600
    } else {
        longest
    };
    if frame.exp <= frame.iat || frame.exp.since(frame.iat) > longest {
        return Err(RequestError::Lifetime);
    }
    if frame.iat.since(now) > SKEW {
        return Err(RequestError::FromTheFuture);
    }
    if now.since(frame.exp) >= SKEW && !mutant!("VER-5/expired") {
        Err(RequestError::Expired)
    } else {
        Ok(())
    }
}
