//! The page: cover with the stamp, contents, chapters, appendices.
//!
//! The stamp names what was rendered by digests, so that two people who talk about one requirement can tell whether they read
//! one text. There is no date in it: the same tree gives the same page.

use std::fmt::Write as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::cases::{Case, Cases, VECTORS};
use super::chapters::{Chapter, FOLDER, Part, Text};
use super::prose::{self, Place, Targets, tongues};
use super::{escape, register};
use crate::Outcome;
use crate::tree::Tree;

const STYLE: &str = include_str!("style.css");

/// A rendered page.
pub(super) struct Page {
    pub(super) html: String,
    /// Revision of the chapters, as the suite tells it.
    pub(super) revision: String,
    /// Each requirement with the number of its proofs.
    pub(super) requirements: Vec<(String, usize)>,
}

/// Renders everything.
///
/// # Errors
/// What of the text cannot be rendered, and where.
pub(super) fn render(tree: &Tree, text: &Text, cases: &Cases) -> Outcome<Page> {
    let targets = Targets::new(text, register::anchors(tree));
    let revision = text_revision(tree);
    let appendices = register::appendices(tree, text, cases, &targets)?;

    let mut main = cover(tree, &revision);
    for chapter in &text.chapters {
        main.push_str(&rendered(chapter, cases, &targets)?);
    }
    for appendix in &appendices {
        put(
            &mut main,
            format_args!(
                "<section class=\"chapter\" id=\"{}\">\n<h2><span class=\"no\">{}</span> {}</h2>\n{}</section>\n",
                appendix.id,
                appendix.letter,
                escape(appendix.title),
                appendix.html
            ),
        );
    }
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>Comity 互认: protocol version 1</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         {}<main>\n{main}</main>\n</body>\n</html>\n",
        contents(text, &appendices)
    );
    let requirements = text.requirements().map(|(id, _)| {
        let proofs = cases.of(id).count() + cases.tests(id).count() + usize::from(cases.excuse(id).is_some());
        (id.to_owned(), proofs)
    });
    Ok(Page {
        html,
        revision,
        requirements: requirements.collect(),
    })
}

fn cover(tree: &Tree, text: &str) -> String {
    let version = tree
        .text("Cargo.toml")
        .and_then(|text| toml::from_str::<toml::Table>(text).ok())
        .and_then(|table| {
            Some(
                table
                    .get("workspace")?
                    .get("package")?
                    .get("version")?
                    .as_str()?
                    .to_owned(),
            )
        })
        .unwrap_or_default();
    let schemas = revision(tree, "spec/schemas/", "");
    let vectors = vectors_revision(tree);
    format!(
        "<header class=\"cover\">\n<h1><span lang=\"zh-Hans\">互认</span> Comity</h1>\n\
         <p class=\"lead\">One county recognises another county's residence permit. The protocol, version 1: what is signed, what is sent, \
         what is checked, and what may be said.</p>\n<p class=\"lead\" lang=\"zh-Hans\">居住证跨县互认协议，第 1 版：签什么、传什么、查什么、可以说什么。</p>\n\
         <dl class=\"stamp\"><dt>version</dt><dd>{}</dd><dt>interface</dt><dd><code>/federation/v1</code></dd>\
         <dt>text</dt><dd><code>{}</code></dd><dt>schemas</dt><dd><code>{}</code></dd><dt>vectors</dt><dd><code>{}</code></dd></dl>\n</header>\n",
        escape(&version),
        text,
        schemas,
        vectors
    )
}

/// What was rendered, in the words of `comity-conformance coverage`: two who compare them read one text and one set of vectors.
pub(super) fn stamp(tree: &Tree) -> String {
    format!("text {}, vectors {}", text_revision(tree), vectors_revision(tree))
}

fn text_revision(tree: &Tree) -> String {
    revision(tree, FOLDER, "")
}

fn vectors_revision(tree: &Tree) -> String {
    revision(tree, VECTORS, ".json")
}

/// The revision of the files below a folder, as `comity_spec::conformance::revision_of` has it: the first 16 hexadecimal digits of a
/// SHA-256 over names, lengths and texts. Of names that end so; the ending is no part of the name. Written out here, because this
/// crate knows none of those that it judges; the phase `coverage` holds the suite's own against it.
fn revision(tree: &Tree, folder: &str, ending: &str) -> String {
    let mut files: Vec<(&str, &str)> = tree
        .texts(ending)
        .filter(|(path, _)| path.starts_with(folder))
        .collect();
    // As paths: folder by folder.
    files.sort_by_key(|(path, _)| Path::new(*path));
    let mut hash = Sha256::new();
    for (path, text) in files {
        let name = path.strip_prefix(folder).unwrap_or(path);
        let name = name.strip_suffix(ending).unwrap_or(name);
        hash.update(format!("{name} {}\n", text.len()));
        hash.update(text);
    }
    hash.finalize()
        .iter()
        .take(8)
        .fold(String::new(), |mut hex, byte| {
            put(&mut hex, format_args!("{byte:02x}"));
            hex
        })
}

