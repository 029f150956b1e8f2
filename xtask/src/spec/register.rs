//! The appendices: interfaces, schemas, vectors, the contract of the suite, an index of the requirements.

use serde_json::Value;

use super::cases::{Case, Cases, VECTORS};
use super::chapters::Text;
use super::page::{counted, mark, put};
use super::prose::{self, Place, Targets, tongues};
use super::{escape, slug};
use crate::Outcome;
use crate::tree::Tree;

const SCHEMAS: &str = "spec/schemas/";
const OPENAPI: &str = "spec/openapi/";
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
        ("interfaces", "HTTP interfaces (OpenAPI 3.1)", interfaces(tree)?),
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
    put(
        &mut html,
        format_args!(
            "<dt>expect</dt><dd><code>{}</code></dd></dl>",
            escape(&case.expect.to_string())
        ),
    );
    if let Some(input) = &case.input {
        put(
            &mut html,
            format_args!("<pre><code>{}</code></pre>", pretty(input)),
        );
    }
    html.push_str("</details>\n");
    html
}

fn interfaces(tree: &Tree) -> Outcome<String> {
    let mut html = String::new();
    for (path, text) in tree.texts(".json").filter(|(path, _)| path.starts_with(OPENAPI)) {
        let value: Value = serde_json::from_str(text).map_err(|error| format!("{path}: {error}"))?;
        html.push_str(&interface(stem(path, OPENAPI), &value));
    }
    Ok(html)
}

fn interface(name: &str, document: &Value) -> String {
    let said = |value: &Value| tongues(&value.as_str().unwrap_or_default().replace('`', ""));
    let mut html = format!(
        "<h3 id=\"openapi-{name}\">{}</h3>\n<p>{}</p>\n",
        said(&document["info"]["title"]),
        said(&document["info"]["description"])
    );
    for (path, methods) in members(&document["paths"]) {
        for (method, operation) in members(methods) {
            put(
                &mut html,
                format_args!(
                    "<h4 id=\"{name}-{}\"><code><span class=\"method\">{}</span> {}</code></h4>\n<p>{}</p>\n",
                    slug(&format!("{method} {path}")),
                    method.to_uppercase(),
                    escape(path),
                    said(&operation["summary"])
                ),
            );
            html.push_str("<div class=\"scroll\"><table class=\"answers\"><thead><tr><th></th><th>media type</th><th>object</th><th>when</th></tr></thead><tbody>\n");
            if let Some(body) = operation.get("requestBody") {
                html.push_str(&answer("body", body, document));
            }
            for (status, response) in members(&operation["responses"]) {
                html.push_str(&answer(status, response, document));
            }
            html.push_str("</tbody></table></div>\n");
        }
    }
    let json = serde_json::to_string_pretty(document).unwrap_or_default();
    put(
        &mut html,
        format_args!(
            "<details class=\"file\"><summary><code>openapi/{name}.json</code></summary><pre><code>{}</code></pre></details>\n",
            escape(&json)
        ),
    );
    html
}

/// A line of the table of an operation: what is sent or answered.
fn answer(what: &str, of: &Value, document: &Value) -> String {
    let of = of["$ref"]
        .as_str()
        .and_then(|to| document.pointer(to.trim_start_matches('#')))
        .unwrap_or(of);
    let (types, objects): (Vec<String>, Vec<String>) = members(&of["content"])
        .map(|(media, content)| (format!("<code>{}</code>", escape(media)), object(content)))
        .unzip();
    format!(
        "<tr><td>{what}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
        types.join("<br>"),
        objects.join("<br>"),
        tongues(&of["description"].as_str().unwrap_or_default().replace('`', ""))
    )
}

/// The schema of a content as a link, where it is one of ours: by reference, or named for the payload of a signed object.
fn object(content: &Value) -> String {
    let schema = content.get("schema").unwrap_or(&Value::Null);
    let reference = schema["$ref"]
        .as_str()
        .or_else(|| schema["contentSchema"]["$ref"].as_str());
    let name = reference.and_then(|to| to.strip_prefix("../schemas/")?.strip_suffix(".json"));
    name.map_or_else(String::new, |name| {
        format!("<a href=\"#schema-{name}\">{name}</a>")
    })
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

fn stem<'a>(path: &'a str, folder: &str) -> &'a str {
    path.strip_prefix(folder)
        .and_then(|name| name.strip_suffix(".json"))
        .unwrap_or(path)
}

fn pretty(value: &Value) -> String {
    escape(&serde_json::to_string_pretty(value).unwrap_or_default())
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
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

    #[test]
    fn an_operation_shows_its_answers_by_reference_too() {
        let document = json!({
            "info": {"title": "T", "description": "D"},
            "paths": {"/a/{b}": {"post": {"summary": "S",
                "requestBody": {"content": {"application/jose": {"schema": {"contentSchema": {"$ref": "../schemas/hint.json"}}}}},
                "responses": {"404": {"$ref": "#/components/responses/gone"}}}}},
            "components": {"responses": {"gone": {"description": "not here", "content": {"application/problem+json": {"schema": {"$ref": "../schemas/problem.json"}}}}}}
        });
        let html = interface("t", &document);
        assert!(
            html.contains("<h4 id=\"t-post-ab\"><code><span class=\"method\">POST</span> /a/{b}</code></h4>"),
            "{html}"
        );
        assert!(html.contains("<tr><td>body</td><td><code>application/jose</code></td><td><a href=\"#schema-hint\">hint</a></td>"));
        assert!(html.contains("<td>404</td>") && html.contains("not here"));
    }
}
