//! `comity-verify attestation`, `receipt` and `batch`, on the demo bundle and permits that unit tests keep equal to the
//! synthetic federation.

use serde_json::Value;

use crate::Files;

const DEMO: &str = include_str!("../fixtures/demo.comity");
const ANCHOR: &str = include_str!("../fixtures/demo-anchor.json");
const PERMIT: &str = include_str!("../fixtures/permit-361123.sdjwt");
const UNMAPPED: &str = include_str!("../fixtures/permit-unmapped-tier.sdjwt");
const STRANGER: &str = include_str!("../fixtures/permit-of-a-stranger.sdjwt");
const RECEIPT: &str = include_str!("../fixtures/receipt-330822.json");
const SIGNED: &str = "1790000000";

fn files() -> Files {
    let files = Files::new();
    files.write("demo.comity", DEMO);
    files.write("anchor.json", ANCHOR);
    files.write("permit.sdjwt", PERMIT);
    files.write("unmapped.sdjwt", UNMAPPED);
    files.write("stranger.sdjwt", STRANGER);
    files.write("receipt.json", RECEIPT);
    files
}

/// Arguments of a decision at the window of Changshan.
fn decide<'a>(command: &'a str, file: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut all = vec![
        command,
        file,
        "--bundle",
        "demo.comity",
        "--anchor",
        "anchor.json",
        "--as",
        "330822",
        "--service",
        "BPS-2",
        "--at",
        SIGNED,
    ];
    all.extend(more);
    all
}

#[test]
fn the_exit_code_is_the_class_of_the_verdict() {
    let files = files();
    files.write("junk.txt", "12345");
    for (file, code) in [
        ("permit.sdjwt", 0),
        ("unmapped.sdjwt", 10),
        ("stranger.sdjwt", 20),
        ("junk.txt", 30),
    ] {
        assert_eq!(
            files.code(&decide("attestation", file, &[])),
            Some(code),
            "{file}"
        );
    }
    assert_eq!(
        files.code(&decide("attestation", "permit.sdjwt", &["--holder", "mismatch"])),
        Some(20)
    );
    assert_eq!(files.code(&decide("attestation", "absent.sdjwt", &[])), Some(2));
    assert_eq!(files.code(&["attestation", "permit.sdjwt"]), Some(64));
}

#[test]
fn shows_the_verdict_chinese_first_and_never_the_person() {
    let output = files().run(&decide("attestation", "permit.sdjwt", &[]));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.starts_with("✓ 予以互认 / Recognised  RECOGNISED\n予以互认，按本县居住证同等对待。\n"),
        "{said}"
    );
    assert!(
        said.contains("签发 361123 玉山县") && said.contains("协议 AGR-DEMO 第 1 版"),
        "{said}"
    );
    assert!(said.contains("暂定") && said.contains("离线结论"), "{said}");
    assert!(
        !said.contains("示例甲") && !said.contains("361123188001010017"),
        "{said}"
    );
}

#[test]
fn without_an_anchor_everything_is_grey() {
    let files = files();
    for file in ["permit.sdjwt", "stranger.sdjwt"] {
        let arguments = [
            "attestation",
            file,
            "--bundle",
            "demo.comity",
            "--as",
            "330822",
            "--service",
            "BPS-2",
            "--at",
            SIGNED,
        ];
        assert_eq!(files.code(&arguments), Some(30), "{file}");
    }
    let receipt = [
        "receipt",
        "receipt.json",
        "--bundle",
        "demo.comity",
        "--at",
        SIGNED,
    ];
    assert_eq!(files.code(&receipt), Some(30));
    // And so it is at the window of a county that the anchor does not know.
    let mut elsewhere = decide("attestation", "permit.sdjwt", &[]);
    elsewhere[7] = "440103";
    assert_eq!(files.code(&elsewhere), Some(30));
}

#[test]
fn a_batch_decides_as_one_by_one_on_any_number_of_threads() {
    let files = files();
    let mut table = String::from("no,presentation\n");
    let kinds = [PERMIT, UNMAPPED, STRANGER, "12345"];
    for row in 0..500 {
        table.push_str(&format!("{row},{}\n", kinds[row % 4]));
    }
    files.write("rows.csv", &table);
    let single: Vec<Value> = ["permit.sdjwt", "unmapped.sdjwt", "stranger.sdjwt"]
        .iter()
        .map(|file| {
            let output = files.run(&decide("attestation", file, &["--json"]));
            serde_json::from_slice(&output.stdout).unwrap()
        })
        .collect();
    let mut results = Vec::new();
    for threads in ["1", "3"] {
        let output = files.run(&decide(
            "batch",
            "rows.csv",
            &["--out", "out.csv", "--threads", threads],
        ));
        assert_eq!(
            output.status.code(),
            Some(30),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(
            said.contains("RECOGNISED_CONDITIONAL") && said.contains("500 行 / rows"),
            "{said}"
        );
        results.push(std::fs::read_to_string(files.path("out.csv")).unwrap());
    }
    assert_eq!(results[0], results[1]);
    let mut reader = csv::Reader::from_reader(results[0].as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
    assert_eq!(rows.len(), 500);
    for (at, row) in rows.iter().enumerate() {
        assert_eq!(&row[0], format!("line {}", at + 2));
        match single.get(at % 4) {
            Some(one) => {
                assert_eq!(row[1], *one["outcome"].as_str().unwrap());
                assert_eq!(row[3], *one["cause"].as_str().unwrap());
                assert_eq!(row[8], *one["text"]["zh"].as_str().unwrap());
            }
            None => assert_eq!(&row[1], "UNREADABLE"),
        }
    }
}

#[test]
fn a_batch_of_nothing_is_no_success() {
    let files = files();
    files.write("empty.csv", "no,presentation\n");
    files.write("other.csv", "no,what\n1,x\n");
    assert_eq!(files.code(&decide("batch", "empty.csv", &[])), Some(2));
    assert_eq!(files.code(&decide("batch", "other.csv", &[])), Some(2));
}

#[test]
fn a_receipt_is_somebodys_and_only_theirs() {
    let files = files();
    let check = |at: &str, more: &[&str]| {
        let mut all = vec![
            "receipt",
            "receipt.json",
            "--bundle",
            "demo.comity",
            "--anchor",
            "anchor.json",
            "--at",
            at,
        ];
        all.extend(more);
        files.code(&all)
    };
    assert_eq!(check(SIGNED, &[]), Some(0));
    assert_eq!(
        check(SIGNED, &["--name", "示例甲", "--number", "11010519491231002X"]),
        Some(0)
    );
    assert_eq!(
        check(SIGNED, &["--name", "示例乙", "--number", "11010519491231002X"]),
        Some(20)
    );
    assert_eq!(check(SIGNED, &["--name", "示例甲"]), Some(64));
    assert_eq!(check("1790086400", &[]), Some(20), "expired");
}