fn contents(text: &Text, appendices: &[register::Appendix]) -> String {
    let mut nav = String::from(
        "<nav aria-label=\"Contents\">\n<p class=\"title\"><a href=\"#ch-0\"><span lang=\"zh-Hans\">互认</span> Comity</a></p>\n<ol>\n",
    );
    for chapter in &text.chapters {
        put(
            &mut nav,
            format_args!(
                "<li><a href=\"#ch-{}\"><span class=\"no\">{}</span> {}</a>",
                chapter.number,
                chapter.number,
                tongues(&chapter.title)
            ),
        );
        let sections: String = chapter
            .parts
            .iter()
            .filter_map(|part| match part {
                Part::Section { number, title } => Some(format!(
                    "<li><a href=\"#{number}\"><span class=\"no\">{number}</span> {}</a></li>",
                    tongues(title)
                )),
                _ => None,
            })
            .collect();
        if !sections.is_empty() {
            put(&mut nav, format_args!("\n<ol>{sections}</ol>"));
        }
        nav.push_str("</li>\n");
    }
    for appendix in appendices {
        put(
            &mut nav,
            format_args!(
                "<li><a href=\"#{}\"><span class=\"no\">{}</span> {}</a></li>\n",
                appendix.id,
                appendix.letter,
                escape(appendix.title)
            ),
        );
    }
    nav.push_str("</ol>\n</nav>\n");
    nav
}

fn rendered(chapter: &Chapter, cases: &Cases, targets: &Targets) -> Outcome<String> {
    let place = Place {
        path: &chapter.path,
        prefix: None,
    };
    let mut html = format!(
        "<section class=\"chapter\" id=\"ch-{0}\">\n<h2><span class=\"no\">{0}</span> {1}</h2>\n",
        chapter.number,
        tongues(&chapter.title)
    );
    for part in &chapter.parts {
        match part {
            Part::Prose(prose) => html.push_str(&prose::html(prose, place, targets)?),
            Part::Section { number, title } => put(
                &mut html,
                format_args!(
                    "<h3 id=\"{number}\"><a class=\"no\" href=\"#{number}\">{number}</a> {}</h3>\n",
                    tongues(title)
                ),
            ),
            Part::Requirement { id, text } => {
                html.push_str(&requirement(id, &prose::line(text, place, targets)?, cases));
            }
        }
    }
    html.push_str("</section>\n");
    Ok(html)
}

fn requirement(id: &str, text: &str, cases: &Cases) -> String {
    format!(
        "<div class=\"requirement\" id=\"{id}\"><a class=\"id\" href=\"#{id}\">{id}</a><div><p>{text}</p>{}</div></div>\n",
        proof(id, cases)
    )
}

/// The cases that prove a requirement; where there is none, the tests of this tree or the excuse.
fn proof(id: &str, cases: &Cases) -> String {
    let proving: Vec<&Case> = cases.of(id).collect();
    if let Some(excuse) = cases.excuse(id) {
        return format!(
            "<p class=\"excuse\">No test can prove this: {}</p>",
            tongues(excuse)
        );
    }
    if proving.is_empty() {
        let files: Vec<_> = cases
            .tests(id)
            .map(|file| format!("<li><code>{}</code></li>", escape(file)))
            .collect();
        return format!(
            "<details class=\"proof\"><summary>no public case yet; {}</summary><ul>{}</ul></details>",
            counted(files.len(), "test file"),
            files.concat()
        );
    }
    let mut lines = String::new();
    for case in &proving {
        put(
            &mut lines,
            format_args!(
                "<li>{}<a href=\"#case-{1}\">{1}</a> <span>{2}</span></li>",
                mark(case),
                escape(&case.name),
                tongues(&case.about)
            ),
        );
    }
    format!(
        "<details class=\"proof\"><summary>{}</summary><ul>{lines}</ul></details>",
        counted(proving.len(), "case")
    )
}

/// Whether a case is networked, or else to be accepted, as a sign and in words.
pub(super) fn mark(case: &Case) -> &'static str {
    if case.is_networked() {
        "<span class=\"mark\" title=\"with a running target\">⇄</span>"
    } else if case.is_accepted() {
        "<span class=\"mark yes\" title=\"accepted\">✓</span>"
    } else {
        "<span class=\"mark no\" title=\"refused\">✕</span>"
    }
}

