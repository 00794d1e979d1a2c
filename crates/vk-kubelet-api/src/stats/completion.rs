//! Computes what a provider does not tell from what it tells, and from what it told before.
//!
//! Back ends know either how much processor time a container has used, or how much of a processor it uses now; clients want
//! both. Sums over containers are counters too, and must not go back when a container ends: they are added up piece by piece.

use std::collections::BTreeMap;

use jiff::Timestamp;
use vk_core::PodUid;
use vk_provider::{ContainerStats, CpuStats, MemoryStats, NodeStats, PodStats, StatsReply};

use super::view::{ContainerView, Cpu, NodeView, PodView, Snapshot};

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// What was told before, of whatever is still there.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pods: BTreeMap<PodUid, PodMemory>,
    node: Counter,
    /// When the first answer came: the node's sum counts from then on.
    since: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct PodMemory {
    own: Counter,
    containers: BTreeMap<String, ContainerMemory>,
}

#[derive(Debug, Default)]
struct ContainerMemory {
    start_time: Option<Timestamp>,
    counter: Counter,
}

/// A counter at its newest reading.
#[derive(Debug, Clone, Copy, Default)]
struct Counter {
    newest: Option<Cpu>,
}

/// A new reading of a counter.
struct Reading {
    cpu: Cpu,
    /// By how much it has grown since the reading before.
    growth: u64,
}

impl Memory {
    /// Completes an answer that came just now. What it does not mention is forgotten.
    pub(super) fn complete(&mut self, reply: StatsReply, now: Timestamp) -> Snapshot {
        let since = *self.since.get_or_insert(now);
        let mut before = std::mem::take(&mut self.pods);
        let mut growth = 0u64;
        let mut pods = Vec::with_capacity(reply.pods.len());
        for pod in reply.pods {
            let uid = pod.uid.clone();
            let mut memory = before.remove(&uid).unwrap_or_default();
            let (view, grown) = memory.complete(pod);
            growth = growth.saturating_add(grown);
            pods.push(view);
            self.pods.insert(uid, memory);
        }
        let node = match reply.node {
            Some(node) => self.told(node),
            None => self.sum(&pods, growth, since, now),
        };
        Snapshot { node, pods }
    }

    fn told(&mut self, node: NodeStats) -> NodeView {
        let NodeStats { start_time, cpu, memory, network, filesystem, .. } = node;
        let cpu = cpu.and_then(|cpu| self.node.read(cpu, start_time)).map(|reading| reading.cpu);
        NodeView { start_time, cpu, memory, network, filesystem }
    }

    fn sum(&mut self, pods: &[PodView], growth: u64, since: Timestamp, now: Timestamp) -> NodeView {
        let mut memory = sum_of_memory(now, pods.iter().filter_map(|pod| pod.memory.as_ref()));
        if pods.is_empty() {
            memory.working_set_bytes = Some(0);
        }
        NodeView {
            start_time: Some(since),
            cpu: Some(self.node.grow(now, growth)),
            memory: Some(memory),
            ..NodeView::unknown()
        }
    }
}

impl PodMemory {
    /// The pod, and by how much its processor time has grown.
    fn complete(&mut self, pod: PodStats) -> (PodView, u64) {
        let mut before = std::mem::take(&mut self.containers);
        let mut growth = 0u64;
        let mut containers = Vec::with_capacity(pod.containers.len());
        for container in pod.containers {
            let mut memory = before.remove(&container.name).unwrap_or_default();
            let (view, grown) = memory.complete(container);
            growth = growth.saturating_add(grown);
            self.containers.insert(view.name.clone(), memory);
            containers.push(view);
        }
        let start_time = pod.start_time.or_else(|| containers.iter().filter_map(|one| one.start_time).min());
        let (cpu, growth) = match pod.cpu {
            Some(cpu) => {
                let reading = self.own.read(cpu, start_time);
                let grown = reading.as_ref().map_or(growth, |reading| reading.growth);
                (reading.map(|reading| reading.cpu), grown)
            }
            None => {
                let newest = containers.iter().filter_map(|one| one.cpu.map(|cpu| cpu.time)).max();
                (newest.map(|time| self.own.grow(time, growth)), growth)
            }
        };
        let memory = pod.memory.or_else(|| {
            let newest = containers.iter().filter_map(|one| one.memory.map(|memory| memory.time)).max()?;
            Some(sum_of_memory(newest, containers.iter().filter_map(|one| one.memory.as_ref())))
        });
        let view = PodView {
            uid: pod.uid,
            key: pod.key,
            start_time,
            cpu,
            memory,
            network: pod.network,
            ephemeral_storage: pod.ephemeral_storage,
            containers,
        };
        (view, growth)
    }
}

