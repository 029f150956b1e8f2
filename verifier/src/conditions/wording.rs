//! The sentence of a missing condition: what is asked, and where it stands.
//!
//! Says numbers of months and years, never the dates or numbers from which they follow. Chinese first; both are built from the
//! same facts so that they cannot say different things.

use comity_spec::agreement::{Condition, MAX_CONDITION_DEPTH};
use comity_spec::attestation::Basis;
use comity_spec::decision::Truth;
use comity_spec::text::Bilingual;

use super::Facts;

/// One sentence without its full stop being doubled: `asks` and `stands` joined.
pub(super) fn sentence(condition: &Condition, facts: &Facts<'_>, truth: Truth) -> Bilingual {
    let asks = asks(condition, 1);
    let stands = stands(condition, facts, truth);
    Bilingual {
        zh: format!("{}；{}。", asks.zh, stands.zh),
        en: format!("{}; {}.", asks.en, stands.en),
    }
}

fn both(zh: impl Into<String>, en: impl Into<String>) -> Bilingual {
    Bilingual {
        zh: zh.into(),
        en: en.into(),
    }
}

/// What a condition asks for, as a clause.
fn asks(condition: &Condition, depth: usize) -> Bilingual {
    if depth > MAX_CONDITION_DEPTH {
        return both("另有条件", "further conditions");
    }
    match condition {
        Condition::TierIn(tiers) => {
            let list = joined(tiers.iter().map(|tier| tier.as_str()), "、", ", ");
            both(
                format!("证件类别须为 {}", list.zh),
                format!("the permit's tier must be one of {}", list.en),
            )
        }
        Condition::BasisIn(bases) => {
            let zh = bases.iter().map(|b| basis(*b).0).collect::<Vec<_>>().join("、");
            let en = bases.iter().map(|b| basis(*b).1).collect::<Vec<_>>().join(", ");
            both(
                format!("申领事由须为{zh}"),
                format!("the permit must have been issued for {en}"),
            )
        }
        Condition::MinResidenceMonths(n) => both(
            format!("须连续居住满 {n} 个月"),
            format!("{n} full months of residence are required"),
        ),
        Condition::EndorsementCurrent(true) => both("签注须在有效期内", "the endorsement must be current"),
        Condition::EndorsementCurrent(false) => both("对签注不作要求", "no endorsement is required"),
        Condition::MinInsuredMonths(n) => both(
            format!("须参加社会保险满 {n} 个月"),
            format!("{n} insured months are required"),
        ),
        Condition::PointsStandardMet(true) => both(
            "须达到签发地积分标准",
            "the issuing county's points standard must be met",
        ),
        Condition::PointsStandardMet(false) => both(
            "须未达到签发地积分标准",
            "only for those who have not met the issuing county's points standard",
        ),
        Condition::AgeBetween { min, max } => both(
            format!("持证人年龄须在 {min} 至 {max} 周岁之间"),
            format!("the holder must be between {min} and {max} years old"),
        ),
        Condition::ProviderIn(providers) => {
            let list = joined(providers.iter().map(|provider| provider.as_str()), "、", ", ");
            both(
                format!("须在下列机构办理：{}", list.zh),
                format!("only at these institutions: {}", list.en),
            )
        }
        Condition::LocalRule(rule) => both(
            format!(
                "须符合当地规定 {}：{}",
                rule.id,
                rule.text.zh.trim_end_matches(['。', '.'])
            ),
            format!("local rule {}: {}", rule.id, rule.text.en.trim_end_matches('.')),
        ),
        Condition::All(parts) => listed(
            parts,
            depth,
            "须同时符合：",
            "all of these are required: ",
            "，且",
            ", and ",
        ),
        Condition::Any(parts) => listed(
            parts,
            depth,
            "须符合下列之一：",
            "one of these is required: ",
            "，或",
            ", or ",
        ),
        Condition::Not(part) => {
            let inner = asks(part, depth + 1);
            both(
                format!("须不属于以下情形：“{}”", inner.zh),
                format!("this must not be the case: \"{}\"", inner.en),
            )
        }
    }
}

