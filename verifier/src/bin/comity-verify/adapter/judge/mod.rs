//! Judges the input of a test vector through the public interface: what was read of it, or the rule that refused.
//!
//! The tests of the vectors compile this file as their own module (`tests/vectors`); the expectation is never in sight
//! here. A question that cannot be asked, because what it rests on does not hold, is told apart from a refusal.

mod decision;
mod plain;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};

use comity_spec::ids::EntityId;
use comity_spec::jose::{Jwk, KeyPurpose};
use comity_spec::status::StatusValue;
use comity_spec::time::{LocalDate, UnixSeconds};
use comity_spec::vector::{self, Federation, Keys};
use comity_verifier::agreement::{
    AgreementError, Agreements, Because, ContentDefect, Coverage, VerifiedAgreement, VerifiedWithdrawal,
    WithdrawalError, verify_bytes, verify_withdrawal,
};
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::bundle::open;
use comity_verifier::exchange::{Parties, RequestError, verify_hint, verify_request};
use comity_verifier::jwk::{Ed25519Key, KeySet, PublicKey};
use comity_verifier::jws::{Profile, Unverified, Verified};
use comity_verifier::presentation;
use comity_verifier::receipt::{HolderCheck, is_about, read_printed, verify_receipt};
use comity_verifier::sd_jwt::{Binding, Challenge, SdJwt};
use comity_verifier::status_list::UnverifiedStatusList;
use comity_verifier::status_view::{StatusReading, StatusView, Succession, verify_status_token};
use comity_verifier::trust::{Anchor, Finding, Floors, Standing, Trust, TrustObjects};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// What was read, or why nothing was.
pub(crate) type Judged = Result<Value, Stop>;

/// The federations that inputs name, as they are handed over.
pub(crate) type Federations = BTreeMap<String, Federation>;

/// Why nothing was read.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The object breaks this rule.
    Refused(String),
    /// This kind of question is not known here.
    Unsupported(String),
    /// The question itself cannot be asked: what it rests on is missing or broken.
    Unaskable(String),
    /// The question does not have the form of its kind.
    Malformed(String),
}

impl Display for Stop {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(rule) => write!(f, "refused by {rule}"),
            Self::Unsupported(why) => write!(f, "unsupported: {why}"),
            Self::Unaskable(why) => write!(f, "cannot be asked: {why}"),
            Self::Malformed(why) => write!(f, "does not have its form: {why}"),
        }
    }
}

/// Judges an input of a kind: what is read of it, or the rule that refuses it.
pub(crate) fn judge(kind: &str, input: &Value, federations: &Federations) -> Judged {
    match kind {
        "jws" => jws(&read(input)?),
        "sd-jwt" => sd_jwt(&read(input)?),
        "status-list" => status_list(&read(input)?),
        "status-token" => status_token(&read(input)?, federations),
        "trust" => trust(&read(input)?),
        "agreement" => agreement(&read(input)?, federations),
        "withdrawal" => withdrawal(&read(input)?, federations),
        "in-force" => in_force(&read(input)?, federations),
        "attestation" => attestation(&read(input)?, federations),
        "decision" => decision::decision(&read(input)?, federations),
        "request" => request(&read(input)?, federations),
        "response" => response(&read(input)?, federations),
        "hint" => hint(&read(input)?, federations),
        "receipt" => receipt(&read(input)?, federations),
        "identifier" => plain::identifier(&read(input)?),
        "endorsement" => plain::endorsement(&read(input)?),
        "symbol" => plain::symbol(&read(input)?),
        "bundle" => bundle(&read(input)?, federations),
        "outcome" => plain::outcome(&read(input)?),
        "problem" => plain::problem(&read(input)?),
        other => Err(Stop::Unsupported(format!("no kind is called {other} here"))),
    }
}

fn read<T: DeserializeOwned>(input: &Value) -> Result<T, Stop> {
    T::deserialize(input).map_err(|e| Stop::Malformed(e.to_string()))
}

/// A refusal by the rule of this name.
fn rule(name: &str) -> Stop {
    Stop::Refused(name.to_owned())
}

