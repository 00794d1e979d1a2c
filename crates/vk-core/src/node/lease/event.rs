//! What a [`super::LeaseMachine`] is fed, and what it asks for.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::conflict::LeaseConflict;
use super::object::ObservedLease;
use crate::node::failure::ApiFailure;

/// How long a lease lasts and how often it is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LeaseTiming {
    /// `spec.leaseDurationSeconds`, whole seconds.
    pub duration: Duration,
    /// From one renewal to the next, give or take 4 %.
    pub renew_interval: Duration,
    /// How often a lease that another agent holds is looked at.
    pub watch_interval: Duration,
    /// The first delay after a failed request.
    pub first_retry: Duration,
    /// The longest delay after failed requests.
    pub longest_retry: Duration,
}

impl Default for LeaseTiming {
    /// As kubelets do; retries are quick, because few fit into one lease duration.
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(40),
            renew_interval: Duration::from_secs(10),
            watch_interval: Duration::from_secs(2),
            first_retry: Duration::from_millis(200),
            longest_retry: Duration::from_secs(2),
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseEvent {
    /// The time of [`super::LeaseMachine::next_wake`] has come; also the first event.
    Tick,
    /// The answer to a request.
    Answered {
        /// The request's id.
        id: u64,
        /// The Lease as the answer shows it.
        result: Result<ObservedLease, ApiFailure>,
    },
    /// The UID of our Node, `None` while there is no Node: the lease belongs to it.
    NodeUid(Option<String>),
    /// The agent ends: leave the lease to whoever comes next.
    Release,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum LeaseEffect {
    /// Send the request and report with [`LeaseEvent::Answered`].
    Send {
        /// To be reported back.
        id: u64,
        /// The request.
        request: LeaseRequest,
    },
    /// Tell people.
    Notice(LeaseNotice),
}

/// A request about our own Lease.
#[derive(Debug, Clone, PartialEq)]
pub enum LeaseRequest {
    /// GET.
    Read,
    /// POST of this Lease.
    Create(Value),
    /// JSON merge PATCH.
    Patch(Value),
}

/// Whether the node is ours.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LeaseState {
    /// Not yet.
    Claiming,
    /// Yes.
    Held,
    /// It was, but the lease could not be renewed for so long that another agent may have taken it. Goes back to
    /// [`LeaseState::Held`] with the next renewal.
    Lapsed,
    /// No: another live agent has it. Final.
    Refused(LeaseConflict),
    /// No longer, because we end. Final.
    Released,
}

/// Something about the lease that people want to know.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseNotice {
    /// The lease is ours for the first time.
    #[error("holds the node lease")]
    Claimed,
    /// Someone else has it; we look whether they are alive.
    #[error(
        "the node lease is held by instance {:?} on host {:?}: watching for at most {:?} whether it is alive",
        instance.as_deref().unwrap_or("unnamed"), host.as_deref().unwrap_or("unknown"), within
    )]
    Watching {
        /// The other agent's instance, if it says.
        instance: Option<String>,
        /// Its host, if it says.
        host: Option<String>,
        /// A holder that does not renew for so long is dead.
        within: Duration,
    },
    /// Requests fail.
    #[error("cannot {request} the node lease, will try again: {failure}")]
    Failing {
        /// What was tried, as in `renew`.
        request: &'static str,
        /// Why it failed.
        failure: String,
    },
    /// Requests succeed again.
    #[error("the node lease is renewed again")]
    Recovered,
}

impl LeaseNotice {
    /// Whether someone should act, or at least know.
    pub fn is_warning(&self) -> bool {
        matches!(self, Self::Watching { .. } | Self::Failing { .. })
    }
}
