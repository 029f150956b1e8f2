//! The example of an agreement (示例), for the demonstration and for an operator to start from (`comity agreement example`): what two
//! counties could agree on, in every shape that the types allow.
//!
//! Nothing of it was agreed by anybody. It names the services of Decree 663 and no clause, document or approval that does not
//! exist; institutions, departments and rules are marked 示例.

use std::collections::BTreeMap;

use comity_spec::agreement::{
    Agreement, Condition, Direction, Freshness, LocalRule, Party, Provider, Service, Signatory, TierMapping,
};
use comity_spec::attestation::{ClaimName, Tier};
use comity_spec::entity::Environment;
use comity_spec::text::Bilingual;
use comity_spec::time::LocalDate;

/// The agreement 示例 between two counties, reciprocal, in force from `from`.
///
/// # Panics
/// Never: the identifiers in it are constants of the right form, which a test reads.
#[must_use]
#[allow(clippy::missing_panics_doc, reason = "documented above")]
pub fn example_agreement(a: &Party, b: &Party, environment: Environment, from: LocalDate) -> Agreement {
    let tiers = |issuer: &Party, recogniser: &Party| TierMapping {
        issuer: issuer.region,
        recogniser: recogniser.region,
        // TEMPORARY is left out on purpose: an unmapped tier gives a conditional result.
        map: ["ORDINARY", "SKILLED"]
            .into_iter()
            .map(|tier| (self::tier(tier), self::tier(tier)))
            .collect::<BTreeMap<_, _>>(),
    };
    let mut services = common();
    for (issuer, recogniser) in [(a, b), (b, a)] {
        services.push(designated(issuer, recogniser));
    }
    Agreement {
        id: "AGR-EXAMPLE".parse().expect("a constant of the right form"),
        version: 1,
        prev: None,
        title: text(
            "居住证互认协议(示例)",
            "Residence-permit recognition agreement (example)",
        ),
        environment,
        parties: vec![a.clone(), b.clone()],
        effective_from: from,
        effective_until: None,
        reciprocal: true,
        services,
        tier_map: vec![tiers(a, b), tiers(b, a)],
        freshness: Freshness::default(),
        legal_basis: text(
            "《居住证暂行条例》；双方协议(示例)",
            "Decree 663; agreement of the parties (example)",
        ),
        impact_assessment: "示例，未作评估 / example, no assessment was made".to_owned(),
        signatories: [a, b]
            .into_iter()
            .map(|party| Signatory {
                region: party.region,
                office: text("示例签署机关", "Example office"),
            })
            .collect(),
        approvals: Vec::new(),
        notice_days: 30,
        continuation: text(
            "协议终止时，在读学生读完本学年；已受理事项办结为止(示例)",
            "When it ends, pupils finish the school year and accepted cases are completed (example)",
        ),
        ext: None,
    }
}

/// Rows that hold both ways.
fn common() -> Vec<Service> {
    use ClaimName as C;
    let education = "示例县教育局";
    let employment = "示例县人力资源和社会保障局";
    let police = "示例县公安局";
    vec![
        row(
            "BPS-1",
            education,
            &[C::Name, C::Tier, C::ResidenceSince, C::ResidenceRegion],
            vec![local_rule()],
        ),
        amber(row("BPS-2", employment, &[C::Name, C::Tier], Vec::new())),
        amber(row("EMP-INFO", employment, &[C::Name, C::Tier], Vec::new())),
        amber(row(
            "EMP-PLACEMENT",
            employment,
            &[C::Name, C::Tier, C::Basis],
            Vec::new(),
        )),
        row(
            "EMP-TRAINING",
            employment,
            &[C::Name, C::Tier, C::ResidenceSince],
            vec![Condition::MinResidenceMonths(6)],
        ),
        row("CNV-2", police, &[C::Name, C::IdNumber, C::Tier], Vec::new()),
        row(
            "CNV-3",
            police,
            &[C::Name, C::IdNumber, C::Tier, C::ResidenceAddress],
            Vec::new(),
        ),
        row("CNV-4", police, &[C::Name, C::IdNumber, C::Tier], Vec::new()),
        row(
            "CNV-5",
            employment,
            &[C::Name, C::IdNumber, C::Tier],
            vec![Condition::TierIn(vec![tier("ORDINARY"), tier("SKILLED")])],
        ),
    ]
}

/// Compulsory education "by local rules" (Decree 663 art. 12): what they ask, only the recogniser's department can judge.
fn local_rule() -> Condition {
    Condition::LocalRule(LocalRule {
        id: "LOCAL-RULE-EXAMPLE".to_owned(),
        text: text("按当地规定(示例)", "By local rules (example)"),
        url: None,
    })
}

/// Treatment at named institutions of the recogniser.
fn designated(issuer: &Party, recogniser: &Party) -> Service {
    let provider = |at: u32, zh: &str, en: &str| Provider {
        id: format!("{}-HOSPITAL-{at}", recogniser.region)
            .parse()
            .expect("digits and letters"),
        region: recogniser.region,
        name: text(zh, en),
    };
    let claims = [
        ClaimName::Name,
        ClaimName::IdNumber,
        ClaimName::Tier,
        ClaimName::InsuredMonths,
    ];
    Service {
        direction: Some(Direction {
            issuer: issuer.region,
            recogniser: recogniser.region,
        }),
        providers: Some(vec![
            provider(1, "示例县人民医院", "Example county hospital"),
            provider(2, "示例县中医院", "Example county hospital of Chinese medicine"),
        ]),
        ..row("MED-DESIGNATED", "示例县医疗保障局", &claims, Vec::new())
    }
}

fn row(code: &str, owner: &str, claims: &[ClaimName], conditions: Vec<Condition>) -> Service {
    Service {
        code: code.parse().expect("a code of the catalogue"),
        direction: None,
        providers: None,
        claims: claims.to_vec(),
        conditions,
        owner: text(owner, "Example department"),
        retention_days: 365,
        amber_status: false,
    }
}

fn amber(service: Service) -> Service {
    Service {
        amber_status: true,
        ..service
    }
}

fn tier(code: &str) -> Tier {
    Tier::parse(code).expect("a constant of the right form")
}

fn text(zh: &str, en: &str) -> Bilingual {
    Bilingual {
        zh: zh.to_owned(),
        en: en.to_owned(),
    }
}
