//! Strict JSON: one pass over the bytes before any parser that is more forgiving sees them.
//!
//! General JSON parsers keep the last of two equal names, turn 2^64 into a float and disagree with one another; two nodes that
//! disagree about one signed object can be played against each other. [`scan`] therefore refuses, per JWS-11 to JWS-13 and RFC 8259:
//! bytes that are not UTF-8, duplicate names (compared after unescaping), names that the library below reserves, integers
//! outside `i64`, lone surrogates, nesting deeper than [`MAX_DEPTH`], anything after the value, and, in Comity's own objects,
//! every number that is not an integer.
//! What it accepts is a [`Strict`], which is the only thing here that can be read into a type.

use comity_spec::mutant;
use std::borrow::Cow;

use serde::Deserialize;
use thiserror::Error;

use crate::budget::{Budget, BudgetExceeded, Resource};
use crate::octets;

/// Deepest nesting accepted: an object in an array in an object has depth 3.
pub const MAX_DEPTH: usize = 32;
/// Objects with more members than this are checked for duplicates by sorting instead of pairwise.
const PAIRWISE_MAX: usize = 12;

/// How the names begin by which serde_json talks to itself: a [`serde_json::Value`] reads an object with such a name as the
/// JSON *inside* the member's string, which no scan has seen, to any depth and with any number.
const RESERVED: &str = "$serde_json::private::";

/// Which numbers may stand in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// Only integers of `i64`, without fraction, exponent or negative zero: Comity's own objects.
    Integers,
    /// Integers of `i64` and finite decimal numbers: objects that a standard owns.
    Finite,
}

/// Why bytes are not acceptable JSON. Always the sender's fault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JsonError {
    /// Not UTF-8, or a byte order mark.
    #[error("不是 UTF-8 / not UTF-8")]
    Utf8,
    /// Not JSON at this byte.
    #[error("JSON 语法错误 / not JSON at byte {at}")]
    Syntax {
        /// Offset in bytes.
        at: usize,
    },
    /// One object names a member twice, perhaps in two spellings.
    #[error("成员名重复 / duplicate member name {name:?}")]
    DuplicateName {
        /// The name, unescaped, at most 64 characters of it.
        name: String,
    },
    /// An object names a member by which the library below would read something else than what stands there.
    #[error(
        "成员名被 JSON 库保留 / a member name that the JSON library reserves for itself ends at byte {at}"
    )]
    ReservedName {
        /// Offset in bytes.
        at: usize,
    },
    /// A number that two parsers could read differently.
    #[error("数字超出 64 位整数或不被允许 / number outside i64, or not an integer, at byte {at}")]
    Number {
        /// Offset in bytes.
        at: usize,
    },
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("嵌套超过 32 层 / nested deeper than 32 levels")]
    Depth,
    /// Well-formed, but not the members or types expected. Never contains a value, which could be personal data.
    #[error("字段不符合要求 / members are not as required: {0}")]
    Shape(String),
    /// Too long for its kind.
    #[error(transparent)]
    Budget(#[from] BudgetExceeded),
}

impl JsonError {
    /// Stable name of the rule that refused.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Utf8 => "json.utf8",
            Self::Syntax { .. } => "json.syntax",
            Self::DuplicateName { .. } => "json.duplicate-name",
            Self::ReservedName { .. } => "json.reserved-name",
            Self::Number { .. } => "json.number",
            Self::Depth => "json.depth",
            Self::Shape(_) => "json.shape",
            Self::Budget(_) => "budget",
        }
    }
}

/// Text that passed [`scan`].
#[derive(Clone, Copy, Debug)]
pub struct Strict<'a>(&'a str);

impl<'a> Strict<'a> {
    /// The text.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// Reads a type from the text.
    ///
    /// # Errors
    /// [`JsonError::Shape`] when the members are not those of `T`.
    pub fn read<T: Deserialize<'a>>(self) -> Result<T, JsonError> {
        serde_json::from_str(self.0).map_err(|e| shape(&e))
    }
}

