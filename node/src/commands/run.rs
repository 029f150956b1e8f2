//! `comity run`: a node with all its listeners and its background work, until it is told to stop.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
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
use metrics_exporter_prometheus::PrometheusBuilder;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{CommandError, Outcome};
use crate::background::Running;
use crate::certificates::Certificates;
use crate::config::{self, ListenerConfig};
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
    let mut sockets = Sockets::from_environment();
    let listeners = &config.listeners;
    let mut take = async |listener: &ListenerConfig| sockets.take(listener.address).await;
    let public_socket = take(&listeners.public)
        .await
        .map_err(CommandError::from_display)?;
    let federation_socket = take(&listeners.federation)
        .await
        .map_err(CommandError::from_display)?;
    let staff_socket = take(&listeners.staff).await.map_err(CommandError::from_display)?;
    let ops_socket = take(&listeners.ops).await.map_err(CommandError::from_display)?;

    let (broken, stop) = (Arc::new(AtomicBool::new(false)), shutdown.clone());
    let found = Arc::clone(&broken);
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
    let certificates = Certificates::load(&config)?;
    let node = Arc::new(wiring::assemble(&config, store, &certificates).await?);
    let report = load_view::load_view(&node)
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
    let running = Arc::new(Running::new(
        Arc::clone(&node),
        wiring::publishing(&config, &certificates)?,
        Duration::from_secs(config.trust.refresh_seconds),
    ));
    running
        .public
        .refresh_status_lists(node.store.as_ref())
        .await
        .map_err(CommandError::from_display)?;
    // What others fetch is there before anybody is let in.
    running.renew_configuration().await;
    running.use_view().await;

    let fleet = Fleet {
        region: config.node.region,
        slots: Slots::new(CONNECTIONS, RESERVED_CONNECTIONS),
        shutdown: shutdown.clone(),
        tasks: tasks.clone(),
    };
    let places = InFlight::new(REQUESTS, RESERVED_REQUESTS);
    let clock = wiring::handshake_clock();
    let tls = public_server_config(certificates.of("public")?, clock.clone())
        .map_err(CommandError::from_display)?;
    let router = public::router(running.public.clone(), &wiring::lanes("public", &places));
    fleet.serve("public", Some(tls), router, Lane::Priority, public_socket);

    let tls = federation_server_config(
        certificates.of("federation")?,
        running.pins.clone(),
        clock.clone(),
    )
    .map_err(CommandError::from_display)?;
    let state = FederationState {
        node: Arc::clone(&node),
        pins: running.pins.clone(),
        clock,
        tasks: tasks.clone(),
    };
    let router = federation::router(state, &wiring::lanes("federation", &places));
    fleet.serve("federation", Some(tls), router, Lane::Priority, federation_socket);

    // The staff listener may be plain on loopback.
    let tls = match certificates.find("staff") {
        Some(identity) => Some(
            public_server_config(identity, wiring::handshake_clock()).map_err(CommandError::from_display)?,
        ),
        None => None,
    };
    let channel = if tls.is_some() {
        Channel::Tls
    } else {
        Channel::PlainLoopback
    };
    let router = staff::router(staff::State::new(Arc::clone(&node), channel));
    fleet.serve("staff", tls, router, Lane::Ordinary, staff_socket);

    fleet.serve(
        "ops",
        None,
        ops::router(running.readiness.clone(), recorder),
        Lane::Priority,
        ops_socket,
    );
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

/// What all listeners share.
struct Fleet {
    region: Region,
    slots: Slots,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

impl Fleet {
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
