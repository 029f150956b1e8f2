//! A county's window: an officer signed in at the staff API, as the county's own window system would be.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::answer::{Answer, Failure};
use crate::contract::{Holder, LookUp, Number, Recognise};

/// No verification takes so long unless the node is stuck: it waits three seconds for a peer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The officer at the window.
pub(crate) const CLERK: &str = "suite-clerk";
/// The officer's password; the window listens on loopback, and the node lives as long as a run of the suite.
pub(crate) const PASSWORD: &str = "comity-suite-2026";

/// A window.
pub(crate) struct Window {
    client: reqwest::Client,
    base: String,
    token: String,
}

impl Window {
    /// Signs the officer in. The session is kept in the node's store and outlives a restart.
    pub(crate) async fn sign_in(staff: SocketAddr) -> Result<Self, Failure> {
        let mut this = Self {
            client: client()?,
            base: format!("http://{staff}"),
            token: String::new(),
        };
        let body = json!({ "officer": CLERK, "password": PASSWORD, "carried_by": "bearer" });
        match this.post("/staff/v1/sessions", &body).await? {
            Answer::Ok(session) => {
                let token = session["token"].as_str().ok_or("a session without a token")?;
                token.clone_into(&mut this.token);
                Ok(this)
            }
            _ => Err("the officer could not sign in".into()),
        }
    }

    /// A code was scanned.
    pub(crate) async fn recognise(&self, scanned: &Recognise) -> Result<Answer, Failure> {
        let mut body = asked(&scanned.service, scanned.provider.as_deref());
        body["presented"] = json!(scanned.text);
        if let Some(name) = &scanned.holder_name {
            body["holder_name"] = json!(name);
        }
        self.verify(&body).await
    }

    /// A card was typed.
    pub(crate) async fn look_up(&self, typed: &LookUp) -> Result<Answer, Failure> {
        let mut body = asked(&typed.service, typed.provider.as_deref());
        let (Number::IdNumber(number) | Number::PermitNumber(number)) = &typed.number;
        body["number"] = json!(number);
        body["name"] = json!(typed.name);
        body["issuer_region"] = json!(typed.issuer_region);
        self.verify(&body).await
    }

    async fn verify(&self, body: &Value) -> Result<Answer, Failure> {
        Ok(self.post("/staff/v1/verifications", body).await?.map(verdict))
    }

    /// The clerk compared the person with the card. What needs no confirmation is closed, and has its receipt too.
    pub(crate) async fn confirm(&self, case: &str, holder: Holder) -> Result<Answer, Failure> {
        let place = format!("/staff/v1/verifications/{case}");
        let shown = self.get(&place).await?;
        let Answer::Ok(shown) = shown else {
            return Ok(shown);
        };
        let given = if shown["confirmation_needed"] == true {
            let found = match holder {
                Holder::Same => json!({ "confirmed": true }),
                Holder::Different => json!({ "confirmed": false }),
                Holder::Unsure => json!({ "review": true }),
            };
            self.post(&format!("{place}/confirmation"), &found).await?
        } else {
            self.post(&format!("{place}/receipt"), &json!({})).await?
        };
        Ok(given.map(|given| {
            let mut receipt = json!({ "receipt": given["receipt"] });
            if let salt @ Value::String(_) = &given["salt"] {
                receipt["salt"] = salt.clone();
            }
            json!({ "outcome": given["decision"]["outcome"], "receipt": receipt })
        }))
    }

    async fn get(&self, path: &str) -> Result<Answer, Failure> {
        let asked = self.client.get(format!("{}{path}", self.base));
        read(asked.bearer_auth(&self.token)).await
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        let asked = self.client.post(format!("{}{path}", self.base)).json(body);
        read(asked.bearer_auth(&self.token)).await
    }
}

/// A client for a plain loopback listener of the target's.
pub(crate) fn client() -> Result<reqwest::Client, Failure> {
    Ok(ours().build()?)
}

/// A client for a listener of the target's under this root.
pub(crate) fn client_trusting(root: &str) -> Result<reqwest::Client, Failure> {
    let root = reqwest::Certificate::from_pem(root.as_bytes())?;
    Ok(ours().tls_certs_only([root]).build()?)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program that calls the target's own listeners from outside, not a node that calls a peer"
)]
fn ours() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
}

/// What every verification says of its purpose.
fn asked(service: &str, provider: Option<&str>) -> Value {
    let mut body = json!({
        "service": service,
        "purpose": "SERVICE",
        "legal_basis": "STATUTORY_DUTY",
        "presented_by": "self",
    });
    if let Some(provider) = provider {
        body["provider"] = json!(provider);
    }
    body
}

/// What the window shows, in the contract's words.
fn verdict(shown: Value) -> Value {
    let mut verdict = shown["decision"].clone();
    let final_word = shown["confirmation_needed"] == false;
    verdict["case"] = shown["trace"].clone();
    verdict["class"] = shown["class"].clone();
    verdict["step"] = json!(if final_word { "final" } else { "provisional" });
    verdict
}

/// The body of a success; a problem document is a refusal of the node's, unless the fault is its own.
async fn read(request: reqwest::RequestBuilder) -> Result<Answer, Failure> {
    let answer = request.send().await?;
    let (status, url) = (answer.status(), answer.url().path().to_owned());
    let text = answer.text().await?;
    if status.is_success() {
        return Ok(Answer::Ok(serde_json::from_str(&text)?));
    }
    match serde_json::from_str::<Value>(&text) {
        Ok(problem) if status.as_u16() != 500 && problem["type"].is_string() => Ok(Answer::Refused {
            text: [&problem["title"], &problem["detail"]]
                .into_iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(": "),
            problem: problem["type"].as_str().map(str::to_owned),
        }),
        _ => Err(format!("{url} answered {status}").into()),
    }
}
