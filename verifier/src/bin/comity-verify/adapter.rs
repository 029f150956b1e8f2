//! `comity-verify adapter`: answers one question of the conformance suite (`conformance-tests/README.md`).
//!
//! One JSON object in, one out; everything that the answer rests on is in the question. It knows neither what is expected
//! nor the name of the case, and a question that cannot be read is an error, never an answer.

mod judge;

use std::path::Path;

use judge::{Federations, Stop};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::input;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// A question.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    /// A token for the records of both sides; means nothing.
    #[serde(rename = "case")]
    _case: String,
    kind: String,
    input: Value,
    #[serde(default)]
    federations: Federations,
}

/// Reads the question from standard input.
pub(crate) fn run(_: &Args) -> Result<String, Failure> {
    let unreadable = |reason: String| Failure::Unreadable {
        path: "-".into(),
        reason,
    };
    let text = input::read(Path::new("-"))?;
    let question: Question = serde_json::from_slice(&text).map_err(|e| unreadable(e.to_string()))?;
    match judge::judge(&question.kind, &question.input, &question.federations) {
        Ok(read) => Ok(json!({ "accept": read }).to_string()),
        Err(Stop::Refused(rule)) => Ok(json!({ "refuse": rule }).to_string()),
        Err(Stop::Unsupported(why)) => Ok(json!({ "unsupported": why }).to_string()),
        // What it rests on does not hold: said in form, and never as a verdict on the object asked about.
        Err(Stop::Unaskable(why)) => Ok(json!({ "unsupported": why }).to_string()),
        Err(Stop::Malformed(why)) => Err(unreadable(why)),
    }
}
