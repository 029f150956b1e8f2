//! A permit of another county at the target's window (chapters 5 and 7.1): what each defect of the presentation leads to.

use serde_json::{Value, json};

use super::super::{Case, play};
use crate::class::Class::Recogniser;
use crate::scene::{Played, Scene, Shown, ensure};
use crate::target::contract::Holder;
use crate::world::World;
use crate::world::ambient::{b64, now, random};
use crate::world::attestation::{digits, disclosure, salt};
use crate::world::keys::{Key, digest};

/// Cases that differ from an honest card in what this changes.
macro_rules! defects {
    ($($name:literal [$($id:literal),+] $about:literal => [$($code:literal),+] $change:expr;)+) => {
        pub(super) const DEFECTS: &[Case] = &[$(
            Case::differs(
                Recogniser,
                $name,
                &[$($id),+],
                "recogniser/recognised",
                $about,
                concat!($($code, " "),+, "and honest cards are recognised as before"),
                play!(|scene| {
                    let change: fn(&mut Shown, &World) = $change;
                    let mut shown = scene.shown().await?;
                    change(&mut shown, &scene.world);
                    scene.shows_this(&[$($code),+], &shown).await
                }),
            ),
        )+];
    };
}

pub(super) const CASES: &[Case] = &[
    Case::accepts(
        Recogniser,
        "recogniser/recognised",
        &["DEC-9", "DEC-13", "RCP-1", "RCP-4", "RCP-6", "PRV-3"],
        "a valid card of a partner is scanned, and the clerk finds the holder",
        "RECOGNISED, provisional, and a receipt after the clerk looked",
        play!(recognised),
    ),
    Case::accepts(
        Recogniser,
        "recogniser/recognised-by-digits",
        &["SYM-1", "SYM-2"],
        "the digits of a valid card are scanned, full-width ones and blanks among them",
        "RECOGNISED",
        play!(by_digits),
    ),
    Case::accepts(
        Recogniser,
        "recogniser/recognised-full-form",
        &["ATT-6", "ATT-10"],
        "the full form of a permit is shown, with claims held back",
        "RECOGNISED",
        play!(full_form),
    ),
    Case::accepts(
        Recogniser,
        "recogniser/recognised-ed25519",
        &["JWS-1"],
        "the signature's alg is Ed25519",
        "RECOGNISED",
        play!(fully_specified),
    ),
    Case::accepts(
        Recogniser,
        "recogniser/unknown-open-claim-ignored",
        &["JWS-14"],
        "an open claim that the text does not know",
        "RECOGNISED: a standard owns the type",
        play!(unknown_open_claim),
    ),
    Case::differs(
        Recogniser,
        "recogniser/holder-mismatch",
        &["DEC-5", "DEC-9"],
        "recogniser/recognised",
        "the clerk finds somebody else",
        "HOLDER_MISMATCH, and no receipt of recognition",
        play!(mismatch),
    ),
    Case::differs(
        Recogniser,
        "recogniser/url-in-token-not-fetched",
        &["ATT-9", "ATT-12"],
        "recogniser/recognised",
        "the status list lies at another county's address",
        "SIGNATURE_INVALID, and nothing is asked for there",
        play!(url_not_fetched),
    ),
    Case::differs(
        Recogniser,
        "recogniser/jku-not-fetched",
        &["JWS-2", "JWS-4", "ATT-12"],
        "recogniser/recognised",
        "the header has a jku at another county's address, and the key there signed",
        "SIGNATURE_INVALID or UNSUPPORTED_VERSION, and nothing is asked for there",
        play!(jku_not_fetched),
    ),
];

