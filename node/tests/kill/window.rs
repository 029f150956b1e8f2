//! A load beside the others: an officer's window where presentations are verified over HTTP, each under an idempotency key of its
//! own, so that the record of the node has lines and its chain something to hold.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde_json::{Value, json};

use crate::county::County;
use crate::ledger::{Entry, Ledger};

const PASSWORD: &str = "comity-kill-2026";

/// A signed-in officer's window.
pub struct Window {
    token: String,
    next: u64,
    /// Keys for which the node answered.
    pub keys: Vec<String>,
}

impl Window {
    /// Adds an officer and signs in. The session is durable: no later start asks for another.
    pub fn open(county: &County) -> Self {
        county.ask(&json!({
            "command": "officer_add", "id": "example-clerk", "name": "示例经办人", "roles": ["clerk", "issuer"],
            "password": PASSWORD,
        }));
        county.ask(&json!({
            "command": "officer_add", "id": "example-head", "name": "示例负责人", "roles": ["supervisor"], "password": PASSWORD,
        }));
        let body = json!({ "officer": "example-clerk", "password": PASSWORD, "carried_by": "bearer" });
        let (status, session) = county.post("/staff/v1/sessions", &[], &body).unwrap();
        assert!((200..300).contains(&status), "{status} {session}");
        Self {
            token: session["token"].as_str().unwrap().to_owned(),
            next: 0,
            keys: Vec::new(),
        }
    }

    /// Verifies until told to stop; each call to the end of its own story.
    pub fn run(&mut self, county: &County, ledger: &Ledger, stop: &AtomicBool) {
        while !stop.load(Ordering::Acquire) {
            self.next += 1;
            let key = format!("kill-{}", self.next);
            let trace = self.verify(county, &key);
            ledger.write(&Entry::Verification {
                key: key.clone(),
                trace,
            });
            self.keys.push(key);
        }
    }

    fn verify(&self, county: &County, key: &str) -> String {
        let since = Instant::now();
        let bearer = format!("Bearer {}", self.token);
        let headers = [("Authorization", bearer.as_str()), ("Idempotency-Key", key)];
        let body: Value = json!({
            "service": "EMP-INFO", "purpose": "SERVICE", "legal_basis": "STATUTORY_DUTY", "presented": format!("示例 {key}"),
        });
        loop {
            match county.post("/staff/v1/verifications", &headers, &body) {
                Some((200..=299, view)) => return view["trace"].as_str().unwrap().to_owned(),
                // In a queue that a dead process left behind, or under way: told to come again.
                Some((409 | 503, _)) | None => county.wait_for_it(since),
                Some((status, problem)) => panic!("{status}: {problem}"),
            }
        }
    }
}
