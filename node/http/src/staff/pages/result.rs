//! `/verify/r/{trace}`: the verdict, and what a named person does about it (DEC-4 to DEC-6).
//!
//! Icon, word and colour together, never colour alone. Before somebody looked at the holder a green verdict is shown as provisional.

use askama::Template;
use axum::extract::{Form, Path, State as Shared};
use axum::response::{IntoResponse, Redirect, Response};
use comity_node_core::recognition::{self, Confirm, Finding, RecognitionView, SettleError};
use comity_spec::decision::{Channel, Confirmation, Decision, Truth};
use comity_spec::ids::TraceNumber;
use comity_spec::outcome::{Outcome, OutcomeClass};
use comity_spec::problem::ProblemType;
use http::StatusCode;
use serde::Deserialize;

use super::super::state::State;
use super::super::words::{self, Lang};
use super::super::{coverage, masked};
use super::frame::{Frame, Nav, page};
use super::refusal::{TurnedAway, refused, settled_elsewhere};
use super::visit::Visit;
use crate::tier_name::tier_name;

struct Fact {
    label: &'static str,
    value: String,
}

struct Missing {
    text: String,
    truth: &'static str,
    owner: Option<String>,
    rule: Option<String>,
    url: Option<String>,
}

struct Person {
    name: String,
    number: String,
    revealed: bool,
}

