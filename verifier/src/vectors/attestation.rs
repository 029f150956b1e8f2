//! Vectors of chapter 5 under a federation: the permit as it is scanned or handed over, and the digits of its code.

use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::vector::{AttestationInput, Challenge, Of, SymbolInput, Vector};
use serde_json::{Value, json};

use super::{CHANGSHAN, CHANGSHAN_ID, DAY, NOW, YUSHAN, YUSHAN_ID, accept, demo, refuse, today};
use crate::symbol;
use crate::testing::{PermitDraft, key, sign, thumbprint};

const TWIN: &str = "attestation/valid";
const DIGITS: &str = "symbol/valid";

pub(super) fn permit() -> PermitDraft {
    demo().permit(demo().county(YUSHAN), 7)
}

fn input(presented: String) -> AttestationInput {
    AttestationInput {
        federation: "demo".into(),
        presented,
        challenge: None,
        now: NOW,
    }
}

pub(super) fn all() -> Vec<Vector> {
    let mut all: Vec<Vector> = permits().into_iter().map(Vector::Attestation).collect();
    all.extend(digits().into_iter().map(Vector::Symbol));
    all
}

fn permits() -> Vec<Of<AttestationInput>> {
    let no = |name: &str, ids: &str, about: &str, input: AttestationInput, rule: &str| {
        refuse(&format!("attestation/{name}"), TWIN, ids, about, input, rule)
    };
    let with = |name: &str, value: Value| input(permit().with(name, value).sign());
    let without = |name: &str| {
        let mut permit = permit();
        permit.claims.as_object_mut().expect("object").shift_remove(name);
        input(permit.sign())
    };
    let claim = |name: &'static str, value: Value| input(permit().disclosing(name, value).sign());
    let by = |signer: ed25519_dalek::SigningKey| {
        let mut permit = permit();
        permit.key = signer;
        input(permit.sign())
    };
    let status = |uri: &str| with("status", json!({ "status_list": { "idx": 7, "uri": uri } }));
    let good = permit().sign();
    let digits = symbol::encode(&good).expect("a card fits");
    let forged = {
        let (jwt, rest) = good.split_once('~').expect("disclosures");
        let (signed, signature) = jwt.rsplit_once('.').expect("three parts");
        let first = if signature.starts_with('A') { 'B' } else { 'A' };
        format!("{signed}.{first}{}~{rest}", &signature[1..])
    };
    let of_federation = |name: &str| AttestationInput {
        federation: name.into(),
        ..input(permit().sign())
    };
    let mut asked = input(good.clone());
    asked.challenge = Some(Challenge {
        aud: CHANGSHAN_ID.into(),
        nonce: "n-1".into(),
        now: NOW,
        max_age: 300,
    });
    let mut expired_chain = input(good.clone());
    expired_chain.now = NOW + 5 * DAY;
    let mut other_typ = permit();
    other_typ.disclosed.clear();
    let jwt = format!("{}~", sign(&other_typ.key, Typ::Receipt, &other_typ.claims));
    let read = json!({
        "issuer": YUSHAN_ID, "region": YUSHAN, "endorsed_until": today(200), "index": 7,
        "claims": ["name", "id_number", "tier", "basis", "residence_since"],
    });
    let mut all = vec![
        accept(
            TWIN,
            "ATT-1 ATT-2 ATT-5 ATT-9",
            "the card form of 示例甲",
            input(good.clone()),
            read.clone(),
        ),
        accept(
            "attestation/valid-digits",
            "SYM-1 SYM-3",
            "the digits of its code",
            input(digits.clone()),
            read.clone(),
        ),
        accept(
            "attestation/valid-digits-as-scanners-type-them",
            "SYM-2",
            "full-width digits and a line end",
            input(format!("{}\r\n", full_width(&digits))),
            read,
        ),
        accept(
            "attestation/valid-claim-withheld",
            "ATT-4",
            "the holder shows no basis",
            claim("basis", Value::Null),
            json!({ "claims": ["name", "id_number", "tier", "residence_since"] }),
        ),
        accept(
            "attestation/valid-unknown-claim",
            "JWS-14",
            "a standard owns the type: what is not known is ignored",
            claim("shoe_size", json!(42)),
            json!({ "region": YUSHAN }),
        ),
        accept(
            "attestation/valid-past-its-date",
            "DEC-18",
            "whether a date has passed is for the decision",
            with("exp", json!(today(-1).end_of_day())),
            json!({ "endorsed_until": today(-1) }),
        ),
        accept(
            "attestation/valid-60-seconds-ahead",
            "JWS-17",
            "issued at the end of the skew",
            with("iat", json!(NOW + 60)),
            json!({ "index": 7 }),
        ),
        accept(
            "attestation/valid-for-a-second",
            "ATT-2",
            "nbf is one second before exp",
            with("nbf", json!(today(200).end_of_day().get() - 1)),
            json!({ "index": 7 }),
        ),
        accept(
            "attestation/valid-exp-at-the-day-s-beginning",
            "ATT-5",
            "exp is the first second of a day in UTC+8: that day is the last",
            with("exp", json!(today(200).start_of_day())),
            json!({ "endorsed_until": today(200) }),
        ),
        accept(
            "attestation/valid-byte-order-marks",
            "VER-1",
            "byte order marks and white space around it are dropped",
            input(format!("\u{feff}\u{feff} {good}\u{3000}\r\n")),
            json!({ "index": 7 }),
        ),
        no(
            "white-space-inside",
            "VER-1 ATT-10",
            "inside an SD-JWT nothing is dropped",
            input(good.replacen('~', "~ ", 1)),
            "sd-jwt.disclosure",
        ),
        no(
            "no-text",
            "VER-1",
            "nothing but white space",
            input(" \r\n".into()),
            "presentation.not-text",
        ),
        no(
            "no-sd-jwt",
            "VER-1",
            "some other text",
            input("https://c361123.example/permit".into()),
            "sd-jwt.structure",
        ),
        no(
            "digits-cut-short",
            "SYM-2 VER-1",
            "the scan lost its last digit",
            input(digits[..digits.len() - 1].into()),
            "symbol.incomplete",
        ),
        no(
            "digits-with-a-letter",
            "SYM-2 VER-1",
            "a letter among the digits",
            input(format!("{}x{}", &digits[..10], &digits[11..])),
            "symbol.not-digits",
        ),
        no(
            "vct-of-another-version",
            "ATT-1 VSN-2",
            "version 2 of the type",
            with("vct", json!("urn:comity:vct:residence-permit:2")),
            "attestation.vct",
        ),
        no(
            "typ-of-a-receipt",
            "ATT-1 JWS-3",
            "typ is a receipt's",
            input(jwt),
            "jws.typ",
        ),
        no(
            "environment",
            "VER-3 TRU-13",
            "of the other environment",
            with("environment", json!("PRODUCTION")),
            "attestation.environment",
        ),
        no(
            "region-of-another-county",
            "ATT-9",
            "the county attests for another's region",
            with("region", json!(CHANGSHAN)),
            "attestation.region",
        ),
        no(
            "status-list-of-another-county",
            "ATT-9",
            "the status list is another county's",
            status(&format!("{CHANGSHAN_ID}/status/v1/1")),
            "attestation.status-uri",
        ),
        no(
            "status-list-of-a-longer-host",
            "ATT-9 ATT-12",
            "the list's address begins with the county's and goes on",
            status(&format!("{YUSHAN_ID}.evil.example/status/v1/1")),
            "attestation.status-uri",
        ),
        no(
            "signed-by-a-stranger",
            "ATT-9 VER-1",
            "a key that no chain gives",
            by(key("stranger")),
            "jws.unknown-key",
        ),
        no(
            "signed-by-another-county",
            "ATT-9",
            "another county's attestation key",
            by(key("330822/attestation")),
            "jws.unknown-key",
        ),
        no(
            "signed-by-a-status-key",
            "JWS-5",
            "the county's status key",
            by(demo().county(YUSHAN).key(KeyPurpose::Status)),
            "key.purpose",
        ),
        no(
            "signature-forged",
            "SEC-1 VER-2",
            "one character of the signature",
            input(forged),
            "jws.signature",
        ),
        no(
            "issuer-not-a-member",
            "VER-2 TRU-17",
            "iss is nobody in current lists",
            with("iss", json!("https://c440103.example")),
            "trust.not-a-member",
        ),
        no(
            "issuer-an-authority",
            "TRU-17",
            "iss is the province",
            with("iss", json!("https://jiangxi.example")),
            "trust.authority",
        ),
        no(
            "issuer-suspended",
            "VER-1",
            "the county is suspended",
            of_federation("yushan-suspended"),
            "trust.suspended",
        ),
        no(
            "issuer-removed",
            "VER-1",
            "the county has left",
            of_federation("yushan-removed"),
            "trust.removed",
        ),
        no(
            "chain-expired",
            "TRU-22 VER-1",
            "the chain has ended",
            expired_chain,
            "trust.chain-expired",
        ),
        no(
            "ends-before-it-begins",
            "ATT-2",
            "nbf is exp",
            with("nbf", json!(today(200).end_of_day())),
            "attestation.times",
        ),
        no(
            "from-the-future",
            "JWS-17",
            "issued 61 seconds ahead",
            with("iat", json!(NOW + 61)),
            "attestation.iat-future",
        ),
        no(
            "key-binding-required",
            "ATT-14 ATT-15",
            "the window requires a key binding and there is none",
            asked,
            "kb.missing",
        ),
        no(
            "kid-unknown",
            "ATT-12 JWS-4",
            "kid names a key that only the token knows",
            {
                let permit = permit();
                let header =
                    json!({ "alg": "EdDSA", "kid": thumbprint(&key("new")), "typ": "dc+sd-jwt" }).to_string();
                input(format!(
                    "{}~",
                    super::raw(&key("new"), &header, permit.claims.to_string().as_bytes())
                ))
            },
            "jws.unknown-key",
        ),
        no(
            "claim-of-the-wrong-type",
            "ATT-2 IDN-6",
            "the number's check character is wrong",
            claim("id_number", json!("361123188001010018")),
            "attestation.claims",
        ),
        no(
            "tier-in-small-letters",
            "ATT-2",
            "a tier is capitals, digits and underscores",
            claim("tier", json!("ordinary")),
            "attestation.claims",
        ),
        no(
            "date-with-time",
            "TIM-2",
            "a date with a time of day",
            claim("residence_since", json!("2024-09-22T00:00:00")),
            "attestation.claims",
        ),
        no(
            "basis-unknown",
            "VSN-3",
            "a basis that does not exist",
            claim("basis", json!("TOURISM")),
            "attestation.claims",
        ),
    ];
    for member in ["iat", "nbf", "exp", "status", "source_as_of", "region"] {
        all.push(no(
            &format!("without-{}", member.replace('_', "-")),
            "ATT-2 JWS-16",
            "a required claim is missing",
            without(member),
            "attestation.claims",
        ));
    }
    for member in ["iss", "vct", "environment"] {
        all.push(no(
            &format!("without-{member}"),
            "ATT-2 JWS-16",
            "a required claim is missing",
            without(member),
            "jws.claims",
        ));
    }
    all
}

