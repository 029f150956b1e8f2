//! From an outcome and its reason to the [`Decision`] that a window shows: words with their dates and hours, advisories, and
//! whether a named person still has to look.

use comity_spec::agreement::AgreementRef;
use comity_spec::decision::{Channel, Confirmation, Decision, MissingCondition, TierGrant};
use comity_spec::ids::{ProviderId, Region, ServiceCode};
use comity_spec::mutant;
use comity_spec::outcome::{Outcome, Particular};
use comity_spec::text::Bilingual;
use comity_spec::time::{LocalDate, UnixSeconds};

use super::{Clerk, DecideInput, Lookup, Refusal, Source, Step};
use crate::agreement::{Because, VerifiedAgreement};
use crate::trust::Standing;

mod advisories;

/// An outcome with everything that its words and its record need.
pub(super) struct Verdict {
    pub(super) outcome: Outcome,
    cause: &'static str,
    particular: Option<Particular>,
    agreement: Option<AgreementRef>,
    /// Why an agreement is not in force.
    not_in_force: Option<Because>,
    endorsed_until: Option<LocalDate>,
    date: Option<LocalDate>,
    age: Option<i64>,
    tier: Option<TierGrant>,
    missing: Vec<MissingCondition>,
    wrong_environment: bool,
}

impl Verdict {
    pub(super) const fn because(outcome: Outcome, cause: &'static str) -> Self {
        Self {
            outcome,
            cause,
            particular: None,
            agreement: None,
            not_in_force: None,
            endorsed_until: None,
            date: None,
            age: None,
            tier: None,
            missing: Vec::new(),
            wrong_environment: false,
        }
    }

    pub(super) const fn refused(refusal: &Refusal) -> Self {
        let mut verdict = Self::because(refusal.outcome, refusal.cause);
        verdict.wrong_environment = refusal.wrong_environment;
        verdict
    }

    pub(super) const fn rate_limited(minutes: u32) -> Self {
        let mut verdict = Self::because(Outcome::RateLimited, "quota.exceeded");
        verdict.particular = Some(Particular::Minutes(minutes));
        verdict
    }

    pub(super) fn not_in_force(agreement: &VerifiedAgreement, because: Because) -> Self {
        let cause = match because {
            Because::NotYet(_) => "agreement.not-yet",
            Because::Ended(_) => "agreement.ended",
            Because::Withdrawn(_) => "agreement.withdrawn",
            Because::Void => "agreement.void",
        };
        let mut verdict = Self::because(Outcome::AgreementNotInForce, cause).under(agreement);
        verdict.date = match because {
            Because::NotYet(date) | Because::Ended(date) | Because::Withdrawn(date) => Some(date),
            Because::Void => None,
        };
        verdict.not_in_force = Some(because);
        verdict
    }

    pub(super) fn under(mut self, agreement: &VerifiedAgreement) -> Self {
        self.agreement = Some(agreement.reference());
        self
    }

    pub(super) const fn endorsed(mut self, until: LocalDate) -> Self {
        self.endorsed_until = Some(until);
        self
    }

    /// The day of which the outcome speaks.
    pub(super) const fn on(mut self, date: LocalDate) -> Self {
        self.date = Some(date);
        self.particular = Some(Particular::Date(date));
        self
    }

    pub(super) const fn aged(mut self, seconds: i64) -> Self {
        self.age = Some(seconds);
        self
    }

    pub(super) fn granting(mut self, tier: Option<TierGrant>, missing: Vec<MissingCondition>) -> Self {
        self.tier = tier;
        self.missing = missing;
        self
    }

    /// `issuer` is where the issuer stands, as far as it is known.
    pub(super) fn into_step(self, input: &DecideInput<'_>, issuer: Option<&Standing<'_>>) -> Step {
        // What a machine alone may not be final about: recognition, and details that a person has to compare.
        let waits = matches!(
            self.outcome,
            Outcome::Recognised | Outcome::RecognisedConditional | Outcome::ReviewRequired
        ) && input.clerk == Clerk::Pending
            && !mutant!("DEC-9");
        let mut decision = Box::new(self.into_decision(input, issuer));
        if mutant!("DEC-30") && decision.advisories.iter().any(|a| a.code == "TIER_MAPPED") {
            decision.outcome = Outcome::RecognisedConditional;
        }
        if waits {
            Step::NeedHolder(decision)
        } else {
            Step::Decision(decision)
        }
    }

    fn into_decision(self, input: &DecideInput<'_>, issuer: Option<&Standing<'_>>) -> Decision {
        let issuer_region = issuer.and_then(Standing::active).map(|county| county.region);
        let advisories = self.advisories(input);
        let mut text = self.text();
        if mutant!("DEC-13")
            && let Source::Typed { subject, .. } = input.evidence.source
        {
            text.zh.push_str(&subject.name);
        }
        let next_step = self.next_step(issuer);
        Decision {
            outcome: self.outcome,
            confirmation: match input.clerk {
                Clerk::Pending | Clerk::Review => Confirmation::Pending,
                Clerk::Confirmed => Confirmation::Confirmed,
                Clerk::Mismatch if mutant!("DEC-5") => Confirmation::Pending,
                Clerk::Mismatch => Confirmation::Mismatch,
            },
            channel: match (input.evidence.lookup, input.evidence.source) {
                (Lookup::Answered(_), _) | (_, Source::Typed { .. }) => Channel::LookedUp,
                (_, Source::Presented(_) | Source::Refused(_)) => Channel::Presented,
            },
            decided_at: input.now,
            service: input.service.clone(),
            provider: input.provider.cloned(),
            recogniser: input.recogniser.region,
            issuer: input.issuer().cloned(),
            issuer_region,
            agreement: self.agreement,
            tier: self.tier,
            endorsed_until: self.endorsed_until,
            date: self.date,
            status_age_seconds: self.age,
            cause: Some(self.cause.to_owned()),
            missing: self.missing,
            advisories,
            text,
            next_step,
        }
    }

