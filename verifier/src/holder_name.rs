//! Names of holders: compared as the bytes given, folded for look-up only.
//!
//! Names of many nationalities are written with a separator (买买提·示例) for which keyboards and registers use half a dozen
//! characters, and one character can have a composed and a decomposed spelling. Looking up must find the record all the same;
//! deciding must not gloss over the difference. So [`fold`] gives the key under which a name is *found* (NFC, Unicode UAX #15;
//! every separator as `·`; no white space around it or at the ends), and [`compare`] says whether two names are the *same
//! bytes*, merely alike, or different. A near match is for a person to review and never green (ATT-17). No romanisation
//! and no variant characters are folded here: 王昱 and 王煜 are two people.

use comity_spec::mutant;
use unicode_normalization::UnicodeNormalization as _;

/// The one separator to which all others fold: U+00B7, as GB 18030 name fields use it.
pub const SEPARATOR: char = '\u{b7}';

/// How two names stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameMatch {
    /// The same bytes.
    Same,
    /// Different bytes with one folding: a person has to look.
    Near,
    /// Different names.
    Different,
}

/// The key under which a name is looked up. Folding twice changes nothing.
#[must_use]
pub fn fold(name: &str) -> String {
    if mutant!("ATT-16") {
        return name.to_owned();
    }
    let mut folded = String::with_capacity(name.len());
    let mut pending_space = false;
    for c in name.nfc() {
        if c.is_whitespace() {
            // Inside a name one space is kept (romanised names have it), at its ends and beside a separator none.
            pending_space = !folded.is_empty() && !folded.ends_with(SEPARATOR);
        } else if is_separator(c) {
            pending_space = false;
            folded.push(SEPARATOR);
        } else {
            if pending_space {
                folded.push(' ');
                pending_space = false;
            }
            folded.push(c);
        }
    }
    folded
}

/// Compares two names as given.
#[must_use]
pub fn compare(one: &str, other: &str) -> NameMatch {
    if one == other || (mutant!("ATT-17") && fold(one) == fold(other)) {
        NameMatch::Same
    } else if fold(one) == fold(other) {
        NameMatch::Near
    } else {
        NameMatch::Different
    }
}

/// The characters that registers, cards and keyboards use between the parts of a name.
const fn is_separator(c: char) -> bool {
    matches!(
        c,
        '\u{b7}'            // · middle dot
            | '\u{2022}'    // • bullet
            | '\u{2027}'    // ‧ hyphenation point
            | '\u{30fb}'    // ・ katakana middle dot
            | '\u{ff65}'    // ･ halfwidth katakana middle dot
            | '\u{2219}'    // ∙ bullet operator
            | '\u{22c5}'    // ⋅ dot operator
            | '\u{ff0e}'    // ． fullwidth full stop
            | '.'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_separator_finds_the_same_record_and_none_is_the_same_name() {
        let registered = "阿不都热依木·示例";
        for typed in [
            "阿不都热依木•示例",
            "阿不都热依木‧示例",
            "阿不都热依木・示例",
            "阿不都热依木.示例",
            " 阿不都热依木 · 示例 ",
        ] {
            assert_eq!(fold(typed), fold(registered), "{typed}");
            assert_eq!(compare(typed, registered), NameMatch::Near, "{typed}");
        }
        assert_eq!(compare(registered, registered), NameMatch::Same);
    }

    #[test]
    fn composed_and_decomposed_spellings_are_near() {
        assert_eq!(compare("L\u{fc} Shili", "Lu\u{308} Shili"), NameMatch::Near);
    }

    #[test]
    fn different_characters_are_different_people() {
        for (one, other) in [
            ("王昱", "王煜"),
            ("示例甲", "示例"),
            ("示例甲", "示例 甲"),
            ("Ab Cd", "AbCd"),
            ("示例甲", ""),
        ] {
            assert_eq!(compare(one, other), NameMatch::Different, "{one} {other}");
        }
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(name in any::<String>()) {
            prop_assert_eq!(fold(&fold(&name)), fold(&name));
        }

        #[test]
        fn comparison_is_symmetric(one in ".{0,12}", other in ".{0,12}") {
            prop_assert_eq!(compare(&one, &other), compare(&other, &one));
        }
    }
}
