//! Judges a vector through the public interface: what was read of it, or the rule that refused.

use std::collections::BTreeSet;
use std::path::Path;

use comity_spec::ids::{
    AgreementId, CitizenNumber, Digest, EntityId, Jti, OfficerId, PermitNumber, ProviderId, Region,
    RegionPrefix, ServiceCode, TraceNumber,
};
use comity_spec::jose::{Jwk, KeyPurpose};
use comity_spec::outcome::Outcome;
use comity_spec::status::StatusValue;
use comity_spec::time::endorsement::{EndorsementProfile, EndorsementRefusal, endorse};
use comity_spec::time::{LocalDate, UnixSeconds};
use comity_spec::vector::{self, Expect, Federation, Keys, Vector};
use comity_verifier::agreement::{
    AgreementError, Agreements, Because, ContentDefect, Coverage, VerifiedAgreement, verify_bytes,
    verify_withdrawal,
};
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::decide::{
    Actor, Clerk, Consent, Context, DecideInput, Evidence, Health, Lookup, Network, Quota, Recogniser,
    Refusal, Source, Step, Wanted, decide,
};
use comity_verifier::exchange::{
    LookedUp, Parties, RequestError, verify_hint, verify_request, verify_response,
};
use comity_verifier::jwk::{Ed25519Key, KeySet, PublicKey};
use comity_verifier::jws::{Profile, Unverified, Verified};
use comity_verifier::presentation::{self, PresentationError};
use comity_verifier::receipt::{HolderCheck, is_about, read_printed, verify_receipt};
use comity_verifier::sd_jwt::{Binding, Challenge, SdJwt};
use comity_verifier::status_list::UnverifiedStatusList;
use comity_verifier::status_view::{
    StatusReading, StatusView, Succession, VerifiedStatusList, verify_status_token,
};
use comity_verifier::symbol;
use comity_verifier::trust::{Anchor, Finding, Floors, Standing, Trust, TrustObjects};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

type Judged = Result<Value, String>;

/// What must come of a vector, and what comes of it.
pub(crate) fn judge<'v>(vector: &'v Vector, root: &Path) -> (&'v Expect, Judged) {
    match vector {
        Vector::Jws(v) => (&v.expect, jws(&v.input)),
        Vector::SdJwt(v) => (&v.expect, sd_jwt(&v.input)),
        Vector::StatusList(v) => (&v.expect, status_list(&v.input)),
        Vector::StatusToken(v) => (&v.expect, status_token(&v.input, root)),
        Vector::Trust(v) => (&v.expect, trust(&v.input)),
        Vector::Agreement(v) => (&v.expect, agreement(&v.input, root)),
        Vector::Withdrawal(v) => (&v.expect, withdrawal(&v.input, root)),
        Vector::InForce(v) => (&v.expect, in_force(&v.input, root)),
        Vector::Attestation(v) => (&v.expect, attestation(&v.input, root)),
        Vector::Decision(v) => (&v.expect, decision(&v.input, root)),
        Vector::Request(v) => (&v.expect, request(&v.input, root)),
        Vector::Response(v) => (&v.expect, response(&v.input, root)),
        Vector::Hint(v) => (&v.expect, hint(&v.input, root)),
        Vector::Receipt(v) => (&v.expect, receipt(&v.input, root)),
        Vector::Identifier(v) => (&v.expect, identifier(&v.input)),
        Vector::Endorsement(v) => (&v.expect, endorsement(&v.input)),
        Vector::Symbol(v) => (&v.expect, symbol(&v.input)),
    }
}

fn budget() -> Budget {
    Budget::new(Limits::PRESENTATION)
}

fn at(seconds: i64) -> UnixSeconds {
    UnixSeconds::new(seconds).expect("the time of a vector")
}

fn id(text: &str) -> EntityId {
    text.parse().expect("an entity id of a vector")
}

fn keys(of: &Keys) -> Result<KeySet, String> {
    let mut set = KeySet::new();
    for (purpose, keys) in of {
        for key in keys {
            PublicKey::from_value(key).map_err(|e| e.rule().to_owned())?;
            let jwk: Jwk = serde_json::from_value(key.clone()).expect("a JWK");
            let key = Ed25519Key::from_jwk(&jwk).map_err(|e| e.rule().to_owned())?;
            set.add(*purpose, key).map_err(|e| e.rule().to_owned())?;
        }
    }
    Ok(set)
}

