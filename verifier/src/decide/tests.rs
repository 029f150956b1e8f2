//! Every outcome triggered from signed objects, the order in which the first wins, and the rules of chapter 8.

use comity_spec::agreement::{Agreement, Condition};
use comity_spec::decision::{Channel, Confirmation};
use comity_spec::exchange::{Subject, SubjectNumber, VerificationRequest};
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::outcome::OutcomeClass;
use comity_spec::status::StatusValue;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::agreement::verify_signed;
use crate::budget::{Budget, Limits};
use crate::exchange::{Parties, verify_request, verify_response};
use crate::presentation;
use crate::sd_jwt::Binding;
use crate::status_view::verify_status_token;
use crate::testing::{Federation, PermitDraft, sign};

const YUSHAN: &str = "361123";
const CHANGSHAN: &str = "330822";
const HOUR: i64 = 3600;

fn noon() -> UnixSeconds {
    "2025-11-22"
        .parse::<LocalDate>()
        .unwrap()
        .start_of_day()
        .plus_saturating(12 * HOUR)
}

/// A window, with everything as it should be; a test changes one thing.
struct Window {
    federation: Federation,
    issuer: &'static str,
    recogniser: &'static str,
    permit: PermitDraft,
    presented: Option<Vec<u8>>,
    agreement: Option<Agreement>,
    status: Option<(Vec<(usize, StatusValue)>, i64)>,
    tombstones: Vec<(String, u64, StatusValue)>,
    lookup: Option<Value>,
    lookup_failed: bool,
    typed: bool,
    typed_name: Option<&'static str>,
    binding: bool,
    context: Context,
    network: Network,
    refreshed: bool,
    clerk: Clerk,
    service: &'static str,
    provider: Option<&'static str>,
    state: Option<(&'static str, &'static str)>,
    later: i64,
}

impl Window {
    fn between(issuer: &'static str, recogniser: &'static str) -> Self {
        let federation = Federation::demo(noon());
        let permit = federation.permit(federation.county(issuer), 7);
        let agreement = federation.agreement(&federation.counties[0], &federation.counties[1]);
        Self {
            federation,
            issuer,
            recogniser,
            permit,
            presented: None,
            agreement: Some(agreement),
            status: Some((vec![], 0)),
            tombstones: vec![],
            lookup: None,
            lookup_failed: false,
            typed: false,
            typed_name: None,
            binding: false,
            context: Context::default(),
            network: Network::OffLine,
            refreshed: false,
            clerk: Clerk::Confirmed,
            service: "BPS-2",
            provider: None,
            state: None,
            later: 0,
        }
    }

    fn new() -> Self {
        Self::between(YUSHAN, CHANGSHAN)
    }

    fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut window = Self::new();
        change(&mut window);
        window
    }

    fn service(&mut self) -> &mut comity_spec::agreement::Service {
        self.agreement
            .as_mut()
            .unwrap()
            .services
            .iter_mut()
            .find(|s| s.code.as_str() == "BPS-2")
            .unwrap()
    }

    fn endorsed_until(&mut self, date: &str) {
        let end = date.parse::<LocalDate>().unwrap().end_of_day();
        self.permit.claims["exp"] = json!(end);
    }

    /// The window asked the issuer, and this is what it answered in place of the answer that all is well.
    fn answered(&mut self, change: Value) {
        self.lookup = Some(change);
    }

    fn step(&self) -> Step {
        let f = &self.federation;
        let (issuer, recogniser) = (f.county(self.issuer), f.county(self.recogniser));
        let now = f.now.plus_saturating(self.later);
        // Statements of five days ago, so that lists of some hours ago could be verified in their day.
        let mut before = f.clone();
        before.now = f.now.plus_saturating(-5 * 24 * HOUR);
        let mut statements: Vec<String> = before.statements();
        if let Some((entity, state)) = self.state {
            let mut drafts = before.drafts();
            let county = f.county(entity);
            let key = (county.superior.clone(), county.entity.clone());
            drafts.get_mut(&key).unwrap().claims["comity_state"] = json!(state);
            statements = drafts.values().map(crate::testing::Draft::sign).collect();
        }
        let trust = f.build(&statements, &before.member_lists(), now).0;
        let good = before.trust();
        let signed: Vec<_> = self
            .agreement
            .iter()
            .map(|a| verify_signed(&f.signed(a, &[&f.counties[0], &f.counties[1]]), &good, f.now).unwrap())
            .collect();
        let lists = self.status.iter().map(|(entries, age)| {
            let mut claims = f.status_claims(issuer, entries);
            let at = f.now.plus_saturating(-age);
            claims["iat"] = json!(at);
            claims["source_as_of"] = json!(at);
            claims["exp"] = json!(at.plus_saturating(72 * HOUR));
            let token = sign(&issuer.key(KeyPurpose::Status), Typ::StatusList, &claims);
            verify_status_token(token.as_bytes(), &good, at).unwrap()
        });
        let status = StatusView::new(lists, self.tombstones.clone());
        let mut budget = Budget::new(Limits::PRESENTATION);
        let entity = recogniser.entity.as_str();
        let challenge = crate::sd_jwt::Challenge {
            aud: entity,
            nonce: "n-1",
            now: now.get(),
            max_age: 300,
        };
        let binding = if self.binding {
            Binding::Required(challenge)
        } else {
            Binding::Optional
        };
        let bytes = self
            .presented
            .clone()
            .unwrap_or_else(|| self.permit.sign().into_bytes());
        let opened = presentation::open(&bytes, &trust, binding, now, &mut budget);
        let answer = self
            .lookup
            .as_ref()
            .map(|change| self.exchange(&good, &signed, change));
        let failure = Refusal::new(Outcome::IssuerUnreachable, "peer.timeout", &issuer.entity);
        let subject = Subject {
            number: SubjectNumber::IdNumber("361123188001010017".parse().unwrap()),
            name: "示例甲".into(),
        };
        let agreements = Agreements::new(signed.clone(), vec![]);
        let service = self.service.parse().unwrap();
        let provider = self.provider.map(|p| p.parse().unwrap());
        let input = DecideInput {
            context: &self.context,
            recogniser: Recogniser {
                entity: &recogniser.entity,
                region: recogniser.region,
                network: self.network,
            },
            evidence: Evidence {
                source: match &opened {
                    _ if self.typed => Source::Typed {
                        issuer: &issuer.entity,
                        subject: &subject,
                    },
                    Ok(presented) => Source::Presented(presented),
                    Err(refusal) => Source::Refused(refusal),
                },
                lookup: match &answer {
                    Some(answer) => Lookup::Answered(answer),
                    None if self.lookup_failed => Lookup::Failed(&failure),
                    None => Lookup::NotAsked,
                },
                typed_name: self.typed_name,
            },
            trust: &trust,
            agreements: &agreements,
            status: &status,
            status_refreshed: self.refreshed,
            clerk: self.clerk,
            service: &service,
            provider: provider.as_ref(),
            now,
        };
        let step = decide(&input);
        assert_eq!(step, decide(&input), "same inputs, same decision");
        step
    }

    /// A look-up as both sides really do it.
    fn exchange(
        &self,
        trust: &Trust,
        signed: &[crate::agreement::VerifiedAgreement],
        change: &Value,
    ) -> LookedUp {
        let f = &self.federation;
        let (issuer, recogniser) = (f.county(self.issuer), f.county(self.recogniser));
        let mut request = f.request(recogniser, issuer, &signed[0]);
        if let Some(provider) = self.provider {
            request["provider"] = json!(provider);
        }
        let request_jws = sign(
            &recogniser.key(KeyPurpose::Exchange),
            Typ::VerificationRequest,
            &request,
        );
        let parties = Parties {
            me: &issuer.entity,
            channel: Some(&recogniser.entity),
        };
        let agreements = Agreements::new(signed.to_vec(), vec![]);
        let mut budget = Budget::new(Limits::PRESENTATION);
        let verified: crate::jws::Verified<VerificationRequest> = verify_request(
            request_jws.as_bytes(),
            trust,
            parties,
            &agreements,
            f.now,
            &mut budget,
        )
        .unwrap();
        let mut answer = f.answer(&request, &request_jws);
        for (path, value) in change.as_object().unwrap() {
            match value {
                Value::Null => {
                    answer.as_object_mut().unwrap().remove(path);
                }
                _ if path.starts_with('/') => *answer.pointer_mut(path).unwrap() = value.clone(),
                _ => answer[path.as_str()] = value.clone(),
            }
        }
        let response = sign(
            &issuer.key(KeyPurpose::Exchange),
            Typ::VerificationResponse,
            &answer,
        );
        verify_response(response.as_bytes(), &verified, trust, f.now, &mut budget).unwrap()
    }

    fn decision(&self) -> Decision {
        match self.step() {
            Step::Decision(decision) | Step::NeedHolder(decision) => *decision,
            Step::NeedStatus(wanted) => panic!("wants {wanted:?}"),
        }
    }

    fn outcome(&self) -> Outcome {
        self.decision().outcome
    }
}

