//! From the scan to the receipt, between two counties in one process: what comes out green, what does not, and what is kept.

use std::sync::Arc;

use comity_spec::agreement::Agreement;
use comity_spec::decision::{Channel, Confirmation};
use comity_spec::exchange::{
    Beneficiary, LegalBasis, PermitStatus, PresentedBy, Purpose, RESPONSE_LIFETIME, Subject, SubjectNumber,
    VERIFICATIONS_PATH,
};
use comity_spec::outcome::{Outcome, OutcomeClass};
use comity_spec::status::StatusValue;
use comity_spec::time::UnixSeconds;
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::receipt::{HolderCheck, is_about, verify_receipt};
use comity_verifier::symbol;
use comity_verifier::testing::{Draft, merge};
use comity_verifier::trust::Trust;

use super::{
    Confirm, Finding, Inquiry, IssuerChoice, LookUp, RecogniseError, RecognitionView, SettleError,
    VerifyPresented, close, confirm, look_up, revoked_receipts, show, shown_of_officer, verify_presented,
};
use crate::audit::{Event, Line, verify_record};
use crate::node::View;
use crate::ports::officers::Role;
use crate::ports::peers::FetchError;
use crate::ports::permits::Permit;
use crate::ports::recognitions::RecognitionReads as _;
use crate::ports::record::RecordReads as _;
use crate::ports::store::{Store as _, Write};
use crate::ports::trust::{MemberListRow, PeerStatusRow, StatementRow, TrustReads as _};
use crate::staff::Acting;
use crate::staff::idempotency::{IdempotencyError, Keyed};
use crate::testing::Pair;

fn now() -> UnixSeconds {
    UnixSeconds::new(1_795_320_000).unwrap()
}

fn acting(id: &str, role: Role) -> Acting {
    Acting {
        officer: id.parse().unwrap(),
        roles: vec![role],
    }
}

fn inquiry() -> Inquiry {
    Inquiry {
        acting: acting("clerk-01", Role::Clerk),
        purpose: Some(Purpose::Service),
        service: "BPS-1".parse().unwrap(),
        provider: None,
        legal_basis: LegalBasis::StatutoryDuty,
        consent_given: false,
        presented_by: PresentedBy::Holder,
        beneficiary: Beneficiary::Holder,
        keyed: None,
    }
}

fn scan(token: &str) -> VerifyPresented {
    VerifyPresented {
        inquiry: inquiry(),
        presented: symbol::encode(token).unwrap().into_bytes(),
        nonce: None,
        typed_name: None,
    }
}

fn typed(permit: &Permit, name: &str) -> LookUp {
    LookUp {
        inquiry: inquiry(),
        issuer: IssuerChoice::Region("361123".parse().unwrap()),
        subject: Subject {
            number: SubjectNumber::IdNumber(permit.details.id_number.clone()),
            name: name.to_owned(),
        },
    }
}

async fn shown(pair: &Pair, command: &VerifyPresented) -> RecognitionView {
    verify_presented(&pair.changshan, command).await.unwrap()
}

async fn confirmed(
    pair: &Pair,
    view: &RecognitionView,
    finding: Finding,
) -> Result<RecognitionView, SettleError> {
    let command = Confirm {
        acting: acting("clerk-01", Role::Clerk),
        trace: view.trace,
        finding,
        keyed: None,
    };
    confirm(&pair.changshan, &command).await
}

async fn lines(pair: &Pair) -> Vec<Line> {
    let lines = pair.changshan_store.lines_after(0, u32::MAX).await.unwrap();
    lines
        .iter()
        .map(|line| serde_json::from_str(&line.body).unwrap())
        .collect()
}

