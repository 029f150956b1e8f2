//! Look-ups between two counties in one process: for each acceptance its refusals, replay, hang-up, restart, and that nobody can
//! tell an unknown number from a wrong name.

use std::sync::Arc;

use comity_spec::agreement::AgreementRef;
use comity_spec::attestation::ClaimName;
use comity_spec::exchange::{
    Beneficiary, LegalBasis, LookupResult, PermitStatus, PresentedBy, Purpose, RESPONSE_SIZE, Subject,
    SubjectNumber,
};
use comity_spec::ids::{EntityId, Jti};
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::problem::ProblemType;
use comity_spec::time::UnixSeconds;
use comity_verifier::testing::{key, sign};
use serde_json::{Value, json};

use super::answer_lookup::{AnswerError, LookupAnswer, ReceivedLookup, answer_lookup};
use super::ask_peer::{AskError, AskedPeer, Question, ask_peer};
use crate::audit::{Direction, Event, Line};
use crate::ports::Clock as _;
use crate::ports::peers::FetchError;
use crate::ports::permits::Permit;
use crate::ports::record::RecordReads as _;
use crate::testing::Pair;

fn now() -> UnixSeconds {
    UnixSeconds::new(1_795_320_000).unwrap()
}

fn by_id(permit: &Permit) -> Subject {
    Subject {
        number: SubjectNumber::IdNumber(permit.details.id_number.clone()),
        name: permit.details.name.clone(),
    }
}

fn in_force(pair: &Pair) -> AgreementRef {
    pair.changshan.view().agreements.all()[0].reference()
}

fn question(pair: &Pair, subject: Subject) -> Question {
    Question {
        issuer: pair.yushan.identity.entity.clone(),
        purpose: Purpose::Service,
        service: "BPS-1".parse().unwrap(),
        provider: None,
        legal_basis: LegalBasis::StatutoryDuty,
        agreement: in_force(pair),
        claims: vec![ClaimName::Name, ClaimName::Tier, ClaimName::ResidenceSince],
        case_ref: Jti::from_bytes([7; 16]),
        subject,
        presented_by: PresentedBy::Holder,
        beneficiary: Beneficiary::Holder,
    }
}

async fn ask(pair: &Pair, subject: Subject) -> Result<AskedPeer, AskError> {
    ask_peer(&pair.changshan, &pair.changshan.view(), &question(pair, subject)).await
}

/// A request as Changshan would send it, before it is signed.
fn request(pair: &Pair, subject: &Subject) -> Value {
    json!({
        "iss": pair.changshan.identity.entity,
        "aud": pair.yushan.identity.entity,
        "iat": now(),
        "exp": now().plus_saturating(60),
        "jti": Jti::from_bytes([1; 16]),
        "purpose": "SERVICE",
        "service": "BPS-1",
        "legal_basis": "STATUTORY_DUTY",
        "agreement": in_force(pair),
        "claims": ["name", "tier"],
        "case_ref": Jti::from_bytes([2; 16]),
        "subject": subject,
        "environment": "SANDBOX",
    })
}

fn signed(pair: &Pair, request: &Value) -> ReceivedLookup {
    let key = pair.federation.county("330822").key(KeyPurpose::Exchange);
    ReceivedLookup {
        request: sign(&key, Typ::VerificationRequest, request).into_bytes(),
        channel: pair.changshan.identity.entity.clone(),
    }
}

async fn answer(pair: &Pair, received: &ReceivedLookup) -> Result<LookupAnswer, AnswerError> {
    answer_lookup(&pair.yushan, received).await
}

async fn lines(pair: &Pair) -> Vec<Line> {
    let lines = pair.yushan_store.lines_after(0, u32::MAX).await.unwrap();
    lines
        .iter()
        .map(|line| serde_json::from_str(&line.body).unwrap())
        .collect()
}

