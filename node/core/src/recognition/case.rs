//! One case, decided and kept: gathers what the decision asks for until it is one, then writes verification and record line in
//! one commit.
//!
//! The case rests on one view of the federation from beginning to end. The issuer is asked only when the decision says that the
//! answer would be better for it, at most twice; whatever fails counts as being off line, and the decision says so.

use std::sync::Arc;

use comity_spec::agreement::AgreementRef;
use comity_spec::attestation::{ClaimName, PermitClaims};
use comity_spec::decision::Decision;
use comity_spec::exchange::{LegalBasis, LookupResult, Subject, SubjectNumber};
use comity_spec::ids::{EntityId, Jti, TraceNumber};
use comity_spec::jose::KeyPurpose;
use comity_spec::mutant;
use comity_spec::outcome::Outcome;
use comity_spec::receipt::EvidenceDigest;
use comity_spec::time::{LocalDate, UnixSeconds};
use comity_verifier::decide::{
    Actor, Clerk, Consent, Context, DecideInput, Evidence, Health, Lookup, Network, Quota, Recogniser,
    Refusal, Source, Step, Wanted, decide,
};
use comity_verifier::presentation::Presented;
use comity_verifier::status_view::{StatusReading, StatusView};

use super::status_refresh::status_refresh;
use super::{Inquiry, RecogniseError, RecognitionView};
use crate::audit::{Asked, Direction, Event, ForWhom, Line, salted};
use crate::exchange::ask_peer::{AskedPeer, Question, ask_peer};
use crate::node::{Node, View};
use crate::ports::officers::Role;
use crate::ports::recognitions::{Recognition, ShownHolder};
use crate::ports::store::{Conflict, Row, StoreError, Write};
use crate::ports::trust::Tombstone;
use crate::staff::idempotency;

/// Most times that the decision may ask for more.
const MOST_QUESTIONS: usize = 3;
/// Trace numbers tried for one verification.
const MOST_TRACES: usize = 4;

/// What lies before the window.
pub(super) enum Shown {
    /// A presentation that holds.
    Presented(Box<Presented>),
    /// A presentation, or an issuer, that does not; with the bytes, where there are any.
    Refused(Refusal, Vec<u8>),
    /// Number and name, with the county said to have issued the permit.
    Typed {
        /// The county.
        issuer: EntityId,
        /// Who is looked up.
        subject: Subject,
    },
}

/// A case under way.
pub(super) struct Case<'a> {
    pub(super) node: &'a Node,
    pub(super) view: Arc<View>,
    pub(super) inquiry: &'a Inquiry,
    pub(super) quota: Quota,
    pub(super) typed_name: Option<&'a str>,
    pub(super) now: UnixSeconds,
}

/// What was gathered on the way.
struct Gathered {
    case_ref: Jti,
    claims: Vec<ClaimName>,
    asked: Option<Result<AskedPeer, Refusal>>,
    status: Arc<StatusView>,
    refreshed: bool,
}

