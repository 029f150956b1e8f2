//! The admin socket: a Unix socket of mode 0600 in the node's state folder. One JSON line in, one JSON line out, then it closes.
//! Whoever can open it is the node's own account or root; the system's file permissions are the authentication.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use super::{AdminCommand, AdminReply, execute};
use crate::background::Running;

/// Longest command line, in bytes.
const MAX_COMMAND: u64 = 1024 * 1024;

/// Where the socket of a node stands.
pub(crate) fn socket_path(state: &Path) -> PathBuf {
    state.join("admin.sock")
}

/// Serves commands until told to stop. The caller holds the store's lock, so a socket file that is there is a dead one's.
pub(crate) async fn serve(
    running: Arc<Running>,
    state: PathBuf,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    let path = socket_path(&state);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    loop {
        let (stream, _) = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted?,
        };
        let running = Arc::clone(&running);
        tokio::spawn(async move {
            if let Err(error) = answer(&running, stream).await {
                tracing::warn!(%error, "an admin connection ended early");
            }
        });
    }
    std::fs::remove_file(&path)
}

async fn answer(running: &Running, stream: UnixStream) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    BufReader::new(reader.take(MAX_COMMAND))
        .read_line(&mut line)
        .await?;
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
    writer.write_all(&bytes).await?;
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
    Ok(Some(serde_json::from_str(&line)?))
}