// DEC-9, RCP-1, RCP-5
#[tokio::test]
async fn a_scan_is_green_only_after_a_person_looked_and_then_has_a_receipt_of_this_person() {
    let pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let token = pair.card(&permit).await;
    let provisional = shown(&pair, &scan(&token)).await;
    assert_eq!(
        provisional.decision.outcome,
        Outcome::Recognised,
        "{:?}",
        provisional.decision
    );
    assert!(provisional.needs_holder && provisional.receipt.is_none());
    assert_eq!(provisional.decision.confirmation, Confirmation::Pending);
    assert_eq!(provisional.holder.as_ref().unwrap().name, permit.details.name);
    assert!(
        pair.wire.calls().is_empty(),
        "nobody was asked: everything needed was here"
    );
    assert!(matches!(
        close(
            &pair.changshan,
            &acting("clerk-01", Role::Clerk),
            &provisional.trace
        )
        .await,
        Err(SettleError::NeedsHolder)
    ));

    let done = confirmed(&pair, &provisional, Finding::Same).await.unwrap();
    assert_eq!(done.decision.confirmation, Confirmation::Confirmed);
    assert!(!done.needs_holder);
    let printed = done.receipt.clone().unwrap();
    let mut budget = Budget::new(Limits::PRESENTATION);
    let view = pair.yushan.view();
    let receipt = verify_receipt(&printed.receipt, &view.trust, now(), &mut budget).unwrap();
    let (name, number) = (&permit.details.name, permit.details.id_number.as_str());
    assert_eq!(
        is_about(receipt.value(), printed.salt.as_ref(), name, number),
        HolderCheck::Same
    );
    assert_eq!(
        is_about(receipt.value(), printed.salt.as_ref(), "别人示例", number),
        HolderCheck::Different
    );
    assert_eq!(receipt.value().decided_by.as_str(), "clerk-01");
    assert_eq!(receipt.value().exp, permit.endorsed_until.end_of_day());
    assert!(receipt.value().follow_up.is_none());

    let again = confirmed(&pair, &provisional, Finding::Same).await.unwrap();
    assert_eq!(again, done, "a repetition is the same receipt");
    assert!(matches!(
        confirmed(&pair, &provisional, Finding::Different).await,
        Err(SettleError::Settled(Outcome::Recognised))
    ));
    let events: Vec<_> = lines(&pair).await.iter().map(|line| line.event).collect();
    assert_eq!(events, [Event::Verified, Event::Confirmed]);
}

#[tokio::test]
async fn who_is_not_the_holder_gets_a_refusal_with_a_receipt() {
    let pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let token = pair.card(&permit).await;
    for (finding, outcome, confirmation) in [
        (
            Finding::Different,
            Outcome::HolderMismatch,
            Confirmation::Mismatch,
        ),
        (Finding::Review, Outcome::ReviewRequired, Confirmation::Pending),
    ] {
        let view = shown(&pair, &scan(&token)).await;
        let done = confirmed(&pair, &view, finding).await.unwrap();
        assert_eq!(
            (done.decision.outcome, done.decision.confirmation),
            (outcome, confirmation)
        );
        assert_eq!(done.decision.text, outcome.text().into());
        assert!(done.receipt.is_some() && !done.needs_holder);
        assert_eq!(confirmed(&pair, &view, finding).await.unwrap(), done);
        assert!(matches!(
            confirmed(&pair, &view, Finding::Same).await,
            Err(SettleError::Settled(_))
        ));
    }
}

#[tokio::test]
async fn a_verdict_is_confirmed_in_time_by_whom_it_concerns_and_not_after_a_cancellation() {
    let pair = Pair::new(now());
    let mut permit = pair.permit(0, |_| {}).await;
    let token = pair.card(&permit).await;
    let view = shown(&pair, &scan(&token)).await;
    let other = Confirm {
        acting: acting("clerk-02", Role::Clerk),
        trace: view.trace,
        finding: Finding::Same,
        keyed: None,
    };
    assert!(matches!(
        confirm(&pair.changshan, &other).await,
        Err(SettleError::NotFound)
    ));
    let issuer = Confirm {
        acting: acting("clerk-01", Role::Issuer),
        ..other.clone()
    };
    assert!(matches!(
        confirm(&pair.changshan, &issuer).await,
        Err(SettleError::NotAuthorised)
    ));

    pair.clock.advance(5);
    pair.set_status(&mut permit, PermitStatus::Cancelled, StatusValue::Cancelled)
        .await;
    pair.publish().await;
    assert!(matches!(
        confirmed(&pair, &view, Finding::Same).await,
        Err(SettleError::StatusChanged)
    ));
    assert!(confirmed(&pair, &view, Finding::Different).await.is_ok());

    let fresh = pair.permit(1, |_| {}).await;
    let view = shown(&pair, &scan(&pair.card(&fresh).await)).await;
    pair.clock.advance(1_801);
    assert!(matches!(
        confirmed(&pair, &view, Finding::Same).await,
        Err(SettleError::TooLate)
    ));
    let supervisor = Confirm {
        acting: acting("boss-01", Role::Supervisor),
        trace: view.trace,
        finding: Finding::Same,
        keyed: None,
    };
    assert!(matches!(
        confirm(&pair.changshan, &supervisor).await,
        Err(SettleError::TooLate)
    ));
}