fn challenge(of: &Option<vector::Challenge>) -> Binding<'_> {
    of.as_ref().map_or(Binding::Optional, |challenge| {
        Binding::Required(Challenge {
            aud: &challenge.aud,
            nonce: &challenge.nonce,
            now: challenge.now,
            max_age: challenge.max_age,
        })
    })
}

fn jws(input: &vector::JwsInput) -> Judged {
    let keys = keys(&input.keys)?;
    let mut budget = budget();
    let verified: Verified<Map<String, Value>> = Unverified::parse(
        input.token.as_bytes(),
        Profile::Comity { typ: &input.typ },
        &mut budget,
    )
    .and_then(|token| token.verify(&keys, input.purpose, &mut budget))
    .map_err(|e| e.rule().to_owned())?;
    Ok(json!({ "payload": verified.value() }))
}

fn sd_jwt(input: &vector::SdJwtInput) -> Judged {
    let keys = keys(&input.keys)?;
    let mut budget = budget();
    let verified = SdJwt::parse(
        input.presented.as_bytes(),
        Profile::Comity { typ: "dc+sd-jwt" },
        &mut budget,
    )
    .and_then(|token| {
        token.verify(
            &keys,
            KeyPurpose::Attestation,
            challenge(&input.challenge),
            &mut budget,
        )
    })
    .map_err(|e| e.rule().to_owned())?;
    let value = verified.value();
    Ok(json!({ "claims": value.claims(), "disclosed": value.disclosed() }))
}

fn status_list(input: &vector::StatusListInput) -> Judged {
    let keys = keys(&input.keys)?;
    let mut budget = Budget::new(Limits::STATUS_LIST);
    let profile = Profile::Comity {
        typ: "statuslist+jwt",
    };
    let verified = UnverifiedStatusList::parse(input.token.as_bytes(), profile, &mut budget)
        .and_then(|token| token.verify(&keys, &mut budget))
        .map_err(|e| e.rule().to_owned())?;
    let list = &verified.value().list;
    let value = list.get(input.index).map_err(|e| e.rule().to_owned())?;
    Ok(json!({ "value": value, "bits": list.bits(), "entries": list.len() }))
}

/// A federation that several vectors share.
fn shared(name: &str, root: &Path) -> Federation {
    let path = root.join("federations").join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).expect("a shared federation can be read");
    serde_json::from_str(&text).expect("a shared federation has its form")
}

fn build(federation: &Federation, floors: &Floors, now: i64) -> Result<(Trust, Vec<Finding>), String> {
    let anchor = Anchor::parse(federation.anchor.to_string().as_bytes()).map_err(|e| e.rule().to_owned())?;
    let objects = TrustObjects {
        statements: &federation.statements,
        member_lists: &federation.member_lists,
    };
    Ok(Trust::build(&anchor, &objects, floors, at(now)))
}

fn world(name: &str, root: &Path, now: i64) -> Trust {
    build(&shared(name, root), &Floors::default(), now)
        .expect("the anchor of a shared federation")
        .0
}

fn trust(input: &vector::TrustInput) -> Judged {
    let floors = Floors {
        newest_iat: input.newest_iat.map(at),
        statements: input
            .floors
            .iter()
            .map(|floor| ((id(&floor.iss), id(&floor.sub)), at(floor.iat)))
            .collect(),
        ..Floors::default()
    };
    let (trust, findings) = build(&input.federation, &floors, input.now)?;
    match trust.standing(&id(&input.entity), at(input.now)) {
        Standing::Active(county) => Ok(json!({
            "standing": "trust.active",
            "region": county.region,
            "valid_until": county.valid_until,
            "attestation_keys": county.keys.entries().iter().filter(|k| k.purpose == KeyPurpose::Attestation).count(),
        })),
        // What is missing or not known has its reason in what was refused.
        other if matches!(other.rule(), "trust.incomplete" | "trust.no-current-member-list") => {
            Err(findings.first().map_or(other.rule(), Finding::rule).to_owned())
        }
        other => Err(other.rule().to_owned()),
    }
}

