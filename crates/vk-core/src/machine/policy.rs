//! What a machine needs to know about its back end and its agent.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The nature of the back end, and how this agent treats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BackendPolicy {
    /// A list names every pod that the back end holds; otherwise only a lookup by handle can tell.
    pub lists_all: bool,
    /// Finished work is forgotten some day: intent is recorded before `create`, and absence after it is a loss.
    pub forgets: bool,
    /// How long after an accepted create absence proves nothing.
    pub settle: Duration,
    /// A lost pod may be created again under `OnFailure` and `Always`: the back end guarantees that the old one is gone.
    pub recreates_lost: bool,
    /// When the back end lets go of a pod that has ended.
    pub release: Release,
    /// When this agent took the node over, on the monotonic clock: until then another one may have created pods.
    pub taken_over: Duration,
}

/// When what the back end still holds of an ended pod (containers, logs, addresses, billing) is released.
///
/// Never before the API server has acknowledged the terminal status (invariant 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
pub enum Release {
    /// Once the pod is deleted: a completed pod keeps its logs.
    #[default]
    OnDelete,
    /// Once the pod is deleted, and at the latest this long after its end was seen: for back ends that charge for what they
    /// keep. The pod stays in the API, with its status and without logs. An agent that restarts counts anew.
    AfterTerminal(Duration),
}
