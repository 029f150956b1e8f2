//! An authority: a federation of its own with the target as its anchor. Acts at the desk are commands of `comity authority`; what was
//! signed is served by `comity authority serve`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Child;

use crate::answer::{Answer, Failure};
use crate::contract::{Name, Start};
use crate::process::{self, Sockets};
use crate::web::WebCertificates;
use crate::window;

/// The entity configuration among the published files, and its path under the entity id.
const CONFIGURATION: &str = ".well-known/openid-federation";
/// Longest time until the listener shows what was signed.
const SERVED: Duration = Duration::from_secs(20);
/// How often that is looked at.
const PAUSE: Duration = Duration::from_millis(20);

/// An anchor.
pub(crate) struct Authority {
    comity: PathBuf,
    dir: PathBuf,
    entity: String,
    sockets: Sockets,
    child: Child,
    client: reqwest::Client,
    applications: u32,
}

impl Authority {
    /// Founds the anchor in its empty folder and serves it.
    pub(crate) async fn start(comity: &Path, start: &Start) -> Result<(Self, Answer), Failure> {
        if start.environment != "SANDBOX" {
            return Err(format!("a suite does not found an authority for {}", start.environment).into());
        }
        let home = std::path::absolute(&start.store)?;
        std::fs::create_dir_all(&home)?;
        let dir = home.join("anchor");
        let web = WebCertificates::make(&home)?;
        let (sockets, [address]) = Sockets::bind::<1>()?;
        let entity = format!("https://localhost:{}", address.port());
        let shown = dir.display().to_string();
        let names = [
            "--name-zh",
            "受测锚点（示例）",
            "--name-en",
            "Anchor under test (example)",
        ];
        let founding = ["authority", "init", "--dir", &shown, "--entity", &entity];
        process::run(comity, &[&founding[..], &names[..]].concat())
            .await?
            .map_err(|refused| format!("comity authority init: {refused}"))?;
        let serve = json!({ "address": address, "certificate": web.certificate, "key": web.key });
        std::fs::write(dir.join("serve.toml"), toml::to_string(&serve)?)?;
        let child = process::start(comity, &["authority", "serve", "--dir", &shown], &sockets)?;
        let this = Self {
            comity: comity.to_owned(),
            client: window::client_trusting(&web.root)?,
            dir,
            entity,
            sockets,
            child,
            applications: 0,
        };
        this.served().await?;
        let anchor: Value = serde_json::from_slice(&std::fs::read(this.dir.join("anchor.json"))?)?;
        let application = std::fs::read_to_string(this.published())?;
        let started = json!({ "application": application.trim(), "anchor": anchor, "roots": web.root });
        Ok((this, Answer::Ok(started)))
    }

    /// Serves anew.
    pub(crate) async fn restart(&mut self, graceful: bool) -> Result<Answer, Failure> {
        if graceful {
            process::end(&mut self.child).await?;
        } else {
            process::kill(&mut self.child).await?;
        }
        let dir = self.dir.display().to_string();
        self.child = process::start(
            &self.comity,
            &["authority", "serve", "--dir", &dir],
            &self.sockets,
        )?;
        self.served().await?;
        Ok(Answer::done())
    }

    /// Ends the process.
    pub(crate) async fn stop(&mut self) -> Result<(), Failure> {
        process::end(&mut self.child).await
    }

    /// Takes a member in, a county or, with a prefix and a name, a province.
    pub(crate) async fn enrol(
        &mut self,
        application: &str,
        prefix: Option<&str>,
        name: Option<&Name>,
    ) -> Result<Answer, Failure> {
        self.applications += 1;
        let file = self.dir.join(format!("application-{}.jwt", self.applications));
        std::fs::write(&file, application)?;
        let file = file.display().to_string();
        let mut arguments = vec![file.as_str()];
        if let Some(prefix) = prefix {
            arguments.extend(["--prefix", prefix]);
        }
        if let Some(name) = name {
            arguments.extend(["--name-zh", &name.zh, "--name-en", &name.en]);
        }
        self.at_desk("enrol", &arguments).await
    }

    /// An act at the desk: what the authority shows afterwards is what was signed now.
    pub(crate) async fn at_desk(&self, act: &str, arguments: &[&str]) -> Result<Answer, Failure> {
        let dir = self.dir.display().to_string();
        let command = [&["authority", act, "--dir", &dir], arguments].concat();
        match process::run(&self.comity, &command).await? {
            Ok(_) => {
                self.served().await?;
                Ok(Answer::done())
            }
            Err(refused) => Ok(Answer::refused(refused)),
        }
    }

    fn published(&self) -> PathBuf {
        self.dir.join("published").join(CONFIGURATION)
    }

    /// Waits until the listener shows the newest publication: each one has a configuration of its own.
    async fn served(&self) -> Result<(), Failure> {
        let newest = std::fs::read(self.published())?;
        let url = format!("{}/{CONFIGURATION}", self.entity);
        let asking = async {
            loop {
                if let Ok(answer) = self.client.get(&url).send().await
                    && answer.bytes().await.is_ok_and(|shown| shown == newest)
                {
                    return;
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::time::timeout(SERVED, asking)
            .await
            .map_err(|_| format!("what was signed is not served after {SERVED:?}").into())
    }
}
