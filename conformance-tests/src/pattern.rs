//! Patterns for names of cases: `*` is anything, slashes included, `?` one character; all else is itself.

use std::convert::Infallible;
use std::str::FromStr;

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<char>);

impl FromStr for Pattern {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.chars().collect()))
    }
}

impl Pattern {
    /// Whether the whole name matches. Linear but for the last star: a pattern cannot make it slow.
    pub(crate) fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let (mut at, mut of) = (0, 0);
        // Where to go on when what follows the last star did not fit.
        let mut retry: Option<(usize, usize)> = None;
        while at < name.len() {
            match self.0.get(of) {
                Some('*') => {
                    retry = Some((of + 1, at));
                    of += 1;
                }
                Some(c) if *c == '?' || name.get(at) == Some(c) => {
                    at += 1;
                    of += 1;
                }
                _ => match retry {
                    Some((after, from)) => {
                        retry = Some((after, from + 1));
                        (at, of) = (from + 1, after);
                    }
                    None => return false,
                },
            }
        }
        self.0.iter().skip(of).all(|c| *c == '*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        let matches = |pattern: &str, name| pattern.parse::<Pattern>().unwrap().matches(name);
        for (pattern, name) in [
            ("jws/alg-none", "jws/alg-none"),
            ("jws/*", "jws/alg-none"),
            ("*none", "jws/alg-none"),
            ("*al*n*e", "jws/alg-none"),
            ("jws?alg-????", "jws/alg-none"),
            ("*", "jws/alg-none"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("jws", "jws/alg-none"),
            ("jws/?", "jws/alg-none"),
            ("*nonf", "jws/alg-none"),
            ("", "jws/alg-none"),
            ("jws/alg-none*x", "jws/alg-none"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
