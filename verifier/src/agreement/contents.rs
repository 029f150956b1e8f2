//! The contents of an agreement: everything that could be read in two ways, or in none, is a defect and is named.
//!
//! All defects are given at once, so that a proposal comes back with the whole list. Whether a county should agree is for
//! people; whether the parties are who they say is in the parent module.

use comity_spec::mutant;
use std::collections::BTreeSet;

use comity_spec::agreement::{
    Agreement, Condition, DEFAULT_FRESH_SECONDS, DEFAULT_USABLE_SECONDS, MAX_CONDITION_DEPTH, Service,
};
use comity_spec::catalogue;
use comity_spec::ids::{EntityId, ProviderId, Region, ServiceCode, Thumbprint};
use thiserror::Error;

/// Most parties, services, rows, conditions of a row, providers of a row.
const MAX_PARTIES: usize = 16;
const MAX_ROWS: usize = 512;
const MAX_CONDITIONS: usize = 128;

/// One thing in an agreement that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ContentDefect {
    /// Version 0, or version 1 with a predecessor, or a later one without.
    #[error("版本与前一版摘要不符 / version {version} and `prev` do not go together")]
    Version {
        /// The version.
        version: u32,
    },
    /// Fewer than two parties, or more than sixteen.
    #[error("当事方数目不成立：{0} / two to sixteen parties are needed")]
    PartyCount(usize),
    /// A party, or a party's region, twice.
    #[error("当事方或区划重复：{0} / a party or its region stands twice")]
    PartyTwice(EntityId),
    /// A party without a pinned key.
    #[error("当事方未列明密钥：{0} / the party pins no key")]
    PartyWithoutKey(EntityId),
    /// A key pinned twice, for one party or for two.
    #[error("密钥重复列明：{0} / a key is pinned twice")]
    KeyTwice(Thumbprint),
    /// Ends before it begins.
    #[error("终止日早于生效日 / it ends before it begins")]
    Dates,
    /// No service at all, or more than can be read.
    #[error("事项数目不成立：{0} / between one and 512 services are needed")]
    ServiceCount(usize),
    /// Neither in the catalogue nor a local item.
    #[error("事项代码未知：{0} / unknown service code")]
    UnknownService(ServiceCode),
    /// Two rows for one service of one direction.
    #[error("同一方向事项重复：{code} {issuer}→{recogniser} / one service stands twice for one direction")]
    ServiceTwice {
        /// The service.
        code: ServiceCode,
        /// Issuing region.
        issuer: Region,
        /// Recognising region.
        recogniser: Region,
    },
    /// No direction, in an agreement that is not reciprocal.
    #[error(
        "非双向协议的事项必须写明方向：{0} / a row needs a direction, as the agreement is not reciprocal"
    )]
    DirectionMissing(ServiceCode),
    /// A direction that does not lead from one party to another.
    #[error("事项方向不在当事方之间：{0} / the direction does not lead from one party to another")]
    Direction(ServiceCode),
    /// Providers are named, but none, or one twice.
    #[error("机构名单为空或重复：{0} / the list of providers is empty or names one twice")]
    Providers(ServiceCode),
    /// A provider outside the recognising regions of its row.
    #[error("机构 {provider} 不在承认方区划 ({code}) / the provider does not stand in a recognising region")]
    ProviderRegion {
        /// The service.
        code: ServiceCode,
        /// The institution.
        provider: ProviderId,
    },
    /// A claim twice.
    #[error("信息项重复：{0} / a claim stands twice")]
    ClaimTwice(ServiceCode),
    /// Conditions nested too deep, or too many of them.
    #[error("条件嵌套超过 {MAX_CONDITION_DEPTH} 层或过多：{0} / conditions are nested too deep or too many")]
    ConditionDepth(ServiceCode),
    /// A condition over nothing, an empty range, a provider that the row does not name, or a rule without text.
    #[error("条件为空或自相矛盾：{0} / a condition is empty or contradicts itself")]
    Condition(ServiceCode),
    /// Records kept for no time.
    #[error("保存期限必须大于零：{0} / records must be kept for at least a day")]
    Retention(ServiceCode),
    /// A tier row that does not lead from one party to another, stands twice, or maps nothing.
    #[error("档次对照行不成立：{issuer}→{recogniser} / a row of tier_map does not hold")]
    TierRow {
        /// Issuing region.
        issuer: Region,
        /// Recognising region.
        recogniser: Region,
    },
    /// Freshness wider than the default, or not a range.
    #[error("状态时限放宽或不成立 / freshness is wider than the default, or no range")]
    Freshness,
    /// A signatory of a region that is no party.
    #[error("签署机关不属于当事方：{0} / a signatory is of no party")]
    Signatory(Region),
    /// A text that people need is empty.
    #[error("缺少文字：{0} / a text is empty")]
    EmptyText(&'static str),
}

