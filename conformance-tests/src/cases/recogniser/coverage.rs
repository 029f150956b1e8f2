//! Agreement, coverage and conditions at the window (chapters 4.7 and 8.5): settled before any status is read.

use super::super::{Case, play};
use crate::class::Class::Recogniser;
use crate::scene::{Played, Scene, ensure};
use crate::target::contract::{Act, Recognise, Verdict};
use crate::world::ambient::now;

pub(super) const CASES: &[Case] = &[
    Case::differs(
        Recogniser,
        "recogniser/no-agreement",
        &["DEC-10", "AGR-14"],
        "recogniser/recognised",
        "the issuer is a member without an agreement with the target",
        "NOT_IN_AGREEMENT, and no status list is asked for",
        play!(no_agreement),
    ),
    Case::differs(
        Recogniser,
        "recogniser/agreement-only-proposed",
        &["AGR-21", "AGR-2"],
        "recogniser/recognised",
        "the issuer proposed an agreement that the target has not signed",
        "NOT_IN_AGREEMENT",
        play!(only_proposed),
    ),
    Case::differs(
        Recogniser,
        "recogniser/agreement-not-yet-in-force",
        &["AGR-14"],
        "recogniser/recognised",
        "the agreement begins in ten days",
        "AGREEMENT_NOT_IN_FORCE",
        play!(not_yet_in_force),
    ),
    Case::differs(
        Recogniser,
        "recogniser/agreement-over",
        &["AGR-14"],
        "recogniser/recognised",
        "the last day of the agreement was yesterday",
        "AGREEMENT_NOT_IN_FORCE",
        play!(over),
    ),
    Case::differs(
        Recogniser,
        "recogniser/agreement-withdrawn",
        &["AGR-17", "AGR-18"],
        "recogniser/recognised",
        "the issuer withdraws, with effect today, and says so by a hint",
        "AGREEMENT_NOT_IN_FORCE",
        play!(withdrawn),
    ),
    Case::differs(
        Recogniser,
        "recogniser/agreement-withdrawn-antedated",
        &["AGR-22"],
        "recogniser/recognised",
        "a notice of thirty days is agreed; the issuer withdraws with effect today by an object dated forty days ago, which nobody saw \
         before",
        "RECOGNISED: the notice counts from the day on which it came",
        play!(antedated),
    ),
    Case::differs(
        Recogniser,
        "recogniser/service-not-covered",
        &["DEC-10", "AGR-19"],
        "recogniser/recognised",
        "no row names the service",
        "SERVICE_NOT_COVERED, and no status list is asked for",
        play!(not_covered),
    ),
    Case::differs(
        Recogniser,
        "recogniser/service-the-other-way",
        &["AGR-19", "AGR-20"],
        "recogniser/recognised",
        "the row holds for the target's permits alone",
        "SERVICE_NOT_COVERED",
        play!(other_way),
    ),
    Case::accepts(
        Recogniser,
        "recogniser/provider-named",
        &["AGR-19"],
        "the row names institutions, and the service is asked for at one of them",
        "RECOGNISED",
        play!(provider_named),
    ),
    Case::differs(
        Recogniser,
        "recogniser/provider-not-named",
        &["AGR-19"],
        "recogniser/provider-named",
        "the service is asked for at another institution",
        "SERVICE_NOT_COVERED",
        play!(provider_not_named),
    ),
    Case::differs(
        Recogniser,
        "recogniser/condition-not-met",
        &["DEC-26", "DEC-27", "DEC-28"],
        "recogniser/recognised",
        "the row asks for sixty years of residence",
        "RECOGNISED_CONDITIONAL, with that condition and its department",
        play!(not_met),
    ),
    Case::differs(
        Recogniser,
        "recogniser/condition-local-rule",
        &["DEC-26", "DEC-27", "DEC-28"],
        "recogniser/recognised",
        "the row points to a local rule",
        "RECOGNISED_CONDITIONAL, with that rule",
        play!(local_rule),
    ),
    Case::differs(
        Recogniser,
        "recogniser/tier-not-mapped",
        &["DEC-29"],
        "recogniser/recognised",
        "the agreement maps the tier to nothing",
        "RECOGNISED_CONDITIONAL with tier_mapping, and no local tier",
        play!(tier_not_mapped),
    ),
    Case::differs(
        Recogniser,
        "recogniser/name-typed-otherwise",
        &["DEC-23", "ATT-17"],
        "recogniser/recognised",
        "the name that the clerk typed is another separator apart",
        "REVIEW_REQUIRED, never RECOGNISED",
        play!(name_otherwise),
    ),
];

