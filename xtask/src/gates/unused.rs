//! Part of gate `edges`: a crate names every dependency that it declares. One that nothing names is compiled, audited and updated for
//! nothing, and says of the crate what is not so. Words of code are looked for, not their meaning: what a macro of another crate names
//! does not count, and no crate here relies on that.

use super::Finding;
use super::source::Source;

/// A dependency that a manifest declares.
pub(super) struct Declared<'a> {
    /// Folder of the crate, from the root, empty or ending in `/`.
    pub(super) directory: &'a str,
    /// `normal`, `dev` or `build`.
    pub(super) kind: &'a str,
    /// As the code names it.
    pub(super) name: String,
    /// As the manifest names it.
    pub(super) package: &'a str,
}

/// Dependencies that no code of their crate names; an ordinary one has to be named outside tests and examples.
pub(super) fn unused(declared: &[Declared<'_>], sources: &[Source<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for one in declared {
        let places: &[&str] = match one.kind {
            "dev" => &["src/", "tests/", "examples/", "benches/"],
            "build" => &["build.rs"],
            _ => &["src/"],
        };
        let named = sources.iter().any(|source| {
            source
                .path
                .strip_prefix(one.directory)
                .is_some_and(|path| places.iter().any(|place| path.starts_with(place)))
                && names(source, one.name.as_bytes(), one.kind != "dev")
        });
        if !named {
            findings.push(Finding::new(
                &format!("{}Cargo.toml", one.directory),
                0,
                format!("no code names `{}` ({})", one.package, one.kind),
            ));
        }
    }
    findings
}

/// Whether the code has this word; outside tests, where that is asked.
fn names(source: &Source<'_>, word: &[u8], outside_tests: bool) -> bool {
    let is_part = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let code = &source.code;
    (0..code.len())
        .filter(|&at| code[at..].starts_with(word))
        .any(|at| {
            let before = at.checked_sub(1).and_then(|before| code.get(before));
            let inside = is_part(before) || is_part(code.get(at + word.len()));
            let counts = !outside_tests || !source.tests(at);
            counts && !inside
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(kind: &str, files: &[(&str, &str)]) -> bool {
        let declared = [Declared {
            directory: "low/",
            kind,
            name: "far_away".to_owned(),
            package: "far-away",
        }];
        let sources: Vec<_> = files.iter().map(|(path, text)| Source::new(path, text)).collect();
        unused(&declared, &sources).is_empty()
    }

    #[test]
    fn a_dependency_that_code_names_is_used() {
        assert!(found("normal", &[("low/src/a.rs", "use far_away::Thing;\n")]));
        assert!(found("dev", &[("low/tests/a.rs", "fn a() { far_away::go() }\n")]));
    }

    #[test]
    fn a_word_in_a_comment_another_crate_or_a_longer_name_is_no_use() {
        for (path, text) in [
            ("low/src/a.rs", "// far_away\nfn a() {}\n"),
            ("low/src/a.rs", "fn a() { far_away_too::go(\"far_away\") }\n"),
            ("high/src/a.rs", "use far_away::Thing;\n"),
        ] {
            assert!(!found("normal", &[(path, text)]), "{path}: {text}");
        }
    }

    #[test]
    fn what_only_tests_name_is_no_ordinary_dependency() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    use far_away::Thing;\n}\n";
        assert!(!found("normal", &[("low/src/a.rs", text)]));
        assert!(found("dev", &[("low/src/a.rs", text)]));
        assert!(!found(
            "normal",
            &[("low/examples/a.rs", "use far_away::Thing;\n")]
        ));
    }
}
