//! Writes the worked examples of `spec/protocol/15-examples.md`: every object once, made by the code from the fixed keys of the
//! synthetic federation and read back by it.
//!
//! The prose of the chapter is written by hand; what stands between two markers is made here. The test fails when they differ;
//! `COMITY_BLESS=1 cargo nextest run -p comity-verifier examples` writes it anew. What the other chapters say of an object is
//! checked here on that object, so that an example cannot be neat and wrong.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use comity_spec::decision::Decision;
use comity_spec::ids::{Digest, Jti};
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::outcome::Outcome;
use comity_spec::receipt::PrintedReceipt;
use comity_spec::status::{LIST_BYTES, StatusValue};
use comity_spec::time::UnixSeconds;
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

use crate::agreement::Agreements;
use crate::b64;
use crate::budget::{Budget, Limits};
use crate::decide::{
    Clerk, Context, DecideInput, Evidence, Lookup, Network, Recogniser, Source, Step, decide,
};
use crate::exchange::{Parties, verify_request, verify_response};
use crate::presentation;
use crate::receipt::{HolderCheck, holder_binding, is_about, printed_digits, verify_receipt};
use crate::sd_jwt::Binding;
use crate::status_list::StatusList;
use crate::status_view::{StatusView, verify_status_token};
use crate::symbol;
use crate::testing::{Federation, key, lst, sign, thumbprint};

/// 2025-11-22, noon in UTC+8, as in the vectors.
const NOW: i64 = 1_763_784_000;
const YUSHAN: &str = "361123";
const CHANGSHAN: &str = "330822";
/// Columns of a line of encoded text.
const COLUMNS: usize = 96;

fn now() -> UnixSeconds {
    UnixSeconds::new(NOW).expect("a time")
}

fn federation() -> Federation {
    Federation::demo(now())
}

/// Every example, by the name in its marker.
fn examples() -> Vec<(&'static str, String)> {
    let attestation = federation().permit(federation().county(YUSHAN), 6).sign();
    let decision = decided(&attestation, &[]);
    // The list of 15.4, under which the same card is cancelled.
    assert_eq!(decided(&attestation, &entries()).outcome, Outcome::Revoked);
    vec![
        ("keys", keys()),
        ("anchor", fenced("json", &pretty(&anchor()))),
        ("statement", statement()),
        ("chain", chain()),
        ("member-list", member_list()),
        ("attestation", attestation_parts(&attestation)),
        ("disclosures", disclosures(&attestation)),
        ("symbol", symbol_digits(&attestation)),
        ("status-list", status_list()),
        ("agreement", agreement()),
        ("look-up", look_up()),
        ("decision", fenced("json", &pretty(&json!(decision)))),
        ("receipt", receipt(&decision)),
    ]
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("JSON serialises")
}

fn fenced(language: &str, text: &str) -> String {
    format!("```{language}\n{}\n```\n", text.trim_end())
}

/// Encoded text in lines, for paper.
fn lines(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let rows: Vec<String> = characters
        .chunks(COLUMNS)
        .map(|row| row.iter().collect())
        .collect();
    rows.join("\n")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes every write");
        hex
    })
}

/// Header and payload of a compact JWS.
fn parts(jws: &str) -> (Value, Value) {
    let mut parts = jws.split('.').map(|part| {
        let bytes = b64::decode(part.as_bytes()).expect("base64url");
        serde_json::from_slice(&bytes).unwrap_or(Value::Null)
    });
    let mut next = || parts.next().expect("three parts");
    (next(), next())
}

/// Payloads with their signers, each in a block of its own.
fn payload(jws: &str) -> String {
    fenced("json", &pretty(&parts(jws).1))
}

fn keys() -> String {
    let mut table = "| key | `kid` | `x` |\n|---|---|---|\n".to_owned();
    for name in [
        "anchor",
        "jiangxi",
        "361123/federation",
        "361123/attestation",
        "361123/status",
        "361123/exchange",
        "330822/federation",
        "330822/exchange",
        "330822/receipt",
    ] {
        let key = key(name);
        let x = b64::encode(key.verifying_key().as_bytes());
        writeln!(table, "| {name} | `{}` | `{x}` |", thumbprint(&key)).expect("a String takes every write");
    }
    table
}

fn anchor() -> Value {
    serde_json::from_slice(&federation().anchor_file()).expect("the anchor file is JSON")
}

fn statement_of(iss: &str, sub: &str) -> String {
    let drafts = federation().drafts();
    let id = |text: &str| text.parse().expect("an entity id");
    drafts[&(id(iss), id(sub))].sign()
}

const ANCHOR_ID: &str = "https://anchor.example";
const PROVINCE_ID: &str = "https://jiangxi.example";
const COUNTY_ID: &str = "https://c361123.example";

