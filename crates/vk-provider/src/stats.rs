//! What pods use: processor, memory, network, disk.
//!
//! The structure and the units are those of the kubelet's Summary API
//! (<https://kubernetes.io/docs/reference/instrumentation/node-metrics/>), because `kubectl top`, autoscalers and dashboards
//! are served from it. Whatever a back end cannot tell stays `None`; it is then left out, never shown as zero.

use futures::future::BoxFuture;
use jiff::Timestamp;
use vk_core::{PodKey, PodUid, Result};

/// Tells what pods use.
pub trait Stats: Send + Sync {
    /// The newest figures of every pod that runs.
    ///
    /// The caller asks once at a time, and not again before an answer is a few seconds old, however many clients there are.
    /// How many requests one answer takes is for the provider to bound.
    ///
    /// # Errors
    /// [`vk_core::ErrorKind::Unavailable`] if the back end does not answer. A pod whose figures are missing is left out of
    /// the reply and is no error.
    fn stats(&self, request: StatsRequest) -> BoxFuture<'_, Result<StatsReply>>;
}

/// Which figures are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct StatsRequest {
    /// Processor and memory are enough. Further figures are welcome if they cost nothing.
    pub only_cpu_and_memory: bool,
}

impl StatsRequest {
    /// Everything that the back end can tell.
    pub fn everything() -> Self {
        Self::default()
    }

    /// Processor and memory.
    pub fn cpu_and_memory() -> Self {
        Self { only_cpu_and_memory: true }
    }
}

/// The figures of a node and its pods.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct StatsReply {
    /// The node's own. `None` if the back end has no figures for what the Node's capacity stands for: the sum of the pods is
    /// shown then.
    pub node: Option<NodeStats>,
    /// Those of the pods that run, in any order.
    pub pods: Vec<PodStats>,
}

impl StatsReply {
    /// The figures of these pods; the node's are their sum.
    pub fn of_pods(pods: Vec<PodStats>) -> Self {
        Self { node: None, pods }
    }
}

/// What a node uses.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct NodeStats {
    /// When the counters began.
    pub start_time: Option<Timestamp>,
    /// Processor.
    pub cpu: Option<CpuStats>,
    /// Memory.
    pub memory: Option<MemoryStats>,
    /// Network.
    pub network: Option<NetworkStats>,
    /// The file system of the pods.
    pub filesystem: Option<FilesystemStats>,
}

/// What a pod uses.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PodStats {
    /// Which pod.
    pub uid: PodUid,
    /// Its name, which is what clients know it by.
    pub key: PodKey,
    /// When it began to run; the earliest start of a container if `None`.
    pub start_time: Option<Timestamp>,
    /// Processor; the sum of the containers if `None`.
    pub cpu: Option<CpuStats>,
    /// Memory; the sum of the containers if `None`.
    pub memory: Option<MemoryStats>,
    /// Network, which the containers share.
    pub network: Option<NetworkStats>,
    /// Disk space that counts as ephemeral storage.
    pub ephemeral_storage: Option<FilesystemStats>,
    /// The containers that run.
    pub containers: Vec<ContainerStats>,
}

impl PodStats {
    /// A pod with these containers and no figures beyond theirs.
    pub fn new(uid: PodUid, key: PodKey, containers: Vec<ContainerStats>) -> Self {
        Self { uid, key, start_time: None, cpu: None, memory: None, network: None, ephemeral_storage: None, containers }
    }
}

/// What a container uses.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct ContainerStats {
    /// Name in the pod's spec.
    pub name: String,
    /// The back end's id of the run, as in the pod's status; may be empty.
    pub id: String,
    /// The image as in the pod's status; may be empty.
    pub image: String,
    /// When the run began. Counters that begin anew are told by it.
    pub start_time: Option<Timestamp>,
    /// Processor.
    pub cpu: Option<CpuStats>,
    /// Memory.
    pub memory: Option<MemoryStats>,
    /// The container's writable layer.
    pub root_filesystem: Option<FilesystemStats>,
    /// Its logs.
    pub logs: Option<FilesystemStats>,
}