/// How to bring about each outcome, and nothing that comes before it.
fn trigger(outcome: Outcome) -> Window {
    Window::with(|w| match outcome {
        Outcome::NodeNotReady => {
            w.context.health = Health::NotReady {
                cause: "clock.behind",
            }
        }
        Outcome::NotAuthorised => w.context.actor = Actor::NoPurpose,
        Outcome::LegalBasisMissing => w.context.consent = Consent::Missing,
        Outcome::RateLimited => w.context.quota = Quota::Exceeded { minutes: 7 },
        Outcome::Unreadable => w.presented = Some(b"12345".to_vec()),
        Outcome::UnsupportedVersion => w.permit.claims["vct"] = json!("urn:comity:vct:residence-permit:2"),
        Outcome::PresentationExpired => w.binding = true,
        Outcome::UnknownIssuer => w.permit.claims["iss"] = json!("https://c440103.example"),
        Outcome::SignatureInvalid => w.permit.key = crate::testing::key("somebody else"),
        Outcome::IssuerSuspended => w.state = Some((YUSHAN, "suspended")),
        Outcome::NotInAgreement => w.agreement = None,
        Outcome::AgreementNotInForce => {
            w.agreement.as_mut().unwrap().effective_until = Some("2025-11-21".parse().unwrap());
        }
        Outcome::ServiceNotCovered => w.service = "CNV-3",
        Outcome::NoMatch => {
            w.typed = true;
            w.answered(json!({ "result": "no_match", "permit_state": null, "claims": null }));
        }
        Outcome::NotYetValid => {
            w.permit.claims["nbf"] = json!("2025-11-23".parse::<LocalDate>().unwrap().start_of_day());
        }
        Outcome::Revoked => w.status = Some((vec![(7, StatusValue::Cancelled)], 0)),
        Outcome::Superseded => w.status = Some((vec![(7, StatusValue::Superseded)], 0)),
        Outcome::IssuerUnreachable => w.status = None,
        Outcome::StatusStale => w.status = Some((vec![], 25 * HOUR)),
        Outcome::ReportedLost => w.answered(json!({ "/permit_state/status": "reported_lost" })),
        Outcome::Suspended => w.status = Some((vec![(7, StatusValue::Suspended)], 0)),
        Outcome::Expired => {
            w.answered(json!({ "permit_state": {
                "status": "valid", "valid_from": "2024-01-01",
                "endorsed_until": "2026-01-01", "card_valid_until": "2025-11-21",
            }}));
        }
        Outcome::EndorsementLapsed => w.answered(json!({ "/permit_state/endorsed_until": "2025-11-21" })),
        Outcome::ReviewRequired => w.typed_name = Some("示例乙"),
        Outcome::HolderMismatch => w.clerk = Clerk::Mismatch,
        Outcome::RecognisedConditional => w.service().conditions = vec![Condition::MinResidenceMonths(24)],
        Outcome::Recognised => {}
    })
}

/// The signature must fail under a `kid` that is known: signed by another key, named as the issuer's.
fn forged(window: &Window) -> Vec<u8> {
    let token = window.permit.sign();
    let (jwt, rest) = token.split_once('~').unwrap();
    let (input, signature) = jwt.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{input}.{first}{}~{rest}", &signature[1..]).into_bytes()
}