#[tokio::test]
async fn a_list_fetched_for_one_case_leaves_stones_for_everybody_cancelled_in_it() {
    let pair = Pair::new(now());
    let shown_one = pair.permit(0, |_| {}).await;
    let mut other = pair.permit(1, |_| {}).await;
    let token = pair.card(&shown_one).await;
    pair.card(&other).await;
    pair.set_status(&mut other, PermitStatus::Cancelled, StatusValue::Cancelled)
        .await;
    pair.publish_unseen().await;
    // The window holds no list yet, so this case is the first to fetch it.
    let view = pair.changshan.view();
    pair.changshan.view.store(Arc::new(View {
        status: Arc::default(),
        ..View::clone(&view)
    }));
    assert_eq!(
        shown(&pair, &scan(&token)).await.decision.outcome,
        Outcome::Recognised
    );
    let stones = pair.changshan_store.tombstones().await.unwrap();
    assert!(
        stones.iter().any(|stone| stone.status == StatusValue::Cancelled),
        "{stones:?}"
    );
}

#[tokio::test]
async fn a_cancelled_permit_is_red_stays_red_without_its_list_and_its_receipts_are_found() {
    let pair = Pair::new(now());
    let mut permit = pair.permit(0, |_| {}).await;
    let token = pair.card(&permit).await;
    let granted = shown(&pair, &scan(&token)).await;
    confirmed(&pair, &granted, Finding::Same).await.unwrap();
    let unsettled = shown(&pair, &scan(&token)).await;
    pair.clock.advance(5);
    pair.set_status(&mut permit, PermitStatus::Cancelled, StatusValue::Cancelled)
        .await;
    pair.publish().await;
    let red = shown(&pair, &scan(&token)).await;
    assert_eq!(red.decision.outcome, Outcome::Revoked);
    assert!(!red.needs_holder);
    let tombstones = pair.changshan_store.tombstones().await.unwrap();
    let kept = pair
        .changshan_store
        .recognition(&granted.trace)
        .await
        .unwrap()
        .unwrap();
    let (uri, index) = kept.status_ref.unwrap();
    let stone = tombstones
        .iter()
        .find(|one| one.uri == uri && one.index == index)
        .cloned();
    let stone = stone.expect("what was seen for good is kept");
    assert_eq!(stone.status, StatusValue::Cancelled);
    let revoked = revoked_receipts(&pair.changshan).await.unwrap();
    assert_eq!(
        revoked
            .iter()
            .map(|one| (one.trace, one.seen_at))
            .collect::<Vec<_>>(),
        [(granted.trace, stone.seen_at)]
    );
    assert_ne!(unsettled.trace, granted.trace);

    let receipt = close(&pair.changshan, &acting("clerk-01", Role::Clerk), &red.trace)
        .await
        .unwrap();
    assert!(receipt.receipt.is_some(), "a refusal has a receipt, for appeals");
    assert!(matches!(
        confirmed(&pair, &red, Finding::Same).await,
        Err(SettleError::Settled(Outcome::Revoked))
    ));
}

#[tokio::test]
async fn an_old_code_of_somebody_who_endorsed_since_comes_out_green_by_asking() {
    let pair = Pair::under(now(), |agreement: &mut Agreement| {
        for service in &mut agreement.services {
            service.claims.push(comity_spec::attestation::ClaimName::IdNumber);
        }
    });
    let mut permit = pair.permit(0, |_| {}).await;
    let old = pair.card(&permit).await;
    pair.clock.advance(5);
    permit.endorsed_until = permit.endorsed_until.plus_days(365).unwrap();
    permit.version += 1;
    pair.store_permit(&permit, 1, Some(StatusValue::Superseded)).await;
    pair.publish().await;
    let view = shown(&pair, &scan(&old)).await;
    assert_eq!(view.decision.outcome, Outcome::Recognised, "{:?}", view.decision);
    assert_eq!(view.decision.channel, Channel::LookedUp);
    assert_eq!(view.decision.endorsed_until, Some(permit.endorsed_until));
    assert_eq!(pair.wire.calls().len(), 1);
    assert!(confirmed(&pair, &view, Finding::Same).await.is_ok());

    pair.wire.cut(true);
    let alone = shown(&pair, &scan(&old)).await;
    assert_eq!(
        alone.decision.outcome,
        Outcome::Superseded,
        "off line only the code speaks"
    );
}

