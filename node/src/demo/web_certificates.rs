//! A certificate authority of the demonstration's own, for the public listeners on `localhost`. It is made anew on each stage and
//! vouches for nothing between counties: that is the trust chain's part.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::DemoError;
use super::process::Socket;
use crate::commands::authority_serve::ServeConfig;
use crate::keys;

/// Where they lie.
pub(super) struct WebCertificates {
    /// The root's certificate, for those who ask.
    pub(super) root: PathBuf,
    /// The certificate that every public listener shows.
    pub(super) certificate: PathBuf,
    /// Its key.
    pub(super) key: PathBuf,
}

impl WebCertificates {
    /// Makes them under `dir`. The root's key is kept nowhere: nothing else is ever signed.
    pub(super) fn new(dir: &Path) -> Result<Self, DemoError> {
        let mut root = CertificateParams::default();
        root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        root.distinguished_name
            .push(DnType::CommonName, "Comity demo root");
        let issuer = CertifiedIssuer::self_signed(root, KeyPair::generate().map_err(DemoError::other)?)
            .map_err(DemoError::other)?;
        let pair = KeyPair::generate().map_err(DemoError::other)?;
        let leaf = CertificateParams::new(vec!["localhost".to_owned()]).map_err(DemoError::other)?;
        let leaf = leaf.signed_by(&pair, &issuer).map_err(DemoError::other)?;
        let this = Self {
            root: dir.join("web-root.pem"),
            certificate: dir.join("web.crt"),
            key: dir.join("web.key"),
        };
        std::fs::write(&this.root, issuer.pem())?;
        std::fs::write(&this.certificate, leaf.pem())?;
        keys::write_new(&this.key, pair.serialize_pem().as_bytes())?;
        Ok(this)
    }

    /// An authority's `serve.toml` for this socket.
    pub(super) fn serve_toml(&self, dir: &Path, socket: &Socket) -> Result<(), DemoError> {
        let serve = ServeConfig {
            address: socket.address(),
            certificate: self.certificate.clone(),
            key: self.key.clone(),
        };
        std::fs::write(
            dir.join("serve.toml"),
            toml::to_string(&serve).map_err(DemoError::other)?,
        )?;
        Ok(())
    }
}