fn statement() -> String {
    let jws = statement_of(ANCHOR_ID, PROVINCE_ID);
    let (header, claims) = parts(&jws);
    format!(
        "{}\n{}\n{}",
        fenced("json", &pretty(&header)),
        fenced("json", &pretty(&claims)),
        fenced("text", &lines(&jws))
    )
}

fn chain() -> String {
    let federation = federation();
    // The chain of the example is one that our own verifier believes.
    let county = federation.county(YUSHAN).entity.clone();
    assert!(federation.trust().standing(&county, now()).active().is_some());
    let above = parts(&statement_of(PROVINCE_ID, COUNTY_ID)).1;
    let own = parts(&statement_of(COUNTY_ID, COUNTY_ID)).1;
    assert_eq!(above["metadata"], own["metadata"], "the double assertion");
    format!("{}\n{}", fenced("json", &pretty(&above)), {
        let mut own = own;
        own["metadata"] = json!("… as above …");
        fenced("json", &pretty(&own))
    })
}

fn member_list() -> String {
    let federation = federation();
    let province = &federation.provinces[0];
    let list = federation.member_list(&province.entity, 1);
    payload(&sign(&province.key, Typ::MemberList, &list))
}

fn attestation_parts(token: &str) -> String {
    let jws = token.split('~').next().expect("a JWS");
    let (header, claims) = parts(jws);
    format!(
        "{}\n{}\n{}",
        fenced("text", &lines(token)),
        fenced("json", &pretty(&header)),
        fenced("json", &pretty(&claims))
    )
}

fn disclosures(token: &str) -> String {
    let mut parted = token.split('~');
    let (_, claims) = parts(parted.next().expect("a JWS"));
    let signed: BTreeSet<String> = claims["_sd"]
        .as_array()
        .expect("digests")
        .iter()
        .map(|digest| digest.as_str().expect("a digest").to_owned())
        .collect();
    let mut text = String::new();
    let mut seen = BTreeSet::new();
    for disclosure in parted.filter(|part| !part.is_empty()) {
        let json = b64::decode(disclosure.as_bytes()).expect("base64url");
        let digest = Digest::of(disclosure).to_string();
        assert!(
            signed.contains(&digest),
            "a disclosure to which a digest refers (ATT-10)"
        );
        writeln!(
            text,
            "{disclosure}\n    is   {}\n    hash {digest}",
            String::from_utf8(json).expect("UTF-8")
        )
        .expect("a String takes every write");
        seen.insert(digest);
    }
    let decoys: Vec<_> = signed.difference(&seen).collect();
    assert_eq!((signed.len(), decoys.len()), (6, 1), "the card form (ATT-6)");
    writeln!(text, "decoy\n    hash {}", decoys[0]).expect("a String takes every write");
    fenced("text", &text)
}

fn symbol_digits(token: &str) -> String {
    let digits = symbol::encode(token).expect("it fits a symbol");
    assert_eq!(symbol::decode(&digits).expect("digits"), token);
    assert!(digits.len() <= 3_517, "version 27 at level L (SYM-3)");
    let begins = lines(&digits).lines().next().unwrap_or_default().to_owned();
    fenced(
        "text",
        &format!("{} characters, {} digits\n{begins}…", token.len(), digits.len()),
    )
}

fn entries() -> [(usize, StatusValue); 3] {
    [
        (6, StatusValue::Cancelled),
        (8, StatusValue::Suspended),
        (9, StatusValue::Superseded),
    ]
}

fn status_list() -> String {
    let federation = federation();
    let county = federation.county(YUSHAN);
    let token = federation.status_token(county, &entries());
    verify_status_token(token.as_bytes(), &federation.trust(), now()).expect("a list of the example");
    let mut budget = Budget::new(Limits::STATUS_LIST);
    let list =
        StatusList::from_lst(2, &lst(LIST_BYTES, &entries()), &mut budget).expect("a list of the example");
    assert_eq!(list.len(), 131_072, "STA-5");
    let compressed = b64::decode(lst(LIST_BYTES, &entries()).as_bytes()).expect("base64url");
    let mut packed = [0_u8; 4];
    for (index, value) in entries() {
        packed[index / 4] |= value.bits() << (2 * (index % 4));
    }
    let mut values = String::new();
    for index in 0..12_u64 {
        let value = list.get(index).expect("an entry of the list");
        let octet = packed[usize::try_from(index).expect("small") / 4];
        writeln!(
            values,
            "| {index} | {} | `{octet:08b}` | {} | {} |",
            index / 4,
            2 * (index % 4),
            value
        )
        .expect("a String takes every write");
    }
    let (header, claims) = parts(&token);
    format!(
        "{}\n{}\n{}\n| entry | octet | its bits | shift | value |\n|---|---|---|---|---|\n{values}",
        fenced("json", &pretty(&header)),
        fenced("json", &pretty(&claims)),
        fenced(
            "text",
            &format!(
                "zlib, {} octets\n{}\ninflated, {LIST_BYTES} octets\n{} 00 00 00 …",
                compressed.len(),
                lines(&hex(&compressed)),
                packed
                    .iter()
                    .map(|octet| format!("{octet:02x}"))
                    .collect::<Vec<_>>()
                    .join(" ")
            )
        )
    )
}

