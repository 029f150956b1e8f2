//! The sections of the file, as types. What a section means is written in `example.toml`, beside this file.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use comity_node_core::Policy;
use comity_spec::entity::Environment;
use comity_spec::ids::{EntityId, Region};
use comity_spec::text::Bilingual;
use serde::{Deserialize, Serialize};

/// The whole file.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) node: NodeConfig,
    pub(crate) database: DatabaseConfig,
    pub(crate) keys: KeysConfig,
    pub(crate) trust: TrustConfig,
    pub(crate) listeners: ListenersConfig,
    #[serde(default)]
    pub(crate) peers: BTreeMap<EntityId, PeerConfig>,
    #[serde(default)]
    pub(crate) network: NetworkConfig,
    #[serde(default)]
    pub(crate) policy: PolicyConfig,
    #[serde(default)]
    pub(crate) log: LogConfig,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodeConfig {
    pub(crate) entity: EntityId,
    pub(crate) region: Region,
    pub(crate) environment: Environment,
    pub(crate) name: Bilingual,
    #[serde(default)]
    pub(crate) contact: Option<Bilingual>,
    pub(crate) state: PathBuf,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatabaseConfig {
    pub(crate) url: String,
}

/// A database URL may carry a password: it is shown without.
impl std::fmt::Debug for DatabaseConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseConfig")
            .field("url", &without_password(&self.url))
            .finish()
    }
}

/// The URL with any password replaced by `***`, also where it is mistyped: what does not open is shown in the refusal, and that is
/// logged. So whatever stands between the first colon behind the scheme and the last `@` is taken for the password, slashes and all.
pub(crate) fn without_password(url: &str) -> String {
    // libpq also reads `?password=`; nothing after the question mark is needed to recognise a database.
    let shown = |rest: &str| rest.split('?').next().unwrap_or_default().to_owned();
    let Some((userinfo, host)) = url.rsplit_once('@') else {
        return shown(url);
    };
    let scheme = userinfo.find([':', '/']).unwrap_or(0);
    let slashes = |c: char| c == '/';
    let rest = userinfo[scheme..]
        .strip_prefix(':')
        .unwrap_or(&userinfo[scheme..]);
    let behind_scheme = userinfo.len() - rest.trim_start_matches(slashes).len();
    match userinfo[behind_scheme..].find(':') {
        Some(colon) => format!("{}:***@{}", &userinfo[..behind_scheme + colon], shown(host)),
        None => format!("{userinfo}@{}", shown(host)),
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeysConfig {
    pub(crate) dir: PathBuf,
    pub(crate) encryption: PathBuf,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrustConfig {
    pub(crate) anchor: PathBuf,
    pub(crate) superior: EntityId,
    #[serde(default)]
    pub(crate) roots: Vec<PathBuf>,
    #[serde(default = "five_minutes")]
    pub(crate) refresh_seconds: u64,
}

const fn five_minutes() -> u64 {
    300
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListenersConfig {
    pub(crate) public: ListenerConfig,
    pub(crate) federation: ListenerConfig,
    pub(crate) staff: ListenerConfig,
    pub(crate) ops: ListenerConfig,
}

/// One listener. Without a certificate it speaks plain HTTP, which is allowed on loopback only.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListenerConfig {
    pub(crate) address: SocketAddr,
    #[serde(default)]
    pub(crate) base: Option<EntityId>,
    #[serde(default)]
    pub(crate) certificate: Option<PathBuf>,
    #[serde(default)]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PeerConfig {
    #[serde(default)]
    pub(crate) allow: Vec<String>,
    #[serde(default)]
    pub(crate) proxy: Option<String>,
    #[serde(default)]
    pub(crate) address: Option<std::net::IpAddr>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NetworkConfig {
    pub(crate) allow: Vec<String>,
    pub(crate) internet: bool,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            internet: true,
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PolicyConfig {
    pub(crate) require_key_binding: bool,
    pub(crate) local_issuing: bool,
    pub(crate) misses_per_ten_minutes: u32,
    pub(crate) peer_misses_per_ten_minutes: u32,
    pub(crate) peer_misses_per_day: u32,
    pub(crate) lookup_timeout_seconds: u64,
    pub(crate) holder_data_days: u32,
    pub(crate) late_endorse_max_days: Option<u32>,
    pub(crate) card_validity_months: Option<u16>,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        let Policy {
            require_key_binding,
            local_issuing,
            endorsement,
            card_validity_months,
            misses_per_ten_minutes,
            peer_misses,
            lookup_timeout_seconds,
            holder_data_days,
        } = Policy::default();
        Self {
            require_key_binding,
            local_issuing,
            misses_per_ten_minutes,
            peer_misses_per_ten_minutes: peer_misses.per_ten_minutes,
            peer_misses_per_day: peer_misses.per_day,
            lookup_timeout_seconds,
            holder_data_days,
            late_endorse_max_days: endorsement.late_endorse_max_days,
            card_validity_months,
        }
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogConfig {
    pub(crate) format: LogFormat,
    pub(crate) level: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            format: LogFormat::Json,
            level: "info".to_owned(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For a terminal.
    Human,
}
