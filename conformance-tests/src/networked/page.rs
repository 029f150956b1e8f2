//! The result as one page, in Chinese and English, for people who did not run it: what was judged, against which text, every case with
//! what must come of it and what came. It loads nothing from anywhere and runs no script.

use std::fmt::Write as _;

use crate::cases::Case;
use crate::report::xml;
use crate::verdict::{Tally, Verdict};

/// What stands above the table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    /// The target's name and version.
    pub(crate) target: String,
    /// Classes, by name.
    pub(crate) classes: String,
    /// Revision of the text.
    pub(crate) revision: String,
    /// Day and second of the run, RFC 3339.
    pub(crate) at: String,
}

/// The rows so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    rows: String,
}

const STYLE: &str = "body{font:16px/1.5 system-ui,'Noto Sans CJK SC',sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1a1a1a}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid #ccc}\
.pass{color:#0a6b2d}.fail,.hang{color:#a1130b;font-weight:600}.unknown{color:#7a4b00;font-weight:600}.skip{color:#555}\
code{font-size:.9em}small{color:#444}";

impl Page {
    /// One more case. `remark`: an expected failure, or one that is stale.
    pub(crate) fn row(&mut self, case: &Case, verdict: &Verdict, remark: Option<&str>) {
        let (zh, class) = word(verdict);
        let why = verdict.why().unwrap_or_default();
        let remark = remark
            .map(|text| format!("<br><small>{}</small>", xml(text)))
            .unwrap_or_default();
        let why = if why.is_empty() {
            String::new()
        } else {
            format!("<br><small>{}</small>", xml(&why))
        };
        let _ = writeln!(
            self.rows,
            "<tr><td><code>{}</code><br><small>{}</small></td><td>{}<br>→ {}</td><td class=\"{class}\">{zh} {class}{why}{remark}</td></tr>",
            xml(case.name),
            xml(&case.requirements.join(" ")),
            xml(case.about),
            xml(case.expected),
        );
    }

    /// The whole page.
    pub(crate) fn whole(
        &self,
        head: &Head,
        tally: &Tally,
        expected: usize,
        stale: &[String],
        code: u8,
    ) -> String {
        let (zh, en) = match code {
            0 => ("通过", "passed"),
            1 => ("不通过", "failed"),
            _ => ("无法判定，不算通过", "unknown: this is no pass"),
        };
        let stale: String = stale.iter().map(|one| format!("<li>{}</li>", xml(one))).collect();
        let stale = if stale.is_empty() {
            stale
        } else {
            format!("<h2>例外已失效 / stale exceptions</h2><ul>{stale}</ul>")
        };
        format!(
            "<!doctype html>\n<html lang=\"zh\"><head><meta charset=\"utf-8\"><title>{target} · {zh} {en}</title><style>{STYLE}</style></head><body>\n\
             <h1>一致性测试结果 / conformance result: {zh} / {en}</h1>\n\
             <p>被测对象 / target: {target}<br>类别 / classes: {classes}<br>协议文本 / text: <code>{revision}</code>, 套件 / suite {suite}<br>时间 / time: {at}</p>\n\
             <p>{tally}; 预期不通过 / expected to fail: {expected}</p>{stale}\n\
             <table><thead><tr><th>用例 / case</th><th>内容 / what happens → what must come of it</th><th>结果 / verdict</th></tr></thead><tbody>\n{rows}</tbody></table>\n</body></html>\n",
            target = xml(&head.target),
            classes = xml(&head.classes),
            revision = xml(&head.revision),
            suite = env!("CARGO_PKG_VERSION"),
            at = xml(&head.at),
            rows = self.rows,
        )
    }
}

const fn word(verdict: &Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Pass => ("通过", "pass"),
        Verdict::Fail(_) => ("不通过", "fail"),
        Verdict::Skip(_) => ("不支持", "skip"),
        Verdict::Unknown(_) => ("无法判定", "unknown"),
        Verdict::Hang(_) => ("无应答", "hang"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_what_came_and_takes_no_markup_from_a_target() {
        let case = crate::cases::all()[0];
        let mut page = Page::default();
        page.row(case, &Verdict::Fail("<script>alert(1)</script>".into()), None);
        page.row(case, &Verdict::Pass, Some("known"));
        let head = Head {
            target: "a & b".into(),
            ..Head::default()
        };
        let whole = page.whole(&head, &Tally::default(), 1, &["old".into()], 1);
        assert!(
            whole.contains("不通过 / failed")
                && whole.contains("a &amp; b")
                && whole.contains("<li>old</li>")
        );
        assert!(whole.contains("&lt;script&gt;") && !whole.contains("<script"));
        assert_eq!(whole.matches("<tr><td>").count(), 2);
        assert!(!whole.contains("http"), "nothing is loaded from anywhere");
    }
}