impl ContentDefect {
    /// Stable name of the rule.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Version { .. } => "agreement.version",
            Self::PartyCount(_) => "agreement.party-count",
            Self::PartyTwice(_) => "agreement.party-twice",
            Self::PartyWithoutKey(_) => "agreement.party-without-key",
            Self::KeyTwice(_) => "agreement.key-twice",
            Self::Dates => "agreement.dates",
            Self::ServiceCount(_) => "agreement.service-count",
            Self::UnknownService(_) => "agreement.unknown-service",
            Self::ServiceTwice { .. } => "agreement.service-twice",
            Self::DirectionMissing(_) => "agreement.direction-missing",
            Self::Direction(_) => "agreement.direction",
            Self::Providers(_) => "agreement.providers",
            Self::ProviderRegion { .. } => "agreement.provider-region",
            Self::ClaimTwice(_) => "agreement.claim-twice",
            Self::ConditionDepth(_) => "agreement.condition-depth",
            Self::Condition(_) => "agreement.condition",
            Self::Retention(_) => "agreement.retention",
            Self::TierRow { .. } => "agreement.tier-row",
            Self::Freshness => "agreement.freshness",
            Self::Signatory(_) => "agreement.signatory",
            Self::EmptyText(_) => "agreement.empty-text",
        }
    }
}

/// Every defect of an agreement's contents; none when they hold.
#[must_use]
pub fn defects(agreement: &Agreement) -> Vec<ContentDefect> {
    let mut found = Vec::new();
    let version = agreement.version;
    let alone = (version == 1) != agreement.prev.is_none() && !mutant!("AGR-4");
    if version == 0 || alone {
        found.push(ContentDefect::Version { version });
    }
    if agreement
        .effective_until
        .is_some_and(|until| until < agreement.effective_from && !mutant!("AGR-6"))
    {
        found.push(ContentDefect::Dates);
    }
    let fresh = agreement.freshness;
    let range = 0 < fresh.fresh_seconds && fresh.fresh_seconds <= fresh.usable_seconds;
    let wider = fresh.fresh_seconds > DEFAULT_FRESH_SECONDS || fresh.usable_seconds > DEFAULT_USABLE_SECONDS;
    if !range || (wider && !mutant!("AGR-11")) {
        found.push(ContentDefect::Freshness);
    }
    for (name, text) in [
        ("title", &agreement.title.zh),
        ("legal_basis", &agreement.legal_basis.zh),
        ("continuation", &agreement.continuation.zh),
        ("impact_assessment", &agreement.impact_assessment),
    ] {
        if text.trim().is_empty() && !mutant!("AGR-11/text") {
            found.push(ContentDefect::EmptyText(name));
        }
    }
    if mutant!("VSN-1") && agreement.ext.is_some() {
        found.push(ContentDefect::EmptyText("ext"));
    }
    // Beyond these bounds nothing more is read: the rows are compared pairwise.
    if check_parties(agreement, &mut found) && check_service_count(agreement, &mut found) {
        check_services(agreement, &mut found);
        check_tiers(agreement, &mut found);
        let party = |region: Region| agreement.parties.iter().any(|p| p.region == region);
        let strangers = agreement
            .signatories
            .iter()
            .map(|s| s.region)
            .filter(|region| !party(*region) && !mutant!("AGR-11/signatory"));
        found.extend(strangers.take(MAX_PARTIES).map(ContentDefect::Signatory));
    }
    found
}

