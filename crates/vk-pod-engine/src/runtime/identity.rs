//! What every object in a runtime says about whose it is.

use std::fmt;

use serde::{Deserialize, Serialize};
use vk_core::{ContainerKind, PodUid};

vk_core::string_identity! {
    /// A runtime's id of a container, without scheme.
    ContainerId
}

vk_core::string_identity! {
    /// A runtime's id of a sandbox.
    SandboxId
}

/// The pod that an object belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PodIdentity {
    /// `metadata.uid`.
    pub uid: PodUid,
    /// `metadata.namespace`, for people.
    pub namespace: String,
    /// `metadata.name`, for people.
    pub name: String,
}

impl fmt::Display for PodIdentity {
    /// As the kubelet writes it in messages: `name_namespace(uid)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}({})", self.name, self.namespace, self.uid)
    }
}

/// The run of a container that an object is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContainerIdentity {
    /// Whose container.
    pub pod: PodIdentity,
    /// Its name in the pod's spec.
    pub name: String,
    /// The part it plays.
    pub kind: ContainerKind,
    /// Counts the runs of this container from 0: the restart count.
    pub attempt: u32,
    /// The attempt of the sandbox it runs in.
    pub sandbox_attempt: u32,
    /// Differs when the container has to be replaced.
    pub spec_hash: String,
}
