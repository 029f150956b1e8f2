//! Signing everything anew, and the files that come of it.
//!
//! One publication has one `iat`, strictly above the last: a reader who holds one object of a second never meets another of the
//! same second. Refuses a key that the authority does not publish, and a clock that fell behind the last publication.

use std::collections::BTreeMap;

use comity_spec::bundle::{self, Bundle};
use comity_spec::entity::{
    ANCHOR_LIFETIME, COUNTY_LIFETIME, EntityStatement, Member, MemberList, MemberState, Metadata,
    PROVINCE_LIFETIME, WELL_KNOWN,
};
use comity_spec::ids::{EntityId, Thumbprint};
use comity_spec::jose::Typ;
use comity_spec::mutant;
use comity_spec::time::UnixSeconds;

use super::{AuthorityState, BUNDLE_PATH, Kind, MEMBER_LIST_PATH, REMOVED_FOR, Rank, Subordinate};
use crate::ports::signer::Signer;
use crate::signing::{SigningError, compact_batch};

/// How far a publication may be dated ahead of the clock, in seconds, when several acts fall into one second.
pub const AHEAD: i64 = 30;

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The key.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// Another authority's key, or one that was not prepared.
    #[error(
        "密钥 {0} 不属于本机构，请先登记(prepare) / the key is not among those this authority publishes: prepare it first"
    )]
    StrangeKey(Thumbprint),
    /// The clock is behind the last publication.
    #[error(
        "本机时钟 {now} 早于上次发布 {last}，请校准后再试 / the clock is behind the last publication: set it right"
    )]
    ClockBehind {
        /// The clock.
        now: UnixSeconds,
        /// The last publication.
        last: UnixSeconds,
    },
}

/// Signs configuration, member list and every statement anew, and forgets members removed more than 400 days ago.
///
/// # Errors
/// [`PublishError`]; the old state still stands.
pub async fn publish(
    state: &AuthorityState,
    signer: &dyn Signer,
    now: UnixSeconds,
) -> Result<AuthorityState, PublishError> {
    if !state.publishes(&signer.thumbprint()) {
        return Err(PublishError::StrangeKey(signer.thumbprint()));
    }
    let iat = instant(state.issued_at, now)?;
    let mut next = state.clone();
    next.issued_at = iat;
    next.seq += u64::from(!mutant!("TRU-20/seq"));
    next.members.retain(|member| {
        member.state != MemberState::Removed || (iat.since(member.since) < REMOVED_FOR && !mutant!("TRU-19"))
    });
    let mut statements = vec![own(&next, iat)];
    statements.extend(next.members.iter().map(|member| about(&next, member, iat)));
    let mut signed = compact_batch(signer, Typ::EntityStatement, &statements)
        .await?
        .into_iter();
    if let Some(configuration) = signed.next() {
        next.configuration = configuration;
    }
    for (member, statement) in next.members.iter_mut().zip(signed) {
        member.statement = statement;
    }
    let list = [member_list(&next, iat)];
    if let Some(list) = compact_batch(signer, Typ::MemberList, &list).await?.pop() {
        next.member_list = list;
    }
    Ok(next)
}

/// Later than the last publication, and the clock's second when that is.
fn instant(last: UnixSeconds, now: UnixSeconds) -> Result<UnixSeconds, PublishError> {
    if now.since(last) > if mutant!("TRU-21/published") { 3_600 } else { 0 } {
        return Ok(now);
    }
    let next = last.plus_saturating(i64::from(!mutant!("TRU-21/published")));
    if next.since(now) <= AHEAD {
        Ok(next)
    } else {
        Err(PublishError::ClockBehind { now, last })
    }
}

fn own(state: &AuthorityState, iat: UnixSeconds) -> EntityStatement {
    let (lifetime, hints) = match &state.rank {
        Rank::Anchor => (ANCHOR_LIFETIME, None),
        Rank::Province { superior, .. } => (PROVINCE_LIFETIME, Some(vec![superior.clone()])),
    };
    EntityStatement {
        iss: state.entity.clone(),
        sub: state.entity.clone(),
        iat,
        exp: iat.plus_saturating(lifetime + i64::from(mutant!("TRU-6/anchor"))),
        jwks: state.keys.clone(),
        authority_hints: hints,
        metadata: Some(Metadata {
            comity_node: None,
            federation_entity: Some(state.endpoints()),
        }),
        crit: None,
        comity_region_prefix: None,
        comity_state: None,
        metadata_policy: None,
        constraints: None,
    }
}

