//! The admin socket: a Unix socket of mode 0600 in the node's state folder. One JSON line in, one JSON line out, then it closes.
//! Whoever can open it is the node's own account or root, and the kernel says of each caller who it is. The folder must be the
//! account's alone before the socket is made in it: between the making of a socket and the setting of its mode, and through a folder
//! that others may write, somebody else could come in.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{AdminCommand, AdminReply, execute};
use crate::background::Running;

/// How long the other end, a program on this machine, may take to send its line or to take its answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Longest command line, in bytes.
const MAX_COMMAND: u64 = 1024 * 1024;

/// Where the socket of a node stands.
pub(crate) fn socket_path(state: &Path) -> PathBuf {
    state.join("admin.sock")
}

/// The socket of a node, bound.
pub(crate) struct AdminSocket {
    listener: UnixListener,
    path: PathBuf,
    /// The account of this process.
    own: u32,
}

/// Why there is no admin socket. The node does not start without one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BindError {
    /// Others may enter the state folder.
    #[error(
        "{path} 的权限是 {mode:04o}，其他账户可以进入，请执行 chmod 700 / others may enter the state folder: chmod 700 it"
    )]
    NotPrivate { path: PathBuf, mode: u32 },
    /// The state folder is another account's.
    #[error(
        "{path} 属于账户 {owner}，而本进程是 {own}；请以该账户启动，或 chown / the state folder belongs to another account: start as \
         that account, or chown it"
    )]
    OtherOwner { path: PathBuf, owner: u32, own: u32 },
    /// The folder, or the socket in it.
    #[error(
        "{path}: {reason}。该目录须存在且本账户可写；新装请执行 comity init / the folder must be there and writable for this account; \
         on a new installation run comity init"
    )]
    Io { path: PathBuf, reason: std::io::Error },
}

