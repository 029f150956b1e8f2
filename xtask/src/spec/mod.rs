//! `cargo xtask spec`: the specification as one HTML file that needs nothing else, and the check that it is whole.
//!
//! The chapters stay Markdown and are the text; the page adds what they refer to: the cases that prove each requirement, the
//! vectors, the schemas, the OpenAPI documents, the contract of the suite. It decides nothing and states nothing of its own.
//! It refuses to write a page with a dead link, without an anchor for a requirement, or with a requirement that nothing
//! proves and nothing excuses. The same tree gives the same bytes.

mod cases;
mod chapters;
mod diagram;
mod interface;
mod page;
mod prose;
mod register;
mod wholeness;

use std::path::{Path, PathBuf};

use clap::Args;

use self::cases::Suite;
use crate::Outcome;
use crate::tree::{self, Tree};

/// What `cargo xtask spec` can be told.
#[derive(Args)]
pub(crate) struct Options {
    /// Where to write the page [default: target/spec/comity.html]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Leave out the networked cases, which the suite lists: nothing has to be compiled for it then
    #[arg(long)]
    without_suite: bool,
}

/// Writes the page. `false`: it is not whole, and what is missing was printed.
pub(crate) fn run(options: &Options) -> Outcome<bool> {
    let out = match &options.out {
        Some(out) => out.clone(),
        None => tree::root()?.join("target/spec/comity.html"),
    };
    let suite = if options.without_suite {
        Suite::Absent
    } else {
        Suite::Cargo
    };
    let (page, seen) = rendered(&Tree::read()?, &suite)?;
    let missing = wholeness::of(&page);
    for one in &missing {
        eprintln!("spec: {one}");
    }
    if !missing.is_empty() {
        return Ok(false);
    }
    if let Some(folder) = out.parent() {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    std::fs::write(&out, &page.html).map_err(|error| format!("{}: {error}", out.display()))?;
    println!("{}: {seen}, {} KiB", out.display(), page.html.len() / 1024);
    Ok(true)
}

/// What `cargo xtask test` does with it: renders, checks, writes nothing. `suite` is the program of the conformance suite.
///
/// # Errors
/// What is missing.
pub(crate) fn check(suite: &Path) -> Outcome<String> {
    let (page, seen) = rendered(&Tree::read()?, &Suite::Built(suite))?;
    let missing = wholeness::of(&page);
    if missing.is_empty() {
        Ok(seen)
    } else {
        Err(missing.join("; "))
    }
}

/// The revisions of text and vectors that stand on the cover, as `comity-conformance coverage` tells its own.
///
/// # Errors
/// The tree cannot be read.
pub(crate) fn stamp() -> Outcome<String> {
    Ok(page::stamp(&Tree::read()?))
}

fn rendered(tree: &Tree, suite: &Suite<'_>) -> Outcome<(page::Page, String)> {
    let text = chapters::Text::read(tree)?;
    let cases = cases::Cases::read(tree, &suite.listed()?)?;
    let page = page::render(tree, &text, &cases)?;
    let seen = format!(
        "revision {}, {} chapters, {} requirements, {} cases",
        page.revision,
        text.chapters.len(),
        page.requirements.len(),
        cases.cases.len()
    );
    Ok((page, seen))
}

/// Text as it may stand in HTML and in a quoted attribute.
fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            c => html.push(c),
        }
    }
    html
}

/// The anchor that a forge derives from a heading.
fn slug(heading: &str) -> String {
    let kept = heading.chars().filter_map(|c| match c {
        ' ' | '-' => Some('-'),
        c if c.is_alphanumeric() || c == '_' => Some(c.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}
