//! `comity authority serve`: shows what was signed at the desk, one origin per folder. Holds no key. A command at the desk replaces the
//! state file; it is looked at again ten times a second, so that a suspension is served at once and without a restart.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use comity_node_core::ports::Clock as _;
use comity_node_http::authority::{self, AuthorityOrigin};
use comity_node_http::limits::InFlight;
use comity_node_http::listener::{ConnectionLimits, Lane, Server, Slots};
use comity_node_http::tls::{CertifiedIdentity, public_server_config};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::authority::read_state;
use super::{CommandError, Outcome};
use crate::sockets::Sockets;
use crate::system::SystemClock;
use crate::wiring;

/// How often the state file is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// `DIR/serve.toml`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServeConfig {
    pub(crate) address: SocketAddr,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// Serves until told to stop.
pub(crate) async fn serve(dirs: &[PathBuf]) -> Result<Outcome, CommandError> {
    crate::logging::start(crate::config::LogFormat::Json, "info").map_err(CommandError::from_display)?;
    let shutdown = wiring::shutdown_signal();
    let mut sockets = Sockets::from_environment();
    let slots = Slots::new(4_096, 256);
    let places = InFlight::new(512, 64);
    let mut tasks = Vec::new();
    for dir in dirs {
        let path = dir.join("serve.toml");
        let serve: ServeConfig = toml::from_str(&super::read_text(&path)?)
            .map_err(|error| CommandError::refused(format!("{}: {error}", path.display())))?;
        let state = read_state(dir)?;
        let identity = CertifiedIdentity::from_pem_files(&serve.certificate, &serve.key)
            .map_err(CommandError::from_display)?;
        let tls = public_server_config(Arc::new(identity), wiring::handshake_clock())
            .map_err(CommandError::from_display)?;
        let origin = AuthorityOrigin::new(&state, SystemClock.now());
        let lanes = wiring::lanes("authority", &places);
        let server = Server {
            name: "authority",
            tls: Some(tls),
            router: authority::router(origin.clone(), &lanes),
            limits: ConnectionLimits::default(),
            slots: slots.clone(),
            lane: Lane::Ordinary,
            trace_numbers: wiring::trace_numbers(wiring::country()),
        };
        let listener = sockets
            .take(serve.address)
            .await
            .map_err(CommandError::from_display)?;
        tracing::info!(origin = %state.entity, "serving");
        tasks.push(tokio::spawn(server.run(listener, shutdown.clone())));
        tokio::spawn(follow(dir.clone(), origin, shutdown.clone()));
    }
    for task in tasks {
        task.await.map_err(CommandError::from_display)?;
    }
    tracing::info!("stopped");
    Ok(Outcome::text(""))
}

async fn follow(dir: PathBuf, origin: AuthorityOrigin, shutdown: CancellationToken) {
    let mut seen = modified(&dir);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
        let now = modified(&dir);
        if now == seen {
            continue;
        }
        match read_state(&dir) {
            Ok(state) => {
                seen = now;
                origin.publish(&state, SystemClock.now());
                tracing::info!(origin = %state.entity, seq = state.seq, "serving a newer state");
            }
            Err(error) => {
                tracing::error!(%error, "the state file does not read; the last good one is served")
            }
        }
    }
}

fn modified(dir: &Path) -> Option<SystemTime> {
    std::fs::metadata(dir.join("authority.json"))
        .and_then(|meta| meta.modified())
        .ok()
}
