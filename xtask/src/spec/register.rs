//! The appendices: interfaces, schemas, vectors, the contract of the suite, an index of the requirements.

use serde_json::Value;

use super::cases::{Case, Cases, VECTORS};
use super::chapters::Text;
use super::page::{counted, mark, put};
use super::prose::{self, Place, Targets, tongues};
use super::{escape, interface};
use crate::Outcome;
use crate::tree::Tree;

const SCHEMAS: &str = "spec/schemas/";
pub(super) const OPENAPI: &str = "spec/openapi/";
const FEDERATIONS: &str = "spec/vectors/federations/";
const VECTORS_README: &str = "spec/vectors/README.md";
const SUITE_README: &str = "conformance-tests/README.md";

/// One appendix.
pub(super) struct Appendix {
    pub(super) id: &'static str,
    pub(super) letter: char,
    pub(super) title: &'static str,
    pub(super) html: String,
}

/// Files that the page has, and under which anchor.
pub(super) fn anchors(tree: &Tree) -> Vec<(String, String)> {
    let mut anchors = vec![
        ("spec/schemas".to_owned(), "schemas".to_owned()),
        ("spec/openapi".to_owned(), "interfaces".to_owned()),
        ("spec/vectors".to_owned(), "vectors".to_owned()),
        (VECTORS_README.to_owned(), "vectors".to_owned()),
        (SUITE_README.to_owned(), "suite".to_owned()),
    ];
    for (path, _) in tree.texts(".json") {
        let stem = |folder: &str| path.strip_prefix(folder)?.strip_suffix(".json");
        let anchor = if let Some(name) = stem(SCHEMAS) {
            format!("schema-{name}")
        } else if let Some(name) = stem(OPENAPI) {
            format!("openapi-{name}")
        } else if let Some(name) = stem(FEDERATIONS) {
            format!("federation-{name}")
        } else if let Some(name) = stem(VECTORS) {
            format!("case-{name}")
        } else {
            continue;
        };
        anchors.push((path.to_owned(), anchor));
    }
    anchors
}

/// All appendices, in order.
pub(super) fn appendices(
    tree: &Tree,
    text: &Text,
    cases: &Cases,
    targets: &Targets,
) -> Outcome<Vec<Appendix>> {
    let document = |path, prefix| {
        let markdown = tree.text(path).ok_or_else(|| format!("{path} is not there"))?;
        // The page gives the title.
        let body = markdown.split_once('\n').map_or("", |(_, body)| body);
        prose::html(
            body,
            Place {
                path,
                prefix: Some(prefix),
            },
            targets,
        )
    };
    let vectors = document(VECTORS_README, "vectors")? + &federations(tree)? + &listed(cases);
    let all = [
        (
            "interfaces",
            "HTTP interfaces (OpenAPI 3.1)",
            interface::all(tree, targets)?,
        ),
        ("schemas", "JSON Schemas", schemas(tree)?),
        ("vectors", "Test vectors and cases", vectors),
        (
            "suite",
            "The suite and what it asks of a target",
            document(SUITE_README, "suite")?,
        ),
        ("requirements", "Requirements and their cases", index(text, cases)),
    ];
    let letters = 'A'..;
    let numbered = all
        .into_iter()
        .zip(letters)
        .map(|((id, title, html), letter)| Appendix {
            id,
            letter,
            title,
            html,
        });
    Ok(numbered.collect())
}

fn schemas(tree: &Tree) -> Outcome<String> {
    let mut html = String::from(
        "<p>JSON Schema 2020-12, one file an object. A schema says which members an object has; what they must satisfy together is said by \
         the chapters.</p>\n",
    );
    for (path, text) in tree.texts(".json").filter(|(path, _)| path.starts_with(SCHEMAS)) {
        let value: Value = serde_json::from_str(text).map_err(|error| format!("{path}: {error}"))?;
        let name = stem(path, SCHEMAS);
        let about = value["description"].as_str().unwrap_or_default().replace('`', "");
        put(
            &mut html,
            format_args!(
                "<details class=\"file\" id=\"schema-{name}\"><summary><code>{name}.json</code> <span>{}</span></summary><pre><code>{}</code></pre></details>\n",
                tongues(&about),
                escape(text.trim_end())
            ),
        );
    }
    Ok(html)
}