fn full_width(digits: &str) -> String {
    digits
        .chars()
        .map(|c| {
            c.to_digit(10)
                .and_then(|d| char::from_u32('０' as u32 + d))
                .unwrap_or(c)
        })
        .collect()
}

fn digits() -> Vec<Of<SymbolInput>> {
    let typed = |text: &str| SymbolInput {
        typed: text.to_owned(),
    };
    let token = |text: &str| json!({ "token": text });
    let no = |name: &str, about: &str, text: &str, rule: &str| {
        refuse(
            &format!("symbol/{name}"),
            DIGITS,
            "SYM-2",
            about,
            typed(text),
            rule,
        )
    };
    vec![
        accept(
            DIGITS,
            "SYM-1",
            "the first and the last character",
            typed("0081"),
            token("-~"),
        ),
        accept(
            "symbol/valid-header",
            "SYM-1",
            "how every token begins",
            typed("56762901"),
            token("eyJ."),
        ),
        accept(
            "symbol/valid-full-width",
            "SYM-2",
            "digits as a Chinese input method makes them",
            typed("００８１"),
            token("-~"),
        ),
        accept(
            "symbol/valid-white-space",
            "SYM-2",
            "spaces and a line end",
            typed(" 00 81\r\n"),
            token("-~"),
        ),
        no("odd-number-of-digits", "three digits", "008", "symbol.incomplete"),
        no("letter", "a letter", "00x1", "symbol.not-digits"),
        no("other-digits", "Arabic-Indic digits", "٠٠٨١", "symbol.not-digits"),
        no(
            "pair-over-81",
            "82 stands for nothing",
            "0082",
            "symbol.out-of-range",
        ),
        no("pair-99", "99 stands for nothing", "99", "symbol.out-of-range"),
        no("empty", "white space alone", " ", "symbol.length"),
        no("too-long", "7,090 digits", &"0".repeat(7_090), "symbol.length"),
        no(
            "minus-sign",
            "a minus sign before the digits",
            "-0081",
            "symbol.not-digits",
        ),
    ]
}
