//! The vocabulary in which the documents are written: operations, answers, problems, headers.

use comity_spec::problem::ProblemType;
use serde_json::{Map, Value, json};

/// How long an answer may be kept (RFC 9111).
pub(super) const ASK_AGAIN: &str = "public, no-cache";
pub(super) const AN_HOUR: &str = "public, max-age=3600";

/// What every listener may answer to anything: a body that comes too slowly, a limit, a fault of its own.
const EVERYWHERE: [ProblemType; 6] = [
    ProblemType::MethodNotAllowed,
    ProblemType::BodyTooLarge,
    ProblemType::RateLimited,
    ProblemType::Internal,
    ProblemType::Overloaded,
    ProblemType::NotReady,
];

/// A document.
pub(super) fn document(
    title: &str,
    description: &str,
    server: Value,
    paths: Value,
    security: Option<Value>,
) -> Value {
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": "1",
            "description": description,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "servers": [server],
        "paths": paths,
        "components": { "headers": headers(), "responses": components() },
    });
    if let Some(security) = security {
        document["components"]["securitySchemes"] = security;
        document["security"] = json!([{ "pinned": [] }]);
    }
    document
}

fn headers() -> Value {
    json!({
        "comity-trace": {
            "description": "Number of this answer in the log of the node (IDN-15).",
            "required": true,
            "schema": { "type": "string", "pattern": "^[0-9]{6}-[1-9][0-9]{5}-[0-9A-HJKMNP-TV-Z]{8}$" },
        },
        "etag": {
            "description": "SHA-256 of the body, base64url, in quotes; for If-None-Match.",
            "required": true,
            "schema": { "type": "string", "pattern": "^\"[A-Za-z0-9_-]{43}\"$" },
        },
        "retry-after": {
            "description": "Whole seconds.",
            "schema": { "type": "string", "pattern": "^[1-9][0-9]*$" },
        },
    })
}

fn components() -> Value {
    let mut components = json!({
        "not-modified": {
            "description": "The reader has it (If-None-Match).",
            "headers": { "comity-trace": header("comity-trace"), "etag": header("etag") },
        },
        "too-slow": bare(408, "The body came more slowly than the floor; the connection ends."),
        "no-past": bare(501, "Asked for a past state (`time`), which is not kept."),
    });
    for kind in EVERYWHERE {
        let kinds = of_status(&EVERYWHERE, kind.status());
        components[name(&kinds)] = problem(kind.status(), &kinds);
    }
    components
}

fn header(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}

/// An error for which HTTP has a status and this protocol no type.
fn bare(status: u16, description: &str) -> Value {
    json!({
        "description": description,
        "headers": { "comity-trace": header("comity-trace") },
        "content": { "application/problem+json": { "schema": {
            "type": "object",
            "properties": { "type": { "const": "about:blank" }, "title": { "type": "string" }, "status": { "const": status } },
            "required": ["type", "title", "status"],
        } } },
    })
}

/// What is sent or answered: media type and schema.
pub(super) fn content(media_type: &str, schema: Value) -> Value {
    json!({ media_type: { "schema": schema } })
}

/// One of the schemas of `spec/schemas`.
pub(super) fn schema(name: &str) -> Value {
    json!({ "$ref": format!("../schemas/{name}.json") })
}

/// A compact JWS with this `typ` and payload. OpenAPI has no word for what a signature is over, so it is said by an extension.
pub(super) fn jws(typ: &str, payload: &str) -> Value {
    json!({
        "type": "string",
        "pattern": "^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]{86}$",
        "x-jws": { "typ": typ, "payload": schema(payload) },
    })
}

/// A sentence in both languages.
pub(super) fn both() -> Value {
    json!({
        "type": "object",
        "properties": { "zh": { "type": "string" }, "en": { "type": "string" } },
        "required": ["zh", "en"],
        "additionalProperties": false,
    })
}

/// An object with exactly these members, all required but those whose names end with `?`.
pub(super) fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let required: Vec<&str> = members
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !name.ends_with('?'))
        .collect();
    let properties: Map<String, Value> = members
        .iter()
        .map(|(name, schema)| (name.trim_end_matches('?').to_owned(), schema.clone()))
        .collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

pub(super) fn list(of: Value) -> Value {
    json!({ "type": "array", "items": of })
}

pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