#[tokio::test]
async fn a_match_tells_what_is_allowed_and_both_sides_can_prove_it() {
    let pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let asked = ask(&pair, by_id(&permit)).await.unwrap();
    let response = asked.answer.response();
    assert_eq!(response.result, LookupResult::Match);
    assert_eq!(
        response.permit_state.as_ref().unwrap().endorsed_until,
        permit.endorsed_until
    );
    let claims = asked.answer.claims();
    assert_eq!(claims.name.as_deref(), Some(permit.details.name.as_str()));
    assert_eq!(
        claims.names(),
        [ClaimName::Name, ClaimName::Tier, ClaimName::ResidenceSince],
        "nothing but what was asked for and agreed"
    );
    assert_eq!(asked.answer.received().len(), RESPONSE_SIZE);
    let lines = lines(&pair).await;
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (lines[0].event, lines[0].direction),
        (Event::Answered, Some(Direction::Issued))
    );
    assert_eq!(lines[0].outcome.as_deref(), Some("match"));
    assert_eq!(lines[0].peer.as_ref(), Some(&pair.changshan.identity.entity));
    assert_eq!(lines[0].case_ref, Some(Jti::from_bytes([7; 16])));
}

#[tokio::test]
async fn permit_numbers_are_exact_and_the_newest_permit_that_was_not_replaced_is_told() {
    let pair = Pair::new(now());
    let old = pair
        .permit(0, |permit| permit.status = PermitStatus::Superseded)
        .await;
    let new = pair
        .permit(0, |permit| {
            permit.details.permit_number = "SHILI-361123-NEW".parse().unwrap();
            permit.endorsed_until = permit.endorsed_until.plus_days(5).unwrap();
        })
        .await;
    let told = |asked: AskedPeer| asked.answer.response().permit_state.clone().unwrap();
    let current = told(ask(&pair, by_id(&old)).await.unwrap());
    assert_eq!(
        (current.status, current.endorsed_until),
        (PermitStatus::Valid, new.endorsed_until)
    );
    let by_number = Subject {
        number: SubjectNumber::PermitNumber(old.details.permit_number.clone()),
        name: old.details.name.clone(),
    };
    assert_eq!(
        told(ask(&pair, by_number).await.unwrap()).status,
        PermitStatus::Superseded
    );
}

// VER-15
#[tokio::test]
async fn unknown_number_and_wrong_name_are_one_answer_in_content_and_size() {
    let pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let nobody = crate::testing::residents(
        pair.yushan.identity.region,
        comity_spec::time::LocalDate::of(now()),
        9,
    );
    let unknown = Subject {
        number: SubjectNumber::IdNumber(nobody[8].id_number.clone()),
        name: nobody[8].name.clone(),
    };
    let wrong = Subject {
        name: "别人示例".to_owned(),
        ..by_id(&permit)
    };
    let (unknown, wrong) = (
        ask(&pair, unknown).await.unwrap(),
        ask(&pair, wrong).await.unwrap(),
    );
    let mut told = [unknown.answer.response().clone(), wrong.answer.response().clone()];
    for one in &mut told {
        assert_eq!(one.result, LookupResult::NoMatch);
        assert_eq!((&one.permit_state, &one.claims), (&None, &None));
        one.in_reply_to = comity_spec::ids::Digest::from_bytes([0; 32]);
    }
    assert_eq!(told[0], told[1], "but for the request answered they are one");
    assert_eq!(unknown.answer.received().len(), RESPONSE_SIZE);
    assert_eq!(wrong.answer.received().len(), RESPONSE_SIZE);
    let lines = lines(&pair).await;
    assert_eq!(
        lines[0].outcome, lines[1].outcome,
        "and the record knows no difference either"
    );
}

#[tokio::test]
async fn a_name_that_is_only_alike_is_found_where_the_recogniser_sees_the_difference() {
    let pair = Pair::new(now());
    let permit = pair
        .permit(0, |permit| permit.details.name = "买买提·示例".to_owned())
        .await;
    let alike = Subject {
        name: "买买提•示例".to_owned(),
        ..by_id(&permit)
    };
    let shown = ask(&pair, alike.clone()).await.unwrap();
    assert_eq!(shown.answer.response().result, LookupResult::Match);
    assert_eq!(shown.answer.claims().name.as_deref(), Some("买买提·示例"));
    let mut blind = question(&pair, alike);
    blind.claims = vec![ClaimName::Tier];
    let unseen = ask_peer(&pair.changshan, &pair.changshan.view(), &blind)
        .await
        .unwrap();
    assert_eq!(unseen.answer.response().result, LookupResult::NoMatch);
}