fn about(state: &AuthorityState, member: &Subordinate, iat: UnixSeconds) -> EntityStatement {
    let (lifetime, metadata, prefix) = match &member.kind {
        Kind::County(node) => (
            COUNTY_LIFETIME + i64::from(mutant!("TRU-6/stated")),
            Some(Metadata {
                comity_node: Some((**node).clone()),
                federation_entity: None,
            }),
            None,
        ),
        Kind::Province(prefix) => (PROVINCE_LIFETIME, None, Some(*prefix)),
    };
    EntityStatement {
        iss: state.entity.clone(),
        sub: member.entity.clone(),
        iat,
        exp: iat.plus_saturating(lifetime),
        jwks: member.keys.clone(),
        authority_hints: None,
        metadata,
        crit: prefix
            .filter(|_| !mutant!("TRU-2/stated"))
            .map(|_| vec!["comity_region_prefix".to_owned()]),
        comity_region_prefix: prefix,
        comity_state: Some(member.state).filter(|_| !mutant!("TRU-9/stated")),
        metadata_policy: None,
        constraints: None,
    }
}

fn member_list(state: &AuthorityState, iat: UnixSeconds) -> MemberList {
    let line = |member: &Subordinate| Member {
        entity: member.entity.clone(),
        region: member.region(),
        region_prefix: member.prefix(),
        name: member.name.clone(),
        state: if mutant!("TRU-18/listed") {
            MemberState::Active
        } else {
            member.state
        },
    };
    MemberList {
        iss: state.entity.clone(),
        iat,
        exp: iat.plus_saturating(PROVINCE_LIFETIME + i64::from(mutant!("TRU-16/published"))),
        seq: state.seq,
        members: state.members.iter().map(line).collect(),
        ext: None,
    }
}

/// One file to serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedFile {
    /// `Content-Type`.
    pub content_type: &'static str,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// What an authority serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Files by path; every path begins with a slash.
    pub files: BTreeMap<String, PublishedFile>,
    /// When the first object ends: publish again well before.
    pub good_until: UnixSeconds,
    /// Whether some object has ended at the time asked about. They are served nonetheless: an end is a fact of its own.
    pub ended: bool,
}

/// The files of a state, for a server or a static host. The same state always gives the same bytes.
#[must_use]
pub fn published(state: &AuthorityState, now: UnixSeconds) -> Published {
    let jwt = |token: &str| PublishedFile {
        content_type: "application/entity-statement+jwt",
        bytes: token.as_bytes().to_vec(),
    };
    let mut files = BTreeMap::new();
    files.insert(WELL_KNOWN.to_owned(), jwt(&state.configuration));
    files.insert(
        MEMBER_LIST_PATH.to_owned(),
        PublishedFile {
            content_type: "application/comity-member-list+jwt",
            bytes: state.member_list.as_bytes().to_vec(),
        },
    );
    for member in &state.members {
        files.insert(statement_path(&member.entity), jwt(&member.statement));
    }
    let bundle = Bundle {
        version: bundle::VERSION + u32::from(mutant!("TRU-31/published")),
        created: state.issued_at,
        statements: std::iter::once(&state.configuration)
            .chain(state.members.iter().map(|member| &member.statement))
            .cloned()
            .collect(),
        member_lists: vec![state.member_list.clone()],
        agreements: Vec::new(),
        withdrawals: Vec::new(),
        status_lists: Vec::new(),
    };
    let bytes =
        serde_json::to_vec(&bundle).expect("a bundle is strings and integers, which always serialise");
    files.insert(
        BUNDLE_PATH.to_owned(),
        PublishedFile {
            content_type: "application/json",
            bytes,
        },
    );
    let counties = state.members.iter().any(|member| member.region().is_some());
    let shortest = if counties {
        COUNTY_LIFETIME
    } else {
        PROVINCE_LIFETIME
    };
    let good_until = state.issued_at.plus_saturating(shortest);
    Published {
        files,
        good_until,
        ended: now >= good_until,
    }
}

/// The statement on `sub`, for the fetch endpoint; the authority's own configuration when it is asked about itself.
#[must_use]
pub fn fetch<'a>(state: &'a AuthorityState, sub: &EntityId) -> Option<&'a str> {
    if *sub == state.entity {
        return Some(&state.configuration);
    }
    state.member(sub).map(|member| member.statement.as_str())
}

/// Where the statement on a member stands: its host and port, with `:` as `_` and the brackets of an IPv6 address as `-`. No two
/// entity ids share a name, since no host contains `_` or begins with `-`.
#[must_use]
pub fn statement_path(member: &EntityId) -> String {
    let origin = member.as_str().trim_start_matches("https://");
    let name: String = origin
        .chars()
        .map(|c| match c {
            ':' => '_',
            '[' | ']' => '-',
            other => other,
        })
        .collect();
    format!("/federation/statements/{name}.jwt")
}