async fn no_agreement(scene: &mut Scene) -> Played {
    let site = scene.fresh_county(1)?;
    let (county, mark) = (&site.host, scene.mark());
    let slot = county.fresh_slot();
    let token = county.card(&county.people[0], &slot).token();
    scene.plays(&county.people[0]);
    let verdict = scene.scan(&token).await?;
    scene.outcome(&verdict, &["NOT_IN_AGREEMENT"])?;
    no_list_was_asked_for(scene, &county.entity, mark)
}

async fn only_proposed(scene: &mut Scene) -> Played {
    let site = scene.fresh_county(1)?;
    let id = scene.agreement_id();
    let text = scene.text_with(&site.host, &id, |_| {});
    scene.propose(&site, text.to_string().as_bytes()).await?;
    let slot = site.host.fresh_slot();
    let token = site.host.card(&site.host.people[0], &slot).token();
    let verdict = scene.scan(&token).await?;
    scene.outcome(&verdict, &["NOT_IN_AGREEMENT"])
}

async fn not_yet_in_force(scene: &mut Scene) -> Played {
    in_other_days(scene, 10, None).await
}

async fn over(scene: &mut Scene) -> Played {
    in_other_days(scene, -30, Some(-1)).await
}

async fn in_other_days(scene: &mut Scene, from: i32, until: Option<i32>) -> Played {
    let site = scene.fresh_county(1)?;
    let id = scene.agreement_id();
    let day = |days| crate::world::person::day(crate::world::ambient::now(), days).to_string();
    let text = scene.text_with(&site.host, &id, |text| {
        text["effective_from"] = day(from).into();
        if let Some(until) = until {
            text["effective_until"] = day(until).into();
        }
    });
    let partner = scene.conclude_text(&site, text).await?;
    let shown = scene.shown_by(&partner);
    let verdict = scene.scan(&shown.card.token()).await?;
    scene.outcome(&verdict, &["AGREEMENT_NOT_IN_FORCE"])
}

async fn antedated(scene: &mut Scene) -> Played {
    let site = scene.fresh_county(1)?;
    let id = scene.agreement_id();
    let text = scene.text_with(&site.host, &id, |text| text["notice_days"] = 30.into());
    let partner = scene.conclude_text(&site, text).await?;
    scene.withdraws_dated(&partner, now() - 40 * 86_400).await?;
    scene.still_recognises(&partner).await
}

async fn withdrawn(scene: &mut Scene) -> Played {
    let partner = scene.fresh_partner().await?;
    scene.still_recognises(&partner).await?;
    scene.withdraws(&partner).await?;
    let shown = scene.shown_by(&partner);
    let verdict = scene.scan(&shown.card.token()).await?;
    scene.outcome(&verdict, &["AGREEMENT_NOT_IN_FORCE"])
}

async fn not_covered(scene: &mut Scene) -> Played {
    let mut shown = scene.shown().await?;
    shown.service = "BPS-5";
    let verdict = scene.scan_for(&shown.card.token(), shown.service).await?;
    scene.outcome(&verdict, &["SERVICE_NOT_COVERED"])?;
    let asked = scene.world.log.since(scene.mark());
    let entity = &shown.partner.county().entity;
    let path = shown.slot.uri.trim_start_matches(entity.as_str()).to_owned();
    let asked = asked.iter().any(|one| one.entity == *entity && one.path == path);
    ensure!(
        !asked,
        "the status list was asked for before coverage was settled (DEC-10)"
    );
    let partner = shown.partner.clone();
    scene.still_recognises(&partner).await
}

