//! Answers a peer's signed look-up (`POST /federation/v1/verifications`, chapters 7.2 to 7.4), at the county that issued the permit.
//!
//! The order is the protection: channel, membership, signature, audience, times, environment, agreement, coverage and claims are
//! checked before anything about a person is read, so that a peer learns nothing that no agreement covers; and so is how often the
//! peer asked for nobody ([`super::peer_misses`]). The answer and its
//! line in the record are one commit: no record, no answer. A request that comes again with the same bytes gets the stored
//! answer, as long as the peer may still ask; with other bytes under the same `jti` it is a conflict.

use comity_spec::agreement::AgreementRef;
use comity_spec::exchange::{LookupResult, SKEW, VerificationRequest};
use comity_spec::ids::{Digest, EntityId, Jti};
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::mutant;
use comity_spec::problem::ProblemType;
use comity_spec::time::UnixSeconds;
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::exchange::{Parties, RequestError, verify_request};
use comity_verifier::jws::Verified;

use super::response::{Frame, matching, pad};
use crate::audit::{Asked, Direction, Event, ForWhom, Line, salted};
use crate::node::{Node, View};
use crate::ports::replay::Answered;
use crate::ports::store::{Conflict, StoreError, Write};
use crate::signing::{self, SigningError};

/// Seconds after which a requester whose request is under way asks again.
const IN_PROGRESS_RETRY: u64 = 1;

/// A look-up as it came in.
#[derive(Clone)]
pub struct ReceivedLookup {
    /// The compact JWS, byte for byte.
    pub request: Vec<u8>,
    /// The county whose pin the client's TLS key has.
    pub channel: EntityId,
}

/// The request names a person: nothing of it is printed.
impl std::fmt::Debug for ReceivedLookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReceivedLookup")
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}

/// The answer to send, `application/jose`.
#[derive(Clone, PartialEq, Eq)]
pub struct LookupAnswer {
    /// The compact JWS.
    pub response: Vec<u8>,
    /// Whether it was given before, to the same request.
    pub repeated: bool,
}

/// The answer is about a person: nothing of it is printed.
impl std::fmt::Debug for LookupAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LookupAnswer")
            .field("repeated", &self.repeated)
            .finish_non_exhaustive()
    }
}

