//! A look-up request with one defect (chapters 2 and 7.2, VER-4 to VER-7): refused by the problem of that defect, in the order of the
//! text when there are two, and nobody is looked up.

use serde_json::{Value, json};

use super::super::{Case, play};
use crate::class::Class::Issuer;
use crate::scene::Question;
use crate::world::World;
use crate::world::ambient::{b64, message_id, now, unb64};
use crate::world::county::random_digest;
use crate::world::draft::compact;
use crate::world::keys::Key;

/// Cases that differ from an honest question in what this changes.
macro_rules! refusals {
    ($($name:literal [$($id:literal),+] $about:literal => [$($slug:literal),+] $change:expr;)+) => {
        pub(super) const CASES: &[Case] = &[$(
            Case::differs(
                Issuer,
                $name,
                &[$($id),+],
                "issuer/look-up-match",
                $about,
                concat!("refused with", $(" ", $slug),+, "; honest questions are answered as before"),
                play!(|scene| {
                    let change: fn(&mut Question, &World) = $change;
                    let mut question = scene.question().await?;
                    change(&mut question, &scene.world);
                    scene.refuses_this(&[$($slug),+], &question).await
                }),
            ),
        )+];
    };
}

refusals! {
    // Who asks (VER-4, TRN-2).
    "issuer/asks-in-anothers-name" ["VER-4", "TRN-2"] "iss is another county, whose exchange key signs; the channel is the partner's"
        => ["pin-mismatch"] |q, world| {
            let other = &world.counties[world.counties.len() - 1].host;
            q.draft.signed_by(&other.exchange_key).set("iss", other.entity.as_str());
        };
    "issuer/asks-under-no-members-name" ["VER-4"] "iss is nobody's entity id"
        => ["pin-mismatch", "not-a-member"] |q, _| q.set("iss", "https://nobody.example");

    // The signature (JWS-1 to JWS-10).
    "issuer/question-forged" ["VER-4", "JWS-6"] "another key signs under the kid of the partner's exchange key"
        => ["signature-invalid"] |q, _| q.draft.key = Key::stranger();
    "issuer/question-by-unknown-key" ["VER-4", "JWS-4"] "another key signs and says so"
        => ["signature-invalid"] |q, _| { q.draft.signed_by(&Key::stranger()); };
    "issuer/question-by-status-key" ["JWS-5"] "the partner's status key signs"
        => ["signature-invalid"] |q, _| { let key = q.partner.county().status_key.clone(); q.draft.signed_by(&key); };
    "issuer/question-by-federation-key" ["JWS-5"] "the partner's federation key signs"
        => ["signature-invalid"] |q, _| { let key = q.partner.county().key.clone(); q.draft.signed_by(&key); };
    "issuer/question-brings-its-key" ["JWS-2", "JWS-4"] "the header has jwk, and that key signed"
        => ["signature-invalid", "malformed-request"] |q, _| {
            let key = Key::stranger();
            let jwk = key.jwk();
            q.draft.signed_by(&key).head("jwk", jwk);
        };
    "issuer/question-alg-none" ["JWS-1"] "alg is none and the signature is empty"
        => ["signature-invalid", "malformed-request"] |q, _| {
            q.draft.head("alg", "none");
            let signed = q.draft.sign();
            q.instead = signed.rsplit_once('.').map(|(rest, _)| format!("{rest}."));
        };
    "issuer/question-alg-other" ["JWS-1"] "alg is ES256"
        => ["signature-invalid", "malformed-request"] |q, _| { q.draft.head("alg", "ES256"); };
    "issuer/question-header-crit" ["JWS-2"] "the header has crit"
        => ["signature-invalid", "malformed-request"] |q, _| { q.draft.head("crit", json!(["exp"])); };
    "issuer/question-header-more" ["JWS-2"] "the header has cty"
        => ["signature-invalid", "malformed-request"] |q, _| { q.draft.head("cty", "json"); };
    "issuer/question-of-another-type" ["JWS-3"] "typ is that of a hint"
        => ["signature-invalid", "malformed-request"] |q, _| { q.draft.head("typ", "comity-hint+jwt"); };
    "issuer/question-signature-short" ["JWS-10"] "the signature has 63 octets"
        => ["signature-invalid", "malformed-request"] |q, _| {
            let signed = q.draft.sign();
            q.instead = signed.rsplit_once('.').and_then(|(rest, signature)| {
                let mut octets = unb64(signature)?;
                octets.pop();
                Some(format!("{rest}.{}", b64(octets)))
            });
        };
    "issuer/question-signature-zero" ["JWS-7"] "R and S are zero, as a small-order key would have them"
        => ["signature-invalid", "malformed-request"] |q, _| {
            let signed = q.draft.sign();
            q.instead = signed.rsplit_once('.').map(|(rest, _)| format!("{rest}.{}", b64([0; 64])));
        };
    "issuer/question-signature-malleable" ["JWS-7"] "S is written with the order of the group added"
        => ["signature-invalid", "malformed-request"] |q, _| {
            let signed = q.draft.sign();
            q.instead = signed.rsplit_once('.').and_then(|(rest, signature)| {
                Some(format!("{rest}.{}", b64(plus_order(&unb64(signature)?)?)))
            });
        };
    "issuer/question-padded" ["JWS-10"] "the payload's base64url is padded"
        => ["signature-invalid", "malformed-request"] |q, _| q.instead = Some(q.draft.sign().replacen('.', "=.", 1));
    "issuer/question-four-parts" ["JWS-10"] "a fourth part follows"
        => ["signature-invalid", "malformed-request"] |q, _| q.instead = Some(format!("{}.e30", q.draft.sign()));
    "issuer/question-then-newline" ["JWS-10"] "a line feed follows"
        => ["signature-invalid", "malformed-request"] |q, _| q.instead = Some(format!("{}\n", q.draft.sign()));

    // The payload (JWS-11 to JWS-16).
    "issuer/question-name-twice" ["JWS-11"] "the payload names aud twice, first another county"
        => ["malformed-request"] |q, _| respelt(q, |text| text.replacen('{', r#"{"aud":"https://nobody.example","#, 1));
    "issuer/question-name-twice-escaped" ["JWS-11"] "the payload names aud twice, once with an escape"
        => ["malformed-request"] |q, _| respelt(q, |text| text.replacen('{', r#"{"\u0061ud":"https://nobody.example","#, 1));
    "issuer/question-time-with-fraction" ["JWS-12", "TIM-1"] "iat is written with a fraction"
        => ["malformed-request"] |q, _| { let iat = q.draft.claims["iat"].to_string(); respelt(q, |text| text.replacen(&iat, &format!("{iat}.0"), 1)); };
    "issuer/question-nested-too-deep" ["JWS-13"] "ext nests 40 levels"
        => ["malformed-request"] |q, _| {
            let mut deep = json!(1);
            for _ in 0..40 {
                deep = json!([deep]);
            }
            q.set("ext", json!({ "grease": deep }));
        };
    "issuer/question-unknown-member" ["JWS-14"] "a member that the text does not know"
        => ["malformed-request"] |q, _| q.set("grease", 1);
    "issuer/question-unknown-member-of-subject" ["JWS-14"] "a member of subject that the text does not know"
        => ["malformed-request"] |q, _| { let subject = grown(&q.draft.claims["subject"], "grease"); q.set("subject", subject); };
    "issuer/question-without-case-ref" ["JWS-16"] "case_ref is missing"
        => ["malformed-request"] |q, _| { q.draft.without("case_ref"); };
    "issuer/question-without-purpose" ["JWS-16"] "purpose is missing"
        => ["malformed-request"] |q, _| { q.draft.without("purpose"); };
    "issuer/question-without-legal-basis" ["JWS-16"] "legal_basis is missing"
        => ["malformed-request"] |q, _| { q.draft.without("legal_basis"); };
    "issuer/question-purpose-unknown" ["JWS-16", "VSN-3"] "purpose is none of the three"
        => ["malformed-request"] |q, _| q.set("purpose", "CURIOSITY");
    "issuer/question-jti-short" ["IDN-14"] "jti has 21 characters"
        => ["malformed-request"] |q, _| { let jti: String = message_id().chars().take(21).collect(); q.set("jti", jti); };
    "issuer/question-jti-uncanonical" ["IDN-14"] "the unused bits of jti are not zero"
        => ["malformed-request"] |q, _| { let jti = format!("{}B", "A".repeat(21)); q.set("jti", jti); };
    "issuer/question-number-repaired" ["IDN-1"] "the citizen number has a blank before it"
        => ["malformed-request"] |q, _| { let number = format!(" {}", q.person.id_number); renumbered(q, &number); };
    "issuer/question-number-wrong-check" ["IDN-6"] "the check character of the number is another"
        => ["malformed-request"] |q, _| {
            let last = if q.person.id_number.ends_with('1') { '2' } else { '1' };
            let number: String = q.person.id_number.chars().take(17).chain([last]).collect();
            renumbered(q, &number);
        };
    "issuer/question-media-type" ["ERR-2"] "it is sent as application/json"
        => ["unsupported-media-type"] |q, _| q.media = "application/json";
    "issuer/question-not-a-jws" ["JWS-10"] "the body is not a JWS at all"
        => ["signature-invalid", "malformed-request"] |q, _| q.instead = Some("ceci n'est pas un JWS".to_owned());

    // For whom, in which world, when (VER-4, VER-5).
    "issuer/question-of-the-other-environment" ["VER-4", "TRU-13"] "environment is PRODUCTION"
        => ["wrong-environment"] |q, _| q.set("environment", "PRODUCTION");
    "issuer/question-lives-too-long" ["VER-5"] "exp is 61 seconds after iat"
        => ["request-expired", "malformed-request"] |q, _| { let exp = now() + 61; q.set("iat", exp - 61); q.set("exp", exp); };
    "issuer/question-ends-before-it-begins" ["VER-5"] "exp equals iat"
        => ["request-expired", "malformed-request"] |q, _| { let iat = q.draft.claims["iat"].clone(); q.set("exp", iat); };
    "issuer/question-ended" ["VER-5"] "exp passed 90 seconds ago"
        => ["request-expired"] |q, _| { let exp = now() - 90; q.set("iat", exp - 30); q.set("exp", exp); };
    "issuer/question-from-the-future" ["JWS-17", "VER-5"] "iat lies 300 seconds ahead"
        => ["clock-skew", "not-ready"] |q, _| { let iat = now() + 300; q.set("iat", iat); q.set("exp", iat + 30); };

    // Under which agreement (VER-6).
    "issuer/agreement-unknown" ["VER-6"] "an agreement that nobody signed"
        => ["agreement-unknown"] |q, _| q.set("agreement", json!({ "id": "AGR-NOBODY-SIGNED", "version": 1, "digest": random_digest() }));
    "issuer/agreement-other-version" ["VER-6"] "a version that there is not"
        => ["agreement-version-mismatch"] |q, _| { let mut one = q.partner.agreement.clone(); one["version"] = json!(2); q.set("agreement", one); };
    "issuer/agreement-other-digest" ["VER-6"] "another text of the version"
        => ["agreement-version-mismatch"] |q, _| { let mut one = q.partner.agreement.clone(); one["digest"] = json!(random_digest()); q.set("agreement", one); };

    // For what (VER-7, AGR-19).
    "issuer/service-not-covered" ["VER-7"] "a service of the catalogue that no row names"
        => ["service-not-covered"] |q, _| q.set("service", "BPS-5");
    "issuer/service-narrower-than-the-row" ["AGR-19"] "a part of a service whose whole is a row"
        => ["service-not-covered"] |q, _| q.set("service", "EMP-PLACEMENT");
    "issuer/service-the-other-way" ["AGR-19", "AGR-20"] "a row that holds for the partner's permits alone"
        => ["service-not-covered"] |q, _| q.set("service", "RGT-2");
    "issuer/provider-missing" ["AGR-19"] "a row names institutions, the request none"
        => ["service-not-covered"] |q, _| q.set("service", "MED-DESIGNATED");
    "issuer/provider-not-named" ["AGR-19"] "an institution that the row does not name"
        => ["service-not-covered"] |q, _| { q.set("service", "MED-DESIGNATED"); q.set("provider", "ANOTHER-HOSPITAL"); };
    "issuer/claims-not-allowed" ["VER-7"] "a claim that the row does not list"
        => ["claims-not-allowed"] |q, _| q.set("claims", json!(["name", "tier", "hukou_address"]));

    // Two defects: the first of the text's order is told (VER-4).
    "issuer/order-signature-before-audience" ["VER-4"] "forged, and for another county"
        => ["signature-invalid"] |q, _| { q.draft.key = Key::stranger(); q.set("aud", "https://nobody.example"); };
    "issuer/order-audience-before-environment" ["VER-4"] "for another county, and of the other environment"
        => ["wrong-audience"] |q, _| { q.set("aud", "https://nobody.example"); q.set("environment", "PRODUCTION"); };
    "issuer/order-environment-before-times" ["VER-4"] "of the other environment, and ended"
        => ["wrong-environment"] |q, _| { let exp = now() - 90; q.set("environment", "PRODUCTION"); q.set("iat", exp - 30); q.set("exp", exp); };
    "issuer/order-times-before-agreement" ["VER-4"] "ended, and under an unknown agreement"
        => ["request-expired"] |q, _| {
            let exp = now() - 90;
            q.set("iat", exp - 30);
            q.set("exp", exp);
            q.set("agreement", json!({ "id": "AGR-NOBODY-SIGNED", "version": 1, "digest": random_digest() }));
        };
    "issuer/order-agreement-before-service" ["VER-4"] "under an unknown agreement, for a service that is not covered"
        => ["agreement-unknown"] |q, _| {
            q.set("agreement", json!({ "id": "AGR-NOBODY-SIGNED", "version": 1, "digest": random_digest() }));
            q.set("service", "BPS-5");
        };
    "issuer/order-service-before-claims" ["VER-4"] "for a service that is not covered, with a claim that no row lists"
        => ["service-not-covered"] |q, _| { q.set("service", "BPS-5"); q.set("claims", json!(["name", "hukou_address"])); };
}

/// The payload in another spelling, signed.
fn respelt(question: &mut Question, spell: impl FnOnce(String) -> String) {
    let payload = String::from_utf8_lossy(&question.draft.payload()).into_owned();
    let header = Value::Object(question.draft.header.clone()).to_string();
    let other = spell(payload);
    question.instead = Some(compact(header.as_bytes(), other.as_bytes(), &question.draft.key));
}

fn grown(object: &Value, member: &str) -> Value {
    let mut grown = object.clone();
    if let Some(members) = grown.as_object_mut() {
        members.insert(member.to_owned(), json!(1));
    }
    grown
}

fn renumbered(question: &mut Question, number: &str) {
    let name = question.person.name.clone();
    question.set(
        "subject",
        json!({ "number": { "id_number": number }, "name": name }),
    );
}

/// The same signature with S + L in place of S, which a lax verifier takes.
fn plus_order(signature: &[u8]) -> Option<Vec<u8>> {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut sum = signature.to_vec();
    let mut carry = 0;
    for (byte, order) in sum.get_mut(32..64)?.iter_mut().zip(ORDER) {
        let total = u16::from(*byte) + u16::from(order) + carry;
        *byte = u8::try_from(total & 0xff).ok()?;
        carry = total >> 8;
    }
    Some(sum)
}
