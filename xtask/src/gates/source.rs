//! Rust source as a gate sees it: which bytes are code, and which lines belong to tests.
//!
//! Not a parser. It knows comments, strings, character literals and matching brackets, which is what it takes not to
//! be fooled by a forbidden word in a doc comment or by a test module at the end of a file.

use std::collections::BTreeSet;

use crate::tree::Tree;

/// A Rust file with everything but code blanked out.
pub(super) struct Source<'a> {
    pub(super) path: &'a str,
    pub(super) text: &'a str,
    /// Same length as the text; comments and literals are spaces, line ends are kept.
    pub(super) code: Vec<u8>,
    /// The whole file is test code.
    pub(super) is_test: bool,
    /// Byte ranges under `#[cfg(test)]`.
    test_ranges: Vec<(usize, usize)>,
}

/// All Rust files of the tree, with those marked that are compiled for tests only.
pub(super) fn sources(tree: &Tree) -> Vec<Source<'_>> {
    let mut sources: Vec<_> = tree
        .texts(".rs")
        .map(|(path, text)| Source::new(path, text))
        .collect();
    let declared: BTreeSet<String> = sources.iter().flat_map(Source::test_files).collect();
    for source in &mut sources {
        let beneath = declared.iter().any(|file| {
            source.path == file
                || file.strip_suffix("/mod.rs").is_some_and(|directory| {
                    source
                        .path
                        .strip_prefix(directory)
                        .is_some_and(|rest| rest.starts_with('/'))
                })
        });
        source.is_test |= beneath;
    }
    sources
}

impl<'a> Source<'a> {
    pub(super) fn new(path: &'a str, text: &'a str) -> Self {
        let code = code_only(text.as_bytes());
        let test_ranges = test_ranges(&code);
        Self {
            path,
            text,
            code,
            is_test: in_test_directory(path),
            test_ranges,
        }
    }

    /// The line, from 1, of a byte.
    pub(super) fn line(&self, at: usize) -> usize {
        self.text.as_bytes()[..at]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
            + 1
    }

    /// Whether that byte is test code.
    pub(super) fn tests(&self, at: usize) -> bool {
        self.is_test
            || self
                .test_ranges
                .iter()
                .any(|(from, to)| (*from..*to).contains(&at))
    }

    /// How many lines are not test code.
    pub(super) fn production_lines(&self) -> usize {
        let all = self.text.lines().count();
        let test: usize = self
            .test_ranges
            .iter()
            .map(|(from, to)| self.line((*to).saturating_sub(1)) - self.line(*from) + 1)
            .sum();
        if self.is_test { 0 } else { all.saturating_sub(test) }
    }

    /// Where `needle` stands as code, not inside a longer identifier.
    pub(super) fn find(&self, needle: &str) -> Vec<usize> {
        let needle = needle.as_bytes();
        let word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        (0..self.code.len().saturating_sub(needle.len() - 1))
            .filter(|at| self.code[*at..].starts_with(needle))
            .filter(|at| {
                !(word(needle.first())
                    && at
                        .checked_sub(1)
                        .is_some_and(|before| word(self.code.get(before))))
            })
            .filter(|at| !(word(needle.last()) && word(self.code.get(at + needle.len()))))
            .collect()
    }

    /// How many lines the item that begins at a byte has.
    pub(super) fn item_lines(&self, at: usize) -> usize {
        self.line(item_end(&self.code, at).saturating_sub(1)) - self.line(at) + 1
    }

    /// Files that this one declares as `#[cfg(test)] mod name;`.
    fn test_files(&self) -> Vec<String> {
        let mut files = Vec::new();
        for (from, to) in &self.test_ranges {
            let item = String::from_utf8_lossy(&self.code[*from..*to]);
            let Some(name) = item
                .trim_end()
                .strip_suffix(';')
                .and_then(|item| item.rsplit_once("mod "))
            else {
                continue;
            };
            let directory = match self.path.rsplit_once('/') {
                Some((directory, "mod.rs" | "lib.rs" | "main.rs")) => directory.to_owned(),
                _ => self.path.trim_end_matches(".rs").to_owned(),
            };
            files.push(format!("{directory}/{}.rs", name.1.trim()));
            files.push(format!("{directory}/{}/mod.rs", name.1.trim()));
        }
        files
    }
}

fn in_test_directory(path: &str) -> bool {
    path.split('/')
        .any(|part| matches!(part, "tests" | "benches" | "tests.rs"))
}

/// Blanks comments and literals.
fn code_only(text: &[u8]) -> Vec<u8> {
    let mut code = text.to_vec();
    let mut at = 0;
    while at < text.len() {
        let end = match text[at] {
            b'/' if text[at..].starts_with(b"//") => line_end(text, at),
            b'/' if text[at..].starts_with(b"/*") => comment_end(text, at),
            b'"' => string_end(text, at + 1),
            b'\'' => character_end(text, at),
            b'r' | b'b' | b'c' if !(at > 0 && identifier(text[at - 1])) => raw_end(text, at),
            _ => at,
        };
        if end > at {
            for byte in &mut code[at..end] {
                if *byte != b'\n' {
                    *byte = b' ';
                }
            }
            at = end;
        } else {
            at += 1;
        }
    }
    code
}

