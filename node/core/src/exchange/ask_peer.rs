//! Asks the issuing county about one person and verifies the answer, at the recogniser (chapters 7.2 and 7.4).
//!
//! The request is signed by our exchange key, travels over mutual TLS to the address and pins that the trust chain gives, and the
//! answer counts only when it is signed by that county, for us, in reply to this very request. Time limits are the adapter's;
//! this module says which of the many ways of getting no answer it was, and never takes one for a word about the person.

use comity_spec::agreement::AgreementRef;
use comity_spec::attestation::ClaimName;
use comity_spec::exchange::{
    Beneficiary, JOSE_MEDIA_TYPE, LegalBasis, PresentedBy, Purpose, REQUEST_LIFETIME, Subject,
    VERIFICATIONS_PATH, VerificationRequest,
};
use comity_spec::ids::{EntityId, Jti, ProviderId, ServiceCode};
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::mutant;
use comity_spec::outcome::Outcome;
use comity_spec::problem::{MEDIA_TYPE as PROBLEM_MEDIA_TYPE, ProblemType, ReportedProblem};
use comity_spec::time::UnixSeconds;
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::decide::Refusal;
use comity_verifier::exchange::{LookedUp, ResponseError, verify_response};
use comity_verifier::json::{self, Numbers};
use comity_verifier::jwk::{Ed25519Key, KeySet};
use comity_verifier::jws::{JwsError, Profile, Unverified, Verified};
use comity_verifier::presentation::refusal::of_standing;
use comity_verifier::trust::Standing;

use super::answer_lookup::CURRENT_AGREEMENT;
use crate::node::{Node, View};
use crate::ports::peers::{FetchError, PeerAddress, PeerAnswer};
use crate::signing::{self, SigningError};

/// What is asked, of whom.
#[derive(Clone)]
pub struct Question {
    /// The county asked.
    pub issuer: EntityId,
    /// Why.
    pub purpose: Purpose,
    /// The service asked for.
    pub service: ServiceCode,
    /// The institution, where the service names some.
    pub provider: Option<ProviderId>,
    /// On what it rests.
    pub legal_basis: LegalBasis,
    /// The agreement relied on.
    pub agreement: AgreementRef,
    /// What is to be learnt.
    pub claims: Vec<ClaimName>,
    /// Random reference of the case here.
    pub case_ref: Jti,
    /// Who is looked up.
    pub subject: Subject,
    /// Who presented the permit.
    pub presented_by: PresentedBy,
    /// Whom the service is for.
    pub beneficiary: Beneficiary,
}

/// It names a person: only whom and what is asked is printed.
impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question")
            .field("issuer", &self.issuer)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

/// A request with its verified answer.
#[derive(Clone)]
pub struct AskedPeer {
    /// The request as sent, compact JWS.
    pub request: Vec<u8>,
    /// The answer.
    pub answer: LookedUp,
}

/// Both name a person: nothing is printed.
impl std::fmt::Debug for AskedPeer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AskedPeer").finish_non_exhaustive()
    }
}

/// Why there is no answer to rely on.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The county is not in good standing here.
    #[error("签发地当前不可确认（{}） / the county cannot be relied on now: {}", .0.cause, .0.cause)]
    Standing(Box<Refusal>),
    /// Our own key.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// What we signed does not verify: our key is not the one that our configuration publishes.
    #[error("本机交换密钥不可用 / our own request does not verify: {0}")]
    OwnRequest(#[source] JwsError),
    /// No connection, no TLS, or no answer in time.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// Another version of the agreement is in force there.
    #[error("协议版本与对方不一致 / another version of the agreement is in force at the peer")]
    AgreementVersion {
        /// The version there, where the peer named it.
        current: Option<AgreementRef>,
    },
    /// The peer refused.
    #[error("对方拒绝了查询（HTTP {status}） / the peer refused with HTTP {status}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The problem type, where it is a known one.
        kind: Option<ProblemType>,
        /// Seconds to wait, where the peer said so.
        retry_after: Option<u64>,
    },
    /// The answer is not one of that county to this request.
    #[error(transparent)]
    Response(#[from] ResponseError),
}

impl AskError {
    /// Whether the peer did not answer in time.
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        matches!(self, Self::Fetch(FetchError::Timeout { .. }))
    }

    /// What a decision takes instead of an answer: grey, whatever the peer did.
    #[must_use]
    pub fn refusal(&self, issuer: &EntityId) -> Refusal {
        let grey = |cause| Refusal::new(Outcome::IssuerUnreachable, cause, issuer);
        match self {
            Self::Standing(refusal) => (**refusal).clone(),
            Self::Signing(_) | Self::OwnRequest(_) => {
                Refusal::new(Outcome::NodeNotReady, "keys.exchange", issuer)
            }
            Self::Fetch(FetchError::Timeout { .. }) => grey("lookup.timeout"),
            Self::Fetch(FetchError::Tls { .. }) => grey("lookup.tls"),
            Self::Fetch(_) => grey("lookup.no-connection"),
            Self::AgreementVersion { .. } => grey("lookup.agreement-version"),
            Self::Refused { .. } if mutant!("VER-14/refused") => {
                Refusal::new(Outcome::NoMatch, "lookup.peer-refused", issuer)
            }
            Self::Refused { kind, .. } => grey(match kind {
                Some(ProblemType::RateLimited | ProblemType::Overloaded) => "lookup.peer-busy",
                Some(ProblemType::NotReady | ProblemType::StoreUnavailable | ProblemType::Internal) => {
                    "lookup.peer-not-ready"
                }
                Some(ProblemType::InProgress) => "lookup.in-progress",
                Some(ProblemType::NotAMember | ProblemType::PinMismatch | ProblemType::SignatureInvalid) => {
                    "lookup.peer-does-not-know-us"
                }
                _ => "lookup.peer-refused",
            }),
            Self::Response(_) if mutant!("VER-14/answer") => {
                Refusal::new(Outcome::SignatureInvalid, "lookup.answer", issuer)
            }
            Self::Response(error) => error.refusal(issuer),
        }
    }
}

