//! What containers use, by Docker's stats API.

use std::collections::{BTreeMap, HashMap};

use bollard::Docker;
use bollard::models::{ContainerMemoryStats, ContainerNetworkStats, ContainerStatsResponse};
use bollard::query_parameters::{ListContainersOptionsBuilder, StatsOptionsBuilder};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use vk_core::{ErrorKind, PodUid, Result};
use vk_pod_engine::runtime::{ContainerId, RuntimeContainerStats, RuntimePodStats};
use vk_provider::{CpuStats, InterfaceStats, MemoryStats, NetworkStats, StatsRequest};

use crate::connection::{read_error, status_of};
use crate::labels::{Labelled, Owner};

/// Containers that are measured at the same time.
const MEASUREMENTS: usize = 8;

/// The figures of every container of this owner that runs. The network's are those of the sandbox, which the others share.
///
/// `host_memory` is what Docker gives as the limit of a container that has none.
pub(super) async fn collect(
    docker: &Docker,
    owner: &Owner,
    request: StatsRequest,
    host_memory: u64,
) -> Result<Vec<RuntimePodStats>> {
    let options = ListContainersOptionsBuilder::default().filters(&owner.filter(None)).build();
    let listed = docker.list_containers(Some(options)).await.map_err(read_error)?;
    let wanted = listed.into_iter().filter_map(|summary| {
        let labelled = owner.read(&summary.labels.unwrap_or_default())?;
        let is_sandbox = matches!(labelled, Labelled::Sandbox { .. });
        (!is_sandbox || !request.only_cpu_and_memory).then_some((summary.id?, labelled))
    });
    let measured: Vec<_> = stream::iter(wanted)
        .map(|(id, labelled)| async move {
            let response = measure(docker, &id).await?;
            Ok::<_, vk_core::Error>(response.map(|response| (id, labelled, response)))
        })
        .buffered(MEASUREMENTS)
        .try_collect()
        .await?;
    let mut pods: BTreeMap<PodUid, RuntimePodStats> = BTreeMap::new();
    for (id, labelled, response) in measured.into_iter().flatten() {
        let Some(time) = time_of(&response) else { continue };
        let identity = match &labelled {
            Labelled::Sandbox { pod, .. } => pod,
            Labelled::Container { identity, .. } => &identity.pod,
        };
        let pod = pods.entry(identity.uid.clone()).or_insert_with(|| RuntimePodStats {
            pod: identity.clone(),
            network: None,
            containers: Vec::new(),
        });
        match labelled {
            Labelled::Sandbox { .. } => pod.network = network(time, response.networks),
            Labelled::Container { identity, .. } => {
                let mut container = RuntimeContainerStats::new(ContainerId::new(id), identity.name);
                container.cpu = cpu(time, &response);
                container.memory = response.memory_stats.map(|stats| memory(time, &stats, host_memory));
                pod.containers.push(container);
            }
        }
    }
    Ok(pods.into_values().collect())
}

/// One measurement; `None` if the container has gone meanwhile, or cannot be measured.
async fn measure(docker: &Docker, id: &str) -> Result<Option<ContainerStatsResponse>> {
    // Without `one-shot` Docker waits a second for a second measurement.
    let options = StatsOptionsBuilder::default().stream(false).one_shot(true).build();
    match docker.stats(id, Some(options)).try_next().await {
        Ok(response) => Ok(response),
        Err(error) if matches!(status_of(&error), Some(404 | 409)) => Ok(None),
        Err(error) => match read_error(error) {
            error if matches!(error.kind, ErrorKind::Unavailable) => Err(error),
            error => {
                tracing::debug!(container = id, %error, "a container cannot be measured");
                Ok(None)
            }
        },
    }
}

/// When it was measured; Docker gives the year 1 for a container that does not run.
fn time_of(response: &ContainerStatsResponse) -> Option<Timestamp> {
    response.read.as_deref()?.parse().ok().filter(|time: &Timestamp| *time > Timestamp::UNIX_EPOCH)
}

fn cpu(time: Timestamp, response: &ContainerStatsResponse) -> Option<CpuStats> {
    let used = response.cpu_stats.as_ref()?.cpu_usage.as_ref()?.total_usage?;
    Some(CpuStats::cumulative(time, used))
}

