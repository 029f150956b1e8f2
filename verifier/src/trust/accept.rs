//! One fetched object at the door: may it be stored beside what this node already has?
//!
//! Building a picture refuses bad objects anyway; this says so before they are kept, and tells a roll-back and a fork (which is
//! an alarm) from an honest renewal. What is stored, and the floors in the store, are the node's own work.

use comity_spec::entity::MemberState;
use comity_spec::ids::EntityId;
use comity_spec::mutant;
use comity_spec::time::UnixSeconds;

use super::county::node;
use super::statement::{Candidate, Checked, Role, check_lifetime};
use super::{Link, Refusal, Stated, Trust, members};
use crate::jwk::KeySet;

/// A statement that may be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedStatement {
    /// Who states.
    pub iss: EntityId,
    /// Of whom.
    pub sub: EntityId,
    /// Issued at: the new floor of this pair.
    pub iat: UnixSeconds,
    /// Not to be used from this second on.
    pub exp: UnixSeconds,
    /// SHA-256 of the payload octets, to tell a fork from a repetition.
    pub payload: [u8; 32],
}

/// A member list that may be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedMemberList {
    /// The authority.
    pub iss: EntityId,
    /// Issued at.
    pub iat: UnixSeconds,
    /// Not current from this second on.
    pub exp: UnixSeconds,
    /// The new floor of this authority.
    pub seq: u64,
    /// SHA-256 of the payload octets, to tell a fork from a repetition.
    pub payload: [u8; 32],
}

/// Checks one fetched statement against the picture at hand. Objects are to be fetched and accepted from the anchor downwards,
/// with a new picture after each level, since a statement is checked by the keys of the level above.
///
/// # Errors
/// [`Refusal`]: among others [`Refusal::NoPath`] when the signer is not reached yet, [`Refusal::RolledBack`] when an older one is
/// offered than the picture holds, and [`Refusal::Fork`] for the same `iat` with other contents.
pub fn accept_statement(token: &str, trust: &Trust, now: UnixSeconds) -> Result<AcceptedStatement, Refusal> {
    let candidate = Candidate::parse(token)?;
    let (iss, sub) = (candidate.iss.clone(), candidate.sub.clone());
    let checked = if iss == sub && iss != trust.anchor {
        by_a_superior(&candidate, trust, now)?
    } else {
        let keys = keys_of(trust, &iss, &sub).ok_or(Refusal::NoPath)?;
        candidate.signed(keys)?.check(now)?
    };
    let claims = &checked.claims;
    let authority = trust.authorities.iter().find(|a| a.entity == iss);
    let (role, link) = if iss == trust.anchor && iss == sub {
        (Role::Anchor, Link::AnchorConfiguration)
    } else if iss == sub {
        match trust.authorities.iter().any(|a| a.entity == sub) {
            true => (Role::Province, Link::ProvinceConfiguration),
            false => (Role::County, Link::CountyConfiguration),
        }
    } else if claims.comity_region_prefix.is_some() {
        if iss != trust.anchor {
            return Err(Refusal::Depth);
        }
        (Role::Province, Link::ProvinceStatement)
    } else {
        (Role::County, Link::CountyStatement)
    };
    check_lifetime(claims.iat, claims.exp, role.lifetime())?;
    check_alone(&checked, role)?;
    if iss != sub
        && let (Some(node), Some(prefix)) = (node(&checked), authority.and_then(|a| a.prefix))
        && !node.region.is_within(prefix)
    {
        return Err(Refusal::RegionOutsidePrefix {
            region: node.region,
            prefix,
        });
    }
    if now >= claims.exp {
        return Err(Refusal::Expired {
            link,
            exp: claims.exp,
        });
    }
    let held = trust.held.get(&(iss.clone(), sub.clone()));
    if let Some(held) = held.filter(|_| !mutant!("TRU-20/kept")) {
        compare(
            claims.iat.get(),
            held.iat.get(),
            checked.held.payload == held.payload,
        )?;
    }
    Ok(AcceptedStatement {
        iss,
        sub,
        iat: claims.iat,
        exp: claims.exp,
        payload: checked.held.payload,
    })
}

