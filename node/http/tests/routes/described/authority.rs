//! The listener of an authority, or the static host in its place (chapter 3.8).

use comity_spec::problem::ProblemType as P;
use serde_json::{Value, json};

use super::words::{ASK_AGAIN, content, document, in_path, jws, list, read, schema, text};

pub(super) fn described() -> Value {
    let statement = || {
        content(
            "application/entity-statement+jwt",
            jws("entity-statement+jwt", "entity-statement"),
        )
    };
    let file = |id, summary, content, parameters| json!({ "get": read(id, summary, ASK_AGAIN, content, parameters, &[P::NotFound]) });
    let query = |name: &str, required, description: &str, schema: Value| json!({ "name": name, "in": "query", "required": required, "description": description, "schema": schema });
    let mut fetch = file(
        "fetch",
        "The statement on one member; with the authority's own id, its configuration. With a server only.",
        statement(),
        vec![query(
            "sub",
            true,
            "Entity id, once.",
            json!({ "type": "string", "format": "uri" }),
        )],
    );
    let mut members = file(
        "list",
        "Entity ids of the active members. A convenience: nodes rest on the member list. With a server only.",
        content("application/json", list(text())),
        Vec::new(),
    );
    for (operation, statuses) in [(&mut fetch, &["400", "404"][..]), (&mut members, &["400"])] {
        for status in statuses {
            let problem = operation["get"]["responses"]
                .as_object_mut()
                .and_then(|responses| responses.remove(*status));
            operation["get"]["responses"][*status] = error(status, problem);
        }
    }
    document(
        "Comity: listener of an authority",
        "What the anchor or a province publishes. Every file may lie on any static host; `fetch` and `list` are there where a server runs, and \
         answer errors in OpenID Federation's form (1.0 §8.9). A verifier takes the addresses from the configuration (TRU-24).",
        json!({ "url": "https://{authority}", "description": "The entity id.", "variables": { "authority": { "default": "authority.example" } } }),
        json!({
            "/.well-known/openid-federation": file("entity-configuration", "The authority's own configuration (3.1).", statement(), Vec::new()),
            "/federation/member-list": file("member-list", "The signed member list (3.3).",
                content("application/comity-member-list+jwt", jws("comity-member-list+jwt", "member-list")), Vec::new()),
            "/federation/bundle.comity": file("bundle", "Everything it signed (3.7): in place of fetch, where there is no server.",
                content("application/json", schema("bundle")), Vec::new()),
            "/federation/statements/{name}.jwt": file("statement", "The statement on one member.", statement(), vec![
                in_path("name", "Host and port of the entity id, `:` as `_`, brackets of an IPv6 address as `-`.", text()),
            ]),
            "/federation/fetch": fetch,
            "/federation/list": members,
        }),
        None,
    )
}

/// OpenID Federation's form, and beside it the problem where both can come.
fn error(status: &str, problem: Option<Value>) -> Value {
    let kinds: &[&str] = if status == "404" {
        &["not_found"]
    } else {
        &["invalid_request", "unsupported_parameter"]
    };
    let mut answer = problem.unwrap_or_else(|| json!({ "headers": { "comity-trace": { "$ref": "#/components/headers/comity-trace" } }, "content": {} }));
    answer["description"] = json!(kinds.join(", "));
    answer["content"]["application/json"] = json!({ "schema": {
        "type": "object",
        "properties": { "error": { "enum": kinds }, "error_description": { "type": "string" } },
        "required": ["error", "error_description"],
        "additionalProperties": false,
    } });
    answer
}
