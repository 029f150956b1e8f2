//! The admin socket: a Unix socket of mode 0600 in the node's state folder. One JSON line in, one JSON line out, then it closes.
//! Whoever can open it is the node's own account or root; the system's file permissions are the authentication.

use std::os::unix::fs::PermissionsExt as _;
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
}

/// Binds the socket of the node with this state folder. The caller holds the store's lock, so a socket file that is there is a dead
/// one's.
pub(crate) fn bind(state: &Path) -> std::io::Result<AdminSocket> {
    let path = socket_path(state);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(AdminSocket { listener, path })
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

/// Sends a command to a running node; `None` when none runs here.
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
