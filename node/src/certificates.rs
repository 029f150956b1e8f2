//! The TLS identities of the listeners: loaded once, shared by listeners and the client towards peers, read again at SIGHUP, and watched
//! for their end. A certificate that does not read leaves the one in use where it is.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use comity_node_core::ports::Clock as _;
use comity_node_http::tls::CertifiedIdentity;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, ListenerConfig};
use crate::system::SystemClock;
use crate::wiring::StartError;

/// How often the end of validity is looked at.
const WATCH_EVERY: Duration = Duration::from_secs(6 * 3600);
const DAY: i64 = 86_400;

/// The identities of one process.
pub(crate) struct Certificates(Vec<Loaded>);

struct Loaded {
    listener: &'static str,
    certificate: PathBuf,
    key: PathBuf,
    identity: Arc<CertifiedIdentity>,
}

impl Certificates {
    /// Reads the certificate of every listener that has one.
    pub(crate) fn load(config: &Config) -> Result<Self, StartError> {
        let listeners = &config.listeners;
        let mut loaded = Vec::new();
        for (name, listener) in [
            ("public", &listeners.public),
            ("federation", &listeners.federation),
            ("staff", &listeners.staff),
        ] {
            if let Some(one) = load(name, listener)? {
                loaded.push(one);
            }
        }
        Ok(Self(loaded))
    }

    /// Reads the federation listener's alone: all that a command needs which opens no listener.
    pub(crate) fn federation(config: &Config) -> Result<Self, StartError> {
        Ok(Self(
            load("federation", &config.listeners.federation)?
                .into_iter()
                .collect(),
        ))
    }

    /// The identity of a listener.
    pub(crate) fn of(&self, listener: &'static str) -> Result<Arc<CertifiedIdentity>, StartError> {
        self.find(listener).ok_or(StartError::NoCertificate(listener))
    }

    /// The identity of a listener that may do without.
    pub(crate) fn find(&self, listener: &str) -> Option<Arc<CertifiedIdentity>> {
        self.0
            .iter()
            .find(|one| one.listener == listener)
            .map(|one| Arc::clone(&one.identity))
    }

    /// Reads all files again at every SIGHUP, and warns 30, 7 and 1 days before an end, until told to stop.
    pub(crate) async fn follow(self, shutdown: CancellationToken) {
        let mut hangup = match signal(SignalKind::hangup()) {
            Ok(hangup) => hangup,
            Err(error) => {
                tracing::error!(%error, "SIGHUP cannot be waited for; new certificates need a restart");
                return;
            }
        };
        loop {
            self.watch();
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(WATCH_EVERY) => {}
                _ = hangup.recv() => self.reload(),
            }
        }
    }

    fn reload(&self) {
        for one in &self.0 {
            match one.identity.reload_pem_files(&one.certificate, &one.key) {
                Ok(()) => tracing::info!(listener = one.listener, "certificate read again"),
                Err(error) => tracing::error!(
                    listener = one.listener,
                    %error,
                    "the new certificate does not read; the one in use stays"
                ),
            }
        }
    }

    fn watch(&self) {
        let now = SystemClock.now().get();
        for one in &self.0 {
            let left = one.identity.not_after().saturating_sub(now);
            metrics::gauge!("comity_certificate_seconds_left", "listener" => one.listener).set(seconds(left));
            let listener = one.listener;
            if left <= DAY {
                tracing::error!(listener, left, "the certificate ends within a day or has ended");
            } else if left <= 7 * DAY {
                tracing::warn!(listener, left, "the certificate ends within 7 days");
            } else if left <= 30 * DAY {
                tracing::info!(listener, left, "the certificate ends within 30 days");
            }
        }
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a gauge of seconds needs no more than 53 bits"
)]
fn seconds(left: i64) -> f64 {
    left as f64
}

fn load(name: &'static str, listener: &ListenerConfig) -> Result<Option<Loaded>, StartError> {
    let (Some(certificate), Some(key)) = (&listener.certificate, &listener.key) else {
        return Ok(None);
    };
    let identity = CertifiedIdentity::from_pem_files(certificate, key)
        .map_err(|error| StartError::Tls(format!("[listeners.{name}] {error}")))?;
    Ok(Some(Loaded {
        listener: name,
        certificate: certificate.clone(),
        key: key.clone(),
        identity: Arc::new(identity),
    }))
}
