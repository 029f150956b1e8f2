//! `comity run`: a node with all its listeners and its background work, until it is told to stop.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use comity_node_core::Node;
use comity_node_core::federation::load_view;
use comity_node_http::federation::{self, FederationState};
use comity_node_http::limits::InFlight;
use comity_node_http::listener::{ConnectionLimits, Lane, Server, Slots};
use comity_node_http::ops::{self, Unready};
use comity_node_http::public;
use comity_node_http::staff::{self, Channel};
use comity_node_http::tls::{federation_server_config, public_server_config};
use comity_node_store::Stopped;
use comity_spec::ids::Region;
use futures_util::future::BoxFuture;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{CommandError, Outcome};
use crate::background::Running;
use crate::certificates::Certificates;
use crate::config::{self, Config, ListenerConfig, ListenersConfig};
use crate::sockets::Sockets;
use crate::wiring::OpenStore;
use crate::{admin, logging, wiring};

/// Connections at once on all listeners of the process.
const CONNECTIONS: usize = 8_192;
/// Of these, kept for the revocation path and the operator.
const RESERVED_CONNECTIONS: usize = 256;
/// Requests at once on the public and the federation router together. The staff router is not among them: what others ask must not take a
/// clerk's place, and its callers are the county's own, bounded by their connections and, at sign-in, by the memory for passwords.
const REQUESTS: usize = 1_024;
/// Of these, kept for the revocation path.
const RESERVED_REQUESTS: usize = 64;

/// How long a reader that is still at work may hold up the closing of the store.
const CLOSING: Duration = Duration::from_secs(5);

/// Runs until told to stop.
pub(crate) async fn run(path: &Path) -> Result<Outcome, CommandError> {
    let config = config::load(path, std::env::vars())?;
    logging::start(config.log.format, &config.log.level).map_err(CommandError::from_display)?;
    let recorder = PrometheusBuilder::new()
        .install_recorder()
        .map_err(CommandError::from_display)?;
    let shutdown = wiring::shutdown_signal();
    let tasks = TaskTracker::new();
    // Before anything else that only one process can have: a second start is told so, and not that some port is taken.
    let OpenStore {
        store,
        stopped,
        close,
    } = wiring::open_store(&config).await?;
    let admin_socket = admin::bind(&config.node.state)
        .map_err(|error| CommandError::refused(format!("[node] state {error}")))?;
    let listening = Listening::open(&config.listeners).await?;

    let broken = stop_with_the_store(stopped, &shutdown);
    let certificates = Certificates::load(&config)?;
    let node = Arc::new(wiring::assemble(&config, store, &certificates).await?);
    take_up_what_is_stored(&node).await?;
    let running = prepare(&config, &node, &certificates).await?;

    let fleet = Fleet {
        region: config.node.region,
        slots: Slots::new(CONNECTIONS, RESERVED_CONNECTIONS),
        shutdown: shutdown.clone(),
        tasks: tasks.clone(),
    };
    fleet.open_to_all(listening, &running, &certificates, recorder)?;
    running.start(&tasks, &shutdown);
    tasks.spawn(certificates.follow(shutdown.clone()));
    let (at, stop) = (Arc::clone(&running), shutdown.clone());
    tasks.spawn(async move {
        if let Err(error) = admin_socket.serve(at, stop).await {
            tracing::error!(%error, "the admin socket ended");
        }
    });
    running.readiness.restored(Unready::Starting);
    tracing::info!(entity = %node.identity.entity, environment = node.identity.environment.as_str(), "started");

    shutdown.cancelled().await;
    running.readiness.lost(Unready::Stopping);
    tasks.close();
    tasks.wait().await;
    if tokio::time::timeout(CLOSING, close).await.is_err() {
        tracing::warn!("the store did not close in time; what was acknowledged is on disk");
    }
    tracing::info!("stopped");
    // The supervisor starts a process anew that ended for want of its store.
    Ok(Outcome {
        text: String::new(),
        code: if broken.load(Ordering::Acquire) { 70 } else { 0 },
    })
}

/// The sockets of the four listeners, before anybody is served on them.
struct Listening {
    public: TcpListener,
    federation: TcpListener,
    staff: TcpListener,
    ops: TcpListener,
}

impl Listening {
    async fn open(listeners: &ListenersConfig) -> Result<Self, CommandError> {
        let mut sockets = Sockets::from_environment();
        let mut take = async |listener: &ListenerConfig| {
            let taken = sockets.take(listener.address).await;
            taken.map_err(CommandError::from_display)
        };
        Ok(Self {
            public: take(&listeners.public).await?,
            federation: take(&listeners.federation).await?,
            staff: take(&listeners.staff).await?,
            ops: take(&listeners.ops).await?,
        })
    }
}

