//! The digits that stand in a printed or shown code: each character of a token as two digits, its code minus 45.
//!
//! A scanner that types into a page with a Chinese input method or Caps Lock on corrupts letters, never digits, and a QR symbol
//! holds digits densest (numeric mode, three in ten bits): `-` is `00`, `~` is `81`, and every character of a presentation
//! (base64url, `.` and `~`) lies between. Chapter 5.6. This module knows no tokens: it refuses what is not digits in pairs of
//! that range, and judges nothing about what comes out. White space that a scanner adds is dropped, and full-width digits
//! that an input method makes of ASCII ones are read as what they are; anything else refuses.

use comity_spec::mutant;
use thiserror::Error;

/// Code of the first character that can be written, `-`.
const FIRST: u8 = b'-';
/// Code of the last character that can be written, `~`.
const LAST: u8 = b'~';
/// Most digits read: a version 40 symbol at level L holds 7,089.
pub const MAX_DIGITS: usize = 7_089;

/// Why text is not the digits of a token, or a token cannot be written in digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SymbolError {
    /// Something other than a digit: an interrupted scan, or another kind of code.
    #[error(
        "码中有数字以外的字符，请重新扫描 / the code holds something other than digits, at character {at}; scan again"
    )]
    NotDigits {
        /// Where, in characters from 1.
        at: usize,
    },
    /// An odd number of digits: part of the scan is missing.
    #[error("码不完整，请重新扫描 / the code is incomplete; scan again")]
    Incomplete,
    /// A pair of digits over 81, or a character that has no pair.
    #[error("码的内容不在字符范围内 / pair or character {at} is outside the alphabet of tokens")]
    OutOfRange {
        /// Which, from 1.
        at: usize,
    },
    /// Nothing, or more than any symbol holds.
    #[error("码为空或过长 / the code is empty or longer than any symbol")]
    Length,
}

/// Whether text sets out to be a symbol: its first character besides white space is a digit, in either width. No SD-JWT
/// begins with one, since `{` is `e` in base64url.
#[must_use]
pub fn looks_like_digits(text: &str) -> bool {
    text.trim_start()
        .chars()
        .next()
        .is_some_and(|c| digit(c).is_some())
}

/// Writes a token as digits.
///
/// # Errors
/// [`SymbolError::OutOfRange`] for a character outside `-` to `~`, [`SymbolError::Length`] for a token no symbol can hold.
pub fn encode(token: &str) -> Result<String, SymbolError> {
    if token.is_empty() || token.len() * 2 > MAX_DIGITS {
        return Err(SymbolError::Length);
    }
    let mut digits = String::with_capacity(token.len() * 2);
    for (index, byte) in token.bytes().enumerate() {
        if !(FIRST..=LAST).contains(&byte) {
            return Err(SymbolError::OutOfRange { at: index + 1 });
        }
        let value = byte - FIRST;
        digits.push(char::from(b'0' + value / 10));
        digits.push(char::from(b'0' + value % 10));
    }
    Ok(digits)
}

/// Reads the token that digits stand for.
///
/// # Errors
/// [`SymbolError`], for the first defect.
pub fn decode(digits: &str) -> Result<String, SymbolError> {
    // A digit of full width takes three bytes; a little white space is forgiven.
    if digits.len() > 3 * MAX_DIGITS + 64 {
        return Err(SymbolError::Length);
    }
    let text = digits.trim();
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return pairs(text.as_bytes());
    }
    // What an input method or a scanner's line ends made of it.
    let mut plain = Vec::with_capacity(text.len());
    for (index, c) in digits.chars().enumerate().filter(|(_, c)| !c.is_whitespace()) {
        plain.push(b'0' + digit(c).ok_or(SymbolError::NotDigits { at: index + 1 })?);
    }
    pairs(&plain)
}

/// Reads pairs of ASCII digits.
fn pairs(digits: &[u8]) -> Result<String, SymbolError> {
    let most = if mutant!("SYM-3") { 1_024 } else { MAX_DIGITS };
    if digits.is_empty() || (digits.len() > most && !mutant!("SYM-2/length")) {
        return Err(SymbolError::Length);
    }
    let digits = match digits.len() % 2 {
        1 if mutant!("SYM-2") => &digits[..digits.len() - 1],
        _ => digits,
    };
    let (pairs, []) = digits.as_chunks::<2>() else {
        return Err(SymbolError::Incomplete);
    };
    let mut token = String::with_capacity(pairs.len());
    for (index, [tens, ones]) in pairs.iter().enumerate() {
        let first = FIRST + u8::from(mutant!("SYM-1"));
        let code = first + (tens - b'0') * 10 + (ones - b'0');
        if code > LAST && !mutant!("SYM-2/range") {
            return Err(SymbolError::OutOfRange { at: index + 1 });
        }
        token.push(char::from(code));
    }
    Ok(token)
}

/// The value of a digit, ASCII or full-width.
fn digit(c: char) -> Option<u8> {
    match c {
        '0'..='9' => Some(c as u8 - b'0'),
        '０'..='９' if !mutant!("SYM-2/full-width") => u8::try_from(u32::from(c) - u32::from('０')).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_pairs_that_the_protocol_names() {
        assert_eq!(encode("-~").as_deref(), Ok("0081"));
        assert_eq!(encode("eyJ.").as_deref(), Ok("56762901"));
        assert_eq!(decode("0081").as_deref(), Ok("-~"));
    }

    #[test]
    fn what_scanners_and_input_methods_do_to_digits_does_no_harm() {
        assert_eq!(decode("００８１\r\n").as_deref(), Ok("-~"));
        assert_eq!(decode(" 00 81").as_deref(), Ok("-~"));
    }

    #[test]
    fn anything_else_refuses() {
        assert_eq!(decode("008"), Err(SymbolError::Incomplete));
        assert_eq!(decode("00x1"), Err(SymbolError::NotDigits { at: 3 }));
        assert_eq!(decode("0082"), Err(SymbolError::OutOfRange { at: 2 }));
        assert_eq!(decode("99"), Err(SymbolError::OutOfRange { at: 1 }));
        assert_eq!(decode(" "), Err(SymbolError::Length));
        assert_eq!(decode(&"0".repeat(7_090)), Err(SymbolError::Length));
        assert_eq!(decode(&"0".repeat(1 << 20)), Err(SymbolError::Length));
        assert_eq!(encode("a b"), Err(SymbolError::OutOfRange { at: 2 }));
        assert_eq!(encode("居住证"), Err(SymbolError::OutOfRange { at: 1 }));
        assert_eq!(encode(""), Err(SymbolError::Length));
    }

    proptest! {
        #[test]
        fn every_token_survives(token in "[A-Za-z0-9._~-]{1,2000}") {
            let digits = encode(&token).unwrap();
            prop_assert!(digits.bytes().all(|b| b.is_ascii_digit()));
            prop_assert_eq!(digits.len(), token.len() * 2);
            prop_assert_eq!(decode(&digits).unwrap(), token);
        }

        #[test]
        fn what_decodes_has_one_spelling(digits in "[0-9]{2,200}") {
            if let Ok(token) = decode(&digits) {
                prop_assert_eq!(encode(&token).unwrap(), digits);
            }
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = decode(&text);
            let _ = encode(&text);
            let _ = looks_like_digits(&text);
        }
    }
}
