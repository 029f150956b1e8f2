//! ISO 7064 MOD 11-2, the check character of citizen numbers (GB 11643) and of the permit numbers we assign.
//!
//! It finds every single wrong digit and every swap of neighbours. It proves nothing about existence.

/// The check character for a run of ASCII digits, `0`–`9` or `X`; `None` when something else is among them.
pub(super) fn check_character(digits: &[u8]) -> Option<u8> {
    let mut remainder: u32 = 0;
    for &byte in digits {
        if !byte.is_ascii_digit() {
            return None;
        }
        remainder = (remainder + u32::from(byte - b'0')) * 2 % 11;
    }
    // The number with its check character must leave 1.
    Some(match (12 - remainder) % 11 {
        10 => b'X',
        digit => b'0' + digit as u8,
    })
}