fn federations(tree: &Tree) -> Outcome<String> {
    let mut html = String::from("<h3 id=\"vectors-the-federations\">The federations</h3>\n");
    for (path, text) in tree
        .texts(".json")
        .filter(|(path, _)| path.starts_with(FEDERATIONS))
    {
        let value: Value = serde_json::from_str(text).map_err(|error| format!("{path}: {error}"))?;
        put(
            &mut html,
            format_args!(
                "<details class=\"file\" id=\"federation-{0}\"><summary><code>federations/{0}.json</code></summary><pre><code>{1}</code></pre></details>\n",
                stem(path, FEDERATIONS),
                pretty(&value)
            ),
        );
    }
    Ok(html)
}

fn listed(cases: &Cases) -> String {
    let mut html = String::new();
    let mut folder = "";
    for case in &cases.cases {
        let here = case.name.split_once('/').map_or("", |(folder, _)| folder);
        if here != folder {
            let count = cases
                .cases
                .iter()
                .filter(|case| case.name.split('/').next() == Some(here))
                .count();
            put(
                &mut html,
                format_args!(
                    "<h3 id=\"cases-{here}\">{here} <span class=\"count\">{}</span></h3>\n",
                    counted(count, "case")
                ),
            );
            folder = here;
        }
        html.push_str(&listed_case(case));
    }
    html
}

fn listed_case(case: &Case) -> String {
    let mut html = format!(
        "<details class=\"file\" id=\"case-{0}\"><summary>{1}<code>{0}</code> <span>{2}</span></summary>\n<dl><dt>kind</dt><dd>{3}</dd>",
        escape(&case.name),
        mark(case),
        tongues(&case.about),
        escape(&case.kind)
    );
    let proves: Vec<_> = case
        .requirements
        .iter()
        .map(|id| format!("<a href=\"#{id}\">{id}</a>"))
        .collect();
    put(
        &mut html,
        format_args!("<dt>proves</dt><dd>{}</dd>", proves.join(" ")),
    );
    if let Some(twin) = &case.twin {
        put(
            &mut html,
            format_args!(
                "<dt>twin</dt><dd><a href=\"#case-{0}\">{0}</a></dd>",
                escape(twin)
            ),
        );
    }
    let expected = match &case.expect {
        // Said in words, where steps are judged.
        Value::String(words) => tongues(words),
        stated => format!("<code>{}</code>", escape(&stated.to_string())),
    };
    put(&mut html, format_args!("<dt>expect</dt><dd>{expected}</dd></dl>"));
    if let Some(input) = &case.input {
        put(
            &mut html,
            format_args!("<pre><code>{}</code></pre>", pretty(input)),
        );
    }
    html.push_str("</details>\n");
    html
}

fn index(text: &Text, cases: &Cases) -> String {
    let mut html = String::new();
    for chapter in &text.chapters {
        let ids = chapter.parts.iter().filter_map(|part| match part {
            super::chapters::Part::Requirement { id, .. } => Some(id),
            _ => None,
        });
        let cells: Vec<_> = ids
            .map(|id| match cases.of(id).count() {
                0 => format!("<li><a href=\"#{id}\">{id}</a></li>"),
                count => format!("<li><a href=\"#{id}\">{id}</a> <span class=\"count\">{count}</span></li>"),
            })
            .collect();
        if !cells.is_empty() {
            put(
                &mut html,
                format_args!(
                    "<h4>{} {}</h4>\n<ul class=\"index\">{}</ul>\n",
                    chapter.number,
                    tongues(&chapter.title),
                    cells.concat()
                ),
            );
        }
    }
    html
}

pub(super) fn stem<'a>(path: &'a str, folder: &str) -> &'a str {
    path.strip_prefix(folder)
        .and_then(|name| name.strip_suffix(".json"))
        .unwrap_or(path)
}

fn pretty(value: &Value) -> String {
    escape(&serde_json::to_string_pretty(value).unwrap_or_default())
}

pub(super) fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_case_shows_what_it_proves_its_twin_and_its_input() {
        let case = Case {
            name: "jws/a".into(),
            kind: "jws".into(),
            about: "a < b".into(),
            twin: Some("jws/valid".into()),
            requirements: vec!["JWS-1".into()],
            expect: json!({"refuse": "jws.alg"}),
            input: Some(json!({"token": "x"})),
        };
        let html = listed_case(&case);
        assert!(html.contains("id=\"case-jws/a\"") && html.contains("a &lt; b"));
        assert!(
            html.contains("<a href=\"#JWS-1\">JWS-1</a>")
                && html.contains("<a href=\"#case-jws/valid\">jws/valid</a>")
        );
        assert!(
            html.contains("{&quot;refuse&quot;:&quot;jws.alg&quot;}")
                && html.contains("&quot;token&quot;: &quot;x&quot;")
        );
    }
}