/// Checks one JSON document of a peer.
///
/// # Errors
/// [`JsonError`], for the first defect found.
pub fn scan<'a>(bytes: &'a [u8], numbers: Numbers, budget: &mut Budget) -> Result<Strict<'a>, JsonError> {
    budget.spend(Resource::ParsedBytes, bytes.len())?;
    let text = std::str::from_utf8(bytes).map_err(|_| JsonError::Utf8)?;
    if text.starts_with('\u{feff}') && !mutant!("JWS-11/mark") {
        return Err(JsonError::Utf8);
    }
    let mut scanner = Scanner {
        text,
        bytes,
        at: 0,
        numbers,
        names: Vec::new(),
    };
    scanner.space();
    if scanner.peek() == Some(b'{') {
        scanner.names.reserve(32);
    }
    scanner.value(0)?;
    scanner.space();
    if scanner.at == bytes.len() {
        Ok(Strict(text))
    } else {
        Err(JsonError::Syntax { at: scanner.at })
    }
}

/// Scans and reads in one call.
///
/// # Errors
/// [`JsonError`], for the first defect found.
pub fn read<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
    numbers: Numbers,
    budget: &mut Budget,
) -> Result<T, JsonError> {
    scan(bytes, numbers, budget)?.read()
}

/// Reads text that was scanned earlier and kept.
pub(crate) fn read_scanned<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, JsonError> {
    serde_json::from_slice(bytes).map_err(|e| shape(&e))
}

/// Reads what a peer sent whatever it lacks or has too much: a mistake that several requirements forbid.
#[cfg(feature = "mutants")]
pub(crate) fn read_forgiving<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    let mut value: serde_json::Value = read_scanned(bytes)?;
    loop {
        let error = match serde_json::from_value(value.clone()) {
            Ok(read) => return Ok(read),
            Err(error) => error,
        };
        let text = error.to_string();
        let named = |before: &str| text.strip_prefix(before)?.split('`').next().map(str::to_owned);
        let changed = value.as_object_mut().is_some_and(|members| {
            if let Some(name) = named("unknown field `") {
                members.remove(&name).is_some()
            } else if let Some(name) = named("missing field `") {
                members.insert(name, "assumed".into()).is_none()
            } else {
                false
            }
        });
        if !changed {
            return Err(shape(&error));
        }
    }
}