#[test]
fn every_one_of_the_27_comes_about_with_its_class_and_its_words() {
    for outcome in Outcome::ALL {
        let mut window = trigger(outcome);
        if outcome == Outcome::SignatureInvalid {
            window = Window::new();
            window.presented = Some(forged(&window));
        }
        let decision = window.decision();
        assert_eq!(decision.outcome, outcome, "cause {:?}", decision.cause);
        assert!(decision.cause.as_deref().is_some_and(|cause| !cause.is_empty()));
        for text in [&decision.text, &decision.next_step] {
            assert!(!text.zh.is_empty() && !text.en.is_empty(), "{outcome}");
            assert!(
                !text.zh.contains("{}") && !text.en.contains("{}"),
                "{outcome}: {text}"
            );
        }
        let json = serde_json::to_string(&decision).unwrap();
        assert!(
            !json.contains("示例甲") && !json.contains("361123188001010017"),
            "{outcome}: {json}"
        );
        assert_eq!(serde_json::from_str::<Decision>(&json).unwrap(), decision);
    }
}

#[test]
fn of_two_that_apply_the_first_wins() {
    // Later ones are added to earlier ones where the two can stand together.
    type Set = fn(&mut Window);
    let stand_together: [(Outcome, Set); 9] = [
        (Outcome::NotAuthorised, |w| w.context.actor = Actor::NotAuthorised),
        (Outcome::RateLimited, |w| {
            w.context.quota = Quota::Exceeded { minutes: 1 }
        }),
        (Outcome::Unreadable, |w| w.presented = Some(b"12345".to_vec())),
        (Outcome::IssuerSuspended, |w| {
            w.state = Some((YUSHAN, "suspended"))
        }),
        (Outcome::NotInAgreement, |w| w.agreement = None),
        (Outcome::ServiceNotCovered, |w| w.service = "CNV-3"),
        (Outcome::Revoked, |w| {
            w.status = Some((vec![(7, StatusValue::Cancelled)], 0))
        }),
        (Outcome::ReviewRequired, |w| w.typed_name = Some("示例乙")),
        (Outcome::HolderMismatch, |w| w.clerk = Clerk::Mismatch),
    ];
    for (i, (first, set_first)) in stand_together.iter().enumerate() {
        for (_, set_later) in &stand_together[i..] {
            let window = Window::with(|w| {
                set_later(w);
                set_first(w);
            });
            assert_eq!(window.outcome(), *first);
        }
        let unready = Window::with(|w| {
            set_first(w);
            w.context.health = Health::NotReady {
                cause: "clock.behind",
            };
        });
        assert_eq!(unready.outcome(), Outcome::NodeNotReady);
    }
}

#[test]
fn swapping_the_parties_changes_nothing() {
    let there = Window::between(YUSHAN, CHANGSHAN);
    let back = Window::between(CHANGSHAN, YUSHAN);
    assert_eq!(there.outcome(), Outcome::Recognised);
    assert_eq!(back.outcome(), Outcome::Recognised);
    let mut one_way = Window::between(CHANGSHAN, YUSHAN);
    one_way.service().direction = Some(comity_spec::agreement::Direction {
        issuer: YUSHAN.parse().unwrap(),
        recogniser: CHANGSHAN.parse().unwrap(),
    });
    assert_eq!(one_way.outcome(), Outcome::ServiceNotCovered);
}

#[test]
fn a_permit_of_ones_own_county_is_no_matter_of_recognition() {
    assert_eq!(Window::between(YUSHAN, YUSHAN).outcome(), Outcome::NotInAgreement);
}

#[test]
fn green_waits_for_a_named_person() {
    for (window, waits) in [
        (Window::new(), true),
        (trigger(Outcome::RecognisedConditional), true),
        (trigger(Outcome::ReviewRequired), true),
        (trigger(Outcome::Revoked), false),
        (trigger(Outcome::StatusStale), false),
    ] {
        let mut window = window;
        window.clerk = Clerk::Pending;
        let step = window.step();
        assert_eq!(matches!(step, Step::NeedHolder(_)), waits);
        assert_eq!(step.decision().unwrap().confirmation, Confirmation::Pending);
        window.clerk = Clerk::Confirmed;
        assert!(matches!(window.step(), Step::Decision(d) if d.confirmation == Confirmation::Confirmed));
    }
}

