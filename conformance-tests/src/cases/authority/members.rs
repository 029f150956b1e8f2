//! What becomes of a member: renewed, suspended, reinstated, removed; provinces. The superior's word alone decides on its standing (TRU-9),
//! nothing older counts again (TRU-20), and what was said last stands in statement and list alike.

use serde_json::{Value, json};

use super::super::{Case, play};
use crate::class::Class::Authority;
use crate::scene::{Played, Scene, Stop, ensure, line_of};
use crate::target::contract::{Act, Done};
use crate::world::authority::{Authority as Province, DAY};
use crate::world::certificates::identity;
use crate::world::county::County;
use crate::world::draft::{Draft, claims_of};
use crate::world::keys::Key;

pub(super) const CASES: &[Case] = &[
    Case::accepts(
        Authority,
        "authority/renewed",
        &["TRU-8", "TRU-20"],
        "a member applies again with a newer configuration: one more federation key, one more pin",
        "the statement states both keys and both pins, and is newer than the one before",
        play!(renewed),
    ),
    Case::differs(
        Authority,
        "authority/dropped-key",
        &["TRU-8", "TRU-28"],
        "authority/renewed",
        "the newer configuration lacks the key and the pin that were there before",
        "neither stands in the statement any more",
        play!(dropped_key),
    ),
    Case::differs(
        Authority,
        "authority/renewed-by-a-stranger",
        &["TRU-1"],
        "authority/renewed",
        "the newer configuration lists one key that was never stated, and is signed by it",
        "refused; the statement is as it was",
        play!(renewed_by_a_stranger),
    ),
    Case::differs(
        Authority,
        "authority/older-application",
        &["TRU-20"],
        "authority/renewed",
        "the application is older than the one that counts, and lists a pin that was dropped since",
        "refused; the pin does not come back",
        play!(older_application),
    ),
    Case::differs(
        Authority,
        "authority/two-of-one-second",
        &["TRU-21"],
        "authority/renewed",
        "the application has the iat of the one that counts and says something else",
        "refused; the statement is as it was",
        play!(two_of_one_second),
    ),
    Case::differs(
        Authority,
        "authority/other-region",
        &["TRU-7", "TRU-14"],
        "authority/renewed",
        "the newer configuration states the region of another member",
        "refused; the statement is as it was",
        play!(other_region),
    ),
    Case::accepts(
        Authority,
        "authority/suspended",
        &["TRU-9", "TRU-18", "TRU-20"],
        "a member is suspended, and reinstated",
        "statement and list say so each time, each newer than the one before",
        play!(suspended),
    ),
    Case::differs(
        Authority,
        "authority/suspended-applies",
        &["TRU-9"],
        "authority/suspended",
        "while it is suspended the member applies with a newer configuration",
        "it stays suspended",
        play!(suspended_applies),
    ),
    Case::accepts(
        Authority,
        "authority/removed",
        &["TRU-18", "TRU-19"],
        "a member is removed, and everything signed anew",
        "the statement on it stays published and says removed, and so does the list",
        play!(removed),
    ),
    Case::differs(
        Authority,
        "authority/removed-applies",
        &["TRU-9", "TRU-18"],
        "authority/removed",
        "the removed member applies with a newer configuration",
        "it stays removed",
        play!(removed_applies),
    ),
    Case::differs(
        Authority,
        "authority/removed-and-replaced",
        &["TRU-14"],
        "authority/removed",
        "another county has its region by now, and it is to be reinstated",
        "refused: the region is active once",
        play!(removed_and_replaced),
    ),
    Case::differs(
        Authority,
        "authority/killed",
        &["TRU-20", "TRU-21"],
        "authority/suspended",
        "the authority is killed after the suspension, starts again and signs everything anew",
        "the member is still suspended, and no iat and no seq falls behind",
        play!(killed),
    ),
    Case::accepts(
        Authority,
        "authority/province-enrolled",
        &["TRU-2", "TRU-4", "TRU-6"],
        "a province applies and is given a prefix",
        "a statement with the prefix, named in crit, of 35 days at most; a line with the prefix in the list",
        play!(province_enrolled),
    ),
    Case::differs(
        Authority,
        "authority/province-lives-too-long",
        &["TRU-6"],
        "authority/province-enrolled",
        "the province's configuration lives a second longer than 35 days",
        "refused, and not listed",
        play!(province_lives_too_long),
    ),
    Case::differs(
        Authority,
        "authority/province-signed-by-a-stranger",
        &["TRU-1", "JWS-6"],
        "authority/province-enrolled",
        "another key signs under the kid of the province's",
        "refused, and not listed",
        play!(province_signed_by_a_stranger),
    ),
];