/// Keeps of a deserialisation error what names members, and drops what could quote a value.
pub(crate) fn shape(error: &serde_json::Error) -> JsonError {
    let text = error.to_string();
    let names_only = ["missing field", "unknown field", "duplicate field"]
        .iter()
        .any(|p| text.starts_with(p));
    JsonError::Shape(if names_only {
        text.chars().take(200).collect()
    } else {
        format!(
            "a value of the wrong type or form ends at line {} column {}",
            error.line(),
            error.column()
        )
    })
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    numbers: Numbers,
    /// Names of all objects now open, outermost first; each object knows where its own begin.
    names: Vec<Cow<'a, str>>,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    const fn syntax(&self) -> JsonError {
        JsonError::Syntax { at: self.at }
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.syntax())
        }
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// `depth` is the number of containers around the value; recursion therefore ends at [`MAX_DEPTH`].
    fn value(&mut self, depth: usize) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'{') if depth < MAX_DEPTH + usize::from(mutant!("JWS-13")) => self.object(depth),
            Some(b'[') if depth < MAX_DEPTH + usize::from(mutant!("JWS-13")) => self.array(depth),
            Some(b'{' | b'[') => Err(JsonError::Depth),
            Some(b'"') => self.string().map(|_| ()),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => Err(self.syntax()),
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), JsonError> {
        if self.bytes[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.syntax())
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), JsonError> {
        self.at += 1;
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.space();
            self.value(depth + 1)?;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.syntax()),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), JsonError> {
        let first = self.names.len();
        self.at += 1;
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.syntax());
            }
            let name = self.string()?;
            let name = name.unescaped(self.text)?;
            if name.starts_with(RESERVED) {
                return Err(JsonError::ReservedName { at: self.at });
            }
            self.names.push(name);
            self.space();
            self.expect(b':')?;
            self.space();
            self.value(depth + 1)?;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    self.close(first)?;
                    return Ok(());
                }
                _ => return Err(self.syntax()),
            }
        }
    }

    /// Compares the names of the object that ends here and forgets them.
    fn close(&mut self, first: usize) -> Result<(), JsonError> {
        let own = &mut self.names[first..];
        let twice = if own.len() <= PAIRWISE_MAX {
            own.iter()
                .enumerate()
                .find_map(|(i, name)| own[..i].contains(name).then_some(name))
        } else {
            // A hostile object may have a hundred thousand members: never quadratic.
            own.sort_unstable();
            own.windows(2)
                .find_map(|pair| (pair[0] == pair[1]).then_some(&pair[0]))
        };
        if let Some(name) = twice.filter(|_| !mutant!("JWS-11")) {
            return Err(JsonError::DuplicateName {
                name: name.chars().take(64).collect(),
            });
        }
        self.names.truncate(first);
        Ok(())
    }

    fn string(&mut self) -> Result<Span, JsonError> {
        let opening = self.at;
        self.at += 1;
        let mut escaped = false;
        loop {
            self.at += octets::plain(&self.bytes[self.at..]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Span {
                        opening,
                        end: self.at,
                        escaped,
                    });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return Err(self.syntax()),
            }
        }
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                let unit = self.unit()?;
                if (0xdc00..=0xdfff).contains(&unit) {
                    return Err(self.syntax());
                }
                if (0xd800..=0xdbff).contains(&unit) {
                    // A high surrogate stands for nothing without its low one.
                    self.expect(b'\\')?;
                    if self.peek() != Some(b'u') || !(0xdc00..=0xdfff).contains(&self.unit()?) {
                        return Err(self.syntax());
                    }
                }
            }
            _ => return Err(self.syntax()),
        }
        Ok(())
    }

    /// Reads `uXXXX` and stands behind it.
    fn unit(&mut self) -> Result<u32, JsonError> {
        let digits = self
            .bytes
            .get(self.at + 1..self.at + 5)
            .ok_or(JsonError::Syntax { at: self.at })?;
        let mut unit = 0;
        for digit in digits {
            let value = char::from(*digit)
                .to_digit(16)
                .ok_or(JsonError::Syntax { at: self.at })?;
            unit = unit * 16 + value;
        }
        self.at += 5;
        Ok(unit)
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.syntax()),
        }
        let mut integer = true;
        if self.peek() == Some(b'.') {
            integer = false;
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            integer = false;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let text = &self.text[start..self.at];
        let acceptable = match (integer, self.numbers) {
            // "-0" is an integer to some parsers and a float to others.
            (true, Numbers::Integers) => text != "-0" && text.parse::<i64>().is_ok(),
            (true, Numbers::Finite) => text.parse::<i64>().is_ok(),
            (false, Numbers::Integers) => mutant!("JWS-12"),
            (false, Numbers::Finite) => text.parse::<f64>().is_ok_and(f64::is_finite),
        };
        if acceptable {
            Ok(())
        } else {
            Err(JsonError::Number { at: start })
        }
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > start {
            Ok(())
        } else {
            Err(self.syntax())
        }
    }
}

/// A string of the text: from its opening quote to behind its closing one.
struct Span {
    opening: usize,
    end: usize,
    escaped: bool,
}

impl Span {
    fn unescaped<'a>(&self, text: &'a str) -> Result<Cow<'a, str>, JsonError> {
        if self.escaped && !mutant!("JWS-11/escapes") {
            serde_json::from_str(&text[self.opening..self.end])
                .map(Cow::Owned)
                .map_err(|_| JsonError::Syntax { at: self.opening })
        } else {
            Ok(Cow::Borrowed(&text[self.opening + 1..self.end - 1]))
        }
    }
}

#[cfg(test)]
mod tests;