impl ContainerMemory {
    /// The container, and by how much its processor time has grown.
    fn complete(&mut self, container: ContainerStats) -> (ContainerView, u64) {
        let ContainerStats { name, id, image, start_time, cpu, memory, root_filesystem, logs, .. } = container;
        if self.start_time.is_some_and(|before| start_time.is_some_and(|now| now != before)) {
            // Another run, whose counter begins anew.
            *self = Self::default();
        }
        self.start_time = start_time.or(self.start_time);
        let reading = cpu.and_then(|cpu| self.counter.read(cpu, start_time));
        let growth = reading.as_ref().map_or(0, |reading| reading.growth);
        let cpu = reading.map(|reading| reading.cpu);
        (ContainerView { name, id, image, start_time, cpu, memory, root_filesystem, logs }, growth)
    }
}

impl Counter {
    /// Takes in a reading of which one half may be missing. `None` if both are.
    fn read(&mut self, told: CpuStats, start_time: Option<Timestamp>) -> Option<Reading> {
        let before = self.newest;
        let total = told.usage_core_nano_seconds.or_else(|| {
            let rate = told.usage_nano_cores?;
            // Before the first reading it is taken to have been as it is now.
            let (total, from) =
                before.map_or((0, start_time.unwrap_or(told.time)), |cpu| (cpu.core_nano_seconds, cpu.time));
            Some(total.saturating_add(over_time(rate, from, told.time)))
        })?;
        let mut cpu = Cpu { time: told.time, core_nano_seconds: total, nano_cores: told.usage_nano_cores };
        // A counter that has gone back has begun anew.
        let continued = before.filter(|before| before.core_nano_seconds <= total);
        let growth = continued.map_or(total, |before| total - before.core_nano_seconds);
        cpu.nano_cores = cpu.nano_cores.or_else(|| rate_between(continued?, cpu));
        self.newest = Some(cpu);
        Some(Reading { cpu, growth })
    }

    /// Adds to a counter of our own.
    fn grow(&mut self, time: Timestamp, growth: u64) -> Cpu {
        let total = self.newest.map_or(0, |cpu| cpu.core_nano_seconds).saturating_add(growth);
        let mut cpu = Cpu { time, core_nano_seconds: total, nano_cores: None };
        cpu.nano_cores = self.newest.and_then(|before| rate_between(before, cpu));
        self.newest = Some(cpu);
        cpu
    }
}

/// The rate between two readings of one counter; as before if no time has passed between them.
fn rate_between(before: Cpu, now: Cpu) -> Option<u64> {
    let elapsed = nanos_between(before.time, now.time);
    if elapsed == 0 {
        return before.nano_cores;
    }
    let growth = u128::from(now.core_nano_seconds.saturating_sub(before.core_nano_seconds));
    Some(u64::try_from(growth * NANOS_PER_SECOND / elapsed).unwrap_or(u64::MAX))
}

/// What a rate comes to over time.
fn over_time(nano_cores: u64, from: Timestamp, to: Timestamp) -> u64 {
    let used = u128::from(nano_cores).saturating_mul(nanos_between(from, to)) / NANOS_PER_SECOND;
    u64::try_from(used).unwrap_or(u64::MAX)
}

/// Nothing if the clock went back.
fn nanos_between(from: Timestamp, to: Timestamp) -> u128 {
    u128::try_from(to.duration_since(from).as_nanos()).unwrap_or(0)
}

/// Of each figure, the sum of those that are known.
fn sum_of_memory<'a>(time: Timestamp, parts: impl Iterator<Item = &'a MemoryStats> + Clone) -> MemoryStats {
    let sum = |figure: fn(&MemoryStats) -> Option<u64>| parts.clone().filter_map(figure).reduce(u64::saturating_add);
    let mut memory = MemoryStats::working_set(time, 0);
    memory.working_set_bytes = sum(|part| part.working_set_bytes);
    memory.usage_bytes = sum(|part| part.usage_bytes);
    memory.rss_bytes = sum(|part| part.rss_bytes);
    memory.page_faults = sum(|part| part.page_faults);
    memory.major_page_faults = sum(|part| part.major_page_faults);
    memory
}

#[cfg(test)]
mod tests;