#[test]
fn coverage_comes_before_status_whatever_the_status_is() {
    for value in [
        StatusValue::Cancelled,
        StatusValue::Superseded,
        StatusValue::Suspended,
    ] {
        let window = Window::with(|w| {
            w.service = "CNV-3";
            w.network = Network::OnLine;
            w.status = Some((vec![(7, value)], 0));
        });
        assert_eq!(window.outcome(), Outcome::ServiceNotCovered);
        assert_eq!(window.decision().status_age_seconds, None);
    }
}

#[test]
fn permanent_negatives_survive_stale_data_and_nothing_else_does() {
    let aged =
        |value, hours: i64| Window::with(|w| w.status = Some((vec![(7, value)], hours * HOUR))).outcome();
    assert_eq!(aged(StatusValue::Cancelled, 71), Outcome::Revoked);
    assert_eq!(aged(StatusValue::Superseded, 71), Outcome::Superseded);
    assert_eq!(aged(StatusValue::Suspended, 24), Outcome::Suspended);
    assert_eq!(aged(StatusValue::Suspended, 25), Outcome::StatusStale);
    assert_eq!(aged(StatusValue::Valid, 24), Outcome::Recognised);
    assert_eq!(aged(StatusValue::Valid, 25), Outcome::StatusStale);
    // An expired list is never read, not even for a cancellation; what was seen in time stays as a tombstone.
    assert_eq!(aged(StatusValue::Cancelled, 73), Outcome::StatusStale);
    let buried = Window::with(|w| {
        w.status = Some((vec![], 100 * HOUR));
        w.tombstones = vec![(
            w.federation.county(YUSHAN).status_uri(),
            7,
            StatusValue::Cancelled,
        )];
    });
    assert_eq!(buried.outcome(), Outcome::Revoked);
    for state in ["reported_lost", "suspended"] {
        let old =
            json!({ "/permit_state/status": state, "source_as_of": noon().plus_saturating(-25 * HOUR) });
        assert_eq!(
            Window::with(|w| w.answered(old)).outcome(),
            Outcome::StatusStale,
            "{state}"
        );
    }
    let lapsed = json!({ "/permit_state/endorsed_until": "2025-11-21", "source_as_of": noon().plus_saturating(-25 * HOUR) });
    assert_eq!(
        Window::with(|w| w.answered(lapsed)).outcome(),
        Outcome::StatusStale
    );
    let cancelled =
        json!({ "/permit_state/status": "cancelled", "source_as_of": noon().plus_saturating(-99 * HOUR) });
    assert_eq!(
        Window::with(|w| w.answered(cancelled)).outcome(),
        Outcome::Revoked
    );
}

#[test]
fn amber_age_is_conditional_only_where_the_service_allows_it() {
    let mut window = trigger(Outcome::StatusStale);
    window.service().amber_status = true;
    let decision = window.decision();
    assert_eq!(decision.outcome, Outcome::RecognisedConditional);
    assert_eq!(decision.missing[0].code, "recheck_status");
    window.status = Some((vec![], 73 * HOUR));
    assert_eq!(window.outcome(), Outcome::StatusStale);
    // An agreement tightens the defaults and never widens them.
    let mut tight = Window::with(|w| w.status = Some((vec![], 2 * HOUR)));
    tight.agreement.as_mut().unwrap().freshness.fresh_seconds = HOUR;
    assert_eq!(tight.outcome(), Outcome::StatusStale);
    assert_eq!(tight.decision().status_age_seconds, Some(2 * HOUR));
    assert!(
        tight.decision().text.zh.contains(" 2 小时"),
        "{}",
        tight.decision().text
    );
}

#[test]
fn an_old_code_of_somebody_who_endorsed_since_comes_out_green() {
    for old in [
        Window::with(|w| w.status = Some((vec![(7, StatusValue::Superseded)], 0))),
        Window::with(|w| w.endorsed_until("2025-11-21")),
    ] {
        let mut window = old;
        window.network = Network::OnLine;
        let Step::NeedStatus(Wanted::LookUp {
            issuer,
            subject,
            claims,
            ..
        }) = window.step()
        else {
            panic!("looks the permit up");
        };
        assert_eq!(&issuer, &window.federation.county(YUSHAN).entity);
        assert_eq!(subject.name, "示例甲");
        assert_eq!(claims.len(), 3);
        window.answered(json!({}));
        let decision = window.decision();
        assert_eq!(decision.outcome, Outcome::Recognised);
        assert_eq!(decision.channel, Channel::LookedUp);
    }
}

