//! The composition root: from a configuration to a node with its store, keys, peers and listeners. Nothing is decided here.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use comity_node_core::exchange::peer_misses::MissLimits;
use comity_node_core::federation::own_configuration::Publishing;
use comity_node_core::ports::signer::Signers;
use comity_node_core::ports::store::Store;
use comity_node_core::ports::{Clock, Rng};
use comity_node_core::{Identity, Node, Policy, View, chain};
use comity_node_http::lanes::Lanes;
use comity_node_http::limits::{InFlight, QuotaRate};
use comity_node_http::peer_client::{
    AddressRange, ClientLimits, FederationClient, PeerNetwork, ProxyRoute, PublicFetcher, Route, Routes,
};
use comity_node_http::problem_response::TraceNumbers;
use comity_node_http::tls::{HandshakeClock, PublicTrust};
use comity_node_store::{OpenError, PostgresStore, SqliteStore, Stopped, StoreKeys};
use comity_spec::entity::Endpoints;
use comity_spec::ids::{Region, TraceNumber};
use comity_spec::jose::KeyPurpose;
use comity_spec::time::LocalDate;
use comity_spec::time::endorsement::EndorsementProfile;
use comity_verifier::trust::Anchor;
use futures_util::future::BoxFuture;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tokio_util::sync::CancellationToken;

use crate::certificates::Certificates;
use crate::config::{Config, without_password};
use crate::keys;
use crate::system::{SystemClock, SystemRng};

/// Region in the trace numbers of an authority, which has none of its own: the country.
pub(crate) fn country() -> Region {
    "100000"
        .parse()
        .expect("six digits, the first not 0, are a region code")
}

/// Why the node did not start. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Key(#[from] keys::KeyFileError),
    #[error("锚点文件 {path}: {reason} / anchor file")]
    Anchor { path: String, reason: String },
    #[error(
        "数据库 {url} 无法打开: {reason}。请检查 [database] url，以及其目录或服务器是否存在、本账户可否读写 / the database does not \
         open: check [database] url, and that its folder or server is there and lets this account read and write"
    )]
    Store { url: String, reason: String },
    #[error("{0}")]
    StoreRefused(OpenError),
    #[error("TLS: {0}")]
    Tls(String),
    #[error("[listeners.{0}] 缺少 certificate 与 key / certificate and key are missing")]
    NoCertificate(&'static str),
    #[error("网络配置: {0} / network configuration")]
    Network(String),
    #[error("{0}")]
    Other(String),
}

/// Cancelled at SIGTERM or Ctrl-C.
pub(crate) fn shutdown_signal() -> CancellationToken {
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        let terminate = async {
            match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
                Ok(mut signal) => {
                    signal.recv().await;
                }
                Err(error) => {
                    tracing::error!(%error, "SIGTERM cannot be waited for");
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = terminate => {}
        }
        cancelled.cancel();
    });
    token
}

/// The clock for certificate dates.
pub(crate) fn handshake_clock() -> HandshakeClock {
    HandshakeClock::new(|| SystemClock.now().get())
}

/// Trace numbers of a region.
pub(crate) fn trace_numbers(region: Region) -> TraceNumbers {
    TraceNumbers::random(
        |buffer| SystemRng.fill(buffer),
        move |random| TraceNumber::new(LocalDate::of(SystemClock.now()), region, random),
    )
}

/// Who the node is.
pub(crate) fn identity(config: &Config) -> Result<Identity, StartError> {
    let node = &config.node;
    let federation = match &config.listeners.federation.base {
        Some(base) => base.clone(),
        None => format!("https://{}:8444", node.entity.host())
            .parse()
            .map_err(|error| StartError::Other(format!("{error}")))?,
    };
    Ok(Identity {
        entity: node.entity.clone(),
        region: node.region,
        environment: node.environment,
        name: node.name.clone(),
        contact: node.contact.clone(),
        endpoints: Endpoints {
            public: node.entity.clone(),
            federation,
        },
    })
}

/// What the own configuration states besides the identity.
pub(crate) fn publishing(config: &Config, certificates: &Certificates) -> Result<Publishing, StartError> {
    let pin = certificates.of("federation")?.pin();
    Ok(Publishing {
        authority_hints: vec![config.trust.superior.clone()],
        tls_pins: vec![pin],
        further_keys: std::collections::BTreeMap::new(),
    })
}

/// A store that is locked for this process, and the news that it stopped for good.
pub(crate) struct OpenStore {
    pub(crate) store: Arc<dyn Store>,
    /// Ends with the reason when the store will not write any more: the process must end then, and its next start recovers.
    pub(crate) stopped: BoxFuture<'static, Stopped>,
    /// Lets what is queued be committed and gives up the lock.
    pub(crate) close: BoxFuture<'static, ()>,
}

