//! `Idempotency-Key` of the staff API: a call that is sent again, because its answer was lost, takes effect once.
//!
//! The key belongs to one officer. It is remembered in the same commit as the effect, so that there is no moment at which one of
//! them stands without the other. The same key with other contents is a conflict.

use comity_spec::ids::{Digest, OfficerId};
use comity_spec::problem::ProblemType;
use comity_spec::time::UnixSeconds;

use crate::exchange::in_flight::Underway;
use crate::node::Node;
use crate::ports::replay::Answered;
use crate::ports::store::{StoreError, Write};

/// Seconds for which a key is remembered.
pub const REMEMBERED: i64 = 24 * 3600;

/// A key together with what it was sent with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyed {
    key: String,
    request: Digest,
}

impl Keyed {
    /// A key as the caller sent it, with the bytes of the call.
    ///
    /// # Errors
    /// [`IdempotencyError::Key`] when it is not 1 to 64 visible ASCII characters.
    pub fn new(key: &str, request: &[u8]) -> Result<Self, IdempotencyError> {
        if !(1..=64).contains(&key.len()) || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(IdempotencyError::Key);
        }
        Ok(Self {
            key: key.to_owned(),
            request: Digest::of(request),
        })
    }
}

/// Why a key is not taken.
#[derive(Debug, thiserror::Error)]
pub enum IdempotencyError {
    /// Not a key.
    #[error("Idempotency-Key 应为 1 至 64 个可见 ASCII 字符 / not 1 to 64 visible ASCII characters")]
    Key,
    /// Used for other contents.
    #[error("同一幂等键已用于不同的请求 / the key was used for another request")]
    Conflict,
    /// The same call is under way.
    #[error("同一请求正在处理 / the same call is under way")]
    InProgress,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IdempotencyError {
    /// The problem type for an HTTP answer.
    #[must_use]
    pub const fn problem(&self) -> ProblemType {
        match self {
            Self::Key => ProblemType::MalformedRequest,
            Self::Conflict => ProblemType::IdempotencyConflict,
            Self::InProgress => ProblemType::InProgress,
            Self::Store(StoreError::Corrupt { .. }) => ProblemType::Internal,
            Self::Store(_) => ProblemType::StoreUnavailable,
        }
    }
}

/// What a key says about a call.
#[derive(Debug)]
pub enum Begun<'a> {
    /// It is new; under way while the guard is held. `None` where the caller gave no key.
    Fresh(Option<Underway<'a>>),
    /// It took effect before, with this answer.
    Repeated(Vec<u8>),
}

/// Begins a call of an officer.
///
/// # Errors
/// [`IdempotencyError`].
pub async fn begin<'a>(
    node: &'a Node,
    officer: &OfficerId,
    keyed: Option<&Keyed>,
) -> Result<Begun<'a>, IdempotencyError> {
    let Some(keyed) = keyed else {
        return Ok(Begun::Fresh(None));
    };
    let scope = scope(officer);
    let underway = node
        .live
        .in_flight
        .begin(&scope, &keyed.key)
        .ok_or(IdempotencyError::InProgress)?;
    match node.store.answered(&scope, &keyed.key).await? {
        None => Ok(Begun::Fresh(Some(underway))),
        Some(before) if before.request == keyed.request => Ok(Begun::Repeated(before.answer)),
        Some(_) => Err(IdempotencyError::Conflict),
    }
}

/// The write that remembers the key; belongs into the commit of the effect.
#[must_use]
pub fn remember(officer: &OfficerId, keyed: &Keyed, answer: Vec<u8>, now: UnixSeconds) -> Write {
    Write::Answer(Answered {
        scope: scope(officer),
        key: keyed.key.clone(),
        request: keyed.request,
        answer,
        keep_until: now.plus_saturating(REMEMBERED),
    })
}

fn scope(officer: &OfficerId) -> String {
    format!("staff:{officer}")
}
