//! A browser at a county's window: it signs in on the page, looks somebody up by number and name, confirms and opens the receipt, and
//! keeps every URL that it asked for, was sent to or was shown as a link, for the scan: none may name the person.

use std::net::SocketAddr;

use comity_node_core::ports::permits::PermitDetails;

use super::http::{CallError, Urls, client};
use super::prepare::{CLERK, PASSWORD};

/// Looks `resident` up at the window behind `staff`, as a clerk with a browser does.
pub(crate) async fn look_up(
    staff: SocketAddr,
    resident: &PermitDetails,
    issuer: &str,
    urls: &Urls,
) -> Result<(), CallError> {
    let mut browser = Browser {
        base: format!("http://{staff}"),
        cookies: Vec::new(),
        urls,
    };
    let page = browser.get("/signin").await?;
    let form = field(&page, "form");
    let signed_in = [
        ("form", form.as_str()),
        ("officer", CLERK),
        ("password", PASSWORD),
    ];
    browser.post("/signin", &signed_in).await?;
    let page = browser.get("/verify/number").await?;
    let (csrf, once) = (field(&page, "csrf"), field(&page, "once"));
    let looked_up = [
        ("csrf", csrf.as_str()),
        ("once", &once),
        ("service", "EMP-INFO"),
        ("purpose", "SERVICE"),
        ("basis", "STATUTORY_DUTY"),
        ("presented_by", "self"),
        ("number", resident.permit_number.as_str()),
        ("name", &resident.name),
        ("issuer", issuer),
    ];
    let result = browser.post("/verify/number", &looked_up).await?;
    let page = browser.get(&result).await?;
    let confirmed = [("csrf", field(&page, "csrf")), ("finding", "same".to_owned())];
    let confirmed = confirmed.each_ref().map(|(name, value)| (*name, value.as_str()));
    browser
        .post(&format!("{result}/confirmation"), &confirmed)
        .await?;
    browser.get(&result).await?;
    browser.get(&result.replace("/verify/r/", "/receipt/")).await?;
    browser.get("/verify/recent").await?;
    Ok(())
}

struct Browser<'a> {
    base: String,
    cookies: Vec<(String, String)>,
    urls: &'a Urls,
}

impl Browser<'_> {
    /// A page; keeps what it links to.
    async fn get(&mut self, path: &str) -> Result<String, CallError> {
        let asked = client()?.get(self.url(path)).header("cookie", self.cookie());
        let answer = self.kept(path, asked.send().await?)?;
        let page = answer.text().await?;
        for attribute in ["href", "src", "action", "formaction", "data-url"] {
            for (_, rest) in page
                .match_indices(&format!(" {attribute}=\""))
                .map(|(at, begin)| page.split_at(at + begin.len()))
            {
                self.urls.keep(rest.split('"').next().unwrap_or_default());
            }
        }
        Ok(page)
    }

    /// Sends a form; returns where the answer leads.
    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Result<String, CallError> {
        let body: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", percent(value)))
            .collect();
        let sent = client()?
            .post(self.url(path))
            .header("cookie", self.cookie())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.join("&"));
        let answer = self.kept(path, sent.send().await?)?;
        match answer.headers().get("location").and_then(|to| to.to_str().ok()) {
            Some(to) => {
                self.urls.keep(to);
                Ok(to.to_owned())
            }
            None => Err(CallError::Status {
                path: path.to_owned(),
                status: answer.status().as_u16(),
                body: "没有转到结果页 / does not lead to a result".to_owned(),
            }),
        }
    }

    fn url(&self, path: &str) -> String {
        let url = format!("{}{path}", self.base);
        self.urls.keep(&url);
        url
    }

    fn cookie(&self) -> String {
        let pairs: Vec<String> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        pairs.join("; ")
    }

    /// The answer, its cookies kept; a refusal is an error.
    fn kept(&mut self, path: &str, answer: reqwest::Response) -> Result<reqwest::Response, CallError> {
        for cookie in answer.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap_or_default();
            let pair = cookie.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.retain(|(known, _)| known != name);
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        if answer.status().is_client_error() || answer.status().is_server_error() {
            return Err(CallError::Status {
                path: path.to_owned(),
                status: answer.status().as_u16(),
                body: String::new(),
            });
        }
        Ok(answer)
    }
}

/// The value of the first field of this name, empty when there is none.
fn field(page: &str, name: &str) -> String {
    page.split_once(&format!("name=\"{name}\""))
        .and_then(|(_, rest)| rest.split_once("value=\""))
        .and_then(|(_, rest)| rest.split('"').next())
        .unwrap_or_default()
        .to_owned()
}

/// A value as a form carries it.
fn percent(value: &str) -> String {
    value.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
