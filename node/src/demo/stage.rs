//! The stage: a folder with one anchor, two provinces and two counties, their keys, certificates and configurations, and the components
//! that run from it. Everything is generated; nothing leaves the folder and loopback.

use std::path::{Path, PathBuf};

use comity_node_core::Identity;
use comity_node_core::federation::own_configuration;
use comity_node_core::ports::Clock as _;
use comity_spec::jose::KeyPurpose;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::DemoError;
use super::http::Urls;
use super::process::{Component, Socket, Spec, log_file};
use crate::certificates::Certificates;
use crate::cli::{AuthorityCommand, ConformanceArgs};
use crate::commands::authority_serve::ServeConfig;
use crate::commands::{authority, init};
use crate::config::{self, Config};
use crate::system::SystemClock;
use crate::{keys, wiring};

/// Seconds within which a component must be ready.
const READY_WITHIN: u64 = 30;

/// A county of the demonstration.
pub(crate) struct County {
    pub(crate) region: &'static str,
    pub(crate) name_zh: &'static str,
    pub(crate) config: PathBuf,
    pub(crate) settings: Config,
    pub(crate) staff: std::net::SocketAddr,
    pub(crate) ops: std::net::SocketAddr,
    pub(crate) component: Component,
}

impl County {
    /// Its entity id.
    pub(crate) fn entity(&self) -> &comity_spec::ids::EntityId {
        &self.settings.node.entity
    }
}

/// The whole stage.
pub(crate) struct Stage {
    /// The anchor's file for nodes.
    pub(crate) anchor: PathBuf,
    /// Root certificate of the public listeners.
    pub(crate) web_root: PathBuf,
    /// Where the components log.
    pub(crate) logs: PathBuf,
    /// What the windows were asked.
    pub(crate) urls: Urls,
    pub(crate) authorities: Component,
    pub(crate) yushan: County,
    pub(crate) changshan: County,
}

/// What a county is made from.
struct Plan {
    region: &'static str,
    name_zh: &'static str,
    name_en: &'static str,
    folder: &'static str,
    province: usize,
}

const YUSHAN: Plan = Plan {
    region: "361123",
    name_zh: "玉山县（示例）",
    name_en: "Yushan county (demo)",
    folder: "yushan",
    province: 0,
};
const CHANGSHAN: Plan = Plan {
    region: "330822",
    name_zh: "常山县（示例）",
    name_en: "Changshan county (demo)",
    folder: "changshan",
    province: 1,
};

/// (folder, Chinese name, English name, prefix)
const PROVINCES: [(&str, &str, &str, &str); 2] = [
    ("jiangxi", "江西省（示例）", "Jiangxi (demo)", "36"),
    ("zhejiang", "浙江省（示例）", "Zhejiang (demo)", "33"),
];

/// Builds the stage under `dir` and waits until both counties are ready.
pub(crate) async fn build(dir: &Path, log_level: &str) -> Result<Stage, DemoError> {
    let logs = dir.join("logs");
    std::fs::create_dir_all(&logs)?;
    let web = WebCertificates::new(dir)?;
    let origins = [Socket::bind()?, Socket::bind()?, Socket::bind()?];
    let origin = |at: usize| format!("https://localhost:{}", origins[at].address().port());

    let anchor_dir = dir.join("anchor");
    found(&anchor_dir, &origin(0), "示例联盟锚点", "Demo anchor", None).await?;
    web.serve_toml(&anchor_dir, &origins[0])?;
    let mut province_dirs = Vec::new();
    for (at, (folder, zh, en, prefix)) in PROVINCES.iter().enumerate() {
        let province = dir.join(folder);
        found(&province, &origin(at + 1), zh, en, Some((prefix, &origin(0)))).await?;
        web.serve_toml(&province, &origins[at + 1])?;
        authority::run(AuthorityCommand::Enrol {
            dir: anchor_dir.clone(),
            application: province.join("published/.well-known/openid-federation"),
            prefix: Some(prefix.parse().map_err(DemoError::other)?),
            name_zh: Some((*zh).to_owned()),
            name_en: Some((*en).to_owned()),
            replace_keys: false,
            conformance: ConformanceArgs::default(),
        })
        .await?;
        province_dirs.push(province);
    }

    let mut arguments = vec!["authority".to_owned(), "serve".to_owned()];
    for folder in std::iter::once(&anchor_dir).chain(&province_dirs) {
        arguments.extend(["--dir".to_owned(), folder.display().to_string()]);
    }
    let superiors = [origin(1), origin(2)];
    let anchor = anchor_dir.join("anchor.json");
    let authorities = Component::start(Spec {
        name: "authorities".to_owned(),
        arguments,
        sockets: origins.into(),
        log: log_file(&logs, "authorities"),
        ops: None,
    })?;

    let mut counties = Vec::new();
    for plan in [&YUSHAN, &CHANGSHAN] {
        let superior = &superiors[plan.province];
        let place = Place {
            dir,
            logs: &logs,
            web: &web,
            anchor: &anchor,
            superior,
            log_level,
        };
        counties.push(settle(plan, &place, &province_dirs[plan.province]).await?);
    }
    let (Some(changshan), Some(yushan)) = (counties.pop(), counties.pop()) else {
        return Err(DemoError::other("two counties were planned"));
    };
    for county in [&yushan, &changshan] {
        county.component.ready(READY_WITHIN).await?;
    }
    Ok(Stage {
        anchor,
        web_root: web.root,
        logs,
        urls: Urls::default(),
        authorities,
        yushan,
        changshan,
    })
}

