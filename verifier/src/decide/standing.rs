//! Outcomes 14 to 27: how the permit stands, whether the person's details agree, and what the service asks besides.
//!
//! Two sources say how a permit stands: the status of the attestation that was presented, and what the issuer answers when
//! asked. An answer outranks the presentation, since it is about the permit and not about one code; but a presentation that
//! was cancelled stays cancelled. Whatever the issuer may since have put right (loss, suspension, a passed date) is only said
//! on fresh data; a presentation alone never proves that nobody endorsed since, so a passed date is put to the issuer and,
//! where it cannot be asked, is STATUS_STALE.

#![expect(
    clippy::result_large_err,
    reason = "an early verdict is the answer, made once per decision, and no rare error"
)]

use comity_spec::attestation::{ClaimName, PermitClaims, StatusReference};
use comity_spec::decision::{MissingCondition, TierGrant, Truth};
use comity_spec::exchange::{LookupResult, PermitState, PermitStatus, Subject, SubjectNumber};
use comity_spec::ids::Region;
use comity_spec::mutant;
use comity_spec::outcome::Outcome;
use comity_spec::status::StatusValue;
use comity_spec::text::Bilingual;
use comity_spec::time::{LocalDate, UnixSeconds};

use super::coverage::Covered;
use super::verdict::{DATE_PASSED, Verdict};
use super::{Clerk, DecideInput, Evidence, Lookup, Network, Source, Wanted};
use crate::conditions::{self, Facts};
use crate::exchange::LookedUp;
use crate::holder_name::{self, NameMatch};
use crate::presentation::Presented;
use crate::status_view::{StatusReading, VerifiedStatusList};

/// What was found, or the verdict that it leads to; or else what has to be asked first.
type Found<T> = Result<Result<T, Verdict>, Box<Wanted>>;

/// How the permit stands, once nothing speaks against it.
struct Good<'a> {
    claims: &'a PermitClaims,
    endorsed_until: LocalDate,
    age: Age,
}

/// Age of status data against what the agreement allows.
#[derive(Clone, Copy)]
enum Age {
    Fresh(i64),
    Amber(i64),
    TooOld(i64),
}

pub(super) fn check(input: &DecideInput<'_>, covered: &Covered<'_>) -> Result<Verdict, Box<Wanted>> {
    let good = match (input.evidence.lookup, input.evidence.source) {
        (Lookup::Answered(answer), source) => looked_up(input, covered, source, answer),
        (Lookup::NotAsked | Lookup::Failed(_), Source::Presented(presented)) => {
            from_presentation(input, covered, presented)?
        }
        (Lookup::Failed(_), _) if mutant!("VER-14") => {
            Err(Verdict::because(Outcome::SignatureInvalid, "lookup.failed"))
        }
        (Lookup::Failed(refusal), _) => Err(Verdict::refused(refusal)),
        (Lookup::NotAsked, Source::Typed { subject, .. }) => match input.recogniser.network {
            Network::OnLine => return Err(Box::new(look_up(covered, subject.clone()))),
            Network::OffLine => Err(Verdict::because(Outcome::IssuerUnreachable, "lookup.off-line")),
        },
        // Told apart before coverage; here for totality.
        (Lookup::NotAsked, Source::Refused(refusal)) => Err(Verdict::refused(refusal)),
    };
    let verdict = match good {
        Ok(good) => last_stages(input, covered, &good),
        Err(verdict) => verdict,
    };
    Ok(verdict.under(covered.agreement))
}

/// What the issuer answered.
fn looked_up<'a>(
    input: &DecideInput<'a>,
    covered: &Covered<'_>,
    source: Source<'a>,
    answer: &'a LookedUp,
) -> Result<Good<'a>, Verdict> {
    let response = answer.response();
    let state = match (response.result, &response.permit_state) {
        (LookupResult::Match, Some(state)) => state,
        // A match without a state is refused when the answer is verified.
        _ if mutant!("DEC-22") => return Err(Verdict::because(Outcome::HolderMismatch, "lookup.no-match")),
        _ => return Err(Verdict::because(Outcome::NoMatch, "lookup.no-match")),
    };
    let age = Age::of(input, covered, response.source_as_of.min(response.iat));
    let found = judge_state(input.today(), state, age);
    if let (true, Source::Presented(presented)) = (found.is_ok() || mutant!("DEC-17/order"), source) {
        // The permit may be in order while the code that was shown is of another, cancelled one.
        let reading = reading(input, presented);
        if permanent(reading) == Some(StatusValue::Cancelled) && !mutant!("DEC-17") {
            let revoked =
                Verdict::because(Outcome::Revoked, "status.cancelled").endorsed(presented.endorsed_until());
            return Err(match reading {
                StatusReading::Value { age, .. } => revoked.aged(age),
                _ => revoked,
            });
        }
    }
    found?;
    Ok(Good {
        claims: match source {
            Source::Presented(presented) if mutant!("DEC-26/mixed") => presented.claims(),
            _ => answer.claims(),
        },
        endorsed_until: state.endorsed_until,
        age,
    })
}