fn adopt(agreement: &str, trust: &Trust, now: i64) -> Result<VerifiedAgreement, String> {
    verify_bytes(agreement.as_bytes(), trust, at(now)).map_err(|error| match &error {
        AgreementError::Contents(defects) => {
            let rules: BTreeSet<_> = defects.iter().map(ContentDefect::rule).collect();
            assert_eq!(rules.len(), 1, "a vector has one defect: {defects:?}");
            defects[0].rule().to_owned()
        }
        _ => error.rule().to_owned(),
    })
}

fn adopted(agreements: &[String], trust: &Trust, now: i64) -> Vec<VerifiedAgreement> {
    let one = |text: &String| adopt(text, trust, now).expect("an agreement that a vector rests on");
    agreements.iter().map(one).collect()
}

fn agreement(input: &vector::AgreementInput, root: &Path) -> Judged {
    let trust = world(&input.federation, root, input.now);
    let verified = adopt(&input.agreement, &trust, input.now)?;
    Ok(json!({
        "id": verified.agreement().id,
        "version": verified.agreement().version,
        "digest": verified.digest(),
        "signers": verified.signers().len(),
    }))
}

fn withdrawal(input: &vector::WithdrawalInput, root: &Path) -> Judged {
    let trust = world(&input.federation, root, input.now);
    let agreement = adopt(&input.agreement, &trust, input.now)?;
    let verified = verify_withdrawal(&input.withdrawal, &agreement, &trust, at(input.now))
        .map_err(|e| e.rule().to_owned())?;
    Ok(json!({ "effective_from": verified.withdrawal().effective_from }))
}

fn in_force(input: &vector::InForceInput, root: &Path) -> Judged {
    let trust = world(&input.federation, root, input.now);
    let agreements = adopted(&input.agreements, &trust, input.now);
    let withdrawals = input
        .withdrawals
        .iter()
        .map(|one| {
            verify_withdrawal(one, &agreements[0], &trust, at(input.now)).expect("a withdrawal that holds")
        })
        .collect();
    let set = Agreements::new(agreements, withdrawals);
    let on: LocalDate = input.on.parse().expect("a day of a vector");
    match set.between(&id(&input.issuer), &id(&input.recogniser), on) {
        Coverage::InForce(agreement) => Ok(json!({ "version": agreement.agreement().version })),
        Coverage::NotInForce { because, .. } => Err(match because {
            Because::NotYet(_) => "agreement.not-yet",
            Because::Ended(_) => "agreement.ended",
            Because::Withdrawn(_) => "agreement.withdrawn",
            Because::Void => "agreement.void",
        }
        .to_owned()),
        Coverage::None => Err("agreement.none".to_owned()),
    }
}

fn attestation(input: &vector::AttestationInput, root: &Path) -> Judged {
    let trust = world(&input.federation, root, input.now);
    let presented = presentation::open(
        input.presented.as_bytes(),
        &trust,
        challenge(&input.challenge),
        at(input.now),
        &mut budget(),
    )
    .map_err(|refusal| refusal.cause.to_owned())?;
    Ok(json!({
        "issuer": presented.issuer(),
        "region": presented.region(),
        "endorsed_until": presented.endorsed_until(),
        "index": presented.status().idx,
        "claims": presented.claims().names(),
    }))
}

fn value_of(bits: u8) -> StatusValue {
    StatusValue::from_bits(bits)
}

