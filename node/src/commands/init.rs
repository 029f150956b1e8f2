//! `comity init`: keys, the federation listener's TLS identity, and the application to join. Safe to repeat: what is there stays.

use std::path::Path;

use comity_node_core::federation::own_configuration;
use comity_node_core::ports::Clock as _;
use comity_spec::jose::KeyPurpose;

use super::{CommandError, Outcome};
use crate::certificates::Certificates;
use crate::config::{self, Config};
use crate::keys;
use crate::system::{SystemClock, SystemRng};
use crate::wiring;

/// Carries out the command.
pub(crate) async fn run(config: &Path, application: &Path) -> Result<Outcome, CommandError> {
    let config = config::load(config, std::env::vars())?;
    create(&config)?;
    let signers = keys::read_signers(&config.keys.dir, &KeyPurpose::NODE)?;
    let identity = wiring::identity(&config)?;
    let publishing = wiring::publishing(&config, &Certificates::federation(&config)?)?;
    let jws = own_configuration::application(&identity, &publishing, &signers, SystemClock.now())
        .await
        .map_err(CommandError::from_display)?;
    super::replace_file(application, jws.as_bytes())?;
    let federation = signers
        .of(KeyPurpose::Federation)
        .map_err(CommandError::from_display)?;
    Ok(Outcome::text(format!(
        "密钥目录 keys: {}\n申请书 application: {}\n指纹 thumbprint: {}\n下一步 Next: 将申请书交上级机构，由其执行 comity authority \
         enrol；再执行 comity run / hand the application to the superior authority, then comity run",
        config.keys.dir.display(),
        application.display(),
        federation.thumbprint()
    )))
}

/// Creates what is missing.
pub(crate) fn create(config: &Config) -> Result<(), CommandError> {
    keys::create_private_dir(&config.node.state)?;
    keys::create_signers(&config.keys.dir, &KeyPurpose::NODE, &SystemRng)?;
    if !config.keys.encryption.exists() {
        keys::create_secret(&config.keys.encryption, &SystemRng)?;
    }
    let federation = &config.listeners.federation;
    if let (Some(certificate), Some(key)) = (&federation.certificate, &federation.key)
        && !certificate.exists()
        && !key.exists()
    {
        let year = i32::from(comity_spec::time::LocalDate::of(SystemClock.now()).year()) + 2;
        keys::create_federation_tls(certificate, key, config.node.entity.host(), year)?;
    }
    Ok(())
}