    /// The normative sentence, with what makes it particular.
    fn text(&self) -> Bilingual {
        let hours = |seconds: i64| u32::try_from(seconds / 3600).unwrap_or(u32::MAX);
        let particular = match (self.outcome, self.particular, self.age) {
            (_, Some(particular), _) => Some(particular),
            // The sentence says "more than N hours": true of data old enough, wrong of a date that passed on fresh data.
            (Outcome::StatusStale, None, Some(age)) if age >= 3600 && self.cause != DATE_PASSED => {
                Some(Particular::Hours(hours(age)))
            }
            _ => None,
        };
        if mutant!("DEC-6") && self.outcome == Outcome::IssuerUnreachable {
            return Outcome::Revoked.text().into();
        }
        let general = || Bilingual::from(self.outcome.text());
        let text = particular.map_or_else(general, |particular| self.outcome.text_with(particular));
        match (self.outcome, self.not_in_force) {
            (Outcome::RecognisedConditional, _) => self.with_conditions(text),
            (Outcome::AgreementNotInForce, Some(because)) => {
                let (zh, en) = match because {
                    Because::NotYet(date) => (format!("{date} 起生效"), format!("in force from {date}")),
                    Because::Ended(date) => (format!("{date} 到期"), format!("its last day was {date}")),
                    Because::Withdrawn(date) => (
                        format!("{date} 起终止"),
                        format!("withdrawn with effect from {date}"),
                    ),
                    Because::Void => (
                        "签署了相互矛盾的版本".to_owned(),
                        "contradictory versions were signed".to_owned(),
                    ),
                };
                Bilingual {
                    zh: format!("{}（{zh}）", text.zh),
                    en: format!("{} ({en})", text.en),
                }
            }
            _ => text,
        }
    }

    /// 一次性告知: everything that is still needed stands in the sentence itself.
    fn with_conditions(&self, text: Bilingual) -> Bilingual {
        let list = |of: fn(&MissingCondition) -> &str| {
            let parts = self.missing.iter().enumerate();
            parts
                .map(|(i, m)| format!("（{}）{}", i + 1, of(m)))
                .collect::<String>()
        };
        let en = self
            .missing
            .iter()
            .enumerate()
            .map(|(i, m)| format!(" ({}) {}", i + 1, m.text.en))
            .collect::<String>();
        Bilingual {
            zh: format!("{}：{}", text.zh.trim_end_matches('。'), list(|m| &m.text.zh)),
            en: format!("{}:{en}", text.en.trim_end_matches('.')),
        }
    }

    /// What the clerk does next; with the issuer's telephone where it is known and of use.
    fn next_step(&self, issuer: Option<&Standing<'_>>) -> Bilingual {
        let step = Bilingual::from(self.outcome.next_step());
        let of_use = matches!(
            self.outcome,
            Outcome::IssuerSuspended
                | Outcome::Revoked
                | Outcome::IssuerUnreachable
                | Outcome::StatusStale
                | Outcome::ReportedLost
                | Outcome::Suspended
                | Outcome::Expired
                | Outcome::EndorsementLapsed
        );
        match issuer.and_then(contact) {
            Some(contact) if of_use => Bilingual {
                zh: format!("{}签发地联系方式：{}", step.zh, contact.zh),
                en: format!("{} Issuing county: {}", step.en, contact.en),
            },
            _ => step,
        }
    }
}

/// Telephone and hours of the issuer's office: of a county in good standing, or of one that its superior paused.
const fn contact<'a>(issuer: &Standing<'a>) -> Option<&'a Bilingual> {
    match issuer {
        Standing::Active(county) => county.contact.as_ref(),
        Standing::Suspended { facts, .. } => facts.contact.as_ref(),
        _ => None,
    }
}

/// The decision of an office that cannot check anything, because it knows of no federation it could believe: it has no anchor, or
/// does not find itself in what the anchor vouches for. Grey, whatever was presented.
#[must_use]
pub fn not_ready(
    cause: &'static str,
    recogniser: Region,
    service: &ServiceCode,
    provider: Option<&ProviderId>,
    now: UnixSeconds,
) -> Decision {
    Decision {
        outcome: Outcome::NodeNotReady,
        confirmation: Confirmation::Pending,
        channel: Channel::Presented,
        decided_at: now,
        service: service.clone(),
        provider: provider.cloned(),
        recogniser,
        issuer: None,
        issuer_region: None,
        agreement: None,
        tier: None,
        endorsed_until: None,
        date: None,
        status_age_seconds: None,
        cause: Some(cause.to_owned()),
        missing: Vec::new(),
        advisories: Vec::new(),
        text: Outcome::NodeNotReady.text().into(),
        next_step: Outcome::NodeNotReady.next_step().into(),
    }
}

/// Cause of a STATUS_STALE that is about a date and not about age.
pub(super) const DATE_PASSED: &str = "permit.date-passed-unconfirmed";