fn agreement() -> String {
    let federation = federation();
    let (a, b) = (&federation.counties[0], &federation.counties[1]);
    let signed = federation.signed(&federation.agreement(a, b), &[a, b]);
    let octets = b64::decode(signed.payload.as_bytes()).expect("base64url");
    let contents: Value = serde_json::from_slice(&octets).expect("JSON");
    let digest = Digest::of(&octets);
    assert_eq!(federation.verified_agreement().reference().digest, digest);
    let mut shown = serde_json::to_value(&signed).expect("an agreement serialises");
    shown["payload"] = json!(format!("{}…", &signed.payload[..40]));
    let protected = b64::decode(signed.signatures[0].protected.as_bytes()).expect("base64url");
    let protected: Value = serde_json::from_slice(&protected).expect("a header is JSON");
    format!(
        "{}\n{}\n{}\n{}",
        fenced("json", &pretty(&contents)),
        fenced(
            "text",
            &format!("payload, {} octets\ndigest   {digest}", octets.len())
        ),
        fenced("json", &pretty(&shown)),
        fenced("json", &pretty(&protected))
    )
}

/// The look-up of 示例甲, the answer padded as an issuer pads it.
fn look_up() -> String {
    let federation = federation();
    let (asker, asked) = (federation.county(CHANGSHAN), federation.county(YUSHAN));
    let claims = federation.request(asker, asked, &federation.verified_agreement());
    let request = sign(
        &asker.key(KeyPurpose::Exchange),
        Typ::VerificationRequest,
        &claims,
    );
    let answer = padded(
        &asked.key(KeyPurpose::Exchange),
        federation.answer(&claims, &request),
    );

    let mut budget = Budget::new(Limits::PRESENTATION);
    let parties = Parties {
        me: &asked.entity,
        channel: Some(&asker.entity),
    };
    let trust = federation.trust();
    let sent = verify_request(
        request.as_bytes(),
        &trust,
        parties,
        &federation.agreements(),
        now(),
        &mut budget,
    )
    .expect("a request of the example");
    verify_response(answer.as_bytes(), &sent, &trust, now(), &mut budget).expect("an answer of the example");

    let (_, mut told) = parts(&answer);
    let filler = told["pad"].as_str().map_or(0, str::len);
    told["pad"] = json!(format!("… {filler} times 0 …"));
    format!(
        "{}\n{}\n{}",
        payload(&request),
        fenced(
            "text",
            &format!(
                "request, {} octets\nSHA-256  {}",
                request.len(),
                Digest::of(&request)
            )
        ),
        fenced("json", &pretty(&told))
    )
}

/// The answer with as much filler as makes it 4,096 octets (VER-15).
fn padded(key: &SigningKey, mut answer: Value) -> String {
    for filler in 0..4_096 {
        answer["pad"] = json!("0".repeat(filler));
        let jws = sign(key, Typ::VerificationResponse, &answer);
        // A length that base64url does not have falls one short.
        if (4_095..=4_096).contains(&jws.len()) {
            return jws;
        }
    }
    unreachable!("an answer of the example is shorter than its size class")
}

/// The same permit at a window of the other county, off line, under a list with these entries, and the person found to be the
/// holder.
fn decided(token: &str, entries: &[(usize, StatusValue)]) -> Decision {
    let federation = federation();
    let trust = federation.trust();
    let (issuer, recogniser) = (federation.county(YUSHAN), federation.county(CHANGSHAN));
    let mut budget = Budget::new(Limits::PRESENTATION);
    let presented = presentation::open(token.as_bytes(), &trust, Binding::Optional, now(), &mut budget)
        .expect("an attestation of the example");
    let list = federation.status_token(issuer, entries);
    let status = StatusView::new(
        [verify_status_token(list.as_bytes(), &trust, now()).expect("a list of the example")],
        [],
    );
    let agreements: Agreements = federation.agreements();
    let service = "BPS-2".parse().expect("a service code");
    let step = decide(&DecideInput {
        context: &Context::default(),
        recogniser: Recogniser {
            entity: &recogniser.entity,
            region: recogniser.region,
            network: Network::OffLine,
        },
        evidence: Evidence {
            source: Source::Presented(&presented),
            lookup: Lookup::NotAsked,
            typed_name: None,
        },
        trust: &trust,
        agreements: &agreements,
        status: &status,
        status_refreshed: false,
        clerk: Clerk::Confirmed,
        service: &service,
        provider: None,
        now: now(),
    });
    match step {
        Step::Decision(decision) => *decision,
        other => unreachable!("everything is in order: {other:?}"),
    }
}

