//! One process per SQLite store: an advisory lock on a file beside the database.
//!
//! The lock belongs to the open file, so it goes when the process goes, however it goes, and needs no cleaning up.
//! It is not the database's own lock: that one is taken per transaction and would let two writers alternate
//! (chapter 0.1: one entity is one transactional store; with SQLite that is one instance, and a second start
//! refuses).

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::OpenError;

/// Held for as long as the store is open.
#[derive(Debug)]
pub(crate) struct StoreLock {
    _file: File,
}

impl StoreLock {
    /// Takes the lock of the database at `database`, which must already be an absolute, resolved path: two names
    /// of one file must meet at one lock.
    pub(crate) fn take(database: &Path) -> Result<Self, OpenError> {
        let path = lock_path(database);
        let failed = |source| OpenError::File {
            path: path.clone(),
            source,
        };
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true);
        private(&mut options);
        let mut file = options.open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = std::fs::read_to_string(&path).unwrap_or_default();
                let holder = holder.trim();
                let held = match holder.parse::<u32>() {
                    Ok(pid) => format!("{} (pid {pid})", path.display()),
                    Err(_) => path.display().to_string(),
                };
                return Err(OpenError::InUse { held });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        // For the message above only; the lock itself is the kernel's.
        file.set_len(0).map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

/// Files of a store are the service account's alone.
pub(crate) fn private(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    #[cfg(not(unix))]
    let _ = options;
}

fn lock_path(database: &Path) -> PathBuf {
    let mut name = database.file_name().unwrap_or_default().to_os_string();
    name.push(".lock");
    database.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_holder_is_refused_until_the_first_lets_go() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("node.db");
        let first = StoreLock::take(&database).unwrap();
        match StoreLock::take(&database) {
            Err(OpenError::InUse { held }) => {
                assert!(
                    held.contains("node.db.lock") && held.contains(&std::process::id().to_string()),
                    "{held}"
                );
            }
            other => panic!("a second holder got {other:?}"),
        }
        drop(first);
        StoreLock::take(&database).unwrap();
    }

    #[test]
    fn another_database_in_the_same_directory_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let _first = StoreLock::take(&dir.path().join("a.db")).unwrap();
        StoreLock::take(&dir.path().join("b.db")).unwrap();
    }
}