fn status_token(input: &vector::StatusTokenInput, root: &Path) -> Judged {
    let trust = world(&input.federation, root, input.received_at);
    let verify = |token: &str| {
        verify_status_token(token.as_bytes(), &trust, at(input.received_at)).map_err(|e| e.rule().to_owned())
    };
    let list = verify(&input.token)?;
    if let Some(held) = &input.held {
        match list.succeeds(&verify(held)?) {
            Succession::Newer | Succession::Same => {}
            Succession::Older => return Err("status.older".to_owned()),
            Succession::Fork => return Err("status.fork".to_owned()),
        }
    }
    let uri = list.uri().to_owned();
    let tombstones = input
        .tombstones
        .iter()
        .map(|(idx, bits)| (uri.clone(), *idx, value_of(*bits)));
    let view = StatusView::new([list], tombstones);
    match view.read(&uri, input.index, at(input.now)) {
        StatusReading::Value { value, as_of, .. } => {
            Ok(json!({ "value": value.bits(), "as_of": as_of, "tombstone": false }))
        }
        StatusReading::Tombstone(value) => Ok(json!({ "value": value.bits(), "tombstone": true })),
        StatusReading::Expired { .. } => Err("status.ended".to_owned()),
        StatusReading::IndexOutOfRange => Err("status-list.index".to_owned()),
        StatusReading::NoList => Err("status.no-list".to_owned()),
    }
}

/// Received in the second in which it was signed.
fn received(token: &str, trust: &Trust) -> VerifiedStatusList {
    #[derive(serde::Deserialize)]
    struct Signed {
        iat: i64,
    }
    let profile = Profile::Comity {
        typ: "statuslist+jwt",
    };
    let unverified =
        UnverifiedStatusList::parse(token.as_bytes(), profile, &mut Budget::new(Limits::STATUS_LIST));
    let Signed { iat } = unverified
        .and_then(|t| t.claims())
        .expect("a status list that a vector rests on");
    verify_status_token(token.as_bytes(), trust, at(iat)).expect("a status list that was good in its day")
}

fn sent<T: DeserializeOwned>(jws: &str, typ: &str, trust: &Trust, now: i64) -> Verified<T> {
    #[derive(serde::Deserialize)]
    struct Names {
        iss: EntityId,
    }
    let mut budget = budget();
    let unverified = Unverified::parse(jws.as_bytes(), Profile::Comity { typ }, &mut budget)
        .expect("a request as it was sent");
    let Names { iss } = unverified.claims().expect("a request as it was sent");
    let county = trust.standing(&iss, at(now)).active().expect("the asking county");
    unverified
        .verify(&county.keys, KeyPurpose::Exchange, &mut budget)
        .expect("a request as it was sent")
}

fn answer(request: &str, response: &str, trust: &Trust, now: i64) -> Result<LookedUp, String> {
    let request = sent(request, "comity-verification-request+jwt", trust, now);
    verify_response(response.as_bytes(), &request, trust, at(now), &mut budget())
        .map_err(|e| e.rule().to_owned())
}

fn context(office: Option<&str>) -> Context {
    let mut context = Context::default();
    match office {
        None => {}
        Some("not-ready") => {
            context.health = Health::NotReady {
                cause: "clock.behind",
            }
        }
        Some("not-authorised") => context.actor = Actor::NotAuthorised,
        Some("no-purpose") => context.actor = Actor::NoPurpose,
        Some("consent-missing") => context.consent = Consent::Missing,
        Some("quota") => context.quota = Quota::Exceeded { minutes: 7 },
        Some(other) => panic!("no office is {other}"),
    }
    context
}

fn clerk(found: &str) -> Clerk {
    match found {
        "pending" => Clerk::Pending,
        "confirmed" => Clerk::Confirmed,
        "mismatch" => Clerk::Mismatch,
        "review" => Clerk::Review,
        other => panic!("no clerk finds {other}"),
    }
}

