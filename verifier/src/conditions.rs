//! Conditions of an agreement, judged in three values: met, not met, unknown (chapter 8.5).
//!
//! Conditions are data of a closed set, not code: judging one is total, has no loops but those over the agreement's own lists,
//! and reads nothing but [`Facts`]. Logic is Kleene's strong one, so that learning a fact that was unknown never turns *met* into
//! *not met* or back. [`missing`] gives every condition that is not met or not known at once, with what is asked, where it
//! stands and who answers for it: Decree 663 art. 9 asks for one full notice (一次性告知). Nothing here decides an outcome.
//! Sentences hold dates of counting and numbers of months, never names, numbers or dates of birth.

use comity_spec::agreement::{Condition, LocalRule, MAX_CONDITION_DEPTH, Service};
use comity_spec::attestation::{Basis, InsuredMonths, PermitClaims, PointsStandard, Tier};
use comity_spec::decision::{MissingCondition, Truth};
use comity_spec::ids::ProviderId;
use comity_spec::mutant;
use comity_spec::text::Bilingual;
use comity_spec::time::LocalDate;

#[cfg(test)]
mod tests;
mod wording;

/// What is known of the permit and the case on the day; `None` is what was not disclosed or not told.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The issuer's tier.
    pub tier: Option<&'a Tier>,
    /// Basis of issue.
    pub basis: Option<Basis>,
    /// From which day residence counts.
    pub residence_since: Option<LocalDate>,
    /// Last day to which the permit is endorsed.
    pub endorsed_until: Option<LocalDate>,
    /// Insured months and the day of their counting.
    pub insured: Option<InsuredMonths>,
    /// Whether the issuer's points standard is met.
    pub points: Option<PointsStandard>,
    /// Date of birth: as disclosed, or from the citizen number.
    pub birth_date: Option<LocalDate>,
    /// The institution that serves.
    pub provider: Option<&'a ProviderId>,
    /// The day in UTC+8.
    pub today: LocalDate,
}

impl<'a> Facts<'a> {
    /// The facts in disclosed or told claims.
    #[must_use]
    pub fn of(
        claims: &'a PermitClaims,
        endorsed_until: Option<LocalDate>,
        provider: Option<&'a ProviderId>,
        today: LocalDate,
    ) -> Self {
        let from_number = claims
            .id_number
            .as_ref()
            .map(comity_spec::ids::CitizenNumber::birth_date);
        Self {
            tier: claims.tier.as_ref(),
            basis: claims.basis,
            residence_since: claims.residence_since,
            endorsed_until,
            insured: claims.insured_months,
            points: claims.points_standard_met,
            birth_date: claims.birth_date.or(from_number),
            provider,
            today,
        }
    }

    /// Full years of age: a person born on 29 February is a year older on 1 March of common years.
    fn age(&self) -> Option<u32> {
        let birth = self.birth_date?;
        let years = self.today.year() - birth.year();
        let full = match birth.plus_years_permit_rule(years) {
            Ok(birthday) if birthday <= self.today && !mutant!("DEC-26/birthday") => years,
            _ => years - 1,
        };
        Some(u32::try_from(full).unwrap_or(0))
    }

    /// Full months of residence.
    fn residence_months(&self) -> Option<u32> {
        self.residence_since.map(|since| since.months_until(self.today))
    }
}

/// Every condition of a service that is not met or not known, flattened, in the agreement's order.
#[must_use]
pub fn missing(service: &Service, facts: &Facts<'_>) -> Vec<MissingCondition> {
    let mut list = Vec::new();
    for condition in &service.conditions {
        collect(condition, facts, 1, &service.owner, &mut list);
        if mutant!("DEC-27") {
            list.truncate(1);
        }
    }
    list
}

/// Whether a condition holds. Deeper than [`MAX_CONDITION_DEPTH`] it is unknown; adoption refuses such agreements.
fn evaluate_at(condition: &Condition, facts: &Facts<'_>, depth: usize) -> Truth {
    if depth > MAX_CONDITION_DEPTH {
        return Truth::Unknown;
    }
    match condition {
        Condition::TierIn(tiers) => known(facts.tier, |tier| tiers.contains(tier)),
        Condition::BasisIn(bases) => known(facts.basis, |basis| bases.contains(&basis)),
        Condition::MinResidenceMonths(months) => known(facts.residence_months(), |full| full >= *months),
        // `false` says that it need not be current: nothing to judge.
        Condition::EndorsementCurrent(false) => Truth::Met,
        Condition::EndorsementCurrent(true) => known(facts.endorsed_until, |until| facts.today <= until),
        Condition::MinInsuredMonths(months) => insured(facts, *months),
        Condition::PointsStandardMet(wanted) => known(facts.points, |points| points.met == *wanted),
        Condition::AgeBetween { min, max } => known(facts.age(), |age| (*min..=*max).contains(&age)),
        Condition::ProviderIn(providers) => known(facts.provider, |provider| providers.contains(provider)),
        // Only a person of the department can judge it.
        Condition::LocalRule(_) => Truth::Unknown,
        Condition::All(parts) => conjunction(parts.iter().map(|part| evaluate_at(part, facts, depth + 1))),
        Condition::Any(parts) => disjunction(parts.iter().map(|part| evaluate_at(part, facts, depth + 1))),
        Condition::Not(part) => not(evaluate_at(part, facts, depth + 1)),
    }
}

