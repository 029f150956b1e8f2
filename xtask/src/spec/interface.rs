//! The OpenAPI documents as tables: what is sent, what comes back, and which problem types may.
//!
//! The documents are made and checked elsewhere (`node/http/tests/routes/described`); nothing is added to them here.

use serde_json::Value;

use super::page::put;
use super::prose::{self, Place, Targets};
use super::register::{OPENAPI, members, stem};
use super::{escape, slug};
use crate::Outcome;
use crate::tree::Tree;

/// Counties ask each other first, anybody reads second, authorities stand above.
const FIRST: [&str; 2] = ["federation", "public"];

/// Every document.
pub(super) fn all(tree: &Tree, targets: &Targets) -> Outcome<String> {
    let mut documents: Vec<(&str, Value)> = Vec::new();
    for (path, text) in tree.texts(".json").filter(|(path, _)| path.starts_with(OPENAPI)) {
        let value = serde_json::from_str(text).map_err(|error| format!("{path}: {error}"))?;
        documents.push((stem(path, OPENAPI), value));
    }
    documents.sort_by_key(|(name, _)| {
        FIRST
            .iter()
            .position(|first| first == name)
            .unwrap_or(FIRST.len())
    });
    let mut html = String::from(
        "<p>What each listener answers, from the documents that its tests check it against. A signed object is shown by the schema of its \
         payload.</p>\n",
    );
    for (name, document) in &documents {
        html.push_str(&one(name, document, targets)?);
    }
    Ok(html)
}

fn one(name: &str, document: &Value, targets: &Targets) -> Outcome<String> {
    let path = format!("{OPENAPI}{name}.json");
    let place = Place {
        path: &path,
        prefix: Some("interfaces"),
    };
    let said = |value: &Value| prose::line(value.as_str().unwrap_or_default(), place, targets);
    let mut html = format!(
        "<h3 id=\"openapi-{name}\">{}</h3>\n<p>{}</p>\n",
        said(&document["info"]["title"])?,
        said(&document["info"]["description"])?
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
                    said(&operation["summary"])?
                ),
            );
            html.push_str(&answers(operation, document, &said)?);
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
    Ok(html)
}

/// The table of an operation: a line for what is sent, one for each answer, and one for all problems.
fn answers(
    operation: &Value,
    document: &Value,
    said: &impl Fn(&Value) -> Outcome<String>,
) -> Outcome<String> {
    let mut html = String::from(
        "<div class=\"scroll\"><table class=\"answers\"><thead><tr><th></th><th>media type</th><th>object</th><th>when</th></tr></thead><tbody>\n",
    );
    let mut problems = Vec::new();
    let body = operation.get("requestBody").map(|body| ("body", body));
    for (what, answer) in body.into_iter().chain(members(&operation["responses"])) {
        let answer = answer["$ref"]
            .as_str()
            .and_then(|to| document.pointer(to.trim_start_matches('#')))
            .unwrap_or(answer);
        let contents = || members(&answer["content"]);
        let slugs: Vec<&str> = contents().flat_map(|(_, content)| types(content)).collect();
        if !slugs.is_empty() {
            let links = slugs
                .iter()
                .map(|slug| format!("<a href=\"#problem-{slug}\">{slug}</a>"));
            problems.push(format!("{what} {}", links.collect::<Vec<_>>().join(", ")));
        }
        let (media, objects): (Vec<String>, Vec<String>) = contents()
            .filter(|(_, content)| types(content).next().is_none())
            .map(|(media, content)| (format!("<code>{}</code>", escape(media)), object(content)))
            .unzip();
        if slugs.is_empty() || !media.is_empty() {
            put(
                &mut html,
                format_args!(
                    "<tr><td>{what}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                    media.join("<br>"),
                    objects.join("<br>"),
                    said(&answer["description"])?
                ),
            );
        }
    }
    if !problems.is_empty() {
        put(
            &mut html,
            format_args!(
                "<tr><td>else</td><td><code>application/problem+json</code></td><td><a href=\"#schema-problem\">problem</a></td><td>{}</td></tr>\n",
                problems.join("; ")
            ),
        );
    }
    html.push_str("</tbody></table></div>\n");
    Ok(html)
}

/// The problem types that a content may be, by the last part of their URI.
fn types(content: &Value) -> impl Iterator<Item = &str> {
    let both = content["schema"]["allOf"].as_array();
    let stated = both.and_then(|both| {
        both.iter()
            .find_map(|one| one["properties"]["type"]["enum"].as_array())
    });
    stated
        .into_iter()
        .flatten()
        .filter_map(|uri| uri.as_str()?.strip_prefix("urn:comity:problem:"))
}

/// The schema of a content as a link, where it is one of ours: by reference, or named for the payload of a signed object.
fn object(content: &Value) -> String {
    let schema = content.get("schema").unwrap_or(&Value::Null);
    let reference = schema["$ref"]
        .as_str()
        .or_else(|| schema["x-jws"]["payload"]["$ref"].as_str());
    let name = reference.and_then(|to| to.strip_prefix("../schemas/")?.strip_suffix(".json"));
    name.map_or_else(String::new, |name| {
        format!("<a href=\"#schema-{name}\">{name}</a>")
    })
}

#[cfg(test)]
mod tests {
    use super::super::chapters::Text;
    use super::*;
    use serde_json::json;

    #[test]
    fn an_operation_shows_its_answers_and_its_problems_in_one_line() {
        let tree = Tree::of(&[("spec/protocol/01-a.md", "# 1. A\n\n**[AB-1]** MUST.\n")]);
        let targets = Targets::new(&Text::read(&tree).unwrap(), Vec::new());
        let problem = |slug: &str| {
            json!({ "description": slug, "content": { "application/problem+json": { "schema": { "allOf": [
                { "$ref": "../schemas/problem.json" },
                { "properties": { "type": { "enum": [format!("urn:comity:problem:{slug}")] } } },
            ] } } } })
        };
        let document = json!({
            "info": { "title": "T", "description": "D (AB-1)" },
            "paths": { "/a/{b}": { "post": { "summary": "S",
                "requestBody": { "content": { "application/jose": { "schema": { "x-jws": { "payload": { "$ref": "../schemas/hint.json" } } } } } },
                "responses": { "200": { "$ref": "#/components/responses/done" }, "404": problem("not-found"), "429": problem("rate-limited") } } } },
            "components": { "responses": { "done": { "description": "it is done" } } },
        });
        let html = one("t", &document, &targets).unwrap();
        for part in [
            "<p>D (<a class=\"ref\" href=\"#AB-1\">AB-1</a>)</p>",
            "<h4 id=\"t-post-ab\"><code><span class=\"method\">POST</span> /a/{b}</code></h4>",
            "<tr><td>body</td><td><code>application/jose</code></td><td><a href=\"#schema-hint\">hint</a></td>",
            "<tr><td>200</td><td></td><td></td><td>it is done</td></tr>",
            "404 <a href=\"#problem-not-found\">not-found</a>; 429 <a href=\"#problem-rate-limited\">rate-limited</a></td>",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
    }
}