defects! {
    // Text (7.1, step 1).
    "recogniser/text-no-code" ["VER-1"] "something else is scanned" => ["UNREADABLE"] |s, _| s.instead = Some("https://example.invalid/?q=1".to_owned());
    "recogniser/text-empty" ["VER-1"] "nothing is scanned" => ["UNREADABLE"] |s, _| s.instead = Some(" ".to_owned());
    "recogniser/digits-odd" ["SYM-2"] "a digit is missing" => ["UNREADABLE"] |s, _| { let mut text = digits(&s.card.token()); text.pop(); s.instead = Some(text); };
    "recogniser/digits-above-81" ["SYM-2"] "a pair of digits is 82" => ["UNREADABLE"] |s, _| s.instead = Some(format!("82{}", digits(&s.card.token())));
    "recogniser/digits-with-letter" ["SYM-2"] "a letter stands among the digits" => ["UNREADABLE"] |s, _| s.instead = Some(digits(&s.card.token()).replacen('5', "S", 1));
    "recogniser/text-over-256-kib" ["VER-1", "JWS-15", "SEC-1"] "what is scanned is larger than any token"
        => ["UNREADABLE"] |s, _| s.instead = Some(format!("{}{}~", s.card.token(), "A".repeat(300 << 10)));

    // Versions.
    "recogniser/vct-other" ["ATT-1", "VSN-2"] "vct is of a later type" => ["UNSUPPORTED_VERSION"] |s, _| { s.card.draft.set("vct", "urn:comity:vct:residence-permit:2"); };
    "recogniser/typ-other" ["ATT-1", "VSN-2"] "typ is vc+sd-jwt" => ["UNSUPPORTED_VERSION"] |s, _| { s.card.draft.head("typ", "vc+sd-jwt"); };
    "recogniser/alg-other" ["JWS-1", "VSN-2"] "alg is ES256" => ["UNSUPPORTED_VERSION"] |s, _| { s.card.draft.head("alg", "ES256"); };
    "recogniser/alg-none" ["JWS-1"] "alg is none" => ["UNSUPPORTED_VERSION", "SIGNATURE_INVALID"] |s, _| { s.card.draft.head("alg", "none"); };

    // Who issued it.
    "recogniser/issuer-unknown" ["VER-1", "VER-2", "TRU-17"] "iss is nobody's entity id" => ["UNKNOWN_ISSUER"] |s, _| {
        s.card.draft.set("iss", "https://nobody.example").set("status", json!({ "status_list": { "idx": 1, "uri": "https://nobody.example/status-lists/1" } }));
    };
    "recogniser/issuer-is-an-authority" ["VER-1"] "iss is the province" => ["UNKNOWN_ISSUER"] |s, world| {
        let province = world.provinces[1].host.entity.clone();
        let uri = format!("{province}/status-lists/1");
        s.card.draft.signed_by(&world.provinces[1].host.key).set("iss", province).set("status", json!({ "status_list": { "idx": 1, "uri": uri } }));
    };
    "recogniser/of-the-other-environment" ["VER-3", "TRU-13"] "environment is PRODUCTION" => ["UNKNOWN_ISSUER"] |s, _| { s.card.draft.set("environment", "PRODUCTION"); };

    // Signature.
    "recogniser/forged" ["VER-1", "VER-2", "JWS-6"] "another key signs under the kid of the issuer's" => ["SIGNATURE_INVALID"] |s, _| s.card.draft.key = Key::stranger();
    "recogniser/key-unknown" ["VER-1", "VER-2"] "another key signs and says so: the issuer may have a new one" => ["ISSUER_UNREACHABLE"] |s, _| { s.card.draft.signed_by(&Key::stranger()); };
    "recogniser/signed-by-status-key" ["JWS-5"] "the issuer's status key signs" => ["SIGNATURE_INVALID", "ISSUER_UNREACHABLE"] |s, _| { let key = s.partner.county().status_key.clone(); s.card.draft.signed_by(&key); };
    "recogniser/signed-by-another-county" ["ATT-9", "JWS-4"] "another county's attestation key signs" => ["SIGNATURE_INVALID", "ISSUER_UNREACHABLE"] |s, world| {
        let key = world.counties[world.counties.len() - 1].host.attestation_key.clone();
        s.card.draft.signed_by(&key);
    };
    "recogniser/signed-for-another-county" ["ATT-9"] "region is another county's" => ["SIGNATURE_INVALID"] |s, world| {
        let region = world.counties[world.counties.len() - 1].host.region.clone();
        s.card.draft.set("region", region);
    };
    "recogniser/small-order-signature" ["JWS-7"] "R and S are zero" => ["SIGNATURE_INVALID"] |s, _| {
        let token = s.card.token();
        s.instead = token.split_once('~').and_then(|(jws, rest)| {
            let (signed, _) = jws.rsplit_once('.')?;
            Some(format!("{signed}.{}~{rest}", b64([0; 64])))
        });
    };

    // Open claims (ATT-2, ATT-3).
    "recogniser/without-exp" ["ATT-2", "JWS-16"] "exp is missing" => ["SIGNATURE_INVALID"] |s, _| { s.card.draft.without("exp"); };
    "recogniser/without-nbf" ["ATT-2"] "nbf is missing" => ["SIGNATURE_INVALID"] |s, _| { s.card.draft.without("nbf"); };
    "recogniser/without-status" ["ATT-2"] "status is missing" => ["SIGNATURE_INVALID"] |s, _| { s.card.draft.without("status"); };
    "recogniser/without-source-as-of" ["ATT-2"] "source_as_of is missing" => ["SIGNATURE_INVALID"] |s, _| { s.card.draft.without("source_as_of"); };
    "recogniser/without-sd-alg" ["ATT-11"] "_sd_alg is missing" => ["SIGNATURE_INVALID"] |s, _| { s.card.draft.without("_sd_alg"); };
    "recogniser/sd-alg-other" ["ATT-11"] "_sd_alg is sha-512" => ["SIGNATURE_INVALID"] |s, _| { s.card.draft.set("_sd_alg", "sha-512"); };
    "recogniser/exp-before-nbf" ["ATT-2"] "nbf lies after exp" => ["SIGNATURE_INVALID"] |s, _| { let exp = s.card.draft.claims["exp"].as_i64().unwrap_or(0); s.card.draft.set("nbf", exp + 1); };
    "recogniser/exp-as-text" ["TIM-1", "JWS-16"] "exp is a string" => ["SIGNATURE_INVALID"] |s, _| { let exp = s.card.draft.claims["exp"].to_string(); s.card.draft.set("exp", exp); };
    "recogniser/hidden-exp" ["ATT-3"] "exp stands in a disclosure" => ["SIGNATURE_INVALID"] |s, _| { let exp = s.card.draft.claims["exp"].clone(); s.card.draft.without("exp"); s.card.claim("exp", exp); };
    "recogniser/hidden-status" ["ATT-3"] "status stands in a disclosure" => ["SIGNATURE_INVALID"] |s, _| { let status = s.card.draft.claims["status"].clone(); s.card.draft.without("status"); s.card.claim("status", status); };
    "recogniser/not-yet-valid" ["VER-1"] "nbf lies two days ahead" => ["NOT_YET_VALID"] |s, _| { s.card.draft.set("nbf", now() + 2 * 86_400); };
    "recogniser/signed-in-the-future" ["JWS-17"] "iat lies 300 seconds ahead" => ["NODE_NOT_READY"] |s, _| { s.card.draft.set("iat", now() + 300); };

    // Disclosures (ATT-10).
    "recogniser/disclosure-altered" ["ATT-10", "SEC-1"] "the name was altered after signing" => ["SIGNATURE_INVALID"] |s, _| {
        let token = s.card.token();
        let other = disclosure(&json!([salt(), "name", "另一人示例"]));
        let mut parts: Vec<&str> = token.split('~').collect();
        parts[1] = &other;
        s.instead = Some(parts.join("~"));
    };
    "recogniser/disclosure-without-digest" ["ATT-10"] "a disclosure to which no digest refers" => ["SIGNATURE_INVALID"] |s, _| s.card.loose.push(disclosure(&json!([salt(), "sex", "MALE"])));
    "recogniser/disclosure-twice" ["ATT-10"] "a disclosure is shown twice" => ["SIGNATURE_INVALID"] |s, _| {
        let token = s.card.token();
        let first = token.split('~').nth(1).unwrap_or_default().to_owned();
        s.instead = Some(format!("{token}{first}~"));
    };
    "recogniser/digest-twice" ["ATT-10"] "a digest stands twice" => ["SIGNATURE_INVALID"] |s, _| {
        let one = disclosure(&json!([salt(), "name", "示例"]));
        s.card.draft.set("_sd", json!([digest(&one), digest(&one)]));
        s.card.claims.clear();
        s.card.loose.push(one);
    };
    "recogniser/disclosure-of-two" ["ATT-10"] "a disclosure has two elements" => ["SIGNATURE_INVALID"] |s, _| s.card.raw.push(disclosure(&json!([salt(), "sex"])));
    "recogniser/disclosure-named-sd" ["ATT-10"] "a disclosure is named _sd" => ["SIGNATURE_INVALID"] |s, _| s.card.raw.push(disclosure(&json!([salt(), "_sd", [b64(random::<32>())]])));
    "recogniser/disclosure-named-dots" ["ATT-10"] "a disclosure is named ..." => ["SIGNATURE_INVALID"] |s, _| s.card.raw.push(disclosure(&json!([salt(), "...", "x"])));
    "recogniser/disclosure-salt-no-text" ["ATT-10"] "a salt is a number" => ["SIGNATURE_INVALID"] |s, _| s.card.raw.push(disclosure(&json!([7, "sex", "MALE"])));
    "recogniser/disclosure-already-open" ["ATT-10"] "a disclosure has the name of an open claim" => ["SIGNATURE_INVALID"] |s, _| s.card.raw.push(disclosure(&json!([salt(), "region", "361123"])));
    "recogniser/payload-name-twice" ["JWS-11"] "the payload names exp twice" => ["SIGNATURE_INVALID"] |s, _| {
        let token = s.card.token();
        s.instead = token.split_once('~').and_then(|(jws, rest)| {
            let claims = crate::world::draft::claims_of(jws)?.to_string().replacen('{', r#"{"exp":1,"#, 1);
            Some(format!("{}~{rest}", s.card.draft.sign_payload(claims.as_bytes())))
        });
    };
    "recogniser/key-binding-forged" ["ATT-15"] "a key binding is shown that the holder's key did not sign" => ["SIGNATURE_INVALID"] |s, _| {
        let holder = Key::stranger();
        s.card.draft.set("cnf", json!({ "jwk": { "kty": "OKP", "crv": "Ed25519", "x": b64(holder.public()) } }));
        let token = s.card.token();
        let mut binding = crate::world::draft::Draft::new("kb+jwt", json!({ "iat": now(), "aud": "https://x.example", "nonce": "n", "sd_hash": digest(&token) }), &Key::stranger());
        binding.header.remove("kid");
        s.instead = Some(format!("{token}{}", binding.sign()));
    };
}

async fn recognised(scene: &mut Scene) -> Played {
    let shown = scene.shown().await?;
    let verdict = scene.scan(&shown.card.token()).await?;
    scene.outcome(&verdict, &["RECOGNISED"])?;
    let confirmed = scene.confirm(&verdict, Holder::Same).await?;
    ensure!(
        confirmed.outcome == "RECOGNISED",
        "after the clerk looked the outcome is {}",
        confirmed.outcome
    );
    let Some(printed) = confirmed.receipt else {
        return Err(crate::scene::Stop::Fail(
            "there is no receipt of a recognition that a person confirmed".to_owned(),
        ));
    };
    scene.receipt(&printed, &shown.person, "RECOGNISED")
}

async fn by_digits(scene: &mut Scene) -> Played {
    let shown = scene.shown().await?;
    let text: String = digits(&shown.card.token())
        .chars()
        .enumerate()
        .flat_map(|(at, digit)| match at % 200 {
            0 => vec![' ', digit],
            1 => vec![char::from_u32(u32::from(digit) - 0x30 + 0xFF10).unwrap_or(digit)],
            _ => vec![digit],
        })
        .collect();
    let verdict = scene.scan(&text).await?;
    scene.outcome(&verdict, &["RECOGNISED"])
}

async fn full_form(scene: &mut Scene) -> Played {
    let shown = scene.shown().await?;
    let mut full = shown.partner.county().full(&shown.person, &shown.slot);
    full.withheld
        .extend(["hukou_address", "ethnicity", "sex"].map(str::to_owned));
    let verdict = scene.scan(&full.token()).await?;
    scene.outcome(&verdict, &["RECOGNISED"])
}

async fn fully_specified(scene: &mut Scene) -> Played {
    let mut shown = scene.shown().await?;
    shown.card.draft.head("alg", "Ed25519");
    let verdict = scene.scan(&shown.card.token()).await?;
    scene.outcome(&verdict, &["RECOGNISED"])
}

async fn unknown_open_claim(scene: &mut Scene) -> Played {
    let mut shown = scene.shown().await?;
    shown.card.draft.set("grease", json!({ "a": [1, 2] }));
    let verdict = scene.scan(&shown.card.token()).await?;
    scene.outcome(&verdict, &["RECOGNISED"])
}

async fn mismatch(scene: &mut Scene) -> Played {
    let shown = scene.shown().await?;
    let verdict = scene.scan(&shown.card.token()).await?;
    scene.outcome(&verdict, &["RECOGNISED"])?;
    let confirmed = scene.confirm(&verdict, Holder::Different).await?;
    ensure!(
        confirmed.outcome == "HOLDER_MISMATCH",
        "after the clerk found somebody else the outcome is {}",
        confirmed.outcome
    );
    if let Some(printed) = &confirmed.receipt {
        let claims = crate::world::draft::claims_of(&printed.receipt).unwrap_or(Value::Null);
        ensure!(
            claims["decision"]["outcome"] == "HOLDER_MISMATCH",
            "the receipt says {}",
            claims["decision"]["outcome"]
        );
    }
    let partner = shown.partner.clone();
    scene.still_recognises(&partner).await
}

async fn url_not_fetched(scene: &mut Scene) -> Played {
    let mut shown = scene.shown().await?;
    let other = scene.world.counties[scene.world.counties.len() - 1]
        .host
        .entity
        .clone();
    let uri = format!("{other}/status-lists/1?trap");
    shown.card.draft.set(
        "status",
        json!({ "status_list": { "idx": shown.slot.index, "uri": uri } }),
    );
    scene.shows_this(&["SIGNATURE_INVALID"], &shown).await?;
    nothing_came(scene, &other, "/status-lists/1")
}

async fn jku_not_fetched(scene: &mut Scene) -> Played {
    let mut shown = scene.shown().await?;
    let other = scene.world.counties[scene.world.counties.len() - 1]
        .host
        .entity
        .clone();
    shown
        .card
        .draft
        .signed_by(&Key::stranger())
        .head("jku", format!("{other}/trap/keys"));
    scene
        .shows_this(&["SIGNATURE_INVALID", "UNSUPPORTED_VERSION"], &shown)
        .await?;
    nothing_came(scene, &other, "/trap")
}

fn nothing_came(scene: &Scene, entity: &str, path: &str) -> Played {
    let came = scene.world.log.since(scene.mark());
    let asked = came
        .iter()
        .any(|one| one.entity == entity && one.path.starts_with(path));
    ensure!(!asked, "an address was asked because a token names it (ATT-12)");
    Ok(())
}
