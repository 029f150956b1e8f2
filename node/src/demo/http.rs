//! The demonstration as a client of the components: their readiness, and the staff API as a window's system would use it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

/// Why a call did not come back with an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("{0}")]
    Http(#[from] reqwest::Error),
    #[error("{path} 答复 answered {status}: {body}")]
    Status { path: String, status: u16, body: String },
}

#[expect(
    clippy::disallowed_methods,
    reason = "a client of our own loopback listeners, not of a peer"
)]
pub(super) fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(30))
        .build()
}

/// Whether the component behind this ops listener says that it is ready.
pub(crate) async fn is_ready(ops: SocketAddr) -> bool {
    let Ok(client) = client() else { return false };
    let answer = client
        .get(format!("http://{ops}/readyz"))
        .timeout(Duration::from_secs(1))
        .send()
        .await;
    answer.is_ok_and(|answer| answer.status().is_success())
}

/// The metrics page of a component.
pub(crate) async fn metrics(ops: SocketAddr) -> Result<String, CallError> {
    Ok(client()?
        .get(format!("http://{ops}/metrics"))
        .send()
        .await?
        .error_for_status()?
        .text()
        .await?)
}

/// Every URL that was asked for or shown, one a line: none may name anybody.
#[derive(Clone, Debug, Default)]
pub(crate) struct Urls(Arc<Mutex<String>>);

impl Urls {
    /// Keeps one.
    pub(crate) fn keep(&self, url: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push_str(url);
        all.push('\n');
    }

    /// All of them.
    pub(crate) fn all(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A signed-in officer at a county's window.
pub(crate) struct Window {
    client: reqwest::Client,
    base: String,
    token: String,
    urls: Urls,
}

impl Window {
    /// Signs in.
    pub(crate) async fn sign_in(
        staff: SocketAddr,
        officer: &str,
        password: &str,
        urls: &Urls,
    ) -> Result<Self, CallError> {
        let base = format!("http://{staff}");
        let client = client()?;
        let body = serde_json::json!({ "officer": officer, "password": password, "carried_by": "bearer" });
        let answer = client
            .post(format!("{base}/staff/v1/sessions"))
            .json(&body)
            .send()
            .await?;
        let session: Value = read("/staff/v1/sessions", answer).await?;
        let token = session
            .get("token")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        Ok(Self {
            client,
            base,
            token,
            urls: urls.clone(),
        })
    }

    /// Gets JSON.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, CallError> {
        let asked = self.client.get(format!("{}{path}", self.base));
        read(path, asked.bearer_auth(&self.token).send().await?).await
    }

    /// Posts JSON.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, CallError> {
        let url = format!("{}{path}", self.base);
        self.urls.keep(&url);
        let answer = self
            .client
            .post(url)
            .bearer_auth(&self.token)
            .json(body)
            .send()
            .await?;
        read(path, answer).await
    }
}

async fn read(path: &str, answer: reqwest::Response) -> Result<Value, CallError> {
    let status = answer.status();
    let body = answer.text().await?;
    if !status.is_success() {
        return Err(CallError::Status {
            path: path.to_owned(),
            status: status.as_u16(),
            body,
        });
    }
    Ok(serde_json::from_str(&body).unwrap_or(Value::Null))
}