#[tokio::test]
async fn a_thousand_repetitions_are_one_effect_also_after_a_restart() {
    let mut pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let received = signed(&pair, &request(&pair, &by_id(&permit)));
    let first = answer(&pair, &received).await.unwrap();
    assert!(!first.repeated);
    for _ in 0..500 {
        let again = answer(&pair, &received).await.unwrap();
        assert_eq!((again.repeated, &again.response), (true, &first.response));
    }
    pair.restart();
    pair.clock.advance(60);
    for _ in 0..500 {
        assert_eq!(answer(&pair, &received).await.unwrap().response, first.response);
    }
    assert_eq!(lines(&pair).await.len(), 1);
    assert_eq!(
        pair.yushan_store
            .commits()
            .iter()
            .filter(|name| **name == "answer look-up")
            .count(),
        1
    );
}

#[tokio::test]
async fn other_bytes_under_one_jti_are_a_conflict() {
    let pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let mut claims = request(&pair, &by_id(&permit));
    answer(&pair, &signed(&pair, &claims)).await.unwrap();
    claims["service"] = json!("BPS-2");
    let refused = answer(&pair, &signed(&pair, &claims)).await.unwrap_err();
    assert!(matches!(refused, AnswerError::ReplayConflict));
    assert_eq!(refused.problem(), ProblemType::ReplayConflict);
    claims["jti"] = json!(Jti::from_bytes([9; 16]));
    answer(&pair, &signed(&pair, &claims)).await.unwrap();
}

#[tokio::test]
async fn the_same_request_twice_at_once_is_answered_once() {
    let pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let received = signed(&pair, &request(&pair, &by_id(&permit)));
    let jti = Jti::from_bytes([1; 16]).to_string();
    let peer = pair.changshan.identity.entity.as_str();
    let underway = pair.yushan.live.in_flight.begin(peer, &jti).unwrap();
    let refused = answer(&pair, &received).await.unwrap_err();
    assert!(matches!(refused, AnswerError::InProgress));
    assert_eq!(
        (refused.problem().status(), refused.retry_after()),
        (503, Some(1))
    );
    drop(underway);
    assert!(answer(&pair, &received).await.is_ok());
    assert_eq!(lines(&pair).await.len(), 1);
}

/// An exchange key whose keeper takes its time: signing is not done at the first poll.
struct SlowSigner(crate::signing::LocalSigner);

#[async_trait::async_trait]
impl crate::ports::signer::Signer for SlowSigner {
    fn public_key(&self) -> [u8; 32] {
        self.0.public_key()
    }

    fn thumbprint(&self) -> comity_spec::ids::Thumbprint {
        self.0.thumbprint()
    }

    async fn sign(&self, messages: &[&[u8]]) -> Result<Vec<[u8; 64]>, crate::ports::signer::SignerError> {
        tokio::task::yield_now().await;
        self.0.sign(messages).await
    }
}

#[tokio::test]
async fn a_hang_up_half_way_leaves_nothing_behind() {
    let mut pair = Pair::new(now());
    let exchange = pair.federation.county("361123").key(KeyPurpose::Exchange);
    pair.change("361123", |node| {
        let slow = SlowSigner(crate::testing::signer(&exchange));
        node.signers.insert(KeyPurpose::Exchange, Arc::new(slow));
    });
    let permit = pair.permit(0, |_| {}).await;
    let received = signed(&pair, &request(&pair, &by_id(&permit)));
    let hung_up = futures_util::FutureExt::now_or_never(answer(&pair, &received));
    assert!(
        hung_up.is_none(),
        "it was dropped while the key's keeper was at work"
    );
    assert!(lines(&pair).await.is_empty());
    let answered = answer(&pair, &received).await.unwrap();
    assert!(!answered.repeated);
    assert_eq!(lines(&pair).await.len(), 1);
}

// REC-2
#[tokio::test]
async fn no_record_no_answer() {
    let pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let received = signed(&pair, &request(&pair, &by_id(&permit)));
    pair.yushan_store.fail("disk full");
    let refused = answer(&pair, &received).await.unwrap_err();
    assert_eq!(refused.problem(), ProblemType::StoreUnavailable);
    pair.yushan_store.recover();
    assert!(!answer(&pair, &received).await.unwrap().repeated);
}

