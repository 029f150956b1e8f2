//! Gate `links`: a relative link in a Markdown file leads to a tracked file, and its anchor to a heading.
//!
//! Addresses on the network are not visited: a test must not fail because somebody else's server does.

use std::collections::BTreeSet;

use super::{Finding, Report};
use crate::Outcome;
use crate::tree::Tree;

pub(super) fn check(tree: &Tree) -> Outcome<Report> {
    let (mut files, mut links) = (0, 0);
    let mut findings = Vec::new();
    for (path, text) in tree.texts(".md") {
        files += 1;
        for (line, target) in targets(text) {
            links += 1;
            findings.extend(broken(tree, path, &target).map(|why| Finding::new(path, line, why)));
        }
    }
    Ok(Report {
        seen: format!("{links} links in {files} documents"),
        findings,
    })
}

/// Why the link leads nowhere.
fn broken(tree: &Tree, from: &str, target: &str) -> Option<String> {
    let outside = target.starts_with("//")
        || target
            .split(['/', '#', '?'])
            .next()
            .is_some_and(|s| s.contains(':'));
    if outside || target.is_empty() {
        return None;
    }
    let (file, anchor) = target
        .split_once('#')
        .map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let path = if file.is_empty() {
        Some(from.to_owned())
    } else {
        resolved(from, &decoded(file))
    };
    let Some(path) = path.filter(|path| tree.has(path)) else {
        return Some(format!("`{target}` leads to no file"));
    };
    let anchor = anchor.filter(|_| path.ends_with(".md")).map(decoded)?;
    let known = anchors(tree.text(&path)?);
    (!known.contains(&anchor)).then(|| format!("`{target}`: no heading `#{anchor}` in {path}"))
}

/// The path from the root, or `None` when it leaves the repository.
fn resolved(from: &str, to: &str) -> Option<String> {
    let mut parts: Vec<&str> = if to.starts_with('/') {
        Vec::new()
    } else {
        from.split('/').collect()
    };
    parts.pop();
    for part in to.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        if let Some(byte) = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            out.push(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Lines outside fenced code, with their number from 1 and inline code blanked.
fn prose(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut fence: Option<&str> = None;
    text.lines().enumerate().filter_map(move |(number, line)| {
        let mark = ["```", "~~~"]
            .into_iter()
            .find(|mark| line.trim_start().starts_with(mark));
        match (fence, mark) {
            (None, Some(_)) => fence = mark,
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, None) => return Some((number + 1, without_code(line))),
            _ => {}
        }
        None
    })
}

fn without_code(line: &str) -> String {
    let parts: Vec<&str> = line.split('`').collect();
    let closed = parts.len() % 2 == 1;
    let kept = parts
        .iter()
        .enumerate()
        .map(|(n, part)| if closed && n % 2 == 1 { "" } else { part });
    kept.collect::<Vec<_>>().join("`")
}

/// Every link target of a document: `[text](target)`, `![text](target)` and `[name]: target`.
fn targets(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        for part in line.split("](").skip(1) {
            let target = part
                .strip_prefix('<')
                .and_then(|part| part.split_once('>'))
                .map_or_else(
                    || part.split([')', ' ']).next().unwrap_or_default(),
                    |(target, _)| target,
                );
            found.push((number, target.to_owned()));
        }
        let definition = line
            .trim_start()
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("]: "));
        if let Some((name, target)) = definition
            && !name.contains(']')
            && !name.starts_with('^')
        {
            found.push((
                number,
                target.split_whitespace().next().unwrap_or_default().to_owned(),
            ));
        }
    }
    found
}

/// The anchors that a forge derives from headings, and those set by hand (`<a id="…">`).
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut fence = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~") {
            fence = !fence;
        }
        if fence {
            continue;
        }
        for quoted in line.split("id=\"").skip(1).chain(line.split("name=\"").skip(1)) {
            anchors.extend(quoted.split_once('"').map(|(id, _)| id.to_owned()));
        }
        let level = line.bytes().take_while(|byte| *byte == b'#').count();
        if (1..=6).contains(&level) && line[level..].starts_with(' ') {
            let slug = slug(line[level..].trim());
            let again = (1..).map(|n| format!("{slug}-{n}"));
            let free = std::iter::once(slug.clone())
                .chain(again)
                .find(|slug| !anchors.contains(slug));
            anchors.extend(free);
        }
    }
    anchors
}

fn slug(heading: &str) -> String {
    // Of a link in a heading only its text is shown.
    let mut parts = heading.split("](");
    let first = parts.next().unwrap_or_default().to_owned();
    let shown = parts.fold(first, |shown, part| {
        shown + part.split_once(')').map_or(part, |(_, after)| after)
    });
    shown
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' '))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let tree = Tree::of(&[
            ("docs/a.md", text),
            (
                "docs/b.md",
                "# The `node`: a map\n\n## 互认 协议\n\n## Twice\n\n## Twice\n<a id=\"by-hand\"></a>\n",
            ),
            ("LICENSE", ""),
            ("spec/x.json", ""),
        ]);
        check(&tree)
            .unwrap()
            .findings
            .into_iter()
            .map(|finding| finding.what)
            .collect()
    }

    #[test]
    fn links_that_lead_somewhere_pass() {
        for link in [
            "b.md",
            "b.md#the-node-a-map",
            "b.md#互认-协议",
            "b.md#twice-1",
            "b.md#by-hand",
            "../LICENSE",
            "/spec",
            "../spec/",
        ] {
            assert_eq!(
                found(&format!("see [it]({link}) and [that]: x")),
                [] as [&str; 0],
                "{link}"
            );
        }
        for outside in ["https://example.org/x#y", "mailto:a@b.example", "//example.org"] {
            assert_eq!(found(&format!("[it]({outside})")), [] as [&str; 0], "{outside}");
        }
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        for link in ["c.md", "b.md#nothing", "../../LICENSE", "#here", "../spec/y.json"] {
            assert_eq!(found(&format!("text\n\nsee [it]({link})")).len(), 1, "{link}");
        }
        assert_eq!(found("[it]: c.md \"title\"").len(), 1);
        assert_eq!(found("[a](b.md) then ![p](p.png \"t\")").len(), 1);
    }

    #[test]
    fn code_has_no_links() {
        assert_eq!(found("```\n[a](c.md)\n```\nand `[a](c.md)`"), [] as [&str; 0]);
        assert_eq!(found("```\n```\n[a](c.md)").len(), 1);
    }
}
