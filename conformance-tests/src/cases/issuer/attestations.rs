//! What the target emits (chapter 5): form, digests, dates, and what is not attested.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::{Case, play};
use crate::class::Class::Issuer;
use crate::scene::{Played, Scene, ensure};
use crate::target::contract::{Act, Form, Token, What};
use crate::world::ambient::{now, unb64};
use crate::world::attestation::digits;
use crate::world::county::end_of;
use crate::world::draft::{claims_of, header_of};
use crate::world::keys::{digest, verifies};

/// What the card form discloses (ATT-6).
const CARD: [&str; 5] = ["basis", "id_number", "name", "residence_since", "tier"];
/// What is never hidden (ATT-3), and what is never there (ATT-4).
const OPEN: [&str; 9] = [
    "iss",
    "vct",
    "iat",
    "nbf",
    "exp",
    "status",
    "source_as_of",
    "region",
    "environment",
];

pub(super) const CASES: &[Case] = &[
    Case::accepts(
        Issuer,
        "issuer/attestation-card",
        &[
            "ATT-1", "ATT-2", "ATT-3", "ATT-4", "ATT-5", "ATT-6", "ATT-9", "ATT-11", "JWS-2", "JWS-5",
        ],
        "the card form of a permit is exported",
        "exact header, open claims, six digests, the five disclosures of the card, exp at the end of the endorsed day",
        play!(card),
    ),
    Case::accepts(
        Issuer,
        "issuer/attestation-full",
        &["ATT-6", "ATT-4"],
        "the full form of a permit is exported",
        "exactly 32 digests, each claim a disclosure of its own, the rest decoys",
        play!(full),
    ),
    Case::accepts(
        Issuer,
        "issuer/attestation-salts",
        &["ATT-7"],
        "the attestations of twenty residents are exported",
        "every salt is new and at least 128 bits, and the place of a digest says nothing about its claim",
        play!(salts),
    ),
    Case::accepts(
        Issuer,
        "issuer/attestation-symbol",
        &["SYM-1", "SYM-3"],
        "a card attestation is written as digits",
        "at most 3,517 digits, and every character has its two",
        play!(symbol),
    ),
    Case::accepts(
        Issuer,
        "issuer/attestation-index-of-its-own",
        &["STA-3"],
        "the attestations of forty residents are exported",
        "no index twice, and the indices do not follow the register's order",
        play!(indices),
    ),
    Case::differs(
        Issuer,
        "issuer/attestation-of-lapsed-permit",
        &["ATT-8"],
        "issuer/attestation-card",
        "the endorsement of the permit has lapsed",
        "no attestation that still holds",
        play!(lapsed),
    ),
    Case::differs(
        Issuer,
        "issuer/attestation-of-cancelled-permit",
        &["ATT-8"],
        "issuer/attestation-card",
        "the permit is cancelled",
        "no attestation whose entry is not cancelled",
        play!(cancelled),
    ),
    Case::differs(
        Issuer,
        "issuer/attestation-after-endorsement",
        &["ATT-8", "STA-3", "TIM-5"],
        "issuer/attestation-card",
        "the permit is endorsed",
        "both forms are new, with new indices and the new last day",
        play!(endorsed),
    ),
];

/// A disclosure: salt, name, value.
type Disclosed = (String, String, Value);

/// The parts of a token: its claims, and its disclosures as salt, name, value.
fn read(token: &str) -> Played<(Value, Vec<Disclosed>)> {
    let claims = claims_of(token).unwrap_or(Value::Null);
    let mut disclosures = Vec::new();
    let parts: Vec<&str> = token.split('~').collect();
    ensure!(
        parts.len() > 1 && parts.last() == Some(&""),
        "the token does not end in ~: it has a key binding, or no disclosures"
    );
    for part in &parts[1..parts.len() - 1] {
        let array: Value = unb64(part)
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or(Value::Null);
        let text = |at: usize| array[at].as_str().map(str::to_owned);
        let (Some(salt), Some(name), 3) = (text(0), text(1), array.as_array().map_or(0, Vec::len)) else {
            return Err(crate::scene::Stop::Fail(
                "a disclosure is not an array of salt, name and value".to_owned(),
            ));
        };
        let listed = claims["_sd"]
            .as_array()
            .is_some_and(|all| all.contains(&Value::from(digest(part))));
        ensure!(
            listed,
            "the digest of the disclosure {name} does not stand in _sd"
        );
        disclosures.push((salt, name, array[2].clone()));
    }
    Ok((claims, disclosures))
}

