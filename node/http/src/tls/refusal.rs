//! Why a TLS handshake was refused, as a closed list: the label of `comity_tls_refused_total{reason}` and the
//! cause a caller of the peer client can match on. It carries no name, subject or address: a certificate of a
//! staff device may name a person, and metrics and logs hold no personal data (PRV-1).

use std::error::Error as StdError;
use std::io;

use rustls::{CertificateError, Error as RustlsError, OtherError};

/// The one reason a handshake did not come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TlsRefusal {
    /// The client offered no certificate where one is required.
    #[error("对方未出示证书 / no certificate was presented")]
    NoCertificate,
    /// The certificate is not one well-formed X.509 v3 certificate.
    #[error("证书格式错误 / the certificate is malformed")]
    Malformed,
    /// `notAfter` has passed.
    #[error("证书已过期 / the certificate has expired")]
    Expired,
    /// `notBefore` is still to come.
    #[error("证书尚未生效 / the certificate is not valid yet")]
    NotYetValid,
    /// An extended key usage is present and lacks the purpose it is used for.
    #[error("证书用途不符 / the certificate is not for this purpose")]
    BadEku,
    /// The key is not pinned to any active entity, or not to the one that was expected.
    #[error("公钥未在信任名录中 / the public key is not pinned to the expected entity")]
    UnlistedPin,
    /// The handshake signature is not by the certificate's key.
    #[error("握手签名无效 / the handshake signature is not valid")]
    BadSignature,
    /// WebPKI found no path to a root, or the name does not fit (public URLs only).
    #[error("证书链或域名不可信 / the certificate chain or name is not trusted")]
    Untrusted,
    /// No common protocol version or parameters: TLS 1.2 and older land here.
    #[error("协议版本或参数不相容 / no common TLS version or parameters")]
    Incompatible,
    /// The handshake was not complete within its time.
    #[error("握手超时 / the handshake took too long")]
    HandshakeTimeout,
    /// The other side sent an alert: it refused us, or went away.
    #[error("对方终止握手 / the other side ended the handshake")]
    RefusedByPeer,
    /// The bytes were no TLS, or the connection broke.
    #[error("握手中断 / the handshake broke off")]
    Aborted,
}

impl TlsRefusal {
    /// The value of the metric label `reason`.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NoCertificate => "no_certificate",
            Self::Malformed => "malformed",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::BadEku => "bad_eku",
            Self::UnlistedPin => "unlisted_pin",
            Self::BadSignature => "bad_signature",
            Self::Untrusted => "untrusted",
            Self::Incompatible => "incompatible",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::RefusedByPeer => "refused_by_peer",
            Self::Aborted => "aborted",
        }
    }

    /// The refusal behind an I/O error of a TLS stream; [`TlsRefusal::Aborted`] when rustls did not cause it.
    #[must_use]
    pub fn of_io(error: &io::Error) -> Self {
        Self::in_chain(error).unwrap_or(Self::Aborted)
    }

    /// The refusal anywhere in a chain of error sources, `None` when TLS had no part in it.
    #[must_use]
    pub fn in_chain(error: &(dyn StdError + 'static)) -> Option<Self> {
        find_cause::<RustlsError>(error).map(Self::of)
    }

    fn of(error: &RustlsError) -> Self {
        match error {
            RustlsError::NoCertificatesPresented => Self::NoCertificate,
            RustlsError::InvalidCertificate(CertificateError::Other(OtherError(other))) => {
                other.downcast_ref::<Self>().copied().unwrap_or(Self::Untrusted)
            }
            RustlsError::InvalidCertificate(error) => match error {
                CertificateError::BadEncoding => Self::Malformed,
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    Self::NotYetValid
                }
                CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                    Self::BadEku
                }
                CertificateError::BadSignature => Self::BadSignature,
                _ => Self::Untrusted,
            },
            RustlsError::PeerIncompatible(_) => Self::Incompatible,
            RustlsError::AlertReceived(_) => Self::RefusedByPeer,
            _ => Self::Aborted,
        }
    }
}

impl From<TlsRefusal> for RustlsError {
    fn from(refusal: TlsRefusal) -> Self {
        Self::InvalidCertificate(CertificateError::Other(OtherError(std::sync::Arc::new(refusal))))
    }
}

/// The first error of this type in a chain of sources. `io::Error::source` skips the error it wraps, and TLS
/// libraries wrap one `io::Error` in another, so a wrapped error is looked at before its source.
pub(crate) fn find_cause<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref::<T>() {
            return Some(found);
        }
        next = match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => cause.source(),
        };
    }
    None
}
