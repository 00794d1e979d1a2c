//! `/metrics/resource`: the names and labels of KEP-727, which the metrics-server and autoscalers go by.

use jiff::Timestamp;
use vk_core::Result;
use vk_provider::MemoryStats;

use super::view::{ContainerView, Cpu, PodView, Snapshot};
use crate::exposition::{ExpositionFormat, Family, Kind, Writer};

const NODE_CPU: Family = Family {
    name: "node_cpu_usage_seconds_total",
    help: "Processor time that the node has used, in seconds of one core",
    kind: Kind::Counter,
};
const NODE_MEMORY: Family = Family {
    name: "node_memory_working_set_bytes",
    help: "Memory of the node in use that cannot be taken away under pressure",
    kind: Kind::Gauge,
};
const CONTAINER_START: Family = Family {
    name: "container_start_time_seconds",
    help: "When the container started, in seconds since 1970",
    kind: Kind::Gauge,
};
const CONTAINER_CPU: Family = Family {
    name: "container_cpu_usage_seconds_total",
    help: "Processor time that the container has used, in seconds of one core",
    kind: Kind::Counter,
};
const CONTAINER_MEMORY: Family = Family {
    name: "container_memory_working_set_bytes",
    help: "Memory of the container in use that cannot be taken away under pressure",
    kind: Kind::Gauge,
};
const POD_CPU: Family = Family {
    name: "pod_cpu_usage_seconds_total",
    help: "Processor time that the pod has used, in seconds of one core",
    kind: Kind::Counter,
};
const POD_MEMORY: Family = Family {
    name: "pod_memory_working_set_bytes",
    help: "Memory of the pod in use that cannot be taken away under pressure",
    kind: Kind::Gauge,
};
const ERROR: Family = Family {
    name: "resource_scrape_error",
    help: "1 if the back end could not be asked what its pods use, else 0",
    kind: Kind::Gauge,
};

/// The document. As a kubelet has it, a back end that cannot be asked is a metric and no failure.
pub(crate) fn document(asked: &Result<impl AsRef<Snapshot>>, format: ExpositionFormat) -> String {
    let mut writer = Writer::new(format);
    if let Ok(snapshot) = asked {
        write(snapshot.as_ref(), &mut writer);
    }
    writer.family(ERROR, [(Vec::new(), f64::from(u8::from(asked.is_err())), None)]);
    writer.finish()
}

fn write(snapshot: &Snapshot, writer: &mut Writer) {
    let Snapshot { node, pods } = snapshot;
    let containers = || pods.iter().flat_map(|pod| pod.containers.iter().map(move |container| (pod, container)));
    writer.family(NODE_CPU, cpu(Vec::new(), node.cpu));
    writer.family(NODE_MEMORY, memory(Vec::new(), node.memory.as_ref()));
    let started = containers()
        .filter_map(|(pod, one)| Some((of_container(pod, one), one.start_time?.as_duration().as_secs_f64(), None)));
    writer.family(CONTAINER_START, started);
    writer.family(CONTAINER_CPU, containers().filter_map(|(pod, one)| cpu(of_container(pod, one), one.cpu)));
    let of_containers = containers().filter_map(|(pod, one)| memory(of_container(pod, one), one.memory.as_ref()));
    writer.family(CONTAINER_MEMORY, of_containers);
    writer.family(POD_CPU, pods.iter().filter_map(|pod| cpu(of_pod(pod), pod.cpu)));
    writer.family(POD_MEMORY, pods.iter().filter_map(|pod| memory(of_pod(pod), pod.memory.as_ref())));
}

type Labels<'a> = Vec<(&'static str, &'a str)>;
/// Labels, value, and when it was taken.
type Sample<'a> = (Labels<'a>, f64, Option<Timestamp>);

fn cpu(labels: Labels<'_>, cpu: Option<Cpu>) -> Option<Sample<'_>> {
    cpu.map(|cpu| (labels, cpu.seconds(), Some(cpu.time)))
}

fn memory<'a>(labels: Labels<'a>, memory: Option<&MemoryStats>) -> Option<Sample<'a>> {
    let memory = memory?;
    Some((labels, bytes(memory.working_set_bytes?), Some(memory.time)))
}

fn of_pod(pod: &PodView) -> Labels<'_> {
    vec![("namespace", &pod.key.namespace), ("pod", &pod.key.name)]
}

fn of_container<'a>(pod: &'a PodView, container: &'a ContainerView) -> Labels<'a> {
    vec![("container", &container.name), ("namespace", &pod.key.namespace), ("pod", &pod.key.name)]
}

/// Bytes as a sample's value.
pub(super) fn bytes(count: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact up to 9 PB")]
    let bytes = count as f64;
    bytes
}