impl Case<'_> {
    /// Decides, records, and only then shows.
    pub(super) async fn run(self, shown: &Shown) -> Result<RecognitionView, RecogniseError> {
        let mut gathered = Gathered {
            case_ref: Jti::from_bytes(self.node.rng.bytes::<16>()),
            claims: Vec::new(),
            asked: None,
            status: Arc::clone(&self.view.status),
            refreshed: false,
        };
        let decision = self.decide(shown, &mut gathered).await?;
        self.record(shown, &gathered, decision).await
    }

    fn context(&self) -> Context {
        let health = if !self.view.trust.clock_ok(self.now) {
            Health::NotReady {
                cause: "clock.behind",
            }
        } else if self.node.signers.of(KeyPurpose::Receipt).is_err() {
            Health::NotReady {
                cause: "keys.receipt",
            }
        } else {
            Health::Ready
        };
        let Inquiry {
            acting,
            purpose,
            legal_basis,
            consent_given,
            ..
        } = self.inquiry;
        Context {
            health,
            actor: match purpose {
                _ if !acting.may(Role::Clerk) => Actor::NotAuthorised,
                None => Actor::NoPurpose,
                Some(_) => Actor::Authorised,
            },
            consent: match legal_basis {
                LegalBasis::StatutoryDuty => Consent::Satisfied,
                LegalBasis::Consent | LegalBasis::SeparateConsent if *consent_given => Consent::Satisfied,
                LegalBasis::Consent | LegalBasis::SeparateConsent => Consent::Missing,
            },
            quota: self.quota,
        }
    }

    async fn decide(&self, shown: &Shown, gathered: &mut Gathered) -> Result<Decision, RecogniseError> {
        let context = self.context();
        for _ in 0..=MOST_QUESTIONS {
            match self.step(shown, gathered, &context, Network::OnLine) {
                Step::NeedStatus(wanted) => self.gather(wanted, gathered).await,
                Step::NeedHolder(decision) | Step::Decision(decision) => return Ok(*decision),
            }
        }
        match self.step(shown, gathered, &context, Network::OffLine) {
            Step::NeedStatus(_) => Err(RecogniseError::Undecided),
            Step::NeedHolder(decision) | Step::Decision(decision) => Ok(*decision),
        }
    }

    fn step(&self, shown: &Shown, gathered: &Gathered, context: &Context, network: Network) -> Step {
        let identity = &self.node.identity;
        decide(&DecideInput {
            context,
            recogniser: Recogniser {
                entity: &identity.entity,
                region: identity.region,
                network,
            },
            evidence: Evidence {
                source: shown.source(),
                lookup: match &gathered.asked {
                    None => Lookup::NotAsked,
                    Some(Ok(asked)) => Lookup::Answered(&asked.answer),
                    Some(Err(refusal)) => Lookup::Failed(refusal),
                },
                typed_name: self.typed_name,
            },
            trust: &self.view.trust,
            agreements: &self.view.agreements,
            status: &gathered.status,
            status_refreshed: gathered.refreshed,
            clerk: Clerk::Pending,
            service: &self.inquiry.service,
            provider: self.inquiry.provider.as_ref(),
            now: self.now,
        })
    }

    /// Asks for what the decision wants. Whatever fails is remembered as asked: nothing is asked twice.
    async fn gather(&self, wanted: Wanted, gathered: &mut Gathered) {
        match wanted {
            Wanted::StatusList { issuer, reference } => {
                gathered.refreshed = true;
                match status_refresh(self.node, &issuer, &reference.uri).await {
                    Ok(status) => gathered.status = status,
                    Err(error) => tracing::warn!(%issuer, %error, "status list not refreshed"),
                }
            }
            Wanted::LookUp {
                issuer,
                agreement,
                subject,
                claims,
            } => {
                // Without a purpose the decision ends before it asks.
                let Some(purpose) = self.inquiry.purpose else {
                    let refusal = Refusal::new(Outcome::NotAuthorised, "actor.no-purpose", &issuer);
                    gathered.asked = Some(Err(refusal));
                    return;
                };
                let question = Question {
                    issuer,
                    purpose,
                    service: self.inquiry.service.clone(),
                    provider: self.inquiry.provider.clone(),
                    legal_basis: self.inquiry.legal_basis,
                    agreement,
                    claims,
                    case_ref: gathered.case_ref,
                    subject,
                    presented_by: self.inquiry.presented_by,
                    beneficiary: self.inquiry.beneficiary.clone(),
                };
                let asked = ask_peer(self.node, &self.view, &question).await;
                gathered.claims = question.claims;
                gathered.asked = Some(asked.map_err(|error| {
                    tracing::warn!(issuer = %question.issuer, %error, "look-up without an answer");
                    error.refusal(&question.issuer)
                }));
            }
        }
    }

    /// The verification, what outlives the status list, the idempotency key and the record line: one commit.
    async fn record(
        &self,
        shown: &Shown,
        gathered: &Gathered,
        decision: Decision,
    ) -> Result<RecognitionView, RecogniseError> {
        let (node, inquiry) = (self.node, self.inquiry);
        let salt = Jti::from_bytes(node.rng.bytes::<16>());
        let status_ref = shown.status_ref();
        let mut recognition = Recognition {
            trace: self.trace(),
            version: 1,
            officer: inquiry.acting.officer.clone(),
            settled_by: None,
            at: self.now,
            evidence: self.evidence(&salt, shown, gathered, decision.agreement.as_ref()),
            holder: holder(shown, gathered, decision.outcome),
            status_ref: status_ref.clone(),
            receipt: None,
            erase_at: self
                .now
                .plus_saturating(i64::from(node.policy.holder_data_days) * 86_400),
            salt,
            decision,
        };
        for _ in 0..MOST_TRACES {
            let mut writes = vec![
                Write::Recognition(Box::new(recognition.clone())),
                self.line(&recognition, gathered).write()?,
            ];
            writes.extend(self.tombstone(gathered, status_ref.clone()));
            if let Some(keyed) = &inquiry.keyed {
                let answer = recognition.trace.to_string().into_bytes();
                writes.push(idempotency::remember(
                    &inquiry.acting.officer,
                    keyed,
                    answer,
                    self.now,
                ));
            }
            match node.store.commit("record verification", writes).await {
                Ok(()) => return Ok(recognition.into()),
                // Forty random bits meet now and then at a busy county: another number.
                Err(StoreError::Conflict(Conflict::Version(_))) => recognition.trace = self.trace(),
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict(Conflict::Exists(Row::TraceNumber)).into())
    }

    fn trace(&self) -> TraceNumber {
        TraceNumber::new(
            LocalDate::of(self.now),
            self.node.identity.region,
            self.node.rng.bytes::<5>(),
        )
    }

    fn evidence(
        &self,
        salt: &Jti,
        shown: &Shown,
        gathered: &Gathered,
        agreement: Option<&AgreementRef>,
    ) -> Vec<EvidenceDigest> {
        let mut evidence = Vec::new();
        match shown {
            Shown::Presented(presented) => {
                evidence.push(salted(salt, "attestation", presented.received()));
                if let Some(list) = gathered.status.list(&presented.status().uri) {
                    evidence.push(salted(salt, "status_list", list.payload_digest()));
                }
            }
            Shown::Refused(_, bytes) if !bytes.is_empty() => {
                evidence.push(salted(salt, "attestation", bytes))
            }
            Shown::Refused(..) | Shown::Typed { .. } => {}
        }
        if let Some(Ok(asked)) = &gathered.asked {
            evidence.push(salted(salt, "request", &asked.request));
            evidence.push(salted(salt, "response", asked.answer.received()));
        }
        if let Some(agreement) = agreement {
            evidence.push(salted(salt, "agreement", agreement.digest.as_bytes()));
        }
        evidence
    }

    fn line(&self, recognition: &Recognition, gathered: &Gathered) -> Line {
        let inquiry = self.inquiry;
        Line {
            direction: Some(Direction::Recognised),
            trace: Some(recognition.trace),
            peer: recognition.decision.issuer.clone(),
            officer: Some(recognition.officer.clone()),
            asked: Some(Asked {
                purpose: inquiry.purpose,
                service: inquiry.service.clone(),
                provider: inquiry.provider.clone(),
                legal_basis: inquiry.legal_basis,
                presented_by: inquiry.presented_by,
                for_whom: ForWhom::from(&inquiry.beneficiary),
                claims: gathered.claims.clone(),
            }),
            case_ref: gathered.asked.is_some().then_some(gathered.case_ref),
            agreement: recognition.decision.agreement.clone(),
            outcome: Some(recognition.decision.outcome.code().to_owned()),
            evidence: recognition.evidence.clone(),
            ..Line::new(Event::Verified, self.now)
        }
    }

    /// What was seen for good outlives the list in which it was seen.
    fn tombstone(&self, gathered: &Gathered, status_ref: Option<(String, u32)>) -> Option<Write> {
        let (uri, index) = status_ref?;
        match gathered.status.read(&uri, u64::from(index), self.now) {
            StatusReading::Value { value, .. } if value.is_permanent() && !mutant!("STA-12/decided") => {
                Some(Write::Tombstone(Tombstone {
                    uri,
                    index,
                    status: value,
                    seen_at: self.now,
                }))
            }
            _ => None,
        }
    }
}

