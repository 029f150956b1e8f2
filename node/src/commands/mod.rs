//! The commands: thin. Each parses nothing more, calls one use case and says what came of it.

pub(crate) mod authority;
pub(crate) mod authority_serve;
pub(crate) mod config;
pub(crate) mod export;
pub(crate) mod init;
pub(crate) mod node;
pub(crate) mod run;

use std::fmt::Display;
use std::path::Path;

/// What a command has to say when it did its work.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// For people, on standard output.
    pub(crate) text: String,
    /// Process exit code.
    pub(crate) code: u8,
}

impl Outcome {
    /// Done.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            code: 0,
        }
    }
}

/// Why a command did not do its work. Exit codes: 1 refused or failed, 64 usage, 70 internal.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct CommandError {
    message: String,
    code: u8,
}

impl CommandError {
    /// Refused or failed: code 1.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: 1,
        }
    }

    /// Wrong use: code 64.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: 64,
        }
    }

    /// Refused, in the words of an error that is written for people.
    pub(crate) fn from_display(error: impl Display) -> Self {
        Self::refused(error.to_string())
    }

    /// A file.
    pub(crate) fn io(path: &Path, error: &std::io::Error) -> Self {
        Self::refused(format!(
            "文件无法读写，请核对路径和权限 / the file cannot be read or written: check the path and who may use it\n  {}: {error}",
            path.display()
        ))
    }

    /// Process exit code.
    pub(crate) const fn code(&self) -> u8 {
        self.code
    }
}

impl From<crate::keys::KeyFileError> for CommandError {
    fn from(error: crate::keys::KeyFileError) -> Self {
        Self::from_display(error)
    }
}

impl From<crate::config::ConfigError> for CommandError {
    fn from(error: crate::config::ConfigError) -> Self {
        let kind = comity_spec::problem::ProblemType::ConfigInvalid;
        Self::refused(crate::told::told(kind, &error.to_string()))
    }
}

impl From<crate::wiring::StartError> for CommandError {
    fn from(error: crate::wiring::StartError) -> Self {
        Self::from_display(error)
    }
}

/// Reads a text file, or standard input for `-`.
pub(crate) fn read_text(path: &Path) -> Result<String, CommandError> {
    if path == Path::new("-") {
        return std::io::read_to_string(std::io::stdin()).map_err(|error| CommandError::io(path, &error));
    }
    std::fs::read_to_string(path).map_err(|error| CommandError::io(path, &error))
}

/// Replaces a file whole: a reader sees the old bytes or the new ones. What stands there and is no plain file is left alone: a file put
/// in the place of `/dev/null` or `/dev/stdout` would be missed by every program of the machine.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), CommandError> {
    use std::io::Write as _;
    if std::fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(CommandError::refused(format!(
            "{} 已存在且不是普通文件，未作改动，请另选文件名 / is there and no plain file; nothing was written: name another file",
            path.display()
        )));
    }
    let dir = path
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(|error| CommandError::io(path, &error))?;
    file.write_all(bytes)
        .map_err(|error| CommandError::io(path, &error))?;
    file.as_file()
        .sync_all()
        .map_err(|error| CommandError::io(path, &error))?;
    file.persist(path)
        .map_err(|error| CommandError::io(path, &error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_file_is_replaced_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        replace_file(&file, b"old").unwrap();
        replace_file(&file, b"new").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let pipe = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        for other in [&link, &pipe] {
            let before = std::fs::symlink_metadata(other).unwrap().file_type();
            assert!(replace_file(other, b"lost").is_err());
            assert_eq!(std::fs::symlink_metadata(other).unwrap().file_type(), before);
        }
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
    }
}