#[tokio::test]
async fn a_list_that_is_missing_is_fetched_once_and_kept_and_off_line_it_is_grey_with_a_deadline() {
    let pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let issued =
        crate::attestations::issue_for_permit::issue_for_permit(&pair.yushan.issuer(), &permit).await;
    let issued = issued.unwrap().unwrap();
    let card = issued
        .iter()
        .find(|one| one.form == crate::ports::attestations::Form::Card)
        .unwrap();
    pair.publish_unseen().await;
    pair.wire.cut(true);
    let grey = shown(&pair, &scan(&card.token)).await;
    assert_eq!(grey.decision.outcome, Outcome::IssuerUnreachable);
    let closed = close(&pair.changshan, &acting("clerk-01", Role::Clerk), &grey.trace)
        .await
        .unwrap();
    let mut budget = Budget::new(Limits::PRESENTATION);
    let printed = closed.receipt.clone().unwrap();
    let receipt = verify_receipt(&printed.receipt, &pair.changshan.view().trust, now(), &mut budget).unwrap();
    let follow_up = receipt.value().follow_up.clone().unwrap();
    assert!(follow_up.due > now() && follow_up.how.zh.contains("再次核验"));
    assert_eq!(
        close(&pair.changshan, &acting("clerk-01", Role::Clerk), &grey.trace)
            .await
            .unwrap(),
        closed
    );

    pair.wire.cut(false);
    let view = shown(&pair, &scan(&card.token)).await;
    assert_eq!(view.decision.outcome, Outcome::Recognised);
    assert_eq!(
        pair.changshan_store.peer_status().await.unwrap().len(),
        1,
        "kept durably"
    );
    let asked = pair.wire.calls().len();
    assert_eq!(
        shown(&pair, &scan(&card.token)).await.decision.outcome,
        Outcome::Recognised
    );
    assert_eq!(pair.wire.calls().len(), asked, "and not fetched again");
}

#[tokio::test]
async fn looked_up_by_number_and_name_and_limited_when_nobody_is_found() {
    let pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let found = look_up(&pair.changshan, &typed(&permit, &permit.details.name))
        .await
        .unwrap();
    assert_eq!(
        found.decision.outcome,
        Outcome::Recognised,
        "{:?}",
        found.decision
    );
    assert_eq!(
        found.holder.as_ref().unwrap().number,
        permit.details.id_number.as_str()
    );
    assert!(
        confirmed(&pair, &found, Finding::Same)
            .await
            .unwrap()
            .receipt
            .is_some()
    );
    for _ in 0..10 {
        let missed = look_up(&pair.changshan, &typed(&permit, "别人示例"))
            .await
            .unwrap();
        assert_eq!(missed.decision.outcome, Outcome::NoMatch);
        assert!(missed.holder.is_none(), "nobody was found, so nobody is kept");
    }
    let posts = pair.wire.calls().len();
    let limited = look_up(&pair.changshan, &typed(&permit, &permit.details.name))
        .await
        .unwrap();
    assert_eq!(limited.decision.outcome, Outcome::RateLimited);
    assert!(
        limited.decision.text.zh.contains("10"),
        "{}",
        limited.decision.text.zh
    );
    assert_eq!(pair.wire.calls().len(), posts, "and nobody was asked");
    pair.changshan.live.misses.release(&"clerk-01".parse().unwrap());
    let found = look_up(&pair.changshan, &typed(&permit, &permit.details.name))
        .await
        .unwrap();
    assert_eq!(found.decision.outcome, Outcome::Recognised);
    assert!(
        pair.wire
            .calls()
            .iter()
            .all(|call| call.ends_with(VERIFICATIONS_PATH))
    );
}

// VER-10
#[tokio::test]
async fn a_verdict_by_look_up_is_confirmed_while_the_issuers_answer_holds() {
    let pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let looked_up = async || {
        look_up(&pair.changshan, &typed(&permit, &permit.details.name))
            .await
            .unwrap()
    };
    let in_time = looked_up().await;
    pair.clock.advance(RESPONSE_LIFETIME - 1);
    assert!(
        confirmed(&pair, &in_time, Finding::Same)
            .await
            .unwrap()
            .receipt
            .is_some()
    );
    let late = looked_up().await;
    pair.clock.advance(RESPONSE_LIFETIME);
    let calls = pair.wire.calls().len();
    let refused = confirmed(&pair, &late, Finding::Same).await;
    assert!(matches!(refused, Err(SettleError::AnswerEnded)), "{refused:?}");
    assert_eq!(pair.wire.calls().len(), calls, "the issuer is not asked by that");
    // That it is somebody else needs no answer of anybody; and what was confirmed stays.
    assert!(confirmed(&pair, &late, Finding::Different).await.is_ok());
    assert!(confirmed(&pair, &in_time, Finding::Same).await.is_ok());
}

#[tokio::test]
async fn a_time_out_is_no_miss_and_no_word_about_the_person() {
    let pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    pair.wire.tamper(|_| {
        Err(FetchError::Timeout {
            host: "示例".to_owned(),
            seconds: 3,
        })
    });
    for _ in 0..20 {
        let view = look_up(&pair.changshan, &typed(&permit, &permit.details.name))
            .await
            .unwrap();
        assert_eq!(view.decision.outcome, Outcome::IssuerUnreachable);
        assert_eq!(view.decision.outcome.class(), OutcomeClass::Grey);
    }
    let elsewhere = LookUp {
        issuer: IssuerChoice::Region("440103".parse().unwrap()),
        ..typed(&permit, &permit.details.name)
    };
    let view = look_up(&pair.changshan, &elsewhere).await.unwrap();
    assert_eq!(view.decision.outcome, Outcome::NotInAgreement);
}