/// Who it is about, where the outcome is about a person: not where nothing was covered, and not where nobody was found.
fn holder(shown: &Shown, gathered: &Gathered, outcome: Outcome) -> Option<ShownHolder> {
    if outcome.order() <= Outcome::NoMatch.order() {
        return None;
    }
    let answered = match &gathered.asked {
        Some(Ok(asked)) if asked.answer.response().result == LookupResult::Match => {
            Some(asked.answer.claims())
        }
        _ => None,
    };
    let presented = match shown {
        Shown::Presented(presented) => Some(presented.claims()),
        Shown::Refused(..) | Shown::Typed { .. } => None,
    };
    let typed = match shown {
        Shown::Typed { subject, .. } if answered.is_some() => Some(subject),
        _ => None,
    };
    let claimed =
        |of: fn(&PermitClaims) -> Option<String>| answered.and_then(of).or_else(|| presented.and_then(of));
    let number = |subject: &Subject| match &subject.number {
        SubjectNumber::IdNumber(number) => number.as_str().to_owned(),
        SubjectNumber::PermitNumber(number) => number.as_str().to_owned(),
    };
    Some(ShownHolder {
        name: claimed(|claims| claims.name.clone()).or_else(|| typed.map(|subject| subject.name.clone()))?,
        number: claimed(|claims| claims.id_number.as_ref().map(|n| n.as_str().to_owned()))
            .or_else(|| typed.map(number))
            .or_else(|| claimed(|claims| claims.permit_number.as_ref().map(|n| n.as_str().to_owned())))?,
    })
}

impl Shown {
    fn source(&self) -> Source<'_> {
        match self {
            Self::Presented(presented) => Source::Presented(presented),
            Self::Refused(refusal, _) => Source::Refused(refusal),
            Self::Typed { issuer, subject } => Source::Typed { issuer, subject },
        }
    }

    fn status_ref(&self) -> Option<(String, u32)> {
        let Self::Presented(presented) = self else {
            return None;
        };
        let reference = presented.status();
        Some((reference.uri.clone(), u32::try_from(reference.idx).ok()?))
    }
}
