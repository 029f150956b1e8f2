//! A component of the demonstration: this same executable started again, its listening sockets handed on, restarted when it dies.
//!
//! The sockets are bound once, by the parent, on port 0 and inherited by each start (the convention of systemd socket activation,
//! `LISTEN_FDS`), so that entity ids survive a restart and no port is ever fixed. What the component logs goes to a file.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use command_fds::{CommandFdExt as _, FdMapping};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

/// First inherited descriptor, by the convention of `LISTEN_FDS`.
const FIRST_FD: i32 = 3;

/// Why a component did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessError {
    #[error("无法启动 {name}: {reason} / cannot start {name}")]
    Start { name: String, reason: std::io::Error },
    #[error("无法绑定端口: {0} / cannot bind a port")]
    Bind(std::io::Error),
    #[error("{name} 未在 {seconds} 秒内就绪，日志见 {log} / {name} is not ready; see its log")]
    NotReady {
        name: String,
        seconds: u64,
        log: PathBuf,
    },
}

/// A socket bound on loopback, port chosen by the system.
pub(crate) struct Socket {
    listener: TcpListener,
    address: SocketAddr,
}

impl Socket {
    /// Binds one.
    pub(crate) fn bind() -> Result<Self, ProcessError> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(ProcessError::Bind)?;
        let address = listener.local_addr().map_err(ProcessError::Bind)?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// What to start.
pub(crate) struct Spec {
    /// Name in messages and of the log file.
    pub(crate) name: String,
    /// Arguments after the executable.
    pub(crate) arguments: Vec<String>,
    /// Sockets in the order in which the component takes them.
    pub(crate) sockets: Vec<Socket>,
    /// Where it logs.
    pub(crate) log: PathBuf,
    /// Its ops listener, asked for readiness; none: ready when its first socket answers.
    pub(crate) ops: Option<SocketAddr>,
}

/// A component that runs until told to stop.
pub(crate) struct Component {
    name: String,
    log: PathBuf,
    ops: Option<SocketAddr>,
    pid: Arc<AtomicU32>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Component {
    /// Starts it and keeps it running.
    pub(crate) fn start(spec: Spec) -> Result<Self, ProcessError> {
        let child = spawn(&spec)?;
        let pid = Arc::new(AtomicU32::new(child.id().unwrap_or(0)));
        let stop = CancellationToken::new();
        let (name, log, ops) = (spec.name.clone(), spec.log.clone(), spec.ops);
        let task = tokio::spawn(supervise(spec, child, Arc::clone(&pid), stop.clone()));
        Ok(Self {
            name,
            log,
            ops,
            pid,
            stop,
            task,
        })
    }

    /// Process id at present.
    pub(crate) fn pid(&self) -> u32 {
        self.pid.load(Ordering::Acquire)
    }

    /// Waits until its ops listener says ready.
    pub(crate) async fn ready(&self, seconds: u64) -> Result<(), ProcessError> {
        let wait = async {
            loop {
                if let Some(ops) = self.ops
                    && super::http::is_ready(ops).await
                {
                    return;
                }
                if self.ops.is_none() {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(25)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(seconds), wait)
            .await
            .map_err(|_| ProcessError::NotReady {
                name: self.name.clone(),
                seconds,
                log: self.log.clone(),
            })
    }

    /// Ends it: first a termination signal, then, after a few seconds, the end.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        // The supervisor ends the child; its own end is all that is waited for.
        let _ = self.task.await;
    }
}

/// Ends several at once, and returns when all have ended.
pub(crate) async fn stop(components: impl IntoIterator<Item = Component>) {
    futures_util::future::join_all(components.into_iter().map(Component::stop)).await;
}

fn spawn(spec: &Spec) -> Result<Child, ProcessError> {
    let start = |reason| ProcessError::Start {
        name: spec.name.clone(),
        reason,
    };
    let executable = std::env::current_exe().map_err(start)?;
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&spec.log)
        .map_err(start)?;
    let mut command = std::process::Command::new(executable);
    command
        .args(&spec.arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    command
        .env("LISTEN_FDS", spec.sockets.len().to_string())
        .env_remove("LISTEN_PID");
    let mut mappings = Vec::with_capacity(spec.sockets.len());
    for (child_fd, socket) in (FIRST_FD..).zip(&spec.sockets) {
        let parent_fd: OwnedFd = socket.listener.try_clone().map_err(start)?.into();
        mappings.push(FdMapping { parent_fd, child_fd });
    }
    command
        .fd_mappings(mappings)
        .map_err(|_| start(std::io::Error::other("two sockets for one descriptor")))?;
    Command::from(command).kill_on_drop(true).spawn().map_err(start)
}

async fn supervise(spec: Spec, mut child: Child, pid: Arc<AtomicU32>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => {
                terminate(&mut child).await;
                return;
            }
            _ = child.wait() => {}
        }
        tracing::warn!(component = spec.name, "ended; started again");
        match spawn(&spec) {
            Ok(next) => {
                pid.store(next.id().unwrap_or(0), Ordering::Release);
                child = next;
            }
            Err(error) => {
                tracing::error!(component = spec.name, error = %error, "not restarted");
                return;
            }
        }
    }
}

async fn terminate(child: &mut Child) {
    if let Some(pid) = child.id() {
        // A process that is gone already needs no signal.
        let _ = signal(pid, "-TERM").await;
    }
    if tokio::time::timeout(std::time::Duration::from_secs(5), child.wait())
        .await
        .is_err()
    {
        let _ = child.kill().await;
    }
}

/// Sends a signal. Without `unsafe` or another dependency this is done by the system's own program.
pub(crate) async fn signal(pid: u32, signal: &str) -> std::io::Result<()> {
    Command::new("kill")
        .arg(signal)
        .arg(pid.to_string())
        .stderr(Stdio::null())
        .status()
        .await
        .map(drop)
}

/// Stops a process for a while, and returns when none of its threads runs any more: the signal is acknowledged before it has arrived, and
/// a node answers within milliseconds. `-CONT` wakes it.
pub(crate) async fn freeze(pid: u32) -> std::io::Result<()> {
    signal(pid, "-STOP").await?;
    let frozen = async {
        while !is_frozen(pid) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), frozen)
        .await
        .map_err(std::io::Error::other)
}

/// Whether every thread is stopped, as Linux says; where nobody says so, the signal has to do.
fn is_frozen(pid: u32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return true;
    };
    threads.flatten().all(|thread| {
        std::fs::read_to_string(thread.path().join("stat"))
            // The state follows the name, which may have spaces and ends with the last parenthesis.
            .is_ok_and(|stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T')))
    })
}

/// The log file of a component.
pub(crate) fn log_file(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.log"))
}