async fn renewed(scene: &mut Scene) -> Played {
    let county = scene.member().await?;
    let (_, before) = scene.stated(&county.entity).await?;
    let (key, pin) = (Key::stranger(), another_pin()?);
    scene.takes_in(with_both(&county, &key, &pin).sign()).await?;
    let (_, after) = scene.stated(&county.entity).await?;
    ensure!(
        after["jwks"] == json!({ "keys": [county.key.jwk(), key.jwk()] }),
        "the statement has the keys {}",
        after["jwks"]
    );
    ensure!(
        after["metadata"]["comity_node"]["tls_pins"] == json!([county.tls.pin, pin]),
        "the statement has the pins {}",
        after["metadata"]["comity_node"]["tls_pins"]
    );
    newer(&before, &after, "iat")
}

async fn dropped_key(scene: &mut Scene) -> Played {
    let county = scene.member().await?;
    let (key, pin) = (Key::stranger(), another_pin()?);
    scene.takes_in(with_both(&county, &key, &pin).sign()).await?;
    let mut draft = with_both(&county, &key, &pin);
    draft.signed_by(&key).set("jwks", key.jwks());
    draft.claims["metadata"]["comity_node"]["tls_pins"] = json!([pin]);
    scene.takes_in(draft.sign()).await?;
    let (_, after) = scene.stated(&county.entity).await?;
    ensure!(
        after["jwks"] == key.jwks(),
        "the statement has the keys {}",
        after["jwks"]
    );
    ensure!(
        after["metadata"]["comity_node"]["tls_pins"] == json!([pin]),
        "the statement has the pins {}",
        after["metadata"]["comity_node"]["tls_pins"]
    );
    Ok(())
}

async fn renewed_by_a_stranger(scene: &mut Scene) -> Played {
    let county = scene.member().await?;
    let stranger = Key::stranger();
    let mut draft = county.configuration();
    draft.signed_by(&stranger).set("jwks", stranger.jwks());
    stays(scene, &county, draft).await
}

async fn older_application(scene: &mut Scene) -> Played {
    let county = scene.applicant()?;
    let (key, pin) = (Key::stranger(), another_pin()?);
    let older = with_both(&county, &key, &pin);
    scene.takes_in(older.sign()).await?;
    scene.takes_in(county.configuration().sign()).await?;
    stays(scene, &county, older).await
}

async fn two_of_one_second(scene: &mut Scene) -> Played {
    let county = scene.applicant()?;
    let draft = county.configuration();
    scene.takes_in(draft.sign()).await?;
    let mut other = draft.clone();
    other.claims["metadata"]["comity_node"]["contact"] = json!({ "zh": "示例", "en": "another text" });
    stays(scene, &county, other).await
}

async fn other_region(scene: &mut Scene) -> Played {
    let (county, other) = (scene.member().await?, scene.member().await?);
    let mut draft = county.configuration();
    draft.claims["metadata"]["comity_node"]["region"] = json!(other.region);
    stays(scene, &county, draft).await
}

async fn suspended(scene: &mut Scene) -> Played {
    let county = scene.member().await?;
    let entity = county.entity.as_str();
    let before = said(scene, entity, "active").await?;
    let _: Done = scene
        .ask(Act::Suspend {
            entity: entity.to_owned(),
        })
        .await?;
    let between = said(scene, entity, "suspended").await?;
    let _: Done = scene
        .ask(Act::Reinstate {
            entity: entity.to_owned(),
        })
        .await?;
    let after = said(scene, entity, "active").await?;
    for (earlier, later) in [(&before, &between), (&between, &after)] {
        newer(&earlier.0, &later.0, "iat")?;
        newer(&earlier.1, &later.1, "seq")?;
        newer(&earlier.1, &later.1, "iat")?;
    }
    Ok(())
}