/// Each defect of a request with the problem type it is answered with; nothing is looked up and nothing recorded for any.
// VER-4, VER-7
#[tokio::test]
async fn what_may_not_be_asked_is_refused_before_anybody_is_looked_up() {
    let pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let subject = by_id(&permit);
    let good = request(&pair, &subject);
    let other: EntityId = "https://other.example".parse().unwrap();
    let mut older = in_force(&pair);
    older.digest = comity_spec::ids::Digest::from_bytes([5; 32]);
    let mut unknown = in_force(&pair);
    unknown.id = "AGR-OTHER".parse().unwrap();
    let cases: Vec<(&str, Value, ProblemType)> = vec![
        ("aud", json!({ "aud": other }), ProblemType::WrongAudience),
        (
            "environment",
            json!({ "environment": "PRODUCTION" }),
            ProblemType::WrongEnvironment,
        ),
        (
            "future",
            json!({ "iat": now().plus_saturating(61), "exp": now().plus_saturating(100) }),
            ProblemType::ClockSkew,
        ),
        (
            "expired",
            json!({ "iat": now().plus_saturating(-120), "exp": now().plus_saturating(-60) }),
            ProblemType::RequestExpired,
        ),
        (
            "long",
            json!({ "exp": now().plus_saturating(61) }),
            ProblemType::MalformedRequest,
        ),
        (
            "agreement",
            json!({ "agreement": unknown }),
            ProblemType::AgreementUnknown,
        ),
        (
            "digest",
            json!({ "agreement": older }),
            ProblemType::AgreementVersionMismatch,
        ),
        (
            "service",
            json!({ "service": "BPS-6" }),
            ProblemType::ServiceNotCovered,
        ),
        (
            "claims",
            json!({ "claims": ["hukou_address"] }),
            ProblemType::ClaimsNotAllowed,
        ),
        (
            "unknown field",
            json!({ "surname": "示例" }),
            ProblemType::MalformedRequest,
        ),
        (
            "number",
            json!({ "subject": { "number": { "id_number": "1" }, "name": "x" } }),
            ProblemType::MalformedRequest,
        ),
    ];
    for (what, change, expected) in cases {
        let mut claims = good.clone();
        comity_verifier::testing::merge(&mut claims, change);
        let refused = answer(&pair, &signed(&pair, &claims)).await.unwrap_err();
        assert_eq!(refused.problem(), expected, "{what}: {refused}");
        let printed = format!("{refused:?} {refused}");
        assert!(
            !printed.contains(&subject.name) && !printed.contains(permit.details.id_number.as_str()),
            "{printed}"
        );
        assert_eq!(
            refused.current_agreement(),
            (what == "digest").then(|| in_force(&pair)).as_ref(),
            "{what}: only a version mismatch names what is in force"
        );
    }
    let mut forged = signed(&pair, &good);
    forged.request = sign(&key("somebody else"), Typ::VerificationRequest, &good).into_bytes();
    assert_eq!(
        answer(&pair, &forged).await.unwrap_err().problem(),
        ProblemType::SignatureInvalid
    );
    let mut purpose = signed(&pair, &good);
    let receipt_key = pair.federation.county("330822").key(KeyPurpose::Receipt);
    purpose.request = sign(&receipt_key, Typ::VerificationRequest, &good).into_bytes();
    assert_eq!(
        answer(&pair, &purpose).await.unwrap_err().problem(),
        ProblemType::SignatureInvalid
    );
    let mut channel = signed(&pair, &good);
    channel.channel = pair.yushan.identity.entity.clone();
    assert_eq!(
        answer(&pair, &channel).await.unwrap_err().problem(),
        ProblemType::PinMismatch
    );
    assert!(lines(&pair).await.is_empty());
    assert!(
        answer(&pair, &signed(&pair, &good)).await.is_ok(),
        "and the request without a defect is answered"
    );
}

#[tokio::test]
async fn a_stored_answer_is_given_again_only_to_whom_may_still_ask() {
    let mut pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let received = signed(&pair, &request(&pair, &by_id(&permit)));
    answer(&pair, &received).await.unwrap();
    let ended = crate::node::View {
        agreements: Arc::default(),
        ..(*pair.yushan.view()).clone()
    };
    pair.yushan.view.store(Arc::new(ended));
    let refused = answer(&pair, &received).await.unwrap_err();
    assert_eq!(refused.problem(), ProblemType::AgreementUnknown);
    pair.restart();
    assert_eq!(
        answer(&pair, &received).await.unwrap_err().problem(),
        ProblemType::AgreementUnknown
    );
}