/// The issuer's own words, in the order of the closed list.
fn judge_state(today: LocalDate, state: &PermitState, age: Age) -> Result<(), Verdict> {
    let because = |outcome, cause| {
        Err(Verdict::because(outcome, cause)
            .aged(age.seconds())
            .endorsed(state.endorsed_until))
    };
    let dated = |outcome, cause, date| {
        Err(Verdict::because(outcome, cause)
            .aged(age.seconds())
            .endorsed(state.endorsed_until)
            .on(date))
    };
    if today < state.valid_from {
        return dated(Outcome::NotYetValid, "permit.not-yet-valid", state.valid_from);
    }
    match state.status {
        PermitStatus::Cancelled if mutant!("DEC-15") && matches!(age, Age::TooOld(_)) => {}
        PermitStatus::Cancelled => return because(Outcome::Revoked, "lookup.cancelled"),
        PermitStatus::Superseded => return because(Outcome::Superseded, "lookup.superseded"),
        PermitStatus::Valid | PermitStatus::Suspended | PermitStatus::ReportedLost => {}
    }
    let expired = state.card_valid_until.filter(|until| *until < today);
    let lapsed = Some(state.endorsed_until).filter(|until| *until < today);
    let in_order = state.status == PermitStatus::Valid && expired.is_none() && lapsed.is_none();
    match age {
        Age::TooOld(_) => return because(Outcome::StatusStale, "lookup.too-old"),
        Age::Amber(_) if !in_order && !mutant!("DEC-15/lost") => {
            return because(Outcome::StatusStale, "lookup.not-fresh");
        }
        Age::Fresh(_) | Age::Amber(_) => {}
    }
    match state.status {
        PermitStatus::ReportedLost if mutant!("DEC-20") && lapsed.is_some() => {}
        PermitStatus::ReportedLost => return because(Outcome::ReportedLost, "lookup.reported-lost"),
        PermitStatus::Suspended => return because(Outcome::Suspended, "lookup.suspended"),
        PermitStatus::Valid | PermitStatus::Cancelled | PermitStatus::Superseded => {}
    }
    if let Some(date) = expired.filter(|_| !(mutant!("DEC-2") && lapsed.is_some())) {
        return dated(Outcome::Expired, "permit.card-expired", date);
    }
    match lapsed {
        Some(date) if mutant!("DEC-21") => dated(Outcome::Expired, "permit.endorsement-lapsed", date),
        Some(date) => dated(Outcome::EndorsementLapsed, "permit.endorsement-lapsed", date),
        None => Ok(()),
    }
}

