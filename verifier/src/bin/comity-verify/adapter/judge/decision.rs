//! Decisions, and the look-up answers that some of them rest on.
//!
//! Agreements and status lists were verified in their day, under the federation `demo`; what is asked is the decision.

use comity_spec::exchange::{Subject, VerificationRequest};
use comity_spec::ids::{EntityId, ProviderId, ServiceCode};
use comity_spec::jose::KeyPurpose;
use comity_spec::outcome::Outcome;
use comity_spec::vector;
use comity_verifier::agreement::Agreements;
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::decide::{
    Actor, Clerk, Consent, Context, DecideInput, Evidence, Health, Lookup, Network, Quota, Recogniser,
    Refusal, Source, Step, Wanted, decide,
};
use comity_verifier::exchange::{LookedUp, verify_response};
use comity_verifier::jws::{Profile, Unverified, Verified};
use comity_verifier::presentation;
use comity_verifier::status_list::UnverifiedStatusList;
use comity_verifier::status_view::{StatusView, VerifiedStatusList, verify_status_token};
use comity_verifier::trust::Trust;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    Federations, Judged, Stop, adopted, at, budget, challenge, id, rule, unaskable, value_of, world,
};

const REQUEST: &str = "comity-verification-request+jwt";

/// Received in the second in which it was signed.
fn received(token: &str, trust: &Trust) -> Result<VerifiedStatusList, Stop> {
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
        .map_err(|e| unaskable("a status list", e.rule()))?;
    verify_status_token(token.as_bytes(), trust, at(iat)?)
        .map_err(|e| unaskable("a status list in its day", e.rule()))
}

fn sent<T: DeserializeOwned>(jws: &str, typ: &str, trust: &Trust, now: i64) -> Result<Verified<T>, Stop> {
    let not_sent = |rule: &str| unaskable("a request as it was sent", rule);
    #[derive(serde::Deserialize)]
    struct Names {
        iss: EntityId,
    }
    let mut budget = budget();
    let unverified = Unverified::parse(jws.as_bytes(), Profile::Comity { typ }, &mut budget)
        .map_err(|e| not_sent(e.rule()))?;
    let Names { iss } = unverified.claims().map_err(|e| not_sent(e.rule()))?;
    let county = trust
        .standing(&iss, at(now)?)
        .active()
        .ok_or_else(|| not_sent("the asking county is not active"))?;
    unverified
        .verify(&county.keys, KeyPurpose::Exchange, &mut budget)
        .map_err(|e| not_sent(e.rule()))
}

pub(super) fn answer(request: &str, response: &str, trust: &Trust, now: i64) -> Result<LookedUp, Stop> {
    let request = sent(request, REQUEST, trust, now)?;
    verify_response(response.as_bytes(), &request, trust, at(now)?, &mut budget()).map_err(|e| rule(e.rule()))
}

fn context(office: Option<&str>) -> Result<Context, Stop> {
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
        Some(other) => return Err(unaskable("no such office", other)),
    }
    Ok(context)
}

fn clerk(found: &str) -> Result<Clerk, Stop> {
    Ok(match found {
        "pending" => Clerk::Pending,
        "confirmed" => Clerk::Confirmed,
        "mismatch" => Clerk::Mismatch,
        "review" => Clerk::Review,
        other => return Err(unaskable("no clerk finds", other)),
    })
}

/// A decision, with everything that it rests on.
pub(super) fn decision(input: &vector::DecisionInput, federations: &Federations) -> Judged {
    let now = at(input.now)?;
    let trust = world(&input.federation, federations, input.now)?;
    // Whatever befell the county since: its agreements and lists were verified in their day.
    let before = world("demo", federations, input.now)?;
    let agreements = Agreements::new(adopted(&input.agreements, &before, input.now)?, Vec::new());
    let status = status(input, &before)?;
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
    let recogniser = id(&input.recogniser)?;
    let region = match before.county(&recogniser) {
        Some(county) => county.region,
        // A county outside the federation asks too; any region of another province will do.
        None => "440103".parse().map_err(|e| unaskable("a region", e))?,
    };
    let issuer = input.typed_issuer.as_deref().map(id).transpose()?;
    let subject = typed(input, &before)?;
    let asked = match &issuer {
        Some(issuer) => issuer.clone(),
        None => id("https://c361123.example")?,
    };
    let failure = Refusal::new(Outcome::IssuerUnreachable, "peer.timeout", &asked);
    let service: ServiceCode = input
        .service
        .parse()
        .map_err(|e| unaskable("a service code", e))?;
    let provider: Option<ProviderId> = input
        .provider
        .as_ref()
        .map(|p| p.parse().map_err(|e| unaskable("a provider id", e)))
        .transpose()?;
    let context = context(input.office.as_deref())?;
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
                (None, None) => return Err(unaskable("a decision", "nothing was presented or typed")),
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
        clerk: clerk(&input.clerk)?,
        service: &service,
        provider: provider.as_ref(),
        now,
    });
    Ok(told(&step))
}

fn status(input: &vector::DecisionInput, before: &Trust) -> Result<StatusView, Stop> {
    let lists = input
        .status_lists
        .iter()
        .map(|token| received(token, before))
        .collect::<Result<Vec<_>, Stop>>()?;
    let tombstones = input
        .tombstones
        .iter()
        .map(|(uri, idx, bits)| (uri.clone(), *idx, value_of(*bits)));
    Ok(StatusView::new(lists, tombstones))
}

/// What was typed is what was asked about; without a request nothing is read that depends on it.
fn typed(input: &vector::DecisionInput, before: &Trust) -> Result<Subject, Stop> {
    match &input.lookup {
        Some(lookup) => {
            let request: Verified<VerificationRequest> = sent(&lookup.request, REQUEST, before, input.now)?;
            Ok(request.into_value().subject)
        }
        None => serde_json::from_value(
            json!({ "number": { "id_number": "361123188001010017" }, "name": "示例甲" }),
        )
        .map_err(|e| unaskable("a subject", e)),
    }
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
        "text": decision.text,
    })
}