/// Binds the socket of the node with this state folder. The caller holds the store's lock, so a socket file that is there is a dead
/// one's.
pub(crate) fn bind(state: &Path) -> Result<AdminSocket, BindError> {
    let path = socket_path(state);
    let failed = |reason| BindError::Io {
        path: path.clone(),
        reason,
    };
    let folder = std::fs::metadata(state).map_err(failed)?;
    private(state, &folder)?;
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let listener = UnixListener::bind(&path).map_err(failed)?;
    // What this process makes is its own, so the socket says who it is. Nobody was let in yet: nothing is accepted before `serve`.
    let own = std::fs::symlink_metadata(&path).map_err(failed)?.uid();
    if folder.uid() != own {
        std::fs::remove_file(&path).map_err(failed)?;
        return Err(BindError::OtherOwner {
            path: state.to_owned(),
            owner: folder.uid(),
            own,
        });
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(AdminSocket { listener, path, own })
}

/// Refuses a folder that others may enter.
fn private(state: &Path, folder: &std::fs::Metadata) -> Result<(), BindError> {
    match folder.mode() & 0o7777 {
        mode if mode & 0o077 != 0 => Err(BindError::NotPrivate {
            path: state.to_owned(),
            mode,
        }),
        _ => Ok(()),
    }
}

/// Whether a caller of this account is served.
const fn may_call(own: u32, caller: u32) -> bool {
    caller == own || caller == 0
}

impl AdminSocket {
    /// Serves commands until told to stop, and returns when every command that came before has its answer: a command that was
    /// carried out and not answered would leave its sender in doubt.
    pub(crate) async fn serve(
        self,
        running: Arc<Running>,
        shutdown: CancellationToken,
    ) -> std::io::Result<()> {
        let calls = TaskTracker::new();
        let take = |stream: UnixStream| {
            let running = Arc::clone(&running);
            match stream.peer_cred() {
                Ok(caller) if may_call(self.own, caller.uid()) => {}
                Ok(caller) => {
                    tracing::error!(
                        uid = caller.uid(),
                        "another account reached the admin socket: look at its folder"
                    );
                    return;
                }
                Err(error) => {
                    tracing::warn!(%error, "an admin connection without an account");
                    return;
                }
            }
            calls.spawn(async move {
                if let Err(error) = answer(&running, stream).await {
                    tracing::warn!(%error, "an admin connection ended early");
                }
            });
        };
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => take(stream),
                // Cancelling permits is done here: want of a descriptor for a moment must not end it until the next start.
                Err(error) => {
                    tracing::warn!(%error, "an admin connection could not be accepted");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
        // No more can come, and those in the queue came in time.
        std::fs::remove_file(&self.path)?;
        while let Some(Ok((stream, _))) = self.listener.accept().now_or_never() {
            take(stream);
        }
        calls.close();
        calls.wait().await;
        Ok(())
    }
}

async fn answer(running: &Running, stream: UnixStream) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(reader.take(MAX_COMMAND));
    tokio::time::timeout(PATIENCE, reader.read_line(&mut line)).await??;
    let reply = match serde_json::from_str::<AdminCommand>(&line) {
        Ok(command) => execute(running, command).await,
        Err(error) => AdminReply::Refused {
            error: format!(
                "命令无法读取: {error} / the command does not read; use the node's own version of comity"
            ),
        },
    };
    let mut bytes = serde_json::to_vec(&reply)?;
    bytes.push(b'\n');
    tokio::time::timeout(PATIENCE, writer.write_all(&bytes)).await??;
    writer.shutdown().await
}

/// Sends a command to a running node; `None` when none runs here. Nothing is sent through a folder that others may enter: the socket in
/// it may be anybody's, and a command may hold a password.
pub(crate) async fn call(state: &Path, command: &AdminCommand) -> std::io::Result<Option<AdminReply>> {
    let stream = match UnixStream::connect(socket_path(state)).await {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    private(state, &std::fs::metadata(state)?).map_err(std::io::Error::other)?;
    let (reader, mut writer) = stream.into_split();
    let mut bytes = serde_json::to_vec(command)?;
    bytes.push(b'\n');
    writer.write_all(&bytes).await?;
    let mut line = String::new();
    BufReader::new(reader).read_line(&mut line).await?;
    if !line.ends_with('\n') {
        return Err(std::io::Error::new(
            std::io::ErrorKind::UnexpectedEof,
            "节点未答复即中断，请先查明是否已办理，再决定是否重做 / the node ended before it answered: look whether it was done \
             before doing it again",
        ));
    }
    Ok(Some(serde_json::from_str(&line)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_that_others_may_enter_has_no_socket() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        std::fs::create_dir(&state).unwrap();
        for mode in [0o755, 0o750, 0o701, 0o770, 0o777] {
            std::fs::set_permissions(&state, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(bind(&state).is_err(), "{mode:o}");
            assert!(!socket_path(&state).exists(), "{mode:o}");
        }
        std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();
        let bound = bind(&state).unwrap();
        let made = std::fs::symlink_metadata(&bound.path).unwrap();
        assert_eq!(made.mode() & 0o777, 0o600);
        drop(bound);
        assert!(bind(&state).is_ok(), "over the file of one that died");
        assert!(bind(&dir.path().join("none")).is_err());
    }

    #[tokio::test]
    async fn nothing_is_sent_through_a_folder_that_others_may_enter() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path();
        let somebody = UnixListener::bind(socket_path(state)).unwrap();
        std::fs::set_permissions(state, std::fs::Permissions::from_mode(0o777)).unwrap();
        let refused = call(state, &AdminCommand::Status).await.unwrap_err();
        assert!(refused.to_string().contains("chmod 700"), "{refused}");
        let (mut called, _) = somebody.accept().await.unwrap();
        let mut heard = Vec::new();
        called.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"");
        assert!(matches!(
            call(&state.join("none"), &AdminCommand::Status).await,
            Ok(None)
        ));
    }

    #[test]
    fn the_own_account_and_root_are_served_and_nobody_else() {
        assert!(may_call(1_000, 1_000) && may_call(1_000, 0) && may_call(0, 0));
        assert!(!may_call(1_000, 1_001) && !may_call(0, 1_000));
    }
}