async fn suspended_applies(scene: &mut Scene) -> Played {
    let county = scene.member().await?;
    let _: Done = scene
        .ask(Act::Suspend {
            entity: county.entity.clone(),
        })
        .await?;
    // Taken in or refused: either way it does not make itself active.
    let _ = scene.apply(county.configuration().sign()).await?;
    said(scene, &county.entity, "suspended").await.map(drop)
}

async fn removed(scene: &mut Scene) -> Played {
    let county = scene.member().await?;
    let before = said(scene, &county.entity, "active").await?;
    let _: Done = scene
        .ask(Act::Remove {
            entity: county.entity.clone(),
        })
        .await?;
    let after = said(scene, &county.entity, "removed").await?;
    newer(&before.0, &after.0, "iat")?;
    let _: Done = scene.ask(Act::Publish).await?;
    let anew = said(scene, &county.entity, "removed").await?;
    newer(&after.0, &anew.0, "iat")
}

async fn removed_applies(scene: &mut Scene) -> Played {
    let county = scene.member().await?;
    let _: Done = scene
        .ask(Act::Remove {
            entity: county.entity.clone(),
        })
        .await?;
    let _ = scene.apply(county.configuration().sign()).await?;
    said(scene, &county.entity, "removed").await.map(drop)
}

async fn removed_and_replaced(scene: &mut Scene) -> Played {
    let (county, successor) = (scene.member().await?, scene.applicant()?);
    let _: Done = scene
        .ask(Act::Remove {
            entity: county.entity.clone(),
        })
        .await?;
    let mut draft = successor.configuration();
    draft.claims["metadata"]["comity_node"]["region"] = json!(county.region);
    scene.takes_in(draft.sign()).await?;
    let back = scene
        .attempt::<Done>(Act::Reinstate {
            entity: county.entity.clone(),
        })
        .await?;
    ensure!(back.is_err(), "two members have the region {} now", county.region);
    said(scene, &county.entity, "removed").await?;
    said(scene, &successor.entity, "active").await.map(drop)
}

async fn killed(scene: &mut Scene) -> Played {
    let county = scene.member().await?;
    let _: Done = scene
        .ask(Act::Suspend {
            entity: county.entity.clone(),
        })
        .await?;
    let before = said(scene, &county.entity, "suspended").await?;
    let _: Done = scene.ask(Act::Restart { graceful: false }).await?;
    let (_, as_before) = scene.stated(&county.entity).await?;
    ensure!(
        as_before["iat"].as_i64() >= before.0["iat"].as_i64(),
        "iat of the statement fell from {} to {}",
        before.0["iat"],
        as_before["iat"]
    );
    let _: Done = scene.ask(Act::Publish).await?;
    let after = said(scene, &county.entity, "suspended").await?;
    newer(&before.0, &after.0, "iat")?;
    newer(&before.1, &after.1, "seq")
}

async fn province_enrolled(scene: &mut Scene) -> Played {
    let (province, prefix) = province(scene)?;
    let application = province.served_configuration();
    scene.ask::<Done>(apply_as_province(application, &prefix)).await?;
    let (_, statement) = scene.stated(&province.entity).await?;
    for (member, expected) in [
        ("crit", json!(["comity_region_prefix"])),
        ("comity_region_prefix", json!(prefix)),
        ("comity_state", json!("active")),
        ("jwks", province.key.jwks()),
    ] {
        ensure!(
            statement[member] == expected,
            "{member} of the statement is {}, expected {expected}",
            statement[member]
        );
    }
    let life = statement["exp"].as_i64().unwrap_or(0) - statement["iat"].as_i64().unwrap_or(0);
    ensure!(
        (1..=35 * DAY).contains(&life),
        "the statement lives {life} s (TRU-6)"
    );
    let list = scene.listed().await?;
    let line = line_of(&list, &province.entity).cloned().unwrap_or(Value::Null);
    ensure!(
        line["region_prefix"] == prefix && line.get("region").is_none() && line["state"] == "active",
        "the list says {line}"
    );
    Ok(())
}

