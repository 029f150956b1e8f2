//! Certificates of the target's public listener on `localhost`, under a root of its own, as an operator would order them.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::answer::Failure;

/// The files.
pub(crate) struct WebCertificates {
    /// The root, in PEM: who trusts it can read the public listener.
    pub(crate) root: String,
    /// The listener's certificate.
    pub(crate) certificate: PathBuf,
    /// Its key.
    pub(crate) key: PathBuf,
}

impl WebCertificates {
    /// Makes them in `home`.
    pub(crate) fn make(home: &Path) -> Result<Self, Failure> {
        let mut root = CertificateParams::default();
        root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        root.distinguished_name
            .push(DnType::CommonName, "comity-target root");
        let issuer = CertifiedIssuer::self_signed(root, KeyPair::generate()?)?;
        let pair = KeyPair::generate()?;
        let leaf = CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&pair, &issuer)?;
        let this = Self {
            root: issuer.pem(),
            certificate: home.join("web.crt"),
            key: home.join("web.key"),
        };
        std::fs::write(&this.certificate, leaf.pem())?;
        std::fs::write(&this.key, pair.serialize_pem())?;
        Ok(this)
    }
}
