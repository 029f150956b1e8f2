//! Enrolling a member, or taking over its new keys: from the configuration it signed itself, handed over as a file.
//!
//! What is stated is what the applicant states, no more, and only when the authority has a place for it: region within the
//! prefix, region, pins and keys of nobody else. A member that is enrolled already must sign by a key stated before, unless the
//! clerk says that its keys are replaced after a theft. Chapter 3.9.

use comity_spec::entity::{Environment, MemberState};
use comity_spec::ids::{Digest, EntityId, Region, RegionPrefix, Thumbprint};
use comity_spec::jose::Jwk;
use comity_spec::mutant;
use comity_spec::text::Bilingual;
use comity_spec::time::UnixSeconds;
use comity_verifier::jwk::{Ed25519Key, KeyError};
use comity_verifier::jws::JwsError;

use super::applicant::{self, Applicant};
use super::publish::{PublishError, publish};
use super::{Applied, AuthorityState, Kind, Rank, Subordinate, same_key};
use crate::ports::signer::Signer;

/// An application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application<'a> {
    /// The applicant's own entity configuration, compact JWS.
    pub configuration: &'a str,
    /// As what it is enrolled.
    pub place: Place,
    /// Its keys were lost or stolen: accept a configuration that no key stated before has signed. To be said only by somebody
    /// who compared the new thumbprint with the county itself.
    pub replace_keys: bool,
}

/// As what an applicant is enrolled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// As a county, with the region it states.
    County,
    /// As a province, by the anchor alone.
    Province {
        /// The codes for which it may vouch.
        prefix: RegionPrefix,
        /// Its name.
        name: Bilingual,
    },
}

/// What was enrolled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// The authority's next state, published.
    pub state: AuthorityState,
    /// The member.
    pub entity: EntityId,
    /// The key that signed the application: to be compared by telephone.
    pub signer: Thumbprint,
    /// It was a member before, and what is stated of it was renewed.
    pub renewed: bool,
}

