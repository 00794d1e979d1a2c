//! The Summary API, `stats/v1alpha1`, in JSON as a kubelet writes it
//! (<https://pkg.go.dev/k8s.io/kubelet/pkg/apis/stats/v1alpha1>). What is not known is left out.

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use vk_provider::{FilesystemStats, InterfaceStats, MemoryStats, NetworkStats};

use super::view::{ContainerView, Cpu, PodView, Snapshot};

/// How much of it is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    Everything,
    OnlyCpuAndMemory,
}

/// The document for a node of this name.
pub(crate) fn document(node_name: &str, snapshot: &Snapshot, detail: Detail) -> serde_json::Result<Vec<u8>> {
    let node = &snapshot.node;
    let full = detail == Detail::Everything;
    let summary = Summary {
        node: Node {
            node_name,
            start_time: Time(node.start_time),
            cpu: node.cpu.as_ref().map(cpu),
            memory: node.memory.as_ref().map(memory),
            network: node.network.as_ref().filter(|_| full).map(network),
            fs: node.filesystem.as_ref().filter(|_| full).map(filesystem),
        },
        pods: snapshot.pods.iter().map(|view| pod(view, full)).collect(),
    };
    serde_json::to_vec(&summary)
}

#[derive(Serialize)]
struct Summary<'a> {
    node: Node<'a>,
    pods: Vec<Pod<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Node<'a> {
    node_name: &'a str,
    start_time: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<CpuUsage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<MemoryUsage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<NetworkUsage<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fs: Option<FilesystemUsage>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pod<'a> {
    pod_ref: PodReference<'a>,
    start_time: Time,
    containers: Vec<Container<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<CpuUsage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<MemoryUsage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<NetworkUsage<'a>>,
    #[serde(rename = "ephemeral-storage", skip_serializing_if = "Option::is_none")]
    ephemeral_storage: Option<FilesystemUsage>,
}

#[derive(Serialize)]
struct PodReference<'a> {
    name: &'a str,
    namespace: &'a str,
    uid: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Container<'a> {
    name: &'a str,
    start_time: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<CpuUsage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<MemoryUsage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rootfs: Option<FilesystemUsage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logs: Option<FilesystemUsage>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CpuUsage {
    time: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_nano_cores: Option<u64>,
    usage_core_nano_seconds: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MemoryUsage {
    time: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    available_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_set_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rss_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page_faults: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    major_page_faults: Option<u64>,
}

/// The default interface's figures stand beside the list of all.
#[derive(Serialize)]
struct NetworkUsage<'a> {
    time: Time,
    #[serde(flatten)]
    default: Option<InterfaceUsage<'a>>,
    interfaces: Vec<InterfaceUsage<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InterfaceUsage<'a> {
    name: &'a str,
    rx_bytes: u64,
    rx_errors: u64,
    tx_bytes: u64,
    tx_errors: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FilesystemUsage {
    time: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    available_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    used_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inodes_free: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inodes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inodes_used: Option<u64>,
}

/// A `metav1.Time`: whole seconds, or null.
struct Time(Option<Timestamp>);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.and_then(|time| Timestamp::from_second(time.as_second()).ok()) {
            Some(time) => serializer.collect_str(&time),
            None => serializer.serialize_none(),
        }
    }
}

fn pod(view: &PodView, full: bool) -> Pod<'_> {
    Pod {
        pod_ref: PodReference { name: &view.key.name, namespace: &view.key.namespace, uid: view.uid.as_str() },
        start_time: Time(view.start_time),
        containers: view.containers.iter().map(|view| container(view, full)).collect(),
        cpu: view.cpu.as_ref().map(cpu),
        memory: view.memory.as_ref().map(memory),
        network: view.network.as_ref().filter(|_| full).map(network),
        ephemeral_storage: view.ephemeral_storage.as_ref().filter(|_| full).map(filesystem),
    }
}

fn container(view: &ContainerView, full: bool) -> Container<'_> {
    Container {
        name: &view.name,
        start_time: Time(view.start_time),
        cpu: view.cpu.as_ref().map(cpu),
        memory: view.memory.as_ref().map(memory),
        rootfs: view.root_filesystem.as_ref().filter(|_| full).map(filesystem),
        logs: view.logs.as_ref().filter(|_| full).map(filesystem),
    }
}

fn cpu(cpu: &Cpu) -> CpuUsage {
    let Cpu { time, core_nano_seconds, nano_cores } = *cpu;
    CpuUsage { time: Time(Some(time)), usage_nano_cores: nano_cores, usage_core_nano_seconds: core_nano_seconds }
}

fn memory(stats: &MemoryStats) -> MemoryUsage {
    MemoryUsage {
        time: Time(Some(stats.time)),
        available_bytes: stats.available_bytes,
        usage_bytes: stats.usage_bytes,
        working_set_bytes: stats.working_set_bytes,
        rss_bytes: stats.rss_bytes,
        page_faults: stats.page_faults,
        major_page_faults: stats.major_page_faults,
    }
}

fn network(stats: &NetworkStats) -> NetworkUsage<'_> {
    NetworkUsage {
        time: Time(Some(stats.time)),
        default: stats.interfaces.first().map(interface),
        interfaces: stats.interfaces.iter().map(interface).collect(),
    }
}

fn interface(stats: &InterfaceStats) -> InterfaceUsage<'_> {
    InterfaceUsage {
        name: &stats.name,
        rx_bytes: stats.rx_bytes,
        rx_errors: stats.rx_errors,
        tx_bytes: stats.tx_bytes,
        tx_errors: stats.tx_errors,
    }
}

fn filesystem(stats: &FilesystemStats) -> FilesystemUsage {
    FilesystemUsage {
        time: Time(Some(stats.time)),
        available_bytes: stats.available_bytes,
        capacity_bytes: stats.capacity_bytes,
        used_bytes: stats.used_bytes,
        inodes_free: stats.inodes_free,
        inodes: stats.inodes,
        inodes_used: stats.inodes_used,
    }
}
