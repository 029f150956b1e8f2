//! What needs no key: identifiers, dates, the digits of a code.

use comity_spec::ids::{
    AgreementId, CitizenNumber, Digest, EntityId, Jti, OfficerId, PermitNumber, ProviderId, Region,
    RegionPrefix, ServiceCode, TraceNumber,
};
use comity_spec::outcome::ReportedOutcome;
use comity_spec::problem::{ProblemType, ReportedProblem};
use comity_spec::text::Bilingual;
use comity_spec::time::endorsement::{EndorsementProfile, EndorsementRefusal, endorse};
use comity_spec::time::{LocalDate, UnixSeconds};
use comity_spec::vector;
use comity_verifier::presentation::PresentationError;
use comity_verifier::symbol;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Judged, Stop, rule};

/// Reads a value as the identifier and shows how it is written.
fn reads<T: DeserializeOwned + serde::Serialize>(value: &Value) -> Option<String> {
    let read: T = serde_json::from_value(value.clone()).ok()?;
    match serde_json::to_value(read).ok()? {
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

/// One identifier or date.
pub(super) fn identifier(input: &vector::IdentifierInput) -> Judged {
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
        other => return Err(Stop::Unsupported(format!("no identifier is called {other} here"))),
    };
    read.map(|read| json!({ "read": read }))
        .ok_or_else(|| rule(&format!("identifier.{}", input.of)))
}

/// A yearly endorsement.
pub(super) fn endorsement(input: &vector::EndorsementInput) -> Judged {
    let date = |text: &str| text.parse::<LocalDate>().map_err(|_| rule("endorsement.date"));
    let profile = EndorsementProfile {
        late_endorse_max_days: input.late_endorse_max_days,
    };
    let endorsed = endorse(
        date(&input.endorsed_until)?,
        date(&input.anniversary)?,
        date(&input.on)?,
        profile,
    );
    match endorsed {
        Ok(e) => Ok(
            json!({ "until": e.until, "anniversary": e.anniversary, "residence_restart": e.residence_restart }),
        ),
        Err(EndorsementRefusal::WindowNotOpen { .. }) => Err(rule("endorsement.window-not-open")),
        Err(EndorsementRefusal::RegistrationNeeded { .. }) => Err(rule("endorsement.registration-needed")),
        Err(EndorsementRefusal::NotOnAnniversary) => Err(rule("endorsement.not-on-anniversary")),
        Err(EndorsementRefusal::Date(_)) => Err(rule("endorsement.date")),
    }
}

/// The digits of a code.
pub(super) fn symbol(input: &vector::SymbolInput) -> Judged {
    symbol::decode(&input.typed)
        .map(|token| json!({ "token": token }))
        .map_err(|error| rule(PresentationError::from(error).rule()))
}

/// An outcome as somebody else reports it: what is shown and acted on, and what stands beside it in small print.
pub(super) fn outcome(input: &vector::OutcomeInput) -> Judged {
    let reported: ReportedOutcome = input.code.parse().map_err(|_| rule("outcome.unreadable"))?;
    let shown = reported.shown_as();
    let class = shown.class();
    Ok(json!({
        "code": reported.code(),
        "shown_as": shown,
        "small_print": reported.raw_code(),
        "class": class,
        "icon": class.icon(),
        "word": Bilingual::from(class.word()),
        "exit_code": shown.exit_code(),
        "text": Bilingual::from(shown.text()),
        "next_step": Bilingual::from(shown.next_step()),
    }))
}

/// A problem document as a client reads it.
pub(super) fn problem(input: &vector::ProblemInput) -> Judged {
    let read: ReportedProblem = serde_json::from_str(&input.body).map_err(|_| rule("problem.malformed"))?;
    Ok(json!({
        "type": read.kind().map(ProblemType::slug),
        "may_retry": read.may_retry(input.status),
        "detail": read.detail,
        "trace": read.trace,
        "next_step": read.next_step,
        "extensions": read.extensions,
    }))
}