fn decision(input: &vector::DecisionInput, root: &Path) -> Judged {
    let now = at(input.now);
    let trust = world(&input.federation, root, input.now);
    // Whatever befell the county since: its agreements and lists were verified in their day.
    let before = world("demo", root, input.now);
    let agreements = Agreements::new(adopted(&input.agreements, &before, input.now), Vec::new());
    let lists = input.status_lists.iter().map(|token| received(token, &before));
    let tombstones = input
        .tombstones
        .iter()
        .map(|(uri, idx, bits)| (uri.clone(), *idx, value_of(*bits)));
    let status = StatusView::new(lists, tombstones);
    let opened = input.presented.as_ref().map(|presented| {
        presentation::open(
            presented.as_bytes(),
            &trust,
            challenge(&input.challenge),
            now,
            &mut budget(),
        )
    });
    let looked_up = input
        .lookup
        .as_ref()
        .map(|lookup| answer(&lookup.request, &lookup.response, &before, input.now))
        .transpose()?;
    let recogniser = id(&input.recogniser);
    let region = before
        .county(&recogniser)
        .map_or_else(|| "440103".parse().expect("a region"), |county| county.region);
    let issuer = input.typed_issuer.as_ref().map(|issuer| id(issuer));
    let subject =
        serde_json::from_value(json!({ "number": { "id_number": "361123188001010017" }, "name": "示例甲" }));
    let subject = subject.expect("a subject");
    let asked = issuer.clone().unwrap_or_else(|| id("https://c361123.example"));
    let failure = Refusal::new(Outcome::IssuerUnreachable, "peer.timeout", &asked);
    let service: ServiceCode = input.service.parse().expect("a service code");
    let provider: Option<ProviderId> = input.provider.as_ref().map(|p| p.parse().expect("a provider id"));
    let context = context(input.office.as_deref());
    let step = decide(&DecideInput {
        context: &context,
        recogniser: Recogniser {
            entity: &recogniser,
            region,
            network: if input.on_line {
                Network::OnLine
            } else {
                Network::OffLine
            },
        },
        evidence: Evidence {
            source: match (&opened, &issuer) {
                (Some(Ok(presented)), _) => Source::Presented(presented),
                (Some(Err(refusal)), _) => Source::Refused(refusal),
                (None, Some(issuer)) => Source::Typed {
                    issuer,
                    subject: &subject,
                },
                (None, None) => panic!("nothing was presented or typed"),
            },
            lookup: match &looked_up {
                Some(answer) => Lookup::Answered(answer),
                None if input.lookup_failed => Lookup::Failed(&failure),
                None => Lookup::NotAsked,
            },
            typed_name: input.typed_name.as_deref(),
        },
        trust: &trust,
        agreements: &agreements,
        status: &status,
        status_refreshed: input.status_refreshed,
        clerk: clerk(&input.clerk),
        service: &service,
        provider: provider.as_ref(),
        now,
    });
    Ok(told(&step))
}

fn told(step: &Step) -> Value {
    let (name, decision) = match step {
        Step::NeedStatus(Wanted::StatusList { .. }) => return json!({ "step": "need-status-list" }),
        Step::NeedStatus(Wanted::LookUp { .. }) => return json!({ "step": "need-look-up" }),
        Step::NeedHolder(decision) => ("need-holder", decision),
        Step::Decision(decision) => ("decision", decision),
    };
    let missing = decision.missing.iter().map(|m| {
        let truth = json!(m.truth);
        format!("{}:{}", m.code, truth.as_str().unwrap_or_default())
    });
    let mut advisories: Vec<&str> = decision.advisories.iter().map(|a| a.code.as_str()).collect();
    advisories.sort_unstable();
    json!({
        "step": name,
        "outcome": decision.outcome,
        "cause": decision.cause,
        "confirmation": decision.confirmation,
        "channel": decision.channel,
        "tier": decision.tier.as_ref().and_then(|tier| tier.local.as_ref()),
        "missing": missing.collect::<Vec<_>>(),
        "advisories": advisories,
    })
}

fn problem(error: &RequestError) -> String {
    error.problem().slug().to_owned()
}

fn request(input: &vector::RequestInput, root: &Path) -> Judged {
    let trust = world(&input.federation, root, input.now);
    let before = world("demo", root, 1_763_784_000);
    let agreements = Agreements::new(adopted(&input.agreements, &before, 1_763_784_000), Vec::new());
    let (me, channel) = (id(&input.me), input.channel.as_ref().map(|c| id(c)));
    let parties = Parties {
        me: &me,
        channel: channel.as_ref(),
    };
    let verified = verify_request(
        input.request.as_bytes(),
        &trust,
        parties,
        &agreements,
        at(input.now),
        &mut budget(),
    )
    .map_err(|e| problem(&e))?;
    Ok(json!({ "iss": verified.value().iss, "service": verified.value().service }))
}