async fn card(scene: &mut Scene) -> Played {
    let person = scene.resident()?;
    let token = scene.attestation(&person, Form::Card).await?;
    let jws = token.split('~').next().unwrap_or_default();
    let header = header_of(jws).unwrap_or(Value::Null);
    let names: Vec<&String> = header
        .as_object()
        .into_iter()
        .flat_map(|members| members.keys())
        .collect();
    ensure!(
        names.len() == 3 && header["typ"] == "dc+sd-jwt",
        "the header is {header}, not exactly alg, kid and typ dc+sd-jwt"
    );
    ensure!(
        verifies(jws, scene.target.keys("attestation")) == Some(true),
        "it is not signed by an attestation key of the target (ATT-9)"
    );
    let (claims, disclosures) = read(&token)?;
    for name in OPEN {
        ensure!(!claims[name].is_null(), "{name} does not stand open (ATT-2)");
    }
    ensure!(claims.get("jti").is_none(), "it has a jti (ATT-4)");
    ensure!(
        claims["vct"] == "urn:comity:vct:residence-permit:1",
        "vct is {}",
        claims["vct"]
    );
    ensure!(claims["_sd_alg"] == "sha-256", "_sd_alg is {}", claims["_sd_alg"]);
    ensure!(
        claims["region"] == scene.target.region.as_str(),
        "region is {}",
        claims["region"]
    );
    let end = end_of(&person.endorsed_until.to_string());
    ensure!(
        claims["exp"] == end,
        "exp is {}, the endorsed day ends at {end} (ATT-5)",
        claims["exp"]
    );
    ensure!(claims["nbf"].as_i64() <= Some(now() + 60), "nbf lies ahead");
    ensure!(claims["iat"].as_i64() <= Some(now() + 60), "iat lies ahead");
    let digests = claims["_sd"].as_array().map_or(0, Vec::len);
    ensure!(
        digests == 6,
        "the card form has {digests} digests and not 6 (ATT-6)"
    );
    let mut shown: Vec<&str> = disclosures.iter().map(|(_, name, _)| name.as_str()).collect();
    shown.sort_unstable();
    ensure!(shown == CARD, "the card discloses {shown:?}");
    let expected = person.card();
    for (_, name, value) in &disclosures {
        let registered = expected
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value);
        ensure!(registered == Some(value), "{name} is not as registered (ATT-16)");
    }
    let open = serde_json::to_string(&claims).unwrap_or_default();
    scene.names_nobody(&open, "the open part of the attestation")
}

/// Claims that the register file has no column for: a target that tells them says what is so, and none has to know them.
const NOT_IN_THE_FILE: &[&str] = &["residence_region", "credential_class", "id_type"];

async fn full(scene: &mut Scene) -> Played {
    let person = scene.resident()?;
    let token = scene.attestation(&person, Form::Full).await?;
    let (claims, disclosures) = read(&token)?;
    let digests = claims["_sd"].as_array().cloned().unwrap_or_default();
    ensure!(
        digests.len() == 32,
        "the full form has {} digests and not 32 (ATT-6)",
        digests.len()
    );
    let distinct: BTreeSet<String> = digests.iter().map(ToString::to_string).collect();
    ensure!(distinct.len() == 32, "a digest stands twice (ATT-10)");
    ensure!(disclosures.len() < 32, "there is no decoy");
    let names: BTreeSet<&str> = disclosures.iter().map(|(_, name, _)| name.as_str()).collect();
    ensure!(names.len() == disclosures.len(), "a claim is disclosed twice");
    for (name, value) in person.full() {
        let told = disclosures
            .iter()
            .find(|(_, known, _)| *known == name)
            .map(|(_, _, value)| value);
        let unknown = told.is_none() && NOT_IN_THE_FILE.contains(&name.as_str());
        ensure!(
            told == Some(&value) || unknown,
            "{name} is not told as registered"
        );
    }
    for name in ["photo", "picture", "jti"] {
        ensure!(!names.contains(name), "{name} is told (ATT-4)");
    }
    Ok(())
}

async fn salts(scene: &mut Scene) -> Played {
    let mut seen = BTreeSet::new();
    let mut places = BTreeSet::new();
    for person in scene.residents(20)? {
        let token = scene.attestation(&person, Form::Card).await?;
        let (claims, disclosures) = read(&token)?;
        for (salt, ..) in &disclosures {
            let bits = unb64(salt).map_or(salt.len() * 6, |octets| octets.len() * 8);
            ensure!(bits >= 128, "a salt has {bits} bits");
            ensure!(seen.insert(salt.clone()), "a salt is used twice");
        }
        let name = token.split('~').skip(1).find(|part| {
            let array: Option<Value> = unb64(part).and_then(|bytes| serde_json::from_slice(&bytes).ok());
            array.is_some_and(|array| array[1] == "name")
        });
        let of_name = name.map(digest).unwrap_or_default();
        places.insert(
            claims["_sd"]
                .as_array()
                .into_iter()
                .flatten()
                .position(|one| *one == of_name.as_str()),
        );
    }
    // One place for all of twenty happens once in 6^19.
    ensure!(
        places.len() > 1,
        "the digest of the name stands in the same place in twenty attestations (ATT-7)"
    );
    Ok(())
}