/// The rules that a statement can break by itself, whatever the other half of the pair says. A good one that is kept must not give
/// its place to one that no picture could be built from (TRU-23).
fn check_alone(checked: &Checked, role: Role) -> Result<(), Refusal> {
    let claims = &checked.claims;
    if claims.iss == claims.sub {
        let own_prefix = claims.comity_region_prefix.is_some() && role != Role::Province;
        return match node(checked) {
            _ if claims.comity_state.is_some() || own_prefix => Err(Refusal::OwnStanding),
            None if role == Role::County => Err(Refusal::Disagreement { what: "comity_node" }),
            _ => Ok(()),
        };
    }
    match (claims.comity_state, node(checked)) {
        (None, _) => Err(Refusal::StateMissing),
        (Some(_), Some(_)) if role == Role::Province => Err(Refusal::Role),
        // Of somebody who has left, nothing more needs to be said.
        (Some(MemberState::Removed), None) => Ok(()),
        (Some(_), None) if role == Role::County => Err(Refusal::Role),
        (Some(_), _) => Ok(()),
    }
}

/// Checks one fetched member list against the picture at hand.
///
/// # Errors
/// As for [`accept_statement`].
pub fn accept_member_list(
    token: &str,
    trust: &Trust,
    now: UnixSeconds,
) -> Result<AcceptedMemberList, Refusal> {
    let candidate = members::Candidate::parse(token)?;
    let authority = trust
        .authorities
        .iter()
        .find(|a| a.entity == candidate.iss)
        .ok_or(Refusal::NoPath)?;
    let list = candidate
        .signed(&authority.keys)?
        .check(candidate.iss == trust.anchor, now)?;
    if now >= list.exp {
        return Err(Refusal::ListExpired { exp: list.exp });
    }
    if let Some(held) = &authority.members {
        let number = |seq: u64| i64::try_from(seq).unwrap_or(i64::MAX);
        compare(number(list.seq), number(held.seq), list.payload == held.payload)?;
    }
    Ok(AcceptedMemberList {
        iss: candidate.iss,
        iat: list.iat,
        exp: list.exp,
        seq: list.seq,
        payload: list.payload,
    })
}

const fn compare(offered: i64, held: i64, same_payload: bool) -> Result<(), Refusal> {
    if offered < held {
        return Err(Refusal::RolledBack {
            iat: offered,
            floor: held,
        });
    }
    if offered == held && !same_payload {
        Err(Refusal::Fork { iat: offered })
    } else {
        Ok(())
    }
}

/// A configuration, by the keys of one superior that it names (TRU-1). While the county that it speaks for is active, that county's
/// superior has to state the key too: what counts gives way to nobody else's word (TRU-23).
fn by_a_superior(candidate: &Candidate, trust: &Trust, now: UnixSeconds) -> Result<Checked, Refusal> {
    let stated = trust.stated.get(&candidate.sub).into_iter().flatten();
    let stated: Vec<&Stated> = stated.filter(|one| now < one.until).collect();
    if let Some(county) = trust
        .county(&candidate.sub)
        .filter(|county| now < county.valid_until)
        && let Some(present) = stated.iter().find(|one| one.superior == county.superior)
    {
        candidate.signed(&present.keys)?;
    }
    let mut refusal = Refusal::NoPath;
    for one in stated {
        match candidate.signed(&one.keys) {
            Ok(signed) => {
                let checked = signed.check(now)?;
                if checked.acknowledges(&one.superior) {
                    return Ok(checked);
                }
                refusal = Refusal::AuthorityHints;
            }
            Err(unsigned) if refusal == Refusal::NoPath => refusal = unsigned,
            Err(_) => {}
        }
    }
    Err(refusal)
}

/// The federation keys that may sign a statement of `iss` on `sub`, which is not somebody's configuration but the anchor's.
fn keys_of<'a>(trust: &'a Trust, iss: &EntityId, sub: &EntityId) -> Option<&'a KeySet> {
    if *iss == trust.anchor && iss == sub {
        return Some(&trust.anchor_keys);
    }
    let authority = trust.authorities.iter().find(|a| a.entity == *iss)?;
    Some(&authority.keys).filter(|keys| !keys.entries().is_empty())
}