/// The directions in which a row holds, as pairs of issuing and recognising region.
fn pairs(agreement: &Agreement, row: &Service) -> Vec<(Region, Region)> {
    if let Some(direction) = row.direction {
        return vec![(direction.issuer, direction.recogniser)];
    }
    let regions = agreement.parties.iter().map(|party| party.region);
    regions
        .clone()
        .flat_map(|a| regions.clone().map(move |b| (a, b)))
        .filter(|(a, b)| a != b && agreement.holds(row, *a, *b))
        .collect()
}

fn check_parties(agreement: &Agreement, found: &mut Vec<ContentDefect>) -> bool {
    let parties = &agreement.parties;
    let fewest = if mutant!("AGR-5") { 1 } else { 2 };
    if !(fewest..=MAX_PARTIES).contains(&parties.len()) {
        found.push(ContentDefect::PartyCount(parties.len()));
        return false;
    }
    let mut keys = BTreeSet::new();
    for (at, party) in parties.iter().enumerate() {
        if parties[..at]
            .iter()
            .any(|p| p.entity == party.entity || (p.region == party.region && !mutant!("AGR-5/region")))
        {
            found.push(ContentDefect::PartyTwice(party.entity.clone()));
        }
        if party.federation_keys.is_empty() && !mutant!("AGR-5/no-key") {
            found.push(ContentDefect::PartyWithoutKey(party.entity.clone()));
        }
        let twice = party
            .federation_keys
            .iter()
            .find(|key| !keys.insert(**key) && !mutant!("AGR-5/key"));
        found.extend(twice.map(|key| ContentDefect::KeyTwice(*key)));
    }
    true
}

fn check_service_count(agreement: &Agreement, found: &mut Vec<ContentDefect>) -> bool {
    let count = agreement.services.len();
    let fewest = if mutant!("AGR-7/none") { 0 } else { 1 };
    let holds = (fewest..=MAX_ROWS).contains(&count) && agreement.tier_map.len() <= MAX_ROWS;
    if !holds {
        found.push(ContentDefect::ServiceCount(count));
    }
    holds
}

fn check_services(agreement: &Agreement, found: &mut Vec<ContentDefect>) {
    let regions: BTreeSet<Region> = agreement.parties.iter().map(|party| party.region).collect();
    let mut rows: BTreeSet<(&ServiceCode, Region, Region)> = BTreeSet::new();
    for row in &agreement.services {
        let code = || row.code.clone();
        let local = catalogue::is_local(&row.code) && !mutant!("IDN-11/local");
        if catalogue::lookup(&row.code).is_none() && !local && !mutant!("IDN-11") {
            found.push(ContentDefect::UnknownService(code()));
        }
        match row.direction {
            None if !agreement.reciprocal && !mutant!("AGR-7/missing") => {
                found.push(ContentDefect::DirectionMissing(code()))
            }
            Some(d)
                if (d.issuer == d.recogniser && !mutant!("AGR-7/itself"))
                    || !regions.contains(&d.issuer)
                    || !regions.contains(&d.recogniser) =>
            {
                found.push(ContentDefect::Direction(code()));
            }
            _ => {}
        }
        let pairs = pairs(agreement, row);
        for (issuer, recogniser) in &pairs {
            if !rows.insert((&row.code, *issuer, *recogniser)) && !mutant!("AGR-7") {
                found.push(ContentDefect::ServiceTwice {
                    code: code(),
                    issuer: *issuer,
                    recogniser: *recogniser,
                });
            }
        }
        check_row(row, &pairs, found);
    }
}

