//! Everything that a text may be the encoding of, for the scan: each view is handed on, and looked into again to a fixed depth.
//!
//! It decodes generously: where a text could be an encoding it is taken for one. A decoded view that means nothing costs time only; one
//! that was not tried could hide a name.

/// Encodings inside encodings: the digits of the code, the disclosure in it, the text in that.
const DEPTH: usize = 3;
/// Shortest run of base64 or hexadecimal characters that could hold a name of two characters.
const SHORTEST: usize = 8;

/// Calls `see` with the text and with every text that it decodes to.
pub(super) fn for_each(text: &[u8], see: &mut impl FnMut(&[u8])) {
    look(text, DEPTH, see);
}

fn look(text: &[u8], depth: usize, see: &mut impl FnMut(&[u8])) {
    see(text);
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    if text.contains(&b'%') {
        look(&percent(text), depth, see);
    }
    if text.contains(&b'\\') {
        look(&escapes(text), depth, see);
    }
    for run in runs(text, is_base64) {
        for from in 0..4 {
            if let Some(shifted) = run.get(from..) {
                look(&base64(shifted), depth, see);
            }
        }
    }
    for run in runs(text, |byte| byte.is_ascii_hexdigit()) {
        for from in 0..2 {
            look(&pairs(&run[from..], 16, 0), depth, see);
        }
    }
    for run in runs(text, |byte| byte.is_ascii_digit()) {
        for from in 0..2 {
            // The printed code: two digits a character, counted from `-` (45).
            look(&pairs(&run[from..], 10, 45), depth, see);
        }
    }
    for run in runs(text, |byte| {
        byte.is_ascii_digit() || *byte == b',' || *byte == b' '
    }) {
        if run.contains(&b',') {
            look(&list(run), depth, see);
        }
    }
}

/// The longest stretches of such bytes.
fn runs(text: &[u8], is: impl Fn(&u8) -> bool) -> impl Iterator<Item = &[u8]> {
    text.split(move |byte| !is(byte))
        .filter(|run| run.len() >= SHORTEST)
}

/// Both alphabets.
const fn is_base64(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(*byte, b'+' | b'/' | b'-' | b'_')
}

fn base64(run: &[u8]) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        _ => 63,
    };
    let mut decoded = Vec::with_capacity(run.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in run {
        bits = (bits << 6 | u32::from(value(*byte))) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            decoded.push((bits >> held & 0xff) as u8);
        }
    }
    decoded
}

/// `%E8` and `%e8`.
fn percent(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        match (first, after) {
            (b'%', [high, low, after @ ..]) if number(&[*high, *low], 16).is_some() => {
                decoded.extend(number(&[*high, *low], 16));
                rest = after;
            }
            _ => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    decoded
}

/// `\xe8`, `\u8d75` and `\u{8d75}`, however often the backslash was escaped itself.
fn escapes(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        if *first != b'\\' {
            decoded.push(*first);
            rest = after;
            continue;
        }
        let more = after.iter().take_while(|byte| **byte == b'\\').count();
        rest = match &after[more..] {
            [b'x', high, low, after @ ..] if number(&[*high, *low], 16).is_some() => {
                decoded.extend(number(&[*high, *low], 16));
                after
            }
            [b'u', b'{', after @ ..] => {
                let digits = after.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
                push_char(&mut decoded, &after[..digits]);
                after[digits..].strip_prefix(b"}").unwrap_or(&after[digits..])
            }
            [b'u', a, b, c, d, after @ ..] => {
                push_char(&mut decoded, &[*a, *b, *c, *d]);
                after
            }
            other => other,
        };
    }
    decoded
}

fn push_char(decoded: &mut Vec<u8>, digits: &[u8]) {
    let code = std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .and_then(char::from_u32);
    if let Some(code) = code {
        decoded.extend_from_slice(code.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// Two characters a byte, plus `from`.
fn pairs(run: &[u8], radix: u32, from: u8) -> Vec<u8> {
    run.chunks_exact(2)
        .filter_map(|pair| number(pair, radix)?.checked_add(from))
        .collect()
}

/// `232, 181, 181`.
fn list(run: &[u8]) -> Vec<u8> {
    run.split(|byte| *byte == b',')
        .filter_map(|item| number(item.trim_ascii(), 10))
        .collect()
}

fn number(digits: &[u8], radix: u32) -> Option<u8> {
    let digits = std::str::from_utf8(digits).ok()?;
    // `from_str_radix` takes a sign too.
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u8::from_str_radix(digits, radix).ok().filter(|_| plain)
}