fn listed(parts: &[Condition], depth: usize, zh: &str, en: &str, zh_glue: &str, en_glue: &str) -> Bilingual {
    if parts.is_empty() {
        return both(format!("{zh}（无）"), format!("{en}(none)"));
    }
    let asked: Vec<Bilingual> = parts.iter().map(|part| asks(part, depth + 1)).collect();
    let zh_list = asked
        .iter()
        .map(|a| a.zh.as_str())
        .collect::<Vec<_>>()
        .join(zh_glue);
    let en_list = asked
        .iter()
        .map(|a| a.en.as_str())
        .collect::<Vec<_>>()
        .join(en_glue);
    both(format!("{zh}{zh_list}"), format!("{en}{en_list}"))
}

/// Where it stands, as a clause.
fn stands(condition: &Condition, facts: &Facts<'_>, truth: Truth) -> Bilingual {
    match condition {
        Condition::TierIn(_) => match facts.tier {
            Some(tier) => both(format!("现为 {tier}"), format!("it is {tier}")),
            None => undisclosed("证件类别", "the tier"),
        },
        Condition::BasisIn(_) => match facts.basis {
            Some(found) => both(
                format!("现为{}", basis(found).0),
                format!("it was issued for {}", basis(found).1),
            ),
            None => undisclosed("申领事由", "the basis of issue"),
        },
        Condition::MinResidenceMonths(_) => match facts.residence_months() {
            Some(n) => both(format!("目前已满 {n} 个月"), format!("{n} so far")),
            None => undisclosed("居住起算日", "the day from which residence counts"),
        },
        Condition::EndorsementCurrent(_) => match facts.endorsed_until {
            Some(until) => both(format!("签注至 {until}"), format!("endorsed until {until}")),
            None => undisclosed("签注日期", "the endorsement"),
        },
        Condition::MinInsuredMonths(_) => match facts.insured {
            Some(insured) => both(
                format!("截至 {} 满 {} 个月", insured.as_of, insured.n),
                format!("{} were counted up to {}", insured.n, insured.as_of),
            ),
            None => undisclosed("参保月数", "the insured months"),
        },
        Condition::PointsStandardMet(_) => match facts.points {
            Some(points) if points.met => both(
                format!("{} 已达标", points.as_of),
                format!("it was met on {}", points.as_of),
            ),
            Some(points) => both(
                format!("{} 未达标", points.as_of),
                format!("it was not met on {}", points.as_of),
            ),
            None => undisclosed("积分达标情况", "the points result"),
        },
        Condition::AgeBetween { .. } => match facts.age() {
            Some(_) => both("年龄不符", "the holder's age is outside"),
            None => undisclosed("出生日期", "the date of birth"),
        },
        Condition::ProviderIn(_) => match facts.provider {
            Some(provider) => both(
                format!("本机构 {provider} 不在其中"),
                format!("{provider} is not among them"),
            ),
            None => both("未选择办理机构", "no institution was chosen"),
        },
        Condition::LocalRule(_) => both("由主管部门审核", "the department decides"),
        Condition::All(_) | Condition::Any(_) | Condition::Not(_) => match truth {
            Truth::NotMet => both("现不符合", "this is not so"),
            Truth::Met | Truth::Unknown => both("现有信息不足以判断", "what was shown is not enough to tell"),
        },
    }
}

fn undisclosed(zh: &str, en: &str) -> Bilingual {
    both(
        format!("未出示{zh}，请核对材料"),
        format!("{en} was not shown, please check by document"),
    )
}

const fn basis(basis: Basis) -> (&'static str, &'static str) {
    match basis {
        Basis::Employment => ("合法稳定就业", "lawful and stable employment"),
        Basis::Dwelling => ("合法稳定住所", "lawful and stable dwelling"),
        Basis::Study => ("连续就读", "continuous study"),
    }
}

fn joined<'a>(parts: impl Iterator<Item = &'a str> + Clone, zh: &str, en: &str) -> Bilingual {
    let glue = |with: &str| parts.clone().collect::<Vec<_>>().join(with);
    both(glue(zh), glue(en))
}