async fn found(
    dir: &Path,
    entity: &str,
    zh: &str,
    en: &str,
    province: Option<(&str, &str)>,
) -> Result<(), DemoError> {
    let (prefix, superior) = match province {
        Some((prefix, superior)) => (
            Some(prefix.parse().map_err(DemoError::other)?),
            Some(superior.parse().map_err(DemoError::other)?),
        ),
        None => (None, None),
    };
    authority::run(AuthorityCommand::Init {
        dir: dir.to_owned(),
        entity: entity.parse().map_err(DemoError::other)?,
        name_zh: zh.to_owned(),
        name_en: en.to_owned(),
        prefix,
        superior,
        production: false,
        static_host: false,
    })
    .await?;
    Ok(())
}

/// Where a county is settled.
struct Place<'a> {
    dir: &'a Path,
    logs: &'a Path,
    web: &'a WebCertificates,
    anchor: &'a Path,
    superior: &'a str,
    log_level: &'a str,
}

async fn settle(plan: &Plan, place: &Place<'_>, province: &Path) -> Result<County, DemoError> {
    let home = place.dir.join(plan.folder);
    crate::keys::create_private_dir(&home)?;
    let sockets = [Socket::bind()?, Socket::bind()?, Socket::bind()?, Socket::bind()?];
    let [public, federation, staff, ops] = [0, 1, 2, 3].map(|at: usize| sockets[at].address());
    let path = home.join("node.toml");
    let home_text = home.display();
    let text = format!(
        r#"[node]
entity = "https://localhost:{public_port}"
region = "{region}"
environment = "SANDBOX"
name = {{ zh = "{zh}", en = "{en}" }}
contact = {{ zh = "示例窗口 000-0000000", en = "demo office 000-0000000" }}
state = "{home_text}"

[database]
url = "sqlite:{home_text}/node.db"

[keys]
dir = "{home_text}/keys"
encryption = "{home_text}/keys/columns.key"

[trust]
anchor = "{anchor}"
superior = "{superior}"
roots = ["{root}"]
refresh_seconds = 60

[network]
allow = ["127.0.0.0/8", "::1/128"]

[listeners.public]
address = "{public}"
certificate = "{certificate}"
key = "{key}"

[listeners.federation]
address = "{federation}"
base = "https://localhost:{federation_port}"
certificate = "{home_text}/keys/tls.crt"
key = "{home_text}/keys/tls.key"

[listeners.staff]
address = "{staff}"

[listeners.ops]
address = "{ops}"

[log]
format = "json"
level = "{level}"
"#,
        public_port = public.port(),
        region = plan.region,
        zh = plan.name_zh,
        en = plan.name_en,
        anchor = place.anchor.display(),
        superior = place.superior,
        root = place.web.root.display(),
        certificate = place.web.certificate.display(),
        key = place.web.key.display(),
        federation_port = federation.port(),
        level = place.log_level,
    );
    std::fs::write(&path, text)?;
    let settings = config::load(&path, std::iter::empty())?;
    init::create(&settings)?;
    let application = home.join("application.jwt");
    std::fs::write(&application, apply(&settings).await?)?;
    authority::run(AuthorityCommand::Enrol {
        dir: province.to_owned(),
        application,
        prefix: None,
        name_zh: None,
        name_en: None,
        replace_keys: false,
        conformance: ConformanceArgs::default(),
    })
    .await?;
    let component = Component::start(Spec {
        name: plan.folder.to_owned(),
        arguments: vec![
            "run".to_owned(),
            "--config".to_owned(),
            path.display().to_string(),
        ],
        sockets: sockets.into(),
        log: log_file(place.logs, plan.folder),
        ops: Some(ops),
    })?;
    Ok(County {
        region: plan.region,
        name_zh: plan.name_zh,
        config: path,
        settings,
        staff,
        ops,
        component,
    })
}

async fn apply(settings: &Config) -> Result<String, DemoError> {
    let identity: Identity = wiring::identity(settings)?;
    let publishing = wiring::publishing(settings, &Certificates::federation(settings)?)?;
    let signers = keys::read_signers(&settings.keys.dir, &KeyPurpose::NODE)?;
    own_configuration::application(&identity, &publishing, &signers, SystemClock.now())
        .await
        .map_err(DemoError::other)
}

/// A certificate authority of the demonstration's own, for the public listeners on `localhost`.
struct WebCertificates {
    root: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

impl WebCertificates {
    fn new(dir: &Path) -> Result<Self, DemoError> {
        let mut root = CertificateParams::default();
        root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        root.distinguished_name
            .push(DnType::CommonName, "Comity demo root");
        let issuer = CertifiedIssuer::self_signed(root, KeyPair::generate().map_err(DemoError::other)?)
            .map_err(DemoError::other)?;
        let pair = KeyPair::generate().map_err(DemoError::other)?;
        let leaf = CertificateParams::new(vec!["localhost".to_owned()]).map_err(DemoError::other)?;
        let leaf = leaf.signed_by(&pair, &issuer).map_err(DemoError::other)?;
        let this = Self {
            root: dir.join("web-root.pem"),
            certificate: dir.join("web.crt"),
            key: dir.join("web.key"),
        };
        std::fs::write(&this.root, issuer.pem())?;
        std::fs::write(&this.certificate, leaf.pem())?;
        keys::write_new(&this.key, pair.serialize_pem().as_bytes())?;
        Ok(this)
    }

    fn serve_toml(&self, dir: &Path, socket: &Socket) -> Result<(), DemoError> {
        let serve = ServeConfig {
            address: socket.address(),
            certificate: self.certificate.clone(),
            key: self.key.clone(),
        };
        std::fs::write(
            dir.join("serve.toml"),
            toml::to_string(&serve).map_err(DemoError::other)?,
        )?;
        Ok(())
    }
}