fn identifier(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn line_end(text: &[u8], at: usize) -> usize {
    text[at..]
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(text.len(), |length| at + length)
}

fn comment_end(text: &[u8], mut at: usize) -> usize {
    let mut depth = 0usize;
    while at < text.len() {
        if text[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn string_end(text: &[u8], mut at: usize) -> usize {
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// The end of a character literal; the same place for a lifetime, which is code.
fn character_end(text: &[u8], at: usize) -> usize {
    let after = at + 1;
    if text.get(after) == Some(&b'\\') {
        let close = text
            .get(after + 2..)
            .and_then(|rest| rest.iter().position(|byte| *byte == b'\''));
        return close.map_or(text.len(), |length| after + 2 + length + 1);
    }
    // One character of up to four bytes, then the closing quote; anything else is a lifetime.
    let width = text.get(after).map_or(1, |byte| match byte.leading_ones() {
        0 => 1,
        width => width as usize,
    });
    if text.get(after + width) == Some(&b'\'') {
        after + width + 1
    } else {
        at
    }
}

/// The end of `r"…"`, `r#"…"#`, `b"…"`, `br"…"`, `c"…"`; the same place when it is an identifier.
fn raw_end(text: &[u8], at: usize) -> usize {
    let mut quote = at;
    let mut raw = false;
    while let Some(letter @ (b'r' | b'b' | b'c')) = text.get(quote) {
        raw |= *letter == b'r';
        quote += 1;
        if quote - at > 2 {
            return at;
        }
    }
    let hashes = text[quote..].iter().take_while(|byte| **byte == b'#').count();
    if text.get(quote + hashes) != Some(&b'"') || (hashes > 0 && !raw) {
        return at;
    }
    let start = quote + hashes + 1;
    if !raw {
        return string_end(text, start);
    }
    let close: Vec<u8> = std::iter::once(b'"')
        .chain(std::iter::repeat_n(b'#', hashes))
        .collect();
    (start..text.len())
        .find(|from| text[*from..].starts_with(&close))
        .map_or(text.len(), |from| from + close.len())
}

/// The byte ranges of items under `#[cfg(test)]` or `#[cfg(all(test, …))]`, and of a whole file under `#![cfg(test)]`.
fn test_ranges(code: &[u8]) -> Vec<(usize, usize)> {
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < code.len() {
        if code[at..].starts_with(b"#![cfg(test)]") {
            return vec![(0, code.len())];
        }
        if code[at..].starts_with(b"#[cfg(test)]") || code[at..].starts_with(b"#[cfg(all(test") {
            let end = item_end(code, at);
            ranges.push((at, end));
            at = end;
        } else {
            at += 1;
        }
    }
    ranges
}

/// Where the item that begins at an attribute ends: at its `;` or its closing brace.
fn item_end(code: &[u8], from: usize) -> usize {
    let (mut round, mut braces) = (0usize, 0usize);
    for (at, byte) in code.iter().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => round += 1,
            b')' | b']' => round = round.saturating_sub(1),
            b'{' => braces += 1,
            b'}' => {
                braces = braces.saturating_sub(1);
                if braces == 0 && round == 0 {
                    return at + 1;
                }
            }
            b';' if round == 0 && braces == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_no_code() {
        let text = r##"
            // now() /* now()
            /* now() /* now() */ now() */
            let s = "now() \" now()"; let r = r#"now() " now()"#; let b = b"now()"; let q = '"'; let e = '\'';
            fn life<'a>(x: &'a str) { let 字 = '字'; now() }
        "##;
        let source = Source::new("a.rs", text);
        assert_eq!(source.find("now").len(), 1);
        assert_eq!(source.line(source.find("now")[0]), 5);
    }

    #[test]
    fn identifiers_are_whole() {
        let source = Source::new("a.rs", "MyInstant::now(); Instant::nowhere(); Instant::now()");
        assert_eq!(source.find("Instant::now").len(), 1);
    }

    #[test]
    fn test_items_are_known_by_their_brackets() {
        let text = "fn a() {}\n#[cfg(test)]\n#[allow(x)]\nmod t {\n  fn b() { [1; 2]; }\n}\nfn c() {}\n#[cfg(test)]\nuse x;\nfn d() {}\n";
        let source = Source::new("a.rs", text);
        let test = |name: &str| source.tests(source.find(name)[0]);
        assert!(test("b") && test("x"));
        assert!(!test("a") && !test("c") && !test("d"));
        assert_eq!(source.production_lines(), 3);
    }

    #[test]
    fn a_file_declared_for_tests_is_a_test_file() {
        let tree = Tree::of(&[
            ("n/src/lib.rs", "#[cfg(test)]\nmod ledger;\nmod real;\n"),
            ("n/src/ledger/mod.rs", ""),
            ("n/src/ledger/rows.rs", ""),
            ("n/src/real.rs", "#[cfg(test)] mod cases;"),
            ("n/src/real/cases.rs", ""),
            ("n/tests/a.rs", ""),
        ]);
        let tests: Vec<_> = sources(&tree)
            .iter()
            .filter(|s| s.is_test)
            .map(|s| s.path)
            .collect();
        assert_eq!(
            tests,
            [
                "n/src/ledger/mod.rs",
                "n/src/ledger/rows.rs",
                "n/src/real/cases.rs",
                "n/tests/a.rs"
            ]
        );
    }
}