/// What the presented attestation's status and dates say, or what to ask first.
fn from_presentation<'a>(
    input: &DecideInput<'a>,
    covered: &Covered<'_>,
    presented: &'a Presented,
) -> Found<Good<'a>> {
    let endorsed = presented.endorsed_until();
    let say = |outcome, cause| Verdict::because(outcome, cause).endorsed(endorsed);
    let ask = Ask {
        input,
        covered,
        presented,
    };
    if presented.not_yet_valid(input.now) {
        let verdict = say(Outcome::NotYetValid, "permit.not-yet-valid");
        return Ok(Err(verdict.on(presented.valid_from())));
    }
    let reading = reading(input, presented);
    // Said on data of any age, and with its age; a tombstone has none.
    let say_of_any_age = |outcome, cause| match reading {
        StatusReading::Value { age, .. } if !mutant!("DEC-31/permanent") => say(outcome, cause).aged(age),
        _ => say(outcome, cause),
    };
    match permanent(reading) {
        Some(StatusValue::Cancelled) => {
            return Ok(Err(say_of_any_age(Outcome::Revoked, "status.cancelled")));
        }
        // An old paper code of somebody who endorsed since must come out green.
        Some(StatusValue::Superseded) => {
            return ask.look_up_or(|| say_of_any_age(Outcome::Superseded, "status.superseded"));
        }
        _ => {}
    }
    let card_expired = presented
        .claims()
        .card_valid_until
        .is_some_and(|until| until < input.today());
    let date_passed = endorsed < input.today() || card_expired;
    if date_passed
        && !mutant!("DEC-18")
        && let Some(wanted) = ask.look_up()
    {
        return Err(wanted);
    }
    let (value, as_of) = match readable(ask, reading)? {
        Ok(read) => read,
        Err(verdict) => return Ok(Err(verdict)),
    };
    let age = Age::of(input, covered, as_of);
    let say = |outcome, cause| say(outcome, cause).aged(age.seconds());
    let good = Good {
        claims: presented.claims(),
        endorsed_until: endorsed,
        age,
    };
    match (age, value) {
        // A date outranks a status that says valid, and no other. Only the issuer's answer tells a loss from a suspension.
        (Age::Fresh(_), StatusValue::Suspended) if !(date_passed && mutant!("DEC-20/suspended")) => {
            ask.look_up_or(|| say(Outcome::Suspended, "status.suspended"))
        }
        // The holder may have endorsed since: without an answer of the issuer nobody can tell.
        _ if date_passed && mutant!("DEC-19") => Ok(Err(say(Outcome::EndorsementLapsed, DATE_PASSED))),
        _ if date_passed => Ok(Err(say(Outcome::StatusStale, DATE_PASSED))),
        (Age::Fresh(_), _) => Ok(Ok(good)),
        (Age::TooOld(_), _) => ask.newer_list_or(|| say(Outcome::StatusStale, "status.too-old")),
        (Age::Amber(_), StatusValue::Suspended) => {
            ask.newer_list_or(|| say(Outcome::StatusStale, "status.not-fresh"))
        }
        (Age::Amber(_), _) => ask.newer_list().map_or(Ok(Ok(good)), Err),
    }
}

/// The value that the presentation's list shows, and as of when; of a list that cannot be read, a newer one is asked for.
fn readable(ask: Ask<'_, '_>, reading: StatusReading) -> Found<(StatusValue, UnixSeconds)> {
    let Ask { input, presented, .. } = ask;
    let say = |outcome, cause| Verdict::because(outcome, cause).endorsed(presented.endorsed_until());
    match reading {
        StatusReading::Value { value, as_of, .. } => Ok(Ok((value, as_of))),
        StatusReading::NoList => {
            let outcome = match mutant!("DEC-16") {
                true => Outcome::StatusStale,
                false => Outcome::IssuerUnreachable,
            };
            ask.newer_list_or(|| say(outcome, "status.no-list"))
        }
        StatusReading::IndexOutOfRange => Ok(Err(say(Outcome::IssuerUnreachable, "status-list.index"))),
        // It is not read; how old it is may be said.
        StatusReading::Expired { exp } => {
            let held = input.status.list(&presented.status().uri);
            let age = input
                .now
                .since(held.map_or(exp, VerifiedStatusList::as_of))
                .max(0);
            ask.newer_list_or(|| say(Outcome::StatusStale, "status.expired").aged(age))
        }
        // Permanent values were told before; for totality, what is kept of them says no more than that.
        StatusReading::Tombstone(_) => Ok(Err(say(Outcome::Superseded, "status.superseded"))),
    }
}

/// The questions that a presentation may raise, each put at most once and only where the issuer can be reached.
#[derive(Clone, Copy)]
struct Ask<'i, 'a> {
    input: &'i DecideInput<'a>,
    covered: &'i Covered<'i>,
    presented: &'a Presented,
}

impl Ask<'_, '_> {
    fn look_up(self) -> Option<Box<Wanted>> {
        let open = self.input.recogniser.network == Network::OnLine
            && matches!(self.input.evidence.lookup, Lookup::NotAsked);
        let subject = open.then(|| subject_of(self.presented)).flatten()?;
        Some(Box::new(look_up(self.covered, subject)))
    }

    fn newer_list(self) -> Option<Box<Wanted>> {
        let asked = self.input.status_refreshed && !mutant!("DEC-11");
        let open = self.input.recogniser.network == Network::OnLine && !asked;
        open.then(|| {
            Box::new(Wanted::StatusList {
                issuer: self.presented.issuer().clone(),
                reference: self.presented.status().clone(),
            })
        })
    }

    fn look_up_or<T>(self, verdict: impl FnOnce() -> Verdict) -> Found<T> {
        self.look_up().map_or_else(|| Ok(Err(verdict())), Err)
    }

