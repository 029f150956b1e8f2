//! Vectors of chapter 10: problem documents of peers of any version, as a client reads them.

use comity_spec::vector::{Of, ProblemInput, Vector};
use serde_json::{Value, json};

use super::{accept, refuse};

const TWIN: &str = "problem/valid";

fn body() -> Value {
    json!({
        "type": "urn:comity:problem:service-not-covered",
        "title": "t",
        "status": 403,
        "detail": "BPS-9",
        "trace": "251122-361123-7F3K9QZC",
        "instance": "urn:comity:trace:251122-361123-7F3K9QZC",
        "next_step": { "zh": "请核对", "en": "Check" },
        "row": 7,
    })
}

fn with(status: u16, change: impl FnOnce(&mut Value)) -> ProblemInput {
    let mut body = body();
    change(&mut body);
    ProblemInput {
        status,
        body: body.to_string(),
    }
}

pub(super) fn all() -> Vec<Vector> {
    let beside = |name: &str, about: &str, input: ProblemInput, read: Value| Of {
        twin: Some(TWIN.to_owned()),
        ..accept(&format!("problem/{name}"), "ERR-5", about, input, read)
    };
    let all = vec![
        accept(
            TWIN,
            "ERR-5",
            "a problem of the registry with a member of its own",
            with(403, |_| {}),
            json!({
                "type": "service-not-covered", "may_retry": false, "detail": "BPS-9",
                "trace": "251122-361123-7F3K9QZC", "next_step": { "zh": "请核对", "en": "Check" },
                "extensions": { "row": 7 },
            }),
        ),
        beside(
            "type-of-another-version",
            "a type that is not known, with a status that says to try again",
            with(503, |b| b["type"] = json!("urn:comity:problem:tide-too-high")),
            json!({ "type": null, "may_retry": true, "detail": "BPS-9" }),
        ),
        beside(
            "type-of-another-version-and-final",
            "a type that is not known, with a status that is final",
            with(403, |b| b["type"] = json!("urn:comity:problem:tide-too-high")),
            json!({ "type": null, "may_retry": false }),
        ),
        beside(
            "type-missing",
            "about:blank, as RFC 9457 says",
            with(429, |b| {
                b.as_object_mut().expect("an object").shift_remove("type");
            }),
            json!({ "type": null, "may_retry": true }),
        ),
        beside(
            "status-of-its-own",
            "the status line counts and not the member",
            with(403, |b| {
                b["type"] = json!("urn:comity:problem:tide-too-high");
                b["status"] = json!(503);
            }),
            json!({ "type": null, "may_retry": false }),
        ),
        beside(
            "members-of-the-wrong-type",
            "as good as absent",
            with(403, |b| {
                b["detail"] = json!(["BPS-9"]);
                b["trace"] = json!(7);
                b["next_step"] = json!("Check");
            }),
            json!({ "type": "service-not-covered", "detail": null, "trace": null, "next_step": null }),
        ),
        refuse(
            "problem/no-object",
            TWIN,
            "ERR-5",
            "a list is no problem document",
            ProblemInput {
                status: 403,
                body: "[]".into(),
            },
            "problem.malformed",
        ),
    ];
    all.into_iter().map(Vector::Problem).collect()
}