/// `1 case`, `2 cases`.
pub(super) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Appends to a page.
pub(super) fn put(html: &mut String, what: std::fmt::Arguments<'_>) {
    html.write_fmt(what).expect("a String takes every write");
}

#[cfg(test)]
mod tests {
    use super::super::wholeness;
    use super::*;

    fn small() -> Tree {
        Tree::of(&[
            ("Cargo.toml", "[workspace.package]\nversion = \"1.2.3\"\n"),
            ("conformance-tests/README.md", "# Suite\n"),
            (
                "spec/protocol/00-overview.md",
                "# 0. Overview\n\nSee chapter 1.\n",
            ),
            (
                "spec/protocol/01-names.md",
                "# 1. Names\n\n## 1.1 All\n\n**[IDN-1]** A name MUST be one, see [the schema](../schemas/a.json).\n\n**[IDN-2]** A duty of people.\n\n**[IDN-3]** Tested.\n",
            ),
            (
                "spec/schemas/a.json",
                "{\"title\": \"A\", \"description\": \"b\"}",
            ),
            ("spec/vectors/README.md", "# Vectors\n"),
            (
                "spec/vectors/jws/a.json",
                r#"{"kind": "jws", "name": "jws/a", "requirements": ["IDN-1"], "about": "示例 a", "input": {}, "expect": {"refuse": "jws.alg"}}"#,
            ),
            ("verifier/tests/a.rs", "// IDN-3\n"),
            ("xtask/untested.toml", "IDN-2 = \"a duty of the office\"\n"),
        ])
    }

    fn rendered(tree: &Tree) -> Page {
        let text = Text::read(tree).unwrap();
        render(tree, &text, &Cases::read(tree, "").unwrap()).unwrap()
    }

    #[test]
    fn a_small_text_is_a_whole_page_and_always_the_same() {
        let page = rendered(&small());
        assert_eq!(wholeness::of(&page), [""; 0]);
        assert_eq!(page.html, rendered(&small()).html);
        assert!(page.html.contains("<dd>1.2.3</dd>"));
        assert_eq!(
            page.requirements,
            [("IDN-1".into(), 1), ("IDN-2".into(), 1), ("IDN-3".into(), 1)]
        );
    }

    #[test]
    fn a_requirement_has_an_anchor_and_its_cases() {
        let tree = small();
        let cases = Cases::read(&tree, "").unwrap();
        assert_eq!(
            requirement("IDN-1", "MUST", &cases),
            "<div class=\"requirement\" id=\"IDN-1\"><a class=\"id\" href=\"#IDN-1\">IDN-1</a><div><p>MUST</p>\
             <details class=\"proof\"><summary>1 case</summary><ul><li><span class=\"mark no\" title=\"refused\">✕</span>\
             <a href=\"#case-jws/a\">jws/a</a> <span><span lang=\"zh-Hans\">示例</span> a</span></li></ul></details></div></div>\n"
        );
        assert!(requirement("IDN-2", "", &cases).contains("No test can prove this: a duty of the office"));
        assert!(requirement("IDN-3", "", &cases).contains("<code>verifier/tests/a.rs</code>"));
    }

    #[test]
    fn another_text_is_another_revision_and_other_files_are_not() {
        let mut tree = small();
        let before = rendered(&tree).revision;
        tree.files[0].text = Some("[workspace.package]\nversion = \"2.0.0\"\n".into());
        assert_eq!(rendered(&tree).revision, before);
        tree.files[2].text = Some("# 0. Overview\n\nSee chapter  1.\n".into());
        assert_ne!(rendered(&tree).revision, before);
    }

    #[test]
    fn a_revision_is_the_one_that_the_suite_tells() {
        // The same answer is known to `comity_spec::conformance`.
        let tree = Tree::of(&[
            ("spec/vectors/README.md", "# Vectors\n"),
            ("spec/vectors/jws-a/z.json", "{}"),
            ("spec/vectors/jws/a-b.json", "[]"),
            ("spec/vectors/jws/a.json", "{\"a\": \"示例\"}"),
        ]);
        assert_eq!(vectors_revision(&tree), "928ccfeaccc90c8a");
    }

    #[test]
    fn the_specification_of_this_tree_is_whole() {
        let tree = Tree::read().unwrap();
        let text = Text::read(&tree).unwrap();
        let page = render(&tree, &text, &Cases::read(&tree, "").unwrap()).unwrap();
        assert_eq!(wholeness::of(&page), [""; 0]);
        assert!(page.requirements.len() > 200);
    }
}
