//! The network between one client and the server.

use std::sync::Arc;

use tokio::sync::watch;

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
    state: Arc<watch::Sender<LinkState>>,
}

impl Link {
    /// A link that is up.
    #[must_use]
    pub fn new() -> Self {
        Self { state: Arc::new(watch::Sender::new(LinkState::Up)) }
    }

    /// Changes what the link does.
    pub fn set(&self, state: LinkState) {
        self.state.send_replace(state);
    }

    /// What the link does now.
    #[must_use]
    pub fn state(&self) -> LinkState {
        *self.state.borrow()
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<LinkState> {
        self.state.subscribe()
    }

    /// Waits until the link is no longer silent; `false` if it refuses then.
    pub(super) async fn passes(&self) -> bool {
        let mut states = self.state.subscribe();
        // The sender lives as long as `self`.
        match states.wait_for(|state| *state != LinkState::Silent).await {
            Ok(state) => *state == LinkState::Up,
            Err(_) => false,
        }
    }
}

impl Default for Link {
    fn default() -> Self {
        Self::new()
    }
}