fn known<T>(fact: Option<T>, holds: impl FnOnce(T) -> bool) -> Truth {
    let unknown = if mutant!("DEC-26") {
        Truth::Met
    } else {
        Truth::Unknown
    };
    fact.map_or(unknown, |fact| of(holds(fact)))
}

const fn of(holds: bool) -> Truth {
    if holds { Truth::Met } else { Truth::NotMet }
}

/// Months were counted on a day that has passed; those since then may or may not have been paid.
fn insured(facts: &Facts<'_>, wanted: u32) -> Truth {
    let Some(insured) = facts.insured else {
        return Truth::Unknown;
    };
    if insured.n >= wanted {
        return Truth::Met;
    }
    // A month that has begun may have been paid already, hence the one more.
    let begun = u32::from(insured.as_of < facts.today && !mutant!("DEC-26/begun"));
    let since = insured.as_of.months_until(facts.today).saturating_add(begun);
    if insured.n.saturating_add(since) >= wanted {
        Truth::Unknown
    } else {
        Truth::NotMet
    }
}

/// Kleene's conjunction; of nothing: met.
fn conjunction(mut parts: impl Iterator<Item = Truth>) -> Truth {
    let folded = parts.try_fold(Truth::Met, |so_far, part| match (so_far, part) {
        (_, Truth::NotMet) => Err(Truth::NotMet),
        (Truth::Unknown, _) | (_, Truth::Unknown) => Ok(Truth::Unknown),
        _ => Ok(Truth::Met),
    });
    folded.unwrap_or_else(|decided| decided)
}

/// Kleene's disjunction; of nothing: not met.
fn disjunction(parts: impl Iterator<Item = Truth>) -> Truth {
    not(conjunction(parts.map(not)))
}

fn not(truth: Truth) -> Truth {
    match truth {
        Truth::Met => Truth::NotMet,
        Truth::NotMet => Truth::Met,
        Truth::Unknown if mutant!("DEC-26/not") => Truth::Met,
        Truth::Unknown => Truth::Unknown,
    }
}

/// Adds what is missing of one condition. A conjunction falls apart into its parts; a disjunction and a negation stay one
/// line, since naming one branch would send the holder for a paper that another branch makes needless.
fn collect(
    condition: &Condition,
    facts: &Facts<'_>,
    depth: usize,
    owner: &Bilingual,
    list: &mut Vec<MissingCondition>,
) {
    let truth = evaluate_at(condition, facts, depth);
    if truth == Truth::Met {
        return;
    }
    let apart = depth < MAX_CONDITION_DEPTH && !mutant!("DEC-27/all");
    if let (Condition::All(parts), true) = (condition, apart) {
        for part in parts {
            collect(part, facts, depth + 1, owner, list);
        }
        return;
    }
    let rule = first_rule(condition, depth);
    list.push(MissingCondition {
        code: code(condition).to_owned(),
        truth,
        text: wording::sentence(condition, facts, truth),
        owner: Some(owner.clone()),
        rule: rule.map(|rule| rule.id.clone()),
        url: rule.and_then(|rule| rule.url.clone()),
    });
}

/// The local rule to which a line points: its own, or the first one among alternatives.
fn first_rule(condition: &Condition, depth: usize) -> Option<&LocalRule> {
    match condition {
        _ if depth > MAX_CONDITION_DEPTH => None,
        Condition::LocalRule(rule) => Some(rule),
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter().find_map(|part| first_rule(part, depth + 1))
        }
        Condition::Not(part) => first_rule(part, depth + 1),
        _ => None,
    }
}

/// The wire name of a condition, as in the agreement.
const fn code(condition: &Condition) -> &'static str {
    match condition {
        Condition::TierIn(_) => "tier_in",
        Condition::BasisIn(_) => "basis_in",
        Condition::MinResidenceMonths(_) => "min_residence_months",
        Condition::EndorsementCurrent(_) => "endorsement_current",
        Condition::MinInsuredMonths(_) => "min_insured_months",
        Condition::PointsStandardMet(_) => "points_standard_met",
        Condition::AgeBetween { .. } => "age_between",
        Condition::ProviderIn(_) => "provider_in",
        Condition::LocalRule(_) => "local_rule",
        Condition::All(_) => "all",
        Condition::Any(_) => "any",
        Condition::Not(_) => "not",
    }
}