/// What a case changes in the inquiry.
type Change = fn(&mut Inquiry);

/// What the office itself may not do, each beside the scan that is allowed.
#[tokio::test]
async fn purpose_role_consent_and_coverage_come_before_anything_about_the_permit() {
    let pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let good = scan(&pair.card(&permit).await);
    let with = |change: fn(&mut Inquiry)| {
        let mut command = good.clone();
        change(&mut command.inquiry);
        command
    };
    let cases: [(Change, Outcome); 6] = [
        (|i| i.purpose = None, Outcome::NotAuthorised),
        (|i| i.acting.roles = vec![Role::Issuer], Outcome::NotAuthorised),
        (
            |i| i.legal_basis = LegalBasis::SeparateConsent,
            Outcome::LegalBasisMissing,
        ),
        (
            |i| i.service = "BPS-6".parse().unwrap(),
            Outcome::ServiceNotCovered,
        ),
        (
            |i| {
                i.legal_basis = LegalBasis::SeparateConsent;
                i.consent_given = true;
            },
            Outcome::Recognised,
        ),
        (|_| {}, Outcome::Recognised),
    ];
    for (change, outcome) in cases {
        let view = shown(&pair, &with(change)).await;
        assert_eq!(view.decision.outcome, outcome);
        assert_eq!(view.holder.is_some(), outcome == Outcome::Recognised);
    }
    assert_eq!(lines(&pair).await.len(), 6, "each is on record, refusals too");
}

#[tokio::test]
async fn what_cannot_be_read_or_was_altered_says_so() {
    let pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let token = pair.card(&permit).await;
    let mut torn = scan(&token);
    torn.presented.pop();
    assert_eq!(shown(&pair, &torn).await.decision.outcome, Outcome::Unreadable);
    let at = token.find('~').unwrap() - 10;
    let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
    let altered = format!("{}{other}{}", &token[..at], &token[at + 1..]);
    assert_eq!(
        shown(&pair, &scan(&altered)).await.decision.outcome,
        Outcome::SignatureInvalid
    );
    let mut text = scan(&token);
    text.presented = token.into_bytes();
    assert_eq!(
        shown(&pair, &text).await.decision.outcome,
        Outcome::Recognised,
        "a file is read as well"
    );
}

#[tokio::test]
async fn an_unmapped_tier_is_conditional_and_a_name_that_differs_is_for_a_person() {
    let pair = Pair::new(now());
    let skilled = pair.permit(2, |_| {}).await;
    let view = shown(&pair, &scan(&pair.card(&skilled).await)).await;
    assert_eq!(view.decision.outcome, Outcome::RecognisedConditional);
    assert_eq!(view.decision.missing[0].code, "tier_mapping");
    assert_eq!(
        confirmed(&pair, &view, Finding::Same)
            .await
            .unwrap()
            .decision
            .outcome,
        Outcome::RecognisedConditional
    );
    let permit = pair.permit(1, |_| {}).await;
    let mut command = scan(&pair.card(&permit).await);
    command.typed_name = Some("赵示例".to_owned());
    let view = shown(&pair, &command).await;
    assert_eq!(view.decision.outcome, Outcome::ReviewRequired);
    let reviewed = confirmed(&pair, &view, Finding::Same).await.unwrap();
    assert_eq!(
        reviewed.decision.outcome,
        Outcome::ReviewRequired,
        "never green by a near match"
    );
}

#[tokio::test]
async fn an_idempotency_key_is_one_verification_also_after_a_restart() {
    let mut pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let mut command = scan(&pair.card(&permit).await);
    command.inquiry.keyed = Some(Keyed::new("window-3-0001", b"body").unwrap());
    let first = shown(&pair, &command).await;
    assert_eq!(shown(&pair, &command).await, first);
    pair.restart();
    assert_eq!(shown(&pair, &command).await, first);
    assert_eq!(lines(&pair).await.len(), 1);
    command.inquiry.keyed = Some(Keyed::new("window-3-0001", b"another body").unwrap());
    assert!(matches!(
        verify_presented(&pair.changshan, &command).await,
        Err(RecogniseError::Idempotency(IdempotencyError::Conflict))
    ));
    command.inquiry.acting = acting("clerk-02", Role::Clerk);
    assert_ne!(
        shown(&pair, &command).await.trace,
        first.trace,
        "another officer's keys are others"
    );
    for bad in ["", "a b", "键", &"x".repeat(65)] {
        assert!(matches!(Keyed::new(bad, b""), Err(IdempotencyError::Key)));
    }
}