async fn symbol(scene: &mut Scene) -> Played {
    let person = scene.resident()?;
    let token = scene.attestation(&person, Form::Card).await?;
    ensure!(
        token.bytes().all(|byte| (45..=126).contains(&byte)),
        "a character of the token has no two digits"
    );
    let length = digits(&token).len();
    ensure!(
        length <= 3_517,
        "the card needs {length} digits, a symbol of version 27 holds 3,517"
    );
    Ok(())
}

async fn indices(scene: &mut Scene) -> Played {
    let mut places = Vec::new();
    for person in scene.residents(40)? {
        let token = scene.attestation(&person, Form::Card).await?;
        let claims = claims_of(&token).unwrap_or(Value::Null);
        let status = &claims["status"]["status_list"];
        places.push((
            status["uri"].to_string(),
            status["idx"].as_u64().unwrap_or(u64::MAX),
        ));
    }
    let distinct: BTreeSet<&(String, u64)> = places.iter().collect();
    ensure!(distinct.len() == places.len(), "two attestations share an index");
    ensure!(
        places.iter().all(|(_, index)| *index < 131_072),
        "an index lies outside its list (STA-8)"
    );
    let (lowest, highest) = (places.iter().map(|p| p.1).min(), places.iter().map(|p| p.1).max());
    let spread = highest.unwrap_or(0) - lowest.unwrap_or(0);
    // Forty drawn indices keep to half of a list once in 10^10; taken in turn they always do while permits are few.
    ensure!(
        spread > 131_072 / 2,
        "the indices keep to {spread} entries of 131,072: how many permits there are can be read from them"
    );
    let rising = places.windows(2).filter(|pair| pair[0].1 < pair[1].1).count();
    // Forty drawn indices rise 39 times once in 10^47; issued in order they always do.
    ensure!(
        rising != 39 && rising != 0,
        "the indices follow the order of the register"
    );
    Ok(())
}

async fn lapsed(scene: &mut Scene) -> Played {
    let person = scene.lapsed_resident()?;
    let act = Act::Attestation {
        permit_number: person.permit_number.clone(),
        form: Form::Card,
    };
    if let Ok(token) = scene.attempt::<Token>(act).await? {
        let exp = claims_of(&token.token).unwrap_or(Value::Null)["exp"]
            .as_i64()
            .unwrap_or(i64::MAX);
        ensure!(exp < now(), "a lapsed permit is attested until {exp}");
    }
    Ok(())
}

async fn cancelled(scene: &mut Scene) -> Played {
    let person = scene.resident()?;
    let before = scene.attestation(&person, Form::Card).await?;
    scene.happens(&person, What::Cancelled).await?;
    scene.status_becomes(&before, 1).await?;
    let act = Act::Attestation {
        permit_number: person.permit_number.clone(),
        form: Form::Card,
    };
    if let Ok(token) = scene.attempt::<Token>(act).await? {
        let status = scene.status_of(&token.token).await?;
        ensure!(status == 1, "a cancelled permit is attested with status {status}");
    }
    Ok(())
}

async fn endorsed(scene: &mut Scene) -> Played {
    let person = scene.resident()?;
    let mut before = Vec::new();
    for form in [Form::Card, Form::Full] {
        before.push((form, scene.attestation(&person, form).await?));
    }
    scene.happens_until(&person, What::Endorsed, 360).await?;
    for (form, old) in before {
        let new = scene.attestation(&person, form).await?;
        ensure!(new != old, "the {form:?} form is the old one");
        let (old, new) = (
            claims_of(&old).unwrap_or(Value::Null),
            claims_of(&new).unwrap_or(Value::Null),
        );
        let place = |claims: &Value| claims["status"]["status_list"].clone();
        ensure!(
            place(&old) != place(&new),
            "the new {form:?} form has the index of the old one"
        );
        let end = end_of(&crate::world::person::day(now(), 360).to_string());
        ensure!(
            new["exp"] == end,
            "exp of the new {form:?} form is {}, expected {end}",
            new["exp"]
        );
    }
    Ok(())
}