/// Why an applicant was not enrolled. The applicant's to mend, unless a variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// Form or signature.
    #[error("申请的实体配置不成立 / the configuration does not hold: {0}")]
    Jws(#[from] JwsError),
    /// One of its keys.
    #[error("申请中的密钥不可用 / a key of the application cannot be used: {0}")]
    Key(#[from] KeyError),
    /// `iss` and `sub` differ.
    #[error("不是自述(iss 与 sub 不同)/ not a configuration: iss and sub differ")]
    NotAConfiguration,
    /// From the future: one of two clocks is wrong.
    #[error("签发时间在将来 ({iat})，请核对双方时钟 / issued in the future: compare the clocks")]
    Future {
        /// When it says.
        iat: UnixSeconds,
    },
    /// Ended.
    #[error("配置已于 {exp} 失效，请重新签发 / the configuration ended: sign a new one")]
    Ended {
        /// When.
        exp: UnixSeconds,
    },
    /// Lives too long, or not at all.
    #[error("有效期 {seconds} 秒，应在 1 至 {max} 秒之间 / must live from 1 to {max} seconds, not {seconds}")]
    Lifetime {
        /// `exp` − `iat`.
        seconds: i64,
        /// The most.
        max: i64,
    },
    /// Speaks of what only a superior may state.
    #[error("自述中含有只能由上级声明的内容 / it states what only a superior may state")]
    OwnStanding,
    /// Does not name this authority.
    #[error("authority_hints 未列明本机构 {0} / authority_hints do not name this authority")]
    AuthorityHints(EntityId),
    /// This authority itself.
    #[error("不能登记本机构自己 / an authority does not enrol itself")]
    Itself,
    /// No `comity_node` metadata.
    #[error("不是县级节点(缺少 comity_node)/ not a county node")]
    NotACounty,
    /// No authority's metadata, or a county's too.
    #[error("不是省级机构(federation_entity 与 comity_node 须二者择一)/ not a province")]
    NotAProvince,
    /// Only the anchor has provinces.
    #[error("只有锚点能登记省级机构 / only the anchor enrols provinces")]
    NotTheAnchor,
    /// Of the other environment.
    #[error("环境不符：{found:?}，本机构为 {expected:?} / wrong environment")]
    Environment {
        /// The applicant's.
        found: Environment,
        /// The authority's.
        expected: Environment,
    },
    /// Region outside the prefix.
    #[error("区划 {region} 不在前缀 {prefix} 之内 / the region is outside this province's prefix")]
    RegionOutsidePrefix {
        /// The applicant's region.
        region: Region,
        /// The authority's prefix.
        prefix: RegionPrefix,
    },
    /// Another member has the region.
    #[error("区划 {region} 已由 {by} 登记 / another member has this region")]
    RegionTaken {
        /// The region.
        region: Region,
        /// The other member.
        by: EntityId,
    },
    /// Another member has an overlapping prefix.
    #[error("区划前缀与 {by} 重叠 / another province has an overlapping prefix")]
    PrefixTaken {
        /// The other province.
        by: EntityId,
    },
    /// Another member, or this authority, has one of the keys.
    #[error("密钥已由 {by} 使用 / {by} uses one of these keys")]
    KeyTaken {
        /// Who.
        by: EntityId,
    },
    /// Another member has one of the TLS keys.
    #[error("TLS 密钥已由 {by} 使用 / {by} uses one of these TLS keys")]
    PinTaken {
        /// Who.
        by: EntityId,
    },
    /// The public endpoint is not the entity id.
    #[error("公开地址必须等于成员标识 / the public endpoint must be the entity id")]
    PublicEndpoint,
    /// One listener for two audiences.
    #[error(
        "联邦地址不得与公开地址相同(前者要求客户端证书)/ the federation endpoint needs a listener of its own"
    )]
    OneListener,
    /// No TLS pin: nobody could connect to it or be reached by it.
    #[error("缺少 TLS 公钥指纹 / no TLS pin is stated")]
    NoPins,
    /// No key of a purpose.
    #[error("缺少 {0} 密钥 / a key is missing")]
    MissingKey(&'static str),
    /// One key for two purposes.
    #[error("一把密钥用于两种用途 / one key is listed for two purposes")]
    KeyTwoPurposes,
    /// An authority without a member list.
    #[error("缺少成员名单地址 / the member list's address is missing")]
    NoMemberList,
    /// An authority whose statements nobody can get.
    #[error("既无 fetch 地址也无 bundle 地址 / neither a fetch nor a bundle address is stated")]
    NoStatements,
    /// A member whose application no key stated before has signed.
    #[error(
        "申请由未登记的密钥 {0} 签名；如密钥已更换，请核实后注明 / signed by a key not stated before: confirm a replacement"
    )]
    StrangeKey(Thumbprint),
    /// Older than the application that counts: what the member dropped since would be stated again.
    #[error(
        "申请签发于 {found}，早于已受理的 {kept}，请重新签发 / the application is older than the one taken over: sign a new one"
    )]
    Older {
        /// `iat` of the application that counts.
        kept: UnixSeconds,
        /// Of this one.
        found: UnixSeconds,
    },
    /// Another one of the same second.
    #[error(
        "{entity} 在同一秒签发了两份不同的申请 ({iat})，请与其核实 / two different applications of one second: ask the member which \
         one is its own"
    )]
    Fork {
        /// The member.
        entity: EntityId,
        /// When both say.
        iat: UnixSeconds,
    },
    /// A member that wants another region, prefix or kind.
    #[error(
        "{0} 已登记为其他区划或类别，请先移除 / is enrolled with another region or as another kind: remove it first"
    )]
    OtherPlace(EntityId),
    /// A member that has left.
    #[error("{0} 已移除，请先恢复 / was removed: reinstate it first")]
    Removed(EntityId),
    /// Nothing was signed: the authority's own fault.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

/// Enrols an applicant, or renews what is stated of a member, and publishes.
///
/// # Errors
/// [`EnrolError`], for the first rule broken; the old state still stands.
pub async fn enrol(
    state: &AuthorityState,
    signer: &dyn Signer,
    application: Application<'_>,
    now: UnixSeconds,
) -> Result<Enrolled, EnrolError> {
    let applicant = applicant::read(application.configuration, now)?;
    let entity = applicant.claims.sub.clone();
    if entity == state.entity {
        return Err(EnrolError::Itself);
    }
    let hints = applicant.claims.authority_hints.as_deref().unwrap_or_default();
    if !hints.contains(&state.entity) && !mutant!("TRU-5/application") {
        return Err(EnrolError::AuthorityHints(state.entity.clone()));
    }
    let (kind, name) = match application.place {
        Place::County => county(state, &applicant)?,
        Place::Province { prefix, name } => (province(state, &applicant, prefix)?, name),
    };
    keys_of_nobody_else(state, &applicant)?;
    let applied = Applied {
        iat: applicant.claims.iat,
        digest: Digest::of(application.configuration.trim().as_bytes()),
    };
    let mut next = state.clone();
    let renewed = match next.members.iter_mut().find(|member| member.entity == entity) {
        Some(member) => {
            renewable(member, &kind, &applicant, application.replace_keys)?;
            newest(member, applied)?;
            member.applied = Some(applied);
            member.name = name;
            member.kind = kind;
            let before = std::mem::replace(&mut member.keys, applicant.claims.jwks);
            if mutant!("TRU-28/stated") {
                let listed = member.keys.keys.clone();
                let dropped = |key: &Jwk| !listed.iter().any(|one| same_key(one, key));
                member.keys.keys.extend(before.keys.into_iter().filter(dropped));
            }
            if mutant!("TRU-9/renewed") {
                member.state = MemberState::Active;
            }
            true
        }
        None => {
            next.members.push(Subordinate {
                entity: entity.clone(),
                name,
                kind,
                keys: applicant.claims.jwks,
                state: MemberState::Active,
                since: now,
                statement: String::new(),
                applied: Some(applied),
            });
            false
        }
    };
    let state = publish(&next, signer, now).await?;
    Ok(Enrolled {
        state,
        entity,
        signer: applicant.signer,
        renewed,
    })
}

