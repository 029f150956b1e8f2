//! The three certificate verifiers: a peer's client certificate by pin, a peer's server certificate by pin, and
//! a public server by WebPKI. rustls' own client verifier checks no name and accepted an expired root; binding a
//! certificate to a county is ours to do. Handshake signatures are always verified by rustls over the key that
//! was pinned, and only in the TLS 1.3 form.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use comity_spec::ids::SpkiPin;
use comity_spec::mutant;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};

use super::{Leaf, PinRegistry, TlsConfigError, TlsRefusal, Usage};

/// Accepts a client whose key is in the live registry, within its certificate's dates, for client use.
#[derive(Debug)]
pub struct PinnedClientVerifier {
    pins: PinRegistry,
    algorithms: WebPkiSupportedAlgorithms,
}

impl PinnedClientVerifier {
    /// A verifier that asks `pins` at each handshake.
    #[must_use]
    pub fn new(pins: PinRegistry, provider: &CryptoProvider) -> Self {
        Self {
            pins,
            algorithms: provider.signature_verification_algorithms,
        }
    }
}

impl ClientCertVerifier for PinnedClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        !mutant!("TRN-2/none")
    }

    /// No hints: the names of authorities play no part, and a list of them would tell outsiders who federates.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let leaf = checked_leaf(end_entity, now, Usage::Client)?;
        if !mutant!("TRN-2") {
            self.pins.owner(leaf.pin).ok_or(TlsRefusal::UnlistedPin)?;
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(tls12_is_not_spoken())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Accepts the server of one peer: any of the pins its trust chain lists (one per instance plus the next).
#[derive(Debug)]
pub struct PinnedServerVerifier {
    pins: BTreeSet<SpkiPin>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl PinnedServerVerifier {
    /// A verifier for exactly these pins; none means nobody is accepted.
    pub fn new(pins: impl IntoIterator<Item = SpkiPin>, provider: &CryptoProvider) -> Self {
        Self {
            pins: pins.into_iter().collect(),
            algorithms: provider.signature_verification_algorithms,
        }
    }
}

impl ServerCertVerifier for PinnedServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let leaf = checked_leaf(end_entity, now, Usage::Server)?;
        if !self.pins.contains(&leaf.pin) && !mutant!("TRN-6") {
            return Err(TlsRefusal::UnlistedPin.into());
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(tls12_is_not_spoken())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// What public URLs are trusted by, besides the WebPKI roots. What is fetched there is signed anyway; TLS here
/// keeps an outsider from reading along and from freezing what is fetched.
#[derive(Debug, Clone, Default)]
pub struct PublicTrust {
    /// `trust.roots`: certificates of government or local authorities.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Pins accepted for a host in place of a chain to a root: the demo's self-signed origins.
    pub pinned_hosts: HashMap<String, BTreeSet<SpkiPin>>,
}

/// Accepts a public server by WebPKI, or by a pin given for that very host.
#[derive(Debug)]
pub struct PublicServerVerifier {
    webpki: Arc<WebPkiServerVerifier>,
    pinned_hosts: HashMap<String, BTreeSet<SpkiPin>>,
}

impl PublicServerVerifier {
    /// A verifier over the WebPKI roots and what `trust` adds.
    ///
    /// # Errors
    /// [`TlsConfigError::Root`] when an extra root is not a usable certificate.
    pub fn new(trust: &PublicTrust, provider: &Arc<CryptoProvider>) -> Result<Self, TlsConfigError> {
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        for root in &trust.extra_roots {
            roots.add(root.clone()).map_err(TlsConfigError::Root)?;
        }
        let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(TlsConfigError::Verifier)?;
        Ok(Self {
            webpki,
            pinned_hosts: trust.pinned_hosts.clone(),
        })
    }
}

impl ServerCertVerifier for PublicServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(pins) = self.pinned_hosts.get(name.to_str().as_ref()) else {
            return self
                .webpki
                .verify_server_cert(end_entity, intermediates, name, ocsp, now);
        };
        let leaf = checked_leaf(end_entity, now, Usage::Server)?;
        if !pins.contains(&leaf.pin) {
            return Err(TlsRefusal::UnlistedPin.into());
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(tls12_is_not_spoken())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

fn checked_leaf(certificate: &CertificateDer<'_>, now: UnixTime, usage: Usage) -> Result<Leaf, TlsRefusal> {
    let leaf = Leaf::read(certificate)?;
    // A time beyond i64 is no time: the certificate is then past its end by any reading.
    match leaf.check_dates(i64::try_from(now.as_secs()).unwrap_or(i64::MAX)) {
        Err(TlsRefusal::Expired) if mutant!("TRN-3") => {}
        Err(TlsRefusal::NotYetValid) if mutant!("TRN-3/not-begun") => {}
        judged => judged?,
    }
    if !mutant!("TRN-3/use") {
        leaf.check_usage(usage)?;
    }
    Ok(leaf)
}

fn tls12_is_not_spoken() -> Error {
    Error::PeerIncompatible(rustls::PeerIncompatible::Tls12NotOfferedOrEnabled)
}
