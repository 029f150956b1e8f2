//! A person at first sight: enough of a name to compare with a card, the last four characters of a number and no more.

/// `张*明`: first and last character, stars between; of a name of two characters the first.
pub(super) fn name(full: &str) -> String {
    let chars: Vec<char> = full.chars().collect();
    match chars.as_slice() {
        [] => String::new(),
        [_] => "*".to_owned(),
        [first, _] => format!("{first}*"),
        [first, between @ .., last] => {
            // A long name does not tell its length: three stars at most.
            format!("{first}{}{last}", "*".repeat(between.len().min(3)))
        }
    }
}

/// The last four characters; of a number so short that they would be the whole, none.
pub(super) fn last4(number: &str) -> String {
    let count = number.chars().count();
    if count > 4 {
        number.chars().skip(count - 4).collect()
    } else {
        "****".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_length() {
        for (full, shown) in [
            ("张小明", "张*明"),
            ("张明", "张*"),
            ("张", "*"),
            ("", ""),
            ("欧阳小明", "欧**明"),
            ("迪丽热巴·迪力木拉提", "迪***提"),
        ] {
            assert_eq!(name(full), shown);
        }
    }

    #[test]
    fn numbers_show_four_characters_and_never_all() {
        assert_eq!(last4("36112318800101005X"), "005X");
        assert_eq!(last4("A123"), "****");
    }
}