impl ContainerStats {
    /// A container without figures.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// Use of the processor. One of the two figures is enough: the other one is computed from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CpuStats {
    /// When this was so.
    pub time: Timestamp,
    /// Billionths of a processor, over a short time up to now.
    pub usage_nano_cores: Option<u64>,
    /// Nanoseconds of processor time since the start.
    pub usage_core_nano_seconds: Option<u64>,
}

impl CpuStats {
    /// So many nanoseconds of processor time since the start.
    pub fn cumulative(time: Timestamp, core_nano_seconds: u64) -> Self {
        Self { time, usage_nano_cores: None, usage_core_nano_seconds: Some(core_nano_seconds) }
    }

    /// So many billionths of a processor lately.
    pub fn rate(time: Timestamp, nano_cores: u64) -> Self {
        Self { time, usage_nano_cores: Some(nano_cores), usage_core_nano_seconds: None }
    }
}

/// Use of memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryStats {
    /// When this was so.
    pub time: Timestamp,
    /// What is left up to the limit; `None` without a limit.
    pub available_bytes: Option<u64>,
    /// All that is in use, caches included.
    pub usage_bytes: Option<u64>,
    /// What is in use and cannot be taken away under pressure: the figure that people see, and that evictions and
    /// autoscalers go by.
    pub working_set_bytes: Option<u64>,
    /// Anonymous memory and swap cache.
    pub rss_bytes: Option<u64>,
    /// Page faults since the start.
    pub page_faults: Option<u64>,
    /// Those that had to read from disk.
    pub major_page_faults: Option<u64>,
}

impl MemoryStats {
    /// A working set, and nothing else known.
    pub fn working_set(time: Timestamp, bytes: u64) -> Self {
        Self {
            time,
            available_bytes: None,
            usage_bytes: None,
            working_set_bytes: Some(bytes),
            rss_bytes: None,
            page_faults: None,
            major_page_faults: None,
        }
    }
}

/// What went over the network, by interface.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetworkStats {
    /// When this was so.
    pub time: Timestamp,
    /// The interfaces, the default one first.
    pub interfaces: Vec<InterfaceStats>,
}

impl NetworkStats {
    /// These interfaces, the default one first.
    pub fn new(time: Timestamp, interfaces: Vec<InterfaceStats>) -> Self {
        Self { time, interfaces }
    }
}

/// What went through one interface since the start.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InterfaceStats {
    /// As in `eth0`.
    pub name: String,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Errors while receiving.
    pub rx_errors: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Errors while sending.
    pub tx_errors: u64,
}

impl InterfaceStats {
    /// So many bytes received and sent, without errors.
    pub fn new(name: impl Into<String>, rx_bytes: u64, tx_bytes: u64) -> Self {
        Self { name: name.into(), rx_bytes, rx_errors: 0, tx_bytes, tx_errors: 0 }
    }

    /// The same, with errors.
    #[must_use]
    pub fn with_errors(mut self, rx_errors: u64, tx_errors: u64) -> Self {
        self.rx_errors = rx_errors;
        self.tx_errors = tx_errors;
        self
    }
}

/// Use of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilesystemStats {
    /// When this was so.
    pub time: Timestamp,
    /// Bytes that can still be written.
    pub available_bytes: Option<u64>,
    /// Bytes that it holds at most.
    pub capacity_bytes: Option<u64>,
    /// Bytes that whoever this is about has written.
    pub used_bytes: Option<u64>,
    /// Files that can still be made.
    pub inodes_free: Option<u64>,
    /// Files that it holds at most.
    pub inodes: Option<u64>,
    /// Files that whoever this is about has made.
    pub inodes_used: Option<u64>,
}

impl FilesystemStats {
    /// So many bytes written, and nothing else known.
    pub fn used(time: Timestamp, bytes: u64) -> Self {
        Self {
            time,
            available_bytes: None,
            capacity_bytes: None,
            used_bytes: Some(bytes),
            inodes_free: None,
            inodes: None,
            inodes_used: None,
        }
    }
}
