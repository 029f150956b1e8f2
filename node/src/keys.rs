//! Keys on disk: one file per purpose in a folder only the node's user can read, and the TLS identity of the federation listener.
//!
//! A signing key file holds the 32-byte Ed25519 seed in base64url, one line, mode 0600. A file that others can read is refused: a key
//! that somebody may have copied signs for everybody. Writing never overwrites: a key that is gone cannot be asked what it signed.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comity_node_core::ports::Rng;
use comity_node_core::ports::signer::Signers;
use comity_node_core::signing::LocalSigner;
use comity_spec::jose::KeyPurpose;
use zeroize::Zeroizing;

/// Why a key file was not read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyFileError {
    #[error("密钥文件 {path}: {reason} / key file: {reason}")]
    Io { path: PathBuf, reason: std::io::Error },
    #[error(
        "密钥文件 {path} 不存在。新装请执行 comity init；原有节点请从备份恢复，新密钥打不开旧数据 / is missing: on a new installation \
         run comity init; for a node that was in use restore it from its backup, since a new key does not open old data"
    )]
    Missing { path: PathBuf },
    #[error(
        "密钥文件 {path} 可被他人读取 (权限 {mode:o})。请执行 chmod 600，并考虑更换密钥。 / readable by others; chmod 600 and \
         consider a new key"
    )]
    Readable { path: PathBuf, mode: u32 },
    #[error("密钥文件 {path} 不是 32 字节的 base64url / is not 32 bytes of base64url")]
    Form { path: PathBuf },
    #[error("密钥文件 {path} 已存在，不会覆盖 / exists and is not overwritten")]
    Exists { path: PathBuf },
    #[error("TLS: {0}")]
    Tls(String),
}

/// Reads 32 secret bytes.
pub(crate) fn read_secret(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
    let io = |reason: std::io::Error| match reason.kind() {
        std::io::ErrorKind::NotFound => KeyFileError::Missing {
            path: path.to_owned(),
        },
        _ => KeyFileError::Io {
            path: path.to_owned(),
            reason,
        },
    };
    let mode = std::fs::metadata(path).map_err(io)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Readable {
            path: path.to_owned(),
            mode,
        });
    }
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(io)?);
    let bytes = Zeroizing::new(
        URL_SAFE_NO_PAD
            .decode(text.trim_end())
            .map_err(|_| KeyFileError::Form {
                path: path.to_owned(),
            })?,
    );
    let seed: [u8; 32] = bytes.as_slice().try_into().map_err(|_| KeyFileError::Form {
        path: path.to_owned(),
    })?;
    Ok(Zeroizing::new(seed))
}

/// Writes 32 new random bytes to a new file.
pub(crate) fn create_secret(path: &Path, rng: &dyn Rng) -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
    let mut seed = Zeroizing::new([0_u8; 32]);
    rng.fill(seed.as_mut());
    let line = Zeroizing::new(format!("{}\n", URL_SAFE_NO_PAD.encode(seed.as_ref())));
    write_new(path, line.as_bytes())?;
    Ok(seed)
}

/// Writes a new file of mode 0600, synced.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), KeyFileError> {
    let io = |reason: std::io::Error| match reason.kind() {
        std::io::ErrorKind::AlreadyExists => KeyFileError::Exists {
            path: path.to_owned(),
        },
        _ => KeyFileError::Io {
            path: path.to_owned(),
            reason,
        },
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(io)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io)
}

/// The file of a purpose's key.
pub(crate) fn signing_key_path(dir: &Path, purpose: KeyPurpose) -> PathBuf {
    dir.join(format!("{}.key", purpose.as_str()))
}

/// Creates a folder that only its owner can enter.
pub(crate) fn create_private_dir(dir: &Path) -> Result<(), KeyFileError> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|reason| KeyFileError::Io {
            path: dir.to_owned(),
            reason,
        })
}

/// Creates the keys that are not there yet, and reads all of them. Re-running is safe.
pub(crate) fn create_signers(
    dir: &Path,
    purposes: &[KeyPurpose],
    rng: &dyn Rng,
) -> Result<Signers, KeyFileError> {
    create_private_dir(dir)?;
    for purpose in purposes {
        let path = signing_key_path(dir, *purpose);
        if !path.exists() {
            create_secret(&path, rng)?;
        }
    }
    read_signers(dir, purposes)
}

/// Reads the keys of the purposes.
pub(crate) fn read_signers(dir: &Path, purposes: &[KeyPurpose]) -> Result<Signers, KeyFileError> {
    let mut signers = Signers::default();
    for purpose in purposes {
        let seed = read_secret(&signing_key_path(dir, *purpose))?;
        signers.insert(*purpose, Arc::new(LocalSigner::from_seed(&seed)));
    }
    Ok(signers)
}

/// A self-signed TLS identity for the federation listener: what counts is the pin of its key, which stands in the chain.
pub(crate) fn create_federation_tls(
    certificate: &Path,
    key: &Path,
    host: &str,
    not_after_year: i32,
) -> Result<(), KeyFileError> {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519)
        .map_err(|error| KeyFileError::Tls(error.to_string()))?;
    let mut params = rcgen::CertificateParams::new(vec![host.to_owned()])
        .map_err(|error| KeyFileError::Tls(error.to_string()))?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, host);
    params.not_after = rcgen::date_time_ymd(not_after_year, 12, 31);
    params.extended_key_usages = vec![
        rcgen::ExtendedKeyUsagePurpose::ServerAuth,
        rcgen::ExtendedKeyUsagePurpose::ClientAuth,
    ];
    let issued = params
        .self_signed(&pair)
        .map_err(|error| KeyFileError::Tls(error.to_string()))?;
    write_new(key, pair.serialize_pem().as_bytes())?;
    write_new(certificate, issued.pem().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;
    impl Rng for Fixed {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(7);
        }
    }

    #[test]
    fn a_key_is_created_once_read_back_and_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.key");
        assert_eq!(*create_secret(&path, &Fixed).unwrap(), [7; 32]);
        assert_eq!(*read_secret(&path).unwrap(), [7; 32]);
        assert!(matches!(
            create_secret(&path, &Fixed),
            Err(KeyFileError::Exists { .. })
        ));
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.key");
        create_secret(&path, &Fixed).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(
            read_secret(&path),
            Err(KeyFileError::Readable { mode: 0o640, .. })
        ));
    }

    #[test]
    fn a_damaged_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.key");
        write_new(&path, b"c2hvcnQ\n").unwrap();
        assert!(matches!(read_secret(&path), Err(KeyFileError::Form { .. })));
    }
}
