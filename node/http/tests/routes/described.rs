//! The published OpenAPI documents (`spec/openapi`) describe what the routers do: every path and no other, and every answer that any
//! test here gets validates against the status, headers, media type and schema that its document declares.
//!
//! `COMITY_BLESS=1 cargo test -p comity-node-http --test routes described` writes the documents anew. Schemas are those of
//! `spec/schemas`, by reference.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comity_node_core::federation::authority::published;
use comity_node_http::public::PublicState;
use jsonschema::Validator;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Serving, ask, assert_problem, lanes, now};
use crate::transport::Answer;

mod authority;
mod federation;
mod public;
mod words;

/// The documents, in the order in which a path is looked for.
static DOCUMENTS: LazyLock<[(&str, Value); 3]> = LazyLock::new(|| {
    [
        ("federation", federation::described()),
        ("public", public::described()),
        ("authority", authority::described()),
    ]
});

fn spec(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../spec")
        .join(path)
}

/// Checks an answer against the documents: where one declares the path, one of those that do has to declare this answer.
#[track_caller]
pub(crate) fn check(request: &str, answer: &Answer) {
    let mut words = request.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return;
    };
    let path = target.split('?').next().unwrap_or_default();
    let mut refused = Vec::new();
    for (name, document) in DOCUMENTS.iter() {
        let Some(item) = item(document, path) else {
            continue;
        };
        // Nothing that stands on the federation listener is not found there: this is what another listener says of its paths.
        if *name == "federation" && answer.status == 404 {
            continue;
        }
        match declared(document, item, method, answer) {
            Ok(()) => return,
            Err(why) => refused.push(format!("{name}.json: {why}")),
        }
    }
    assert!(
        refused.is_empty(),
        "{method} {path}: {}: {answer:?}",
        refused.join("; ")
    );
}

/// The path item of a document that matches a path.
fn item<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    let paths = document["paths"].as_object()?;
    let matching = paths.iter().find(|(template, _)| matches(template, path));
    matching.map(|(_, item)| item)
}

