//! What a runtime tells of the use of its containers.

use vk_provider::{CpuStats, FilesystemStats, MemoryStats, NetworkStats};

use super::identity::{ContainerId, PodIdentity};

/// What the running containers of one pod use.
#[derive(Debug, Clone, PartialEq)]
pub struct RuntimePodStats {
    /// The pod, as its objects say.
    pub pod: PodIdentity,
    /// What went over the network of its sandbox; `None` with the host's network.
    pub network: Option<NetworkStats>,
    /// The containers that run.
    pub containers: Vec<RuntimeContainerStats>,
}

/// What one running container uses.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RuntimeContainerStats {
    /// Its id, without scheme.
    pub id: ContainerId,
    /// Its name in the pod's spec.
    pub name: String,
    /// Processor.
    pub cpu: Option<CpuStats>,
    /// Memory.
    pub memory: Option<MemoryStats>,
    /// Its writable layer.
    pub root_filesystem: Option<FilesystemStats>,
}

impl RuntimeContainerStats {
    /// A container without figures.
    pub fn new(id: ContainerId, name: impl Into<String>) -> Self {
        Self { id, name: name.into(), cpu: None, memory: None, root_filesystem: None }
    }
}
