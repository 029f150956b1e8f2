//! The rows of chapter 16: what each rule refuses, by its name, and which requirements say so.
//!
//! Read from the text as it stands, and judged nowhere: what a row means is the chapter's to say.

/// The chapter that names them.
pub(crate) const CHAPTER: &str = "16-rules.md";

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// The section that it stands in, with its number.
    pub(crate) section: String,
    /// What is refused; of a cause of a decision, the outcome.
    pub(crate) meaning: String,
    /// Requirements that say so.
    pub(crate) by: Vec<String>,
}

/// Every name with its row, in the order of the chapter.
pub(crate) fn of(text: &str) -> Vec<(String, Rule)> {
    let mut rules = Vec::new();
    let mut section = "";
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            section = heading;
        }
        let row = line.strip_prefix('|').and_then(|line| line.strip_suffix('|'));
        let cells: Vec<&str> = row.map_or_else(Vec::new, |row| row.split('|').map(str::trim).collect());
        // In 16.14 outcomes stand first and their causes second; the tables of 16.1 name no rule so.
        let (names, meaning, by) = match cells[..] {
            [names, meaning, by] if named(names) => (names, meaning.to_owned(), by),
            [outcome, causes] if shouted(outcome) => (causes, format!("outcome {outcome}"), ""),
            _ => continue,
        };
        let by: Vec<String> = by
            .split(", ")
            .filter(|id| !id.is_empty())
            .map(str::to_owned)
            .collect();
        for name in names.split('`').skip(1).step_by(2) {
            let rule = Rule {
                section: section.to_owned(),
                meaning: meaning.clone(),
                by: by.clone(),
            };
            rules.push((name.to_owned(), rule));
        }
    }
    rules
}

/// A cell that is the name of an outcome.
fn shouted(cell: &str) -> bool {
    !cell.is_empty() && cell.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
}

/// A cell of names and nothing else.
fn named(cell: &str) -> bool {
    let name = |one: &str| one.len() > 2 && one.starts_with('`') && one.ends_with('`');
    cell.split(", ").all(name)
}

#[cfg(test)]
mod tests {
    use comity_spec::conformance::CHAPTERS;

    use super::*;

    #[test]
    fn a_row_is_found_by_each_of_its_names_and_by_no_other_word() {
        let (_, text) = CHAPTERS.iter().find(|(file, _)| *file == CHAPTER).unwrap();
        let rules = of(text);
        let found = |name: &str| -> Vec<&Rule> {
            let named = rules.iter().filter(|(one, _)| one == name);
            named.map(|(_, rule)| rule).collect()
        };
        let arity = found("sd-jwt.arity");
        assert_eq!(arity.len(), 1);
        assert!(arity[0].section.starts_with("16.5 ") && arity[0].meaning.contains("[salt, value]"));
        assert_eq!(arity[0].by, ["ATT-10"]);
        assert_eq!(found("trust.removed")[0].by, found("trust.suspended")[0].by);
        assert!(
            found("status.cancelled")
                .iter()
                .any(|rule| rule.meaning == "outcome REVOKED")
        );
        assert_eq!(found("malformed-request").len(), 4);
        assert_eq!(
            found("identifier.region")[0].by,
            ["IDN-1", "IDN-2"],
            "a row without words"
        );
        for no_rule in ["iss", "sd-jwt", "alg", "cause"] {
            assert_eq!(found(no_rule), Vec::<&Rule>::new(), "{no_rule}");
        }
    }
}
