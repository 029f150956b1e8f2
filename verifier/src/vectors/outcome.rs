//! Vectors of chapter 8, the table of outcomes: each of the 27 as the text's own table shows it, and codes of other versions.

use comity_spec::vector::{Of, OutcomeInput, Vector};
use serde_json::{Value, json};

use super::{accept, refuse};

/// The table is read from the text, not from the code.
const CHAPTER: &str = include_str!("../../../spec/protocol/08-decision.md");

fn input(code: &str) -> OutcomeInput {
    OutcomeInput { code: code.into() }
}

/// Icon, word and exit code of a class, as chapter 8 has them.
fn class(name: &str) -> (&'static str, Value, u8) {
    let word = |zh: &str, en: &str| json!({ "zh": zh, "en": en });
    match name {
        "GREEN" => ("✓", word("予以互认", "Recognised"), 0),
        "AMBER" => ("!", word("需处理", "Action needed"), 10),
        "RED" => ("✕", word("不予互认", "Not recognised"), 20),
        "GREY" => (
            "?",
            word(
                "无法判断（不是持证人的原因）",
                "Cannot tell (not the holder's doing)",
            ),
            30,
        ),
        other => unreachable!("no class is called {other}"),
    }
}

fn row(line: &str) -> Option<Of<OutcomeInput>> {
    let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
    let [number, code, of, zh, next_zh, en, next_en] = cells.as_slice() else {
        return None;
    };
    number.parse::<u8>().ok()?;
    let (icon, word, exit_code) = class(of);
    Some(accept(
        &format!("outcome/{}", code.to_lowercase().replace('_', "-")),
        "DEC-1 DEC-4 DEC-6",
        "its class, its words and its exit code",
        input(code),
        json!({
            "code": code, "shown_as": code, "small_print": null, "class": of, "icon": icon, "word": word,
            "exit_code": exit_code, "text": { "zh": zh, "en": en }, "next_step": { "zh": next_zh, "en": next_en },
        }),
    ))
}

pub(super) fn all() -> Vec<Vector> {
    let mut all: Vec<Of<OutcomeInput>> = CHAPTER.lines().filter_map(row).collect();
    assert_eq!(all.len(), 27, "the table of chapter 8 has 27 rows");
    all.push(accept(
        "outcome/code-of-another-version",
        "DEC-7",
        "kept as received, shown as NODE_NOT_READY with the code in small print",
        input("RECOGNISED_ELSEWHERE"),
        json!({ "code": "RECOGNISED_ELSEWHERE", "shown_as": "NODE_NOT_READY", "small_print": "RECOGNISED_ELSEWHERE", "class": "GREY", "exit_code": 30 }),
    ));
    all.push(refuse(
        "outcome/no-code",
        "outcome/recognised",
        "DEC-7",
        "what is a code in no version is not kept",
        input("<b>RECOGNISED</b>"),
        "outcome.unreadable",
    ));
    all.into_iter().map(Vector::Outcome).collect()
}
