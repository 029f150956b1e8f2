//! Vectors of chapter 9: receipts as they are printed or handed over.

use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::vector::{Of, ReceiptInput, Vector};
use serde_json::{Value, json};

use super::{CHANGSHAN, CHANGSHAN_ID, DAY, NOW, YUSHAN_ID, accept, demo, refuse, today};
use crate::receipt::{holder_binding, printed_digits};
use crate::testing::{key, merge, sign};

const TWIN: &str = "receipt/valid";
const NAME: &str = "示例甲";
const NUMBER: &str = "36112318800101005X";
const SALT: &str = "AwAAAAAAAAAAAAAAAAAAAA";

fn claims() -> Value {
    let salt = SALT.parse().expect("a salt");
    json!({
        "iss": CHANGSHAN_ID,
        "iat": NOW - DAY,
        "exp": NOW + 90 * DAY,
        "trace": "251121-330822-7F3K9QZC",
        "decision": {
            "outcome": "RECOGNISED",
            "confirmation": "confirmed",
            "channel": "presented",
            "decided_at": NOW - DAY,
            "service": "BPS-1",
            "recogniser": CHANGSHAN,
            "issuer": YUSHAN_ID,
            "issuer_region": "361123",
            "tier": { "issuer": "ORDINARY", "local": "ORDINARY" },
            "endorsed_until": today(200),
            "status_age_seconds": 240,
            "missing": [],
            "advisories": [],
            "text": { "zh": "予以互认，按本县居住证同等对待。", "en": "Recognised: treat as a local permit holder." },
            "next_step": { "zh": "示例", "en": "Example" },
        },
        "decided_by": "officer-01",
        "evidence": [{ "kind": "attestation", "digest": comity_spec::ids::Digest::of("example") }],
        "holder_binding": holder_binding(&salt, NAME, NUMBER),
        "environment": "SANDBOX",
    })
}

fn signed(claims: &Value) -> String {
    sign(
        &demo().county(CHANGSHAN).key(KeyPurpose::Receipt),
        Typ::Receipt,
        claims,
    )
}

fn document(receipt: &str) -> String {
    json!({ "receipt": receipt, "salt": SALT }).to_string()
}

fn input(printed: String) -> ReceiptInput {
    ReceiptInput {
        federation: "demo".into(),
        printed,
        person_name: NAME.into(),
        person_number: NUMBER.into(),
        now: NOW,
    }
}

fn with(more: Value) -> ReceiptInput {
    let mut changed = claims();
    merge(&mut changed, more);
    if let Value::Object(members) = &mut changed {
        members.retain(|_, value| !value.is_null());
    }
    input(document(&signed(&changed)))
}

pub(super) fn all() -> Vec<Vector> {
    receipts().into_iter().map(Vector::Receipt).collect()
}