/// A parameter of the path.
pub(super) fn in_path(name: &str, description: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "path", "required": true, "description": description, "schema": schema })
}

/// A document that anybody may read and keep: 200 with validator, 304.
pub(super) fn read(
    id: &str,
    summary: &str,
    keep: &str,
    content: Value,
    parameters: Vec<Value>,
    problems: &[ProblemType],
) -> Value {
    let mut responses = problems_of(problems, true);
    responses.insert(
        "200".into(),
        json!({
            "description": "As published.",
            "headers": {
                "comity-trace": header("comity-trace"),
                "etag": header("etag"),
                "cache-control": { "required": true, "schema": { "const": keep } },
                "access-control-allow-origin": { "required": true, "schema": { "const": "*" } },
            },
            "content": content,
        }),
    );
    responses.insert(
        "304".into(),
        json!({ "$ref": "#/components/responses/not-modified" }),
    );
    let mut operation = json!({ "operationId": id, "summary": summary, "responses": sorted(responses) });
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
    operation
}

/// An operation that takes a signed object.
pub(super) fn taken(
    id: &str,
    summary: &str,
    limit: &str,
    body: Value,
    answers: &[(u16, &str, Option<Value>)],
    problems: &[ProblemType],
) -> Value {
    let mut responses = problems_of(problems, false);
    for (status, description, content) in answers {
        let mut answer =
            json!({ "description": description, "headers": { "comity-trace": header("comity-trace") } });
        if let Some(content) = content {
            answer["content"] = content.clone();
            answer["headers"]["cache-control"] =
                json!({ "required": true, "schema": { "const": "no-store" } });
        }
        responses.insert(status.to_string(), answer);
    }
    json!({
        "operationId": id,
        "summary": summary,
        "requestBody": { "required": true, "description": limit, "content": body },
        "responses": sorted(responses),
    })
}

/// One answer a status, with the types of problem that may stand in it.
fn problems_of(problems: &[ProblemType], reading: bool) -> Map<String, Value> {
    let mut all: Vec<ProblemType> = problems.iter().chain(&EVERYWHERE).copied().collect();
    all.sort_by_key(|kind| ProblemType::ALL.iter().position(|known| known == kind));
    all.dedup();
    let mut responses = Map::new();
    for kind in &all {
        let of_status: Vec<ProblemType> = of_status(&all, kind.status());
        // What any operation may answer is written once.
        let answer = if of_status == self::of_status(&EVERYWHERE, kind.status()) {
            json!({ "$ref": format!("#/components/responses/{}", name(&of_status)) })
        } else {
            problem(kind.status(), &of_status)
        };
        responses.insert(kind.status().to_string(), answer);
    }
    if !reading {
        responses.insert("408".into(), json!({ "$ref": "#/components/responses/too-slow" }));
    }
    responses
}

fn of_status(kinds: &[ProblemType], status: u16) -> Vec<ProblemType> {
    kinds
        .iter()
        .filter(|kind| kind.status() == status)
        .copied()
        .collect()
}

fn name(kinds: &[ProblemType]) -> String {
    let slugs: Vec<&str> = kinds.iter().map(|kind| kind.slug()).collect();
    slugs.join("-or-")
}

fn problem(status: u16, kinds: &[ProblemType]) -> Value {
    let slugs: Vec<&str> = kinds.iter().map(|kind| kind.slug()).collect();
    let uris: Vec<String> = kinds.iter().map(|kind| kind.uri()).collect();
    let mut headers = json!({
        "comity-trace": header("comity-trace"),
        "cache-control": { "required": true, "schema": { "const": "no-store" } },
    });
    if kinds.iter().any(|kind| kind.may_retry()) {
        headers["retry-after"] = header("retry-after");
    }
    if status == 405 {
        headers["allow"] = json!({ "required": true, "schema": { "type": "string" } });
    }
    json!({
        "description": slugs.join(", "),
        "headers": headers,
        "content": { "application/problem+json": { "schema": { "allOf": [
            schema("problem"),
            { "properties": { "type": { "enum": uris }, "status": { "const": status } }, "required": ["trace"] },
        ] } } },
    })
}

/// By status, as a reader expects.
fn sorted(responses: Map<String, Value>) -> Value {
    let sorted: std::collections::BTreeMap<String, Value> = responses.into_iter().collect();
    json!(sorted)
}
