//! The end-entity certificate of a peer, read for the three facts that count here: whose key it is (SPKI
//! SHA-256), when it is valid, and what it may be used for (RFC 5280 §4.1.2.5, §4.2.1.12). Subject and issuer
//! names are never looked at: a name in a certificate that nobody vouches for says nothing.

use comity_spec::ids::SpkiPin;
use rustls::pki_types::CertificateDer;
use rustls::server::ParsedCertificate;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::TlsRefusal;

/// The side of the handshake a certificate stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// `id-kp-clientAuth`.
    Client,
    /// `id-kp-serverAuth`.
    Server,
}

/// The facts of one end-entity certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// SHA-256 of the DER SubjectPublicKeyInfo.
    pub pin: SpkiPin,
    /// First second of validity, Unix time.
    pub not_before: i64,
    /// Last second of validity, Unix time.
    pub not_after: i64,
    for_client: bool,
    for_server: bool,
}

impl Leaf {
    /// Reads a certificate.
    ///
    /// # Errors
    /// [`TlsRefusal::Malformed`] when it is not exactly one X.509 certificate, or when the two parsers involved
    /// disagree about its key: the pin must be over the very key that the handshake signature is checked with.
    pub fn read(certificate: &CertificateDer<'_>) -> Result<Self, TlsRefusal> {
        let (rest, parsed) =
            X509Certificate::from_der(certificate).map_err(|_malformed| TlsRefusal::Malformed)?;
        if !rest.is_empty() {
            return Err(TlsRefusal::Malformed);
        }
        let signing_key = ParsedCertificate::try_from(certificate)
            .map_err(|_malformed| TlsRefusal::Malformed)?
            .subject_public_key_info();
        let spki = parsed.tbs_certificate.subject_pki.raw;
        if signing_key.as_ref() != spki {
            return Err(TlsRefusal::Malformed);
        }
        let usage = parsed
            .tbs_certificate
            .extended_key_usage()
            .map_err(|_malformed| TlsRefusal::Malformed)?;
        let allows = |named: fn(&x509_parser::extensions::ExtendedKeyUsage<'_>) -> bool| {
            usage
                .as_ref()
                .is_none_or(|usage| usage.value.any || named(usage.value))
        };
        let validity = parsed.validity();
        Ok(Self {
            pin: SpkiPin::of(spki),
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
            for_client: allows(|usage| usage.client_auth),
            for_server: allows(|usage| usage.server_auth),
        })
    }

    /// Both bounds are inclusive (RFC 5280 §4.1.2.5).
    ///
    /// # Errors
    /// [`TlsRefusal::NotYetValid`] or [`TlsRefusal::Expired`].
    pub const fn check_dates(&self, now: i64) -> Result<(), TlsRefusal> {
        if now < self.not_before {
            return Err(TlsRefusal::NotYetValid);
        }
        if now > self.not_after {
            return Err(TlsRefusal::Expired);
        }
        Ok(())
    }

    /// No extended key usage means no restriction; one that is there must name the purpose.
    ///
    /// # Errors
    /// [`TlsRefusal::BadEku`].
    pub const fn check_usage(&self, usage: Usage) -> Result<(), TlsRefusal> {
        let allowed = match usage {
            Usage::Client => self.for_client,
            Usage::Server => self.for_server,
        };
        if allowed { Ok(()) } else { Err(TlsRefusal::BadEku) }
    }
}