    fn newer_list_or<T>(self, verdict: impl FnOnce() -> Verdict) -> Found<T> {
        self.newer_list().map_or_else(|| Ok(Err(verdict())), Err)
    }
}

/// What a cancelled code leads to, whatever else there may be to say.
#[cfg(feature = "mutants")]
pub(super) fn cancelled(input: &DecideInput<'_>) -> Option<Verdict> {
    let Source::Presented(presented) = input.evidence.source else {
        return None;
    };
    let found = permanent(reading(input, presented));
    (found == Some(StatusValue::Cancelled)).then(|| Verdict::because(Outcome::Revoked, "status.cancelled"))
}

fn reading(input: &DecideInput<'_>, presented: &Presented) -> StatusReading {
    let StatusReference { idx, uri } = presented.status();
    input.status.read(uri, *idx, input.now)
}

/// A permanent value of an index, from the list of today or as a tombstone: it is believed however old it is.
fn permanent(reading: StatusReading) -> Option<StatusValue> {
    match reading {
        StatusReading::Value { value, .. } | StatusReading::Tombstone(value) => {
            value.is_permanent().then_some(value)
        }
        StatusReading::NoList | StatusReading::Expired { .. } | StatusReading::IndexOutOfRange => None,
    }
}

/// Who a presented permit is to be looked up as; none when it discloses no name or no number.
fn subject_of(presented: &Presented) -> Option<Subject> {
    let claims = presented.claims();
    let by_permit = claims.permit_number.clone().map(SubjectNumber::PermitNumber);
    // The citizen number finds the permit that is current now, which after a re-issue may bear another number.
    let number = claims
        .id_number
        .clone()
        .map(SubjectNumber::IdNumber)
        .or(by_permit)?;
    Some(Subject {
        number,
        name: claims.name.clone()?,
    })
}

fn look_up(covered: &Covered<'_>, subject: Subject) -> Wanted {
    Wanted::LookUp {
        issuer: covered.issuer.entity.clone(),
        agreement: covered.agreement.reference(),
        subject,
        claims: covered.service.claims.clone(),
    }
}

/// Outcomes 19 (amber age that the service does not allow) and 24 to 27.
fn last_stages(input: &DecideInput<'_>, covered: &Covered<'_>, good: &Good<'_>) -> Verdict {
    let because = |outcome, cause| {
        Verdict::because(outcome, cause)
            .aged(good.age.seconds())
            .endorsed(good.endorsed_until)
    };
    if matches!(good.age, Age::Amber(_)) && !covered.service.amber_status && !mutant!("DEC-14") {
        return because(Outcome::StatusStale, "status.age-not-allowed");
    }
    let mut missing = Vec::new();
    let tier = tier(covered, input.recogniser.region, good.claims, &mut missing);
    if let Age::Amber(seconds) = good.age
        && !mutant!("DEC-14/recheck")
    {
        missing.push(recheck(seconds, covered));
    }
    let facts = Facts::of(
        good.claims,
        Some(good.endorsed_until),
        input.provider,
        input.today(),
    );
    missing.extend(conditions::missing(covered.service, &facts));
    let verdict = if let Some(cause) = differs(&input.evidence, good.claims) {
        because(Outcome::ReviewRequired, cause)
    } else {
        match input.clerk {
            Clerk::Review => because(Outcome::ReviewRequired, "clerk.review"),
            Clerk::Mismatch => because(Outcome::HolderMismatch, "clerk.mismatch"),
            Clerk::Pending | Clerk::Confirmed if missing.is_empty() => {
                because(Outcome::Recognised, "all-met")
            }
            Clerk::Pending | Clerk::Confirmed if mutant!("DEC-28") => {
                because(Outcome::ServiceNotCovered, "conditions.missing")
            }
            Clerk::Pending | Clerk::Confirmed => {
                because(Outcome::RecognisedConditional, "conditions.missing")
            }
        }
    };
    verdict.granting(tier, missing)
}

