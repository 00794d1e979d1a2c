//! What a runtime lists.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vk_core::{ContainerKind, Terminated};

use super::identity::{ContainerId, PodIdentity, SandboxId};

/// Everything that a runtime holds of one pod.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RuntimePod {
    /// The pod, as its objects say.
    pub pod: PodIdentity,
    /// Its sandboxes, in any order.
    pub sandboxes: Vec<RuntimeSandbox>,
    /// Its containers, in any order: every run that is left.
    pub containers: Vec<RuntimeContainer>,
}

impl RuntimePod {
    /// Nothing of this pod.
    pub fn empty(pod: PodIdentity) -> Self {
        Self { pod, sandboxes: Vec::new(), containers: Vec::new() }
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.sandboxes.is_empty() && self.containers.is_empty()
    }
}

/// A sandbox as the runtime has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RuntimeSandbox {
    /// Its id.
    pub id: SandboxId,
    /// Counts the sandboxes of this pod from 0.
    pub attempt: u32,
    /// Whether containers can be started in it.
    pub running: bool,
    /// The pod's addresses in it; none with the host's network.
    pub ips: Vec<IpAddr>,
}

/// One run of a container as the runtime has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RuntimeContainer {
    /// Its id, without scheme.
    pub id: ContainerId,
    /// Its name in the pod's spec.
    pub name: String,
    /// The part it plays.
    pub kind: ContainerKind,
    /// As in [`super::ContainerIdentity::attempt`].
    pub attempt: u32,
    /// As in [`super::ContainerIdentity::sandbox_attempt`].
    pub sandbox_attempt: u32,
    /// As in [`super::ContainerIdentity::spec_hash`].
    pub spec_hash: String,
    /// The image as the pod named it.
    pub image: String,
    /// `scheme://digest` or `scheme://id` of the image.
    pub image_id: String,
    /// Where the run stands.
    pub state: RunState,
    /// As in [`super::ContainerSpec::message_from_log`].
    pub message_from_log: bool,
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RunState {
    /// Created, not started yet.
    Created,
    /// It runs.
    Running {
        /// Since when.
        started_at: Option<Timestamp>,
    },
    /// It ran, or failed to start.
    Exited(Terminated),
}