const NAME: &str = "示例甲";
const NUMBER: &str = "361123188001010017";

fn receipt(decision: &Decision) -> String {
    let federation = federation();
    let county = federation.county(CHANGSHAN);
    let salt = Jti::from_bytes([3; 16]);
    let binding = holder_binding(&salt, NAME, NUMBER);
    let claims = json!({
        "iss": county.entity,
        "iat": NOW,
        "exp": decision.endorsed_until.expect("an endorsed permit").end_of_day(),
        "trace": "251122-330822-7F3K9QZC",
        "decision": decision,
        "decided_by": "officer-01",
        "evidence": [{ "kind": "agreement", "digest": Digest::of("example") }],
        "holder_binding": binding,
        "environment": "SANDBOX",
    });
    let jws = sign(&county.key(KeyPurpose::Receipt), Typ::Receipt, &claims);
    let mut budget = Budget::new(Limits::PRESENTATION);
    let verified =
        verify_receipt(&jws, &federation.trust(), now(), &mut budget).expect("a receipt of the example");
    assert_eq!(
        is_about(verified.value(), Some(&salt), NAME, NUMBER),
        HolderCheck::Same
    );
    let digits = printed_digits(&PrintedReceipt {
        receipt: jws.clone(),
        salt: Some(salt),
    });
    let mut shown = claims;
    shown["decision"] = json!("… as in 15.7 …");
    let length = u32::try_from(NAME.len()).expect("a short name").to_be_bytes();
    format!(
        "{}\n{}",
        fenced("json", &pretty(&shown)),
        fenced(
            "text",
            &format!(
                "salt    {}   in a document {salt}\nL       {}\nname    {}   {NAME}\nnumber  {}   {NUMBER}\nSHA-256 {}\n        {binding}\n\n{}",
                hex(salt.as_bytes()),
                hex(&length),
                hex(NAME.as_bytes()),
                hex(NUMBER.as_bytes()),
                hex(binding.as_bytes()),
                match digits {
                    Ok(digits) => format!(
                        "receipt, tilde and salt: {} characters, {} digits",
                        digits.len() / 2,
                        digits.len()
                    ),
                    Err(_) => format!(
                        "receipt, tilde and salt: {} characters, too long for a symbol: handed over as a file",
                        jws.len() + 23
                    ),
                }
            )
        )
    )
}

const END: &str = "<!-- end of example -->";

/// The chapter with the examples in place.
fn with_examples(chapter: &str) -> String {
    let mut text = chapter.to_owned();
    for (name, example) in examples() {
        let begin = text
            .find(&format!("<!-- example: {name} "))
            .unwrap_or_else(|| panic!("the chapter has no example {name}"));
        let start = begin
            + text[begin..]
                .find('\n')
                .expect("the marker has a line of its own")
            + 1;
        let end = start + text[start..].find(END).expect("the example has its last marker");
        text.replace_range(start..end, &example);
    }
    text
}

// IDN-12, IDN-13, JWS-6, AGR-1, ATT-6, SYM-1, STA-5, RCP-3
#[test]
fn the_worked_examples_are_those_that_the_code_makes() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../spec/protocol/15-examples.md");
    let written = std::fs::read_to_string(&path).expect("the chapter can be read");
    let made = with_examples(&written);
    assert_eq!(
        written.matches("<!-- example: ").count(),
        examples().len(),
        "an example that nothing makes"
    );
    if std::env::var_os("COMITY_BLESS").is_some() {
        std::fs::write(&path, &made).expect("the chapter can be written");
        return;
    }
    for (written, made) in written.lines().zip(made.lines()) {
        assert_eq!(
            written, made,
            "15-examples.md differs from what the code makes: COMITY_BLESS=1 writes it anew"
        );
    }
    assert_eq!(
        written.lines().count(),
        made.lines().count(),
        "lines missing or too many"
    );
}

#[test]
fn an_example_that_was_changed_by_hand_is_noticed() {
    let markers = |name: &str| format!("<!-- example: {name} (made) -->\nby hand\n{END}\n");
    let chapter: String = examples().iter().map(|(name, _)| markers(name)).collect();
    let made = with_examples(&chapter);
    assert!(!made.contains("by hand") && made.contains("decoy"));
}