/// Whether a path is of a template: each `{name}` stands for a part of one segment.
fn matches(template: &str, path: &str) -> bool {
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    loop {
        match (template.next(), path.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) => {
                let fits = match wanted.split_once('{') {
                    None => wanted == given,
                    Some((before, rest)) => {
                        let after = rest.split_once('}').map_or("", |(_, after)| after);
                        given.len() > before.len() + after.len()
                            && given.starts_with(before)
                            && given.ends_with(after)
                    }
                };
                if !fits {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

fn declared(document: &Value, item: &Value, method: &str, answer: &Answer) -> Result<(), String> {
    // Methods that are not declared are answered as the declared ones say: 405 with Allow.
    let method = if method == "HEAD" { "GET" } else { method };
    let operations = item.as_object().ok_or("no path item")?;
    let known = operations.get(&method.to_lowercase());
    let operation = known
        .or_else(|| operations.values().next())
        .ok_or("no operation")?;
    if known.is_none() && matches!(answer.status, 200..=299) {
        return Err(format!("{method} is not declared"));
    }
    let response = &operation["responses"][answer.status.to_string()];
    let response = response["$ref"]
        .as_str()
        .and_then(|to| document.pointer(to.trim_start_matches('#')))
        .unwrap_or(response);
    if response.is_null() {
        return Err(format!("{} is not declared", answer.status));
    }
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let header = header["$ref"]
            .as_str()
            .and_then(|to| document.pointer(to.trim_start_matches('#')))
            .unwrap_or(header);
        match answer.header(name) {
            Some(value) => valid(&header["schema"], &json!(value)).map_err(|why| format!("{name}: {why}"))?,
            None if header["required"] == true => return Err(format!("the header {name} is missing")),
            None => {}
        }
    }
    let media = answer.header("content-type");
    match (response["content"].as_object(), media) {
        (None, None) if answer.body.is_empty() => Ok(()),
        (None, media) => Err(format!("no body is declared, and {media:?} came")),
        (Some(content), Some(media)) => {
            let declared = content
                .get(media)
                .ok_or_else(|| format!("{media} is not declared"))?;
            body(&declared["schema"], media, &answer.body)
        }
        (Some(_), None) => Err("a body is declared and none came".into()),
    }
}

fn body(schema: &Value, media: &str, body: &str) -> Result<(), String> {
    if let Some(jws) = schema.get("x-jws") {
        valid(schema, &json!(body))?;
        return signed(jws, body);
    }
    let body: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
    valid(schema, &body)?;
    // An agreement's payload is one more object with a schema.
    if media == "application/jose+json" {
        let payload = body["payload"].as_str().unwrap_or_default();
        return valid(&words::schema("agreement"), &decoded(payload)?);
    }
    Ok(())
}

fn signed(declared: &Value, jws: &str) -> Result<(), String> {
    let mut parts = jws.split('.').map(decoded);
    let mut next = || parts.next().unwrap_or(Ok(Value::Null));
    let (header, payload) = (next()?, next()?);
    if header["typ"] != declared["typ"] {
        return Err(format!("typ {} and not {}", header["typ"], declared["typ"]));
    }
    valid(&declared["payload"], &payload)
}

fn decoded(part: &str) -> Result<Value, String> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

fn valid(schema: &Value, value: &Value) -> Result<(), String> {
    static KNOWN: LazyLock<Mutex<BTreeMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let validator = {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let key = schema.to_string();
        Arc::clone(known.entry(key).or_insert_with(|| {
            Arc::new(jsonschema::validator_for(&embedded(schema)).expect("a sound schema"))
        }))
    };
    validator
        .validate(value)
        .map_err(|error| format!("{error} at {}", error.instance_path()))
}

/// The schema with files put in place of references to them. Each keeps its own base, so that its inner references hold.
fn embedded(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => match members
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|to| to.strip_prefix("../"))
        {
            Some(file) => {
                let text = std::fs::read_to_string(spec(file)).expect("the schema can be read");
                let mut schema: Value = serde_json::from_str(&text).expect("a schema is JSON");
                schema["$id"] = json!(format!("https://comity.example/{file}"));
                schema
            }
            None => members
                .iter()
                .map(|(name, value)| (name.clone(), embedded(value)))
                .collect(),
        },
        Value::Array(items) => items.iter().map(embedded).collect(),
        other => other.clone(),
    }
}

#[test]
fn the_documents_are_those_that_are_made_here() {
    let bless = std::env::var_os("COMITY_BLESS").is_some();
    for (name, document) in DOCUMENTS.iter() {
        let path = spec(&format!("openapi/{name}.json"));
        let text = serde_json::to_string_pretty(document).unwrap() + "\n";
        if bless {
            std::fs::write(&path, &text).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            written, text,
            "{name}.json differs: COMITY_BLESS=1 writes it anew"
        );
    }
}

#[test]
fn every_route_is_described_and_nothing_else_is() {
    let described = |at: usize| -> BTreeSet<String> {
        let paths = DOCUMENTS[at].1["paths"].as_object().unwrap();
        paths.keys().cloned().collect()
    };
    let routed = |paths: Vec<&str>| paths.into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(described(0), routed(comity_node_http::federation::paths()));
    assert_eq!(described(1), routed(comity_node_http::public::paths()));
}

#[tokio::test]
async fn what_an_authority_publishes_is_described_and_there() {
    let state = crate::authority::anchor().await;
    let (_, serving) = crate::authority::serve("described-authority", &state).await;
    let (_, document) = &DOCUMENTS[2];
    let mut seen = BTreeSet::new();
    let mut note = |path: &str| {
        let (template, _) = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .find(|(template, _)| matches(template, path))
            .expect("a described path");
        seen.insert(template.clone());
    };
    for path in published(&state, now()).files.into_keys() {
        assert_eq!(serving.get(&path).await.status, 200);
        note(&path);
    }
    let fetch = format!("/federation/fetch?sub={}", state.entity);
    for path in [fetch.as_str(), "/federation/list"] {
        assert_eq!(serving.get(path).await.status, 200);
        note(path.split('?').next().unwrap());
    }
    assert_eq!(
        seen.len(),
        document["paths"].as_object().unwrap().len(),
        "{seen:?}"
    );
    serving.stop().await;
}

/// A path of a template.
fn some(template: &str) -> String {
    let filled = template.split('{').enumerate().map(|(at, part)| match at {
        0 => part.to_owned(),
        _ => format!("1{}", part.split_once('}').map_or("", |(_, rest)| rest)),
    });
    filled.collect()
}

// What is not declared is refused in one form, on every path.
#[tokio::test]
async fn methods_and_paths_that_are_not_declared_get_the_declared_refusal() {
    let county = crate::federation::County::new().await;
    let federation = county.serve("described-methods").await;
    let router = comity_node_http::public::router(PublicState::new(), &lanes("described-methods-public"));
    let public = Serving::publicly("described-methods-public", router).await;
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] {
        let line =
            |path: &str| format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
        for path in comity_node_http::federation::paths()
            .into_iter()
            .filter(|_| method != "POST")
        {
            let refused = ask_bodiless(&mut county.dial(&federation).await, &line(path), method).await;
            assert_eq!(
                (refused.status, refused.header("allow")),
                (405, Some("POST")),
                "{method} {path}"
            );
        }
        for path in comity_node_http::public::paths()
            .into_iter()
            .filter(|_| !matches!(method, "GET" | "HEAD"))
        {
            let refused = ask(&mut public.dial().await, &line(&some(path))).await.unwrap();
            assert_problem(&refused, 405, "method-not-allowed");
            assert_eq!(refused.header("allow"), Some("GET,HEAD"), "{method} {path}");
        }
        let nowhere = ask_bodiless(
            &mut county.dial(&federation).await,
            &line("/federation/v2/hints"),
            method,
        )
        .await;
        assert_eq!(nowhere.status, 404, "{method}");
        let nowhere = ask_bodiless(&mut public.dial().await, &line("/nothing"), method).await;
        assert_eq!(nowhere.status, 404, "{method}");
    }
    federation.stop().await;
    public.stop().await;
}