#[tokio::test]
async fn an_idempotency_key_is_one_finding_about_one_verification_also_after_a_restart() {
    let mut pair = Pair::new(now());
    let (permit, other) = (pair.permit(0, |_| {}).await, pair.permit(1, |_| {}).await);
    let view = shown(&pair, &scan(&pair.card(&permit).await)).await;
    let other = shown(&pair, &scan(&pair.card(&other).await)).await;
    let finding = |trace, body: &[u8]| Confirm {
        acting: acting("clerk-01", Role::Clerk),
        trace,
        finding: Finding::Same,
        keyed: Some(Keyed::new("window-3-0002", body).unwrap()),
    };
    let same = finding(view.trace, b"same");
    let done = confirm(&pair.changshan, &same).await.unwrap();
    assert!(done.receipt.is_some());
    let before = lines(&pair).await.len();
    for after in ["at once", "after a restart"] {
        assert_eq!(confirm(&pair.changshan, &same).await.unwrap(), done, "{after}");
        let another = confirm(&pair.changshan, &finding(other.trace, b"another")).await;
        assert!(
            matches!(another, Err(SettleError::Idempotency(IdempotencyError::Conflict))),
            "{after}: {another:?}"
        );
        pair.restart();
    }
    assert_eq!(lines(&pair).await.len(), before);
}

// REC-2
#[tokio::test]
async fn no_record_no_answer_and_no_receipt() {
    let pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let command = scan(&pair.card(&permit).await);
    let view = shown(&pair, &command).await;
    pair.changshan_store.fail("disk full");
    assert!(matches!(
        verify_presented(&pair.changshan, &command).await,
        Err(RecogniseError::Store(_))
    ));
    assert!(matches!(
        confirmed(&pair, &view, Finding::Same).await,
        Err(SettleError::Store(_))
    ));
    pair.changshan_store.recover();
    assert!(confirmed(&pair, &view, Finding::Same).await.is_ok());
}

