//! TLS of the node (chapter 11.2): TLS 1.3 only, aws-lc-rs with the hybrid X25519MLKEM768 group first.
//!
//! On the federation listener the **pin replaces WebPKI**: a county is known by the SHA-256 of its subject public
//! key info, which the trust chain binds to one entity, and neither a certificate authority nor a host name can
//! add to or take from that. This module refuses TLS 1.2, resumption, tickets and 0-RTT (a resumed session would
//! outlive the withdrawal of a pin, and early data can be replayed, RFC 8446 §8), and it reads no ambient clock:
//! certificate dates are judged by the time source handed in.

use std::sync::Arc;

use comity_spec::ids::SpkiPin;
use comity_spec::mutant;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::UnixTime;
use rustls::server::{NoServerSessionStorage, ServerSessionMemoryCache};
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};

mod identity;
mod leaf;
mod pins;
mod refusal;
mod verifiers;

pub use identity::{CertifiedIdentity, IdentityError};
pub use leaf::{Leaf, Usage};
pub use pins::{PinConflict, PinOwner, PinRegistry, PinStillListed, PinTable, WrongOwner};
pub use refusal::TlsRefusal;
pub(crate) use refusal::find_cause;
pub use verifiers::{PinnedClientVerifier, PinnedServerVerifier, PublicServerVerifier, PublicTrust};

/// The wall clock that certificate dates are judged by: seconds since the Unix epoch, from the clock port.
#[derive(Clone)]
pub struct HandshakeClock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl HandshakeClock {
    /// A clock that asks `now` at each handshake.
    pub fn new(now: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The present time in Unix seconds.
    #[must_use]
    pub fn now(&self) -> i64 {
        (self.0)()
    }
}

impl std::fmt::Debug for HandshakeClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HandshakeClock")
    }
}

impl rustls::time_provider::TimeProvider for HandshakeClock {
    /// `None` before 1970: rustls then refuses the handshake, which is right for a clock that far off.
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.now()).ok()?;
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(
            seconds,
        )))
    }
}

/// A TLS configuration could not be built. Ours: the operator's configuration or this build is at fault.
#[derive(Debug, thiserror::Error)]
pub enum TlsConfigError {
    /// The cryptographic provider does not offer TLS 1.3 as asked.
    #[error("TLS 1.3 无法启用 / TLS 1.3 could not be enabled")]
    Protocol(#[source] rustls::Error),
    /// An extra root certificate from the configuration is not usable.
    #[error("配置的根证书无效 / a configured root certificate is not usable")]
    Root(#[source] rustls::Error),
    /// The WebPKI verifier refused its inputs.
    #[error("无法建立证书校验器 / the certificate verifier could not be built")]
    Verifier(#[source] rustls::server::VerifierBuilderError),
}

/// The cryptographic provider of every TLS configuration here.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The federation listener: a client certificate is required and its pin must be in `pins` at the handshake.
///
/// # Errors
/// [`TlsConfigError::Protocol`] when the provider cannot do TLS 1.3.
pub fn federation_server_config(
    identity: Arc<CertifiedIdentity>,
    pins: PinRegistry,
    clock: HandshakeClock,
) -> Result<Arc<ServerConfig>, TlsConfigError> {
    let provider = provider();
    let verifier = Arc::new(PinnedClientVerifier::new(pins, &provider));
    let config = ServerConfig::builder_with_details(provider, Arc::new(clock))
        .with_protocol_versions(&[&TLS13])
        .map_err(TlsConfigError::Protocol)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(identity);
    Ok(Arc::new(without_resumption(config)))
}

/// The public, staff, holder and admin listeners: our certificate, none asked of the client.
///
/// # Errors
/// [`TlsConfigError::Protocol`] when the provider cannot do TLS 1.3.
pub fn public_server_config(
    identity: Arc<CertifiedIdentity>,
    clock: HandshakeClock,
) -> Result<Arc<ServerConfig>, TlsConfigError> {
    let config = ServerConfig::builder_with_details(provider(), Arc::new(clock))
        .with_protocol_versions(&[&TLS13])
        .map_err(TlsConfigError::Protocol)?
        .with_no_client_auth()
        .with_cert_resolver(identity);
    Ok(Arc::new(without_resumption(config)))
}

/// Our side towards one peer's federation listener: our certificate, and only the peer's `pins` accepted.
///
/// # Errors
/// [`TlsConfigError::Protocol`] when the provider cannot do TLS 1.3.
pub fn federation_client_config(
    identity: Arc<CertifiedIdentity>,
    pins: impl IntoIterator<Item = SpkiPin>,
    clock: HandshakeClock,
) -> Result<ClientConfig, TlsConfigError> {
    let provider = provider();
    let verifier = Arc::new(PinnedServerVerifier::new(pins, &provider));
    let config = ClientConfig::builder_with_details(provider, Arc::new(clock))
        .with_protocol_versions(&[&TLS13])
        .map_err(TlsConfigError::Protocol)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(identity);
    Ok(one_handshake_each(config))
}

/// Our side towards public URLs: anonymous, WebPKI roots and whatever `trust` adds.
///
/// # Errors
/// [`TlsConfigError`] when TLS 1.3 is not to be had or an extra root is not a usable certificate.
pub fn public_client_config(
    trust: &PublicTrust,
    clock: HandshakeClock,
) -> Result<ClientConfig, TlsConfigError> {
    let provider = provider();
    let verifier = Arc::new(PublicServerVerifier::new(trust, &provider)?);
    let config = ClientConfig::builder_with_details(provider, Arc::new(clock))
        .with_protocol_versions(&[&TLS13])
        .map_err(TlsConfigError::Protocol)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(one_handshake_each(config))
}

fn one_handshake_each(mut config: ClientConfig) -> ClientConfig {
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

/// A resumed session carries the identity of an earlier handshake, so none is ever offered or kept.
fn without_resumption(mut config: ServerConfig) -> ServerConfig {
    config.send_tls13_tickets = if mutant!("TRN-1") { 2 } else { 0 };
    config.session_storage = if mutant!("TRN-1") {
        ServerSessionMemoryCache::new(256)
    } else {
        Arc::new(NoServerSessionStorage {})
    };
    config.max_early_data_size = 0;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}
