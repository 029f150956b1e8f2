//! TLS identities: the CA of the world's public servers, the self-signed certificates that pins speak of, and hostile ones.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData as _, date_time_ymd,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::keys::digest;

/// A certificate with its key.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The certificate.
    pub(crate) certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
    /// SHA-256 of its SubjectPublicKeyInfo (IDN-12).
    pub(crate) pin: String,
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self {
            certificate: self.certificate.clone(),
            key: self.key.clone_key(),
            pin: self.pin.clone(),
        }
    }
}

impl Identity {
    /// Its private key.
    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.key.clone_key())
    }

    /// The same key in another certificate.
    pub(crate) fn again(&self, flaw: Flaw) -> Result<Self, rcgen::Error> {
        let key = KeyPair::try_from(&self.key)?;
        self_signed(key, flaw)
    }
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Nothing.
    None,
    /// It has ended.
    Ended,
    /// It has not begun.
    NotBegun,
    /// For servers only.
    ServerOnly,
}

/// A fresh self-signed identity, for server and client.
pub(crate) fn identity() -> Result<Identity, rcgen::Error> {
    self_signed(KeyPair::generate()?, Flaw::None)
}

fn self_signed(key: KeyPair, flaw: Flaw) -> Result<Identity, rcgen::Error> {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
    params
        .distinguished_name
        .push(DnType::CommonName, "comity-conformance");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    if flaw != Flaw::ServerOnly {
        params
            .extended_key_usages
            .push(ExtendedKeyUsagePurpose::ClientAuth);
    }
    (params.not_before, params.not_after) = match flaw {
        Flaw::None | Flaw::ServerOnly => (date_time_ymd(2020, 1, 1), date_time_ymd(2099, 1, 1)),
        Flaw::Ended => (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1)),
        Flaw::NotBegun => (date_time_ymd(2098, 1, 1), date_time_ymd(2099, 1, 1)),
    };
    let certificate = params.self_signed(&key)?;
    Ok(wrapped(certificate.der().clone(), &key))
}

fn wrapped(certificate: CertificateDer<'static>, key: &KeyPair) -> Identity {
    Identity {
        certificate,
        pin: digest(key.subject_public_key_info()),
        key: PrivatePkcs8KeyDer::from(key.serialize_der()),
    }
}

/// The CA of the world's public servers.
#[derive(Debug)]
pub(crate) struct Roots {
    issuer: Issuer<'static, KeyPair>,
}

impl Roots {
    /// A new CA: its key and its certificate, in PEM.
    pub(crate) fn found() -> Result<(String, String), rcgen::Error> {
        let key = KeyPair::generate()?;
        let certificate = root_params()?.self_signed(&key)?;
        Ok((key.serialize_pem(), certificate.pem()))
    }

    /// The CA of this key.
    pub(crate) fn read(key: &str) -> Result<Self, rcgen::Error> {
        Ok(Self {
            issuer: Issuer::new(root_params()?, KeyPair::from_pem(key)?),
        })
    }

    /// An identity for a public server on this machine.
    pub(crate) fn server(&self) -> Result<Identity, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2099, 1, 1));
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(wrapped(certificate.der().clone(), &key))
    }
}

fn root_params() -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(
        DnType::CommonName,
        "comity-conformance test CA, trust it nowhere else",
    );
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2099, 1, 1));
    Ok(params)
}