async fn other_way(scene: &mut Scene) -> Played {
    let mut shown = scene.shown().await?;
    shown.service = "RGT-1";
    scene.shows_this(&["SERVICE_NOT_COVERED"], &shown).await
}

async fn at_provider(scene: &mut Scene, provider: &str) -> Played<Verdict> {
    let shown = scene.shown().await?;
    scene
        .ask(Act::Recognise(Recognise {
            text: shown.card.token(),
            service: "MED-DESIGNATED".to_owned(),
            provider: Some(provider.to_owned()),
            holder_name: None,
        }))
        .await
}

async fn provider_named(scene: &mut Scene) -> Played {
    let provider = format!("{}-HOSPITAL", scene.target.region);
    let verdict = at_provider(scene, &provider).await?;
    scene.outcome(&verdict, &["RECOGNISED"])
}

async fn provider_not_named(scene: &mut Scene) -> Played {
    let verdict = at_provider(scene, "ANOTHER-HOSPITAL").await?;
    scene.outcome(&verdict, &["SERVICE_NOT_COVERED"])
}

async fn not_met(scene: &mut Scene) -> Played {
    conditional(scene, "EMP-TRAINING", "min_residence_months").await
}

async fn local_rule(scene: &mut Scene) -> Played {
    conditional(scene, "BPS-1", "local_rule").await
}

async fn conditional(scene: &mut Scene, service: &str, code: &str) -> Played {
    let shown = scene.shown().await?;
    let verdict = scene.scan_for(&shown.card.token(), service).await?;
    scene.outcome(&verdict, &["RECOGNISED_CONDITIONAL"])?;
    let told = verdict
        .missing
        .iter()
        .find(|one| one.get("code").is_some_and(|found| found == code));
    let Some(told) = told else {
        return Err(crate::scene::Stop::Fail(format!(
            "{code} is not among what is missing (DEC-27)"
        )));
    };
    for language in ["zh", "en"] {
        let text = told
            .get("text")
            .and_then(|text| text[language].as_str())
            .unwrap_or_default();
        ensure!(!text.is_empty(), "{code} has no sentence in {language} (DEC-27)");
    }
    ensure!(
        told.get("owner").is_some_and(|owner| owner["zh"].is_string()),
        "{code} names no department that answers (DEC-27)"
    );
    Ok(())
}

async fn tier_not_mapped(scene: &mut Scene) -> Played {
    let mut shown = scene.shown().await?;
    shown.card.claim("tier", "TALENT_A");
    let verdict = scene.scan(&shown.card.token()).await?;
    scene.outcome(&verdict, &["RECOGNISED_CONDITIONAL"])?;
    let told = verdict
        .missing
        .iter()
        .any(|one| one.get("code").is_some_and(|code| code == "tier_mapping"));
    ensure!(told, "an unmapped tier is not told as tier_mapping");
    ensure!(
        verdict.tier.is_none_or(|tier| tier.local.is_none()),
        "an unmapped tier was given a local one"
    );
    let partner = shown.partner.clone();
    scene.still_recognises(&partner).await
}

async fn name_otherwise(scene: &mut Scene) -> Played {
    let mut shown = scene.shown().await?;
    shown.card.claim("name", "阿依努尔·示例");
    let verdict: Verdict = scene
        .ask(Act::Recognise(Recognise {
            text: shown.card.token(),
            service: "BPS-2".to_owned(),
            provider: None,
            holder_name: Some("阿依努尔•示例".to_owned()),
        }))
        .await?;
    scene.outcome(&verdict, &["REVIEW_REQUIRED"])
}

fn no_list_was_asked_for(scene: &Scene, entity: &str, mark: usize) -> Played {
    let came = scene.world.log.since(mark);
    let asked = came
        .iter()
        .any(|one| one.entity == entity && one.path.starts_with("/status-lists"));
    ensure!(
        !asked,
        "a status list was asked for before coverage was settled (DEC-10)"
    );
    Ok(())
}
