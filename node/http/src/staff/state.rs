//! What the staff router works with.

use std::sync::Arc;

use comity_node_core::Node;

/// How browsers reach the listener. It decides whether cookies may insist on TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// TLS: cookies carry `Secure` and the `__Host-` prefix.
    Tls,
    /// Plain HTTP on a loopback address (demonstration, tests): browsers refuse `__Host-` there. Never beyond this machine.
    PlainLoopback,
}

/// The state of the staff router. Clones share the node.
#[derive(Clone, Debug)]
pub struct State {
    pub(super) node: Arc<Node>,
    pub(super) channel: Channel,
}

impl State {
    /// The staff router of this node.
    #[must_use]
    pub const fn new(node: Arc<Node>, channel: Channel) -> Self {
        Self { node, channel }
    }
}