/// As [`ask`]; the answer to HEAD announces a body that does not come.
async fn ask_bodiless<S>(stream: &mut S, request: &str, method: &str) -> Answer
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    if method != "HEAD" {
        return ask(stream, request).await.unwrap();
    }
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head,
        body: String::new(),
    }
}

#[tokio::test]
async fn the_public_listener_serves_its_own_description() {
    let router = comity_node_http::public::router(PublicState::new(), &lanes("described-public"));
    let serving = Serving::publicly("described-public", router).await;
    let answer = serving.get("/openapi.json").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        serde_json::from_str::<Value>(&answer.body).unwrap(),
        DOCUMENTS[1].1
    );
    assert_problem(&serving.get("/openapi").await, 404, "not-found");
    serving.stop().await;
}

#[test]
fn an_answer_that_is_not_declared_is_found() {
    let answer = |status: u16, head: &str, body: &str| Answer {
        status,
        head: format!("HTTP/1.1 {status} x\r\ncomity-trace: 261122-361123-00000001\r\n{head}\r\n"),
        body: body.to_owned(),
    };
    let (document, path) = (&DOCUMENTS[1].1, "/catalogue");
    let judged =
        |method: &str, answer: &Answer| declared(document, item(document, path).unwrap(), method, answer);
    let kept = "cache-control: public, max-age=3600\r\naccess-control-allow-origin: *\r\n";
    let etag = format!("etag: \"{}\"\r\n", "a".repeat(43));
    let json_type = "content-type: application/json\r\n";
    let good = answer(200, &format!("{kept}{etag}{json_type}"), r#"{"services": []}"#);
    assert_eq!(judged("GET", &good), Ok(()));
    for (method, wrong) in [
        ("GET", answer(202, "", "")),
        (
            "POST",
            answer(200, &format!("{kept}{etag}{json_type}"), r#"{"services": []}"#),
        ),
        (
            "GET",
            answer(200, &format!("{kept}{json_type}"), r#"{"services": []}"#),
        ),
        (
            "GET",
            answer(200, &format!("{kept}{etag}content-type: text/html\r\n"), "<p>"),
        ),
        (
            "GET",
            answer(200, &format!("{kept}{etag}{json_type}"), r#"{"services": [1]}"#),
        ),
        (
            "GET",
            answer(
                200,
                &format!("{kept}{etag}{json_type}"),
                r#"{"services": [], "more": 1}"#,
            ),
        ),
        (
            "GET",
            answer(
                404,
                "cache-control: no-store\r\ncontent-type: application/problem+json\r\n",
                "{}",
            ),
        ),
    ] {
        assert!(judged(method, &wrong).is_err(), "{wrong:?}");
    }
    let other = json!({ "alg": "EdDSA", "typ": "comity-hint+jwt" });
    let jws = format!(
        "{}.e30.{}",
        URL_SAFE_NO_PAD.encode(other.to_string()),
        "A".repeat(86)
    );
    assert!(
        body(
            &words::jws("statuslist+jwt", "status-list"),
            "application/statuslist+jwt",
            &jws
        )
        .unwrap_err()
        .contains("typ")
    );
}

#[test]
fn templates_match_their_paths_and_no_others() {
    assert!(matches("/agreements/{id}", "/agreements/AGR-1"));
    assert!(matches(
        "/federation/statements/{name}.jwt",
        "/federation/statements/a_1.jwt"
    ));
    for other in ["/agreements", "/agreements/", "/agreements/AGR-1/2", "/x/AGR-1"] {
        assert!(!matches("/agreements/{id}", other), "{other}");
    }
}
