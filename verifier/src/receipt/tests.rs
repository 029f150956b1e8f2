//! The holder binding bit by bit, and receipts that hold or do not.

use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::outcome::Outcome;
use comity_spec::receipt::PrintedReceipt;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::budget::Limits;
use crate::decide::not_ready;
use crate::testing::{Federation, merge, sign};

const NAME: &str = "示例甲";
const NUMBER: &str = "11010519491231002X";

fn salt() -> Jti {
    Jti::from_bytes([7; 16])
}

fn federation() -> Federation {
    Federation::demo(UnixSeconds::new(1_790_000_000).unwrap())
}

fn receipt(change: Value) -> String {
    let federation = federation();
    let county = federation.county("330822");
    let now = federation.now;
    let mut decision = not_ready("test", county.region, &"BPS-2".parse().unwrap(), None, now);
    decision.outcome = Outcome::Recognised;
    decision.text = Outcome::Recognised.text().into();
    decision.next_step = Outcome::Recognised.next_step().into();
    let mut claims = json!({
        "iss": county.entity,
        "iat": now,
        "exp": now.plus_saturating(86_400),
        "trace": "260921-330822-7F3K9QZC",
        "decision": decision,
        "decided_by": "officer-7",
        "evidence": [],
        "holder_binding": holder_binding(&salt(), NAME, NUMBER),
        "environment": "SANDBOX",
    });
    merge(&mut claims, change);
    sign(&county.key(KeyPurpose::Receipt), Typ::Receipt, &claims)
}

fn verify(receipt: &str, later: i64) -> Result<Verified<Receipt>, ReceiptError> {
    let federation = federation();
    let now = federation.now.plus_saturating(later);
    verify_receipt(
        receipt,
        &federation.trust(),
        now,
        &mut Budget::new(Limits::PRESENTATION),
    )
}

#[test]
fn the_binding_is_over_the_octets_that_are_stated() {
    let mut octets = vec![7; 16];
    octets.extend([0, 0, 0, 9]);
    octets.extend("示例甲".as_bytes());
    octets.extend(b"11010519491231002X");
    assert_eq!(
        holder_binding(&salt(), NAME, "11010519491231002x"),
        Digest::of(octets)
    );
}

#[test]
fn a_receipt_is_this_persons_or_nobody_elses() {
    let verified = verify(&receipt(json!({})), 0).unwrap();
    let about = |salt: Option<&Jti>, name, number| is_about(verified.value(), salt, name, number);
    assert_eq!(about(Some(&salt()), NAME, NUMBER), HolderCheck::Same);
    assert_eq!(about(Some(&salt()), "示例乙", NUMBER), HolderCheck::Different);
    assert_eq!(
        about(Some(&Jti::from_bytes([8; 16])), NAME, NUMBER),
        HolderCheck::Different
    );
    assert_eq!(about(None, NAME, NUMBER), HolderCheck::CannotTell);
}

#[test]
fn every_rule_of_a_receipt_refuses() {
    let now = federation().now.get();
    for (change, rule, ours) in [
        (
            json!({ "iss": "https://c440103.example" }),
            "trust.not-a-member",
            false,
        ),
        (
            json!({ "iss": "https://c361123.example" }),
            "jws.unknown-key",
            true,
        ),
        (
            json!({ "environment": "PRODUCTION" }),
            "receipt.environment",
            false,
        ),
        (json!({ "exp": now }), "receipt.times", false),
        (json!({ "iat": now + 61 }), "receipt.iat-future", true),
        (json!({ "surprise": 1 }), "jws.claims", false),
    ] {
        let error = verify(&receipt(change.clone()), 0).unwrap_err();
        assert_eq!((error.rule(), error.is_ours()), (rule, ours), "{change}");
    }
    assert!(verify(&receipt(json!({})), 86_399).is_ok());
    assert_eq!(
        verify(&receipt(json!({})), 86_400).unwrap_err().rule(),
        "receipt.expired"
    );
    let mut forged = receipt(json!({}));
    let last = forged.len() - 10;
    forged.replace_range(last..=last, if &forged[last..=last] == "A" { "B" } else { "A" });
    assert_eq!(verify(&forged, 0).unwrap_err().rule(), "jws.signature");
}

#[test]
fn what_is_printed_is_read_back() {
    let printed = PrintedReceipt {
        receipt: receipt(json!({})),
        salt: Some(salt()),
    };
    let mut budget = Budget::new(Limits::PRESENTATION);
    let document = serde_json::to_string(&printed).unwrap();
    assert_eq!(read_printed(document.as_bytes(), &mut budget).unwrap(), printed);
    assert_eq!(
        read_printed(printed.receipt.as_bytes(), &mut budget)
            .unwrap()
            .salt,
        None
    );
    let digits = printed_digits(&printed).unwrap();
    assert_eq!(read_printed(digits.as_bytes(), &mut budget).unwrap(), printed);
    assert!(read_printed(b"123", &mut budget).is_err());
    assert!(read_printed(&[0xff], &mut budget).is_err());
}

/// The receipt that the tests of the command line check; written anew with `COMITY_WRITE_FIXTURES=1`.
#[test]
fn the_fixture_of_the_command_line_is_a_receipt_of_the_demo() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/receipt-330822.json");
    let printed = PrintedReceipt {
        receipt: receipt(json!({})),
        salt: Some(salt()),
    };
    let document = serde_json::to_string(&printed).unwrap();
    if std::env::var_os("COMITY_WRITE_FIXTURES").is_some() {
        std::fs::write(&path, &document).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), document);
}

proptest! {
    #[test]
    fn no_character_moves_between_name_and_number(
        name in "[a-z0-9]{1,8}", number in "[0-9]{1,8}", cut in 0_usize..8,
    ) {
        let joined = format!("{name}{number}");
        let cut = cut.min(joined.len());
        prop_assume!(cut != name.len());
        let moved = holder_binding(&salt(), &joined[..cut], &joined[cut..]);
        prop_assert_ne!(moved, holder_binding(&salt(), &name, &number));
    }
}
