//! The result as one page, in Chinese and English, for people who did not run it: what was judged, against which text, every case with
//! what must come of it and what came. It loads nothing from anywhere and runs no script.

use std::fmt::Write as _;

use crate::recorded::{Line, Recorded, meaning};
use crate::report::xml;

const STYLE: &str = "body{font:16px/1.5 system-ui,'Noto Sans CJK SC',sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1a1a1a}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid #ccc}\
.pass{color:#0a6b2d}.fail,.hang{color:#a1130b;font-weight:600}.unknown{color:#7a4b00;font-weight:600}.skip{color:#555}\
code{font-size:.9em}small{color:#444}";

/// The whole page.
pub(crate) fn page(run: &Recorded) -> String {
    let (head, summary) = (&run.head, run.summary());
    let (zh, en) = meaning(summary.exit);
    let rows = run.cases.iter().fold(String::new(), |mut rows, case| {
        row(&mut rows, case);
        rows
    });
    let stale: String = summary
        .stale
        .iter()
        .map(|one| format!("<li>{}</li>", xml(one)))
        .collect();
    let stale = if stale.is_empty() {
        stale
    } else {
        format!("<h2>例外已失效或运行有误 / stale exceptions, faults of the run</h2><ul>{stale}</ul>")
    };
    let target = head.target.as_ref().map_or_else(
        || head.adapter.clone().unwrap_or_default(),
        |target| format!("{} {}", target.name, target.version.as_deref().unwrap_or("")),
    );
    let vectors = head
        .vectors
        .as_ref()
        .map(|vectors| format!(", 向量 / vectors <code>{}</code>", xml(vectors)))
        .unwrap_or_default();
    format!(
        "<!doctype html>\n<html lang=\"zh\"><head><meta charset=\"utf-8\"><title>{target} · {zh} {en}</title><style>{STYLE}</style></head><body>\n\
         <h1>一致性测试结果 / conformance result: {zh} / {en}</h1>\n\
         <p>被测对象 / target: {target}<br>类别 / classes: {classes}<br>协议文本 / text: <code>{revision}</code>{vectors}, 套件 / suite {suite}<br>时间 / time: {at}</p>\n\
         <p>{pass} pass, {fail} fail, {skip} skip, {unknown} unknown, {hang} hang; 预期不通过 / expected to fail: {expected}; 未运行 / not run: {not_run}</p>{stale}\n\
         <table><thead><tr><th>用例 / case</th><th>内容 / what happens → what must come of it</th><th>结果 / verdict</th></tr></thead><tbody>\n{rows}</tbody></table>\n</body></html>\n",
        target = xml(&target),
        classes = xml(&head.classes.join(" ")),
        revision = xml(&head.specification),
        suite = xml(&head.suite),
        at = jiff::Timestamp::from_second(head.started).map_or_else(|_| String::new(), |at| at.to_string()),
        pass = summary.pass,
        fail = summary.fail,
        skip = summary.skip,
        unknown = summary.unknown,
        hang = summary.hang,
        expected = summary.expected_failures,
        not_run = summary.not_run,
    )
}

fn row(rows: &mut String, case: &Line) {
    let (zh, class) = word(&case.verdict);
    let small = |text: &str| {
        if text.is_empty() {
            String::new()
        } else {
            format!("<br><small>{}</small>", xml(text))
        }
    };
    let expected = case
        .expected
        .as_str()
        .map_or_else(|| case.expected.to_string(), str::to_owned);
    let remark = case
        .expected_failure
        .as_deref()
        .or(case.stale.as_deref())
        .unwrap_or_default();
    // A String takes every write.
    let _ = writeln!(
        rows,
        "<tr><td><code>{}</code><br><small>{}</small></td><td>{}<br>→ {}</td><td class=\"{class}\">{zh} {class}{}{}</td></tr>",
        xml(&case.name),
        xml(&case.requirements.join(" ")),
        xml(&case.about),
        xml(&expected),
        small(&case.reason),
        small(remark),
    );
}

/// In both languages; what a record calls otherwise is unknown.
fn word(verdict: &str) -> (&'static str, &'static str) {
    match verdict {
        "pass" => ("通过", "pass"),
        "fail" => ("不通过", "fail"),
        "skip" => ("不支持", "skip"),
        "hang" => ("无应答", "hang"),
        _ => ("无法判定", "unknown"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_says_what_came_and_takes_no_markup_from_a_target() {
        let lines = [
            json!({ "record": "run", "suite": "1", "specification": "s", "target": { "name": "a & b" }, "classes": ["node"], "started": 0 }),
            json!({ "record": "case", "name": "x", "class": "node", "requirements": ["VER-1"], "about": "a", "expected": "e",
                    "verdict": "fail", "reason": "<script>alert(1)</script>", "milliseconds": 1 }),
            json!({ "record": "case", "name": "y", "class": "offline", "kind": "jws", "requirements": [], "about": "a",
                    "expected": { "refuse": "jws.alg" }, "verdict": "pass", "milliseconds": 1 }),
            json!({ "record": "summary", "pass": 1, "fail": 1, "skip": 0, "unknown": 0, "hang": 0, "stale": ["old"], "not_run": 0, "exit": 1 }),
        ];
        let here = tempfile::tempdir().unwrap();
        let path = here.path().join("record");
        let all: Vec<String> = lines.iter().map(ToString::to_string).collect();
        std::fs::write(&path, all.join("\n")).unwrap();
        let whole = page(&Recorded::read(&path).unwrap());
        assert!(
            whole.contains("不通过 / failed")
                && whole.contains("a &amp; b")
                && whole.contains("<li>old</li>")
        );
        assert!(whole.contains("&lt;script&gt;") && !whole.contains("<script"));
        assert_eq!(whole.matches("<tr><td>").count(), 2);
        assert!(whole.contains("jws.alg"));
        assert!(!whole.contains("http"), "nothing is loaded from anywhere");
        // Without its end, a record is no pass whatever its cases say.
        std::fs::write(&path, [all[0].as_str(), &all[2]].join("\n")).unwrap();
        let broken = page(&Recorded::read(&path).unwrap());
        assert!(
            broken.contains("this is no pass") && broken.contains("broken off"),
            "{broken}"
        );
        for bad in ["", "{}", "nonsense", &all[1]] {
            std::fs::write(&path, bad).unwrap();
            assert!(Recorded::read(&path).is_err(), "{bad}");
        }
    }
}