fn response(input: &vector::ResponseInput, root: &Path) -> Judged {
    let trust = world(&input.federation, root, input.now);
    let answer = answer(&input.request, &input.response, &trust, input.now)?;
    Ok(json!({ "result": answer.response().result, "claims": answer.claims().names() }))
}

fn hint(input: &vector::HintInput, root: &Path) -> Judged {
    let trust = world(&input.federation, root, input.now);
    let me = id(&input.me);
    let parties = Parties {
        me: &me,
        channel: None,
    };
    let verified = verify_hint(
        input.hint.as_bytes(),
        &trust,
        parties,
        at(input.now),
        &mut budget(),
    )
    .map_err(|e| problem(&e))?;
    Ok(json!({ "status_lists": verified.value().status_lists.len() }))
}

fn receipt(input: &vector::ReceiptInput, root: &Path) -> Judged {
    let trust = world(&input.federation, root, input.now);
    let mut budget = budget();
    let printed = read_printed(input.printed.as_bytes(), &mut budget).map_err(|e| e.rule().to_owned())?;
    let verified = verify_receipt(&printed.receipt, &trust, at(input.now), &mut budget)
        .map_err(|e| e.rule().to_owned())?;
    let about = is_about(
        verified.value(),
        printed.salt.as_ref(),
        &input.person_name,
        &input.person_number,
    );
    Ok(json!({
        "outcome": verified.value().decision.outcome,
        "about": match about {
            HolderCheck::Same => "same",
            HolderCheck::Different => "different",
            HolderCheck::CannotTell => "cannot-tell",
        },
    }))
}

/// Reads a value as the identifier and shows how it is written.
fn reads<T: DeserializeOwned + serde::Serialize>(value: &Value) -> Option<String> {
    let read: T = serde_json::from_value(value.clone()).ok()?;
    match serde_json::to_value(read).ok()? {
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

fn identifier(input: &vector::IdentifierInput) -> Judged {
    let value = &input.value;
    let read = match input.of.as_str() {
        "region" => reads::<Region>(value),
        "region-prefix" => reads::<RegionPrefix>(value),
        "entity-id" => reads::<EntityId>(value),
        "citizen-number" => reads::<CitizenNumber>(value),
        "permit-number" => reads::<PermitNumber>(value),
        "agreement-id" => reads::<AgreementId>(value),
        "service-code" => reads::<ServiceCode>(value),
        "provider-id" => reads::<ProviderId>(value),
        "officer-id" => reads::<OfficerId>(value),
        "digest" => reads::<Digest>(value),
        "jti" => reads::<Jti>(value),
        "trace-number" => reads::<TraceNumber>(value),
        "time" => reads::<UnixSeconds>(value),
        "date" => reads::<LocalDate>(value),
        other => panic!("no identifier is called {other}"),
    };
    read.map(|read| json!({ "read": read }))
        .ok_or_else(|| format!("identifier.{}", input.of))
}

fn endorsement(input: &vector::EndorsementInput) -> Judged {
    let date = |text: &str| text.parse::<LocalDate>().expect("a date of a vector");
    let profile = EndorsementProfile {
        late_endorse_max_days: input.late_endorse_max_days,
    };
    let endorsed = endorse(
        date(&input.endorsed_until),
        date(&input.anniversary),
        date(&input.on),
        profile,
    );
    match endorsed {
        Ok(e) => Ok(
            json!({ "until": e.until, "anniversary": e.anniversary, "residence_restart": e.residence_restart }),
        ),
        Err(EndorsementRefusal::WindowNotOpen { .. }) => Err("endorsement.window-not-open".to_owned()),
        Err(EndorsementRefusal::RegistrationNeeded { .. }) => {
            Err("endorsement.registration-needed".to_owned())
        }
        Err(EndorsementRefusal::NotOnAnniversary) => Err("endorsement.not-on-anniversary".to_owned()),
        Err(EndorsementRefusal::Date(_)) => Err("endorsement.date".to_owned()),
    }
}

fn symbol(input: &vector::SymbolInput) -> Judged {
    symbol::decode(&input.typed)
        .map(|token| json!({ "token": token }))
        .map_err(|error| PresentationError::from(error).rule().to_owned())
}
