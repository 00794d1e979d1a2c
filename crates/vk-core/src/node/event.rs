//! What a [`super::NodeMachine`] is fed, and what it asks for.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failure::ApiFailure;
use super::health::BackendHealth;
use super::notice::NodeNotice;
use super::observed::ObservedNode;
use super::shape::NodeShape;

/// How often and how soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NodeTiming {
    /// `lastHeartbeatTime` of the conditions is renewed this often where nothing else changes.
    pub heartbeat: Duration,
    /// The first delay after a failed request.
    pub first_retry: Duration,
    /// The longest delay after failed requests.
    pub longest_retry: Duration,
}

impl Default for NodeTiming {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(300),
            first_retry: Duration::from_millis(200),
            longest_retry: Duration::from_secs(5),
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeEvent {
    /// The provider described its node.
    Shape(Box<NodeShape>),
    /// The provider could not describe its node, or not in time. The node is registered without.
    ShapeUnavailable(String),
    /// The back end answers, or stopped answering.
    Health(BackendHealth),
    /// Whether the lease is ours: only then may anything be written.
    MayWrite(bool),
    /// The watch begins with a list.
    ListStarted,
    /// The list contains our Node.
    Listed(Box<ObservedNode>),
    /// The list is complete.
    ListDone,
    /// The watch shows our Node.
    Changed(Box<ObservedNode>),
    /// The watch shows that the Node with this UID is gone.
    Deleted {
        /// `metadata.uid`.
        uid: String,
    },
    /// The answer to a request.
    Answered {
        /// The request's id.
        id: u64,
        /// The Node as the answer shows it.
        result: Result<Box<ObservedNode>, ApiFailure>,
    },
    /// The time of [`super::NodeMachine::next_wake`] has come.
    Tick,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeEffect {
    /// Send the request and report with [`NodeEvent::Answered`].
    Send {
        /// To be reported back.
        id: u64,
        /// The request.
        request: NodeRequest,
    },
    /// Tell people.
    Notice(NodeNotice),
}

/// A request about our own Node.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeRequest {
    /// GET.
    Read,
    /// POST of this Node.
    Create(Value),
    /// Strategic-merge PATCH.
    PatchMeta(Value),
    /// Strategic-merge PATCH of `/status`.
    PatchStatus(Value),
}

/// Whether the Node is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Registration {
    /// `metadata.uid` of our Node; `None` while it is not known to exist.
    pub uid: Option<String>,
}