/// Asks, and verifies the answer. `view` is the one on which the decision rests.
///
/// # Errors
/// [`AskError`].
pub async fn ask_peer(node: &Node, view: &View, question: &Question) -> Result<AskedPeer, AskError> {
    let now = node.now();
    let standing = view.trust.standing(&question.issuer, now);
    let Standing::Active(issuer) = standing else {
        return Err(AskError::Standing(Box::new(of_standing(
            &question.issuer,
            &standing,
        ))));
    };
    let address = PeerAddress {
        entity: issuer.entity.clone(),
        base: issuer.federation.clone(),
        pins: issuer.pins.clone(),
    };
    let request = sign(node, question, now).await?;
    let body = request.received().to_vec();
    let answer = node
        .peers
        .post(&address, VERIFICATIONS_PATH, JOSE_MEDIA_TYPE, body)
        .await?;
    if answer.status != 200 || answer.content_type != JOSE_MEDIA_TYPE {
        return Err(refused(&answer));
    }
    let mut budget = Budget::new(Limits::PRESENTATION);
    // The clock again: the answer may have taken seconds, and it is judged at its arrival.
    let looked_up = verify_response(&answer.body, &request, &view.trust, node.now(), &mut budget)?;
    Ok(AskedPeer {
        request: request.received().to_vec(),
        answer: looked_up,
    })
}

/// Builds and signs the request, and reads it back as the peer will: what does not verify here is not sent.
async fn sign(
    node: &Node,
    question: &Question,
    now: UnixSeconds,
) -> Result<Verified<VerificationRequest>, AskError> {
    let request = VerificationRequest {
        iss: node.identity.entity.clone(),
        aud: question.issuer.clone(),
        iat: now,
        exp: now.plus_saturating(REQUEST_LIFETIME + i64::from(mutant!("VER-5/sent"))),
        jti: Jti::from_bytes(node.rng.bytes::<16>()),
        purpose: question.purpose,
        service: question.service.clone(),
        provider: question.provider.clone(),
        legal_basis: question.legal_basis,
        agreement: question.agreement.clone(),
        claims: question.claims.clone(),
        case_ref: question.case_ref,
        subject: question.subject.clone(),
        presented_by: question.presented_by,
        beneficiary: question.beneficiary.clone(),
        environment: node.identity.environment,
        ext: None,
    };
    let jws = signing::compact(&node.signers, Typ::VerificationRequest, &request).await?;
    let signer = node
        .signers
        .of(KeyPurpose::Exchange)
        .map_err(SigningError::Signer)?;
    let mut keys = KeySet::new();
    if let Ok(key) = Ed25519Key::from_bytes(&signer.public_key()) {
        // An empty set takes one key.
        let _ = keys.add(KeyPurpose::Exchange, key);
    }
    let mut budget = Budget::new(Limits::PRESENTATION);
    let profile = Profile::Comity {
        typ: Typ::VerificationRequest.as_str(),
    };
    Unverified::parse(jws.as_bytes(), profile, &mut budget)
        .and_then(|parsed| parsed.verify(&keys, KeyPurpose::Exchange, &mut budget))
        .map_err(AskError::OwnRequest)
}

/// What the peer's refusal says.
fn refused(answer: &PeerAnswer) -> AskError {
    let problem = (answer.content_type == PROBLEM_MEDIA_TYPE)
        .then(|| {
            let mut budget = Budget::new(Limits::PRESENTATION);
            json::read::<ReportedProblem>(&answer.body, Numbers::Finite, &mut budget).ok()
        })
        .flatten();
    let kind = problem.as_ref().and_then(ReportedProblem::kind);
    if kind == Some(ProblemType::AgreementVersionMismatch) {
        let current = problem.and_then(|mut problem| problem.extensions.remove(CURRENT_AGREEMENT));
        return AskError::AgreementVersion {
            current: current.and_then(|value| serde_json::from_value(value).ok()),
        };
    }
    AskError::Refused {
        status: answer.status,
        kind,
        retry_after: answer.retry_after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &str) -> AskError {
        refused(&PeerAnswer {
            status: 409,
            content_type: PROBLEM_MEDIA_TYPE.to_owned(),
            retry_after: None,
            body: body.as_bytes().to_vec(),
        })
    }

    fn body(more: &str) -> String {
        let kind = ProblemType::AgreementVersionMismatch.uri();
        format!(r#"{{"type":"{kind}"{more}}}"#)
    }

    #[test]
    fn a_refusal_is_read_as_strictly_as_an_answer() {
        assert!(matches!(
            told(&body("")),
            AskError::AgreementVersion { current: None }
        ));
        for hostile in [
            r#","x":{"$serde_json::private::RawValue":"[[]]"}"#,
            r#","x":1,"x":2"#,
            r#","x":18446744073709551616"#,
        ] {
            let refused = told(&body(hostile));
            assert!(
                matches!(
                    refused,
                    AskError::Refused {
                        status: 409,
                        kind: None,
                        ..
                    }
                ),
                "{hostile}: {refused:?}"
            );
        }
    }
}
