//! The node's processes: started on the same listening sockets each time, stopped by a signal.
//!
//! The sockets are bound here, on ports of the system's choosing, and inherited (the convention of systemd socket activation,
//! `LISTEN_FDS`): the entity id survives a restart, and nobody is turned away while the node is down, only kept waiting.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use command_fds::{CommandFdExt as _, FdMapping};
use tokio::process::{Child, Command};

use crate::answer::Failure;

/// First inherited descriptor, by the convention of `LISTEN_FDS`.
const FIRST_FD: i32 = 3;
/// Longest time that the node is given to end by itself.
const ENDING: Duration = Duration::from_secs(20);

/// Listening sockets on loopback.
pub(crate) struct Sockets(Vec<TcpListener>);

impl Sockets {
    /// Binds so many.
    pub(crate) fn bind<const N: usize>() -> Result<(Self, [SocketAddr; N]), Failure> {
        let mut addresses = [SocketAddr::from(([127, 0, 0, 1], 0)); N];
        let mut sockets = Vec::new();
        for address in &mut addresses {
            let socket = TcpListener::bind(*address)?;
            *address = socket.local_addr()?;
            sockets.push(socket);
        }
        Ok((Self(sockets), addresses))
    }
}

/// Starts `comity` with these arguments on these sockets. Its standard output has nothing to say; what it logs goes to ours.
pub(crate) fn start(comity: &Path, arguments: &[&str], sockets: &Sockets) -> Result<Child, Failure> {
    let mut command = std::process::Command::new(comity);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .env("LISTEN_FDS", sockets.0.len().to_string())
        .env_remove("LISTEN_PID");
    let mut mappings = Vec::with_capacity(sockets.0.len());
    for (child_fd, socket) in (FIRST_FD..).zip(&sockets.0) {
        let parent_fd: OwnedFd = socket.try_clone()?.into();
        mappings.push(FdMapping { parent_fd, child_fd });
    }
    command.fd_mappings(mappings)?;
    Ok(Command::from(command).kill_on_drop(true).spawn()?)
}

/// Runs `comity` with these arguments to its end: what it printed, or what it complained of.
pub(crate) async fn run(comity: &Path, arguments: &[&str]) -> Result<Result<String, String>, Failure> {
    let output = Command::new(comity)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .await?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    // 1 is a refusal; anything else is no answer to what was asked.
    match output.status.code() {
        Some(0) => Ok(Ok(text(&output.stdout))),
        Some(1) => Ok(Err(text(&output.stderr))),
        _ => Err(format!(
            "comity {arguments:?}: {}: {}",
            output.status,
            text(&output.stderr)
        )
        .into()),
    }
}

/// Tells it to end and waits until it did.
pub(crate) async fn end(child: &mut Child) -> Result<(), Failure> {
    let Some(pid) = child.id() else { return Ok(()) };
    Command::new("kill").arg(pid.to_string()).status().await?;
    match tokio::time::timeout(ENDING, child.wait()).await {
        Ok(status) => match status?.code() {
            Some(0) => Ok(()),
            code => Err(format!("comity ended with code {code:?}").into()),
        },
        Err(_) => {
            child.kill().await?;
            Err(format!("comity did not end within {ENDING:?} and was killed").into())
        }
    }
}

/// Kills it, as a power failure would.
pub(crate) async fn kill(child: &mut Child) -> Result<(), Failure> {
    Ok(child.kill().await?)
}