fn county(state: &AuthorityState, applicant: &Applicant) -> Result<(Kind, Bilingual), EnrolError> {
    let node = applicant.county()?;
    if node.environment != state.environment && !mutant!("TRU-13/application") {
        return Err(EnrolError::Environment {
            found: node.environment,
            expected: state.environment,
        });
    }
    if let Rank::Province { prefix, .. } = &state.rank
        && !node.region.is_within(*prefix)
    {
        return Err(EnrolError::RegionOutsidePrefix {
            region: node.region,
            prefix: *prefix,
        });
    }
    for other in state
        .holding()
        .filter(|other| other.entity != applicant.claims.sub)
    {
        let Kind::County(theirs) = &other.kind else {
            continue;
        };
        if theirs.region == node.region && !mutant!("TRU-14/application") {
            return Err(EnrolError::RegionTaken {
                region: node.region,
                by: other.entity.clone(),
            });
        }
        if theirs.tls_pins.iter().any(|pin| node.tls_pins.contains(pin)) && !mutant!("TRU-14/application-pin")
        {
            return Err(EnrolError::PinTaken {
                by: other.entity.clone(),
            });
        }
    }
    Ok((Kind::County(Box::new(node.clone())), node.name.clone()))
}

fn province(state: &AuthorityState, applicant: &Applicant, prefix: RegionPrefix) -> Result<Kind, EnrolError> {
    if state.rank != Rank::Anchor {
        return Err(EnrolError::NotTheAnchor);
    }
    applicant.province()?;
    for other in state
        .holding()
        .filter(|other| other.entity != applicant.claims.sub)
    {
        if other
            .prefix()
            .is_some_and(|theirs| theirs.covers(prefix) || prefix.covers(theirs))
        {
            return Err(EnrolError::PrefixTaken {
                by: other.entity.clone(),
            });
        }
    }
    Ok(Kind::Province(prefix))
}

fn keys_of_nobody_else(state: &AuthorityState, applicant: &Applicant) -> Result<(), EnrolError> {
    let keys = &applicant.claims.jwks.keys;
    let shares = |theirs: &[comity_spec::jose::Jwk]| {
        theirs.iter().any(|one| keys.iter().any(|key| same_key(key, one)))
    };
    if shares(&state.keys.keys) {
        return Err(EnrolError::KeyTaken {
            by: state.entity.clone(),
        });
    }
    match state
        .holding()
        .filter(|other| other.entity != applicant.claims.sub)
        .find(|other| shares(&other.keys.keys))
    {
        Some(other) => Err(EnrolError::KeyTaken {
            by: other.entity.clone(),
        }),
        None => Ok(()),
    }
}

/// Whether a member may replace what is stated of it by this application.
fn renewable(
    member: &Subordinate,
    kind: &Kind,
    applicant: &Applicant,
    replace_keys: bool,
) -> Result<(), EnrolError> {
    if member.state == MemberState::Removed {
        return Err(EnrolError::Removed(member.entity.clone()));
    }
    let same_place = match (&member.kind, kind) {
        (Kind::County(a), Kind::County(b)) => a.region == b.region,
        (Kind::Province(a), Kind::Province(b)) => a == b,
        _ => false,
    };
    if !same_place {
        return Err(EnrolError::OtherPlace(member.entity.clone()));
    }
    let is_signer = |key: Ed25519Key| *key.thumbprint() == applicant.signer;
    let known = member
        .keys
        .keys
        .iter()
        .any(|key| Ed25519Key::from_jwk(key).is_ok_and(is_signer));
    if known || replace_keys || mutant!("TRU-1/renewed") {
        Ok(())
    } else {
        Err(EnrolError::StrangeKey(applicant.signer))
    }
}

/// Whether an application may follow on the one that counts: a key or pin that the member dropped must not come back with a file
/// that somebody kept.
fn newest(member: &Subordinate, applied: Applied) -> Result<(), EnrolError> {
    match member.applied {
        Some(kept) if applied.iat < kept.iat && !mutant!("TRU-20/application") => Err(EnrolError::Older {
            kept: kept.iat,
            found: applied.iat,
        }),
        Some(kept)
            if applied.iat == kept.iat && applied.digest != kept.digest && !mutant!("TRU-21/application") =>
        {
            Err(EnrolError::Fork {
                entity: member.entity.clone(),
                iat: kept.iat,
            })
        }
        _ => Ok(()),
    }
}
