//! Text of others on this county's terminal.
//!
//! Titles and names are written by whoever signed them, and a terminal obeys what stands between the letters: an escape sequence
//! rewrites lines that were printed before, an override of direction shows digits in another order. An officer types a digest
//! from this screen, so what obeys is replaced by U+FFFD, and nothing is left out silently (Unicode TR 36, section 2).

/// One value in a line of ours: nothing in it ends the line.
pub(crate) fn line(text: &str) -> String {
    text.replace(obeyed, "\u{fffd}")
}

/// Whole text, printed as its last step: lines and tabs stay.
pub(crate) fn page(text: &str) -> String {
    text.replace(|c| obeyed(c) && !matches!(c, '\n' | '\t'), "\u{fffd}")
}

/// Controls (C0, DEL, C1), line and paragraph separators, and what turns the direction of writing.
fn obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_shown_and_not_obeyed() {
        for hostile in [
            "a\u{1b}[2Ab",
            "a\rb",
            "a\u{9b}1Ab",
            "a\u{7f}b",
            "a\u{202e}b",
            "a\u{2067}b",
            "a\u{2028}b",
        ] {
            let shown = line(hostile);
            assert!(
                !shown.chars().any(obeyed) && shown.contains('\u{fffd}'),
                "{hostile:?}"
            );
            assert_eq!(page(hostile), shown, "{hostile:?}");
        }
        assert_eq!(line("协议\n第 9 版"), "协议\u{fffd}第 9 版");
        assert_eq!(page("协议\n\t第 9 版 – Ελλάδα"), "协议\n\t第 9 版 – Ελλάδα");
    }
}