#[derive(Template)]
#[template(path = "staff/result.html")]
struct ResultPage {
    f: Frame,
    trace: String,
    class: &'static str,
    icon: char,
    word: &'static str,
    sentence: String,
    next: String,
    provisional: bool,
    confirmed: bool,
    needs_holder: bool,
    has_receipt: bool,
    grey: bool,
    offline: bool,
    /// Whether verifying once more may say something else.
    may_change: bool,
    person: Option<Person>,
    facts: Vec<Fact>,
    missing: Vec<Missing>,
    advisories: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct Sent {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    finding: String,
}

/// The verdict.
pub(super) async fn show(
    Shared(state): Shared<State>,
    visit: Visit,
    Path(trace): Path<String>,
) -> Result<Response, Response> {
    let trace = parsed(&state, &visit, &trace)?;
    let view = recognition::show(&state.node, &visit.acting, &trace).await;
    let view = view.map_err(|error| failed(&state, &visit, &trace, &error))?;
    Ok(shown(&state, &visit, &view, false))
}

/// 人证一致, 人证不符 or 转人工复核.
pub(super) async fn confirm(
    Shared(state): Shared<State>,
    visit: Visit,
    Path(trace): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, Response> {
    let acting = visit.form(&state, &sent.csrf)?;
    let trace = parsed(&state, &visit, &trace)?;
    let finding = match sent.finding.as_str() {
        "same" => Finding::Same,
        "different" => Finding::Different,
        "review" => Finding::Review,
        _ => return Err(refused(&state, visit.lang, ProblemType::MalformedRequest, None)),
    };
    let settled = recognition::confirm(
        &state.node,
        &Confirm {
            acting,
            trace,
            finding,
            keyed: None,
        },
    )
    .await;
    settled.map_err(|error| failed(&state, &visit, &trace, &error))?;
    Ok(Redirect::to(&format!("/verify/r/{trace}")).into_response())
}

/// Closes with a receipt what needs no look at the holder.
pub(super) async fn close(
    Shared(state): Shared<State>,
    visit: Visit,
    Path(trace): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, Response> {
    let acting = visit.form(&state, &sent.csrf)?;
    let trace = parsed(&state, &visit, &trace)?;
    let settled = recognition::close(&state.node, &acting, &trace).await;
    settled.map_err(|error| failed(&state, &visit, &trace, &error))?;
    Ok(Redirect::to(&format!("/receipt/{trace}")).into_response())
}

/// Name and number in full, in the answer to this post only: reloading the result masks them again.
pub(super) async fn reveal(
    Shared(state): Shared<State>,
    visit: Visit,
    Path(trace): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, Response> {
    let acting = visit.form(&state, &sent.csrf)?;
    let trace = parsed(&state, &visit, &trace)?;
    let view = recognition::reveal(&state.node, &acting, &trace).await;
    let view = view.map_err(|error| failed(&state, &visit, &trace, &error))?;
    Ok(shown(&state, &visit, &view, true))
}

/// A trace number in an address; what is none is not there.
pub(super) fn parsed(state: &State, visit: &Visit, trace: &str) -> Result<TraceNumber, TurnedAway> {
    trace
        .parse()
        .map_err(|_| refused(state, visit.lang, ProblemType::NotFound, None).into())
}

/// The page for an act that was refused. One closed otherwise in another window of the browser says so and leads to what stands: the
/// permit's state, of which the registry speaks, is not at fault there.
pub(super) fn failed(state: &State, visit: &Visit, trace: &TraceNumber, error: &SettleError) -> Response {
    match error {
        SettleError::Settled(_) => settled_elsewhere(state, visit.lang, trace),
        _ => refused(state, visit.lang, error.problem(), Some(error)),
    }
}

fn shown(state: &State, visit: &Visit, view: &RecognitionView, revealed: bool) -> Response {
    let (lang, decision) = (visit.lang, &view.decision);
    let class = decision.outcome.class();
    let template = ResultPage {
        f: Frame::of(state, visit, Nav::Verify, &format!("/verify/r/{}", view.trace)),
        trace: view.trace.to_string(),
        class: words::class_name(class),
        icon: decision.outcome.icon(),
        word: words::verdict(lang, decision, view.needs_holder),
        sentence: lang.of(&decision.text).to_owned(),
        next: next_step(lang, decision).to_owned(),
        provisional: view.needs_holder,
        confirmed: decision.confirmation == Confirmation::Confirmed,
        needs_holder: view.needs_holder,
        has_receipt: view.receipt.is_some(),
        grey: class == OutcomeClass::Grey,
        offline: is_off_line(decision),
        may_change: repeat_may_help(decision.outcome, decision.channel),
        person: view.holder.as_ref().map(|holder| Person {
            name: if revealed {
                holder.name.clone()
            } else {
                masked::name(&holder.name)
            },
            number: if revealed {
                holder.number.clone()
            } else {
                masked::last4(&holder.number)
            },
            revealed,
        }),
        facts: facts(state, lang, view),
        missing: decision
            .missing
            .iter()
            .map(|missing| Missing {
                text: lang.of(&missing.text).to_owned(),
                truth: match missing.truth {
                    Truth::NotMet => lang.words().missing_not_met,
                    Truth::Met | Truth::Unknown => lang.words().missing_unknown,
                },
                owner: missing.owner.as_ref().map(|owner| lang.of(owner).to_owned()),
                rule: missing.rule.clone(),
                url: missing.url.clone().filter(|url| url.starts_with("https://")),
            })
            .collect(),
        advisories: decision
            .advisories
            .iter()
            .map(|advisory| lang.of(&advisory.text).to_owned())
            .collect(),
    };
    page(StatusCode::OK, &template)
}

/// What to do now. Once somebody looked at the holder, the step that asks for it is behind.
fn next_step(lang: Lang, decision: &Decision) -> &str {
    if decision.outcome == Outcome::Recognised && decision.confirmation == Confirmation::Confirmed {
        lang.words().next_confirmed
    } else {
        lang.of(&decision.next_step)
    }
}

/// Whether the verdict rests on what was kept here because the issuer could not be asked, or on status that has aged.
fn is_off_line(decision: &Decision) -> bool {
    let told = |code: &str| decision.advisories.iter().any(|advisory| advisory.code == code);
    matches!(
        decision.outcome,
        Outcome::StatusStale | Outcome::IssuerUnreachable
    ) || told("LOOKUP_FAILED")
        || told("STATUS_AGE")
}

/// Whether verifying the same permit for the same service once more may end otherwise at this window. Where it cannot, the way on is
/// the next person, and nothing invites to try again until it fits.
const fn repeat_may_help(outcome: Outcome, channel: Channel) -> bool {
    match outcome {
        Outcome::NotInAgreement
        | Outcome::AgreementNotInForce
        | Outcome::ServiceNotCovered
        | Outcome::Revoked
        | Outcome::HolderMismatch => false,
        // An old card: the new one, or a look-up, says more; the issuer's own answer is the last word.
        Outcome::Superseded => matches!(channel, Channel::Presented),
        Outcome::NodeNotReady
        | Outcome::NotAuthorised
        | Outcome::LegalBasisMissing
        | Outcome::RateLimited
        | Outcome::Unreadable
        | Outcome::UnsupportedVersion
        | Outcome::PresentationExpired
        | Outcome::UnknownIssuer
        | Outcome::SignatureInvalid
        | Outcome::IssuerSuspended
        | Outcome::NoMatch
        | Outcome::NotYetValid
        | Outcome::IssuerUnreachable
        | Outcome::StatusStale
        | Outcome::ReportedLost
        | Outcome::Suspended
        | Outcome::Expired
        | Outcome::EndorsementLapsed
        | Outcome::ReviewRequired
        | Outcome::RecognisedConditional
        | Outcome::Recognised => true,
    }
}

fn facts(state: &State, lang: Lang, view: &RecognitionView) -> Vec<Fact> {
    let (w, decision, node) = (lang.words(), &view.decision, &state.node);
    let mut facts = Vec::new();
    let mut say = |label: &'static str, value: String| facts.push(Fact { label, value });
    if let Some(region) = decision.issuer_region {
        say(
            w.issuer,
            format!("{} {region}", lang.of(&coverage::county_name(node, region))),
        );
    }
    if let Some(tier) = &decision.tier {
        let own = tier_name(&tier.issuer);
        let value = match &tier.local {
            Some(local) if *local != tier.issuer => {
                format!("{} · {}{}", lang.of(&own), w.tier_as, lang.of(&tier_name(local)))
            }
            _ => lang.of(&own).to_owned(),
        };
        say(w.tier, value);
    }
    if let Some(until) = decision.endorsed_until {
        say(w.endorsed_until, until.to_string());
    }
    say(
        w.service,
        format!(
            "{} {}",
            lang.of(&coverage::name_of(&decision.service)),
            decision.service
        ),
    );
    if let Some(provider) = &decision.provider {
        let name = coverage::provider_name(node, provider).map(|name| lang.of(&name).to_owned());
        say(w.provider, name.unwrap_or_else(|| provider.to_string()));
    }
    let agreement = decision
        .agreement
        .as_ref()
        .map(|reference| words::agreement(lang, reference));
    say(w.agreement, agreement.unwrap_or_else(|| w.none.to_owned()));
    let age = decision
        .status_age_seconds
        .map(|age| lang.of(&words::age(age)).to_owned());
    say(w.status_age, age.unwrap_or_else(|| w.not_available.to_owned()));
    say(
        w.channel,
        match decision.channel {
            Channel::Presented => w.channel_presented,
            Channel::LookedUp => w.channel_looked_up,
        }
        .to_owned(),
    );
    say(w.decided_at, words::local_time(view.at));
    say(w.outcome_code, decision.outcome.code().to_owned());
    if let Some(cause) = &decision.cause {
        say(w.cause, cause.clone());
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_where_a_repeat_may_say_something_else_is_it_offered_first() {
        let of = |code: &str, channel| repeat_may_help(Outcome::from_code(code).unwrap(), channel);
        for last in [
            "REVOKED",
            "NOT_IN_AGREEMENT",
            "AGREEMENT_NOT_IN_FORCE",
            "SERVICE_NOT_COVERED",
            "HOLDER_MISMATCH",
        ] {
            assert!(
                !of(last, Channel::Presented) && !of(last, Channel::LookedUp),
                "{last}"
            );
        }
        for open in [
            "UNREADABLE",
            "SIGNATURE_INVALID",
            "NO_MATCH",
            "ISSUER_UNREACHABLE",
            "STATUS_STALE",
            "RATE_LIMITED",
        ] {
            assert!(
                of(open, Channel::Presented) && of(open, Channel::LookedUp),
                "{open}"
            );
        }
        assert!(of("SUPERSEDED", Channel::Presented) && !of("SUPERSEDED", Channel::LookedUp));
    }
}
