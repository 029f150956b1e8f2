//! What is answered to one request: exactly one of `ok`, `refused` and `unsupported`. What went wrong in this program itself is none of
//! the three: the line says `error`, which the suite takes as the program's fault and not the target's.

use serde_json::{Value, json};

/// What went wrong here, for the person at the keyboard.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What the target did.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Done.
    Ok(Value),
    /// The target's own refusal.
    Refused {
        /// In its words.
        text: String,
        /// Its problem type, where it has one.
        problem: Option<String>,
    },
    /// The target does not do this, and why.
    Unsupported(String),
}

impl Answer {
    /// Done, and there is nothing to say.
    pub(crate) fn done() -> Self {
        Self::Ok(json!({}))
    }

    /// A refusal in words.
    pub(crate) fn refused(text: impl Into<String>) -> Self {
        Self::Refused {
            text: text.into(),
            problem: None,
        }
    }

    /// The same with another `ok`, made of what the target said.
    pub(crate) fn map(self, shape: impl FnOnce(Value) -> Value) -> Self {
        match self {
            Self::Ok(value) => Self::Ok(shape(value)),
            other => other,
        }
    }
}

/// The line that answers the request of this id.
pub(crate) fn line(id: &Value, done: Result<Answer, Failure>) -> String {
    let mut answer = match done {
        Ok(Answer::Ok(value)) => json!({ "ok": value }),
        Ok(Answer::Refused { text, problem: None }) => json!({ "refused": { "text": text } }),
        Ok(Answer::Refused { text, problem }) => json!({ "refused": { "text": text, "problem": problem } }),
        Ok(Answer::Unsupported(why)) => json!({ "unsupported": why }),
        Err(failure) => {
            eprintln!("comity-target: {failure}");
            json!({ "error": failure.to_string() })
        }
    };
    answer["id"] = id.clone();
    format!("{answer}\n")
}

/// The line that answers one that does not read.
pub(crate) fn unread(line: &str, error: &serde_json::Error) -> String {
    let id = serde_json::from_str::<Value>(line).map_or(Value::Null, |request| request["id"].clone());
    self::line(&id, Err(format!("the request does not read: {error}").into()))
}