/// What a question rests on does not hold.
fn unaskable(what: &str, why: impl Display) -> Stop {
    Stop::Unaskable(format!("{what}: {why}"))
}

fn budget() -> Budget {
    Budget::new(Limits::PRESENTATION)
}

fn at(seconds: i64) -> Result<UnixSeconds, Stop> {
    UnixSeconds::new(seconds).map_err(|e| unaskable("a time", e))
}

fn id(text: &str) -> Result<EntityId, Stop> {
    text.parse().map_err(|e| unaskable("an entity id", e))
}

fn keys(of: &Keys) -> Result<KeySet, Stop> {
    let mut set = KeySet::new();
    for (purpose, keys) in of {
        for key in keys {
            PublicKey::from_value(key).map_err(|e| rule(e.rule()))?;
            let jwk: Jwk = serde_json::from_value(key.clone()).map_err(|e| unaskable("a JWK", e))?;
            let key = Ed25519Key::from_jwk(&jwk).map_err(|e| rule(e.rule()))?;
            set.add(*purpose, key).map_err(|e| rule(e.rule()))?;
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
    .map_err(|e| rule(e.rule()))?;
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
    .map_err(|e| rule(e.rule()))?;
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
        .map_err(|e| rule(e.rule()))?;
    let list = &verified.value().list;
    let value = list.get(input.index).map_err(|e| rule(e.rule()))?;
    Ok(json!({ "value": value, "bits": list.bits(), "entries": list.len() }))
}

fn build(federation: &Federation, floors: &Floors, now: i64) -> Result<(Trust, Vec<Finding>), Stop> {
    let anchor = Anchor::parse(federation.anchor.to_string().as_bytes()).map_err(|e| rule(e.rule()))?;
    let objects = TrustObjects {
        statements: &federation.statements,
        member_lists: &federation.member_lists,
    };
    Ok(Trust::build(&anchor, &objects, floors, at(now)?))
}

/// What a county knows that holds a shared federation.
fn world(name: &str, federations: &Federations, now: i64) -> Result<Trust, Stop> {
    let federation = federations
        .get(name)
        .ok_or_else(|| unaskable("a federation that was not handed over", name))?;
    Ok(build(federation, &Floors::default(), now)?.0)
}

fn trust(input: &vector::TrustInput) -> Judged {
    let floors = Floors {
        newest_iat: input.newest_iat.map(at).transpose()?,
        statements: input
            .floors
            .iter()
            .map(|floor| Ok(((id(&floor.iss)?, id(&floor.sub)?), at(floor.iat)?)))
            .collect::<Result<_, Stop>>()?,
        ..Floors::default()
    };
    let (trust, findings) = build(&input.federation, &floors, input.now)?;
    match trust.standing(&id(&input.entity)?, at(input.now)?) {
        Standing::Active(county) => Ok(json!({
            "standing": "trust.active",
            "region": county.region,
            "valid_until": county.valid_until,
            "attestation_keys": county.keys.entries().iter().filter(|k| k.purpose == KeyPurpose::Attestation).count(),
            "client_pins": trust.pins().filter(|(_, owner)| **owner == county.entity).count(),
        })),
        // What is missing or not known has its reason in what was refused.
        other if matches!(other.rule(), "trust.incomplete" | "trust.no-current-member-list") => {
            Err(rule(findings.first().map_or(other.rule(), Finding::rule)))
        }
        other => Err(rule(other.rule())),
    }
}

fn adopt(agreement: &str, trust: &Trust, now: i64) -> Result<VerifiedAgreement, Stop> {
    verify_bytes(agreement.as_bytes(), trust, at(now)?).map_err(|error| match &error {
        AgreementError::Contents(defects) => {
            let rules: BTreeSet<_> = defects.iter().map(ContentDefect::rule).collect();
            // Several have no order: they are told together, under the one name of them all (chapter 16).
            match rules.first() {
                Some(only) if rules.len() == 1 => rule(only),
                _ => rule(error.rule()),
            }
        }
        _ => rule(error.rule()),
    })
}

/// Agreements that a question rests on: one that does not hold is a fault of the question.
fn adopted(agreements: &[String], trust: &Trust, now: i64) -> Result<Vec<VerifiedAgreement>, Stop> {
    let one = |text: &String| adopt(text, trust, now).map_err(|stop| unaskable("an agreement", stop));
    agreements.iter().map(one).collect()
}

fn agreement(input: &vector::AgreementInput, federations: &Federations) -> Judged {
    let trust = world(&input.federation, federations, input.now)?;
    let verified = adopt(&input.agreement, &trust, input.now)?;
    Ok(json!({
        "id": verified.agreement().id,
        "version": verified.agreement().version,
        "digest": verified.digest(),
        "signers": verified.signers().len(),
    }))
}

fn withdrawal(input: &vector::WithdrawalInput, federations: &Federations) -> Judged {
    let trust = world(&input.federation, federations, input.now)?;
    let agreement = adopt(&input.agreement, &trust, input.now)?;
    let verified = verify_withdrawal(&input.withdrawal, &agreement, &trust, at(input.now)?)
        .map_err(|e| rule(e.rule()))?;
    Ok(json!({ "effective_from": verified.withdrawal().effective_from }))
}

fn in_force(input: &vector::InForceInput, federations: &Federations) -> Judged {
    let trust = world(&input.federation, federations, input.now)?;
    let agreements = adopted(&input.agreements, &trust, input.now)?;
    let withdrawals = input
        .withdrawals
        .iter()
        .map(|one| withdrawn(one, &agreements, input, &trust))
        .collect::<Result<_, Stop>>()?;
    let set = Agreements::new(agreements, withdrawals);
    let on: LocalDate = input.on.parse().map_err(|e| unaskable("a day", e))?;
    match set.between(&id(&input.issuer)?, &id(&input.recogniser)?, on) {
        Coverage::InForce(agreement) => Ok(json!({ "version": agreement.agreement().version })),
        Coverage::NotInForce { because, .. } => Err(rule(match because {
            Because::NotYet(_) => "agreement.not-yet",
            Because::Ended(_) => "agreement.ended",
            Because::Withdrawn(_) => "agreement.withdrawn",
            Because::Void => "agreement.void",
        })),
        Coverage::None => Err(rule("agreement.none")),
    }
}

/// A withdrawal of one of the agreements, counted from its receipt where that is known.
fn withdrawn(
    token: &str,
    agreements: &[VerifiedAgreement],
    input: &vector::InForceInput,
    trust: &Trust,
) -> Result<VerifiedWithdrawal, Stop> {
    let now = at(input.now)?;
    let verify = |of| (verify_withdrawal(token, of, trust, now), of);
    let of_another =
        |(verified, _): &(Result<_, _>, _)| matches!(verified, Err(WithdrawalError::OtherAgreement));
    let (verified, of) = agreements
        .iter()
        .map(verify)
        .find(|tried| !of_another(tried))
        .ok_or_else(|| unaskable("a withdrawal", "of no agreement that was given"))?;
    let verified = verified.map_err(|e| unaskable("a withdrawal", e.rule()))?;
    Ok(match input.received_at {
        Some(seconds) => verified.first_seen(at(seconds)?, of),
        None => verified,
    })
}

fn attestation(input: &vector::AttestationInput, federations: &Federations) -> Judged {
    let trust = world(&input.federation, federations, input.now)?;
    let presented = presentation::open(
        input.presented.as_bytes(),
        &trust,
        challenge(&input.challenge),
        at(input.now)?,
        &mut budget(),
    )
    .map_err(|refusal| rule(refusal.cause))?;
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

fn status_token(input: &vector::StatusTokenInput, federations: &Federations) -> Judged {
    let trust = world(&input.federation, federations, input.received_at)?;
    let received_at = at(input.received_at)?;
    let verify =
        |token: &str| verify_status_token(token.as_bytes(), &trust, received_at).map_err(|e| rule(e.rule()));
    let list = verify(&input.token)?;
    if let Some(held) = &input.held {
        match list.succeeds(&verify(held)?) {
            Succession::Newer | Succession::Same => {}
            Succession::Older => return Err(rule("status.older")),
            Succession::Fork => return Err(rule("status.fork")),
        }
    }
    let uri = list.uri().to_owned();
    let tombstones = input
        .tombstones
        .iter()
        .map(|(idx, bits)| (uri.clone(), *idx, value_of(*bits)));
    let view = StatusView::new([list], tombstones);
    match view.read(&uri, input.index, at(input.now)?) {
        StatusReading::Value { value, as_of, .. } => {
            Ok(json!({ "value": value.bits(), "as_of": as_of, "tombstone": false }))
        }
        StatusReading::Tombstone(value) => Ok(json!({ "value": value.bits(), "tombstone": true })),
        StatusReading::Expired { .. } => Err(rule("status.ended")),
        StatusReading::IndexOutOfRange => Err(rule("status-list.index")),
        StatusReading::NoList => Err(rule("status.no-list")),
    }
}

fn problem(error: &RequestError) -> Stop {
    rule(error.problem().slug())
}

fn request(input: &vector::RequestInput, federations: &Federations) -> Judged {
    let trust = world(&input.federation, federations, input.now)?;
    let before = world("demo", federations, 1_763_784_000)?;
    let agreements = Agreements::new(adopted(&input.agreements, &before, 1_763_784_000)?, Vec::new());
    let (me, channel) = (id(&input.me)?, input.channel.as_deref().map(id).transpose()?);
    let parties = Parties {
        me: &me,
        channel: channel.as_ref(),
    };
    let verified = verify_request(
        input.request.as_bytes(),
        &trust,
        parties,
        &agreements,
        at(input.now)?,
        &mut budget(),
    )
    .map_err(|e| problem(&e))?;
    Ok(json!({ "iss": verified.value().iss, "service": verified.value().service }))
}

fn response(input: &vector::ResponseInput, federations: &Federations) -> Judged {
    let trust = world(&input.federation, federations, input.now)?;
    let answer = decision::answer(&input.request, &input.response, &trust, input.now)?;
    Ok(json!({ "result": answer.response().result, "claims": answer.claims().names() }))
}

fn hint(input: &vector::HintInput, federations: &Federations) -> Judged {
    let trust = world(&input.federation, federations, input.now)?;
    let me = id(&input.me)?;
    let parties = Parties {
        me: &me,
        channel: None,
    };
    let verified = verify_hint(
        input.hint.as_bytes(),
        &trust,
        parties,
        at(input.now)?,
        &mut budget(),
    )
    .map_err(|e| problem(&e))?;
    Ok(json!({ "status_lists": verified.value().status_lists.len() }))
}

fn receipt(input: &vector::ReceiptInput, federations: &Federations) -> Judged {
    let trust = world(&input.federation, federations, input.now)?;
    let mut budget = budget();
    let printed = read_printed(input.printed.as_bytes(), &mut budget).map_err(|e| rule(e.rule()))?;
    let verified =
        verify_receipt(&printed.receipt, &trust, at(input.now)?, &mut budget).map_err(|e| rule(e.rule()))?;
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

/// What of a bundle holds: active counties, agreements, lists; and the rules that refused the rest.
fn bundle(input: &vector::BundleInput, federations: &Federations) -> Judged {
    let federation = federations
        .get(&input.federation)
        .ok_or_else(|| unaskable("a federation that was not handed over", &input.federation))?;
    let anchor = Anchor::parse(federation.anchor.to_string().as_bytes()).map_err(|e| rule(e.rule()))?;
    let opened = open(
        input.bundle.as_bytes(),
        &anchor,
        &Floors::default(),
        at(input.now)?,
    )
    .map_err(|e| rule(e.rule()))?;
    let mut refused: Vec<&str> = opened.findings.iter().map(|finding| finding.rule).collect();
    refused.sort_unstable();
    Ok(json!({
        "counties": opened.trust.counties().count(),
        "agreements": opened.agreements.all().len(),
        "withdrawals": opened.agreements.withdrawals().len(),
        "status_lists": opened.status.lists().count(),
        "refused": refused,
    }))
}