fn check_row(row: &Service, pairs: &[(Region, Region)], found: &mut Vec<ContentDefect>) {
    let code = || row.code.clone();
    if let Some(providers) = &row.providers {
        let ids: BTreeSet<&ProviderId> = providers.iter().map(|p| &p.id).collect();
        let none = providers.is_empty() && !mutant!("AGR-8/none");
        if none || (ids.len() != providers.len() && !mutant!("AGR-8/twice")) {
            found.push(ContentDefect::Providers(code()));
        }
        for provider in providers {
            let here = pairs.iter().any(|(_, recogniser)| *recogniser == provider.region);
            if !here && !mutant!("AGR-8") {
                found.push(ContentDefect::ProviderRegion {
                    code: code(),
                    provider: provider.id.clone(),
                });
            }
        }
    }
    if (1..row.claims.len()).any(|at| row.claims[..at].contains(&row.claims[at])) && !mutant!("AGR-9") {
        found.push(ContentDefect::ClaimTwice(code()));
    }
    if row.retention_days == 0 && !mutant!("AGR-9/retention") {
        found.push(ContentDefect::Retention(code()));
    }
    let mut count = 0;
    if row.conditions.iter().any(|c| !is_shallow(c, 1, &mut count)) {
        found.push(ContentDefect::ConditionDepth(code()));
    } else if row.conditions.iter().any(|c| !holds(c, row)) {
        found.push(ContentDefect::Condition(code()));
    }
}

/// Whether a condition is within the depth, and all of them together within the number.
fn is_shallow(condition: &Condition, depth: usize, count: &mut usize) -> bool {
    *count += 1;
    let deepest = MAX_CONDITION_DEPTH + usize::from(mutant!("AGR-10/depth"));
    if depth > deepest || *count > MAX_CONDITIONS + usize::from(mutant!("AGR-10/number")) {
        return false;
    }
    match condition {
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter().all(|c| is_shallow(c, depth + 1, count))
        }
        Condition::Not(part) => is_shallow(part, depth + 1, count),
        _ => true,
    }
}

fn holds(condition: &Condition, row: &Service) -> bool {
    match condition {
        Condition::TierIn(tiers) => !tiers.is_empty(),
        Condition::BasisIn(bases) => !bases.is_empty(),
        Condition::AgeBetween { min, max } => min <= max || mutant!("AGR-10/range"),
        Condition::ProviderIn(ids) => {
            let named = |id: &ProviderId| {
                let providers = row.providers.iter().flatten();
                providers.into_iter().any(|p| p.id == *id)
            };
            !ids.is_empty() && ids.iter().all(named)
        }
        Condition::LocalRule(rule) => !rule.id.trim().is_empty() && !rule.text.zh.trim().is_empty(),
        Condition::All(parts) | Condition::Any(parts) => {
            let some = !parts.is_empty() || mutant!("AGR-10");
            some && parts.iter().all(|part| holds(part, row))
        }
        Condition::Not(part) => holds(part, row),
        Condition::MinResidenceMonths(_)
        | Condition::EndorsementCurrent(_)
        | Condition::MinInsuredMonths(_)
        | Condition::PointsStandardMet(_) => true,
    }
}

fn check_tiers(agreement: &Agreement, found: &mut Vec<ContentDefect>) {
    let party = |region: Region| agreement.parties.iter().any(|p| p.region == region);
    let mut rows = BTreeSet::new();
    for row in &agreement.tier_map {
        let (issuer, recogniser) = (row.issuer, row.recogniser);
        let between = issuer != recogniser && party(issuer) && party(recogniser);
        if !between || (row.map.is_empty() && !mutant!("AGR-11/map")) || !rows.insert((issuer, recogniser)) {
            found.push(ContentDefect::TierRow { issuer, recogniser });
        }
    }
}