/// Why a look-up was not answered. Nothing was told and nothing stored.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// What was asked may not be asked, or not so.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The `jti` was used for another request.
    #[error("同一编号的请求内容不同 / the jti was used for another request")]
    ReplayConflict,
    /// The same request is being answered at this moment.
    #[error("同一请求正在处理 / the same request is being answered")]
    InProgress,
    /// Too many look-ups of this peer found nobody.
    #[error(
        "查无此人的查询过多，请 {wait} 秒后再试 / too many look-ups found nobody: come again in {wait} seconds"
    )]
    TooManyMisses {
        /// Seconds to wait.
        wait: u64,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The exchange key.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The answer or its record line does not serialise; a defect of ours.
    #[error("the answer does not serialise: {0}")]
    Serialise(#[from] serde_json::Error),
}

impl AnswerError {
    /// The problem type with which the peer is answered.
    #[must_use]
    pub const fn problem(&self) -> ProblemType {
        match self {
            Self::Request(error) => error.problem(),
            Self::ReplayConflict => ProblemType::ReplayConflict,
            Self::InProgress => ProblemType::InProgress,
            Self::TooManyMisses { .. } => ProblemType::RateLimited,
            Self::Store(StoreError::Corrupt { .. }) | Self::Serialise(_) => ProblemType::Internal,
            Self::Store(_) => ProblemType::StoreUnavailable,
            Self::Signing(_) => ProblemType::NotReady,
        }
    }

    /// Seconds for `Retry-After`.
    #[must_use]
    pub const fn retry_after(&self) -> Option<u64> {
        match self {
            Self::InProgress => Some(IN_PROGRESS_RETRY),
            Self::TooManyMisses { wait } => Some(*wait),
            Self::Store(_) | Self::Signing(_) => Some(5),
            _ => None,
        }
    }

    /// The agreement in force, where the request rested on another version: member [`CURRENT_AGREEMENT`] of the problem.
    #[must_use]
    pub const fn current_agreement(&self) -> Option<&AgreementRef> {
        match self {
            Self::Request(RequestError::AgreementVersion { current }) => Some(current),
            _ => None,
        }
    }
}

/// Name of the extension member that holds the agreement in force.
pub const CURRENT_AGREEMENT: &str = "current_agreement";

/// Answers a look-up.
///
/// # Errors
/// [`AnswerError`]; a person that is not on record is an answer and no error.
pub async fn answer_lookup(node: &Node, received: &ReceivedLookup) -> Result<LookupAnswer, AnswerError> {
    let now = node.now();
    let view = node.view();
    let request = may_ask(node, &view, received, now)?;
    let claims = request.value();
    let scope = if mutant!("VER-9/iss") {
        ""
    } else {
        claims.iss.as_str()
    };
    let key = claims.jti.to_string();
    let digest = Digest::of(&received.request);
    let _underway = node
        .live
        .in_flight
        .begin(scope, &key)
        .ok_or(AnswerError::InProgress)?;
    if let Some(earlier) = earlier(node, scope, &key, &digest).await? {
        return Ok(earlier);
    }
    let turn = node
        .live
        .peer_misses
        .begin(node.store.as_ref(), &claims.iss, now, node.policy.peer_misses)
        .await?
        .map_err(|wait| AnswerError::TooManyMisses { wait })?;
    let frame = Frame {
        me: &node.identity.entity,
        request: claims,
        request_digest: digest,
        source_as_of: node.issuer().source_as_of().await?,
        now,
    };
    let found = node.store.permits_by_number(&claims.subject.number).await?;
    let answer = frame.answer(matching(claims, &found));
    let result = answer.result;
    let signer = node
        .signers
        .of(KeyPurpose::Exchange)
        .map_err(SigningError::Signer)?;
    let answer = match result {
        LookupResult::NoMatch if mutant!("VER-15/size") => answer,
        _ => pad(answer, &signer.thumbprint())?,
    };
    let response = signing::compact(&node.signers, Typ::VerificationResponse, &answer)
        .await?
        .into_bytes();
    let writes = vec![
        Write::Answer(Answered {
            scope: scope.to_owned(),
            key: key.clone(),
            request: digest,
            answer: response.clone(),
            keep_until: claims.exp.plus_saturating(SKEW),
        }),
        line(node, claims, result, &received.request, &response, now).write()?,
        turn.count(result == LookupResult::NoMatch, now)?,
    ];
    match node.store.commit("answer look-up", writes).await {
        Ok(()) => Ok(LookupAnswer {
            response,
            repeated: false,
        }),
        // Another instance was faster, or the commit's own answer was lost: what is stored is what was told.
        Err(error @ (StoreError::Conflict(Conflict::Exists(_)) | StoreError::Unknown(_))) => {
            earlier(node, scope, &key, &digest)
                .await?
                .ok_or(AnswerError::Store(error))
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether this peer may ask this, now: everything that is decided before a person is looked up.
fn may_ask(
    node: &Node,
    view: &View,
    received: &ReceivedLookup,
    now: UnixSeconds,
) -> Result<Verified<VerificationRequest>, RequestError> {
    let parties = Parties {
        me: &node.identity.entity,
        channel: Some(&received.channel),
    };
    let mut budget = Budget::new(Limits::PRESENTATION);
    verify_request(
        &received.request,
        &view.trust,
        parties,
        &view.agreements,
        now,
        &mut budget,
    )
}

/// What was answered under this key before.
async fn earlier(
    node: &Node,
    scope: &str,
    key: &str,
    request: &Digest,
) -> Result<Option<LookupAnswer>, AnswerError> {
    match node.store.answered(scope, key).await? {
        None => Ok(None),
        Some(_) if mutant!("VER-9/stored") => Ok(None),
        Some(answered) if answered.request == *request || mutant!("VER-9") => Ok(Some(LookupAnswer {
            response: answered.answer,
            repeated: true,
        })),
        Some(_) => Err(AnswerError::ReplayConflict),
    }
}

fn line(
    node: &Node,
    request: &VerificationRequest,
    result: LookupResult,
    asked: &[u8],
    told: &[u8],
    now: UnixSeconds,
) -> Line {
    let salt = Jti::from_bytes(node.rng.bytes::<16>());
    Line {
        direction: Some(Direction::Issued),
        peer: Some(request.iss.clone()),
        asked: Some(Asked {
            purpose: Some(request.purpose),
            service: request.service.clone(),
            provider: request.provider.clone(),
            legal_basis: request.legal_basis,
            presented_by: request.presented_by,
            for_whom: ForWhom::from(&request.beneficiary),
            claims: request.claims.clone(),
        }),
        case_ref: Some(request.case_ref),
        agreement: Some(request.agreement.clone()),
        outcome: Some(
            match result {
                LookupResult::Match => "match",
                LookupResult::NoMatch => "no_match",
            }
            .to_owned(),
        ),
        evidence: vec![salted(&salt, "request", asked), salted(&salt, "response", told)],
        salt: Some(salt),
        ..Line::new(Event::Answered, now)
    }
}
