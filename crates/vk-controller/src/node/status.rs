//! [`NodeHandle`]: what the rest of the agent learns about its node.

use std::sync::Arc;

use tokio::sync::watch;
use vk_core::node::{BackendHealth, NodeAddress, Registration};
use vk_core::resolve::NodeFacts;

/// What is known about the node.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeStatus {
    /// Whether the Node is there, and ours.
    pub registration: Registration,
    /// Whether the back end answers.
    pub backend: BackendHealth,
    /// What the node is reached by; `None` until the provider has described it.
    pub addresses: Option<Vec<NodeAddress>>,
}

/// The way to a running [`super::NodeController`].
#[derive(Debug, Clone)]
pub struct NodeHandle {
    pub(super) status: watch::Receiver<NodeStatus>,
    pub(super) facts: watch::Receiver<Arc<NodeFacts>>,
    pub(super) end: watch::Receiver<bool>,
}

impl NodeHandle {
    /// What is known about the node, now and after each change.
    pub fn status(&self) -> watch::Receiver<NodeStatus> {
        self.status.clone()
    }

    /// What pods may refer to, now and after each change. The allocatable resources are the provider's own, also while the
    /// published ones are zero because the back end does not answer; they are empty until the provider has named them.
    pub fn facts(&self) -> watch::Receiver<Arc<NodeFacts>> {
        self.facts.clone()
    }

    /// Waits until the controller has written its last; with `deregister_on_exit`, the deletion of the Node.
    pub async fn ended(&self) {
        let mut end = self.end.clone();
        // An error means that it has ended already.
        let _ended = end.wait_for(|ended| *ended).await.is_ok();
    }

    /// Waits until the Node is registered. `false` if the controller ended before.
    pub async fn registered(&self) -> bool {
        let mut status = self.status.clone();
        status.wait_for(|status| status.registration.uid.is_some()).await.is_ok()
    }
}
