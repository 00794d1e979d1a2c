//! Figures, completed: what clients are shown.

use jiff::Timestamp;
use vk_core::{PodKey, PodUid};
use vk_provider::{FilesystemStats, MemoryStats, NetworkStats};

/// The figures of a node and its pods at one time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Snapshot {
    pub(crate) node: NodeView,
    pub(crate) pods: Vec<PodView>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NodeView {
    pub(crate) start_time: Option<Timestamp>,
    pub(crate) cpu: Option<Cpu>,
    pub(crate) memory: Option<MemoryStats>,
    pub(crate) network: Option<NetworkStats>,
    pub(crate) filesystem: Option<FilesystemStats>,
}

impl NodeView {
    /// Nothing is known.
    pub(crate) fn unknown() -> Self {
        Self { start_time: None, cpu: None, memory: None, network: None, filesystem: None }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PodView {
    pub(crate) uid: PodUid,
    pub(crate) key: PodKey,
    pub(crate) start_time: Option<Timestamp>,
    pub(crate) cpu: Option<Cpu>,
    pub(crate) memory: Option<MemoryStats>,
    pub(crate) network: Option<NetworkStats>,
    pub(crate) ephemeral_storage: Option<FilesystemStats>,
    pub(crate) containers: Vec<ContainerView>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ContainerView {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) image: String,
    pub(crate) start_time: Option<Timestamp>,
    pub(crate) cpu: Option<Cpu>,
    pub(crate) memory: Option<MemoryStats>,
    pub(crate) root_filesystem: Option<FilesystemStats>,
    pub(crate) logs: Option<FilesystemStats>,
}

/// Use of the processor, with a counter that never goes back while what it counts for lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cpu {
    pub(crate) time: Timestamp,
    pub(crate) core_nano_seconds: u64,
    /// `None` before the second measurement.
    pub(crate) nano_cores: Option<u64>,
}

impl Cpu {
    /// Seconds of processor time.
    pub(crate) fn seconds(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a microsecond in three months")]
        let seconds = self.core_nano_seconds as f64 / 1e9;
        seconds
    }
}
