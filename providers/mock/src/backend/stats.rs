//! What a mock pod uses: as much as its script says, steadily.

use jiff::Timestamp;
use vk_provider::{ContainerStats, CpuStats, MemoryStats, PodStats};

use super::container::{Container, Run};
use super::pod::Pod;
use crate::script::ContainerScript;

/// Unless the script says otherwise. Not nothing: the metrics-server takes zero for a figure that is missing.
const CPU_MILLIS: u64 = 1;
const MEMORY_BYTES: u64 = 8 << 20;

const NANO_CORES_OF_MILLI: u64 = 1_000_000;

/// What a pod uses now; `None` if nothing of it runs.
pub(super) fn of(pod: &Pod, now: Timestamp) -> Option<PodStats> {
    let containers = pod.containers.iter().filter_map(|container| {
        let script = pod.script().container(&container.name);
        let mut stats = of_container(container, script, now)?;
        stats.id = container.observe(&pod.uid, "").container_id;
        Some(stats)
    });
    let containers: Vec<_> = containers.collect();
    (!containers.is_empty()).then(|| PodStats::new(pod.uid.clone(), pod.key.clone(), containers))
}

/// The script can change at any time, so only the rate is told; the core adds it up.
fn of_container(container: &Container, script: Option<&ContainerScript>, now: Timestamp) -> Option<ContainerStats> {
    let Run::Running { started_at, .. } = &container.run else { return None };
    let millis = script.and_then(|script| script.cpu_millis).unwrap_or(CPU_MILLIS);
    let bytes = script.and_then(|script| script.memory_bytes).unwrap_or(MEMORY_BYTES);
    let mut memory = MemoryStats::working_set(now, bytes);
    memory.usage_bytes = Some(bytes);
    memory.rss_bytes = Some(bytes);
    let mut stats = ContainerStats::new(container.name.as_str());
    stats.image.clone_from(&container.image);
    stats.start_time = Some(*started_at);
    stats.cpu = Some(CpuStats::rate(now, millis.saturating_mul(NANO_CORES_OF_MILLI)));
    stats.memory = Some(memory);
    Some(stats)
}