#[tokio::test]
async fn officers_see_their_own_and_supervisors_all() {
    let pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let view = shown(&pair, &scan(&pair.card(&permit).await)).await;
    let clerk = acting("clerk-01", Role::Clerk);
    assert_eq!(show(&pair.changshan, &clerk, &view.trace).await.unwrap(), view);
    assert_eq!(
        shown_of_officer(&pair.changshan, &clerk, 10).await.unwrap(),
        std::slice::from_ref(&view)
    );
    assert!(
        show(&pair.changshan, &acting("boss-01", Role::Supervisor), &view.trace)
            .await
            .is_ok()
    );
    let other = acting("clerk-02", Role::Clerk);
    assert!(matches!(
        show(&pair.changshan, &other, &view.trace).await,
        Err(SettleError::NotFound)
    ));
    assert!(
        shown_of_officer(&pair.changshan, &other, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn with_key_binding_required_a_code_without_a_holder_key_is_asked_to_be_presented_anew() {
    let mut pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let command = scan(&pair.card(&permit).await);
    let optional = shown(&pair, &command).await;
    assert_eq!(optional.decision.outcome, Outcome::Recognised);
    let mut with_nonce = command.clone();
    with_nonce.nonce = Some("never issued".to_owned());
    assert_eq!(
        shown(&pair, &with_nonce).await.decision.outcome,
        Outcome::PresentationExpired
    );
    pair.change("330822", |node| node.policy.require_key_binding = true);
    assert_eq!(
        shown(&pair, &command).await.decision.outcome,
        Outcome::PresentationExpired
    );
}

#[tokio::test]
async fn a_chain_that_is_not_here_yet_is_fetched_before_the_verdict() {
    let pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let command = scan(&pair.card(&permit).await);
    let known = pair.changshan.view();
    let (empty, _) = comity_verifier::trust::Trust::build(
        &pair.changshan.anchor,
        &comity_verifier::trust::TrustObjects::default(),
        &comity_verifier::trust::Floors::default(),
        now(),
    );
    let forgetful = View {
        trust: Arc::new(empty),
        ..View::clone(&known)
    };
    pair.changshan.view.store(Arc::new(forgetful.clone()));
    let grey = shown(&pair, &command).await;
    assert_eq!(
        grey.decision.outcome,
        Outcome::NodeNotReady,
        "nothing came of asking"
    );
    let asked = pair.wire.calls().len();
    assert!(asked > 0);
    shown(&pair, &command).await;
    assert_eq!(
        pair.wire.calls().len(),
        asked,
        "not asked again within the minute"
    );

    store_chain(&pair).await;
    pair.clock.advance(60);
    assert_eq!(shown(&pair, &command).await.decision.outcome, Outcome::Recognised);
}

/// Keeps every statement and member list of the federation in Changshan's store.
async fn store_chain(pair: &Pair) {
    let claims = |jws: &str| -> serde_json::Value {
        let payload = jws.split('.').nth(1).unwrap();
        serde_json::from_slice(&comity_verifier::b64::decode(payload.as_bytes()).unwrap()).unwrap()
    };
    let entity = |value: &serde_json::Value| value.as_str().unwrap().parse().unwrap();
    let time = |value: &serde_json::Value| UnixSeconds::new(value.as_i64().unwrap()).unwrap();
    let mut writes = Vec::new();
    for jws in pair.federation.statements() {
        let claims = claims(&jws);
        writes.push(Write::Statement(StatementRow {
            iss: entity(&claims["iss"]),
            sub: entity(&claims["sub"]),
            iat: time(&claims["iat"]),
            exp: time(&claims["exp"]),
            jws,
        }));
    }
    for jws in pair.federation.member_lists() {
        let claims = claims(&jws);
        writes.push(Write::MemberList(MemberListRow {
            iss: entity(&claims["iss"]),
            seq: claims["seq"].as_u64().unwrap(),
            iat: time(&claims["iat"]),
            exp: time(&claims["exp"]),
            jws,
        }));
    }
    pair.changshan_store.commit("the chain", writes).await.unwrap();
}

// REC-1, PRV-1, DEC-13
#[tokio::test]
async fn no_name_and_no_number_stands_in_a_record_or_in_what_is_printed_for_debugging() {
    let pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let mut command = scan(&pair.card(&permit).await);
    command.inquiry.beneficiary = Beneficiary::Child("child-示例-7".to_owned());
    let view = shown(&pair, &command).await;
    let done = confirmed(&pair, &view, Finding::Same).await.unwrap();
    let typed = typed(&permit, &permit.details.name);
    let found = look_up(&pair.changshan, &typed).await.unwrap();
    pair.wire.cut(true);
    look_up(&pair.changshan, &typed).await.unwrap();
    let mut said = format!(
        "{command:?} {view:?} {done:?} {typed:?} {found:?} {:?}",
        pair.changshan
    );
    for store in [&pair.yushan_store, &pair.changshan_store] {
        for line in store.lines_after(0, u32::MAX).await.unwrap() {
            said.push_str(&line.body);
        }
    }
    let details = &permit.details;
    let never = [
        details.name.as_str(),
        details.id_number.as_str(),
        details.permit_number.as_str(),
        details.residence_address.as_str(),
        "child-示例-7",
    ];
    for word in never {
        assert!(!said.contains(word), "{word} stands in {said}");
    }
    assert!(verify_record(&pair.changshan).await.unwrap().broken.is_none());
    let receipt = done.receipt.unwrap().receipt;
    let payload = receipt.split('.').nth(1).unwrap();
    let payload = String::from_utf8(comity_verifier::b64::decode(payload.as_bytes()).unwrap()).unwrap();
    assert!(
        never.iter().all(|word| !payload.contains(word)),
        "the receipt names nobody"
    );
}

async fn refused_to_confirm(pair: &Pair, view: &RecognitionView) -> SettleError {
    let refused = confirmed(pair, view, Finding::Same).await.unwrap_err();
    let stored = pair
        .changshan_store
        .recognition(&view.trace)
        .await
        .unwrap()
        .unwrap();
    assert!(stored.receipt.is_none() && stored.decision.confirmation == Confirmation::Pending);
    refused
}

#[tokio::test]
async fn a_verdict_is_not_confirmed_once_the_permit_was_suspended() {
    let pair = Pair::new(now());
    let mut permit = pair.permit(0, |_| {}).await;
    let view = shown(&pair, &scan(&pair.card(&permit).await)).await;
    pair.clock.advance(5);
    for (state, bits) in [
        (PermitStatus::Suspended, StatusValue::Suspended),
        (PermitStatus::ReportedLost, StatusValue::Suspended),
    ] {
        pair.set_status(&mut permit, state, bits).await;
        pair.clock.advance(5);
        pair.publish().await;
        assert!(matches!(
            refused_to_confirm(&pair, &view).await,
            SettleError::StatusChanged
        ));
    }
    pair.set_status(&mut permit, PermitStatus::Valid, StatusValue::Valid)
        .await;
    pair.clock.advance(5);
    pair.publish().await;
    assert!(
        confirmed(&pair, &view, Finding::Same).await.is_ok(),
        "found again in time"
    );
}

/// The federation after the superior of a county suspended it.
fn with_suspended(pair: &Pair, region: &str) -> Trust {
    let county = pair.federation.county(region);
    let mut drafts = pair.federation.drafts();
    let draft = drafts
        .get_mut(&(county.superior.clone(), county.entity.clone()))
        .unwrap();
    merge(
        &mut draft.claims,
        serde_json::json!({ "comity_state": "suspended" }),
    );
    let statements: Vec<_> = drafts.values().map(Draft::sign).collect();
    let (trust, findings) = pair
        .federation
        .build(&statements, &pair.federation.member_lists(), now());
    assert!(findings.is_empty(), "{findings:?}");
    trust
}

#[tokio::test]
async fn a_verdict_is_not_confirmed_once_its_issuer_or_agreement_no_longer_stands() {
    let pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let view = shown(&pair, &scan(&pair.card(&permit).await)).await;
    let before = pair.changshan.view();
    let without = |change: &dyn Fn(&mut View)| {
        let mut view = View::clone(&before);
        change(&mut view);
        Arc::new(view)
    };
    pair.changshan
        .view
        .store(without(&|view| view.agreements = Arc::default()));
    refused_to_confirm(&pair, &view).await;
    let trust = Arc::new(with_suspended(&pair, "361123"));
    pair.changshan
        .view
        .store(without(&|view| view.trust = Arc::clone(&trust)));
    refused_to_confirm(&pair, &view).await;
    pair.changshan.view.store(before);
    assert!(confirmed(&pair, &view, Finding::Same).await.is_ok());
}

#[tokio::test]
async fn what_a_supervisor_settled_stays_in_sight_of_both() {
    let pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let view = shown(&pair, &scan(&pair.card(&permit).await)).await;
    let (clerk, boss) = (
        acting("clerk-01", Role::Clerk),
        acting("boss-01", Role::Supervisor),
    );
    let command = Confirm {
        acting: boss.clone(),
        trace: view.trace,
        finding: Finding::Same,
        keyed: None,
    };
    let settled = confirm(&pair.changshan, &command).await.unwrap();
    for who in [&clerk, &boss] {
        assert_eq!(show(&pair.changshan, who, &view.trace).await.unwrap(), settled);
        let own = shown_of_officer(&pair.changshan, who, 10).await.unwrap();
        assert_eq!(own, std::slice::from_ref(&settled), "{}", who.officer);
    }
    assert_eq!(settled.officer, clerk.officer, "who checked");
    let mut budget = Budget::new(Limits::PRESENTATION);
    let trust = &pair.yushan.view().trust;
    let printed = settled.receipt.unwrap();
    let receipt = verify_receipt(&printed.receipt, trust, now(), &mut budget).unwrap();
    assert_eq!(receipt.value().decided_by, boss.officer);
    assert!(matches!(
        show(&pair.changshan, &acting("clerk-02", Role::Clerk), &view.trace).await,
        Err(SettleError::NotFound)
    ));
}

#[tokio::test]
async fn a_list_fetched_for_one_case_is_held_against_what_was_ever_kept() {
    let pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let token = pair.card(&permit).await;
    let before = pair.changshan.view();
    let list = before.status.lists().next().unwrap().clone();
    // Another list of the same address and second was kept, which this process does not hold.
    let other = PeerStatusRow {
        uri: list.uri().to_owned(),
        iss: list.iss().clone(),
        iat: list.iat(),
        exp: list.exp(),
        etag: None,
        token: "e30.e30.AA".to_owned(),
    };
    pair.changshan_store
        .commit("test", vec![Write::PeerStatus(other.clone())])
        .await
        .unwrap();
    let without = || {
        let mut view = View::clone(&before);
        view.status = Arc::default();
        Arc::new(view)
    };
    pair.changshan.view.store(without());
    let view = shown(&pair, &scan(&token)).await;
    assert_ne!(
        view.decision.outcome,
        Outcome::Recognised,
        "two lists of one second"
    );
    assert_eq!(pair.changshan_store.peer_status().await.unwrap(), [other]);

    let pair = Pair::new(now());
    let permit = pair.permit(0, |_| {}).await;
    let token = pair.card(&permit).await;
    pair.changshan.view.store(Arc::new(View {
        status: Arc::default(),
        ..View::clone(&pair.changshan.view())
    }));
    assert_eq!(
        shown(&pair, &scan(&token)).await.decision.outcome,
        Outcome::Recognised
    );
    let floor = pair.changshan_store.setting("clock_floor").await.unwrap();
    assert_eq!(
        floor,
        Some(list.iat().to_string()),
        "the clock may not fall behind it"
    );
}