/// Memory by the names of cgroup v1, or else those of v2. As the kubelet has it, the working set is all that is in use but
/// the file cache that nobody has touched for long.
fn memory(time: Timestamp, stats: &ContainerMemoryStats, host_memory: u64) -> MemoryStats {
    let detail = |v1: &str, v2: &str| {
        let details = stats.stats.as_ref()?;
        details.get(v1).or_else(|| details.get(v2)).copied()
    };
    let inactive = detail("total_inactive_file", "inactive_file").unwrap_or(0);
    let working_set = stats.usage.map(|usage| usage.saturating_sub(inactive));
    let limit = stats.limit.filter(|limit| *limit < host_memory);
    let mut memory = MemoryStats::working_set(time, 0);
    memory.working_set_bytes = working_set;
    memory.usage_bytes = stats.usage;
    memory.available_bytes = limit.zip(working_set).map(|(limit, used)| limit.saturating_sub(used));
    memory.rss_bytes = detail("total_rss", "anon");
    memory.page_faults = detail("total_pgfault", "pgfault");
    memory.major_page_faults = detail("total_pgmajfault", "pgmajfault");
    memory
}

/// Interfaces by name, which puts `eth0` first; none with the host's network.
fn network(time: Timestamp, networks: Option<HashMap<String, ContainerNetworkStats>>) -> Option<NetworkStats> {
    let networks: BTreeMap<_, _> = networks?.into_iter().collect();
    let interfaces = networks.into_iter().map(|(name, stats)| {
        InterfaceStats::new(name, stats.rx_bytes.unwrap_or(0), stats.tx_bytes.unwrap_or(0))
            .with_errors(stats.rx_errors.unwrap_or(0), stats.tx_errors.unwrap_or(0))
    });
    let interfaces: Vec<_> = interfaces.collect();
    (!interfaces.is_empty()).then(|| NetworkStats::new(time, interfaces))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HOST_MEMORY: u64 = 8 << 30;

    fn memory_of(stats: serde_json::Value) -> MemoryStats {
        memory(Timestamp::UNIX_EPOCH, &serde_json::from_value(stats).unwrap(), HOST_MEMORY)
    }

    #[test]
    fn memory_is_read_from_both_kinds_of_cgroups() {
        let first = memory_of(json!({
            "usage": 1000, "limit": HOST_MEMORY,
            "stats": { "total_inactive_file": 300, "inactive_file": 1, "total_rss": 500, "rss": 2, "total_pgmajfault": 7 },
        }));
        let second = memory_of(json!({
            "usage": 1000, "limit": 5000,
            "stats": { "inactive_file": 300, "anon": 500, "pgmajfault": 7, "pgfault": 9 },
        }));
        for memory in [first, second] {
            assert_eq!((memory.usage_bytes, memory.working_set_bytes), (Some(1000), Some(700)));
            assert_eq!((memory.rss_bytes, memory.major_page_faults), (Some(500), Some(7)));
        }
        // What Docker gives as the limit of a container without one is no limit.
        assert_eq!((first.available_bytes, second.available_bytes), (None, Some(4300)));
    }

    #[test]
    fn what_is_not_told_is_not_zero() {
        let memory = memory_of(json!({}));
        assert_eq!((memory.usage_bytes, memory.working_set_bytes, memory.available_bytes), (None, None, None));
        let response: ContainerStatsResponse =
            serde_json::from_value(json!({ "read": "0001-01-01T00:00:00Z", "cpu_stats": {} })).unwrap();
        assert_eq!((time_of(&response), cpu(Timestamp::UNIX_EPOCH, &response)), (None, None));
        assert_eq!(network(Timestamp::UNIX_EPOCH, Some(HashMap::new())), None);
    }

    #[test]
    fn interfaces_come_in_their_order_with_their_errors() {
        let networks = json!({
            "eth1": { "rx_bytes": 1, "tx_bytes": 2 },
            "eth0": { "rx_bytes": 3, "rx_errors": 4, "tx_bytes": 5, "tx_errors": 6 },
        });
        let found = network(Timestamp::UNIX_EPOCH, serde_json::from_value(networks).unwrap()).unwrap();
        let expected = [InterfaceStats::new("eth0", 3, 5).with_errors(4, 6), InterfaceStats::new("eth1", 1, 2)];
        assert_eq!(found.interfaces, expected);
    }
}
