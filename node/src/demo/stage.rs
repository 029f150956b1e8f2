//! The stage: a folder with one anchor, two provinces and two counties, their keys, certificates and configurations, and the components
//! that run from it. Everything is generated; nothing leaves the folder and loopback.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use comity_node_core::Identity;
use comity_node_core::federation::own_configuration;
use comity_node_core::ports::Clock as _;
use comity_spec::jose::KeyPurpose;

use super::DemoError;
use super::http::Urls;
use super::process::{Component, Socket, Spec, log_file};
use super::web_certificates::WebCertificates;
use crate::certificates::Certificates;
use crate::cli::{AuthorityCommand, AuthorityEnrolArgs, AuthorityInitArgs, ConformanceArgs};
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
    pub(crate) staff: SocketAddr,
    pub(crate) ops: SocketAddr,
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
    let sockets = [Socket::bind()?, Socket::bind()?, Socket::bind()?];
    let [anchor_socket, province_sockets @ ..] = &sockets;

    let anchor = Authority::at(dir.join("anchor"), anchor_socket);
    anchor.found("示例联盟锚点", "Demo anchor", None).await?;
    web.serve_toml(&anchor.dir, anchor_socket)?;
    let mut provinces = Vec::new();
    for ((folder, zh, en, prefix), socket) in PROVINCES.iter().zip(province_sockets) {
        let province = Authority::at(dir.join(folder), socket);
        province.found(zh, en, Some((prefix, &anchor))).await?;
        web.serve_toml(&province.dir, socket)?;
        let application = province.dir.join("published/.well-known/openid-federation");
        anchor.enrol(application, Some((prefix, zh, en))).await?;
        provinces.push(province);
    }
    let folders = std::iter::once(&anchor).chain(&provinces);
    let authorities = serve(folders, sockets.into(), &logs)?;

    let anchor = anchor.dir.join("anchor.json");
    let mut counties = Vec::new();
    for plan in [&YUSHAN, &CHANGSHAN] {
        let place = Place {
            dir,
            logs: &logs,
            web: &web,
            anchor: &anchor,
            superior: &provinces[plan.province],
            log_level,
        };
        counties.push(settle(plan, &place).await?);
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

/// The anchor or a province: its folder, and where it will be served.
struct Authority {
    dir: PathBuf,
    origin: String,
}

impl Authority {
    fn at(dir: PathBuf, socket: &Socket) -> Self {
        let origin = format!("https://localhost:{}", socket.address().port());
        Self { dir, origin }
    }

    /// Founds it: a province with its prefix and its superior.
    async fn found(&self, zh: &str, en: &str, province: Option<(&str, &Self)>) -> Result<(), DemoError> {
        let (prefix, superior) = match province {
            Some((prefix, superior)) => (
                Some(prefix.parse().map_err(DemoError::other)?),
                Some(superior.origin.parse().map_err(DemoError::other)?),
            ),
            None => (None, None),
        };
        authority::run(AuthorityCommand::Init(AuthorityInitArgs {
            dir: self.dir.clone(),
            entity: self.origin.parse().map_err(DemoError::other)?,
            name_zh: zh.to_owned(),
            name_en: en.to_owned(),
            prefix,
            superior,
            production: false,
            static_host: false,
        }))
        .await?;
        Ok(())
    }

    /// Enrols an applicant: a province with its prefix and its names, or a county.
    async fn enrol(
        &self,
        application: PathBuf,
        province: Option<(&str, &str, &str)>,
    ) -> Result<(), DemoError> {
        let prefix = province.map(|(prefix, _, _)| prefix.parse()).transpose();
        authority::run(AuthorityCommand::Enrol(AuthorityEnrolArgs {
            dir: self.dir.clone(),
            application,
            prefix: prefix.map_err(DemoError::other)?,
            name_zh: province.map(|(_, zh, _)| zh.to_owned()),
            name_en: province.map(|(_, _, en)| en.to_owned()),
            replace_keys: false,
            conformance: ConformanceArgs::default(),
        }))
        .await?;
        Ok(())
    }
}

/// One process for all authorities, with their sockets in the same order.
fn serve<'a>(
    authorities: impl Iterator<Item = &'a Authority>,
    sockets: Vec<Socket>,
    logs: &Path,
) -> Result<Component, DemoError> {
    let mut arguments = vec!["authority".to_owned(), "serve".to_owned()];
    for authority in authorities {
        arguments.extend(["--dir".to_owned(), authority.dir.display().to_string()]);
    }
    Ok(Component::start(Spec {
        name: "authorities".to_owned(),
        arguments,
        sockets,
        log: log_file(logs, "authorities"),
        ops: None,
    })?)
}

/// Where a county is settled.
struct Place<'a> {
    dir: &'a Path,
    logs: &'a Path,
    web: &'a WebCertificates,
    anchor: &'a Path,
    superior: &'a Authority,
    log_level: &'a str,
}

async fn settle(plan: &Plan, place: &Place<'_>) -> Result<County, DemoError> {
    let home = place.dir.join(plan.folder);
    crate::keys::create_private_dir(&home)?;
    let sockets = [Socket::bind()?, Socket::bind()?, Socket::bind()?, Socket::bind()?];
    let addresses = [0, 1, 2, 3].map(|at: usize| sockets[at].address());
    let [_, _, staff, ops] = addresses;
    let path = home.join("node.toml");
    std::fs::write(&path, node_toml(plan, place, &home, addresses))?;
    let settings = config::load(&path, std::iter::empty())?;
    init::create(&settings)?;
    let application = home.join("application.jwt");
    std::fs::write(&application, apply(&settings).await?)?;
    place.superior.enrol(application, None).await?;
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

/// A county's configuration.
fn node_toml(
    plan: &Plan,
    place: &Place<'_>,
    home: &Path,
    [public, federation, staff, ops]: [SocketAddr; 4],
) -> String {
    let home_text = home.display();
    format!(
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
        superior = place.superior.origin,
        root = place.web.root.display(),
        certificate = place.web.certificate.display(),
        key = place.web.key.display(),
        federation_port = federation.port(),
        level = place.log_level,
    )
}

async fn apply(settings: &Config) -> Result<String, DemoError> {
    let identity: Identity = wiring::identity(settings)?;
    let publishing = wiring::publishing(settings, &Certificates::federation(settings)?)?;
    let signers = keys::read_signers(&settings.keys.dir, &KeyPurpose::NODE)?;
    own_configuration::application(&identity, &publishing, &signers, SystemClock.now())
        .await
        .map_err(DemoError::other)
}
