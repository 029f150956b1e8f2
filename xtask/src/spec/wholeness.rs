//! Whether a rendered page is whole: every requirement can be pointed at and is proved or excused, no link leads nowhere, no
//! anchor is there twice, and nothing is fetched from elsewhere.

use std::collections::BTreeSet;

use super::page::Page;

/// What is missing, a line each.
pub(super) fn of(page: &Page) -> Vec<String> {
    let mut missing = Vec::new();
    let mut anchors = BTreeSet::new();
    for id in attributes(&page.html, " id=\"") {
        if !anchors.insert(id) {
            missing.push(format!("the anchor `{id}` is there twice"));
        }
    }
    for link in attributes(&page.html, " href=\"") {
        match link.strip_prefix('#') {
            Some(anchor) if anchors.contains(anchor) => {}
            Some(anchor) => missing.push(format!("a link leads to `#{anchor}`, which is not there")),
            None if link.starts_with("https://") => {}
            None => missing.push(format!("the link `{link}` leads out of the page")),
        }
    }
    for (id, proofs) in &page.requirements {
        if !anchors.contains(id.as_str()) {
            missing.push(format!("{id} has no anchor"));
        }
        if *proofs == 0 {
            missing.push(format!("{id} has neither a case nor a test nor an excuse"));
        }
    }
    for fetched in [
        "<script", "<link", "<img", "<iframe", "@import", " src=\"", "url(",
    ] {
        if page.html.contains(fetched) {
            missing.push(format!("`{fetched}`: the page may fetch nothing"));
        }
    }
    missing.sort();
    missing.dedup();
    missing
}

fn attributes<'a>(html: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    html.split(before)
        .skip(1)
        .filter_map(|rest| rest.split_once('"').map(|(value, _)| value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(html: &str, requirements: &[(&str, usize)]) -> Page {
        Page {
            html: html.to_owned(),
            revision: String::new(),
            requirements: requirements
                .iter()
                .map(|(id, proofs)| ((*id).to_owned(), *proofs))
                .collect(),
        }
    }

    #[test]
    fn a_whole_page_misses_nothing() {
        let html = "<p id=\"AB-1\"><a href=\"#AB-1\">x</a> <a href=\"https://example.org/\">y</a></p>";
        assert_eq!(of(&page(html, &[("AB-1", 1)])), [""; 0]);
    }

    #[test]
    fn each_gap_is_named() {
        let html =
            "<p id=\"a\" ><i id=\"a\"></i><a href=\"#b\">x</a><a href=\"c.html\">y</a><img src=\"z\"></p>";
        let missing = of(&page(html, &[("AB-1", 0)]));
        for part in [
            "`a` is there twice",
            "`#b`, which is not",
            "`c.html` leads out",
            "AB-1 has no anchor",
            "AB-1 has neither",
            "`<img`",
        ] {
            assert!(
                missing.iter().any(|line| line.contains(part)),
                "{part}: {missing:?}"
            );
        }
    }
}
