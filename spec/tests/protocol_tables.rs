//! The tables in the protocol text say what the code says: a change to one without the other fails here.
//!
//! `COMITY_BLESS=1 cargo test -p comity-spec --test protocol_tables` writes the tables anew from the code.

use std::fmt::Write as _;
use std::path::PathBuf;

use comity_spec::catalogue::{self, ServiceKind};
use comity_spec::jose::{KeyPurpose, Typ};
use comity_spec::outcome::{Outcome, OutcomeClass};
use comity_spec::problem::{Fault, ProblemType};

const END: &str = "<!-- end of table -->";

fn class_name(class: OutcomeClass) -> &'static str {
    match class {
        OutcomeClass::Green => "GREEN",
        OutcomeClass::Amber => "AMBER",
        OutcomeClass::Red => "RED",
        OutcomeClass::Grey => "GREY",
    }
}

fn outcome_table() -> String {
    let mut table =
        "| # | code | class | 提示 | 下一步 | sentence | next step |\n|---|---|---|---|---|---|---|\n"
            .to_owned();
    for outcome in Outcome::ALL {
        let (text, next) = (outcome.text(), outcome.next_step());
        let (order, code, class) = (outcome.order(), outcome.code(), class_name(outcome.class()));
        writeln!(
            table,
            "| {order} | {code} | {class} | {} | {} | {} | {} |",
            text.zh, next.zh, text.en, next.en
        )
        .expect("a String takes every write");
    }
    table
}

fn problem_table() -> String {
    let mut table =
        "| slug | status | fault | 标题 | 下一步 | title | next step |\n|---|---|---|---|---|---|---|\n"
            .to_owned();
    for kind in ProblemType::ALL {
        let fault = match kind.fault() {
            Fault::Caller => "caller",
            Fault::Peer => "peer",
            Fault::Ours => "us",
        };
        let (title, next) = (kind.title(), kind.next_step());
        let (slug, status) = (kind.slug(), kind.status());
        writeln!(
            table,
            "| {slug} | {status} | {fault} | {} | {} | {} | {} |",
            title.zh, next.zh, title.en, next.en
        )
        .expect("a String takes every write");
    }
    table
}

fn type_table() -> String {
    let mut table = "| `typ` | signed by a key for |\n|---|---|\n".to_owned();
    for typ in Typ::ALL {
        let purpose = typ.purpose().map_or("(the holder's key)", KeyPurpose::as_str);
        writeln!(table, "| `{}` | {purpose} |", typ.as_str()).expect("a String takes every write");
    }
    table
}

fn service_table() -> String {
    let mut table =
        "| code | kind | 事项 | service | part of | source |\n|---|---|---|---|---|---|\n".to_owned();
    for service in catalogue::services() {
        let kind = match service.kind {
            ServiceKind::Right => "right",
            ServiceKind::BasicPublicService => "basic public service",
            ServiceKind::Convenience => "convenience",
            ServiceKind::Agreed => "by agreement",
        };
        let parent = service.parent().map_or("", |parent| parent.code);
        writeln!(
            table,
            "| {} | {kind} | {} | {} | {parent} | {} |",
            service.code, service.name.zh, service.name.en, service.source.en
        )
        .expect("a String takes every write");
    }
    table
}

/// Compares what stands between the markers with `table`, or writes it there when asked to.
fn check(chapter: &str, name: &str, table: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("protocol")
        .join(chapter);
    let text = std::fs::read_to_string(&path).expect("the chapter can be read");
    let begin = text
        .find(&format!("<!-- table: {name} "))
        .expect("the chapter has the table's first marker");
    let start = begin
        + text[begin..]
            .find('\n')
            .expect("the marker has a line of its own")
        + 1;
    let end = start
        + text[start..]
            .find(END)
            .expect("the chapter has the table's last marker");
    if std::env::var_os("COMITY_BLESS").is_some() {
        std::fs::write(&path, format!("{}{table}{}", &text[..start], &text[end..]))
            .expect("the chapter can be written");
        return;
    }
    for (written, meant) in text[start..end].lines().zip(table.lines()) {
        assert_eq!(written, meant, "{chapter}: this row differs from the code");
    }
    assert_eq!(
        text[start..end].lines().count(),
        table.lines().count(),
        "{chapter}: rows missing or too many"
    );
}

// DEC-1, DEC-2, DEC-6
#[test]
fn outcomes() {
    check("08-decision.md", "outcomes", &outcome_table());
}

// DEC-4
#[test]
fn classes() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("protocol/08-decision.md");
    let text = std::fs::read_to_string(path).unwrap();
    for class in OutcomeClass::ALL {
        let word = class.word();
        let row = format!(
            "| {} | {} | {} | {} | {} | ",
            class_name(class),
            class.icon(),
            word.zh,
            word.en,
            class.exit_code()
        );
        assert!(text.contains(&row), "08-decision.md lacks the row {row:?}");
    }
}

// ERR-1, ERR-2, ERR-3
#[test]
fn problems() {
    check("10-errors.md", "problems", &problem_table());
}

// VSN-3, JWS-5
#[test]
fn types() {
    check("12-versions-and-registry.md", "types", &type_table());
}

// VSN-3
#[test]
fn services() {
    check("12-versions-and-registry.md", "services", &service_table());
}

// VSN-3
#[test]
fn disclosed_claims_stand_in_the_text() {
    use comity_spec::attestation::ClaimName;
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("protocol/05-attestation.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, table) = text
        .split_once("## 5.2")
        .expect("the section of disclosed claims");
    let (table, _) = table.split_once("## 5.3").expect("the next section");
    for claim in ClaimName::ALL {
        assert!(
            table.contains(&format!("`{}`", claim.as_str())),
            "5.2 lacks {}",
            claim.as_str()
        );
        assert_eq!(ClaimName::of(claim.as_str()), Some(*claim));
    }
    for other in ["", "Name", "iss", "_sd", "names"] {
        assert_eq!(ClaimName::of(other), None, "{other}");
    }
}
