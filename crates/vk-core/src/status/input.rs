//! What the status of a pod is computed from, and what comes out.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::told_runs::ToldRuns;
use crate::observation::PodObservation;

/// `status.phase`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Not all containers have started yet.
    Pending,
    /// Bound, and at least one container runs or will run again.
    Running,
    /// All containers ended well.
    Succeeded,
    /// All containers ended, one of them badly.
    Failed,
    /// The back end cannot tell.
    Unknown,
}

impl Phase {
    /// Whether nothing of the pod will run again.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }

    /// The word that the API uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Unknown => "Unknown",
        }
    }

    /// Reads the API's word; anything unknown is `Pending`, as for a pod without status.
    pub fn parse(word: &str) -> Self {
        match word {
            "Running" => Self::Running,
            "Succeeded" => Self::Succeeded,
            "Failed" => Self::Failed,
            "Unknown" => Self::Unknown,
            _ => Self::Pending,
        }
    }
}

/// Why a pod has come to its end. The state machine decides this; the status only words it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EndCause {
    /// Its containers ended and its restart policy wants no more.
    Completed,
    /// It was deleted (or its phase was made terminal by someone else) and has been stopped.
    Stopped,
    /// It ran longer than `spec.activeDeadlineSeconds` (reason `DeadlineExceeded`).
    DeadlineExceeded,
    /// The platform ended it (condition `DisruptionTarget`).
    Disrupted {
        /// CamelCase.
        reason: String,
        /// For people.
        message: String,
    },
    /// The back end lost it: containers become `ContainerStatusUnknown`, exit code 137 (condition `DisruptionTarget`).
    Lost {
        /// For people.
        message: String,
    },
    /// Refused at admission, before anything ran; the reason is the kubelet's, as in `OutOfcpu`.
    Rejected {
        /// CamelCase.
        reason: String,
        /// For people.
        message: String,
    },
    /// Accepted by the back end, refused later.
    CreateFailed {
        /// CamelCase.
        reason: String,
        /// For people.
        message: String,
    },
}

/// What the state machine has concluded about a pod.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// Nothing runs yet and something is in the way, or the back end has just been asked: each container waits with this
    /// reason, as in `ContainerCreating` or `CreateContainerConfigError`.
    Waiting {
        /// CamelCase.
        reason: String,
        /// For people; may be empty.
        message: String,
    },
    /// The back end has lost it, which is proved, and starts it again: what ran is gone, and until then each container waits
    /// with this reason.
    Recreating {
        /// CamelCase.
        reason: String,
        /// For people; may be empty.
        message: String,
    },
    /// The observation says it all.
    Observed,
    /// Nothing of the pod runs, and nothing of it will: the phase becomes terminal.
    Ended(EndCause),
}

/// Everything besides the pod itself that its status depends on.
#[derive(Debug, Clone)]
pub struct StatusInput<'a> {
    /// The newest observation, if the back end holds the pod.
    pub observation: Option<&'a PodObservation>,
    /// What the state machine has concluded.
    pub verdict: &'a Verdict,
    /// Wall-clock time.
    pub now: Timestamp,
    /// The node's own addresses: `hostIPs` where the observation names none.
    pub node_ips: &'a [IpAddr],
    /// `status.startTime`, if the pod has none yet and it may have one now.
    pub start_time: Option<Timestamp>,
    /// Annotations of the core and the back end to write along; those that the pod has already are left out of the patch.
    pub annotations: &'a BTreeMap<String, String>,
    /// Which runs this agent has told of with its last write.
    pub told: &'a ToldRuns,
    /// Whether a resize that has not been made is only put off; `None`: what the API says of that stays.
    pub resize_deferred: Option<bool>,
    /// The newest generation that the back end has answered for, if the pod's own is newer: what came after it is still to be
    /// carried over (KEP-5067, [`crate::machine::PodMachine::status_basis`]).
    pub answered_generation: Option<i64>,
    /// Whether the back end's support table has ephemeral containers.
    pub runs_ephemeral_containers: bool,
}

/// What to write.
#[derive(Debug, Clone, PartialEq)]
pub enum StatusPlan {
    /// The API says it already.
    Unchanged {
        /// The phase it says.
        phase: Phase,
    },
    /// A strategic-merge patch of the `status` subresource, with `metadata.uid` and `metadata.resourceVersion`.
    Patch {
        /// The patch.
        body: serde_json::Value,
        /// The phase after it.
        phase: Phase,
        /// Whether it changes nothing but messages for people: such patches may be rate-limited, since a message that
        /// changes with every attempt would fill the API server's storage.
        cosmetic: bool,
    },
}
