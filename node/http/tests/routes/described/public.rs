//! The public listener of a county (chapter 11.6).

use comity_spec::problem::ProblemType as P;
use serde_json::{Value, json};

use super::words::{
    AN_HOUR, ASK_AGAIN, both, content, document, in_path, jws, list, object, read, schema, text,
};

pub(super) fn described() -> Value {
    let reading =
        |id, summary, keep, content| json!({ "get": read(id, summary, keep, content, Vec::new(), &[]) });
    let digest = || json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{43}$" });
    let date = || json!({ "type": "string", "format": "date" });
    let party = object([("entity", text()), ("region", text()), ("name", both())]);
    let agreement_line = object([
        ("id", text()),
        ("version", json!({ "type": "integer", "minimum": 1 })),
        ("digest", digest()),
        ("title", both()),
        ("parties", list(party)),
        ("effective_from", date()),
        ("effective_until?", date()),
        ("path", text()),
    ]);
    let service = object([
        ("code", text()),
        (
            "kind",
            json!({ "enum": ["right", "basic_public_service", "convenience", "agreed"] }),
        ),
        ("name", both()),
        ("source", both()),
        ("part_of", json!({ "type": ["string", "null"] })),
    ]);
    let outcome = object([
        ("code", text()),
        ("order", json!({ "type": "integer", "minimum": 1, "maximum": 27 })),
        ("class", json!({ "enum": ["GREEN", "AMBER", "RED", "GREY"] })),
        ("icon", text()),
        ("word", both()),
        ("text", both()),
        ("next_step", both()),
    ]);
    let problem = || {
        object([
            ("type", text()),
            ("slug", text()),
            ("status", json!({ "type": "integer" })),
            ("fault", json!({ "enum": ["caller", "peer", "ours"] })),
            ("may_retry", json!({ "type": "boolean" })),
            ("title", both()),
            ("next_step", both()),
        ])
    };
    let json_of = |schema: Value| content("application/json", schema);
    let signed = || content("application/jose+json", schema("agreement-signed"));
    let id = || in_path("id", "Agreement id (IDN-10).", text());
    let mut status_list = read(
        "status-list",
        "One status list token, whole. Its address is its `sub` (STA-6).",
        "public, max-age=900",
        content("application/statuslist+jwt", jws("statuslist+jwt", "status-list")),
        vec![in_path(
            "number",
            "Decimal, without leading zeros.",
            json!({ "type": "string", "pattern": "^(0|[1-9][0-9]*)$" }),
        )],
        &[P::NotFound],
    );
    status_list["responses"]["501"] = json!({ "$ref": "#/components/responses/no-past" });

    let paths = json!({
        "/.well-known/openid-federation": reading(
            "entity-configuration", "The county's own entity configuration (3.1).", ASK_AGAIN,
            content("application/entity-statement+jwt", jws("entity-statement+jwt", "entity-statement")),
        ),
        "/.well-known/jwt-vc-issuer": reading(
            "issuer-metadata", "Attestation keys for ordinary SD-JWT VC libraries. No node trusts it (JWS-4).", ASK_AGAIN,
            json_of(json!({
                "type": "object",
                "properties": { "issuer": text(), "jwks": { "type": "object", "properties": { "keys": list(json!({ "type": "object" })) }, "required": ["keys"] } },
                "required": ["issuer", "jwks"],
            })),
        ),
        "/status-lists": reading(
            "status-lists", "Addresses of the county's status lists (Status List Aggregation).", ASK_AGAIN,
            json_of(object([("status_lists", list(text()))])),
        ),
        "/status-lists/{number}": { "get": status_list },
        "/agreements": reading(
            "agreements", "Adopted agreements, and withdrawals as signed.", ASK_AGAIN,
            json_of(object([("agreements", list(agreement_line)), ("withdrawals", list(jws("comity-withdrawal+jwt", "withdrawal")))])),
        ),
        "/agreements/{id}": { "get": read("agreement", "The newest adopted version, as signed (2.6).", ASK_AGAIN, signed(), vec![id()], &[P::NotFound]) },
        "/agreements/{id}/{version}": { "get": read(
            "agreement-version", "One adopted version, as signed (2.6).", ASK_AGAIN, signed(),
            vec![id(), in_path("version", "From 1.", text())], &[P::NotFound],
        ) },
        "/bundle.comity": reading("bundle", "Everything an off-line verifier needs of this county (3.7).", ASK_AGAIN, json_of(schema("bundle"))),
        "/catalogue": reading("catalogue", "Services that agreements may name (12.4).", AN_HOUR, json_of(object([("services", list(service))]))),
        "/outcomes": reading("outcomes", "The 27 outcomes (8.1).", AN_HOUR, json_of(object([("outcomes", list(outcome))]))),
        "/problems": reading("problems", "The problem types (chapter 10).", AN_HOUR, json_of(object([("problems", list(problem()))]))),
        "/problems/{slug}": { "get": read(
            "problem", "One problem type.", AN_HOUR, json_of(problem()),
            vec![in_path("slug", "The last part of the type's URI.", text())], &[P::NotFound],
        ) },
        "/openapi.json": reading("openapi", "This document.", AN_HOUR, json_of(json!({ "type": "object", "properties": { "openapi": { "const": "3.1.0" } }, "required": ["openapi"] }))),
    });
    document(
        "Comity: public listener of a county",
        "What anybody may read of a county, without a client certificate. Nothing depends on who asks, and nothing is about one person. What \
         counts is what is signed. `HEAD` is answered as `GET` without a body; any other method gets 405, any other path 404 `not-found`.",
        json!({ "url": "https://{county}", "description": "The entity id.", "variables": { "county": { "default": "county.example" } } }),
        paths,
        None,
    )
}
