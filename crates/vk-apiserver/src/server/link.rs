//! The network between one client and the server.

use std::sync::Arc;

use super::broadcast::Broadcast;

/// What the network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Everything passes.
    Up,
    /// New connections are refused, old ones break: a closed port, or a client whose process was killed.
    Refused,
    /// Nothing passes and nobody is told: a partition. What was under way is lost; watches stay open and silent, and
    /// go on when the link is up again.
    Silent,
}

/// A network link that can be cut. Clones are handles to the same link.
#[derive(Clone, Debug)]
pub struct Link {
    state: Arc<Broadcast<LinkState>>,
}

impl Link {
    /// A link that is up.
    #[must_use]
    pub fn new() -> Self {
        Self { state: Arc::new(Broadcast::new(LinkState::Up)) }
    }

    /// Changes what the link does.
    pub fn set(&self, state: LinkState) {
        self.state.set(state);
    }

    /// What the link does now.
    #[must_use]
    pub fn state(&self) -> LinkState {
        self.state.get()
    }

    /// Waits until the link refuses.
    pub(super) async fn refuses(&self) {
        self.state.wait_for(|state| state == LinkState::Refused).await;
    }

    /// Waits until the link is no longer silent; `false` if it refuses then.
    pub(super) async fn passes(&self) -> bool {
        self.state.wait_for(|state| state != LinkState::Silent).await == LinkState::Up
    }
}

impl Default for Link {
    fn default() -> Self {
        Self::new()
    }
}