fn receipts() -> Vec<Of<ReceiptInput>> {
    let no = |name: &str, ids: &str, about: &str, input: ReceiptInput, rule: &str| {
        refuse(&format!("receipt/{name}"), TWIN, ids, about, input, rule)
    };
    let person = |name: &str, number: &str| ReceiptInput {
        person_name: name.into(),
        person_number: number.into(),
        ..with(json!({}))
    };
    let same = || json!({ "outcome": "RECOGNISED", "about": "same" });
    let different = || json!({ "about": "different" });
    let salt = SALT.parse().expect("a salt");
    let short = {
        let mut claims = claims();
        claims["decision"]["text"] = json!({ "zh": "示例", "en": "x" });
        let printed = comity_spec::receipt::PrintedReceipt {
            receipt: signed(&claims),
            salt: Some(salt),
        };
        printed_digits(&printed).expect("it fits a symbol")
    };
    let mut late = with(json!({ "exp": NOW }));
    late.now = NOW;
    let mut in_its_last_second = with(json!({ "exp": NOW + 1 }));
    in_its_last_second.now = NOW;
    let suspended = ReceiptInput {
        federation: "yushan-suspended".into(),
        ..input(document(&sign(&key("361123/receipt"), Typ::Receipt, &{
            let mut claims = claims();
            claims["iss"] = json!(YUSHAN_ID);
            claims
        })))
    };
    vec![
        accept(
            TWIN,
            "RCP-1 RCP-3 RCP-5",
            "a receipt of recognition with the salt beside it",
            with(json!({})),
            same(),
        ),
        accept(
            "receipt/valid-digits",
            "RCP-7 SYM-1",
            "the digits of its printed code",
            input(short),
            same(),
        ),
        accept(
            "receipt/valid-in-its-last-second",
            "RCP-1",
            "one second before exp",
            in_its_last_second,
            same(),
        ),
        accept(
            "receipt/valid-number-in-small-letters",
            "RCP-3",
            "the number is taken in capitals",
            person(NAME, "36112318800101005x"),
            same(),
        ),
        accept(
            "receipt/of-another-name",
            "RCP-5",
            "the name of another person",
            person("示例乙", NUMBER),
            different(),
        ),
        accept(
            "receipt/of-another-number",
            "RCP-5",
            "another number",
            person(NAME, "361123188001010017"),
            different(),
        ),
        accept(
            "receipt/of-a-name-and-number-that-run-together",
            "RCP-3",
            "a character moved from the number to the name",
            person("示例甲3", "6112318800101005X"),
            different(),
        ),
        accept(
            "receipt/without-salt",
            "RCP-4 RCP-5",
            "the bare receipt, without the salt",
            input(signed(&claims())),
            json!({ "outcome": "RECOGNISED", "about": "cannot-tell" }),
        ),
        accept(
            "receipt/without-binding",
            "RCP-5",
            "a receipt about nobody",
            with(json!({ "holder_binding": null })),
            json!({ "about": "cannot-tell" }),
        ),
        accept(
            "receipt/valid-60-seconds-ahead",
            "JWS-17",
            "issued at the end of the skew",
            with(json!({ "iat": NOW + 60 })),
            same(),
        ),
        accept(
            "receipt/valid-for-a-second",
            "RCP-1",
            "exp is a second after iat, and that second is now",
            with(json!({ "iat": NOW, "exp": NOW + 1 })),
            same(),
        ),
        no("expired", "RCP-1", "exp is now", late, "receipt.expired"),
        no(
            "ends-before-it-begins",
            "RCP-1",
            "exp is iat",
            with(json!({ "exp": NOW - DAY })),
            "receipt.times",
        ),
        no(
            "from-the-future",
            "JWS-17",
            "iat is 61 seconds ahead",
            with(json!({ "iat": NOW + 61 })),
            "receipt.iat-future",
        ),
        no(
            "environment",
            "RCP-1 TRU-13",
            "of the other environment",
            with(json!({ "environment": "PRODUCTION" })),
            "receipt.environment",
        ),
        no(
            "by-no-member",
            "RCP-1",
            "iss is nobody here",
            with(json!({ "iss": "https://c440103.example" })),
            "trust.not-a-member",
        ),
        no(
            "by-a-suspended-county",
            "RCP-1",
            "iss is suspended",
            suspended,
            "trust.suspended",
        ),
        no(
            "by-a-stranger",
            "RCP-1",
            "a key that no chain gives",
            input(document(&sign(&key("stranger"), Typ::Receipt, &claims()))),
            "jws.unknown-key",
        ),
        no(
            "by-an-exchange-key",
            "RCP-1 JWS-5",
            "the recogniser's exchange key",
            input(document(&sign(&key("330822/exchange"), Typ::Receipt, &claims()))),
            "key.purpose",
        ),
        no(
            "typ",
            "JWS-3",
            "typ is an answer's",
            input(document(&sign(
                &key("330822/receipt"),
                Typ::VerificationResponse,
                &claims(),
            ))),
            "jws.typ",
        ),
        no(
            "without-officer",
            "RCP-2",
            "nobody decided",
            with(json!({ "decided_by": null })),
            "jws.claims",
        ),
        no(
            "with-a-name",
            "RCP-6 JWS-14",
            "the name stands in the receipt",
            with(json!({ "name": NAME })),
            "jws.claims",
        ),
        no(
            "with-its-salt",
            "RCP-4 JWS-14",
            "the salt stands in the receipt",
            with(json!({ "salt": SALT })),
            "jws.claims",
        ),
        no(
            "outcome-unknown",
            "DEC-1",
            "an outcome that is not in the list",
            {
                let mut claims = claims();
                claims["decision"]["outcome"] = json!("ACCEPTED");
                input(document(&signed(&claims)))
            },
            "jws.claims",
        ),
        no(
            "document-with-another-member",
            "RCP-7",
            "the document has a member too many",
            input(json!({ "receipt": signed(&claims()), "salt": SALT, "name": NAME }).to_string()),
            "json.shape",
        ),
        no(
            "digits-cut-short",
            "SYM-2",
            "an odd number of digits",
            input("567".into()),
            "receipt.symbol",
        ),
    ]
}