/// The store of the configuration.
pub(crate) async fn open_store(config: &Config) -> Result<OpenStore, StartError> {
    let key = keys::read_secret(&config.keys.encryption)?;
    let store_keys = StoreKeys::new(1, *key);
    let rng: Arc<dyn Rng> = Arc::new(SystemRng);
    let url = config.database.url.as_str();
    let refused = |error: OpenError| match error {
        OpenError::File { .. } | OpenError::Database(_) => StartError::Store {
            url: without_password(url),
            reason: chain(&error),
        },
        // The others say themselves what to do.
        error => StartError::StoreRefused(error),
    };
    if let Some(path) = url.strip_prefix("sqlite:") {
        // Both `sqlite:/var/…` and the URL form `sqlite:///var/…` name an absolute path.
        let path = path.strip_prefix("//").unwrap_or(path);
        let store = Arc::new(
            SqliteStore::open(Path::new(path), &store_keys, rng)
                .await
                .map_err(refused)?,
        );
        let (watched, closing) = (Arc::clone(&store), Arc::clone(&store));
        return Ok(OpenStore {
            store,
            close: Box::pin(async move { closing.close().await }),
            stopped: Box::pin(async move { watched.stopped().await }),
        });
    }
    let store = Arc::new(
        PostgresStore::open(url, &store_keys, rng)
            .await
            .map_err(refused)?,
    );
    let (watched, closing) = (Arc::clone(&store), Arc::clone(&store));
    Ok(OpenStore {
        store,
        close: Box::pin(async move { closing.close().await }),
        stopped: Box::pin(async move { watched.stopped().await }),
    })
}

/// The anchor, from the file that was handed over by hand.
pub(crate) fn anchor(path: &Path) -> Result<Anchor, StartError> {
    let refused = |reason: String| StartError::Anchor {
        path: path.display().to_string(),
        reason,
    };
    let bytes = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
    Anchor::parse(&bytes).map_err(|error| refused(error.to_string()))
}

/// The node with its ports, its view still empty.
pub(crate) async fn assemble(
    config: &Config,
    store: Arc<dyn Store>,
    certificates: &Certificates,
) -> Result<Node, StartError> {
    let signers: Signers = keys::read_signers(&config.keys.dir, &KeyPurpose::NODE)?;
    let anchor = anchor(&config.trust.anchor)?;
    let view = View::empty(&anchor);
    Ok(Node {
        identity: identity(config)?,
        anchor,
        clock: Arc::new(SystemClock),
        rng: Arc::new(SystemRng),
        signers,
        store,
        peers: Arc::new(peers(config, certificates)?),
        view: ArcSwap::from_pointee(view),
        rebuilding: tokio::sync::Mutex::new(()),
        allocator: comity_node_core::attestations::StatusAllocator::default(),
        counter: comity_node_core::permits::numbering::Counter::default(),
        live: comity_node_core::live::Live::default(),
        policy: policy(config),
    })
}

fn policy(config: &Config) -> Policy {
    let policy = config.policy;
    Policy {
        require_key_binding: policy.require_key_binding,
        local_issuing: policy.local_issuing,
        misses_per_ten_minutes: policy.misses_per_ten_minutes,
        peer_misses: MissLimits {
            per_ten_minutes: policy.peer_misses_per_ten_minutes,
            per_day: policy.peer_misses_per_day,
        },
        lookup_timeout_seconds: policy.lookup_timeout_seconds,
        holder_data_days: policy.holder_data_days,
        endorsement: EndorsementProfile {
            late_endorse_max_days: policy.late_endorse_max_days,
        },
        card_validity_months: policy.card_validity_months,
    }
}

pub(crate) fn peers(config: &Config, certificates: &Certificates) -> Result<PeerNetwork, StartError> {
    let network = |error: &dyn std::fmt::Display| StartError::Network(error.to_string());
    let limits = ClientLimits::default();
    let ranges = |texts: &[String]| -> Result<Vec<AddressRange>, StartError> {
        texts
            .iter()
            .map(|text| text.parse().map_err(|error| network(&error)))
            .collect()
    };
    let default = Route {
        allowed: ranges(&config.network.allow)?,
        public_internet: config.network.internet,
        ..Route::default()
    };
    let mut routes = Routes {
        default: default.clone(),
        ..Routes::default()
    };
    for (peer, settings) in &config.peers {
        let mut route = Route {
            address: settings.address,
            ..default.clone()
        };
        route.allowed.extend(ranges(&settings.allow)?);
        route.proxy = settings
            .proxy
            .as_deref()
            .map(ProxyRoute::new)
            .transpose()
            .map_err(|error| network(&error))?;
        routes.by_host.insert(peer.host().to_owned(), route);
    }
    let routes = Arc::new(routes);
    let trust = PublicTrust {
        extra_roots: read_roots(&config.trust.roots)?,
        ..PublicTrust::default()
    };
    let public = PublicFetcher::new(&trust, handshake_clock(), Arc::clone(&routes), limits)
        .map_err(|error| StartError::Tls(error.to_string()))?;
    // A window waits no longer than its policy for another county; nothing else that is posted to peers is in a hurry.
    let exchange = ClientLimits {
        total: Duration::from_secs(config.policy.lookup_timeout_seconds),
        ..limits
    };
    let identity = certificates.of("federation")?;
    let federation = FederationClient::new(identity, handshake_clock(), routes, exchange);
    Ok(PeerNetwork::new(public, federation, exchange))
}

fn read_roots(paths: &[PathBuf]) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let mut roots = Vec::new();
    for path in paths {
        let refused = |reason: &dyn std::fmt::Display| {
            StartError::Tls(format!("[trust] roots: {}: {reason}", path.display()))
        };
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| refused(&error))? {
            roots.push(certificate.map_err(|error| refused(&error))?);
        }
    }
    Ok(roots)
}

/// The limits of a listener's routes. `places` are shared by the routers that others reach.
pub(crate) fn lanes(listener: &'static str, places: &InFlight) -> Lanes {
    let ordinary = QuotaRate {
        per_second: 2_000.0,
        burst: 4_000.0,
    };
    let revocation = QuotaRate {
        per_second: 200.0,
        burst: 1_000.0,
    };
    Lanes::new(listener, ordinary, revocation, places.clone())
}
