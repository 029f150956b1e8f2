//! A recorded run as JUnit XML, for build servers.

use std::fmt::Write as _;

use crate::recorded::{Line, Recorded};
use crate::report::xml;

/// The whole document.
pub(crate) fn junit(run: &Recorded) -> String {
    let summary = run.summary();
    let body: String = run.cases.iter().map(test_case).collect();
    let name = match run.head.classes.as_slice() {
        [class] if run.head.target.is_none() => format!("comity-conformance {class}"),
        _ => "comity-conformance".to_owned(),
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" \
         skipped=\"{}\" time=\"{}\">\n{body}</testsuite>\n</testsuites>\n",
        xml(&name),
        run.cases.len(),
        run.cases
            .iter()
            .filter(|case| element(case) == Some("failure"))
            .count(),
        run.cases
            .iter()
            .filter(|case| element(case) == Some("error"))
            .count(),
        run.cases
            .iter()
            .filter(|case| element(case) == Some("skipped"))
            .count(),
        seconds(summary.milliseconds),
    )
}

fn element(case: &Line) -> Option<&'static str> {
    match case.verdict.as_str() {
        _ if case.expected_failure.is_some() => Some("skipped"),
        _ if case.stale.is_some() => Some("failure"),
        "pass" => None,
        "fail" => Some("failure"),
        "skip" => Some("skipped"),
        _ => Some("error"),
    }
}

fn test_case(case: &Line) -> String {
    let class = match &case.kind {
        Some(kind) => format!("{}.{kind}", case.class),
        None => case.class.clone(),
    };
    let mut text = format!(
        "<testcase classname=\"{}\" name=\"{}\" time=\"{}\"",
        xml(&class),
        xml(&case.name),
        seconds(case.milliseconds)
    );
    match element(case) {
        None => text.push_str("/>\n"),
        Some(element) => {
            // A String takes every write.
            let _ = writeln!(
                text,
                "><{element} message=\"{}\">{}</{element}></testcase>",
                xml(case.stale.as_ref().unwrap_or(&case.reason)),
                xml(&case.text)
            );
        }
    }
    text
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}