/// The tier as whose holder the person is treated; an unmapped tier is a condition, never a silent downgrade.
fn tier(
    covered: &Covered<'_>,
    recogniser: Region,
    claims: &PermitClaims,
    missing: &mut Vec<MissingCondition>,
) -> Option<TierGrant> {
    let mapping = |text: Bilingual| MissingCondition {
        code: "tier_mapping".to_owned(),
        truth: Truth::Unknown,
        text,
        owner: Some(covered.service.owner.clone()),
        rule: None,
        url: None,
    };
    let Some(issuer) = &claims.tier else {
        // Where the service has no use for the tier, not knowing it is as it should be.
        if covered.service.claims.contains(&ClaimName::Tier) && !mutant!("DEC-29/not-shown") {
            missing.push(mapping(Bilingual {
                zh: "证件类别未出示，对应的本地类别待主管部门确认。".into(),
                en: "The permit's tier was not shown; the department decides which local tier applies."
                    .into(),
            }));
        }
        return None;
    };
    let local = covered
        .agreement
        .tier_for(covered.issuer.region, recogniser, issuer)
        .cloned();
    if local.is_none() && !mutant!("DEC-29") {
        missing.push(mapping(Bilingual {
            zh: format!("协议未列明签发地类别 {issuer} 对应的本地类别，由主管部门确认。"),
            en: format!(
                "The agreement maps the issuer's tier {issuer} to no local tier; the department decides."
            ),
        }));
    }
    Some(TierGrant {
        issuer: issuer.clone(),
        local,
    })
}

fn recheck(seconds: i64, covered: &Covered<'_>) -> MissingCondition {
    let hours = seconds / 3600;
    MissingCondition {
        code: "recheck_status".to_owned(),
        truth: Truth::Unknown,
        text: Bilingual {
            zh: format!("状态数据为 {hours} 小时前，可先行受理，联网后须复核。"),
            en: format!(
                "The status data is {hours} hours old: accept provisionally and check again on line."
            ),
        },
        owner: Some(covered.service.owner.clone()),
        rule: None,
        url: None,
    }
}

/// Which details differ, so that a person has to look; a machine decides neither way.
fn differs(evidence: &Evidence<'_>, claims: &PermitClaims) -> Option<&'static str> {
    let not_same = |one: &str, other: &str| holder_name::compare(one, other) != NameMatch::Same;
    let typed = match evidence.source {
        Source::Typed { subject, .. } => Some(subject.name.as_str()),
        Source::Presented(_) | Source::Refused(_) => evidence.typed_name,
    };
    // What the answer did not tell, the code that was shown may: an answer without a name is no reason not to compare.
    let shown = match evidence.source {
        Source::Presented(presented) if !mutant!("DEC-23/shown") => presented.claims().name.as_deref(),
        Source::Presented(_) | Source::Typed { .. } | Source::Refused(_) => None,
    };
    if let Some(typed) = typed.filter(|_| !mutant!("DEC-23"))
        && [claims.name.as_deref(), shown]
            .into_iter()
            .flatten()
            .any(|name| not_same(typed, name))
    {
        return Some("holder.name-differs");
    }
    if let (Some(number), Some(date)) = (&claims.id_number, claims.birth_date)
        && number.birth_date() != date
        && !mutant!("DEC-23/birth-date")
    {
        return Some("holder.birth-date-differs");
    }
    let Source::Presented(presented) = evidence.source else {
        return None;
    };
    // The issuer's answer and the code that was shown must be about one person.
    let shown = presented.claims();
    let other = |one: Option<&str>, two: Option<&str>| one.zip(two).is_some_and(|(one, two)| one != two);
    if other(shown.name.as_deref(), claims.name.as_deref()) {
        Some("holder.name-differs")
    } else if shown
        .id_number
        .as_ref()
        .zip(claims.id_number.as_ref())
        .is_some_and(|(one, two)| one != two)
    {
        Some("holder.number-differs")
    } else {
        None
    }
}

impl Age {
    /// An agreement may tighten the defaults and never widen them.
    fn of(input: &DecideInput<'_>, covered: &Covered<'_>, as_of: UnixSeconds) -> Self {
        use comity_spec::agreement::{DEFAULT_FRESH_SECONDS, DEFAULT_USABLE_SECONDS};
        // Skew lets a list be dated up to a minute ahead.
        let seconds = input.now.since(as_of).max(0);
        let allowed = covered.agreement.agreement().freshness;
        if seconds <= allowed.fresh_seconds.min(DEFAULT_FRESH_SECONDS) - i64::from(mutant!("DEC-14/limit")) {
            Self::Fresh(seconds)
        } else if seconds <= allowed.usable_seconds.min(DEFAULT_USABLE_SECONDS) {
            Self::Amber(seconds)
        } else {
            Self::TooOld(seconds)
        }
    }

    const fn seconds(self) -> i64 {
        match self {
            Self::Fresh(seconds) | Self::Amber(seconds) | Self::TooOld(seconds) => seconds,
        }
    }
}
