//! `/metrics/cadvisor`: those of cAdvisor's families that dashboards of Kubernetes use, as far as they are known.

use jiff::Timestamp;
use vk_provider::{FilesystemStats, InterfaceStats, MemoryStats};

use super::resource_metrics::bytes;
use super::view::{ContainerView, PodView, Snapshot};
use crate::exposition::{ExpositionFormat, Family, Kind, Writer};

const CPU: Family = Family {
    name: "container_cpu_usage_seconds_total",
    help: "Processor time that was used, in seconds of one core",
    kind: Kind::Counter,
};
const START: Family =
    Family { name: "container_start_time_seconds", help: "When it started, in seconds since 1970", kind: Kind::Gauge };

type OfMemory = (Family, fn(&MemoryStats) -> Option<u64>);
type OfInterface = (Family, fn(&InterfaceStats) -> u64);
type Labels<'a> = Vec<(&'static str, &'a str)>;

const MEMORY: [OfMemory; 3] = [
    (
        Family { name: "container_memory_usage_bytes", help: "Memory in use, caches included", kind: Kind::Gauge },
        |memory| memory.usage_bytes,
    ),
    (
        Family {
            name: "container_memory_working_set_bytes",
            help: "Memory in use that cannot be taken away under pressure",
            kind: Kind::Gauge,
        },
        |memory| memory.working_set_bytes,
    ),
    (
        Family { name: "container_memory_rss", help: "Anonymous memory and swap cache, in bytes", kind: Kind::Gauge },
        |memory| memory.rss_bytes,
    ),
];

const FILES: Family =
    Family { name: "container_fs_usage_bytes", help: "Bytes written to the writable layer", kind: Kind::Gauge };

const NETWORK: [OfInterface; 4] = [
    (
        Family { name: "container_network_receive_bytes_total", help: "Bytes received", kind: Kind::Counter },
        |interface| interface.rx_bytes,
    ),
    (
        Family { name: "container_network_receive_errors_total", help: "Errors while receiving", kind: Kind::Counter },
        |interface| interface.rx_errors,
    ),
    (Family { name: "container_network_transmit_bytes_total", help: "Bytes sent", kind: Kind::Counter }, |interface| {
        interface.tx_bytes
    }),
    (
        Family { name: "container_network_transmit_errors_total", help: "Errors while sending", kind: Kind::Counter },
        |interface| interface.tx_errors,
    ),
];

/// The document. Sums of pods carry empty `container` and `image` labels, as those of a pod's cgroup do; what the node uses
/// carries `id="/"`.
pub(crate) fn document(snapshot: &Snapshot, format: ExpositionFormat) -> String {
    let mut writer = Writer::new(format);
    let subjects = subjects(snapshot);
    writer.family(
        CPU,
        subjects.iter().filter_map(|subject| {
            let (seconds, time) = subject.cpu?;
            let mut labels = subject.labels.clone();
            labels.insert(1, ("cpu", "total"));
            Some((labels, seconds, Some(time)))
        }),
    );
    for (family, figure) in MEMORY {
        writer.family(
            family,
            subjects.iter().filter_map(|subject| {
                let memory = subject.memory?;
                Some((subject.labels.clone(), bytes(figure(memory)?), Some(memory.time)))
            }),
        );
    }
    writer.family(
        FILES,
        subjects.iter().filter_map(|subject| {
            let files = subject.files?;
            Some((subject.labels.clone(), bytes(files.used_bytes?), Some(files.time)))
        }),
    );
    writer.family(
        START,
        subjects
            .iter()
            .filter_map(|subject| Some((subject.labels.clone(), subject.started?.as_duration().as_secs_f64(), None))),
    );
    for (family, figure) in NETWORK {
        let interfaces = snapshot.pods.iter().flat_map(|pod| {
            let network = pod.network.iter();
            network.flat_map(move |network| {
                network.interfaces.iter().map(move |interface| {
                    let mut labels = of_pod(pod);
                    labels.insert(3, ("interface", &interface.name));
                    (labels, bytes(figure(interface)), Some(network.time))
                })
            })
        });
        writer.family(family, interfaces);
    }
    writer.finish()
}

/// The node, a pod or a container.
struct Subject<'a> {
    labels: Labels<'a>,
    started: Option<Timestamp>,
    cpu: Option<(f64, Timestamp)>,
    memory: Option<&'a MemoryStats>,
    files: Option<&'a FilesystemStats>,
}

fn subjects(snapshot: &Snapshot) -> Vec<Subject<'_>> {
    let node = &snapshot.node;
    let mut subjects = vec![Subject {
        labels: labels("", "/", "", "", "", ""),
        started: node.start_time,
        cpu: node.cpu.map(|cpu| (cpu.seconds(), cpu.time)),
        memory: node.memory.as_ref(),
        files: None,
    }];
    for pod in &snapshot.pods {
        subjects.push(Subject {
            labels: of_pod(pod),
            started: pod.start_time,
            cpu: pod.cpu.map(|cpu| (cpu.seconds(), cpu.time)),
            memory: pod.memory.as_ref(),
            files: None,
        });
        subjects.extend(pod.containers.iter().map(|container| of_container(pod, container)));
    }
    subjects
}

fn of_container<'a>(pod: &'a PodView, container: &'a ContainerView) -> Subject<'a> {
    let ContainerView { name, id, image, .. } = container;
    Subject {
        labels: labels(name, id, image, name, &pod.key.namespace, &pod.key.name),
        started: container.start_time,
        cpu: container.cpu.map(|cpu| (cpu.seconds(), cpu.time)),
        memory: container.memory.as_ref(),
        files: container.root_filesystem.as_ref(),
    }
}

fn of_pod(pod: &PodView) -> Labels<'_> {
    labels("", pod.uid.as_str(), "", "", &pod.key.namespace, &pod.key.name)
}

/// The labels that cAdvisor puts on everything, by name.
fn labels<'a>(
    container: &'a str,
    id: &'a str,
    image: &'a str,
    name: &'a str,
    namespace: &'a str,
    pod: &'a str,
) -> Labels<'a> {
    vec![("container", container), ("id", id), ("image", image), ("name", name), ("namespace", namespace), ("pod", pod)]
}
