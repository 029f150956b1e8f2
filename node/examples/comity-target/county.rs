//! The county: its configuration, its process, its operator (the admin socket) and its clerk (the window).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Child;

use crate::admin;
use crate::answer::{Answer, Failure};
use crate::contract::{AgreementRef, Event, Form, Start};
use crate::process::{self, Sockets};
use crate::register::{File, Register};
use crate::web::WebCertificates;
use crate::window::{self, CLERK, PASSWORD, Window};

/// Longest time until the node says that it is ready.
const READY: Duration = Duration::from_secs(60);
/// Longest time until a permit that changed has its new attestation.
const ISSUING: Duration = Duration::from_secs(20);
/// How often something is asked that is waited for.
const PAUSE: Duration = Duration::from_millis(20);

/// A county's node.
pub(crate) struct County {
    comity: PathBuf,
    home: PathBuf,
    config: String,
    sockets: Sockets,
    ops: SocketAddr,
    child: Child,
    register: Register,
    window: Window,
    texts: u32,
}

impl County {
    /// Founds the county in its empty folder and starts its node; answers with the application to join.
    pub(crate) async fn start(
        comity: &Path,
        database: Option<&str>,
        start: &Start,
    ) -> Result<(Self, Answer), Failure> {
        let home = std::path::absolute(&start.store)?;
        std::fs::create_dir_all(&home)?;
        let (sockets, addresses) = Sockets::bind::<4>()?;
        let web = WebCertificates::make(&home)?;
        let settings = configuration(start, &home, database, addresses, &web)?;
        let config = home.join("node.toml").display().to_string();
        std::fs::write(&config, settings)?;
        let application = home.join("application.jwt").display().to_string();
        process::run(
            comity,
            &["init", "--config", &config, "--application", &application],
        )
        .await?
        .map_err(|refused| format!("comity init: {refused}"))?;
        let [_, _, staff, ops] = addresses;
        let child = process::start(comity, &["run", "--config", &config], &sockets)?;
        // Nobody has enrolled it yet: this alone may be in the way.
        ready(ops, &["trust"]).await?;
        let residents = start.residents.as_deref().ok_or("a county has a register")?;
        let (register, complete) = Register::read(&std::path::absolute(residents)?, &home)?;
        let socket = socket(&home);
        let officer = json!({
            "command": "officer_add",
            "id": CLERK,
            "name": "示例经办人",
            "roles": ["clerk"],
            "password": PASSWORD,
        });
        admin::ask(&socket, &officer).await?;
        admin::ask(&socket, &import(&complete)).await?;
        let this = Self {
            comity: comity.to_owned(),
            config,
            sockets,
            ops,
            child,
            register,
            window: Window::sign_in(staff).await?,
            texts: 0,
            home,
        };
        let application = std::fs::read_to_string(application)?;
        let started = json!({ "application": application.trim(), "roots": web.root });
        Ok((this, Answer::Ok(started)))
    }

    /// Ends the process, as told or by killing it, and starts it on the same store and sockets.
    pub(crate) async fn restart(&mut self, graceful: bool) -> Result<Answer, Failure> {
        if graceful {
            process::end(&mut self.child).await?;
        } else {
            process::kill(&mut self.child).await?;
        }
        self.child = process::start(&self.comity, &["run", "--config", &self.config], &self.sockets)?;
        ready(self.ops, &[]).await?;
        // A start asks everybody, and is ready before all lists came: what comes of it is not to fall into the next case.
        self.refresh(None).await?;
        Ok(Answer::done())
    }

    /// Ends the process.
    pub(crate) async fn stop(&mut self) -> Result<(), Failure> {
        process::end(&mut self.child).await
    }

    /// The clerk's window.
    pub(crate) const fn window(&self) -> &Window {
        &self.window
    }

    /// Fetches what a periodic refresh fetches.
    pub(crate) async fn refresh(&self, entity: Option<&str>) -> Result<Answer, Failure> {
        let mut command = json!({ "command": "trust_refresh" });
        if let Some(entity) = entity {
            command["entity"] = json!(entity);
        }
        Ok(self.admin(&command).await?.map(|_| json!({})))
    }

    /// Every version of every agreement.
    pub(crate) async fn agreements(&self) -> Result<Answer, Failure> {
        let listed = self.admin(&json!({ "command": "agreement_list" })).await?;
        Ok(listed.map(|list| {
            let versions = list.as_array().into_iter().flatten().map(|one| {
                let withdrawn = one["state"] == "adopted" && one["withdrawn_from"].is_string();
                let state = if withdrawn {
                    json!("withdrawn")
                } else {
                    one["state"].clone()
                };
                json!({
                    "id": one["id"],
                    "version": one["version"],
                    "digest": one["digest"],
                    "state": state,
                })
            });
            json!({ "agreements": versions.collect::<Vec<_>>() })
        }))
    }

    /// Signs the proposal of this very text.
    pub(crate) async fn sign(&self, one: &AgreementRef) -> Result<Answer, Failure> {
        let command = json!({
            "command": "agreement_sign",
            "id": one.id,
            "version": one.version,
            "digest": one.digest,
        });
        Ok(self.admin(&command).await?.map(|_| json!({})))
    }

    /// Proposes a text.
    pub(crate) async fn propose(&mut self, text: &Value) -> Result<Answer, Failure> {
        self.texts += 1;
        let file = self.home.join(format!("agreement-{}.json", self.texts));
        std::fs::write(&file, serde_json::to_vec_pretty(text)?)?;
        self.admin(&json!({ "command": "agreement_propose", "file": file }))
            .await
    }

