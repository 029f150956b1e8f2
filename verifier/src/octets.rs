//! Looking for octets, eight at a time: most of a signed object is base64url and digests, in which there is nothing to find.
//!
//! It refuses to decide anything: what is found, and what its being there means, is the callers' business.

const EACH: u64 = u64::from_ne_bytes([1; 8]);
const TOP: u64 = 0x80 * EACH;

/// The first place of an octet.
pub(crate) fn position(octets: &[u8], sought: u8) -> Option<usize> {
    let found = first(octets, |word| equal(word, sought), |octet| octet == sought);
    (found < octets.len()).then_some(found)
}

/// The parts between the places of an octet, as of `[u8]::split`: one more than there are places.
pub(crate) fn split(octets: &[u8], at: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(octets);
    std::iter::from_fn(move || {
        let all = rest?;
        let (part, behind) = match position(all, at) {
            Some(place) => (&all[..place], Some(&all[place + 1..])),
            None => (all, None),
        };
        rest = behind;
        Some(part)
    })
}

/// How many octets of a JSON text, from the start, neither end a string nor escape nor are control characters.
pub(crate) fn plain(octets: &[u8]) -> usize {
    first(
        octets,
        |word| equal(word, b'"') | equal(word, b'\\') | below(word, 0x20),
        |octet| matches!(octet, b'"' | b'\\' | 0..=0x1f),
    )
}

/// The first place where `one` holds, or the length. `eight` sets the top bit of each octet of a word where it holds; it may set
/// others behind the first, and none before it.
fn first(octets: &[u8], eight: impl Fn(u64) -> u64, one: impl Fn(u8) -> bool) -> usize {
    let (words, rest) = octets.as_chunks::<8>();
    for (i, word) in words.iter().enumerate() {
        // Little-endian on every machine: the first octet is the lowest.
        let found = eight(u64::from_le_bytes(*word));
        if found != 0 {
            return 8 * i + found.trailing_zeros() as usize / 8;
        }
    }
    let place = rest.iter().position(|octet| one(*octet));
    octets.len() - rest.len() + place.unwrap_or(rest.len())
}

/// Octets below a limit of at most 0x80. The borrow of a subtraction reaches only octets behind a true find.
const fn below(word: u64, limit: u64) -> u64 {
    word.wrapping_sub(limit * EACH) & !word & TOP
}

fn equal(word: u64, octet: u8) -> u64 {
    below(word ^ (u64::from(octet) * EACH), 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Many of the octets that are looked for and of their neighbours.
    fn octets() -> impl Strategy<Value = Vec<u8>> {
        let octet = prop_oneof![
            any::<u8>(),
            Just(b'.'),
            Just(b'~'),
            0x1d..0x24_u8,
            0x5a..0x5f_u8,
            0x7c..0x82_u8,
        ];
        prop::collection::vec(octet, 0..60)
    }

    proptest! {
        #[test]
        fn eight_at_a_time_finds_what_one_at_a_time_does(mut octets in octets(), quiet in 0..60_usize) {
            for _ in 0..2 {
                let plainly = |o: &u8| matches!(o, b'"' | b'\\' | 0..=0x1f);
                let one_by_one = octets.iter().position(plainly).unwrap_or(octets.len());
                prop_assert_eq!(plain(&octets), one_by_one);
                for sought in [b'.', b'~', 0, 0x7f, 0x80, 0xff] {
                    prop_assert_eq!(position(&octets, sought), octets.iter().position(|o| *o == sought));
                    let parts: Vec<_> = octets.split(|o| *o == sought).collect();
                    prop_assert_eq!(split(&octets, sought).collect::<Vec<_>>(), parts);
                }
                // Once more with nothing to find before one place.
                octets.iter_mut().take(quiet).for_each(|o| *o = b'a' + *o % 8);
            }
        }
    }

    #[test]
    fn there_is_a_part_before_between_and_behind() {
        assert_eq!(split(b"", b'.').collect::<Vec<_>>(), [b""]);
        assert_eq!(split(b".", b'.').collect::<Vec<_>>(), [b"", b""]);
        assert_eq!(split(b"a..b", b'.').collect::<Vec<_>>(), [&b"a"[..], b"", b"b"]);
    }
}