#[test]
fn off_line_a_passed_date_is_not_a_lapse() {
    let mut window = Window::with(|w| w.endorsed_until("2025-11-21"));
    let decision = window.decision();
    assert_eq!(decision.outcome, Outcome::StatusStale);
    assert!(
        decision
            .advisories
            .iter()
            .any(|a| a.code == "ENDORSEMENT_SEEN_PASSED")
    );
    assert!(
        !decision.text.zh.contains("小时"),
        "the data is not old: {}",
        decision.text
    );
    window.endorsed_until("2025-11-22");
    assert_eq!(window.outcome(), Outcome::Recognised, "the last day counts");
    // On line, with the issuer out of reach, the same.
    window.endorsed_until("2025-11-21");
    window.network = Network::OnLine;
    window.lookup_failed = true;
    window.refreshed = true;
    assert_eq!(window.outcome(), Outcome::StatusStale);
    // And when the issuer says so, it is one, valid bit or not.
    window.answered(json!({ "/permit_state/endorsed_until": "2025-11-21" }));
    assert_eq!(window.outcome(), Outcome::EndorsementLapsed);
    assert_eq!(window.decision().date, Some("2025-11-21".parse().unwrap()));
}

#[test]
fn asks_at_most_twice_and_only_on_line() {
    let mut window = Window::with(|w| w.status = None);
    assert_eq!(window.outcome(), Outcome::IssuerUnreachable);
    window.network = Network::OnLine;
    assert!(matches!(
        window.step(),
        Step::NeedStatus(Wanted::StatusList { .. })
    ));
    window.refreshed = true;
    window.status = Some((vec![(7, StatusValue::Suspended)], 0));
    assert!(matches!(window.step(), Step::NeedStatus(Wanted::LookUp { .. })));
    window.lookup_failed = true;
    let decision = window.decision();
    assert_eq!(
        decision.outcome,
        Outcome::Suspended,
        "off line a loss reads as a suspension"
    );
    assert!(decision.advisories.iter().any(|a| a.code == "LOOKUP_FAILED"));
    let mut typed = Window::with(|w| {
        w.typed = true;
        w.network = Network::OnLine;
    });
    assert!(matches!(typed.step(), Step::NeedStatus(Wanted::LookUp { .. })));
    typed.network = Network::OffLine;
    assert_eq!(typed.outcome(), Outcome::IssuerUnreachable);
}

#[test]
fn an_answer_about_the_permit_does_not_revive_a_cancelled_code() {
    let window = Window::with(|w| {
        w.status = Some((vec![(7, StatusValue::Cancelled)], 0));
        w.answered(json!({}));
    });
    assert_eq!(window.outcome(), Outcome::Revoked);
}

#[test]
fn an_unmapped_tier_is_a_condition_and_a_mapped_one_is_granted() {
    let unmapped = Window::with(|w| w.permit = w.permit.clone().disclosing("tier", "SKILLED")).decision();
    assert_eq!(unmapped.outcome, Outcome::RecognisedConditional);
    assert_eq!(unmapped.missing[0].code, "tier_mapping");
    assert_eq!(unmapped.tier.unwrap().local, None);
    let green = Window::new().decision();
    assert_eq!(green.tier.unwrap().local.unwrap().as_str(), "ORDINARY");
    let hidden = Window::with(|w| w.permit = w.permit.clone().disclosing("tier", Value::Null)).decision();
    assert_eq!(hidden.missing[0].code, "tier_mapping");
}

#[test]
fn everything_missing_stands_in_the_sentence_at_once() {
    let mut window = Window::with(|w| w.permit = w.permit.clone().disclosing("tier", "SKILLED"));
    window.service().conditions = vec![
        Condition::MinResidenceMonths(24),
        Condition::MinInsuredMonths(6),
        Condition::MinResidenceMonths(3),
    ];
    let decision = window.decision();
    let codes: Vec<&str> = decision.missing.iter().map(|m| m.code.as_str()).collect();
    assert_eq!(
        codes,
        ["tier_mapping", "min_residence_months", "min_insured_months"]
    );
    for missing in &decision.missing {
        assert!(decision.text.zh.contains(&missing.text.zh) && decision.text.en.contains(&missing.text.en));
    }
}

