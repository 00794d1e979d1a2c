//! What pods use: the runtime's figures, with what the engine knows of the containers.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::mpsc;
use vk_core::{ContainerObservation, ContainerState, PodKey, PodObservation, PodUid, Result};
use vk_provider::{ContainerStats, PodStats, Stats, StatsReply, StatsRequest};

use super::ask;
use super::command::Command;
use crate::runtime::{ContainerRuntime, RuntimeContainerStats, RuntimePodStats};

/// The engine's interface for statistics.
pub(super) struct EngineStats<R> {
    runtime: Arc<R>,
    commands: mpsc::Sender<Command>,
}

impl<R: ContainerRuntime> EngineStats<R> {
    pub(super) fn new(runtime: Arc<R>, commands: mpsc::Sender<Command>) -> Self {
        Self { runtime, commands }
    }

    async fn collect(&self, request: StatsRequest) -> Result<StatsReply> {
        let measured = self.runtime.stats(request).await?;
        let observed = ask(&self.commands, |reply| Command::RecallAll { reply }).await?;
        let observed: BTreeMap<PodUid, PodObservation> =
            observed.into_iter().map(|observation| (observation.uid.clone(), observation)).collect();
        let pods = measured.into_iter().map(|pod| {
            let observation = observed.get(&pod.pod.uid);
            pod_stats(pod, observation)
        });
        Ok(StatsReply::of_pods(pods.collect()))
    }
}

impl<R: ContainerRuntime> Stats for EngineStats<R> {
    fn stats(&self, request: StatsRequest) -> BoxFuture<'_, Result<StatsReply>> {
        self.collect(request).boxed()
    }
}

fn pod_stats(measured: RuntimePodStats, observation: Option<&PodObservation>) -> PodStats {
    let RuntimePodStats { pod, network, containers } = measured;
    let containers = containers.into_iter().map(|container| {
        let mut observed = observation.into_iter().flat_map(|observation| &observation.containers);
        let known = observed.find(|observed| is_run(observed, &container));
        container_stats(container, known)
    });
    let key = PodKey::new(pod.namespace, pod.name);
    let mut stats = PodStats::new(pod.uid, key, containers.collect());
    stats.network = network;
    stats
}

/// Whether an observed container is the very run that was measured.
fn is_run(observed: &ContainerObservation, measured: &RuntimeContainerStats) -> bool {
    let id = observed.container_id.split_once("://").map_or(observed.container_id.as_str(), |(_, id)| id);
    id == measured.id.as_str()
}

fn container_stats(measured: RuntimeContainerStats, observed: Option<&ContainerObservation>) -> ContainerStats {
    let mut stats = ContainerStats::new(measured.name);
    stats.cpu = measured.cpu;
    stats.memory = measured.memory;
    stats.root_filesystem = measured.root_filesystem;
    if let Some(observed) = observed {
        stats.id.clone_from(&observed.container_id);
        stats.image.clone_from(&observed.image);
        if let ContainerState::Running { started_at } = &observed.state {
            stats.start_time = *started_at;
        }
    }
    stats
}