async fn province_lives_too_long(scene: &mut Scene) -> Played {
    let (province, prefix) = province(scene)?;
    let mut draft = as_draft(&province);
    let iat = draft.claims["iat"].as_i64().unwrap_or(0);
    draft.set("exp", iat + 35 * DAY + 1);
    no_province(scene, &province, draft.sign(), &prefix).await
}

async fn province_signed_by_a_stranger(scene: &mut Scene) -> Played {
    let (province, prefix) = province(scene)?;
    let mut draft = as_draft(&province);
    draft.key = Key::stranger();
    no_province(scene, &province, draft.sign(), &prefix).await
}

/// An application is refused, and what is stated of the member stays.
async fn stays(scene: &mut Scene, county: &County, draft: Draft) -> Played {
    let (_, before) = scene.stated(&county.entity).await?;
    scene.note(format!("application {}", Value::Object(draft.claims.clone())));
    let answer = scene.apply(draft.sign()).await?;
    ensure!(answer.is_err(), "the authority took the application in");
    let (_, after) = scene.stated(&county.entity).await?;
    for member in ["jwks", "metadata", "comity_state"] {
        ensure!(
            after[member] == before[member],
            "the authority refused the application, and {member} of the statement became {}",
            after[member]
        );
    }
    // The county itself is not turned away for good.
    scene.takes_in(county.configuration().sign()).await
}

/// Statement and list, which give a member this standing.
async fn said(scene: &mut Scene, entity: &str, state: &str) -> Played<(Value, Value)> {
    let (_, statement) = scene.stated(entity).await?;
    ensure!(
        statement["comity_state"] == state,
        "the statement says {}, expected {state}",
        statement["comity_state"]
    );
    let list = scene.listed().await?;
    let line = line_of(&list, entity).cloned().unwrap_or(Value::Null);
    ensure!(line["state"] == state, "the list says {line}, expected {state}");
    Ok((statement, list))
}

fn newer(before: &Value, after: &Value, member: &str) -> Played {
    let (before, after) = (before[member].as_i64(), after[member].as_i64());
    ensure!(
        before.is_some() && before < after,
        "{member} was {before:?} and is {after:?}: it must rise (TRU-20)"
    );
    Ok(())
}

/// A newer configuration of a county with one more federation key and one more pin.
fn with_both(county: &County, key: &Key, pin: &str) -> Draft {
    let mut draft = county.configuration();
    draft.set("jwks", json!({ "keys": [county.key.jwk(), key.jwk()] }));
    draft.claims["metadata"]["comity_node"]["tls_pins"] = json!([county.tls.pin, pin]);
    draft
}

fn another_pin() -> Played<String> {
    let identity = identity().map_err(|error| Stop::Unknown(error.to_string()))?;
    Ok(identity.pin)
}

/// A province that is a member of nothing, and the prefix that it is to have: that of an applicant county, which is nobody else's.
fn province(scene: &mut Scene) -> Played<(Province, String)> {
    let county = scene.applicant()?;
    let entity = county.entity.replace("applicant", "province");
    let province = Province::new(entity, Key::stranger(), Some(scene.target.entity.clone()));
    // Six digits are a prefix too: each case has its own, and none covers another's.
    Ok((province, county.region))
}

fn as_draft(province: &Province) -> Draft {
    let claims = claims_of(&province.served_configuration()).unwrap_or(Value::Null);
    Draft::new("entity-statement+jwt", claims, &province.key)
}

fn apply_as_province(application: String, prefix: &str) -> Act {
    let name = comity_spec::text::Bilingual {
        zh: "示例省".to_owned(),
        en: "Example Province".to_owned(),
    };
    Act::Enrol {
        application,
        prefix: Some(prefix.to_owned()),
        name: Some(name),
    }
}

/// A province's application is refused and not listed; the honest one is taken in.
async fn no_province(scene: &mut Scene, province: &Province, application: String, prefix: &str) -> Played {
    let answer = scene
        .attempt::<Done>(apply_as_province(application, prefix))
        .await?;
    ensure!(answer.is_err(), "the authority took the province in");
    let list = scene.listed().await?;
    ensure!(
        line_of(&list, &province.entity).is_none(),
        "the authority refused the province and lists it all the same"
    );
    let honest = province.served_configuration();
    scene
        .ask::<Done>(apply_as_province(honest, prefix))
        .await
        .map(drop)
}