#[test]
fn a_name_that_is_merely_alike_is_never_green() {
    let named = |name: &'static str, typed: &'static str| {
        Window::with(|w| {
            w.permit = w.permit.clone().disclosing("name", name);
            w.typed_name = Some(typed);
        })
        .outcome()
    };
    assert_eq!(named("买买提·示例", "买买提·示例"), Outcome::Recognised);
    assert_eq!(named("买买提·示例", "买买提•示例"), Outcome::ReviewRequired);
    assert_eq!(named("示例甲", "示例乙"), Outcome::ReviewRequired);
    let other_birth = Window::with(|w| w.permit = w.permit.clone().disclosing("birth_date", "1880-01-02"));
    assert_eq!(other_birth.outcome(), Outcome::ReviewRequired);
}

// DEC-6
#[test]
fn grey_never_says_that_the_permit_is_at_fault() {
    let expired_chain = Window::with(|w| w.later = 11 * 86_400);
    assert_eq!(expired_chain.outcome(), Outcome::NodeNotReady);
    let future = Window::with(|w| w.permit.claims["iat"] = json!(noon().plus_saturating(HOUR)));
    assert_eq!(future.outcome(), Outcome::NodeNotReady);
    let removed = Window::with(|w| w.state = Some((YUSHAN, "removed")));
    assert_eq!(removed.outcome(), Outcome::UnknownIssuer);
    let us = Window::with(|w| w.state = Some((CHANGSHAN, "suspended")));
    assert_eq!(
        us.outcome(),
        Outcome::NodeNotReady,
        "a suspended recogniser recognises nobody"
    );
    let other_key = trigger(Outcome::SignatureInvalid).decision();
    assert_eq!(
        other_key.outcome,
        Outcome::IssuerUnreachable,
        "a key nobody here knows is not a forgery"
    );
    assert_eq!(other_key.outcome.class(), OutcomeClass::Grey);
}

#[test]
fn the_other_environment_is_refused_and_told_why() {
    let decision = Window::with(|w| w.permit.claims["environment"] = json!("PRODUCTION")).decision();
    assert_eq!(decision.outcome, Outcome::UnknownIssuer);
    assert!(decision.advisories.iter().any(|a| a.code == "WRONG_ENVIRONMENT"));
}

#[test]
fn reminders_come_within_thirty_days() {
    let advisories = |date: &str| {
        let mut window = Window::new();
        window.endorsed_until(date);
        window
            .decision()
            .advisories
            .iter()
            .any(|a| a.code == "ENDORSEMENT_DUE_SOON")
    };
    assert!(advisories("2025-12-22"));
    assert!(!advisories("2025-12-23"));
}

#[test]
fn providers_take_part_only_where_they_are_named() {
    let at = |provider: Option<&'static str>| {
        let mut window = Window::with(|w| w.provider = provider);
        window.service().providers = Some(vec![comity_spec::agreement::Provider {
            id: "hospital-1".parse().unwrap(),
            region: CHANGSHAN.parse().unwrap(),
            name: comity_spec::text::Text::new("示例医院", "Example hospital").into(),
        }]);
        window.outcome()
    };
    assert_eq!(at(Some("hospital-1")), Outcome::Recognised);
    assert_eq!(at(Some("hospital-2")), Outcome::ServiceNotCovered);
    assert_eq!(at(None), Outcome::ServiceNotCovered);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any bytes and any mutation of a good code decide, without panic, and never green.
    // SEC-1, SEC-2
    #[test]
    fn no_presentation_panics_and_no_mutant_is_recognised(at: prop::sample::Index, bit in 0_u8..7, junk: Vec<u8>, whole: bool) {
        let mut window = Window::new();
        let mut bytes = window.permit.sign().into_bytes();
        if whole {
            bytes = junk;
        } else {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        window.presented = Some(bytes);
        prop_assert_ne!(window.outcome().class(), OutcomeClass::Green);
    }
}