    /// Withdraws from an agreement.
    pub(crate) async fn withdraw(&self, id: &str, from: &str) -> Result<Answer, Failure> {
        let reason = json!({ "zh": "示例：一致性测试", "en": "example: conformance suite" });
        let command = json!({ "command": "agreement_withdraw", "id": id, "from": from, "reason": reason });
        Ok(self.admin(&command).await?.map(|_| json!({})))
    }

    /// The register tells the node what happened.
    pub(crate) async fn happened(&mut self, events: &[Event]) -> Result<Answer, Failure> {
        let before = self.register.clone();
        let file = self.register.happened(events)?;
        let taken = self.admin(&import(&file)).await?.map(|_| json!({}));
        if matches!(taken, Answer::Refused { .. }) {
            // What the node refused did not happen, and the next file has the same number: a gap would stop every import after it.
            self.register = before;
        }
        Ok(taken)
    }

    /// The newest attestation of a permit, once the node has issued what is missing.
    pub(crate) async fn attestation(&self, number: &str, form: Form) -> Result<Answer, Failure> {
        let issued = async {
            loop {
                let status = admin::ask(&self.socket(), &json!({ "command": "status" })).await?;
                if status["attestations_missing"] == false {
                    return Ok::<_, Failure>(());
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::time::timeout(ISSUING, issued)
            .await
            .map_err(|_| format!("attestations are still missing after {ISSUING:?}"))??;
        let command = json!({ "command": "attestation_token", "number": number, "full": form == Form::Full });
        Ok(self
            .admin(&command)
            .await?
            .map(|exported| json!({ "token": exported["token"] })))
    }

    fn socket(&self) -> PathBuf {
        socket(&self.home)
    }

    async fn admin(&self, command: &Value) -> Result<Answer, Failure> {
        admin::call(&self.socket(), command).await
    }
}

/// Where the node's admin socket stands. Named from the working folder where that is shorter: a socket's path has a limit.
fn socket(home: &Path) -> PathBuf {
    let socket = home.join("state/admin.sock");
    let here = std::env::current_dir().ok();
    let relative = here.and_then(|here| socket.strip_prefix(here).ok().map(Path::to_owned));
    relative.unwrap_or(socket)
}

fn import(file: &File) -> Value {
    json!({
        "command": "permit_import",
        "file": file.file,
        "manifest": file.manifest,
        // The suite cancels on purpose.
        "leaving_confirmed": true,
    })
}

/// Waits until the node's ops listener says that it is ready, or that only these reasons are against it.
async fn ready(ops: SocketAddr, but_for: &[&str]) -> Result<(), Failure> {
    let client = window::client()?;
    let asking = async {
        loop {
            if let Ok(answer) = client.get(format!("http://{ops}/readyz")).send().await
                && let Ok(said) = answer.json::<Value>().await
                && let Some(reasons) = said["reasons"].as_array()
                && reasons
                    .iter()
                    .all(|reason| but_for.iter().any(|one| *reason == **one))
            {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(READY, asking)
        .await
        .map_err(|_| format!("the node is not ready after {READY:?}").into())
}

/// The node's configuration. What is not said stands at its default, as an operator would leave it, with three exceptions: loopback is an
/// allowed network, since the whole federation lives there; an officer may miss more often than one at a quiet window, since
/// one officer does the whole suite's work; and a round of its own comes once an hour, so that what a case waits for came of the case.
fn configuration(
    start: &Start,
    home: &Path,
    database: Option<&str>,
    [public, federation, staff, ops]: [SocketAddr; 4],
    web: &WebCertificates,
) -> Result<String, Failure> {
    let given = |path: &Option<String>, what: &str| -> Result<String, Failure> {
        let path = path.as_ref().ok_or_else(|| format!("a county needs {what}"))?;
        Ok(std::path::absolute(path)?.display().to_string())
    };
    let sqlite = format!("sqlite:{}", home.join("node.db").display());
    let superior = start.superior.as_deref().ok_or("a county has a superior")?;
    let settings = json!({
        "node": {
            "entity": format!("https://localhost:{}", public.port()),
            "region": start.region,
            "environment": start.environment,
            "name": { "zh": "受测县（示例）", "en": "County under test (example)" },
            "contact": { "zh": "示例窗口 000-0000000", "en": "example office 000-0000000" },
            "state": home.join("state"),
        },
        "database": { "url": database.unwrap_or(&sqlite) },
        "keys": { "dir": home.join("keys"), "encryption": home.join("keys/columns.key") },
        "trust": {
            "anchor": given(&start.anchor, "an anchor file")?,
            "superior": superior,
            "roots": [std::path::absolute(&start.roots)?],
            "refresh_seconds": 3_600,
        },
        "network": { "allow": ["127.0.0.0/8", "::1/128"] },
        "listeners": {
            "public": { "address": public, "certificate": web.certificate, "key": web.key },
            "federation": {
                "address": federation,
                "base": format!("https://localhost:{}", federation.port()),
                "certificate": home.join("keys/tls.crt"),
                "key": home.join("keys/tls.key"),
            },
            "staff": { "address": staff },
            "ops": { "address": ops },
        },
        "policy": {
            "misses_per_ten_minutes": 200,
            "peer_misses_per_ten_minutes": 2_000,
            "peer_misses_per_day": 20_000,
        },
        "log": { "format": "json", "level": "info" },
    });
    Ok(toml::to_string(&settings)?)
}
