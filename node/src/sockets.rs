//! Listening sockets: inherited from a supervisor in a fixed order (`LISTEN_FDS`, systemd socket activation), or bound as configured.

use std::net::SocketAddr;

use listenfd::ListenFd;
use tokio::net::TcpListener;

/// Why a socket is not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketError {
    #[error(
        "无法监听 {address}: {reason}。请确认该端口没有被其他进程或另一个监听占用，或修改其 address / cannot listen: is another process or \
         another listener on it? if so, change the address"
    )]
    Bind {
        address: SocketAddr,
        reason: std::io::Error,
    },
    #[error("继承的第 {position} 个套接字不可用: {reason} / an inherited socket cannot be used")]
    Inherited { position: usize, reason: std::io::Error },
}

/// The sockets of this process, taken in order.
pub(crate) struct Sockets {
    inherited: ListenFd,
    next: usize,
}

impl Sockets {
    /// What the supervisor handed on, if anything.
    pub(crate) fn from_environment() -> Self {
        Self {
            inherited: ListenFd::from_env(),
            next: 0,
        }
    }

    /// The next inherited socket; where none was inherited, one bound to `address`.
    pub(crate) async fn take(&mut self, address: SocketAddr) -> Result<TcpListener, SocketError> {
        let position = self.next;
        self.next += 1;
        let refused = |reason| SocketError::Inherited { position, reason };
        match self.inherited.take_tcp_listener(position).map_err(refused)? {
            Some(listener) => {
                listener.set_nonblocking(true).map_err(refused)?;
                TcpListener::from_std(listener).map_err(refused)
            }
            None => TcpListener::bind(address)
                .await
                .map_err(|reason| SocketError::Bind { address, reason }),
        }
    }
}
