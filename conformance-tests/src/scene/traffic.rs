//! Calls to the target: by a county of the world with its certificate, by anybody on the public door, by a stranger. All of it is in the
//! transcript.

use http::Request;
use http_body_util::Full;
use hyper::body::Bytes;

use super::{Played, Scene, Stop};
use crate::world::certificates::Identity;
use crate::world::client::{Answered, Caller, Unanswered};
use crate::world::county::County;

/// Most characters of a body in a transcript.
const SHOWN: usize = 2_000;

impl Scene {
    /// A county's client towards the target's federation listener.
    pub(crate) fn as_county(&self, county: &County) -> Caller {
        self.as_holder_of(Some(&county.tls))
    }

    /// A client with any certificate, or none, towards the target's federation listener.
    pub(crate) fn as_holder_of(&self, identity: Option<&Identity>) -> Caller {
        Caller {
            base: self.target.federation.clone(),
            pins: Some(self.target.pins.clone()),
            identity: identity.cloned(),
            tickets: None,
        }
    }

    /// Anybody on the target's public listener.
    pub(crate) fn anybody(&self) -> Caller {
        Caller {
            base: self.target.entity.clone(),
            pins: None,
            identity: None,
            tickets: None,
        }
    }

    /// Calls, and must be answered.
    pub(crate) async fn call(&mut self, caller: &Caller, request: Request<Full<Bytes>>) -> Played<Answered> {
        match self.try_call(caller, request).await? {
            Ok(answered) => Ok(answered),
            Err(unanswered) => Err(Stop::Fail(format!(
                "no answer from {}: {unanswered}",
                caller.base
            ))),
        }
    }

    /// Calls, and may be turned away.
    pub(crate) async fn try_call(
        &mut self,
        caller: &Caller,
        request: Request<Full<Bytes>>,
    ) -> Played<Result<Answered, Unanswered>> {
        self.note(format!("→ {} {}{}", request.method(), caller.base, request.uri()));
        let outcome = caller.send(request).await;
        self.show(&outcome);
        Ok(outcome)
    }

    /// `GET` from the public listener.
    pub(crate) async fn fetch(&mut self, path: &str) -> Played<Answered> {
        self.call(&self.anybody(), crate::world::client::get(path)).await
    }

    /// Writes an outcome into the transcript.
    pub(crate) fn show(&mut self, outcome: &Result<Answered, Unanswered>) {
        let line = match outcome {
            Ok(answered) => {
                let text: String = answered.text().chars().take(SHOWN).collect();
                format!(
                    "← {} {}\n  {text}",
                    answered.status,
                    answered.header("content-type").unwrap_or("")
                )
            }
            Err(unanswered) => format!("← {unanswered}"),
        };
        self.note(line);
    }
}
