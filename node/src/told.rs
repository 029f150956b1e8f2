//! A problem as a person at a terminal reads it: what it is, what exactly, and what to do next, Chinese first. The words are those of the
//! registry (chapter 10), so that an operator at the command line and a caller over HTTP are told the same.

use std::error::Error;
use std::fmt::Write as _;

use comity_spec::problem::ProblemType;
use comity_spec::text::Text;

/// The problem in words; `detail` says what exactly and may have several lines.
pub(crate) fn told(kind: ProblemType, detail: &str) -> String {
    told_then(kind, detail, kind.next_step())
}

/// The same with another next step, where the registry's would ask for what is not at fault.
pub(crate) fn told_then(kind: ProblemType, detail: &str, next: Text) -> String {
    let title = kind.title();
    let mut text = format!("× {} / {}\n", title.zh, title.en);
    for line in detail.lines() {
        // Writing to a String does not fail.
        let _ = writeln!(text, "  {line}");
    }
    let _ = write!(text, "下一步: {}\nNext: {}", next.zh, next.en);
    text
}

/// The same for an error and what lies behind it.
pub(crate) fn told_of(kind: ProblemType, error: &dyn Error) -> String {
    told(kind, &comity_node_core::chain(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_it_is_what_exactly_and_what_to_do_in_both_languages() {
        let text = told(ProblemType::ImportRefused, "第 3 行\n第 5 行");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 5);
        assert!(lines[0].starts_with("× 导入文件未被接受") && lines[0].contains("nothing was imported"));
        assert_eq!(lines[1..3], ["  第 3 行", "  第 5 行"]);
        assert!(lines[3].starts_with("下一步: 请按所列行号") && lines[4].starts_with("Next: Correct"));
    }
}