// VER-14
#[tokio::test]
async fn every_way_of_getting_no_answer_has_a_name_and_is_grey() {
    let pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let issuer = pair.yushan.identity.entity.clone();
    let grey = |error: &AskError, cause: &str| {
        let refusal = error.refusal(&issuer);
        assert_eq!(refusal.cause, cause, "{error}");
        assert_eq!(refusal.outcome.class(), comity_spec::outcome::OutcomeClass::Grey);
    };
    pair.wire.cut(true);
    grey(
        &ask(&pair, by_id(&permit)).await.unwrap_err(),
        "lookup.no-connection",
    );
    pair.wire.cut(false);
    pair.wire.tamper(|_| {
        Err(FetchError::Timeout {
            host: "示例".to_owned(),
            seconds: 3,
        })
    });
    let timeout = ask(&pair, by_id(&permit)).await.unwrap_err();
    assert!(timeout.is_timeout());
    grey(&timeout, "lookup.timeout");
    pair.wire.tamper(|mut answer| {
        let last = answer.body.len() - 1;
        answer.body[last] = if answer.body[last] == b'A' { b'Q' } else { b'A' };
        Ok(answer)
    });
    let tampered = ask(&pair, by_id(&permit)).await.unwrap_err();
    assert!(matches!(tampered, AskError::Response(_)), "{tampered}");
    assert_eq!(
        tampered.refusal(&issuer).outcome.class(),
        comity_spec::outcome::OutcomeClass::Grey
    );
    pair.wire.tamper(|mut answer| {
        answer.content_type = "text/html".to_owned();
        Ok(answer)
    });
    grey(
        &ask(&pair, by_id(&permit)).await.unwrap_err(),
        "lookup.peer-refused",
    );
    pair.wire.tamper(Ok);
    assert!(ask(&pair, by_id(&permit)).await.is_ok());
}

#[tokio::test]
async fn an_older_agreement_is_told_which_one_is_in_force() {
    let pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let mut asked = question(&pair, by_id(&permit));
    asked.agreement.digest = comity_spec::ids::Digest::from_bytes([5; 32]);
    let refused = ask_peer(&pair.changshan, &pair.changshan.view(), &asked)
        .await
        .unwrap_err();
    let AskError::AgreementVersion { current } = &refused else {
        panic!("{refused}")
    };
    assert_eq!(current.as_ref(), Some(&in_force(&pair)));
}

#[tokio::test]
async fn an_answer_to_another_request_is_not_taken_for_ours() {
    let pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let first = ask(&pair, by_id(&permit)).await.unwrap();
    let old = first.answer.received().to_vec();
    pair.wire.tamper(move |mut answer| {
        answer.body.clone_from(&old);
        Ok(answer)
    });
    let refused = ask(&pair, by_id(&permit)).await.unwrap_err();
    assert!(
        matches!(
            refused,
            AskError::Response(comity_verifier::exchange::ResponseError::InReplyTo)
        ),
        "{refused}"
    );
}

#[tokio::test]
async fn a_peer_that_keeps_missing_is_told_to_wait_before_anybody_is_looked_up() {
    let mut pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let jti = std::cell::Cell::new(0_u8);
    let wrong = Subject {
        name: "别人示例".to_owned(),
        ..by_id(&permit)
    };
    let next = |pair: &Pair, subject: &Subject| {
        let mut request = request(pair, subject);
        jti.set(jti.get() + 1);
        request["jti"] = json!(Jti::from_bytes([jti.get(); 16]));
        request["iat"] = json!(pair.clock.now());
        request["exp"] = json!(pair.clock.now().plus_saturating(60));
        signed(pair, &request)
    };
    let mut told = 0;
    let limited = loop {
        assert!(told < 200, "nobody said stop");
        match answer(&pair, &next(&pair, &wrong)).await {
            Ok(_) => told += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(limited.problem(), ProblemType::RateLimited);
    assert!(
        limited
            .retry_after()
            .is_some_and(|wait| (1..=600).contains(&wait))
    );
    let lines_before = lines(&pair).await.len();
    let right = answer(&pair, &next(&pair, &by_id(&permit))).await.unwrap_err();
    assert_eq!(
        right.problem(),
        ProblemType::RateLimited,
        "a match is not told either"
    );
    assert_eq!(lines(&pair).await.len(), lines_before);
    pair.restart();
    let after = answer(&pair, &next(&pair, &wrong)).await.unwrap_err();
    assert_eq!(
        after.problem(),
        ProblemType::RateLimited,
        "a restart forgives nothing"
    );
    pair.clock.advance(600);
    assert!(answer(&pair, &next(&pair, &by_id(&permit))).await.is_ok());
}