/// Ends the process when its store does; says then whether that is why it ended.
fn stop_with_the_store(
    stopped: BoxFuture<'static, Stopped>,
    shutdown: &CancellationToken,
) -> Arc<AtomicBool> {
    let broken = Arc::new(AtomicBool::new(false));
    let (found, stop) = (Arc::clone(&broken), shutdown.clone());
    tokio::spawn(async move {
        let reason = stopped.await;
        if !matches!(reason, Stopped::Closed) {
            tracing::error!(
                ?reason,
                "the store will not write any more; a new start recovers from its log"
            );
            found.store(true, Ordering::Release);
            stop.cancel();
        }
    });
    broken
}

/// Verifies anew what is stored of the federation, and logs what does not hold any more.
async fn take_up_what_is_stored(node: &Node) -> Result<(), CommandError> {
    let report = load_view::load_view(node)
        .await
        .map_err(CommandError::from_display)?;
    // A node that never reached the federation has nothing stored that could fail to hold.
    if !node
        .store
        .statements()
        .await
        .map_err(CommandError::from_display)?
        .is_empty()
    {
        for finding in &report.findings {
            tracing::warn!(?finding, "a stored object does not hold any more");
        }
    }
    Ok(())
}

/// What others fetch is there before anybody is let in.
async fn prepare(
    config: &Config,
    node: &Arc<Node>,
    certificates: &Certificates,
) -> Result<Arc<Running>, CommandError> {
    let running = Arc::new(Running::new(
        Arc::clone(node),
        wiring::publishing(config, certificates)?,
        Duration::from_secs(config.trust.refresh_seconds),
    ));
    running
        .public
        .refresh_status_lists(node.store.as_ref())
        .await
        .map_err(CommandError::from_display)?;
    running.renew_configuration().await;
    running.use_view().await;
    Ok(running)
}

/// What all listeners share.
struct Fleet {
    region: Region,
    slots: Slots,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

impl Fleet {
    /// Serves each listener with its router.
    fn open_to_all(
        &self,
        listening: Listening,
        running: &Running,
        certificates: &Certificates,
        recorder: PrometheusHandle,
    ) -> Result<(), CommandError> {
        let places = InFlight::new(REQUESTS, RESERVED_REQUESTS);
        let clock = wiring::handshake_clock();
        let tls = public_server_config(certificates.of("public")?, clock.clone())
            .map_err(CommandError::from_display)?;
        let router = public::router(running.public.clone(), &wiring::lanes("public", &places));
        self.serve("public", Some(tls), router, Lane::Priority, listening.public);

        let tls = federation_server_config(
            certificates.of("federation")?,
            running.pins.clone(),
            clock.clone(),
        )
        .map_err(CommandError::from_display)?;
        let state = FederationState {
            node: Arc::clone(&running.node),
            pins: running.pins.clone(),
            clock: clock.clone(),
            tasks: self.tasks.clone(),
        };
        let router = federation::router(state, &wiring::lanes("federation", &places));
        self.serve(
            "federation",
            Some(tls),
            router,
            Lane::Priority,
            listening.federation,
        );

        // The staff listener may be plain on loopback.
        let (tls, channel) = match certificates.find("staff") {
            Some(identity) => {
                let tls = public_server_config(identity, clock).map_err(CommandError::from_display)?;
                (Some(tls), Channel::Tls)
            }
            None => (None, Channel::PlainLoopback),
        };
        let router = staff::router(staff::State::new(Arc::clone(&running.node), channel));
        self.serve("staff", tls, router, Lane::Ordinary, listening.staff);

        let router = ops::router(running.readiness.clone(), recorder);
        self.serve("ops", None, router, Lane::Priority, listening.ops);
        Ok(())
    }

    fn serve(
        &self,
        name: &'static str,
        tls: Option<Arc<ServerConfig>>,
        router: Router,
        lane: Lane,
        socket: TcpListener,
    ) {
        let mut limits = ConnectionLimits::default();
        if name == "staff" {
            // A window may upload a picture of a code; the router holds every other route to less.
            limits.body.max_bytes = u64::try_from(staff::MAX_BODY_BYTES).unwrap_or(u64::MAX);
        }
        let server = Server {
            name,
            tls,
            router,
            limits,
            slots: self.slots.clone(),
            lane,
            trace_numbers: wiring::trace_numbers(self.region),
        };
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move {
            let drained = server.run(socket, shutdown).await;
            tracing::info!(listener = name, cut = drained.cut, "closed");
        });
    }
}
