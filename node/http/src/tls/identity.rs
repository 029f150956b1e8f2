//! Our own certificate and key, replaceable while the node runs (a certificate that ends must not need a
//! restart). Connections made before a replacement keep what they were made with; the next handshake, in either
//! direction, uses the new one. A chain whose key does not fit is refused and the old identity stays.

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use comity_spec::ids::SpkiPin;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::{Leaf, TlsRefusal, provider};

/// The identity could not be loaded. Ours: the operator's files are at fault.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The certificate file cannot be read or holds no PEM certificate.
    #[error("证书文件无法读取 / the certificate file cannot be read")]
    Certificate(#[source] rustls::pki_types::pem::Error),
    /// The certificate file is empty of certificates.
    #[error("证书文件中没有证书 / the certificate file holds no certificate")]
    NoCertificate,
    /// The key file cannot be read or holds no PEM private key.
    #[error("私钥文件无法读取 / the private key file cannot be read")]
    Key(#[source] rustls::pki_types::pem::Error),
    /// Certificate and key do not belong together, or the key's kind is not supported.
    #[error("证书与私钥不匹配 / certificate and private key do not belong together")]
    Mismatch(#[source] rustls::Error),
    /// The first certificate cannot be read.
    #[error("证书无法解析 / the certificate cannot be parsed")]
    Leaf(#[source] TlsRefusal),
}

/// The certificate chain and key in use, for both sides of a handshake.
#[derive(Debug)]
pub struct CertifiedIdentity(ArcSwap<Loaded>);

#[derive(Debug)]
struct Loaded {
    key: Arc<CertifiedKey>,
    leaf: Leaf,
}

impl CertifiedIdentity {
    /// An identity from DER: the chain, leaf first, and the leaf's private key.
    ///
    /// # Errors
    /// [`IdentityError`] when they do not belong together or cannot be read.
    pub fn from_der(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, IdentityError> {
        Ok(Self(ArcSwap::from_pointee(load(chain, key)?)))
    }

    /// An identity from two PEM files. Blocks on the file system.
    ///
    /// # Errors
    /// [`IdentityError`] naming the file at fault.
    pub fn from_pem_files(chain: &Path, key: &Path) -> Result<Self, IdentityError> {
        let (chain, key) = read_pem(chain, key)?;
        Self::from_der(chain, key)
    }

    /// Takes a new chain and key into use. Nothing changes on an error.
    ///
    /// # Errors
    /// [`IdentityError`] when they do not belong together or cannot be read.
    pub fn replace(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<(), IdentityError> {
        self.0.store(Arc::new(load(chain, key)?));
        Ok(())
    }

    /// Reads both PEM files again and takes them into use. Blocks on the file system; nothing changes on an error.
    ///
    /// # Errors
    /// [`IdentityError`] naming the file at fault.
    pub fn reload_pem_files(&self, chain: &Path, key: &Path) -> Result<(), IdentityError> {
        let (chain, key) = read_pem(chain, key)?;
        self.replace(chain, key)
    }

    /// The pin to publish in the entity configuration.
    #[must_use]
    pub fn pin(&self) -> SpkiPin {
        self.0.load().leaf.pin
    }

    /// The last second of validity, for the warnings 30, 7 and 1 days ahead.
    #[must_use]
    pub fn not_after(&self) -> i64 {
        self.0.load().leaf.not_after
    }
}

impl ResolvesServerCert for CertifiedIdentity {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.load().key))
    }
}

impl ResolvesClientCert for CertifiedIdentity {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.load().key))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn read_pem(
    chain: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), IdentityError> {
    let chain = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(IdentityError::Certificate)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(IdentityError::Key)?;
    Ok((chain, key))
}

fn load(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Loaded, IdentityError> {
    let leaf = Leaf::read(chain.first().ok_or(IdentityError::NoCertificate)?).map_err(IdentityError::Leaf)?;
    let key = CertifiedKey::from_der(chain, key, &provider()).map_err(IdentityError::Mismatch)?;
    Ok(Loaded {
        key: Arc::new(key),
        leaf,
    })
}
